//! Pieces that are applied several times.

use super::*;

/// Pieces applied twice: one set of parameters, gradients that add up, batch statistics that move twice, in order.
#[test]
fn shared_pieces_add_their_gradients() -> Outcome {
    let graph = applied_twice()?;
    let names: Vec<_> = graph.parameters.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names.iter().filter(|name| name.starts_with("piece.")).count(), 14);
    check(&graph, 4, &[])?;
    // With its statistics fixed, with single parameters fixed, and with all of it fixed.
    let in_piece = |id: &ParameterId| graph.parameter(*id).name.starts_with("piece.");
    let role = |id: &ParameterId| graph.parameter(*id).role;
    let of = |wanted: &dyn Fn(&ParameterId) -> bool| graph.ids().filter(|id| wanted(id)).collect::<Vec<_>>();
    check(&graph, 4, &of(&|id| role(id) == ParameterRole::Statistic))?;
    check(&graph, 4, &of(&|id| role(id) == ParameterRole::Weight && id.0 % 2 == 0))?;
    check(&graph, 4, &of(&in_piece))
}

/// A piece of every kind of layer with parameters on two maps of different sides, its features joined.
pub(super) fn applied_twice() -> Result<Graph, NetError> {
    let (mut net, x) = net(3, 6, 5);
    let large = net.conv(x, 4, window(3, 1, 1), true)?;
    let small = net.conv(large, 4, window(3, 2, 1), true)?;
    let mut features = Vec::new();
    for map in [large, small] {
        net.0.begin_shared(1, vec!["piece".to_owned()]);
        let y = conv_in(&mut net.0, "a", map, Conv::square(4, window(3, 1, 1), false))?;
        net.0.push_scope("b");
        let y = net.0.batchnorm(y, 1e-5, 0.1)?;
        net.0.pop_scope();
        let y = net.0.relu(y);
        net.0.push_scope("c");
        let y = net.0.layernorm(y, 1e-5)?;
        let y = net.0.layer_scale(y, "factor", 0.5)?;
        net.0.pop_scope();
        let groups = Conv {
            groups: 2,
            ..Conv::square(4, window(3, 1, 1), true)
        };
        let y = conv_in(&mut net.0, "d", y, groups)?;
        net.0.push_scope("e");
        let y = net.0.conv_transpose(y, 4, window(2, 2, 0).into(), true)?;
        net.0.pop_scope();
        let y = net.0.adaptive_avgpool(y, 2)?;
        let y = net.0.flatten(y);
        net.0.push_scope("f");
        let y = net.0.linear(y, 5, true, WeightInit::KaimingUniform)?;
        net.0.pop_scope();
        net.0.end_shared();
        features.push(y);
    }
    let both = net.0.concat(&features)?;
    net.head(both, 3)
}

/// The weight of a shared linear layer stands in one order, whatever the sides of the maps that it reads.
#[test]
fn a_shared_linear_layer_reads_maps_of_several_sides() -> Outcome {
    let (mut net, x) = net(2, 4, 4);
    let wide = net.conv(x, 8, window(2, 2, 0), true)?;
    let flat = net.conv(x, 32, window(4, 4, 0), true)?;
    let mut parts = Vec::new();
    for map in [wide, flat] {
        let vector = net.0.flatten(map);
        net.0.begin_shared(1, vec!["piece".to_owned()]);
        parts.push(net.0.linear(vector, 5, true, WeightInit::KaimingUniform)?);
        net.0.end_shared();
    }
    let sum = net.0.add(parts[0], parts[1])?;
    check(&net.head(sum, 3)?, 3, &[])
}

#[test]
fn shared_pieces_are_the_same_bits_for_any_number_of_threads() -> Outcome {
    let graph = applied_twice()?;
    let one = step(&graph, 4, 1)?;
    assert!(one == step(&graph, 4, 2)? && one == step(&graph, 4, 3)?);
    Ok(())
}

fn conv_in(builder: &mut Builder, scope: &str, x: NodeId, conv: Conv) -> Result<NodeId, NetError> {
    builder.push_scope(scope);
    let node = builder.conv(x, conv)?;
    builder.pop_scope();
    Ok(node)
}

/// Towers of every kind against the interpreter, with samples of which a view is missing.
#[test]
fn towers_on_samples_with_missing_views() -> Outcome {
    let kinds = [
        (small_resnet()?, Fuse::Mean, true),
        (small_resnet()?, Fuse::Max, false),
        (small_alexnet()?, Fuse::Concat, true),
        (small_alexnet()?, Fuse::Max, true),
        (small_alexnet()?, Fuse::Mean, false),
    ];
    for (single, fuse, shared) in kinds {
        let graph = single.towers(Towers { views: 2, fuse, shared })?;
        check(&graph, 4, &[]).map_err(|error| format!("{fuse:?} {shared}: {error}"))?;
        if shared {
            check(&graph, 4, &graph.all_but_head()).map_err(|error| format!("{fuse:?}: {error}"))?;
        }
    }
    let three = Towers {
        views: 3,
        fuse: Fuse::Max,
        shared: true,
    };
    let graph = small_resnet()?.towers(three)?;
    check(&graph, 6, &[])?;
    let one = step(&graph, 6, 1)?;
    assert!(one == step(&graph, 6, 2)?, "same bits for any number of threads");
    Ok(())
}

