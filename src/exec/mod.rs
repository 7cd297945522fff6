//! The executor: which stage runs when, reuse, resume, and the stream of events.

mod clock;
mod event;
mod explain;
mod keys;
mod outputs;
mod run;
mod workshop;

pub use event::{Event, Listener, Progress, Summary};
pub use explain::{Known, State, survey, survey_until, with_memory};
pub use run::{Options, run};
