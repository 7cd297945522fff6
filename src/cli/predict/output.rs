//! Where predictions go: a table of samples and classes, written row by row and put in place at the end.

use super::Stop;
use crate::{
    cli::{Exit, output},
    diag::{Diagnostic, codes::plan as codes},
    stages::softmax,
};
use std::{
    fmt::Write as _,
    io::{self, BufWriter, Write},
    path::Path,
};
use tempfile::NamedTempFile;

/// What is written of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Values {
    probabilities: bool,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Npy,
    Safetensors,
    Csv,
}

impl Values {
    /// As the output file's name says.
    pub(super) fn of(out: &Path, probabilities: bool) -> Result<Self, Stop> {
        let ending = out.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let form = match ending.to_ascii_lowercase().as_str() {
            "npy" => Form::Npy,
            "safetensors" => Form::Safetensors,
            "csv" => Form::Csv,
            _ => {
                let message = format!("{} does not say what it is to be", out.display());
                let help = "let its name end in `.npy`, `.safetensors` or `.csv`";
                return Err(Diagnostic::error(&codes::OUTPUT, message).help(help).into());
            }
        };
        Ok(Self { probabilities, form })
    }

    /// The name of the values.
    pub(super) fn word(self) -> &'static str {
        if self.probabilities { "probabilities" } else { "logits" }
    }
}

/// The output file in the making: a temporary one beside it.
pub(super) struct Table<'a> {
    path: &'a Path,
    values: Values,
    file: BufWriter<NamedTempFile>,
}

impl<'a> Table<'a> {
    /// Begins a table of so many rows and columns.
    pub(super) fn create(path: &'a Path, values: Values, shape: [usize; 2]) -> Result<Self, Stop> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let file = tempfile::Builder::new()
            .prefix(".mtl-")
            .tempfile_in(folder.unwrap_or(Path::new(".")));
        let mut table = Self {
            path,
            values,
            file: BufWriter::new(file.map_err(|error| failed(path, &error))?),
        };
        table.begin(shape).map_err(|error| failed(path, &error))?;
        Ok(table)
    }

    fn begin(&mut self, [rows, columns]: [usize; 2]) -> io::Result<()> {
        let word = self.values.word();
        match self.values.form {
            // Version 1.0 of https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html: the values begin
            // at a multiple of 64.
            Form::Npy => {
                let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
                let padding = 63 - (10 + header.len()) % 64;
                header.extend(std::iter::repeat_n(' ', padding));
                header.push('\n');
                self.file.write_all(b"\x93NUMPY\x01\x00")?;
                self.file
                    .write_all(&u16::try_from(header.len()).unwrap_or(u16::MAX).to_le_bytes())?;
                self.file.write_all(header.as_bytes())
            }
            Form::Safetensors => {
                let bytes = rows * columns * 4;
                let mut header =
                    format!(r#"{{"{word}":{{"dtype":"F32","shape":[{rows},{columns}],"data_offsets":[0,{bytes}]}}}}"#);
                let padding = (8 - header.len() % 8) % 8;
                header.extend(std::iter::repeat_n(' ', padding));
                self.file.write_all(&(header.len() as u64).to_le_bytes())?;
                self.file.write_all(header.as_bytes())
            }
            Form::Csv => {
                let name = if self.values.probabilities { "p" } else { "logit" };
                let mut line = "sample".to_owned();
                (0..columns).for_each(|class| {
                    let _ = write!(line, ",{name}{class}");
                });
                writeln!(self.file, "{line}")
            }
        }
    }

    /// Writes the values of a sample. What is no number is never written.
    pub(super) fn row(&mut self, name: &str, logits: &[f32]) -> Result<(), Stop> {
        if logits.iter().any(|logit| !logit.is_finite()) {
            let message = format!("the logits of sample {name} are not finite");
            let help = "are the weights whole, and the pictures prepared as those of training?";
            return Err(Diagnostic::error(&codes::BAD_VALUE, message).help(help).into());
        }
        let values = if self.values.probabilities {
            softmax(logits).into_iter().map(|share| share as f32).collect()
        } else {
            logits.to_vec()
        };
        let written = match self.values.form {
            Form::Npy | Form::Safetensors => {
                let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                self.file.write_all(&bytes)
            }
            Form::Csv => {
                let mut line = field(name);
                values.iter().for_each(|value| {
                    let _ = write!(line, ",{value}");
                });
                writeln!(self.file, "{line}")
            }
        };
        written.map_err(|error| failed(self.path, &error))
    }

    /// Puts the whole table in its place.
    pub(super) fn finish(self) -> Result<(), Stop> {
        let path = self.path;
        let placed = || -> io::Result<()> {
            let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.as_file().sync_all()?;
            let permissions = match std::fs::metadata(path) {
                Ok(old) => old.permissions(),
                Err(_) => std::os::unix::fs::PermissionsExt::from_mode(0o644),
            };
            file.as_file().set_permissions(permissions)?;
            file.persist(path).map_err(|error| error.error)?;
            Ok(())
        };
        placed().map_err(|error| failed(path, &error))
    }
}

/// A field of a CSV file, in quotes where it needs them.
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn failed(path: &Path, error: &io::Error) -> Stop {
    output::error_line(&format!("error: {} cannot be written: {error}", path.display()));
    Stop::Exit(Exit::EnvironmentWrong)
}
