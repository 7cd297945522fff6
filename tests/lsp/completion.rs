//! Completion: what is proposed where, and that what is proposed fits.

use super::client::{Client, FILMS, NETS, STUDY, unmarked};
use serde_json::Value;

/// What is proposed at `|` in a file whose text is `marked` without it: labels in the order of their rank.
fn proposals(client: &mut Client, name: &str, text: &str, old: &str, new: &str) -> Vec<Value> {
    let (plain, mark) = unmarked(new);
    assert_eq!(text.matches(old).count(), 1, "{old:?} occurs once");
    let offset = text.find(old).expect("it is there") + mark;
    let text = text.replacen(old, &plain, 1);
    let version = client.change(name, &text);
    client.wait_for(name, version);
    let position = client.position(&text, offset);
    let params = serde_json::json!({ "textDocument": { "uri": client.uri(name) }, "position": position });
    let found = client.ask("textDocument/completion", params).expect("an answer");
    let mut items = found["items"].as_array().expect("a list").clone();
    items.sort_by_key(|item| item["sortText"].as_str().expect("a text").to_owned());
    items
}

fn labels(items: &[Value]) -> Vec<&str> {
    items
        .iter()
        .map(|item| item["label"].as_str().expect("a text"))
        .collect()
}

fn at<'a>(client: &mut Client, store: &'a mut Vec<Value>, old: &str, new: &str) -> Vec<&'a str> {
    *store = proposals(client, "study.mtl", STUDY, old, new);
    labels(store)
}

#[test]
fn names_in_scope_come_by_what_fits() {
    let mut client = Client::start();
    client.open("study.mtl");
    let mut store = Vec::new();
    let found = at(&mut client, &mut store, "let lesions = cohort", "let lesions = co|");
    for name in ["cohort", "bereit", "nets", "epochs", "table", "resnet18"] {
        assert!(found.contains(&name), "{name} in {found:?}");
    }
    // Steps that take what arrives stand before all others.
    let found = at(&mut client, &mut store, "|> evaluate(lesions)", "|> |");
    let first: Vec<&str> = found.iter().take(14).copied().collect();
    for name in ["evaluate", "finetune", "load", "train", "arm"] {
        assert!(first.contains(&name), "{name} in {first:?}");
    }
    assert!(!first.contains(&"resize"), "{first:?}");
    // The loop variables are in scope inside the loop only.
    assert!(found.contains(&"lr"));
    let found = at(&mut client, &mut store, "let one = scores", "let one = sc|");
    assert!(!found.contains(&"arm"), "{found:?}");
    let detail = store
        .iter()
        .find(|item| item["label"] == "scores")
        .expect("it is there");
    assert_eq!(detail["detail"], "Grid[Scores; arm, lr]");
}

#[test]
fn arguments_come_with_types_and_documentation() {
    let mut client = Client::start();
    client.open("study.mtl");
    let items = proposals(
        &mut client,
        "study.mtl",
        STUDY,
        "finetune(lesions, lr: lr)",
        "finetune(lesions, |)",
    );
    let found = labels(&items);
    assert!(found.contains(&"freeze:") && found.contains(&"epochs:"), "{found:?}");
    assert!(!found.contains(&"task:"), "it is given: {found:?}");
    let freeze = items
        .iter()
        .find(|item| item["label"] == "freeze:")
        .expect("it is there");
    assert_eq!(freeze["detail"], "freeze: Freeze? = none");
    assert!(
        freeze["documentation"]["value"]
            .as_str()
            .expect("a text")
            .contains("batch-norm statistics")
    );
    assert_eq!(freeze["textEdit"]["newText"], "freeze: ");
    // Half a word is replaced as a whole.
    let items = proposals(
        &mut client,
        "study.mtl",
        STUDY,
        "finetune(lesions, lr: lr)",
        "finetune(lesions, fr|ee)",
    );
    let freeze = items
        .iter()
        .find(|item| item["label"] == "freeze:")
        .expect("it is there");
    let range = &freeze["textEdit"]["range"];
    let length =
        range["end"]["character"].as_u64().expect("a number") - range["start"]["character"].as_u64().expect("a number");
    assert_eq!(length, 4);
}

#[test]
fn words_axes_and_labels_come_where_they_are_expected() {
    let mut client = Client::start();
    client.open("study.mtl");
    let mut store = Vec::new();
    let found = at(&mut client, &mut store, "adjust: holm", "adjust: |");
    assert_eq!(found[..2], ["holm", "none"]);
    let found = at(&mut client, &mut store, "freeze: stages(2)", "freeze: |");
    assert_eq!(found[0], "all_but_head");
    assert!(found[..8].contains(&"stages"), "{found:?}");
    assert_eq!(
        at(&mut client, &mut store, "compare: \"arm\"", "compare: \"|\""),
        ["arm", "lr"]
    );
    assert_eq!(
        at(&mut client, &mut store, "compare: \"arm\"", "compare: \"a|rm\""),
        ["arm", "lr"]
    );
    // A text that is not closed yet.
    assert_eq!(
        at(
            &mut client,
            &mut store,
            "report(compare: \"arm\", baseline: \"scratch\", adjust: holm)",
            "report(compare: \"|"
        ),
        ["arm", "lr"]
    );
    assert_eq!(
        at(&mut client, &mut store, "baseline: \"scratch\"", "baseline: \"|\""),
        ["frozen", "scratch"]
    );
    assert_eq!(
        at(
            &mut client,
            &mut store,
            "scores[arm: \"scratch\"]",
            "scores[arm: \"|\"]"
        ),
        ["frozen", "scratch"]
    );
    let found = at(&mut client, &mut store, "scores[arm: \"scratch\"]", "scores[|]");
    assert_eq!(found[..2], ["arm:", "lr:"]);
    let found = at(
        &mut client,
        &mut store,
        "baseline: \"scratch\"",
        "baseline: { arm: \"|\" }",
    );
    assert_eq!(found, ["frozen", "scratch"]);
    let found = at(&mut client, &mut store, "arm |> finetune", "arms.| |> finetune");
    assert_eq!(found, ["frozen", "scratch"]);
}

