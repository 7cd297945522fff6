//! Computes the statistics of a study and renders its files.

use super::{
    Context, Outputs, StageError, prepare,
    study::{self, Extracted, MemberScores, Written},
};
use crate::{
    data::{self, Prepared},
    nn::{device_class, read_weights},
    plan::stage::{Design, Extract, Report, Role, SampleFacts},
    report::{self, model::Environment},
    store::Looks,
};
use serde::de::DeserializeOwned;
use std::{
    fs, iter,
    path::{Path, PathBuf},
};

pub(super) fn run(spec: &Report, context: &Context<'_>) -> Result<Outputs, StageError> {
    let design = &spec.design;
    let scores = all_scores(design, context)?;
    let histories = each(design.trainings.len(), |place| {
        read_json(context.input(Role::History(place))?)
    })?;
    let numbers = each(design.tasks.len(), |place| {
        let pictures = context.input(Role::TaskPictures(place))?;
        let samples = &design.tasks[place as usize].samples;
        let rows: Vec<u32> = samples.iter().flat_map(pictures_of).collect();
        let numbers = Prepared::open(pictures).and_then(|pictures| data::global_numbers(&pictures, &rows));
        let numbers = numbers.map_err(prepare::failed)?;
        Ok(Some(means(samples, &numbers)))
    })?;
    let others = each(spec.others.len(), |place| {
        let is_run = spec.others[place as usize].is_run;
        is_run
            .then(|| read_json(context.input(Role::Comparisons(place))?))
            .transpose()
    })?;
    let looks = looks(context)?;
    context.check_cancelled()?;
    let environment = Environment {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        device: device_class().to_owned(),
        numerics: "f32".to_owned(),
    };
    let written = Written {
        scores: &scores,
        histories: &histories,
        numbers: &numbers,
        others: &others,
        looks: looks.as_ref(),
    };
    let study = study::study(spec, &written, environment).map_err(StageError::failed)?;
    write(report::render(&study).map_err(StageError::failed)?, context)
}

/// Writes files into the stage's folder.
fn write(files: Vec<(String, Vec<u8>)>, context: &Context<'_>) -> Result<Outputs, StageError> {
    let written = files.into_iter().map(|(name, bytes)| {
        let path = context.folder.join(&name);
        let parent = path.parent().unwrap_or(context.folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, bytes))
            .map_err(StageError::failed)?;
        Ok((name, path))
    });
    written.collect()
}

/// Writes something of a study's scores.
pub(super) fn extract(spec: &Extract, context: &Context<'_>) -> Result<Outputs, StageError> {
    let scores = all_scores(&spec.design, context)?;
    let extracted = study::extract(spec, &scores, looks(context)?).map_err(StageError::failed)?;
    context.check_cancelled()?;
    let files = match &extracted {
        Extracted::Table(table) => report::table(table),
        Extracted::Predictions { file, predictions } => {
            report::exported(predictions).map(|bytes| vec![(file.clone(), bytes)])
        }
        Extracted::Ranking(ranking) => report::ranking(ranking),
    };
    write(files.map_err(StageError::failed)?, context)
}

/// What the ledger says of the test data, where the output shows some.
fn looks(context: &Context<'_>) -> Result<Option<Looks>, StageError> {
    let input = context.inputs.iter().find(|(role, _)| *role == Role::Looks);
    input.map(|(_, path)| read_json(path)).transpose()
}

/// The rows of a sample's pictures.
fn pictures_of(sample: &SampleFacts) -> impl Iterator<Item = u32> + '_ {
    iter::once(sample.row).chain(sample.others.iter().copied())
}

/// The global numbers of samples: the means over their pictures, whose numbers stand in order.
fn means<const N: usize>(samples: &[SampleFacts], numbers: &[[f64; N]]) -> Vec<[f64; N]> {
    let mut numbers = numbers.iter();
    let mean = |sample: &SampleFacts| {
        let count = 1 + sample.others.len();
        let pictures: Vec<_> = numbers.by_ref().take(count).collect();
        std::array::from_fn(|at| pictures.iter().map(|picture| picture[at]).sum::<f64>() / count as f64)
    };
    samples.iter().map(mean).collect()
}

/// Computes the p values of a study's comparisons for the families of other reports.
pub(super) fn compare(design: &Design, context: &Context<'_>) -> Result<Outputs, StageError> {
    let tests = study::tests(design, &all_scores(design, context)?).map_err(StageError::failed)?;
    let path = context.folder.join("comparisons.json");
    let text = serde_json::to_vec(&tests).map_err(StageError::failed)?;
    fs::write(&path, text).map_err(StageError::failed)?;
    Ok(vec![("comparisons".to_owned(), path)])
}

fn all_scores(design: &Design, context: &Context<'_>) -> Result<Vec<MemberScores>, StageError> {
    each(design.scores.len(), |place| {
        read_scores(context.input(Role::Scores(place))?)
    })
}

/// The AUC of a cell's model on its tuning part, by what its stages of scores wrote; none where that part lacks a class.
/// `file` gives the file of a stage's scores; those of other models are not asked for.
///
/// # Errors
/// When a file is missing or does not go with the plan.
pub fn tuning_auc(
    design: &Design,
    (cell, member): (usize, usize),
    file: &dyn Fn(&str) -> Option<PathBuf>,
) -> Result<Option<f64>, StageError> {
    let missing = || StageError::failed("the study has no such model");
    let cell = design.cells.get(cell).ok_or_else(missing)?;
    let member = cell.members.get(member).ok_or_else(missing)?;
    let mut scores = vec![MemberScores::default(); design.scores.len()];
    let mut failed = None;
    member.scoring.each_model(&mut |place, _| {
        let known = design.scores.get(place).and_then(|stage| file(stage));
        match (
            known.ok_or_else(missing).and_then(|file| read_scores(&file)),
            scores.get_mut(place),
        ) {
            (Ok(read), Some(scores)) => *scores = read,
            (Err(error), _) => failed = Some(error),
            (Ok(_), None) => failed = Some(missing()),
        }
    });
    match failed {
        Some(error) => Err(error),
        None => Ok(study::tuned_fold(design, cell, member, &scores)
            .map_err(StageError::failed)?
            .auc),
    }
}

fn each<T>(count: usize, read: impl Fn(u32) -> Result<T, StageError>) -> Result<Vec<T>, StageError> {
    (0..u32::try_from(count).unwrap_or(u32::MAX)).map(read).collect()
}

fn read_scores(path: &Path) -> Result<MemberScores, StageError> {
    let mut parts = read_weights(path).map_err(StageError::failed)?;
    let mut part = |name: &str| {
        let tensor = parts.shift_remove(name);
        let tensor = tensor.ok_or_else(|| StageError::failed(format!("the scores hold no `{name}` part")))?;
        tensor
            .flatten_all()
            .and_then(|flat| flat.to_vec1::<f32>())
            .map_err(StageError::failed)
    };
    Ok(MemberScores {
        test: part("test")?,
        tuning: part("tuning")?,
    })
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, StageError> {
    let text = fs::read_to_string(path).map_err(StageError::failed)?;
    serde_json::from_str(&text).map_err(StageError::failed)
}
