//! Expressions and their values.

mod signatures;

use super::{eval::Evaluator, value::Value};
use crate::{
    analysis::{Main, load},
    diag::Diagnostics,
};
use proptest::prelude::*;
use std::path::Path;

/// What the last `let` of a program is, as the language writes it; else the codes of what was reported.
fn value(program: &str) -> Result<String, Vec<String>> {
    let mut diagnostics = Diagnostics::new();
    let main = Main::Text {
        name: "main.mtl",
        folder: Path::new("/study"),
        text: program,
    };
    let program = load(main, &mut diagnostics);
    let syntax: Vec<_> = diagnostics.iter().map(|d| d.message.clone()).collect();
    assert!(syntax.is_empty(), "{syntax:?}");
    let result = {
        let mut evaluator = Evaluator::new(&program, &mut diagnostics);
        let (id, item) = program.items(program.main).last().expect("the program has items");
        let value = evaluator.item(id, item.span);
        value.map(|value| shown(&value))
    };
    result.map_err(|_| {
        diagnostics
            .iter()
            .map(|d| format!("{}: {}", d.code.id, d.message))
            .collect()
    })
}

fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Grid(grid) => {
            let cells = (0..grid.cells.len()).map(|cell| {
                let labels: Vec<_> = grid.coordinate(cell).iter().map(ToString::to_string).collect();
                format!("{}={}", labels.join(","), shown(&grid.cells[cell]))
            });
            cells.collect::<Vec<_>>().join(" ")
        }
        other => other.display(),
    }
}

fn gives(expression: &str, expected: &str) {
    assert_eq!(
        value(&format!("let v = {expression}\n")).as_deref(),
        Ok(expected),
        "{expression}"
    );
}

fn fails(expression: &str, expected: &str) {
    let found = value(&format!("let v = {expression}\n")).expect_err(expression);
    assert!(
        found.iter().any(|message| message.contains(expected)),
        "{expression}: {found:?}"
    );
}

#[test]
fn numbers() {
    gives("1 + 2 * 3 - 4", "3");
    gives("7 / 2.0", "3.5");
    gives("6 / 3", "2");
    gives("20% + 1", "1.2");
    gives("1e-4", "1e-4");
    gives("-(3 - 5)", "2");
    gives(
        "[div(7, 2), div(-7, 2), rem(-7, 2), rem(7, -2), floor(-0.5), ceil(0.2), round(2.5), power(2, 10)]",
        "[3, -4, 1, -1, -1, 1, 3, 1024]",
    );
    gives(
        "[max(1, 2.5), min(1, 2), sum([1, 2, 3]), sum([0.5, 1])]",
        "[2.5, 1, 6, 1.5]",
    );
    fails("7 / 2", "no whole number");
    fails("1 / 0", "division by zero");
    fails("9223372036854775807 + 1", "does not fit");
    fails("power(2, -1)", "negative power");
    fails("div(1, 0)", "division by zero");
}

#[test]
fn comparisons_and_logic() {
    gives("1 == 1.0 and not (2 < 1) or false", "true");
    gives(
        "[\"a\" < \"b\", 2 in [1, 2], \"k\" in { k: 1 }, \"el\" in \"hello\", 3 not in 1..3]",
        "[true, true, true, true, true]",
    );
    gives("none == none and 1 != none", "true");
    gives("[[1, 2] == [1, 2], { a: 1 } == { a: 2 }]", "[true, false]");
    // The right side is not looked at when the left one decides.
    gives("false and 1 / 0 == 1", "false");
}

