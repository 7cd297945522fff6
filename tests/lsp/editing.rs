//! Changes: renaming, mends of diagnostics, formatting; and positions in texts that are not ASCII.

use super::client::{Client, FILMS, NETS, STUDY, applied, covered};
use serde_json::{Value, json};

fn rename(
    client: &mut Client,
    name: &str,
    text: &str,
    marked: &str,
    new: &str,
) -> Result<Vec<(String, Value)>, String> {
    let found = client.at_with("textDocument/rename", name, text, marked, json!({ "newName": new }))?;
    let changes = found["changes"].as_object().expect("an object");
    let mut changes: Vec<_> = changes
        .iter()
        .map(|(uri, edits)| (client.name_of(uri), edits.clone()))
        .collect();
    changes.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(changes)
}

#[test]
fn a_let_is_renamed_in_every_file() {
    let mut client = Client::start();
    client.open("lab/films.mtl");
    let changes = rename(&mut client, "lab/films.mtl", FILMS, "let co|hort", "kohorte").expect("it can be renamed");
    let files: Vec<&str> = changes.iter().map(|(file, _)| file.as_str()).collect();
    assert_eq!(files, ["lab/films.mtl", "study.mtl"]);
    assert!(applied(FILMS, &changes[0].1).contains("let kohorte = films"));
    let study = applied(STUDY, &changes[1].1);
    assert!(
        study.contains("{ kohorte, prepared as bereit }") && study.contains("let lesions = kohorte |>"),
        "{study}"
    );
}

#[test]
fn a_loop_variable_takes_the_texts_that_name_its_axis_along() {
    let mut client = Client::start();
    client.open("study.mtl");
    let changes = rename(&mut client, "study.mtl", STUDY, "for a|rm in", "chain").expect("it can be renamed");
    let study = applied(STUDY, &changes[0].1);
    for part in [
        "for chain in arms",
        "|> chain |> finetune",
        "scores[chain: \"scratch\"]",
        "compare: \"chain\"",
    ] {
        assert!(study.contains(part), "{part} in {study}");
    }
    assert!(study.contains("let arms ="), "{study}");
    // From the text as well.
    let again = rename(&mut client, "study.mtl", STUDY, "compare: \"a|rm\"", "chain").expect("it can be renamed");
    assert_eq!(again, changes);
}

#[test]
fn parameters_take_the_arguments_that_name_them_along() {
    let mut client = Client::start();
    client.open("study.mtl");
    client.open("lab/nets.mtl");
    let text = NETS.replace("net tiny(", "let broad = tiny(width: 16)\n\nnet tiny(");
    let version = client.change("lab/nets.mtl", &text);
    client.wait_for("lab/nets.mtl", version);
    let changes =
        rename(&mut client, "lab/nets.mtl", &text, "wi|dth: int = 8", "channels_of_it").expect("it can be renamed");
    let nets = applied(&text, &changes[0].1);
    for part in [
        "channels_of_it: int = 8",
        "tiny(channels_of_it: 16)",
        "channels_of_it * 2",
        "conv(channels_of_it, 3",
    ] {
        assert!(nets.contains(part), "{part} in {nets}");
    }
    // Locals, functions and params.
    for (marked, new, part) in [
        ("let wi|de", "wider", "conv(wider, 3"),
        ("|> wa|rm(", "heat", "|> heat(task"),
        ("ta|sk: Task,", "goal", "train(goal, epochs"),
    ] {
        let changes = rename(&mut client, "lab/nets.mtl", &text, marked, new).expect("it can be renamed");
        let nets = applied(&text, &changes[0].1);
        assert!(nets.contains(part), "{part} in {nets}");
    }
    let changes = rename(&mut client, "study.mtl", STUDY, "param epo|chs", "rounds").expect("it can be renamed");
    let study = applied(STUDY, &changes[0].1);
    assert!(
        study.contains("epochs: rounds,") && study.contains("\"{rounds}\""),
        "{study}"
    );
}

#[test]
fn a_shorthand_entry_keeps_its_key() {
    let mut client = Client::start();
    let text = "let first = 1\nlet both = { first, second: 2 }\n";
    client.write("short.mtl", text);
    client.open("short.mtl");
    let changes = rename(&mut client, "short.mtl", text, "let fi|rst", "one").expect("it can be renamed");
    assert_eq!(
        applied(text, &changes[0].1),
        "let one = 1\nlet both = { first: one, second: 2 }\n"
    );
}

