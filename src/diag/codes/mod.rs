//! The registry: every code that a diagnostic may carry, with what it means.
//!
//! One file per area. A code is used through its constant, so one that is not registered cannot be written.

/// A registered code.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// As it is printed: `mtl::types::unknown_argument`.
    pub id: &'static str,
    /// What it means and why it is a mistake, in a sentence or two.
    pub explanation: &'static str,
}

/// Declares the codes of one area and the list `ALL` of them.
macro_rules! codes {
    ($($name:ident = $id:literal, $explanation:literal;)+) => {
        use super::Code;
        $(
            #[doc = $explanation]
            pub static $name: Code = Code { id: $id, explanation: $explanation };
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
pub mod run;
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
        run::ALL,
        lint::ALL,
    ]
    .into_iter()
    .flatten()
    .copied()
}

#[cfg(test)]
mod tests {
    use super::all;

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
}