/// Whole numbers make a list and others a range, unless a range is expected.
#[test]
fn ranges() {
    gives("0.9..1.1", "0.9..1.1");
    gives("1..=2.5", "1.0..=2.5");
    gives("[1e-5..=1e-1]", "[1e-5..=0.1]");
    gives("1..=3", "[1, 2, 3]");
    gives(
        "[0.9 in 0.9..1.1, 1.1 in 0.9..1.1, 1.1 in 0.9..=1.1, 1 in 0.9..1.1]",
        "[true, false, true, true]",
    );
    gives(
        "[1.5 in 1..3, 1.5 in (1..3), 3.0 in 1..3, 3 in 1..3, 2 in 1..3]",
        "[true, true, false, false, true]",
    );
    gives("[0.9..1.1 == 0.9..1.1, 0.9..1.1 == 0.9..=1.1]", "[true, false]");
    fails("1.1..0.9", "no number lies");
    fails("1.0..1", "no number lies");
    let expected = |written: &str| {
        value(&format!(
            "fn take(it: Range?) -> Range? = it\nlet v = take({written})\n"
        ))
    };
    for (written, range) in [
        ("1..3", "1.0..3.0"),
        ("if true { 1..=3 } else { none }", "1.0..=3.0"),
        ("{ let low = 1\n low..low + 1 }", "1.0..2.0"),
        ("(0.5..1)", "0.5..1.0"),
    ] {
        assert_eq!(expected(written).as_deref(), Ok(range), "{written}");
    }
    assert!(
        value("let list = 1..3\nlet v: Range = list\n").is_err(),
        "its upper end is lost"
    );
    assert!(value("let v: Range = 3..1\n").is_err());
}

