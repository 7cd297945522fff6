//! Scores made of scores: the best of several by the tuning part, or the mean of several. No stage runs for them: a
//! report's own stage follows the choice, so that it can say what was chosen.

use super::{
    data::setting,
    domain::{ScoreSource, ScoredMember, Scores, Task},
    eval::Evaluator,
    stage::{ChoiceBy, Measure},
    stages::{Setting, StageId},
    value::{Arguments, Failed, Grid, GridAxis, Outcome, Value},
};
use crate::{
    diag::{Diagnostic, codes::plan as codes},
    source::Span,
};
use std::{rc::Rc, sync::Arc};

/// The axes of a grid but one, the labels of that one, and for each coordinate that is left the scores along it.
type TakenOut = (Vec<GridAxis>, Vec<Rc<str>>, Vec<Vec<Rc<Scores>>>);

/// A grid of scores with one axis taken out of it.
pub(super) struct Along {
    pub(super) axis: Rc<str>,
    pub(super) labels: Vec<Rc<str>>,
    /// The axes that are left.
    pub(super) rest: Vec<GridAxis>,
    /// For each coordinate that is left the scores along the axis.
    pub(super) groups: Vec<Vec<Rc<Scores>>>,
}

impl<'p> Evaluator<'p, '_> {
    /// `select(along: .., by: ..)`
    pub(super) fn choose(
        &mut self,
        grid: &Grid<'p>,
        at: Span,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Outcome<Value<'p>> {
        let along = self.along(grid, at, arguments, span)?;
        let by = self.measure(arguments, span)?;
        let pool = self.pooled(&along, arguments, span)?;
        let mut cells = Vec::with_capacity(along.groups.len());
        for (place, group) in along.groups.iter().enumerate() {
            self.alike(group, "chosen among", span)?;
            for scores in group {
                self.has_tuning(scores, by, span)?;
            }
            let others: Vec<usize> = pool[place].clone();
            for &other in &others {
                let both = [group.clone(), along.groups[other].clone()].concat();
                self.alike(&both, "chosen among together", span)?;
            }
            cells.push(self.chosen(&along, place, &others, by, arguments, span));
        }
        Ok(regrid(along.rest, cells))
    }

    /// `ensemble(along: ..)`
    pub(super) fn ensemble(
        &mut self,
        grid: &Grid<'p>,
        at: Span,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Outcome<Value<'p>> {
        let along = self.along(grid, at, arguments, span)?;
        let mut cells = Vec::with_capacity(along.groups.len());
        for group in &along.groups {
            self.alike(group, "averaged", span)?;
            let members = (0..group[0].members.len()).map(|at| {
                let sources = group.iter().map(|scores| Rc::clone(&scores.members[at].source));
                member(&group[0].members[at], ScoreSource::Mean(sources.collect()))
            });
            let step = format!(
                "mean of the probabilities of {} models along {}",
                group.len(),
                along.axis
            );
            let mut settings = inherited(group);
            let told = format!("along {:?}, {} models", along.axis, group.len());
            settings.push(setting("ensemble", told, ChoiceBy::Program));
            cells.push(Value::Scores(Rc::new(Scores {
                task: Rc::clone(&group[0].task),
                level: group[0].level.clone(),
                network: together(group.iter().map(|scores| scores.network.as_str()), " and "),
                network_parameters: group.iter().map(|scores| scores.network_parameters).sum(),
                chain: chain(group, step),
                members: members.collect(),
                settings,
                span,
            })));
        }
        Ok(regrid(along.rest, cells))
    }

    /// What `by` names.
    pub(super) fn measure(&mut self, arguments: &Arguments<'p>, span: Span) -> Outcome<Measure> {
        match arguments.value("by") {
            Value::Choice(word) if let Some(measure) = Measure::named(word) => Ok(measure),
            other => self.unexpected("a measure", other, arguments.slot("by").map_or(span, |slot| slot.span)),
        }
    }

    /// The grid without the axis that `along` names.
    pub(super) fn along(&mut self, grid: &Grid<'p>, at: Span, arguments: &Arguments<'p>, span: Span) -> Outcome<Along> {
        let slot = arguments.slot("along");
        let place = slot.map_or(span, |slot| slot.span);
        let Some(name) = arguments.value("along").as_text() else {
            return self.unexpected("the name of an axis", arguments.value("along"), place);
        };
        let axis = self.axis(grid, &name, place)?;
        let (rest, labels, groups) = self.along_axis(grid, axis, at)?;
        if groups.is_empty() || labels.is_empty() {
            let message = format!("the axis `{name}` has no label, so there is nothing to take");
            return self.error(&codes::BAD_VALUE, message, place);
        }
        Ok(Along {
            axis: name,
            labels,
            rest,
            groups,
        })
    }

    /// Takes an axis out of a grid of scores.
    pub(super) fn along_axis(&mut self, grid: &Grid<'p>, axis: usize, at: Span) -> Outcome<TakenOut> {
        let others = (0..grid.axes.len()).filter(|other| *other != axis);
        let order: Vec<usize> = others.chain([axis]).collect();
        let turned = grid.transposed(&order);
        let mut scores = Vec::with_capacity(turned.cells.len());
        for cell in &turned.cells {
            match cell {
                Value::Scores(one) => scores.push(Rc::clone(one)),
                other => return self.unexpected("a grid of scores", other, at),
            }
        }
        let mut rest = turned.axes;
        let labels = rest.pop().map(|axis| axis.labels).unwrap_or_default();
        let groups = scores.chunks(labels.len().max(1)).map(<[_]>::to_vec).collect();
        Ok((rest, labels, groups))
    }

    /// For each coordinate that is left the others that choose with it: those that differ along the pooled axes alone.
    fn pooled(&mut self, along: &Along, arguments: &Arguments<'p>, span: Span) -> Outcome<Vec<Vec<usize>>> {
        let place = arguments.slot("pool").map_or(span, |slot| slot.span);
        let left = Grid {
            axes: along.rest.clone(),
            cells: Vec::new(),
        };
        let pooled = self.axes_named(&left, arguments.value("pool"), place)?;
        let coordinates: Vec<_> = (0..along.groups.len()).map(|cell| left.coordinate(cell)).collect();
        let together = |one: usize, other: usize| {
            let labels = coordinates[one].iter().zip(&coordinates[other]).enumerate();
            one != other
                && labels
                    .into_iter()
                    .all(|(axis, (a, b))| a == b || pooled.contains(&axis))
        };
        let of = |one| (0..coordinates.len()).filter(|&other| together(one, other)).collect();
        Ok((0..coordinates.len()).map(of).collect())
    }

    fn chosen(
        &mut self,
        along: &Along,
        place: usize,
        others: &[usize],
        by: Measure,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Value<'p> {
        let group = &along.groups[place];
        let pool: Vec<String> = match arguments.value("pool") {
            Value::List(names) => names
                .iter()
                .filter_map(Value::as_text)
                .map(|name| name.to_string())
                .collect(),
            _ => Vec::new(),
        };
        let tunes = self.differing(group);
        let members = (0..group[0].members.len()).map(|at| {
            let candidates = along
                .labels
                .iter()
                .zip(group)
                .enumerate()
                .map(|(candidate, (label, scores))| {
                    let pool = others.iter().map(|&other| &along.groups[other][candidate]);
                    let pool = pool.map(|scores| Rc::clone(&scores.members[at].source));
                    (Rc::clone(label), Rc::clone(&scores.members[at].source), pool.collect())
                });
            let source = ScoreSource::Chosen {
                axis: Rc::clone(&along.axis),
                by,
                tunes: tunes.clone(),
                pool: pool.clone(),
                candidates: candidates.collect(),
            };
            member(&group[0].members[at], source)
        });
        let members = members.collect();
        let step = format!("chosen along {} by tuning {}", along.axis, by.words());
        let mut settings = inherited(group);
        settings.extend(choice_settings(&along.axis, arguments));
        Value::Scores(Rc::new(Scores {
            task: Rc::clone(&group[0].task),
            level: group[0].level.clone(),
            network: together(group.iter().map(|scores| scores.network.as_str()), " or "),
            network_parameters: group.iter().map(|scores| scores.network_parameters).max().unwrap_or(0),
            chain: chain(group, step),
            members,
            settings,
            span,
        }))
    }

    /// The settings of trainings in which scores differ, in the order of their names.
    fn differing(&self, group: &[Rc<Scores>]) -> Vec<String> {
        let settings = |scores: &Scores| -> Vec<Setting> {
            let mut found = Vec::new();
            if let Some(first) = scores.members.first() {
                first.source.each_model(&mut |_, trainings: &[StageId]| {
                    for training in trainings {
                        found.extend(self.stages.get(*training).settings.iter().cloned());
                    }
                });
            }
            found
        };
        let all: Vec<Vec<Setting>> = group.iter().map(|scores| settings(scores)).collect();
        let mut names: Vec<&str> = all.iter().flatten().map(|setting| setting.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let values = |settings: &[Setting], name: &str| -> Vec<String> {
            let own = settings.iter().filter(|setting| setting.name == name);
            own.map(|setting| setting.value.clone()).collect()
        };
        let differs = |name: &&str| {
            all.windows(2)
                .any(|pair| values(&pair[0], name) != values(&pair[1], name))
        };
        names.into_iter().filter(differs).map(str::to_owned).collect()
    }

    /// Scores that are taken together are judged on the same samples, in the same folds.
    pub(super) fn alike(&mut self, group: &[Rc<Scores>], done: &str, span: Span) -> Outcome<()> {
        let Some((first, others)) = group.split_first() else {
            return Err(Failed);
        };
        let Some((other, difference)) = others.iter().find_map(|other| Some((other, unlike(first, other)?))) else {
            return Ok(());
        };
        let message = format!("scores that are {done} are judged on different samples: {difference}");
        let diagnostic = Diagnostic::error(&codes::UNLIKE_SCORES, message)
            .at(span, "")
            .at(first.span, "scored here")
            .at(other.span, "and here");
        self.fail(diagnostic.help("leave what changes task or folds to another axis of the grid"))
    }

    /// A choice needs a tuning part, by AUC one with every class.
    pub(super) fn has_tuning(&mut self, scores: &Scores, by: Measure, span: Span) -> Outcome<()> {
        let task = &scores.task;
        for member in &scores.members {
            if member.tuning.is_empty() {
                let message = format!("`{}` has no tuning part, so nothing can be chosen on it", task.name());
                let help = "cut one: `kfold(5, tuning: 10%)`, `holdout(tuning: 10%, test: 20%)`, or `val` in the split's column";
                let diagnostic = Diagnostic::error(&codes::NO_TUNING_PART, message).at(span, "");
                return self.fail(diagnostic.at(task.cohort.span, "split here").help(help));
            }
            let mut there = vec![false; task.classes.len()];
            for &place in member.tuning.iter() {
                let class = match &scores.level {
                    Some(level) => level.class_of(place),
                    None => task.samples.get(place as usize).map(|(_, class)| *class),
                };
                if let Some(there) = class.and_then(|class| there.get_mut(class as usize)) {
                    *there = true;
                }
            }
            let missing = there
                .iter()
                .position(|there| !there)
                .and_then(|class| task.classes.get(class));
            if let Some(class) = missing.filter(|_| by == Measure::Auc) {
                let message = format!(
                    "a tuning part of `{}` has no `{class}`, so there is no AUC to choose by",
                    task.name()
                );
                let diagnostic = Diagnostic::error(&codes::NO_TUNING_PART, message).at(span, "");
                let help = "choose by `loss`, or cut larger tuning parts: `kfold(5, tuning: 20%)`";
                return self.fail(diagnostic.at(task.cohort.span, "split here").help(help));
            }
        }
        Ok(())
    }
}

