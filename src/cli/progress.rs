//! Showing a run: bars on a terminal, plain lines elsewhere, JSON lines on request. All are drawn from the event stream.

use super::output;
use crate::exec::{self, Event, Listener, Progress, Summary};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    collections::BTreeMap,
    io::{self, IsTerminal},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The display that fits the format and the terminal.
pub(super) fn listener(json: bool) -> Box<dyn Listener> {
    if json {
        Box::new(Json)
    } else if io::stderr().is_terminal() {
        Box::new(Bars::new())
    } else {
        Box::new(Plain)
    }
}

/// One JSON object a line on standard output.
struct Json;

impl Listener for Json {
    fn event(&self, event: &Event) {
        if let Ok(line) = serde_json::to_string(event) {
            output::line(&line);
        }
    }
}

/// What the counts of a run say.
pub(super) fn closing(summary: &Summary) -> String {
    let mut text = format!("{} stages ran, {} reused", summary.ran, summary.reused);
    if summary.failed > 0 {
        text += &format!(", {} failed", summary.failed);
    }
    if summary.skipped > 0 {
        text += &format!(", {} skipped", summary.skipped);
    }
    text + &format!(", {}", duration(summary.seconds))
}

/// `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// The lines that both displays for people print, beside the bars.
pub(super) fn story(event: &Event) -> Option<String> {
    Some(match event {
        Event::Planned { stages, outputs, .. } => format!("{stages} stages for {}", outputs.join(", ")),
        Event::StageStarted {
            stage,
            kind: "load",
            note: Some(note),
            ..
        } => format!("{stage}: {note}"),
        Event::Resumed { stage, epoch, step } => {
            format!("{stage}: going on after {epoch} epochs and {step} steps")
        }
        Event::StageFinished { stage, seconds, .. } => format!("{stage}: done in {}", duration(*seconds)),
        Event::Waiting { stage } => format!("{stage}: another process computes it; waiting"),
        Event::Damaged { stage } => format!("{stage}: a stored result was damaged or missing; it is made again"),
        Event::OtherDevice {
            device_class,
            here,
            stages,
        } => {
            let results = if *stages == 1 { "result" } else { "results" };
            format!("{stages} reused {results} of device class {device_class}; this device is {here}")
        }
        Event::Differs { stage, .. } => {
            format!("{stage}: ran again and gave other bytes than before; what rests on it runs again")
        }
        Event::Tight { stage, needed, there } => format!(
            "{stage}: it needs up to {} of memory, and {} are there; the system may end it",
            exec::size(*needed),
            exec::size(*there)
        ),
        Event::Noticed { message } => format!("store: {message}"),
        Event::StageFailed {
            stage, message, help, ..
        } => {
            let help = help
                .as_ref()
                .map(|help| format!("\n  help: {help}"))
                .unwrap_or_default();
            format!("{stage}: failed: {message}{help}")
        }
        Event::OutputWritten { output, folder } => format!("{output}: {}", folder.display()),
        Event::RunFinished(summary) => closing(summary),
        Event::StageStarted { .. }
        | Event::StageReused { .. }
        | Event::StageSkipped { .. }
        | Event::Progress(_)
        | Event::EpochFinished { .. } => return None,
    })
}

/// Plain lines on standard error.
struct Plain;

impl Listener for Plain {
    fn event(&self, event: &Event) {
        match event {
            Event::StageStarted { stage, kind, .. } if *kind != "load" => {
                output::error_line(&format!("{stage}: running"));
            }
            Event::EpochFinished {
                stage,
                epoch,
                epochs,
                training_loss,
                tuning_loss,
            } => {
                let tuning = tuning_loss
                    .map(|loss| format!(", tuning {loss:.4}"))
                    .unwrap_or_default();
                output::error_line(&format!(
                    "{stage}: epoch {epoch} of {epochs}, loss {training_loss:.4}{tuning}"
                ));
            }
            other => {
                if let Some(text) = story(other) {
                    output::error_line(&text);
                }
            }
        }
    }
}

