//! From a saved change to a decision: which stages are wanted now, which of those that run are not, and what is seen of it.
//!
//! A study is watched by one loop ([`watch`]) that hears of changed files, of what the runs tell, and of what the person
//! asks for. A change is decided anew: the program is planned, its stages are looked up, a run of the new plan begins, and
//! the run before it gives way but for the stages that both want ([`crate::exec::Stop::all_but`]). Both share the store, so
//! nothing is computed twice.
//!
//! Watching is **sealed**: results on test data are computed and stored but not shown, until somebody asks for them, which
//! the ledger of looks records. What is seen are learning curves and AUCs on tuning parts.
//!
//! | file | what |
//! | --- | --- |
//! | `control` | the loop |
//! | `interface` | what it hears and tells |
//! | `files` | what is watched, and when changes are over |
//! | `marks` | what tells a plan from another |
//! | `view` | what is seen, as one value |
//! | `steps` | like stages, taken together |
//! | `matrix`, `tuning` | AUCs on tuning parts |
//! | `terminal` | the view in a terminal, and its keys |
//! | `web` | the view in a browser |

mod control;
mod files;
mod interface;
mod marks;
mod matrix;
mod steps;
pub mod terminal;
mod tuning;
mod view;
pub mod web;

pub use control::watch;
pub use interface::{Go, Loaded, Message, Screen, Source, Told, Watching};
pub use matrix::{Matrix, MatrixCell, Place};
pub use steps::{Step, steps};
pub use view::{Curve, Outline, OutlineStage, OutputView, Phase, Running, State, View};

/// This moment, for times that are shown and for waiting; it enters no result.
#[expect(
    clippy::disallowed_methods,
    reason = "it times what is shown and waits for silence, nothing else"
)]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}
