//! The wording of the parser's diagnostics, one function per mistake.

use crate::{
    diag::{Diagnostic, Fix, codes::syntax as codes},
    source::Span,
};

pub(super) fn unexpected(span: Span, expected: &str, found: &str) -> Diagnostic {
    Diagnostic::error(&codes::UNEXPECTED, format!("expected {expected}, found {found}"))
        .at(span, format!("expected {expected}"))
}

pub(super) fn documentation_here(span: Span, expected: &str) -> Diagnostic {
    unexpected(span, expected, "a documentation comment")
        .help("`///` documents an item, a parameter or an entry; write `//` here")
}

pub(super) fn documentation_inside(doc: Span, next: Span) -> Diagnostic {
    Diagnostic::error(&codes::UNEXPECTED, "a documentation comment inside an expression")
        .at(doc, "ends the expression")
        .at(next, "would continue it")
        .help("`///` documents an item, a parameter or an entry; write `//` here")
}

pub(super) fn foreign_sign(span: Span, sign: &str, help: &str) -> Diagnostic {
    Diagnostic::error(&codes::FOREIGN_SIGN, format!("MTL does not write `{sign}` here"))
        .at(span, "not a sign of MTL")
        .help(help)
}

pub(super) fn percent(span: Span) -> Diagnostic {
    Diagnostic::error(&codes::PERCENT, "`%` is percent, and follows a number directly")
        .at(span, "no operator")
        .help("the remainder of a division is `rem(a, b)`")
}

pub(super) fn equals_compares(span: Span, expected: &str) -> Diagnostic {
    unexpected(span, expected, "`=`").help("`==` compares; `=` only gives a name its value")
}

pub(super) fn bare_point(span: Span, expected: &str) -> Diagnostic {
    unexpected(span, expected, "`.`").help("a number begins with a digit: `0.5`")
}

pub(super) fn bare_parameter(span: Span, expected: &str) -> Diagnostic {
    unexpected(span, expected, "`=>`").help("a lambda's parameters stand in parentheses: `(r) => ...`")
}

/// `colon` is the sign with the blank before it, and what belongs there.
pub(super) fn named_with_equals(span: Span, colon: (Span, &str)) -> Diagnostic {
    with_fix(
        Diagnostic::error(
            &codes::NAMED_WITH_EQUALS,
            "a named argument or entry is written `name: value`",
        )
        .at(span, "write `:`")
        .help("replace `=` by `:`"),
        colon.0,
        colon.1,
    )
}

pub(super) fn blank_before(span: Span, sign: &str, blank: Span) -> Diagnostic {
    with_fix(
        Diagnostic::error(&codes::BLANK_BEFORE_CALL, format!("no blank before `{sign}`"))
            .at(span, "follows a blank")
            .help(format!("write `{sign}` directly after what it belongs to")),
        blank,
        "",
    )
}

pub(super) fn reserved_word(span: Span, word: &str) -> Diagnostic {
    Diagnostic::error(
        &codes::RESERVED_WORD,
        format!("`{word}` is a reserved word and cannot be a name"),
    )
    .at(span, "reserved")
    .help("choose another name")
}

pub(super) fn too_deep(span: Span, limit: usize, what: &str) -> Diagnostic {
    Diagnostic::error(&codes::TOO_DEEP, format!("more than {limit} {what}"))
        .at(span, "too deep from here")
        .help("name the parts with `let`")
}

pub(super) fn unreadable(span: Span, detail: &str) -> Diagnostic {
    Diagnostic::error(&codes::UNREADABLE, format!("the parser gave up: {detail}")).at(span, "here")
}

pub(super) fn unclosed(opener: Span, sign: &str, closer: &str, found: Span, words: &str) -> Diagnostic {
    Diagnostic::error(&codes::UNCLOSED, format!("`{sign}` is not closed"))
        .at(opener, "opened here")
        .at(found, format!("expected `{closer}`, found {words}"))
}

pub(super) fn unmatched(span: Span, sign: &str) -> Diagnostic {
    Diagnostic::error(&codes::UNMATCHED, format!("`{sign}` closes nothing"))
        .at(span, "nothing is open here that it closes")
        .help("take it away, or open the bracket before it")
}