/// What differs between the samples that two scores are of; none when nothing does.
fn unlike(a: &Scores, b: &Scores) -> Option<String> {
    let same_samples = |a: &Task, b: &Task| {
        a.labels == b.labels
            && a.cohort.data.table.id == b.cohort.data.table.id
            && a.samples == b.samples
            && same_pictures(a, b)
            && a.cohort.assignment == b.cohort.assignment
    };
    let (ours, theirs) = (&a.task, &b.task);
    if ours.classes != theirs.classes || !(Rc::ptr_eq(ours, theirs) || same_samples(ours, theirs)) {
        return Some(format!("`{}` and `{}`", ours.name(), theirs.name()));
    }
    if a.level != b.level {
        let judged = |scores: &Scores| {
            scores
                .level
                .as_ref()
                .map_or("samples".to_owned(), |level| level.words())
        };
        let (one, other) = (judged(a), judged(b));
        return Some(if one == other {
            format!("{one} that are made in different ways")
        } else {
            format!("{one} and {other}")
        });
    }
    if a.members.len() != b.members.len() {
        return Some(format!("{} models and {}", a.members.len(), b.members.len()));
    }
    let same = |a: &Arc<Vec<u32>>, b: &Arc<Vec<u32>>| Arc::ptr_eq(a, b) || a == b;
    let differing = a.members.iter().zip(&b.members).find(|(x, y)| {
        (x.repeat, x.fold) != (y.repeat, y.fold) || !same(&x.test, &y.test) || !same(&x.tuning, &y.tuning)
    });
    differing.map(|_| "their folds differ".to_owned())
}

