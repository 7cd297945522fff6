//! What there is to know of a module and its items.

use std::path::Path;

use serde::Serialize;

use super::Heads;
use crate::{
    analysis::{
        Facts, ItemId, Main, Meaning, ModuleId, Origin, Program, check_with, handed_to, load_with, parameter_of,
        parameters,
        program::{defined_name, is_private},
    },
    builtins::{PRELUDE, std_modules},
    diag::Diagnostics,
    syntax::ast::{Argument, ExprKind, Item, ItemKind, Parameter},
    types::{Passing, Type},
};

/// A module.
#[derive(Clone, Debug, Serialize)]
pub struct ModuleDoc {
    /// As an import names it: `std.train`, or the path of a file.
    pub name: String,
    /// Its `//!` lines.
    pub doc: String,
    /// What it defines, in order of writing; private names are left out.
    pub items: Vec<ItemDoc>,
    /// What it imports by name, and so exports as well.
    pub imported: Vec<ImportedName>,
}

/// A name that a module has from another one.
#[derive(Clone, Debug, Serialize)]
pub struct ImportedName {
    /// The name here.
    pub name: String,
    /// The module that defines it.
    pub module: String,
    /// Its name there.
    pub item: String,
}

/// The kinds of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `fn`
    Function,
    /// `net`
    Network,
    /// `let`
    Value,
    /// `param`
    Parameter,
    /// `out`
    Output,
}

impl Kind {
    /// As prose names it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Function => "function",
            Self::Network => "network",
            Self::Value => "value",
            Self::Parameter => "parameter",
            Self::Output => "output",
        }
    }
}

/// An item.
#[derive(Clone, Debug, Serialize)]
pub struct ItemDoc {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The module that defines it.
    pub module: String,
    /// The heading, `// ---- Data ----`, under which it stands.
    pub section: Option<String>,
    /// Its declaration, without a body.
    pub signature: String,
    /// Its `///` lines.
    pub doc: String,
    /// The parameters in its parentheses.
    pub parameters: Vec<ParameterDoc>,
    /// The type that it gives, as it is written.
    pub result: Option<String>,
    /// What `...how` takes.
    pub passed_on: Option<PassedOn>,
    /// The names of `@stages`.
    pub stages: Vec<String>,
}

/// A parameter.
#[derive(Clone, Debug, Serialize)]
pub struct ParameterDoc {
    /// Its name.
    pub name: String,
    /// Its type; none of `...how`.
    #[serde(rename = "type")]
    pub ty: Option<String>,
    /// Its default, as it is written; without one a call gives it, unless it is `rest`.
    pub default: Option<String>,
    /// True for `...name`.
    pub rest: bool,
    /// Its `///` lines.
    pub doc: String,
}

/// The options that a function passes on.
#[derive(Clone, Debug, Serialize)]
pub struct PassedOn {
    /// The function that takes them in the end, and its module.
    pub function: String,
    /// The module that defines it.
    pub module: String,
    /// Their names.
    pub parameters: Vec<String>,
}

/// Every module of the standard library, the prelude first, the others in alphabetical order.
#[must_use]
pub fn library() -> Vec<ModuleDoc> {
    let imports: Vec<String> = std_modules()
        .filter(|name| *name != PRELUDE)
        .enumerate()
        .map(|(place, name)| format!("import {name} as m{place}\n"))
        .collect();
    let main = Main::Text {
        name: "library",
        folder: Path::new(""),
        text: &imports.concat(),
    };
    let mut diagnostics = Diagnostics::new();
    let program = load_with(main, &|_| Err(std::io::ErrorKind::NotFound.into()), &mut diagnostics);
    let facts = check_with(&program, &mut diagnostics);
    let gather = Gather {
        program: &program,
        facts: &facts,
    };
    let mut found: Vec<ModuleDoc> = program
        .modules()
        .filter(|(_, module)| module.origin.is_std())
        .map(|(id, _)| gather.module(id))
        .collect();
    found.sort_by(|a, b| (a.name != PRELUDE, &a.name).cmp(&(b.name != PRELUDE, &b.name)));
    found
}

/// The main module of a program, checked on the way; what is wrong with it is for `mtl check` to say.
#[must_use]
pub fn of_program(program: &Program) -> ModuleDoc {
    let facts = check_with(program, &mut Diagnostics::new());
    let gather = Gather { program, facts: &facts };
    gather.module(program.main)
}

struct Gather<'a> {
    program: &'a Program,
    facts: &'a Facts,
}

