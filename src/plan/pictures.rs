//! The builtins that transform pictures: their arguments, checked as far as they can be without a header.

use super::{
    data::setting,
    domain::Dataset,
    eval::Evaluator,
    stage::{ChoiceBy, Side, Transform},
    value::{Arguments, Failed, Outcome, Slot, Value},
};
use crate::{
    diag::{Diagnostic, codes::data as codes, codes::plan as plan_codes},
    source::Span,
};

/// Sides of pictures beyond which a size is a slip of the pen.
const MAX_SIDE: i64 = 65_536;

/// The builtins of this file.
pub(super) const TRANSFORMS: [&str; 8] = ["resize", "rgb", "fit", "crop", "pad", "window", "crop_breast", "face"];

impl<'p> Evaluator<'p, '_> {
    /// Adds a transform to the pictures of rows. `name` is one of [`TRANSFORMS`].
    pub(super) fn transform(
        &mut self,
        name: &str,
        (value, at): (&Value<'p>, Span),
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Outcome<Value<'p>> {
        let (transform, shown) = match name {
            "rgb" => (Transform::Rgb, "rgb()".to_owned()),
            "crop_breast" => (Transform::CropBreast, "crop_breast()".to_owned()),
            "face" => match arguments.value("side") {
                Value::Choice("left") => (Transform::Face(Side::Left), "left".to_owned()),
                Value::Choice("right") => (Transform::Face(Side::Right), "right".to_owned()),
                other => return self.unexpected("left or right", other, span),
            },
            "window" => {
                let normalized = self.data_of(value, at)?.normalization.as_ref().map(|(_, place)| *place);
                if let Some(place) = normalized {
                    let message =
                        "a window acts on the grey levels of the file, but here they are normalised before it";
                    let diagnostic = Diagnostic::error(&codes::WINDOW_AFTER_NORMALIZE, message).at(span, "");
                    let diagnostic = diagnostic.at(place, "normalised here");
                    return self.fail(diagnostic.help("put `window` before `normalize`"));
                }
                self.grey_window(arguments)?
            }
            _ => {
                let ([height, width], shown) = self.picture_size(arguments)?;
                let transform = match name {
                    "fit" => Transform::Fit { height, width },
                    "crop" => Transform::Crop { height, width },
                    "pad" => Transform::Pad { height, width },
                    _ => Transform::Resize { height, width },
                };
                (transform, shown)
            }
        };
        self.with_data(value, at, |data| {
            data.transforms.push(transform);
            data.transform_spans.push(span);
            data.settings.push(setting(name, shown, ChoiceBy::Program));
        })
    }

    /// The data set of rows of any kind.
    fn data_of<'v>(&mut self, value: &'v Value<'p>, at: Span) -> Outcome<&'v Dataset> {
        match value {
            Value::Dataset(data) => Ok(data),
            Value::Cohort(cohort) => Ok(&cohort.data),
            Value::Task(task) => Ok(&task.cohort.data),
            other => self.unexpected("a data set, a cohort or a task", other, at),
        }
    }

    /// Height and width, and how they are written.
    fn picture_size(&mut self, arguments: &Arguments<'p>) -> Outcome<([u32; 2], String)> {
        let Some(slot) = arguments.slot("size") else {
            return Err(Failed);
        };
        let sides = match &slot.value {
            Value::Int(side) => Some([*side; 2]),
            Value::List(list) => match &list[..] {
                [Value::Int(height), Value::Int(width)] => Some([*height, *width]),
                _ => None,
            },
            _ => None,
        };
        let Some(sides) = sides.filter(|sides| sides.iter().all(|side| (1..=MAX_SIDE).contains(side))) else {
            let message = format!("{} is no size of a picture", slot.value.display());
            let help = "one number of pixels for a square, or `[height, width]`";
            return self.fail(
                Diagnostic::error(&plan_codes::BAD_VALUE, message)
                    .at(slot.span, "")
                    .help(help),
            );
        };
        let sides = sides.map(|side| u32::try_from(side).unwrap_or(u32::MAX));
        Ok((sides, slot.value.display()))
    }

    /// A window by percentiles of the breast, or by values.
    fn grey_window(&mut self, arguments: &Arguments<'p>) -> Outcome<(Transform, String)> {
        let (Some(percentile), Some(range)) = (arguments.slot("percentile"), arguments.slot("range")) else {
            return Err(Failed);
        };
        if matches!(range.value, Value::None) {
            let [low, high] = self.pair("percentile", percentile, "[1%, 99%]")?;
            if low < 0.0 || high > 1.0 {
                let message = format!(
                    "{} are no percentiles: they lie between 0 % and 100 %",
                    percentile.value.display()
                );
                let diagnostic = Diagnostic::error(&plan_codes::BAD_VALUE, message).at(percentile.span, "");
                return self.fail(diagnostic.help("`99%` is 0.99: `percentile: [1%, 99%]`"));
            }
            let shown = format!("percentile: {}", percentile.value.display());
            return Ok((Transform::WindowPercentiles { low, high }, shown));
        }
        if percentile.given {
            let message = "a window is given by `percentile` or by `range`, not by both";
            let diagnostic = Diagnostic::error(&plan_codes::BAD_VALUE, message).at(range.span, "");
            return self.fail(
                diagnostic
                    .at(percentile.span, "given here too")
                    .help("leave one of them out"),
            );
        }
        let [low, high] = self.pair("range", range, "[0, 4095]")?;
        if low < 0.0 || !high.is_finite() {
            let message = format!("{} are no values of a picture", range.value.display());
            let help = "from 0 to 255 in pictures of 8 bits, to 65535 in those of 16";
            let diagnostic = Diagnostic::error(&plan_codes::BAD_VALUE, message).at(range.span, "");
            return self.fail(diagnostic.help(help));
        }
        let shown = format!("range: {}", range.value.display());
        Ok((Transform::WindowRange { low, high }, shown))
    }

    /// Two numbers, the smaller one first.
    fn pair(&mut self, name: &str, slot: &Slot<'p>, example: &str) -> Outcome<[f64; 2]> {
        let numbers: Vec<_> = match &slot.value {
            Value::List(list) => list.iter().filter_map(Value::as_float).collect(),
            _ => Vec::new(),
        };
        let message = match numbers[..] {
            [low, high] if low < high => return Ok([low, high]),
            [_, _] => format!("`{name}` must begin below its end, but is {}", slot.value.display()),
            _ => format!("`{name}` is a beginning and an end, but is {}", slot.value.display()),
        };
        let diagnostic = Diagnostic::error(&plan_codes::BAD_VALUE, message).at(slot.span, "");
        self.fail(diagnostic.help(format!("for example `{name}: {example}`")))
    }
}
