//! A loaded program: its files, its modules, and what every name of a module stands for.

use std::{
    fmt,
    ops::Deref,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;

use crate::{
    source::SourceMap,
    syntax::ast::{self, Expr, Ident, Item, ItemKind},
    tables::Cache,
};

/// Names one module of a [`Program`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId(pub(super) usize);

/// Names one item of a [`Program`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId {
    /// The module that defines it.
    pub module: ModuleId,
    /// Its place in [`ast::Module::items`].
    pub index: usize,
}

/// What a name of a module's scope stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A `param`, `let`, `fn` or `net`, of this module or of one it imports.
    Item(ItemId),
    /// A whole module: `training` after `import std.train as training`.
    Module(ModuleId),
    /// Its import failed and was reported; whatever uses it stays silent.
    Missing,
}

/// Where a module comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file, as the user would write its path.
    File(PathBuf),
    /// A module of the standard library, by its name: `std.train`.
    Std(String),
    /// Text that lies in no file; its relative paths start at the folder.
    Text(PathBuf),
}

impl Origin {
    /// The folder from which relative paths of the module start; none for the standard library.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::File(path) => path.parent(),
            Self::Text(folder) => Some(folder),
            Self::Std(_) => None,
        }
    }

    /// True for a module of the standard library.
    #[must_use]
    pub fn is_std(&self) -> bool {
        matches!(self, Self::Std(_))
    }
}

/// One module: its tree and its names.
#[derive(Debug)]
pub struct LoadedModule {
    /// Where it comes from.
    pub origin: Origin,
    /// What was written.
    pub tree: ast::Module,
    /// Every name it defines or imports, and so exports unless it is private, but for `out`s. The prelude's names stand
    /// behind these.
    pub scope: IndexMap<String, Meaning, FxBuildHasher>,
    /// What imports that failed were probably meant to bring; whatever uses these names stays silent.
    pub meant: IndexSet<String>,
    /// The modules that it imports.
    pub(super) imports: Vec<ModuleId>,
}

/// How a module of the standard library is loaded.
type Load = Box<dyn FnOnce() -> LoadedModule + Send>;

/// The place of a module, which is loaded when it is first looked at.
pub(super) struct Slot(LazyLock<LoadedModule, Load>);

impl Slot {
    /// With what `load` will give.
    pub(super) fn later(load: impl FnOnce() -> LoadedModule + Send + 'static) -> Self {
        Self(LazyLock::new(Box::new(load)))
    }

    /// With a module that is there.
    pub(super) fn of(module: LoadedModule) -> Self {
        let slot = Self::later(|| module);
        LazyLock::force(&slot.0);
        slot
    }
}

impl Deref for Slot {
    type Target = LoadedModule;

    fn deref(&self) -> &LoadedModule {
        &self.0
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// A program: the main module and all that it imports, loaded once each.
#[derive(Debug)]
pub struct Program {
    /// The text of every file.
    pub sources: SourceMap,
    /// The standard library's modules, which have the same places in all programs, then the program's own.
    pub(super) modules: Vec<Arc<Slot>>,
    /// True for the modules that belong to the program: of the library those that it imports.
    pub(super) held: Vec<bool>,
    /// The module that was asked for.
    pub main: ModuleId,
    /// The module whose names every module has without an import.
    pub prelude: ModuleId,
    pub(super) settings: IndexMap<String, Expr>,
    /// The tables that checking and planning read; programs that follow each other may share them.
    pub tables: Arc<Cache>,
}

impl Program {
    /// A module of this program.
    ///
    /// # Panics
    /// When the id comes from another program.
    #[must_use]
    pub fn module(&self, id: ModuleId) -> &LoadedModule {
        &self.modules[id.0]
    }

    /// All modules: those of the standard library, then the program's own, imported ones before those that import them.
    pub fn modules(&self) -> impl Iterator<Item = (ModuleId, &LoadedModule)> {
        let all = self.modules.iter().zip(&self.held).enumerate();
        all.filter(|(_, (_, held))| **held)
            .map(|(index, (module, _))| (ModuleId(index), &***module))
    }

    /// An item of this program.
    ///
    /// # Panics
    /// When the id comes from another program.
    #[must_use]
    pub fn item(&self, id: ItemId) -> &Item {
        &self.module(id.module).tree.items[id.index]
    }

    /// All items of a module with their ids, in order of writing.
    pub fn items(&self, module: ModuleId) -> impl Iterator<Item = (ItemId, &Item)> {
        let items = self.module(module).tree.items.iter().enumerate();
        items.map(move |(index, item)| (ItemId { module, index }, item))
    }

    /// What a name stands for in a module: its own and imported names first, then the prelude's.
    #[must_use]
    pub fn lookup(&self, module: ModuleId, name: &str) -> Option<Meaning> {
        let own = self.module(module).scope.get(name);
        let given = || self.module(self.prelude).scope.get(name).filter(|_| !is_private(name));
        own.or_else(given).copied()
    }

    /// All names that stand for something in a module, the module's own first.
    pub fn names(&self, module: ModuleId) -> impl Iterator<Item = &str> {
        let own = self.module(module).scope.iter();
        let given = self.module(self.prelude).scope.iter();
        let all = own.chain(given.filter(|(name, _)| !is_private(name)));
        all.filter(|(_, meaning)| **meaning != Meaning::Missing)
            .map(|(name, _)| name.as_str())
    }

    /// The outputs of the main module, in order of writing.
    pub fn outputs(&self) -> impl Iterator<Item = (ItemId, &ast::Out)> {
        self.items(self.main).filter_map(|(id, item)| match &item.kind {
            ItemKind::Out(out) => Some((id, out)),
            _ => None,
        })
    }

    /// The parameters of the main module, in order of writing.
    pub fn params(&self) -> impl Iterator<Item = (ItemId, &ast::Param)> {
        self.items(self.main).filter_map(|(id, item)| match &item.kind {
            ItemKind::Param(param) => Some((id, param)),
            _ => None,
        })
    }

    /// The value that was set for a parameter of the main module, in place of its default: a literal of its type.
    #[must_use]
    pub fn setting(&self, param: &str) -> Option<&Expr> {
        self.settings.get(param)
    }

    /// True for a function that the engine itself carries out: a declaration of the prelude without a body.
    #[must_use]
    pub fn is_builtin(&self, id: ItemId) -> bool {
        id.module == self.prelude && matches!(&self.item(id).kind, ItemKind::Fn(item) if item.body.is_none())
    }
}

impl LoadedModule {
    /// What another module gets by a name; none for names that are private here.
    #[must_use]
    pub fn exported(&self, name: &str) -> Option<Meaning> {
        self.scope.get(name).filter(|_| !is_private(name)).copied()
    }

    /// The names that another module can import.
    pub fn exports(&self) -> impl Iterator<Item = &String> + Clone {
        self.scope.keys().filter(|name| !is_private(name))
    }
}

/// True for a name that can be used in its file alone.
#[must_use]
pub fn is_private(name: &str) -> bool {
    name.starts_with('_')
}

/// The name that an item puts into its module's scope: that of a `param`, `let`, `fn` or `net`.
#[must_use]
pub fn defined_name(item: &Item) -> Option<&Ident> {
    match &item.kind {
        ItemKind::Param(param) => Some(&param.name),
        ItemKind::Let(binding) => Some(&binding.name),
        ItemKind::Fn(function) => Some(&function.name),
        ItemKind::Net(net) => Some(&net.name),
        ItemKind::Import(_) | ItemKind::Out(_) | ItemKind::Bad => None,
    }
}
