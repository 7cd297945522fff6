//! What each cluster (patient) contributes to an AUC: the components that clustered variances are made of.
//!
//! Obuchowski 1997 (Biometrics 53:567) sums DeLong's components within clusters. An average of AUCs (Hand-Till,
//! one-vs-rest, the mean over folds) has the averages of their components, so one machinery serves them all.

use std::collections::BTreeMap;

use super::error::{MAX_CASES, StatsError, check_finite, check_labels, check_length};
use super::placements::Placements;

/// The cases of one fitted model: `labels` in `0..classes`, a cluster each, and `width` scores each, row-major.
#[derive(Clone, Copy)]
pub(super) struct Cases<'a> {
    pub(super) labels: &'a [u32],
    pub(super) clusters: &'a [u32],
    pub(super) scores: &'a [f64],
    pub(super) width: usize,
}

impl Cases<'_> {
    /// Fails on lengths that differ, labels outside `0..classes`, scores that are not finite, or too many cases.
    pub(super) fn check(&self, classes: usize) -> Result<(), StatsError> {
        check_length("clusters", self.labels.len(), self.clusters.len())?;
        check_length("scores", self.labels.len() * self.width, self.scores.len())?;
        check_labels(self.labels, classes)?;
        check_finite("score", self.scores, self.width)?;
        if self.labels.len() > MAX_CASES {
            return Err(StatsError::TooManyCases {
                found: self.labels.len(),
            });
        }
        Ok(())
    }
}

/// Which cases a class is ranked against.
#[derive(Clone, Copy)]
pub(super) enum Against {
    /// Those of one other class.
    Class(u32),
    /// All others.
    Rest,
}

/// One AUC in a mean of AUCs: `positive` against others, ranked by one column of the scores.
#[derive(Clone, Copy)]
pub(super) struct Term {
    pub(super) positive: u32,
    pub(super) against: Against,
    pub(super) column: usize,
}

/// A mean of AUCs and the deviation of each cluster, apart by true class.
pub(super) struct Deviations {
    /// The mean.
    pub(super) value: f64,
    /// Cluster numbers, rising.
    clusters: Vec<u32>,
    classes: usize,
    /// `[clusters, classes]`: for a plain AUC, (X_i - m_i A)/M in the column of the positives and (Y_i - n_i A)/N in that
    /// of the negatives, in the words of Obuchowski 1997.
    deviations: Vec<f64>,
    /// For each class, the number of clusters with a case of it.
    clusters_of_class: Vec<usize>,
}

impl Deviations {
    /// Ranks the cases once for every term. The caller has checked them (see [`Cases::check`]).
    ///
    /// # Errors
    /// [`StatsError::MissingClass`] when a class has no case.
    pub(super) fn new(cases: Cases<'_>, classes: usize, terms: &[Term]) -> Result<Self, StatsError> {
        let mut clusters = cases.clusters.to_vec();
        clusters.sort_unstable();
        clusters.dedup();
        // The cell of each row in a [clusters, classes] table.
        let cell: Vec<usize> = (cases.clusters.iter().zip(cases.labels))
            .map(|(cluster, &label)| clusters.partition_point(|c| c < cluster) * classes + label as usize)
            .collect();
        let mut count = vec![0u64; clusters.len() * classes];
        for &at in &cell {
            count[at] += 1;
        }
        let clusters_of_class: Vec<usize> = (0..classes)
            .map(|class| count.chunks_exact(classes).filter(|row| row[class] > 0).count())
            .collect();
        if let Some(class) = clusters_of_class.iter().position(|&clusters| clusters == 0) {
            return Err(StatsError::MissingClass { class: class as u32 });
        }
        let mut value = 0.0;
        let mut deviations = vec![0.0; count.len()];
        for term in terms {
            value += add_term(cases, *term, &cell, &count, classes, &mut deviations);
        }
        // Divided last, so that the mean of ones is one.
        let terms = terms.len() as f64;
        value /= terms;
        deviations.iter_mut().for_each(|deviation| *deviation /= terms);
        Ok(Deviations {
            value,
            clusters,
            classes,
            deviations,
            clusters_of_class,
        })
    }

    /// The factor I_c / (I_c - 1) of each class and I / (I - 1) of all clusters; `None` when a class is in one cluster only.
    pub(super) fn factors(&self) -> Option<(Vec<f64>, f64)> {
        let factor = |clusters: usize| clusters as f64 / (clusters as f64 - 1.0);
        let of_class = &self.clusters_of_class;
        let defined = of_class.iter().all(|&clusters| clusters >= 2);
        defined.then(|| {
            (
                of_class.iter().map(|&c| factor(c)).collect(),
                factor(self.clusters.len()),
            )
        })
    }

    /// The sum over clusters of the products of two classes' deviations.
    pub(super) fn products(&self, class: usize, other: usize) -> f64 {
        self.deviations
            .chunks_exact(self.classes)
            .map(|row| row[class] * row[other])
            .sum()
    }

