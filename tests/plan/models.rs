//! What models begin with and how they train: rates by stage, adapted first layers, tasks and controls of the library.

use crate::fixture::{mistakes, planned, report};
use mtl::{
    net::Graph,
    plan::{
        Plan,
        stage::{Card, CardValue, Contrast, InputAdapt, Load, Start, Train, Work},
    },
};

const START: &str = r#"
import std.models { alexnet, googlenet, resnet18 }
let films = table("data/films/manifest.csv") |> resize(32) |> rgb |> normalize(imagenet)
let cohort = films |> split(kfold(3), by: "patient", stratify: "label", seed: 7)
let task = cohort |> classify("label", { malignant: ["malignant"], rest: ["benign", "other"] })
let density = cohort |> classify("density", { dense: [3, 4], fatty: [1, 2] })
net tiny(classes: int = 3) {
  x |> conv1: conv(4, 3) |> relu |> conv2: conv(8, 3) |> relu |> global_avgpool |> fc: linear(classes)
}
"#;

fn trainings(plan: &Plan) -> Vec<&Train> {
    let works = plan.order().map(|node| &plan.graph[node].work);
    let trainings = works.filter_map(|work| match work {
        Work::Train(train) => Some(&**train),
        _ => None,
    });
    trainings.collect()
}

fn loads(plan: &Plan) -> Vec<&Load> {
    let works = plan.order().map(|node| &plan.graph[node].work);
    let loads = works.filter_map(|work| match work {
        Work::Load(load) => Some(load),
        _ => None,
    });
    loads.collect()
}

/// The plan of one chain.
fn chain(lets: &str, chain: &str) -> Plan {
    planned(&format!(
        "{START}{lets}\nout study = {chain} |> evaluate(task) |> report\n"
    ))
}

fn refused(lets: &str, chain: &str, code: &str, words: &[&str]) {
    let found = mistakes(&format!(
        "{START}{lets}\nout study = {chain} |> evaluate(task) |> report\n"
    ));
    let hit = found
        .iter()
        .any(|m| m.starts_with(&format!("mtl::{code}:")) && words.iter().all(|word| m.contains(word)));
    assert!(hit, "expected mtl::{code} with {words:?}, found\n{}", found.join("\n"));
}

fn value_of(graph: &Graph, values: &[f64], name: &str) -> f64 {
    let id = graph.find(name).unwrap_or_else(|| panic!("no parameter {name}"));
    values[id.0]
}

#[test]
fn rates_fall_by_stage_from_the_head_down() {
    let plan = chain(
        "",
        "resnet18() |> finetune(task, lr: stage_rates(top: 1e-2, factor: 0.5))",
    );
    let train = trainings(&plan)[0];
    let rate = |name: &str| value_of(&train.graph, &train.rates, name);
    assert_eq!(
        [
            "fc.weight",
            "layer4.1.conv2.weight",
            "layer3.0.conv1.weight",
            "conv1.weight",
            "bn1.bias"
        ]
        .map(rate),
        [1e-2, 5e-3, 2.5e-3, 1e-2 / 32.0, 1e-2 / 32.0]
    );
    assert_eq!(rate("bn1.running_mean"), 0.0);
    let report = report(&plan, "study");
    let printed = report
        .choices
        .iter()
        .find(|choice| choice.name == "lr")
        .expect("lr is printed");
    assert_eq!(
        printed.value,
        "stage_rates(top: 0.01, factor: 0.5): head 0.01, layer4 0.005, layer3 0.0025, layer2 0.00125, layer1 6.25e-4, \
         conv1 3.125e-4"
    );
}

#[test]
fn rates_by_stage_need_stages_and_sense() {
    refused(
        "",
        "tiny() |> finetune(task, lr: stage_rates(top: 1e-2, factor: 0.5))",
        "net::no_such_stage",
        &["`tiny` names no coarse stages", "@stages"],
    );
    let wrong = [
        ("stage_rates(top: 0.0, factor: 0.5)", "`top` must be above 0"),
        ("stage_rates(top: 1e-3, factor: -1.0)", "`factor` must be above 0"),
        ("0.0", "a learning rate must be above 0"),
        ("{ head: 1e-3, rest: -1e-3 }", "a learning rate must be at least 0"),
    ];
    for (rates, words) in wrong {
        refused(
            "",
            &format!("resnet18() |> finetune(task, lr: {rates})"),
            "plan::bad_value",
            &[words],
        );
    }
    refused(
        "",
        "resnet18() |> finetune(task, lr: { rest: 0 })",
        "plan::all_frozen",
        &[],
    );
}

