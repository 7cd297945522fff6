//! The trivial baseline: what can be told from global numbers of a picture alone.

use super::{
    CONFIDENCE, GLOBAL_NUMBERS, StudyError,
    cells::interval,
    tasks::{Cohort, Models},
};
use crate::{
    report::model::TrivialBaseline,
    stats::{
        StatsError,
        crossval::{CrossValidated, Estimate},
        logistic,
        multiclass::Metric,
    },
};

/// Penalty of the regression: scikit-learn's default, `C = 1`.
const RIDGE: f64 = 1.0;

/// A logistic regression on the global numbers of each picture, on the folds of the models.
///
/// None for more than two classes, and where the cohort has no training part with both classes, as an external one.
pub(super) fn trivial(
    cohort: &Cohort<'_>,
    models: &Models<'_>,
    numbers: &[[f64; GLOBAL_NUMBERS]],
) -> Result<Option<TrivialBaseline>, StudyError> {
    if !cohort.is_binary() {
        return Ok(None);
    }
    let of = StudyError::of(format!("trivial baseline of `{}`", cohort.facts.name));
    let estimate = estimate(cohort, models, numbers).map_err(of)?;
    Ok(estimate.map(|estimate| TrivialBaseline {
        features: GLOBAL_NUMBERS,
        auc: estimate.value,
        auc_ci: interval(&estimate),
    }))
}

fn estimate(
    cohort: &Cohort<'_>,
    models: &Models<'_>,
    numbers: &[[f64; GLOBAL_NUMBERS]],
) -> Result<Option<Estimate>, StatsError> {
    // Models that share their samples share their folds, so one regression stands for all.
    let members = if models.shared {
        &models.members[..1]
    } else {
        &models.members[..]
    };
    let columns = |samples: &[usize]| samples.iter().flat_map(|&sample| numbers[sample]).collect::<Vec<f64>>();
    let positive = |sample: usize| u32::from(cohort.facts.samples[sample].class == 0);
    let (mut cases, mut scores) = (Vec::new(), Vec::new());
    for (place, member) in members.iter().enumerate() {
        let training = cohort.training(member);
        let labels: Vec<u32> = training.iter().map(|&sample| positive(sample)).collect();
        if !(labels.contains(&0) && labels.contains(&1)) {
            return Ok(None);
        }
        let model = logistic::fit(&columns(&training), GLOBAL_NUMBERS, &labels, RIDGE)?;
        let test: Vec<usize> = member.test.iter().map(|&sample| sample as usize).collect();
        scores.extend(model.predict(&columns(&test))?);
        cases.extend(member.test.iter().map(|&sample| cohort.case(models, place, sample)));
    }
    CrossValidated::binary(&cases, &scores)?
        .estimate(Metric::Auc, CONFIDENCE)
        .map(Some)
}
