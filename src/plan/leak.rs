//! Leaks: whether a model has seen what it is to be judged on.

use super::{
    domain::{Exposure, History, Judged, MemberModel, Task, TaskParts},
    eval::Evaluator,
    value::Outcome,
};
use crate::{
    diag::{Diagnostic, codes::data as codes},
    source::Span,
    tables::split::Part,
};
use indexmap::IndexMap;
use std::{rc::Rc, sync::Arc};

/// What was found for an exposure and a list of samples. The keys are places in memory, which the values hold on to.
#[derive(Default)]
pub(super) struct Known {
    found: IndexMap<(usize, usize), Finding>,
}

struct Finding {
    touch: Option<Touch>,
    _seen: Rc<Exposure>,
    _samples: Arc<Vec<u32>>,
}

/// A model and the samples that it is to score.
pub(super) struct Judge<'m> {
    pub(super) member: &'m MemberModel,
    /// `fold2`
    pub(super) name: String,
    pub(super) samples: Judged,
}

/// A scored sample that a stage has seen, and how many there are.
#[derive(Clone, Copy, Debug)]
struct Touch {
    sample: u32,
    /// The part of the stage in which it was.
    part: Part,
    /// The picture that was seen itself; none when another one of its group was.
    picture: Option<u32>,
    count: usize,
}

/// A leak of one member.
struct Leak<'a> {
    history: &'a History,
    touch: Touch,
    member: String,
}

impl<'p> Evaluator<'p, '_> {
    /// Refuses to score samples whose group or picture a model has seen, unless a reason is given; warns when only its
    /// tuning part was seen.
    pub(super) fn check_leaks(
        &mut self,
        task: &Task,
        parts: &TaskParts,
        scored: &[Judge<'_>],
        allowed: bool,
        span: Span,
    ) -> Outcome<()> {
        let (mut leaks, mut tuning) = (Vec::new(), Vec::new());
        for Judge { member, name, samples } in scored {
            for history in member.history.newest_first() {
                let leak = |touch| Leak {
                    history,
                    touch,
                    member: name.clone(),
                };
                leaks.extend(self.touched(&history.seen, &samples.test_places, parts).map(leak));
                let seen = self
                    .touched(&history.seen, &samples.tuning_places, parts)
                    .filter(|touch| touch.part == Part::Training);
                tuning.extend(seen.map(leak));
            }
        }
        if let Some(first) = leaks.first().filter(|_| !allowed) {
            let diagnostic = Diagnostic::error(&codes::LEAK, self.words(task, parts, first, "test"));
            let others = leaks.len() - 1;
            let more = if others > 0 {
                format!("; {others} more stages and members like this")
            } else {
                String::new()
            };
            let cohort = task.cohort.name();
            let help = format!(
                "make the earlier task from `{cohort}` itself, or split its data with `split(like({cohort}), by: ...)`{more}"
            );
            let labelled = diagnostic
                .at(span, "scored here")
                .at(first.history.span, "seen here")
                .help(help);
            return self.fail(labelled);
        }
        if let Some(first) = tuning.first() {
            let message = self.words(task, parts, first, "tuning");
            let diagnostic = Diagnostic::warning(&codes::TUNING_LEAK, message).at(span, "");
            self.diagnostics.push(diagnostic.at(first.history.span, "seen here"));
        }
        Ok(())
    }

    fn words(&self, task: &Task, parts: &TaskParts, leak: &Leak<'_>, part: &str) -> String {
        let Touch {
            sample,
            part: seen,
            picture,
            count,
        } = leak.touch;
        let at = sample as usize;
        let name = if let Some(id) = picture {
            format!("picture `{}`", self.identities.picture_name(id))
        } else {
            let id = parts.groups.get(at).copied().unwrap_or(u32::MAX);
            let column = task.cohort.group_column.as_deref().unwrap_or("group");
            format!("{column} `{}`", self.identities.group_name(id))
        };
        let of = |member: &str| {
            if member.is_empty() {
                String::new()
            } else {
                format!(" of {member}")
            }
        };
        let others = match count {
            1 => String::new(),
            count => format!(", and {} more samples with it", count - 1),
        };
        format!(
            "{name} is in the {part} part{} and was in the {seen} part of `{}`{}{others}",
            of(&leak.member),
            leak.history.label,
            of(&leak.history.member),
        )
    }

    /// The first of `samples` that an exposure holds, and how many it holds.
    fn touched(&mut self, seen: &Rc<Exposure>, samples: &Arc<Vec<u32>>, parts: &TaskParts) -> Option<Touch> {
        let key = (Rc::as_ptr(seen) as usize, Arc::as_ptr(samples) as usize);
        if let Some(known) = self.leaks.found.get(&key) {
            return known.touch;
        }
        let mut found: Option<Touch> = None;
        for &sample in samples.iter() {
            let at = sample as usize;
            let Some(group) = parts.groups.get(at) else { continue };
            let pictures = parts.pictures_of(at);
            let hit = [(Part::Training, &seen.training), (Part::Tuning, &seen.tuning)]
                .into_iter()
                .find_map(|(part, s)| {
                    let same = pictures
                        .iter()
                        .find(|picture| s.pictures.binary_search(picture).is_ok());
                    (same.is_some() || s.groups.binary_search(group).is_ok()).then_some((part, same.copied()))
                });
            if let Some((part, picture)) = hit {
                let count = found.map_or(0, |touch| touch.count) + 1;
                // What was learnt from is told before what was only watched.
                found = Some(match found {
                    Some(first) if first.part <= part => Touch { count, ..first },
                    _ => Touch {
                        sample,
                        part,
                        picture,
                        count,
                    },
                });
            }
        }
        let finding = Finding {
            touch: found,
            _seen: Rc::clone(seen),
            _samples: Arc::clone(samples),
        };
        self.leaks.found.insert(key, finding);
        found
    }
}
