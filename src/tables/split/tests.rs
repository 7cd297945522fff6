#![allow(clippy::unwrap_used)]

use super::{Assignment, Folding, Part, SplitError, split};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn names(prefix: &str, ids: impl IntoIterator<Item = u32>) -> Vec<String> {
    ids.into_iter().map(|id| format!("{prefix}{id}")).collect()
}

const FIVE: Folding<'_> = Folding::KFold {
    folds: 5,
    tuning: 0.1,
    repeats: 1,
};

fn parts_by_group(assignment: &Assignment) -> BTreeMap<&str, Vec<Part>> {
    let parts = |place: usize| assignment.members.iter().map(|member| member.parts[place]).collect();
    assignment
        .groups
        .iter()
        .enumerate()
        .map(|(place, group)| (group.as_str(), parts(place)))
        .collect()
}

proptest! {
    #[test]
    fn every_group_is_tested_once_per_repeat_and_no_part_is_empty(
        rows in prop::collection::vec((0u32..40, 0u32..4), 60..200),
        folds in 2u32..6,
        repeats in 1u32..3,
        seed: u64,
    ) {
        let groups = names("p", rows.iter().map(|row| row.0));
        let strata = names("s", rows.iter().map(|row| row.1));
        let folding = Folding::KFold { folds, tuning: 0.1, repeats };
        let assignment = split(&groups, std::slice::from_ref(&strata), &folding, seed).unwrap();
        prop_assert_eq!(assignment.members.len(), (folds * repeats) as usize);
        for (group, parts) in parts_by_group(&assignment) {
            let tested = parts.iter().filter(|&&part| part == Part::Test).count();
            prop_assert_eq!(tested, repeats as usize, "{}", group);
        }
        for member in 0..assignment.members.len() {
            let mut seen = BTreeMap::new();
            for part in [Part::Training, Part::Tuning, Part::Test] {
                let rows = assignment.rows_of(member, part);
                prop_assert!(!rows.is_empty());
                for row in rows {
                    prop_assert_eq!(*seen.entry(&groups[row as usize]).or_insert(part), part);
                }
            }
            prop_assert_eq!(seen.len(), groups.iter().collect::<BTreeSet<_>>().len());
        }
    }

    #[test]
    fn the_order_of_rows_does_not_matter(
        rows in prop::collection::vec((0u32..30, 0u32..3), 40..120).prop_shuffle(),
        turn in 1usize..40,
        seed: u64,
    ) {
        let of = |rows: &[(u32, u32)]| {
            let groups = names("p", rows.iter().map(|row| row.0));
            let strata = names("s", rows.iter().map(|row| row.1));
            split(&groups, std::slice::from_ref(&strata), &FIVE, seed).unwrap()
        };
        let mut turned = rows.clone();
        turned.rotate_left(turn);
        turned.swap(0, 7);
        let (straight, turned) = (of(&rows), of(&turned));
        prop_assert_eq!(parts_by_group(&straight), parts_by_group(&turned));
    }

    #[test]
    fn like_keeps_known_groups_and_trains_on_new_ones(known in prop::collection::btree_set(0u32..60, 10..40), seed: u64) {
        let cohort = split(&names("p", known.iter().copied()), &[], &FIVE, seed).unwrap();
        let other = split(&names("p", 0..60), &[], &Folding::Like(&cohort), 0).unwrap();
        let before = parts_by_group(&cohort);
        for (group, parts) in parts_by_group(&other) {
            let expected = before.get(group).cloned().unwrap_or(vec![Part::Training; 5]);
            prop_assert_eq!(parts, expected);
        }
    }

    #[test]
    fn a_holdout_has_the_shares_asked_for(count in 30u32..200, seed: u64) {
        let folding = Folding::Holdout { tuning: 0.1, test: 0.2 };
        let assignment = split(&names("p", 0..count), &[], &folding, seed).unwrap();
        for (part, share) in [(Part::Training, 0.7), (Part::Tuning, 0.1), (Part::Test, 0.2)] {
            let rows = assignment.rows_of(0, part).len() as f64;
            prop_assert!((rows - share * f64::from(count)).abs() <= 1.0, "{} {}", part, rows);
        }
    }
}

