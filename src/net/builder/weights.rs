//! Layers with parameters.

use super::{Builder, NetError, in_range, positive};
use crate::net::{ConvWindow, Initializer, NodeId, Op, ParameterId, ParameterRole, Shape, Window};

/// How the weight of a layer begins; `fan_in` and `fan_out` as torch counts them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WeightInit {
    /// Uniform, bound `1 / sqrt(fan_in)`: torch's layers (He et al. 2015 with `a = sqrt(5)`).
    KaimingUniform,
    /// Uniform, bound `sqrt(6 / fan_in)`: for rectifiers (He et al. 2015), torchvision's SqueezeNet.
    KaimingUniformRelu,
    /// Normal, deviation `sqrt(2 / fan_out)`: torchvision's ResNet.
    KaimingNormal,
    /// Normal, deviation `sqrt(2 / fan_in)`: torchvision's DenseNet.
    KaimingNormalIn,
    /// Uniform, bound `1 / sqrt(fan_out)`: the head of torchvision's EfficientNet.
    UniformOut,
    /// Normal with this deviation.
    Normal(
        /// Standard deviation.
        f64,
    ),
}

impl WeightInit {
    /// The distribution for a layer with these fans, in and out.
    pub(in crate::net) fn initializer(self, [fan_in, fan_out]: [usize; 2]) -> Initializer {
        let (fan_in, fan_out) = (fan_in as f64, fan_out as f64);
        match self {
            Self::KaimingUniform => Initializer::Uniform {
                bound: 1.0 / fan_in.sqrt(),
            },
            Self::KaimingUniformRelu => Initializer::Uniform {
                bound: (6.0 / fan_in).sqrt(),
            },
            Self::KaimingNormal => Initializer::Normal {
                deviation: (2.0 / fan_out).sqrt(),
            },
            Self::KaimingNormalIn => Initializer::Normal {
                deviation: (2.0 / fan_in).sqrt(),
            },
            Self::UniformOut => Initializer::Uniform {
                bound: 1.0 / fan_out.sqrt(),
            },
            Self::Normal(deviation) => Initializer::Normal { deviation },
        }
    }
}

/// What a convolution is made with, beside its input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conv {
    /// Channels of the output.
    pub width: usize,
    /// Kernel, stride, padding, dilation.
    pub window: ConvWindow,
    /// Groups of channels.
    pub groups: usize,
    /// Whether it has a bias.
    pub bias: bool,
    /// How its weight begins.
    pub init: WeightInit,
}

impl Conv {
    /// An ordinary one: one group, a square window, begun as torch's layers.
    #[must_use]
    pub fn square(width: usize, window: Window, bias: bool) -> Self {
        Self {
            width,
            window: window.into(),
            groups: 1,
            bias,
            init: WeightInit::KaimingUniform,
        }
    }
}

impl Builder {
    /// A convolution.
    ///
    /// # Errors
    /// When the input is no map, the window does not fit, an argument is zero, groups do not divide the channels or the
    /// name exists.
    pub fn conv(&mut self, x: NodeId, conv: Conv) -> Result<NodeId, NetError> {
        let layer = "conv";
        let Conv {
            width, window, groups, ..
        } = conv;
        positive(layer, "width", width)?;
        let (channels, [height, out_width]) = self.conv_window(layer, x, &window)?;
        positive(layer, "groups", groups)?;
        for channels in [channels, width] {
            if channels % groups != 0 {
                return Err(NetError::Groups {
                    layer,
                    groups,
                    channels,
                });
            }
        }
        let [down, across] = window.kernel;
        let inputs = channels / groups;
        // torch's fan out does not know groups: out channels times kernel area.
        let fans = [inputs * down * across, width * down * across];
        let shape = vec![width, inputs, down, across];
        let (weight, bias) = self.weight_and_bias(shape, fans, conv.init, conv.bias.then_some(width))?;
        let shape = Shape::Map {
            channels: width,
            height,
            width: out_width,
        };
        let op = Op::Conv {
            window,
            groups,
            weight,
            bias,
        };
        Ok(self.node(op, vec![x], shape))
    }

