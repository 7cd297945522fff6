//! Diagnostics, hover, definition, references, signatures, outline, tokens and hints.

use super::client::{Client, FILMS, NETS, STUDY, covered};
use serde_json::{Value, json};

fn hover(client: &mut Client, name: &str, text: &str, marked: &str) -> String {
    let found = client.at("textDocument/hover", name, text, marked).expect("an answer");
    found["contents"]["value"].as_str().unwrap_or("").to_owned()
}

/// The project is not tidy.
fn is_unused(found: &Value) -> bool {
    found["code"] == "mtl::lint::unused"
}

#[test]
fn a_right_project_has_no_diagnostics_but_what_planning_tells() {
    let mut client = Client::start();
    assert_eq!(client.open("lab/nets.mtl"), Vec::<Value>::new());
    let found = client.open("study.mtl");
    assert!(found.iter().all(is_unused), "{found:?}");
    // Once planned, the manifest is found to hold too little.
    let found = client.until("lab/films.mtl", |found| !found.is_empty());
    assert!(
        found[0]["code"].as_str().expect("a text").starts_with("mtl::data::"),
        "{found:?}"
    );
    assert_eq!(client.end(), 0);
}

#[test]
fn mistakes_are_told_while_typing_across_files_and_taken_back() {
    let mut client = Client::start();
    client.open("study.mtl");
    client.open("lab/films.mtl");
    // A name that another file imports goes, in text that was not saved.
    let version = client.change("lab/films.mtl", &FILMS.replace("let cohort", "let kohorte"));
    assert!(client.wait_for("lab/films.mtl", version).is_empty());
    let found = client.until("study.mtl", |found| {
        found.iter().any(|d| d["code"] == "mtl::names::not_exported")
    });
    let of = found
        .iter()
        .find(|d| d["code"] == "mtl::names::not_exported")
        .expect("it is there");
    assert_eq!(covered(STUDY, &of["range"]), "cohort");
    assert_eq!(of["severity"], 1);
    assert_eq!(of["source"], "mtl");
    // An error in an imported file that is not open is shown there.
    let version = client.change("lab/films.mtl", FILMS);
    client.wait_for("lab/films.mtl", version);
    client.write("lab/nets.mtl", &NETS.replace("width * 2", "width * \"two\""));
    let uri = client.uri("lab/nets.mtl");
    client.tell(
        "workspace/didChangeWatchedFiles",
        json!({ "changes": [{ "uri": uri, "type": 2 }] }),
    );
    let found = client.until("lab/nets.mtl", |found| !found.is_empty());
    assert_eq!(
        covered(&NETS.replace("width * 2", "width * \"two\""), &found[0]["range"]),
        "*"
    );
    assert_eq!(client.end(), 0);
}

#[test]
fn a_burst_of_changes_ends_with_the_last_text() {
    let mut client = Client::start();
    client.open("study.mtl");
    let mut last = 0;
    for end in 1..STUDY.len() {
        if STUDY.is_char_boundary(end) && end % 7 == 0 {
            last = client.change("study.mtl", &STUDY[..end]);
        }
    }
    assert!(last > 50);
    last = client.change("study.mtl", STUDY);
    let found = client.wait_for("study.mtl", last);
    assert!(found.iter().all(is_unused), "{found:?}");
    // What nothing uses is told here as `mtl check` tells it.
    assert!(
        found.iter().any(|d| d["message"].to_string().contains("`alexnet`")),
        "{found:?}"
    );
}

#[test]
fn hover_tells_types_documentation_and_shapes() {
    let mut client = Client::start();
    client.open("study.mtl");
    client.open("lab/nets.mtl");
    let mut at = |marked: &str| hover(&mut client, "study.mtl", STUDY, marked);
    let found = at("let les|ions");
    assert!(
        found.contains("let lesions: Task") && found.contains("Benign against malignant."),
        "{found}"
    );
    let found = at("scores = for arm in ar|ms");
    assert!(found.contains("scratch: Model -> Model"), "{found}");
    let found = at("adjust: ho|lm");
    assert!(found.contains("Holm's step-down correction."), "{found}");
    let found = at("fro|zen: |> finetune".replacen("|> finetune", "|> fine", 1).as_str());
    assert!(!found.contains("panic"), "{found}");
    let found = at("|> eval|uate(lesions)");
    assert!(
        found.contains("fn model: Model |> evaluate(") && found.contains("never saw"),
        "{found}"
    );
    let found = at("lesions, l|r: lr");
    assert!(
        found.contains("lr: Rates? = none") && found.contains("1e-4 after training"),
        "{found}"
    );
    let found = at("param epo|chs");
    assert!(
        found.contains("param epochs: int = 3") && found.contains("epochs of every arm"),
        "{found}"
    );
    let found = at("  resnet|18(classes: 2)");
    for part in [
        "for pictures of 3 x 64 x 64",
        "layer4.1.bn2",
        "[512, 2, 2]",
        "[2]",
        "11,177,538 trained values",
    ] {
        assert!(found.contains(part), "{part} in {found}");
    }
    let mut at = |marked: &str| hover(&mut client, "lab/nets.mtl", NETS, marked);
    let found = at("conv2: co|nv(wide");
    assert!(
        found.contains("shape after it") && found.contains("[16, 56, 56]"),
        "{found}"
    );
    let found = at("|> re|lu\n    |> global");
    assert!(found.contains("[16, 56, 56]"), "{found}");
    let found = at("  |x\n");
    assert!(found.contains("What is piped into the net `tiny`."), "{found}");
    let found = at("task: Ta|sk,");
    assert!(found.contains("A cohort with a target"), "{found}");
    let found = at("net ti|ny(");
    assert!(found.contains("net tiny(classes: int = 2, width: int = 8)"), "{found}");
}

