//! From the text of `mtl.toml` to settings.

use super::{MOST_THREADS, Project, units};
use crate::{
    diag::{Diagnostic, Diagnostics, codes::project as codes, nearest},
    source::{FileId, Span},
};
use std::{ops::Range, path::Path};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Every setting: its table and its key.
pub(super) const SETTINGS: &[(&str, &str)] = &[
    ("store", "path"),
    ("store", "front"),
    ("store", "trail"),
    ("store", "quota"),
    ("store", "link"),
    ("run", "threads"),
    ("run", "jobs"),
    ("run", "keep_going"),
    ("run", "save_every"),
];

/// Why a setting was not taken.
enum Refused {
    /// There is no such key in this table.
    Unknown,
    /// The value should be something else: this.
    Expected(&'static str),
}

/// Reads the settings of the file at `path`.
pub(super) fn project(path: &Path, text: &str, file: FileId, diagnostics: &mut Diagnostics) -> Project {
    let at = |range: Range<usize>| Span::new(file, range.start, range.end);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let message = format!("`mtl.toml` is not TOML: {}", error.message().replace('\n', ", "));
        let diagnostic = Diagnostic::error(&codes::UNREADABLE_SETTINGS, message);
        let span = error.span().unwrap_or(0..text.len().min(1));
        diagnostics.push(
            diagnostic
                .at(at(span), "")
                .help("a setting is written `key = value`, in a `[table]`"),
        );
    }
    let mut project = Project {
        file: Some(path.to_owned()),
        ..Project::default()
    };
    for (name, value) in table.get_ref() {
        let Some(settings) = value.get_ref().as_table().filter(|_| is_table(name.get_ref())) else {
            diagnostics.push(unknown_table(name.get_ref(), value.get_ref(), at(name.span())));
            continue;
        };
        for (key, value) in settings {
            match take(&mut project, name.get_ref(), key.get_ref(), value) {
                Ok(()) => {}
                Err(Refused::Unknown) => diagnostics.push(unknown_key(name.get_ref(), key.get_ref(), at(key.span()))),
                Err(Refused::Expected(expected)) => {
                    let message = format!("`{}.{}` is not {expected}", name.get_ref(), key.get_ref());
                    let diagnostic = Diagnostic::error(&codes::BAD_SETTING, message);
                    let found = format!("this is {}", described(value.get_ref()));
                    diagnostics.push(diagnostic.at(at(value.span()), found).help(format!("write {expected}")));
                }
            }
        }
    }
    project
}

fn is_table(name: &str) -> bool {
    SETTINGS.iter().any(|(table, _)| *table == name)
}

/// Puts one setting in its place.
fn take(project: &mut Project, table: &str, key: &str, value: &Spanned<DeValue<'_>>) -> Result<(), Refused> {
    const FOLDER: &str = "a folder, as \"../store\"";
    const COUNT: &str = "a number from 1 to 1024";
    const SIZE: &str = "a size, as \"20GB\" or \"0\"";
    const TIME: &str = "a time, as \"30s\" or \"5min\"";
    let value = value.get_ref();
    match (table, key) {
        ("store", "path" | "front") => {
            let path = value.as_str().filter(|path| !path.is_empty());
            let path = path.ok_or(Refused::Expected(FOLDER))?;
            let folder = project.file.as_deref().and_then(Path::parent).unwrap_or(Path::new("."));
            let path = Some(folder.join(path));
            if key == "front" {
                project.store.front = path;
            } else {
                project.store.path = path;
            }
        }
        ("store", "trail" | "quota") => {
            let size = value.as_str().and_then(units::size);
            let size = Some(size.ok_or(Refused::Expected(SIZE))?);
            if key == "quota" {
                project.store.quota = size;
            } else {
                project.store.trail = size;
            }
        }
        ("store", "link") => {
            project.store.links = Some(match value.as_str() {
                Some("hard") => true,
                Some("copy") => false,
                _ => return Err(Refused::Expected("\"copy\" or \"hard\"")),
            });
        }
        ("run", "threads" | "jobs") => {
            let count = whole(value).filter(|count| (1..=u64::from(MOST_THREADS)).contains(count));
            let count = count.and_then(|count| u16::try_from(count).ok());
            let count = Some(count.ok_or(Refused::Expected(COUNT))?);
            if key == "jobs" {
                project.run.jobs = count;
            } else {
                project.run.threads = count;
            }
        }
        ("run", "keep_going") => {
            project.run.keep_going = Some(value.as_bool().ok_or(Refused::Expected("true or false"))?);
        }
        ("run", "save_every") => {
            let time = value.as_str().and_then(units::time);
            project.run.save_every = Some(time.ok_or(Refused::Expected(TIME))?);
        }
        _ => return Err(Refused::Unknown),
    }
    Ok(())
}

/// A whole number from 0 on.
fn whole(value: &DeValue<'_>) -> Option<u64> {
    let number = value.as_integer()?;
    u64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()
}

fn described(value: &DeValue<'_>) -> &'static str {
    match value.type_str() {
        "string" => "another text",
        "integer" => "another number",
        "float" => "a number with a fraction",
        "boolean" => "true or false",
        "datetime" => "a date",
        "array" => "a list",
        _ => "a table",
    }
}

fn unknown_table(name: &str, value: &DeValue<'_>, span: Span) -> Diagnostic {
    let mut tables: Vec<_> = SETTINGS.iter().map(|(table, _)| *table).collect();
    tables.dedup();
    if is_table(name) {
        let diagnostic = Diagnostic::error(&codes::BAD_SETTING, format!("`{name}` is a table of settings"));
        return diagnostic
            .at(span, format!("this is {}", described(value)))
            .help(format!("write `[{name}]`, and its settings below"));
    }
    // A setting that stands outside of its table.
    let home = SETTINGS.iter().find(|(_, key)| *key == name);
    let help = match (home, nearest(name, tables.iter().copied())) {
        (Some((table, key)), _) => format!("write `{key}` below `[{table}]`"),
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) => format!("its tables are {}", listed(&tables)),
    };
    Diagnostic::error(&codes::UNKNOWN_SETTING, format!("`mtl.toml` has no table `{name}`"))
        .at(span, "")
        .help(help)
}

fn unknown_key(table: &str, key: &str, span: Span) -> Diagnostic {
    let here: Vec<_> = SETTINGS
        .iter()
        .filter(|(home, _)| *home == table)
        .map(|(_, key)| *key)
        .collect();
    let elsewhere = SETTINGS.iter().find(|(_, other)| *other == key);
    let help = match (elsewhere, nearest(key, here.iter().copied())) {
        (Some((table, key)), _) => format!("`{key}` belongs below `[{table}]`"),
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) => format!("its settings are {}", listed(&here)),
    };
    Diagnostic::error(&codes::UNKNOWN_SETTING, format!("`[{table}]` has no setting `{key}`"))
        .at(span, "")
        .help(help)
}

fn listed(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
