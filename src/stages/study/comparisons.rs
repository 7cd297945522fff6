//! Arms against their baseline: difference, interval, tests, the correction for their number.

use super::{CONFIDENCE, StudyError, cell_name, cells::Judged};
use crate::{
    plan::stage::{Adjust, Report},
    report::model::{Comparison, Interval},
    stats::{
        StatsError, crossval, interval,
        multiclass::Metric,
        multiplicity,
        power::{Assumptions, least_detectable_difference},
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

/// Every arm against its baseline, in the order of the cells.
pub(super) fn comparisons(spec: &Report, judged: &[Judged]) -> Result<Vec<Comparison>, StudyError> {
    let pairs = pairs(spec)?;
    let family = pairs.len();
    let compared = pairs
        .into_iter()
        .map(|(arm, baseline)| compare(spec, judged, arm, baseline, family));
    let mut comparisons = compared.collect::<Result<Vec<_>, _>>()?;
    if spec.adjust == Adjust::Holm {
        // A test that is not defined counts as one that shows nothing, so that the results do not shrink the family.
        let p: Vec<f64> = comparisons
            .iter()
            .map(|comparison| comparison.p.unwrap_or(1.0))
            .collect();
        let adjusted = multiplicity::holm(&p).map_err(StudyError::of("correction for multiplicity"))?;
        for (comparison, adjusted) in comparisons.iter_mut().zip(adjusted) {
            comparison.p_adjusted = comparison.p.map(|_| adjusted);
        }
    }
    Ok(comparisons)
}

/// Arm and baseline by place in the cells. The baseline of an arm has its labels, but those that the study's baseline
/// fixes.
fn pairs(spec: &Report) -> Result<Vec<(usize, usize)>, StudyError> {
    let Some(compare) = &spec.compare else {
        return Ok(Vec::new());
    };
    let axis = |name: &str| {
        spec.axes
            .iter()
            .position(|axis| axis.name == name)
            .ok_or_else(|| StudyError::Axis {
                axis: name.to_owned(),
                known: spec
                    .axes
                    .iter()
                    .map(|axis| format!("`{}`", axis.name))
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    };
    let compared = axis(compare)?;
    let fixed = spec.baseline.iter().map(|(name, label)| Ok((axis(name)?, label)));
    let fixed = fixed.collect::<Result<Vec<_>, StudyError>>()?;
    let of_compared = fixed.iter().find(|(axis, _)| *axis == compared);
    let (_, baseline) = of_compared.ok_or_else(|| StudyError::Unnamed { axis: compare.clone() })?;
    let mut pairs = Vec::new();
    for (arm, cell) in spec
        .cells
        .iter()
        .enumerate()
        .filter(|(_, cell)| cell.coordinate[compared] != **baseline)
    {
        let mut wanted = cell.coordinate.clone();
        fixed.iter().for_each(|&(axis, label)| wanted[axis].clone_from(label));
        let found = spec.cells.iter().position(|cell| cell.coordinate == wanted);
        let place = found.ok_or_else(|| StudyError::Baseline {
            arm: cell_name(spec, &cell.coordinate),
            baseline: cell_name(spec, &wanted),
        })?;
        pairs.push((arm, place));
    }
    Ok(pairs)
}

fn compare(
    spec: &Report,
    judged: &[Judged],
    arm: usize,
    baseline: usize,
    family: usize,
) -> Result<Comparison, StudyError> {
    let (a, b) = (&judged[arm], &judged[baseline]);
    let names = [a, b].map(|judged| cell_name(spec, &judged.result.coordinate));
    if a.result.task != b.result.task {
        let [arm, baseline] = names;
        let [arm_task, baseline_task] = [a, b].map(|judged| spec.tasks[judged.result.task].name.clone());
        return Err(StudyError::Tasks {
            arm,
            arm_task,
            baseline,
            baseline_task,
        });
    }
    let of = || StudyError::of(format!("{} against {}", names[0], names[1]));
    let paired = crossval::compare(&a.arm, &b.arm, a.metric, CONFIDENCE).map_err(of())?;
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
        mde: mde(a, spec.adjust, family).map_err(of())?,
        budgets_equal: a.budget() == b.budget(),
    };
    if let Some(folds) = folds_for_strategy(a) {
        let differences: Vec<f64> = paired.folds.iter().map(|fold| fold.value).collect();
        let strategy = corrected_resampled_t(&differences, folds, CONFIDENCE).map_err(of())?;
        let strategy = Some(strategy).filter(is_defined);
        comparison.test = STRATEGY_TEST.to_owned();
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
