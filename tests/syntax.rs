//! The parser on whole texts.
//!
//! A case is a folder `tests/golden/syntax/<case>` with `input.mtl` and one or both of
//!
//! - `diagnostics.txt`: what a user is shown, without colours, 100 columns wide;
//! - `tree.txt`: the tree, one node a line, indented by depth, with its bytes.
//!
//! A case without `diagnostics.txt` must have no diagnostics. The files of `programs/` are whole programs that must have
//! none either. `BLESS=1 cargo test --release --test syntax` rewrites the files of every case; read the difference before
//! you commit it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use mtl::{
    diag::{Diagnostics, render::render},
    source::SourceMap,
    syntax::{comments, parse},
};
use proptest::prelude::*;

#[path = "golden/syntax/outline.rs"]
mod outline;

use outline::{Node, outline};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/syntax")
}

/// The tree of a text and what was said of it.
fn read(text: &str) -> (Vec<Node>, Diagnostics, SourceMap) {
    let mut map = SourceMap::new();
    let file = map.add("input.mtl", None, text);
    let mut diagnostics = Diagnostics::new();
    let module = parse(file, text, &mut diagnostics);
    (outline(&module), diagnostics, map)
}

fn codes(text: &str) -> Vec<&'static str> {
    let (_, diagnostics, _) = read(text);
    diagnostics.sorted().iter().map(|d| d.code.id).collect()
}

fn folders() -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(golden())
        .expect("the folder of cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.join("input.mtl").is_file())
        .collect();
    found.sort();
    assert!(found.len() >= 40, "only {} cases", found.len());
    found
}

#[test]
fn cases() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for folder in folders() {
        let text = fs::read_to_string(folder.join("input.mtl")).expect("a case in UTF-8");
        let (nodes, diagnostics, map) = read(&text);
        let shown = render(&diagnostics, &map, false, 100);
        let tree: String = nodes.iter().map(Node::line).collect();
        let (said, drawn) = (folder.join("diagnostics.txt"), folder.join("tree.txt"));
        if bless {
            let keep = |path: &Path, content: &str, wanted: bool| {
                if wanted {
                    fs::write(path, content).expect("a writable case");
                } else if path.exists() {
                    fs::remove_file(path).expect("a writable case");
                }
            };
            keep(&said, &shown, !diagnostics.is_empty());
            keep(&drawn, &tree, diagnostics.is_empty() || drawn.exists());
            continue;
        }
        let expected = fs::read_to_string(&said).unwrap_or_default();
        if shown != expected {
            wrong.push(format!("{}: expected\n{expected}\nfound\n{shown}", said.display()));
        }
        let known = said.exists() && !drawn.exists();
        if !known && fs::read_to_string(&drawn).unwrap_or_default() != tree {
            wrong.push(format!("{}: the tree is now\n{tree}", drawn.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_of_the_parser_has_a_case() {
    let said: String = folders()
        .iter()
        .filter_map(|folder| fs::read_to_string(folder.join("diagnostics.txt")).ok())
        .collect();
    let missing: Vec<_> = mtl::diag::codes::all()
        .map(|code| code.id)
        .filter(|id| id.starts_with("mtl::syntax::") && !said.contains(*id))
        .collect();
    // No text is known that the grammar does not match.
    assert_eq!(missing, ["mtl::syntax::unreadable"]);
}

fn programs() -> Vec<(String, String)> {
    let mut found: Vec<_> = fs::read_dir(golden().join("programs"))
        .expect("the folder of programs")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).expect("a program in UTF-8"))
        })
        .collect();
    found.sort();
    assert!(found.len() >= 16, "only {} programs", found.len());
    found
}

#[test]
fn whole_programs_parse_without_a_word() {
    for (name, text) in programs() {
        for text in [text.clone(), text.replace('\n', "\r\n"), format!("\u{FEFF}{text}")] {
            let (nodes, diagnostics, map) = read(&text);
            assert!(
                diagnostics.is_empty(),
                "{name}\n{}",
                render(&diagnostics, &map, false, 100)
            );
            check_spans(&text, &nodes);
        }
    }
}

#[test]
fn line_ends_and_a_byte_order_mark_change_nothing_but_places() {
    let bare = |text: &str| -> Vec<(usize, String)> { read(text).0.into_iter().map(|n| (n.depth, n.label)).collect() };
    for (name, text) in programs() {
        assert_eq!(bare(&text), bare(&text.replace('\n', "\r\n")), "{name}");
        assert_eq!(bare(&text), bare(&format!("\u{FEFF}{text}")), "{name}");
    }
}

