//! `++` of rows: those of one table, then those of another.

use super::{
    data::setting,
    domain::Dataset,
    eval::Evaluator,
    rows::widen,
    sources::{Source, rows_digest},
    stage::ChoiceBy,
    value::Outcome,
};
use crate::{
    diag::{Diagnostic, codes::data as codes, codes::plan as plan_codes},
    source::Span,
    tables::{About, Cell, CellKind, Column, Images, Table},
};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
};

impl<'p> Evaluator<'p, '_> {
    /// The selected rows of both, in order, each with the table that it comes from. Their columns and the preparation of
    /// their pictures must agree. A picture keeps its identity, and so does a group.
    pub(super) fn concat_rows(&mut self, a: &Dataset, b: &Dataset, span: Span) -> Outcome<Dataset> {
        if let Some(views) = a.views.as_ref().or(b.views.as_ref()) {
            let message = "samples of several views are not joined to others";
            let diagnostic = Diagnostic::error(&plan_codes::BAD_VALUE, message).at(span, "");
            let help = "join the tables first, and group their rows then: `(a ++ b) |> views(..)`";
            return self.fail(diagnostic.at(views.span, "grouped here").help(help));
        }
        let columns = self.joined_columns(a, b, span)?;
        let images = self.joined_images(a, b, span)?;
        if a.transforms != b.transforms || !same_normalization(a, b) {
            let message = format!(
                "the pictures of {} and of {} are prepared differently",
                a.table.shown, b.table.shown
            );
            let help = "join the tables first, and prepare all pictures alike: `(a ++ b) |> resize(..)`";
            let diagnostic = Diagnostic::error(&codes::PREPARED_DIFFERENTLY, message).at(span, "");
            return self.fail(diagnostic.help(help));
        }
        self.warn_twice(a, b, span);
        let (x, y) = (&a.table, &b.table);
        let count = a.rows.len() + b.rows.len();
        let line = |data: &Dataset, row: u32| data.table.table.line(row as usize).unwrap_or(0);
        let lines = both(a, b).map(|(data, row)| line(data, row)).collect();
        let table = Table {
            path: common_path(&x.table, &y.table),
            columns,
            rows: count,
            lines,
            images,
            ignored: x.table.ignored + y.table.ignored,
            about: joined_about(&x.table.about, &y.table.about),
        };
        let source = Source {
            id: self.joined_id(a, b),
            table: Arc::new(table),
            added: Vec::new(),
            shown: format!("{} and {}", x.shown, y.shown),
            parts: parts(a, b),
        };
        let rows: Rc<Vec<u32>> = Rc::new((0..).take(count).collect());
        let mut settings = a.settings.clone();
        settings.extend(
            b.settings
                .iter()
                .filter(|setting| !a.settings.contains(setting))
                .cloned(),
        );
        settings.push(setting("joined", source.shown.clone(), ChoiceBy::Program));
        Ok(Dataset {
            name: None,
            table: Rc::new(source),
            base_digest: rows_digest(&rows),
            base: Rc::clone(&rows),
            rows,
            transforms: a.transforms.clone(),
            normalization: a.normalization.clone(),
            settings,
            span,
            transform_spans: a.transform_spans.clone(),
            views: None,
        })
    }

    fn joined_columns(&mut self, a: &Dataset, b: &Dataset, span: Span) -> Outcome<Vec<Column>> {
        for (one, other) in [(a, b), (b, a)] {
            for column in one.table.columns() {
                if other.table.column(&column.name).is_err() {
                    let (name, shown) = (&column.name, &other.table.shown);
                    let message = format!("`{name}` of {} is no column of {shown}", one.table.shown);
                    let near = crate::diag::nearest(name, other.table.columns().map(|column| column.name.as_str()));
                    let near = near.map_or_else(String::new, |near| format!("; is it `{near}` there?"));
                    let help = format!(
                        "rows that are joined have the same columns: `derive({name:?}, (_r) => none)` adds one without values{near}"
                    );
                    let diagnostic = Diagnostic::error(&codes::COLUMNS_DIFFER, message).at(span, "");
                    return self.fail(diagnostic.help(help));
                }
            }
        }
        let mut joined = Vec::new();
        for column in a.table.columns() {
            let Ok(other) = b.table.column(&column.name) else {
                continue;
            };
            let kinds = (kind(column, &a.rows), kind(other, &b.rows));
            let number = |kind| matches!(kind, CellKind::Int | CellKind::Float);
            if let (Some(x), Some(y)) = kinds
                && x != y
                && !(number(x) && number(y))
            {
                let message = format!(
                    "`{}` is {x} in {} and {y} in {}",
                    column.name, a.table.shown, b.table.shown
                );
                let help = format!(
                    "make texts of both: `derive({:?}, (r) => \"{{r[\"{}\"]}}\")`",
                    column.name, column.name
                );
                let diagnostic = Diagnostic::error(&codes::MIXED_COLUMN, message).at(span, "");
                return self.fail(diagnostic.help(help));
            }
            let cell = |column: &Column, row: u32| column.cells.get(row as usize).cloned().unwrap_or(Cell::Missing);
            let mut cells: Vec<Cell> = a.rows.iter().map(|&row| cell(column, row)).collect();
            cells.extend(b.rows.iter().map(|&row| cell(other, row)));
            if kinds.0 != kinds.1 {
                cells.iter_mut().for_each(widen);
            }
            joined.push(Column {
                name: column.name.clone(),
                cells,
            });
        }
        Ok(joined)
    }

    fn joined_images(&mut self, a: &Dataset, b: &Dataset, span: Span) -> Outcome<Images> {
        match (&a.table.table.images, &b.table.table.images) {
            (Images::Absent, Images::Absent) => Ok(Images::Absent),
            (Images::Files(x), Images::Files(y)) => {
                let file = |files: &[PathBuf], row: &u32| files.get(*row as usize).cloned().unwrap_or_default();
                let own = a.rows.iter().map(|row| file(x, row));
                Ok(Images::Files(
                    own.chain(b.rows.iter().map(|row| file(y, row))).collect(),
                ))
            }
            (Images::Npz { arrays, rows: x }, Images::Npz { rows: y, .. })
                if a.table.table.path == b.table.table.path =>
            {
                let place = |places: &[(usize, u32)], row: &u32| places.get(*row as usize).copied().unwrap_or_default();
                let own = a.rows.iter().map(|row| place(x, row));
                Ok(Images::Npz {
                    arrays: arrays.clone(),
                    rows: own.chain(b.rows.iter().map(|row| place(y, row))).collect(),
                })
            }
            _ => {
                let message = "pictures of an archive are joined to those of the same archive alone";
                let help = "a study may still use both: make a cohort of each";
                let diagnostic = Diagnostic::error(&codes::PREPARED_DIFFERENTLY, message).at(span, "");
                self.fail(diagnostic.help(help))
            }
        }
    }

    /// Warns of pictures that are in both, which would count twice.
    fn warn_twice(&mut self, a: &Dataset, b: &Dataset, span: Span) {
        if matches!(a.table.table.images, Images::Absent) {
            return;
        }
        let known: BTreeSet<u32> = a
            .rows
            .iter()
            .map(|&row| a.table.picture(row as usize, &mut self.identities))
            .collect();
        let mut twice = b
            .rows
            .iter()
            .filter(|row| known.contains(&b.table.picture(**row as usize, &mut self.identities)));
        let Some(&first) = twice.next() else { return };
        let count = 1 + twice.count();
        let message = format!(
            "{count} pictures are in both tables, as that of {}, and count twice",
            b.table.place(first as usize)
        );
        let help = "`b |> anti_join(a, on: \"image\")` leaves them out of the second";
        let diagnostic = Diagnostic::warning(&codes::PICTURE_TWICE, message).at(span, "");
        self.diagnostics.push(diagnostic.help(help));
    }
}

