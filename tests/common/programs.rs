//! Programs made by rule: dense ones of any length, all of them right, and families of wrong ones that grow where a
//! parser or a checker could grow faster than they do.
#![allow(dead_code, unreachable_pub, reason = "each user takes its part")]

use std::fmt::Write as _;

/// What every dense program begins with.
const HEAD: &str = r#"//! A study of many arms, made by rule.
//!
//! What the shipped examples hold stands in each of its parts.

import std.models { resnet18, densenet121 as dense }
import std.train as training

param epochs: int = 4  /// fine-tuning epochs of every arm
param seed: int = 7
param root: path = "data"
"#;

/// One part: all that programs are made of, with `#` for its number.
const PART: &str = r#"
/// Part #: what is called `base` of it, and documentation of two lines
/// with `code` in it.
fn model: Model |> warm_#(task: Task, epochs: int = 5, ...how) -> Model =
  model |> train(task, epochs: epochs, ...how)

@allow("unused")
fn scaled_#(widths: [int], by: float) -> [float] {
  let first = if length(widths) > 1 and not (by <= 0.5) { by * widths[0] } else { -by / 2.0 }  // a comment
  let rest = [first, 1e-3, 20%, 3.5]
  [...rest, first] ++ [by]
}

// ---- a network ----

net block_#(width: int, stride: int = 1) {
  let y = x
    |> conv1: conv(width, 3, stride: stride, pad: 1, bias: false) |> bn1: batchnorm |> relu
    |> conv2: conv(width, 3, pad: 1, bias: false) |> bn2: batchnorm
  let skip = if stride == 1 and channels(x) == width { x } else { x |> downsample: conv(width, 1, stride: stride) }
  y + skip |> relu
}

@stages("conv1", "layer1")
net small_#(classes: int = 1000) {
  x
    |> conv1: conv(16, 7, stride: 2, pad: 3) |> relu |> maxpool(3, stride: 2, pad: 1)
    |> layer1: seq(block_#(16), block_#(32, stride: 2))
    |> repeat i in 0..2 { "extra{i}": block_#(32 + 16 * i, if i == 0 { 1 } else { 2 }) }
    |> global_avgpool |> dropout(20%) |> fc: linear(classes)
}

let films_# = table("{root}/films_#.csv", image: "image")
  |> where((row) => row.age >= 40 and row.side == "left" or not (row.view in ["CC", "MLO"]))
  |> resize(224) |> rgb |> normalize(imagenet)

let cohort_# = films_# |> split(kfold(5, tuning: 10%), by: "patient", stratify: "label", seed: seed + #)
let density_# = cohort_# |> classify("density", { scattered: ["B"], heterogeneous: ["C", "D"] })
let task_# = cohort_# |> classify("label", {
  malignant: ["malignant"],
  benign:    ["benign", "benign_without_callback"],  /// what a reader saw
})

