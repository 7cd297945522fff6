//! Choosing parameters: coarse stages and name patterns, for freezing and learning rates.

use super::{Graph, ParameterId};
use thiserror::Error;

/// Why a choice of parameters is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SelectError {
    /// The pattern matches nothing.
    #[error("no parameter of `{net}` matches `{pattern}`")]
    NoMatch {
        /// The net's name.
        net: String,
        /// The pattern.
        pattern: String,
        /// The scopes that exist, for a proposal.
        scopes: Vec<String>,
    },
    /// More stages than there are.
    #[error("`{net}` has {count} coarse stages, not {asked}")]
    TooManyStages {
        /// The net's name.
        net: String,
        /// How many it has.
        count: usize,
        /// How many were asked for.
        asked: usize,
    },
    /// Rates by stage for a network without stages.
    #[error("`{net}` names no coarse stages, so nothing says how rates fall")]
    NoStages {
        /// The net's name.
        net: String,
    },
    /// `@stages` names a scope without parameters.
    #[error("`@stages` of `{net}` names `{scope}`, which holds no parameter")]
    NoSuchScope {
        /// The net's name.
        net: String,
        /// The scope.
        scope: String,
        /// The scopes that exist, for a proposal.
        scopes: Vec<String>,
    },
}

/// True when a full parameter name lies in a scope: `layer1.0.conv1.weight` in `layer1`, `layer1.0`, ... The empty scope holds bare names.
pub(super) fn in_scope(name: &str, scope: &str) -> bool {
    if scope.is_empty() {
        return !name.contains('.');
    }
    name.strip_prefix(scope)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// True when a pattern matches a full parameter name: dotted words from the left, `*` for any one word;
/// `layer1` matches `layer1.0.conv1.weight` but not `layer10.weight`.
#[must_use]
pub fn name_matches(pattern: &str, name: &str) -> bool {
    let mut words = name.split('.');
    pattern
        .split('.')
        .all(|wanted| words.next().is_some_and(|word| wanted == "*" || wanted == word))
}

impl Graph {
    /// Every parameter scope, outermost first, once each: what patterns may name.
    #[must_use]
    pub fn scopes(&self) -> Vec<String> {
        let mut scopes: Vec<String> = Vec::new();
        for parameter in &self.parameters {
            for (at, _) in parameter.name.match_indices('.') {
                let scope = &parameter.name[..at];
                if !scopes.iter().any(|s| s == scope) {
                    scopes.push(scope.to_owned());
                }
            }
        }
        scopes
    }

    /// All parameters and buffers in the scopes or names that `pattern` matches.
    ///
    /// # Errors
    /// [`SelectError::NoMatch`] when there is none.
    pub fn matching(&self, pattern: &str) -> Result<Vec<ParameterId>, SelectError> {
        let found: Vec<_> = self
            .ids()
            .filter(|&id| name_matches(pattern, &self.parameter(id).name))
            .collect();
        if found.is_empty() {
            return Err(SelectError::NoMatch {
                net: self.name.clone(),
                pattern: pattern.to_owned(),
                scopes: self.scopes(),
            });
        }
        Ok(found)
    }

    /// All parameters and buffers of the first `count` coarse stages: those that stand before the first of stage
    /// `count`, or all but the head when every stage is meant.
    ///
    /// # Errors
    /// [`SelectError::TooManyStages`], or [`SelectError::NoSuchScope`] when `@stages` names a scope that is not there.
    pub fn first_stages(&self, count: usize) -> Result<Vec<ParameterId>, SelectError> {
        if count > self.stages.len() {
            return Err(SelectError::TooManyStages {
                net: self.name.clone(),
                count: self.stages.len(),
                asked: count,
            });
        }
        if count == 0 {
            return Ok(Vec::new());
        }
        let Some(scope) = self.stages.get(count) else {
            return Ok(self.all_but_head());
        };
        let end = self
            .ids()
            .find(|&id| in_scope(&self.parameter(id).name, scope))
            .ok_or_else(|| self.no_such_scope(scope))?;
        Ok(self.ids().take_while(|&id| id < end).collect())
    }

    /// The coarse stage of each parameter and buffer, counted from 0; none for the head's. What stands before the first
    /// stage belongs to it.
    ///
    /// # Errors
    /// [`SelectError::NoSuchScope`] when `@stages` names a scope that is not there.
    pub fn stage_of_each(&self) -> Result<Vec<Option<usize>>, SelectError> {
        let mut starts = Vec::with_capacity(self.stages.len());
        for scope in &self.stages {
            let first = self.ids().find(|&id| in_scope(&self.parameter(id).name, scope));
            starts.push(first.ok_or_else(|| self.no_such_scope(scope))?);
        }
        let stage = |id: ParameterId| starts.iter().filter(|start| **start <= id).count().saturating_sub(1);
        Ok(self.ids().map(|id| (!self.is_head(id)).then(|| stage(id))).collect())
    }

    fn no_such_scope(&self, scope: &str) -> SelectError {
        SelectError::NoSuchScope {
            net: self.name.clone(),
            scope: scope.to_owned(),
            scopes: self.scopes(),
        }
    }

    /// All parameters and buffers outside the head, but for those that fuse views: they stand between a trunk that is
    /// frozen and a head that is trained, and no weight file has them.
    #[must_use]
    pub fn all_but_head(&self) -> Vec<ParameterId> {
        self.ids()
            .filter(|&id| !self.is_head(id) && !self.is_fusion(id))
            .collect()
    }

    /// All parameter ids in order.
    pub fn ids(&self) -> impl Iterator<Item = ParameterId> + use<> {
        (0..self.parameters.len()).map(ParameterId)
    }
}
