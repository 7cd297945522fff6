//! The builtins that make optimisers, and how these are shown.

use super::{
    eval::Evaluator,
    stage::Optimizer,
    train_options::{is_positive, is_share},
    value::{Arguments, Outcome, Value},
};
use crate::{
    diag::{Diagnostic, codes::plan as codes},
    source::Span,
};

/// What the messages call a share that may be nothing and not all.
const SHARE: &str = "at least 0 and below 1";

impl<'p> Evaluator<'p, '_> {
    /// Carries out a builtin that makes an optimiser; none for another one. Its decay is set by the training that uses it.
    pub(super) fn optimizer_builtin(
        &mut self,
        name: &str,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Option<Outcome<Value<'p>>> {
        let optimizer = match name {
            "sgd" => self.sgd(arguments, span),
            "adam" => self.adam(arguments),
            "adamw" => self.betas(arguments).map(|[beta1, beta2, epsilon]| Optimizer::AdamW {
                beta1,
                beta2,
                epsilon,
                decay: 0.0,
            }),
            "rmsprop" => self.rmsprop(arguments),
            "adagrad" => self
                .epsilon(arguments)
                .map(|epsilon| Optimizer::AdaGrad { epsilon, decay: 0.0 }),
            _ => return None,
        };
        Some(optimizer.map(Value::Optimizer))
    }

    /// Nesterov's momentum looks ahead along a momentum that holds whole gradients: torch refuses others too.
    fn sgd(&mut self, arguments: &Arguments<'p>, span: Span) -> Outcome<Optimizer> {
        let momentum = self.number(arguments, "momentum", SHARE, is_share);
        let dampening = self.number(arguments, "dampening", SHARE, is_share);
        let nesterov = matches!(arguments.value("nesterov"), Value::Bool(true));
        let (momentum, dampening) = (momentum?, dampening?);
        if nesterov && (momentum == 0.0 || dampening > 0.0) {
            let place = arguments.slot("nesterov").map_or(span, |slot| slot.span);
            let message = "Nesterov's momentum needs a momentum, and no dampening";
            let diagnostic = Diagnostic::error(&codes::BAD_VALUE, message).at(place, "");
            return self.fail(diagnostic.help("write `sgd(momentum: 0.9, nesterov: true)`"));
        }
        Ok(Optimizer::Sgd {
            momentum,
            decay: 0.0,
            dampening,
            nesterov,
        })
    }

    fn adam(&mut self, arguments: &Arguments<'p>) -> Outcome<Optimizer> {
        let [beta1, beta2, epsilon] = self.betas(arguments)?;
        Ok(Optimizer::Adam {
            beta1,
            beta2,
            epsilon,
            decay: 0.0,
            amsgrad: matches!(arguments.value("amsgrad"), Value::Bool(true)),
        })
    }

    fn betas(&mut self, arguments: &Arguments<'p>) -> Outcome<[f64; 3]> {
        let beta1 = self.number(arguments, "beta1", SHARE, is_share);
        let beta2 = self.number(arguments, "beta2", SHARE, is_share);
        let epsilon = self.epsilon(arguments);
        Ok([beta1?, beta2?, epsilon?])
    }

    fn rmsprop(&mut self, arguments: &Arguments<'p>) -> Outcome<Optimizer> {
        let alpha = self.number(arguments, "alpha", SHARE, is_share);
        let epsilon = self.epsilon(arguments);
        let momentum = self.number(arguments, "momentum", SHARE, is_share);
        Ok(Optimizer::RmsProp {
            alpha: alpha?,
            epsilon: epsilon?,
            momentum: momentum?,
            centered: matches!(arguments.value("centered"), Value::Bool(true)),
            decay: 0.0,
        })
    }

    fn epsilon(&mut self, arguments: &Arguments<'p>) -> Outcome<f64> {
        self.number(arguments, "epsilon", "above 0", is_positive)
    }
}

/// An optimiser as the language writes it, every option with its value.
pub(super) fn shown(optimizer: &Optimizer) -> String {
    let float = |value: &f64| Value::Float(*value).display();
    match optimizer {
        Optimizer::Sgd {
            momentum,
            dampening,
            nesterov,
            ..
        } => format!(
            "sgd(momentum: {}, dampening: {}, nesterov: {nesterov})",
            float(momentum),
            float(dampening)
        ),
        Optimizer::Adam {
            beta1,
            beta2,
            epsilon,
            amsgrad,
            ..
        } => {
            let [beta1, beta2, epsilon] = [beta1, beta2, epsilon].map(float);
            format!("adam(beta1: {beta1}, beta2: {beta2}, epsilon: {epsilon}, amsgrad: {amsgrad})")
        }
        Optimizer::AdamW {
            beta1, beta2, epsilon, ..
        } => {
            let [beta1, beta2, epsilon] = [beta1, beta2, epsilon].map(float);
            format!("adamw(beta1: {beta1}, beta2: {beta2}, epsilon: {epsilon})")
        }
        Optimizer::RmsProp {
            alpha,
            epsilon,
            momentum,
            centered,
            ..
        } => {
            let [alpha, epsilon, momentum] = [alpha, epsilon, momentum].map(float);
            format!("rmsprop(alpha: {alpha}, epsilon: {epsilon}, momentum: {momentum}, centered: {centered})")
        }
        Optimizer::AdaGrad { epsilon, .. } => format!("adagrad(epsilon: {})", float(epsilon)),
    }
}