/// Every node lies in the text on character borders and within the node around it.
fn check_spans(text: &str, nodes: &[Node]) {
    let mut around: Vec<&Node> = Vec::new();
    for node in nodes {
        let (start, end) = (node.span.start as usize, node.span.end as usize);
        assert!(text.get(start..end).is_some(), "{node:?} in {text:?}");
        around.truncate(node.depth);
        if let Some(parent) = around.last() {
            assert!(
                parent.span.start <= node.span.start && node.span.end <= parent.span.end,
                "{node:?} is not within {parent:?} in {text:?}"
            );
        }
        let written = &text[start..end];
        let blanks = [' ', '\n', '\t', '\r'];
        if node.depth > 0 && !node.label.contains("bad") {
            assert!(
                !written.starts_with(blanks) && !written.ends_with(blanks),
                "{node:?}: {written:?}"
            );
        }
        around.push(node);
    }
}

#[test]
fn nested_things_parse_however_they_nest_and_fail() {
    // Each was once exponential, or exhausted the stack, in a grammar like this one.
    let nests = [
        ("[", "]"),
        ("(", ")"),
        ("{ a: ", " }"),
        ("f(", ")"),
        ("f(a: ", ")"),
        ("(a = ", ") => a"),
        ("x |> repeat i in y { ", " }"),
        ("x |> if c { ", " }"),
        ("if c { ", " } else { b }"),
        ("\"{", "}\""),
        ("\"{f(", ")}\""),
        ("(x |> f) + (", ")"),
        ("- not ", ""),
        ("for a in ", " { a }"),
        ("{ let a = 1\n", "\n }"),
    ];
    for (open, close) in nests {
        for depth in [10, 100, 1_000, 10_000] {
            for (tail, text) in [("", "1"), ("", "3x"), ("", ""), ("!", "1"), ("", "\"")] {
                let closed = format!(
                    "let a = {}{text}{}{tail}\nlet b = 2\n",
                    open.repeat(depth),
                    close.repeat(depth)
                );
                let unclosed = format!("let a = {}{text}{tail}\nlet b = 2\n", open.repeat(depth));
                for program in [closed, unclosed] {
                    let (nodes, _, _) = read(&program);
                    check_spans(&program, &nodes);
                    let last = nodes.iter().rfind(|node| node.depth == 1).expect("an item");
                    assert_eq!(last.label, "let b", "after {depth} times {open:?}");
                }
            }
        }
    }
    for depth in [10, 100, 1_000] {
        let list = format!("param a: {}int{} = 1\n", "[".repeat(depth), "]".repeat(depth));
        let step = format!("param a: {}int = 1\n", "(int) -> ".repeat(depth));
        for program in [list, step] {
            assert_eq!(codes(&program).is_empty(), depth <= 100, "{depth}");
        }
    }
}

#[test]
fn long_runs_are_read_or_refused_but_never_exhaust_the_stack() {
    let sum = |n: usize| format!("let a = 1{}\nlet b = 2", " + 1".repeat(n));
    assert_eq!(codes(&sum(400)), Vec::<&str>::new());
    for program in [
        sum(100_000),
        format!("let a = {}1\nlet b = 2", "-".repeat(100_000)),
        format!("let a = x{}\nlet b = 2", ".y".repeat(100_000)),
        format!("let a = x{}\nlet b = 2", "(1)".repeat(100_000)),
        format!("let a = {}1\nlet b = 2", "if a { 1 } else ".repeat(1_000)),
    ] {
        assert_eq!(codes(&program), ["mtl::syntax::too_deep"]);
        let (nodes, _, _) = read(&program);
        assert_eq!(
            nodes.iter().rfind(|n| n.depth == 1).map(|n| n.label.as_str()),
            Some("let b")
        );
    }
    // Runs that make no deep tree have no limit.
    for program in [
        format!("let a = x{}", " |> f".repeat(10_000)),
        format!("let a = [{}]", "1, ".repeat(10_000)),
        "let a = 1\n".repeat(10_000),
        format!(
            "fn f() -> int {{\n{}  1\n}}",
            "  let a = if b { 1 } else { 2 }\n".repeat(5_000)
        ),
    ] {
        assert_eq!(codes(&program), Vec::<&str>::new());
    }
}

