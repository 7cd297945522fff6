//! Estimates with their intervals, one below the other.

use super::scale::{Scale, Ticks};
use super::svg::{Anchor, Clip, Svg, text_width};

const WIDTH: f64 = 960.0;
const ROW: f64 = 30.0;
const HEADING: f64 = 32.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 44.0;
const TEXT: f64 = 13.0;
/// Room for `+0.031 (−0.012 to +0.051)`.
const NUMBERS: f64 = 200.0;
/// The widest that labels may be.
const LABELS: f64 = 300.0;

/// A chart of estimates.
#[derive(Debug)]
pub(in crate::report) struct Forest<'a> {
    /// Unique on the page.
    pub(in crate::report) id: &'a str,
    /// What it is.
    pub(in crate::report) title: &'a str,
    /// What is measured along the axis.
    pub(in crate::report) measure: &'a str,
    /// The value of no effect, marked by a line: 0.5 of an AUC, 0 of a difference.
    pub(in crate::report) null: f64,
    /// Rows from top to bottom.
    pub(in crate::report) rows: Vec<Row>,
}

/// A row.
#[derive(Debug)]
pub(in crate::report) enum Row {
    /// The name of the rows below.
    Heading(String),
    /// An estimate.
    Estimate(Box<Estimate>),
}

/// An estimate with what is drawn around it.
#[derive(Debug)]
pub(in crate::report) struct Estimate {
    /// Its name.
    pub(in crate::report) label: String,
    /// Its value.
    pub(in crate::report) value: Option<f64>,
    /// Its interval.
    pub(in crate::report) interval: Option<[f64; 2]>,
    /// The values of its folds.
    pub(in crate::report) folds: Vec<f64>,
    /// Its numbers in writing.
    pub(in crate::report) text: String,
    /// A value to compare with, drawn as a short dashed line: a trivial baseline.
    pub(in crate::report) reference: Option<f64>,
    /// Whether it is what others are compared with.
    pub(in crate::report) baseline: bool,
}

impl Forest<'_> {
    /// The chart; nothing when no row has a value.
    pub(in crate::report) fn draw(&self) -> Option<String> {
        let estimates: Vec<&Estimate> = self.rows.iter().filter_map(Row::estimate).collect();
        let values = estimates
            .iter()
            .flat_map(|estimate| estimate.extent())
            .chain([self.null]);
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        if estimates.iter().all(|estimate| estimate.value.is_none()) {
            return None;
        }
        let ticks = Ticks::around(low, high, 6);
        let labels = estimates
            .iter()
            .map(|estimate| text_width(&estimate.label, TEXT))
            .fold(90.0, f64::max);
        let left = labels.min(LABELS) + 24.0;
        let plot = Scale::new(ticks.domain(), (left, WIDTH - NUMBERS - 24.0));
        let body: f64 = self.rows.iter().map(Row::height).sum();
        let height = TOP + body + BOTTOM;
        let mut svg = Svg::new(WIDTH, height, self.id, self.title, &self.description());
        self.axis(&mut svg, &ticks, &plot, TOP + body);
        let mut y = TOP;
        for row in &self.rows {
            match row {
                Row::Heading(name) => {
                    let clip = Clip {
                        width: WIDTH - NUMBERS,
                        size: TEXT,
                    };
                    svg.clipped_text("heading", (0.0, y + HEADING - 10.0), Anchor::Start, name, clip);
                }
                Row::Estimate(estimate) => estimate.draw(&mut svg, &plot, y + ROW / 2.0, left),
            }
            y += row.height();
        }
        Some(svg.finish())
    }

    fn description(&self) -> String {
        let rows: Vec<String> = self
            .rows
            .iter()
            .filter_map(Row::estimate)
            .map(|estimate| format!("{}: {}", estimate.label, estimate.text))
            .collect();
        rows.join("; ")
    }

    fn axis(&self, svg: &mut Svg, ticks: &Ticks, plot: &Scale, bottom: f64) {
        for &tick in &ticks.values {
            let x = plot.at(tick);
            svg.line("grid", (x, TOP - 8.0), (x, bottom + 4.0));
            svg.text("tick", (x, bottom + 20.0), Anchor::Middle, &ticks.label(tick));
        }
        let x = plot.at(self.null);
        svg.line("null", (x, TOP - 8.0), (x, bottom + 4.0));
        let (start, end) = ticks.domain();
        svg.text(
            "measure",
            ((plot.at(start) + plot.at(end)) / 2.0, bottom + 38.0),
            Anchor::Middle,
            self.measure,
        );
    }
}

impl Row {
    fn height(&self) -> f64 {
        match self {
            Self::Heading(_) => HEADING,
            Self::Estimate(_) => ROW,
        }
    }

    fn estimate(&self) -> Option<&Estimate> {
        match self {
            Self::Heading(_) => None,
            Self::Estimate(estimate) => Some(estimate),
        }
    }
}

impl Estimate {
    fn extent(&self) -> Vec<f64> {
        let values = self.value.into_iter().chain(self.interval.into_iter().flatten());
        values.chain(self.folds.iter().copied()).chain(self.reference).collect()
    }

    fn draw(&self, svg: &mut Svg, plot: &Scale, y: f64, left: f64) {
        let clip = Clip {
            width: left - 24.0,
            size: TEXT,
        };
        svg.clipped_text("label", (0.0, y + 4.5), Anchor::Start, &self.label, clip);
        svg.text("value", (WIDTH, y + 4.5), Anchor::End, &self.text);
        if let Some(reference) = self.reference {
            let x = plot.at(reference);
            svg.line("reference", (x, y - ROW / 2.0), (x, y + ROW / 2.0));
        }
        let [interval, point] = if self.baseline {
            ["interval base", "point base"]
        } else {
            ["interval", "point"]
        };
        for &fold in &self.folds {
            let x = plot.at(fold);
            svg.line("fold", (x, y - 6.0), (x, y + 6.0));
        }
        if let Some([low, high]) = self.interval {
            svg.line(interval, (plot.at(low), y), (plot.at(high), y));
        }
        if let Some(value) = self.value {
            svg.disc(point, (plot.at(value), y), 5.0);
        }
    }
}
