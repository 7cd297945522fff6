//! The values of a compiled network, all of them or beside them, as named tensors and back.

use super::network::Network;
use super::weights::{Weights, WeightsError, each_parameter, tensor};
use rayon::prelude::*;

/// Values per task.
const CHUNK: usize = 1 << 15;

impl Network {
    /// Sets every parameter and buffer.
    ///
    /// # Errors
    /// [`WeightsError::Unfit`] with all missing, unexpected and misshapen names.
    pub fn load(&mut self, weights: &Weights) -> Result<(), WeightsError> {
        let (placements, values) = (&self.placements, &mut self.values);
        each_parameter(
            &self.graph,
            weights,
            |_| true,
            |i, from| placements[i].import(from, values),
        )
    }

    /// Every parameter and buffer, in the order of the graph.
    #[must_use]
    pub fn weights(&self) -> Weights {
        self.export_values(&self.values)
    }

    /// Values for every parameter and buffer that stand beside the network's own, in the same layout, as named tensors.
    ///
    /// # Panics
    /// When there are fewer values than the network has.
    #[must_use]
    pub fn export_values(&self, values: &[f32]) -> Weights {
        let parameters = self.graph.parameters.iter().zip(&self.placements);
        let named = parameters.map(|(p, place)| {
            let values = place.export(values, p.len());
            (p.name.clone(), tensor(values, &p.shape))
        });
        named.collect()
    }

    /// The reverse of [`Network::export_values`].
    ///
    /// # Errors
    /// [`WeightsError::Unfit`] when the names or shapes are not those of the network.
    pub fn import_values(&self, weights: &Weights) -> Result<Vec<f32>, WeightsError> {
        let mut values = vec![0.0; self.values.len()];
        each_parameter(
            &self.graph,
            weights,
            |_| true,
            |i, from| self.placements[i].import(from, &mut values),
        )?;
        Ok(values)
    }

    /// Every parameter and buffer in the network's own layout.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Exchanges every parameter and buffer for values in the network's own layout.
    ///
    /// # Panics
    /// When there are not as many.
    pub fn exchange_values(&mut self, values: &mut Vec<f32>) {
        assert_eq!(values.len(), self.values.len(), "values of the same network");
        std::mem::swap(&mut self.values, values);
    }

    /// True when every parameter and buffer is a finite number.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.values
            .par_chunks(CHUNK)
            .all(|chunk| chunk.iter().all(|value| value.is_finite()))
    }
}
