//! Windows of pooling layers and convolutions.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The window of a pooling layer: the same in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Side of the kernel.
    pub kernel: usize,
    /// Step between windows.
    pub stride: usize,
    /// Padding on every side.
    pub pad: usize,
}

impl Window {
    /// Output size along one direction, `floor((size + 2 pad - kernel) / stride) + 1`, or rounded up with `ceil`, but no
    /// window begins in the padding after the input, as in torch; none when the kernel does not fit.
    #[must_use]
    pub fn output(self, size: usize, ceil: bool) -> Option<usize> {
        let padded = size + 2 * self.pad;
        if self.stride == 0 || self.kernel == 0 || padded < self.kernel {
            return None;
        }
        let span = padded - self.kernel;
        if !ceil {
            return Some(span / self.stride + 1);
        }
        let windows = span.div_ceil(self.stride) + 1;
        Some(if (windows - 1) * self.stride >= size + self.pad {
            windows - 1
        } else {
            windows
        })
    }
}

/// The window of a convolution: height and width of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConvWindow {
    /// Size of the kernel.
    pub kernel: [usize; 2],
    /// Step between windows.
    pub stride: [usize; 2],
    /// Padding before and after.
    pub pad: [usize; 2],
    /// Padding after, where it is another than before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pad_end: Option<[usize; 2]>,
    /// Distance between the kernel's taps.
    pub dilation: [usize; 2],
}

impl ConvWindow {
    /// Pixels that the kernel spans: `dilation (kernel - 1) + 1`.
    #[must_use]
    pub fn extent(&self) -> [usize; 2] {
        [0, 1].map(|at| self.dilation[at] * self.kernel[at].saturating_sub(1) + 1)
    }

    /// Output height and width; none when the kernel does not fit.
    #[must_use]
    pub fn output(&self, size: [usize; 2]) -> Option<[usize; 2]> {
        let extent = self.extent();
        let end = self.pad_end.unwrap_or(self.pad);
        let along = |at: usize| {
            let window = Window {
                kernel: extent[at],
                stride: self.stride[at],
                pad: 0,
            };
            window.output(size[at] + self.pad[at] + end[at], false)
        };
        Some([along(0)?, along(1)?])
    }

    /// The same in one number each; none when directions or sides differ or taps lie apart.
    #[must_use]
    pub fn as_square(&self) -> Option<Window> {
        if self.pad_end.is_some() {
            return None;
        }
        let same = |[one, other]: [usize; 2]| (one == other).then_some(one);
        let (kernel, stride, pad) = (same(self.kernel)?, same(self.stride)?, same(self.pad)?);
        (self.dilation == [1, 1]).then_some(Window { kernel, stride, pad })
    }
}

/// `3x3, stride 2, pad 1x0`: what differs from the usual, in one number where both directions agree.
impl fmt::Display for ConvWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [height, width] = self.kernel;
        write!(f, "{height}x{width}")?;
        for (name, pair, usual) in [
            ("stride", self.stride, 1),
            ("pad", self.pad, 0),
            ("dilation", self.dilation, 1),
        ] {
            match pair {
                [one, other] if one == other && one == usual => {}
                [one, other] if one == other => write!(f, ", {name} {one}")?,
                [one, other] => write!(f, ", {name} {one}x{other}")?,
            }
        }
        if let Some([below, right]) = self.pad_end {
            write!(f, ", pad at the end {below}x{right}")?;
        }
        Ok(())
    }
}

impl From<Window> for ConvWindow {
    fn from(window: Window) -> Self {
        Self {
            kernel: [window.kernel; 2],
            stride: [window.stride; 2],
            pad: [window.pad; 2],
            pad_end: None,
            dilation: [1; 2],
        }
    }
}
