//! Which states of trainings a run keeps, which it lets go, and what a plan can say of them.
//!
//! After each epoch of a training its earlier states go but for those that [`is_kept`] names. Then, as long as the states of
//! the program take more than their budget, more of them go in the order of [`Standing`], older ones first.

use super::{event::Listener, explain::State, keys, quota::Quota, run::Options, workshop::StoredStates};
use crate::{
    nn::device_class,
    plan::{
        Plan,
        canon::{Key, Taken, canonical},
        digest::Digest,
        stage::{Schedule, Work},
    },
    store::{EpochState, Store, StoreError},
    train::{Course, Progress, State as Training, Trail, state_key},
};
use petgraph::graph::NodeIndex;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::{OnceLock, atomic::AtomicBool},
};

/// The rule by which states are kept beside the newest one: those after 1, 2, 4, 8, ... epochs, after the best epoch so far,
/// and after those at which trainings of the present plan part or end.
#[must_use]
pub fn is_kept(epoch: u32, best: Option<u32>, partings: &BTreeSet<u32>) -> bool {
    epoch.is_power_of_two() || best == Some(epoch) || partings.contains(&epoch)
}

/// How much a state matters; what matters least goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Not the last of the training that saved it.
    OnTheWay,
    /// The last of a training whose result is stored: from here a longer one would go on.
    Ended,
    /// The last of a training that was stopped.
    Stopped,
    /// The last of a training under way; it stays.
    UnderWay,
}

/// The states that go so that the others take at most `budget` bytes, what several have counted once; `states` are in the
/// order of saving.
pub fn over_budget<E>(
    states: &[(Key, EpochState)],
    budget: u64,
    standing: impl Fn(Key, &EpochState) -> Result<Standing, E>,
) -> Result<Vec<Key>, E> {
    let mut uses: BTreeMap<Digest, (u64, usize)> = BTreeMap::new();
    for part in states.iter().flat_map(|(_, state)| state.parts.values()) {
        uses.entry(part.digest).or_insert((part.bytes, 0)).1 += 1;
    }
    let mut total: u64 = uses.values().map(|(bytes, _)| bytes).sum();
    if total <= budget {
        return Ok(Vec::new());
    }
    let mut order = Vec::with_capacity(states.len());
    for (key, state) in states {
        order.push((standing(*key, state)?, *key, state));
    }
    order.sort_by_key(|(standing, ..)| *standing);
    let mut gone = Vec::new();
    for (_, key, state) in order
        .into_iter()
        .filter(|(standing, ..)| *standing != Standing::UnderWay)
    {
        if total <= budget {
            break;
        }
        for part in state.parts.values() {
            if let Some((bytes, uses)) = uses.get_mut(&part.digest) {
                *uses -= 1;
                total -= if *uses == 0 { *bytes } else { 0 };
            }
        }
        gone.push(key);
    }
    Ok(gone)
}

/// The states that go so that the program keeps to its budget.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn beyond(store: &Store, pipeline: &str, budget: u64) -> Result<Vec<Key>, StoreError> {
    if store.trail_bytes()? <= budget {
        return Ok(Vec::new());
    }
    let states = store.epochs_for(pipeline)?;
    let mut last: BTreeMap<Key, u32> = BTreeMap::new();
    for (_, state) in &states {
        let epoch = last.entry(state.stage).or_default();
        *epoch = state.epoch.max(*epoch);
    }
    over_budget(&states, budget, |_, state| {
        Ok(match () {
            () if last.get(&state.stage) != Some(&state.epoch) => Standing::OnTheWay,
            () if store.product(state.stage)?.is_some() => Standing::Ended,
            () if store.try_lock_stage(state.stage)?.is_some() => Standing::Stopped,
            () => Standing::UnderWay,
        })
    })
}

/// What the trainings of one run have in common.
pub(super) struct Trails<'a> {
    plan: &'a Plan,
    store: &'a Store,
    options: &'a Options,
    listener: &'a dyn Listener,
    /// Found when the first training runs.
    partings: OnceLock<BTreeMap<NodeIndex, BTreeSet<u32>>>,
}

impl<'a> Trails<'a> {
    pub(super) fn new((plan, store): (&'a Plan, &'a Store), options: &'a Options, listener: &'a dyn Listener) -> Self {
        Self {
            plan,
            store,
            options,
            listener,
            partings: OnceLock::new(),
        }
    }

