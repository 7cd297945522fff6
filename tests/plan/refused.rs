//! Programs that are wrong in a way that only planning can see.

use crate::fixture::{golden_program, mistakes, planned, report};
use mtl::plan::stage::ChoiceBy;

/// The beginning that the programs below share.
pub(crate) const START: &str = r#"
import std.models { alexnet, resnet18 }
let films = table("data/films/manifest.csv") |> resize(32) |> rgb |> normalize(imagenet)
let cohort = films |> split(kfold(3), by: "patient", stratify: "label", seed: 7)
let task = cohort |> classify("label", { malignant: ["malignant"], rest: ["benign", "other"] })
let second = table("data/second/manifest.csv") |> resize(32) |> rgb |> normalize(imagenet)
"#;

/// A program in which one model, trained and judged by `chain`, is reported.
pub(crate) fn chain(lets: &str, chain: &str) -> String {
    format!(
        "{START}{lets}\nlet s = for arm in [1] {{ resnet18() |> init(seed: arm) |> {chain} }}\nout study = s |> report()\n"
    )
}

/// Finds the code and the words in what is reported of a program.
pub(crate) fn refused(text: &str, code: &str, words: &[&str]) {
    let found = mistakes(text);
    let hit = found
        .iter()
        .any(|m| m.starts_with(&format!("mtl::{code}:")) && words.iter().all(|word| m.contains(word)));
    assert!(
        hit,
        "expected mtl::{code} with {words:?} for\n{text}\nfound\n{}",
        found.join("\n")
    );
}

