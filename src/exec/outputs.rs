//! The folders that a person opens: `out/<name>/`, one copy of each file of the output.

use super::{
    clock,
    crew::{Pools, held},
    event::Event,
    looks,
    run::{Run, Turn, of_store},
};
use crate::{
    plan::{digest::Digest, looks::shown},
    stages::StageError,
    store::{Link, Product, Store},
};
use jiff::Timestamp;
use petgraph::graph::NodeIndex;
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Component, Path, PathBuf},
};

/// True when `target` already holds the object; unchanged files are not read again.
fn holds(store: &Store, target: &Path, digest: Digest) -> bool {
    target.is_file() && store.digest_of_file(target).is_ok_and(|there| there == digest)
}

/// The list of the files that the last run wrote; nothing else in the folder is ever removed.
const LIST: &str = ".mtl-files";

/// Removes the files of an earlier run that this output no longer has, and notes which files are now its own.
fn replace_list(folder: &Path, outputs: &BTreeMap<String, Digest>) -> io::Result<()> {
    let list = folder.join(LIST);
    let earlier = fs::read_to_string(&list).unwrap_or_default();
    let inside = |name: &str| {
        Path::new(name)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
    };
    for name in earlier
        .lines()
        .filter(|name| !outputs.contains_key(*name) && inside(name))
    {
        match fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let now: String = outputs.keys().map(|name| format!("{name}\n")).collect();
    if now == earlier { Ok(()) } else { fs::write(list, now) }
}

impl Run<'_> {
    /// Brings the files of every output that is known to its folder; gives the paths of the reports' pages.
    pub(super) fn write_outputs(&self) -> Vec<PathBuf> {
        let mut pages = Vec::new();
        let now = clock::now();
        for (name, &node) in &self.plan.outputs {
            let Some(product) = self.product(node).filter(|_| self.may_show(node)) else {
                continue;
            };
            match self.write_output((name, node), &product, now) {
                Ok(folder) => {
                    self.listener.event(&Event::OutputWritten {
                        output: name.clone(),
                        folder: folder.clone(),
                    });
                    pages.extend(
                        product
                            .outputs
                            .contains_key("report.html")
                            .then(|| folder.join("report.html")),
                    );
                }
                Err(StageError::Cancelled) => held(&self.facts).summary.skipped += 1,
                Err(StageError::Failed { message, help }) => {
                    held(&self.facts).summary.failed += 1;
                    let (stage, kind) = (self.name(node), self.kind(node));
                    self.listener.event(&Event::StageFailed {
                        stage,
                        kind,
                        message,
                        help,
                    });
                }
            }
        }
        pages
    }

    /// Whether what a stage gives may be seen.
    fn may_show(&self, node: NodeIndex) -> bool {
        self.options.shows.is_some() || shown(&self.plan.graph[node].work).is_empty()
    }

    fn write_output(
        &self,
        (name, node): (&str, NodeIndex),
        product: &Product,
        now: Timestamp,
    ) -> Result<PathBuf, StageError> {
        let folder = self.options.out.join(name);
        if let (Some(keyed), Some(trigger)) = (self.keyed(node)?, self.options.shows) {
            looks::record(self.plan, self.store, (name, node), &keyed, (trigger, now)).map_err(of_store)?;
        }
        let pools = Pools::default();
        let turn = Turn {
            cancel: self.stop.flag(),
            threads: self.options.threads,
            pools: &pools,
        };
        for (file, digest) in &*product.outputs {
            let target = folder.join(file);
            let link = self.options.link;
            let is_right =
                holds(self.store, &target, *digest) && !(link == Link::Copy && self.store.is_linked(*digest, &target));
            if !is_right {
                self.verified_output(node, file, &turn)?;
                self.store.materialize(*digest, &target, link).map_err(of_store)?;
            }
        }
        replace_list(&folder, &product.outputs).map_err(StageError::failed)?;
        Ok(folder)
    }
}
