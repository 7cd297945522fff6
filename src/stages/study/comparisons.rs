//! Arms against their baseline: difference, interval, tests.

use super::{
    CONFIDENCE, StudyError, cell_name,
    cells::{Judged, ends},
    input::check_place,
    runs,
};
use crate::{
    plan::stage::{Design, Test},
    report::model::Comparison,
    stats::{
        StatsError,
        crossval::{self, CrossValidated},
        interval::{Difference, ZTest},
        multiclass::Metric,
        resampled::{CorrectedT, corrected_resampled_t},
    },
};

/// Repeats from which on a test of strategies is made: with one, it has hardly any power (simulated at a true difference
/// of 0.037 with 890 patients: 0.13).
const REPEATS_FOR_STRATEGY: u32 = 3;

/// A spread of fold differences below this share of their mean is rounding: AUCs are ratios of counts.
const ROUNDING: f64 = 1e-12;

const MODELS_TEST: &str = "clustered paired z test (Obuchowski 1997 within folds)";
const DELONG_TEST: &str = "paired test of DeLong 1988 within folds, samples taken as independent";
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
    let (arms, common) = pairs(a, b, by_units);
    let (models, folds) = paired(&arms, a.metric, |arm| arm.clone(), of)?;
    let mut comparison = Comparison {
        arm,
        baseline,
        delta: Some(models.delta),
        delta_ci: defined(&models).map(|test| ends(test.interval)),
        z: defined(&models).map(|test| test.z),
        p_models: defined(&models).map(|test| test.p),
        p_strategy: None,
        p: defined(&models).map(|test| test.p),
        p_adjusted: None,
        test: MODELS_TEST.to_owned(),
        about_strategies: false,
        exploratory: false,
        family: 1,
        mde: None,
        budgets_equal: a.budget() == b.budget(),
    };
    let strategy = match folds_for_strategy(a) {
        Some(count) => Some(corrected_resampled_t(&folds, count, CONFIDENCE).map_err(of())?),
        None => None,
    };
    let strategy = strategy.map(|test| Some(test).filter(is_defined));
    comparison.p_strategy = strategy.flatten().map(|test| test.p);
    // Interval and deciding p value belong to one test, else they could contradict each other.
    match (design.test, strategy) {
        (Test::Auto, Some(strategy)) => {
            comparison.test = STRATEGY_TEST.to_owned();
            comparison.about_strategies = true;
            comparison.p = comparison.p_strategy;
            comparison.delta_ci = strategy.map(|test| ends(test.interval));
        }
        (Test::DeLong, _) => {
            let (independent, _) = paired(&arms, a.metric, CrossValidated::independent, of)?;
            comparison.test = DELONG_TEST.to_owned();
            comparison.p = defined(&independent).map(|test| test.p);
            comparison.delta_ci = defined(&independent).map(|test| ends(test.interval));
        }
        (Test::Auto, None) | (Test::Clustered, _) => {}
    }
    if let (Some(count), Some(unit)) = (common, &design.tasks[a.result.task].unit) {
        comparison.test += &format!(", on the {count} {}s that both score", unit.noun);
    }
    Ok(comparison)
}

/// Both arms in each of their runs; when `only_common` with the samples that both have alone, and then how many these are,
/// if either has others. Runs of an arm have the same samples.
fn pairs(a: &Judged, b: &Judged, only_common: bool) -> (Vec<(CrossValidated, CrossValidated)>, Option<usize>) {
    let mut common = None;
    let each = a.arms.iter().zip(&b.arms);
    let arms = each.map(|(one, other)| match one.common(other).filter(|_| only_common) {
        Some((one, other, count)) => {
            common = Some(count);
            (one, other)
        }
        None => (one.clone(), other.clone()),
    });
    (arms.collect(), common)
}

/// The difference of two arms over their runs, and in each fold; `clusters` says what the arms' clusters are.
fn paired<F: FnOnce(StatsError) -> StudyError>(
    arms: &[(CrossValidated, CrossValidated)],
    metric: Metric,
    clusters: impl Fn(&CrossValidated) -> CrossValidated,
    of: impl Fn() -> F,
) -> Result<(Difference, Vec<f64>), StudyError> {
    let each = arms
        .iter()
        .map(|(one, other)| crossval::compare(&clusters(one), &clusters(other), metric, CONFIDENCE));
    let each = each.collect::<Result<Vec<_>, _>>().map_err(of())?;
    let runs = each.iter().map(|run| &run.difference);
    let values: Vec<_> = runs.clone().map(|run| (run.delta, run.variance)).collect();
    let all = runs::difference(&values)?;
    let mean = |value: fn(&Difference) -> f64| runs.clone().map(value).sum::<f64>() / each.len() as f64;
    let (auc_a, auc_b) = (mean(|run| run.auc_a), mean(|run| run.auc_b));
    let difference = Difference::new(auc_a, auc_b, all.variance, CONFIDENCE).map_err(of())?;
    let folds = each.first().map_or(0, |run| run.folds.len());
    let folds = (0..folds).map(|fold| {
        let values = each.iter().filter_map(|run| run.folds.get(fold)).map(|fold| fold.value);
        values.sum::<f64>() / each.len() as f64
    });
    Ok((difference, folds.collect()))
}

/// The test of a difference. Without any variance unequal AUCs give an infinite z, which no finite sample supports.
fn defined(difference: &Difference) -> Option<ZTest> {
    difference.test.filter(|test| test.z.is_finite())
}

fn is_defined(test: &CorrectedT) -> bool {
    test.t.is_finite() && (test.mean == 0.0 || test.sd > ROUNDING * test.mean.abs())
}

/// Folds in a repeat, if strategies can be tested: whole cross-validations, repeated often enough. Models that share
/// their test samples have one fold and cannot.
fn folds_for_strategy(arm: &Judged) -> Option<u32> {
    let folds = arm.folds().filter(|&folds| folds >= 2)?;
    (arm.result.repeats >= REPEATS_FOR_STRATEGY).then_some(folds)
}
