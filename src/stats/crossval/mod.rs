//! The cross-validated AUC: the mean of the folds' AUCs, its interval, and its difference between two arms.
//!
//! Every fold has its own fitted model, whose scores need not be on the scale of another fold's, so cases are ranked
//! within folds only and the folds' AUCs are averaged (Airola et al. 2011, CSDA 55:1828; Parker, Günter & Bedo 2007, BMC
//! Bioinformatics 8:326). The variance is Obuchowski's 1997 clustered one within each fold, over k^2 (LeDell, Petersen &
//! van der Laan 2015, EJS 9:1583, with Obuchowski's small-sample factors and ties as one half); with one fold it equals
//! [`super::clustered`]. It takes the fitted models as given.
//!
//! # Repeats
//! Every `(repeat, fold)` is a member with its own model. The estimate is the mean over members, and a patient's
//! components are averaged over repeats before they are squared: a patient tested three times is one patient. An external
//! cohort scored by the k models of a cross-validation has the same form: one repeat for each model, each with one fold.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{StatsError, check_finite, check_labels, check_length, check_parameter};
use super::influence::{Components, mean};
use super::interval::{Difference, Interval, IntervalMethod, automatic, critical_value};
use super::multiclass::Metric;
use super::roc::RocCurve;

#[cfg(test)]
mod tests;

/// One scored case: where it was tested, which sample it is, and what is true of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// Repeat of the cross-validation.
    pub repeat: u32,
    /// Fold within the repeat.
    pub fold: u32,
    /// The sample; at most once in a repeat. Arms are paired by it.
    pub sample: u32,
    /// The cluster (patient) of the sample; in one fold of a repeat only.
    pub cluster: u32,
    /// The true class, from 0.
    pub label: u32,
}

/// The test cases of one model, by rising sample.
#[derive(Clone, Debug)]
struct Member {
    repeat: u32,
    fold: u32,
    samples: Vec<u32>,
    clusters: Vec<u32>,
    labels: Vec<u32>,
    /// `[cases, width]`.
    scores: Vec<f64>,
}

/// The scored test cases of one arm over all folds and repeats.
#[derive(Clone, Debug)]
pub struct CrossValidated {
    classes: usize,
    width: usize,
    /// By repeat and fold.
    members: Vec<Member>,
}

/// The value of a metric in one fold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FoldValue {
    /// Repeat of the fold.
    pub repeat: u32,
    /// The fold.
    pub fold: u32,
    /// The metric on its test cases; for a comparison, arm A minus arm B.
    pub value: f64,
}

/// A cross-validated metric with its interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Mean over the folds of all repeats.
    pub value: f64,
    /// The folds, by repeat and number.
    pub folds: Vec<FoldValue>,
    /// Clustered variance of `value`, the fitted models taken as given; `None` when a fold has a class in one cluster only.
    pub variance: Option<f64>,
    /// The interval and how it was made, where the variance is defined.
    pub interval: Option<(Interval, IntervalMethod)>,
}

/// The difference of two arms' cross-validated metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Arm A minus arm B with the paired clustered test. It is about the fitted models.
    pub difference: Difference,
    /// The difference in each fold, for [`super::resampled::corrected_resampled_t`], which is about the strategies.
    pub folds: Vec<FoldValue>,
}

/// The pooled metric beside the averaged one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pooling {
    /// Mean over repeats of the metric with the scores of all folds ranked together.
    pub pooled: f64,
    /// `pooled` minus the fold-averaged value; far from 0 when the folds' scores are not on one scale.
    pub difference: f64,
}

impl CrossValidated {
    /// A binary arm: labels 0 or 1, one score a case, in any order.
    ///
    /// # Errors
    /// Lengths that differ, no case, a label that is not 0 or 1, a score that is not finite, a sample twice in a repeat, a
    /// cluster in two folds of a repeat.
    pub fn binary(cases: &[Case], scores: &[f64]) -> Result<Self, StatsError> {
        Self::new(cases, scores, 2, 1)
    }

    /// Both arms with the cases that both have, and how many samples these are; none when they have the same.
    #[must_use]
    pub fn common(&self, other: &Self) -> Option<(Self, Self, usize)> {
        let of = |arm: &Self| -> BTreeSet<(u32, u32)> {
            let members = arm.members.iter();
            let all = members.flat_map(|m| m.samples.iter().map(move |sample| (m.repeat, *sample)));
            all.collect()
        };
        let (ours, theirs) = (of(self), of(other));
        if ours == theirs {
            return None;
        }
        let both: BTreeSet<_> = ours.intersection(&theirs).copied().collect();
        let samples: BTreeSet<_> = both.iter().map(|(_, sample)| *sample).collect();
        Some((self.only(&both), other.only(&both), samples.len()))
    }

