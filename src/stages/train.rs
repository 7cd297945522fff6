//! Trains one model, going on from the state that an earlier run has left.

use super::{
    Ahead, Context, EpochEnd, Outputs, Parts, Progress, Saved, StageError,
    feed::Feed,
    pictures::Pictures,
    prepare,
    study::{Epoch, History},
};
use crate::{
    data::Prepared,
    net::{ParameterId, tower_name},
    nn::{
        Mode, Network, Stream, Weights, device_class, fresh_head, initial_weights, initial_weights_of, read_weights,
        write_weights,
    },
    plan::stage::{self, Role, Start, Train},
    train::{
        self, Control, Data, DecayOn, Diverged, EpochReport, Failure, Footprint, Hooks, Next, Objective, Outcome, Part,
        Recipe, Samples, State, StateError, StepReport, TrainError,
    },
};
use std::{fs, io, path::Path};

pub(super) fn run(train: &Train, context: &Context<'_>) -> Result<Outputs, StageError> {
    let objective = Objective::Classes(train.loss.clone());
    let state = trained(train, &start(train, context)?, objective, context)?;
    write(state, context.folder, &|done, part, target| {
        context.states.link(done, part, target)
    })
}

/// The state after the last epoch, whatever is learnt: all that trains goes on from saved states in one way.
pub(super) fn trained(
    train: &Train,
    start: &Weights,
    objective: Objective,
    context: &Context<'_>,
) -> Result<State, StageError> {
    let pictures = Prepared::open(context.input(Role::Pictures)?).map_err(prepare::failed)?;
    let frozen = frozen(train);
    let mode = Mode::Train { frozen: &frozen };
    let batch = train.batch as usize * objective.views();
    let mut network = Network::compile(&train.graph, mode, batch).map_err(StageError::failed)?;
    network.load(start).map_err(StageError::failed)?;

    let saved = saved_state(context)?;
    if let Some(state) = &saved {
        check_device(state, context)?;
    }
    let training = Labelled::new(&pictures, &train.training, train);
    let tuning = Labelled::new(&pictures, &train.tuning, train);
    let data = Data {
        training: &training,
        // Without classes there is no loss that pictures of the tuning part could have.
        tuning: (tuning.count() > 0 && matches!(objective, Objective::Classes(_))).then_some(&tuning as &dyn Samples),
    };
    let told = saved.as_ref().map_or(0, |state| state.progress.history.len());
    let mut hooks = Keeper {
        train,
        context,
        told,
        from: saved.as_ref().map(|state| state.progress.clone()),
    };
    let recipe = recipe(train, objective);
    let control = Control {
        cancel: context.cancel,
        save_every: context.save_every,
    };
    match train::fit(&mut network, data, &recipe, saved.as_ref(), &mut hooks, control) {
        Ok(Outcome::Finished(state)) => Ok(state),
        Ok(Outcome::Cancelled(state)) => {
            // The state after an epoch is saved already.
            if state.progress.step > 0 {
                save(&state, context)?;
            }
            Err(StageError::Cancelled)
        }
        Err(TrainError::Hook(failure)) => Err(match failure.downcast::<StageError>() {
            Ok(error) => *error,
            Err(failure) => StageError::failed(TrainError::Hook(failure)),
        }),
        Err(TrainError::Diverged(diverged)) => Err(self::diverged(&diverged, train, context)),
        Err(error) => Err(StageError::failed(error)),
    }
}

/// What decides the memory of a training in whose batches so many pictures stand for each sample.
pub(super) fn footprint(train: &Train, views: u64) -> Footprint<'_> {
    Footprint {
        graph: &train.graph,
        frozen: frozen(train),
        images: train.batch as usize * views as usize,
        optimizer: &train.optimizer,
        accumulate: train.accumulate as usize,
        is_mixed: train.mix.is_some(),
        has_average: train.ema.is_some(),
        keep: train.keep,
        has_tuning: views == 1 && train.tuning.count() > 0,
    }
}

