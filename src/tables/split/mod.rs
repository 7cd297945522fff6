//! Folds: which group is trained on, watched or tested, by which member.
//!
//! A split is a pure function of the groups' names, their strata and a seed; the order of the rows does not enter.

mod balance;
mod error;
mod leave;
#[cfg(test)]
mod tests;

use balance::{Balance, Features};
pub use error::SplitError;
use std::{collections::BTreeMap, fmt};

/// How rows are split.
#[derive(Clone, Copy, Debug)]
pub enum Folding<'a> {
    /// Each group is tested once in every repeat, by the member that was trained on the other folds.
    KFold {
        /// Folds in a repeat, at least 2.
        folds: u32,
        /// Share of each member's training groups that is set aside, `0..1`.
        tuning: f64,
        /// Whole cross-validations, each with new folds.
        repeats: u32,
    },
    /// One member; the shares are of all groups.
    Holdout {
        /// Share of the tuning part, `0..1`.
        tuning: f64,
        /// Share of the test part, `0..1`.
        test: f64,
    },
    /// One member; each row's word says its part: `train`, `test` and, for the tuning part, `val`, `valid`,
    /// `validation` or `tuning`.
    ByColumn(&'a [String]),
    /// One member for each value of a column, which is tested on the groups of that value.
    LeaveOneOut {
        /// The value of each row; all rows of a group have one.
        values: &'a [String],
        /// Share of each member's training groups that is set aside, `0..1`.
        tuning: f64,
    },
    /// One member without a training part: every group is tested.
    Whole,
    /// The members of another cohort: groups that it knows keep their parts, others are always training.
    Like(&'a Assignment),
}

/// A part of a member's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Learnt from.
    Training,
    /// Watched while training, and used for choices; never learnt from.
    Tuning,
    /// Scored.
    Test,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Training => "training",
            Self::Tuning => "tuning",
            Self::Test => "test",
        })
    }
}

/// One model of a family: the part of each group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Repeat, from 0.
    pub repeat: u32,
    /// Fold, from 0.
    pub fold: u32,
    /// Part of each group, by place in [`Assignment::groups`].
    pub parts: Vec<Part>,
}

/// A finished split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Folds in a repeat; 1 but for k folds.
    pub folds: u32,
    /// Repeats.
    pub repeats: u32,
    /// Names of the groups, sorted.
    pub groups: Vec<String>,
    /// The group of each row, by place in `groups`.
    pub rows: Vec<u32>,
    /// Members, ordered by repeat and fold.
    pub members: Vec<Member>,
}

/// Splits rows into parts that never share a group.
///
/// `groups` holds the group of each row, each list of `strata` the value of each row that is to be spread evenly; several
/// lists are spread each for itself. A group counts under the rarest of its rows' strata (the one that the fewest groups
/// have), so that few groups of a rare class are spread as evenly as they can be; rows per stratum and the sizes of parts
/// are balanced as well.
///
/// # Errors
/// [`SplitError`]; never `ClassVanishes`, which [`Assignment::check_classes`] finds.
pub fn split(
    groups: &[String],
    strata: &[Vec<String>],
    folding: &Folding<'_>,
    seed: u64,
) -> Result<Assignment, SplitError> {
    let mut assignment = Assignment::new(groups)?;
    let count = assignment.groups.len();
    let features = || Features::new(&assignment.rows, count, strata);
    let one = |parts| {
        vec![Member {
            repeat: 0,
            fold: 0,
            parts,
        }]
    };
    match *folding {
        Folding::KFold { folds, tuning, repeats } => {
            if folds < 2 || repeats < 1 {
                return Err(SplitError::BadFolds { folds, repeats });
            }
            check_shares(tuning, 0.0)?;
            let balance = Balance {
                names: &assignment.groups,
                features: features(),
                seed,
            };
            let members = k_fold(&balance, folds, tuning, repeats);
            assignment.members = members.ok_or_else(|| SplitError::TooFewGroups {
                groups: count,
                // As many folds as groups leave all but one for training; two of those make a tuning part as well.
                folds_that_work: u32::try_from(count)
                    .ok()
                    .filter(|&most| most >= if tuning > 0.0 { 3 } else { 2 }),
            })?;
            (assignment.folds, assignment.repeats) = (folds, repeats);
        }
        Folding::Holdout { tuning, test } => {
            check_shares(tuning, test)?;
            if count < 1 + usize::from(tuning > 0.0) + usize::from(test > 0.0) {
                return Err(SplitError::TooFewGroups {
                    groups: count,
                    folds_that_work: None,
                });
            }
            let balance = Balance {
                names: &assignment.groups,
                features: features(),
                seed,
            };
            assignment.members = one(holdout(&balance, tuning, test));
        }
        Folding::ByColumn(words) => assignment.members = one(by_column(&assignment, words)?),
        Folding::LeaveOneOut { values, tuning } => {
            check_shares(tuning, 0.0)?;
            let balance = Balance {
                names: &assignment.groups,
                features: features(),
                seed,
            };
            let members = leave::leave_one_out(&assignment, &balance, values, tuning)?;
            assignment.folds = u32::try_from(members.len()).unwrap_or(u32::MAX);
            assignment.members = members;
        }
        Folding::Whole => assignment.members = one(vec![Part::Test; count]),
        Folding::Like(known) => {
            (assignment.folds, assignment.repeats) = (known.folds, known.repeats);
            assignment.members = like(&assignment.groups, known);
        }
    }
    Ok(assignment)
}

