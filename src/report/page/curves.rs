//! ROC curves by cell and learning curves by training stage.

use super::super::chart::{learning, roc};
use super::super::model::{CellResult, EpochLoss, Study, TrainingResult};
use super::super::{names, numbers, words};

/// A small chart with its caption.
pub(super) struct Figure {
    pub(super) title: String,
    pub(super) note: String,
    pub(super) chart: String,
}

/// One figure per cell that has curves.
pub(super) fn roc(study: &Study) -> Vec<Figure> {
    let drawn = study
        .cells
        .iter()
        .enumerate()
        .filter(|(_, cell)| !cell.curves.is_empty());
    drawn.map(|(place, cell)| cell_figure(study, place, cell)).collect()
}

fn cell_figure(study: &Study, place: usize, cell: &CellResult) -> Figure {
    let classes = &study.tasks[cell.task].classes;
    let several = classes.len() > 2;
    let title = names::cell(study, cell);
    let series = cell.curves.iter().map(|curves| roc::Series {
        label: if several {
            format!(
                "{} {} ({})",
                classes[curves.class],
                numbers::auc(curves.auc),
                numbers::auc_interval(curves.auc_ci)
            )
        } else {
            String::new()
        },
        folds: &curves.folds,
        average: &curves.average,
    });
    let compared = study.comparisons.iter().find(|comparison| comparison.arm == place);
    let baseline = compared
        .map(|comparison| &study.cells[comparison.baseline])
        .filter(|_| !several);
    let panel = roc::Panel {
        id: &format!("roc-{place}"),
        title: &format!("ROC curves of {title}"),
        series: series.collect(),
        baseline: baseline
            .and_then(|cell| cell.curves.first())
            .map(|curves| curves.average.as_slice()),
    };
    let note = if several {
        format!(
            "AUC {} over {} classes; below, each class against the rest",
            numbers::auc(cell.auc),
            classes.len()
        )
    } else {
        format!(
            "AUC {} ({})",
            numbers::auc(cell.auc),
            numbers::auc_interval(cell.auc_ci)
        )
    };
    Figure {
        chart: panel.draw(),
        title,
        note,
    }
}

/// Like stages: the trainings at one place of a cell's chain, one per model, and the cells that share them.
struct Stages<'a> {
    trainings: Vec<usize>,
    cells: Vec<&'a CellResult>,
    step: usize,
}

/// One figure per group of like training stages.
pub(super) fn learning(study: &Study) -> Vec<Figure> {
    let groups = stages(study);
    groups
        .iter()
        .enumerate()
        .filter_map(|(place, group)| stage_figure(study, &groups, place, group))
        .collect()
}

fn stages(study: &Study) -> Vec<Stages<'_>> {
    let mut groups: Vec<Stages<'_>> = Vec::new();
    for cell in &study.cells {
        let steps = cell
            .members
            .iter()
            .map(|member| member.trainings.len())
            .max()
            .unwrap_or(0);
        for step in 0..steps {
            let mut trainings: Vec<usize> = Vec::new();
            for &training in cell.members.iter().filter_map(|member| member.trainings.get(step)) {
                if !trainings.contains(&training) {
                    trainings.push(training);
                }
            }
            match groups.iter_mut().find(|group| group.trainings == trainings) {
                Some(group) => group.cells.push(cell),
                None => groups.push(Stages {
                    trainings,
                    cells: vec![cell],
                    step,
                }),
            }
        }
    }
    groups
}

fn stage_figure(study: &Study, groups: &[Stages<'_>], place: usize, group: &Stages<'_>) -> Option<Figure> {
    let trainings: Vec<&TrainingResult> = group
        .trainings
        .iter()
        .map(|&training| &study.trainings[training])
        .collect();
    let label = &trainings.first()?.label;
    let alike = groups
        .iter()
        .flat_map(|group| &group.trainings)
        .map(|&training| &study.trainings[training]);
    let losses = extent(alike.filter(|training| training.label == *label))?;
    let curve = |training: &&TrainingResult, loss: fn(&EpochLoss) -> Option<f64>| {
        let points = training
            .history
            .iter()
            .filter_map(|epoch| Some((f64::from(epoch.epoch), numbers::finite(loss(epoch))?)));
        points.collect::<Vec<_>>()
    };
    let cells: Vec<String> = group.cells.iter().map(|cell| names::cell(study, cell)).collect();
    let title = words::list(&cells);
    let panel = learning::Panel {
        id: &format!("learning-{place}"),
        title: &format!("Learning curves of {title}, {label}"),
        training: trainings
            .iter()
            .map(|training| curve(training, |epoch| Some(epoch.training)))
            .collect(),
        tuning: trainings
            .iter()
            .map(|training| curve(training, |epoch| epoch.tuning))
            .filter(|curve| !curve.is_empty())
            .collect(),
        losses,
    };
    let first = trainings.first()?;
    let note = format!(
        "{}. {label}, {}; {} values train",
        group.step + 1,
        words::counted(first.epochs as usize, "epoch"),
        trained(first.trained),
    );
    Some(Figure {
        chart: panel.draw(),
        title,
        note,
    })
}

/// How many of a network's values train.
fn trained((trained, all): (u64, u64)) -> String {
    if trained == all {
        return format!("all {}", numbers::count(all));
    }
    format!("{} of {}", numbers::count(trained), numbers::count(all))
}

/// Lowest and highest loss; nothing when there is none.
fn extent<'a>(trainings: impl Iterator<Item = &'a TrainingResult>) -> Option<(f64, f64)> {
    let epochs = trainings.flat_map(|training| &training.history);
    let losses = epochs.flat_map(|epoch| [numbers::finite(Some(epoch.training)), numbers::finite(epoch.tuning)]);
    losses.flatten().fold(None, |range, loss| {
        let (low, high) = range.unwrap_or((loss, loss));
        Some((low.min(loss), high.max(loss)))
    })
}
