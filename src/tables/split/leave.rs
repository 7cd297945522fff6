//! One fold for each value of a column: leave one hospital out.

use super::{Assignment, Member, Part, SplitError, balance::Balance};
use std::collections::BTreeMap;

/// The members, in the order of the values: each is tested on one value's groups and trained on the others.
pub(super) fn leave_one_out(
    assignment: &Assignment,
    balance: &Balance<'_>,
    values: &[String],
    tuning: f64,
) -> Result<Vec<Member>, SplitError> {
    let fold_of = folds(assignment, values)?;
    let count = fold_of.iter().max().map_or(0, |last| last + 1);
    if count < 2 {
        return Err(SplitError::BadFolds {
            folds: count,
            repeats: 1,
        });
    }
    let mut members = Vec::new();
    for fold in 0..count {
        let mut parts = vec![Part::Test; fold_of.len()];
        let others: Vec<u32> = (0..)
            .zip(&fold_of)
            .filter(|(_, own)| **own != fold)
            .map(|(group, _)| group)
            .collect();
        if others.len() < 1 + usize::from(tuning > 0.0) {
            return Err(SplitError::TooFewGroups {
                groups: fold_of.len(),
                folds_that_work: None,
            });
        }
        others.iter().for_each(|&group| parts[group as usize] = Part::Training);
        if tuning > 0.0 {
            let bins = balance.bins(&others, &[1.0 - tuning, tuning], &[0, fold]);
            for (&group, _) in others.iter().zip(bins).filter(|&(_, bin)| bin == 1) {
                parts[group as usize] = Part::Tuning;
            }
        }
        members.push(Member { repeat: 0, fold, parts });
    }
    Ok(members)
}

/// The fold of each group; all of its rows have one value.
fn folds(assignment: &Assignment, values: &[String]) -> Result<Vec<u32>, SplitError> {
    let mut places: BTreeMap<&str, u32> = values.iter().map(|value| (value.as_str(), 0)).collect();
    for (place, fold) in places.values_mut().zip(0..) {
        *place = fold;
    }
    let mut found: Vec<Option<usize>> = vec![None; assignment.groups.len()];
    let mut torn: BTreeMap<u32, [usize; 2]> = BTreeMap::new();
    for (row, &group) in assignment.rows.iter().enumerate() {
        let first = *found[group as usize].get_or_insert(row);
        if values[first] != values[row] {
            torn.entry(group).or_insert([first, row]);
        }
    }
    if let Some((&group, rows)) = torn.first_key_value() {
        let of = |row: usize| (values[row].clone(), row);
        return Err(SplitError::GroupInTwoFolds {
            group: assignment.groups[group as usize].clone(),
            first: of(rows[0]),
            second: of(rows[1]),
            count: torn.len(),
        });
    }
    // Every group has a row, so every group was found.
    Ok(found
        .into_iter()
        .flatten()
        .map(|row| places[values[row].as_str()])
        .collect())
}