/// What stands in the place of a missing view does not reach the logits.
#[test]
fn a_missing_view_has_no_say() -> Outcome {
    let attention = Attention { hidden: 4, gated: true };
    for fuse in [Fuse::Concat, Fuse::Mean, Fuse::Max, Fuse::Attention(attention)] {
        let towers = Towers {
            views: 2,
            fuse,
            shared: true,
        };
        let graph = small_alexnet()?.towers(towers)?;
        let mut network = Network::compile(&graph, Mode::Evaluate, 2)?;
        network.load(&initial_weights(&graph, 1))?;
        let mut logits = Vec::new();
        for noise in [0.0, 7.0] {
            set_images(&mut network, &random_images(&graph, 2), 2)?;
            let image = network.images_mut(2)?;
            // Channels of the first view in the second sample, which lacks it.
            let half = image.len() / 2;
            let pixels = image[half..].chunks_exact_mut(6);
            pixels.for_each(|pixel| pixel[..3].fill(noise));
            logits.push(network.forward(2, Stream::new(0))?.to_vec());
        }
        assert_eq!(logits[0], logits[1], "{fuse:?}");
    }
    Ok(())
}

/// Logits, gradients and running statistics of torch 2.15.0's `fc(cat([trunk(x[:, :1]), trunk(x[:, 1:])]))`, where
/// `trunk` is a convolution, a batch norm, a rectifier and the mean over pixels, in training and in float64.
mod torch {
    pub(super) const LOGITS: [f64; 6] = [
        0.077_631_22,
        0.203_689_333,
        -0.002_678_291,
        0.269_584_851,
        -0.036_746_098,
        0.281_111_229,
    ];
    pub(super) const CONV: [f64; 18] = [
        0.016_819_888,
        0.009_893_551,
        0.022_041_145,
        0.001_687_746,
        0.024_503_385,
        0.019_724_197,
        0.021_398_364,
        -0.002_407_135,
        -0.018_566_568,
        0.015_824_401,
        0.058_060_972,
        0.024_512,
        0.043_144_242,
        -0.012_839_846,
        -0.005_734_616,
        -0.065_627_135,
        -0.037_617_361,
        -0.030_736_94,
    ];
    pub(super) const SCALE: [f64; 2] = [-0.012_757_414, 0.017_630_597];
    pub(super) const SHIFT: [f64; 2] = [-0.013_855_592, -0.012_788_004];
    pub(super) const HEAD: [f64; 8] = [
        0.110_519_042,
        0.163_964_565,
        -0.118_056_712,
        -0.086_571_905,
        0.043_894_698,
        0.031_092_498,
        -0.185_487_64,
        -0.139_795_637,
    ];
    pub(super) const MEAN: [f64; 2] = [-5.447_5e-05, -0.000_933_439];
    pub(super) const VARIANCE: [f64; 2] = [1.221_633_371, 1.238_505_927];
}

#[test]
fn a_module_applied_twice_is_torchs() -> Outcome {
    let (mut net, x) = net(1, 4, 4);
    let x = conv_in(&mut net.0, "conv", x, Conv::square(2, window(3, 1, 1), false))?;
    net.0.push_scope("bn");
    let x = net.0.batchnorm(x, 1e-5, 0.1)?;
    net.0.pop_scope();
    let x = net.0.relu(x);
    let x = net.0.adaptive_avgpool(x, 1)?;
    let x = net.0.flatten(x);
    net.0.push_scope("fc");
    let x = net.0.linear(x, 2, true, WeightInit::KaimingUniform)?;
    net.0.pop_scope();
    let single = net.0.finish("net", x, vec![], Some(2))?;
    let graph = single.towers(Towers {
        views: 2,
        fuse: Fuse::Concat,
        shared: true,
    })?;
    let value = |name: &str, i: usize| match name {
        "conv.weight" => 0.5 * (i as f64 + 1.0).sin(),
        "bn.weight" => 1.0 + 0.25 * i as f64,
        "bn.bias" => 0.1 - 0.2 * i as f64,
        "fc.weight" => 0.3 * (i as f64).cos(),
        "fc.bias" => 0.05 * i as f64,
        "bn.running_var" => 1.0,
        _ => 0.0,
    };
    let values = graph.parameters.iter();
    let values: Values = values
        .map(|p| (0..p.len()).map(|i| value(&p.name, i)).collect())
        .collect();
    let images: Vec<f64> = (0..3 * 2 * 16).map(|i| (0.7 * f64::from(i)).cos()).collect();
    let mut network = Network::compile(&graph, Mode::Train { frozen: &[] }, 3)?;
    network.load(&to_weights(&graph, &values))?;
    set_images(&mut network, &images, 3)?;
    if let Some(mask) = network.mask_mut(3)? {
        mask.fill(1.0);
    }
    let compare = |what: &str, found: &[f32], expected: &[f64]| {
        assert_eq!(found.len(), expected.len(), "{what}");
        let pairs = found.iter().zip(expected);
        pairs.for_each(|(found, expected)| close(what, f64::from(*found), *expected, 0.1));
    };
    compare("logits", network.forward(3, Stream::new(0))?, &torch::LOGITS);
    let direction: Vec<f32> = (0..6).map(|i| f64::from(i + 1).sin() as f32).collect();
    network.backward(&direction)?;
    let gradients = network.gradients.clone();
    let gradients = network.export_trained(&gradients);
    let of = |weights: &Weights, name: &str| weights[name].flatten_all().and_then(|t| t.to_vec1::<f32>());
    compare("conv.weight", &of(&gradients, "conv.weight")?, &torch::CONV);
    compare("bn.weight", &of(&gradients, "bn.weight")?, &torch::SCALE);
    compare("bn.bias", &of(&gradients, "bn.bias")?, &torch::SHIFT);
    compare("fc.weight", &of(&gradients, "fc.weight")?, &torch::HEAD);
    let after = network.weights();
    compare("bn.running_mean", &of(&after, "bn.running_mean")?, &torch::MEAN);
    compare("bn.running_var", &of(&after, "bn.running_var")?, &torch::VARIANCE);
    Ok(())
}
