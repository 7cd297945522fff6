//! The names of a weight file in the words of the network: what `names` and `skip` say of them.

use super::{
    domain::Loaded,
    eval::Evaluator,
    value::{Arguments, Outcome, Slot, Text, Value},
    weights::some,
};
use crate::{
    diag::{Diagnostic, codes::plan as codes},
    net::name_matches,
    source::Span,
    weights::Entry,
};
use indexmap::IndexMap;
use std::rc::Rc;

/// The names of a file as the network would have them.
pub(super) struct Named<'a> {
    /// The file's name of each.
    pub(super) files: IndexMap<String, &'a str>,
    pub(super) skipped: usize,
    pub(super) counters: usize,
}

impl<'p> Evaluator<'p, '_> {
    /// The rewrites of `names`: on both sides as many `*`.
    pub(super) fn rules(&mut self, arguments: &Arguments<'p>) -> Outcome<Vec<(Text, Text)>> {
        let Some(Slot {
            value: Value::Record(record),
            span,
            ..
        }) = arguments.slot("names")
        else {
            return Ok(Vec::new());
        };
        let mut rules = Vec::with_capacity(record.len());
        for (from, to) in record.iter() {
            let to = to.as_text().unwrap_or_default();
            let stars = |text: &str| text.split('.').filter(|word| *word == "*").count();
            if from.is_empty() || stars(from) != stars(&to) {
                let message = format!("`{from}` and `{to}` do not have the same number of words `*`");
                let diagnostic = Diagnostic::error(&codes::BAD_VALUE, message).at(*span, "");
                let help =
                    "the words that `*` stands for in the file's name are put in for those of the network's, in order";
                return self.fail(diagnostic.help(help));
            }
            rules.push((Rc::clone(from), to));
        }
        Ok(rules)
    }

    /// The file's names in the network's words. Every word of the call must do something.
    pub(super) fn named<'a>(&mut self, loaded: &'a Loaded) -> Outcome<Named<'a>> {
        let (mut used, mut skips) = (vec![false; loaded.names.len()], vec![false; loaded.skip.len()]);
        let mut named = Named {
            files: IndexMap::with_capacity(loaded.entries.len()),
            skipped: 0,
            counters: 0,
        };
        let [names, skip, _] = loaded.spans;
        for file in loaded.entries.keys() {
            let skipped = loaded.skip.iter().position(|pattern| name_matches(pattern, file));
            if let Some(place) = skipped {
                skips[place] = true;
                named.skipped += 1;
                continue;
            }
            let renamed = loaded.names.iter().enumerate();
            let renamed = renamed
                .filter_map(|(at, (from, to))| Some((at, rewritten(file, from, to)?)))
                .next();
            let name = renamed.map_or_else(
                || file.clone(),
                |(at, name)| {
                    used[at] = true;
                    name
                },
            );
            if Entry::is_counter(file) {
                named.counters += 1;
                continue;
            }
            if let Some(other) = named.files.insert(name.clone(), file) {
                let message = format!(
                    "`{other}` and `{file}` of {} both become `{name}`",
                    loaded.source.path.shown
                );
                return self.error(&codes::WEIGHTS_MISFIT, message, names);
            }
        }
        let unused = loaded.names.iter().map(|(from, _)| from).zip(used);
        let unused = unused.map(|(pattern, used)| (pattern, used, names));
        let skips = loaded
            .skip
            .iter()
            .zip(skips)
            .map(|(pattern, used)| (pattern, used, skip));
        match unused.chain(skips).find(|(_, used, _)| !used) {
            Some((pattern, _, span)) => self.no_such_weight(loaded, pattern, span),
            None => Ok(named),
        }
    }

    fn no_such_weight<T>(&mut self, loaded: &Loaded, pattern: &str, span: Span) -> Outcome<T> {
        let mut scopes: Vec<&str> = Vec::new();
        for name in loaded.entries.keys() {
            let ends = name
                .match_indices('.')
                .map(|(at, _)| &name[..at])
                .chain([name.as_str()]);
            scopes.extend(ends.filter(|scope| !scopes.contains(scope)).collect::<Vec<_>>());
        }
        let tops: Vec<_> = scopes.iter().copied().filter(|scope| !scope.contains('.')).collect();
        let message = format!("no name in {} matches `{pattern}`", loaded.source.path.shown);
        let written = self.program.sources.text(span);
        let diagnostic = Diagnostic::error(&codes::NO_SUCH_WEIGHT, message).at(span, "");
        let help = format!("its outermost scopes are {}", some(&tops));
        self.fail(diagnostic.suggest_in(span, written, pattern, scopes).help(help))
    }
}

/// A name in which the scope `from` has become `to`; none when it does not lie in it. Words that `*` stands for are taken
/// over in order, and what follows the scope stays.
fn rewritten(name: &str, from: &str, to: &str) -> Option<String> {
    if !name_matches(from, name) {
        return None;
    }
    let mut words = name.split('.');
    let stars: Vec<_> = from
        .split('.')
        .zip(&mut words)
        .filter(|(wanted, _)| *wanted == "*")
        .collect();
    let mut stars = stars.into_iter().map(|(_, word)| word);
    let scope = to.split('.').filter(|word| !word.is_empty());
    let scope: Vec<_> = scope
        .map(|word| {
            if word == "*" {
                stars.next().unwrap_or(word)
            } else {
                word
            }
        })
        .collect();
    Some(scope.into_iter().chain(words).collect::<Vec<_>>().join("."))
}

/// The scope behind which all of some names stand in a file.
pub(super) fn prefix<'a>(missing: &[&str], left: &[&'a str]) -> Option<&'a str> {
    let first = missing.first()?;
    let prefixes = left
        .iter()
        .filter_map(|name| name.strip_suffix(first)?.strip_suffix('.'));
    let mut behind = prefixes.filter(|prefix| {
        let there = |name: &&str| {
            left.iter()
                .any(|left| left.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.')) == Some(name))
        };
        missing.iter().all(there)
    });
    behind.next().filter(|prefix| !prefix.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_become_others_and_what_follows_stays() {
        let cases = [
            ("module.conv1.weight", "module", "", Some("conv1.weight")),
            ("conv1.weight", "module", "", None),
            ("modules.conv1.weight", "module", "", None),
            ("conv1.weight", "*", "backbone.*", Some("backbone.conv1.weight")),
            (
                "blocks.0.3.bn1.weight",
                "blocks.0.*.bn1",
                "features.1.*.block.0.1",
                Some("features.1.3.block.0.1.weight"),
            ),
            ("a.b.c", "*.*", "y.*.x.*", Some("y.a.x.b.c")),
            ("head.weight", "head.weight", "fc.weight", Some("fc.weight")),
        ];
        for (name, from, to, expected) in cases {
            assert_eq!(rewritten(name, from, to).as_deref(), expected, "{name}: {from} to {to}");
        }
    }

    #[test]
    fn a_common_scope_is_found_where_it_holds_all() {
        let missing = ["conv1.weight", "fc.bias"];
        assert_eq!(
            prefix(&missing, &["module.conv1.weight", "module.fc.bias"]),
            Some("module")
        );
        assert_eq!(prefix(&missing, &["module.conv1.weight", "other.fc.bias"]), None);
        assert_eq!(prefix(&missing, &["xconv1.weight"]), None);
    }
}
