//! The nearest name: what was probably meant.

use std::borrow::Cow;

/// Names of more letters are compared by their beginnings alone: the distance costs the product of both lengths.
const LONGEST: usize = 64;

/// The candidate nearest to `wrong`, if near enough to be worth proposing.
///
/// Distance is Damerau-Levenshtein, letter case ignored; a third of the longer name's length may differ, at least one
/// letter. A candidate that begins with `wrong`, or the other way round, is near from three letters on. Of equals the first wins.
#[must_use]
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = Letters::of(wrong);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        if candidate == wrong {
            continue;
        }
        let other = Letters::of(candidate);
        let (shorter, longer) = (wanted.count.min(other.count), wanted.count.max(other.count));
        let prefix = shorter >= 3 && (other.low.starts_with(&*wanted.low) || wanted.low.starts_with(&*other.low));
        let most = (longer / 3).max(1).min(longer.saturating_sub(1));
        // Programs have many names, most of them far: what is cheap tells them apart.
        let least = wanted.least_distance(&other);
        let hopeless = best.is_some_and(|(distance, _)| distance <= least);
        if hopeless || !prefix && (least > most || longer > LONGEST) {
            continue;
        }
        let distance = if longer > LONGEST {
            longer - shorter
        } else {
            strsim::damerau_levenshtein(&wanted.low, &other.low)
        };
        if (prefix || distance <= most) && best.is_none_or(|(known, _)| distance < known) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// A name in small letters, with how many of them it has.
struct Letters<'a> {
    low: Cow<'a, str>,
    count: usize,
    /// How often each letter occurs; letters beyond the first 64 share places.
    bag: [u8; 64],
}

impl<'a> Letters<'a> {
    fn of(name: &'a str) -> Self {
        let small = name.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase());
        let low = if small {
            Cow::Borrowed(name)
        } else {
            Cow::Owned(name.to_lowercase())
        };
        let (mut bag, mut count) = ([0_u8; 64], 0);
        for letter in low.chars() {
            let place = &mut bag[u32::from(letter) as usize % 64];
            *place = place.saturating_add(1);
            count += 1;
        }
        Self { low, count, bag }
    }

    /// Fewer changes cannot make one of the other: a change adds one letter at most, and takes one away at most.
    fn least_distance(&self, other: &Self) -> usize {
        let (mut more, mut fewer) = (0_usize, 0_usize);
        for (a, b) in self.bag.iter().zip(&other.bag) {
            more += usize::from(a.saturating_sub(*b));
            fewer += usize::from(b.saturating_sub(*a));
        }
        more.max(fewer)
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, nearest};
    use proptest::prelude::*;

    #[test]
    fn proposes_what_was_probably_meant_and_nothing_far() {
        let names = ["epochs", "batch", "optimizer", "schedule"];
        assert_eq!(nearest("epoch", names), Some("epochs"));
        assert_eq!(nearest("bacth", names), Some("batch"));
        assert_eq!(nearest("Schedule", names), Some("schedule"));
        assert_eq!(nearest("optim", names), Some("optimizer"));
        assert_eq!(nearest("freeze", names), None);
        assert_eq!(nearest("x", ["y"]), None);
    }

    #[test]
    fn very_long_names_are_near_when_one_begins_with_the_other() {
        let long = "a".repeat(100_000);
        assert_eq!(nearest(&format!("{long}b"), [long.as_str()]), Some(long.as_str()));
        assert_eq!(nearest(&long, ["b".repeat(LONGEST + 1).as_str()]), None);
    }

    proptest! {
        /// What is left out beforehand would not have been chosen.
        #[test]
        fn the_first_of_the_nearest_is_found(
            wrong in "[a-dA-C\u{e9}]{1,6}",
            names in prop::collection::vec("[a-dA-C\u{e9}]{1,7}", 0..8),
        ) {
            let low = wrong.to_lowercase();
            let expected = names.iter().filter(|name| **name != wrong).filter_map(|name| {
                let other = name.to_lowercase();
                let distance = strsim::damerau_levenshtein(&low, &other);
                let (a, b) = (low.chars().count(), other.chars().count());
                let prefix = a.min(b) >= 3 && (other.starts_with(&low) || low.starts_with(&other));
                let near = prefix || distance <= (a.max(b) / 3).max(1) && distance < a.max(b);
                near.then_some((distance, name.as_str()))
            });
            let expected = expected.min_by_key(|&(distance, _)| distance).map(|(_, name)| name);
            prop_assert_eq!(nearest(&wrong, names.iter().map(String::as_str)), expected);
        }
    }
}
