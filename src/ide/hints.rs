//! What the program leaves unsaid, shown between its words: types, shapes and numbers of stages.

use std::{ops::Range, path::Path};

use super::{
    analysis::{Analysis, FileKey},
    visit::{self, Node},
    workspace::Workspace,
};
use crate::{
    source::FileId,
    syntax::ast::{ExprKind, ItemKind},
    types::Type,
};

/// What a hint says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HintKind {
    /// The type of a `let` without annotation.
    Type,
    /// The shape after a labelled layer.
    Shape,
    /// The number of stages of an output, and how many of them will run.
    Stages,
}

/// A hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The byte before which it is shown.
    pub at: usize,
    /// What is shown.
    pub text: String,
    /// What it says.
    pub kind: HintKind,
    /// Further words.
    pub tooltip: Option<String>,
}

/// The longest type that is shown in full.
const LONGEST: usize = 60;

impl Workspace {
    /// The hints of a range of bytes of a file.
    pub fn hints(&mut self, key: &FileKey, range: &Range<usize>) -> Vec<Hint> {
        let analysis = self.program(key);
        let Some(file) = analysis.file(key) else {
            return Vec::new();
        };
        let mut hints = analysis.type_hints(file);
        hints.extend(analysis.shape_hints(file));
        if let FileKey::Path(path) = key {
            hints.extend(self.stage_hints(&analysis, file, path));
        }
        hints.retain(|hint| range.start <= hint.at && hint.at <= range.end);
        hints.sort_by_key(|hint| hint.at);
        hints
    }

    fn stage_hints(&self, analysis: &Analysis, file: FileId, path: &Path) -> Vec<Hint> {
        let Some((_, module)) = analysis.module(file) else {
            return Vec::new();
        };
        let mut hints = Vec::new();
        for (name, stages) in self.stages(path) {
            let out = module.tree.items.iter().find_map(|item| match &item.kind {
                ItemKind::Out(out) if out.name.name == name => Some(out),
                _ => None,
            });
            let all = stages.all;
            let text = match stages.cached {
                Some(cached) => format!(" {all} stages, {cached} cached, {} to run", all - cached),
                None => format!(" {all} stages"),
            };
            hints.extend(out.map(|out| Hint {
                at: out.name.span.end as usize,
                text,
                kind: HintKind::Stages,
                tooltip: Some("stages of the plan; results that are stored are reused".to_owned()),
            }));
        }
        hints
    }
}

impl Analysis {
    fn type_hints(&self, file: FileId) -> Vec<Hint> {
        let Some((_, module)) = self.module(file) else {
            return Vec::new();
        };
        let mut hints = Vec::new();
        visit::walk(&module.tree, &mut |node, _| {
            let Node::Let(binding) = node else { return };
            let literal = matches!(
                binding.value.kind,
                ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) | ExprKind::Text(_) | ExprKind::Duration(_)
            );
            if binding.ty.is_some() || literal {
                return;
            }
            let ty = self.facts.type_at(binding.name.span);
            let Some(ty) = ty.filter(|ty| **ty != Type::Unknown) else {
                return;
            };
            let full = ty.to_string();
            let long = full.chars().count() > LONGEST;
            let text = if long {
                let short: String = full.chars().take(LONGEST - 3).collect();
                format!(": {short}...")
            } else {
                format!(": {full}")
            };
            hints.push(Hint {
                at: binding.name.span.end as usize,
                text,
                kind: HintKind::Type,
                tooltip: long.then_some(full),
            });
        });
        hints
    }

    fn shape_hints(&self, file: FileId) -> Vec<Hint> {
        let Some((_, module)) = self.module(file) else {
            return Vec::new();
        };
        let mut steps = Vec::new();
        visit::walk(&module.tree, &mut |node, around| {
            let in_net = matches!(around.first(), Some(Node::Item(item)) if matches!(item.kind, ItemKind::Net(_)));
            if let Node::Step(step) = node
                && step.label.is_some()
                && in_net
            {
                steps.push(step.step.span);
            }
        });
        if steps.is_empty() {
            return Vec::new();
        }
        let [channels, height, width] = self.traces().input;
        steps
            .into_iter()
            .filter_map(|span| {
                let found = self.shapes_after(span);
                let (net, shapes) = found.first()?;
                // A block that is used at several sizes has no one shape to show.
                let [shape] = shapes.as_slice() else { return None };
                (found.len() == 1).then(|| Hint {
                    at: span.end as usize,
                    text: format!(" {shape}"),
                    kind: HintKind::Shape,
                    tooltip: Some(format!("in `{net}` for pictures of {channels} x {height} x {width}")),
                })
            })
            .collect()
    }
}
