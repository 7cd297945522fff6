//! What this program says of a weight file that it wrote.

use serde::{Deserialize, Serialize};

/// The schema of what is written.
const SCHEMA: &str = "mtl.weights/1";

/// What a file of weights is, as its metadata say it under `mtl`, in JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// Which schema this is.
    pub schema: String,
    /// The network as the language writes it.
    pub network: String,
    /// The classes of its head in order; none where it learnt without.
    pub classes: Vec<String>,
    /// True when the logistic function of each logit is the probability of its class, false for their softmax.
    pub sigmoid: bool,
    /// Mean of each channel of the pictures that it was trained on, on the scale 0 to 1.
    pub mean: Vec<f64>,
    /// Their standard deviations.
    pub deviation: Vec<f64>,
    /// The history that gave the weights, in words, oldest first.
    pub history: Vec<String>,
    /// Which member of a family it is, `fold2`; none for a single model.
    pub member: Option<String>,
    /// BLAKE3 of the model in the store.
    pub model: String,
}

impl Note {
    /// A note of the present schema.
    #[must_use]
    pub fn new(network: String) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            network,
            classes: Vec::new(),
            sigmoid: false,
            mean: Vec::new(),
            deviation: Vec::new(),
            history: Vec::new(),
            member: None,
            model: String::new(),
        }
    }

    /// The text of the metadata.
    ///
    /// # Errors
    /// When a number cannot be written.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// What a text of this schema says; none for any other, which somebody else wrote.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let note: Self = serde_json::from_str(text).ok()?;
        (note.schema == SCHEMA).then_some(note)
    }
}