/// A rate of 0 in a record holds the weights of a group, as `freeze_weights` does.
#[test]
fn a_rate_of_zero_holds_a_group() {
    let lets = "let first = resnet18() |> pretrain(density, epochs: 1)";
    let by_rate = chain(lets, "first |> finetune(task, lr: { head: 1e-2, rest: 0 })");
    let train = trainings(&by_rate).into_iter().last().expect("it trains");
    let held = |train: &Train, name: &str| train.frozen_weights[train.graph.find(name).expect("known").0];
    assert!(held(train, "conv1.weight") && held(train, "bn1.weight") && !held(train, "fc.weight"));
    assert!(train.frozen_statistics.iter().all(|frozen| !frozen));
    assert_eq!(value_of(&train.graph, &train.rates, "fc.bias"), 1e-2);
}

#[test]
fn a_first_layer_is_adapted_where_that_is_allowed_and_needed() {
    let grey = "let grey = table(\"data/films/manifest.csv\") |> resize(32)
      |> split(like(cohort), by: \"patient\")
      |> classify(\"label\", { malignant: [\"malignant\"], rest: [\"benign\", \"other\"] })";
    let made = |lets: &str, task: &str, how: &str| {
        planned(&format!(
            "{START}{lets}\nout study = tiny() |> load(\"data/tiny.safetensors\"{how}) |> finetune({task}) \
             |> evaluate({task}) |> report\n"
        ))
    };
    let plan = made(grey, "grey", ", adapt: { input: replicate }");
    assert_eq!(loads(&plan)[0].adapt, Some(InputAdapt::Replicate));
    assert_eq!(loads(&plan)[0].graph.parameters[0].shape, [4, 1, 3, 3]);
    let printed = report(&plan, "study");
    let choice = printed
        .choices
        .iter()
        .find(|choice| choice.name == "adapt")
        .expect("it is printed");
    assert_eq!(choice.value, "{ input: replicate }: 3 channels to 1");
    let names: Vec<_> = plan.order().map(|node| plan.graph[node].name.as_str()).collect();
    assert!(names.contains(&"load tiny (input: replicate)"), "{names:?}");

    // What fits is read as it is.
    let plan = made("", "task", ", adapt: { input: sum }");
    assert_eq!(loads(&plan)[0].adapt, None);

    let start = format!("{START}{grey}\n");
    let found = |how: &str| {
        mistakes(&format!(
            "{start}out study = tiny() |> load(\"data/tiny.safetensors\"{how}) |> finetune(grey) |> evaluate(grey) |> report\n"
        ))
    };
    let strict = found("");
    assert!(
        strict[0].contains("weights_misfit") && strict[0].contains("`adapt: { input: sum }`"),
        "{strict:?}"
    );
}

/// Weights of PyTorch's files: entries of a checkpoint, other names, what is left out and what begins at random.
#[test]
fn names_of_a_file_are_those_that_the_program_says() {
    let from = |how: &str| format!("tiny() |> load({how}) |> finetune(task, epochs: 1)");
    let plan = chain("", &from("\"data/tiny.pth\""));
    let load = loads(&plan)[0].clone();
    assert_eq!((&load.within, load.renamed.len(), &load.fresh), (&None, 0, &None));
    assert_eq!(load.facts.to_string(), "PyTorch: 6 taken");

    let checkpoint = "\"data/checkpoint.pth\", within: \"state_dict\"";
    let plan = chain("", &from(&format!("{checkpoint}, names: {{ \"module\": \"\" }}")));
    let load = loads(&plan)[0].clone();
    assert_eq!(load.within.as_deref(), Some("state_dict"));
    assert_eq!(
        load.renamed[0],
        ("conv1.weight".to_owned(), "module.conv1.weight".to_owned())
    );
    assert_eq!(load.facts.to_string(), "PyTorch before 1.6: 6 taken, 6 renamed");
    let printed = report(&plan, "study");
    let choices: Vec<_> = printed
        .choices
        .iter()
        .filter(|choice| choice.scope == "load checkpoint")
        .map(|choice| (choice.name.as_str(), choice.value.as_str()))
        .collect();
    let expected = [
        ("within", "\"state_dict\""),
        ("names", "{ module: \"\" }"),
        ("weights", "data/checkpoint.pth, PyTorch before 1.6: 6 taken, 6 renamed"),
    ];
    assert_eq!(choices, expected);
    assert_eq!(printed.weights[0].1, load.facts);

    let how = "\"data/tiny.pth\", skip: [\"fc\", \"conv2.bias\"], new: [\"fc\", \"conv2.bias\"]";
    let plan = chain("", &from(how));
    let load = loads(&plan)[0].clone();
    let fresh = load.fresh.expect("some begin at random");
    assert_eq!(fresh.names, ["conv2.bias", "fc.weight", "fc.bias"]);
    assert_eq!(load.facts.to_string(), "PyTorch: 3 taken, 3 skipped, 3 reinitialised");
    // What begins at random is not kept, and freezing it is told.
    let found = mistakes(&format!(
        "{START}out study = tiny() |> load({how}) |> finetune(task, epochs: 1, freeze: \"conv2\") |> evaluate(task) |> report\n"
    ));
    assert!(
        found.iter().any(|m| m.starts_with("mtl::plan::frozen_untrained")),
        "{found:?}"
    );
}

#[test]
fn words_about_a_file_that_do_nothing_are_refused() {
    let from = |how: &str| format!("tiny() |> load({how}) |> finetune(task)");
    let checkpoint = "\"data/checkpoint.pth\", within: \"state_dict\"";
    refused(
        "",
        &from(checkpoint),
        "plan::weights_misfit",
        &["so 6 of the 6 parameters", "write `names: { \"module\": \"\" }`"],
    );
    for (more, words) in [
        ("names: { \"modul\": \"\" }", "scopes are `module`"),
        ("names: { \"module\": \"\" }, skip: [\"fc\"]", "matches `fc`"),
    ] {
        refused(
            "",
            &from(&format!("{checkpoint}, {more}")),
            "plan::no_such_weight",
            &[words],
        );
    }
    refused(
        "",
        &from(&format!("{checkpoint}, names: {{ \"*.*\": \"*\" }}")),
        "plan::bad_value",
        &["the same number"],
    );
    refused(
        "",
        &from("\"data/tiny.pth\", names: { \"conv2.bias\": \"conv1.bias\" }, new: [\"conv2.bias\"]"),
        "plan::weights_misfit",
        &["both become `conv1.bias`"],
    );
    refused(
        "",
        &from("\"data/tiny.pth\", new: [\"fd\"]"),
        "net::no_such_parameter",
        &["`fc`"],
    );
    refused(
        "",
        &from("\"data/checkpoint.pth\""),
        "plan::weights_elsewhere",
        &["within: \"state_dict\""],
    );
    refused(
        "",
        &from("\"data/tiny.safetensors\", within: \"x\""),
        "plan::weights_unreadable",
        &["within"],
    );
    refused(
        "",
        &from("\"data/unsafe.pth\", within: \"weights\""),
        "plan::weights_unsafe",
        &["system"],
    );
}

#[test]
fn the_six_tasks_of_recall_name_their_origin() {
    let plan = planned(&format!(
        "{START}import std.tasks {{ recall_tasks }}
let tasks = cohort |> recall_tasks(\"label\", malignant: [\"malignant\"], recalled: [\"benign\"], negative: [\"other\"])
let scores = for task in tasks {{ tiny() |> finetune(task, epochs: 1) |> evaluate(task) }}
out study = scores |> report\n"
    ));
    let report = report(&plan, "study");
    assert_eq!(
        report.design.axes[0].labels,
        [
            "malignant_vs_rest",
            "malignant_vs_negative",
            "malignant_vs_recalled",
            "recalled_vs_rest",
            "recalled_vs_negative",
            "three_way"
        ]
    );
    let classes = |name: &str| {
        let task = report
            .design
            .tasks
            .iter()
            .find(|task| task.name == name)
            .expect("the task is judged");
        task.classes.clone()
    };
    assert_eq!(classes("recalled_vs_rest"), ["benign", "malignant or other"]);
    assert_eq!(classes("three_way"), ["malignant", "benign", "other"]);
    let origin = |name: &str| {
        let mut choices = report.choices.iter();
        let choice = choices.find(|choice| choice.scope == name && choice.name == "origin");
        choice.expect("its origin is printed").value.clone()
    };
    assert!(origin("recalled_vs_rest").contains("abstract of Clancy"));
    assert!(origin("malignant_vs_rest").starts_with("inferred"));
}

#[test]
fn permuted_labels_keep_pictures_and_counts_and_lose_what_they_said() {
    let lets = "let first = tiny() |> pretrain(density, epochs: 1)
let control = tiny() |> pretrain(density |> permute_labels(seed: 3), epochs: 1)";
    let one = chain(lets, "first |> finetune(task, epochs: 1)");
    let other = chain(lets, "control |> finetune(task, epochs: 1)");
    let (own, permuted) = (trainings(&one)[0], trainings(&other)[0]);
    let sorted = |train: &Train| {
        let mut rows = train.training.rows.clone();
        rows.extend(&train.tuning.rows);
        rows.sort_unstable();
        rows
    };
    assert_eq!(sorted(own), sorted(permuted));
    assert_ne!(own.training.classes, permuted.training.classes);
    let name = &other.graph[other.order().nth(1).expect("stages")].name;
    assert!(name.ends_with("pretrain density (labels permuted)"), "{name}");
    // The control has seen the pictures: what was seen of a cohort counts whatever the labels said.
    refused(
        "let whole_cohort = films |> split(holdout(tuning: 10%), by: \"patient\", seed: 1)
let all = whole_cohort |> classify(\"density\", { dense: [3, 4], fatty: [1, 2] })",
        "tiny() |> pretrain(all |> permute_labels) |> finetune(task)",
        "data::leak",
        &["labels permuted"],
    );
}

#[test]
fn strategies_of_the_library_are_chains_and_controls() {
    let plan = planned(&format!(
        "{START}import std.strategies {{ scratch, incremental, frozen, longer, placebo }}
let steps = [density]
let arms = {{
  scratch: scratch(task, epochs: 2),
  longer:  longer(task, extra: 1, epochs: 2),
  chain:   incremental(steps, task, step_epochs: 1, epochs: 2, lr: 1e-3),
  frozen:  frozen(steps, task, fixed: 2, step_epochs: 1, epochs: 2),
  placebo: placebo(steps, task, step_epochs: 1, epochs: 2),
}}
let scores = for arm in arms {{ resnet18() |> arm |> evaluate(task) }}
out study = scores |> report(compare: \"arm\", baseline: \"scratch\")\n"
    ));
    let report = report(&plan, "study");
    let chains: Vec<_> = report
        .design
        .cells
        .iter()
        .map(|cell| cell.chain[1..].join("; "))
        .collect();
    assert_eq!(
        chains,
        [
            "finetune on task, 2 epochs",
            "finetune on task, 3 epochs",
            "pretrain on density, 1 epoch; finetune on task, 2 epochs",
            "pretrain on density, 1 epoch; finetune on task, 2 epochs, stages(2) frozen",
            "pretrain on density (labels permuted), 1 epoch; finetune on task, 2 epochs",
        ]
    );
}

#[test]
fn gradual_unfreezing_thaws_stage_after_stage() {
    let plan = planned(&format!(
        "{START}import std.train {{ gradual_unfreeze }}
let first = resnet18() |> pretrain(density, epochs: 1)
out study = first |> gradual_unfreeze(task, epochs: 1, factor: 0.5, batch: 16) |> evaluate(task) |> report\n"
    ));
    let of_fold: Vec<_> = trainings(&plan).into_iter().step_by(3).skip(1).collect();
    assert_eq!(of_fold.len(), 6, "the head, then five coarse stages one by one");
    let trained: Vec<_> = of_fold
        .iter()
        .map(|train| train.rates.iter().filter(|rate| **rate > 0.0).count())
        .collect();
    assert!(trained.windows(2).all(|pair| pair[0] < pair[1]), "{trained:?}");
    assert_eq!(value_of(&of_fold[3].graph, &of_fold[3].rates, "fc.weight"), 1e-3 / 8.0);
}

#[test]
fn auxiliary_outputs_train_and_are_new_with_the_head() {
    let plan = chain(
        "",
        "googlenet(auxiliary: true) |> pretrain(density, epochs: 1) |> finetune(task, epochs: 1)",
    );
    let train = trainings(&plan).into_iter().last().expect("it trains");
    let graph = &train.graph;
    assert_eq!(graph.auxiliary.len(), 2);
    assert_eq!(graph.auxiliary[0].weight, 0.3);
    for name in ["aux1.conv.conv.weight", "aux1.fc1.bias", "aux2.fc2.weight"] {
        assert!(graph.find(name).is_some(), "{name}");
    }
    let heads: Vec<_> = graph.ids().filter(|&id| graph.is_head(id)).collect();
    let heads: Vec<_> = heads.into_iter().map(|id| graph.parameter(id).name.as_str()).collect();
    assert_eq!(
        heads,
        [
            "fc.weight",
            "fc.bias",
            "aux1.fc2.weight",
            "aux1.fc2.bias",
            "aux2.fc2.weight",
            "aux2.fc2.bias"
        ]
    );
    let bare = chain("", "googlenet() |> finetune(task, epochs: 1)");
    assert!(trainings(&bare)[0].graph.auxiliary.is_empty());
}

fn card<'p>(plan: &'p Plan, output: &str) -> &'p Card {
    match &plan.graph[plan.outputs[output]].work {
        Work::Describe(card) => card,
        other => panic!("the output is a {}", other.kind()),
    }
}

fn table<'c>(card: &'c Card, name: &str) -> &'c [Vec<CardValue>] {
    let table = card.tables.iter().find(|table| table.name == name);
    &table.unwrap_or_else(|| panic!("no table {name}")).rows
}

#[test]
fn a_card_tells_what_a_network_is_made_of() {
    let plan = planned(&format!(
        "{START}out net_card = resnet18() |> describe(size: [64, 32], classes: 4)\n"
    ));
    assert_eq!(plan.graph.node_count(), 1, "a card needs no other stage");
    let card = card(&plan, "net_card");
    assert_eq!((card.kind.as_str(), card.name.as_str()), ("Network", "resnet18"));
    // torchvision 0.27.1 has 11,689,512 at 1,000 classes, of which each has 512 weights and a bias.
    assert_eq!(card.facts[0].0, CardValue::Count(11_689_512 - 996 * 513));
    let layers = table(card, "layers");
    let texts = |row: &[CardValue]| -> Vec<String> {
        row.iter()
            .map(|value| match value {
                CardValue::Text(text) => text.clone(),
                CardValue::Count(count) => count.to_string(),
                _ => String::new(),
            })
            .collect()
    };
    let first = texts(&layers[0]);
    assert_eq!(
        first[..7],
        [
            "1",
            "conv 7x7, stride 2, pad 3",
            "0",
            "[64, 32, 16]",
            "9408",
            "conv1",
            "conv1"
        ]
    );
    assert!(first[7].starts_with("std.models.resnet:"), "{}", first[7]);
    let last = texts(layers.last().expect("there are layers"));
    assert_eq!(
        (last[1].as_str(), last[3].as_str(), last[6].as_str()),
        ("linear", "[4]", "head")
    );
    let stages: Vec<_> = table(card, "stages").iter().map(|row| texts(row)[0].clone()).collect();
    assert_eq!(stages, ["conv1", "layer1", "layer2", "layer3", "layer4", "head"]);
    let names: Vec<_> = table(card, "parameters")
        .iter()
        .map(|row| texts(row)[0].clone())
        .collect();
    assert!(names.contains(&"layer1.0.bn1.running_var".to_owned()));
}

/// `view` takes a sample apart, and both views go through one set of parameters; `-` is a negative and a sum.
#[test]
fn a_card_of_a_network_of_two_views_counts_shared_parameters_once() {
    let siamese = |describe: &str| {
        format!(
            "net two(classes: int = 2) {{
  let encode = shared(\"encoder\", |> conv(4, 3, pad: 1) |> leaky_relu(10%) |> global_avgpool)
  (x |> view(0) |> encode) - (x |> view(1) |> encode) |> abs |> fc: linear(classes)
}}
out net_card = two() |> {describe}
"
        )
    };
    let plan = planned(&siamese("describe(size: 8, channels: 1, views: 2)"));
    let card = card(&plan, "net_card");
    assert_eq!(card.facts[0].0, CardValue::Count(4 * 9 + 4 + 2 * 4 + 2));
    let two = "samples of 2 pictures of [1, 8, 8]";
    assert!(card.about.iter().any(|line| line.contains(two)), "{:?}", card.about);
    let words = |row: &Vec<CardValue>| row[1].clone();
    let layers: Vec<_> = table(card, "layers").iter().map(words).collect();
    let end = ["negate", "add", "abs", "linear"].map(CardValue::text);
    assert_eq!(layers[layers.len() - 4..], end);
    assert!(layers.contains(&CardValue::text("leaky_relu slope 0.1")));
    let found = mistakes(&siamese("describe"));
    assert!(found[0].contains("view: its number"), "{found:?}");
}

