//! CSV manifests (RFC 4180, UTF-8, with or without a byte order mark).

use super::{About, Cell, Column, Images, Table, TableError, table::find_column};
use std::{collections::BTreeMap, path::Path};

impl Table {
    /// Reads a CSV manifest with a header line, and `about.json` beside it where there is one. Files of the column
    /// `image_column` are relative to the manifest's folder; whether they exist is not looked at.
    ///
    /// # Errors
    /// A file that cannot be read or is no text, a header with an empty or repeated name, a row of another length
    /// than the header, no rows, no column `image_column` or a row without a value in it, a card that is none.
    pub fn read_csv(path: &Path, image_column: &str) -> Result<Self, TableError> {
        Self::read(path, Some(image_column))
    }

    /// Reads a CSV table with a header line whose rows stand for no pictures.
    ///
    /// # Errors
    /// As [`Self::read_csv`], but for those of the image column.
    pub fn read_rows(path: &Path) -> Result<Self, TableError> {
        Self::read(path, None)
    }

    fn read(path: &Path, image_column: Option<&str>) -> Result<Self, TableError> {
        let text = std::fs::read(path).map_err(|source| TableError::Io {
            path: path.to_owned(),
            source,
        })?;
        let mut reader = csv::Reader::from_reader(text.as_slice());
        let header = reader.headers().map_err(|error| csv_error(path, &text, error))?.clone();
        check_header(path, header.iter())?;
        let mut values: Vec<Vec<String>> = vec![Vec::new(); header.len()];
        let (mut lines, mut counter) = (Vec::new(), Lines::new(&text));
        for record in reader.records() {
            let record = record.map_err(|error| csv_error(path, &text, error))?;
            lines.push(counter.line_of(record.position()));
            for (column, value) in values.iter_mut().zip(&record) {
                column.push(value.to_owned());
            }
        }
        if lines.is_empty() {
            return Err(TableError::NoRows { path: path.to_owned() });
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let columns: Vec<_> = header
            .iter()
            .zip(values)
            .map(|(name, values)| (name.to_owned(), values))
            .collect();
        // The image column is read before its kind is known: a file name is its text, whatever it looks like.
        let named = image_column.and_then(|image| columns.iter().find(|(name, _)| name == image));
        let images = match named {
            Some((name, names)) => images(path, folder, name, names, &lines)?,
            None => Images::Absent,
        };
        let columns: Vec<_> = columns
            .into_iter()
            .map(|(name, values)| Column {
                name,
                cells: Cell::infer(values),
            })
            .collect();
        if let Some(image_column) = image_column {
            find_column(path, &columns, image_column)?;
        }
        Ok(Self {
            path: path.to_owned(),
            columns,
            rows: lines.len(),
            lines,
            images,
            ignored: 0,
            about: About::read(folder)?,
        })
    }
}

fn images(path: &Path, folder: &Path, column: &str, names: &[String], lines: &[usize]) -> Result<Images, TableError> {
    let mut empty = names.iter().zip(lines).filter(|(name, _)| name.is_empty());
    if let Some((_, &first_line)) = empty.next() {
        return Err(TableError::NoImage {
            path: path.to_owned(),
            column: column.to_owned(),
            count: 1 + empty.count(),
            first_line,
        });
    }
    Ok(Images::Files(names.iter().map(|name| folder.join(name)).collect()))
}

fn check_header<'a>(path: &Path, names: impl Iterator<Item = &'a str>) -> Result<(), TableError> {
    let mut places = BTreeMap::new();
    for (place, name) in names.enumerate() {
        let column = place + 1;
        if name.trim().is_empty() {
            return Err(TableError::EmptyName {
                path: path.to_owned(),
                column,
            });
        }
        if let Some(first) = places.insert(name, column) {
            return Err(TableError::DuplicateName {
                path: path.to_owned(),
                name: name.to_owned(),
                first,
                second: column,
            });
        }
    }
    if places.is_empty() {
        return Err(TableError::NoRows { path: path.to_owned() });
    }
    Ok(())
}

/// Counts lines; the reader's own count is one short after CRLF and blank lines.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, line: 1 }
    }

    /// The line of the record that begins at or after a position not before the last one asked for.
    fn line_of(&mut self, position: Option<&csv::Position>) -> usize {
        let start = position
            .and_then(|position| usize::try_from(position.byte()).ok())
            .unwrap_or(0);
        while let Some(&byte) = self.text.get(self.at) {
            if self.at >= start && byte != b'\n' && byte != b'\r' {
                break;
            }
            self.at += 1;
            let crlf = byte == b'\r' && self.text.get(self.at) == Some(&b'\n');
            self.line += usize::from(byte == b'\n' || byte == b'\r' && !crlf);
        }
        self.line
    }
}

fn csv_error(path: &Path, text: &[u8], error: csv::Error) -> TableError {
    let path = path.to_owned();
    let line = Lines::new(text).line_of(error.position());
    match error.into_kind() {
        csv::ErrorKind::Io(source) => TableError::Io { path, source },
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => TableError::RaggedRow {
            path,
            line,
            expected: usize::try_from(expected_len).unwrap_or(usize::MAX),
            found: usize::try_from(len).unwrap_or(usize::MAX),
        },
        csv::ErrorKind::Utf8 { .. } => TableError::NotText { path, line },
        other => TableError::Io {
            path,
            source: std::io::Error::other(format!("{other:?}")),
        },
    }
}
