//! Names, order, shapes and beginnings of towers.

use super::*;
use crate::net::{Builder, Conv, WeightInit, Window};

/// `conv1 bn1 relu pool fc` for pictures of 3 x 8 x 8, with two stages.
fn single(head: WeightInit) -> Result<Graph, NetError> {
    let mut b = Builder::new(3, 8, 8);
    let window = Window {
        kernel: 3,
        stride: 2,
        pad: 1,
    };
    b.push_scope("conv1");
    let x = b.conv(b.input(), Conv::square(4, window, false))?;
    b.pop_scope();
    b.push_scope("bn1");
    let x = b.batchnorm(x, 1e-5, 0.1)?;
    b.pop_scope();
    let x = b.relu(x);
    let x = b.adaptive_avgpool(x, 2)?;
    let x = b.flatten(x);
    b.push_scope("fc");
    let x = b.linear(x, 5, true, head)?;
    b.pop_scope();
    b.finish("single", x, vec!["conv1".into(), "bn1".into()], Some(5))
}

fn of(graph: &Graph, fuse: Fuse, shared: bool) -> Result<Graph, NetError> {
    graph.towers(Towers { views: 2, fuse, shared })
}

fn names(graph: &Graph) -> Vec<&str> {
    graph.parameters.iter().map(|p| p.name.as_str()).collect()
}

#[test]
fn shared_towers_have_the_networks_own_parameters_in_their_order() -> Result<(), NetError> {
    let single = single(WeightInit::KaimingUniform)?;
    for fuse in [Fuse::Concat, Fuse::Mean, Fuse::Max] {
        let graph = of(&single, fuse, true)?;
        assert_eq!(names(&graph), names(&single));
        assert_eq!(graph.all_but_head(), single.all_but_head());
        assert_eq!(graph.first_stages(1), single.first_stages(1));
        assert_eq!(graph.input_shape(), times(single.input_shape(), 2));
        assert_eq!(graph.masked_views(), Some(2));
        let convolutions = graph.nodes.iter().filter(|node| node.op.name() == "conv");
        assert_eq!(convolutions.count(), 2, "once for each view");
        let (one, two) = (single.find("fc.weight"), graph.find("fc.weight"));
        let shape = |graph: &Graph, id: Option<ParameterId>| id.map(|id| graph.parameter(id).shape.clone());
        let expected = if fuse == Fuse::Concat { vec![5, 32] } else { vec![5, 16] };
        assert_eq!(
            (shape(&single, one), shape(&graph, two)),
            (Some(vec![5, 16]), Some(expected))
        );
        assert_eq!(graph.node(graph.output).shape, Shape::Flat(5));
    }
    Ok(())
}

#[test]
fn towers_of_their_own_are_numbered_and_stages_go_over_all() -> Result<(), NetError> {
    let graph = of(&single(WeightInit::KaimingUniform)?, Fuse::Mean, false)?;
    assert_eq!(
        names(&graph)[..4],
        [
            "towers.0.conv1.weight",
            "towers.1.conv1.weight",
            "towers.0.bn1.weight",
            "towers.1.bn1.weight"
        ]
    );
    assert_eq!(names(&graph)[10..], ["fc.weight", "fc.bias"]);
    assert_eq!(graph.stages, ["towers.0.conv1", "towers.0.bn1"]);
    assert_eq!(
        graph.first_stages(1).map(|ids| ids.len()),
        Ok(2),
        "the convolutions of both views"
    );
    assert_eq!(graph.matching("towers.*.bn1").map(|ids| ids.len()), Ok(8));
    Ok(())
}

/// The head of joined features begins as a layer of so many inputs does.
#[test]
fn a_wider_head_begins_by_its_own_inputs() -> Result<(), NetError> {
    let bound = |graph: &Graph, name: &str| match graph.find(name).map(|id| graph.parameter(id).initializer) {
        Some(Initializer::Uniform { bound: value } | Initializer::Normal { deviation: value }) => value,
        other => panic!("{other:?}"),
    };
    for (init, numerator) in [
        (WeightInit::KaimingUniform, 1.0),
        (WeightInit::KaimingUniformRelu, 6.0),
        (WeightInit::KaimingNormalIn, 2.0),
    ] {
        let graph = of(&single(init)?, Fuse::Concat, true)?;
        let expected = f64::sqrt(numerator / 32.0);
        assert!((bound(&graph, "fc.weight") - expected).abs() < 1e-15, "{init:?}");
    }
    let graph = of(&single(WeightInit::KaimingUniform)?, Fuse::Concat, true)?;
    assert!((bound(&graph, "fc.bias") - f64::sqrt(1.0 / 32.0)).abs() < 1e-15);
    let graph = of(&single(WeightInit::Normal(0.01))?, Fuse::Concat, true)?;
    assert!((bound(&graph, "fc.weight") - 0.01).abs() < 1e-15);
    Ok(())
}

#[test]
fn towers_need_a_head_and_two_views() -> Result<(), NetError> {
    let graph = single(WeightInit::KaimingUniform)?;
    let one = Towers {
        views: 1,
        fuse: Fuse::Mean,
        shared: true,
    };
    assert!(matches!(graph.towers(one), Err(NetError::NoTowers { views: 1, .. })));
    let headless = Graph { head: None, ..graph };
    assert!(matches!(
        of(&headless, Fuse::Mean, true),
        Err(NetError::NoTowers { .. })
    ));
    Ok(())
}
