//! Writes the files of a card.

use super::{Context, Outputs, StageError};
use crate::{plan::stage::Card, report};
use std::fs;

pub(super) fn run(card: &Card, context: &Context<'_>) -> Result<Outputs, StageError> {
    let files = report::card(card, env!("CARGO_PKG_VERSION")).map_err(StageError::failed)?;
    let written = files.into_iter().map(|(name, bytes)| {
        let path = context.folder.join(&name);
        fs::write(&path, bytes).map_err(StageError::failed)?;
        Ok((name, path))
    });
    written.collect()
}