#[test]
fn definitions_are_found_across_files_and_in_the_library() {
    let mut client = Client::start();
    client.open("study.mtl");
    client.open("lab/nets.mtl");
    let mut at = |name: &str, text: &str, marked: &str| {
        let found = client
            .at("textDocument/definition", name, text, marked)
            .expect("an answer");
        let uri = found["uri"].as_str().unwrap_or("").to_owned();
        let file = client.name_of(&uri);
        let text = std::fs::read_to_string(client.path(&file)).unwrap_or_default();
        (
            file,
            covered(&text, &found["range"]),
            found["range"]["start"]["line"].clone(),
        )
    };
    let (file, text, _) = at("study.mtl", STUDY, "let lesions = coh|ort");
    assert_eq!((file.as_str(), text.as_str()), ("lab/films.mtl", "cohort"));
    let (file, text, _) = at("study.mtl", STUDY, "prepared as be|reit");
    assert_eq!((file.as_str(), text.as_str()), ("lab/films.mtl", "prepared"));
    let (file, text, _) = at("study.mtl", STUDY, "compare: \"a|rm\"");
    assert_eq!((file.as_str(), text.as_str()), ("study.mtl", "arm"));
    let (file, text, _) = at("study.mtl", STUDY, "  res|net18(classes: 2)");
    assert_eq!(
        (file.as_str(), text.as_str()),
        (".library/models/resnet.mtl", "resnet18")
    );
    let (file, text, _) = at("study.mtl", STUDY, "lesions, l|r: lr");
    assert_eq!((file.as_str(), text.as_str()), (".library/prelude.mtl", "lr"));
    let (file, _, line) = at("study.mtl", STUDY, "\"lab/ne|ts.mtl\"");
    assert_eq!((file.as_str(), line), ("lab/nets.mtl", json!(0)));
    let (file, text, _) = at("lab/nets.mtl", NETS, "conv(wi|de");
    assert_eq!((file.as_str(), text.as_str()), ("lab/nets.mtl", "wide"));
    // The library's files are looked at as any other.
    let resnet = std::fs::read_to_string(client.path(".library/models/resnet.mtl")).expect("it was laid down");
    let found = client.at(
        "textDocument/definition",
        ".library/models/resnet.mtl",
        &resnet,
        "conv1: plain_|conv(64",
    );
    let found = found.expect("an answer");
    assert_eq!(covered(&resnet, &found["range"]), "plain_conv");
    let found = hover(
        &mut client,
        ".library/models/resnet.mtl",
        &resnet,
        "layer1: sta|ge(block, 64",
    );
    assert!(found.contains("[64, 56, 56]"), "{found}");
    let nowhere = json!({ "line": 0, "character": 0 });
    let params = json!({
        "textDocument": { "uri": client.uri(".library/models/resnet.mtl") },
        "range": { "start": nowhere, "end": nowhere }, "context": { "diagnostics": [] },
    });
    assert_eq!(client.ask("textDocument/codeAction", params), Ok(json!([])));
}

#[test]
fn references_are_found_across_files() {
    let mut client = Client::start();
    client.open("lab/films.mtl");
    let mut count = |name: &str, text: &str, marked: &str, declaration: bool| {
        let more = json!({ "context": { "includeDeclaration": declaration } });
        let found = client
            .at_with("textDocument/references", name, text, marked, more)
            .expect("an answer");
        let found = found.as_array().cloned().unwrap_or_default();
        let files = found
            .iter()
            .map(|place| client.name_of(place["uri"].as_str().expect("a text")));
        files.collect::<Vec<_>>()
    };
    let found = count("lab/films.mtl", FILMS, "let co|hort", true);
    assert_eq!(found, ["lab/films.mtl", "study.mtl", "study.mtl"]);
    assert_eq!(count("lab/films.mtl", FILMS, "let co|hort", false).len(), 2);
    // Through an alias.
    assert_eq!(count("lab/films.mtl", FILMS, "let pre|pared", true).len(), 4);
    // Of what the library defines, in all files.
    let found = count("lab/films.mtl", FILMS, "|> nor|malize", false);
    assert_eq!(found, ["lab/films.mtl"]);
}