#[test]
fn seeds_and_repeats_draw_new_folds_and_the_same_seed_the_same() {
    let groups = names("p", 0..100);
    let folding = Folding::KFold {
        folds: 5,
        tuning: 0.1,
        repeats: 2,
    };
    let first = split(&groups, &[], &folding, 7).unwrap();
    assert_eq!(first, split(&groups, &[], &folding, 7).unwrap());
    assert_ne!(first, split(&groups, &[], &folding, 8).unwrap());
    assert_ne!(first.members[0].parts, first.members[5].parts);
}

#[test]
fn a_group_counts_under_its_rarest_stratum() {
    // Ten of 110 groups have one rare row among three common ones: two of them in each of five folds.
    let groups = names("p", (0..110).flat_map(|id| [id; 4]));
    let strata: Vec<_> = (0..440)
        .map(|row| if row < 40 && row % 4 == 2 { "rare" } else { "common" }.to_owned())
        .collect();
    for seed in 0..20 {
        let assignment = split(&groups, std::slice::from_ref(&strata), &FIVE, seed).unwrap();
        let classes: Vec<_> = strata
            .iter()
            .map(|stratum| Some(u32::from(stratum == "rare")))
            .collect();
        for fold in 0..5 {
            assert_eq!(
                assignment.groups_per_class(fold, Part::Test, &classes, 2)[1],
                2,
                "seed {seed}, fold {fold}"
            );
        }
    }
}

#[test]
fn too_few_groups_say_how_many_folds_would_work() {
    let few = |count, folds| {
        split(
            &names("p", 0..count),
            &[],
            &Folding::KFold {
                folds,
                tuning: 0.1,
                repeats: 1,
            },
            0,
        )
    };
    let error = |groups, folds_that_work| {
        Err(SplitError::TooFewGroups {
            groups,
            folds_that_work,
        })
    };
    assert_eq!(few(4, 5), error(4, Some(4)));
    assert_eq!(few(3, 2), error(3, Some(3)));
    assert_eq!(few(2, 2), error(2, None));
    assert!(few(5, 5).is_ok() && few(4, 2).is_ok() && few(3, 3).is_ok());
}

#[test]
fn shares_and_counts_out_of_range_are_refused() {
    let groups = names("p", 0..20);
    for (tuning, test) in [(0.5, 0.5), (-0.1, 0.0), (f64::NAN, 0.2), (0.0, 1.0)] {
        let result = split(&groups, &[], &Folding::Holdout { tuning, test }, 0);
        assert!(matches!(result, Err(SplitError::BadShares { .. })), "{tuning} {test}");
    }
    let once = Folding::KFold {
        folds: 1,
        tuning: 0.0,
        repeats: 1,
    };
    assert!(matches!(
        split(&groups, &[], &once, 0),
        Err(SplitError::BadFolds { .. })
    ));
    assert_eq!(split(&[], &[], &FIVE, 0), Err(SplitError::NoRows));
    let unnamed = ["a".to_owned(), String::new()];
    assert_eq!(split(&unnamed, &[], &FIVE, 0), Err(SplitError::NoGroup { row: 1 }));
}

#[test]
fn a_column_names_the_parts() {
    let groups = names("p", 0..5);
    let words = ["train", "test", "val", "validation", "TEST"].map(str::to_owned);
    let assignment = split(&groups, &[], &Folding::ByColumn(&words), 0).unwrap();
    use Part::{Test, Training, Tuning};
    assert_eq!(assignment.members[0].parts, [Training, Test, Tuning, Tuning, Test]);
    let unknown = ["train", "test", "val", "dev", "test"].map(str::to_owned);
    let expected = SplitError::UnknownPart {
        word: "dev".to_owned(),
        row: 3,
    };
    assert_eq!(split(&groups, &[], &Folding::ByColumn(&unknown), 0), Err(expected));
}

#[test]
fn a_group_in_two_parts_is_named_with_its_rows() {
    let groups = ["a", "b", "b", "b"].map(str::to_owned);
    let words = ["train", "train", "val", "test"].map(str::to_owned);
    let expected = SplitError::GroupInTwoParts {
        group: "b".to_owned(),
        first: (Part::Training, 1),
        second: (Part::Tuning, 2),
        count: 1,
    };
    assert_eq!(split(&groups, &[], &Folding::ByColumn(&words), 0), Err(expected));
}

