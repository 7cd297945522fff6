//! Pieces whose parameters are one set, however often they are applied.

use super::Builder;
use crate::net::ParameterId;
use std::collections::BTreeSet;

/// Which shared pieces are being applied, and which made what.
#[derive(Clone, Debug, Default)]
pub(super) struct Sharing {
    /// The pieces that are being applied, the innermost last.
    open: Vec<Application>,
    /// For each parameter the pieces in whose applications it stood.
    owners: Vec<BTreeSet<usize>>,
}

#[derive(Clone, Debug)]
struct Application {
    piece: usize,
    /// The parameters that it has met.
    met: BTreeSet<ParameterId>,
    /// The scope around it.
    outside: Vec<String>,
}

impl Sharing {
    /// True when a parameter that exists is the one of an earlier application of a piece. Twice within one application
    /// is another matter: there its name would be made twice.
    pub(super) fn may_repeat(&self, id: ParameterId) -> bool {
        let owned = |piece: &usize| self.owners.get(id.0).is_some_and(|owners| owners.contains(piece));
        self.open.iter().any(|one| owned(&one.piece) && !one.met.contains(&id))
    }

    /// Notes that a parameter stands in the pieces that are being applied.
    pub(super) fn note(&mut self, id: ParameterId) {
        if self.owners.len() <= id.0 {
            self.owners.resize(id.0 + 1, BTreeSet::new());
        }
        for one in &mut self.open {
            one.met.insert(id);
            self.owners[id.0].insert(one.piece);
        }
    }
}

impl Builder {
    /// The scopes that are open, the outermost first.
    #[must_use]
    pub fn scope(&self) -> &[String] {
        &self.scope
    }

    /// Begins an application of a shared piece, known by a number of its own. Its parameters are named within `scope`,
    /// wherever it is applied, and are those of its first application.
    pub fn begin_shared(&mut self, piece: usize, scope: Vec<String>) {
        let outside = std::mem::replace(&mut self.scope, scope);
        self.sharing.open.push(Application {
            piece,
            met: BTreeSet::new(),
            outside,
        });
    }

    /// Ends the innermost application.
    pub fn end_shared(&mut self) {
        if let Some(done) = self.sharing.open.pop() {
            self.scope = done.outside;
        }
    }
}
