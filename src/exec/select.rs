//! Which stages of a plan a run is about: `--until`, `--only`, `--force`.

use super::keys;
use crate::{diag::nearest, plan::Plan};
use petgraph::graph::NodeIndex;
use std::iter;
use thiserror::Error;

/// What a run may do with a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It is left alone.
    Left,
    /// Its result is taken if it is known.
    Known,
    /// It runs unless its result is known.
    Runs,
    /// It runs, even if its result is known.
    Forced,
}

/// Patterns over the names of stages; each list may be empty.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    /// Only these and what they need.
    pub until: Vec<String>,
    /// Only these, on results that are known.
    pub only: Vec<String>,
    /// Even if their results are known.
    pub force: Vec<String>,
}

/// What a run is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection(Vec<Part>);

/// A pattern that no stage of the plan matches.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no stage of the plan is called `{pattern}`")]
pub struct NoStage {
    /// The pattern.
    pub pattern: String,
    /// The name that comes nearest.
    pub nearest: Option<String>,
}

impl NoStage {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match &self.nearest {
            Some(name) => format!("did you mean `{name}`?"),
            None => {
                "`mtl plan` lists the stages; `*` stands for any letters, and a whole part of a name for all stages \
                     that have it"
                    .to_owned()
            }
        }
    }
}

/// True when `pattern` matches all of `text`: `*` stands for any letters, also none, everything else for itself.
fn is_match(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(head) else {
        return false;
    };
    let starts = text.char_indices().map(|(at, _)| at).chain(iter::once(text.len()));
    rest.is_empty() || starts.into_iter().any(|at| is_match(rest, &text[at..]))
}

/// The parts of a name, which `/` separates outside brackets, one after the other: `scores[a/b]/fold1/finetune` has three.
#[must_use]
pub fn parts(name: &str) -> Vec<&str> {
    let (mut depth, mut from, mut found) = (0_usize, 0, Vec::new());
    for (at, letter) in name.char_indices() {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            '/' if depth == 0 => {
                found.push(&name[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    found.push(&name[from..]);
    found
}

/// True when a pattern means the stage: it matches the whole name, or some of its parts that follow each other.
fn means(pattern: &str, name: &str) -> bool {
    let (wanted, parts) = (self::parts(pattern).len(), parts(name));
    is_match(pattern, name) || parts.windows(wanted).any(|parts| is_match(pattern, &parts.join("/")))
}

/// The stages that a list of patterns means.
fn matched(plan: &Plan, patterns: &[String]) -> Result<Vec<NodeIndex>, NoStage> {
    let mut found = Vec::new();
    for pattern in patterns {
        let before = found.len();
        found.extend(plan.order().filter(|node| means(pattern, &plan.graph[*node].name)));
        if found.len() == before {
            let names = plan.order().flat_map(|node| {
                let name = plan.graph[node].name.as_str();
                iter::once(name).chain(parts(name))
            });
            return Err(NoStage {
                nearest: nearest(pattern, names).map(ToOwned::to_owned),
                pattern: pattern.clone(),
            });
        }
    }
    Ok(found)
}

/// What a run is about when these patterns are given.
///
/// # Errors
/// When a pattern means no stage.
pub fn select(plan: &Plan, patterns: &Patterns) -> Result<Selection, NoStage> {
    let until = matched(plan, &patterns.until)?;
    let only = matched(plan, &patterns.only)?;
    let force = matched(plan, &patterns.force)?;
    let wanted = if only.is_empty() { &until } else { &only };
    let mut selected = Selection(vec![
        if wanted.is_empty() { Part::Runs } else { Part::Left };
        plan.graph.node_count()
    ]);
    let needed = if only.is_empty() { Part::Runs } else { Part::Known };
    let mut open = wanted.clone();
    let mut seen = vec![false; plan.graph.node_count()];
    while let Some(node) = open.pop() {
        if !std::mem::replace(&mut seen[node.index()], true) {
            selected.0[node.index()] = needed;
            open.extend(keys::inputs(plan, node).into_iter().map(|(_, from)| from));
        }
    }
    for node in only {
        selected.0[node.index()] = Part::Runs;
    }
    for node in force {
        let part = &mut selected.0[node.index()];
        if *part == Part::Runs {
            *part = Part::Forced;
        }
    }
    Ok(selected)
}

impl Selection {
    /// What the run may do with a stage.
    #[must_use]
    pub fn part(&self, node: NodeIndex) -> Part {
        self.0.get(node.index()).copied().unwrap_or(Part::Left)
    }

    /// How many stages the run is about.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.iter().filter(|part| **part != Part::Left).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_name_with_stars_or_a_part_of_it() {
        let name = "scores[a/b]/fold2/finetune malignancy";
        for pattern in [
            name,
            "finetune malignancy",
            "finetune*",
            "fold2",
            "fold2/finetune*",
            "scores[a/b]",
            "scores[*]/fold*",
            "*",
            "*malig*y",
        ] {
            assert!(means(pattern, name), "{pattern}");
        }
        for pattern in ["finetune", "fold", "scores", "b]", "malignancy", "", "fold2*x"] {
            assert!(!means(pattern, name), "{pattern}");
        }
    }
}
