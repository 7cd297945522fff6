//! Weights from a file.

use crate::{
    net::Graph,
    plan::{canon::shared, digest::Digest},
};
use serde::{Deserialize, Serialize};
use std::{fmt, path::PathBuf, sync::Arc};

/// Reads a weight file. Output `model`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Load {
    /// The file.
    #[serde(skip)]
    pub path: PathBuf,
    /// The network that it must fit.
    #[serde(serialize_with = "shared")]
    pub graph: Arc<Graph>,
    /// How the first layer is made when the file's has other channels; none when it may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapt: Option<InputAdapt>,
    /// The entry of the file in which the weights stand; none when they are all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// Parameters that have another name in the file, with that name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renamed: Vec<(String, String)>,
    /// What does not come from the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fresh: Option<Fresh>,
    /// The file's digest as the program states it; another file is an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// What is told of it.
    #[serde(skip)]
    pub facts: WeightFacts,
}

/// Parameters that begin at random beside those of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fresh {
    /// Their names.
    pub names: Vec<String>,
    /// Decides their values, together with the network.
    pub seed: u64,
}

/// What was made of a weight file: counts of its names, and of the network's parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WeightFacts {
    /// The file as the program names it.
    pub file: String,
    /// Its format in words.
    pub format: String,
    /// Tensors that the network takes.
    pub taken: usize,
    /// Those of them that have another name in the file.
    pub renamed: usize,
    /// Those of them that were of another type than 32-bit floats, by type.
    pub converted: Vec<(String, usize)>,
    /// First layers that were made for other channels.
    pub adapted: usize,
    /// Names that the program leaves out.
    pub skipped: usize,
    /// Names that no layer takes, beside those.
    pub left: usize,
    /// Torch's counters beside batch norms, which are no weights.
    pub counters: usize,
    /// Parameters of the network that begin at random.
    pub reinitialised: usize,
}

impl fmt::Display for WeightFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} taken", self.format, self.taken)?;
        let mut also = |count: usize, words: &str| match count {
            0 => Ok(()),
            count => write!(f, ", {count} {words}"),
        };
        also(self.renamed, "renamed")?;
        for (dtype, count) in &self.converted {
            also(*count, &format!("converted from {dtype}"))?;
        }
        also(self.adapted, "adapted")?;
        also(self.skipped, "skipped")?;
        also(self.left, "left over")?;
        also(self.counters, "counters left out")?;
        also(self.reinitialised, "reinitialised")
    }
}

/// How a layer that reads the pictures is made of one for another number of channels.
///
/// With the file's weights `W[f]` of `F` channels, and `N` channels in the network, each of the network's is given below.
/// A network made by `Sum` answers `N` equal channels as the file's answers `F` of them, and so does one made by
/// `Replicate` whenever one of the two numbers divides the other. `Sum` to one channel and `Replicate` from three are
/// timm's `adapt_input_conv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InputAdapt {
    /// `sum of W / N`
    Sum,
    /// `sum of W / F`
    Mean,
    /// Channel `n` is `W[n mod F] F / N`.
    Replicate,
}

impl InputAdapt {
    /// The word of the language.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Replicate => "replicate",
        }
    }
}