#[test]
fn wrong_data_is_refused() {
    let classify = |rest: &str| {
        chain(
            &format!("let t = cohort |> classify({rest})"),
            "finetune(t) |> evaluate(t)",
        )
    };
    refused(
        &classify(r#""label", { a: ["malignent"], b: ["benign"] }"#),
        "data::no_label",
        &["malignent", "did you mean `malignant`", "`other`"],
    );
    refused(
        &classify(r#""label", { a: ["benign"], b: ["other", "benign"] }"#),
        "data::label_twice",
        &["`a`", "`b`"],
    );
    refused(
        &classify(r#""density", { a: [1], b: [9] }"#),
        "data::no_label",
        &["`9`", "`1`, `2`, `3` and `4`"],
    );
    refused(&classify(r#""lable""#), "data::no_column", &["did you mean `label`"]);
    refused(
        &chain(
            "let t = second |> split(kfold(2)) |> classify(\"label\")",
            "finetune(t) |> evaluate(t)",
        ),
        "data::no_positive",
        &["positive:"],
    );
    refused(
        &chain(
            "let t = films |> where((r) => r.age > 50) |> split(kfold(2)) |> classify(\"label\")",
            "finetune(t) |> evaluate(t)",
        ),
        "data::missing_value",
        &["`age` is missing in line 8 of data/films/manifest.csv", "none"],
    );
    refused(
        &chain(
            "let t = films |> where((r) => r.label == \"none\") |> split(kfold(2)) |> classify(\"label\")",
            "finetune(t) |> evaluate(t)",
        ),
        "data::no_rows",
        &["none of 84"],
    );
    refused(
        &chain(
            "let t = films |> split(kfold(100), by: \"patient\") |> classify(\"label\")",
            "finetune(t) |> evaluate(t)",
        ),
        "data::too_few_groups",
        &["72 folds would work"],
    );
    refused(
        &chain(
            "let t = films |> where((r) => r.label != \"other\" or r.patient in [\"P05\", \"P11\"]) |> split(kfold(3), by: \"patient\") |> classify(\"label\")",
            "finetune(t) |> evaluate(t)",
        ),
        "data::class_vanishes",
        &["`other`", "at most 2 folds"],
    );
    refused(
        &chain(
            "let t = cohort |> split(kfold(2)) |> classify(\"label\")",
            "finetune(t) |> evaluate(t)",
        ),
        "plan::split_twice",
        &["once"],
    );
    refused(
        &chain(
            "let t = films |> split(leave_one_out(\"density\"), by: \"label\", seed: 7) |> classify(\"label\")",
            "finetune(t) |> evaluate(t)",
        ),
        "data::group_in_two_parts",
        &["in the fold of", "belongs to one fold"],
    );
    refused(
        &chain(
            "let t = films |> split(by_column(\"label\")) |> classify(\"label\")",
            "finetune(t) |> evaluate(t)",
        ),
        "data::bad_part",
        &["`malignant`", "train"],
    );
    refused(
        &chain(
            "let t = images(\"data/photos\") |> rgb |> split(kfold(2)) |> classify(\"label\", positive: \"cat\")",
            "finetune(t) |> evaluate(t)",
        ),
        "data::mixed_images",
        &["`resize(...)`", "3 x 20 x 20"],
    );
    refused(
        &chain(
            "let t = table(\"data/missing.csv\") |> split(kfold(2)) |> classify(\"label\", positive: \"a\")",
            "finetune(t) |> evaluate(t)",
        ),
        "data::missing_images",
        &["2 of the 8", "line 8"],
    );
    refused(
        &chain(
            "let t = table(\"data/nowhere.csv\") |> split(kfold(2)) |> classify(\"label\")",
            "finetune(t) |> evaluate(t)",
        ),
        "data::no_file",
        &["nowhere.csv"],
    );
    refused(
        &chain(
            "let t = table(\"data/films/manifest.csv\") |> resize(32) |> normalize(imagenet) |> split(kfold(2), stratify: \"label\") |> classify(\"density\")",
            "finetune(t) |> evaluate(t)",
        ),
        "plan::channels",
        &["1 channels", "rgb"],
    );
}

#[test]
fn leaks_are_refused_with_the_path_they_took() {
    let pretrain = "finetune(task, epochs: 1) |> evaluate(task)";
    let other = "let p = films |> split(holdout(), by: \"patient\") |> classify(\"density\")";
    let text = chain(other, &format!("pretrain(p, epochs: 1) |> {pretrain}"));
    refused(
        &text,
        "data::leak",
        &["of fold1", "in the training part of `pretrain p`", "like(cohort)"],
    );
    let external = "let e = second |> split(whole, by: \"patient\") |> classify(\"label\", positive: \"ill\")
let own = cohort |> classify(\"label\", { ill: [\"malignant\"], well: [\"benign\", \"other\"] })";
    refused(
        &chain(external, "finetune(own, epochs: 1) |> evaluate(e)"),
        "data::leak",
        &["patient `P"],
    );
    let elsewhere = external.replace("by: \"patient\")", "by: \"patient\", ids: \"north\")");
    assert!(
        mistakes(&chain(&elsewhere, "finetune(own, epochs: 1) |> evaluate(e)"))
            .iter()
            .all(|m| !m.contains("leak"))
    );
    let allowed = text.replace("|> evaluate(task)", "|> evaluate(task, allow_leak: \"to show it\")");
    let plan = planned(&allowed);
    let choices = report(&plan, "study").choices;
    assert!(
        choices
            .iter()
            .any(|c| c.name == "allow_leak" && c.value == "\"to show it\"" && c.by == ChoiceBy::Program)
    );
    refused(
        &text.replace("|> evaluate(task)", "|> evaluate(task, allow_leak: \" \")"),
        "plan::bad_value",
        &["reason"],
    );
    // What was watched for choices counts as seen.
    let both = "let e = films |> split(by_column(\"part\"), by: \"patient\") |> classify(\"label\")
let w = films |> where((r) => r.part == \"val\") |> split(whole, by: \"patient\") |> classify(\"label\")";
    refused(
        &chain(both, "finetune(e, epochs: 1) |> evaluate(w)"),
        "data::leak",
        &["was in the tuning part of `finetune e`"],
    );
    let watched = "let target = films |> split(by_column(\"part\"), by: \"patient\") |> classify(\"label\")
let p = films |> where((r) => r.part == \"val\") |> split(holdout(), by: \"patient\") |> classify(\"label\")";
    let tuned = chain(
        watched,
        "pretrain(p, epochs: 1) |> finetune(target, epochs: 1) |> evaluate(target)",
    );
    refused(
        &tuned,
        "data::tuning_leak",
        &["in the tuning part", "in the training part of `pretrain p`"],
    );
    assert!(
        mistakes(&tuned).iter().all(|m| !m.contains("data::leak:")),
        "the test part was not seen"
    );
    let files = chain(
        "let a = films |> split(holdout(), seed: 3) |> classify(\"density\")",
        "pretrain(a, epochs: 1) |> finetune(task, epochs: 1) |> evaluate(task)",
    );
    refused(&files, "data::leak", &["picture `p"]);
}

#[test]
fn wrong_trainings_are_refused() {
    let train = |rest: &str| chain("", &format!("finetune(task, epochs: 1{rest}) |> evaluate(task)"));
    refused(
        &train(", freeze: \"layr1\""),
        "net::no_such_parameter",
        &["did you mean `layer1`"],
    );
    refused(
        &train(", freeze: stages(9)"),
        "net::no_such_stage",
        &["5 coarse stages, not 9"],
    );
    refused(
        &train(", freeze: stages(2)"),
        "plan::frozen_untrained",
        &["conv1.weight", "stay random"],
    );
    refused(
        &train(", freeze: [\"conv1\", \"bn1\", \"layer1\", \"layer2\", \"layer3\", \"layer4\", \"fc\"]"),
        "plan::all_frozen",
        &["nothing trains"],
    );
    refused(&train(", lr: { layer9: 1e-3 }"), "net::no_such_parameter", &["layer9"]);
    refused(&train(", lr: -1.0"), "plan::bad_value", &["above 0"]);
    refused(&train(", batch: 0"), "plan::bad_value", &["`batch`"]);
    refused(&train(", head: keep"), "plan::head_mismatch", &["no head yet"]);
    refused(&train(", batch: 4"), "plan::small_batch", &["4 samples"]);
    refused(
        &chain(
            "let d = cohort |> classify(\"density\")",
            "pretrain(d, epochs: 1) |> finetune(task, head: keep) |> evaluate(task)",
        ),
        "plan::head_mismatch",
        &["`1`, `2`, `3` and `4`"],
    );
    refused(
        &chain(
            "let d = cohort |> classify(\"density\")",
            "finetune(d, epochs: 1) |> evaluate(task)",
        ),
        "plan::head_mismatch",
        &["`malignant` and `rest`", "finetune(task)"],
    );
    refused(&chain("", "evaluate(task)"), "plan::head_mismatch", &["never trained"]);
    let folds = "let o = second |> split(kfold(3), by: \"patient\", seed: 7) |> classify(\"label\", positive: \"ill\")";
    refused(
        &chain(folds, "pretrain(o, epochs: 1) |> finetune(task) |> evaluate(task)"),
        "plan::folding_mismatch",
        &["like(o)", "holdout"],
    );
    let whole = "let o = second |> split(whole) |> classify(\"label\", positive: \"ill\")";
    refused(
        &chain(whole, "pretrain(o, epochs: 1) |> evaluate(task)"),
        "plan::nothing_to_train",
        &["training part"],
    );
    let held = "let o = second |> split(holdout()) |> classify(\"label\", positive: \"ill\")";
    refused(
        &chain(held, "finetune(o, epochs: 1) |> evaluate(o)"),
        "plan::nothing_to_test",
        &["holdout(test: ...)"],
    );
    let plain = "let o = table(\"data/second/manifest.csv\") |> resize(32) |> rgb |> split(holdout(test: 40%), seed: 2) |> classify(\"label\", positive: \"ill\")";
    refused(
        &chain(plain, "pretrain(o, epochs: 1) |> finetune(task) |> evaluate(task)"),
        "plan::normalization_differs",
        &["deviation"],
    );
    let grey = "let o = table(\"data/second/manifest.csv\") |> resize(32) |> split(holdout(test: 40%), seed: 2) |> classify(\"label\", positive: \"ill\")";
    refused(
        &chain(grey, "pretrain(o, epochs: 1) |> finetune(task) |> evaluate(task)"),
        "plan::model_shape",
        &["conv1.weight"],
    );
}

#[test]
fn wrong_networks_and_weights_are_refused() {
    let net = |body: &str, classes: &str| {
        let text = chain(
            &format!("net own({classes}) {{ {body} }}"),
            "finetune(task, epochs: 1) |> evaluate(task)",
        );
        text.replace("resnet18()", "own()")
    };
    let alexnet = chain("", "finetune(task, epochs: 1) |> evaluate(task)").replace("resnet18()", "alexnet()");
    refused(&alexnet, "net::kernel_too_large", &["maxpool does not fit", "resize"]);
    refused(
        &net("x |> linear(classes)", "classes: int = 2"),
        "net::not_flat",
        &["linear works on a vector"],
    );
    refused(
        &net(
            "x |> flatten |> conv(3, 1) |> flatten |> linear(classes)",
            "classes: int = 2",
        ),
        "net::not_a_map",
        &["flatten"],
    );
    refused(
        &net(
            "x |> conv(4, 1) |> conv(4, 1) |> flatten |> linear(classes)",
            "classes: int = 2",
        ),
        "net::name_twice",
        &["`weight`"],
    );
    refused(
        &net(
            "x + (x |> conv(4, 1)) |> flatten |> linear(classes)",
            "classes: int = 2",
        ),
        "net::shapes_differ",
        &["[3, 32, 32]", "[4, 32, 32]"],
    );
    refused(
        &net("x |> flatten |> linear(7)", "classes: int = 2"),
        "net::no_head",
        &["7 values"],
    );
    refused(&net("x |> flatten |> linear(7)", ""), "net::no_head", &["classes"]);
    refused(
        &net("x |> conv(0, 3) |> flatten |> linear(classes)", "classes: int = 2"),
        "net::no_output",
        &["width"],
    );
    refused(
        &net("x |> dropout(1.5) |> flatten |> linear(classes)", "classes: int = 2"),
        "net::no_output",
        &["rate"],
    );
    refused(
        &net("x |> flatten |> linear(classes / 4)", "classes: int = 2"),
        "plan::arithmetic",
        &["2 / 4", "div(2, 4)"],
    );
    let stages =
        net("x |> flatten |> fc: linear(classes)", "classes: int = 2").replace("net own", "@stages(\"fd\")\nnet own");
    refused(&stages, "net::no_such_stage", &["`fd`", "did you mean `fc`"]);
    let weights = |chain: &str| {
        let program = golden_program("loaded");
        program.replace("tiny() |> load(\"data/tiny.safetensors\")", chain)
    };
    refused(
        &weights("tiny(classes: 5) |> load(\"data/tiny.safetensors\")"),
        "plan::weights_misfit",
        &["[3, 8]", "classes: 3"],
    );
    refused(
        &weights("tiny() |> load(\"data/nothing.safetensors\")"),
        "data::no_file",
        &["nothing.safetensors"],
    );
    refused(
        &weights("tiny() |> load(\"data/films/manifest.csv\")"),
        "plan::weights_unreadable",
        &["neither a safetensors file"],
    );
    let other = weights("tiny() |> load(\"data/tiny.safetensors\")")
        .replace("conv2: conv", "conv3: conv")
        .replace("\"conv2\"", "\"conv3\"");
    refused(
        &other,
        "plan::weights_misfit",
        &[
            "has no `conv3.weight` and `conv3.bias`",
            "nearest to `conv3.weight` is `conv2.weight`",
        ],
    );
    let judged = weights("tiny() |> load(\"data/tiny.safetensors\")")
        .replace("|> finetune(task, epochs: 1, freeze: stages(frozen)) ", "");
    refused(&judged, "plan::head_mismatch", &["does not say which classes"]);
}

#[test]
fn wrong_grids_and_reports_are_refused() {
    let grid = "let t2 = cohort |> classify(\"label\", { malignant: [\"malignant\"], rest: [\"benign\"] })
let g = for arm in { a: 1, b: 2 }, t in { task, t2 } { resnet18() |> finetune(t, epochs: arm) |> evaluate(t) }";
    let reported = |rest: &str| format!("{START}{grid}\nout study = g |> report({rest})\n");
    refused(
        &reported("compare: \"amr\", baseline: \"a\""),
        "plan::no_such_axis",
        &["did you mean `arm`"],
    );
    refused(
        &reported("compare: \"arm\", baseline: \"c\""),
        "plan::no_such_label",
        &["`a` and `b`"],
    );
    refused(&reported("compare: \"arm\""), "plan::no_baseline", &["baseline: \"a\""]);
    refused(&reported("baseline: \"a\""), "plan::no_baseline", &["`arm` and `t`"]);
    refused(
        &reported("compare: \"arm\", baseline: { t: \"task\" }"),
        "plan::no_baseline",
        &["`arm`"],
    );
    refused(
        &reported("compare: \"arm\", baseline: { arm: \"a\", t: \"task\" }"),
        "plan::not_paired",
        &["`a, t2`", "samples"],
    );
    let select = |index: &str| format!("{START}{grid}\nout study = g[{index}] |> report()\n");
    refused(&select("arm: \"z\""), "plan::no_such_label", &["`z`"]);
    refused(&select("amr: \"a\""), "plan::no_such_axis", &["`amr`"]);
    refused(
        &format!("{START}{grid}\nout study = g ++ g |> report()\n"),
        "plan::duplicate_label",
        &["exactly one axis"],
    );
    refused(
        &format!("{START}{grid}\nout study = g[arm: \"a\", t: \"task\"]\n"),
        "plan::output",
        &["Scores", "report"],
    );
    refused(
        &format!(
            "{START}out study = for a in [1, 1] {{ resnet18() |> finetune(task, epochs: a) |> evaluate(task) }} |> report()\n"
        ),
        "plan::duplicate_label",
        &["`1` twice"],
    );
    let turned = |step: &str| format!("{START}{grid}\nout study = g |> {step} |> report()\n");
    refused(&turned("axis(arm: \"c\")"), "plan::duplicate_label", &["`arm` already"]);
    refused(
        &turned("transpose([\"t\", \"amr\"])"),
        "plan::no_such_axis",
        &["did you mean `arm`"],
    );
    refused(
        &turned("transpose([\"t\"])"),
        "types::axis_order",
        &["`arm` is left out"],
    );
    refused(
        &turned("transpose([\"t\", \"t\"])"),
        "types::axis_order",
        &["`t` is named twice"],
    );
    let joined = format!(
        "{START}let a = for arm in {{ a: 1, b: 2 }} {{ resnet18() |> finetune(task, epochs: arm) |> evaluate(task) }}
let b = for arm in {{ c: 3 }} {{ resnet18() |> finetune(task, epochs: arm) |> evaluate(task) }}
out study = a ++ b |> report(compare: \"arm\", baseline: \"c\")\n"
    );
    let axes = report(&planned(&joined), "study").design.axes;
    assert_eq!(axes[0].labels, ["a", "b", "c"]);
}

#[test]
fn what_becomes_of_a_head_is_said() {
    let other = "let d = cohort |> classify(\"density\")";
    let steps = "pretrain(d, epochs: 1) |> finetune(task, epochs: 1) |> finetune(task, epochs: 2) |> evaluate(task)";
    let plan = planned(&chain(other, steps));
    let choices = report(&plan, "study").choices;
    let heads = |scope: &str| -> Vec<String> {
        let heads = choices.iter().filter(|c| c.name == "head" && c.scope.contains(scope));
        heads.map(|c| c.value.clone()).collect()
    };
    assert_eq!(heads("pretrain d"), ["auto (drawn anew)"]);
    assert_eq!(heads("finetune task"), ["auto (drawn anew)", "auto (kept)"]);
    let notes: Vec<_> = plan.order().filter_map(|id| plan.graph[id].work.note()).collect();
    for note in ["from random weights", "head drawn anew", "head kept"] {
        assert!(notes.iter().any(|known| known == note), "{note} in {notes:?}");
    }
}