#[test]
fn one_mistake_is_one_diagnostic_and_the_rest_is_still_read() {
    let text = "\
let a = f(1, , 2)
lett b = 3
let c = [1 2]
fn d(x: int) -> int {
  let y = x +
  let z = g (y)
  z
}
let e = \"open
param f int = 3
let g = (1 + 2
let h = 5
";
    let (nodes, diagnostics, map) = read(text);
    assert_eq!(diagnostics.len(), 8, "{}", render(&diagnostics, &map, false, 100));
    let items: Vec<_> = nodes
        .iter()
        .filter(|n| n.depth == 1)
        .map(|n| n.label.as_str())
        .collect();
    assert_eq!(
        items,
        ["let a", "let b", "let c", "fn d", "let e", "param f", "let g", "let h"]
    );
}

#[test]
fn every_fix_mends_its_mistake() {
    let mut fixed = 0;
    for folder in folders() {
        let text = fs::read_to_string(folder.join("input.mtl")).expect("a case in UTF-8");
        let (_, before, _) = read(&text);
        for diagnostic in before.iter() {
            let Some(fix) = &diagnostic.fix else { continue };
            let mut mended = text.clone();
            mended.replace_range(fix.span.start as usize..fix.span.end as usize, &fix.text);
            let (_, after, _) = read(&mended);
            assert!(after.len() < before.len(), "{diagnostic:?} gives {mended}");
            fixed += 1;
        }
    }
    assert!(fixed >= 20, "only {fixed} fixes");
}

#[test]
fn comments_are_listed_in_order() {
    let text = "// a\nlet b = 1 // c\n/// d\nlet e = \"// no\"";
    let mut map = SourceMap::new();
    let file = map.add("a.mtl", None, text);
    let found: Vec<_> = comments(file, text)
        .into_iter()
        .map(|span| map.text(span).to_owned())
        .collect();
    assert_eq!(found, ["// a", "// c"]);
}

/// Pieces of programs, to be strung together wrongly.
fn piece() -> impl Strategy<Value = &'static str> {
    const PIECES: &str = "let¦a¦=¦1¦\n¦ ¦(¦)¦[¦]¦{¦}¦|>¦,¦:¦fn¦net¦param¦out¦import¦\"¦{a}¦..¦...¦..=¦if¦else¦for¦in¦repeat¦not¦\
        and¦+¦-¦*¦/¦//¦///¦//!¦@¦=>¦->¦?¦;¦%¦10%¦3x¦1e-3¦30min¦none¦true¦r\"¦\\¦é¦\u{FEFF}¦\r\n¦x |> f¦let b = ¦\nlet c = ¦\
        (t) =>¦f(¦.¦==¦<¦++¦\n  ¦`¦'";
    proptest::sample::select(PIECES.split('¦').collect::<Vec<_>>())
}

/// At least 600 cases, more if `PROPTEST_CASES` asks for them.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: default.cases.max(600),
        failure_persistence: None,
        ..default
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_text_is_read(text in "\\PC{0,200}") {
        let (nodes, _, _) = read(&text);
        check_spans(&text, &nodes);
    }

    #[test]
    fn any_string_of_pieces_is_read_and_shown(pieces in proptest::collection::vec(piece(), 0..60), blanks: bool) {
        let text = pieces.join(if blanks { " " } else { "" });
        let (nodes, diagnostics, map) = read(&text);
        check_spans(&text, &nodes);
        let shown = render(&diagnostics, &map, false, 100);
        prop_assert_eq!(shown.is_empty(), diagnostics.is_empty());
    }

    #[test]
    fn a_changed_program_is_read(
        which in 0_usize..100,
        at in 0.0..1.0_f64,
        length in 0_usize..12,
        put in piece(),
    ) {
        let programs = programs();
        let (_, text) = &programs[which % programs.len()];
        let border = |mut i: usize| {
            while !text.is_char_boundary(i) {
                i -= 1;
            }
            i
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the length")]
        let start = border((at * text.len() as f64) as usize);
        let end = border((start + length).min(text.len()));
        let changed = format!("{}{put}{}", &text[..start], &text[end..]);
        let (nodes, _, _) = read(&changed);
        check_spans(&changed, &nodes);
    }
}