/// True when the samples of two tasks have the same pictures.
fn same_pictures(a: &Task, b: &Task) -> bool {
    match (&a.cohort.data.views, &b.cohort.data.views) {
        (None, None) => true,
        (Some(a), Some(b)) => (&a.order, &a.samples) == (&b.order, &b.samples),
        _ => false,
    }
}

fn member(of: &ScoredMember, source: ScoreSource) -> ScoredMember {
    ScoredMember {
        repeat: of.repeat,
        fold: of.fold,
        source: Rc::new(source),
        test: Arc::clone(&of.test),
        tuning: Arc::clone(&of.tuning),
    }
}

/// A grid, or the one cell of a grid without axes.
pub(super) fn regrid<'p>(axes: Vec<GridAxis>, mut cells: Vec<Value<'p>>) -> Value<'p> {
    match (axes.is_empty(), cells.pop()) {
        (true, Some(only)) => only,
        (_, last) => {
            cells.extend(last);
            Value::Grid(Rc::new(Grid { axes, cells }))
        }
    }
}

/// What a choice was asked for, as settings.
fn choice_settings(axis: &str, arguments: &Arguments<'_>) -> [Setting; 3] {
    let given = |name: &str| {
        let slot = arguments.slot(name);
        (
            arguments.value(name).display(),
            slot.map_or(ChoiceBy::Default, |slot| slot.by),
        )
    };
    let (by, by_whom) = given("by");
    let (pool, pooled_by) = given("pool");
    [
        setting("select along", format!("{axis:?}"), ChoiceBy::Program),
        setting("select by", by, by_whom),
        setting("select pool", pool, pooled_by),
    ]
}

