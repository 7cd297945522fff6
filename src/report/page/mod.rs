//! `report.html`: the views of its sections, filled into the templates.
//!
//! The page needs nothing but itself: its style sheet is inside, its charts are SVG elements, and it has no script.

mod cohort;
mod comparisons;
mod curves;
mod results;
mod settings;

use super::model::{Caveat, Study};
use super::{ReportError, caveats, dag, looks, numbers, words};
use askama::Template;

/// The page; `paths` are the predictions' files by cell.
pub(super) fn render(study: &Study, paths: &[String]) -> Result<String, ReportError> {
    Ok(Page::of(study, paths).render()?)
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    study: &'a Study,
    facts: Vec<Fact>,
    looks: Vec<String>,
    caveat_names: Vec<CaveatName<'a>>,
    results: results::Results<'a>,
    comparisons: comparisons::Comparisons,
    roc: Vec<curves::Figure>,
    one_vs_rest: Vec<curves::OneVsRest<'a>>,
    learning: Vec<curves::Figure>,
    tasks: Vec<cohort::Task<'a>>,
    sources: Vec<cohort::Source<'a>>,
    pipeline: Option<String>,
    settings: [settings::Settings<'a>; 2],
}

/// A number of the strip under the title.
struct Fact {
    value: String,
    name: String,
}

/// A caveat as the header names it.
struct CaveatName<'a> {
    place: usize,
    code: &'a str,
    name: &'static str,
}

impl<'a> Page<'a> {
    fn of(study: &'a Study, paths: &'a [String]) -> Self {
        Self {
            study,
            facts: facts(study),
            looks: looks::paragraphs(study.looks.as_ref()),
            caveat_names: caveat_names(&study.caveats),
            results: results::Results::of(study, paths),
            comparisons: comparisons::Comparisons::of(study),
            roc: curves::roc(study),
            one_vs_rest: curves::one_vs_rest(study),
            learning: curves::learning(study),
            tasks: study
                .tasks
                .iter()
                .enumerate()
                .map(|(place, task)| cohort::Task::of(place, task))
                .collect(),
            sources: cohort::sources(study),
            pipeline: dag::draw(&study.dag, "pipeline-drawing"),
            settings: settings::of(study),
        }
    }

    fn title(&self) -> String {
        format!("{} · {}", self.study.name, self.study.program)
    }

    /// The `//!` text as paragraphs: lines up to an empty one belong together.
    fn about(&self) -> Vec<String> {
        let paragraphs = self.study.about.split(|line| line.trim().is_empty());
        paragraphs
            .map(|lines| lines.join(" "))
            .filter(|text| !text.is_empty())
            .collect()
    }
}

fn facts(study: &Study) -> Vec<Fact> {
    let fact = |value: usize, noun: &str| Fact {
        value: numbers::count(value as u64),
        name: if value == 1 {
            noun.to_owned()
        } else {
            format!("{noun}s")
        },
    };
    let mut facts = Vec::new();
    // One cohort is the rule; the largest stands for tasks that leave rows out.
    if let Some(task) = study.tasks.iter().max_by_key(|task| task.cohort.samples) {
        let noun = words::groups(task.group_column.as_deref());
        if noun != "samples" {
            facts.push(Fact {
                value: numbers::count(task.cohort.groups as u64),
                name: noun.to_owned(),
            });
        }
        let unit = study
            .cells
            .iter()
            .find(|cell| study.tasks[cell.task] == *task)
            .map_or("sample", |cell| &cell.unit);
        facts.push(fact(task.cohort.samples, unit));
        facts.push(fact(task.folds as usize, "fold"));
        facts.push(fact(task.repeats as usize, "repeat"));
    }
    if study.tasks.len() > 1 {
        facts.push(fact(study.tasks.len(), "task"));
    }
    facts.push(fact(study.cells.len(), "cell"));
    facts.push(fact(
        study.cells.iter().map(|cell| cell.budget.models as usize).sum(),
        "tested model",
    ));
    facts
}

fn caveat_names(caveats: &[Caveat]) -> Vec<CaveatName<'_>> {
    let mut names: Vec<CaveatName<'_>> = Vec::new();
    for (place, caveat) in caveats.iter().enumerate() {
        if !names.iter().any(|other| other.code == caveat.code) {
            names.push(CaveatName {
                place,
                code: &caveat.code,
                name: caveats::name(&caveat.code),
            });
        }
    }
    names
}
