//! The registry: every code that a diagnostic may carry, with what it means and the page that explains it.
//!
//! One file per area. A code is used through its constant, so one that is not registered cannot be written; its page is
//! embedded with it, so one without a page does not compile.

/// A registered code.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// As it is printed: `mtl::types::unknown_argument`.
    pub id: &'static str,
    /// What it means and why it is a mistake, in a sentence or two.
    pub explanation: &'static str,
    /// The text of its page; [`super::pages::page`] takes it apart.
    pub page: &'static str,
}

impl Code {
    /// The pass that it belongs to: `types`.
    #[must_use]
    pub fn area(&self) -> &'static str {
        self.id.split("::").nth(1).unwrap_or_default()
    }

    /// Its name within its area: `unknown_argument`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.id.rsplit("::").next().unwrap_or_default()
    }

    /// True when `word` is the code or the end of it: `mtl::types::mismatch`, `types::mismatch` or `mismatch`.
    #[must_use]
    pub fn ends_with(&self, word: &str) -> bool {
        let head = self.id.strip_suffix(word);
        head.is_some_and(|head| !word.is_empty() && (head.is_empty() || head.ends_with("::")))
    }
}

/// Declares the codes of one area and the list `ALL` of them; the page of each is `pages/<area>/<name>.md`.
macro_rules! codes {
    ($area:literal: $($name:ident = $tail:literal, $explanation:literal;)+) => {
        use super::Code;
        $(
            #[doc = $explanation]
            pub static $name: Code = Code {
                id: concat!("mtl::", $area, "::", $tail),
                explanation: $explanation,
                page: include_str!(concat!("../pages/", $area, "/", $tail, ".md")),
            };
        )+
        /// All codes of this area.
        pub(super) static ALL: &[&Code] = &[$(&$name),+];
    };
}

pub mod data;
pub mod lint;
pub mod names;
pub mod net;
pub mod plan;
pub mod project;
pub mod syntax;
pub mod types;

/// All codes, area by area.
pub fn all() -> impl Iterator<Item = &'static Code> {
    [
        syntax::ALL,
        names::ALL,
        types::ALL,
        net::ALL,
        data::ALL,
        plan::ALL,
        lint::ALL,
        project::ALL,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// Why a word names no code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// No code ends so.
    #[error("there is no code `{word}`")]
    Unknown {
        /// The word.
        word: String,
        /// The code that was probably meant.
        near: Option<&'static Code>,
    },
    /// Several codes end so.
    #[error("several codes end in `{word}`")]
    Ambiguous {
        /// The word.
        word: String,
        /// The codes, in the order of the registry.
        codes: Vec<&'static Code>,
    },
}

/// The code that a word names: the whole of it, or an end of it that no other code has.
///
/// # Errors
/// When no code ends so, or several do.
pub fn find(word: &str) -> Result<&'static Code, FindError> {
    find_in(&all().collect::<Vec<_>>(), word)
}

fn find_in(codes: &[&'static Code], word: &str) -> Result<&'static Code, FindError> {
    let ends: Vec<_> = codes.iter().copied().filter(|code| code.ends_with(word)).collect();
    match ends[..] {
        [only] => Ok(only),
        [] => Err(FindError::Unknown {
            word: word.to_owned(),
            near: nearest_code(codes, word),
        }),
        _ => Err(FindError::Ambiguous {
            word: word.to_owned(),
            codes: ends,
        }),
    }
}

/// The code whose name is nearest to the end of a word; of equal ones, that whose whole is.
fn nearest_code(codes: &[&'static Code], word: &str) -> Option<&'static Code> {
    let by = |id: &str| codes.iter().copied().find(|code| code.id == id);
    if word.contains("::") {
        let whole = format!("mtl::{}", word.trim_start_matches("mtl::"));
        if let Some(code) = super::nearest(&whole, codes.iter().map(|code| code.id)).and_then(by) {
            return Some(code);
        }
    }
    let tail = word.rsplit("::").next().unwrap_or(word);
    let name = super::nearest(tail, codes.iter().map(|code| code.name()));
    codes
        .iter()
        .copied()
        .find(|code| Some(code.name()) == name || code.name() == tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_well_formed() {
        let mut ids: Vec<_> = all().map(|code| code.id).collect();
        for id in &ids {
            let parts: Vec<_> = id.split("::").collect();
            assert!(parts.len() == 3 && parts[0] == "mtl", "{id}");
            assert!(
                id.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == ':'),
                "{id}"
            );
        }
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
    }

    static A: Code = Code {
        id: "mtl::types::same",
        explanation: "",
        page: "",
    };
    static B: Code = Code {
        id: "mtl::plan::same",
        explanation: "",
        page: "",
    };
    static C: Code = Code {
        id: "mtl::plan::not_the_same",
        explanation: "",
        page: "",
    };

    #[test]
    fn a_code_is_found_by_its_whole_or_by_an_end_that_is_its_own() {
        let codes = [&A, &B, &C];
        for word in ["mtl::types::same", "types::same"] {
            assert_eq!(find_in(&codes, word), Ok(&A), "{word}");
        }
        assert_eq!(find_in(&codes, "not_the_same"), Ok(&C));
        let Err(FindError::Ambiguous { codes: both, .. }) = find_in(&codes, "same") else {
            panic!("two codes end in `same`")
        };
        assert_eq!(both, [&A, &B], "an end begins behind `::`");
        for word in ["", "ame", "::same", "results/fold1"] {
            assert!(
                matches!(find_in(&codes, word), Err(FindError::Unknown { .. })),
                "{word}"
            );
        }
    }

    #[test]
    fn of_an_unknown_word_the_nearest_code_is_told() {
        let near = |word: &str| match find(word) {
            Err(FindError::Unknown { near, .. }) => near.map(|code| code.id),
            other => panic!("{word}: {other:?}"),
        };
        assert_eq!(near("mismach"), Some("mtl::types::mismatch"));
        assert_eq!(near("mtl::type::mismatch"), Some("mtl::types::mismatch"));
        assert_eq!(near("names::mismatch"), Some("mtl::types::mismatch"), "another area");
        assert_eq!(near("quite_another_thing"), None);
    }
}
