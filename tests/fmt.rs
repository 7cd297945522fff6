//! The formatter: its laws on every program at hand, on programs put together at random, and on both with their blanks,
//! line ends, commas and comments moved about; its style on examples.

use std::{
    fs,
    path::{Path, PathBuf},
};

use mtl::{
    diag::Diagnostics,
    fmt::format,
    source::{FileId, SourceMap},
    syntax::{Token, TokenKind, parse, tokens},
};
use proptest::prelude::*;

#[expect(dead_code, reason = "places are for the parser's tests")]
#[path = "golden/syntax/outline.rs"]
mod outline;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn file(text: &str) -> FileId {
    SourceMap::new().add("input.mtl", None, text)
}

fn written<'a>(text: &'a str, token: &Token) -> &'a str {
    &text[token.span.start as usize..token.span.end as usize]
}

fn is_comment(token: &Token) -> bool {
    matches!(token.kind, TokenKind::Comment | TokenKind::Doc | TokenKind::ModuleDoc)
}

/// The tree with its documentation, without places.
fn tree(text: &str) -> Vec<(usize, String)> {
    let mut diagnostics = Diagnostics::new();
    let module = parse(file(text), text, &mut diagnostics);
    assert!(!diagnostics.has_errors(), "{text}\n{diagnostics:?}");
    let docs = (0, format!("{:?}", module.docs));
    let nodes = outline::outline(&module).into_iter();
    std::iter::once(docs)
        .chain(nodes.map(|node| (node.depth, node.label)))
        .collect()
}

/// Comments in order, or all that is no comment and no comma.
fn words(text: &str, comments: bool) -> Vec<String> {
    tokens(file(text), text)
        .iter()
        .filter(|token| is_comment(token) == comments)
        .map(|token| written(text, token).to_owned())
        .filter(|word| word != ",")
        .collect()
}

/// Checks every law on a text; false when it has syntax errors and is not formatted.
fn obeys(text: &str) -> bool {
    let Ok(formatted) = format(file(text), text) else {
        return false;
    };
    assert_eq!(
        tree(text),
        tree(&formatted),
        "the tree of\n{text}\nis not that of\n{formatted}"
    );
    assert_eq!(
        words(text, true),
        words(&formatted, true),
        "comments of\n{text}\nin\n{formatted}"
    );
    assert_eq!(
        words(text, false),
        words(&formatted, false),
        "tokens of\n{text}\nin\n{formatted}"
    );
    let again = format(file(&formatted), &formatted).expect("it has no errors");
    assert_eq!(formatted, again, "formatted twice is not formatted once:\n{text}");
    assert!(formatted.is_empty() || formatted.ends_with('\n') && !formatted.ends_with("\n\n"));
    assert!(!formatted.starts_with('\n') && !formatted.contains("\n\n\n") && !formatted.contains(['\r', '\u{FEFF}']));
    assert!(formatted.lines().all(|line| line.trim_end() == line), "{formatted}");
    true
}

/// All programs below a folder, by name.
fn programs_below(folder: &Path, found: &mut Vec<(String, String)>) {
    let entries = fs::read_dir(folder).expect("a folder of programs");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            programs_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "mtl") {
            let text = fs::read_to_string(&path).expect("a program in UTF-8");
            found.push((path.display().to_string(), text));
        }
    }
}

fn shipped() -> Vec<(String, String)> {
    let mut found = Vec::new();
    programs_below(&root().join("stdlib"), &mut found);
    programs_below(&root().join("pipelines"), &mut found);
    programs_below(&root().join("tests/programs"), &mut found);
    assert!(found.len() >= 7, "only {} shipped programs", found.len());
    found
}

fn programs() -> Vec<(String, String)> {
    let mut found = shipped();
    programs_below(&root().join("tests/golden"), &mut found);
    assert!(found.len() >= 100, "only {} programs", found.len());
    found
}

#[test]
fn every_shipped_program_is_formatted() {
    let wrong: Vec<_> = shipped()
        .into_iter()
        .filter(|(_, text)| format(file(text), text).as_deref().ok() != Some(text))
        .map(|(name, _)| name)
        .collect();
    assert!(wrong.is_empty(), "`mtl fmt` them: {wrong:#?}");
}

