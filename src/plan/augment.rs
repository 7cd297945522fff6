//! Random changes of pictures: their builtins, how they are shown, and where they make no sense.

use super::{
    domain::Dataset,
    eval::Evaluator,
    stage::{Augmentation, Range, Transform},
    value::{Arguments, Failed, Outcome, Value},
};
use crate::{
    diag::{
        Diagnostic,
        codes::{lint, plan as codes},
    },
    source::Span,
};

/// The largest deviation of noise and the largest angle that mean anything.
const MOST_NOISE: f64 = 1.0;
const MOST_DEGREES: f64 = 180.0;
/// The largest enlargement, and the reciprocal of the largest reduction, that leave something to be seen; the same of
/// exponents and of the proportions of crops.
const MOST_SCALE: f64 = 10.0;
/// The largest deviation of a Gaussian, and the largest factor of a field of displacements.
const MOST_PIXELS: f64 = 100.0;
const MOST_ALPHA: f64 = 10_000.0;
/// The smallest share of a picture's area that is a picture still.
const LEAST_AREA: f64 = 0.01;

impl<'p> Evaluator<'p, '_> {
    /// Carries out a builtin that makes an augmentation; none for another one.
    pub(super) fn augmentation_builtin(&mut self, name: &str, arguments: &Arguments<'p>) -> Option<Outcome<Value<'p>>> {
        let to_one = |x: f64| (0.0..=1.0).contains(&x);
        let share = |this: &mut Self| this.number(arguments, "share", "between 0 and 1", to_one);
        let augmentation = match name {
            "flip" => self.flip(arguments),
            "rotate" => self
                .number(arguments, "degrees", "between 0 and 180", |x| {
                    (0.0..=MOST_DEGREES).contains(&x)
                })
                .map(|degrees| Augmentation::Rotate { degrees }),
            "shift" => share(self).map(|share| Augmentation::Shift { share }),
            "scale" => self.scale(arguments),
            "contrast" => share(self).map(|share| Augmentation::Contrast { share }),
            "brightness" => share(self).map(|share| Augmentation::Brightness { share }),
            "noise" => self
                .number(arguments, "deviation", "between 0 and 1, the scale of pictures", |x| {
                    (0.0..=MOST_NOISE).contains(&x)
                })
                .map(|deviation| Augmentation::Noise { deviation }),
            "gamma" => self
                .exponents(arguments, "exponent", "1 leaves values as they are: `gamma(0.8..1.25)`")
                .map(|[low, high]| Augmentation::Gamma { low, high }),
            "blur" => self.blur(arguments),
            "elastic" => self.elastic(arguments),
            "random_crop" => self.random_crop(arguments),
            "sometimes" => self.sometimes(arguments),
            _ => return None,
        };
        Some(augmentation.map(Value::Augmentation))
    }

    /// Without any probability left and right are exchanged half of the time; one alone leaves the other out.
    fn flip(&mut self, arguments: &Arguments<'p>) -> Outcome<Augmentation> {
        let absent = |name: &str| matches!(arguments.value(name), Value::None);
        if absent("horizontal") && absent("vertical") {
            return Ok(Augmentation::Flip {
                horizontal: 0.5,
                vertical: 0.0,
            });
        }
        let mut probability = |name: &str| match absent(name) {
            true => Ok(0.0),
            false => self.number(arguments, name, "between 0 and 1", |x| (0.0..=1.0).contains(&x)),
        };
        let (horizontal, vertical) = (probability("horizontal"), probability("vertical"));
        Ok(Augmentation::Flip {
            horizontal: horizontal?,
            vertical: vertical?,
        })
    }

    /// Enlarged by a factor from a range.
    fn scale(&mut self, arguments: &Arguments<'p>) -> Outcome<Augmentation> {
        let help = "10 % up and down is `scale(0.9..1.1)`";
        let [low, high] = self.exponents(arguments, "factor", help)?;
        Ok(Augmentation::Scale { low, high })
    }

    /// A range of factors, exponents or proportions: 1 changes nothing.
    fn exponents(&mut self, arguments: &Arguments<'p>, name: &str, help: &str) -> Outcome<[f64; 2]> {
        self.ends(
            arguments,
            name,
            ([MOST_SCALE.recip(), MOST_SCALE], "from 0.1 to 10"),
            help,
        )
    }

    fn blur(&mut self, arguments: &Arguments<'p>) -> Outcome<Augmentation> {
        let help = "of SimCLR, for pictures of 224 pixels: `blur(0.1..2.0)`";
        let allowed = ([0.0, MOST_PIXELS], "from 0 to 100 pixels");
        let [low, high] = self.ends(arguments, "sigma", allowed, help)?;
        Ok(Augmentation::Blur { low, high })
    }

    fn elastic(&mut self, arguments: &Arguments<'p>) -> Outcome<Augmentation> {
        let alpha = self.number(arguments, "alpha", "between 0 and 10000", |x| {
            (0.0..=MOST_ALPHA).contains(&x)
        });
        let sigma = self.number(arguments, "sigma", "above 0 and at most 100 pixels", |x| {
            x > 0.0 && x <= MOST_PIXELS
        });
        Ok(Augmentation::Elastic {
            alpha: alpha?,
            sigma: sigma?,
        })
    }

    fn random_crop(&mut self, arguments: &Arguments<'p>) -> Outcome<Augmentation> {
        let allowed = ([LEAST_AREA, 1.0], "from 1 % to 100 % of the picture");
        let area = self.ends(
            arguments,
            "area",
            allowed,
            "of ImageNet's trainings: `random_crop(8%..100%)`",
        );
        let ratio = self.exponents(arguments, "ratio", "`1.0..=1.0` keeps the picture's own");
        Ok(Augmentation::RandomCrop {
            area: area?,
            ratio: ratio?,
        })
    }

    fn sometimes(&mut self, arguments: &Arguments<'p>) -> Outcome<Augmentation> {
        let probability = self.number(arguments, "probability", "between 0 and 1", |x| {
            (0.0..=1.0).contains(&x)
        })?;
        match arguments.slot("change") {
            Some(slot) => match &slot.value {
                Value::Augmentation(change) => Ok(Augmentation::Sometimes {
                    probability,
                    change: Box::new(change.clone()),
                }),
                other => self.unexpected("an augmentation", other, slot.span),
            },
            None => Err(Failed),
        }
    }

    /// The ends of a range that lies between two numbers.
    fn ends(
        &mut self,
        arguments: &Arguments<'p>,
        name: &str,
        ([least, most], allowed): ([f64; 2], &str),
        help: &str,
    ) -> Outcome<[f64; 2]> {
        let Some(slot) = arguments.slot(name) else {
            return Err(Failed);
        };
        let Value::Range(Range { low, high, .. }) = slot.value else {
            return self.unexpected("a range", &slot.value, slot.span);
        };
        if low >= least && high <= most {
            return Ok([low, high]);
        }
        let message = format!("`{name}` may be {allowed}, but is {}", slot.value.display());
        let diagnostic = Diagnostic::error(&codes::BAD_VALUE, message).at(slot.span, "");
        self.fail(diagnostic.help(help))
    }

    /// The augmentations of an argument, in their order.
    pub(super) fn augmentations(&mut self, arguments: &Arguments<'p>, name: &str) -> Outcome<Vec<Augmentation>> {
        let Some(slot) = arguments.slot(name) else {
            return Err(Failed);
        };
        let Value::List(list) = &slot.value else {
            return self.unexpected("a list of augmentations", &slot.value, slot.span);
        };
        let all = list.iter().map(|value| match value {
            Value::Augmentation(augmentation) => Ok(augmentation.clone()),
            other => self.unexpected("an augmentation", other, slot.span),
        });
        all.collect()
    }

    /// The changes under which `evaluate` scores every picture: certain ones, none of them twice. The picture as it is
    /// alone is no change.
    pub(super) fn tta(&mut self, arguments: &Arguments<'p>, data: &Dataset) -> Outcome<Vec<Augmentation>> {
        let changes = self.augmentations(arguments, "tta")?;
        let Some(span) = arguments.slot("tta").map(|slot| slot.span) else {
            return Ok(changes);
        };
        if let Some(uncertain) = changes.iter().find(|change| !change.is_certain()) {
            let message = format!("`{}` is random, and an evaluation is not", shown(uncertain));
            let help = "under test every picture is scored with the same changes: `identity`, `flip` with probabilities \
                        of 0 % or 100 %, and `scale`, `gamma` and `blur` by one number, `scale(1.1..=1.1)`";
            let diagnostic = Diagnostic::error(&codes::RANDOM_TTA, message).at(span, "");
            return self.fail(diagnostic.help(help));
        }
        for (place, change) in changes.iter().enumerate() {
            if changes[..place].contains(change) {
                let message = format!("`{}` stands twice, and would count twice in the mean", shown(change));
                return self.error(&codes::BAD_VALUE, message, span);
            }
        }
        self.warn_sides(data, &changes, span);
        Ok(match changes[..] {
            [Augmentation::Identity] => Vec::new(),
            _ => changes,
        })
    }

    /// Warns of changes that exchange left and right in pictures that `face` has brought to one side.
    pub(super) fn warn_sides(&mut self, data: &Dataset, changes: &[Augmentation], span: Span) {
        let faced = data.transforms.iter().rposition(|t| matches!(t, Transform::Face(_)));
        let (Some(place), Some(change)) = (faced, changes.iter().find(|change| change.may_exchange_sides())) else {
            return;
        };
        let message = format!("`{}` exchanges left and right, which undoes `face`", shown(change));
        let mut diagnostic = Diagnostic::warning(&lint::FLIP_AFTER_FACE, message).at(self.users_place(span), "");
        if let Some(face) = data.transform_spans.get(place) {
            diagnostic = diagnostic.at(*face, "brought to one side here");
        }
        self.diagnostics.push(diagnostic.help("leave the flip out, or `face`"));
    }
}

