//! The loop: hears of changes, decides, and lets runs begin and give way.

use super::{
    files::{Files, Sources, add_data},
    interface::{Go, Message, Screen, Told, Watching, stage_of, story},
    marks::Marks,
    matrix, now, tuning,
    tuning::{Job, Scores},
    view::{Phase, View},
};
use crate::{
    exec::{self, Event, Known, Listener, Stop, Summary, history},
    plan::{canon::Key, digest::Digest},
    store::Trigger,
};
use indexmap::IndexMap;
use petgraph::graph::NodeIndex;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread::{self, Scope},
    time::{Duration, Instant},
};

/// A change is over when nothing more was heard for so long.
const SILENCE: Duration = Duration::from_millis(15);
/// A change that goes on is decided on after so long.
const PATIENCE: Duration = Duration::from_millis(250);
/// The view is shown at most so often.
const FRAME: Duration = Duration::from_millis(100);

/// Watches until `end` is raised; runs are then stopped, with their states saved.
///
/// # Errors
/// When files cannot be watched.
pub fn watch(
    watching: &Watching<'_>,
    screens: &mut [&mut dyn Screen],
    (sender, inbox): (Sender<Message>, &Receiver<Message>),
) -> Result<(), String> {
    let files = Files::new(sender.clone(), &watching.own);
    let files = files.map_err(|error| format!("files cannot be watched: {error}"))?;
    thread::scope(|scope| {
        let (jobs, orders) = mpsc::channel();
        let teller = sender.clone();
        scope.spawn(move || tuning::compute(&orders, &teller));
        let mut control = Control {
            watching,
            scope,
            sender,
            files,
            view: View::new(&watching.program),
            sessions: Vec::new(),
            current: None,
            decisions: 0,
            runs: 0,
            generation: 0,
            signs: None,
            scores: Scores::default(),
            jobs,
        };
        control.decide(now(), screens);
        control.listen(inbox, screens);
    });
    Ok(())
}

/// Sends the events of a run to the loop.
struct Ear {
    run: u64,
    sender: Sender<Message>,
}

impl Listener for Ear {
    fn event(&self, event: &Event) {
        // The loop outlives its runs.
        let _ = self.sender.send(Message::Event(self.run, event.clone()));
    }
}

/// A run under way.
struct Session {
    run: u64,
    stop: Arc<Stop>,
    /// Keys of the stages that it runs, by their names in its plan.
    keys: BTreeMap<String, Key>,
}

/// The plan that counts.
struct Current {
    go: Go,
    marks: Marks,
    /// The run of it that counts.
    run: u64,
    /// How that run ended.
    ended: Option<Summary>,
}

/// Signs of a change that is not over.
struct Signs {
    first: Instant,
    last: Instant,
}

struct Control<'scope, 'env> {
    watching: &'env Watching<'env>,
    scope: &'scope Scope<'scope, 'env>,
    sender: Sender<Message>,
    files: Files,
    view: View,
    sessions: Vec<Session>,
    current: Option<Current>,
    decisions: u64,
    runs: u64,
    /// Plans so far.
    generation: u64,
    signs: Option<Signs>,
    scores: Scores,
    jobs: Sender<Job>,
}

