//! Tables as a program uses them: each read once, with the headers of its pictures.

use super::{
    convert::FilePath,
    domain::Dataset,
    eval::Evaluator,
    identities::{Group, Identities, Picture},
    value::Outcome,
};
use crate::{
    diag::{Diagnostic, codes::data as codes},
    source::Span,
    tables::{BadImage, Column, Images, Kind, Table, TableError, split::SplitError},
};
use indexmap::{IndexMap, IndexSet};
use std::{rc::Rc, sync::Arc};

/// The tables read so far, and the shapes that came out of transforms.
#[derive(Default)]
pub(super) struct Tables {
    read: IndexMap<(Kind, std::path::PathBuf), Outcome<Rc<Source>>>,
    /// Joined tables, by what tells their rows: the two tables and the rows of each.
    joined: IndexSet<(usize, [u8; 32], usize, [u8; 32])>,
    made: usize,
    pub(super) shapes: IndexMap<(usize, [u8; 32], String), Outcome<[usize; 3]>>,
}

/// A table with its place among all and its name.
#[derive(Clone)]
pub(super) struct Source {
    /// The same for the same rows in the same order, whatever columns were added to them.
    pub(super) id: usize,
    pub(super) table: Arc<Table>,
    /// Columns that were derived or joined; one hides the table's own of its name.
    pub(super) added: Vec<Rc<Column>>,
    /// As reports name it.
    pub(super) shown: String,
    /// Of joined tables, the first row and the name of each.
    pub(super) parts: Vec<(usize, String)>,
}

impl Source {
    /// Where a row is written: `line 7 of data/manifest.csv`.
    pub(super) fn place(&self, row: usize) -> String {
        let shown = self.part(row);
        match self.table.line(row) {
            Some(line) => format!("line {line} of {shown}"),
            None => format!("`{}` of {shown}", self.table.sample_name(row)),
        }
    }

    /// The name of the table that a row was read from.
    pub(super) fn part(&self, row: usize) -> &str {
        let part = self.parts.iter().rev().find(|(first, _)| *first <= row);
        part.map_or(&self.shown, |(_, shown)| shown)
    }

    /// All columns, those of the table first.
    pub(super) fn columns(&self) -> impl Iterator<Item = &Column> {
        let own = self.table.columns.iter();
        let shown = own.filter(|column| self.added.iter().all(|added| added.name != column.name));
        shown.chain(self.added.iter().map(|column| &**column))
    }

    /// A column by name.
    pub(super) fn column(&self, name: &str) -> Result<&Column, TableError> {
        match self.added.iter().find(|column| column.name == name) {
            Some(column) => Ok(column),
            None => self.table.column(name).map_err(|_| TableError::NoColumn {
                path: self.table.path.clone(),
                name: name.to_owned(),
                existing: self.columns().map(|column| column.name.clone()).collect(),
            }),
        }
    }

    /// The same rows with one more column, or with another in its place.
    #[must_use]
    pub(super) fn with(&self, column: Column) -> Self {
        let mut source = self.clone();
        source.added.retain(|known| known.name != column.name);
        source.added.push(Rc::new(column));
        source
    }

    /// The identity of a row's picture.
    pub(super) fn picture(&self, row: usize, identities: &mut Identities) -> u32 {
        let picture = match &self.table.images {
            // Rows without pictures are never samples.
            Images::Absent => Picture::Entry(self.table.path.clone(), 0, u32::try_from(row).unwrap_or(u32::MAX)),
            Images::Files(paths) => Picture::File(paths[row].clone()),
            Images::Npz { rows, .. } => {
                let (array, place) = rows[row];
                Picture::Entry(self.table.path.clone(), array, place)
            }
        };
        identities.picture(picture)
    }

    /// The identity of a row that is its own group.
    pub(super) fn own_group(&self, row: usize, identities: &mut Identities) -> u32 {
        let picture = self.picture(row, identities);
        identities.group(Group::Picture(picture))
    }
}

/// A text that is the same for the same rows.
pub(super) fn rows_digest(rows: &[u32]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for row in rows {
        hasher.update(&row.to_le_bytes());
    }
    *hasher.finalize().as_bytes()
}

