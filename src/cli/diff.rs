//! The difference of two texts, line by line, in the unified format of POSIX `diff -u`.

use std::fmt::Write as _;

/// Unchanged lines shown around a change.
const CONTEXT: usize = 3;

/// How far from a changed line the next equal one is searched. The formatter moves lines by little, and beyond that a
/// longer difference is shown, still a right one.
const REACH: usize = 60;

/// Equal lines of both texts, as pairs of their numbers, in order.
fn equal_lines(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < old.len() && j < new.len() {
        if old[i] == new[j] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else {
            let equal = |n: usize, m: usize| {
                old.get(i + n)
                    .is_some_and(|line| !line.trim().is_empty() && new.get(j + m) == Some(line))
            };
            let nearest = (1..=REACH).find_map(|sum| (0..=sum).map(|n| (n, sum - n)).find(|&(n, m)| equal(n, m)));
            let (mut n, mut m) = nearest.unwrap_or((1, 1));
            while n > 0 && m > 0 && old.get(i + n - 1) == new.get(j + m - 1) {
                (n, m) = (n - 1, m - 1);
            }
            (i, j) = (i + n, j + m);
        }
    }
    pairs
}

/// A hunk: the lines `old.0..old.1` and `new.0..new.1`, with the equal pairs among them.
struct Hunk {
    old: (usize, usize),
    new: (usize, usize),
    equal: Vec<(usize, usize)>,
}

/// Runs of changes with their context; those whose contexts touch are one.
fn hunks(old: &[&str], new: &[&str]) -> Vec<Hunk> {
    let mut pairs = equal_lines(old, new);
    pairs.push((old.len(), new.len()));
    let mut hunks: Vec<Hunk> = Vec::new();
    let (mut i, mut j) = (0, 0);
    for (at, &(n, m)) in pairs.iter().enumerate() {
        if (n, m) != (i, j) {
            let before = at.min(CONTEXT).min(i).min(j);
            let mut after: Vec<_> = pairs[at..pairs.len() - 1].iter().take(CONTEXT).copied().collect();
            after.truncate((0..after.len()).take_while(|&k| after[k] == (n + k, m + k)).count());
            let end = (n + after.len(), m + after.len());
            match hunks.last_mut() {
                Some(last) if last.old.1 + before >= i => {
                    let from = last.old.1;
                    last.equal.extend(pairs[..at].iter().filter(|pair| pair.0 >= from));
                    last.equal.extend(after);
                    (last.old.1, last.new.1) = end;
                }
                _ => hunks.push(Hunk {
                    old: (i - before, end.0),
                    new: (j - before, end.1),
                    equal: pairs[at - before..at].iter().copied().chain(after).collect(),
                }),
            }
        }
        (i, j) = (n + 1, m + 1);
    }
    hunks
}

/// The difference between two versions of a file; empty if they are equal.
pub(super) fn unified(name: &str, old: &str, new: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let mut out = String::new();
    for hunk in hunks(&old, &new) {
        if out.is_empty() {
            let _ = writeln!(out, "--- {name}\n+++ {name} (formatted)");
        }
        let range = |(from, to): (usize, usize)| format!("{},{}", from + usize::from(from < to), to - from);
        let _ = writeln!(out, "@@ -{} +{} @@", range(hunk.old), range(hunk.new));
        let (mut i, mut j) = (hunk.old.0, hunk.new.0);
        for (n, m) in hunk.equal.into_iter().chain([(hunk.old.1, hunk.new.1)]) {
            old[i..n].iter().for_each(|line| push(&mut out, '-', line));
            new[j..m].iter().for_each(|line| push(&mut out, '+', line));
            if n < hunk.old.1 {
                push(&mut out, ' ', old[n]);
            }
            (i, j) = (n + 1, m + 1);
        }
    }
    out
}

/// A line with its mark; a last one without its end says so.
fn push(out: &mut String, mark: char, line: &str) {
    out.push(mark);
    out.push_str(line);
    if !line.ends_with('\n') {
        out.push_str("\n\\ No newline at end of file\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Carries a difference out on the old text.
    fn patch(old: &str, difference: &str) -> String {
        let old: Vec<_> = old.split_inclusive('\n').collect();
        let mut out = String::new();
        let mut at = 0;
        let lines: Vec<_> = difference.split_inclusive('\n').collect();
        for (n, line) in lines.iter().enumerate() {
            let whole = lines.get(n + 1).is_none_or(|next| !next.starts_with('\\'));
            let text = if whole {
                &line[1..]
            } else {
                line[1..].trim_end_matches('\n')
            };
            if line.starts_with("@@") {
                let range = line.split([' ', ',']).nth(1).expect("a range")[1..].parse::<usize>();
                let count = line.split([' ', ',']).nth(2).expect("a count");
                let from = range.expect("a number") - usize::from(count != "0");
                out.extend(old[at..from].iter().copied());
                at = from;
            } else if line.starts_with(['-', ' ']) && !line.starts_with("---") {
                assert_eq!(old[at], text, "line {at}");
                at += 1;
                if line.starts_with(' ') {
                    out.push_str(text);
                }
            } else if line.starts_with('+') && !line.starts_with("+++") {
                out.push_str(text);
            }
        }
        out.extend(old[at..].iter().copied());
        out
    }

    #[test]
    fn a_difference_shows_the_change_in_its_context() {
        let old = "a\nb\nc\nd\ne\nf\ng\nh\ni\n";
        let new = "a\nb\nc\nd\nE\nf\ng\nh\ni\nj\n";
        assert_eq!(
            unified("x", old, new),
            "--- x\n+++ x (formatted)\n@@ -2,8 +2,9 @@\n b\n c\n d\n-e\n+E\n f\n g\n h\n i\n+j\n"
        );
        assert_eq!(unified("x", old, old), "");
    }

    #[test]
    fn a_difference_carried_out_gives_the_new_text() {
        let texts = [
            "",
            "a\n",
            "a",
            "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\n",
            "a\nx\nc\nd\ne\nf\ng\nh\ni\nj\ny\nl",
            "b\nc\nd\n\n\ne\nf\nf\nf\ng\nq\nq\nq\nl\nl\n",
            "q\nq\nq\nq\nq\nq\nq\nq\nq\na\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\n",
        ];
        for old in texts {
            for new in texts {
                let difference = unified("x", old, new);
                assert_eq!(patch(old, &difference), new, "{old:?} to {new:?} by\n{difference}");
            }
        }
    }
}
