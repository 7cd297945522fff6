//! Documentation as Markdown: one page for each module, one for the types, and an index.

use std::fmt::Write as _;

use super::{Entry, ItemDoc, Kind, ModuleDoc, PassedOn, plain::first_sentence};
use crate::{builtins::choices, types::Named};

/// The page of the types, beside those of the modules.
pub const TYPES: &str = "std/types.md";

/// The page that lists the others.
pub const INDEX: &str = "std.md";

/// Where the page of a module of the standard library stands: `std/models/resnet.md`.
#[must_use]
pub fn page_of(module: &str) -> String {
    format!("{}.md", module.replace('.', "/"))
}

/// The way from one page to another, both from the book's root.
fn way(from: &str, to: &str) -> String {
    let mut up: Vec<&str> = from.split('/').collect();
    up.pop();
    let down: Vec<&str> = to.split('/').collect();
    let same = up.iter().zip(&down).take_while(|(a, b)| a == b).count();
    let mut parts = vec![".."; up.len() - same];
    parts.extend(&down[same..]);
    parts.join("/")
}

/// Every page of the standard library, with its place from the book's root: the index, the modules, the types.
#[must_use]
pub fn pages(modules: &[ModuleDoc]) -> Vec<(String, String)> {
    let mut all = vec![(INDEX.to_owned(), index(modules))];
    for module in modules {
        let place = page_of(&module.name);
        let text = module_page(module, Some(&place), modules);
        all.push((place, text));
    }
    all.push((TYPES.to_owned(), types_page(modules)));
    all
}

/// What a word names, on its own, without links to the pages of the standard library.
#[must_use]
pub fn entry(entry: Entry<'_>) -> String {
    match entry {
        Entry::Module(module) => module_page(module, None, &[]),
        Entry::Item(item) => {
            let mut text = String::new();
            let writer = Writer {
                place: None,
                modules: &[],
            };
            writer.item(&mut text, item);
            text.trim_start().to_owned()
        }
        Entry::Type(named) => type_entry(named, &[]).trim_start().to_owned(),
        Entry::Word(of, word) => format!("`{}` (`{}`): {}\n", word.word, of.name(), word.doc),
    }
}

fn module_page(module: &ModuleDoc, place: Option<&str>, modules: &[ModuleDoc]) -> String {
    let mut text = format!("# {}\n\n{}\n", module.name, module.doc);
    let writer = Writer { place, modules };
    if !module.imported.is_empty() {
        writer.imported(&mut text, module);
    }
    let mut section = None;
    for item in &module.items {
        if item.section.is_some() && item.section != section {
            section.clone_from(&item.section);
            let _ = write!(text, "\n## {}\n", section.as_deref().unwrap_or_default());
        }
        writer.item(&mut text, item);
    }
    text
}

struct Writer<'a> {
    /// The page that is written; none for one on its own, without links.
    place: Option<&'a str>,
    modules: &'a [ModuleDoc],
}

impl Writer<'_> {
    /// A name, with a link to what it names.
    fn link(&self, shown: &str, module: &str, name: &str) -> String {
        match self.place {
            Some(place) => {
                let page = page_of(module);
                let page = if page == place {
                    String::new()
                } else {
                    way(place, &page)
                };
                format!("[`{shown}`]({page}#{name})")
            }
            None => format!("`{shown}`"),
        }
    }

    fn imported(&self, text: &mut String, module: &ModuleDoc) {
        text.push_str("\n| name | from | |\n|---|---|---|\n");
        for import in &module.imported {
            let item = self
                .modules
                .iter()
                .flat_map(|module| &module.items)
                .find(|item| item.module == import.module && item.name == import.item);
            let what = item.map_or_else(String::new, |item| cell(&first_sentence(&item.doc)));
            let _ = writeln!(
                text,
                "| {} | `{}` | {what} |",
                self.link(&import.name, &import.module, &import.item),
                import.module
            );
        }
    }

    fn item(&self, text: &mut String, item: &ItemDoc) {
        let _ = write!(
            text,
            "\n### `{}`\n\n```mtl,signature\n{}\n```\n",
            item.name, item.signature
        );
        if !item.doc.is_empty() {
            let _ = write!(text, "\n{}\n", item.doc);
        }
        if item.kind == Kind::Network && !item.stages.is_empty() {
            let stages: Vec<String> = item.stages.iter().map(|name| format!("`{name}`")).collect();
            let _ = write!(text, "\nCoarse stages: {}.\n", stages.join(", "));
        }
        let told = |p: &super::ParameterDoc| !p.doc.is_empty() || !words_of(p.ty.as_deref()).is_empty();
        if item.parameters.iter().any(told) || item.passed_on.is_some() {
            self.parameters(text, item);
        }
    }

    fn parameters(&self, text: &mut String, item: &ItemDoc) {
        text.push_str("\n| parameter | type | default | |\n|---|---|---|---|\n");
        for parameter in &item.parameters {
            let rest = if parameter.rest { "..." } else { "" };
            let code = |text: Option<&str>| text.map_or_else(String::new, |text| format!("`{}`", cell(text)));
            let mut what = cell(&parameter.doc);
            let words = words_of(parameter.ty.as_deref());
            if !words.is_empty() {
                let gap = if what.is_empty() { "" } else { "; " };
                let _ = write!(what, "{gap}words: {}", self.words(words, parameter.ty.as_deref()));
            }
            if let Some(passed) = item.passed_on.as_ref().filter(|_| parameter.rest) {
                what = self.passed_on(passed);
            }
            let _ = writeln!(
                text,
                "| `{rest}{}` | {} | {} | {what} |",
                parameter.name,
                code(parameter.ty.as_deref()),
                code(parameter.default.as_deref()),
            );
        }
    }

    fn passed_on(&self, passed: &PassedOn) -> String {
        let names: Vec<String> = passed.parameters.iter().map(|name| format!("`{name}`")).collect();
        format!(
            "the other options of {}: {}",
            self.link(&passed.function, &passed.module, &passed.function),
            names.join(", ")
        )
    }

    fn words(&self, words: &[choices::Word], ty: Option<&str>) -> String {
        let anchor = ty.unwrap_or_default().trim_end_matches('?').to_lowercase();
        let all: Vec<String> = words
            .iter()
            .map(|word| match self.place {
                Some(place) => format!("[`{}`]({}#{anchor})", word.word, way(place, TYPES)),
                None => format!("`{}`", word.word),
            })
            .collect();
        all.join(", ")
    }
}

