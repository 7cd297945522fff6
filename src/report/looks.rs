//! What is known of earlier looks at the test data, in words.

use super::{numbers, words};
use crate::store::{Looks, Seen};
use jiff::Timestamp;

/// The sentences that a reader of results must know; one paragraph per task, then what the counts are of.
pub(super) fn paragraphs(looks: Option<&Looks>) -> Vec<String> {
    let Some(looks) = looks else {
        return vec!["Earlier looks at the test data are not recorded.".to_owned()];
    };
    let several = looks.tests.len() > 1;
    let mut paragraphs: Vec<_> = looks
        .tests
        .iter()
        .map(|seen| match several {
            true => format!("{}: {}", seen.test.task, of_task(seen)),
            false => of_task(seen),
        })
        .collect();
    if let Some(place) = looks.broken {
        paragraphs.push(format!(
            "The ledger of looks is broken: its record {} does not follow from the one before, so looks may be missing \
             from these counts.",
            place + 1
        ));
    }
    paragraphs.push(format!(
        "Counted are the looks that this store has recorded since {}; others cannot be known. Public test sets have been \
         seen by their community.",
        day(looks.since)
    ));
    paragraphs
}

fn of_task(seen: &Seen) -> String {
    let who = format!(
        "these {} {}",
        numbers::count(seen.test.groups as u64),
        words::groups(seen.test.group_column.as_deref())
    );
    let mut text = match (seen.times, seen.first) {
        (0, _) | (_, None) => format!("No earlier look at results on {who} is recorded."),
        (times, Some(first)) => {
            let times = match times {
                1 => "once".to_owned(),
                times => format!("{} times", numbers::count(times as u64)),
            };
            let plans = match seen.plans {
                1 => "1 plan".to_owned(),
                plans => format!("{} different plans", numbers::count(plans as u64)),
            };
            format!(
                "Test data seen before: results on {who} had been displayed {times} for {plans} (the earliest on {}).",
                day(first)
            )
        }
    };
    if !seen.changed.is_empty() {
        text += &format!(" After a look, these choices changed: {}.", seen.changed.join(", "));
    }
    text + &match &seen.lock {
        None if seen.times == 0 => " The plan was not locked.".to_owned(),
        None => " The plan was not locked: read the p-values as exploratory.".to_owned(),
        Some(lock) => {
            let when = match lock.is_first {
                true => "before any recorded look",
                false => "after a look",
            };
            let deviations = match &lock.deviations[..] {
                [] => "none".to_owned(),
                names => names.join(", "),
            };
            format!(" Plan locked on {}, {when}; deviations: {deviations}.", day(lock.when))
        }
    }
}

/// `3 Nov 2026`, in UTC.
fn day(when: Timestamp) -> String {
    when.strftime("%-d %b %Y").to_string()
}
