//! Tables as a program uses them: each read once, with the headers of its pictures.

use super::{
    convert::FilePath,
    eval::Evaluator,
    identities::{Group, Identities, Picture},
    value::Outcome,
};
use crate::{
    diag::{Diagnostic, codes::data as codes},
    source::Span,
    tables::{BadImage, Column, Images, Table, TableError, split::SplitError},
};
use indexmap::IndexMap;
use std::rc::Rc;

/// What a table is read from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// A manifest, with the column of its pictures.
    Manifest(String),
    Folders,
    Npz,
}

/// The tables read so far, and the shapes that came out of transforms.
#[derive(Default)]
pub(super) struct Tables {
    read: IndexMap<(Kind, std::path::PathBuf), Outcome<Rc<Source>>>,
    pub(super) shapes: IndexMap<(usize, [u8; 32], String), Outcome<[usize; 3]>>,
}

/// A table with its place among all and its name.
pub(super) struct Source {
    pub(super) id: usize,
    pub(super) table: Table,
    /// As reports name it.
    pub(super) shown: String,
}

impl Source {
    /// Where a row is written: `line 7 of data/manifest.csv`.
    pub(super) fn place(&self, row: usize) -> String {
        match self.table.lines.get(row) {
            Some(line) => format!("line {line} of {}", self.shown),
            None => format!("`{}` of {}", self.table.sample_name(row), self.shown),
        }
    }

    /// The identity of a row's picture.
    pub(super) fn picture(&self, row: usize, identities: &mut Identities) -> u32 {
        let picture = match &self.table.images {
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
        let table = match &key.0 {
            Kind::Manifest(image) => Table::read_csv(&path.full, image),
            Kind::Folders => Table::read_folders(&path.full),
            Kind::Npz => Table::read_npz(&path.full),
        };
        let result = match table {
            Ok(table) => Ok(Rc::new(Source {
                id: self.tables.read.len(),
                table,
                shown: path.shown.clone(),
            })),
            Err(error) => self.table_error(&error, span),
        };
        self.tables.read.insert(key, result.clone());
        result
    }

    /// A column of a table.
    pub(super) fn column<'t>(&mut self, table: &'t Source, name: &str, span: Span) -> Outcome<&'t Column> {
        match table.table.column(name) {
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
                    "group `{group}` is in the {} part ({}) and in the {} part ({})",
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
                    "group `{group}` is in the fold of `{}` ({}) and in that of `{}` ({})",
                    first.0,
                    place(first.1),
                    second.0,
                    place(second.1)
                ),
                format!("{count} groups are torn like this; a group belongs to one fold"),
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