    /// The cases of these samples, each with its repeat.
    fn only(&self, kept: &BTreeSet<(u32, u32)>) -> Self {
        let member = |member: &Member| {
            let places = (0..member.samples.len()).filter(|&at| kept.contains(&(member.repeat, member.samples[at])));
            let places: Vec<_> = places.collect();
            let of = |values: &[u32]| places.iter().map(|&at| values[at]).collect();
            let scores = places
                .iter()
                .flat_map(|&at| &member.scores[at * self.width..(at + 1) * self.width]);
            Member {
                repeat: member.repeat,
                fold: member.fold,
                samples: of(&member.samples),
                clusters: of(&member.clusters),
                labels: of(&member.labels),
                scores: scores.copied().collect(),
            }
        };
        Self {
            classes: self.classes,
            width: self.width,
            members: self
                .members
                .iter()
                .map(member)
                .filter(|member| !member.samples.is_empty())
                .collect(),
        }
    }

    /// An arm of several classes: `probabilities` is row-major `[cases, classes]`. They are ranked as given.
    ///
    /// # Errors
    /// As [`CrossValidated::binary`], with labels in `0..classes`.
    pub fn multiclass(cases: &[Case], probabilities: &[f64], classes: usize) -> Result<Self, StatsError> {
        check_parameter("number of classes", classes as f64, classes >= 2, "at least 2")?;
        Self::new(cases, probabilities, classes, classes)
    }

    fn new(cases: &[Case], scores: &[f64], classes: usize, width: usize) -> Result<Self, StatsError> {
        check_parameter("number of cases", cases.len() as f64, !cases.is_empty(), "at least 1")?;
        check_length("scores", cases.len() * width, scores.len())?;
        check_labels(&cases.iter().map(|case| case.label).collect::<Vec<_>>(), classes)?;
        check_finite("score", scores, width)?;
        check_folds(cases)?;
        let mut order: Vec<usize> = (0..cases.len()).collect();
        let key = |row: usize| (cases[row].repeat, cases[row].fold, cases[row].sample);
        order.sort_unstable_by_key(|&row| key(row));
        let members = order
            .chunk_by(|&a, &b| (key(a).0, key(a).1) == (key(b).0, key(b).1))
            .map(|rows| {
                let column = |value: fn(&Case) -> u32| rows.iter().map(|&row| value(&cases[row])).collect();
                Member {
                    repeat: cases[rows[0]].repeat,
                    fold: cases[rows[0]].fold,
                    samples: column(|case| case.sample),
                    clusters: column(|case| case.cluster),
                    labels: column(|case| case.label),
                    scores: rows
                        .iter()
                        .flat_map(|&row| &scores[row * width..(row + 1) * width])
                        .copied()
                        .collect(),
                }
            });
        Ok(CrossValidated {
            classes,
            width,
            members: members.collect(),
        })
    }

    /// The number of folds k of every repeat; `None` when repeats differ in it.
    pub fn folds_per_repeat(&self) -> Option<u32> {
        let mut counts = self.members.chunk_by(|a, b| a.repeat == b.repeat).map(<[Member]>::len);
        let first = counts.next()?;
        if counts.all(|count| count == first) {
            u32::try_from(first).ok()
        } else {
            None
        }
    }

    /// The same cases with the folds of each repeat joined into one, as if one model had scored them all.
    pub fn pooled(&self) -> Self {
        let join = |members: &[Member]| Member {
            repeat: members[0].repeat,
            fold: 0,
            samples: members.iter().flat_map(|member| &member.samples).copied().collect(),
            clusters: members.iter().flat_map(|member| &member.clusters).copied().collect(),
            labels: members.iter().flat_map(|member| &member.labels).copied().collect(),
            scores: members.iter().flat_map(|member| &member.scores).copied().collect(),
        };
        let members = self.members.chunk_by(|a, b| a.repeat == b.repeat).map(join).collect();
        CrossValidated { members, ..*self }
    }

    /// The same cases with every sample as its own cluster: what DeLong 1988 assumes.
    pub fn independent(&self) -> Self {
        let members = self.members.iter().map(|member| Member {
            clusters: member.samples.clone(),
            ..member.clone()
        });
        CrossValidated {
            members: members.collect(),
            ..*self
        }
    }

    /// The metric averaged over folds, with its clustered interval at a confidence level such as 0.95: on the logit scale
    /// for a value over 0.9 or under 0.1, else plain.
    ///
    /// # Errors
    /// [`StatsError::FoldWithoutClass`]; [`StatsError::InvalidParameter`] when the metric does not go with the scores, or
    /// on a level outside (0, 1).
    pub fn estimate(&self, metric: Metric, level: f64) -> Result<Estimate, StatsError> {
        critical_value(level)?;
        let components = self.components(metric)?;
        let (value, variance) = mean(&components);
        let interval = variance.map(|variance| automatic(value, variance, level)).transpose()?;
        Ok(Estimate {
            value,
            folds: self.fold_values(&components),
            variance,
            interval,
        })
    }

    /// The pooled metric and how far it lies from the averaged one.
    ///
    /// # Errors
    /// As [`CrossValidated::estimate`].
    pub fn pooling(&self, metric: Metric) -> Result<Pooling, StatsError> {
        let pooled = mean(&self.pooled().components(metric)?).0;
        Ok(Pooling {
            pooled,
            difference: pooled - mean(&self.components(metric)?).0,
        })
    }

