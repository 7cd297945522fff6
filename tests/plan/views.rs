//! Samples of several views, towers, units of judgement, and trainings as long as another.

use crate::fixture::{mistakes, planned, report};
use mtl::plan::{
    Plan,
    stage::{ABSENT, Start, Train, Work},
};

const START: &str = r#"
import std.models { resnet18 }
@stages("conv")
net tiny(classes: int = 2) { x |> conv: conv(4, 3, pad: 1) |> bn: batchnorm |> relu |> global_avgpool |> fc: linear(classes) }
let films = table("data/breasts/manifest.csv") |> resize(32)
let cohort = films |> split(kfold(2), by: "patient", stratify: "label", seed: 7)
let task = cohort |> classify("label", positive: "malignant")
"#;

/// Views of each breast, with further arguments.
fn breasts(more: &str) -> String {
    format!(r#"views(by: ["patient", "side"], view: "view", order: ["CC", "MLO"]{more})"#)
}

fn program(lets: &str, chain: &str) -> String {
    format!("{START}{lets}\nout study = {chain} |> report\n")
}

fn trainings(plan: &Plan) -> Vec<Train> {
    let stages = plan.order().map(|id| &plan.graph[id].work);
    let trains = stages.filter_map(|work| match work {
        Work::Train(train) => Some((**train).clone()),
        _ => None,
    });
    trains.collect()
}

fn views_plan(more: &str) -> Plan {
    let lets = format!("let breast = task |> {}", breasts(more));
    planned(&program(
        &lets,
        "tiny() |> towers(fuse: mean) |> finetune(breast) |> evaluate(breast)",
    ))
}

/// Of 96 breasts, 24 more of every third patient, every fifth patient's lack a view.
#[test]
fn samples_of_several_views_keep_their_folds_and_say_what_they_lack() {
    let plan = views_plan("");
    let design = report(&plan, "study").design;
    let facts = &design.tasks[0];
    assert_eq!((facts.samples.len(), facts.samples[0].name.as_str()), (96, "P00/LEFT"));
    assert_eq!(
        facts.unit.as_ref().map(|unit| unit.noun.as_str()),
        Some("2-view sample")
    );
    let both = facts.samples.iter().filter(|sample| sample.others.len() == 1).count();
    assert_eq!(both, 96 - 15 - 5, "15 patients lack a view, 5 of them in two breasts");
    let trains = trainings(&plan);
    let tested: usize = design.cells[0].members.iter().map(|member| member.test.len()).sum();
    assert_eq!((trains.len(), tested), (2, 96));
    for (train, member) in trains.iter().zip(&design.cells[0].members) {
        let samples = &train.training;
        assert_eq!((samples.views, samples.rows.len()), (2, 2 * samples.classes.len()));
        assert!(samples.rows.contains(&ABSENT) && samples.rows.iter().any(|row| *row != ABSENT));
        let part = |places: &[u32]| -> Vec<String> {
            let groups = places.iter().map(|place| facts.samples[*place as usize].group.clone());
            groups.collect()
        };
        let test = part(&member.test);
        let learnt = 96 - test.len() - member.tuning.len();
        assert_eq!(samples.classes.len(), learnt);
        assert!(part(&member.tuning).iter().all(|group| !test.contains(group)));
        // Pictures seen are those that there are.
        let there = samples.rows.iter().filter(|row| **row != ABSENT).count() as u64;
        assert_eq!(train.pictures_seen(), there * u64::from(train.epochs));
    }
}

#[test]
fn a_missing_view_is_marked_copied_or_costs_the_sample() {
    let rows = |more: &str| {
        let train = trainings(&views_plan(more)).remove(0).training;
        (
            train.classes.len(),
            train.rows.iter().filter(|row| **row == ABSENT).count(),
        )
    };
    let (masked, copied, dropped) = (rows(""), rows(", missing: copy"), rows(", missing: drop"));
    assert!(masked.1 > 0 && copied == (masked.0, 0));
    assert_eq!(dropped, (masked.0 - masked.1, 0));
}

#[test]
fn views_before_and_after_split_classify_and_where_are_the_same() {
    let two = breasts("");
    let of = |lets: &str| {
        let plan = planned(&program(
            lets,
            "tiny() |> towers(fuse: max) |> finetune(t) |> evaluate(t)",
        ));
        format!("{:?}", trainings(&plan))
    };
    let after = of(&format!("let t = task |> {two}"));
    assert_eq!(
        after,
        of(&format!(
            "let t = cohort |> {two} |> classify(\"label\", positive: \"malignant\")"
        ))
    );
    let split = "split(kfold(2), by: \"patient\", stratify: \"label\", seed: 7)";
    let before = format!("let t = films |> {two} |> {split} |> classify(\"label\", positive: \"malignant\")");
    assert_eq!(after, of(&before));
    // A picture that is left out leaves a view missing, wherever it is left out.
    let some = "where((r) => r.view == \"CC\" or r.patient != \"P01\")";
    assert_eq!(
        of(&format!("let t = task |> {two} |> {some}")),
        of(&format!("let t = task |> {some} |> {two}"))
    );
}

#[test]
fn the_class_of_a_sample_is_that_of_its_pictures() {
    let lets = |rule: &str| {
        format!(
            "let t = cohort |> {} |> classify(\"reading\", positive: \"malignant\")",
            breasts(rule)
        )
    };
    let chain = "tiny() |> towers(fuse: mean) |> finetune(t) |> evaluate(t)";
    let found = mistakes(&program(&lets(""), chain));
    let words = ["mtl::data::labels_disagree", "`P03/LEFT`", "most_severe"];
    assert!(
        found.iter().any(|m| words.iter().all(|word| m.contains(word))),
        "{found:?}"
    );
    let facts = report(&planned(&program(&lets(", label: most_severe"), chain)), "study")
        .design
        .tasks;
    let torn = facts[0].samples.iter().find(|sample| sample.name == "P03/LEFT");
    assert_eq!(torn.map(|sample| sample.class), Some(0), "malignant is the first class");
}

/// The weights of the trunk go on, the head is new; with parameters of their own each tower begins with the same.
#[test]
fn towers_take_the_trunk_over() {
    let lets = format!("let breast = task |> {}", breasts(""));
    for (shared, spread) in [("", None), (", shared: false", Some(2))] {
        let chain = format!(
            "tiny() |> pretrain(task, epochs: 1) |> towers(fuse: concat{shared}) |> finetune(breast, epochs: 2, freeze: stages(1)) |> evaluate(breast)"
        );
        let plan = planned(&program(&lets, &chain));
        let trains = trainings(&plan);
        let (first, second) = (&trains[0], &trains[2]);
        assert!(matches!(&second.start, Start::Model { new_head: Some(_), spread: found } if *found == spread));
        let names = |train: &Train| {
            train
                .graph
                .parameters
                .iter()
                .map(|p| p.name.clone())
                .collect::<Vec<_>>()
        };
        let frozen = second.frozen_weights.iter().filter(|frozen| **frozen).count();
        if spread.is_none() {
            assert_eq!(names(first), names(second));
            assert_eq!(frozen, 4, "the convolution and its batch norm");
        } else {
            assert!(names(second).contains(&"towers.1.conv.weight".to_owned()));
            assert_eq!(frozen, 8, "those of both towers");
        }
        let chain = &report(&plan, "study").design.cells[0].chain;
        assert!(chain[2].starts_with("towers(fuse: concat"), "{chain:?}");
    }
}

#[test]
fn a_training_can_be_as_long_as_one_on_another_task() {
    let lets = format!("let breast = task |> {}", breasts(", missing: drop"));
    let chain = |how: &str| {
        format!("tiny() |> towers(fuse: mean) |> finetune(breast, epochs: 3, batch: 8{how}) |> evaluate(breast)")
    };
    let alone = trainings(&planned(&program(&lets, &chain(""))));
    let matched = trainings(&planned(&program(&lets, &chain(", match_steps: task"))));
    let single = trainings(&planned(&program(
        &lets,
        "tiny() |> finetune(task, epochs: 3, batch: 8) |> evaluate(task)",
    )));
    for ((alone, matched), single) in alone.iter().zip(&matched).zip(&single) {
        assert_eq!(matched.steps(), single.steps());
        assert!(alone.steps() < matched.steps() && alone.epochs < matched.epochs);
        let whole = matched.steps_per_epoch() * u64::from(matched.epochs);
        assert!(whole >= matched.steps() && whole - matched.steps() < matched.steps_per_epoch());
    }
}

/// One view against two: one report, one task of breasts, paired where both score.
#[test]
fn arms_of_one_and_two_views_are_compared_at_the_level_of_breasts() {
    let text = |level: &str, missing: &str| {
        format!(
            r#"{START}
let breast = task |> {}
let scores = for count in [1, 2] {{
  if count == 1 {{
    tiny() |> finetune(task, epochs: 1) |> evaluate(task, level: {level})
  }} else {{
    tiny() |> towers(fuse: mean) |> finetune(breast, epochs: 1, match_steps: task) |> evaluate(breast, level: {level})
  }}
}}
out study = scores |> report(compare: "count", baseline: 1)
"#,
            breasts(missing)
        )
    };
    let warned = mistakes(&text(r#"["patient", "side"]"#, ""));
    assert!(
        !warned.iter().any(|m| m.contains("unequal_budgets")),
        "as many steps: {warned:?}"
    );
    let design = report(&planned(&text(r#"["patient", "side"]"#, "")), "study").design;
    let [task] = &design.tasks[..] else {
        panic!("{:?}", design.tasks)
    };
    assert_eq!((task.samples.len(), design.pairs.len()), (96, 1));
    assert_eq!(task.samples[1].name, "P00/RIGHT");
    assert_eq!(
        task.unit.as_ref().map(|unit| unit.noun.as_str()),
        Some("patient-side unit")
    );
    let [one, two] = &design.cells[..] else {
        panic!("two arms")
    };
    for (a, b) in one.members.iter().zip(&two.members) {
        assert_eq!(a.test, b.test);
        let scored = |member: &mtl::plan::stage::Member| {
            let units = member.units.as_ref().expect("units");
            units.test.iter().flatten().map(Vec::len).sum::<usize>()
        };
        assert!(scored(a) > scored(b) && scored(b) == b.test.len());
    }
    // A breast without both views is scored by one arm alone.
    let design = report(&planned(&text(r#"["patient", "side"]"#, ", missing: drop")), "study").design;
    assert_eq!((design.tasks.len(), design.tasks[0].samples.len()), (1, 96));
    let tested = |cell: usize| design.cells[cell].members.iter().map(|m| m.test.len()).sum::<usize>();
    assert_eq!((tested(0), tested(1)), (96, 76));
    // Of a patient the worse breast counts.
    let worst = text(r#"["patient"], worst_of: ["side"]"#, "");
    let design = report(&planned(&worst), "study").design;
    let units = design.cells[0].members[0].units.as_ref().expect("units");
    assert_eq!(design.tasks[0].samples.len(), 72);
    assert!(units.test.iter().any(|parts| parts.len() == 2 && parts[0].len() == 2));
}

fn refused(lets: &str, chain: &str, code: &str, words: &[&str]) {
    let found = mistakes(&program(lets, chain));
    let hit = |m: &String| m.starts_with(&format!("mtl::{code}:")) && words.iter().all(|word| m.contains(word));
    assert!(
        found.iter().any(hit),
        "expected {code} with {words:?}, found\n{}",
        found.join("\n")
    );
}

#[test]
fn what_cannot_be_grouped_is_refused() {
    let chain = "tiny() |> towers(fuse: mean) |> finetune(t) |> evaluate(t)";
    let views = |arguments: &str| format!("let t = task |> views({arguments})");
    let case = |arguments: &str, code: &str, words: &[&str]| refused(&views(arguments), chain, code, words);
    let by = r#"by: ["patient", "side"], view: "view""#;
    case(
        &format!(r#"{by}, order: ["CC", "MLOO"]"#),
        "data::no_label",
        &["`MLOO`", "did you mean `MLO`"],
    );
    case(
        &format!(r#"{by}, order: ["CC"]"#),
        "plan::bad_value",
        &["two views or more"],
    );
    case(
        &format!(r#"{by}, order: ["CC", "CC"]"#),
        "plan::bad_value",
        &["each once"],
    );
    case(
        r#"by: ["pateint"], view: "view", order: ["CC", "MLO"]"#,
        "data::no_column",
        &["pateint"],
    );
    case(
        r#"by: [], view: "view", order: ["CC", "MLO"]"#,
        "plan::bad_value",
        &["a column at least"],
    );
    case(
        r#"by: ["patient"], view: "view", order: ["CC", "MLO"]"#,
        "data::view_twice",
        &["`P00` has two pictures of view `CC`"],
    );
    // Groups of the split that are finer than samples, and a split that knows no patients.
    let rows =
        "let c = films |> split(kfold(2), by: \"image\", seed: 7) |> classify(\"label\", positive: \"malignant\")";
    let t = format!("{rows}\nlet t = c |> {}", breasts(""));
    refused(
        &t,
        chain,
        "data::unit_across_groups",
        &["two groups of the split", "image"],
    );
    let rows = "let c = films |> split(kfold(2), seed: 7) |> classify(\"label\", positive: \"malignant\")";
    let t = format!("{rows}\nlet t = c |> {}", breasts(""));
    refused(
        &t,
        chain,
        "data::unit_across_groups",
        &["knows no patients", "split(..., by: \"patient\")"],
    );
    let t = format!("let t = task |> {} |> {}", breasts(""), breasts(""));
    refused(&t, chain, "plan::views_twice", &[]);
}

#[test]
fn towers_and_levels_that_make_no_sense_are_refused() {
    let lets = format!("let t = task |> {}", breasts(""));
    let case = |chain: &str, code: &str, words: &[&str]| refused(&lets, chain, code, words);
    case(
        "tiny() |> towers(fuse: mean) |> finetune(task) |> evaluate(task)",
        "plan::no_views",
        &["views("],
    );
    case(
        "tiny() |> towers(fuse: mean) |> towers(fuse: max) |> finetune(t) |> evaluate(t)",
        "plan::bad_value",
        &["towers already"],
    );
    case(
        "tiny() |> finetune(t) |> towers(fuse: mean) |> evaluate(t)",
        "plan::head_mismatch",
        &["no head yet"],
    );
    case(
        "tiny() |> finetune(task) |> towers(fuse: mean) |> finetune(t, head: keep) |> evaluate(t)",
        "plan::head_mismatch",
        &["the towers have no head yet"],
    );
    case(
        "tiny() |> finetune(task) |> finetune(t) |> evaluate(t)",
        "plan::model_shape",
        &["towers("],
    );
    let train = "tiny() |> finetune(task) |> ";
    case(
        &format!(r#"{train}evaluate(task, level: ["breast"])"#),
        "data::no_column",
        &["breast"],
    );
    case(
        &format!(r#"{train}evaluate(task, level: ["side"])"#),
        "data::unit_across_groups",
        &["`LEFT`"],
    );
    case(
        &format!(r#"{train}evaluate(task, worst_of: ["side"])"#),
        "plan::bad_value",
        &["`level` names none"],
    );
    let headless = "net own(classes: int = 2) { x |> conv: conv(4, 3) |> global_avgpool |> slice(0, classes) }";
    let lets = format!("{headless}\n{lets}");
    refused(
        &lets,
        "own() |> towers(fuse: mean) |> finetune(t) |> evaluate(t)",
        "net::no_head",
        &[],
    );
    let other =
        "let o = films |> split(kfold(3), by: \"patient\", seed: 1) |> classify(\"label\", positive: \"malignant\")";
    refused(
        other,
        "tiny() |> finetune(task, match_steps: o) |> evaluate(task)",
        "plan::folding_mismatch",
        &["other folds"],
    );
    let graded = "let g = cohort |> classify(\"grade\")";
    refused(
        graded,
        r#"tiny() |> finetune(g) |> evaluate(g, level: ["patient"], worst_of: ["side"])"#,
        "plan::bad_value",
        &["positive of two classes"],
    );
}

/// Labels that were exchanged between patients stay exchanged, whatever is grouped or left out afterwards.
#[test]
fn permuted_labels_stay_permuted() {
    let two = breasts("");
    let classes = |steps: &str| {
        let text = program(
            &format!("let t = task |> {steps}"),
            "tiny() |> towers(fuse: mean) |> finetune(t) |> evaluate(t)",
        );
        let found = trainings(&planned(&text)).remove(0).training;
        found.classes.clone()
    };
    let some = "where((r) => r.patient != \"P01\")";
    for rest in [String::new(), format!(" |> {some}")] {
        let plain = classes(&format!("{two}{rest}"));
        let permuted = classes(&format!("permute_labels(seed: 3) |> {two}{rest}"));
        assert_eq!(plain.len(), permuted.len());
        assert_ne!(plain, permuted);
    }
}

/// Scores of units are chosen among, averaged and replicated as those of samples; of other units they are not taken
/// together.
#[test]
fn units_are_chosen_among_and_averaged() {
    let text = |tail: &str| {
        format!(
            r#"{START}
let tuned = films |> split(kfold(2, tuning: 25%), by: "patient", stratify: "label", seed: 7)
let films_task = tuned |> classify("label", positive: "malignant")
let breast = films_task |> {}
let side = ["patient", "side"]
let grid = for lr in [1e-3, 1e-4], seed in [1, 2] {{
  tiny() |> towers(fuse: mean) |> finetune(breast, epochs: 1, lr: lr, seed: seed)
    |> evaluate(breast, level: ["patient"], worst_of: ["side"], tta: [identity, flip(horizontal: 100%)])
}}
let plain = for arm in ["breast", "patient"] {{
  let model = tiny() |> finetune(films_task, epochs: 1)
  if arm == "breast" {{ model |> evaluate(films_task, level: side) }} else {{ model |> evaluate(films_task, level: ["patient"]) }}
}}
out study = {tail}
"#,
            breasts("")
        )
    };
    let plan = planned(&text(
        r#"grid |> select(along: "lr", by: auc) |> ensemble(along: "seed") |> report"#,
    ));
    let design = report(&plan, "study").design;
    assert_eq!((design.cells.len(), design.scores.len()), (1, 8));
    assert_eq!(design.tasks[0].samples.len(), 72);
    for member in &design.cells[0].members {
        let units = member.units.as_ref().expect("units");
        assert_eq!(units.test.len(), member.test.len());
        assert_eq!(units.tuning.len(), member.tuning.len());
        assert!(!units.tuning.is_empty());
        let mut models = 0;
        member.scoring.each_model(&mut |_, _| models += 1);
        assert_eq!(models, 4);
    }
    let design = report(
        &planned(&text(
            r#"grid |> report(compare: "lr", baseline: 1e-3, replicate: "seed")"#,
        )),
        "study",
    )
    .design;
    let cell = &design.cells[0];
    assert_eq!((design.cells.len(), cell.members.len()), (2, 4));
    assert!(cell.members.iter().all(|member| member.units.is_some()));
    for tail in [
        r#"plain |> select(along: "arm") |> report"#,
        r#"plain |> ensemble(along: "arm") |> report"#,
        r#"plain |> report(replicate: "arm")"#,
    ] {
        let found = mistakes(&text(tail));
        let hit = |m: &String| {
            m.starts_with("mtl::plan::unlike_scores:") && m.contains("patient-side units and patient units")
        };
        assert!(found.iter().any(hit), "{tail}\n{}", found.join("\n"));
    }
}

/// Conditions on rows see every picture, wherever the rows were grouped; columns may be derived.
#[test]
fn rows_of_views_are_selected_picture_by_picture() {
    let samples = |lets: &str| {
        let text = program(
            lets,
            r#"tiny() |> towers(fuse: mean) |> finetune(t) |> evaluate(t, level: ["breast"])"#,
        );
        let design = report(&planned(&text), "study").design;
        let facts = design.tasks[0].samples.iter();
        facts
            .map(|sample| (sample.name.clone(), sample.others.len()))
            .collect::<Vec<_>>()
    };
    let derived = r#"derive("breast", (r) => "{r.patient}-{r.side}")"#;
    let kept = r#"where((r) => r.view == "CC" or r.patient != "P01")"#;
    let two = breasts("");
    let before = samples(&format!("let t = task |> {derived} |> {kept} |> {two}"));
    assert_eq!(before.len(), 96);
    let views = |name: &str| {
        before
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, others)| *others)
    };
    assert_eq!((views("P01-LEFT"), views("P02-LEFT")), (Some(0), Some(1)));
    for after in [
        format!("let t = task |> {two} |> {kept} |> {derived}"),
        format!("let t = task |> {two} |> {derived} |> {kept}"),
        format!(
            r#"let t = films |> {two} |> {derived} |> {kept} |> split(kfold(2), by: "patient", stratify: "label", seed: 7) |> classify("label", positive: "malignant")"#
        ),
        format!(r#"let t = task |> {two} |> {derived} |> drop_missing(["label"]) |> {kept}"#),
        format!(
            r#"let t = task |> {two} |> {derived} |> anti_join(films |> where((r) => r.view == "MLO" and r.patient == "P01"), on: "image")"#
        ),
    ] {
        assert_eq!(samples(&after), before, "{after}");
    }
    let chain = "tiny() |> towers(fuse: mean) |> finetune(t) |> evaluate(t)";
    refused(
        &format!(r#"let t = task |> {two} |> derive("label", (r) => r.reading)"#),
        chain,
        "plan::bad_value",
        &["come from `label`"],
    );
    refused(
        &format!(
            r#"let t = (films |> {two}) ++ films |> split(kfold(2), by: "patient", seed: 7) |> classify("label", positive: "malignant")"#
        ),
        chain,
        "plan::bad_value",
        &["not joined"],
    );
    // Of two values without a positive one none is the most severe.
    refused(
        &format!(
            r#"let t = cohort |> classify("reading") |> {}"#,
            breasts(", label: most_severe")
        ),
        chain,
        "data::no_severity",
        &["most severe"],
    );
}
