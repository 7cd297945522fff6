//! What is seen of a watched study: one value, drawn in the terminal and sent to the page.

use super::{
    matrix::{self, Matrix, Place, Values},
    steps::{Step, drawable, steps},
};
use crate::{
    exec::{self, Event, Known, Progress},
    plan::{Plan, canon::Key, looks},
    report,
};
use indexmap::IndexMap;
use serde::Serialize;
use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Lines of the story that are kept.
const STORY: usize = 8;
/// Steps of a plan that is drawn; of more a drawing shows nothing.
const DRAWN: usize = 48;
/// Curves of trainings that have ended are kept of so many.
const ENDED: usize = 8;

/// What a decision settles: the stages and what they are called.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Outline {
    /// `mtl.watch/1`.
    pub schema: &'static str,
    /// The program.
    pub program: String,
    /// The stages, inputs first.
    pub stages: Vec<OutlineStage>,
    /// Like stages, taken together.
    pub steps: Vec<Step>,
    /// The steps drawn, as SVG.
    pub drawing: Option<String>,
}

/// A stage of an outline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutlineStage {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// Its step, by place.
    pub step: usize,
}

/// What the loop is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The program has not been planned yet.
    #[default]
    Planning,
    /// Stages run.
    Running,
    /// Nothing is left to run.
    Done,
    /// Nothing more runs, and not all has: something failed.
    Failed,
}

/// Losses by epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Curve {
    /// The first epoch that is here, from 1: those before it were taken over from another training.
    pub first: u32,
    /// Mean training losses.
    pub training: Vec<f64>,
    /// Losses on the tuning part.
    pub tuning: Vec<Option<f64>>,
}

/// A stage that runs, or a training that ran.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Running {
    /// The stage, by place.
    pub stage: usize,
    /// Units of work done and in all.
    pub done: u64,
    /// In all.
    pub total: u64,
    /// Epoch and epochs of a training.
    pub epoch: Option<(u32, u32)>,
    /// Its mean training loss lately.
    pub loss: Option<f64>,
    /// Its losses so far; empty for other stages.
    pub curve: Curve,
}

/// An output and whether its results may be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutputView {
    /// Its name.
    pub name: String,
    /// Whether it shows results on test data.
    pub is_sealed: bool,
    /// Where its files are once it was shown.
    pub folder: Option<PathBuf>,
    /// Whether there is a report of it, of this plan or of an earlier run.
    pub has_report: bool,
}

/// What changes while stages run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct State {
    /// What the loop is at.
    pub phase: Phase,
    /// What is wrong with the program as it stands; all else is as it was before.
    pub trouble: Option<String>,
    /// Decisions so far.
    pub decision: u64,
    /// Milliseconds from the first sign of the last change to the decision.
    pub decided_ms: Option<u64>,
    /// A letter per stage: `.` waits, `k` was known, `r` runs, `d` has run, `f` failed.
    pub stages: String,
    /// Stages that run.
    pub running: Vec<Running>,
    /// The last trainings that have ended here, the newest first.
    pub ended: Vec<Running>,
    /// AUCs on tuning parts.
    pub matrices: Vec<Matrix>,
    /// The outputs.
    pub outputs: Vec<OutputView>,
    /// What happened lately, the newest last.
    pub story: VecDeque<String>,
    /// Whether results on test data are shown once all has run.
    pub reveals: bool,
    /// Whether somebody at the terminal is about to ask for that.
    pub asks: bool,
}

/// What is seen, and what tells where news of it belong.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// What the last decision settled.
    pub outline: Arc<Outline>,
    /// What has changed since.
    pub state: State,
    /// The key of each stage, where it is known.
    keys: Vec<Option<Key>>,
    places: IndexMap<String, usize>,
    values: Values,
    /// Whether there are values that the matrices do not show yet.
    has_values: bool,
    plan: Option<Arc<Plan>>,
}

impl View {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(program: &str) -> Self {
        Self {
            outline: Arc::new(Outline {
                schema: "mtl.watch/1",
                program: program.to_owned(),
                ..Outline::default()
            }),
            ..Self::default()
        }
    }

    /// Another plan is to be seen, whose outputs lie in `out`. What runs on for it keeps its place.
    pub fn decided(&mut self, plan: &Arc<Plan>, known: &[Known], out: &Path) {
        let before = std::mem::take(&mut self.keys);
        let running: Vec<(Option<Key>, Running)> = std::mem::take(&mut self.state.running)
            .into_iter()
            .map(|running| (before.get(running.stage).copied().flatten(), running))
            .collect();
        let (steps, step_of) = steps(plan);
        let stages = plan.order().zip(&step_of).map(|(node, step)| OutlineStage {
            name: plan.graph[node].name.clone(),
            kind: plan.graph[node].work.kind(),
            step: *step,
        });
        let outline = Outline {
            stages: stages.collect(),
            drawing: Some(&steps)
                .filter(|steps| steps.len() <= DRAWN)
                .and_then(|steps| report::pipeline_in_page(&drawable(steps))),
            steps,
            schema: self.outline.schema,
            program: self.outline.program.clone(),
        };
        self.keys = known.iter().map(Known::key).collect();
        let letter = |stage: &Known| if stage.state == exec::State::Cached { 'k' } else { '.' };
        self.state.stages = known.iter().map(letter).collect();
        self.places = outline
            .stages
            .iter()
            .enumerate()
            .map(|(place, stage)| (stage.name.clone(), place))
            .collect();
        self.state.ended.clear();
        self.outline = Arc::new(outline);
        for (key, running) in running {
            let place = key.and_then(|key| self.keys.iter().position(|known| *known == Some(key)));
            if let Some(stage) = place {
                self.mark(stage, 'r');
                self.state.running.push(Running { stage, ..running });
            }
        }
        self.state.outputs = plan
            .outputs
            .iter()
            .map(|(name, node)| OutputView {
                name: name.clone(),
                is_sealed: !looks::shown(&plan.graph[*node].work).is_empty(),
                folder: None,
                has_report: out.join(name).join("report.html").is_file(),
            })
            .collect();
        self.values.clear();
        self.plan = Some(Arc::clone(plan));
        self.state.matrices = matrix::matrices(plan, &self.values);
        self.state.phase = Phase::Running;
    }

