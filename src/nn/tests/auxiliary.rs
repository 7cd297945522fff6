//! Auxiliary outputs: computed and learnt from in training, absent in evaluation.

use super::*;

/// A trunk with two auxiliary outputs, one of them before a normalisation that also feeds the rest.
fn branched() -> Result<Graph, NetError> {
    let (mut net, x) = net(3, 9, 8);
    let x = net.conv(x, 6, window(3, 1, 1), false)?;
    let a = net.norm(x)?;
    let a = net.0.relu(a);
    let b = net.conv(a, 8, window(3, 2, 1), true)?;
    let b = net.0.relu(b);
    let mut outputs = Vec::new();
    for from in [a, b] {
        let y = net.0.adaptive_avgpool(from, 2)?;
        let y = net.conv(y, 5, window(1, 1, 0), false)?;
        let y = net.norm(y)?;
        let y = net.0.relu(y);
        let y = net.0.flatten(y);
        let y = net.0.dropout(y, 0.4)?;
        outputs.push(net.scoped(|b| b.linear(y, 3, true, WeightInit::KaimingUniform))?);
    }
    let c = net.conv(b, 7, window(3, 1, 1), true)?;
    let c = net.0.adaptive_avgpool(c, 1)?;
    let c = net.0.flatten(c);
    let logits = net.scoped(|b| b.linear(c, 3, true, WeightInit::KaimingUniform))?;
    for output in outputs {
        net.0.also(logits, output, 0.3)?;
    }
    net.0.finish("net", logits, vec![], Some(3))
}

#[test]
fn outputs_and_gradients_of_branches() -> Outcome {
    let graph = branched()?;
    assert_eq!(graph.auxiliary.len(), 2);
    check(&graph, 4, &[])?;
    // What is below nothing trained gives no gradient, and the rest is as before.
    let trunk: Vec<_> = graph.ids().filter(|id| id.0 < 7).collect();
    check(&graph, 4, &trunk)?;
    check(&graph, 4, &graph.all_but_head())?;
    let auxiliary: Vec<_> = graph.ids().filter(|&id| (7..21).contains(&id.0)).collect();
    check(&graph, 4, &auxiliary)
}

/// An output that is a map, and the same values once more as a vector: both gradients reach it.
#[test]
fn one_tensor_as_two_outputs() -> Outcome {
    let (mut net, x) = net(2, 1, 1);
    let x = net.conv(x, 4, window(1, 1, 0), true)?;
    let out = net.conv(x, 3, window(1, 1, 0), true)?;
    let again = net.0.flatten(out);
    net.0.also(out, again, 0.5)?;
    check(&net.0.finish("net", out, vec![], Some(3))?, 3, &[])
}

#[test]
fn evaluation_computes_the_network_alone() -> Outcome {
    let graph = branched()?;
    let alone = Graph {
        auxiliary: Vec::new(),
        ..graph.clone()
    };
    let compiled = |graph: &Graph| Network::compile(graph, Mode::Evaluate, 4);
    assert_eq!(compiled(&graph)?.steps.len(), compiled(&alone)?.steps.len());
    assert_eq!(compiled(&graph)?.arena_len(), compiled(&alone)?.arena_len());
    Ok(())
}

/// Layers that only training computes may have another order of values there.
#[test]
fn values_pass_from_training_to_evaluation() -> Outcome {
    let graph = branched()?;
    let mut training = Network::compile(&graph, Mode::Train { frozen: &[] }, 4)?;
    training.load(&initial_weights(&graph, 5))?;
    let mut evaluating = Network::compile(&graph, Mode::Evaluate, 2)?;
    evaluating.copy_values(&training);
    assert_eq!(
        weights_to_bytes(&evaluating.weights())?,
        weights_to_bytes(&initial_weights(&graph, 5))?
    );
    Ok(())
}

#[test]
fn heads_of_branches_are_heads() -> Outcome {
    let graph = branched()?;
    let heads: Vec<_> = graph.ids().filter(|&id| graph.is_head(id)).collect();
    assert_eq!(heads.len(), 6);
    assert_eq!(fresh_head(&graph, 1).len(), 6);
    Ok(())
}

#[test]
fn what_does_not_go_together_is_refused() -> Outcome {
    let (mut net, x) = net(2, 4, 4);
    let x = net.0.flatten(x);
    let one = net.scoped(|b| b.linear(x, 3, true, WeightInit::KaimingUniform))?;
    let other = net.scoped(|b| b.linear(x, 4, true, WeightInit::KaimingUniform))?;
    let third = net.scoped(|b| b.linear(x, 3, true, WeightInit::KaimingUniform))?;
    assert!(matches!(net.0.also(one, other, 0.3), Err(NetError::Auxiliary { .. })));
    assert!(matches!(net.0.also(one, one, 0.3), Err(NetError::Auxiliary { .. })));
    assert!(matches!(net.0.also(one, third, 0.0), Err(NetError::Argument { .. })));
    net.0.also(one, third, 0.3)?;
    let elsewhere = net.0.clone().finish("net", third, vec![], Some(3));
    assert!(matches!(elsewhere, Err(NetError::Auxiliary { .. })));
    let no_classes = net.0.finish("net", one, vec![], None);
    assert!(matches!(no_classes, Err(NetError::Auxiliary { .. })));
    Ok(())
}
