//! A small study written by hand, and what must be true of its results.

mod caveats;
mod cells;
mod comparisons;
mod families;
mod grids;
mod refusals;

use super::*;
use crate::report::model::Comparison;
use crate::{
    plan::stage::{
        Adjust, Axis, Cell, Choice, ChoiceBy, Dag, DataFacts, Design, Member, OtherStudy, Report, SampleFacts, Scoring,
        TaskFacts, Test, TrainingFacts,
    },
    stats::{
        crossval::{self, Case, CrossValidated},
        logistic,
        multiclass::Metric,
        multiplicity::holm,
        power::{Assumptions, least_detectable_difference},
        resampled::corrected_resampled_t,
    },
};
use std::sync::Arc;

const PATIENTS: u32 = 60;

/// Fixed pseudo-random numbers in -0.5..0.5 (SplitMix64, Steele, Lea & Flood 2014).
fn noise(place: u64) -> f64 {
    let mut z = place.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64 - 0.5
}

/// Everything that [`study`] takes.
#[derive(Clone)]
struct Fixture {
    spec: Report,
    scores: Vec<MemberScores>,
    histories: Vec<History>,
    numbers: Vec<Option<Vec<[f64; GLOBAL_NUMBERS]>>>,
    others: Vec<Option<OtherTests>>,
}

impl Fixture {
    fn study(&self) -> Result<Study, StudyError> {
        let environment = Environment {
            version: "0".into(),
            device: "cpu".into(),
            numerics: "f32".into(),
        };
        let written = Written {
            scores: &self.scores,
            histories: &self.histories,
            numbers: &self.numbers,
            others: &self.others,
            looks: None,
        };
        let study = study(&self.spec, &written, environment)?;
        study.check().unwrap();
        Ok(study)
    }
}

/// Two pictures of each of 60 patients.
fn task(classes: u32) -> TaskFacts {
    let sample = |place: u32| SampleFacts {
        row: place,
        others: Vec::new(),
        name: format!("{place}.png"),
        group: format!("P{}", place / 2),
        class: (place / 2) % classes,
    };
    TaskFacts {
        name: format!("of_{classes}"),
        classes: (0..classes).map(|class| format!("class{class}")).collect(),
        class_labels: (0..classes).map(|class| vec![class.to_string()]).collect(),
        column: "label".into(),
        group_column: Some("patient".into()),
        space: None,
        split: "by patient".into(),
        folds: 3,
        repeats: 1,
        unit: None,
        samples: (0..2 * PATIENTS).map(sample).collect(),
        cohort: 0,
        rows: (130, 120),
        data: DataFacts {
            caveats: vec!["Digitised film.".into()],
            ..DataFacts::default()
        },
    }
}

/// Where a patient is tested.
fn fold_of(patient: u32, repeat: u32, folds: u32) -> u32 {
    (patient / 6 + repeat * (1 + patient % 5)) % folds
}

/// A study of one axis, `arm`, compared with its first label. An arm with a higher place separates the classes better.
fn fixture(arms: &[&str], classes: u32, repeats: u32, folds: u32) -> Fixture {
    let coordinates: Vec<Vec<&str>> = arms.iter().map(|&arm| vec![arm]).collect();
    grid(&[("arm", arms)], &coordinates, classes, repeats, folds)
}

