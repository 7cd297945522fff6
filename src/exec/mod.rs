//! The executor: which stage runs when, reuse, resume, and the stream of events.
