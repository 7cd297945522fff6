//! Writes weights as safetensors files, each with what it is.

use super::{Context, Outputs, StageError};
use crate::{
    nn::{bytes_with_note, read_weights},
    plan::{
        digest::Digest,
        stage::{ExportWeights, Role},
    },
    weights::{NOTE, Note},
};
use std::fs;

pub(super) fn run(export: &ExportWeights, context: &Context<'_>) -> Result<Outputs, StageError> {
    let mut outputs = Outputs::with_capacity(export.files.len());
    for ((file, member), place) in export.files.iter().zip(0..) {
        context.check_cancelled()?;
        let model = context.input(Role::Weights(place))?;
        let weights = read_weights(model).map_err(StageError::failed)?;
        let note = Note {
            classes: export.classes.clone(),
            sigmoid: !export.link.is_softmax(),
            mean: export.normalization.mean.clone(),
            deviation: export.normalization.deviation.clone(),
            history: export.history.clone(),
            member: member.clone(),
            model: Digest::of_file(model).map_err(StageError::failed)?.to_string(),
            ..Note::new(export.network.clone())
        };
        let text = note.to_text().map_err(StageError::failed)?;
        let bytes = bytes_with_note(&weights, Some((NOTE, text))).map_err(StageError::failed)?;
        let path = context.folder.join(file);
        fs::write(&path, bytes).map_err(StageError::failed)?;
        outputs.push((file.clone(), path));
    }
    Ok(outputs)
}
