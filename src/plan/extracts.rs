//! `table_of`, `export`, `rank`: what is made of scores beside a report.

use super::{
    canon::canonical,
    eval::Evaluator,
    grid::listed,
    report::Study,
    stage::{Extract, Measure, Part, Role, Test, What, Work},
    stages::Title,
    value::{Arguments, Grid, GridAxis, Opened, Outcome, Ranking, Value},
};
use crate::{
    diag::{Diagnostic, codes::plan as codes},
    source::Span,
};
use std::{
    path::{Component, Path},
    rc::Rc,
};

/// The words of the parts that a table may show.
const PARTS: [(&str, Part); 3] = [("val", Part::Tuning), ("tuning", Part::Tuning), ("test", Part::Test)];

impl<'p> Evaluator<'p, '_> {
    /// `table_of(rows: .., columns: .., part: ..)`
    pub(super) fn table_of(&mut self, grid: &Grid<'p>, arguments: &Arguments<'p>, span: Span) -> Outcome<Value<'p>> {
        let rows = self.axis_of(grid, "rows", arguments, span)?;
        let columns = self.axis_of(grid, "columns", arguments, span)?;
        let place = |name: &str| arguments.slot(name).map_or(span, |slot| slot.span);
        let Some(rows) = rows else {
            return self.unexpected("the name of an axis", arguments.value("rows"), place("rows"));
        };
        if columns == Some(rows) {
            let message = "rows and columns are the same axis";
            return self.error(&codes::BAD_VALUE, message, place("columns"));
        }
        let word = arguments.value("part").as_text().unwrap_or_default();
        let Some((_, part)) = PARTS.iter().find(|(known, _)| *known == &*word) else {
            let known: Vec<&str> = PARTS.iter().map(|(known, _)| *known).collect();
            let message = format!("a table shows {}, not `{word}`", listed(&known));
            let written = self.program.sources.text(place("part"));
            let diagnostic = Diagnostic::error(&codes::BAD_VALUE, message).at(place("part"), "");
            return self.fail(diagnostic.suggest_in(place("part"), written, &word, known));
        };
        let part = *part;
        let study = self.study(grid, span)?;
        if part == Part::Tuning {
            let cells: Vec<_> = study.scores.iter().flatten().cloned().collect();
            for scores in &cells {
                self.has_tuning(scores, Measure::Loss, span)?;
            }
        }
        self.extract(grid, &study, What::Table { rows, columns, part }, span)
    }

    /// The place of the axis that an argument names; none when it is not given.
    fn axis_of(
        &mut self,
        grid: &Grid<'p>,
        name: &str,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Outcome<Option<usize>> {
        let place = arguments.slot(name).map_or(span, |slot| slot.span);
        match arguments.value(name).as_text() {
            Some(axis) => self.axis(grid, &axis, place).map(Some),
            None => Ok(None),
        }
    }

    /// `export("scores.csv")`
    pub(super) fn export(&mut self, grid: &Grid<'p>, arguments: &Arguments<'p>, span: Span) -> Outcome<Value<'p>> {
        let place = arguments.slot("file").map_or(span, |slot| slot.span);
        let Some(file) = arguments.value("file").as_text() else {
            return self.unexpected("the name of a file", arguments.value("file"), place);
        };
        if !is_inside(&file) {
            let message = format!("`{file}` is no place for predictions within the output's folder");
            let diagnostic = Diagnostic::error(&codes::BAD_VALUE, message).at(place, "");
            return self
                .fail(diagnostic.help("name a file that ends in `.csv`, as `scores.csv` or `tables/scores.csv`"));
        }
        let study = self.study(grid, span)?;
        let file = file.to_string();
        self.extract(grid, &study, What::Predictions { file }, span)
    }

    /// `rank(along: .., by: ..)`: rankings, which `report` writes.
    pub(super) fn rank(
        &mut self,
        grid: &Grid<'p>,
        at: Span,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Outcome<Value<'p>> {
        let along = self.along(grid, at, arguments, span)?;
        let by = self.measure(arguments, span)?;
        let draws = arguments
            .value("draws")
            .as_int()
            .and_then(|draws| u32::try_from(draws).ok());
        let Some(draws) = draws.filter(|draws| (1..=100_000).contains(draws)) else {
            let place = arguments.slot("draws").map_or(span, |slot| slot.span);
            return self.error(&codes::BAD_VALUE, "`draws` is a number from 1 to 100000", place);
        };
        let axis = GridAxis {
            name: along.axis,
            labels: along.labels,
        };
        let mut cells = Vec::with_capacity(along.groups.len());
        for group in along.groups {
            self.alike(&group, "ranked", span)?;
            cells.push(Value::Ranking(Rc::new(Ranking {
                axis: axis.clone(),
                scores: group,
                by,
                draws,
            })));
        }
        Ok(super::select::regrid(along.rest, cells))
    }

    /// The report of rankings: a grid again, with the ranked axis as its last.
    pub(super) fn report_ranking(
        &mut self,
        grid: &Grid<'p>,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Outcome<Value<'p>> {
        if let Some((name, slot)) = arguments.slots.iter().find(|(_, slot)| slot.given) {
            let message = format!("a ranking is reported as it is, without `{name}`");
            return self.error(&codes::BAD_VALUE, message, slot.span);
        }
        let mut cells = Vec::new();
        let mut first: Option<Rc<Ranking>> = None;
        for cell in &grid.cells {
            let Value::Ranking(ranking) = cell else {
                return self.unexpected("a grid of rankings", cell, span);
            };
            let known = first.get_or_insert_with(|| Rc::clone(ranking));
            if (&known.axis, known.by, known.draws) != (&ranking.axis, ranking.by, ranking.draws) {
                let message = "rankings along different axes or by different measures are reported apart";
                return self.error(&codes::UNEXPECTED_VALUE, message, span);
            }
            cells.extend(ranking.scores.iter().cloned().map(Value::Scores));
        }
        let Some(ranking) = first else {
            return self.error(&codes::BAD_VALUE, "there is no ranking to report", span);
        };
        let mut axes = grid.axes.clone();
        axes.push(ranking.axis.clone());
        let whole = Grid { axes, cells };
        let study = self.study(&whole, span)?;
        let what = What::Ranking {
            by: ranking.by,
            draws: ranking.draws,
            seed: self.seed.0,
        };
        self.extract(&whole, &study, what, span)
    }

    fn extract(&mut self, grid: &Grid<'p>, study: &Study, what: What, span: Span) -> Outcome<Value<'p>> {
        let design = self.design(grid, study, Vec::new(), Test::Auto);
        let main = &self.program.module(self.program.main).tree;
        let file = self.program.sources.file(main.file).name();
        let title = Title {
            place: String::new(),
            member: String::new(),
            label: format!("{} {}", what.kind(), design.name),
        };
        let work = Work::Extract(Box::new(Extract {
            design,
            program: file.rsplit(['/', '\\']).next().unwrap_or(file).to_owned(),
            what,
        }));
        let inputs = study
            .scored
            .iter()
            .zip(0..)
            .map(|(id, place)| (*id, Role::Scores(place)));
        let inputs = inputs.collect();
        let key = blake3::hash(&canonical(&work)).to_hex().to_string();
        let stage = self
            .stages
            .make(&title, work, key.as_bytes(), inputs, span, Rc::default());
        Ok(Value::Report(Opened::Stage(stage)))
    }
}

/// True for a relative path to a CSV file that no `..`, root or hidden name leads elsewhere.
fn is_inside(file: &str) -> bool {
    let plain = |part: Component<'_>| match part {
        Component::Normal(name) => name.to_str().is_some_and(|name| !name.starts_with('.')),
        _ => false,
    };
    let path = Path::new(file);
    let is_csv = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    is_csv && !file.contains(['\\', ':', '\0', '\n', '\r']) && path.components().all(plain)
}

#[cfg(test)]
mod tests {
    use super::is_inside;

    #[test]
    fn only_files_below_the_folder_are_inside_it() {
        for file in ["scores.csv", "tables/scores.CSV"] {
            assert!(is_inside(file), "{file}");
        }
        let others = [
            "",
            "..",
            "../scores.csv",
            "/scores.csv",
            "a/../../b.csv",
            ".csv",
            ".hidden.csv",
            "./a.csv",
        ];
        for file in others
            .into_iter()
            .chain(["a/.b/c.csv", "C:\\a.csv", "c:a.csv", "scores", "scores.txt", "a\n.csv"])
        {
            assert!(!is_inside(file), "{file}");
        }
    }
}