/// A bar for the stages of the run, and one for the pictures of each running stage; epoch and step stand in those.
struct Bars {
    all: MultiProgress,
    stages: ProgressBar,
    running: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Bars {
    fn new() -> Self {
        Self::drawn_on(ProgressDrawTarget::stderr_with_hz(8))
    }

    fn drawn_on(target: ProgressDrawTarget) -> Self {
        let all = MultiProgress::with_draw_target(target);
        let stages = all.add(ProgressBar::new(0));
        if let Ok(style) = ProgressStyle::with_template("{elapsed_precise} [{bar:24}] {pos}/{len} stages") {
            stages.set_style(style.progress_chars("=> "));
        }
        stages.enable_steady_tick(Duration::from_millis(500));
        Self {
            all,
            stages,
            running: Mutex::default(),
        }
    }

    /// The bars of the running stages, by their names; a poisoned lock still holds usable ones.
    fn running(&self) -> MutexGuard<'_, BTreeMap<String, ProgressBar>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, stage: &str) {
        let bar = self.all.add(ProgressBar::new(0));
        let template = "{prefix}\n         [{bar:24}] {pos}/{len} images, {per_sec} images/s, {eta} left {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            let rate = |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
                let _ = write!(out, "{:.0}", state.per_sec());
            };
            bar.set_style(style.with_key("per_sec", rate).progress_chars("=> "));
        }
        bar.set_prefix(stage.to_owned());
        self.running().insert(stage.to_owned(), bar);
    }

    fn progress(&self, progress: &Progress) {
        let running = self.running();
        let Some(bar) = running.get(&progress.stage) else {
            return;
        };
        bar.set_length(progress.total);
        bar.set_position(progress.done);
        if let (Some((epoch, epochs)), Some((step, steps))) = (progress.epoch, progress.step) {
            let loss = progress
                .loss
                .map(|loss| format!(", loss {loss:.3}"))
                .unwrap_or_default();
            bar.set_message(format!("epoch {epoch}/{epochs}, step {step}/{steps}{loss}"));
        }
    }

    /// Takes the bar of a stage away; true when it had one.
    fn end(&self, stage: &str) -> bool {
        let bar = self.running().remove(stage);
        if let Some(bar) = &bar {
            bar.finish_and_clear();
            self.all.remove(bar);
        }
        bar.is_some()
    }
}

impl Listener for Bars {
    fn event(&self, event: &Event) {
        match event {
            Event::Planned { stages, .. } => self.stages.set_length(*stages as u64),
            Event::StageStarted { stage, .. } => self.start(stage),
            Event::Progress(progress) => self.progress(progress),
            Event::StageFinished { stage, .. }
            | Event::StageFailed { stage, .. }
            | Event::StageReused { stage, .. }
            | Event::StageSkipped { stage, .. } => {
                // A stage that was stopped is skipped after it has begun.
                self.end(stage);
                self.stages.inc(1);
            }
            // It was counted when it was reused, and is counted again when it has run.
            Event::Damaged { .. } => self.stages.dec(1),
            Event::RunFinished(_) => self.stages.finish_and_clear(),
            _ => {}
        }
        if let Some(text) = story(event) {
            self.all.suspend(|| output::error_line(&text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_speech() {
        let shown = [0.04, 9.4, 12.0, 200.0, 7500.0].map(duration);
        assert_eq!(shown, ["0.0 s", "9.4 s", "12 s", "3 min 20 s", "2 h 5 min"]);
    }

    #[test]
    fn every_running_stage_has_its_own_bar_and_leaves_with_it() {
        let bars = Bars::drawn_on(ProgressDrawTarget::hidden());
        let started = |stage: &str| Event::StageStarted {
            stage: stage.to_owned(),
            kind: "train",
            key: String::new(),
            note: None,
        };
        let progress = |stage: &str, done| {
            Event::Progress(Progress {
                stage: stage.to_owned(),
                done,
                total: 100,
                epoch: None,
                step: None,
                loss: None,
            })
        };
        for event in [
            started("a"),
            started("b"),
            progress("a", 30),
            progress("b", 70),
            progress("a", 40),
        ] {
            bars.event(&event);
        }
        let at = |stage: &str| bars.running().get(stage).map(ProgressBar::position);
        assert_eq!((at("a"), at("b")), (Some(40), Some(70)));
        // A stage that is stopped is told of as skipped.
        bars.event(&Event::StageSkipped { stage: "a".to_owned() });
        assert_eq!((at("a"), at("b")), (None, Some(70)));
        assert_eq!(bars.stages.position(), 1);
    }

    #[test]
    fn the_closing_line_names_only_what_happened() {
        let summary = Summary {
            ran: 2,
            reused: 30,
            seconds: 1.0,
            ..Summary::default()
        };
        assert_eq!(closing(&summary), "2 stages ran, 30 reused, 1.0 s");
        let failed = Summary {
            failed: 1,
            skipped: 4,
            ..summary
        };
        assert_eq!(closing(&failed), "2 stages ran, 30 reused, 1 failed, 4 skipped, 1.0 s");
    }
}
