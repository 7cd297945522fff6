//! How much samples of each class count: in a loss, and among what an epoch draws.

use super::{
    domain::Task,
    eval::Evaluator,
    grid::listed,
    stage::Samples,
    value::{Arguments, Outcome, Text, Value},
};
use crate::{
    diag::{Diagnostic, codes::plan as codes, nearest},
    source::Span,
};
use std::rc::Rc;

/// Weights of classes as a program says them.
#[derive(Clone, Debug, Default)]
pub(super) enum ClassWeights {
    #[default]
    Alike,
    /// By the counts of the training part.
    Balanced,
    /// By name.
    Given(Vec<(Text, f64)>, Span),
}

impl<'p> Evaluator<'p, '_> {
    /// The weights in an argument; without it all are alike.
    pub(super) fn class_weights(&mut self, arguments: &Arguments<'p>, name: &str) -> Outcome<ClassWeights> {
        let Some(slot) = arguments.slot(name) else {
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

    /// Weights given in the argument `name` are those of all classes of the task, and of nothing else.
    pub(super) fn check_class_weights(&mut self, weights: &ClassWeights, name: &str, task: &Task) -> Outcome<()> {
        let ClassWeights::Given(weights, span) = weights else {
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
                format!("`{name}` names no weight for the class `{class}` of `{}`", task.name()),
                format!("give each of {} its weight, or write `balanced`", listed(&classes)),
            ),
            (None, None) => return Ok(()),
        };
        self.fail(Diagnostic::error(&codes::BAD_VALUE, message).at(*span, "").help(help))
    }

    /// How often samples of each class of a task are drawn in an epoch, which has as many as the training part; none when
    /// every sample is drawn once.
    pub(super) fn draws(
        &mut self,
        weights: &ClassWeights,
        task: &Task,
        training: &Samples,
        span: Span,
    ) -> Outcome<Vec<u32>> {
        if matches!(weights, ClassWeights::Alike) {
            return Ok(Vec::new());
        }
        let counts = counts(&task.classes, training);
        let draws = weights.draws(&task.classes, &counts);
        let Some(class) = (0..draws.len()).find(|&class| draws[class] == 0 && counts[class] > 0) else {
            return Ok(draws);
        };
        let (class, all) = (&task.classes[class], training.count());
        let message = format!(
            "`{class}` of `{}` would not be drawn once in the {all} draws of an epoch",
            task.name()
        );
        let place = match weights {
            ClassWeights::Given(_, place) => *place,
            _ => span,
        };
        let help = format!("give `{class}` a larger weight, or leave it out of the task");
        self.fail(Diagnostic::error(&codes::BAD_VALUE, message).at(place, "").help(help))
    }
}

impl ClassWeights {
    /// The weight of a class by name.
    fn given(&self, class: &Text) -> Option<f64> {
        match self {
            Self::Given(weights, _) => weights
                .iter()
                .find(|(name, _)| name == class)
                .map(|(_, weight)| *weight),
            Self::Alike | Self::Balanced => None,
        }
    }

    /// Weights of these classes; empty when all are alike. `balanced` has the weight of a class when weights balance.
    pub(super) fn of(&self, classes: &[Text], balanced: impl FnMut(u32) -> f64, training: &Samples) -> Vec<f64> {
        match self {
            Self::Alike => Vec::new(),
            // No training part lacks a class; none is divided by nothing all the same.
            Self::Balanced => counts(classes, training)
                .into_iter()
                .map(|count| count.max(1))
                .map(balanced)
                .collect(),
            Self::Given(..) => classes.iter().map(|class| self.given(class).unwrap_or(1.0)).collect(),
        }
    }