    /// Where a stage that takes this from others keeps its states. One that is forced takes none over: it would not compute anything.
    pub(super) fn states<'t>(
        &self,
        (node, key): (NodeIndex, Key),
        taken: Option<&[Taken]>,
        is_forced: bool,
        (cancel, quota): (&'t AtomicBool, &'t Quota<'t>),
    ) -> StoredStates<'t>
    where
        'a: 't,
    {
        let stage = &self.plan.graph[node];
        let training = stage.work.training().map(|(train, _)| Course::of(train));
        let taken = taken.filter(|_| training.is_some());
        let root = taken.and_then(|taken| self.plan.trail_root(node, taken));
        let trail = root.and_then(|root| Trail::of(&stage.work, root));
        let partings = trail.as_ref().and_then(|_| {
            let all = self.partings.get_or_init(|| partings(self.plan));
            all.get(&node).cloned()
        });
        StoredStates {
            store: self.store,
            key,
            trail: trail.zip(training),
            partings: partings.unwrap_or_default(),
            pipeline: &self.options.pipeline,
            budget: self.options.trail,
            stage: &stage.name,
            listener: self.listener,
            cancel,
            quota,
            is_forced,
            current: None.into(),
            lock: None.into(),
        }
    }
}

/// After which epochs each training of a plan has states from which others go on otherwise, or end. Trainings are taken to
/// begin alike when they take from the same stages: the digests of what those give are not known yet.
fn partings(plan: &Plan) -> BTreeMap<NodeIndex, BTreeSet<u32>> {
    let mut trails = Vec::new();
    for node in plan.order().filter(|node| plan.graph[*node].work.training().is_some()) {
        let inputs = keys::inputs(plan, node).into_iter();
        let taken: Vec<Taken> = inputs
            .map(|(role, from)| (role, role.output(), Digest::of(&canonical(&from.index()))))
            .collect();
        let trail = plan
            .trail_root(node, &taken)
            .and_then(|root| Trail::of(&plan.graph[node].work, root));
        trails.extend(trail.map(|trail| (node, trail.epochs)));
    }
    let mut nexts: BTreeMap<Key, BTreeSet<Option<Key>>> = BTreeMap::new();
    for (_, epochs) in &trails {
        for (place, key) in epochs.iter().enumerate() {
            nexts.entry(*key).or_default().insert(epochs.get(place + 1).copied());
        }
    }
    let parts = |(_, key): &(u32, &Key)| nexts.get(key).is_some_and(|nexts| nexts.len() > 1);
    let found = trails.iter().map(|(node, epochs)| {
        let numbered = (1..).zip(epochs).filter(parts);
        (*node, numbered.map(|(epoch, _)| epoch).collect())
    });
    found.collect()
}

/// What is known of a stage that has no result.
pub(super) struct Begun {
    pub(super) state: State,
    pub(super) why: String,
    /// Epochs that need not be trained.
    pub(super) epochs: Option<u32>,
}

/// How much of a stage without a result is done.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn begun(
    plan: &Plan,
    node: NodeIndex,
    store: &Store,
    (key, taken): (Key, &[Taken]),
) -> Result<Begun, StoreError> {
    let work = &plan.graph[node].work;
    let nothing = |why: &str| Begun {
        state: State::ToRun,
        why: format!("{NOTHING}{why}"),
        epochs: None,
    };
    let root = plan.trail_root(node, taken);
    let (Some((train, _)), Some(root)) = (work.training(), root) else {
        return Ok(nothing(""));
    };
    let stopped = stopped(store, key)?;
    let alike = store.epochs_of(root)?;
    // The keys of all epochs are made only where there is something to find by them.
    let is_something = stopped.is_some() || !alike.is_empty();
    let Some(trail) = is_something.then(|| Trail::of(work, root)).flatten() else {
        return Ok(nothing(""));
    };
    let all = train.epochs;
    let here = [device_class().to_owned()];
    let states: Vec<_> = trail.epochs.iter().map(|key| state_key(*key, &here)).collect();
    let known = store.furthest_epoch(&states)?;
    let known = known.map_or(0, |(place, _)| u32::try_from(place + 1).unwrap_or(u32::MAX));
    let partial = |why: String, epochs: u32| Begun {
        state: State::Partial,
        why,
        epochs: Some(epochs),
    };
    if let Some((epoch, step)) = stopped
        && epoch >= known
    {
        let place = if step > 0 { "inside" } else { "from" };
        let why = format!(
            "an earlier run was stopped; it goes on {place} epoch {} of {all}",
            epoch + 1
        );
        return Ok(partial(why, epoch));
    }
    if known == all {
        return Ok(partial(
            format!("all its {all} epochs are stored as the first of a longer training"),
            known,
        ));
    }
    if known > 0 {
        let first = if known == 1 {
            "epoch is".to_owned()
        } else {
            format!("{known} epochs are")
        };
        let why = format!("from epoch {} of {all}: the first {first} stored", known + 1);
        return Ok(partial(why, known));
    }
    Ok(nothing(&apart(work, &trail, &Course::of(train), alike)))
}

