//! The words of the language's choices: names that mean something only where their type is expected.

use crate::types::Named;

/// A word of a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// As it is written.
    pub word: &'static str,
    /// What it chooses.
    pub doc: &'static str,
}

const fn word(word: &'static str, doc: &'static str) -> Word {
    Word { word, doc }
}

/// Every type that has words, with them.
static CHOICES: &[(Named, &[Word])] = &[
    (
        Named::Normalization,
        &[word(
            "imagenet",
            "Mean and deviation of ImageNet's pictures, as torchvision's weights expect.",
        )],
    ),
    (Named::Augmentation, &[word("identity", "The picture as it is.")]),
    (
        Named::Side,
        &[
            word("left", "The left side of the picture."),
            word("right", "The right side of the picture."),
        ],
    ),
    (
        Named::Unmatched,
        &[
            word("error", "It is a mistake, which names the row."),
            word("drop", "It is left out: what databases call an inner join."),
            word("keep", "It stays, without values: a left join."),
        ],
    ),
    (
        Named::DecayOn,
        &[
            word("weights", "Not on biases and norms."),
            word("all", "On every trained parameter."),
        ],
    ),
    (
        Named::ClassWeights,
        &[word(
            "balanced",
            "By the training part's counts, so that every class counts alike.",
        )],
    ),
    (
        Named::Curve,
        &[word("cosine", "Along half a cosine."), word("linear", "Along a line.")],
    ),
    (
        Named::Fall,
        &[
            word("relative", "By a share of the best."),
            word("absolute", "By a difference from the best."),
        ],
    ),
    (
        Named::Keep,
        &[
            word("last", "Those after the last step."),
            word(
                "best",
                "Those after the epoch with the smallest loss on the tuning part; of equal ones the first.",
            ),
        ],
    ),
    (Named::Freeze, &[word("all_but_head", "Everything but the head.")]),
    (
        Named::Head,
        &[
            word("auto", "Kept for the same list of classes, drawn anew for another."),
            word("keep", "Kept; another list of classes is an error."),
            word("new", "Always drawn anew."),
        ],
    ),
    (
        Named::InputAdapt,
        &[
            word("sum", "The sum over the file's channels, divided among the network's."),
            word("mean", "The mean over the file's channels, for each of the network's."),
            word(
                "replicate",
                "The file's channels in turn, scaled by their number over the network's.",
            ),
        ],
    ),
    (
        Named::Missing,
        &[
            word("mask", "The network is told which views are there."),
            word("copy", "The first view that is there stands in its place."),
            word("drop", "The sample is left out."),
        ],
    ),
    (
        Named::UnitLabel,
        &[
            word("agree", "Its pictures must have labels of one class."),
            word("most_severe", "The class that stands first in the task's list."),
        ],
    ),
    (
        Named::Fuse,
        &[
            word("concat", "One after the other; zeros for a missing view."),
            word("mean", "The mean over the views that are there."),
            word("max", "The largest over the views that are there."),
        ],
    ),
    (
        Named::Adjust,
        &[
            word("holm", "Holm's step-down correction."),
            word("none", "No correction."),
        ],
    ),
    (
        Named::Test,
        &[
            word(
                "auto",
                "Three or more repeats: the corrected resampled t test, about strategies; else the clustered test.",
            ),
            word("delong", "DeLong's test within folds, samples taken as independent."),
            word(
                "clustered",
                "The paired z test with groups as clusters, about the trained models.",
            ),
        ],
    ),
    (
        Named::Measure,
        &[
            word("loss", "Mean cross-entropy; the smallest is best."),
            word(
                "auc",
                "Area under the ROC curve, of several classes Hand and Till's M; the largest is best.",
            ),
        ],
    ),
    (
        Named::WeightInit,
        &[
            word("kaiming_uniform", "As torch's layers begin: bound 1 / sqrt(fan in)."),
            word(
                "kaiming_uniform_relu",
                "For rectifiers: bound sqrt(6 / fan in), as torchvision's SqueezeNet begins.",
            ),
            word(
                "kaiming_normal",
                "Deviation sqrt(2 / fan out), as torchvision's ResNet begins.",
            ),
            word(
                "kaiming_normal_in",
                "Deviation sqrt(2 / fan in), as torchvision's DenseNet begins.",
            ),
            word(
                "uniform_out",
                "Bound 1 / sqrt(fan out), as the head of torchvision's EfficientNet begins.",
            ),
        ],
    ),
];

/// The words of a type; none for most types.
#[must_use]
pub fn words(ty: Named) -> &'static [Word] {
    CHOICES.iter().find(|(of, _)| *of == ty).map_or(&[], |(_, words)| words)
}

/// The types that have a word.
pub fn types_with(word: &str) -> impl Iterator<Item = Named> {
    CHOICES
        .iter()
        .filter(move |(_, words)| words.iter().any(|known| known.word == word))
        .map(|(of, _)| *of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_known_by_its_type() {
        assert!(words(Named::Adjust).iter().any(|w| w.word == "holm"));
        assert!(words(Named::Task).is_empty());
        assert_eq!(types_with("all").collect::<Vec<_>>(), [Named::DecayOn]);
        assert_eq!(types_with("Holm").count(), 0);
    }

    #[test]
    fn words_are_unique_within_their_type() {
        for (of, words) in CHOICES {
            let mut seen: Vec<_> = words.iter().map(|w| w.word).collect();
            seen.sort_unstable();
            assert!(seen.windows(2).all(|pair| pair[0] != pair[1]), "{}", of.name());
        }
    }
}