#[test]
fn every_program_at_hand_keeps_the_laws() {
    let mut formatted = 0;
    for (name, text) in programs() {
        println!("{name}");
        formatted += usize::from(obeys(&text));
        obeys(&text.replace('\n', "\r\n"));
        obeys(&format!("\u{FEFF}{text}"));
    }
    assert!(formatted >= 80, "only {formatted} programs without syntax errors");
}

#[test]
fn what_nests_as_deep_as_may_be_is_formatted_soon() {
    let nests = [
        ("[", "]"),
        ("(", ")"),
        ("{ a: ", " }"),
        ("f(", ")"),
        ("f(a, { b: ", " })"),
        ("f(g, (a) => ", ")"),
        ("(a = ", ") => a"),
        ("x |> repeat i in y { ", " }"),
        ("x |> f(", ")"),
        ("if c { ", " } else { b }"),
        ("(x |> f) + (", ")"),
        ("- not ", ""),
        ("for a in ", " { a }"),
        ("{ let a = 1\n", "\n }"),
        ("for a in b {{ c: ", " }}"),
    ];
    for (open, close) in nests {
        let deepest = [120, 80, 60].into_iter().find(|&depth| {
            let program = format!("let a = {}1{}\n", open.repeat(depth), close.repeat(depth));
            obeys(&program)
        });
        assert!(deepest.is_some(), "{open}");
    }
    assert!(obeys(&format!("let a = 1{}", " + 1".repeat(400))));
    assert!(obeys(&format!("let a = x{}", ".f(1)".repeat(200))));
    assert!(obeys(&format!("let a = x{}", " |> f(1)".repeat(5_000))));
    assert!(obeys(&format!("let a = [{}]", "\"a\", ".repeat(5_000))));
}

// ---- the style ----

/// `before` is formatted to `after`.
#[track_caller]
fn becomes(before: &str, after: &str) {
    let formatted = format(file(before), before).expect("no syntax errors");
    assert_eq!(formatted, after);
    assert!(obeys(before));
}

#[test]
fn blanks_are_set_and_lines_joined_where_they_fit() {
    becomes("let a=f( 1,b :2 )+- c*d", "let a = f(1, b: 2) + -c * d\n");
    becomes("let a = not  b\n  and c  not in d", "let a = not b and c not in d\n");
}

#[test]
fn empty_lines_are_kept_one_at_a_time() {
    becomes(
        "\n\n// a\n\n\n\nlet a = 1\nlet b = {\n\n  let c = 1\n\n\n  c\n\n}\n\n\n",
        "// a\n\nlet a = 1\nlet b = {\n  let c = 1\n\n  c\n}\n",
    );
}

#[test]
fn nothing_is_formatted_to_nothing_and_errors_come_back() {
    becomes("", "");
    becomes(" \n\n\t\n", "");
    let text = "let a = (";
    assert!(format(file(text), text).is_err_and(|found| found.has_errors()));
}

#[test]
fn the_examples_of_the_documentation_are_formatted() {
    let text = fs::read_to_string(root().join("docs/formatting.md")).expect("the documentation");
    let examples: Vec<_> = text
        .split("```")
        .filter_map(|part| part.strip_prefix("mtl\n"))
        .map(|example| match example.starts_with("  ") {
            // The inside of a net.
            true => format!("net n() {{\n{example}}}\n"),
            false => example.to_owned(),
        })
        .collect();
    assert!(examples.len() >= 5, "only {} examples", examples.len());
    for example in examples {
        becomes(&example, &example);
    }
}

#[test]
fn the_first_break_is_the_authors() {
    let broken = "let a = [\n  b,\n  c,\n]\nlet d = f(\n  x: 1,\n)\nlet e = g\n  |> h\n  |> i\nlet j = if k {\n  l\n} else {\n  m\n}\n";
    becomes(broken, broken);
    becomes(
        "let a = [b,\n  c\n]\nlet d = f(x: 1\n)\nlet e = g |> h\n  |> i\nlet j = if k { l\n} else {\n  m\n}\n",
        "let a = [b, c]\nlet d = f(x: 1)\nlet e = g |> h |> i\nlet j = if k { l } else { m }\n",
    );
}