/// The settings that led to the scores of a group, each once.
fn inherited(group: &[Rc<Scores>]) -> Vec<Setting> {
    let mut settings: Vec<Setting> = Vec::new();
    for setting in group.iter().flat_map(|scores| &scores.settings) {
        if !settings.contains(setting) {
            settings.push(setting.clone());
        }
    }
    settings
}

/// The different words, each once.
fn together<'a>(words: impl Iterator<Item = &'a str>, between: &str) -> String {
    let mut different: Vec<&str> = Vec::new();
    for word in words {
        if !different.contains(&word) {
            different.push(word);
        }
    }
    different.join(between)
}

/// The history that all scores of a group have in common, then what was done with them.
fn chain(group: &[Rc<Scores>], step: String) -> Vec<String> {
    let Some((first, others)) = group.split_first() else {
        return vec![step];
    };
    let common =
        (0..first.chain.len()).take_while(|&at| others.iter().all(|other| other.chain.get(at) == first.chain.get(at)));
    let mut chain: Vec<String> = common.filter_map(|at| first.chain.get(at).cloned()).collect();
    let longest = group.iter().map(|scores| scores.chain.len()).max().unwrap_or(0);
    if chain.len() < longest {
        let parts = group.iter().map(|scores| scores.chain[chain.len()..].join(", "));
        let parts: Vec<String> = parts.collect();
        chain.push(format!("({})", together(parts.iter().map(String::as_str), " | ")));
    }
    chain.push(step);
    chain
}
