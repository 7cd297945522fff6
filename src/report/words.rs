//! The sentences in which results are stated.
//!
//! They say what was estimated and what was shown, and leave the judgement to the reader: a difference is stated with
//! its interval before its p value, its absence is "not shown", and one cross-validation speaks of trained models alone.

use super::model::{CellResult, Comparison, Study};
use super::{names, numbers};
use crate::plan::stage::{Adjust, OtherStudy};
use indexmap::IndexSet;

/// The level below which a difference is called shown.
pub const LEVEL: f64 = 0.05;

/// What an AUC is an estimate of. `unit` is what is scored, in the singular; `groups` the plural noun of [`groups`].
#[must_use]
pub fn estimand(folds: u32, repeats: u32, unit: &str, groups: &str) -> String {
    let scored = format!("{unit}s are scored, {groups} are the unit of resampling.");
    if folds <= 1 {
        return format!("The AUC is that of one model on its test {groups}; {scored}");
    }
    let averaged = if repeats > 1 {
        format!(", averaged over {repeats} repeats")
    } else {
        String::new()
    };
    format!(
        "The AUC is the mean over the {folds} folds{averaged}, of each fold's model on its own test {groups}; {scored}"
    )
}

/// The plural noun for the groups of a cohort, from the column that names them.
#[must_use]
pub fn groups(column: Option<&str>) -> &'static str {
    match column {
        Some(column) if column.to_ascii_lowercase().contains("patient") => "patients",
        Some(_) => "groups",
        None => "samples",
    }
}

/// The name of a correction over families of these sizes, and of nothing without any.
#[must_use]
pub fn adjustment(adjust: Adjust, families: &[usize]) -> String {
    let sizes: Vec<_> = families.iter().map(ToString::to_string).collect();
    match adjust {
        Adjust::Holm => format!("Holm over {}", sizes.join(" and ")),
        Adjust::None => "not corrected".to_owned(),
    }
}

/// The sizes of the families of the comparisons that a study is about, each once, in their order.
#[must_use]
pub fn families(study: &Study) -> Vec<usize> {
    let own = study.comparisons.iter().filter(|comparison| !comparison.exploratory);
    let sizes = own.map(|comparison| comparison.family);
    sizes.collect::<IndexSet<_>>().into_iter().collect()
}

/// Which other studies share the families; none when there are none or nothing is corrected.
#[must_use]
pub fn shared_families(study: &Study) -> Option<String> {
    if study.adjust == Adjust::None || study.others.is_empty() {
        return None;
    }
    let told = |other: &OtherStudy| {
        let shared = other.cohorts.iter().flatten().count();
        format!("{} of `{}`", counted(shared, "comparison"), other.name)
    };
    let list = |is_run: bool| {
        let others = study.others.iter().filter(|other| other.is_run == is_run);
        others.map(told).collect::<Vec<_>>().join(", ")
    };
    let (run, not_run) = (list(true), list(false));
    let mut sentences = Vec::new();
    if !run.is_empty() {
        sentences.push(format!(
            "Corrected together with {run}: one program on one cohort is one family."
        ));
    }
    if !not_run.is_empty() {
        sentences.push(format!(
            "Not run, but counted in the family as showing nothing: {not_run}. With them the adjusted p values can only \
             become smaller."
        ));
    }
    Some(sentences.join(" "))
}

/// The difference of an arm from its baseline, interval before p value.
#[must_use]
pub fn result(study: &Study, comparison: &Comparison) -> String {
    let name = |place: usize| {
        study
            .cells
            .get(place)
            .map(|cell| names::cell(study, cell))
            .unwrap_or_default()
    };
    let mut correction = adjustment(study.adjust, &[comparison.family]);
    if study.adjust == Adjust::Holm {
        correction = format!("{correction}: {}", numbers::p_statement(comparison.p_adjusted));
    }
    format!(
        "{} minus {}: {} (95 % interval {}; {}, {}, {correction}).",
        name(comparison.arm),
        name(comparison.baseline),
        numbers::difference(comparison.delta),
        numbers::difference_interval(comparison.delta_ci),
        comparison.test,
        numbers::p_statement(comparison.p),
    )
}

/// What the difference shows.
#[must_use]
pub fn verdict(study: &Study, comparison: &Comparison) -> &'static str {
    match numbers::finite(comparison.deciding_p(study.adjust)) {
        None => "The test is not defined here.",
        Some(p) if p >= LEVEL => "No difference was shown.",
        Some(_) if comparison.exploratory => "Exploratory: not one of the comparisons that the study is about.",
        Some(_) if comparison.about_strategies => "The strategies differ.",
        Some(_) => "The trained models differ.",
    }
}

/// Where the models were tested.
#[must_use]
pub fn testing(cells: &[CellResult]) -> &'static str {
    if cells.iter().any(|cell| cell.members.len() > 1) {
        "internal testing (cross-validated)"
    } else {
        "internal testing (one split)"
    }
}

/// Words joined as in a sentence: `a`, `a and b`, `a, b and c`.
#[must_use]
pub fn list(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [word] => word.clone(),
        [start @ .., last] => format!("{} and {last}", start.join(", ")),
    }
}

/// A count with its noun: `1 model`, `3 models`.
#[must_use]
pub fn counted(count: usize, noun: &str) -> String {
    format!(
        "{} {noun}{}",
        numbers::count(count as u64),
        if count == 1 { "" } else { "s" }
    )
}

/// A count with its noun and its verb: `1 comparison is`, `3 comparisons are`.
#[must_use]
pub fn counted_are(count: usize, noun: &str) -> String {
    format!("{} {}", counted(count, noun), if count == 1 { "is" } else { "are" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimand_names_folds_repeats_and_units() {
        assert_eq!(
            estimand(5, 1, "image", "patients"),
            "The AUC is the mean over the 5 folds, of each fold's model on its own test patients; images are scored, \
             patients are the unit of resampling."
        );
        assert!(estimand(5, 3, "image", "patients").contains("the 5 folds, averaged over 3 repeats, of each fold's"));
        assert!(estimand(1, 1, "image", "groups").contains("one model on its test groups"));
    }

    #[test]
    fn groups_are_patients_only_when_the_column_says_so() {
        assert_eq!(
            ["patient", "Patient_ID", "study"].map(|column| groups(Some(column))),
            ["patients", "patients", "groups"]
        );
        assert_eq!(groups(None), "samples");
    }
}
