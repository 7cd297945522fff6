//! Whatever comes, the server lives on and answers.

use super::{
    client::{Client, FILMS, STUDY, shipped},
    programs,
};
use lsp_server::{Connection, Message, Notification, Request, RequestId};
use mtl::{
    ide::{FileKey, Workspace},
    lsp,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::Path;

const AT_PLACES: &[&str] = &[
    "hover",
    "completion",
    "signatureHelp",
    "definition",
    "references",
    "prepareRename",
    "rename",
];

#[test]
fn bad_params_and_unknown_files_get_errors() {
    let mut client = Client::start();
    client.open("study.mtl");
    let methods = [
        "documentSymbol",
        "semanticTokens/full",
        "codeAction",
        "inlayHint",
        "formatting",
    ];
    for method in AT_PLACES.iter().chain(&methods) {
        let method = format!("textDocument/{method}");
        for params in [
            Value::Null,
            json!([]),
            json!({ "textDocument": 3 }),
            json!({ "textDocument": { "uri": "file:///no/such/file.mtl" }, "position": { "line": 0, "character": 0 },
                    "newName": "a", "context": { "includeDeclaration": true, "diagnostics": [] },
                    "range": { "start": { "line": 0, "character": 0 }, "end": { "line": 0, "character": 0 } } }),
            json!({ "textDocument": { "uri": "nonsense" }, "position": { "line": -1, "character": 1e300 } }),
        ] {
            let found = client.ask(&method, params.clone());
            assert!(found.is_err(), "{method} {params} {found:?}");
        }
    }
    assert!(
        client
            .ask("textDocument/nonsense", json!({}))
            .expect_err("it is refused")
            .starts_with("-32601")
    );
    for method in ["didOpen", "didChange", "didClose", "didSave"] {
        client.tell(&format!("textDocument/{method}"), json!({ "nonsense": true }));
    }
    let nowhere = json!({ "uri": "file:///no/such/file.mtl", "version": 7 });
    client.tell(
        "textDocument/didChange",
        json!({ "textDocument": nowhere, "contentChanges": [{ "text": "" }] }),
    );
    client.tell(
        "textDocument/didClose",
        json!({ "textDocument": { "uri": "file:///no/such/file.mtl" } }),
    );
    client.tell("$/cancelRequest", json!({ "id": 1 }));
    // Positions beyond the text.
    let far =
        json!({ "textDocument": { "uri": client.uri("study.mtl") }, "position": { "line": 9999, "character": 9999 } });
    assert_eq!(client.ask("textDocument/hover", far), Ok(Value::Null));
    // Ranges that end before they begin.
    let range = json!({ "start": { "line": 5, "character": 3 }, "end": { "line": 1, "character": 0 } });
    let version = client.change_by("study.mtl", json!([{ "range": range, "text": "x" }]));
    client.wait_for("study.mtl", version);
    assert_eq!(client.end(), 0);
}

#[test]
fn a_file_may_go_while_it_is_open() {
    let mut client = Client::start();
    client.open("study.mtl");
    std::fs::remove_file(client.path("study.mtl")).expect("it can be removed");
    std::fs::remove_file(client.path("lab/films.mtl")).expect("it can be removed");
    let changes = ["study.mtl", "lab/films.mtl"].map(|name| json!({ "uri": client.uri(name), "type": 3 }));
    client.tell("workspace/didChangeWatchedFiles", json!({ "changes": changes }));
    let version = client.change("study.mtl", STUDY);
    let found = client.wait_for("study.mtl", version);
    assert!(found.iter().any(|d| d["code"] == "mtl::names::no_module"), "{found:?}");
    assert!(
        client
            .at("textDocument/hover", "study.mtl", STUDY, "let les|ions")
            .is_ok()
    );
    let uri = client.uri("study.mtl");
    client.tell("textDocument/didClose", json!({ "textDocument": { "uri": uri } }));
    assert!(
        client
            .at("textDocument/hover", "study.mtl", STUDY, "let les|ions")
            .is_err()
    );
    client.until("study.mtl", <[Value]>::is_empty);
    assert_eq!(client.end(), 0);
}

#[test]
fn nothing_is_served_before_it_is_initialized() {
    let (mine, theirs) = Connection::memory();
    let options = lsp::Options {
        formatter: None,
        library: std::env::temp_dir().join("unused"),
        store: |study| study.with_file_name(".mtl"),
    };
    let server = std::thread::spawn(move || lsp::serve(&theirs, options));
    let params = json!({ "textDocument": { "uri": "file:///a.mtl", "languageId": "mtl", "version": 1, "text": "" } });
    let early = Notification::new("textDocument/didOpen".to_owned(), params);
    mine.sender.send(early.into()).expect("the server listens");
    for (number, method) in ["textDocument/hover", "shutdown", "nonsense"].into_iter().enumerate() {
        let id = RequestId::from(i32::try_from(number).expect("small"));
        let request = Request::new(id.clone(), method.to_owned(), json!({}));
        mine.sender.send(request.into()).expect("the server listens");
        let Ok(Message::Response(answer)) = mine.receiver.recv() else {
            panic!("an answer to {method}, and nothing else");
        };
        let code = answer.response_result.expect_err("it is refused").code;
        assert_eq!((answer.id, code), (id, -32002), "{method}");
    }
    let exit = Notification::new("exit".to_owned(), json!(null));
    mine.sender.send(exit.into()).expect("the server listens");
    assert_eq!(server.join().expect("it does not panic"), 1);
}

#[test]
fn files_may_come_to_import_each_other_while_they_are_typed() {
    let mut client = Client::start();
    client.open("study.mtl");
    client.open("lab/films.mtl");
    let circle = format!("import \"../study.mtl\" {{ lesions }}\n{FILMS}");
    let closes = |found: &[Value]| found.iter().any(|d| d["code"] == "mtl::names::import_cycle");
    for end in (1..circle.find('\n').expect("a line")).step_by(9) {
        client.change("lab/films.mtl", &format!("{}\n{FILMS}", &circle[..end]));
    }
    client.change("lab/films.mtl", &circle);
    client.until("study.mtl", closes);
    client.until("lab/films.mtl", closes);
    let hover = client.at("textDocument/hover", "study.mtl", STUDY, "let les|ions");
    assert!(hover.is_ok(), "{hover:?}");
    // A file that imports itself.
    client.change(
        "lab/films.mtl",
        &format!("import \"films.mtl\" {{ cohort as own }}\n{FILMS}"),
    );
    client.until("lab/films.mtl", closes);
    client.change("lab/films.mtl", FILMS);
    client.until("lab/films.mtl", |found| !closes(found));
    client.until("study.mtl", |found| !closes(found));
    assert_eq!(client.end(), 0);
}

/// Thousands of lines with a mistake on each are read, shown and asked about in less than the client waits.
#[test]
fn a_huge_file_is_served() {
    let mut client = Client::start();
    let mut text = programs::dense(2_000);
    text += &(0..2_000)
        .map(|i| format!("let wrong_{i} = nowhere_{i} + \"ä\"\n"))
        .collect::<String>();
    client.write("huge.mtl", &text);
    let found = client.open("huge.mtl");
    assert!(found.len() >= 2_000, "{}", found.len());
    let line = text.matches('\n').count() - 1;
    for typed in ["let another = ep", "o", "c", "hs", "\n"] {
        let end = json!({ "line": line + 1, "character": 0 });
        let change = json!([{ "range": { "start": end, "end": end }, "text": typed }]);
        client.change_by("huge.mtl", change);
    }
    let at = json!({
        "textDocument": { "uri": client.uri("huge.mtl") },
        "position": { "line": line, "character": 6 },
    });
    for method in ["hover", "completion", "definition", "signatureHelp", "references"] {
        let mut params = at.clone();
        if method == "references" {
            params["context"] = json!({ "includeDeclaration": true });
        }
        let found = client.ask(&format!("textDocument/{method}"), params);
        assert!(found.is_ok(), "{method}: {found:?}");
    }
    for method in ["documentSymbol", "semanticTokens/full", "inlayHint"] {
        let found = client.in_file(&format!("textDocument/{method}"), "huge.mtl");
        assert!(found.is_ok(), "{method}");
    }
    assert_eq!(client.end(), 0);
}

#[test]
fn the_protocols_order_is_kept() {
    // Without `shutdown` the exit code is 1.
    assert_eq!(Client::start().exit(), 1);
    let mut client = Client::start();
    assert!(
        client
            .ask("initialize", json!({}))
            .expect_err("once is enough")
            .starts_with("-32600")
    );
    assert_eq!(client.ask("shutdown", Value::Null), Ok(Value::Null));
    assert!(
        client
            .ask("textDocument/hover", json!({}))
            .expect_err("it is down")
            .starts_with("-32600")
    );
    assert_eq!(client.exit(), 0);
    // A client that goes without a word.
    let (mine, theirs) = lsp_server::Connection::memory();
    drop(mine);
    let options = lsp::Options {
        formatter: None,
        library: std::env::temp_dir().join("unused"),
        store: |study| study.with_file_name(".mtl"),
    };
    assert_eq!(lsp::serve(&theirs, options), 1);
}

/// Asks everything about one place of a text.
fn ask_all(workspace: &mut Workspace, path: &Path, text: &str, offset: usize) {
    workspace.set(path, text);
    let key = FileKey::Path(path.to_owned());
    let analysis = workspace.program(&key);
    let Some(file) = analysis.file(&key) else {
        panic!("the file is part of its program");
    };
    for reported in workspace.diagnostics(path).into_values().flatten() {
        let place = reported.location;
        assert!(place.text.get(place.range).is_some(), "diagnostics lie in their text");
    }
    let hover = analysis.hover(file, offset);
    assert!(hover.is_none_or(|hover| text.get(hover.range).is_some()));
    let _ = analysis.definition(file, offset);
    let _ = analysis.signature(file, offset);
    if let Some(defined) = analysis.defined_at(file, offset) {
        let places = analysis.references(defined);
        assert!(places.iter().all(|place| place.text.get(place.range.clone()).is_some()));
    }
    let mut last = 0;
    for token in analysis.tokens(file) {
        assert!(
            token.range.start >= last && text.get(token.range.clone()).is_some(),
            "tokens are in order"
        );
        last = token.range.end;
    }
    for symbol in analysis.outline(file) {
        assert!(symbol.range.start <= symbol.name_range.start && symbol.name_range.end <= symbol.range.end);
    }
    let everything = 0..text.len();
    assert!(
        workspace
            .hints(&key, &everything)
            .iter()
            .all(|hint| text.is_char_boundary(hint.at))
    );
    for action in workspace.actions(path, &everything) {
        assert!(action.place.text.get(action.place.range).is_some());
    }
    for item in workspace.complete(path, offset) {
        assert!(text.get(item.replace).is_some());
    }
    let _ = workspace.rename(path, offset, "another");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Cuts, insertions and doublings of the shipped programs never make any question panic.
    #[test]
    fn no_edit_of_a_program_makes_a_question_panic(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..40, "[ -~\u{e4}\u{1d54f}\n]{0,4}"), 1..4),
        at in any::<prop::sample::Index>(),
    ) {
        let programs = shipped();
        let (_, text) = which.get(&programs);
        let mut text = text.clone();
        for (place, length, with) in edits {
            let start = text.floor_char_boundary(place.index(text.len() + 1));
            let end = text.floor_char_boundary((start + length).min(text.len())).max(start);
            text.replace_range(start..end, &with);
        }
        let offset = text.floor_char_boundary(at.index(text.len() + 1));
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/no_such_folder");
        // As the server's thread: passes follow the nesting of a program.
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(256 << 20);
            let handle = thread.spawn_scoped(scope, || {
                let mut workspace = Workspace::new(vec![folder.clone()]);
                ask_all(&mut workspace, &folder.join("edited.mtl"), &text, offset);
            });
            handle.expect("a thread can be started").join().expect("no question panics");
        });
    }
}
