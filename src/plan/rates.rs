//! Learning rates: one number, a record by layer group, or a fall over the coarse stages.

use super::{
    eval::Evaluator,
    value::{Arguments, Failed, Outcome, Slot, Value},
};
use crate::{
    diag::codes::plan as codes,
    net::{Graph, SelectError},
};
use std::{fmt, rc::Rc};

/// Rates that fall geometrically from the head down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct StageRates {
    /// The head's.
    pub(super) top: f64,
    /// What each coarse stage has of the rate of the one above it.
    pub(super) factor: f64,
}

impl fmt::Display for StageRates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [top, factor] = [self.top, self.factor].map(|value| Value::Float(value).display());
        write!(f, "stage_rates(top: {top}, factor: {factor})")
    }
}

impl StageRates {
    /// The rate of each coarse stage, the first one first: `top factor^(stages - stage)`.
    fn of_stages(self, stages: usize) -> Vec<f64> {
        let mut rates = Vec::with_capacity(stages);
        let mut rate = self.top;
        for _ in 0..stages {
            rate *= self.factor;
            rates.push(rate);
        }
        rates.reverse();
        rates
    }

    /// The base rate of each parameter of a graph.
    fn of_each(self, graph: &Graph) -> Result<Vec<f64>, SelectError> {
        if graph.stages.is_empty() {
            return Err(SelectError::NoStages {
                net: graph.name.clone(),
            });
        }
        let rates = self.of_stages(graph.stages.len());
        let stages = graph.stage_of_each()?;
        Ok(stages
            .into_iter()
            .map(|stage| stage.map_or(self.top, |stage| rates[stage]))
            .collect())
    }
}

/// Rates as a report prints them: what was written, and for a fall over stages the rate of each.
pub(super) fn in_words(value: &Value<'_>, graph: &Graph) -> String {
    let written = value.display();
    let Value::StageRates(fall) = value else { return written };
    let shown = |rate: f64| {
        // Four digits: a power of the factor has a long tail that nobody chose.
        let digits = format!("{rate:.3e}");
        Value::Float(digits.parse().unwrap_or(rate)).display()
    };
    let rates = fall.of_stages(graph.stages.len());
    let stages = graph.stages.iter().zip(&rates).rev();
    let parts: Vec<_> = stages
        .map(|(scope, rate)| format!("{scope} {}", shown(*rate)))
        .collect();
    format!("{written}: head {}, {}", shown(fall.top), parts.join(", "))
}

impl<'p> Evaluator<'p, '_> {
    /// `stage_rates`.
    pub(super) fn stage_rates(&mut self, arguments: &Arguments<'p>) -> Outcome<Value<'p>> {
        let positive = |x: f64| x > 0.0 && x.is_finite();
        let top = self.number(arguments, "top", "above 0", positive);
        let factor = self.number(arguments, "factor", "above 0", positive);
        Ok(Value::StageRates(StageRates {
            top: top?,
            factor: factor?,
        }))
    }

    /// The argument `lr`, its numbers checked; none for the default. In a record 0 holds a group fixed.
    pub(super) fn rate_option(&mut self, arguments: &Arguments<'p>) -> Outcome<Option<Slot<'p>>> {
        let Some(slot) = arguments.slot("lr").filter(|slot| !matches!(slot.value, Value::None)) else {
            return Ok(None);
        };
        let (rates, allowed): (Vec<_>, _) = match &slot.value {
            Value::StageRates(_) => (Vec::new(), ""),
            Value::Record(record) => (record.values().collect(), "at least 0"),
            one => (vec![one], "above 0"),
        };
        let in_record = matches!(slot.value, Value::Record(_));
        for rate in rates {
            match rate.as_float() {
                Some(rate) if rate.is_finite() && (rate > 0.0 || in_record && rate >= 0.0) => {}
                Some(rate) => {
                    let message = format!("a learning rate must be {allowed}, but is {rate}");
                    return self.error(&codes::BAD_VALUE, message, slot.span);
                }
                None => return self.unexpected("a learning rate", rate, slot.span),
            }
        }
        Ok(Some(slot.clone()))
    }

    /// The base rate of each parameter, statistics 0. In a record the head's entry comes first, then the first pattern
    /// that matches, then `rest`; what none of them names has `default`.
    pub(super) fn rates(&mut self, graph: &Graph, slot: Option<&Slot<'p>>, default: f64) -> Outcome<Vec<f64>> {
        if let Some(Slot {
            value: Value::StageRates(fall),
            span,
            ..
        }) = slot
        {
            return match fall.of_each(graph) {
                Ok(rates) => Ok(trained_alone(graph, rates)),
                Err(error) => self.select_error(&error, *span),
            };
        }
        let (whole, record) = match slot.map(|slot| &slot.value) {
            Some(Value::Record(record)) => (None, Some(Rc::clone(record))),
            Some(value) => (value.as_float(), None),
            None => (None, None),
        };
        let mut rates: Vec<Option<f64>> = vec![whole; graph.parameters.len()];
        if let (Some(record), Some(slot)) = (record, slot) {
            let rate = |key: &str| record.get(key).and_then(Value::as_float);
            let mut failed = false;
            for id in graph.ids().filter(|&id| graph.is_head(id)) {
                rates[id.0] = rate("head");
            }
            for (pattern, rate) in record.iter().filter(|(key, _)| !matches!(&***key, "head" | "rest")) {
                match graph.matching(pattern) {
                    Ok(ids) => ids
                        .into_iter()
                        .for_each(|id| rates[id.0] = rates[id.0].or(rate.as_float())),
                    Err(error) => failed |= self.select_error::<()>(&error, slot.span).is_err(),
                }
            }
            if failed {
                return Err(Failed);
            }
            rates.iter_mut().for_each(|place| *place = place.or(rate("rest")));
        }
        let rates = rates.into_iter().map(|rate| rate.unwrap_or(default));
        Ok(trained_alone(graph, rates.collect()))
    }
}

/// Rates with 0 for statistics, which no optimiser changes.
fn trained_alone(graph: &Graph, rates: Vec<f64>) -> Vec<f64> {
    let parameters = graph.parameters.iter().zip(rates);
    parameters
        .map(|(parameter, rate)| if parameter.role.is_trained() { rate } else { 0.0 })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_fall_from_the_head_down() {
        let fall = StageRates { top: 1e-2, factor: 0.5 };
        assert_eq!(fall.of_stages(3), [1.25e-3, 2.5e-3, 5e-3]);
        assert_eq!(fall.to_string(), "stage_rates(top: 0.01, factor: 0.5)");
    }
}
