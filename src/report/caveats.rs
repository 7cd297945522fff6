//! What must be said beside the results, and when.
//!
//! Caveats about a data set itself come from the data set's card; those about the design follow from the facts below.
//! The sizes and coverages in [`Facts::caveats`] C7 and C8 were simulated: two images a patient, linear learners, 240 to
//! 890 patients, 3 to 5 folds.

use super::model::{Caveat, Interval};
use super::{numbers, words};
use crate::plan::stage::Unmatched;

/// Repeats from which a test of strategies is made at all.
const REPEATS_FOR_STRATEGY: u32 = 3;

/// What decides which caveats apply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Statements of the data sets' cards.
    pub cards: Vec<String>,
    /// Trivial baselines, one per task that has one.
    pub trivial: Vec<Trivial>,
    /// Comparisons of arms with unequal budgets.
    pub unequal: Vec<Unequal>,
    /// Learning rates, when none was tuned or some were not.
    pub untuned: Option<Untuned>,
    /// Arms whose learning rate was chosen on the tuning part.
    pub tuned: Option<Tuned>,
    /// Weight files whose training data are not declared.
    pub undeclared_weights: Vec<String>,
    /// Pairs of data sets without a common patient identifier.
    pub unmatched: Vec<Unmatched>,
    /// Folds of the cross-validation; 1 for one split.
    pub folds: u32,
    /// Repeats of the cross-validation.
    pub repeats: u32,
    /// Runs of one recipe that are taken together.
    pub runs: u32,
    /// Number of comparisons.
    pub comparisons: usize,
    /// Whether a test that decides is about the trained models alone.
    pub about_models: bool,
    /// What a test passes over that takes samples as independent.
    pub independent: Option<Independent>,
    /// Power, one per task with a comparison.
    pub power: Vec<Power>,
    /// For a study after Clancy et al. 2020: the number of listed choices.
    pub after_clancy: Option<usize>,
}

/// A logistic regression on global numbers of each picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Trivial {
    /// The task, named when there are several.
    pub task: Option<String>,
    /// How many numbers it knows.
    pub features: usize,
    /// Its AUC.
    pub auc: f64,
    /// Its interval.
    pub interval: Option<Interval>,
}

/// An arm that was trained for longer or shorter than its baseline; pictures and steps of one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unequal {
    /// The arm.
    pub arm: String,
    /// Pictures that it saw.
    pub pictures: u64,
    /// Its optimiser steps.
    pub steps: u64,
    /// The baseline.
    pub baseline: String,
    /// Pictures that the baseline saw.
    pub baseline_pictures: u64,
    /// The arm that gives the baseline the same budget, if the program has one.
    pub control: Option<String>,
}

/// Learning rates that were not tuned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untuned {
    /// The different rates, as the language writes them.
    pub rates: Vec<String>,
    /// Whether they are defaults.
    pub default: bool,
}

/// Arms whose learning rate was chosen in every fold on its tuning part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tuned {
    /// By what: `loss`, `AUC`.
    pub by: String,
    /// The candidates, as their axis labels them.
    pub candidates: Vec<String>,
    /// The arms.
    pub arms: Vec<String>,
    /// The arms whose rate was not chosen.
    pub others: Vec<String>,
}

/// Groups with several samples, where a test takes samples as independent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Independent {
    /// Tested groups with several samples.
    pub repeated: usize,
    /// Tested groups.
    pub groups: usize,
    /// Their plural noun.
    pub noun: String,
}

/// What a task's cohort could show.
#[derive(Clone, Debug, PartialEq)]
pub struct Power {
    /// The task, named when there are several.
    pub task: Option<String>,
    /// Groups per class.
    pub groups: Vec<usize>,
    /// Their plural noun.
    pub noun: String,
    /// The smallest difference that was likely to be shown.
    pub mde: f64,
}