/// Why a stage runs of which nothing is stored.
pub(super) const NOTHING: &str = "no result yet for these parameters, inputs and files";

/// How far the stage itself had come when it was stopped: whole epochs, and steps into the next.
fn stopped(store: &Store, key: Key) -> Result<Option<(u32, usize)>, StoreError> {
    let Some(path) = store.load_state(key)? else {
        return Ok(None);
    };
    let Ok(bytes) = fs::read(path) else {
        return Ok(None);
    };
    if let Some(epoch) = pointed(&bytes) {
        let state = store.furthest_epoch(&[epoch])?;
        return Ok(state.map(|(_, state)| (state.epoch, 0)));
    }
    let progress = Training::progress_of(&bytes).ok();
    Ok(progress.map(|Progress { epoch, step, .. }| (u32::try_from(epoch).unwrap_or(u32::MAX), step)))
}

/// How a saved state names the state after an epoch, which lies elsewhere.
const POINTER: &str = "mtl.trail/1 ";
/// More bytes than [`pointer()`] gives.
pub(super) const POINTER_BYTES: u64 = 256;

/// The text that says that the last state is the one after an epoch, by its key.
pub(super) fn pointer(key: Key) -> String {
    format!("{POINTER}{key}\n")
}

/// What [`pointer()`] names; none for other contents.
pub(super) fn pointed(bytes: &[u8]) -> Option<Key> {
    let text = std::str::from_utf8(bytes.get(..bytes.len().min(POINTER_BYTES as usize))?).ok()?;
    text.strip_prefix(POINTER)?.trim_end().parse().ok().map(Key)
}

/// Why a training shares no epoch with those that are stored and begin alike; empty when there are none.
fn apart(work: &Work, trail: &Trail, own: &Course, stored: Vec<(Key, EpochState)>) -> String {
    let elsewhere = stored.iter().filter(|(key, state)| {
        let epoch = (state.epoch as usize).checked_sub(1);
        let epoch = epoch.and_then(|place| trail.epochs.get(place));
        epoch.is_some_and(|epoch| state_key(*epoch, &state.devices) == *key)
    });
    if let Some((_, state)) = elsewhere.max_by_key(|(_, state)| state.epoch) {
        let devices = state.devices.join("` and `");
        return format!(
            "; the state after epoch {} is stored, but of device class `{devices}`",
            state.epoch
        );
    }
    let courses = stored
        .into_iter()
        .rev()
        .map(|(_, state)| serde_json::from_value(state.course));
    let Some(other) = courses.flatten().find(|course: &Course| course != own) else {
        return String::new();
    };
    let shared = trail.shared(&trail.along(work, &other));
    match () {
        () if shared > 0 => {
            format!("; the states of the first {shared} epochs, which a stored training has too, were let go")
        }
        () if other.schedule == own.schedule && own.goes_by_length() => format!(
            "; a training like it of {} is stored, but {} goes over the whole length, so no epoch has the same rates and \
             nothing is shared",
            length(&other),
            name(&own.schedule)
        ),
        () if other.schedule != own.schedule => format!(
            "; a training like it is stored whose rates go by {} and not by {}: they differ from the first epoch on, so \
             nothing is shared",
            name(&other.schedule),
            name(&own.schedule)
        ),
        () => format!(
            "; a training like it of {} is stored, which differs from the first epoch on, so nothing is shared",
            length(&other)
        ),
    }
}

fn length(course: &Course) -> String {
    match course.stop {
        Some(steps) => format!("{steps} steps"),
        None => format!("{} epochs", course.epochs),
    }
}

/// A schedule as the language calls it.
fn name(schedule: &Schedule) -> String {
    let name = match schedule {
        Schedule::Constant => "constant",
        Schedule::Step { .. } => "step",
        Schedule::MultiStep { .. } => "multi_step",
        Schedule::Exponential { .. } => "exponential",
        Schedule::Cosine { .. } => "cosine",
        Schedule::Restarts { .. } => "cosine_restarts",
        Schedule::Polynomial { .. } => "polynomial",
        Schedule::OneCycle(_) => "one_cycle",
        Schedule::Plateau(_) => "plateau",
        Schedule::Warmed { schedule, .. } => return format!("{} with its warm-up", self::name(schedule)),
    };
    format!("`{name}`")
}

#[cfg(test)]
mod tests;
