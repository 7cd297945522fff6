//! The operations that nodes compute: the one table of all kinds of layers.

use super::{ConvWindow, ParameterId, Window};
use serde::{Deserialize, Serialize};

/// Functions of one value, as torch defines them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Activation {
    /// `min(max(x, 0), 6)`
    Relu6,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// `x sigmoid(x)` (Elfwing, Uchibe and Doya 2018)
    Silu,
    /// `min(max(x + 3, 0), 6) / 6` (Howard et al. 2019)
    HardSigmoid,
    /// `x hard_sigmoid(x)` (Howard et al. 2019)
    HardSwish,
    /// `x Phi(x)` with the normal distribution's exact `Phi` (Hendrycks and Gimpel 2016)
    Gelu,
    /// `|x|`; its derivative at 0 is 0.
    Absolute,
    /// `x` above 0, `slope x` elsewhere, which is the derivative at 0 as well (Maas, Hannun and Ng 2013)
    LeakyRelu {
        /// The factor of negative values.
        slope: f64,
    },
    /// `-x`; what `-` makes of a tensor.
    Negate,
}

/// What a node computes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Op {
    /// The network's input.
    Input,
    /// Cross-correlation. `weight` is `[out, in / groups, kernel height, kernel width]`, as in torch.
    Conv {
        /// Kernel, stride, padding, dilation.
        window: ConvWindow,
        /// Groups of channels; an output sees those of its own group.
        groups: usize,
        /// The weight.
        weight: ParameterId,
        /// The bias, `[out]`.
        bias: Option<ParameterId>,
    },
    /// The transpose of a convolution: every input pixel adds its multiple of the kernel to the output. `weight` is
    /// `[in, out, kernel height, kernel width]`, as in torch's `ConvTranspose2d`.
    ConvTranspose {
        /// Kernel, stride, padding of the convolution that this transposes.
        window: ConvWindow,
        /// The weight.
        weight: ParameterId,
        /// The bias, `[out]`.
        bias: Option<ParameterId>,
    },
    /// `y = x W^T + b`; `weight` is `[out, in]`.
    Linear {
        /// The weight.
        weight: ParameterId,
        /// The bias, `[out]`.
        bias: Option<ParameterId>,
    },
    /// Batch normalisation over batch and pixels (Ioffe and Szegedy 2015); the running variance is the unbiased one, as in torch.
    BatchNorm {
        /// Scale, `[channels]`.
        weight: ParameterId,
        /// Shift, `[channels]`.
        bias: ParameterId,
        /// Running mean, `[channels]`.
        mean: ParameterId,
        /// Running variance, `[channels]`.
        variance: ParameterId,
        /// Added to the variance.
        epsilon: f64,
        /// Share of the new batch in the running statistics.
        momentum: f64,
    },
    /// Normalisation over the channels of each pixel, or the features of a vector (Ba, Kiros and Hinton 2016), by the
    /// biased variance.
    LayerNorm {
        /// Scale, `[channels]`.
        weight: ParameterId,
        /// Shift, `[channels]`.
        bias: ParameterId,
        /// Added to the variance.
        epsilon: f64,
    },
    /// A trained factor per channel (Touvron et al. 2021).
    LayerScale {
        /// The factors, `[channels, 1, 1]` or `[features]`.
        weight: ParameterId,
    },
    /// `max(x, 0)`; its derivative at 0 is 0.
    Relu,
    /// Another function of one value.
    Activation(Activation),
    /// `exp(x) / sum exp(x)` over the channels of each pixel.
    Softmax,
    /// Maximum over windows; padding never wins; of equal values the first in row order does.
    MaxPool {
        /// Kernel, stride, padding.
        window: Window,
        /// Whether a last window that is not whole counts.
        ceil: bool,
    },
    /// Mean over windows, padding counted as zeros, as torch's `AvgPool2d`.
    AvgPool {
        /// Kernel, stride, padding.
        window: Window,
        /// Whether a last window that is not whole counts.
        ceil: bool,
    },
    /// Mean over `size x size` cells whose borders are torch's `AdaptiveAvgPool2d`'s.
    AdaptiveAvgPool {
        /// Side of the output.
        size: usize,
    },
    /// A map to a vector in the order `[channels, height, width]`.
    Flatten,
    /// Zeroes each value with probability `rate` while training and scales the rest by `1 / (1 - rate)`.
    Dropout {
        /// Probability of zero, in `0..1`.
        rate: f64,
    },
    /// Zeroes whole samples with probability `rate` while training and scales the rest by `1 / (1 - rate)` (Huang et al.
    /// 2016, as torchvision's `StochasticDepth` in mode `row`).
    StochasticDepth {
        /// Probability of zero, in `0..1`.
        rate: f64,
    },
    /// The channels of all inputs, one after the other.
    Concat,
    /// The channels `from..to`.
    Slice {
        /// The first.
        from: usize,
        /// One past the last.
        to: usize,
    },
    /// Channels as a matrix `[groups, channels / groups]`, transposed (Zhang et al. 2018).
    Shuffle {
        /// Groups.
        groups: usize,
    },
    /// The views that a sample has, 1 or 0 for each: what a network of several views is given beside its pictures.
    Mask,
    /// What a sample's views, its second input, make of its values.
    Gate(Gate),
    /// The larger of two values, of equal ones the first.
    Maximum,
    /// The sum of two tensors of one shape.
    Add,
    /// The product of two tensors of one shape, of a map and a factor per channel, `[channels, 1, 1]`, or of anything
    /// and one factor, `[1]`.
    Multiply,
}

