//! `mtl doc`, and what the reference of the standard library holds. The pages themselves are kept by `explain.rs`.

mod common;

use common::Workbench;
use mtl::{
    builtins,
    doc::{Entry, FindError, ModuleDoc, find, library},
};
use serde_json::Value;
use std::{fs, path::Path, sync::OnceLock};

fn modules() -> &'static [ModuleDoc] {
    static MODULES: OnceLock<Vec<ModuleDoc>> = OnceLock::new();
    MODULES.get_or_init(library)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("utf-8")
}

/// What a reader looks for is there: every declaration of the prelude, with its text, its parameters and their texts.
#[test]
fn every_builtin_is_in_the_reference() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/std/prelude.md"))
        .expect("the page is there");
    let (_, prelude) = builtins::std_source(builtins::PRELUDE).expect("embedded");
    let names = prelude.lines().filter(|line| line.starts_with("fn ")).map(|line| {
        let line = line.split_once("|> ").map_or(&line[3..], |(_, rest)| rest);
        line.split('(').next().expect("a name").trim()
    });
    let mut count = 0;
    for name in names {
        count += 1;
        assert!(page.contains(&format!("\n### `{name}`\n")), "{name}");
    }
    assert!(count > 60, "the scan sees the builtins ({count})");
    assert!(
        page.contains("| `clip` | `float?` | `5.0` | largest norm of the gradient |"),
        "{page}"
    );
    assert!(page.contains("\n## Layers\n"));
}

#[test]
fn a_word_names_a_module_an_item_a_type_or_a_choice() {
    let name = |word: &str| match find(modules(), word).expect(word)[..] {
        [Entry::Module(module)] => module.name.clone(),
        [Entry::Item(item)] => format!("{}.{}", item.module, item.name),
        [Entry::Type(named)] => named.name().to_owned(),
        [Entry::Word(of, word)] => format!("{}: {}", of.name(), word.word),
        ref several => format!("{} entries", several.len()),
    };
    assert_eq!(name("std.train"), "std.train");
    assert_eq!(name("finetune"), "std.train.finetune");
    assert_eq!(name("std.models.resnet18"), "std.models.resnet.resnet18");
    assert_eq!(name("Cohort"), "Cohort");
    assert_eq!(name("holm"), "Adjust: holm");
    assert_eq!(name("int"), "2 entries", "a function and a type");
    let near = |word: &str| match find(modules(), word) {
        Err(FindError::Unknown { near, .. }) => near,
        other => panic!("{word}: {other:?}"),
    };
    assert_eq!(near("finetun").as_deref(), Some("finetune"));
    assert_eq!(near("std.trian").as_deref(), Some("std.train"));
    assert_eq!(near("std.models.resnet81").as_deref(), Some("std.models.resnet18"));
    assert_eq!(near("quite_another_thing"), None);
}

#[test]
fn options_that_are_passed_on_are_told() {
    let found = find(modules(), "finetune").expect("it is there");
    let [Entry::Item(finetune)] = found[..] else {
        panic!("`finetune` is one function")
    };
    let passed = finetune.passed_on.as_ref().expect("it has `...how`");
    assert_eq!(
        (passed.function.as_str(), passed.module.as_str()),
        ("train", "std.prelude")
    );
    assert!(passed.parameters.iter().any(|name| name == "freeze"));
    assert!(!passed.parameters.iter().any(|name| name == "epochs"), "it has its own");
}

#[test]
fn the_command_prints_modules_functions_and_files() {
    let bench = Workbench::new("let same = 1\n");
    let shown = |arguments: &[&str]| {
        let output = bench.mtl(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    let all = shown(&["doc"]);
    assert!(builtins::std_modules().all(|name| all.contains(name)), "{all}");
    let module = shown(&["doc", "std.train"]);
    assert!(module.starts_with("std.train\n\nWays of training"), "{module}");
    assert!(module.contains("    fn model: Model |> finetune(task: Task, epochs: int = 30, ...how) -> Model\n"));
    let one = shown(&["doc", "finetune"]);
    assert!(one.starts_with("finetune, a function of std.train\n"), "{one}");
    assert!(
        one.contains("...how takes the other options of `train`: batch,"),
        "{one}"
    );
    assert!(
        shown(&["doc", "resnet18"]).contains("Coarse stages: conv1, layer1"),
        "of a network"
    );
    assert!(shown(&["doc", "DecayOn"]).contains("  weights  Not on biases and norms.\n"));
    bench.write(
        "lab/films.mtl",
        "//! Our films.\n\n/// Prepared.\nlet film = |> resize(64) |> rgb\n\n/// Warm.\nfn m: Model |> warm(\n  task: Task,\n  epochs: int = 5,  /// few\n) -> Model = m |> finetune(task, epochs: epochs)\n",
    );
    let own = shown(&["doc", "lab/films.mtl"]);
    assert!(own.starts_with("lab/films.mtl\n\nOur films.\n"), "{own}");
    assert!(
        own.contains("    let film: ") && own.contains("\nPrepared.\n") && own.contains("  epochs  few\n"),
        "{own}"
    );
    let one = shown(&["doc", "lab/films.mtl", "warm"]);
    assert!(one.contains("\nWarm.\n") && !one.contains("Prepared"), "{one}");
    let markdown = shown(&["doc", "lab/films.mtl", "--format", "markdown"]);
    assert!(
        markdown.starts_with("# lab/films.mtl\n\nOur films.\n") && markdown.contains("\n### `warm`\n"),
        "{markdown}"
    );
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest_one() {
    let bench = Workbench::new("");
    for (arguments, near) in [
        (&["doc", "finetun"][..], "did you mean `finetune`?"),
        (&["doc", "std.trian"], "did you mean `std.train`?"),
        (&["doc", "study.mtl", "film"], "`mtl doc` lists the modules"),
        (&["doc", "absent.mtl"], "cannot read `absent.mtl`"),
    ] {
        let output = bench.mtl(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            output.stdout.is_empty() && text(&output.stderr).contains(near),
            "{}",
            text(&output.stderr)
        );
    }
}

#[test]
fn other_programs_read_documentation_as_json() {
    let bench = Workbench::new("");
    let read = |arguments: &[&str]| -> Value {
        serde_json::from_slice(&bench.mtl(arguments).stdout).expect("one JSON object")
    };
    let one = read(&["doc", "table", "--format", "json"]);
    assert_eq!(one["schema"], "mtl.doc/1");
    let table = &one["items"][0];
    assert_eq!(table["module"], "std.prelude");
    assert_eq!(table["section"], "Data");
    assert_eq!(table["parameters"][1]["default"], "\"image\"");
    assert_eq!(table["parameters"][1]["type"], "text");
    let all = read(&["doc", "--format", "json"]);
    assert_eq!(all["modules"].as_array().map(Vec::len), Some(modules().len()));
    assert_eq!(
        read(&["doc", "Head", "--format", "json"])["types"][0]["words"][1]["word"],
        "keep"
    );
}