    /// The ROC curve of each fold, for [`super::roc::vertical_average`]. Binary arms only.
    ///
    /// # Errors
    /// As [`CrossValidated::estimate`] with [`Metric::Auc`].
    pub fn roc_curves(&self) -> Result<Vec<RocCurve>, StatsError> {
        self.check_metric(Metric::Auc)?;
        let curve = |member: &Member| RocCurve::new(&member.labels, &member.scores);
        self.members
            .iter()
            .map(|member| curve(member).map_err(|error| member.locate(error)))
            .collect()
    }

    fn check_metric(&self, metric: Metric) -> Result<(), StatsError> {
        let fits = self.width == metric.width(self.classes);
        let expected = "1 for the binary AUC, one for each class for the others";
        check_parameter("number of scores a case", self.width as f64, fits, expected)
    }

    fn components(&self, metric: Metric) -> Result<Vec<Components>, StatsError> {
        self.check_metric(metric)?;
        let of_member = |member: &Member| {
            let deviations = metric.deviations(&member.labels, &member.clusters, &member.scores, self.classes);
            deviations.map(|d| d.components()).map_err(|error| member.locate(error))
        };
        self.members.iter().map(of_member).collect()
    }

    fn fold_values(&self, components: &[Components]) -> Vec<FoldValue> {
        let value = |(member, components): (&Member, &Components)| FoldValue {
            repeat: member.repeat,
            fold: member.fold,
            value: components.value,
        };
        self.members.iter().zip(components).map(value).collect()
    }
}

impl Member {
    /// Says in which fold a class is missing.
    fn locate(&self, error: StatsError) -> StatsError {
        match error {
            StatsError::MissingClass { class } => StatsError::FoldWithoutClass {
                repeat: self.repeat,
                fold: self.fold,
                class,
            },
            other => other,
        }
    }

    /// What must be equal in two arms for one row.
    fn case(&self, row: usize) -> Case {
        Case {
            repeat: self.repeat,
            fold: self.fold,
            sample: self.samples[row],
            cluster: self.clusters[row],
            label: self.labels[row],
        }
    }
}

/// The paired comparison of two arms scored on the same cases in the same folds: fold by fold, the difference of the
/// metric; its clustered variance is that of the differences of the patients' components.
///
/// # Errors
/// [`StatsError::NotPaired`] with the first case that differs; otherwise as [`CrossValidated::estimate`] for either arm.
pub fn compare(a: &CrossValidated, b: &CrossValidated, metric: Metric, level: f64) -> Result<Comparison, StatsError> {
    check_paired(a, b)?;
    let (of_a, of_b) = (a.components(metric)?, b.components(metric)?);
    let differences: Vec<Components> = of_a.iter().zip(&of_b).map(|(a, b)| a.minus(b)).collect();
    let difference = Difference::new(mean(&of_a).0, mean(&of_b).0, mean(&differences).1, level)?;
    Ok(Comparison {
        difference,
        folds: a.fold_values(&differences),
    })
}

fn check_paired(a: &CrossValidated, b: &CrossValidated) -> Result<(), StatsError> {
    let cases = |arm: &CrossValidated| -> Vec<Case> {
        arm.members
            .iter()
            .flat_map(|member| (0..member.labels.len()).map(|row| member.case(row)))
            .collect()
    };
    let (of_a, of_b) = (cases(a), cases(b));
    let describe = |case: &Case| {
        let Case {
            repeat,
            fold,
            sample,
            cluster,
            label,
        } = case;
        format!("sample {sample} (cluster {cluster}, label {label}) in fold {fold} of repeat {repeat}")
    };
    if let Some((first, second)) = of_a.iter().zip(&of_b).find(|(a, b)| a != b) {
        return Err(StatsError::NotPaired {
            first: describe(first),
            second: describe(second),
        });
    }
    let shape = |arm: &CrossValidated, cases: &[Case]| format!("{} cases of {} classes", cases.len(), arm.classes);
    if of_a.len() != of_b.len() || (a.classes, a.width) != (b.classes, b.width) {
        return Err(StatsError::NotPaired {
            first: shape(a, &of_a),
            second: shape(b, &of_b),
        });
    }
    Ok(())
}

/// Every sample once in a repeat, every cluster in one fold of a repeat.
fn check_folds(cases: &[Case]) -> Result<(), StatsError> {
    let mut samples = BTreeSet::new();
    let mut folds = BTreeMap::new();
    for &Case {
        repeat,
        fold,
        sample,
        cluster,
        ..
    } in cases
    {
        if !samples.insert((repeat, sample)) {
            return Err(StatsError::DuplicateSample { sample, repeat });
        }
        let first = *folds.entry((repeat, cluster)).or_insert(fold);
        if first != fold {
            return Err(StatsError::ClusterInTwoFolds {
                cluster,
                repeat,
                first,
                second: fold,
            });
        }
    }
    Ok(())
}
