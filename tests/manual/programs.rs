//! Programs put together of a page's blocks.

use mtl::{
    analysis::program::defined_name,
    diag::Diagnostics,
    source::SourceMap,
    syntax::{
        ast::{ImportSource, Item, ItemKind},
        parse,
    },
};
use std::collections::BTreeSet;

/// An item's text and the names that it defines; an import's names one by one.
struct Piece {
    names: Vec<String>,
    text: String,
    start: usize,
    end: usize,
    /// `import std.models` of an import, to be written anew with fewer names.
    import: Option<String>,
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut sources = SourceMap::new();
    let file = sources.add("block", None, text);
    let module = parse(file, text, &mut Diagnostics::new());
    module.items.iter().map(|item| piece(item, text)).collect()
}

fn piece(item: &Item, text: &str) -> Piece {
    let (start, end) = (item.span.start as usize, item.span.end as usize);
    let mut import = None;
    let names = match &item.kind {
        ItemKind::Import(of) => {
            let source = match &of.source {
                ImportSource::File(path) => format!("\"{path}\""),
                ImportSource::Path(words) => words.join("."),
            };
            import = Some(format!("import {source}"));
            let listed = of.names.iter().flatten();
            let local = listed.map(|name| name.alias.as_ref().unwrap_or(&name.name).name.clone());
            local.chain(of.alias.iter().map(|alias| alias.name.clone())).collect()
        }
        ItemKind::Out(out) => vec![format!("out {}", out.name.name)],
        _ => defined_name(item).map(|name| name.name.clone()).into_iter().collect(),
    };
    Piece {
        names,
        text: text[start..end].to_owned(),
        start,
        end,
        import,
    }
}

/// The names that a text defines or imports.
fn defined(text: &str) -> BTreeSet<String> {
    pieces(text).into_iter().flat_map(|piece| piece.names).collect()
}

/// What of some definitions a program does not define itself.
fn rest_of(definitions: &str, known: &mut BTreeSet<String>) -> String {
    let mut text = String::new();
    for piece in pieces(definitions) {
        let left: Vec<String> = piece
            .names
            .iter()
            .filter(|name| !known.contains(*name))
            .cloned()
            .collect();
        match piece.import {
            Some(import) if !left.is_empty() && piece.text.contains('{') => {
                text += &format!("{import} {{ {} }}\n", left.join(", "));
            }
            _ if left.len() == piece.names.len() => text += &format!("{}\n", piece.text),
            _ => {}
        }
        known.extend(left);
    }
    text
}

/// A block followed by what it leaves undefined, of the first definitions before the later ones.
pub(crate) fn with(block: &str, definitions: &[&str]) -> String {
    let mut known = defined(block);
    let mut text = block.to_owned();
    for definitions in definitions {
        text += &rest_of(definitions, &mut known);
    }
    text
}

/// A program after a reader has put a block into it: items of the same name are replaced where they stand, others are
/// added, imports behind the last import.
pub(crate) fn changed(program: &str, block: &str) -> String {
    let mut text = program.to_owned();
    for new in pieces(block) {
        let old = pieces(&text);
        let same = |piece: &&Piece| piece.names == new.names || (new.import.is_some() && piece.import == new.import);
        if let Some(piece) = old.iter().find(same) {
            text.replace_range(piece.start..piece.end, &new.text);
        } else if new.import.is_some() {
            let at = old
                .iter()
                .rfind(|piece| piece.import.is_some())
                .map_or(0, |piece| piece.end);
            text.insert_str(at, &format!("\n{}", new.text));
        } else {
            text = format!("{}\n\n{}\n", text.trim_end(), new.text);
        }
    }
    text
}

#[test]
fn a_block_takes_what_it_leaves_undefined() {
    let definitions = "import std.models { alexnet, lenet }\n\nlet a = 1\nlet b = a\n";
    let text = with("let a = 2\n", &["let a = 3\nlet c = a\n", definitions]);
    assert_eq!(
        text,
        "let a = 2\nlet c = a\nimport std.models { alexnet, lenet }\nlet b = a\n"
    );
    let text = with("import std.models { lenet }\n", &[definitions]);
    assert!(
        text.ends_with("import std.models { alexnet }\nlet a = 1\nlet b = a\n"),
        "{text}"
    );
}

#[test]
fn a_program_goes_on_in_place() {
    let program = "import std.models { lenet }\n\nlet a = 1\n\nout study = a\n";
    let text = changed(program, "import std.train { pretrain }\n\nlet a = 2\nlet b = 3\n");
    let wanted =
        "import std.models { lenet }\nimport std.train { pretrain }\n\nlet a = 2\n\nout study = a\n\nlet b = 3\n";
    assert_eq!(text, wanted);
}
