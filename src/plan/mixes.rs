//! The builtins that mix the samples of a batch, and how these are shown.

use super::{
    course::Course,
    eval::Evaluator,
    stage::{ABSENT, Mix, Samples},
    value::{Arguments, Outcome, Value},
};
use crate::{
    diag::{Diagnostic, codes::plan as codes},
    source::Span,
};

/// Above it shares are all but halves.
const MOST_ALPHA: f64 = 1000.0;

impl<'p> Evaluator<'p, '_> {
    /// Carries out a builtin that makes a mix; none for another one.
    pub(super) fn mix_builtin(&mut self, name: &str, arguments: &Arguments<'p>) -> Option<Outcome<Value<'p>>> {
        let make = match name {
            "mixup" => |alpha, probability| Mix::Mixup { alpha, probability },
            "cutmix" => |alpha, probability| Mix::CutMix { alpha, probability },
            _ => return None,
        };
        let alpha = self.number(arguments, "alpha", "above 0 and at most 1000", |x| {
            x > 0.0 && x <= MOST_ALPHA
        });
        let probability = self.number(arguments, "probability", "between 0 and 1", |x| {
            (0.0..=1.0).contains(&x)
        });
        Some(alpha.and_then(|alpha| Ok(Value::Mix(make(alpha, probability?)))))
    }

    /// The mix of a training, and where it is said; there must be something to mix with.
    pub(super) fn mix(&mut self, arguments: &Arguments<'p>, batch: u32) -> Outcome<Option<(Mix, Span)>> {
        let Some(slot) = arguments.slot("mix") else {
            return Ok(None);
        };
        let mix = match &slot.value {
            Value::None => return Ok(None),
            Value::Mix(mix) => *mix,
            other => return self.unexpected("`mixup` or `cutmix`", other, slot.span),
        };
        if batch < 2 {
            let message = "in a batch of one sample there is none to mix it with";
            let diagnostic = Diagnostic::error(&codes::BAD_VALUE, message).at(slot.span, "");
            return self.fail(diagnostic.help("take a larger `batch`"));
        }
        Ok(Some((mix, slot.span)))
    }

    /// Of a sample that lacks a view there is nothing to mix another's with.
    pub(super) fn check_mixed_views(&mut self, course: &Course<'_, 'p>, training: &Samples) -> Outcome<()> {
        let lacking = training.rows.contains(&ABSENT);
        let Some((_, span)) = course.options.mix.filter(|_| lacking) else {
            return Ok(());
        };
        let message = format!(
            "samples of `{}` that lack a view cannot be mixed with others",
            course.task.name()
        );
        let help = "give `views` another rule, `missing: drop` or `missing: copy`, or leave `mix` out";
        self.fail(Diagnostic::error(&codes::BAD_VALUE, message).at(span, "").help(help))
    }
}

/// A mix as the language writes it, every option with its value.
pub(super) fn shown(mix: &Mix) -> String {
    let name = match mix {
        Mix::Mixup { .. } => "mixup",
        Mix::CutMix { .. } => "cutmix",
    };
    let float = |value: f64| Value::Float(value).display();
    format!(
        "{name}(alpha: {}, probability: {})",
        float(mix.alpha()),
        float(mix.probability())
    )
}
