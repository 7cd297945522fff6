//! Which of several candidates is best, and how good the best really is: bootstrap of patients within folds.
//!
//! The winner of a comparison on the same cases looks better than it is. Tsamardinos, Greasidou & Borboudakis 2018
//! ("Bootstrapping the out-of-sample predictions for efficient and accurate cross-validation", Machine Learning 107:1895,
//! BBC-CV) resample the cases of the stored predictions: in each draw the best candidate is found on the cases drawn, and
//! judged on those that were not; the mean of the latter is corrected for the choice. Here patients are drawn instead of
//! cases, within the folds of the first repeat, and values are averaged over folds as everywhere in this crate.

use super::error::{StatsError, check_finite, check_labels, check_length, check_parameter};
use std::collections::BTreeMap;

/// The test cases of one fold of one repeat.
#[derive(Clone, Debug)]
pub struct Fold {
    /// Repeat.
    pub repeat: u32,
    /// The patient of each case.
    pub clusters: Vec<u32>,
    /// The class of each case.
    pub labels: Vec<u32>,
}

/// What the best is chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The largest AUC; of several classes Hand and Till's M.
    Auc,
    /// The smallest mean cross-entropy.
    Loss,
}

/// A candidate's place among the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Its AUC, the mean over folds.
    pub auc: f64,
    /// Its mean cross-entropy in nats, the mean over folds.
    pub loss: f64,
    /// The share of draws in which it is best; equal ones share a draw.
    pub best: f64,
}

/// The candidates ranked.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// In the order of the candidates.
    pub places: Vec<Place>,
    /// The best on all cases; of equal ones the first.
    pub winner: usize,
    /// The winner's AUC corrected for its choice: mean of the AUCs out of bag; `None` when no draw has one.
    pub corrected: Option<f64>,
    /// The 2.5 and 97.5 % quantiles of the AUCs out of bag.
    pub interval: Option<[f64; 2]>,
    /// Draws in which an AUC is defined in bag and out of bag.
    pub used: u32,
}

/// Ranks candidates. `probabilities[candidate][fold]` is row-major `[cases, classes]`; of two classes the positive one is
/// 0. `uniform(draw, index)` gives numbers in `0..1`; so many `draws` are made.
///
/// # Errors
/// No candidate, fold or draw; lengths that differ; labels that are no class; probabilities that are not finite; a fold
/// without a class ([`StatsError::MissingClass`]).
pub fn rank(
    folds: &[Fold],
    probabilities: &[Vec<Vec<f64>>],
    classes: usize,
    by: By,
    draws: u32,
    uniform: &dyn Fn(u32, u64) -> f64,
) -> Result<Ranking, StatsError> {
    check_parameter("number of classes", classes as f64, classes >= 2, "at least 2")?;
    check_parameter("number of draws", f64::from(draws), draws > 0, "at least 1")?;
    let at_least_one = |what, count: usize| check_parameter(what, count as f64, count > 0, "at least 1");
    at_least_one("number of candidates", probabilities.len())?;
    at_least_one("number of folds", folds.len())?;
    let mut scored = Vec::with_capacity(probabilities.len());
    for candidate in probabilities {
        check_length("folds of a candidate", folds.len(), candidate.len())?;
        let each = folds
            .iter()
            .zip(candidate)
            .map(|(fold, rows)| Scored::new(fold, rows, classes));
        scored.push(each.collect::<Result<Vec<_>, _>>()?);
    }
    let ones: Vec<Vec<f64>> = folds.iter().map(|fold| vec![1.0; fold.labels.len()]).collect();
    let whole = |candidate: &Vec<Scored>| {
        Some((
            average(candidate, &ones, Scored::auc)?,
            average(candidate, &ones, Scored::loss)?,
        ))
    };
    let values: Option<Vec<(f64, f64)>> = scored.iter().map(whole).collect();
    let values = values.ok_or(StatsError::MissingClass { class: 0 })?;
    let strata = strata(folds);
    let mut tally = Tally::new(scored.len());
    for draw in 0..draws {
        let weights = drawn(&strata, &|index| uniform(draw, index));
        tally.add(folds, &scored, &weights, by);
    }
    let winner = best(&values.iter().map(|value| goodness(by, *value)).collect::<Vec<_>>())
        .first()
        .copied();
    let (corrected, interval) = tally.corrected();
    Ok(Ranking {
        places: values
            .iter()
            .zip(&tally.wins)
            .map(|(&(auc, loss), &wins)| Place {
                auc,
                loss,
                best: wins / f64::from(tally.decided.max(1)),
            })
            .collect(),
        winner: winner.unwrap_or(0),
        corrected,
        interval,
        used: tally.out_of_bag.len() as u32,
    })
}

