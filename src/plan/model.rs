//! Models before training: random weights, and weights from a file.

use super::{
    domain::{Model, ModelState, Net, NetTowers},
    eval::Evaluator,
    value::{Arguments, Outcome, Value},
};
use crate::{
    diag::{Diagnostic, codes::plan as codes},
    net::{Attention, Fuse},
    source::Span,
};
use std::rc::Rc;

impl<'p> Evaluator<'p, '_> {
    /// Carries out a builtin of models that makes no stage at once; none for another one.
    pub(super) fn model_builtin(
        &mut self,
        name: &str,
        subject: &Option<(Value<'p>, Span)>,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Option<Outcome<Value<'p>>> {
        Some(match name {
            "count_stages" => match arguments.value("model") {
                Value::Model(model) => Ok(Value::Int(i64::try_from(model.net.stage_count()).unwrap_or(i64::MAX))),
                other => self.unexpected("a model", other, span),
            },
            "towers" => match subject.as_ref()? {
                (Value::Model(model), _) => self.towers(model, arguments, span),
                (other, at) => self.unexpected("a model", other, *at),
            },
            "attention" => self.attention(arguments),
            "init" | "load" => match subject.as_ref()? {
                (Value::Model(model), _) if name == "init" => {
                    let seed = arguments.value("seed").as_int().map(i64::cast_unsigned);
                    Ok(with_state(model, ModelState::Random { seed }))
                }
                (Value::Model(model), _) => self.load(model, arguments, span),
                (other, at) => self.unexpected("a model", other, *at),
            },
            _ => return None,
        })
    }

    /// Fusion by attention.
    fn attention(&mut self, arguments: &Arguments<'p>) -> Outcome<Value<'p>> {
        let hidden = self.size(arguments, "hidden")?;
        if let Some(slot) = arguments.slot("hidden").filter(|_| hidden == 0) {
            return self.error(&codes::BAD_VALUE, "`hidden` must be at least 1", slot.span);
        }
        let gated = !matches!(arguments.value("gated"), Value::Bool(false));
        Ok(Value::Fuse(Fuse::Attention(Attention { hidden, gated })))
    }

    /// A network for samples of several views, from one for single pictures: its weights are kept before the head.
    fn towers(&mut self, model: &Model<'p>, arguments: &Arguments<'p>, span: Span) -> Outcome<Value<'p>> {
        if let Some(before) = &model.net.towers {
            let diagnostic = Diagnostic::error(&codes::BAD_VALUE, "this network has towers already");
            return self.fail(diagnostic.at(span, "").at(before.span, "put on here"));
        }
        let net = Net {
            towers: Some(NetTowers {
                fuse: match arguments.value("fuse") {
                    Value::Choice("mean") => Fuse::Mean,
                    Value::Choice("max") => Fuse::Max,
                    Value::Fuse(fuse) => *fuse,
                    _ => Fuse::Concat,
                },
                shared: !matches!(arguments.value("shared"), Value::Bool(false)),
                span,
            }),
            ..Net::clone(&model.net)
        };
        Ok(Value::Model(Rc::new(Model {
            net: Rc::new(net),
            state: model.state.clone(),
            pending: !matches!(model.state, ModelState::Random { .. }),
        })))
    }
}

pub(super) fn with_state<'p>(model: &Model<'p>, state: ModelState) -> Value<'p> {
    Value::Model(Rc::new(Model {
        net: Rc::clone(&model.net),
        state,
        pending: false,
    }))
}