/// A state is continued on the class of device that made it: on another one the bits would be those of neither.
fn check_device(state: &State, context: &Context<'_>) -> Result<(), StageError> {
    let (devices, here) = (&state.progress.devices, device_class());
    if context.allow_device_change || devices.iter().all(|device| device == here) {
        return Ok(());
    }
    let made = devices.join(" and ");
    let place = context.states.folder();
    let place = place.display();
    let message = format!("the saved state of this training is of device class `{made}`, and this device is `{here}`");
    Err(StageError::failed(message).help(format!(
        "go on where it was saved; or `--allow-device-change` goes on here, to bits that neither class would give; or \
         remove {place} to begin anew"
    )))
}

/// Parameters and statistics that stay as they are.
fn frozen(train: &Train) -> Vec<ParameterId> {
    let fixed = train.frozen_weights.iter().zip(train.frozen_statistics.iter());
    fixed
        .enumerate()
        .filter(|(_, (weight, statistic))| **weight || **statistic)
        .map(|(id, _)| ParameterId(id))
        .collect()
}

/// The weights before the first step.
fn start(train: &Train, context: &Context<'_>) -> Result<Weights, StageError> {
    match train.start {
        Start::Random { seed } => Ok(initial_weights(&train.graph, seed)),
        Start::Model { new_head, spread } => {
            let mut weights = read_weights(context.input(Role::Model)?).map_err(StageError::failed)?;
            if spread.is_some() || train.graph.masked_views().is_some() {
                weights = weights_of_towers(train, weights);
            }
            if let Some(seed) = new_head {
                weights.extend(fresh_head(&train.graph, seed));
                // What fuses views is kept like any other weight, and begins where the towers are put on.
                let begins = |id| train.graph.is_fusion(id) && !weights.contains_key(&train.graph.parameter(id).name);
                weights.extend(initial_weights_of(&train.graph, seed, begins));
            }
            Ok(weights)
        }
    }
}

/// The weights of a single network that towers take over, without those of auxiliary outputs; towers with parameters of
/// their own begin with the same.
fn weights_of_towers(train: &Train, weights: Weights) -> Weights {
    let names = train.graph.parameters.iter().map(|parameter| &parameter.name);
    let of = |name: &String| {
        let single = tower_name(name).and_then(|single| weights.get(single));
        Some((name.clone(), single.or(weights.get(name))?.clone()))
    };
    names.filter_map(of).collect()
}

fn saved_state(context: &Context<'_>) -> Result<Option<State>, StageError> {
    match context.states.own()? {
        None => Ok(None),
        Some(Saved::After(parts)) => state_of(&parts),
        Some(Saved::Inside(path)) => {
            let bytes = fs::read(&path).map_err(StageError::failed)?;
            State::from_bytes(&bytes).map(Some).map_err(StageError::failed)
        }
    }
}

/// The state with these parts; none when one of them was let go meanwhile.
fn state_of(parts: &Parts) -> Result<Option<State>, StageError> {
    /// Why there is none.
    enum Lack {
        Gone,
        Failed(StageError),
    }
    impl From<StateError> for Lack {
        fn from(error: StateError) -> Self {
            Self::Failed(StageError::failed(error))
        }
    }
    let read = |part: Part| match parts.get(part.name()).map(fs::read).transpose() {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Lack::Gone),
        Err(error) => Err(Lack::Failed(StageError::failed(error))),
    };
    match State::from_parts(read) {
        Ok(state) => Ok(Some(state)),
        Err(Lack::Gone) => Ok(None),
        Err(Lack::Failed(error)) => Err(error),
    }
}

fn save(state: &State, context: &Context<'_>) -> Result<(), StageError> {
    let bytes = state.to_bytes().map_err(StageError::failed)?;
    context.states.save(&mut |path| fs::write(path, &bytes))
}

