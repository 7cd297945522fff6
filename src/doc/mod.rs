//! Documentation: what stands beside the items of a module in its source, together with their declarations.
//!
//! One model, [`ModuleDoc`], for `mtl doc`, the pages of the manual and other programs; [`Heads`] also serves an editor's
//! hover.

mod find;
mod head;
pub mod json;
pub mod markdown;
mod module;
pub mod plain;

pub use find::{Entry, FindError, find};
pub use head::{Heads, param_head};
pub use module::{ImportedName, ItemDoc, Kind, ModuleDoc, ParameterDoc, PassedOn, library, of_program};
