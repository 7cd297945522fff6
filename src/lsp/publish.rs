//! Diagnostics, published when they changed.

use std::collections::BTreeMap;

use lsp_types::PublishDiagnosticsParams;
use serde_json::Value;

use super::{server::Server, uri};
use crate::ide::Reported;

impl Server<'_> {
    /// Publishes what the check of the changed texts tells, then plans what was opened or saved and publishes that.
    pub(super) fn publish(&mut self) {
        if std::mem::take(&mut self.changed) {
            self.publish_diagnostics();
        }
        let to_plan = std::mem::take(&mut self.to_plan);
        if to_plan.is_empty() {
            return;
        }
        for path in to_plan {
            self.workspace.plan(&path);
        }
        self.publish_diagnostics();
        if self.client.refreshes_hints {
            self.ask("workspace/inlayHint/refresh", Value::Null);
        }
    }

    fn publish_diagnostics(&mut self) {
        let mut all: BTreeMap<_, Vec<Reported>> = BTreeMap::new();
        let open: Vec<_> = self.open.keys().cloned().collect();
        for path in open {
            for (path, reported) in self.workspace.diagnostics(&path) {
                let known = all.entry(path).or_default();
                for one in reported {
                    if !known.contains(&one) {
                        known.push(one);
                    }
                }
            }
        }
        for path in self.published.keys() {
            all.entry(path.clone()).or_default();
        }
        for (path, mut reported) in all {
            reported.sort_by_key(|one| (one.location.range.start, one.location.range.end));
            // An open file hears of itself after each change, so that the client knows which text is meant.
            let known = self.published.get(&path);
            let same = known.is_some_and(|known| *known == reported) || known.is_none() && reported.is_empty();
            if same && !self.open.contains_key(&path) {
                continue;
            }
            self.publish_one(&path, &reported);
            if reported.is_empty() {
                self.published.remove(&path);
            } else {
                self.published.insert(path, reported);
            }
        }
    }

    fn publish_one(&self, path: &std::path::Path, reported: &[Reported]) {
        let (uri, version) = match self.open.get(path) {
            Some((uri, version)) => (uri.clone(), Some(*version)),
            None => (uri::of_path(path), None),
        };
        let context = self.context();
        let diagnostics = reported.iter().map(|one| context.diagnostic(one)).collect();
        self.notify(
            "textDocument/publishDiagnostics",
            PublishDiagnosticsParams::new(uri, version, diagnostics),
        );
    }
}
