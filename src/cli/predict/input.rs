//! What is predicted: pictures, prepared once into a temporary file, or an array of ready samples.

use super::{Arguments, Stop, asked::Asked};
use crate::{
    cli::{Exit, output},
    data::{Array, DataError, Prepared, prepare},
    diag::{Diagnostic, codes, codes::plan as plan_codes},
    nn::channels_last,
    plan::stage::Normalization,
    tables::{TableError, pictures_under},
};
use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};
use tempfile::NamedTempFile;

/// Samples, which stay in their files until they are asked for.
pub(super) enum Input {
    /// Ready samples.
    Array(Array),
    /// Pictures.
    Pictures {
        prepared: Prepared,
        /// The rows of the prepared file that are wanted.
        rows: Vec<u32>,
        normalization: Normalization,
        files: Vec<PathBuf>,
        /// The prepared file; it goes when this does.
        _file: NamedTempFile,
    },
}

impl Input {
    /// Opens an array, or decodes and transforms pictures.
    pub(super) fn open(arguments: &Arguments, asked: &mut Asked, cancel: &AtomicBool) -> Result<Self, Stop> {
        let arrays = arguments.input.iter().filter(|path| Array::is_named(path)).count();
        match (&arguments.input[..], arrays) {
            ([path], 1) => {
                if arguments.prepare.is_some() {
                    let message = format!("{} holds ready samples, which are not prepared", path.display());
                    let diagnostic = Diagnostic::error(&plan_codes::BAD_VALUE, message);
                    return Err(diagnostic.help("leave `--prepare` out, or give the pictures").into());
                }
                Array::open(path, arguments.tensor.as_deref())
                    .map(Self::Array)
                    .map_err(|error| told(&error).into())
            }
            (_, 0) => Self::pictures(arguments, asked, cancel),
            _ => {
                let message = "an array of ready samples is an input of its own";
                let help = "give one array, or pictures and folders of pictures";
                Err(Diagnostic::error(&plan_codes::BAD_VALUE, message).help(help).into())
            }
        }
    }

    fn pictures(arguments: &Arguments, asked: &mut Asked, cancel: &AtomicBool) -> Result<Self, Stop> {
        if arguments.tensor.is_some() {
            let message = "`--tensor` names an entry of a safetensors file, and the input is pictures";
            return Err(Diagnostic::error(&plan_codes::BAD_VALUE, message).into());
        }
        let files = listed(&arguments.input)?;
        let preparation = asked.preparation(files.clone())?;
        let file = NamedTempFile::new().map_err(|error| {
            output::error_line(&format!("error: no temporary file can be made: {error}"));
            Stop::Exit(Exit::EnvironmentWrong)
        })?;
        prepare(&preparation.prepare, &|_, _| {}, cancel, file.path()).map_err(|error| match error {
            DataError::Cancelled => Stop::Exit(Exit::Interrupted),
            other => told(&other).into(),
        })?;
        Ok(Self::Pictures {
            prepared: Prepared::open(file.path()).map_err(|error| told(&error))?,
            rows: preparation.rows,
            normalization: preparation.normalization,
            files,
            _file: file,
        })
    }

    /// Number of samples.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Array(array) => array.len(),
            Self::Pictures { rows, .. } => rows.len(),
        }
    }

    /// Channels, height and width of every sample.
    pub(super) fn shape(&self) -> [usize; 3] {
        match self {
            Self::Array(array) => array.shape(),
            Self::Pictures { prepared, .. } => prepared.shape(),
        }
    }

    /// The name of a sample: its picture as it was given, or its place in the array.
    pub(super) fn name(&self, sample: usize) -> String {
        match self {
            Self::Array(_) => sample.to_string(),
            Self::Pictures { rows, files, .. } => files[rows[sample] as usize].display().to_string(),
        }
    }

    /// The names of pictures; none of an array's samples.
    pub(super) fn names(&self) -> Option<Vec<String>> {
        match self {
            Self::Array(_) => None,
            Self::Pictures { rows, .. } => Some((0..rows.len()).map(|sample| self.name(sample)).collect()),
        }
    }

    /// Writes a sample as `[height, width, channels]`.
    pub(super) fn fill(&self, sample: usize, image: &mut [f32]) -> Result<(), Stop> {
        let filled = match self {
            Self::Array(array) => {
                let mut values = vec![0.0; image.len()];
                let filled = array.fill(sample, &mut values);
                let channels = array.shape()[0];
                channels_last(channels, image.len() / channels, &values, image);
                filled
            }
            Self::Pictures {
                prepared,
                rows,
                normalization,
                ..
            } => prepared.fill(rows[sample] as usize, Some(normalization), image),
        };
        filled.map_err(|error| told(&error).into())
    }
}

/// All picture files, those of a folder in the order of their names.
fn listed(input: &[PathBuf]) -> Result<Vec<PathBuf>, Stop> {
    let mut files = Vec::new();
    for path in input {
        if path.is_dir() {
            let found = pictures_under(path).map_err(|error| told(&error.into()))?;
            if found.is_empty() {
                let message = format!("{} holds no .png, .jpg or .jpeg file", path.display());
                return Err(Diagnostic::error(&codes::data::NO_ROWS, message).into());
            }
            files.extend(found);
        } else if path.is_file() {
            files.push(path.clone());
        } else {
            return Err(no_file(path).into());
        }
    }
    Ok(files)
}

fn no_file(path: &Path) -> Diagnostic {
    Diagnostic::error(&codes::data::NO_FILE, format!("there is no file {}", path.display()))
}

/// A mistake of data with its code.
fn told(error: &DataError) -> Diagnostic {
    let code = match error {
        DataError::Io { .. } | DataError::Source(TableError::Io { .. }) => &codes::data::NO_FILE,
        DataError::Array { .. } => &codes::data::BAD_ARCHIVE,
        DataError::Source(TableError::BadName { .. }) => &codes::data::NOT_TEXT,
        DataError::Shape { .. } | DataError::Resize { .. } | DataError::Normalization { .. } => {
            &codes::data::MIXED_IMAGES
        }
        DataError::Source(_) | DataError::Decode { .. } | DataError::Damaged { .. } | DataError::Cancelled => {
            &codes::data::BAD_IMAGE
        }
    };
    Diagnostic::error(code, error.to_string())
}
