//! What editors ask of a program, as plain data: byte ranges and texts, no protocol.
//!
//! A [`Workspace`] holds the texts that are open and analyses programs on demand; each question is a method of
//! [`Analysis`], in a file of its own. Nothing here fails or panics, whatever the text: a question without an answer gives
//! none.

mod actions;
mod analysis;
mod columns;
mod complete;
mod definition;
mod format;
mod hints;
mod hover;
mod index;
mod outline;
mod planning;
mod rename;
mod shapes;
mod signature;
mod tokens;
mod visit;
mod workspace;

pub use actions::Action;
pub use analysis::{Analysis, FileKey, Location};
pub use complete::{Item as Proposal, ProposalKind};
pub use format::{Formatter, Unformatted};
pub use hints::{Hint, HintKind};
pub use hover::Hover;
pub use outline::{Outline, OutlineKind};
pub use planning::{PlanJob, Planned};
pub use rename::{Edit, RenameError};
pub use signature::SignatureHelp;
pub use tokens::{MODIFIERS, TYPES, Token};
pub use workspace::{Reported, Workspace};
