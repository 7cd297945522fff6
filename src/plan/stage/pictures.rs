//! What is done to pictures: transforms of all of them, and random changes of those that are trained on.

use serde::{Deserialize, Serialize};

/// Left or right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// Left.
    Left,
    /// Right.
    Right,
}

/// A deterministic transform of a picture. Black is the value 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Transform {
    /// To exactly `height x width`, bilinear, antialiased when shrinking.
    Resize {
        /// Height in pixels.
        height: u32,
        /// Width in pixels.
        width: u32,
    },
    /// To three channels; one channel is repeated, alpha is dropped.
    Rgb,
    /// As large as fits into `height x width` in the picture's own proportions, resized as above, in the middle of black.
    Fit {
        /// Height in pixels.
        height: u32,
        /// Width in pixels.
        width: u32,
    },
    /// The middle `height x width` of a picture that has as many pixels.
    Crop {
        /// Height in pixels.
        height: u32,
        /// Width in pixels.
        width: u32,
    },
    /// In the middle of black, `height x width` in all.
    Pad {
        /// Height in pixels.
        height: u32,
        /// Width in pixels.
        width: u32,
    },
    /// The grey levels between two percentiles of the breast become black and white.
    WindowPercentiles {
        /// Lower percentile, `0..=1`.
        low: f64,
        /// Upper percentile, `0..=1`.
        high: f64,
    },
    /// The grey levels between two values of the file become black and white.
    WindowRange {
        /// The value that becomes black.
        low: f64,
        /// The value that becomes white.
        high: f64,
    },
    /// The rows and columns of the breast.
    CropBreast,
    /// Mirrored where needed, so that the chest wall is on this side.
    Face(Side),
}

/// A random change of training pictures. What is drawn is drawn anew for every picture in every epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Augmentation {
    /// The picture as it is.
    Identity,
    /// Left and right, top and bottom exchanged, each with its probability, `0..=1`.
    Flip {
        /// Probability that left and right are exchanged.
        horizontal: f64,
        /// Probability that top and bottom are exchanged.
        vertical: f64,
    },
    /// Turned about the centre by an angle from `-degrees` to `degrees`.
    Rotate {
        /// Largest angle.
        degrees: f64,
    },
    /// Moved in each direction by up to this share of the picture's side.
    Shift {
        /// Largest share, `0..1`.
        share: f64,
    },
    /// Enlarged about the centre by a factor from `low` to `high`.
    Scale {
        /// Smallest factor.
        low: f64,
        /// Largest factor.
        high: f64,
    },
    /// Distances from the picture's mean multiplied by a factor from `1 - share` to `1 + share`.
    Contrast {
        /// Largest change, `0..=1`.
        share: f64,
    },
    /// All values multiplied by a factor from `1 - share` to `1 + share`.
    Brightness {
        /// Largest change, `0..=1`.
        share: f64,
    },
    /// Normal noise of this deviation on the scale 0 to 1, the same in all channels of a pixel.
    Noise {
        /// Standard deviation.
        deviation: f64,
    },
    /// All values to the power of an exponent from `low` to `high`, on the scale 0 to 1.
    Gamma {
        /// Smallest exponent.
        low: f64,
        /// Largest exponent.
        high: f64,
    },
    /// Convolved with a Gaussian of a deviation from `low` to `high`.
    Blur {
        /// Smallest deviation, in pixels.
        low: f64,
        /// Largest deviation, in pixels.
        high: f64,
    },
    /// Moved by a smooth random field (Simard, Steinkraus and Platt 2003): for each pixel and direction a uniform number
    /// between -1 and 1, convolved with a Gaussian, times `alpha`.
    Elastic {
        /// What the field is multiplied by; then it is in pixels.
        alpha: f64,
        /// Deviation of the Gaussian, in pixels.
        sigma: f64,
    },
    /// A part of the picture at a random place, enlarged to all of it (Szegedy et al. 2015; torchvision's
    /// `RandomResizedCrop`).
    RandomCrop {
        /// Smallest and largest share of the picture's area.
        area: [f64; 2],
        /// Smallest and largest ratio of the part's shares of width and height.
        ratio: [f64; 2],
    },
    /// Another change with a probability.
    Sometimes {
        /// The probability, `0..=1`.
        probability: f64,
        /// The change.
        change: Box<Augmentation>,
    },
}

impl Augmentation {
    /// True when chance has no part in it.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        let sure = |probability: f64| probability == 0.0 || probability == 1.0;
        match self {
            Self::Identity => true,
            Self::Flip { horizontal, vertical } => sure(*horizontal) && sure(*vertical),
            Self::Scale { low, high } | Self::Gamma { low, high } | Self::Blur { low, high } => low == high,
            Self::Sometimes { probability, change } => {
                *probability == 0.0 || *probability == 1.0 && change.is_certain()
            }
            Self::Rotate { .. }
            | Self::Shift { .. }
            | Self::Contrast { .. }
            | Self::Brightness { .. }
            | Self::Noise { .. }
            | Self::Elastic { .. }
            | Self::RandomCrop { .. } => false,
        }
    }

    /// True when pixels only change places: their values stay what they are on any scale.
    #[must_use]
    pub fn only_moves_pixels(&self) -> bool {
        match self {
            Self::Identity | Self::Flip { .. } => true,
            Self::Sometimes { change, .. } => change.only_moves_pixels(),
            _ => false,
        }
    }

    /// True when left and right may be exchanged.
    #[must_use]
    pub fn may_exchange_sides(&self) -> bool {
        match self {
            Self::Flip { horizontal, .. } => *horizontal > 0.0,
            Self::Sometimes { probability, change } => *probability > 0.0 && change.may_exchange_sides(),
            _ => false,
        }
    }
}
