//! The builtins that make losses, how these are shown, and what weights of classes come to for a training part.

use super::{
    domain::Task,
    eval::Evaluator,
    grid::listed,
    stage::{Link, Loss, Samples},
    value::{Arguments, Outcome, Text, Value},
};
use crate::{
    diag::{Diagnostic, codes::plan as codes, nearest},
    source::Span,
};
use std::rc::Rc;

/// A loss whose weights are not yet those of a task's classes.
#[derive(Clone, Debug, Default)]
pub(super) struct Losing {
    kind: Kind,
    weights: ClassWeights,
}

#[derive(Clone, Debug)]
enum Kind {
    CrossEntropy { smoothing: f64 },
    Focal { gamma: f64 },
    Binary,
}

impl Default for Kind {
    fn default() -> Self {
        Self::CrossEntropy { smoothing: 0.0 }
    }
}

/// Weights of classes as a program says them.
#[derive(Clone, Debug, Default)]
enum ClassWeights {
    #[default]
    Alike,
    /// By the counts of the training part.
    Balanced,
    /// By name.
    Given(Vec<(Text, f64)>, Span),
}

impl<'p> Evaluator<'p, '_> {
    /// Carries out a builtin that makes a loss; none for another one.
    pub(super) fn loss_builtin(&mut self, name: &str, arguments: &Arguments<'p>) -> Option<Outcome<Value<'p>>> {
        let kind = match name {
            "cross_entropy" => self
                .number(arguments, "smoothing", "a share, at least 0 and below 1", |x| {
                    (0.0..1.0).contains(&x)
                })
                .map(|smoothing| Kind::CrossEntropy { smoothing }),
            "focal" => self
                .number(arguments, "gamma", "at least 0", |x| x >= 0.0 && x.is_finite())
                .map(|gamma| Kind::Focal { gamma }),
            "binary_cross_entropy" => Ok(Kind::Binary),
            _ => return None,
        };
        let weights = self.class_weights(arguments);
        Some(kind.and_then(|kind| {
            let weights = weights?;
            Ok(Value::Loss(Rc::new(Losing { kind, weights })))
        }))
    }

    fn class_weights(&mut self, arguments: &Arguments<'p>) -> Outcome<ClassWeights> {
        let Some(slot) = arguments.slot("weights") else {
            return Ok(ClassWeights::Alike);
        };
        let record = match &slot.value {
            Value::None => return Ok(ClassWeights::Alike),
            Value::Choice("balanced") => return Ok(ClassWeights::Balanced),
            Value::Record(record) => record,
            other => return self.unexpected("a record of weights by class, or `balanced`", other, slot.span),
        };
        let mut weights = Vec::with_capacity(record.len());
        for (class, weight) in record.iter() {
            match weight.as_float() {
                Some(weight) if weight > 0.0 && weight.is_finite() => weights.push((Rc::clone(class), weight)),
                Some(weight) => {
                    let message = format!("the weight of a class must be above 0, but that of `{class}` is {weight}");
                    return self.error(&codes::BAD_VALUE, message, slot.span);
                }
                None => return self.unexpected("a number", weight, slot.span),
            }
        }
        Ok(ClassWeights::Given(weights, slot.span))
    }

    /// Given weights are those of all classes of the task, and of nothing else.
    pub(super) fn check_class_weights(&mut self, loss: &Losing, task: &Task) -> Outcome<()> {
        let ClassWeights::Given(weights, span) = &loss.weights else {
            return Ok(());
        };
        let classes: Vec<&str> = task.classes.iter().map(|class| &**class).collect();
        let unknown = weights.iter().find(|(name, _)| !classes.contains(&&**name));
        let missing = classes
            .iter()
            .find(|class| !weights.iter().any(|(name, _)| &**name == **class));
        let (message, help) = match (unknown, missing) {
            (Some((name, _)), _) => {
                let near = nearest(name, classes.iter().copied());
                let near = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
                (
                    format!("`{name}` is no class of `{}`", task.name()),
                    format!("{near}its classes are {}", listed(&classes)),
                )
            }
            (None, Some(class)) => (
                format!("`weights` names no weight for the class `{class}` of `{}`", task.name()),
                format!("give each of {} its weight, or write `balanced`", listed(&classes)),
            ),
            (None, None) => return Ok(()),
        };
        self.fail(Diagnostic::error(&codes::BAD_VALUE, message).at(*span, "").help(help))
    }
}

impl Losing {
    /// What the logits of a network that learns by it mean.
    pub(super) fn link(&self) -> Link {
        match self.kind {
            Kind::Binary => Link::Sigmoid,
            Kind::CrossEntropy { .. } | Kind::Focal { .. } => Link::Softmax,
        }
    }

    /// The loss for a training part of a task with these classes. Balanced weights are `n / (k n_c)` with `n` samples in
    /// `k` classes, `n_c` in this one, as scikit-learn's; those of binary losses `(n - n_c) / n_c`, as torch's
    /// documentation of `pos_weight` has it.
    pub(super) fn of(&self, classes: &[Text], training: &Samples) -> Loss {
        let counts = || {
            let mut counts = vec![0_u32; classes.len()];
            for &class in &training.classes {
                if let Some(count) = counts.get_mut(class as usize) {
                    *count += 1;
                }
            }
            // No training part lacks a class; none is divided by nothing all the same.
            counts.into_iter().map(|count| f64::from(count.max(1)))
        };
        let (all, kinds) = (training.count() as f64, classes.len() as f64);
        let weights = match (&self.weights, &self.kind) {
            (ClassWeights::Alike, _) => Vec::new(),
            (ClassWeights::Balanced, Kind::Binary) => counts().map(|count| (all - count).max(1.0) / count).collect(),
            (ClassWeights::Balanced, _) => counts().map(|count| all / (kinds * count)).collect(),
            (ClassWeights::Given(given, _), _) => {
                let of = |class: &Text| {
                    given
                        .iter()
                        .find(|(name, _)| name == class)
                        .map_or(1.0, |(_, weight)| *weight)
                };
                classes.iter().map(of).collect()
            }
        };
        match self.kind {
            Kind::CrossEntropy { smoothing } => Loss::CrossEntropy { smoothing, weights },
            Kind::Focal { gamma } => Loss::Focal { gamma, weights },
            Kind::Binary => Loss::Binary { weights },
        }
    }
}

/// A loss as the language writes it, every option with its value.
pub(super) fn shown(loss: &Losing) -> String {
    let float = |value: f64| Value::Float(value).display();
    let weights = match &loss.weights {
        ClassWeights::Alike => "none".to_owned(),
        ClassWeights::Balanced => "balanced".to_owned(),
        ClassWeights::Given(weights, _) => {
            let parts: Vec<_> = weights
                .iter()
                .map(|(name, weight)| format!("{name}: {}", float(*weight)))
                .collect();
            format!("{{ {} }}", parts.join(", "))
        }
    };
    match loss.kind {
        Kind::CrossEntropy { smoothing } => {
            format!("cross_entropy(smoothing: {}, weights: {weights})", float(smoothing))
        }
        Kind::Focal { gamma } => format!("focal(gamma: {}, weights: {weights})", float(gamma)),
        Kind::Binary => format!("binary_cross_entropy(weights: {weights})"),
    }
}
