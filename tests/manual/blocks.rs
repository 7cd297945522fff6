//! The programs of the pages.

use crate::{
    page::{Block, Page, folder, pages, root, write},
    programs::{changed, with},
};
use mtl::{
    analysis::{Main, check, load},
    diag::{Diagnostics, Severity, codes},
    fmt::format,
    plan,
    source::SourceMap,
};
use std::{collections::BTreeSet, fs, path::Path};

/// A code at a line, with how serious it is.
type Mistake = (usize, Severity, String);

/// The mistakes that comments tell: `// error: CODE`, `// warning: CODE` and `// note: CODE` at the ends of lines.
fn told(text: &str) -> BTreeSet<Mistake> {
    let mut found = BTreeSet::new();
    for (at, line) in text.lines().enumerate() {
        for (mark, severity) in [
            ("// error: ", Severity::Error),
            ("// warning: ", Severity::Warning),
            ("// note: ", Severity::Note),
        ] {
            let code = line
                .split_once(mark)
                .and_then(|(_, rest)| rest.split_whitespace().next());
            if let Some(code) = code {
                assert!(codes::all().any(|known| known.id == code), "no code `{code}`");
                found.insert((at + 1, severity, code.to_owned()));
            }
        }
    }
    found
}

struct Found {
    mistakes: BTreeSet<Mistake>,
    words: Vec<String>,
}

/// What `mtl check` says of a program whose first `lines` lines are shown; the rest is hidden, and may be unused.
fn checked(text: &str, lines: usize, told: &BTreeSet<Mistake>, folder: &Path) -> Found {
    let mut diagnostics = Diagnostics::new();
    let program = load(
        Main::Text {
            name: "main.mtl",
            folder,
            text,
        },
        &mut diagnostics,
    );
    check(&program, &mut diagnostics);
    if !diagnostics.has_errors() {
        let _ = plan::plan(&program, &plan::Options::default(), &mut diagnostics);
    }
    let main = program.module(program.main).tree.file;
    let mut found = Found {
        mistakes: BTreeSet::new(),
        words: Vec::new(),
    };
    for diagnostic in diagnostics.sorted() {
        let line = diagnostic.span().filter(|span| span.file == main).map_or(0, |span| {
            program.sources.file(main).position(span.start as usize).line as usize
        });
        if line > lines && diagnostic.code == &codes::lint::UNUSED {
            continue;
        }
        // A note is no fault of a snippet; where it is the subject, the text tells it.
        if diagnostic.severity == Severity::Note && !told.iter().any(|(_, _, code)| code == diagnostic.code.id) {
            continue;
        }
        found
            .words
            .push(format!("{line}: {}: {}", diagnostic.code.id, diagnostic.message));
        found
            .mistakes
            .insert((line, diagnostic.severity, diagnostic.code.id.to_owned()));
    }
    found
}

/// The first block of `language.md`: the names that all snippets may use.
fn common() -> String {
    let page = Page::read("docs/language.md");
    let first = page.blocks.into_iter().find(|block| block.language == "mtl");
    first.expect("`language.md` begins with the names of the snippets").text
}

/// Checks one page; what is wrong with it, in words.
fn mistakes_of(page: &Page, common: &str) -> Vec<String> {
    let folder = folder();
    let (mut wrong, mut hidden, mut before) = (Vec::new(), String::new(), String::new());
    let mut place = folder.path().to_owned();
    for block in &page.blocks {
        match block.language.as_str() {
            "hidden" => hidden = block.text.clone(),
            "mtl" => {
                let whole = if block.is("continued") {
                    changed(&before, &block.text)
                } else {
                    block.text.clone()
                };
                if let Some(name) = block.file() {
                    write(folder.path(), name, &whole);
                }
                let definitions = if block.is("continued") { before.as_str() } else { "" };
                let program = with(&block.text, &[definitions, &hidden, common]);
                if let Some(name) = block.file() {
                    folder
                        .path()
                        .join(name)
                        .parent()
                        .expect("in a folder")
                        .clone_into(&mut place);
                } else if !block.is("continued") {
                    folder.path().clone_into(&mut place);
                }
                wrong.extend(
                    mistakes_in(block, &program, &place).map(|text| format!("{}:{}: {text}", page.name, block.line)),
                );
                if !block.is("wrong") {
                    before = whole;
                }
            }
            _ => {
                if let Some(name) = block.file() {
                    write(folder.path(), name, &block.text);
                }
            }
        }
    }
    wrong
}

fn mistakes_in(block: &Block, program: &str, folder: &Path) -> Option<String> {
    let told = told(&block.text);
    let found = checked(program, block.text.lines().count(), &told, folder);
    if found.mistakes != told {
        return Some(format!("{}\nfound:\n{}", block.text, found.words.join("\n")));
    }
    let errors = told.iter().any(|(_, severity, _)| *severity == Severity::Error);
    if errors != block.is("wrong") || (!told.is_empty() && !errors) != block.is("warns") {
        return Some("a block with errors is `wrong`, one with warnings alone `warns`".to_owned());
    }
    let file = SourceMap::new().add("block", None, block.text.as_str());
    match format(file, &block.text) {
        Ok(formatted) if formatted != block.text && !block.is("unformatted") => {
            Some(format!("not as `mtl fmt` writes it, but\n{}", block.text))
        }
        _ => None,
    }
}

#[test]
fn every_program_of_the_manual_gives_what_is_said() {
    let common = common();
    let only = std::env::var("PAGE").unwrap_or_default();
    let mut wrong = Vec::new();
    let mut programs = 0;
    for page in pages()
        .iter()
        .filter(|page| !page.is_generated() && page.name.contains(&only))
    {
        programs += page.blocks.iter().filter(|block| block.language == "mtl").count();
        wrong.extend(mistakes_of(page, &common));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(
        programs > 60 || !only.is_empty(),
        "the scan sees the programs ({programs})"
    );
}

#[test]
fn the_first_program_is_the_shipped_one() {
    let readme = Page::read("README.md");
    let first = readme.blocks.iter().find(|block| block.language == "mtl");
    let shipped = fs::read_to_string(root().join("pipelines/quickstart.mtl")).expect("it is shipped");
    assert_eq!(first.expect("README shows a program").text, shipped);
}