    /// A transposed convolution with `width` output channels, begun as torch's `ConvTranspose2d`. Its output is
    /// `(size - 1) stride - 2 pad + kernel`.
    ///
    /// # Errors
    /// When the input is no map, the output would be empty, an argument is zero or the name exists.
    pub fn conv_transpose(
        &mut self,
        x: NodeId,
        width: usize,
        window: ConvWindow,
        bias: bool,
    ) -> Result<NodeId, NetError> {
        let layer = "conv_transpose";
        positive(layer, "width", width)?;
        let (channels, height, across) = self.map(layer, x)?;
        let size = [height, across];
        let mut out = [0; 2];
        for at in [0, 1] {
            positive(layer, "kernel", window.kernel[at])?;
            positive(layer, "stride", window.stride[at])?;
            let whole = (size[at] - 1) * window.stride[at] + window.kernel[at];
            let left = whole.checked_sub(2 * window.pad[at]).filter(|&left| left > 0);
            out[at] = left.ok_or(NetError::KernelTooLarge {
                layer,
                kernel: window.kernel,
                pad: window.pad,
                height,
                width: across,
            })?;
        }
        let [down, right] = window.kernel;
        // torch counts the fan in of the stored weight: its second dimension times the area.
        let fans = [width * down * right, channels * down * right];
        let stored = vec![channels, width, down, right];
        let (weight, bias) = self.weight_and_bias(stored, fans, WeightInit::KaimingUniform, bias.then_some(width))?;
        let shape = Shape::Map {
            channels: width,
            height: out[0],
            width: out[1],
        };
        Ok(self.node(Op::ConvTranspose { window, weight, bias }, vec![x], shape))
    }

    /// A linear layer with `width` outputs.
    ///
    /// # Errors
    /// When the input is a map, the width is zero or the name exists.
    pub fn linear(&mut self, x: NodeId, width: usize, bias: bool, init: WeightInit) -> Result<NodeId, NetError> {
        positive("linear", "width", width)?;
        let Shape::Flat(features) = self.shape(x) else {
            return Err(NetError::NotFlat {
                layer: "linear",
                found: self.shape(x),
            });
        };
        let (stored, fans) = (vec![width, features], [features, width]);
        let (weight, bias) = self.weight_and_bias(stored, fans, init, bias.then_some(width))?;
        Ok(self.node(Op::Linear { weight, bias }, vec![x], Shape::Flat(width)))
    }

    /// A linear layer on the channels of each pixel, as torch's `Linear` on channels last: a convolution of kernel 1
    /// whose weight is stored as `[out, in]`.
    ///
    /// # Errors
    /// When the input is no map, the width is zero or the name exists.
    pub fn pixel_linear(&mut self, x: NodeId, width: usize, bias: bool, init: WeightInit) -> Result<NodeId, NetError> {
        let layer = "pixel_linear";
        positive(layer, "width", width)?;
        let (channels, height, across) = self.map(layer, x)?;
        let fans = [channels, width];
        let (weight, bias) = self.weight_and_bias(vec![width, channels], fans, init, bias.then_some(width))?;
        let window = Window {
            kernel: 1,
            stride: 1,
            pad: 0,
        };
        let op = Op::Conv {
            window: window.into(),
            groups: 1,
            weight,
            bias,
        };
        let shape = Shape::Map {
            channels: width,
            height,
            width: across,
        };
        Ok(self.node(op, vec![x], shape))
    }