#[test]
fn a_card_tells_what_data_are_made_of() {
    let plan = planned(&format!("{START}out data_card = task |> describe\n"));
    let card = card(&plan, "data_card");
    assert_eq!((card.kind.as_str(), card.name.as_str()), ("Task", "task"));
    assert_eq!(card.facts[0], (CardValue::Count(84), "rows".to_owned()));
    assert_eq!(card.facts[1], (CardValue::Count(72), "groups".to_owned()));
    let classes = table(card, "classes");
    assert_eq!(classes[0][2..], [CardValue::Count(24), CardValue::Count(24)]);
    assert_eq!(classes[1][2..], [CardValue::Count(60), CardValue::Count(48)]);
    assert_eq!(
        table(card, "pictures"),
        [vec![
            CardValue::Count(1),
            CardValue::Count(16),
            CardValue::Count(16),
            CardValue::Count(8),
            CardValue::Count(84)
        ]]
    );
    // Three folds of three parts; the test parts make the whole.
    let parts = table(card, "parts");
    assert_eq!(parts.len(), 9);
    let tested: u64 = parts
        .iter()
        .filter(|row| row[1] == CardValue::text("test"))
        .map(|row| match row[2] {
            CardValue::Count(count) => count,
            _ => 0,
        })
        .sum();
    assert_eq!(tested, 84);
    let age = table(card, "columns")
        .iter()
        .find(|row| row[0] == CardValue::text("age"));
    assert_eq!(
        age.expect("a column")[1..5],
        [
            CardValue::Count(1),
            CardValue::Count(30),
            CardValue::Number(40.0),
            CardValue::Number(69.0)
        ]
    );
}

