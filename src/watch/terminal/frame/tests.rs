use super::*;
use crate::watch::{
    matrix::MatrixCell,
    steps::Step,
    view::{Curve, Outline, OutlineStage, OutputView, State},
};
use std::sync::Arc;

/// Five folds of a training, three of which are known.
fn view() -> View {
    let names = |label: &str| {
        (1..=5)
            .map(|fold| format!("scores[chain]/fold{fold}/{label}"))
            .collect::<Vec<_>>()
    };
    let all = [
        vec!["prepare films".to_owned()],
        names("finetune density"),
        names("score density"),
    ]
    .concat();
    let step = |label: &str, kind, stages: std::ops::Range<usize>, after: &[usize]| Step {
        label: label.to_owned(),
        kind,
        stages: stages.collect(),
        after: after.to_vec(),
    };
    let mut view = View::new("study.mtl");
    view.outline = Arc::new(Outline {
        stages: all
            .iter()
            .map(|name| OutlineStage {
                name: name.clone(),
                kind: "train",
                step: 0,
            })
            .collect(),
        steps: vec![
            step("prepare films", "prepare", 0..1, &[]),
            step("finetune density", "train", 1..6, &[0]),
            step("score density", "score", 6..11, &[0, 1]),
        ],
        ..Outline::default()
    });
    view.outline = Arc::new(Outline {
        program: "study.mtl".to_owned(),
        ..(*view.outline).clone()
    });
    view.state = State {
        phase: Phase::Running,
        decision: 3,
        decided_ms: Some(34),
        stages: "kkkdr.kkd..".to_owned(),
        running: vec![Running {
            stage: 4,
            epoch: Some((2, 6)),
            curve: Curve {
                first: 1,
                training: vec![0.9, 0.5],
                tuning: vec![Some(0.8), Some(0.9)],
            },
            ..Running::default()
        }],
        matrices: vec![Matrix {
            output: "study".to_owned(),
            axes: vec!["arm".to_owned(), "lr".to_owned()],
            rows: vec!["scratch".to_owned(), "chain".to_owned()],
            columns: vec!["1e-3".to_owned(), "1e-4".to_owned()],
            cells: [(Some(0.7125), 5), (Some(0.5), 5), (Some(0.66), 3), (None, 0)]
                .map(|(auc, known)| Some(MatrixCell { auc, known, of: 5 }))
                .to_vec(),
        }],
        outputs: vec![OutputView {
            name: "study".to_owned(),
            is_sealed: true,
            folder: None,
            has_report: false,
        }],
        ..State::default()
    };
    view
}

const SIZE: Size = Size { columns: 100, rows: 30 };

#[test]
fn a_running_study_is_drawn() {
    let lines = frame(&view(), SIZE, false);
    assert_eq!(lines.len(), SIZE.rows);
    let text: Vec<&str> = lines
        .iter()
        .map(|line| line.trim_end())
        .filter(|line| !line.is_empty())
        .collect();
    let expected = [
        "study.mtl  running  7 of 11 stages  decision 3 in 34 ms",
        "  prepare films     ■      1/1",
        "  finetune density  ■■■▶·  3/5",
        "  score density     ■■■··  3/5",
        "Running, and trainings that have just ended: loss by epoch",
        "  scores[chain]/fold4/finetune density  epoch 2/6     training 0.500 █▁  tuning 0.900 ▁█",
        "study: AUC on tuning parts  mean of the models so far; these are no results",
        "           1e-3       1e-4",
        "  scratch  0.713      0.500",
        "  chain    0.660 3/5  · 0/5",
        "r shows results on test data, which is recorded as a look    enter decides anew    q ends",
    ];
    assert_eq!(text, expected);
}

#[test]
fn results_are_asked_for_twice() {
    let mut view = view();
    view.state.asks = true;
    let lines = frame(&view, SIZE, false);
    assert!(
        lines
            .last()
            .is_some_and(|line| line.starts_with("r again shows results on test data"))
    );
}

#[test]
fn trouble_stands_above_the_last_good_results() {
    let mut view = view();
    view.state.trouble = Some("mtl::names::unknown\n\n  × nothing is called `cohrt`\n".to_owned());
    let lines = frame(&view, SIZE, false);
    assert!(lines[2].starts_with("The program cannot be run as it stands"));
    assert!(lines.iter().any(|line| line.contains("nothing is called `cohrt`")));
    assert!(lines.iter().any(|line| line.contains("0.713")), "the last results stay");
}

#[test]
fn frames_keep_to_the_terminal_whatever_its_size() {
    let mut view = view();
    view.state.trouble = Some("word ".repeat(300) + &"\nline".repeat(50));
    view.tell("something happened".repeat(20));
    for (columns, rows) in [(1, 1), (10, 5), (40, 12), (80, 24), (300, 100)] {
        for colours in [false, true] {
            let lines = frame(&view, Size { columns, rows }, colours);
            assert!(lines.len() <= rows, "{columns}x{rows}: {} lines", lines.len());
            assert!(
                lines.iter().all(|line| measure_text_width(line) <= columns),
                "{columns}x{rows}"
            );
        }
    }
}

#[test]
fn colours_say_nothing_that_signs_do_not() {
    let (plain, coloured) = (frame(&view(), SIZE, false), frame(&view(), SIZE, true));
    assert_ne!(plain, coloured);
    let stripped: Vec<_> = coloured
        .iter()
        .map(|line| console::strip_ansi_codes(line).into_owned())
        .collect();
    assert_eq!(stripped, plain);
}

#[test]
fn many_stages_are_drawn_by_their_shares() {
    let mut view = view();
    view.outline = Arc::new(Outline {
        steps: vec![Step {
            label: "finetune".to_owned(),
            kind: "train",
            stages: (0..100).collect(),
            after: Vec::new(),
        }],
        ..(*view.outline).clone()
    });
    view.state.stages = "k".repeat(50) + &".".repeat(50);
    let lines = frame(&view, SIZE, false);
    let line = lines.iter().find(|line| line.contains("finetune")).expect("the step");
    assert!(
        line.contains(&format!("{}{}  50/100", "■".repeat(12), "·".repeat(12))),
        "{line}"
    );
}