/// Saves the state after an epoch.
fn save_epoch(state: &State, context: &Context<'_>) -> Result<(), StageError> {
    let progress = &state.progress;
    let losses = progress
        .history
        .iter()
        .filter_map(|report| Some((report.epoch, report.tuning_loss?)));
    // Of equal ones the first.
    let best = losses.reduce(|best, next| if next.1 < best.1 { next } else { best });
    let end = EpochEnd {
        done: number(progress.epoch),
        best: best.map(|(epoch, _)| number(epoch + 1)),
        devices: &progress.devices,
    };
    context.states.save_epoch(&end, &mut |folder| {
        let mut names = Vec::new();
        for part in Part::ALL {
            if let Some(bytes) = state.part(part).map_err(io::Error::other)? {
                fs::write(folder.join(part.name()), bytes)?;
                names.push(part.name());
            }
        }
        Ok(names)
    })
}

/// Gives a part of the state after so many epochs a second name; false when it cannot.
type Link<'a> = dyn Fn(u32, &str, &Path) -> Result<bool, StageError> + 'a;

/// The outputs. The model is the file of the state's part where `link` can make it so.
pub(super) fn write(state: State, folder: &Path, link: &Link<'_>) -> Result<Outputs, StageError> {
    let (model, history) = (folder.join("model"), folder.join("history"));
    let mut before = (0, 0);
    let epochs = state.progress.history.iter().map(|report| {
        let seen = (report.images as u64, report.steps);
        let epoch = epoch(report, before);
        before = seen;
        epoch
    });
    let text = serde_json::to_vec(&History {
        epochs: epochs.collect(),
        kept: state.progress.best.map(|best| number(best.epoch + 1)),
    })
    .map_err(StageError::failed)?;
    if !link(number(state.progress.epoch), state.model_part().name(), &model)? {
        write_weights(&model, &state.into_model()).map_err(StageError::failed)?;
    }
    fs::write(&history, text).map_err(StageError::failed)?;
    Ok(vec![("model".to_owned(), model), ("history".to_owned(), history)])
}

/// An epoch on its own; the loop counts pictures and steps from the beginning of training.
fn epoch(report: &EpochReport, (pictures, steps): (u64, u64)) -> Epoch {
    Epoch {
        epoch: number(report.epoch + 1),
        training_loss: report.loss,
        tuning_loss: report.tuning_loss,
        rate: report.rate,
        pictures: report.images as u64 - pictures,
        steps: report.steps - steps,
    }
}

/// The plan's words in those of the training loop.
fn recipe(train: &Train, objective: Objective) -> Recipe {
    Recipe {
        epochs: train.epochs as usize,
        stop: train.stop.map(|stop| usize::try_from(stop).unwrap_or(usize::MAX)),
        rates: train.rates.to_vec(),
        schedule: train.schedule.clone(),
        optimizer: train.optimizer.clone(),
        decay_on: if train.decay_all {
            DecayOn::All
        } else {
            DecayOn::Weights
        },
        clip: train.clip,
        objective,
        accumulate: train.accumulate as usize,
        draws: train.draws.iter().map(|draws| *draws as usize).collect(),
        mix: train.mix,
        ema: train.ema,
        keep: train.keep,
        seed: train.seed,
        drop_last: train.drop_last,
    }
}

/// Says what diverged, where the last good state is, and what may mend it.
fn diverged(diverged: &Diverged, train: &Train, context: &Context<'_>) -> StageError {
    let kept = match context.states.own() {
        Ok(Some(_)) => format!("the last good state is kept in {}", context.states.folder().display()),
        _ => "no state had been saved yet".to_owned(),
    };
    let top = train.rates.iter().copied().fold(0.0, f64::max);
    let mut mends = vec![format!("a lower learning rate, `lr: {:e}` for a tenth", top / 10.0)];
    match train.clip {
        None => mends.push("`clip: 5.0`, which bounds the gradient's norm".to_owned()),
        Some(clip) => mends.push(format!("a smaller `clip` than {clip}")),
    }
    if !train.schedule.is_warmed() {
        mends.push("a warm-up of the schedule, `warmup: 10%`".to_owned());
    }
    let [first, rest @ ..] = &mends[..] else {
        return StageError::failed(diverged.to_string());
    };
    StageError::failed(diverged.to_string()).help(format!("try {first}; or {}; {kept}", rest.join(", or ")))
}