/// An augmentation as the language writes it.
pub(super) fn shown(augmentation: &Augmentation) -> String {
    let float = |value: f64| Value::Float(value).display();
    // A range of one number holds its upper end.
    let range = |low: f64, high: f64| {
        let sign = if low == high { "..=" } else { ".." };
        format!("{}{sign}{}", float(low), float(high))
    };
    match augmentation {
        Augmentation::Identity => "identity".to_owned(),
        Augmentation::Flip { horizontal, vertical } => match (*horizontal > 0.0, *vertical > 0.0) {
            (_, false) => format!("flip(horizontal: {})", float(*horizontal)),
            (false, true) => format!("flip(vertical: {})", float(*vertical)),
            (true, true) => format!(
                "flip(horizontal: {}, vertical: {})",
                float(*horizontal),
                float(*vertical)
            ),
        },
        Augmentation::Rotate { degrees } => format!("rotate({})", float(*degrees)),
        Augmentation::Shift { share } => format!("shift({})", float(*share)),
        Augmentation::Scale { low, high } => format!("scale({})", range(*low, *high)),
        Augmentation::Contrast { share } => format!("contrast({})", float(*share)),
        Augmentation::Brightness { share } => format!("brightness({})", float(*share)),
        Augmentation::Noise { deviation } => format!("noise({})", float(*deviation)),
        Augmentation::Gamma { low, high } => format!("gamma({})", range(*low, *high)),
        Augmentation::Blur { low, high } => format!("blur({})", range(*low, *high)),
        Augmentation::Elastic { alpha, sigma } => {
            format!("elastic(alpha: {}, sigma: {})", float(*alpha), float(*sigma))
        }
        Augmentation::RandomCrop { area, ratio } => {
            format!(
                "random_crop(area: {}, ratio: {})",
                range(area[0], area[1]),
                range(ratio[0], ratio[1])
            )
        }
        Augmentation::Sometimes { probability, change } => {
            format!("sometimes({}, {})", float(*probability), shown(change))
        }
    }
}
