//! The differences from the baseline: sentences, a chart and a table.

use super::super::chart::forest::{Estimate, Forest};
use super::super::model::{Comparison, Study};
use super::super::{names, numbers, words};
use super::results::grouped_rows;
use crate::plan::stage::Adjust;

/// The section.
pub(super) struct Comparisons {
    pub(super) summary: String,
    pub(super) families: Option<String>,
    pub(super) chart: Option<String>,
    pub(super) rows: Vec<ComparisonRow>,
}

/// One difference.
pub(super) struct ComparisonRow {
    pub(super) sentence: String,
    pub(super) verdict: &'static str,
    pub(super) arm: String,
    pub(super) baseline: String,
    pub(super) delta: String,
    pub(super) interval: String,
    pub(super) z: String,
    pub(super) p_models: String,
    pub(super) p_strategy: String,
    pub(super) p: String,
    pub(super) p_adjusted: String,
    pub(super) test: String,
    pub(super) mde: String,
    pub(super) budgets: Option<String>,
}

impl Comparisons {
    pub(super) fn of(study: &Study) -> Self {
        Self {
            summary: summary(study),
            families: words::shared_families(study),
            chart: chart(study),
            rows: study
                .comparisons
                .iter()
                .map(|comparison| ComparisonRow::of(study, comparison))
                .collect(),
        }
    }

    /// Whether any comparison has a test of strategies.
    pub(super) fn any_strategy(&self) -> bool {
        self.rows.iter().any(|row| row.p_strategy != numbers::UNDEFINED)
    }
}

impl ComparisonRow {
    fn of(study: &Study, comparison: &Comparison) -> Self {
        let [arm, baseline] = [comparison.arm, comparison.baseline].map(|place| &study.cells[place]);
        let budgets = (!comparison.budgets_equal).then(|| {
            format!(
                "Unequal budgets: {} against {} pictures, {} against {} steps per model.",
                numbers::count(arm.budget.pictures_per_model()),
                numbers::count(baseline.budget.pictures_per_model()),
                numbers::count(arm.budget.steps_per_model()),
                numbers::count(baseline.budget.steps_per_model()),
            )
        });
        Self {
            sentence: unbroken(&words::result(study, comparison)),
            verdict: words::verdict(study, comparison),
            arm: names::cell(study, arm),
            baseline: names::cell(study, baseline),
            delta: numbers::difference(comparison.delta),
            interval: numbers::difference_interval(comparison.delta_ci),
            z: numbers::statistic(comparison.z),
            p_models: numbers::p_cell(comparison.p_models),
            p_strategy: numbers::p_cell(comparison.p_strategy),
            p: numbers::p_cell(comparison.p),
            p_adjusted: numbers::p_cell(comparison.p_adjusted),
            test: comparison.test.clone(),
            mde: numbers::auc(comparison.mde),
            budgets,
        }
    }
}

/// Keeps a p value and a percent sign with what they belong to.
fn unbroken(sentence: &str) -> String {
    let kept = [
        ("p = ", "p\u{a0}=\u{a0}"),
        ("p < ", "p\u{a0}<\u{a0}"),
        ("p > ", "p\u{a0}>\u{a0}"),
        (" %", "\u{a0}%"),
    ];
    kept.iter().fold(sentence.to_owned(), |sentence, (loose, kept)| {
        sentence.replace(loose, kept)
    })
}

/// How many p values lie under the level, before and after correction.
fn summary(study: &Study) -> String {
    let under = |p: fn(&Comparison) -> Option<f64>| {
        study
            .comparisons
            .iter()
            .filter(|comparison| !comparison.exploratory && p(comparison).is_some_and(|p| p < words::LEVEL))
            .count()
    };
    let total = study
        .comparisons
        .iter()
        .filter(|comparison| !comparison.exploratory)
        .count();
    let raw = under(|comparison| comparison.p);
    let correction = words::adjustment(study.adjust, &words::families(study));
    let text = match study.adjust {
        Adjust::Holm => format!(
            "p < 0.05 in {raw} of {} before correction and in {} after it ({correction}); two-sided tests.",
            words::counted(total, "comparison"),
            under(|comparison| comparison.p_adjusted),
        ),
        Adjust::None => {
            format!(
                "p < 0.05 in {raw} of {}, {correction}; two-sided tests.",
                words::counted(total, "comparison")
            )
        }
    };
    match &study.primary {
        Some(label) => format!(
            "{label}: {text} The other {} exploratory, corrected among themselves.",
            words::counted_are(study.comparisons.len() - total, "comparison")
        ),
        None => text,
    }
}

fn chart(study: &Study) -> Option<String> {
    let rows = grouped_rows(
        study,
        study.comparisons.iter(),
        |comparison| comparison.arm,
        |comparison, label| estimate(study, comparison, label),
    );
    let title = "Difference of every arm from its baseline with its 95 % interval";
    Forest {
        id: "difference-chart",
        title,
        measure: "AUC minus that of the baseline",
        null: 0.0,
        rows,
    }
    .draw()
}

fn estimate(study: &Study, comparison: &Comparison, label: String) -> Estimate {
    let delta = numbers::difference(comparison.delta);
    Estimate {
        label,
        value: numbers::finite(comparison.delta),
        interval: numbers::finite_interval(comparison.delta_ci),
        folds: fold_differences(study, comparison),
        text: match numbers::finite_interval(comparison.delta_ci) {
            Some(ends) => format!("{delta} ({})", numbers::difference_interval(Some(ends))),
            None => delta,
        },
        reference: None,
        baseline: false,
    }
}

/// The difference in every fold that both arms have.
fn fold_differences(study: &Study, comparison: &Comparison) -> Vec<f64> {
    let [arm, baseline] = [comparison.arm, comparison.baseline].map(|place| &study.cells[place].members);
    let pairs = arm.iter().filter_map(|member| {
        let fold = (member.repeat, member.fold);
        Some((
            member,
            baseline.iter().find(|other| (other.repeat, other.fold) == fold)?,
        ))
    });
    pairs
        .filter_map(|(arm, baseline)| Some(numbers::finite(arm.auc)? - numbers::finite(baseline.auc)?))
        .collect()
}