    /// Batch normalisation of a map; torch's defaults are `epsilon` 1e-5 and `momentum` 0.1.
    ///
    /// # Errors
    /// When the input is no map, an argument is out of range or the name exists.
    pub fn batchnorm(&mut self, x: NodeId, epsilon: f64, momentum: f64) -> Result<NodeId, NetError> {
        let layer = "batchnorm";
        let (channels, ..) = self.map(layer, x)?;
        check_epsilon(layer, epsilon)?;
        let fits = (0.0..=1.0).contains(&momentum);
        in_range(layer, "momentum", momentum, fits, "between 0 and 1")?;
        let (weight, bias) = self.affine(channels)?;
        let mut make = |name, start| {
            let start = Initializer::Constant(start);
            self.parameter(name, vec![channels], ParameterRole::Statistic, start)
        };
        let (mean, variance) = (make("running_mean", 0.0)?, make("running_var", 1.0)?);
        let shape = self.shape(x);
        let op = Op::BatchNorm {
            weight,
            bias,
            mean,
            variance,
            epsilon,
            momentum,
        };
        Ok(self.node(op, vec![x], shape))
    }

    /// Normalisation over the channels of each pixel; torch's default `epsilon` is 1e-5.
    ///
    /// # Errors
    /// When `epsilon` is not above 0 or the name exists.
    pub fn layernorm(&mut self, x: NodeId, epsilon: f64) -> Result<NodeId, NetError> {
        check_epsilon("layernorm", epsilon)?;
        let shape = self.shape(x);
        let (weight, bias) = self.affine(shape.channels())?;
        Ok(self.node(Op::LayerNorm { weight, bias, epsilon }, vec![x], shape))
    }

    /// A trained factor per channel that begins at `start`, stored as the parameter `label` (ConvNeXt's `layer_scale`).
    ///
    /// # Errors
    /// When `start` is not finite or the name exists.
    pub fn layer_scale(&mut self, x: NodeId, label: &str, start: f64) -> Result<NodeId, NetError> {
        in_range("layer_scale", "start", start, start.is_finite(), "finite")?;
        let shape = self.shape(x);
        let stored = match shape {
            Shape::Map { channels, .. } => vec![channels, 1, 1],
            Shape::Flat(features) => vec![features],
        };
        let weight = self.parameter(label, stored, ParameterRole::Affine, Initializer::Constant(start))?;
        Ok(self.node(Op::LayerScale { weight }, vec![x], shape))
    }

    /// The weight of a layer with these fans (in, out), and its bias of so many values, if it has one. A bias begins as
    /// torch's does beside the weight that torch begins with, and at 0 beside any other, as in torchvision.
    fn weight_and_bias(
        &mut self,
        shape: Vec<usize>,
        fans: [usize; 2],
        init: WeightInit,
        bias: Option<usize>,
    ) -> Result<(ParameterId, Option<ParameterId>), NetError> {
        let weight = self.parameter("weight", shape, ParameterRole::Weight, init.initializer(fans))?;
        let start = match init {
            WeightInit::KaimingUniform => init.initializer(fans),
            _ => Initializer::Constant(0.0),
        };
        let bias = bias.map(|len| self.parameter("bias", vec![len], ParameterRole::Bias, start));
        Ok((weight, bias.transpose()?))
    }

    /// Scale 1 and shift 0 per channel.
    fn affine(&mut self, channels: usize) -> Result<(ParameterId, ParameterId), NetError> {
        let mut make = |name, start| {
            let start = Initializer::Constant(start);
            self.parameter(name, vec![channels], ParameterRole::Affine, start)
        };
        Ok((make("weight", 1.0)?, make("bias", 0.0)?))
    }

    /// Channels in, and height and width out.
    fn conv_window(
        &self,
        layer: &'static str,
        x: NodeId,
        window: &ConvWindow,
    ) -> Result<(usize, [usize; 2]), NetError> {
        let (channels, height, width) = self.map(layer, x)?;
        for at in [0, 1] {
            positive(layer, "kernel", window.kernel[at])?;
            positive(layer, "stride", window.stride[at])?;
            positive(layer, "dilation", window.dilation[at])?;
        }
        let out = window.output([height, width]).ok_or(NetError::KernelTooLarge {
            layer,
            kernel: window.extent(),
            pad: window.pad,
            height,
            width,
        })?;
        Ok((channels, out))
    }
}

fn check_epsilon(layer: &'static str, epsilon: f64) -> Result<(), NetError> {
    in_range(layer, "eps", epsilon, epsilon > 0.0 && epsilon.is_finite(), "above 0")
}