#[test]
fn what_would_change_the_meaning_is_refused_with_a_reason() {
    let mut client = Client::start();
    client.open("study.mtl");
    client.open("lab/nets.mtl");
    let mut refused = |name: &str, text: &str, marked: &str, new: &str| {
        rename(&mut client, name, text, marked, new).expect_err("it is refused")
    };
    assert!(refused("study.mtl", STUDY, "|> eval|uate(lesions)", "score").contains("belongs to `std.prelude`"));
    assert!(refused("study.mtl", STUDY, "  res|net18(classes", "net18").contains("`std.models.resnet`"));
    assert!(refused("study.mtl", STUDY, "adjust: ho|lm", "holms").contains("belongs to the language"));
    assert!(refused("lab/nets.mtl", NETS, "  |x\n", "y").contains("belongs to the language"));
    assert!(refused("study.mtl", STUDY, "let les|ions", "2nd").contains("is no name"));
    assert!(refused("study.mtl", STUDY, "let les|ions", "repeat").contains("is no name"));
    assert!(refused("study.mtl", STUDY, "let les|ions", "arms").contains("defined twice"));
    // A local of that name would be meant instead.
    assert!(refused("study.mtl", STUDY, "let les|ions", "arm").contains("cannot be used here"));
    assert!(refused("study.mtl", STUDY, "as ne|ts", "it").contains("renaming its file"));
    assert!(refused("study.mtl", STUDY, "[1e|-3", "it").contains("no name to rename"));
    let found = client
        .at("textDocument/prepareRename", "study.mtl", STUDY, "let les|ions")
        .expect("an answer");
    assert_eq!(found["placeholder"], "lesions");
    assert!(
        client
            .at(
                "textDocument/prepareRename",
                "study.mtl",
                STUDY,
                "|> eval|uate(lesions)"
            )
            .is_err()
    );
}

#[test]
fn mends_of_diagnostics_are_offered() {
    let mut client = Client::start();
    client.open("study.mtl");
    let wrong = STUDY.replace(
        "finetune(lesions, epochs: epochs),",
        "finetune(lesions, epoch: epochs),",
    );
    let version = client.change("study.mtl", &wrong);
    let found = client.wait_for("study.mtl", version);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0]["message"]
            .as_str()
            .expect("a text")
            .contains("help: did you mean `epochs`?"),
        "{found:?}"
    );
    let range = found[0]["range"].clone();
    let params = json!({
        "textDocument": { "uri": client.uri("study.mtl") }, "range": range, "context": { "diagnostics": found },
    });
    let actions = client.ask("textDocument/codeAction", params).expect("an answer");
    assert_eq!(actions[0]["title"], "replace `epoch` with `epochs`");
    assert_eq!(actions[0]["kind"], "quickfix");
    let edits = &actions[0]["edit"]["changes"][&client.uri("study.mtl")];
    assert_eq!(applied(&wrong, edits), STUDY);
}

#[test]
fn formatting_is_offered_by_whoever_has_a_formatter() {
    let mut client = Client::start();
    assert_eq!(
        client.greeting["capabilities"]["documentFormattingProvider"],
        Value::Null
    );
    let params = json!({ "textDocument": { "uri": client.uri("study.mtl") }, "options": { "tabSize": 2, "insertSpaces": true } });
    assert!(client.ask("textDocument/formatting", params.clone()).is_err());
    assert_eq!(client.end(), 0);
    let formatter = |text: &str| (!text.contains('?')).then(|| text.replace("  ä", " ä"));
    let mut client = Client::with(Some(formatter), false);
    assert_eq!(client.greeting["capabilities"]["documentFormattingProvider"], true);
    let text = "let a =  \"𝕏\" ++  ä\n";
    client.open_with("study.mtl", text);
    let params = json!({ "textDocument": { "uri": client.uri("study.mtl") }, "options": { "tabSize": 2, "insertSpaces": true } });
    let edits = client
        .ask("textDocument/formatting", params.clone())
        .expect("an answer");
    assert_eq!(applied(text, &edits), "let a =  \"𝕏\" ++ ä\n");
    let version = client.change("study.mtl", "let a = ?");
    client.wait_for("study.mtl", version);
    assert!(
        client
            .ask("textDocument/formatting", params)
            .expect_err("it is refused")
            .contains("not formatted")
    );
}

#[test]
fn positions_count_as_negotiated() {
    for utf8 in [false, true] {
        let mut client = Client::with(None, utf8);
        let encoding = if utf8 { "utf-8" } else { "utf-16" };
        assert_eq!(client.greeting["capabilities"]["positionEncoding"], encoding);
        client.open("study.mtl");
        let found = client
            .at("textDocument/definition", "study.mtl", STUDY, "++ name_|of_it")
            .expect("an answer");
        assert_eq!(found["range"]["start"]["character"], 4);
        // A change behind the wide letters, by its range.
        let start = client.place(STUDY, "\"ä𝕏\" ++ |name_of_it");
        let end = client.place(STUDY, "++ name_of_it| ++ \"");
        let version = client.change_by(
            "study.mtl",
            json!([{ "range": { "start": start, "end": end }, "text": "arms" }]),
        );
        let found = client.wait_for("study.mtl", version);
        assert_eq!(found.len(), 1, "{found:?}");
        if !utf8 {
            let changed = STUDY.replace("++ name_of_it ++", "++ arms ++");
            assert_eq!(covered(&changed, &found[0]["range"]), "++");
        }
    }
}
