//! What the engine itself carries out: the declarations of the prelude without a body.

use super::{
    eval::Evaluator,
    value::{Arguments, Failed, Outcome, Value},
};
use crate::{diag::codes::plan as codes, source::Span};
use std::rc::Rc;

impl<'p> Evaluator<'p, '_> {
    /// Carries out a builtin whose arguments are complete.
    pub(super) fn builtin(
        &mut self,
        name: &str,
        subject: Option<(Value<'p>, Span)>,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Outcome<Value<'p>> {
        let found = self
            .data_builtin(name, &subject, arguments, span)
            .or_else(|| self.rows_builtin(name, &subject, arguments, span))
            .or_else(|| self.cell_builtin(name, arguments, span))
            .or_else(|| self.split_builtin(name, &subject, arguments, span))
            .or_else(|| self.card_builtin(name, &subject, arguments, span))
            .or_else(|| self.task_builtin(name, &subject, arguments))
            .or_else(|| self.hub_builtin(name, arguments, span))
            .or_else(|| self.model_builtin(name, &subject, arguments, span))
            .or_else(|| self.stage_builtin(name, &subject, arguments, span))
            .or_else(|| self.grid_builtin(name, &subject, arguments, span))
            .or_else(|| self.option_builtin(name, arguments, span))
            .or_else(|| self.schedule_builtin(name, arguments, span))
            .or_else(|| self.optimizer_builtin(name, arguments, span))
            .or_else(|| self.loss_builtin(name, arguments))
            .or_else(|| self.mix_builtin(name, arguments))
            .or_else(|| self.augmentation_builtin(name, arguments))
            .or_else(|| self.net_builtin(name, &subject, arguments, span))
            .or_else(|| self.number_builtin(name, arguments, span))
            .or_else(|| self.list_builtin(name, arguments, span))
            .or_else(|| self.record_builtin(name, arguments, span));
        match (found, subject) {
            (Some(result), _) => result,
            (None, Some((value, _))) if name == "identity" => Ok(value),
            (None, _) => self.error(
                &codes::UNEXPECTED_VALUE,
                format!("`{name}` is not carried out here"),
                span,
            ),
        }
    }

    /// Numbers.
    fn number_builtin(&mut self, name: &str, arguments: &Arguments<'p>, span: Span) -> Option<Outcome<Value<'p>>> {
        let (a, b) = (arguments.value("a").clone(), arguments.value("b").clone());
        Some(match name {
            "max" => self.pick(&a, &b, span, |a, b| a >= b),
            "min" => self.pick(&a, &b, span, |a, b| a <= b),
            "div" | "floor_div" | "rem" => match (&a, &b) {
                (Value::Int(_), Value::Int(0)) => self.error(&codes::ARITHMETIC, "division by zero", span),
                // Rounded down, so that the rest has the divisor's sign.
                (Value::Int(a), Value::Int(b)) => match (a.checked_div(*b), a.checked_rem(*b)) {
                    (Some(quotient), Some(rest)) => {
                        let down = rest != 0 && (rest < 0) != (*b < 0);
                        Ok(Value::Int(match (name, down) {
                            ("rem", true) => rest + b,
                            ("rem", false) => rest,
                            (_, down) => quotient - i64::from(down),
                        }))
                    }
                    _ => self.overflow(span),
                },
                _ => self.unexpected("two whole numbers", &a, span),
            },
            "floor" | "ceil" | "round" | "int" => {
                let Some(x) = arguments.value("x").as_float() else {
                    return Some(self.unexpected("a number", arguments.value("x"), span));
                };
                let whole = match name {
                    "floor" => x.floor(),
                    "ceil" => x.ceil(),
                    "int" => x.trunc(),
                    _ => x.round(),
                };
                if whole.abs() < 9e18 {
                    Ok(Value::Int(whole as i64))
                } else {
                    self.overflow(span)
                }
            }
            "power" => self.power(&a, &b, span),
            _ => return None,
        })
    }

    fn pick(
        &mut self,
        a: &Value<'p>,
        b: &Value<'p>,
        span: Span,
        first: impl Fn(f64, f64) -> bool,
    ) -> Outcome<Value<'p>> {
        match (a, b, a.as_float(), b.as_float()) {
            (_, _, Some(x), Some(y)) => {
                let picked = if first(x, y) { a } else { b };
                let mixed = matches!(
                    (a, b),
                    (Value::Int(_), Value::Float(_)) | (Value::Float(_), Value::Int(_))
                );
                Ok(if mixed {
                    Value::Float(picked.as_float().unwrap_or(x))
                } else {
                    picked.clone()
                })
            }
            (_, _, None, _) => self.unexpected("a number", a, span),
            _ => self.unexpected("a number", b, span),
        }
    }

    fn power(&mut self, a: &Value<'p>, b: &Value<'p>, span: Span) -> Outcome<Value<'p>> {
        match (a, b) {
            (Value::Int(base), Value::Int(exponent)) => {
                let exponent = match u32::try_from(*exponent) {
                    Ok(exponent) => exponent,
                    Err(_) if *exponent < 0 => {
                        let message = "a negative power is no whole number";
                        return self.error(&codes::ARITHMETIC, message, span);
                    }
                    Err(_) => return self.overflow(span),
                };
                base.checked_pow(exponent)
                    .map_or_else(|| self.overflow(span), |value| Ok(Value::Int(value)))
            }
            _ => match (a.as_float(), b.as_float()) {
                (Some(a), Some(b)) if a.powf(b).is_finite() => Ok(Value::Float(a.powf(b))),
                (Some(_), Some(_)) => self.overflow(span),
                _ => self.unexpected("two numbers", a, span),
            },
        }
    }

    /// Lists.
    fn list_builtin(&mut self, name: &str, arguments: &Arguments<'p>, span: Span) -> Option<Outcome<Value<'p>>> {
        let parameter = match name {
            "sum" | "length" | "reverse" => "list",
            "flatten_list" => "lists",
            _ => return None,
        };
        let Value::List(list) = arguments.value(parameter) else {
            return Some(self.unexpected("a list", arguments.value(parameter), span));
        };
        let list = Rc::clone(list);
        Some(match name {
            "sum" => self.sum(&list, span),
            "length" => Ok(Value::Int(i64::try_from(list.len()).unwrap_or(i64::MAX))),
            "reverse" => Ok(Value::List(Rc::new(list.iter().rev().cloned().collect()))),
            _ => {
                let lists = list.iter().map(|inner| match inner {
                    Value::List(inner) => Ok(inner.to_vec()),
                    other => self.unexpected("a list of lists", other, span),
                });
                let lists: Result<Vec<_>, Failed> = lists.collect();
                lists.map(|lists| Value::List(Rc::new(lists.concat())))
            }
        })
    }

    fn sum(&mut self, list: &[Value<'p>], span: Span) -> Outcome<Value<'p>> {
        if matches!(list.first(), Some(Value::Tensor(_))) {
            return self.sum_of_tensors(list, span);
        }
        let whole: Option<Vec<_>> = list.iter().map(Value::as_int).collect();
        if let Some(whole) = whole {
            let total = whole.into_iter().try_fold(0_i64, i64::checked_add);
            return total.map_or_else(|| self.overflow(span), |total| Ok(Value::Int(total)));
        }
        match list.iter().map(Value::as_float).sum::<Option<f64>>() {
            Some(total) => Ok(Value::Float(total)),
            None => self.error(&codes::UNEXPECTED_VALUE, "expected a list of numbers", span),
        }
    }
}