/// How the views that a sample has decide over its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gate {
    /// Zeros where this view is missing.
    Zero(
        /// The view.
        usize,
    ),
    /// Minus infinity where this view is missing, so that it is never the largest.
    Lowest(
        /// The view.
        usize,
    ),
    /// Divided by the number of views that are there.
    Mean,
}

impl Activation {
    /// Those that are layers of the language without arguments.
    pub const LAYERS: [Self; 8] = [
        Self::Relu6,
        Self::Sigmoid,
        Self::Tanh,
        Self::Silu,
        Self::HardSigmoid,
        Self::HardSwish,
        Self::Gelu,
        Self::Absolute,
    ];

    /// Its name in the language.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Relu6 => "relu6",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::Silu => "silu",
            Self::HardSigmoid => "hard_sigmoid",
            Self::HardSwish => "hard_swish",
            Self::Gelu => "gelu",
            Self::Absolute => "abs",
            Self::LeakyRelu { .. } => "leaky_relu",
            Self::Negate => "negate",
        }
    }
}

impl Op {
    /// The layer's name in the language.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Conv { .. } => "conv",
            Self::ConvTranspose { .. } => "conv_transpose",
            Self::Linear { .. } => "linear",
            Self::BatchNorm { .. } => "batchnorm",
            Self::LayerNorm { .. } => "layernorm",
            Self::LayerScale { .. } => "layer_scale",
            Self::Relu => "relu",
            Self::Activation(activation) => activation.name(),
            Self::Softmax => "softmax",
            Self::MaxPool { .. } => "maxpool",
            Self::AvgPool { .. } => "avgpool",
            Self::AdaptiveAvgPool { .. } => "adaptive_avgpool",
            Self::Flatten => "flatten",
            Self::Dropout { .. } => "dropout",
            Self::StochasticDepth { .. } => "stochastic_depth",
            Self::Concat => "concat",
            Self::Slice { .. } => "slice",
            Self::Shuffle { .. } => "shuffle",
            Self::Mask => "mask",
            Self::Gate(_) => "gate",
            Self::Maximum => "maximum",
            Self::Add => "add",
            Self::Multiply => "multiply",
        }
    }

    /// The layer with its settings, as cards show it: `conv 3x3, stride 2, pad 1`.
    #[must_use]
    pub fn words(&self) -> String {
        let settings = match *self {
            Self::Conv { window, groups, .. } if groups > 1 => format!("{window}, {groups} groups"),
            Self::Conv { window, .. } | Self::ConvTranspose { window, .. } => window.to_string(),
            Self::MaxPool { window, ceil: true } | Self::AvgPool { window, ceil: true } => {
                format!("{}, ceil", ConvWindow::from(window))
            }
            Self::MaxPool { window, .. } | Self::AvgPool { window, .. } => ConvWindow::from(window).to_string(),
            Self::AdaptiveAvgPool { size } => format!("to {size}x{size}"),
            Self::Dropout { rate } | Self::StochasticDepth { rate } => rate.to_string(),
            Self::BatchNorm { epsilon, momentum, .. } => format!("eps {epsilon:e}, momentum {momentum}"),
            Self::LayerNorm { epsilon, .. } => format!("eps {epsilon:e}"),
            Self::Activation(Activation::LeakyRelu { slope }) => format!("slope {slope}"),
            Self::Slice { from, to } => format!("{from}..{to}"),
            Self::Shuffle { groups } => format!("{groups} groups"),
            _ => String::new(),
        };
        let words = format!("{} {settings}", self.name());
        words.trim_end().to_owned()
    }

    /// Floating-point operations of one sample, roughly: `input` and `output` values of the first input and of the
    /// output, and `taps` products that an output value (of a transposed convolution, an input value) takes part in. A
    /// multiplication with its addition counts two.
    #[must_use]
    pub fn operations(&self, input: usize, output: usize, taps: usize) -> f64 {
        let (input, output, taps) = (input as f64, output as f64, taps as f64);
        match *self {
            Self::Input | Self::Mask | Self::Flatten => 0.0,
            Self::Conv { .. } | Self::Linear { .. } => output * 2.0 * taps,
            Self::ConvTranspose { .. } => input * 2.0 * taps,
            Self::MaxPool { window, .. } | Self::AvgPool { window, .. } => {
                output * (window.kernel * window.kernel) as f64
            }
            Self::AdaptiveAvgPool { .. } => input,
            // One for each value.
            _ => output,
        }
    }

    /// The same operation with other parameters in the place of its own.
    #[must_use]
    pub fn with_parameters(self, of: impl Fn(ParameterId) -> ParameterId) -> Self {
        match self {
            Self::Conv {
                window,
                groups,
                weight,
                bias,
            } => Self::Conv {
                window,
                groups,
                weight: of(weight),
                bias: bias.map(&of),
            },
            Self::ConvTranspose { window, weight, bias } => Self::ConvTranspose {
                window,
                weight: of(weight),
                bias: bias.map(of),
            },
            Self::Linear { weight, bias } => Self::Linear {
                weight: of(weight),
                bias: bias.map(of),
            },
            Self::BatchNorm {
                weight,
                bias,
                mean,
                variance,
                epsilon,
                momentum,
            } => Self::BatchNorm {
                weight: of(weight),
                bias: of(bias),
                mean: of(mean),
                variance: of(variance),
                epsilon,
                momentum,
            },
            Self::LayerNorm { weight, bias, epsilon } => Self::LayerNorm {
                weight: of(weight),
                bias: of(bias),
                epsilon,
            },
            Self::LayerScale { weight } => Self::LayerScale { weight: of(weight) },
            other => other,
        }
    }

    /// The parameters and buffers it owns, in the order of torch's state dict.
    pub fn parameters(&self) -> impl Iterator<Item = ParameterId> + use<> {
        let list = match *self {
            Self::Conv { weight, bias, .. }
            | Self::ConvTranspose { weight, bias, .. }
            | Self::Linear { weight, bias } => [Some(weight), bias, None, None],
            Self::LayerNorm { weight, bias, .. } => [Some(weight), Some(bias), None, None],
            Self::LayerScale { weight } => [Some(weight), None, None, None],
            Self::BatchNorm {
                weight,
                bias,
                mean,
                variance,
                ..
            } => [Some(weight), Some(bias), Some(mean), Some(variance)],
            _ => [None; 4],
        };
        list.into_iter().flatten()
    }
}