impl<'p> Evaluator<'p, '_> {
    /// A table, read at its first use.
    pub(super) fn table(&mut self, kind: Kind, path: &FilePath, span: Span) -> Outcome<Rc<Source>> {
        let key = (kind, path.full.clone());
        if let Some(known) = self.tables.read.get(&key) {
            return known.clone();
        }
        let result = match self.program.tables.read(&key.0, &path.full) {
            Ok(table) => {
                self.tables.made += 1;
                Ok(Rc::new(Source {
                    id: self.tables.made,
                    table,
                    added: Vec::new(),
                    shown: path.shown.clone(),
                    parts: Vec::new(),
                }))
            }
            Err(error) => self.table_error(&error, span),
        };
        self.tables.read.insert(key, result.clone());
        result
    }

    /// The number of the table that two sets of rows make together; the same for the same rows.
    pub(super) fn joined_id(&mut self, a: &Dataset, b: &Dataset) -> usize {
        let rows = |data: &Dataset| rows_digest(&data.rows);
        let key = (a.table.id, rows(a), b.table.id, rows(b));
        // Counted down from above, where no table that was read has its number.
        usize::MAX - self.tables.joined.insert_full(key).0
    }

    /// A column of a table.
    pub(super) fn column<'t>(&mut self, table: &'t Source, name: &str, span: Span) -> Outcome<&'t Column> {
        match table.column(name) {
            Ok(column) => Ok(column),
            Err(error) => self.table_error(&error, span),
        }
    }

    /// Reports why a table or a picture cannot be used.
    pub(super) fn table_error<T>(&mut self, error: &TableError, span: Span) -> Outcome<T> {
        let code = match error {
            TableError::Io { .. } => &codes::NO_FILE,
            TableError::NoColumn { .. } => &codes::NO_COLUMN,
            TableError::EmptyName { .. } | TableError::DuplicateName { .. } => &codes::BAD_HEADER,
            TableError::RaggedRow { .. } => &codes::RAGGED_ROW,
            TableError::NotText { .. } | TableError::BadName { .. } => &codes::NOT_TEXT,
            TableError::NoRows { .. } => &codes::NO_ROWS,
            TableError::NoImage { .. } => &codes::MISSING_VALUE,
            TableError::BadCard { .. } => &codes::BAD_CARD,
            TableError::NoClassFolder { .. } | TableError::EmptyClass { .. } => &codes::BAD_FOLDERS,
            TableError::BadArchive { .. } => &codes::BAD_ARCHIVE,
            TableError::MissingImages { .. } => &codes::MISSING_IMAGES,
            TableError::BadImage { .. } | TableError::BadImages { .. } => &codes::BAD_IMAGE,
        };
        let help = match error {
            TableError::EmptyName { .. } | TableError::DuplicateName { .. } => {
                "give every column a name of its own in the first line".to_owned()
            }
            TableError::RaggedRow { .. } => "a value that holds a comma stands in double quotes".to_owned(),
            TableError::NotText { .. } => "save the table as CSV with the encoding UTF-8".to_owned(),
            TableError::BadName { .. } => "rename the file".to_owned(),
            TableError::BadCard { .. } => {
                "its entries are `title`, `license`, `citation` and `caveats`, a list of texts".to_owned()
            }
            TableError::NoClassFolder { .. } | TableError::EmptyClass { .. } => {
                "`images` reads one folder per class: `photos/cat/1.png`".to_owned()
            }
            TableError::BadArchive { .. } => {
                "`npz` reads arrays of unsigned bytes named `train_images`, `train_labels`, `val_images` and so on"
                    .to_owned()
            }
            TableError::NoImage { .. } => {
                "leave such rows out of the table, or name another `image:` column".to_owned()
            }
            TableError::Io { .. } => "paths start at the folder of the file they are written in".to_owned(),
            TableError::NoColumn { existing, .. } => {
                let names: Vec<_> = existing.iter().map(String::as_str).collect();
                format!("its columns are {}", super::grid::listed(&names))
            }
            TableError::MissingImages { first, count, .. } | TableError::BadImages { first, count, .. } => {
                first_few(first, *count)
            }
            _ => String::new(),
        };
        let message = match error {
            TableError::Io { path, source } if source.kind() == std::io::ErrorKind::NotFound => {
                format!("there is no file {}", path.display())
            }
            other => other.to_string(),
        };
        let mut diagnostic = Diagnostic::error(code, message).at(span, "");
        if !help.is_empty() {
            diagnostic = diagnostic.help(help);
        }
        if let TableError::NoColumn { name, existing, .. } = error {
            let written = self.program.sources.text(span);
            diagnostic = diagnostic.suggest_in(span, written, name, existing.iter().map(String::as_str));
        }
        self.fail(diagnostic)
    }

    /// Reports why rows cannot be split.
    pub(super) fn split_error<T>(
        &mut self,
        error: &SplitError,
        source: &Source,
        rows: &[u32],
        span: Span,
    ) -> Outcome<T> {
        let place = |row: usize| {
            rows.get(row)
                .map_or_else(String::new, |&row| source.place(row as usize))
        };
        let code = match error {
            SplitError::NoRows => &codes::NO_ROWS,
            SplitError::NoGroup { .. } => &codes::MISSING_VALUE,
            SplitError::BadFolds { .. } | SplitError::BadShares { .. } => &codes::BAD_SPLIT,
            SplitError::TooFewGroups { .. } => &codes::TOO_FEW_GROUPS,
            SplitError::UnknownPart { .. } => &codes::BAD_PART,
            SplitError::GroupInTwoParts { .. } | SplitError::GroupInTwoFolds { .. } => &codes::GROUP_IN_TWO_PARTS,
            SplitError::ClassVanishes { .. } => &codes::CLASS_VANISHES,
        };
        let (message, help) = match error {
            SplitError::NoGroup { row } => (
                format!("no group stands in {}", place(*row)),
                "every row needs a group: leave such rows out with `where`".to_owned(),
            ),
            SplitError::UnknownPart { word, row } => (
                format!("`{word}` in {} names no part", place(*row)),
                "the words are train, test, and for the tuning part val, valid, validation or tuning".to_owned(),
            ),
            SplitError::GroupInTwoParts {
                group,
                first,
                second,
                count,
            } => (
                format!(
                    "group `{}` is in the {} part ({}) and in the {} part ({})",
                    super::split::spoken(group),
                    first.0,
                    place(first.1),
                    second.0,
                    place(second.1)
                ),
                format!("{count} groups are torn like this; a group belongs to one part"),
            ),
            SplitError::GroupInTwoFolds {
                group,
                first,
                second,
                count,
            } => (
                format!(
                    "group `{}` is in the fold of `{}` ({}) and in that of `{}` ({})",
                    super::split::spoken(group),
                    first.0,
                    place(first.1),
                    second.0,
                    place(second.1)
                ),
                format!(
                    "{count} groups are torn like this; a group belongs to one fold: leave them out by `where`, or make one value of two by `derive`"
                ),
            ),
            SplitError::TooFewGroups {
                folds_that_work: Some(most),
                ..
            } => (
                error.to_string(),
                format!("{most} folds would work, one for each group"),
            ),
            _ => (error.to_string(), String::new()),
        };
        let diagnostic = Diagnostic::error(code, message).at(span, "");
        self.fail(if help.is_empty() {
            diagnostic
        } else {
            diagnostic.help(help)
        })
    }
}

/// `line 5: images/a.png does not exist; ...`
fn first_few(first: &[BadImage], count: usize) -> String {
    let named: Vec<_> = first
        .iter()
        .map(|image| {
            let row = image
                .line
                .map_or_else(|| format!("row {}", image.row), |line| format!("line {line}"));
            format!("{row}: {} {}", image.path.display(), image.reason)
        })
        .collect();
    let more = count.saturating_sub(named.len());
    let rest = if more > 0 {
        format!("; and {more} more")
    } else {
        String::new()
    };
    format!("{}{rest}", named.join("; "))
}
