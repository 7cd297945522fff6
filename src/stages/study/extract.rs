//! Tables, predictions and rankings: what is made of a study's scores beside its report.

use super::{
    StudyError, cell_name, cells,
    input::{MemberScores, check_cell, check_scores},
    scoring::{Speaker, tuning_measure},
    tasks::{Cohort, Models},
};
use crate::{
    nn::Stream,
    plan::stage::{Cell, Design, Extract, Measure, Member, Part, TaskFacts, What},
    report::extract::{Exported, ExportedCell, FoldValue, Head, Placed, RankedCell, RankingPage, Table, TableCell},
    report::words,
    stats::ranking::{By, Fold, rank},
    store::Looks,
};

/// What was made.
pub(in crate::stages) enum Extracted {
    Table(Table),
    Predictions { file: String, predictions: Exported },
    Ranking(RankingPage),
}

/// Makes what the plan asks for. `scores` go by place in [`Design::scores`].
///
/// # Errors
/// As [`super::study`].
pub(in crate::stages) fn extract(
    spec: &Extract,
    scores: &[MemberScores],
    looks: Option<Looks>,
) -> Result<Extracted, StudyError> {
    let design = &spec.design;
    check_scores(design, scores)?;
    design.cells.iter().try_for_each(|cell| check_cell(design, cell))?;
    let cohorts = super::cohorts(design)?;
    let head = Head {
        name: design.name.clone(),
        program: spec.program.clone(),
        axes: design.axes.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        looks,
    };
    match &spec.what {
        What::Table { rows, columns, part } => {
            let cells = (0..design.cells.len()).map(|cell| match part {
                Part::Tuning => tuned(design, cell, scores),
                Part::Test => tested(design, cell, &cohorts, scores),
            });
            Ok(Extracted::Table(Table {
                head,
                rows: *rows,
                columns: *columns,
                part: *part,
                cells: cells.collect::<Result<_, _>>()?,
            }))
        }
        What::Predictions { file } => Ok(Extracted::Predictions {
            file: file.clone(),
            predictions: Exported {
                head,
                cells: exported(design, &cohorts, scores)?,
            },
        }),
        What::Ranking { by, draws, seed } => {
            let cells = ranked(design, &cohorts, scores, (*by, *draws, *seed))?;
            Ok(Extracted::Ranking(RankingPage {
                head,
                by: *by,
                draws: *draws,
                seed: *seed,
                cells,
            }))
        }
    }
}

/// A cell on its tuning parts: the mean over the folds whose tuning part has every class. Tuning parts of folds overlap,
/// so there is no interval.
fn tuned(design: &Design, place: usize, scores: &[MemberScores]) -> Result<TableCell, StudyError> {
    let cell = &design.cells[place];
    let facts = &design.tasks[cell.task];
    let folds = cell
        .members
        .iter()
        .map(|member| tuned_fold(design, cell, member, scores));
    let folds: Vec<FoldValue> = folds.collect::<Result<_, _>>()?;
    Ok(TableCell {
        coordinate: cell.coordinate.clone(),
        task: facts.name.clone(),
        auc: mean(folds.iter().filter_map(|fold| fold.auc)),
        auc_ci: None,
        loss: mean(folds.iter().filter_map(|fold| fold.loss)),
        folds,
    })
}

/// A model on its tuning part.
pub(in crate::stages) fn tuned_fold(
    design: &Design,
    cell: &Cell,
    member: &Member,
    scores: &[MemberScores],
) -> Result<FoldValue, StudyError> {
    let facts = &design.tasks[cell.task];
    let speaker = Speaker {
        design,
        facts,
        member,
        scores,
    };
    let rows = speaker.tuning(&member.scoring)?;
    let classes: Vec<u32> = member
        .tuning
        .iter()
        .map(|&at| facts.samples[at as usize].class)
        .collect();
    let has_all = (0..facts.classes.len() as u32).all(|class| classes.contains(&class));
    let measure = |by| {
        let of = StudyError::of(cell_name(design, &cell.coordinate));
        tuning_measure(by, &classes, &rows, facts.classes.len()).map_err(of)
    };
    Ok(FoldValue {
        repeat: member.repeat,
        fold: member.fold,
        auc: if has_all { Some(measure(Measure::Auc)?) } else { None },
        loss: if rows.is_empty() {
            None
        } else {
            Some(measure(Measure::Loss)?)
        },
        samples: rows.len(),
    })
}