/// Larger is better.
fn goodness(by: By, (auc, loss): (f64, f64)) -> f64 {
    match by {
        By::Auc => auc,
        By::Loss => -loss,
    }
}

/// The places of the largest values, rising.
fn best(values: &[f64]) -> Vec<usize> {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (0..values.len()).filter(|&at| values[at] >= largest).collect()
}

/// What the draws have shown so far.
struct Tally {
    /// Draws in which the best is known.
    decided: u32,
    wins: Vec<f64>,
    out_of_bag: Vec<f64>,
}

impl Tally {
    fn new(candidates: usize) -> Self {
        Self {
            decided: 0,
            wins: vec![0.0; candidates],
            out_of_bag: Vec::new(),
        }
    }

    fn add(&mut self, folds: &[Fold], scored: &[Vec<Scored>], drawn: &BTreeMap<u32, u32>, by: By) {
        let weights = |weight: &dyn Fn(u32) -> f64| -> Vec<Vec<f64>> {
            let of_fold = |fold: &Fold| {
                let drawn = fold
                    .clusters
                    .iter()
                    .map(|cluster| drawn.get(cluster).copied().unwrap_or(0));
                drawn.map(weight).collect()
            };
            folds.iter().map(of_fold).collect()
        };
        let in_bag = weights(&f64::from);
        let value = |candidate: &Vec<Scored>| match by {
            By::Auc => average(candidate, &in_bag, Scored::auc),
            By::Loss => average(candidate, &in_bag, Scored::loss).map(|loss| -loss),
        };
        let values: Option<Vec<f64>> = scored.iter().map(value).collect();
        let Some(values) = values else { return };
        let winners = best(&values);
        self.decided += 1;
        for &winner in &winners {
            self.wins[winner] += 1.0 / winners.len() as f64;
        }
        let outside = weights(&|drawn| if drawn == 0 { 1.0 } else { 0.0 });
        let judged = winners
            .first()
            .and_then(|&winner| average(&scored[winner], &outside, Scored::auc));
        self.out_of_bag.extend(judged);
    }

    fn corrected(&mut self) -> (Option<f64>, Option<[f64; 2]>) {
        if self.out_of_bag.is_empty() {
            return (None, None);
        }
        let mean = self.out_of_bag.iter().sum::<f64>() / self.out_of_bag.len() as f64;
        self.out_of_bag.sort_by(f64::total_cmp);
        let quantile = |share: f64| {
            let place = (share * (self.out_of_bag.len() - 1) as f64).round() as usize;
            self.out_of_bag[place]
        };
        (Some(mean), Some([quantile(0.025), quantile(0.975)]))
    }
}

/// The patients of each stratum: those of a fold of the first repeat.
fn strata(folds: &[Fold]) -> Vec<Vec<u32>> {
    let first = folds.iter().map(|fold| fold.repeat).min().unwrap_or(0);
    let mut of: BTreeMap<u32, usize> = BTreeMap::new();
    for (place, fold) in folds.iter().enumerate().filter(|(_, fold)| fold.repeat == first) {
        for cluster in &fold.clusters {
            of.entry(*cluster).or_insert(place);
        }
    }
    // Patients of later repeats alone, which a whole cross-validation does not have, are a stratum of their own.
    for cluster in folds.iter().flat_map(|fold| &fold.clusters) {
        of.entry(*cluster).or_insert(folds.len());
    }
    let mut strata = vec![Vec::new(); folds.len() + 1];
    for (cluster, place) in of {
        strata[place].push(cluster);
    }
    strata.retain(|stratum| !stratum.is_empty());
    strata
}

/// How often each patient is drawn.
fn drawn(strata: &[Vec<u32>], uniform: &dyn Fn(u64) -> f64) -> BTreeMap<u32, u32> {
    let mut drawn: BTreeMap<u32, u32> = BTreeMap::new();
    let mut index = 0;
    for stratum in strata {
        for _ in 0..stratum.len() {
            let place = (uniform(index) * stratum.len() as f64) as usize;
            if let Some(cluster) = stratum.get(place.min(stratum.len() - 1)) {
                *drawn.entry(*cluster).or_insert(0) += 1;
            }
            index += 1;
        }
    }
    drawn
}