/// The strategies.
let arms_# = {
  scratch: |> finetune(task_#, epochs: epochs + 3),  // as many pictures
  warm:    |> warm_#(density_#, batch: 16, lr: { head: 1e-2, "layer1": 1e-3, rest: 1e-4 }) |> finetune(task_#),
  chained: |> repeat step in [density_#, task_#] { pretrain(step, epochs: 2) } |> training.finetune(task_#, freeze: stages(1)),
}

let scores_# = for network in { small_#, resnet18, dense }, arm in arms_# { network() |> arm |> evaluate(task_#) }
let chosen_# = scores_#[network: "dense"]

out study_# = chosen_# |> report(compare: "arm", baseline: "scratch", adjust: holm)
"#;

/// A right program of about `lines` lines.
pub fn dense(lines: usize) -> String {
    let mut text = HEAD.to_owned();
    let parts = lines
        .saturating_sub(HEAD.lines().count())
        .div_ceil(PART.lines().count());
    for number in 0..parts.max(1) {
        text += &PART.replace('#', &number.to_string());
    }
    text
}

/// A kind of program that grows with a number.
pub struct Family {
    /// What it is called.
    pub name: &'static str,
    /// The program of a size; its length is in proportion to the size.
    pub make: fn(usize) -> String,
}

macro_rules! families {
    ($($name:literal: $make:expr,)+) => {
        /// What could cost more than it is long.
        pub const FAMILIES: &[Family] = &[$(Family { name: $name, make: $make }),+];
    };
}

fn repeated(head: &str, piece: &str, n: usize, tail: &str) -> String {
    format!("{head}{}{tail}\n", piece.repeat(n))
}

fn numbered(n: usize, line: impl Fn(usize) -> String) -> String {
    (0..n).fold(String::new(), |mut text, i| {
        let _ = writeln!(text, "{}", line(i));
        text
    })
}

/// Items that nest as deep as is admitted, closed or not.
fn deep(n: usize, open: &str, close: &str) -> String {
    let depth = 200;
    numbered(n.div_ceil(depth), |i| {
        format!("let d{i} = {}1{}", open.repeat(depth), close.repeat(depth))
    })
}

families! {
    "a right program": |n| dense(n / 8),
    // ---- nesting ----
    "brackets closed": |n| deep(n, "[", "]"),
    "brackets unclosed": |n| deep(n, "[", ""),
    "brackets unclosed without end": |n| repeated("let a = ", "[", n, ""),
    "parentheses closed": |n| deep(n, "(", ")"),
    "parentheses unclosed": |n| deep(n, "(", ""),
    "braces closed": |n| deep(n, "{ a: ", " }"),
    "braces unclosed": |n| deep(n, "{ a: ", ""),
    "bare braces unclosed": |n| deep(n, "{", ""),
    "calls unclosed": |n| deep(n, "f(", ""),
    "blocks unclosed": |n| deep(n, "{ let a = ", ""),
    "lambdas": |n| deep(n / 2, "(a) => ", ""),
    "lambdas in defaults": |n| deep(n / 2, "(a = (b", ") => 1)"),
    "branches unclosed": |n| deep(n / 2, "if c { ", ""),
    "branches without braces": |n| deep(n / 2, "if ", ""),
    "loops unclosed": |n| deep(n / 2, "for x in y { ", ""),
    "repeats unclosed": |n| deep(n / 4, "|> repeat i in y { ", ""),
    "steps of branches": |n| deep(n / 4, "x |> if c { ", ""),
    "else if": |n| repeated("let a = if c { 1 }", " else if c { 1 }", n.min(240), ""),
    "types unclosed": |n| numbered(n.div_ceil(100), |i| format!("fn f{i}(a: {}int) = a", "[".repeat(100))),
    "types of functions": |n| numbered(n.div_ceil(100), |i| format!("fn f{i}(a: {}int{}) = a", "(".repeat(100), ") -> int".repeat(100))),
    // ---- texts ----
    "holes closed": |n| numbered(n.div_ceil(60), |i| format!("let t{i} = {}1{}", "\"{".repeat(60), "}\"".repeat(60))),
    "holes unclosed": |n| numbered(n.div_ceil(60), |i| format!("let t{i} = {}", "\"{".repeat(60))),
    "quotes in a line": |n| repeated("let a = ", "\"", n, ""),
    "quotes and braces in a line": |n| repeated("let a = ", "\"{", n, ""),
    "braces in a text": |n| repeated("let a = \"", "{", n, "\""),
    "braces in a text unclosed": |n| repeated("let a = \"", "{", n, ""),
    "holes in a text": |n| repeated("let a = \"", "{b}", n, "\""),
    "holes in a text unclosed": |n| repeated("let a = \"", "{b}", n, ""),
    "raw texts in a line": |n| repeated("let a = [", "r\"a\", ", n, "]"),
    "raw quotes in a line": |n| repeated("let a = ", "r\"", n, ""),
    "texts unclosed": |n| numbered(n / 2, |i| format!("let t{i} = \"abc {{")),
    "keys unclosed": |n| repeated("let a = {", " \"a: 1,", n, "}"),
    // ---- length ----
    "a long pipe": |n| repeated("let a = x", "\n  |> f(1)", n, ""),
    "a long pipe of labels": |n| repeated("net a() {\n  x", "\n  |> l: relu", n, "\n}"),
    "a long sum": |n| repeated("let a = 1", " + 1", n.min(500), ""),
    "a sum beyond the limit": |n| repeated("let a = 1", " + 1", n, ""),
    "long sums": |n| numbered(n.div_ceil(400), |i| format!("let s{i} = 1{}", " + 1".repeat(400))),
    "operators without operands": |n| repeated("let a = 1", " + ", n, ""),
    "minus signs": |n| repeated("let a = ", "-", n, "1"),
    "operators after steps": |n| repeated("let a = x |> f", " + y |> g", n, ""),
    "comparisons": |n| repeated("let a = 1", " == 1", n, ""),
    "a long chain of fields": |n| repeated("let a = b", ".c", n, ""),
    "a long chain of calls": |n| repeated("let a = b", "()", n, ""),
    "a long list": |n| repeated("let a = [", "1, ", n, "]"),
    "a long list of lists": |n| repeated("let a = [", "[1, 2],\n", n, "]"),
    "a long list of mixed types": |n| repeated("let a = [", "1, \"b\", ", n, "]"),
    "a long list without commas": |n| repeated("let a = [", "1 ", n, "]"),
    "a list of bad text": |n| repeated("let a = [", "$ ", n, "]"),
    "commas": |n| repeated("let a = [", ",", n, "]"),
    "a long record": |n| format!("let a = {{\n{}}}\n", numbered(n, |i| format!("  k{i}: {i},"))),
    "a long record read": |n| format!("let a = {{\n{}}}\n{}", numbered(n, |i| format!("  k{i}: {i},")), numbered(n, |i| format!("let v{i} = a.k{i}"))),
    "a record of one key": |n| format!("let a = {{\n{}}}\n", numbered(n, |_| "  k: 1,".to_owned())),
    "a long grid": |n| format!("let a = {{\n{}}}\nlet g = for x in a {{ x + 1 }}\n", numbered(n, |i| format!("  k{i}: {i},"))),
    "many arguments": |n| format!("let a = f(\n{})\n", numbered(n, |i| format!("  a{i}: {i},"))),
    "many parameters": |n| format!("fn f(\n{}) -> int = 1\n", numbered(n, |i| format!("  a{i}: int = {i},"))),
    "a call of many": |n| format!("fn f(\n{}) -> int = 1\nlet b = f(\n{})\n", numbered(n, |i| format!("  a{i}: int,")), numbered(n, |i| format!("  a{i}: 1,"))),
    "many locals": |n| format!("fn f(a: int) -> int {{\n{}  a\n}}\n", numbered(n, |i| format!("  let l{i} = {}", if i == 0 { "a".to_owned() } else { format!("l{}", i - 1) }))),
    "locals of one name": |n| format!("fn f(a: int) -> int {{\n{}  a\n}}\n", numbered(n, |_| "  let l = a".to_owned())),
    "many axes": |n| format!("let g = for {} {{ 1 }}\n", (0..n.min(2_000)).map(|i| format!("a{i} in [1]")).collect::<Vec<_>>().join(", ")),
    // ---- many ----
    "many items": |n| numbered(n, |i| format!("let v{i} = {i}")),
    "items in reverse": |n| numbered(n, |i| format!("let v{i} = v{} + 1", i + 1)) + &format!("let v{n} = 1\n"),
    "items in a circle": |n| numbered(n, |i| format!("let v{i} = v{}", (i + 1) % n)),
    "pairs of items in circles": |n| numbered(n, |i| format!("let v{i} = v{}", i ^ 1)),
    "functions in a chain": |n| numbered(n, |i| format!("fn f{i}(a: int) = f{}(a)", i + 1)) + &format!("fn f{n}(a: int) = a\n"),
    "items of one name": |n| numbered(n, |_| "let v = 1".to_owned()),
    "unknown names": |n| numbered(n, |i| format!("let v{i} = w{i}")),
    "nearly known names": |n| numbered(n, |i| format!("let value_{i} = valve_{i}")),
    "unknown arguments": |n| numbered(n, |i| format!("let v{i} = kfold(5, tunning{i}: 1)")),
    "unknown functions": |n| numbered(n, |i| format!("let v{i} = foo{i}(1)")),
    "wrong types": |n| numbered(n, |i| format!("let v{i}: text = {i}")),
    "unknown types": |n| numbered(n, |i| format!("fn f{i}(a: Foo{i}) -> int = 1")),
    "bad lines": |n| numbered(n, |i| format!("%% {i} what is this")),
    "bad lines indented": |n| numbered(n, |i| format!("  %% {i} what is this")),
    "bad items": |n| numbered(n, |i| format!("let v{i} = = )")),
    "bad values": |n| numbered(n, |_| "let = ".to_owned()),
    "misspelt items": |n| numbered(n, |i| format!("lett v{i} = 1")),
    "items on one line": |n| repeated("", "let a = 1 ", n, ""),
    "closing brackets": |n| repeated("", ")]}", n, ""),
    "closing brackets of lost openers": |n| numbered(n, |i| format!("let v{i} = [")) + &numbered(n, |_| "]".to_owned()),
    "unexpected lines in a block": |n| format!("fn f(a: int) -> int {{\n{}  a\n}}\n", numbered(n, |_| "  a b".to_owned())),
    "values in a block": |n| format!("fn f(a: int) -> int {{\n{}}}\n", numbered(n, |_| "  a".to_owned())),
    "attributes": |n| numbered(n, |_| "@allow(\"unused\")".to_owned()) + "let a = 1\n",
    "allowed items": |n| numbered(n, |i| format!("@allow(\"unused\")\nlet v{i} = 1")) + "out o = 1 |> report\n",
    "unused names": |n| numbered(n, |i| format!("let v{i} = {i}")) + "let g = for a in [1] { resnet18() |> evaluate(a) }\n",
    "imports of the library": |n| numbered(n, |i| format!("import std.models {{ resnet18 as r{i} }}")),
    "a long import": |n| format!("import std.models {{\n{}}}\n", numbered(n, |i| format!("  resnet18 as r{i},"))),
    "a long import of what is not there": |n| format!("import std.models {{\n{}}}\n", numbered(n, |i| format!("  resnet_{i},"))),
    "missing files": |n| numbered(n, |i| format!("import \"missing_{i}.mtl\" {{ a{i} }}")),
    "documentation": |n| numbered(n, |i| format!("/// line {i}")) + "let a = 1\n",
    "documentation of nothing": |n| "let a = [\n".to_owned() + &numbered(n, |i| format!("/// line {i}")),
    "comments": |n| numbered(n, |i| format!("// line {i}")),
    "comments in a list": |n| "let a = [\n".to_owned() + &numbered(n, |i| format!("1, // line {i}")) + "]\n",
    "comments before a close": |n| "let a = [1\n".to_owned() + &numbered(n, |i| format!("// line {i}")) + "]\n",
    "comments after items": |n| numbered(n, |i| format!("let v{i} = 1 // line {i}")),
    "empty lines": |n| repeated("let a = 1", "\n", n, ""),
    "blanks": |n| repeated("let a = ", " ", n, "1"),
    "blanks in unclosed brackets": |n| repeated("let a = [", " ", n, ""),
    "blank lines in unclosed brackets": |n| repeated("let a = [", " \n", n, ""),
    "a long name": |n| repeated("let a = ", "b", n, ""),
    "a long unknown name beside others": |n| format!("let {0} = 1\nlet b = {0}c\n", "a".repeat(n)),
    "a long number": |n| repeated("let a = ", "1", n, ""),
    "wide characters": |n| repeated("let a = ", "\u{1d54f}", n, ""),
    "control characters": |n| repeated("", "\u{0}\u{7}", n, ""),
    "signs": |n| repeated("let a = ", "|> => -> ..", n, ""),
    "steps without a value": |n| repeated("let a = x", " |>", n, ""),
    "layers": |n| format!("net a(classes: int = 2) {{\n  x\n{}}}\n", numbered(n, |i| format!("    |> l{i}: conv(8, 3, pad: 1)"))),
    "a long seq": |n| format!("net a(classes: int = 2) {{\n  x |> seq(\n{})\n}}\n", numbered(n, |_| "    relu,".to_owned())),
    "nets in a chain": |n| numbered(n, |i| format!("net n{i}() {{ x |> n{}() }}", i + 1)) + &format!("net n{n}() {{ x |> relu }}\n"),
    "rates": |n| format!("let r: Rates = {{\n{}}}\n", numbered(n, |i| format!("  \"layer{i}\": 1e-3,"))),
    "alternatives": |n| format!("let r = kfold({}5)\n", (0..n).map(|_| "n: ").collect::<String>()),
}