#[test]
fn signatures_show_the_argument_that_is_given() {
    let mut client = Client::start();
    client.open("study.mtl");
    let mut at = |marked: &str| {
        client
            .at("textDocument/signatureHelp", "study.mtl", STUDY, marked)
            .expect("an answer")
    };
    let found = at("finetune(lesions, lr: l|r)");
    let signature = &found["signatures"][0];
    let label = signature["label"].as_str().expect("a text");
    assert!(
        label.starts_with("model: Model |> finetune(task: Task, epochs: int = 30, "),
        "{label}"
    );
    assert!(label.ends_with(") -> Model"), "{label}");
    let active = usize::try_from(found["activeParameter"].as_u64().expect("a number")).expect("small");
    let range = &signature["parameters"][active]["label"];
    let part = |at: usize| usize::try_from(range[at].as_u64().expect("a number")).expect("small");
    assert_eq!(&label[part(0)..part(1)], "lr: Rates? = none");
    assert_eq!(at("finetune(|lesions, lr")["activeParameter"], 0);
    assert_eq!(at("study = sco|res"), Value::Null);
}

#[test]
fn the_outline_holds_every_item() {
    let mut client = Client::start();
    client.open("lab/nets.mtl");
    let found = client
        .in_file("textDocument/documentSymbol", "lab/nets.mtl")
        .expect("an answer");
    let names = |list: &Value| -> Vec<String> {
        let list = list.as_array().expect("a list");
        list.iter()
            .map(|s| s["name"].as_str().expect("a text").to_owned())
            .collect()
    };
    assert_eq!(names(&found), ["warm", "tiny"]);
    assert_eq!(names(&found[1]["children"]), ["classes", "width", "wide"]);
    assert_eq!(covered(NETS, &found[1]["selectionRange"]), "tiny");
    assert!(covered(NETS, &found[1]["range"]).ends_with('}'));
}

/// The tokens of a file: text, kind, modifiers.
fn tokens(client: &mut Client, name: &str, text: &str) -> Vec<(String, String, u64)> {
    let legend = client.greeting["capabilities"]["semanticTokensProvider"]["legend"].clone();
    let found = client
        .in_file("textDocument/semanticTokens/full", name)
        .expect("an answer");
    let data: Vec<u64> = found["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|n| n.as_u64().expect("a number"))
        .collect();
    let (mut line, mut start) = (0, 0);
    let mut seen = Vec::new();
    for token in data.chunks(5) {
        let (delta_line, delta_start, length, kind) = (token[0], token[1], token[2], token[3]);
        start = if delta_line == 0 {
            start + delta_start
        } else {
            delta_start
        };
        line += delta_line;
        let range = json!({
            "start": { "line": line, "character": start }, "end": { "line": line, "character": start + length },
        });
        let kind = legend["tokenTypes"][usize::try_from(kind).expect("small")]
            .as_str()
            .expect("a text")
            .to_owned();
        seen.push((covered(text, &range), kind, token[4]));
    }
    seen
}

#[test]
fn tokens_tell_names_apart() {
    let mut client = Client::start();
    client.open("study.mtl");
    client.open("lab/nets.mtl");
    let seen = tokens(&mut client, "lab/nets.mtl", NETS);
    for (text, kind) in [("net", "keyword"), ("false", "enumMember"), ("conv1", "label")] {
        assert!(
            seen.iter().any(|(t, k, _)| t == text && k == kind),
            "{text} {kind} in {seen:?}"
        );
    }
    let seen = tokens(&mut client, "study.mtl", STUDY);
    let has = |text: &str, kind: &str| seen.iter().any(|(t, k, _)| t == text && k == kind);
    for (text, kind) in [
        ("import", "keyword"),
        ("for", "keyword"),
        ("epochs", "parameter"),
        ("epochs", "property"),
        ("int", "type"),
        ("lesions", "variable"),
        ("finetune", "function"),
        ("resnet18", "class"),
        ("nets", "namespace"),
        ("holm", "enumMember"),
        ("1e-3", "number"),
        ("\"scratch\"", "string"),
        ("scratch", "property"),
        ("/// epochs of every arm", "comment"),
        ("name_of_it", "variable"),
    ] {
        assert!(has(text, kind), "{text} {kind} in {seen:?}");
    }
    assert!(!seen.iter().any(|(text, ..)| text.contains('\n')));
    let declared = |text: &str| seen.iter().filter(|(t, _, m)| t == text && m & 1 == 1).count();
    assert_eq!(declared("lesions"), 1);
}

#[test]
fn hints_show_types_and_shapes() {
    let mut client = Client::start();
    client.open("study.mtl");
    client.open("lab/nets.mtl");
    let labels = |found: Value| -> Vec<String> {
        let found = found.as_array().expect("a list").clone();
        found
            .iter()
            .map(|hint| hint["label"].as_str().expect("a text").to_owned())
            .collect()
    };
    let found = labels(
        client
            .in_file("textDocument/inlayHint", "study.mtl")
            .expect("an answer"),
    );
    assert!(found.contains(&": Task".to_owned()), "{found:?}");
    assert!(found.contains(&": Grid[Scores; arm, lr]".to_owned()), "{found:?}");
    let found = labels(
        client
            .in_file("textDocument/inlayHint", "lab/nets.mtl")
            .expect("an answer"),
    );
    assert_eq!(
        found,
        [": int", " [8, 112, 112]", " [8, 112, 112]", " [16, 56, 56]", " [2]"]
    );
}
