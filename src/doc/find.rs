//! From a word to what it names.

use super::{ItemDoc, ModuleDoc};
use crate::{
    builtins::{
        PRELUDE,
        choices::{self, Word},
    },
    diag::nearest,
    types::Named,
};

/// Something that a word names.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'a> {
    /// A module.
    Module(&'a ModuleDoc),
    /// An item of a module.
    Item(&'a ItemDoc),
    /// A type.
    Type(Named),
    /// A word of a choice.
    Word(Named, &'static Word),
}

/// Why a word names nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// Nothing has this name.
    #[error("nothing is called `{word}`")]
    Unknown {
        /// The word.
        word: String,
        /// The name that was probably meant.
        near: Option<String>,
    },
    /// Several modules define it, and none of them is the prelude.
    #[error("several modules define `{word}`")]
    Ambiguous {
        /// The word.
        word: String,
        /// The whole names, one for each module.
        names: Vec<String>,
    },
}

/// What a word names among some modules: a module (`std.train`), an item of one (`std.train.finetune`), or what has this
/// name alone (`finetune`), types and the words of choices included. Of a name that several modules define, the one
/// counts that needs no import.
///
/// # Errors
/// When nothing has the name, or several modules define it and a program would have to choose.
pub fn find<'a>(modules: &'a [ModuleDoc], word: &str) -> Result<Vec<Entry<'a>>, FindError> {
    if let Some(module) = modules.iter().find(|module| module.name == word) {
        return Ok(vec![Entry::Module(module)]);
    }
    if let Some((module, name)) = word.rsplit_once('.')
        && let Some(module) = modules.iter().find(|known| known.name == module)
        && let Some(item) = defined(modules, module, name)
    {
        return Ok(vec![Entry::Item(item)]);
    }
    let mut entries: Vec<Entry<'a>> = Vec::new();
    let items: Vec<&ItemDoc> = all(modules).filter(|item| item.name == word).collect();
    let prelude = modules.iter().find(|module| module.name == PRELUDE);
    match (
        items[..].len(),
        prelude.and_then(|module| defined(modules, module, word)),
    ) {
        (_, Some(own)) => entries.push(Entry::Item(own)),
        (0, None) => {}
        (1, None) => entries.push(Entry::Item(items[0])),
        (_, None) => {
            return Err(FindError::Ambiguous {
                word: word.to_owned(),
                names: items.iter().map(|item| format!("{}.{word}", item.module)).collect(),
            });
        }
    }
    entries.extend(Named::find(word).map(Entry::Type));
    for of in choices::types_with(word) {
        let words = choices::words(of).iter().filter(|known| known.word == word);
        entries.extend(words.map(|known| Entry::Word(of, known)));
    }
    if entries.is_empty() {
        return Err(FindError::Unknown {
            word: word.to_owned(),
            near: near(modules, word),
        });
    }
    Ok(entries)
}

fn all(modules: &[ModuleDoc]) -> impl Iterator<Item = &ItemDoc> {
    modules.iter().flat_map(|module| &module.items)
}

/// What a name of a module stands for: its own item, or the one that it imports.
fn defined<'a>(modules: &'a [ModuleDoc], module: &'a ModuleDoc, name: &str) -> Option<&'a ItemDoc> {
    let own = module.items.iter().find(|item| item.name == name);
    own.or_else(|| {
        let import = module.imported.iter().find(|import| import.name == name)?;
        all(modules).find(|item| item.module == import.module && item.name == import.item)
    })
}

fn near(modules: &[ModuleDoc], word: &str) -> Option<String> {
    if let Some((module, name)) = word.rsplit_once('.')
        && let Some(module) = modules.iter().find(|known| known.name == module)
    {
        let own = module.items.iter().map(|item| item.name.as_str());
        let imported = module.imported.iter().map(|import| import.name.as_str());
        return nearest(name, own.chain(imported)).map(|near| format!("{}.{near}", module.name));
    }
    let names = modules.iter().map(|module| module.name.as_str());
    let names = names.chain(all(modules).map(|item| item.name.as_str()));
    let types = Named::ALL.iter().map(|named| named.name());
    let words = Named::ALL
        .iter()
        .flat_map(|named| choices::words(*named))
        .map(|w| w.word);
    nearest(word, names.chain(types).chain(words)).map(str::to_owned)
}