#[test]
fn a_class_that_a_fold_lacks_is_found() {
    let assignment = split(&names("p", 0..20), &[], &FIVE, 0).unwrap();
    let mut classes = vec![Some(0); 20];
    classes[3] = Some(1);
    classes[4] = None;
    let error = assignment.check_classes(&classes, 2).unwrap_err();
    assert!(
        matches!(
            error,
            SplitError::ClassVanishes {
                class: 1,
                groups: 1,
                ..
            }
        ),
        "{error}"
    );
    let halves: Vec<_> = (0..20).map(|row| Some(row % 2)).collect();
    let strata = names("s", 0..20)
        .iter()
        .enumerate()
        .map(|(row, _)| (row % 2).to_string())
        .collect::<Vec<_>>();
    let stratified = split(&names("p", 0..20), std::slice::from_ref(&strata), &FIVE, 0).unwrap();
    assert_eq!(stratified.check_classes(&halves, 2), Ok(()));
}

#[test]
fn whole_is_tested_and_never_trained_on() {
    let assignment = split(&names("p", [1, 1, 2]), &[], &Folding::Whole, 0).unwrap();
    assert_eq!(assignment.rows_of(0, Part::Test), [0, 1, 2]);
    assert_eq!(assignment.check_classes(&[Some(0), Some(1), Some(0)], 2), Ok(()));
}

#[test]
fn one_value_after_the_other_is_left_out() {
    let groups = names("p", [0, 0, 1, 2, 3, 4, 5, 6, 7]);
    let sites: Vec<String> = ["b", "b", "a", "a", "c", "b", "a", "c", "b"].map(str::to_owned).into();
    let rule = Folding::LeaveOneOut {
        values: &sites,
        tuning: 0.2,
    };
    let assignment = split(&groups, &[], &rule, 3).unwrap();
    assert_eq!(
        (assignment.folds, assignment.repeats, assignment.members.len()),
        (3, 1, 3)
    );
    for (member, site) in ["a", "b", "c"].into_iter().enumerate() {
        let tested = assignment.rows_of(member, Part::Test);
        let of_site: Vec<u32> = (0..)
            .zip(&sites)
            .filter(|(_, s)| *s == site)
            .map(|(row, _)| row)
            .collect();
        assert_eq!(tested, of_site, "{site}");
        assert!(!assignment.rows_of(member, Part::Tuning).is_empty(), "{site}");
        assert!(!assignment.rows_of(member, Part::Training).is_empty(), "{site}");
    }
    let mut torn = sites.clone();
    torn[1] = "c".to_owned();
    let error = split(
        &groups,
        &[],
        &Folding::LeaveOneOut {
            values: &torn,
            tuning: 0.0,
        },
        3,
    );
    let first = ("b".to_owned(), 0);
    let expected = SplitError::GroupInTwoFolds {
        group: "p0".into(),
        first,
        second: ("c".into(), 1),
        count: 1,
    };
    assert_eq!(error, Err(expected));
    let one = vec!["a".to_owned(); 9];
    let error = split(
        &groups,
        &[],
        &Folding::LeaveOneOut {
            values: &one,
            tuning: 0.0,
        },
        3,
    );
    assert_eq!(error, Err(SplitError::BadFolds { folds: 1, repeats: 1 }));
}

/// Sides and sites of 120 groups, both skewed and independent: spread together, each fold has its share of both.
#[test]
fn several_strata_are_each_spread_evenly() {
    let groups = names("p", 0..120);
    let sides = names("side", (0..120).map(|p| u32::from(p % 4 == 0)));
    let sites = names("site", (0..120).map(|p| u32::from(p % 5 < 2) + u32::from(p % 10 == 7)));
    let worst = |assignment: &Assignment, values: &[String]| {
        let mut worst: usize = 0;
        for value in values.iter().collect::<BTreeSet<_>>() {
            let counts = (0..5).map(|fold| {
                let rows = assignment.rows_of(fold, Part::Test);
                rows.iter().filter(|&&row| values[row as usize] == *value).count()
            });
            let counts: Vec<_> = counts.collect();
            worst = worst.max(counts.iter().max().unwrap() - counts.iter().min().unwrap());
        }
        worst
    };
    for seed in 0..20 {
        let both = split(&groups, &[sides.clone(), sites.clone()], &FIVE, seed).unwrap();
        assert!(worst(&both, &sides) <= 1 && worst(&both, &sites) <= 2, "seed {seed}");
    }
}
