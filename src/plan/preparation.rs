//! Pictures that no program names: those given on a command line, prepared as an expression says.

use super::{
    data::{prepare_work, untouched},
    domain::Dataset,
    eval::Evaluator,
    on_deep_stack,
    sources::Source,
    stage::{Normalization, Prepare},
    value::{Env, Outcome, Value},
};
use crate::{
    analysis::Program,
    diag::Diagnostics,
    source::Span,
    syntax::ast::Expr,
    tables::{About, Images, Table},
};
use std::{path::PathBuf, rc::Rc, sync::Arc};

/// What is to be done to pictures before a network sees them.
#[derive(Clone, Debug)]
pub struct Preparation {
    /// The stage that decodes and transforms them.
    pub prepare: Prepare,
    /// The places of those that are wanted among the prepared ones, ascending; all, unless a condition leaves some out.
    pub rows: Vec<u32>,
    /// The constants that normalise them.
    pub normalization: Normalization,
}

/// The preparation that a function of the main module's scope, from data set to data set, gives these picture files:
/// `|> resize(224) |> rgb |> normalize(imagenet)`. Reads the files' headers.
#[must_use]
pub fn preparation(
    program: &Program,
    expression: &Expr,
    files: Vec<PathBuf>,
    diagnostics: &mut Diagnostics,
) -> Option<Preparation> {
    on_deep_stack(|| {
        let mut evaluator = Evaluator::new(program, diagnostics);
        evaluator.preparation(expression, files).ok()
    })
}

impl<'p> Evaluator<'p, '_> {
    fn preparation(&mut self, expression: &'p Expr, files: Vec<PathBuf>) -> Outcome<Preparation> {
        let span = expression.span;
        let step = self.eval(expression, &Env::of(self.program.main))?;
        let subject = Value::Dataset(Rc::new(pictures_of_files(files, span)));
        let data = match self.apply(&step, subject, span, span)? {
            Value::Dataset(data) if data.views.is_none() => data,
            other => return self.unexpected("a data set of single pictures", &other, span),
        };
        let shape = self.shape(&data)?;
        Ok(Preparation {
            normalization: self.normalization(&data, shape[0])?,
            rows: data.rows.to_vec(),
            prepare: prepare_work(&data, shape),
        })
    }
}

/// A data set of picture files, without columns.
fn pictures_of_files(files: Vec<PathBuf>, span: Span) -> Dataset {
    let table = Table {
        path: PathBuf::new(),
        columns: Vec::new(),
        rows: files.len(),
        lines: Vec::new(),
        images: Images::Files(files),
        ignored: 0,
        about: About::default(),
    };
    let source = Source {
        id: 0,
        table: Arc::new(table),
        added: Vec::new(),
        shown: "the input".to_owned(),
        parts: Vec::new(),
    };
    untouched(Rc::new(source), span)
}
