//! AlexNet and ResNet-18 as torchvision builds them, for tests and benchmarks.

use mtl::net::{Builder, Conv, Graph, NetError, NodeId, WeightInit, Window};

fn window(kernel: usize, stride: usize, pad: usize) -> Window {
    Window { kernel, stride, pad }
}

fn scoped(
    b: &mut Builder,
    name: &str,
    make: impl FnOnce(&mut Builder) -> Result<NodeId, NetError>,
) -> Result<NodeId, NetError> {
    b.push_scope(name);
    let node = make(b)?;
    b.pop_scope();
    Ok(node)
}

/// AlexNet (Krizhevsky 2014, "One weird trick") with torchvision's names.
pub(crate) fn alexnet(size: usize, classes: usize, dropout: f64) -> Result<Graph, NetError> {
    let mut b = Builder::new(3, size, size);
    let mut x = b.input();
    let convolutions = [
        (0, 64, window(11, 4, 2), true),
        (3, 192, window(5, 1, 2), true),
        (6, 384, window(3, 1, 1), false),
        (8, 256, window(3, 1, 1), false),
        (10, 256, window(3, 1, 1), true),
    ];
    for (index, width, w, pool) in convolutions {
        x = scoped(&mut b, &format!("features.{index}"), |b| {
            b.conv(x, Conv::square(width, w, true))
        })?;
        x = b.relu(x);
        if pool {
            x = b.maxpool(x, window(3, 2, 0), false)?;
        }
    }
    x = b.adaptive_avgpool(x, 6)?;
    x = b.flatten(x);
    for (index, width) in [(1, 4096), (4, 4096), (6, classes)] {
        if index < 6 {
            x = b.dropout(x, dropout)?;
        }
        x = scoped(&mut b, &format!("classifier.{index}"), |b| {
            b.linear(x, width, true, WeightInit::KaimingUniform)
        })?;
        if index < 6 {
            x = b.relu(x);
        }
    }
    b.finish("alexnet", x, vec![], Some(classes))
}

fn conv_norm(b: &mut Builder, x: NodeId, width: usize, w: Window, names: [&str; 2]) -> Result<NodeId, NetError> {
    let x = scoped(b, names[0], |b| {
        b.conv(
            x,
            Conv {
                init: WeightInit::KaimingNormal,
                ..Conv::square(width, w, false)
            },
        )
    })?;
    scoped(b, names[1], |b| b.batchnorm(x, 1e-5, 0.1))
}

/// ResNet-18 (He et al. 2016) with torchvision's names.
pub(crate) fn resnet18(size: usize, classes: usize) -> Result<Graph, NetError> {
    let mut b = Builder::new(3, size, size);
    let input = b.input();
    let x = conv_norm(&mut b, input, 64, window(7, 2, 3), ["conv1", "bn1"])?;
    let x = b.relu(x);
    let mut x = b.maxpool(x, window(3, 2, 1), false)?;
    for (stage, width) in [(1, 64), (2, 128), (3, 256), (4, 512)] {
        for block in 0..2 {
            let stride = if stage > 1 && block == 0 { 2 } else { 1 };
            b.push_scope(format!("layer{stage}.{block}"));
            let y = conv_norm(&mut b, x, width, window(3, stride, 1), ["conv1", "bn1"])?;
            let y = b.relu(y);
            let y = conv_norm(&mut b, y, width, window(3, 1, 1), ["conv2", "bn2"])?;
            if stride > 1 {
                x = conv_norm(&mut b, x, width, window(1, stride, 0), ["downsample.0", "downsample.1"])?;
            }
            b.pop_scope();
            let sum = b.add(y, x)?;
            x = b.relu(sum);
        }
    }
    let x = b.adaptive_avgpool(x, 1)?;
    let x = b.flatten(x);
    let x = scoped(&mut b, "fc", |b| b.linear(x, classes, true, WeightInit::KaimingUniform))?;
    b.finish("resnet18", x, vec![], Some(classes))
}
