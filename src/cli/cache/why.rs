//! `mtl cache why`

use super::{Exit, Format, Of, output, program};
use crate::{
    exec::origin::{self, Origin},
    plan::digest::Digest,
    project::units::bytes,
    store::Store,
};
use clap::Args;
use std::{fmt::Write as _, path::Path};

/// Digits that a word has at least, so that it means something.
const FEWEST: usize = 4;

/// Arguments of `mtl cache why`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The first digits of a stage's key or of an object's digest; or a file: an output, or one in the store
    what: String,

    #[command(flatten)]
    of: Of,
}

/// Says where a stored thing is from.
pub(super) fn why(arguments: &Arguments) -> Result<Exit, Exit> {
    let store = arguments.of.open()?;
    let word = digits(&store, &arguments.what)?;
    let origins = origin::find(&store, &word).map_err(|error| program::store_failed(&error))?;
    program::tell_notices(&store);
    if origins.is_empty() {
        let message = format!(
            "no result of this store, or of its runs, has anything to do with `{}`",
            arguments.what
        );
        output::failure(
            &message,
            Some(
                "`mtl plan --format json` gives keys, `mtl show RUN` digests; an object that nothing names goes with `mtl cache gc`",
            ),
        );
        return Err(Exit::ProgramWrong);
    }
    match arguments.of.format {
        Format::Json => output::json(&serde_json::json!({ "schema": "mtl.cache_why/1", "origins": origins })),
        Format::Text => origins.iter().for_each(|origin| output::raw(&text(origin))),
    }
    Ok(Exit::Done)
}

/// The digits that are meant: those of an object's place in the store, of a file's contents, or the word itself.
fn digits(store: &Store, what: &str) -> Result<String, Exit> {
    let is_hex = |text: &str| text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    let path = Path::new(what);
    // `objects/ab/cdef...`, as far as it is written.
    let below = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if let Ok(below) = below.strip_prefix(store.root().join("objects")) {
        let digits: String = below
            .components()
            .map(|part| part.as_os_str().to_string_lossy())
            .collect();
        if is_hex(&digits) && digits.len() >= FEWEST {
            return Ok(digits);
        }
    }
    if path.is_file() {
        return match Digest::of_file(path) {
            Ok(digest) => Ok(digest.to_string()),
            Err(error) => {
                output::failure(&format!("{what} cannot be read: {error}"), None);
                Err(Exit::EnvironmentWrong)
            }
        };
    }
    if is_hex(what) && what.len() >= FEWEST {
        return Ok(what.to_owned());
    }
    let message = format!("`{what}` is no file, and no beginning of a key or a digest");
    output::failure(&message, Some("write at least 4 of its digits, from the first on"));
    Err(Exit::ProgramWrong)
}

fn text(origin: &Origin) -> String {
    let mut text = format!("{}\n  stage    {} ({})\n", origin.key, origin.stage, origin.kind);
    let _ = match &origin.made {
        Some(made) => writeln!(
            text,
            "  made     {:.0} on {} in {:.1} s, {}, {} threads, version {}",
            made.when,
            made.host.as_deref().unwrap_or("an unknown machine"),
            made.seconds,
            made.device_class,
            made.threads,
            made.version
        ),
        None => writeln!(text, "  made     by a run; its record is no longer in the store"),
    };
    for file in &origin.outputs {
        let size = file.bytes.map_or_else(|| "not stored".to_owned(), bytes);
        let _ = writeln!(text, "  output   {} {} ({size})", file.name, file.digest);
    }
    for taken in &origin.takes {
        let digest = taken
            .digest
            .map_or_else(String::new, |digest| format!(" {}", &digest.to_string()[..8]));
        let _ = writeln!(
            text,
            "  takes    {} of {}{digest}",
            taken.role.to_lowercase(),
            taken.stage
        );
    }
    for need in &origin.needed_by {
        let _ = writeln!(
            text,
            "  needed   by {} {} as {}",
            need.stage,
            &need.key.to_string()[..8],
            need.role.to_lowercase()
        );
    }
    for used in &origin.runs {
        let how = if used.computed { "computed" } else { "reused" };
        let outputs = match used.outputs.len() {
            0 => String::new(),
            _ => format!(", as output {}", used.outputs.join(", ")),
        };
        let _ = writeln!(
            text,
            "  run      {} {} {how} it{outputs}: {}",
            used.run.get(..8).unwrap_or(&used.run),
            used.when.get(..19).unwrap_or(&used.when),
            used.program
        );
    }
    text
}
