//! The training loop, optimisers, schedules and the loss.