/// The mean over the folds in which a value is defined.
fn average(candidate: &[Scored], weights: &[Vec<f64>], value: fn(&Scored, &[f64]) -> Option<f64>) -> Option<f64> {
    let values: Vec<f64> = candidate
        .iter()
        .zip(weights)
        .filter_map(|(fold, weights)| value(fold, weights))
        .collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The cases of one fold as one candidate ranks them.
struct Scored {
    labels: Vec<u32>,
    losses: Vec<f64>,
    /// Every AUC that is averaged: positive and negative class, cases by rising score with equal ones together.
    terms: Vec<(u32, u32, Vec<Vec<usize>>)>,
}

impl Scored {
    fn new(fold: &Fold, rows: &[f64], classes: usize) -> Result<Self, StatsError> {
        check_length("clusters", fold.labels.len(), fold.clusters.len())?;
        check_length("probabilities", fold.labels.len() * classes, rows.len())?;
        check_labels(&fold.labels, classes)?;
        check_finite("probability", rows, classes)?;
        if let Some(class) = (0..classes as u32).find(|class| !fold.labels.contains(class)) {
            return Err(StatsError::MissingClass { class });
        }
        let pairs: Vec<(u32, u32)> = if classes == 2 {
            vec![(0, 1)]
        } else {
            let all = 0..classes as u32;
            all.clone()
                .flat_map(|one| all.clone().map(move |other| (one, other)))
                .filter(|(one, other)| one != other)
                .collect()
        };
        let terms = pairs.into_iter().map(|(positive, negative)| {
            let score = |row: &usize| rows[row * classes + positive as usize];
            let mut order: Vec<usize> = (0..fold.labels.len())
                .filter(|&row| [positive, negative].contains(&fold.labels[row]))
                .collect();
            order.sort_by(|a, b| score(a).total_cmp(&score(b)));
            let ties = order.chunk_by(|a, b| score(a) == score(b)).map(<[usize]>::to_vec);
            (positive, negative, ties.collect())
        });
        let losses = fold
            .labels
            .iter()
            .enumerate()
            .map(|(row, &label)| -rows[row * classes + label as usize].ln());
        Ok(Self {
            labels: fold.labels.clone(),
            losses: losses.collect(),
            terms: terms.collect(),
        })
    }

    /// The AUC with a weight for each case; none when a class has no weight.
    fn auc(&self, weights: &[f64]) -> Option<f64> {
        let mut sum = 0.0;
        for (positive, negative, ties) in &self.terms {
            let (mut won, mut below, mut positives) = (0.0, 0.0, 0.0);
            for tie in ties {
                let of = |class: u32| -> f64 {
                    let rows = tie.iter().filter(|&&row| self.labels[row] == class);
                    rows.map(|&row| weights[row]).sum()
                };
                let (ours, theirs) = (of(*positive), of(*negative));
                won += ours * (below + 0.5 * theirs);
                below += theirs;
                positives += ours;
            }
            if positives == 0.0 || below == 0.0 {
                return None;
            }
            sum += won / (positives * below);
        }
        Some(sum / self.terms.len() as f64)
    }

    /// The weighted mean of the losses.
    fn loss(&self, weights: &[f64]) -> Option<f64> {
        let total: f64 = weights.iter().sum();
        let sum: f64 = self
            .losses
            .iter()
            .zip(weights)
            .filter(|(_, weight)| **weight > 0.0)
            .map(|(loss, weight)| loss * weight)
            .sum();
        (total > 0.0).then(|| sum / total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::roc;
    use proptest::prelude::*;

    /// SplitMix64 (Steele, Lea & Flood 2014), by draw and index.
    fn uniform(draw: u32, index: u64) -> f64 {
        let mut z = (u64::from(draw) << 32 | index)
            .wrapping_add(1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn folds(patients: u32) -> Vec<Fold> {
        let fold = |number: u32| {
            let own: Vec<u32> = (0..patients).filter(|patient| patient % 2 == number).collect();
            Fold {
                repeat: 0,
                labels: own.iter().map(|patient| patient / 2 % 2).collect(),
                clusters: own,
            }
        };
        vec![fold(0), fold(1)]
    }

    /// A candidate whose probability of class 0 is its class's plus noise.
    fn candidate(folds: &[Fold], signal: f64, seed: u32) -> Vec<Vec<f64>> {
        let row = |cluster: u32, label: u32| {
            let p = (0.4 + if label == 0 { signal } else { 0.0 } + 0.4 * (uniform(seed, u64::from(cluster)) - 0.5))
                .clamp(0.01, 0.99);
            [p, 1.0 - p]
        };
        folds
            .iter()
            .map(|fold| {
                fold.clusters
                    .iter()
                    .zip(&fold.labels)
                    .flat_map(|(&c, &l)| row(c, l))
                    .collect()
            })
            .collect()
    }

    #[test]
    fn a_clear_winner_is_always_best_and_its_auc_is_kept() {
        let folds = folds(80);
        let all = [candidate(&folds, 0.0, 91), candidate(&folds, 0.5, 92)];
        let ranking = rank(&folds, &all, 2, By::Auc, 200, &uniform).unwrap();
        assert_eq!(
            (ranking.winner, ranking.places[1].auc, ranking.places[1].best),
            (1, 1.0, 1.0)
        );
        assert_eq!(
            (ranking.corrected, ranking.interval, ranking.used),
            (Some(1.0), Some([1.0, 1.0]), 200)
        );
        assert_eq!(rank(&folds, &all, 2, By::Loss, 50, &uniform).unwrap().winner, 1);
    }

    #[test]
    fn the_best_of_equal_recipes_is_corrected_downwards() {
        // Twenty candidates that know nothing: the largest of their AUCs is over 0.5, what is corrected is near it.
        let folds = folds(100);
        let all: Vec<_> = (0..20).map(|seed| candidate(&folds, 0.0, 1000 + seed)).collect();
        let ranking = rank(&folds, &all, 2, By::Auc, 500, &uniform).unwrap();
        let naive = ranking.places[ranking.winner].auc;
        let corrected = ranking.corrected.unwrap();
        assert!(naive > 0.55 && corrected < naive - 0.02, "{naive} {corrected}");
        let shares: f64 = ranking.places.iter().map(|place| place.best).sum();
        assert!((shares - 1.0).abs() < 1e-9);
    }

    #[test]
    fn equal_candidates_share_every_draw_and_the_first_wins() {
        let folds = folds(40);
        let one = candidate(&folds, 0.1, 5);
        let ranking = rank(&folds, &[one.clone(), one], 2, By::Auc, 50, &uniform).unwrap();
        assert_eq!(
            (ranking.winner, ranking.places[0].best, ranking.places[1].best),
            (0, 0.5, 0.5)
        );
    }

    #[test]
    fn what_cannot_be_ranked_is_refused() {
        let folds = folds(40);
        let one = candidate(&folds, 0.1, 5);
        assert!(rank(&folds, &[], 2, By::Auc, 10, &uniform).is_err());
        assert!(rank(&folds, std::slice::from_ref(&one), 2, By::Auc, 0, &uniform).is_err());
        let mut short = one.clone();
        short[0].pop();
        assert!(rank(&folds, &[one, short], 2, By::Auc, 10, &uniform).is_err());
    }

    proptest! {
        #[test]
        fn weights_of_one_give_the_plain_auc_and_whole_weights_repeat_cases(
            rows in prop::collection::vec((0u32..2, 0u32..8, 0u32..4), 6..40),
        ) {
            let mut rows = rows;
            for (at, row) in rows.iter_mut().take(4).enumerate() {
                (row.0, row.2) = (at as u32 % 2, 1 + row.2 % 3);
            }
            let probabilities: Vec<f64> = rows.iter().flat_map(|row| [f64::from(row.1) / 10.0, 1.0 - f64::from(row.1) / 10.0]).collect();
            let fold = Fold {
                repeat: 0,
                clusters: (0..rows.len() as u32).collect(),
                labels: rows.iter().map(|row| row.0).collect(),
            };
            let scored = Scored::new(&fold, &probabilities, 2)?;
            // `roc::auc` takes label 1 as the positive one.
            let plain = |rows: &[(u32, u32, u32)]| {
                let labels: Vec<u32> = rows.iter().map(|row| 1 - row.0).collect();
                roc::auc(&labels, &rows.iter().map(|row| f64::from(row.1) / 10.0).collect::<Vec<_>>())
            };
            let ones = vec![1.0; rows.len()];
            prop_assert!((scored.auc(&ones).unwrap() - plain(&rows)?).abs() < 1e-12);
            let weights: Vec<f64> = rows.iter().map(|row| f64::from(row.2)).collect();
            let repeated: Vec<_> = rows.iter().flat_map(|row| std::iter::repeat_n(*row, row.2 as usize)).collect();
            prop_assert!((scored.auc(&weights).unwrap() - plain(&repeated)?).abs() < 1e-12);
        }
    }
}