impl<'scope, 'env> Control<'scope, 'env> {
    fn listen(&mut self, inbox: &Receiver<Message>, screens: &mut [&mut dyn Screen]) {
        let mut shown = now();
        let mut is_new = true;
        loop {
            if self.watching.end.load(Ordering::Relaxed) {
                self.sessions.iter().for_each(|session| session.stop.now());
                return;
            }
            if is_new && shown.elapsed() >= FRAME {
                self.show(screens);
                (shown, is_new) = (now(), false);
            }
            match inbox.recv_timeout(self.patience(is_new.then(|| FRAME.saturating_sub(shown.elapsed())))) {
                Ok(message) => {
                    is_new = true;
                    self.heard(message, screens);
                }
                Err(RecvTimeoutError::Timeout) => screens.iter_mut().for_each(|screen| screen.idle(&self.view)),
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if let Some(signs) = &self.signs
                && (signs.last.elapsed() >= SILENCE || signs.first.elapsed() >= PATIENCE)
            {
                let first = signs.first;
                self.signs = None;
                self.decide(first, screens);
                self.show(screens);
                (shown, is_new) = (now(), false);
            }
        }
    }

    /// How long to wait for the next message.
    fn patience(&self, frame: Option<Duration>) -> Duration {
        let silence = self
            .signs
            .as_ref()
            .map(|signs| SILENCE.saturating_sub(signs.last.elapsed()));
        [Some(FRAME), frame, silence]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(FRAME)
    }

    fn show(&mut self, screens: &mut [&mut dyn Screen]) {
        self.view.refresh();
        screens.iter_mut().for_each(|screen| screen.show(&self.view));
    }

    fn heard(&mut self, message: Message, screens: &mut [&mut dyn Screen]) {
        match message {
            Message::Touched(paths, when) => {
                if paths.iter().any(|path| self.files.concern(path)) {
                    let first = self.signs.as_ref().map_or(when, |signs| signs.first);
                    self.signs = Some(Signs { first, last: when });
                }
            }
            Message::Again => {
                self.current = None;
                self.decide(now(), screens);
            }
            Message::Asks(asks) => self.view.state.asks = asks,
            Message::Reveal => {
                self.view.state.asks = false;
                self.view.state.reveals = true;
                self.reveal_if_done();
            }
            Message::Event(run, event) => self.happened(run, &event, screens),
            Message::Ended(run, summary) => self.ended(run, summary, screens),
            Message::Valued(generation, place, auc) => {
                if generation == self.generation {
                    self.view.valued(place, auc);
                }
            }
        }
    }

    /// Decides on a change of which the first sign came at `since`.
    fn decide(&mut self, since: Instant, screens: &mut [&mut dyn Screen]) {
        let loaded = self.watching.source.load();
        let mut sources = Sources {
            files: loaded.files,
            trees: loaded.trees,
            folders: BTreeSet::new(),
        };
        if let Some(go) = &loaded.go {
            add_data(&mut sources, &go.plan);
        }
        if self.files.follow(sources) {
            self.view
                .tell("the system watches no more folders; they are looked at once a second".to_owned());
        }
        let Some(go) = loaded.go else {
            return self.trouble(&loaded.messages, screens);
        };
        let known = match exec::survey_until(&go.plan, self.watching.store, &self.watching.end) {
            Ok(known) => known,
            Err(error) => return self.trouble(&error.to_string(), screens),
        };
        self.decisions += 1;
        self.view.state.trouble = None;
        self.view.state.decision = self.decisions;
        let ms = since.elapsed().as_secs_f64() * 1e3;
        self.view.state.decided_ms = Some(ms.round() as u64);
        let marks = Marks::of(&go.plan, &known);
        let is_new = !self.is_current(&go, &marks);
        let told = Told::Decided {
            schema: "mtl.watch_events/1",
            decision: self.decisions,
            ms,
            stages: known.len(),
            known: known.iter().filter(|stage| stage.state == exec::State::Cached).count(),
            dropped: if is_new { self.give_way(&marks.keys) } else { 0 },
            is_new,
        };
        screens.iter_mut().for_each(|screen| screen.told(&told));
        if is_new {
            self.begin(go, marks, &known);
        }
    }

    /// True when the plan that counts is this one, and was not run in vain.
    fn is_current(&self, go: &Go, marks: &Marks) -> bool {
        self.current.as_ref().is_some_and(|current| {
            let is_whole = current.ended.is_none_or(|summary| summary.failed == 0);
            is_whole && go.options == current.go.options && marks.are_those_of(&current.marks)
        })
    }

    /// Lets the runs of earlier plans stop but for what is wanted; gives how many of their stages are not.
    fn give_way(&self, keys: &[Option<Key>]) -> usize {
        let wanted: BTreeSet<Key> = keys.iter().flatten().copied().collect();
        let mut dropped = 0;
        for session in &self.sessions {
            dropped += session.keys.values().filter(|key| !wanted.contains(key)).count();
            session.stop.all_but(wanted.clone());
        }
        dropped
    }

    /// The program, or the store, cannot be used as it stands: what runs goes on, and what was seen stays.
    fn trouble(&mut self, text: &str, screens: &mut [&mut dyn Screen]) {
        self.view.state.trouble = Some(text.to_owned());
        screens
            .iter_mut()
            .for_each(|screen| screen.told(&Told::Trouble { text }));
    }

    /// Begins to run another plan.
    fn begin(&mut self, go: Go, marks: Marks, known: &[Known]) {
        self.generation += 1;
        self.view.decided(&go.plan, known, &go.options.out);
        self.view.state.reveals = false;
        self.scores = Scores {
            places: matrix::places(&go.plan),
            files: IndexMap::new(),
        };
        let shows = self.watching.is_unsealed.then_some(Trigger::Watch);
        let run = self.run(&go, shows);
        self.current = Some(Current {
            go,
            marks,
            run,
            ended: None,
        });
    }

    /// Runs a plan, in a thread of its own; results that are shown are recorded in the history of runs.
    fn run(&mut self, go: &Go, shows: Option<Trigger>) -> u64 {
        self.runs += 1;
        let run = self.runs;
        let stop = Arc::new(Stop::default());
        self.sessions.push(Session {
            run,
            stop: Arc::clone(&stop),
            keys: BTreeMap::new(),
        });
        let (plan, setup, sender) = (Arc::clone(&go.plan), go.setup.clone(), self.sender.clone());
        let options = exec::Options {
            shows,
            ..go.options.clone()
        };
        let store = self.watching.store;
        self.scope.spawn(move || {
            let ear = Ear {
                run,
                sender: sender.clone(),
            };
            let summary = if shows.is_some() {
                let recorder = history::Recorder::new(&plan, store, &ear, setup);
                let (summary, _) = exec::run(&plan, store, &options, &recorder, &stop);
                recorder.finish(&summary);
                summary
            } else {
                exec::run(&plan, store, &options, &ear, &stop).0
            };
            let _ = sender.send(Message::Ended(run, summary));
        });
        run
    }

    fn happened(&mut self, run: u64, event: &Event, screens: &mut [&mut dyn Screen]) {
        screens
            .iter_mut()
            .for_each(|screen| screen.told(&Told::Run { run, what: event }));
        let is_current = self.current.as_ref().is_some_and(|current| current.run == run);
        if let Event::StageStarted { stage, key, .. } = event
            && let (Some(session), Ok(key)) = (self.sessions.iter_mut().find(|own| own.run == run), key.parse())
        {
            session.keys.insert(stage.clone(), Key(key));
        }
        if let (true, Event::OutputWritten { output, folder }) = (is_current, event) {
            self.view.shown(output, folder);
            self.view.tell(format!("{output}: {}", folder.display()));
        }
        let Some(stage) = stage_of(event) else { return };
        let place = match is_current {
            true => self.view.place(stage),
            // Of an earlier plan only what the present one wants is told.
            false => {
                let session = self.sessions.iter().find(|own| own.run == run);
                let key = session.and_then(|session| session.keys.get(stage));
                key.and_then(|key| self.view.place_of(*key))
            }
        };
        let is_over = matches!(
            event,
            Event::StageFinished { .. } | Event::StageFailed { .. } | Event::StageSkipped { .. }
        );
        if let (true, Some(session)) = (is_over, self.sessions.iter_mut().find(|own| own.run == run)) {
            session.keys.remove(stage);
        }
        let Some(place) = place else { return };
        if let Some(line) = story(event) {
            self.view.tell(line);
        }
        self.view.happened(place, event);
        if let Event::StageFinished { outputs, .. } | Event::StageReused { outputs, .. } = event {
            self.value(place, outputs);
        }
    }

    /// Orders the AUCs on tuning parts that the scores of a stage complete.
    fn value(&mut self, place: usize, outputs: &BTreeMap<String, Digest>) {
        let node = NodeIndex::new(place);
        let (Some(current), Some(places)) = (&self.current, self.scores.places.get(&node)) else {
            return;
        };
        let Some(digest) = outputs.get("scores") else { return };
        let plan = &current.go.plan;
        let file = self.watching.store.path(*digest);
        self.scores.files.insert(plan.graph[node].name.clone(), file);
        for &place in places {
            let wanted = matrix::stages_of(plan, place);
            let files: Option<IndexMap<String, PathBuf>> = wanted
                .into_iter()
                .map(|stage| Some((stage.clone(), self.scores.files.get(&stage)?.clone())))
                .collect();
            if let Some(files) = files {
                // The thread that computes ends with the loop.
                let _ = self.jobs.send(Job {
                    generation: self.generation,
                    plan: Arc::clone(plan),
                    place,
                    files,
                });
            }
        }
    }

    fn ended(&mut self, run: u64, summary: Summary, screens: &mut [&mut dyn Screen]) {
        self.sessions.retain(|session| session.run != run);
        screens
            .iter_mut()
            .for_each(|screen| screen.told(&Told::Settled { run, summary }));
        let Some(current) = self.current.as_mut().filter(|current| current.run == run) else {
            return;
        };
        current.ended = Some(summary);
        self.view.state.phase = match summary.failed + summary.skipped {
            0 => Phase::Done,
            _ => Phase::Failed,
        };
        self.reveal_if_done();
    }

    /// Shows the results on test data when they were asked for and all has run.
    fn reveal_if_done(&mut self) {
        if !std::mem::take(&mut self.view.state.reveals) {
            return;
        }
        let Some(current) = self.current.take() else { return };
        if current
            .ended
            .is_some_and(|summary| summary.failed + summary.skipped == 0)
        {
            let run = self.run(&current.go, Some(Trigger::Reveal));
            self.view.state.phase = Phase::Running;
            self.current = Some(Current {
                run,
                ended: None,
                ..current
            });
        } else {
            self.view.state.reveals = current.ended.is_none();
            self.current = Some(current);
        }
    }
}
