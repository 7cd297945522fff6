//! Every message of the checker: what is wrong, why, and how to mend it.

mod calls;
mod grids;
mod names;
mod params;
mod pipes;
mod values;

pub(super) use calls::*;
pub(super) use grids::*;
pub(super) use names::*;
pub(super) use params::*;
pub(super) use pipes::*;
pub(super) use values::*;

/// A type with its article: "a `Task`", "an `int`".
fn one(ty: impl std::fmt::Display) -> String {
    let ty = ty.to_string();
    match ty.chars().next() {
        _ if ty == "none" => "`none`".to_owned(),
        Some('a' | 'e' | 'i' | 'o' | 'u' | 'A' | 'E' | 'I' | 'O' | 'U') => format!("an `{ty}`"),
        _ => format!("a `{ty}`"),
    }
}

/// `a`, `b` and `c`, each in backticks.
fn quoted<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}