pub(super) fn unclosed_text(span: Span) -> Diagnostic {
    Diagnostic::error(&codes::UNCLOSED_TEXT, "a text has no closing quote")
        .at(span, "begins here and ends with its line")
        .help("close it with `\"` on its line; within a text a quote is written `\\\"`, and a hole's `{` has its `}`")
}

pub(super) fn item_word(span: Span, word: &str, meant: &str) -> Diagnostic {
    with_fix(
        Diagnostic::error(&codes::ITEM_WORD, format!("`{word}` begins no item"))
            .at(span, "no item begins so")
            .help(format!("did you mean `{meant}`?")),
        span,
        meant,
    )
}

pub(super) fn no_item_word(span: Span) -> Diagnostic {
    with_fix(
        Diagnostic::error(&codes::NOT_AN_ITEM, "a value is named with `let`")
            .at(span, "expected an item")
            .help("write `let` before the name"),
        Span {
            end: span.start,
            ..span
        },
        "let ",
    )
}

pub(super) fn not_an_item(span: Span, found: &str) -> Diagnostic {
    Diagnostic::error(&codes::NOT_AN_ITEM, format!("expected an item, found {found}"))
        .at(span, "expected an item")
        .help(
            "an item begins with `import`, `param`, `let`, `fn`, `net` or `out`; a value is named: `let name = value`",
        )
}

pub(super) fn item_without_name(span: Span, word: &str, found: &str) -> Diagnostic {
    unexpected(span, &format!("a name after `{word}`"), found)
}

/// `line_break` is the blank before it and the line break that belongs there, where no more is wrong.
pub(super) fn line_start(span: Span, what: &str, line_break: Option<(Span, String)>) -> Diagnostic {
    let diagnostic = Diagnostic::error(&codes::LINE_START, format!("{what} begins a line"))
        .at(span, "stands behind something else")
        .help("begin a new line here");
    match line_break {
        Some((blank, text)) => with_fix(diagnostic, blank, &text),
        None => diagnostic,
    }
}

pub(super) fn operator_after_step(operator: Span, sign: &str, pipe: Span, text: &str) -> Diagnostic {
    with_fix(
        Diagnostic::error(
            &codes::OPERATOR_AFTER_STEP,
            format!("`{sign}` after a step needs parentheses around the pipe"),
        )
        .at(operator, "operator after a step")
        .at(pipe, "the pipe")
        .help(format!("write `(x |> f) {sign} y`")),
        pipe,
        &format!("({text})"),
    )
}

pub(super) fn chained_comparison(second: Span, first: Span) -> Diagnostic {
    Diagnostic::error(&codes::CHAINED_COMPARISON, "comparisons are not chained")
        .at(second, "second comparison")
        .at(first, "first comparison")
        .help("join them with `and`: `a < b and b < c`")
}

pub(super) fn record_in_block(opener: Span, entry: Span, block: Span, text: &str) -> Diagnostic {
    let short = if text.len() <= 60 && !text.contains('\n') {
        format!("`{{{text}}}`")
    } else {
        "`{{ key: value, ... }}`".to_owned()
    };
    with_fix(
        Diagnostic::error(
            &codes::RECORD_IN_BLOCK,
            "this brace opens a block; a record needs braces of its own",
        )
        .at(opener, "opens a block")
        .at(entry, "an entry of a record")
        .help(format!("write {short}")),
        block,
        &format!("{{{text}}}"),
    )
}

pub(super) fn label_outside_net(span: Span) -> Diagnostic {
    Diagnostic::error(&codes::LABEL_OUTSIDE_NET, "a label occurs only inside a `net`")
        .at(span, "a label")
        .help("labels name the parameters of a network; elsewhere write the value alone")
}

pub(super) fn record_body(span: Span, name: &str) -> Diagnostic {
    Diagnostic::warning(&codes::RECORD_BODY, format!("this is a record with the entry `{name}`"))
        .at(span, "a record, not a block")
        .help(format!(
            "for the value itself write `=> {name}`, for the record `=> {{ {name}: {name} }}`"
        ))
}