#[test]
fn comments_stay_where_they_belong() {
    becomes(
        "let a = [ // of a\n  b // of b\n  , c, // of c\n  // the end\n]\n",
        "let a = [  // of a\n  b,  // of b\n  c,  // of c\n  // the end\n]\n",
    );
    becomes(
        "let a = f( /// of b\n  b, /// of b\n  c /// of c\n)\n",
        "let a = f(\n  /// of b\n  b,  /// of b\n  c,  /// of c\n)\n",
    );
    becomes(
        "let a = b\n  // before d\n  |> d // of d\n|> e_and_more // of e\nlet f = // of f\n  g\n",
        "let a = b\n  // before d\n  |> d           // of d\n  |> e_and_more  // of e\nlet f =  // of f\n  g\n",
    );
    becomes(
        "let a = if b { c } // not b\nelse { d }\n",
        "let a = if b {\n  c\n}  // not b\nelse {\n  d\n}\n",
    );
}

#[test]
fn comments_and_values_are_aligned_in_their_table_only() {
    becomes(
        "param a: int = 1 // a\nparam longer: int = 2 // longer\n\nparam b: int = 1 // b\n",
        "param a: int = 1       // a\nparam longer: int = 2  // longer\n\nparam b: int = 1  // b\n",
    );
    becomes(
        "let a = {\n  b: 1,\n  longer: { c: 1, long: 2 },\n  d,\n}\n",
        "let a = {\n  b:      1,\n  longer: { c: 1, long: 2 },\n  d,\n}\n",
    );
    let no_table = "let a = {\n  b: [\n    1,\n  ],\n  longer: 2,\n}\n";
    becomes(no_table, no_table);
}

#[test]
fn numbers_fill_their_lines() {
    let text = format!("let a = [{}]", "1_000, ".repeat(40));
    let formatted = format(file(&text), &text).expect("no syntax errors");
    let lines: Vec<_> = formatted.lines().collect();
    assert_eq!(lines.len(), 5, "{formatted}");
    assert_eq!(lines[1], lines[2]);
    assert!((114..=120).contains(&lines[1].len()), "{formatted}");
    assert!(obeys(&text));
}

// ---- programs at random ----

/// What may stand between two tokens, more often what is short.
fn gap() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "",
        " ",
        " ",
        "  ",
        "\n  ",
        "\n  ",
        "\n\n\n  ",
        "\r\n\t",
        " // why\n  ",
        "\n  // whence\n  ",
        " //\n // and\n\n // so\n\n  ",
        "\n\n  // apart\n  ",
        " /// documented\n  ",
        "\n  /// documents\n  ",
        ", ",
        ",\n  ",
        "\n , // c\n  ",
    ])
}

/// A program with some of the gaps between its tokens replaced; the gaps after comments keep their line's end.
fn moved_about(text: &str, gaps: &[(usize, &str)]) -> String {
    let found = tokens(file(text), text);
    let mut out = text.to_owned();
    let mut places: Vec<_> = gaps.iter().map(|(at, gap)| (at % found.len().max(1), gap)).collect();
    places.sort_unstable_by_key(|(at, _)| std::cmp::Reverse(*at));
    places.dedup_by_key(|(at, _)| *at);
    for (at, gap) in places {
        let (Some(token), Some(next)) = (found.get(at), found.get(at + 1)) else {
            continue;
        };
        let (from, to) = (token.span.end as usize, next.span.start as usize);
        if !is_comment(token) || gap.trim_start_matches(' ').starts_with(['\n', '\r']) {
            out.replace_range(from..to, gap);
        }
    }
    out
}