/// Counts of epochs and steps fit the width that events have.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The samples of a task's part, as the loop wants them.
struct Labelled<'a> {
    pictures: Pictures<'a>,
    samples: &'a stage::Samples,
}

impl<'a> Labelled<'a> {
    fn new(prepared: &'a Prepared, samples: &'a stage::Samples, train: &'a Train) -> Self {
        let pictures = Pictures {
            feed: Feed {
                pictures: prepared,
                normalization: &train.normalization,
                augmentations: &train.augment,
            },
            rows: &samples.rows,
            views: samples.views as usize,
            masked: train.graph.masked_views().is_some(),
        };
        Self { pictures, samples }
    }
}

impl Samples for Labelled<'_> {
    fn count(&self) -> usize {
        self.pictures.count()
    }

    fn label(&self, sample: usize) -> usize {
        self.samples.classes[sample] as usize
    }

    fn fill(&self, sample: usize, chance: Option<Stream>, image: &mut [f32]) -> Result<(), Failure> {
        Ok(self.pictures.fill(sample, chance, image)?)
    }

    fn mask(&self, sample: usize, mask: &mut [f32]) {
        self.pictures.mask(sample, mask);
    }
}

/// Tells of steps and epochs, and keeps the state.
struct Keeper<'a> {
    train: &'a Train,
    context: &'a Context<'a>,
    /// Epochs that were told of.
    told: usize,
    /// Where the training goes on, until it is known that nobody has come further.
    from: Option<train::Progress>,
}

impl Keeper<'_> {
    fn tell_from(&mut self) {
        if let Some(at) = self.from.take() {
            self.context
                .monitor
                .resumed(number(at.epoch), at.step as u64, &at.devices);
        }
    }
}

impl Hooks for Keeper<'_> {
    fn before_epoch(&mut self, done: usize) -> Result<Next, Failure> {
        loop {
            let parts = match self.context.states.before_epoch(number(done)) {
                Ok(Ahead::Train) => {
                    self.tell_from();
                    return Ok(Next::Train);
                }
                Ok(Ahead::Known(parts)) => parts,
                Ok(Ahead::Stop) | Err(StageError::Cancelled) => return Ok(Next::Stop),
                Err(error) => return Err(error.into()),
            };
            if let Some(state) = state_of(&parts)? {
                let at = &state.progress;
                self.context
                    .monitor
                    .resumed(number(at.epoch), at.step as u64, &at.devices);
                self.told = at.history.len();
                return Ok(Next::Jump(Box::new(state)));
            }
        }
    }

    fn on_step(&mut self, report: &StepReport) {
        let (batch, samples) = (u64::from(self.train.batch), self.train.training.count() as u64);
        let per_epoch = samples.min(self.train.batches_per_epoch() * batch);
        let in_epoch = (report.step as u64 + 1) * batch * u64::from(self.train.accumulate.max(1));
        self.context.monitor.progress(&Progress {
            done: report.epoch as u64 * per_epoch + in_epoch.min(per_epoch),
            total: self.train.samples_seen(),
            epoch: Some((number(report.epoch + 1), self.train.epochs)),
            step: Some((report.step as u64 + 1, report.steps as u64)),
            loss: Some(report.loss),
        });
    }

    fn on_state(&mut self, state: &State) -> Result<(), Failure> {
        match state.progress.step {
            0 => save_epoch(state, self.context)?,
            _ => save(state, self.context)?,
        }
        for report in state.progress.history.iter().skip(self.told) {
            let epoch = number(report.epoch + 1);
            self.context
                .monitor
                .epoch(epoch, self.train.epochs, report.loss, report.tuning_loss);
        }
        self.told = state.progress.history.len();
        Ok(())
    }
}