impl Facts {
    /// The caveats that apply, in the order of printing.
    #[must_use]
    pub fn caveats(&self) -> Vec<Caveat> {
        let mut caveats = Vec::new();
        let mut add = |code: &str, text: String| {
            caveats.push(Caveat {
                code: code.to_owned(),
                text,
            })
        };
        self.cards.iter().for_each(|card| add("card", card.clone()));
        self.trivial.iter().for_each(|trivial| add("C3", trivial.text()));
        self.alike().iter().for_each(|arms| add("C4", budget(arms)));
        match (&self.tuned, &self.untuned) {
            (Some(tuned), _) => add("C5", tuned.text()),
            (None, Some(untuned)) => add("C5", untuned.text()),
            (None, None) => {}
        }
        self.undeclared_weights
            .iter()
            .for_each(|file| add("C6", undeclared(file)));
        self.unmatched.iter().for_each(|pair| add("C6", no_identifier(pair)));
        if self.comparisons > 0 && self.repeats < REPEATS_FOR_STRATEGY {
            add("C7", few_runs(self.repeats, self.runs));
        } else if self.comparisons > 0 && self.about_models {
            add("C7", ABOUT_MODELS.to_owned());
        }
        if self.folds > 1 {
            add("C8", INTERVAL.to_owned());
        }
        self.power.iter().for_each(|power| add("C9", power.text()));
        self.independent
            .iter()
            .for_each(|independent| add("C13", independent.text()));
        self.after_clancy
            .iter()
            .for_each(|&choices| add("C11", after_clancy(choices)));
        caveats
    }
}

impl Facts {
    /// Arms of one budget beside one baseline, so that a large grid is said in few sentences.
    fn alike(&self) -> Vec<Vec<&Unequal>> {
        let key = |one: &Unequal| Unequal {
            arm: String::new(),
            ..one.clone()
        };
        let mut groups: Vec<Vec<&Unequal>> = Vec::new();
        for unequal in &self.unequal {
            match groups.iter_mut().find(|group| key(group[0]) == key(unequal)) {
                Some(group) => group.push(unequal),
                None => groups.push(vec![unequal]),
            }
        }
        groups
    }
}

const INTERVAL: &str = "Intervals treat the fitted models as given and are approximate under cross-validation \
                        (measured coverage 84-94 % for a nominal 95 %).";

const ABOUT_MODELS: &str = "The test that the program asks for compares the trained models, not the strategies: its \
                            p-values are too small for the latter (5 % tests reject 10-16 % in our simulations with \
                            three repeats).";

/// A caveat's subject in a word or two, for the head of a page.
#[must_use]
pub fn name(code: &str) -> &'static str {
    match code {
        "C3" => "trivial baseline",
        "C4" => "budget",
        "C5" => "tuning",
        "C6" => "weights",
        "C7" => "single run",
        "C8" => "interval",
        "C9" => "power",
        "C11" => "relation to the paper",
        "C13" => "test",
        _ => "data",
    }
}

/// A statement about one of several tasks starts with the task's name.
fn of_task(task: Option<&String>, text: String) -> String {
    match task {
        Some(task) => format!("{task}: {text}"),
        None => text,
    }
}

impl Trivial {
    fn text(&self) -> String {
        let interval = match numbers::finite_interval(self.interval) {
            Some([low, high]) => format!(" ({}-{})", numbers::auc(Some(low)), numbers::auc(Some(high))),
            None => String::new(),
        };
        of_task(
            self.task.as_ref(),
            format!(
                "A logistic regression on {} global numbers of each picture, same folds, reaches AUC {}{interval}. A \
                 network near or under this line gives no evidence of having used the lesion.",
                self.features,
                numbers::auc(Some(self.auc)),
            ),
        )
    }
}

/// Arms that differ in nothing but their names.
fn budget(arms: &[&Unequal]) -> String {
    let Some(one) = arms.first() else { return String::new() };
    let names: Vec<String> = arms.iter().map(|unequal| unequal.arm.clone()).collect();
    format!(
        "Arms differ in training: {} saw {} images ({} optimiser steps), {} {}. A difference may be due to training \
         longer. Control: {}.",
        words::list(&names),
        numbers::count(one.pictures),
        numbers::count(one.steps),
        one.baseline,
        numbers::count(one.baseline_pictures),
        one.control.as_deref().unwrap_or("none in this program"),
    )
}

