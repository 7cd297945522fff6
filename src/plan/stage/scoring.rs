//! Where the scores of a cell's member come from: one model, one of several, or several together.

use serde::{Deserialize, Serialize};

/// The models behind a member's scores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scoring {
    /// One model.
    Model {
        /// Its scores, by place in [`super::Design::scores`].
        scores: usize,
        /// Its training stages, oldest first, by place in [`super::Design::trainings`].
        trainings: Vec<usize>,
    },
    /// The one of several that does best on the tuning part.
    Chosen(Box<Chosen>),
    /// The mean of the probabilities of several.
    Mean(Vec<Scoring>),
}

/// A choice among models, made on the tuning part alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// The axis along which they differ.
    pub axis: String,
    /// By what is chosen; of equal ones the first.
    pub by: Measure,
    /// The settings of trainings in which the candidates differ: `lr`.
    pub tunes: Vec<String>,
    /// The axes over whose labels the measure is averaged before.
    pub pool: Vec<String>,
    /// The candidates, in the order of the axis.
    pub candidates: Vec<Candidate>,
}

/// A model that may be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its label on the axis.
    pub label: String,
    /// Its scores.
    pub scoring: Scoring,
    /// The others whose measures are averaged with its own.
    pub pool: Vec<Scoring>,
}

/// What a choice is made by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Measure {
    /// Mean cross-entropy; the smallest is best.
    Loss,
    /// AUC, of more than two classes Hand and Till's M; the largest is best.
    Auc,
}

impl Measure {
    /// The measure that the language names by `word`.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "loss" => Some(Self::Loss),
            "auc" => Some(Self::Auc),
            _ => None,
        }
    }

    /// In words, as a report says it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Auc => "AUC",
        }
    }
}

impl Scoring {
    /// Calls `see` with the scores and the trainings of every model, those that may be chosen included.
    pub fn each_model(&self, see: &mut dyn FnMut(usize, &[usize])) {
        match self {
            Self::Model { scores, trainings } => see(*scores, trainings),
            Self::Chosen(chosen) => {
                for candidate in &chosen.candidates {
                    candidate.scoring.each_model(see);
                    candidate.pool.iter().for_each(|other| other.each_model(see));
                }
            }
            Self::Mean(all) => all.iter().for_each(|one| one.each_model(see)),
        }
    }

    /// The training stages behind the scores, each once, when `pick` says which candidate is chosen.
    pub fn trainings(&self, pick: &dyn Fn(&Chosen) -> usize) -> Vec<usize> {
        let mut found = Vec::new();
        self.add_trainings(pick, &mut found);
        found
    }

    fn add_trainings(&self, pick: &dyn Fn(&Chosen) -> usize, found: &mut Vec<usize>) {
        match self {
            Self::Model { trainings, .. } => {
                for training in trainings {
                    if !found.contains(training) {
                        found.push(*training);
                    }
                }
            }
            Self::Chosen(chosen) => {
                if let Some(candidate) = chosen.candidates.get(pick(chosen)) {
                    candidate.scoring.add_trainings(pick, found);
                }
            }
            Self::Mean(all) => all.iter().for_each(|one| one.add_trainings(pick, found)),
        }
    }

    /// The choices that are made, outermost first, along the first candidate and the first model of a mean.
    #[must_use]
    pub fn choices(&self) -> Vec<&Chosen> {
        match self {
            Self::Model { .. } => Vec::new(),
            Self::Chosen(chosen) => {
                let inner = chosen.candidates.first().map(|candidate| candidate.scoring.choices());
                std::iter::once(&**chosen).chain(inner.into_iter().flatten()).collect()
            }
            Self::Mean(all) => all.first().map(Self::choices).unwrap_or_default(),
        }
    }
}