/// A cell on its test parts, with its interval.
fn tested(
    design: &Design,
    place: usize,
    cohorts: &[Cohort<'_>],
    scores: &[MemberScores],
) -> Result<TableCell, StudyError> {
    let cell = &design.cells[place];
    let facts = &design.tasks[cell.task];
    let models = Models::of_runs(design, cell, cohorts)?;
    let judged = cells::judge(design, &models, scores)?.result;
    let loss = |repeat: u32, fold: u32| {
        let own = judged
            .predictions
            .iter()
            .filter(|row| (row.repeat, row.fold) == (repeat, fold));
        mean(own.map(|row| -row.probabilities[row.class].ln()))
    };
    let samples = |repeat: u32, fold: u32| {
        let own = judged
            .predictions
            .iter()
            .filter(|row| (row.repeat, row.fold) == (repeat, fold));
        own.count()
    };
    let folds: Vec<FoldValue> = judged
        .members
        .iter()
        .map(|member| FoldValue {
            repeat: member.repeat,
            fold: member.fold,
            auc: member.auc,
            loss: loss(member.repeat, member.fold),
            samples: samples(member.repeat, member.fold),
        })
        .collect();
    Ok(TableCell {
        coordinate: cell.coordinate.clone(),
        task: facts.name.clone(),
        auc: judged.auc,
        auc_ci: judged.auc_ci,
        loss: mean(folds.iter().filter_map(|fold| fold.loss)),
        folds,
    })
}

/// The predictions of every cell.
fn exported(design: &Design, cohorts: &[Cohort<'_>], scores: &[MemberScores]) -> Result<Vec<ExportedCell>, StudyError> {
    let cell = |cell: &crate::plan::stage::Cell| {
        let models = Models::of_runs(design, cell, cohorts)?;
        let mut rows = Vec::new();
        for models in &models {
            rows.extend(cells::predictions(design, models, scores)?);
        }
        let facts = &design.tasks[cell.task];
        Ok(ExportedCell {
            coordinate: cell.coordinate.clone(),
            task: facts.name.clone(),
            classes: facts.classes.clone(),
            rows,
        })
    };
    design.cells.iter().map(cell).collect()
}

/// The labels of the last axis ranked, for every coordinate of the others: the cells stand side by side.
fn ranked(
    design: &Design,
    cohorts: &[Cohort<'_>],
    scores: &[MemberScores],
    (by, draws, seed): (Measure, u32, u64),
) -> Result<Vec<RankedCell>, StudyError> {
    let labels = design.axes.last().map_or(1, |axis| axis.labels.len().max(1));
    let groups = design.cells.chunks(labels).enumerate();
    groups
        .map(|(group, cells)| {
            let Some(first) = cells.first() else {
                return Err(StudyError::Empty {
                    cell: design.name.clone(),
                    what: "candidate",
                });
            };
            let facts = &design.tasks[first.task];
            let coordinate = first
                .coordinate
                .split_last()
                .map(|(_, others)| others.to_vec())
                .unwrap_or_default();
            let mut probabilities = Vec::with_capacity(cells.len());
            let mut folds = Vec::new();
            for cell in cells {
                let models = Models::of_runs(design, cell, cohorts)?;
                let Some(models) = models.first() else { continue };
                let (cases, rows) = by_fold(design, models, scores)?;
                folds = cases;
                probabilities.push(rows);
            }
            let stream = Stream::new(seed).named("rank").numbered(group as u64);
            let uniform = |draw: u32, index: u64| stream.numbered(u64::from(draw)).uniform(index);
            let measure = match by {
                Measure::Auc => By::Auc,
                Measure::Loss => By::Loss,
            };
            let ranking = rank(&folds, &probabilities, facts.classes.len(), measure, draws, &uniform)
                .map_err(StudyError::of(cell_name(design, &coordinate)))?;
            let place = |(cell, place): (&crate::plan::stage::Cell, &crate::stats::ranking::Place)| Placed {
                label: cell.coordinate.last().cloned().unwrap_or_default(),
                auc: place.auc,
                loss: place.loss,
                best: place.best,
            };
            Ok(RankedCell {
                coordinate,
                task: facts.name.clone(),
                groups: words::groups(facts.group_column.as_deref()).to_owned(),
                places: cells.iter().zip(&ranking.places).map(place).collect(),
                winner: ranking.winner,
                corrected: ranking.corrected,
                interval: ranking.interval,
                used: ranking.used,
            })
        })
        .collect()
}

/// The test cases of each model, and what it says of them.
fn by_fold(
    design: &Design,
    models: &Models<'_>,
    scores: &[MemberScores],
) -> Result<(Vec<Fold>, Vec<Vec<f64>>), StudyError> {
    let facts: &TaskFacts = models.cohort.facts;
    let (mut folds, mut rows) = (Vec::new(), Vec::new());
    for (place, &member) in models.members.iter().enumerate() {
        let speaker = Speaker {
            design,
            facts,
            member,
            scores,
        };
        let cases = member
            .test
            .iter()
            .map(|&sample| models.cohort.case(models, place, sample));
        folds.push(Fold {
            repeat: models.place(place).0,
            clusters: cases.map(|case| case.cluster).collect(),
            labels: member.test.iter().map(|&at| facts.samples[at as usize].class).collect(),
        });
        rows.push(speaker.speak()?.test.into_iter().flatten().collect());
    }
    Ok((folds, rows))
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