impl Untuned {
    fn text(&self) -> String {
        match (self.rates.as_slice(), self.default) {
            ([rate], true) => {
                format!("One learning rate ({rate}, a default) served all arms and was tuned for none.")
            }
            ([rate], false) => {
                format!("One learning rate ({rate}, set by the program) served all arms and was tuned for none.")
            }
            (rates, default) => format!(
                "Learning rates ({}; {}) differed between stages and were tuned for none.",
                words::list(rates),
                if default { "defaults" } else { "set by the program" },
            ),
        }
    }
}

fn undeclared(file: &str) -> String {
    format!("The training data of {file} are not declared; overlap with the test patients cannot be excluded.")
}

fn no_identifier(pair: &Unmatched) -> String {
    format!(
        "{} and {} have no common patient identifier; overlap was looked for by picture files only: {} found.",
        pair.learnt, pair.tested, pair.shared_pictures,
    )
}

fn few_runs(repeats: u32, runs: u32) -> String {
    let seeds = if runs <= 1 {
        "one seed per arm".to_owned()
    } else {
        format!("{runs} seeds per arm")
    };
    let runs = if repeats <= 1 {
        format!("One cross-validation, {seeds}")
    } else {
        format!("{repeats} cross-validations, {seeds} in each")
    };
    format!(
        "{runs}: p-values compare the trained models, not the strategies; they are too small for the latter (5 % tests \
         reject 7-14 % in our simulations)."
    )
}

impl Tuned {
    fn text(&self) -> String {
        let candidates = words::list(&self.candidates);
        let arms = if self.others.is_empty() {
            "every arm".to_owned()
        } else {
            words::list(&self.arms)
        };
        let others = match self.others.is_empty() {
            true => String::new(),
            false => format!(" That of {} was tuned for none.", words::list(&self.others)),
        };
        format!(
            "The learning rate of {arms} was chosen in each fold on its tuning part alone, by {} ({candidates}).{others}",
            self.by
        )
    }
}

impl Independent {
    fn text(&self) -> String {
        format!(
            "The test of DeLong takes samples as independent, and {} of {} {} have several: its p-values are too small. The \
             clustered p beside them has {} as the unit.",
            numbers::count(self.repeated as u64),
            numbers::count(self.groups as u64),
            self.noun,
            self.noun,
        )
    }
}

impl Power {
    fn text(&self) -> String {
        let groups: Vec<String> = self.groups.iter().map(usize::to_string).collect();
        of_task(
            self.task.as_ref(),
            format!(
                "With {} {}, a difference under {} AUC was unlikely to be shown. Absence of significance is not \
                 evidence of equality.",
                words::list(&groups),
                self.noun,
                numbers::auc(Some(self.mde)),
            ),
        )
    }
}

