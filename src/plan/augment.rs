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
/// The largest enlargement, and the reciprocal of the largest reduction, that leave something to be seen.
const MOST_SCALE: f64 = 10.0;

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
        let Some(slot) = arguments.slot("factor") else {
            return Err(Failed);
        };
        let Value::Range(Range { low, high, .. }) = slot.value else {
            return self.unexpected("a range", &slot.value, slot.span);
        };
        if low >= MOST_SCALE.recip() && high <= MOST_SCALE {
            return Ok(Augmentation::Scale { low, high });
        }
        let message = format!(
            "a picture is enlarged by factors from 0.1 to 10, and not by {}",
            slot.value.display()
        );
        let diagnostic = Diagnostic::error(&codes::BAD_VALUE, message).at(slot.span, "");
        self.fail(diagnostic.help("10 % up and down is `scale(0.9..1.1)`"))
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
            let help = "under test every picture is scored with the same changes: `identity`, and `flip` with \
                        probabilities of 0 % or 100 %";
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
    match *augmentation {
        Augmentation::Identity => "identity".to_owned(),
        Augmentation::Flip { horizontal, vertical } => match (horizontal > 0.0, vertical > 0.0) {
            (_, false) => format!("flip(horizontal: {})", float(horizontal)),
            (false, true) => format!("flip(vertical: {})", float(vertical)),
            (true, true) => format!("flip(horizontal: {}, vertical: {})", float(horizontal), float(vertical)),
        },
        Augmentation::Rotate { degrees } => format!("rotate({})", float(degrees)),
        Augmentation::Shift { share } => format!("shift({})", float(share)),
        Augmentation::Scale { low, high } => format!("scale({}..{})", float(low), float(high)),
        Augmentation::Contrast { share } => format!("contrast({})", float(share)),
        Augmentation::Brightness { share } => format!("brightness({})", float(share)),
        Augmentation::Noise { deviation } => format!("noise({})", float(deviation)),
    }
}
