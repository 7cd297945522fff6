//! Fixes made in a text: which ones can be made together, and the text that comes out.

use super::Fix;
use std::ops::Range;

/// The fixes that can be made at once, by file and place.
///
/// The same fix found twice is made once. Of fixes that overlap the first one is taken, and of those that insert at one
/// place too, unless all of them go on with a list (`, name`), where each is an entry; what is left waits for another
/// round.
#[must_use]
pub fn compatible<'a>(fixes: impl IntoIterator<Item = &'a Fix>) -> Vec<&'a Fix> {
    let mut all: Vec<&Fix> = fixes.into_iter().collect();
    all.sort_by_key(|fix| fix.span);
    let mut taken: Vec<&Fix> = Vec::new();
    for fix in all {
        if !taken.contains(&fix) && taken.last().is_none_or(|last| agree(last, fix)) {
            taken.push(fix);
        }
    }
    taken
}

/// True when `second`, which does not begin before `first`, can be made beside it.
fn agree(first: &Fix, second: &Fix) -> bool {
    let inserts = |fix: &Fix| fix.span.start == fix.span.end;
    if first.span.file != second.span.file {
        return true;
    }
    if inserts(first) && inserts(second) && first.span == second.span {
        return [first, second].iter().all(|fix| fix.text.starts_with(','));
    }
    first.span.end <= second.span.start
}

/// A text with fixes made in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The text.
    pub text: String,
    /// Where each fix's text stands in it, in bytes.
    pub places: Vec<Range<usize>>,
}

/// Makes fixes of one file, as [`compatible`] gives them, in its text. None when one reaches beyond the text, into a
/// character, or over the one before it.
#[must_use]
pub fn apply(text: &str, fixes: &[&Fix]) -> Option<Applied> {
    let (mut made, mut places, mut done) = (String::with_capacity(text.len()), Vec::new(), 0);
    for fix in fixes {
        let (start, end) = (fix.span.start as usize, fix.span.end as usize);
        text.get(start..end)?;
        made.push_str(text.get(done..start)?);
        let place = made.len();
        made.push_str(&fix.text);
        places.push(place..made.len());
        done = end;
    }
    made.push_str(text.get(done..)?);
    Some(Applied { text: made, places })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{FileId, SourceMap, Span};
    use proptest::prelude::*;

    fn file() -> FileId {
        SourceMap::new().add("a.mtl", None, "")
    }

    fn fix(start: usize, end: usize, text: &str) -> Fix {
        let span = Span::new(file(), start, end);
        Fix {
            span,
            text: text.to_owned(),
        }
    }

    fn made(text: &str, fixes: &[Fix]) -> Option<String> {
        apply(text, &compatible(fixes)).map(|applied| applied.text)
    }

    #[test]
    fn what_does_not_overlap_is_made_at_once() {
        let fixes = [fix(8, 9, "two"), fix(4, 5, "one"), fix(0, 0, "let "), fix(9, 9, "!")];
        assert_eq!(made("b = a + c", &fixes).as_deref(), Some("let b = one + two!"));
    }

    #[test]
    fn of_overlapping_fixes_the_first_is_made_and_the_same_one_once() {
        let fixes = [fix(0, 6, "x |> rgb"), fix(4, 5, "y"), fix(0, 6, "x |> rgb")];
        assert_eq!(made("rgb(x)", &fixes).as_deref(), Some("x |> rgb"));
    }

    #[test]
    fn entries_of_a_list_join_at_one_place_and_other_insertions_wait() {
        let entries = [fix(1, 1, ", b"), fix(1, 1, ", c"), fix(1, 1, ", b")];
        assert_eq!(made("a }", &entries).as_deref(), Some("a, b, c }"));
        let lines = [fix(0, 0, "import m { a }\n"), fix(0, 0, "import m { b }\n")];
        assert_eq!(made("let", &lines).as_deref(), Some("import m { a }\nlet"));
    }

    #[test]
    fn a_fix_that_does_not_lie_in_the_text_is_refused() {
        assert_eq!(made("ä", &[fix(1, 2, "x")]), None);
        assert_eq!(made("abc", &[fix(2, 9, "x")]), None);
        assert_eq!(apply("abcdef", &[&fix(0, 4, "x"), &fix(2, 5, "y")]), None);
    }

    proptest! {
        /// Made together, fixes give what they give one by one from the last to the first, and their places hold their
        /// texts.
        #[test]
        fn together_is_as_one_by_one(
            text in "[a-zä\n ]{0,30}",
            wanted in proptest::collection::vec((0_usize..40, 0_usize..6, "(, )?[x-zä]{0,3}"), 0..8),
        ) {
            let on_border = |at: &usize| text.is_char_boundary(*at);
            let fixes: Vec<Fix> = wanted
                .iter()
                .filter(|(start, length, _)| on_border(start) && on_border(&(start + length)))
                .map(|(start, length, new)| fix(*start, start + length, new))
                .collect();
            let together = compatible(&fixes);
            let applied = apply(&text, &together).expect("compatible fixes on borders can be made");
            let mut one_by_one = text.clone();
            for fix in together.iter().rev() {
                one_by_one.replace_range(fix.span.start as usize..fix.span.end as usize, &fix.text);
            }
            prop_assert_eq!(&applied.text, &one_by_one);
            for (fix, place) in together.iter().zip(&applied.places) {
                prop_assert_eq!(&applied.text[place.clone()], &fix.text);
            }
            prop_assert!(fixes.is_empty() || !together.is_empty());
        }
    }
}
