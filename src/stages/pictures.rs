//! Samples as networks take them: one picture, or the pictures of several views.

use super::feed::Feed;
use crate::{data::DataError, nn::Stream, plan::stage::ABSENT};

/// The pictures of samples in a prepared file.
#[derive(Clone, Copy)]
pub(super) struct Pictures<'a> {
    pub(super) feed: Feed<'a>,
    /// For each sample one row per view, [`ABSENT`] where it is missing.
    pub(super) rows: &'a [u32],
    pub(super) views: usize,
    /// Whether the network asks which views are there. Then another view of the sample stands in the place of a missing
    /// one, so that batch statistics are those of pictures; what comes of it does not go on. Otherwise zeros do.
    pub(super) masked: bool,
}

impl Pictures<'_> {
    fn of(&self, sample: usize) -> &[u32] {
        &self.rows[sample * self.views..(sample + 1) * self.views]
    }

    /// How many samples there are.
    pub(super) fn count(&self) -> usize {
        self.rows.len() / self.views.max(1)
    }

    /// Writes a sample as `[height, width, views x channels]`, each of its pictures changed as `chance` draws it, so all
    /// of them alike, and then normalised; without chance they are normalised alone.
    ///
    /// # Errors
    /// When the file can no longer be read.
    pub(super) fn fill(&self, sample: usize, chance: Option<Stream>, image: &mut [f32]) -> Result<(), DataError> {
        let rows = self.of(sample);
        if let [row] = rows {
            return self.feed.fill(*row, chance, image);
        }
        let stand_in = rows.iter().copied().find(|row| *row != ABSENT && self.masked);
        let [channels, height, width] = self.feed.pictures.shape();
        let mut picture = vec![0.0; channels * height * width];
        for (view, &row) in rows.iter().enumerate() {
            let row = Some(row).filter(|row| *row != ABSENT).or(stand_in);
            match row {
                Some(row) => self.feed.fill(row, chance, &mut picture)?,
                None => picture.fill(0.0),
            }
            let pixels = image
                .chunks_exact_mut(self.views * channels)
                .zip(picture.chunks_exact(channels));
            pixels.for_each(|(to, from)| to[view * channels..(view + 1) * channels].copy_from_slice(from));
        }
        Ok(())
    }

    /// Writes 1 for each view that a sample has, 0 for each that it lacks.
    pub(super) fn mask(&self, sample: usize, mask: &mut [f32]) {
        let there = self.of(sample).iter().map(|row| f32::from(u8::from(*row != ABSENT)));
        mask.iter_mut().zip(there).for_each(|(to, there)| *to = there);
    }
}
