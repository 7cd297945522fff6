//! Weights at the start of training.

use super::random::Stream;
use super::weights::{Weights, tensor};
use crate::net::{Graph, Initializer, Parameter, ParameterId};

/// Every parameter and buffer as its initializer says, drawn by counter from the seed, the parameter's name and the
/// value's place in torch's layout: another head, or another order of layers, leaves all other values the same.
#[must_use]
pub fn initial_weights(graph: &Graph, seed: u64) -> Weights {
    initial_weights_of(graph, seed, |_| true)
}

/// Those of some parameters and buffers; the others are not drawn.
#[must_use]
pub fn initial_weights_of(graph: &Graph, seed: u64, wanted: impl Fn(ParameterId) -> bool) -> Weights {
    let wanted = graph.ids().filter(|&id| wanted(id)).map(|id| graph.parameter(id));
    wanted
        .map(|p| (p.name.clone(), tensor(values(p, seed), &p.shape)))
        .collect()
}

/// The head alone: its weight as its initializer says, its bias zero. Empty for a graph without a head.
#[must_use]
pub fn fresh_head(graph: &Graph, seed: u64) -> Weights {
    use crate::net::ParameterRole::Bias;
    let head = graph
        .ids()
        .filter(|&id| graph.is_head(id))
        .map(|id| graph.parameter(id));
    head.map(|p| {
        let values = if p.role == Bias {
            vec![0.0; p.len()]
        } else {
            values(p, seed)
        };
        (p.name.clone(), tensor(values, &p.shape))
    })
    .collect()
}

fn values(parameter: &Parameter, seed: u64) -> Vec<f32> {
    let stream = Stream::new(seed).named(&parameter.name);
    let draw = |i: u64| match parameter.initializer {
        Initializer::Constant(value) => value,
        Initializer::Uniform { bound } => bound * (2.0 * stream.uniform(i) - 1.0),
        Initializer::Normal { deviation } => deviation * stream.normal(i),
    };
    (0..parameter.len() as u64).map(|i| draw(i) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Builder, Conv, NetError, WeightInit, Window};

    fn graph(classes: usize) -> Result<Graph, NetError> {
        let mut b = Builder::new(3, 8, 8);
        b.push_scope("conv");
        let window = Window {
            kernel: 3,
            stride: 1,
            pad: 1,
        };
        let x = b.conv(
            b.input(),
            Conv {
                init: WeightInit::KaimingNormal,
                ..Conv::square(64, window, true)
            },
        )?;
        b.pop_scope();
        let x = b.flatten(x);
        b.push_scope("fc");
        let x = b.linear(x, classes, true, WeightInit::KaimingUniform)?;
        b.pop_scope();
        b.finish("net", x, vec![], Some(classes))
    }

    fn column(weights: &Weights, name: &str) -> Vec<f32> {
        weights[name]
            .flatten_all()
            .and_then(|t| t.to_vec1())
            .expect("weights are f32")
    }

    #[test]
    fn another_head_leaves_other_values_the_same() -> Result<(), NetError> {
        let (two, five) = (initial_weights(&graph(2)?, 3), initial_weights(&graph(5)?, 3));
        assert_eq!(column(&two, "conv.weight"), column(&five, "conv.weight"));
        assert_eq!(column(&two, "fc.weight")[..], column(&five, "fc.weight")[..2 * 64 * 64]);
        assert_ne!(
            column(&two, "conv.weight"),
            column(&initial_weights(&graph(2)?, 4), "conv.weight")
        );
        Ok(())
    }

    #[test]
    fn values_have_the_initializers_scale() -> Result<(), NetError> {
        let weights = initial_weights(&graph(2)?, 0);
        let conv = column(&weights, "conv.weight");
        let square = conv.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / conv.len() as f64;
        assert!(
            (square / (2.0 / (64.0 * 9.0)) - 1.0).abs() < 0.1,
            "normal with variance 2 / fan_out"
        );
        let bound = 1.0 / 64.0;
        let fc = column(&weights, "fc.weight");
        assert!(fc.iter().all(|v| v.abs() <= bound) && fc.iter().any(|v| v.abs() > 0.99 * bound));
        Ok(())
    }

    #[test]
    fn a_fresh_head_has_a_zero_bias_and_nothing_else_is_in_it() -> Result<(), NetError> {
        let head = fresh_head(&graph(2)?, 0);
        assert_eq!(head.keys().collect::<Vec<_>>(), ["fc.weight", "fc.bias"]);
        assert_eq!(column(&head, "fc.bias"), [0.0, 0.0]);
        assert_eq!(
            column(&head, "fc.weight"),
            column(&initial_weights(&graph(2)?, 0), "fc.weight")
        );
        Ok(())
    }
}
