//! The options of training: what they plan, and what is refused.

use crate::fixture::{mistakes, planned};
use mtl::plan::{
    Plan,
    stage::{Keep, Link, Loss, Schedule, Train, Work},
};

const START: &str = r#"
let films = table("data/films/manifest.csv") |> resize(32) |> rgb |> normalize(imagenet)
let cohort = films |> split(kfold(3), by: "patient", stratify: "label", seed: 7)
let task = cohort |> classify("label", { malignant: ["malignant"], rest: ["benign", "other"] })
@stages("conv1")
net tiny(classes: int = 3) { x |> conv1: conv(4, 3) |> relu |> global_avgpool |> fc: linear(classes) }
"#;

fn plan(options: &str) -> Plan {
    planned(&format!(
        "{START}out study = tiny() |> finetune(task, {options}) |> evaluate(task) |> report\n"
    ))
}

fn trainings(plan: &Plan) -> Vec<&Train> {
    let works = plan.order().map(|node| &plan.graph[node].work);
    works.filter_map(|work| Some(work.training()?.0)).collect()
}

fn links(plan: &Plan) -> Vec<Link> {
    let works = plan.order().map(|node| &plan.graph[node].work);
    let links = works.filter_map(|work| match work {
        Work::Score(score) => Some(score.link),
        _ => None,
    });
    links.collect()
}

#[test]
fn weights_of_classes_are_those_of_each_training_part() {
    let plan = plan("loss: cross_entropy(weights: balanced)");
    for train in trainings(&plan) {
        let all = train.training.count() as f64;
        let own = train.training.classes.iter().filter(|class| **class == 0).count() as f64;
        let weights = vec![all / (2.0 * own), all / (2.0 * (all - own))];
        assert_eq!(
            train.loss,
            Loss::CrossEntropy {
                smoothing: 0.0,
                weights
            }
        );
    }
    let given = self::plan("loss: focal(gamma: 1.5, weights: { rest: 1, malignant: 3 })");
    let expected = Loss::Focal {
        gamma: 1.5,
        weights: vec![3.0, 1.0],
    };
    assert_eq!(trainings(&given)[0].loss, expected, "in the order of the task");
    assert!(links(&given).iter().all(Link::is_softmax));
}

#[test]
fn a_model_scores_as_its_last_loss_says() {
    let plan = plan("loss: binary_cross_entropy(weights: balanced)");
    for train in trainings(&plan) {
        let all = train.training.count() as f64;
        let own = train.training.classes.iter().filter(|class| **class == 0).count() as f64;
        let weights = vec![(all - own) / own, own / (all - own)];
        assert_eq!(train.loss, Loss::Binary { weights });
    }
    assert_eq!(links(&plan), [Link::Sigmoid; 3]);
    let back = planned(&format!(
        "{START}out study = tiny() |> pretrain(task, loss: binary_cross_entropy) |> finetune(task) |> evaluate(task) |> report\n"
    ));
    assert_eq!(links(&back), [Link::Softmax; 3]);
}

#[test]
fn steps_of_several_batches_are_counted_as_they_are_taken() {
    let one = plan("epochs: 3, batch: 4");
    let several = plan("epochs: 3, batch: 4, accumulate: 4");
    for (one, several) in trainings(&one).into_iter().zip(trainings(&several)) {
        assert_eq!(several.batches_per_epoch(), one.steps_per_epoch());
        assert_eq!(several.steps(), 3 * one.steps_per_epoch().div_ceil(4));
        assert_eq!(several.samples_seen(), one.samples_seen());
    }
    let kept = plan("keep: best, ema: 0.99, schedule: plateau(warmup: 10%)");
    let train = trainings(&kept)[0];
    assert_eq!((train.keep, train.ema), (Keep::Best, Some(0.99)));
    assert!(matches!(&train.schedule, Schedule::Warmed { share, from: None, .. } if *share == 0.1));
}

#[test]
fn the_head_first_and_then_everything() {
    let plan = planned(&format!(
        "import std.strategies {{ probe_then_finetune }}{START}
out study = tiny() |> pretrain(task, epochs: 1)
  |> probe_then_finetune(task, probe_epochs: 2, epochs: 3, batch: 8) |> evaluate(task) |> report\n"
    ));
    let of_fold: Vec<_> = trainings(&plan).into_iter().step_by(3).collect();
    let told: Vec<_> = of_fold
        .iter()
        .map(|train| {
            (
                train.epochs,
                train.rates.iter().filter(|rate| **rate > 0.0).count(),
                train.batch,
            )
        })
        .collect();
    assert_eq!(told, [(1, 4, 32), (2, 2, 32), (3, 4, 8)]);
}

#[test]
fn options_that_make_no_sense_are_refused_with_their_mend() {
    let refused = |options: &str| {
        let text = format!("{START}out study = tiny() |> finetune(task, {options}) |> evaluate(task) |> report\n");
        mistakes(&text).join(" / ")
    };
    for (options, words) in [
        (
            "loss: focal(weights: { malignant: 2 })",
            "names no weight for the class `rest`",
        ),
        (
            "loss: focal(weights: { malignat: 2, rest: 1 })",
            "`malignat` is no class of `task`",
        ),
        ("optimizer: adagrad, schedule: one_cycle", "`adagrad` has none"),
        ("accumulate: 0", "`accumulate` must be at least 1"),
        ("ema: 1.0", "`ema` must be above 0 and below 1"),
        (
            "schedule: cosine(warmup: 100%)",
            "`warmup` must be a share, at least 0 and below 1",
        ),
        ("loss: cross_entropy(smoothing: 10)", "`smoothing` must be a share"),
    ] {
        let found = refused(options);
        assert!(found.contains(words), "{options}: {found}");
    }
    let without = START.replace("kfold(3)", "kfold(3, tuning: 0%)");
    for (options, words) in [
        (
            "keep: best",
            "`keep: best` chooses the epoch by the loss on the tuning part",
        ),
        (
            "schedule: plateau",
            "`plateau` lets the rate fall by the loss on the tuning part",
        ),
    ] {
        let text = format!("{without}out study = tiny() |> finetune(task, {options}) |> evaluate(task) |> report\n");
        let found = mistakes(&text).join(" / ");
        assert!(found.contains(words), "{options}: {found}");
    }
    let text = format!(
        "{START}out study = tiny() |> simclr(cohort, schedule: plateau) |> finetune(task) |> evaluate(task) |> report\n"
    );
    let found = mistakes(&text).join(" / ");
    assert!(found.contains("without classes there is none"), "{found}");
}