impl Assignment {
    /// The groups of the rows, without members yet.
    fn new(groups: &[String]) -> Result<Self, SplitError> {
        if groups.is_empty() {
            return Err(SplitError::NoRows);
        }
        if let Some(row) = groups.iter().position(String::is_empty) {
            return Err(SplitError::NoGroup { row });
        }
        let mut places: BTreeMap<&str, u32> = groups.iter().map(|group| (group.as_str(), 0)).collect();
        for (place, value) in places.values_mut().zip(0..) {
            *place = value;
        }
        Ok(Self {
            folds: 1,
            repeats: 1,
            rows: groups.iter().map(|group| places[group.as_str()]).collect(),
            groups: places.keys().map(|&group| group.to_owned()).collect(),
            members: Vec::new(),
        })
    }

    /// The part of a row for a member.
    ///
    /// # Panics
    /// If there is no such member or row.
    #[must_use]
    pub fn part(&self, member: usize, row: usize) -> Part {
        self.members[member].parts[self.rows[row] as usize]
    }

    /// The rows of a part, ascending.
    ///
    /// # Panics
    /// If there is no such member.
    #[must_use]
    pub fn rows_of(&self, member: usize, part: Part) -> Vec<u32> {
        (0..)
            .zip(&self.rows)
            .filter(|&(_, &group)| self.members[member].parts[group as usize] == part)
            .map(|(row, _)| row)
            .collect()
    }

    /// How many groups of a part have a row of each class; `classes` holds each row's class, none for rows left out.
    #[must_use]
    pub fn groups_per_class(&self, member: usize, part: Part, classes: &[Option<u32>], count: u32) -> Vec<usize> {
        let parts = &self.members[member].parts;
        self.count_groups(classes, count, |group| parts[group as usize] == part)
    }

    fn count_groups(&self, classes: &[Option<u32>], count: u32, keep: impl Fn(u32) -> bool) -> Vec<usize> {
        let mut pairs: Vec<_> = self
            .rows
            .iter()
            .zip(classes)
            .filter_map(|(&group, class)| class.filter(|_| keep(group)).map(|class| (class, group)))
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        let mut counts = vec![0; count as usize];
        for (class, _) in pairs {
            counts[class as usize] += 1;
        }
        counts
    }

    /// Checks that every member has samples of all classes in its training part and in its test part, as far as it
    /// has such parts. `classes` as in [`Self::groups_per_class`].
    ///
    /// # Errors
    /// [`SplitError::ClassVanishes`], with the number of groups that have the class.
    pub fn check_classes(&self, classes: &[Option<u32>], count: u32) -> Result<(), SplitError> {
        for (place, member) in self.members.iter().enumerate() {
            for part in [Part::Training, Part::Test] {
                if !member.parts.contains(&part) {
                    continue;
                }
                let here = self.groups_per_class(place, part, classes, count);
                if let Some((class, _)) = (0..).zip(&here).find(|&(_, &groups)| groups == 0) {
                    let groups = self.count_groups(classes, count, |_| true)[class as usize];
                    let Member { repeat, fold, .. } = *member;
                    return Err(SplitError::ClassVanishes {
                        class,
                        part,
                        repeat,
                        fold,
                        groups,
                    });
                }
            }
        }
        Ok(())
    }
}