    /// The place of the stage with this key.
    #[must_use]
    pub fn place_of(&self, key: Key) -> Option<usize> {
        self.keys.iter().position(|known| *known == Some(key))
    }

    /// The place of the stage of this name.
    #[must_use]
    pub fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// The letter of a stage.
    #[must_use]
    pub fn letter(&self, place: usize) -> Option<char> {
        self.state
            .stages
            .as_bytes()
            .get(place)
            .map(|letter| char::from(*letter))
    }

    fn mark(&mut self, place: usize, letter: char) {
        // Letters are single bytes.
        let mut letters = std::mem::take(&mut self.state.stages).into_bytes();
        if let (Some(spot), Ok(letter)) = (letters.get_mut(place), u8::try_from(letter)) {
            *spot = letter;
        }
        self.state.stages = String::from_utf8(letters).unwrap_or_default();
    }

    fn end(&mut self, place: usize) -> Option<Running> {
        let at = self.state.running.iter().position(|running| running.stage == place)?;
        Some(self.state.running.remove(at))
    }

    fn running(&mut self, place: usize) -> Option<&mut Running> {
        self.state.running.iter_mut().find(|running| running.stage == place)
    }

    /// Something happened to the stage at `place`.
    pub fn happened(&mut self, place: usize, event: &Event) {
        match event {
            Event::StageStarted { key, .. } => {
                if let (Some(spot), Ok(key)) = (self.keys.get_mut(place), key.parse()) {
                    *spot = Some(Key(key));
                }
                self.mark(place, 'r');
                self.end(place);
                self.state.running.push(Running {
                    stage: place,
                    ..Running::default()
                });
            }
            Event::Progress(progress) => self.progressed(place, progress),
            Event::Resumed { epoch, .. } => {
                if let Some(running) = self.running(place) {
                    running.curve = Curve {
                        first: epoch + 1,
                        ..Curve::default()
                    };
                }
            }
            Event::EpochFinished {
                epoch,
                epochs,
                training_loss,
                tuning_loss,
                ..
            } => {
                if let Some(running) = self.running(place) {
                    running.epoch = Some((*epoch, *epochs));
                    if running.curve.training.is_empty() {
                        running.curve.first = *epoch;
                    }
                    running.curve.training.push(*training_loss);
                    running.curve.tuning.push(*tuning_loss);
                }
            }
            Event::StageFinished { key, .. } => {
                if let Some(spot) = self.keys.get_mut(place) {
                    *spot = Some(*key);
                }
                self.mark(place, 'd');
                if let Some(ended) = self.end(place).filter(|ended| !ended.curve.training.is_empty()) {
                    self.state.ended.insert(0, ended);
                    self.state.ended.truncate(ENDED);
                }
            }
            Event::StageReused { key, .. } => {
                if let Some(spot) = self.keys.get_mut(place) {
                    *spot = Some(*key);
                }
                if self.letter(place) != Some('d') {
                    self.mark(place, 'k');
                }
            }
            Event::StageSkipped { .. } => {
                self.end(place);
                self.mark(place, '.');
            }
            Event::StageFailed { .. } => {
                self.end(place);
                self.mark(place, 'f');
            }
            _ => {}
        }
    }

    fn progressed(&mut self, place: usize, progress: &Progress) {
        if let Some(running) = self.running(place) {
            running.done = progress.done;
            running.total = progress.total;
            running.epoch = progress.epoch.or(running.epoch);
            running.loss = progress.loss.or(running.loss);
        }
    }

    /// A line of what happened.
    pub fn tell(&mut self, line: String) {
        self.state.story.push_back(line);
        while self.state.story.len() > STORY {
            self.state.story.pop_front();
        }
    }

    /// The AUC of a model on its tuning part is known.
    pub(super) fn valued(&mut self, place: Place, auc: Option<f64>) {
        self.values.insert(place, auc);
        self.has_values = true;
    }

    /// Brings what is computed from other parts up to date; to be called before it is looked at.
    pub fn refresh(&mut self) {
        if let (true, Some(plan)) = (std::mem::take(&mut self.has_values), &self.plan) {
            self.state.matrices = matrix::matrices(plan, &self.values);
        }
    }

    /// An output's files were written.
    pub fn shown(&mut self, output: &str, folder: &Path) {
        if let Some(output) = self.state.outputs.iter_mut().find(|known| known.name == output) {
            output.folder = Some(folder.to_owned());
            output.has_report = folder.join("report.html").is_file();
        }
    }

    /// Stages that wait, were known, run, have run, and failed.
    #[must_use]
    pub fn counts(&self) -> [usize; 5] {
        [b'.', b'k', b'r', b'd', b'f'].map(|letter| self.state.stages.bytes().filter(|own| *own == letter).count())
    }
}