/// The rows of both, each with its data set.
fn both<'d>(a: &'d Dataset, b: &'d Dataset) -> impl Iterator<Item = (&'d Dataset, u32)> {
    let own = a.rows.iter().map(move |row| (a, *row));
    own.chain(b.rows.iter().map(move |row| (b, *row)))
}

/// Where the rows of each table that was read begin, with its name.
fn parts(a: &Dataset, b: &Dataset) -> Vec<(usize, String)> {
    let mut parts: Vec<(usize, String)> = Vec::new();
    for (place, (data, row)) in both(a, b).enumerate() {
        let shown = data.table.part(row as usize);
        if parts.last().is_none_or(|(_, last)| last != shown) {
            parts.push((place, shown.to_owned()));
        }
    }
    parts
}

/// The kind of the values that rows have in a column.
fn kind(column: &Column, rows: &[u32]) -> Option<CellKind> {
    rows.iter().find_map(|&row| column.cells.get(row as usize)?.kind())
}

fn same_normalization(a: &Dataset, b: &Dataset) -> bool {
    let by = |data: &Dataset| data.normalization.as_ref().map(|(by, _)| Rc::clone(by));
    by(a) == by(b)
}

/// A path whose folder is the deepest one that holds both tables, for names of samples relative to it.
fn common_path(a: &Table, b: &Table) -> PathBuf {
    let (x, y) = (folder(a), folder(b));
    let parts = x.components().zip(y.components()).take_while(|(x, y)| x == y);
    let mut common: PathBuf = parts.map(|(part, _)| part).collect();
    let name = |table: &Table| {
        table
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    common.push(format!("{} and {}", name(a), name(b)));
    common
}

/// The folder to which a table's pictures are relative: a manifest's own, or that of the classes.
fn folder(table: &Table) -> &Path {
    if table.lines.is_empty() {
        &table.path
    } else {
        table.path.parent().unwrap_or(Path::new(""))
    }
}

/// What both cards say; caveats of both.
fn joined_about(a: &About, b: &About) -> About {
    let text = |x: &Option<String>, y: &Option<String>| match (x, y) {
        (Some(x), Some(y)) if x != y => Some(format!("{x}; {y}")),
        (Some(text), _) | (None, Some(text)) => Some(text.clone()),
        (None, None) => None,
    };
    let mut caveats = a.caveats.clone();
    caveats.extend(b.caveats.iter().filter(|caveat| !a.caveats.contains(caveat)).cloned());
    About {
        title: text(&a.title, &b.title),
        license: text(&a.license, &b.license),
        citation: text(&a.citation, &b.citation),
        caveats,
    }
}