/// Expressions of every kind, with names, widths and line ends that make some of them too long for a line.
fn expression() -> impl Strategy<Value = String> {
    let leaf = proptest::sample::select(vec![
        "a",
        "network",
        "a_rather_long_name_of_something",
        "1",
        "1e-4",
        "20%",
        "30min",
        "\"text\"",
        "\"{hole(1, \"x\")}\"",
        "r\"\\d+\"",
        "true",
        "none",
        "[]",
        "{}",
        "f()",
        "record.field",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(5, 60, 5, |inner| {
        let several = proptest::collection::vec(inner.clone(), 1..6);
        let between = proptest::sample::select(vec![", ", ",", ",\n", " ,\n  "]);
        let listed = (several.clone(), between, proptest::sample::select(vec!["", "\n"]));
        prop_oneof![
            listed
                .clone()
                .prop_map(|(parts, between, first)| format!("[{first}{}]", parts.join(between))),
            listed
                .clone()
                .prop_map(|(parts, between, first)| format!("call({first}{})", parts.join(between))),
            listed.clone().prop_map(|(parts, between, first)| {
                let named: Vec<_> = parts
                    .iter()
                    .enumerate()
                    .map(|(i, part)| format!("name{i}: {part}"))
                    .collect();
                format!("finetune({first}{})", named.join(between))
            }),
            listed.prop_map(|(parts, between, first)| {
                let entries: Vec<_> = parts
                    .iter()
                    .enumerate()
                    .map(|(i, part)| match i % 3 {
                        0 => format!("key: {part}"),
                        1 => format!("\"a longer {i}\": {part}"),
                        _ => format!("...({part})"),
                    })
                    .collect();
                format!("{{{first}{}}}", entries.join(between))
            }),
            (
                inner.clone(),
                several.clone(),
                proptest::sample::select(vec![" |> ", "\n  |> "])
            )
                .prop_map(|(head, steps, pipe)| format!("({head}{pipe}{})", steps.join(" |> "))),
            several
                .clone()
                .prop_map(|steps| format!("(|> {})", steps.join("\n |> "))),
            several.clone().prop_map(|parts| format!("({})", parts.join(" + "))),
            several
                .clone()
                .prop_map(|parts| format!("(not {})", parts.join(" and not\n"))),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(c, a, b)| format!("if {c} {{ {a} }} else {{\n{b}}}")),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| format!("if {a} {{ ({b}) }} else if b {{{{ c: {a} }}}} else {{ d }}")),
            (inner.clone(), inner.clone()).prop_map(|(xs, body)| format!("for x in {xs} {{ {body} }}")),
            (inner.clone(), inner.clone())
                .prop_map(|(xs, body)| format!("for x in {xs}, y in {body} {{{{ x: {body} }}}}")),
            (inner.clone(), inner.clone()).prop_map(|(xs, body)| format!("(a |> repeat i in {xs} {{\n{body}}})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("((p, q: int = {a}) => call({b}, (r) => {a}))")),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| format!("{{ let l = {a}\n  let m: [int] = 1 /// doc\n\n {b}\n}}")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a} == {b}..-1)")),
        ]
    })
}

/// At least 400 cases, more if `PROPTEST_CASES` asks for them.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: default.cases.max(400),
        failure_persistence: None,
        ..default
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_text_is_formatted_or_refused(text in "\\PC{0,120}", head: bool) {
        obeys(&if head { format!("let a = {text}") } else { text });
    }

    #[test]
    fn any_string_of_pieces_is_formatted_or_refused(
        pieces in proptest::collection::vec(proptest::sample::select(
            "let a = ¦1¦\n¦ ¦(¦)¦[¦]¦{¦}¦ |> ¦,¦: ¦fn f(a: int) -> [T] = ¦net n() ¦\nlet b = ¦b¦...¦..¦if c ¦ else ¦for x in xs ¦\
             not ¦ + ¦-¦ // c\n¦ /// d\n¦//! m\n¦\n@e(1)\n¦(t) => ¦f(¦.g¦{ let k = 1\n¦\n  ".split('¦').collect::<Vec<_>>()), 0..30),
    ) {
        obeys(&pieces.concat());
    }

    #[test]
    fn any_expression_keeps_the_laws(value in expression(), gaps in proptest::collection::vec((any::<usize>(), gap()), 0..6)) {
        for program in [
            format!("let a = {value}\n"),
            format!("fn m: Model |> step(a: {{int}} = {value}, ...how) -> [Model]? = {value}\nout b = {value}"),
            format!("/// A net.\n@stages({value})\nnet n(a: int) {{\n  {value}\n}}\n"),
        ] {
            prop_assert!(obeys(&program), "{}", program);
            obeys(&moved_about(&program, &gaps));
        }
    }

    #[test]
    fn a_program_moved_about_keeps_the_laws(which: usize, gaps in proptest::collection::vec((any::<usize>(), gap()), 1..8)) {
        let programs = programs();
        let (_, text) = &programs[which % programs.len()];
        obeys(&moved_about(text, &gaps));
    }

    #[test]
    fn a_program_written_into_few_or_many_lines_keeps_the_laws(which: usize, at in 0_usize..400, length in 1_usize..60, spread: bool) {
        let programs = programs();
        let (_, text) = &programs[which % programs.len()];
        let gaps: Vec<_> = (at..at + length).map(|n| (n, if spread { "\n    " } else { " " })).collect();
        obeys(&moved_about(text, &gaps));
    }
}
