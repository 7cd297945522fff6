//! The pages of the codes: prose, and programs that show the mistake and its mend.
//!
//! A page is a small Markdown text: paragraphs, and fenced programs whose first line says which side they show,
//! ```` ```mtl wrong ```` or ```` ```mtl mended ````. Files that such a program needs stand in fences of their own, with their
//! name: ```` ```csv file=lists/films.csv ````; without `wrong` or `mended` they belong to both.

use super::Code;
use serde::Serialize;
use std::fmt::Write as _;

/// The name and version of the object that [`listing`] makes.
pub const SCHEMA: &str = "mtl.explain/1";

/// The file of a program whose fence names none.
pub const MAIN: &str = "main.mtl";

/// Which program of a page a file belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The program with the mistake.
    Wrong,
    /// The program without it.
    Mended,
    /// Both.
    Both,
}

/// A file of a page's programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Example<'a> {
    /// The program that it belongs to.
    pub side: Side,
    /// Its name; [`MAIN`] is the program itself.
    pub file: &'a str,
    /// Its text, with the newline at its end.
    pub text: &'a str,
}

/// A page, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<'a> {
    /// The paragraphs before, between and after the programs.
    pub paragraphs: Vec<&'a str>,
    /// The programs' files, in order.
    pub examples: Vec<Example<'a>>,
}

/// The page of a code.
#[must_use]
pub fn page(code: &Code) -> Page<'static> {
    parse(code.page)
}

fn parse(text: &str) -> Page<'_> {
    let (mut paragraphs, mut examples) = (Vec::new(), Vec::new());
    let mut rest = text;
    while let Some((prose, after)) = rest.split_once("```") {
        paragraphs.extend(prose.split("\n\n").map(str::trim).filter(|part| !part.is_empty()));
        let (info, body) = after.split_once('\n').unwrap_or((after, ""));
        let (body, next) = body.split_once("```").unwrap_or((body, ""));
        examples.push(example(info, body));
        rest = next;
    }
    paragraphs.extend(rest.split("\n\n").map(str::trim).filter(|part| !part.is_empty()));
    Page { paragraphs, examples }
}

fn example<'a>(info: &'a str, text: &'a str) -> Example<'a> {
    let words = || info.split_whitespace();
    let side = if words().any(|word| word == "wrong") {
        Side::Wrong
    } else if words().any(|word| word == "mended") {
        Side::Mended
    } else {
        Side::Both
    };
    let file = words().find_map(|word| word.strip_prefix("file=")).unwrap_or(MAIN);
    Example { side, file, text }
}

/// The page of a code for a terminal `width` columns wide.
#[must_use]
pub fn plain(code: &Code, width: usize) -> String {
    let page = page(code);
    let mut text = format!("{}\n\n{}\n", code.id, wrapped(code.explanation, width, ""));
    for paragraph in &page.paragraphs {
        let _ = write!(text, "\n{}\n", wrapped(paragraph, width, ""));
    }
    for example in &page.examples {
        let title = match (example.side, example.file) {
            (Side::Wrong, MAIN) => "Wrong".to_owned(),
            (Side::Mended, MAIN) => "Mended".to_owned(),
            (Side::Wrong, file) => format!("Wrong, with {file}"),
            (Side::Mended, file) => format!("Mended, with {file}"),
            (Side::Both, file) => format!("With {file}"),
        };
        let _ = write!(text, "\n{title}:\n\n");
        for line in example.text.lines() {
            let _ = writeln!(text, "{}", format!("    {line}").trim_end());
        }
    }
    text
}

/// All codes by area, each with its meaning, for a terminal `width` columns wide.
#[must_use]
pub fn overview<'c>(codes: impl Iterator<Item = &'c Code>, width: usize) -> String {
    let mut text = String::new();
    let mut area = "";
    for code in codes {
        if code.area() != area {
            area = code.area();
            let gap = if text.is_empty() { "" } else { "\n" };
            let _ = write!(text, "{gap}{area}\n\n");
        }
        let _ = write!(text, "  {}\n{}\n", code.id, wrapped(code.explanation, width, "      "));
    }
    text
}

/// Words in lines of at most `width` characters, each line after `indent`; a longer word has a line of its own.
#[must_use]
pub fn wrapped(text: &str, width: usize, indent: &str) -> String {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split_whitespace() {
        let longer = indent.len() + line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && longer > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
        .iter()
        .map(|line| format!("{indent}{line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Codes with their pages, ready to be serialised.
#[derive(Debug, Serialize)]
pub struct Listing {
    schema: &'static str,
    codes: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    code: &'static str,
    area: &'static str,
    meaning: &'static str,
    paragraphs: Vec<String>,
    examples: Vec<Example<'static>>,
}

/// The object [`SCHEMA`]: `codes`, each with `code`, `area`, `meaning`, `paragraphs`, and `examples` with `side`
/// (`wrong`, `mended` or `both`), `file` and `text`.
#[must_use]
pub fn listing(codes: impl Iterator<Item = &'static Code>) -> Listing {
    let entry = |code: &'static Code| {
        let page = page(code);
        Entry {
            code: code.id,
            area: code.area(),
            meaning: code.explanation,
            paragraphs: page.paragraphs.iter().map(|part| part.replace('\n', " ")).collect(),
            examples: page.examples,
        }
    };
    Listing {
        schema: SCHEMA,
        codes: codes.map(entry).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "One\ntwo.\n\nThree.\n\n```mtl wrong\nlet a = b\n\n  c\n```\n\n```mtl file=lab/b.mtl\nlet b = 1\n```\n\n```mtl mended\nlet a = 1\n```\n";
    static CODE: Code = Code {
        id: "mtl::names::made_up",
        explanation: "What it means.",
        page: TEXT,
    };

    #[test]
    fn a_page_has_paragraphs_and_files_of_either_side() {
        let page = page(&CODE);
        assert_eq!(page.paragraphs, ["One\ntwo.", "Three."]);
        let files: Vec<_> = page.examples.iter().map(|e| (e.side, e.file, e.text)).collect();
        let expected = [
            (Side::Wrong, MAIN, "let a = b\n\n  c\n"),
            (Side::Both, "lab/b.mtl", "let b = 1\n"),
            (Side::Mended, MAIN, "let a = 1\n"),
        ];
        assert_eq!(files, expected);
    }

    #[test]
    fn a_terminal_shows_wrapped_prose_and_programs_as_they_are() {
        let expected = "mtl::names::made_up\n\nWhat it\nmeans.\n\nOne two.\n\nThree.\n\nWrong:\n\n    let a = b\n\n      c\n\nWith lab/b.mtl:\n\n    let b = 1\n\nMended:\n\n    let a = 1\n";
        assert_eq!(plain(&CODE, 10), expected);
    }

    #[test]
    fn the_overview_names_each_area_once() {
        let shown = overview([&CODE, &CODE].into_iter(), 80);
        let entry = "  mtl::names::made_up\n      What it means.\n";
        assert_eq!(shown, format!("names\n\n{entry}{entry}"));
    }
}