#[test]
fn columns_and_labels_come_from_the_manifest() {
    let mut client = Client::start();
    client.open("study.mtl");
    client.open("lab/films.mtl");
    let mut store = Vec::new();
    let columns = ["image", "patient", "severity", "site"];
    assert_eq!(
        at(&mut client, &mut store, "classify(\"severity\"", "classify(\"|\""),
        columns
    );
    assert_eq!(
        at(&mut client, &mut store, "malignant: [\"M\"]", "malignant: [\"|\"]"),
        ["B", "M"]
    );
    let mut at = |old: &str, new: &str| {
        let items = proposals(&mut client, "lab/films.mtl", FILMS, old, new);
        labels(&items)
            .iter()
            .map(|label| (*label).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(at("by: \"patient\"", "by: \"|\""), columns);
    assert_eq!(at("r.site", "r.|"), columns);
    assert_eq!(at("== \"a\"", "== \"|\""), ["a", "b"]);
}

#[test]
fn patterns_come_from_the_network() {
    let mut client = Client::start();
    client.open("study.mtl");
    let mut store = Vec::new();
    let found = at(
        &mut client,
        &mut store,
        "finetune(lesions, lr: lr)",
        "finetune(lesions, freeze: \"|\")",
    );
    assert!(
        found.contains(&"layer4.0.downsample") && found.contains(&"fc"),
        "{found:?}"
    );
    let found = at(&mut client, &mut store, "freeze: stages(2)", "freeze: [\"|\"]");
    assert!(found.contains(&"layer1"), "{found:?}");
}

#[test]
fn imports_types_and_items_are_proposed() {
    let mut client = Client::start();
    // Names private to a file are not proposed to others.
    client.write("lab/films.mtl", &format!("{FILMS}\nlet _side = 64\n"));
    client.write("lab/nets.mtl", &format!("{NETS}\nlet _width = 8\n"));
    client.open("study.mtl");
    let mut store = Vec::new();
    let found = at(
        &mut client,
        &mut store,
        "{ cohort, prepared as bereit }",
        "{ cohort, | }",
    );
    assert_eq!(found, ["films", "folder", "prepared"]);
    let found = at(&mut client, &mut store, "import std.models {", "import std.mo| {");
    assert!(
        found.contains(&"models.resnet") && found.contains(&"train"),
        "{found:?}"
    );
    assert_eq!(
        at(&mut client, &mut store, "\"lab/nets.mtl\"", "\"|\""),
        ["lab/films.mtl", "lab/nets.mtl", "data/", "lab/"]
    );
    let found = at(&mut client, &mut store, "epochs: int = 3", "epochs: | = 3");
    assert!(found.contains(&"int") && found.contains(&"Task"), "{found:?}");
    let found = at(&mut client, &mut store, "let one = scores[arm: \"scratch\"]", "pa|");
    assert!(found.contains(&"param") && found.contains(&"out"), "{found:?}");
    // Nothing in comments.
    let found = at(&mut client, &mut store, "/// Benign", "/// Be|nign");
    assert_eq!(found, Vec::<&str>::new());
    // Exports of a module.
    let found = at(
        &mut client,
        &mut store,
        "let one = scores[arm: \"scratch\"]",
        "let one = nets.|",
    );
    assert_eq!(found, ["tiny", "warm"]);
}

#[test]
fn paths_start_at_the_folder_of_the_file() {
    let mut client = Client::start();
    client.write("lab/data/films.csv", "");
    client.write("lab/data/.hidden", "");
    client.write("weights.safetensors", "");
    client.open("study.mtl");
    client.open("lab/films.mtl");
    let of_table = "table(\"{folder}/manifest.csv\", image: \"image\")";
    let mut inserted = |old: &str, new: &str| -> Vec<String> {
        let found = proposals(&mut client, "lab/films.mtl", FILMS, old, new);
        let edits = found
            .iter()
            .map(|item| item["textEdit"]["newText"].as_str().expect("a text").to_owned());
        edits.collect()
    };
    assert_eq!(inserted(of_table, "table(\"|\")"), ["data/", "films.mtl", "nets.mtl"]);
    assert_eq!(inserted(of_table, "table(\"data/|\")"), ["data/films.csv"]);
    assert_eq!(inserted(of_table, "table(\"|"), ["data/", "films.mtl", "nets.mtl"]);
    let above = inserted(of_table, "table(\"../we|\")");
    assert!(above.contains(&"../weights.safetensors".to_owned()), "{above:?}");
    assert_eq!(inserted(of_table, "table(\"{folder}/|\")"), [""; 0]);
    let root = inserted("path = \"../data\"", "path = \"../|\"");
    assert!(
        root.contains(&"../lab/".to_owned()) && root.contains(&"../study.mtl".to_owned()),
        "{root:?}"
    );
    let modules = inserted("//! The films.", "import \"../|\" { a }");
    assert!(modules.contains(&"../study.mtl".to_owned()) && !modules.contains(&"../weights.safetensors".to_owned()));
}