impl Gather<'_> {
    fn module(&self, id: ModuleId) -> ModuleDoc {
        let module = self.program.module(id);
        let text = self.program.sources.file(module.tree.file).text();
        let items = self
            .program
            .items(id)
            .filter(|(_, item)| !defined_name(item).is_some_and(|name| is_private(&name.name)))
            .filter_map(|(item_id, item)| {
                let mut found = self.item(item_id, item)?;
                found.section = section_at(text, item.span.start as usize);
                Some(found)
            })
            .collect();
        ModuleDoc {
            name: self.name(id),
            doc: module.tree.docs.join("\n"),
            items,
            imported: self.imported(id),
        }
    }

    fn name(&self, id: ModuleId) -> String {
        let module = self.program.module(id);
        match &module.origin {
            Origin::Std(name) => name.clone(),
            _ => self.program.sources.file(module.tree.file).name().to_owned(),
        }
    }

    fn imported(&self, id: ModuleId) -> Vec<ImportedName> {
        let module = self.program.module(id);
        module
            .exports()
            .filter_map(|name| match module.exported(name)? {
                Meaning::Item(item) if item.module != id => Some(ImportedName {
                    name: name.clone(),
                    module: self.name(item.module),
                    item: defined_name(self.program.item(item))?.name.clone(),
                }),
                _ => None,
            })
            .collect()
    }

    fn item(&self, id: ItemId, item: &Item) -> Option<ItemDoc> {
        let (kind, name) = match &item.kind {
            ItemKind::Fn(function) => (Kind::Function, &function.name),
            ItemKind::Net(net) => (Kind::Network, &net.name),
            ItemKind::Let(binding) => (Kind::Value, &binding.name),
            ItemKind::Param(param) => (Kind::Parameter, &param.name),
            ItemKind::Out(out) => (Kind::Output, &out.name),
            ItemKind::Import(_) | ItemKind::Bad => return None,
        };
        let result = match &item.kind {
            ItemKind::Fn(function) => function.result.as_ref().map(|ty| self.program.sources.text(ty.span)),
            ItemKind::Net(_) => Some("Net"),
            _ => None,
        };
        let all = parameters(self.program, id).iter();
        Some(ItemDoc {
            name: name.name.clone(),
            kind,
            module: self.name(id.module),
            section: None,
            signature: Heads::new(self.program, self.facts).item(item),
            doc: item.doc.clone().unwrap_or_default(),
            parameters: all.map(|parameter| self.parameter(parameter)).collect(),
            result: result.map(str::to_owned),
            passed_on: self.passed_on(id, name.span),
            stages: stages(item),
        })
    }

    fn parameter(&self, parameter: &Parameter) -> ParameterDoc {
        let default = parameter.default.as_ref();
        ParameterDoc {
            name: parameter.name.name.clone(),
            ty: Heads::new(self.program, self.facts).parameter_type(parameter),
            default: default.map(|value| self.program.sources.text(value.span).to_owned()),
            rest: parameter.rest,
            doc: parameter.doc.clone().unwrap_or_default(),
        }
    }

    /// What the `...how` of a function takes, and the function whose parameters these are.
    fn passed_on(&self, id: ItemId, name: crate::source::Span) -> Option<PassedOn> {
        let mut function = handed_to(self.program, self.facts, id)?;
        // As for `parameter_of`: each step follows one `...how`.
        for _ in 0..16 {
            match handed_to(self.program, self.facts, function) {
                Some(next) => function = next,
                None => break,
            }
        }
        let Some(Type::Function(ty)) = self.facts.type_at(name) else {
            return None;
        };
        let taken = ty.parameters.iter().filter(|p| p.passing == Passing::NamedOnly);
        let taken = taken.filter(|p| parameter_of(self.program, self.facts, id, &p.name).is_some());
        Some(PassedOn {
            function: defined_name(self.program.item(function))?.name.clone(),
            module: self.name(function.module),
            parameters: taken.map(|p| p.name.clone()).collect(),
        })
    }
}

/// The names that `@stages` gives.
fn stages(item: &Item) -> Vec<String> {
    let attributes = item.attributes.iter().filter(|a| a.name.name == "stages");
    attributes
        .flat_map(|attribute| &attribute.arguments)
        .filter_map(|argument| match argument {
            Argument::Positional(value) => match &value.kind {
                ExprKind::Text(text) => text.plain(),
                _ => None,
            },
            _ => None,
        })
        .collect()
}

/// The last heading, `// ---- Data ----`, before a place.
fn section_at(text: &str, at: usize) -> Option<String> {
    let before = text.get(..at)?;
    let headings = before
        .lines()
        .rev()
        .filter_map(|line| line.strip_prefix("// ----")?.strip_suffix("----"));
    headings.map(|heading| heading.trim().to_owned()).next()
}
