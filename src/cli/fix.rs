//! `mtl check --fix`: the fixes of diagnostics, made in the user's files.
//!
//! All rounds are made on texts in memory; files are written once, at the end, each to a temporary file beside it that
//! then takes its place.

use super::{
    Exit, ProgramArguments, output,
    program::{self, Loaded},
    replace::beside,
};
use crate::{
    diag::{
        Diagnostic, Diagnostics, Fix, Severity,
        apply::{apply, compatible},
        codes::names,
    },
    source::FileId,
};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;

/// Rounds after which what is left is left: a fix that brings out the next mistake ends long before.
const ROUNDS: usize = 50;

/// The changed texts of files.
type Texts = BTreeMap<PathBuf, String>;

/// A program with its fixes made.
pub(super) struct Mended {
    /// The program that came out, and what is still wrong with it.
    pub(super) loaded: Loaded,
    changes: Vec<Change>,
    /// What the files held, and the texts that come into them.
    before: Texts,
    after: Texts,
    refused: Vec<Refused>,
}

/// One change of one file.
#[derive(Clone)]
struct Change {
    path: PathBuf,
    file: String,
    /// Where the new text begins in the text that comes out, in bytes.
    at: usize,
    old: String,
    new: String,
}

/// A fix that was undone.
#[derive(Clone, PartialEq, Eq)]
struct Refused {
    file: String,
    line: usize,
    message: String,
    text: String,
}

impl Refused {
    fn of(diagnostic: &Diagnostic, fix: &Fix, loaded: &Loaded) -> Self {
        let file = loaded.program.sources.file(fix.span.file);
        Self {
            file: file.name().to_owned(),
            line: file.position(fix.span.start as usize).line,
            message: diagnostic.message.clone(),
            text: fix.text.clone(),
        }
    }

    /// True for the same fix, whose line may have moved.
    fn is(&self, other: &Self) -> bool {
        (&self.file, &self.message, &self.text) == (&other.file, &other.message, &other.text)
    }
}

/// Loads a program and makes the fixes of its diagnostics in memory, round by round, while the program gets no worse.
pub(super) fn mend(arguments: &ProgramArguments) -> Mended {
    let mut mended = Mended {
        loaded: program::load(arguments, &[]),
        changes: Vec::new(),
        before: Texts::new(),
        after: Texts::new(),
        refused: Vec::new(),
    };
    for _ in 0..ROUNDS {
        let found = mended.open_fixes();
        let together = compatible(found.iter().map(|(_, fix)| fix));
        if together.is_empty() {
            break;
        }
        if mended.round(arguments, &together) {
            continue;
        }
        // Together they made it worse: one by one it is seen which of them does.
        if !found.iter().any(|(_, fix)| mended.round(arguments, &[fix])) {
            let refused: Vec<_> = found.into_iter().map(|(refused, _)| refused).collect();
            mended.refused.extend(refused);
            break;
        }
    }
    mended
}

impl Mended {
    /// The fixes of what is wrong now, in files of the user.
    fn open_fixes(&self) -> Vec<(Refused, Fix)> {
        let sources = &self.loaded.program.sources;
        let mut found = Vec::new();
        for diagnostic in self.loaded.diagnostics.sorted() {
            let Some(fix) = &diagnostic.fix else { continue };
            let one = Refused::of(diagnostic, fix, &self.loaded);
            let own = sources.file(fix.span.file).path().is_some();
            if own && !self.refused.iter().any(|refused| refused.is(&one)) {
                found.push((one, fix.clone()));
            }
        }
        found
    }

    /// Makes fixes and keeps them, unless the program gets worse by them; true if they are kept.
    fn round(&mut self, arguments: &ProgramArguments, fixes: &[&Fix]) -> bool {
        let Some(attempt) = self.attempt(fixes) else {
            return false;
        };
        let loaded = program::load_with(arguments, &[], &|path| match attempt.after.get(path) {
            Some(text) => Ok(text.clone()),
            None => fs::read_to_string(path),
        });
        let worse = standing(&loaded.diagnostics) > standing(&self.loaded.diagnostics);
        if worse || attempt.names_nothing(&loaded) {
            return false;
        }
        self.changes = attempt.changes;
        self.before = attempt.before;
        self.after = attempt.after;
        self.loaded = loaded;
        true
    }

    /// The texts with fixes made in them, and the changes with these among them.
    fn attempt(&self, fixes: &[&Fix]) -> Option<Attempt> {
        let mut attempt = Attempt {
            changes: self.changes.clone(),
            made: self.changes.len(),
            before: self.before.clone(),
            after: self.after.clone(),
        };
        for of_one_file in fixes.chunk_by(|a, b| a.span.file == b.span.file) {
            attempt.make(&self.loaded, of_one_file.first()?.span.file, of_one_file)?;
        }
        Some(attempt)
    }
}

/// Texts and changes that are not kept yet.
struct Attempt {
    changes: Vec<Change>,
    /// How many of the changes were there before.
    made: usize,
    before: Texts,
    after: Texts,
}