pub(super) fn no_result(close: Span, empty: bool) -> Diagnostic {
    let diagnostic =
        Diagnostic::error(&codes::NO_RESULT, "a block without a result").at(close, "expected a value before this");
    if empty {
        diagnostic.help("a block's last line is its value; the empty record as a value is `{{}}`")
    } else {
        diagnostic.help("a block's last line is its value")
    }
}

pub(super) fn continued_let(close: Span, line: Span, sign: &str) -> Diagnostic {
    Diagnostic::error(&codes::CONTINUED_LET, "a block without a result")
        .at(line, "continues the `let` above")
        .at(close, "expected a value before this")
        .help(format!(
            "a line that begins with `{sign}` continues the one above; begin the result with a name or in parentheses"
        ))
}

pub(super) fn two_results(span: Span) -> Diagnostic {
    Diagnostic::error(&codes::TWO_RESULTS, "a value above the block's result")
        .at(span, "used by nothing")
        .help("only the last line is the block's value; name this one: `let name = ...`")
}

pub(super) fn bad_number(span: Span, text: &str) -> Diagnostic {
    Diagnostic::error(&codes::BAD_NUMBER, format!("`{text}` is no number"))
        .at(span, "digits and letters mixed")
        .help("numbers are decimal: `1_000`, `0.5`, `1e-4`; a name begins with a letter")
}

pub(super) fn number_too_large(span: Span, limit: &str, help: &str) -> Diagnostic {
    Diagnostic::error(&codes::NUMBER_TOO_LARGE, format!("a number beyond {limit}"))
        .at(span, "too large")
        .help(help)
}

pub(super) fn bad_unit(span: Span, unit: &str) -> Diagnostic {
    Diagnostic::error(&codes::BAD_UNIT, format!("`{unit}` is not a unit of MTL"))
        .at(span, "write the number alone")
        .help("sizes are plain numbers; durations have `ms`, `s`, `min`, `h` or `d`, parts of a whole `%`")
}

pub(super) fn bad_escape(span: Span) -> Diagnostic {
    Diagnostic::error(&codes::BAD_ESCAPE, "a backslash that escapes nothing")
        .at(span, "not an escape")
        .help("escapes are `\\n \\r \\t \\\" \\\\ \\{ \\}`; a raw text, `r\"...\"`, has none")
}

pub(super) fn lone_brace(span: Span) -> Diagnostic {
    with_fix(
        Diagnostic::error(&codes::LONE_BRACE, "`}` closes no hole")
            .at(span, "closes nothing")
            .help("as a character it is written `\\}`"),
        span,
        "\\}",
    )
}

pub(super) fn empty_hole(span: Span) -> Diagnostic {
    Diagnostic::error(&codes::EMPTY_HOLE, "a hole without a value")
        .at(span, "empty")
        .help("a brace as a character is written `\\{`")
}

pub(super) fn hole_in_path(span: Span) -> Diagnostic {
    Diagnostic::error(&codes::HOLE_IN_PATH, "the file of an import has no holes")
        .at(span, "not a fixed text")
        .help("imports are known before anything has a value: write the path in full")
}

pub(super) fn argument_name(span: Span, name: &str) -> Diagnostic {
    let diagnostic =
        Diagnostic::error(&codes::ARGUMENT_NAME, "an argument's name is a word, not a text").at(span, "a text");
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    if name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit()) {
        return with_fix(diagnostic.help(format!("write `{name}: ...`")), span, name);
    }
    diagnostic.help("keys of a record may be texts: `f(...{ \"a key\": value })` gives its entries by name")
}

pub(super) fn missing_type(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error(&codes::MISSING_TYPE, format!("the parameter `{name}` has no type"))
        .at(span, "expected a type")
        .help(format!("write `{name}: Type`"))
}

pub(super) fn dangling_attribute(span: Span) -> Diagnostic {
    Diagnostic::error(&codes::DANGLING_ATTRIBUTE, "an attribute before no item")
        .at(span, "expected an item below")
        .help("write it on the line above the item that it belongs to")
}

fn with_fix(mut diagnostic: Diagnostic, span: Span, text: &str) -> Diagnostic {
    diagnostic.fix = Some(Fix {
        span,
        text: text.to_owned(),
    });
    diagnostic
}