fn after_clancy(choices: usize) -> String {
    format!(
        "Design after Clancy et al. 2020 as far as its abstract goes; data, sizes and {choices} listed choices differ. \
         Agreement or disagreement with its results cannot be inferred."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(facts: &Facts) -> Vec<String> {
        facts.caveats().into_iter().map(|caveat| caveat.code).collect()
    }

    fn text(facts: &Facts, code: &str) -> String {
        facts
            .caveats()
            .into_iter()
            .find(|caveat| caveat.code == code)
            .map(|caveat| caveat.text)
            .unwrap_or_default()
    }

    #[test]
    fn a_single_split_without_comparison_needs_none() {
        assert_eq!(
            codes(&Facts {
                folds: 1,
                repeats: 1,
                ..Facts::default()
            }),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_single_run_speaks_of_models_and_three_repeats_do_not_need_to() {
        let mut facts = Facts {
            folds: 3,
            repeats: 1,
            comparisons: 2,
            ..Facts::default()
        };
        assert_eq!(codes(&facts), ["C7", "C8"]);
        assert!(text(&facts, "C7").starts_with("One cross-validation, one seed per arm: p-values compare the trained"));
        facts.repeats = 2;
        assert!(text(&facts, "C7").starts_with("2 cross-validations, one seed per arm in each: "));
        facts.repeats = 3;
        assert_eq!(codes(&facts), ["C8"]);
        facts.about_models = true;
        assert!(text(&facts, "C7").starts_with("The test that the program asks for compares the trained models"));
        (facts.repeats, facts.runs) = (1, 5);
        assert!(text(&facts, "C7").starts_with("One cross-validation, 5 seeds per arm: "));
    }

    #[test]
    fn chosen_rates_are_said_with_their_candidates() {
        let mut facts = Facts {
            tuned: Some(Tuned {
                by: "AUC".into(),
                candidates: vec!["0.01".into(), "0.001".into()],
                arms: vec!["scratch".into()],
                others: vec![],
            }),
            ..Facts::default()
        };
        assert_eq!(
            text(&facts, "C5"),
            "The learning rate of every arm was chosen in each fold on its tuning part alone, by AUC (0.01 and 0.001)."
        );
        facts.tuned.as_mut().unwrap().others.push("natural".into());
        let some = text(&facts, "C5");
        assert!(
            some.starts_with("The learning rate of scratch was chosen")
                && some.ends_with("That of natural was tuned for none.")
        );
    }

    #[test]
    fn a_test_that_passes_over_patients_is_said() {
        let facts = Facts {
            independent: Some(Independent {
                repeated: 640,
                groups: 892,
                noun: "patients".into(),
            }),
            ..Facts::default()
        };
        assert!(text(&facts, "C13").contains("640 of 892 patients have several"));
    }

    #[test]
    fn budgets_are_stated_with_their_control() {
        let unequal = Unequal {
            arm: "density".into(),
            pictures: 7_430,
            steps: 233,
            baseline: "scratch".into(),
            baseline_pictures: 4_246,
            control: None,
        };
        let mut facts = Facts {
            unequal: vec![unequal],
            ..Facts::default()
        };
        assert_eq!(
            text(&facts, "C4"),
            "Arms differ in training: density saw 7,430 images (233 optimiser steps), scratch 4,246. A difference may \
             be due to training longer. Control: none in this program."
        );
        facts.unequal.push(Unequal {
            arm: "frozen".into(),
            ..facts.unequal[0].clone()
        });
        facts.unequal.push(Unequal {
            arm: "twice".into(),
            pictures: 14_860,
            ..facts.unequal[0].clone()
        });
        assert_eq!(codes(&facts), ["C4", "C4"]);
        assert!(text(&facts, "C4").contains("density and frozen saw 7,430 images"));
        facts.unequal.truncate(1);
        facts.unequal[0].control = Some("longer".into());
        assert!(text(&facts, "C4").ends_with("Control: longer."));
    }

    #[test]
    fn rates_say_who_set_them() {
        let facts = |rates: &[&str], default| Facts {
            untuned: Some(Untuned {
                rates: rates.iter().map(|&rate| rate.into()).collect(),
                default,
            }),
            ..Facts::default()
        };
        assert_eq!(
            text(&facts(&["1e-3"], true), "C5"),
            "One learning rate (1e-3, a default) served all arms and was tuned for none."
        );
        assert!(text(&facts(&["1e-3"], false), "C5").contains("(1e-3, set by the program)"));
        assert!(text(&facts(&["1e-3", "1e-4"], true), "C5").starts_with("Learning rates (1e-3 and 1e-4; defaults)"));
    }

    #[test]
    fn facts_stand_in_the_texts() {
        let facts = Facts {
            cards: vec!["Digitised film.".into()],
            trivial: vec![Trivial {
                task: None,
                features: 12,
                auc: 0.636,
                interval: Some([0.61, 0.67]),
            }],
            undeclared_weights: vec!["w.safetensors".into()],
            unmatched: vec![Unmatched {
                learnt: "films".into(),
                tested: "chests".into(),
                shared_pictures: 0,
            }],
            power: vec![Power {
                task: Some("malignancy".into()),
                groups: vec![419, 473],
                noun: "patients".into(),
                mde: 0.05,
            }],
            after_clancy: Some(41),
            ..Facts::default()
        };
        assert_eq!(codes(&facts), ["card", "C3", "C6", "C6", "C9", "C11"]);
        assert!(
            text(&facts, "C3")
                .contains("on 12 global numbers of each picture, same folds, reaches AUC 0.636 (0.610-0.670).")
        );
        assert!(text(&facts, "C6").starts_with("The training data of w.safetensors are not declared;"));
        assert!(text(&facts, "C9").starts_with("malignancy: With 419 and 473 patients, a difference under 0.050 AUC"));
        assert!(text(&facts, "C11").contains("sizes and 41 listed choices differ."));
    }
}
