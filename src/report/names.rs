//! Names of cells, for people and for files.

use super::model::{CellResult, Study};

/// Longest file stem in bytes, short of what common file systems allow with room for a number and an extension.
const STEM: usize = 96;

/// A cell's name: its labels, or the study's name for a study of one cell.
#[must_use]
pub fn cell(study: &Study, cell: &CellResult) -> String {
    if cell.coordinate.is_empty() {
        study.name.clone()
    } else {
        cell.coordinate.join(" · ")
    }
}

/// `predictions/<cell>.csv` for every cell: letters, digits, `.`, `_` and `-` alone, and no two alike, not even on a
/// file system that does not distinguish cases.
#[must_use]
pub fn predictions(study: &Study) -> Vec<String> {
    let mut taken: Vec<String> = Vec::with_capacity(study.cells.len());
    for cell in &study.cells {
        let stem = stem(&cell.coordinate);
        let mut name = stem.clone();
        let mut number = 1;
        while taken.iter().any(|other| other.eq_ignore_ascii_case(&name)) {
            number += 1;
            name = format!("{stem}-{number}");
        }
        taken.push(name);
    }
    taken
        .into_iter()
        .map(|name| format!("predictions/{name}.csv"))
        .collect()
}

fn stem(labels: &[String]) -> String {
    let safe = |character: char| match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' => character,
        _ => '_',
    };
    let mut stem: String = labels.join("-").chars().map(safe).take(STEM).collect();
    // A leading dot hides a file, and a leading minus looks like an option.
    if stem.starts_with(['.', '-']) {
        stem.insert(0, '_');
    }
    if stem.is_empty() { "cell".to_owned() } else { stem }
}

#[cfg(test)]
mod tests {
    use super::stem;

    #[test]
    fn stems_stay_inside_the_folder() {
        let written = |labels: &[&str]| stem(&labels.iter().map(|&label| label.to_owned()).collect::<Vec<_>>());
        assert_eq!(written(&["../../etc", "2"]), "_.._.._etc-2");
        assert_eq!(written(&["ImageNet → density", "0.5"]), "ImageNet___density-0.5");
        assert_eq!(written(&[]), "cell");
        assert_eq!(written(&["x".repeat(400).as_str()]).len(), super::STEM);
    }
}