    /// Draws in proportion to weight times count, balanced ones alike, rounded to as many in all as there are samples by the
    /// largest remainders (Hamilton); of equal ones the first class's. A class without samples is not drawn.
    fn draws(&self, classes: &[Text], counts: &[u32]) -> Vec<u32> {
        if matches!(self, Self::Alike) {
            return Vec::new();
        }
        let share = |(class, count): (&Text, &u32)| match self.given(class) {
            Some(weight) => weight * f64::from(*count),
            None => f64::from(u8::from(*count > 0)),
        };
        let shares: Vec<f64> = classes.iter().zip(counts).map(share).collect();
        let (all, of_all): (u32, f64) = (counts.iter().sum(), shares.iter().sum());
        let exact: Vec<f64> = shares.iter().map(|share| f64::from(all) * share / of_all).collect();
        let mut draws: Vec<u32> = exact.iter().map(|draws| draws.floor() as u32).collect();
        let mut largest: Vec<usize> = (0..exact.len()).filter(|&class| counts[class] > 0).collect();
        largest.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()));
        let left = all.saturating_sub(draws.iter().sum()) as usize;
        for &class in largest.iter().cycle().take(left) {
            draws[class] += 1;
        }
        draws
    }

    /// As the language writes it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Alike => "none".to_owned(),
            Self::Balanced => "balanced".to_owned(),
            Self::Given(weights, _) => {
                let part = |(name, weight): &(Text, f64)| format!("{name}: {}", Value::Float(*weight).display());
                let parts: Vec<_> = weights.iter().map(part).collect();
                format!("{{ {} }}", parts.join(", "))
            }
        }
    }
}

/// Samples of each class.
fn counts(classes: &[Text], training: &Samples) -> Vec<u32> {
    let mut counts = vec![0_u32; classes.len()];
    for &class in &training.classes {
        if let Some(count) = counts.get_mut(class as usize) {
            *count += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceMap;
    use proptest::prelude::*;

    fn draws(weights: &ClassWeights, counts: &[u32]) -> Vec<u32> {
        let names: Vec<Text> = (0..counts.len()).map(|class| class.to_string().into()).collect();
        weights.draws(&names, counts)
    }

    fn given(weights: &[f64]) -> ClassWeights {
        let named = weights.iter().enumerate();
        let weights = named.map(|(class, weight)| (class.to_string().into(), *weight));
        let file = SourceMap::default().add("weights", None, "");
        ClassWeights::Given(weights.collect(), Span::new(file, 0, 0))
    }

    #[test]
    fn draws_by_hand() {
        assert_eq!(draws(&ClassWeights::Alike, &[7, 3]), [0; 0]);
        assert_eq!(draws(&ClassWeights::Balanced, &[7, 3]), [5, 5]);
        assert_eq!(draws(&ClassWeights::Balanced, &[90, 9, 2]), [34, 34, 33]);
        assert_eq!(draws(&ClassWeights::Balanced, &[9, 0, 2]), [6, 0, 5]);
        // Weights times counts: 8 and 9 of 17 that share 10.
        assert_eq!(draws(&given(&[1.0, 4.5]), &[8, 2]), [5, 5]);
        assert_eq!(draws(&given(&[2.0, 2.0]), &[7, 3]), [7, 3]);
        assert_eq!(draws(&given(&[1.0, 1e-3]), &[7, 3]), [10, 0]);
    }

    proptest! {
        #[test]
        fn an_epoch_is_as_long_as_the_training_part(
            classes in prop::collection::vec((0u32..500, 0.01f64..100.0), 1..8),
        ) {
            let (counts, weights): (Vec<u32>, Vec<f64>) = classes.into_iter().unzip();
            let all: u32 = counts.iter().sum();
            prop_assume!(all > 0);
            for weights in [ClassWeights::Balanced, given(&weights)] {
                let draws = draws(&weights, &counts);
                prop_assert_eq!(draws.iter().sum::<u32>(), all);
                prop_assert!(draws.iter().zip(&counts).all(|(draws, count)| *count > 0 || *draws == 0));
                if matches!(weights, ClassWeights::Balanced) {
                    let of = draws.iter().zip(&counts).filter(|(_, count)| **count > 0).map(|(draws, _)| *draws);
                    prop_assert!(of.clone().max().unwrap_or(0) - of.min().unwrap_or(0) <= 1);
                }
            }
        }
    }
}
