//! Arms against their baseline: difference, interval, tests.

use super::{CONFIDENCE, StudyError, cell_name, cells::Judged, input::check_place};
use crate::{
    plan::stage::Design,
    report::model::{Comparison, Interval},
    stats::{
        crossval, interval,
        resampled::{CorrectedT, corrected_resampled_t},
    },
};

/// Repeats from which on a test of strategies is made: with one, it has hardly any power (simulated at a true difference
/// of 0.037 with 890 patients: 0.13).
const REPEATS_FOR_STRATEGY: u32 = 3;

/// A spread of fold differences below this share of their mean is rounding: AUCs are ratios of counts.
const ROUNDING: f64 = 1e-12;

const MODELS_TEST: &str = "clustered paired z test (Obuchowski 1997 within folds)";
const STRATEGY_TEST: &str = "corrected resampled t test (Nadeau & Bengio 2003)";

/// Every arm against its baseline, in the order of the plan; not corrected yet.
pub(super) fn comparisons(design: &Design, judged: &[Judged]) -> Result<Vec<Comparison>, StudyError> {
    let pairs = design.pairs.iter();
    pairs
        .map(|&(arm, baseline)| compare(design, judged, arm, baseline))
        .collect()
}

fn compare(design: &Design, judged: &[Judged], arm: usize, baseline: usize) -> Result<Comparison, StudyError> {
    check_place("cell", arm.max(baseline), judged.len())?;
    let (a, b) = (&judged[arm], &judged[baseline]);
    let names = [a, b].map(|judged| cell_name(design, &judged.result.coordinate));
    if a.result.task != b.result.task {
        let [arm, baseline] = names;
        let [arm_task, baseline_task] = [a, b].map(|judged| design.tasks[judged.result.task].name.clone());
        return Err(StudyError::Tasks {
            arm,
            arm_task,
            baseline,
            baseline_task,
        });
    }
    let of = || StudyError::of(format!("{} against {}", names[0], names[1]));
    // Arms that score units may lack some that the other has: those of samples that were left out.
    let by_units = design.cells[arm].members.iter().any(|member| member.units.is_some());
    let common = a.arm.common(&b.arm).filter(|_| by_units);
    let (one, other) = common.as_ref().map_or((&a.arm, &b.arm), |(one, other, _)| (one, other));
    let paired = crossval::compare(one, other, a.metric, CONFIDENCE).map_err(of())?;
    // Without any variance unequal AUCs give an infinite z, which no finite sample supports.
    let models = paired.difference.test.filter(|test| test.z.is_finite());
    let mut comparison = Comparison {
        arm,
        baseline,
        delta: Some(paired.difference.delta),
        delta_ci: models.map(|test| ends(test.interval)),
        z: models.map(|test| test.z),
        p_models: models.map(|test| test.p),
        p_strategy: None,
        p: models.map(|test| test.p),
        p_adjusted: None,
        test: MODELS_TEST.to_owned(),
        family: 1,
        mde: None,
        budgets_equal: a.budget() == b.budget(),
    };
    let on = match (&common, &design.tasks[a.result.task].unit) {
        (Some((.., count)), Some(unit)) => format!(", on the {count} {}s that both score", unit.noun),
        _ => String::new(),
    };
    comparison.test += &on;
    if let Some(folds) = folds_for_strategy(a) {
        let differences: Vec<f64> = paired.folds.iter().map(|fold| fold.value).collect();
        let strategy = corrected_resampled_t(&differences, folds, CONFIDENCE).map_err(of())?;
        let strategy = Some(strategy).filter(is_defined);
        comparison.test = format!("{STRATEGY_TEST}{on}");
        comparison.p_strategy = strategy.map(|test| test.p);
        // Interval and deciding p value belong to one test, else they could contradict each other.
        comparison.p = comparison.p_strategy;
        comparison.delta_ci = strategy.map(|test| ends(test.interval));
    }
    Ok(comparison)
}

fn ends(interval: interval::Interval) -> Interval {
    [interval.low, interval.high]
}

fn is_defined(test: &CorrectedT) -> bool {
    test.t.is_finite() && (test.mean == 0.0 || test.sd > ROUNDING * test.mean.abs())
}

/// Folds in a repeat, if strategies can be tested: whole cross-validations, repeated often enough. Models that share
/// their test samples have one fold and cannot.
fn folds_for_strategy(arm: &Judged) -> Option<u32> {
    let folds = arm.arm.folds_per_repeat().filter(|&folds| folds >= 2)?;
    (arm.result.repeats >= REPEATS_FOR_STRATEGY).then_some(folds)
}
