//! A network's features with a projection in place of its head, for learning without classes.

use super::{Builder, NetError, WeightInit};
use crate::net::{Graph, NodeId, Op, Shape};

/// The scope of the projection's parameters.
const SCOPE: &str = "simclr";

impl Graph {
    /// The network up to what its head is given, averaged over pixels where that is a map, followed by a projection of two
    /// layers (Chen et al. 2020): as wide as the features, then `width`. The projection is the graph's head, under the
    /// scope `simclr`; its parameters stand after the network's own, which keep their places.
    ///
    /// # Errors
    /// When the network has no head, has a scope `simclr` of its own, or `width` is zero.
    pub fn with_projection(&self, width: usize) -> Result<Self, NetError> {
        let features = self.features().ok_or_else(|| NetError::NoHead {
            net: self.name.clone(),
            found: self.classes(),
            classes: self.classes(),
        })?;
        let mut b = Builder::of(self);
        let x = match b.shape(features) {
            Shape::Map { .. } => {
                let cell = b.adaptive_avgpool(features, 1)?;
                b.flatten(cell)
            }
            Shape::Flat(_) => features,
        };
        let hidden = b.shape(x).len();
        b.push_scope(SCOPE);
        b.push_scope("0");
        let x = b.linear(x, hidden, true, WeightInit::KaimingUniform)?;
        b.pop_scope();
        let x = b.relu(x);
        b.push_scope("2");
        let output = b.linear(x, width, true, WeightInit::KaimingUniform)?;
        Ok(Self {
            name: self.name.clone(),
            nodes: b.nodes,
            parameters: b.parameters,
            output,
            stages: self.stages.clone(),
            head: Some(SCOPE.to_owned()),
            auxiliary: Vec::new(),
        })
    }

    /// What the head is given, without dropout before it; none for a network without a head.
    fn features(&self) -> Option<NodeId> {
        self.head.as_ref()?;
        let first = |at: NodeId| self.node(at).inputs.first().copied();
        let mut at = self.output;
        while !matches!(
            self.node(at).op,
            Op::Linear { .. } | Op::Conv { .. } | Op::ConvTranspose { .. }
        ) {
            at = first(at)?;
        }
        at = first(at)?;
        while matches!(self.node(at).op, Op::Dropout { .. }) {
            at = first(at)?;
        }
        Some(at)
    }

    /// For each parameter whether a layer on the way to the output has it.
    #[must_use]
    pub fn used(&self) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        needed[self.output.0] = true;
        let mut used = vec![false; self.parameters.len()];
        for (place, node) in self.nodes.iter().enumerate().rev() {
            if needed[place] {
                node.inputs.iter().for_each(|input| needed[input.0] = true);
                node.op.parameters().for_each(|id| used[id.0] = true);
            }
        }
        used
    }
}