#[test]
fn options_of_networks_are_refused_for_data() {
    let found = mistakes(&format!("{START}out data_card = cohort |> describe(size: 64)\n"));
    assert!(found[0].contains("`size` is for networks"), "{found:?}");
    let found = mistakes(&format!("{START}out net_card = resnet18() |> describe(size: 0)\n"));
    assert!(found[0].contains("plan::bad_value"), "{found:?}");
}

fn contrasts(plan: &Plan) -> Vec<&Contrast> {
    let works = plan.order().map(|node| &plan.graph[node].work);
    let contrasts = works.filter_map(|work| match work {
        Work::Contrast(contrast) => Some(&**contrast),
        _ => None,
    });
    contrasts.collect()
}

#[test]
fn learning_without_classes_goes_fold_by_fold_up_to_the_head() {
    let plan = chain(
        "",
        "googlenet(auxiliary: true) |> simclr(cohort, epochs: 2) |> finetune(task, epochs: 1)",
    );
    let all = contrasts(&plan);
    assert_eq!(all.len(), 3, "one a fold");
    let contrast = all[0];
    let graph = &contrast.training.graph;
    assert_eq!(graph.head.as_deref(), Some("simclr"));
    assert_eq!(graph.classes(), 128);
    assert_eq!(
        graph.parameters[graph.find("simclr.0.weight").expect("a projection").0].shape,
        [1024, 1024]
    );
    // Heads and branches that the features do not rest on are neither trained nor decayed.
    let rate = |name: &str| value_of(graph, &contrast.training.rates, name);
    for name in ["fc.weight", "aux1.fc2.bias", "aux2.conv.conv.weight"] {
        assert_eq!(rate(name), 0.0, "{name}");
        assert!(
            contrast.training.frozen_weights[graph.find(name).expect("known").0],
            "{name}"
        );
    }
    assert!(rate("conv1.conv.weight") > 0.0 && rate("simclr.2.bias") > 0.0);
    let next = trainings(&plan)[0];
    assert!(matches!(next.start, Start::Model { new_head: Some(_), .. }));
    let facts = report(&plan, "study").design.trainings;
    let first = facts
        .iter()
        .find(|facts| facts.label == "simclr on cohort")
        .expect("it is told of");
    assert_eq!(
        first.pictures,
        2 * contrast.training.pictures_seen(),
        "two views of each picture"
    );
}

#[test]
fn what_was_seen_without_labels_was_seen() {
    refused(
        "let elsewhere = films |> split(holdout(tuning: 10%), by: \"patient\", seed: 1)",
        "resnet18() |> simclr(elsewhere, epochs: 1) |> finetune(task)",
        "data::leak",
        &["simclr elsewhere"],
    );
    refused(
        "",
        "resnet18() |> simclr(cohort, epochs: 1)",
        "plan::head_mismatch",
        &["has no head", "finetune(task)"],
    );
    refused(
        "",
        "resnet18() |> simclr(cohort, augment: []) |> finetune(task)",
        "plan::bad_value",
        &["two views of a picture are the same"],
    );
}