    /// The components whose squares add up to the variance.
    ///
    /// Obuchowski's variance, with factors f_c of the classes and f of all clusters, is
    /// `sum_i (f u_i^2 + sum_c (f_c - f) x_ci^2)` with `x_ci` a cluster's deviation in class c and `u_i` their sum: the
    /// expansion of S10/M + S01/N + 2 S11/(MN). Since I_c <= I, no term is negative, and each is the square of one number.
    pub(super) fn components(&self) -> Components {
        let width = self.classes + 1;
        let values = self.factors().map(|(of_class, all)| {
            let roots: Vec<f64> = of_class.iter().map(|factor| (factor - all).max(0.0).sqrt()).collect();
            let mut values = Vec::with_capacity(self.clusters.len() * width);
            for row in self.deviations.chunks_exact(self.classes) {
                values.push(all.sqrt() * row.iter().sum::<f64>());
                values.extend(row.iter().zip(&roots).map(|(deviation, root)| deviation * root));
            }
            values
        });
        Components {
            value: self.value,
            clusters: self.clusters.clone(),
            width,
            values,
        }
    }
}

/// Adds one AUC's deviations into the `[clusters, classes]` table; returns the AUC.
fn add_term(
    cases: Cases<'_>,
    term: Term,
    cell: &[usize],
    count: &[u64],
    classes: usize,
    deviations: &mut [f64],
) -> f64 {
    let is_negative = |label: u32| match term.against {
        Against::Class(class) => label == class,
        Against::Rest => label != term.positive,
    };
    let rows_where = |chosen: &dyn Fn(u32) -> bool| -> Vec<usize> {
        cases
            .labels
            .iter()
            .enumerate()
            .filter(|(_, label)| chosen(**label))
            .map(|(row, _)| row)
            .collect()
    };
    let (positive, negative) = (rows_where(&|label| label == term.positive), rows_where(&is_negative));
    let scores = |rows: &[usize]| -> Vec<f64> {
        rows.iter()
            .map(|row| cases.scores[row * cases.width + term.column])
            .collect()
    };
    let placements = Placements::new(&scores(&positive), &scores(&negative));
    let mut wins = vec![0u64; count.len()];
    for (row, own) in positive
        .iter()
        .zip(&placements.positive)
        .chain(negative.iter().zip(&placements.negative))
    {
        wins[cell[*row]] += own;
    }
    let pairs = 2.0 * positive.len() as f64 * negative.len() as f64;
    for (at, deviation) in deviations.iter_mut().enumerate() {
        let label = (at % classes) as u32;
        let cases_of_side = match label {
            _ if label == term.positive => positive.len(),
            _ if is_negative(label) => negative.len(),
            _ => continue,
        };
        // Exact: (wins - count * mean wins of the side) times the number of cases of the side.
        let centred = cases_of_side as i128 * i128::from(wins[at]) - i128::from(count[at]) * i128::from(placements.won);
        *deviation += centred as f64 / pairs / cases_of_side as f64;
    }
    placements.auc()
}

/// A statistic of one fitted model and what each cluster contributes to its variance.
#[derive(Clone)]
pub(super) struct Components {
    /// The statistic.
    pub(super) value: f64,
    clusters: Vec<u32>,
    width: usize,
    /// `[clusters, width]`; the variance is the sum of squares. `None` when a class is in one cluster only.
    values: Option<Vec<f64>>,
}

impl Components {
    /// The difference of two models' statistics on the same cases: components subtract as the statistics do.
    pub(super) fn minus(&self, other: &Self) -> Self {
        let values = self.values.as_ref().zip(other.values.as_ref());
        let values = values.map(|(a, b)| a.iter().zip(b).map(|(a, b)| a - b).collect());
        Components {
            value: self.value - other.value,
            clusters: self.clusters.clone(),
            width: self.width,
            values,
        }
    }

    /// The covariance of two models' statistics on the same cases.
    pub(super) fn covariance(&self, other: &Self) -> Option<f64> {
        let (a, b) = self.values.as_ref().zip(other.values.as_ref())?;
        Some(a.iter().zip(b).map(|(a, b)| a * b).sum())
    }
}

/// The mean of several models' statistics and its variance. A cluster's components are averaged over the models first:
/// a cluster tested by several models (repeats) is one unit, clusters tested by one model each (folds) are independent.
pub(super) fn mean(members: &[Components]) -> (f64, Option<f64>) {
    let models = members.len() as f64;
    let value = members.iter().map(|member| member.value).sum::<f64>() / models;
    let mut sums: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for member in members {
        let Some(values) = &member.values else {
            return (value, None);
        };
        for (cluster, row) in member.clusters.iter().zip(values.chunks_exact(member.width)) {
            let sum = sums.entry(*cluster).or_insert_with(|| vec![0.0; member.width]);
            sum.iter_mut().zip(row).for_each(|(sum, component)| *sum += component);
        }
    }
    let variance = sums.values().flatten().map(|sum| (sum / models) * (sum / models)).sum();
    (value, Some(variance))
}
