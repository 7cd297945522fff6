//! The pages as a book: what links lead to, and that every page is reached.

use crate::page::{Page, names, root};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path, PathBuf},
};

/// Lines outside fences.
fn prose(text: &str) -> Vec<&str> {
    let mut inside = false;
    text.lines()
        .filter(|line| {
            let fence = line.trim_start().starts_with("```");
            inside ^= fence;
            !inside && !fence
        })
        .collect()
}

/// The name of a heading's place, as GitHub and mdBook make it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

/// The anchors of a page; those of equal headings are numbered.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let headings = prose(text).into_iter().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let name = anchor(line.trim_start_matches('#'));
            let count = counts.entry(name.clone()).or_default();
            *count += 1;
            if *count == 1 {
                name
            } else {
                format!("{name}-{}", *count - 1)
            }
        })
        .collect()
}

/// The targets of links and pictures, `[text](target)`, that lie in the repository.
fn targets(text: &str) -> Vec<String> {
    let text = prose(text).join("\n");
    let parts = text.split("](").skip(1);
    parts
        .filter_map(|part| part.split_once(')').map(|(target, _)| target.to_owned()))
        .filter(|target| !target.starts_with("http"))
        .collect()
}

/// A path without `..`.
fn clean(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    let others = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "editors/README.md"];
    for name in names().into_iter().chain(others.map(str::to_owned)) {
        let page = Page::read(&name);
        for target in targets(&page.text) {
            seen += 1;
            let (path, place) = target.split_once('#').unwrap_or((&target, ""));
            let to = if path.is_empty() {
                PathBuf::from(&name)
            } else {
                clean(&Path::new(&name).parent().unwrap_or(Path::new("")).join(path))
            };
            let exists = root().join(&to).exists();
            let inside = !name.starts_with("docs/") || to.starts_with("docs");
            let found = place.is_empty()
                || (exists && anchors(&std::fs::read_to_string(root().join(&to)).unwrap_or_default()).contains(place));
            if !exists || !inside || !found {
                wrong.push(format!("{name}: {target}"));
            }
        }
    }
    assert!(seen > 100, "the scan sees the links ({seen})");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_page_stands_in_the_summary_once() {
    let summary = Page::read("docs/SUMMARY.md");
    let mut listed: Vec<String> = targets(&summary.text).iter().map(|t| format!("docs/{t}")).collect();
    listed.sort();
    let pages: Vec<String> = names().into_iter().filter(|name| name != "docs/SUMMARY.md").collect();
    assert_eq!(listed, pages);
}

#[test]
fn headings_are_named_as_links_name_them() {
    assert_eq!(anchor(" `mtl::types::mismatch`"), "mtltypesmismatch");
    let text = "# One two\n```\n# no\n```\n## One two\n";
    let wanted = ["one-two", "one-two-1"].map(str::to_owned);
    assert_eq!(anchors(text), BTreeSet::from(wanted));
}
