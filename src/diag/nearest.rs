//! The nearest name: what was probably meant.

/// The candidate nearest to `wrong`, if near enough to be worth proposing.
///
/// Distance is Damerau-Levenshtein, letter case ignored; a third of the longer name's length may differ, at least one
/// letter. A candidate that begins with `wrong`, or the other way round, is near from three letters on. Of equals the first wins.
#[must_use]
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let low = wrong.to_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| *candidate != wrong)
        .filter_map(|candidate| {
            let other = candidate.to_lowercase();
            let distance = strsim::damerau_levenshtein(&low, &other);
            let longer = low.chars().count().max(other.chars().count());
            let shorter = low.chars().count().min(other.chars().count());
            let prefix = shorter >= 3 && (other.starts_with(&low) || low.starts_with(&other));
            (prefix || distance <= (longer / 3).max(1) && distance < longer).then_some((distance, candidate))
        })
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

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
}