#[test]
fn lists_records_and_texts() {
    gives("[1, ...2..=3, ...[4] ++ [5]]", "[1, 2, 3, 4, 5]");
    gives("reverse([1, 2]) ++ flatten_list([[3], []])", "[2, 1, 3]");
    gives("[10, 20, 30, 40][1..3]", "[20, 30]");
    gives("length(0..0)", "0");
    gives("{ a: 1, ...{ b: 2 } }.b + { \"two words\": 3 }[\"two words\"]", "5");
    gives("\"n = {1 + 1}, {0.5} {true}\" ++ \"!\"", "\"n = 2, 0.5 true!\"");
    gives("if 1 < 2 { \"yes\" } else { \"no\" }", "\"yes\"");
    fails("[1][3]", "index 3 of a list of 1");
    fails("{ epochs: 1 }.epoch", "no entry `epoch`");
    // The wanted entry alone is evaluated.
    gives("{ quick: 1, full: 1 / 0 }[\"quick\"]", "1");
    gives("{ a: 1 / 0, ...{ a: 2, b: 3 } }[\"a\"]", "2");
    gives("{ ...{ a: 2 }, \"{\"a\"}\": 3 }[\"a\"]", "3");
    fails("{ quick: 1, full: 2 }[\"ful\"]", "no entry `ful`");
    fails("{ a: 1 } ++ { a: 2 }", "both records");
    fails("0..2000000", "more than 1000000");
    // Every element's mistake is found.
    let found = value("let v = [1 / 0, 1, [2][5]]\n").expect_err("two mistakes");
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn functions_steps_and_lambdas() {
    let program = |last: &str| {
        format!(
            "fn n: int |> plus(k: int = 1, twice: bool = false) -> int = if twice {{ n + 2 * k }} else {{ n + k }}
fn add(a: int, b: int = a + 1) -> int = a + b
fn n: int |> outer(...how) -> int = n |> plus(...how)
fn count(...parts: int) -> int = length(parts)
let v = {last}\n"
        )
    };
    let gives = |last: &str, expected: &str| assert_eq!(value(&program(last)).as_deref(), Ok(expected), "{last}");
    gives("1 |> plus |> plus(10) |> plus(twice: true, k: 3)", "18");
    gives("add(2)", "5");
    gives("add(b: 1, a: 2)", "3");
    gives("1 |> outer(twice: true, k: 2)", "5");
    gives("count(1, 2, ...[3, 4])", "4");
    gives("1 |> plus(...{ k: 5 })", "6");
    gives("5 |> (n) => n * 2", "10");
    gives("(5 |> (n) => n * 2) + 1", "11");
    gives("1 |> repeat k in [1, 2, 3] { plus(k) }", "7");
    gives("1 |> repeat k in [] { plus(k) }", "1");
    gives("1 |> if false { plus } |> if true { plus }", "2");
    gives("1 |> { one: plus, ten: |> plus(10) }.ten", "11");
    gives("((f: int -> int) => 1 |> f |> f)(plus)", "3");
    gives("{ let a = 2\n a |> identity |> plus(a) }", "4");
}

#[test]
fn grids() {
    gives(
        "for a in [1, 2], b in { x: 10, y: 20 } { a * b }",
        "1,x=10 1,y=20 2,x=20 2,y=40",
    );
    gives(
        "for a in [1, 2] { for b in [3, 4] { a * b } }",
        "1,3=3 1,4=4 2,3=6 2,4=8",
    );
    gives(
        "(for a in [1, 2], b in { x: 10, y: 20 } { a * b })[b: \"y\"]",
        "1=20 2=40",
    );
    gives("(for a in [1, 2], b in [3, 4] { a * b })[b: 4, a: 2]", "8");
    gives("for c in (for a in [1, 2] { a }) { c + 1 }", "1=2 2=3");
    gives("(for a in [1] { a }) ++ (for a in [2] { a })", "1=1 2=2");
    gives(
        "(for a in [1, 2], b in [1] { a }) ++ (for a in [1, 2], b in [2, 3] { a * b })",
        "1,1=1 1,2=2 1,3=3 2,1=2 2,2=4 2,3=6",
    );
    gives("record(for a in [1, 2] { a * 10 })", "{ 1: 10, 2: 20 }");
    gives("record(for a in { x: 1, y: 2 } { (n) => n * a }).y(4)", "8");
    gives(
        "record((for a in [1, 2], b in [3, 4] { a * b })[b: 4])",
        "{ 1: 4, 2: 8 }",
    );
    fails(
        "record(for a in [1, 2], b in [3, 4] { a * b })",
        "has the axes `a` and `b`",
    );
    fails("for a in [1, 1] { a }", "`1` twice");
    fails("for a in [[1], [2]] { a }", "no printed form");
    fails("(for a in [1] { a })[b: 1]", "no axis `b`");
    fails("for a in [1, 2] { for a in [3] { a } }", "two axes are named `a`");
}

#[test]
fn options_are_made_without_their_parentheses() {
    let made = |ty: &str, words: &str| value(&format!("fn take(it: {ty}) -> {ty} = it\nlet v = take({words})\n"));
    assert_eq!(
        made("Schedule", "cosine").as_deref(),
        Ok("cosine(warmup: 0.05, end: 0.0)")
    );
    assert_eq!(
        made("Optimizer", "adamw").as_deref(),
        Ok("adamw(beta1: 0.9, beta2: 0.999, epsilon: 1e-8)")
    );
    let schedules = [
        (
            "step(3, warmup: 5%)",
            "step(3, factor: 0.1, warmup: 0.05, warmup_from: none)",
        ),
        (
            "constant(warmup: 10%, warmup_from: 1%)",
            "constant(warmup: 0.1, warmup_from: 0.01)",
        ),
        (
            "cosine(warmup_from: 10%, end: 1%)",
            "cosine(end: 0.01, warmup: 0.05, warmup_from: 0.1)",
        ),
        ("multi_step([3, 5])", "multi_step([3, 5], factor: 0.1)"),
        ("cosine_restarts(3)", "cosine_restarts(3, grow: 1, end: 0.0)"),
        ("polynomial", "polynomial(power: 1.0, end: 0.0)"),
        (
            "one_cycle(curve: linear)",
            "one_cycle(rise: 0.3, start: 0.04, end: 4e-6, curve: linear, three_phase: false, momentum: 0.85..0.95)",
        ),
        (
            "plateau(fall: absolute)",
            "plateau(factor: 0.1, patience: 10, threshold: 1e-4, fall: absolute, cooldown: 0, end: 0.0)",
        ),
    ];
    for (written, shown) in schedules {
        assert_eq!(made("Schedule", written).as_deref(), Ok(shown));
    }
    assert_eq!(
        made("Optimizer", "rmsprop(centered: true)").as_deref(),
        Ok("rmsprop(alpha: 0.99, epsilon: 1e-8, momentum: 0.0, centered: true)")
    );
    let losses = [
        ("cross_entropy", "cross_entropy(smoothing: 0.0, weights: none)"),
        ("focal(weights: balanced)", "focal(gamma: 2.0, weights: balanced)"),
        (
            "binary_cross_entropy(weights: { a: 2, b: 0.5 })",
            "binary_cross_entropy(weights: { a: 2.0, b: 0.5 })",
        ),
    ];
    for (written, shown) in losses {
        assert_eq!(made("Loss", written).as_deref(), Ok(shown));
    }
    let refused = [
        ("Schedule", "multi_step([5, 3])"),
        ("Schedule", "multi_step([0])"),
        ("Schedule", "cosine(end: 100%)"),
        ("Schedule", "constant(warmup_from: 10%)"),
        ("Schedule", "one_cycle(rise: 60%, three_phase: true)"),
        ("Schedule", "one_cycle(momentum: 0.5..1.5)"),
        ("Schedule", "plateau(factor: 2.0)"),
        ("Optimizer", "sgd(momentum: 0.0, nesterov: true)"),
        ("Optimizer", "sgd(dampening: 10%, nesterov: true)"),
        ("Optimizer", "adam(beta1: 1.0)"),
        ("Loss", "cross_entropy(smoothing: 100%)"),
        ("Loss", "focal(gamma: -1)"),
        ("Loss", "focal(weights: { a: 0.0 })"),
    ];
    for (ty, words) in refused {
        assert!(made(ty, words).is_err(), "{words}");
    }
    assert_eq!(made("Freeze", "[\"a\", \"b\"]").as_deref(), Ok("[\"a\", \"b\"]"));
    assert_eq!(made("Freeze?", "all_but_head").as_deref(), Ok("all_but_head"));
    assert_eq!(made("Folding", "whole").as_deref(), Ok("whole()"));
    assert_eq!(made("Normalization", "imagenet").as_deref(), Ok("imagenet"));
    assert_eq!(made("path", "\"data/a.csv\"").as_deref(), Ok("\"data/a.csv\""));
    assert_eq!(made("path", "\"{\"data\"}/../b.csv\"").as_deref(), Ok("\"b.csv\""));
    assert_eq!(made("float", "3").as_deref(), Ok("3.0"));
    assert!(value("let v = kfold(3, val: 10%, tuning: 10%)\n").is_err());
    assert!(value("let v = holdout(test: 100%)\n").is_err());
    assert!(value("let v = kfold(0)\n").is_err());
}

/// A path is itself wherever its text is made a path again.
#[test]
fn paths_survive_being_written_into_a_text() {
    let program = "param root: path = \"data\"\nfn take(it: path) -> path = it\nlet v = take(\"{root}/a.csv\")\n";
    assert_eq!(value(program).as_deref(), Ok("\"data/a.csv\""));
}

proptest! {
    /// The cells of a grid have the coordinates of its axes, each once, in row order.
    #[test]
    fn coordinates_count_through_the_axes(sizes in prop::collection::vec(1_usize..5, 1..4)) {
        let loops: Vec<_> = sizes.iter().enumerate().map(|(at, size)| format!("v{at} in 0..{size}")).collect();
        let body: Vec<_> = (0..sizes.len()).map(|at| format!("{{v{at}}}")).collect();
        let program = format!("let v = for {} {{ \"{}\" }}\n", loops.join(", "), body.join(","));
        let cells = value(&program).expect("the program is right");
        let mut seen: Vec<String> = Vec::new();
        for cell in cells.split(' ') {
            let (labels, made) = cell.split_once('=').expect("a cell has labels and a value");
            prop_assert_eq!(format!("{labels:?}"), made);
            seen.push(labels.to_owned());
        }
        let sorted = { let mut sorted = seen.clone(); sorted.sort(); sorted.dedup(); sorted };
        prop_assert_eq!(seen.len(), sizes.iter().product::<usize>());
        prop_assert_eq!(seen, sorted);
    }
}
