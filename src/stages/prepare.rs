//! Decodes pictures once, into one prepared file.

use super::{Context, Outputs, Progress, StageError};
use crate::{
    data::{self, DataError},
    plan::stage::Prepare,
};

pub(super) fn run(prepare: &Prepare, context: &Context<'_>) -> Result<Outputs, StageError> {
    let file = context.folder.join("pictures");
    let progress = |done: usize, total: usize| {
        let (done, total) = (done as u64, total as u64);
        context.monitor.progress(&Progress {
            done,
            total,
            ..Progress::default()
        });
    };
    data::prepare(prepare, &progress, context.cancel, &file).map_err(failed)?;
    Ok(vec![("pictures".to_owned(), file)])
}

/// A data error as a stage's.
pub(super) fn failed(error: DataError) -> StageError {
    match error {
        DataError::Cancelled => StageError::Cancelled,
        error => StageError::failed(error),
    }
}
