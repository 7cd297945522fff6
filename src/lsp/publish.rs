//! Diagnostics, published when they changed.

use std::collections::BTreeMap;

use lsp_types::PublishDiagnosticsParams;
use serde_json::Value;

use super::{server::Server, uri};
use crate::ide::Reported;

impl Server<'_> {
    /// Publishes what the check of the changed texts tells, and asks for plans of what was opened or saved.
    pub(super) fn publish(&mut self) {
        let workspace = &self.workspace;
        self.planner.cancel(|job| !workspace.is_current(job));
        if std::mem::take(&mut self.changed) {
            self.publish_diagnostics();
        }
        for path in std::mem::take(&mut self.to_plan) {
            if let Some(job) = self.workspace.plan_job(&path) {
                self.planner.ask(job);
            }
        }
    }

    /// Publishes what plans told that came meanwhile.
    pub(super) fn publish_plans(&mut self) {
        let mut news = false;
        while let Some(planned) = self.planner.take() {
            match planned {
                Ok(planned) => news |= self.workspace.accept(planned),
                Err(panic) => self.log(&format!("internal error: {panic}")),
            }
        }
        if news {
            self.publish_diagnostics();
            if self.client.refreshes_hints {
                self.ask("workspace/inlayHint/refresh", Value::Null);
            }
        }
    }

    fn publish_diagnostics(&mut self) {
        let mut all: BTreeMap<_, Vec<Reported>> = BTreeMap::new();
        let open: Vec<_> = self.open.keys().cloned().collect();
        for path in open {
            for (path, reported) in self.workspace.diagnostics(&path) {
                all.entry(path).or_default().extend(reported);
            }
        }
        for path in self.published.keys() {
            all.entry(path.clone()).or_default();
        }
        for (path, mut reported) in all {
            Reported::sort_out(&mut reported);
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
        let diagnostics = self.context().diagnostics(reported);
        self.notify(
            "textDocument/publishDiagnostics",
            PublishDiagnosticsParams::new(uri, version, diagnostics),
        );
    }
}
