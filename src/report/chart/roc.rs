//! ROC curves of one cell: the folds thin, their vertical average thick.

use super::STYLES;
use super::scale::Scale;
use super::svg::{Anchor, Clip, Svg};

const WIDTH: f64 = 300.0;
const LEFT: f64 = 42.0;
const TOP: f64 = 8.0;
const SIDE: f64 = 250.0;
const BOTTOM: f64 = 40.0;
/// Height of a line of the legend.
const LEGEND: f64 = 18.0;
/// More thin lines than this are drawn fainter.
const CROWD: usize = 12;

/// The curves of one cell.
#[derive(Debug)]
pub(in crate::report) struct Panel<'a> {
    /// Unique on the page.
    pub(in crate::report) id: &'a str,
    /// What it shows.
    pub(in crate::report) title: &'a str,
    /// One series per class that is shown.
    pub(in crate::report) series: Vec<Series<'a>>,
    /// The baseline's average, for comparison.
    pub(in crate::report) baseline: Option<&'a [[f64; 2]]>,
}

/// The curves of one class against the rest.
#[derive(Debug)]
pub(in crate::report) struct Series<'a> {
    /// Its line in the legend; empty for none.
    pub(in crate::report) label: String,
    /// The folds' curves.
    pub(in crate::report) folds: &'a [Vec<[f64; 2]>],
    /// Their average.
    pub(in crate::report) average: &'a [[f64; 2]],
}

impl Panel<'_> {
    /// The chart.
    pub(in crate::report) fn draw(&self) -> String {
        let x = Scale::new((0.0, 1.0), (LEFT, LEFT + SIDE));
        let y = Scale::new((0.0, 1.0), (TOP + SIDE, TOP));
        let legend = self.legend();
        let labels: Vec<&str> = legend.iter().map(|(_, label)| *label).collect();
        let height = TOP + SIDE + BOTTOM + LEGEND * legend.len() as f64;
        let mut svg = Svg::new(WIDTH, height, self.id, self.title, &labels.join("; "));
        axes(&mut svg, &x, &y);
        let place = |points: &[[f64; 2]]| {
            points
                .iter()
                .map(|&[fpr, tpr]| (x.at(fpr), y.at(tpr)))
                .collect::<Vec<_>>()
        };
        let many = self.series.iter().map(|series| series.folds.len()).sum::<usize>() > CROWD;
        for (number, series) in self.series.iter().enumerate() {
            let class = format!("thin c{}{}", number % STYLES, if many { " many" } else { "" });
            series.folds.iter().for_each(|fold| svg.polyline(&class, &place(fold)));
        }
        if let Some(baseline) = self.baseline {
            svg.polyline("compared", &place(baseline));
        }
        for (number, series) in self.series.iter().enumerate() {
            svg.polyline(&average_class(number), &place(series.average));
        }
        let mut y = TOP + SIDE + BOTTOM + LEGEND / 2.0;
        for (class, label) in legend {
            svg.line(&class, (LEFT, y), (LEFT + 26.0, y));
            let clip = Clip {
                width: SIDE - 34.0,
                size: 12.0,
            };
            svg.clipped_text("legend", (LEFT + 34.0, y + 4.0), Anchor::Start, label, clip);
            y += LEGEND;
        }
        svg.finish()
    }

    fn legend(&self) -> Vec<(String, &str)> {
        let named = self
            .series
            .iter()
            .enumerate()
            .filter(|(_, series)| !series.label.is_empty());
        let named = named.map(|(number, series)| (average_class(number), series.label.as_str()));
        named
            .chain(
                self.baseline
                    .map(|_| ("compared".to_owned(), "average of the baseline")),
            )
            .collect()
    }
}

fn average_class(number: usize) -> String {
    format!("thick c{}", number % STYLES)
}

fn axes(svg: &mut Svg, x: &Scale, y: &Scale) {
    for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
        svg.line("grid", (x.at(tick), y.at(0.0)), (x.at(tick), y.at(1.0)));
        svg.line("grid", (x.at(0.0), y.at(tick)), (x.at(1.0), y.at(tick)));
    }
    for (tick, label) in [(0.0, "0"), (0.5, "0.5"), (1.0, "1")] {
        svg.text("tick", (x.at(tick), y.at(0.0) + 16.0), Anchor::Middle, label);
        svg.text("tick", (x.at(0.0) - 7.0, y.at(tick) + 4.0), Anchor::End, label);
    }
    svg.line("null", (x.at(0.0), y.at(0.0)), (x.at(1.0), y.at(1.0)));
    svg.text(
        "measure",
        (x.at(0.5), y.at(0.0) + 33.0),
        Anchor::Middle,
        "1 − specificity",
    );
    svg.upward_text("measure", (12.0, y.at(0.5)), "sensitivity");
}
