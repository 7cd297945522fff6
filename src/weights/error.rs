//! Why a weight file cannot be used.

use super::pickle::Refused;
use std::io;
use thiserror::Error;

/// Why a weight file cannot be read. Messages go on from the file's name: `w.pth` ...
#[derive(Debug, Error)]
pub enum WeightFileError {
    /// It cannot be opened or read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It begins as no known format does.
    #[error("is neither a safetensors file nor one of `torch.save`")]
    Unknown,
    /// It contradicts its own format.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// It is sound as far as can be seen, and of a kind that is not read.
    #[error("{0}")]
    Unsupported(String),
    /// Its pickle asks for something that no tensor needs.
    #[error("holds more than tensors: its pickle asks for `{0}`; nothing of it was executed")]
    Unsafe(
        /// The global, as `os.system`.
        String,
    ),
    /// One of the bounds on what a header may take.
    #[error("is refused: {0}")]
    TooLarge(String),
    /// The weights are not where they were looked for.
    #[error("holds no weights {}", place(.within.as_deref()))]
    Elsewhere {
        /// Where they were looked for; none for the top.
        within: Option<String>,
        /// Entries that hold tensors, and how many.
        found: Vec<(String, usize)>,
        /// The names that stand at the top.
        top: Vec<String>,
    },
    /// A value is no finite number.
    #[error("holds {value} in `{name}`: a network with such a weight computes nothing")]
    NotFinite {
        /// The tensor.
        name: String,
        /// `NaN`, `inf` or `-inf`.
        value: String,
    },
    /// A tensor holds no floating-point numbers.
    #[error("holds {dtype} in `{name}`, where weights are floating-point numbers")]
    NotFloat {
        /// The tensor.
        name: String,
        /// What it holds.
        dtype: String,
    },
}

/// Short for an error that says what contradicts a format.
pub(super) fn damaged(what: impl Into<String>) -> WeightFileError {
    WeightFileError::Damaged(what.into())
}

fn place(within: Option<&str>) -> String {
    within.map_or_else(|| "at its top".to_owned(), |within| format!("in `{within}`"))
}

impl WeightFileError {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Unsafe(_) => Some(
                "save the weights alone, `torch.save(model.state_dict(), ...)` or `safetensors.torch.save_file(...)`, where \
                 the file was made and is trusted"
                    .to_owned(),
            ),
            Self::Elsewhere { found, .. } if !found.is_empty() => {
                let entries = found
                    .iter()
                    .map(|(name, count)| format!("`within: {name:?}` ({count} tensors)"));
                Some(format!("write {}", entries.collect::<Vec<_>>().join(" or ")))
            }
            Self::Elsewhere { top, .. } if !top.is_empty() => Some(format!("it has {}", first_names(top))),
            Self::Damaged(_) => Some("fetch it again: it may be cut short".to_owned()),
            _ => None,
        }
    }
}

impl From<Refused> for WeightFileError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Self::Damaged("its pickle ends too early".to_owned())
            }
            Refused::Io(error) => Self::Io(error),
            Refused::Global(name) => Self::Unsafe(name),
            Refused::Damaged(what) => Self::Damaged(what),
            Refused::TooLarge(what) => Self::TooLarge(what),
        }
    }
}

/// The first of some names, and how many more there are.
#[must_use]
pub fn first_names(all: &[String]) -> String {
    const SHOWN: usize = 4;
    let quoted: Vec<_> = all.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match all.len() {
        0..=SHOWN => quoted.join(", "),
        count => format!("{} and {} more", quoted.join(", "), count - SHOWN),
    }
}
