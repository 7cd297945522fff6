//! What layers give and what is refused.

use super::*;
use crate::net::{ConvWindow, SelectError, WeightInit, Window};

/// `conv1 bn1 relu maxpool fc`, all labelled, with two stages.
fn small() -> Result<Graph, NetError> {
    let mut b = Builder::new(3, 9, 8);
    b.push_scope("conv1");
    let x = b.conv(
        b.input(),
        Conv {
            init: WeightInit::KaimingNormal,
            ..Conv::square(
                4,
                Window {
                    kernel: 3,
                    stride: 2,
                    pad: 1,
                },
                false,
            )
        },
    )?;
    b.pop_scope();
    b.push_scope("bn1");
    let x = b.batchnorm(x, 1e-5, 0.1)?;
    b.pop_scope();
    let x = b.relu(x);
    let x = b.maxpool(
        x,
        Window {
            kernel: 2,
            stride: 2,
            pad: 0,
        },
        false,
    )?;
    let x = b.flatten(x);
    b.push_scope("fc");
    let x = b.linear(x, 5, true, WeightInit::KaimingUniform)?;
    b.finish("small", x, vec!["conv1".into(), "fc".into()], Some(5))
}

#[test]
fn shapes_names_and_head_are_torchs() -> Result<(), NetError> {
    let graph = small()?;
    let names: Vec<_> = graph.parameters.iter().map(|p| p.name.as_str()).collect();
    let bn = ["bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"];
    assert_eq!(names, [&["conv1.weight"], &bn[..], &["fc.weight", "fc.bias"]].concat());
    assert_eq!(
        graph.nodes[1].shape,
        Shape::Map {
            channels: 4,
            height: 5,
            width: 4
        }
    );
    assert_eq!(graph.node(graph.output).shape, Shape::Flat(5));
    assert_eq!(graph.head.as_deref(), Some("fc"));
    assert_eq!(graph.trained_values(), 4 * 3 * 9 + 8 + 5 * 16 + 5);
    Ok(())
}

#[test]
fn stages_and_patterns_choose_parameters_or_say_why_not() -> Result<(), NetError> {
    let graph = small()?;
    assert_eq!(graph.first_stages(0), Ok(vec![]));
    assert_eq!(
        graph.first_stages(1).map(|ids| ids.len()),
        Ok(5),
        "the convolution and its batch norm"
    );
    assert_eq!(graph.first_stages(2), Ok(graph.all_but_head()));
    assert!(matches!(
        graph.first_stages(3),
        Err(SelectError::TooManyStages { count: 2, asked: 3, .. })
    ));
    assert_eq!(graph.matching("bn1").map(|ids| ids.len()), Ok(4));
    assert_eq!(graph.matching("*.bias").map(|ids| ids.len()), Ok(2));
    assert!(
        matches!(graph.matching("bn"), Err(SelectError::NoMatch { .. })),
        "a part of a word is no match"
    );
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut b = Builder::new(3, 4, 4);
    let seven = Window {
        kernel: 7,
        stride: 1,
        pad: 1,
    };
    assert!(matches!(
        b.conv(b.input(), Conv::square(8, seven, true)),
        Err(NetError::KernelTooLarge { kernel: [7, 7], .. })
    ));
    assert!(matches!(
        b.linear(b.input(), 8, true, WeightInit::KaimingUniform),
        Err(NetError::NotFlat { .. })
    ));
    let flat = b.flatten(b.input());
    assert!(matches!(
        b.maxpool(
            flat,
            Window {
                kernel: 2,
                stride: 2,
                pad: 0
            },
            false
        ),
        Err(NetError::NotAMap { .. })
    ));
    assert!(matches!(b.add(flat, b.input()), Err(NetError::ShapesDiffer { .. })));
    assert!(b.linear(flat, 2, true, WeightInit::KaimingUniform).is_ok());
    assert!(
        matches!(b.linear(flat, 2, true, WeightInit::KaimingUniform), Err(NetError::NameTwice { name }) if name == "weight")
    );
    assert!(matches!(
        b.dropout(flat, 1.0),
        Err(NetError::Argument { what: "rate", .. })
    ));
}

