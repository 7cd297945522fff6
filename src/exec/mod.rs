//! The executor: which stage runs when, reuse, resume, and the stream of events.

mod clock;
pub mod collect;
mod compare;
mod crew;
mod devices;
mod estimates;
mod event;
mod explain;
mod fields;
pub mod history;
mod keys;
mod looks;
mod memory;
pub mod origin;
mod outputs;
mod quota;
mod run;
pub mod schedule;
mod select;
mod stop;
mod tasks;
mod trail;
mod turn;
mod workshop;

pub use compare::{Fact, How, RunDiff, StageDiff, compare};
pub use devices::{Devices, Gpu, Lease};
pub use estimates::{Estimates, Left, with_estimates};
pub use event::{Event, Listener, Progress, Summary};
pub use explain::{Compared, Known, State, survey, survey_until, with_changes, with_memory};
pub use fields::{Change, Changed, SourceLine};
pub use memory::{available, size};
pub use run::{Options, run};
pub use select::{NoStage, Part, Patterns, Selection, parts, select};
pub use stop::Stop;
pub use trail::{Standing, is_kept, over_budget};
