//! Prepared pictures as a network is given them: changed by chance, then normalised.

use crate::{
    data::{DataError, Prepared, normalize},
    nn::Stream,
    plan::stage::{Augmentation, Normalization},
    train::augment,
};

/// Prepared pictures with what is done to each of them when it is read.
#[derive(Clone, Copy)]
pub(super) struct Feed<'a> {
    pub(super) pictures: &'a Prepared,
    pub(super) normalization: &'a Normalization,
    /// Random changes, in their order.
    pub(super) augmentations: &'a [Augmentation],
}

impl Feed<'_> {
    /// Writes the picture of a row as `[height, width, channels]`, changed as `chance` draws it and then normalised;
    /// without chance it is normalised alone. Equal chances draw equal changes.
    pub(super) fn fill(&self, row: u32, chance: Option<Stream>, image: &mut [f32]) -> Result<(), DataError> {
        let row = row as usize;
        let Some(chance) = chance.filter(|_| !self.augmentations.is_empty()) else {
            return self.pictures.fill(row, Some(self.normalization), image);
        };
        let shape = self.pictures.shape();
        if self.augmentations.iter().all(Augmentation::only_moves_pixels) {
            self.pictures.fill(row, Some(self.normalization), image)?;
            augment(image, shape, self.augmentations, chance);
            return Ok(());
        }
        self.pictures.fill(row, None, image)?;
        augment(image, shape, self.augmentations, chance);
        normalize(self.normalization, shape[0], image)
    }
}
