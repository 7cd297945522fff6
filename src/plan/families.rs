//! Families: the comparisons of one program on one cohort are corrected together, whichever output reports them.

use super::{
    report::Pending,
    stage::{OtherStudy, Report, Role, Scoring, Work},
    stages::{StageId, Stages, Title},
};
use indexmap::{IndexMap, IndexSet};
use std::{collections::BTreeSet, rc::Rc};

/// Makes the stages of the `wanted` reports, by place in `reports`. Each takes the comparisons of every other one on its
/// cohorts; those of reports that are not wanted are counted.
pub(super) fn make_reports(
    stages: &mut Stages,
    reports: &[Pending],
    all: &IndexSet<usize>,
    wanted: &IndexSet<usize>,
) -> IndexMap<usize, StageId> {
    let mut made = IndexMap::new();
    for &own in wanted {
        let pending = &reports[own];
        let (mut report, mut inputs) = (pending.report.clone(), pending.inputs.clone());
        let mut counted: BTreeSet<Compared> = compared(pending).into_iter().collect();
        for &other in all.iter().filter(|&&other| other != own) {
            let cohorts = shared(pending, &reports[other], &mut counted);
            if report.design.pairs.is_empty() || cohorts.iter().all(Option::is_none) {
                continue;
            }
            let is_run = wanted.contains(&other);
            if is_run {
                let place = u32::try_from(report.others.len()).unwrap_or(u32::MAX);
                inputs.push((compare(stages, &reports[other]), Role::Comparisons(place)));
            }
            report.others.push(OtherStudy {
                name: reports[other].report.design.name.clone(),
                primary: match &reports[other].report.primary {
                    Some(primary) => primary.pairs.clone(),
                    None => vec![false; cohorts.len()],
                },
                cohorts,
                is_run,
            });
        }
        made.insert(own, report_stage(stages, report, inputs, pending));
    }
    made
}

/// What tells one comparison from another: the stages that scored its two arms and what was made of them, whichever is
/// the baseline, and what is judged by these scores, where that is not the samples.
type Compared = ([Vec<String>; 2], Option<String>);

fn compared(pending: &Pending) -> Vec<Compared> {
    let design = &pending.report.design;
    let scored = |cell: usize| {
        let members = design.cells[cell].members.iter();
        members.map(|member| source(&member.scoring, &pending.inputs)).collect()
    };
    let both = |&(arm, baseline): &(usize, usize)| {
        let mut both = [scored(arm), scored(baseline)];
        both.sort_unstable();
        let unit = &design.tasks[design.cells[arm].task].unit;
        (both, unit.as_ref().map(|unit| unit.noun.clone()))
    };
    design.pairs.iter().map(both).collect()
}

/// The same text for the same scores: the inputs begin with them, in the order of `Role::Scores`.
fn source(scoring: &Scoring, inputs: &[(StageId, Role)]) -> String {
    let all = |parts: &[&Scoring]| {
        let parts: Vec<_> = parts.iter().map(|part| source(part, inputs)).collect();
        parts.join(" ")
    };
    match scoring {
        Scoring::Model { scores, .. } => inputs
            .get(*scores)
            .map_or_else(String::new, |(stage, _)| stage.0.to_string()),
        Scoring::Mean(of) => format!("mean({})", all(&of.iter().collect::<Vec<_>>())),
        Scoring::Chosen(chosen) => {
            let candidates = chosen.candidates.iter().map(|candidate| {
                let pool: Vec<_> = candidate.pool.iter().collect();
                format!("{} by {}", all(&[&candidate.scoring]), all(&pool))
            });
            format!("{:?}({})", chosen.by, candidates.collect::<Vec<_>>().join(", "))
        }
    }
}

/// The cohort of `own` that each comparison of `other` is on; none for what is `counted` already, for the same comparison
/// in two outputs is one test.
fn shared(own: &Pending, other: &Pending, counted: &mut BTreeSet<Compared>) -> Vec<Option<u32>> {
    let design = &other.report.design;
    let cohort = |(&(arm, _), compared): (&(usize, usize), Compared)| {
        let task = &design.tasks[design.cells[arm].task];
        let table = other.tables.get_index(task.cohort as usize)?;
        let place = own.tables.get_index_of(table)?;
        counted.insert(compared).then(|| u32::try_from(place).ok())?
    };
    design.pairs.iter().zip(compared(other)).map(cohort).collect()
}

/// The stage that computes the p values of a study for other reports.
fn compare(stages: &mut Stages, pending: &Pending) -> StageId {
    let design = &pending.report.design;
    let title = Title {
        place: String::new(),
        member: String::new(),
        label: format!("compare {}", design.name),
    };
    let scores = |(_, role): &&(StageId, Role)| matches!(role, Role::Scores(_));
    let inputs = pending.inputs.iter().filter(scores).copied().collect();
    let key = format!("{} {:?}", design.name, design.pairs);
    let work = Work::Compare(Box::new(design.clone()));
    stages.make(&title, work, key.as_bytes(), inputs, pending.span, Rc::default())
}

fn report_stage(stages: &mut Stages, report: Report, inputs: Vec<(StageId, Role)>, pending: &Pending) -> StageId {
    let title = Title {
        place: String::new(),
        member: String::new(),
        label: format!("report {}", report.design.name),
    };
    let key = format!(
        "{} {:?} {:?} {:?} {:?} {:?} {:?}",
        report.design.name,
        report.compare,
        report.baseline,
        report.adjust,
        report.design.test,
        report.primary,
        report.design.replicate
    );
    let work = Work::Report(Box::new(report));
    stages.make(&title, work, key.as_bytes(), inputs, pending.span, Rc::default())
}