/// The words of a type that has words of its own, optional or not.
fn words_of(ty: Option<&str>) -> &'static [choices::Word] {
    let named = ty.and_then(|ty| Named::find(ty.trim_end_matches('?')));
    named.map_or(&[], choices::words)
}

/// Text for one cell of a table.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

/// The page that lists modules and names.
#[must_use]
pub fn index(modules: &[ModuleDoc]) -> String {
    let mut text = String::from(
        "# The standard library

It is written in the language; `mtl doc NAME` prints what stands here. The names of `std.prelude` need no import, all
others do: `import std.models { resnet18 }`.

| module | |
|---|---|
",
    );
    for module in modules {
        let what = cell(&first_sentence(&module.doc));
        let _ = writeln!(text, "| [`{}`]({}) | {what} |", module.name, page_of(&module.name));
    }
    let _ = writeln!(
        text,
        "| [types]({TYPES}) | The types with a name, and the words of options. |"
    );
    text.push_str("\n## All names\n");
    for (kind, heading) in [(Kind::Function, "Functions"), (Kind::Network, "Networks")] {
        let mut all: Vec<&ItemDoc> = modules
            .iter()
            .flat_map(|module| &module.items)
            .filter(|item| item.kind == kind)
            .collect();
        all.sort_by(|a, b| (&a.name, &a.module).cmp(&(&b.name, &b.module)));
        let links: Vec<String> = all
            .iter()
            .map(|item| format!("[`{}`]({}#{})", item.name, page_of(&item.module), item.name))
            .collect();
        let _ = write!(text, "\n**{heading}**: {}.\n", links.join(", "));
    }
    text
}

fn types_page(modules: &[ModuleDoc]) -> String {
    let mut text = String::from(
        "# Types and words

A *word* of an option, such as `holm`, is a name that means something only where its type is expected; elsewhere it is
free. [Types](../language/types.md) says what converts to what.
",
    );
    let (plain, others): (Vec<Named>, Vec<Named>) = Named::ALL.iter().partition(|named| named.is_plain());
    let (options, domain): (Vec<Named>, Vec<Named>) = others.into_iter().partition(|named| named.is_option());
    for (heading, all) in [
        ("Plain values", plain),
        ("What a study is made of", domain),
        ("Options", options),
    ] {
        let _ = write!(text, "\n## {heading}\n");
        for named in all {
            text.push_str(&type_entry(named, modules));
        }
    }
    text
}

/// A type with its words, and with the functions that make it.
fn type_entry(named: Named, modules: &[ModuleDoc]) -> String {
    let mut text = format!("\n### `{}`\n\n{}\n", named.name(), named.doc());
    let makers = makers(modules, named);
    if !makers.is_empty() {
        let _ = write!(text, "\nMade by: {}.\n", makers.join(", "));
    }
    let words = choices::words(named);
    if !words.is_empty() {
        text.push_str("\n| word | |\n|---|---|\n");
        for word in words {
            let _ = writeln!(text, "| `{}` | {} |", word.word, cell(word.doc));
        }
    }
    text
}

/// The functions whose result is written as a type: of plain values and tensors there are too many to tell.
fn makers(modules: &[ModuleDoc], named: Named) -> Vec<String> {
    modules
        .iter()
        .flat_map(|module| &module.items)
        .filter(|item| item.kind == Kind::Function && item.result.as_deref() == Some(named.name()))
        .filter(|_| named != Named::Tensor && !named.is_plain())
        .map(|item| {
            format!(
                "[`{}`]({}#{})",
                item.name,
                way(TYPES, &page_of(&item.module)),
                item.name
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_lead_from_page_to_page() {
        assert_eq!(way("std/models.md", "std/models/resnet.md"), "models/resnet.md");
        assert_eq!(way("std/models/resnet.md", "std/prelude.md"), "../prelude.md");
        assert_eq!(way("std.md", "std/train.md"), "std/train.md");
        assert_eq!(way("std/train.md", "std/prelude.md"), "prelude.md");
    }
}
