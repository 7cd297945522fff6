//! Weights that leave the store.

use super::{Link, Normalization};
use serde::{Deserialize, Serialize};

/// Writes the weights of a model, or of each member of a family, as safetensors files. Takes the roles `Weights(i)`;
/// outputs: the files of `out/<name>/`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExportWeights {
    /// The files in the order of the roles, with the member's name: `fold2.safetensors`, `fold2`; none for a single model.
    pub files: Vec<(String, Option<String>)>,
    /// The network as the language writes it.
    pub network: String,
    /// The classes of its head in order.
    pub classes: Vec<String>,
    /// What its logits mean.
    pub link: Link,
    /// Normalisation of the pictures that it was trained on.
    pub normalization: Normalization,
    /// The history that gave the weights, in words, oldest first.
    pub history: Vec<String>,
}
