//! Corrections for multiplicity: all comparisons of the program on one cohort are a family.

use super::{StudyError, cell_name, cells::Judged, input::check_count};
use crate::{
    plan::stage::{Adjust, OtherStudy, Report},
    report::model::Comparison,
    stats::{
        StatsError,
        multiclass::Metric,
        multiplicity,
        power::{Assumptions, least_detectable_difference},
    },
};
use std::collections::BTreeMap;

/// The p values of another study of the program, one per comparison; none where the test is not defined.
pub(in crate::stages) type OtherTests = Vec<Option<f64>>;

/// Corrects the comparisons of a report within their families. `others` go by place in [`Report::others`]; none for a
/// study that was not run.
///
/// A p value that is not known, because its test is not defined or its study was not run, counts as 1: Holm's procedure
/// gives the others no smaller value than they could have with any p in its place.
pub(super) fn correct(
    spec: &Report,
    judged: &[Judged],
    comparisons: &mut [Comparison],
    others: &[Option<OtherTests>],
) -> Result<(), StudyError> {
    check_count("other studies", spec.others.len(), others.len())?;
    let mut families: BTreeMap<Family, Vec<f64>> = BTreeMap::new();
    let mut places = Vec::with_capacity(comparisons.len());
    for (place, comparison) in comparisons.iter_mut().enumerate() {
        let primary = spec.primary.as_ref();
        comparison.exploratory = primary.is_some_and(|primary| !primary.pairs.get(place).copied().unwrap_or(false));
        let family = families.entry(family(spec, comparison)).or_default();
        places.push(family.len());
        family.push(comparison.p.unwrap_or(1.0));
    }
    for (other, tests) in spec.others.iter().zip(others) {
        for (place, cohort, p) in other_tests(other, tests.as_ref())? {
            let exploratory = spec.primary.is_some() && !other.primary.get(place).copied().unwrap_or(false);
            families.entry((cohort, exploratory)).or_default().push(p);
        }
    }
    for (comparison, place) in comparisons.iter_mut().zip(places) {
        let family = &families[&family(spec, comparison)];
        if spec.adjust == Adjust::Holm {
            let adjusted = multiplicity::holm(family).map_err(StudyError::of("correction for multiplicity"))?;
            comparison.p_adjusted = comparison.p.map(|_| adjusted[place]);
        }
        comparison.family = family.len();
        let arm = &judged[comparison.arm];
        let detectable = mde(arm, spec.adjust, family.len());
        comparison.mde = detectable.map_err(StudyError::of(cell_name(&spec.design, &arm.result.coordinate)))?;
    }
    Ok(())
}

/// What is corrected together: the comparisons on a cohort; with a primary task, those that the study is about, and apart
/// from them the exploratory ones.
type Family = (u32, bool);

fn family(spec: &Report, comparison: &Comparison) -> Family {
    // The plan's own places, so they exist.
    let cohort = spec.design.tasks[spec.design.cells[comparison.arm].task].cohort;
    (cohort, comparison.exploratory)
}

/// The comparisons of another study that are on cohorts of the report's own: place, cohort and p.
fn other_tests(other: &OtherStudy, tests: Option<&OtherTests>) -> Result<Vec<(usize, u32, f64)>, StudyError> {
    if let Some(tests) = tests {
        check_count("comparisons of another study", other.cohorts.len(), tests.len())?;
    }
    let p = |place: usize| tests.and_then(|tests| tests[place]).unwrap_or(1.0);
    let shared = other.cohorts.iter().enumerate();
    Ok(shared
        .filter_map(|(place, cohort)| Some((place, (*cohort)?, p(place))))
        .collect())
}

/// The smallest difference that was likely to be shown, with groups as units; defined for two classes.
///
/// AUC 0.7, correlation 0.5, 5 % two-sided, 80 % power; with Holm the first of the family's tests.
fn mde(arm: &Judged, adjust: Adjust, family: usize) -> Result<Option<f64>, StatsError> {
    let (Metric::Auc, [positives, negatives]) = (arm.metric, arm.tested.class_groups.as_slice()) else {
        return Ok(None);
    };
    let comparisons = match adjust {
        Adjust::Holm => family as u32,
        Adjust::None => 1,
    };
    let assumptions = Assumptions {
        comparisons,
        ..Assumptions::default()
    };
    least_detectable_difference(*positives as u32, *negatives as u32, assumptions).map(Some)
}
