//! Formatting, by whatever formatter the caller has.

use super::{analysis::Analysis, rename::Edit};
use crate::source::FileId;

/// A formatter: the formatted text, or none for a text that it leaves alone.
pub type Formatter = fn(&str) -> Option<String>;

/// Why a text is not formatted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unformatted {
    /// The formatter leaves it alone.
    #[error("the file is not formatted while parts of it cannot be read")]
    Unreadable,
}

impl Analysis {
    /// The change that formats a file: what differs in the middle, between equal beginnings and ends.
    ///
    /// # Errors
    /// When the formatter leaves the text alone.
    pub fn format(&self, file: FileId, formatter: Formatter) -> Result<Option<Edit>, Unformatted> {
        let old = self.text(file);
        let new = formatter(old).ok_or(Unformatted::Unreadable)?;
        if new == old {
            return Ok(None);
        }
        let equal = |mut pairs: Box<dyn Iterator<Item = (char, char)> + '_>| {
            let mut bytes = 0;
            while let Some((a, b)) = pairs.next()
                && a == b
            {
                bytes += a.len_utf8();
            }
            bytes
        };
        let before = equal(Box::new(old.chars().zip(new.chars())));
        let (old_rest, new_rest) = (&old[before..], &new[before..]);
        let after = equal(Box::new(old_rest.chars().rev().zip(new_rest.chars().rev())));
        Ok(Some(Edit {
            range: before..old.len() - after,
            text: new_rest[..new_rest.len() - after].to_owned(),
        }))
    }
}
