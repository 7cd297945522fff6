//! The builtins that make losses, how these are shown, and what they come to for a training part.

use super::{
    class_weights::ClassWeights,
    eval::Evaluator,
    stage::{Link, Loss, Samples},
    train_options::is_share,
    value::{Arguments, Outcome, Text, Value},
};
use std::rc::Rc;

/// A loss whose weights are not yet those of a task's classes.
#[derive(Clone, Debug, Default)]
pub(super) struct Losing {
    kind: Kind,
    pub(super) weights: ClassWeights,
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

impl<'p> Evaluator<'p, '_> {
    /// Carries out a builtin that makes a loss; none for another one.
    pub(super) fn loss_builtin(&mut self, name: &str, arguments: &Arguments<'p>) -> Option<Outcome<Value<'p>>> {
        let kind = match name {
            "cross_entropy" => self
                .number(arguments, "smoothing", "a share, at least 0 and below 1", is_share)
                .map(|smoothing| Kind::CrossEntropy { smoothing }),
            "focal" => self
                .number(arguments, "gamma", "at least 0", |x| x >= 0.0 && x.is_finite())
                .map(|gamma| Kind::Focal { gamma }),
            "binary_cross_entropy" => Ok(Kind::Binary),
            _ => return None,
        };
        let weights = self.class_weights(arguments, "weights");
        Some(kind.and_then(|kind| {
            let weights = weights?;
            Ok(Value::Loss(Rc::new(Losing { kind, weights })))
        }))
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
        let (all, kinds) = (training.count() as f64, classes.len() as f64);
        let balanced = |count: u32| match self.kind {
            Kind::Binary => (all - f64::from(count)).max(1.0) / f64::from(count),
            Kind::CrossEntropy { .. } | Kind::Focal { .. } => all / (kinds * f64::from(count)),
        };
        let weights = self.weights.of(classes, balanced, training);
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
    let weights = loss.weights.shown();
    match loss.kind {
        Kind::CrossEntropy { smoothing } => {
            format!("cross_entropy(smoothing: {}, weights: {weights})", float(smoothing))
        }
        Kind::Focal { gamma } => format!("focal(gamma: {}, weights: {weights})", float(gamma)),
        Kind::Binary => format!("binary_cross_entropy(weights: {weights})"),
    }
}