fn grid(axes: &[(&str, &[&str])], coordinates: &[Vec<&str>], classes: u32, repeats: u32, folds: u32) -> Fixture {
    let mut task = task(classes);
    (task.folds, task.repeats) = (folds, repeats);
    let mut fixture = Fixture {
        spec: Report {
            design: Design {
                name: "study".into(),
                axes: axes
                    .iter()
                    .map(|(name, labels)| Axis {
                        name: (*name).into(),
                        labels: words(labels),
                    })
                    .collect(),
                cells: vec![],
                pairs: (1..coordinates.len()).map(|arm| (arm, 0)).collect(),
                tasks: vec![task],
                scores: vec![],
                trainings: vec![],
                replicate: None,
                test: Test::Auto,
            },
            program: "study.mtl".into(),
            about: vec![],
            compare: Some(axes[0].0.into()),
            baseline: vec![(axes[0].0.into(), axes[0].1[0].into())],
            adjust: Adjust::Holm,
            primary: None,
            others: vec![],
            unmatched: vec![],
            choices: vec![],
            weights: vec![],
            dag: Dag::default(),
        },
        scores: vec![],
        histories: vec![],
        numbers: vec![None],
        others: vec![],
    };
    for (place, coordinate) in coordinates.iter().enumerate() {
        add_cell(&mut fixture, place, coordinate, repeats, folds);
    }
    fixture
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn add_cell(fixture: &mut Fixture, place: usize, coordinate: &[&str], repeats: u32, folds: u32) {
    let mut members = vec![];
    for (repeat, fold) in (0..repeats).flat_map(|repeat| (0..folds).map(move |fold| (repeat, fold))) {
        let in_fold = |wanted: u32| {
            let samples = 0..2 * PATIENTS;
            Arc::new(
                samples
                    .filter(|sample| fold_of(sample / 2, repeat, folds) == wanted)
                    .collect::<Vec<u32>>(),
            )
        };
        let test = in_fold(fold);
        // Six patients of the next fold are watched.
        let tuning = Arc::new(in_fold((fold + 1) % folds)[..12].to_vec());
        let stage = format!("{}/{repeat}/{fold}", coordinate.join("/"));
        fixture.spec.design.trainings.push(TrainingFacts {
            stage: format!("{stage}/finetune"),
            label: "finetune on of_2".into(),
            pictures: 300,
            steps: 10,
            epochs: 2,
            trained: (10, 20),
        });
        let epoch = |epoch| Epoch {
            epoch,
            training_loss: 0.7,
            tuning_loss: Some(0.8),
            rate: 1e-3,
            pictures: 150,
            steps: 5,
        };
        fixture.histories.push(History {
            epochs: vec![epoch(1), epoch(2)],
            kept: None,
        });
        fixture.spec.design.scores.push(format!("{stage}/score"));
        let task = &fixture.spec.design.tasks[0];
        let logits = |samples: &[u32]| {
            samples
                .iter()
                .flat_map(|&at| logits(task, place, repeat, fold, at))
                .collect()
        };
        fixture.scores.push(MemberScores {
            test: logits(&test),
            tuning: logits(&tuning),
        });
        let scores = fixture.scores.len() - 1;
        members.push(Member {
            run: 0,
            repeat,
            fold,
            scoring: Scoring::Model {
                scores,
                trainings: vec![scores],
            },
            test,
            tuning,
            units: None,
        });
    }
    fixture.spec.design.cells.push(Cell {
        coordinate: words(coordinate),
        task: 0,
        network: "resnet18".into(),
        network_parameters: 11_000_000,
        chain: words(&["random start", "finetune"]),
        members,
    });
}

/// The place of the scores of a member of one model.
fn scores_of(member: &Member) -> usize {
    match &member.scoring {
        Scoring::Model { scores, .. } => *scores,
        other => panic!("several models: {other:?}"),
    }
}

fn logits(task: &TaskFacts, place: usize, repeat: u32, fold: u32, sample: u32) -> Vec<f32> {
    let (classes, own) = (
        task.classes.len() as u64,
        u64::from(task.samples[sample as usize].class),
    );
    let model = u64::from(repeat * 10 + fold) + 100 * place as u64;
    let logit = |class: u64| {
        let signal = if class == own { 0.1 + 0.15 * place as f64 } else { 0.0 };
        (signal + noise((model * 1000 + u64::from(sample)) * classes + class)) as f32
    };
    (0..classes).map(logit).collect()
}

/// The arm at `cell` as the statistics take it, written down without the code under test.
fn arm(fixture: &Fixture, cell: usize) -> CrossValidated {
    let (mut cases, mut scores) = (vec![], vec![]);
    for member in &fixture.spec.design.cells[cell].members {
        for (row, &sample) in member.test.iter().enumerate() {
            let logits = &fixture.scores[scores_of(member)].test[2 * row..2 * row + 2];
            scores.push(1.0 / (1.0 + (f64::from(logits[1]) - f64::from(logits[0])).exp()));
            let label = u32::from(fixture.spec.design.tasks[0].samples[sample as usize].class == 0);
            cases.push(Case {
                repeat: member.repeat,
                fold: member.fold,
                sample,
                cluster: sample / 2,
                label,
            });
        }
    }
    CrossValidated::binary(&cases, &scores).unwrap()
}

fn codes(study: &Study) -> Vec<&str> {
    study.caveats.iter().map(|caveat| caveat.code.as_str()).collect()
}

fn caveat<'a>(study: &'a Study, code: &str) -> &'a str {
    study
        .caveats
        .iter()
        .find(|caveat| caveat.code == code)
        .map_or("", |caveat| &caveat.text)
}