/// Sizes after torch 2.12's layers of the same arguments.
#[test]
fn sizes_are_torchs() -> Result<(), NetError> {
    let mut b = Builder::new(6, 14, 9);
    let (x, map) = (b.input(), |channels, height, width| Shape::Map {
        channels,
        height,
        width,
    });
    let pool = |kernel, stride, pad| Window { kernel, stride, pad };
    for (window, ceil, size) in [
        (pool(3, 2, 0), false, (6, 4)),
        (pool(3, 2, 0), true, (7, 4)),
        (pool(2, 3, 1), true, (5, 4)),
        (pool(3, 3, 1), true, (5, 4)),
    ] {
        let (max, mean) = (b.maxpool(x, window, ceil)?, b.avgpool(x, window, ceil)?);
        assert_eq!(b.shape(max), map(6, size.0, size.1), "{window:?} {ceil}");
        assert_eq!(b.shape(mean), b.shape(max));
    }
    let wide = Conv {
        width: 4,
        window: ConvWindow {
            kernel: [1, 5],
            stride: [2, 1],
            pad: [0, 2],
            pad_end: None,
            dilation: [1, 2],
        },
        groups: 2,
        bias: false,
        init: WeightInit::KaimingUniform,
    };
    b.push_scope("wide");
    let y = b.conv(x, wide)?;
    assert_eq!(b.shape(y), map(4, 7, 5));
    b.pop_scope();
    b.push_scope("up");
    let up = b.conv_transpose(y, 3, pool(3, 2, 1).into(), true)?;
    assert_eq!(b.shape(up), map(3, 13, 9));
    b.pop_scope();
    let joined = b.concat(&[x, x])?;
    let part = b.slice(joined, 5, 12)?;
    assert_eq!((b.shape(joined), b.shape(part)), (map(12, 14, 9), map(7, 14, 9)));
    let cell = b.adaptive_avgpool(joined, 1)?;
    let (one, other) = (b.multiply(joined, cell)?, b.multiply(cell, joined)?);
    assert_eq!((b.shape(one), b.shape(other)), (map(12, 14, 9), map(12, 14, 9)));
    let shapes: Vec<_> = ["wide.weight", "up.weight", "up.bias"]
        .map(|name| {
            let found = b.parameters.iter().find(|parameter| parameter.name == name);
            found.map(|parameter| parameter.shape.clone())
        })
        .into();
    assert_eq!(shapes, [Some(vec![4, 3, 1, 5]), Some(vec![4, 3, 3, 3]), Some(vec![3])]);
    Ok(())
}

#[test]
fn what_does_not_go_together_is_refused() {
    let mut b = Builder::new(6, 8, 8);
    let x = b.input();
    let window = Window {
        kernel: 3,
        stride: 1,
        pad: 1,
    };
    let grouped = |groups| Conv {
        groups,
        ..Conv::square(8, window, false)
    };
    assert!(matches!(
        b.conv(x, grouped(4)),
        Err(NetError::Groups { channels: 6, .. })
    ));
    assert!(matches!(
        b.conv(x, grouped(3)),
        Err(NetError::Groups { channels: 8, .. })
    ));
    assert!(matches!(b.shuffle(x, 4), Err(NetError::Groups { groups: 4, .. })));
    assert!(matches!(b.slice(x, 2, 7), Err(NetError::Channels { channels: 6, .. })));
    assert!(matches!(b.slice(x, 2, 2), Err(NetError::Channels { .. })));
    assert!(matches!(b.concat(&[]), Err(NetError::Argument { .. })));
    let flat = b.flatten(x);
    assert!(matches!(
        b.concat(&[x, flat]),
        Err(NetError::ShapesDiffer { done: "joined", .. })
    ));
    assert!(matches!(
        b.multiply(x, flat),
        Err(NetError::ShapesDiffer { done: "multiplied", .. })
    ));
    assert!(matches!(
        b.subtract(x, flat),
        Err(NetError::ShapesDiffer { done: "subtracted", .. })
    ));
    assert!(matches!(b.stochastic_depth(x, 1.0), Err(NetError::Argument { .. })));
    let shrinking = Window {
        kernel: 1,
        stride: 1,
        pad: 4,
    };
    assert!(matches!(
        b.conv_transpose(x, 2, shrinking.into(), true),
        Err(NetError::KernelTooLarge { .. })
    ));
}

/// One set of parameters under the scope in which a shared piece was made; its names are still made once per application.
#[test]
fn shared_pieces_have_one_set_of_parameters() -> Result<(), NetError> {
    let mut b = Builder::new(4, 8, 8);
    let window = Window {
        kernel: 3,
        stride: 1,
        pad: 1,
    };
    let conv = |b: &mut Builder, x| b.conv(x, Conv::square(4, window, false));
    let mut x = b.input();
    for label in ["first", "second"] {
        b.push_scope(label);
        b.begin_shared(7, vec!["piece".to_owned()]);
        x = conv(&mut b, x)?;
        // A piece within, made anew at each application of the one around it.
        let inner = if label == "first" { 8 } else { 9 };
        b.begin_shared(inner, vec!["piece".to_owned(), "inner".to_owned()]);
        x = b.batchnorm(x, 1e-5, 0.1)?;
        b.end_shared();
        b.end_shared();
        assert_eq!(b.scope(), [label]);
        b.pop_scope();
    }
    let names: Vec<_> = b.parameters.iter().map(|p| p.name.clone()).collect();
    assert_eq!(names[..2], ["piece.weight", "piece.inner.weight"]);
    assert_eq!(names.len(), 5);

    b.begin_shared(7, vec!["piece".to_owned()]);
    conv(&mut b, x)?;
    assert!(
        matches!(conv(&mut b, x), Err(NetError::NameTwice { .. })),
        "twice within one application"
    );
    b.end_shared();
    b.begin_shared(10, vec!["piece".to_owned()]);
    assert!(
        matches!(conv(&mut b, x), Err(NetError::NameTwice { .. })),
        "another piece of the same name"
    );
    b.end_shared();
    b.begin_shared(7, vec!["piece".to_owned()]);
    let narrow = b.slice(x, 0, 2)?;
    assert!(matches!(
        conv(&mut b, narrow),
        Err(NetError::SharedDiffers { again, .. }) if again == [4, 2, 3, 3]
    ));
    Ok(())
}
