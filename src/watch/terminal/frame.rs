//! What stands in the terminal.

use crate::watch::{
    matrix::Matrix,
    view::{Phase, Running, View},
};
use console::{measure_text_width, truncate_str};

/// Columns and rows of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
}

/// Stages of a step that are drawn one by one; of more, shares of the whole.
const GLYPHS: usize = 24;
/// Trainings that have ended of which curves are drawn.
const ENDED: usize = 3;
/// Widest name of a step or a stage.
const NAME: usize = 44;

/// Colours by what they say.
#[derive(Clone, Copy)]
enum Ink {
    Faint,
    Strong,
    Good,
    Busy,
    Bad,
}

/// Writes in colours, or without.
struct Pen(bool);

impl Pen {
    fn ink(&self, ink: Ink, text: &str) -> String {
        let code = match ink {
            _ if !self.0 || text.is_empty() => return text.to_owned(),
            Ink::Faint => "2",
            Ink::Strong => "1",
            Ink::Good => "32",
            Ink::Busy => "33",
            Ink::Bad => "31",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// The lines of the view, none wider and no more than the terminal has.
#[must_use]
pub fn frame(view: &View, size: Size, colours: bool) -> Vec<String> {
    let pen = Pen(colours);
    let foot = foot(view, &pen);
    let mut lines = vec![head(view, &pen), String::new()];
    if let Some(trouble) = &view.state.trouble {
        lines.extend(of_trouble(trouble, size, &pen));
    }
    let space = size.rows.saturating_sub(lines.len() + foot.len() + 1);
    let mut blocks = vec![of_steps(view, size, &pen)];
    blocks.extend(of_curves(view, size, &pen));
    blocks.extend(view.state.matrices.iter().map(|matrix| of_matrix(matrix, &pen)));
    blocks.extend(of_story(view, &pen));
    lines.extend(fitted(blocks, space, &pen));
    while lines.len() + foot.len() < size.rows {
        lines.push(String::new());
    }
    lines.truncate(size.rows.saturating_sub(foot.len()));
    lines.extend(foot);
    lines
        .iter()
        .map(|line| truncate_str(line, size.columns, "…").into_owned())
        .collect()
}

/// Blocks with empty lines between them; where they do not fit, the longest are cut.
fn fitted(blocks: Vec<Vec<String>>, space: usize, pen: &Pen) -> Vec<String> {
    let lines = |most: usize| blocks.iter().map(|block| block.len().min(most) + 1).sum::<usize>();
    let longest = blocks.iter().map(Vec::len).max().unwrap_or(0);
    let most = (2..=longest).rev().find(|most| lines(*most) <= space).unwrap_or(2);
    let mut fitted = Vec::new();
    for mut block in blocks {
        if block.len() > most {
            let more = block.len() - (most - 1);
            block.truncate(most - 1);
            block.push(pen.ink(Ink::Faint, &format!("  … {more} more")));
        }
        fitted.extend(block);
        fitted.push(String::new());
    }
    fitted
}

fn head(view: &View, pen: &Pen) -> String {
    let [waiting, known, running, ran, failed] = view.counts();
    let all = waiting + known + running + ran + failed;
    let phase = match (&view.state.trouble, view.state.phase) {
        (_, Phase::Planning) => pen.ink(Ink::Busy, "planning"),
        (_, Phase::Running) => pen.ink(Ink::Busy, "running"),
        (_, Phase::Done) => pen.ink(Ink::Good, "done"),
        (_, Phase::Failed) => pen.ink(Ink::Bad, "failed"),
    };
    let mut text = format!("{}  {phase}", pen.ink(Ink::Strong, &view.outline.program));
    if all > 0 {
        text += &format!("  {} of {all} stages", known + ran);
    }
    if failed > 0 {
        text += &pen.ink(Ink::Bad, &format!(", {failed} failed"));
    }
    if let Some(ms) = view.state.decided_ms {
        text += &pen.ink(Ink::Faint, &format!("  decision {} in {ms} ms", view.state.decision));
    }
    text
}

fn of_trouble(trouble: &str, size: Size, pen: &Pen) -> Vec<String> {
    let most = (size.rows / 3).max(4);
    let text: Vec<&str> = trouble.trim().lines().collect();
    let mut lines = vec![pen.ink(
        Ink::Bad,
        "The program cannot be run as it stands; below is what the last good one gave.",
    )];
    lines.extend(text.iter().take(most).map(|line| (*line).to_owned()));
    if text.len() > most {
        lines.push(pen.ink(Ink::Faint, &format!("… {} more lines", text.len() - most)));
    }
    lines.push(String::new());
    lines
}

/// What a letter of the view is drawn as.
fn glyph(letter: u8) -> (char, Ink) {
    match letter {
        b'k' => ('■', Ink::Faint),
        b'd' => ('■', Ink::Good),
        b'r' => ('▶', Ink::Busy),
        b'f' => ('✗', Ink::Bad),
        _ => ('·', Ink::Faint),
    }
}

/// Steps from the first to the last, with a sign for each of their stages.
fn of_steps(view: &View, size: Size, pen: &Pen) -> Vec<String> {
    let letters = view.state.stages.as_bytes();
    let steps = &view.outline.steps;
    let width = steps
        .iter()
        .map(|step| measure_text_width(&step.label))
        .max()
        .unwrap_or(0);
    let width = width.min(NAME).min(size.columns / 2);
    let lines = steps.iter().map(|step| {
        let own: Vec<u8> = step
            .stages
            .iter()
            .filter_map(|&stage| letters.get(stage).copied())
            .collect();
        let over = own.iter().filter(|letter| matches!(letter, b'k' | b'd')).count();
        let signs: String = match own.len() {
            0..=GLYPHS => own
                .iter()
                .map(|letter| {
                    let (sign, ink) = glyph(*letter);
                    pen.ink(ink, &sign.to_string())
                })
                .collect(),
            all => shares(&own, all, pen),
        };
        let bar = padded(
            &signs,
            GLYPHS.min(steps.iter().map(|step| step.stages.len()).max().unwrap_or(0)),
        );
        let count = pen.ink(Ink::Faint, &format!("{over}/{}", own.len()));
        format!("  {}  {bar}  {count}", name(&step.label, width))
    });
    lines.collect()
}

/// A bar whose parts are the shares of stages in each state.
fn shares(own: &[u8], all: usize, pen: &Pen) -> String {
    let mut bar = String::new();
    let mut before = 0;
    for letter in *b"kdrf." {
        let upto = before + own.iter().filter(|other| **other == letter).count();
        let cells = upto * GLYPHS / all - before * GLYPHS / all;
        let (sign, ink) = glyph(letter);
        bar += &pen.ink(ink, &sign.to_string().repeat(cells));
        before = upto;
    }
    bar
}

/// Trainings that run, and the last that have ended, with their losses by epoch.
fn of_curves(view: &View, size: Size, pen: &Pen) -> Option<Vec<String>> {
    let running = view.state.running.iter().map(|one| (one, Ink::Busy));
    let ended = view.state.ended.iter().take(ENDED).map(|one| (one, Ink::Faint));
    let shown: Vec<_> = running.chain(ended).collect();
    if shown.is_empty() {
        return None;
    }
    let title = |one: &Running| {
        view.outline
            .stages
            .get(one.stage)
            .map_or("", |stage| stage.name.as_str())
    };
    let width = shown
        .iter()
        .map(|(one, _)| measure_text_width(title(one)))
        .max()
        .unwrap_or(0);
    let width = width.min(NAME).min(size.columns / 2);
    let mut lines = vec![pen.ink(
        Ink::Strong,
        "Running, and trainings that have just ended: loss by epoch",
    )];
    for (one, ink) in shown {
        let place = match (one.epoch, one.total) {
            (Some((epoch, epochs)), _) => format!("epoch {epoch}/{epochs}"),
            (None, 0) => String::new(),
            (None, total) => format!("{} %", one.done * 100 / total),
        };
        let loss = one.curve.training.last().copied().or(one.loss);
        let loss = loss.map_or(String::new(), |loss| format!("training {loss:.3}"));
        let line = format!("  {}  {place:<13} {loss}", name(title(one), width));
        let tuning = one.curve.tuning.iter().rev().flatten().next();
        let tuning = tuning.map_or(String::new(), |loss| format!("tuning {loss:.3}"));
        let training: Vec<Option<f64>> = one.curve.training.iter().map(|loss| Some(*loss)).collect();
        let space = size
            .columns
            .saturating_sub(measure_text_width(&line) + measure_text_width(&tuning) + 6)
            / 2;
        let mut text = format!("{line} {}", pen.ink(ink, &spark(&training, space.min(30))));
        if !tuning.is_empty() {
            text += &format!("  {tuning} {}", pen.ink(ink, &spark(&one.curve.tuning, space.min(30))));
        }
        lines.push(text);
    }
    Some(lines)
}

/// Values as blocks of eight heights, the last ones if they are too many.
fn spark(values: &[Option<f64>], most: usize) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let shown = &values[values.len().saturating_sub(most)..];
    let known = || shown.iter().flatten().copied().filter(|value| value.is_finite());
    let (low, high) = (
        known().fold(f64::INFINITY, f64::min),
        known().fold(f64::NEG_INFINITY, f64::max),
    );
    let height = |value: f64| {
        let share = if high > low { (value - low) / (high - low) } else { 0.0 };
        HEIGHTS[((share * 7.0).round() as usize).min(7)]
    };
    let sign = |value: &Option<f64>| value.filter(|value| value.is_finite()).map_or(' ', height);
    shown.iter().map(sign).collect()
}

/// AUCs on tuning parts.
fn of_matrix(matrix: &Matrix, pen: &Pen) -> Vec<String> {
    let title = format!("{}: AUC on tuning parts", matrix.output);
    let note = if matrix.cells.iter().flatten().all(|cell| cell.of == 0) {
        "the splits have no tuning part, so nothing is shown before results are revealed"
    } else {
        "mean of the models so far; these are no results"
    };
    let mut lines = vec![format!(
        "{}  {}",
        pen.ink(Ink::Strong, &title),
        pen.ink(Ink::Faint, note)
    )];
    let first = matrix
        .rows
        .iter()
        .map(|row| measure_text_width(row))
        .max()
        .unwrap_or(0)
        .min(NAME);
    let cells: Vec<String> = matrix
        .cells
        .iter()
        .map(|cell| match cell {
            None => String::new(),
            Some(cell) => {
                let auc = cell.auc.map_or("·".to_owned(), |auc| format!("{auc:.3}"));
                let of = if cell.known < cell.of {
                    format!(" {}/{}", cell.known, cell.of)
                } else {
                    String::new()
                };
                auc + &of
            }
        })
        .collect();
    let width = cells
        .iter()
        .chain(&matrix.columns)
        .map(|cell| measure_text_width(cell))
        .max()
        .unwrap_or(0);
    if matrix.columns.iter().any(|column| !column.is_empty()) {
        let heads: Vec<String> = matrix.columns.iter().map(|column| padded(column, width)).collect();
        lines.push(pen.ink(Ink::Faint, &format!("  {}  {}", " ".repeat(first), heads.join("  "))));
    }
    for (row, cells) in matrix.rows.iter().zip(cells.chunks(matrix.columns.len().max(1))) {
        let cells: Vec<String> = cells.iter().map(|cell| padded(cell, width)).collect();
        lines.push(format!("  {}  {}", name(row, first), cells.join("  ")));
    }
    lines
}

fn of_story(view: &View, pen: &Pen) -> Option<Vec<String>> {
    if view.state.story.is_empty() {
        return None;
    }
    let lines = view.state.story.iter().rev().take(5).rev();
    Some(lines.map(|line| pen.ink(Ink::Faint, &format!("  {line}"))).collect())
}

/// The outputs, and what keys do.
fn foot(view: &View, pen: &Pen) -> Vec<String> {
    let sealed = view
        .state
        .outputs
        .iter()
        .any(|output| output.is_sealed && output.folder.is_none());
    let shown = view.state.outputs.iter().filter_map(|output| {
        let folder = output.folder.as_ref()?;
        Some(format!("{}: {}", output.name, folder.display()))
    });
    let mut lines: Vec<String> = shown.collect();
    if sealed && view.state.asks {
        lines.push(pen.ink(
            Ink::Strong,
            "r again shows results on test data and records a look; any other key keeps them sealed",
        ));
        return lines;
    }
    let reveal = match (sealed, view.state.reveals) {
        (true, true) => "results on test data are shown as soon as all has run    ",
        (true, false) => "r shows results on test data, which is recorded as a look    ",
        (false, _) => "",
    };
    lines.push(pen.ink(Ink::Faint, &format!("{reveal}enter decides anew    q ends")));
    lines
}

fn name(text: &str, width: usize) -> String {
    padded(&truncate_str(text, width, "…"), width)
}

fn padded(text: &str, width: usize) -> String {
    text.to_owned() + &" ".repeat(width.saturating_sub(measure_text_width(text)))
}

#[cfg(test)]
mod tests;
