//! `permute_labels`: the labels of whole groups exchanged at random, a control for pre-training.

use super::{
    data::setting,
    domain::Task,
    eval::Evaluator,
    seeds,
    stage::ChoiceBy,
    value::{Arguments, Failed, Outcome, Value},
};
use crate::source::Span;
use indexmap::IndexMap;
use std::{collections::BTreeMap, rc::Rc};

impl<'p> Evaluator<'p, '_> {
    /// Carries out a builtin that makes a task of a task; none for another one.
    pub(super) fn task_builtin(
        &mut self,
        name: &str,
        subject: &Option<(Value<'p>, Span)>,
        arguments: &Arguments<'p>,
    ) -> Option<Outcome<Value<'p>>> {
        if name != "permute_labels" {
            return None;
        }
        Some(match subject.as_ref()? {
            (Value::Task(task), _) => self.permute_labels(task, arguments),
            (other, at) => self.unexpected("a task", other, *at),
        })
    }

    fn permute_labels(&mut self, task: &Rc<Task>, arguments: &Arguments<'p>) -> Outcome<Value<'p>> {
        let (seed, by) = match arguments.slot("seed") {
            Some(slot) => match slot.value.as_int() {
                Some(seed) => (seed.cast_unsigned(), slot.by),
                None => self.seed,
            },
            None => return Err(Failed),
        };
        let parts = self.parts(task);
        let classes: Vec<u32> = task.samples.iter().map(|(_, class)| *class).collect();
        let permuted = permuted(&parts.groups, &classes, seed);
        let rows = task.samples.iter().map(|(row, _)| *row);
        let samples = rows.zip(permuted).collect();
        let between = task.cohort.group_column.as_deref().unwrap_or("row");
        let changed = task.changed(|task| {
            task.name = Some(format!("{} (labels permuted)", task.name()).into());
            task.samples = Rc::new(samples);
            task.settings.push(setting(
                "permute_labels",
                format!("between groups of {between}"),
                ChoiceBy::Program,
            ));
            task.settings.push(setting("permutation seed", seed.to_string(), by));
        });
        self.check_classes(&changed)?;
        Ok(Value::Task(Rc::new(changed)))
    }
}

/// The classes of samples after whole groups have exchanged them.
///
/// Groups of equal size exchange their lists of classes as they are, so that class counts and their sharing within groups
/// stay; groups whose size nobody has exchange with each other, a list that is too short begun again. The order is drawn
/// from the seed and each group's place, counted by its first sample.
fn permuted(groups: &[u32], classes: &[u32], seed: u64) -> Vec<u32> {
    let mut samples: IndexMap<u32, Vec<usize>> = IndexMap::new();
    for (sample, group) in groups.iter().enumerate() {
        samples.entry(*group).or_default().push(sample);
    }
    let samples: Vec<Vec<usize>> = samples.into_values().collect();
    let mut by_size: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, own) in samples.iter().enumerate() {
        by_size.entry(own.len()).or_default().push(place);
    }
    let (mut exchanges, alone): (Vec<_>, Vec<_>) = by_size.into_values().partition(|places| places.len() > 1);
    let alone: Vec<usize> = alone.into_iter().flatten().collect();
    match exchanges.last_mut() {
        // A single one joins the largest groups.
        Some(last) if alone.len() == 1 => last.extend(alone),
        _ => exchanges.push(alone),
    }
    let mut permuted = classes.to_vec();
    for places in exchanges {
        let mut donors = places.clone();
        donors.sort_by_cached_key(|place| seeds::of_permutation(seed, *place));
        for (place, donor) in places.into_iter().zip(donors) {
            let labels = samples[donor].iter().cycle();
            for (sample, from) in samples[place].iter().zip(labels) {
                permuted[*sample] = classes[*from];
            }
        }
    }
    permuted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn groups_of_one_size_keep_their_class_counts(sizes in prop::collection::vec(1usize..4, 2..40), seed in any::<u64>()) {
            // Every size is there twice at least.
            let sizes: Vec<_> = sizes.iter().flat_map(|size| [*size, *size]).collect();
            let groups: Vec<u32> = (0..).zip(&sizes).flat_map(|(group, size)| vec![group; *size]).collect();
            let classes: Vec<u32> = (0..groups.len()).map(|sample| (sample * 7 % 5 % 3) as u32).collect();
            let permuted = permuted(&groups, &classes, seed);
            let lists = |classes: &[u32]| {
                let mut lists: Vec<Vec<u32>> = groups
                    .chunk_by(|a, b| a == b)
                    .scan(0, |at, run| {
                        *at += run.len();
                        Some(classes[*at - run.len()..*at].to_vec())
                    })
                    .collect();
                lists.sort();
                lists
            };
            prop_assert_eq!(lists(&permuted), lists(&classes));
        }
    }

    #[test]
    fn labels_move_between_groups_and_depend_on_the_seed() {
        let groups: Vec<u32> = (0..60).collect();
        let classes: Vec<u32> = (0..60).map(|sample| u32::from(sample >= 30)).collect();
        let (one, other) = (permuted(&groups, &classes, 1), permuted(&groups, &classes, 2));
        assert_ne!(one, other);
        assert_eq!(one, permuted(&groups, &classes, 1));
        let moved = one.iter().zip(&classes).filter(|(a, b)| a != b).count();
        assert!(
            (16..=44).contains(&moved),
            "half of them change in the mean, not {moved} of 60"
        );
    }

    #[test]
    fn groups_of_sizes_that_nobody_has_exchange_with_each_other() {
        let groups = [0, 0, 0, 1, 2, 2];
        let classes = [0, 0, 0, 1, 2, 2];
        let seeds = 0..20;
        assert!(seeds.into_iter().any(|seed| permuted(&groups, &classes, seed)[3] != 1));
    }
}