impl Attempt {
    fn make(&mut self, loaded: &Loaded, file: FileId, fixes: &[&Fix]) -> Option<()> {
        let source = loaded.program.sources.file(file);
        let path = source.path()?.to_owned();
        let applied = apply(source.text(), fixes)?;
        for earlier in self.changes.iter_mut().filter(|change| change.path == path) {
            let above = fixes.iter().filter(|fix| fix.span.end as usize <= earlier.at);
            let (gone, come) = above.fold((0, 0), |(gone, come), fix| {
                let length = (fix.span.end - fix.span.start) as usize;
                (gone + length, come + fix.text.len())
            });
            earlier.at = earlier.at + come - gone;
        }
        for (fix, place) in fixes.iter().zip(&applied.places) {
            self.changes.push(Change {
                path: path.clone(),
                file: source.name().to_owned(),
                at: place.start,
                old: loaded.program.sources.text(fix.span).to_owned(),
                new: fix.text.clone(),
            });
        }
        self.before
            .entry(path.clone())
            .or_insert_with(|| source.text().to_owned());
        self.after.insert(path, applied.text);
        Some(())
    }

    /// True when one of the texts just written names something that nothing defines: the fix had a name to be filled in.
    fn names_nothing(&self, loaded: &Loaded) -> bool {
        let unknown = loaded.diagnostics.iter().filter(|d| *d.code == names::UNKNOWN);
        unknown.filter_map(Diagnostic::span).any(|span| {
            let path = loaded.program.sources.file(span.file).path();
            self.changes[self.made..].iter().any(|change| {
                let written = change.at..change.at + change.new.len();
                path == Some(&change.path) && written.contains(&(span.start as usize))
            })
        })
    }
}

/// How much is wrong, by pass. A mistake hides those that later passes would find, so that fewer of an earlier pass is
/// progress, however many come to light.
fn standing(diagnostics: &Diagnostics) -> [usize; 4] {
    let mut errors = [0; 4];
    for diagnostic in diagnostics.iter().filter(|d| d.severity == Severity::Error) {
        let pass = match diagnostic.code.area() {
            "syntax" => 0,
            "names" => 1,
            "types" => 2,
            _ => 3,
        };
        errors[pass] += 1;
    }
    errors
}

/// A change as other programs read it.
#[derive(Debug, Serialize)]
pub(super) struct ChangeEntry<'a> {
    file: &'a str,
    line: usize,
    old: &'a str,
    new: &'a str,
}

impl Mended {
    /// The changes by file and place.
    pub(super) fn changes(&self) -> Vec<ChangeEntry<'_>> {
        let mut changes: Vec<_> = self.changes.iter().collect();
        changes.sort_by_key(|change| (&change.path, change.at));
        let line = |change: &Change| {
            let text = self.after.get(&change.path).and_then(|text| text.get(..change.at));
            text.map_or(1, |text| text.matches('\n').count() + 1)
        };
        let entry = |change| ChangeEntry {
            line: line(change),
            file: &change.file,
            old: &change.old,
            new: &change.new,
        };
        changes.into_iter().map(entry).collect()
    }

    /// Says which fixes were not kept.
    pub(super) fn tell_refused(&self) {
        for Refused {
            file, line, message, ..
        } in &self.refused
        {
            output::error_line(&format!(
                "note: {file}:{line}: left as it is, for the fix would bring other errors: {message}"
            ));
        }
    }

    /// Writes the changed files; when one of them cannot be, none is touched.
    pub(super) fn write(&self) -> Result<(), Exit> {
        let failed = |path: &Path, error: &io::Error| {
            output::error_line(&format!("error: {} cannot be changed: {error}", path.display()));
            output::error_line("  help: nothing was changed; without `--fix` the mistakes are only shown");
            Exit::EnvironmentWrong
        };
        let mut ready = Vec::new();
        for (path, text) in &self.after {
            let before = self.before.get(path).map_or("", |text| text);
            ready.push((path, prepare(path, before, text).map_err(|error| failed(path, &error))?));
        }
        for (path, (temporary, target)) in ready {
            temporary.persist(target).map_err(|error| failed(path, &error.error))?;
        }
        Ok(())
    }
}

/// A temporary file with the new text beside the file that it shall replace, links followed.
fn prepare(path: &Path, before: &str, after: &str) -> io::Result<(NamedTempFile, PathBuf)> {
    let target = fs::canonicalize(path)?;
    if fs::metadata(&target)?.permissions().readonly() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is read-only"));
    }
    if fs::read_to_string(&target)? != before {
        return Err(io::Error::other("it has been changed in the meantime"));
    }
    Ok((beside(&target, after)?, target))
}

/// A change in words: `old` -> `new`.
pub(super) fn in_words(change: &ChangeEntry<'_>) -> String {
    let ChangeEntry { file, line, old, new } = change;
    let (old, new) = (old.trim_end_matches('\n'), new.trim_end_matches('\n'));
    match (old.trim().is_empty(), new.is_empty()) {
        (true, true) => format!("{file}:{line}: removed a blank"),
        (false, true) => format!("{file}:{line}: removed `{old}`"),
        (true, false) => format!("{file}:{line}: inserted `{}`", new.trim()),
        (false, false) => format!("{file}:{line}: `{old}` -> `{new}`"),
    }
}