fn check_shares(tuning: f64, test: f64) -> Result<(), SplitError> {
    let valid = (0.0..1.0).contains(&tuning) && (0.0..1.0).contains(&test) && tuning + test < 1.0;
    if valid {
        Ok(())
    } else {
        Err(SplitError::BadShares { tuning, test })
    }
}

/// The members, or none if a part of one of them would be empty.
fn k_fold(balance: &Balance<'_>, folds: u32, tuning: f64, repeats: u32) -> Option<Vec<Member>> {
    if balance.names.len() < folds as usize {
        return None;
    }
    let everyone: Vec<u32> = (0..).take(balance.names.len()).collect();
    let equal = vec![1.0 / f64::from(folds); folds as usize];
    let mut members = Vec::new();
    for repeat in 0..repeats {
        let fold_of = balance.bins(&everyone, &equal, &[repeat]);
        for fold in 0..folds {
            let mut parts = vec![Part::Training; everyone.len()];
            let mut others = Vec::new();
            for (&group, &bin) in everyone.iter().zip(&fold_of) {
                if bin == fold as usize {
                    parts[group as usize] = Part::Test;
                } else {
                    others.push(group);
                }
            }
            if others.len() < 1 + usize::from(tuning > 0.0) {
                return None;
            }
            if tuning > 0.0 {
                let bins = balance.bins(&others, &[1.0 - tuning, tuning], &[repeat, fold]);
                for (&group, _) in others.iter().zip(bins).filter(|&(_, bin)| bin == 1) {
                    parts[group as usize] = Part::Tuning;
                }
            }
            members.push(Member { repeat, fold, parts });
        }
    }
    Some(members)
}

fn holdout(balance: &Balance<'_>, tuning: f64, test: f64) -> Vec<Part> {
    let everyone: Vec<u32> = (0..).take(balance.names.len()).collect();
    let parts: Vec<_> = [
        (Part::Training, 1.0 - tuning - test),
        (Part::Tuning, tuning),
        (Part::Test, test),
    ]
    .into_iter()
    .filter(|&(_, share)| share > 0.0)
    .collect();
    let shares: Vec<_> = parts.iter().map(|&(_, share)| share).collect();
    balance
        .bins(&everyone, &shares, &[])
        .into_iter()
        .map(|bin| parts[bin].0)
        .collect()
}

fn by_column(assignment: &Assignment, words: &[String]) -> Result<Vec<Part>, SplitError> {
    let mut found: Vec<Option<(Part, usize)>> = vec![None; assignment.groups.len()];
    let mut torn: BTreeMap<u32, [(Part, usize); 2]> = BTreeMap::new();
    for (row, (word, &group)) in words.iter().zip(&assignment.rows).enumerate() {
        let part = match word.to_ascii_lowercase().as_str() {
            "train" | "training" => Part::Training,
            "val" | "valid" | "validation" | "tuning" => Part::Tuning,
            "test" => Part::Test,
            _ => {
                return Err(SplitError::UnknownPart {
                    word: word.clone(),
                    row,
                });
            }
        };
        let first = found[group as usize].get_or_insert((part, row));
        if first.0 != part {
            torn.entry(group).or_insert([*first, (part, row)]);
        }
    }
    if let Some((&group, &[first, second])) = torn.first_key_value() {
        let group = assignment.groups[group as usize].clone();
        return Err(SplitError::GroupInTwoParts {
            group,
            first,
            second,
            count: torn.len(),
        });
    }
    // Every group has a row, so every group was found.
    Ok(found.into_iter().flatten().map(|(part, _)| part).collect())
}

fn like(groups: &[String], known: &Assignment) -> Vec<Member> {
    let places: Vec<_> = groups
        .iter()
        .map(|group| known.groups.binary_search(group).ok())
        .collect();
    let part = |member: &Member, place: &Option<usize>| place.map_or(Part::Training, |place| member.parts[place]);
    known
        .members
        .iter()
        .map(|member| Member {
            repeat: member.repeat,
            fold: member.fold,
            parts: places.iter().map(|place| part(member, place)).collect(),
        })
        .collect()
}
