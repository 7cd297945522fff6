//! The conversions of the language, all of them, and the words that are looked up by the type expected of them.

use super::{
    domain::{Freeze, Model, ModelState, Normalize},
    hub::WeightSource,
    stage::Augmentation,
    value::{Function, Grid, Outcome, Value},
};
use crate::{
    builtins::choices::types_with,
    plan::eval::Evaluator,
    source::{Span, absolute},
    syntax::ast::{BinaryOp, Ident, TypeExpr, TypeKind},
};
use std::{path::PathBuf, rc::Rc};

/// A file: its place, and how reports name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FilePath {
    /// Absolute.
    pub(super) full: PathBuf,
    /// Relative to the program's folder when it lies in there.
    pub(super) shown: String,
}

fn bare(ty: &TypeExpr) -> &TypeExpr {
    match &ty.kind {
        TypeKind::Optional(inner) => bare(inner),
        _ => ty,
    }
}

/// True when `name` is a word of the type.
pub(super) fn is_choice(ty: &TypeExpr, name: &str) -> bool {
    let TypeKind::Name(wanted) = &bare(ty).kind else {
        return false;
    };
    types_with(name).any(|ty| ty.name() == wanted)
}

/// True when `name` is a word of any type.
pub(super) fn is_any_choice(name: &str) -> bool {
    types_with(name).next().is_some()
}

/// True when `a..b` is written where a range is expected.
pub(super) fn is_range(ty: &TypeExpr, operator: BinaryOp) -> bool {
    let range = matches!(operator, BinaryOp::Range | BinaryOp::RangeInclusive);
    range && matches!(&bare(ty).kind, TypeKind::Name(name) if name == "Range")
}

/// The type of a list's elements.
pub(super) fn element(ty: &TypeExpr) -> Option<&TypeExpr> {
    match &bare(ty).kind {
        TypeKind::List(inner) => Some(inner),
        _ => None,
    }
}

/// What the types of a record's entries are written as.
#[derive(Clone, Copy)]
pub(super) enum Entries<'p> {
    /// Nothing is expected of them.
    Any,
    /// All have one type.
    Each(&'p TypeExpr),
    /// Each has its own.
    Fields(&'p [(Ident, TypeExpr)]),
}

impl<'p> Entries<'p> {
    /// What a type says of the entries of its values.
    pub(super) fn of(ty: &'p TypeExpr) -> Self {
        match &bare(ty).kind {
            TypeKind::Map(inner) => Self::Each(inner),
            TypeKind::Record(fields) => Self::Fields(fields),
            _ => Self::Any,
        }
    }

    /// The type of the entry of this name.
    pub(super) fn named(self, name: &str) -> Option<&'p TypeExpr> {
        match self {
            Self::Any => None,
            Self::Each(ty) => Some(ty),
            Self::Fields(fields) => fields.iter().find(|(field, _)| field.name == name).map(|(_, ty)| ty),
        }
    }
}

impl<'p> Evaluator<'p, '_> {
    /// A value as a type wants it: int to float, text to path, a net to a model, a task to its cohort and data set,
    /// option functions and steps without their parentheses.
    pub(super) fn convert(&mut self, value: Value<'p>, ty: &'p TypeExpr, span: Span) -> Outcome<Value<'p>> {
        match &ty.kind {
            TypeKind::Optional(inner) => match value {
                Value::None => Ok(Value::None),
                value => self.convert(value, inner, span),
            },
            TypeKind::List(inner) => match value {
                Value::List(list) => {
                    let list: Outcome<Vec<_>> = list.iter().map(|v| self.convert(v.clone(), inner, span)).collect();
                    Ok(Value::List(Rc::new(list?)))
                }
                other => self.unexpected("a list", &other, span),
            },
            TypeKind::Map(inner) => match value {
                Value::Record(record) => {
                    let entries = record.iter();
                    let converted: Outcome<_> = entries
                        .map(|(key, v)| Ok((Rc::clone(key), self.convert(v.clone(), inner, span)?)))
                        .collect();
                    Ok(Value::Record(Rc::new(converted?)))
                }
                other => self.unexpected("a record", &other, span),
            },
            TypeKind::Record(_) => match value {
                Value::Record(record) => {
                    let types = Entries::of(ty);
                    let entries = record.iter().map(|(key, value)| {
                        let value = match types.named(key) {
                            Some(ty) => self.convert(value.clone(), ty, span)?,
                            None => value.clone(),
                        };
                        Ok((Rc::clone(key), value))
                    });
                    let entries: Outcome<_> = entries.collect();
                    Ok(Value::Record(Rc::new(entries?)))
                }
                other => self.unexpected("a record", &other, span),
            },
            TypeKind::Step(..) => self.as_step(value, span),
            TypeKind::Name(name) => self.convert_to(value, name, span),
            // Scores or a ranking alone are a grid without axes.
            TypeKind::Apply(name, ..)
                if name.name == "Grid" && matches!(value, Value::Scores(_) | Value::Ranking(_)) =>
            {
                Ok(Value::Grid(Rc::new(Grid {
                    axes: Vec::new(),
                    cells: vec![value],
                })))
            }
            _ => Ok(value),
        }
    }

    fn convert_to(&mut self, value: Value<'p>, ty: &str, span: Span) -> Outcome<Value<'p>> {
        match (ty, value) {
            ("float" | "Rates", Value::Int(value)) => Ok(Value::Float(value as f64)),
            ("path", Value::Text(text)) => Ok(Value::Path(Rc::new(self.file_path(&text, span)))),
            ("WeightFile", Value::Text(text)) => {
                let path = self.file_path(&text, span);
                Ok(Value::WeightFile(Rc::new(WeightSource::of(path))))
            }
            ("WeightFile", Value::Path(path)) => {
                Ok(Value::WeightFile(Rc::new(WeightSource::of(FilePath::clone(&path)))))
            }
            ("Model", Value::Net(net)) => Ok(Value::Model(Rc::new(Model {
                net,
                state: ModelState::Random { seed: None },
                pending: false,
            }))),
            ("Cohort", Value::Task(task)) => Ok(Value::Cohort(Rc::new(task.cohort.clone()))),
            ("Rows", Value::Task(task)) => Ok(Value::Rows(Rc::new(task.cohort.data.clone()))),
            ("Rows", Value::Cohort(cohort)) => Ok(Value::Rows(Rc::new(cohort.data.clone()))),
            ("Rows", Value::Dataset(data)) => Ok(Value::Rows(data)),
            ("Dataset", Value::Task(task)) => Ok(Value::Dataset(Rc::new(task.cohort.data.clone()))),
            ("Dataset", Value::Cohort(cohort)) => Ok(Value::Dataset(Rc::new(cohort.data.clone()))),
            ("Freeze", Value::Choice("all_but_head")) => Ok(Value::Freeze(Rc::new(Freeze::AllButHead))),
            ("Freeze", Value::Text(pattern)) => Ok(Value::Freeze(Rc::new(Freeze::Patterns(vec![(pattern, span)])))),
            ("Freeze", Value::List(list)) => {
                let patterns: Option<Vec<_>> = list.iter().map(|v| Some((v.as_text()?, span))).collect();
                match patterns {
                    Some(patterns) => Ok(Value::Freeze(Rc::new(Freeze::Patterns(patterns)))),
                    None => self.unexpected("patterns over parameter names", &Value::List(list), span),
                }
            }
            ("Augmentation", Value::Choice("identity")) => Ok(Value::Augmentation(Augmentation::Identity)),
            ("Normalization", Value::Choice("imagenet")) => Ok(Value::Normalization(Rc::new(Normalize::ImageNet))),
            (
                "Folding" | "Schedule" | "Optimizer" | "Loss" | "Mix" | "Augmentation" | "Normalization" | "Freeze"
                | "Fuse",
                Value::Function(function @ Function::Item(..)),
            ) if function.needs_nothing() => self.call_function(&function, Vec::new(), span),
            // What was no range where it was written has lost its upper end.
            ("Range", value @ Value::List(_)) => self.unexpected("a range with ends that are floats", &value, span),
            (_, value) => Ok(value),
        }
    }

    /// A function with a subject and no required parameter, called with none; anything else as it is.
    fn as_step(&mut self, value: Value<'p>, span: Span) -> Outcome<Value<'p>> {
        match value {
            Value::Function(function) => match &function {
                Function::Item(item, _) if item.subject.is_some() && function.needs_nothing() => {
                    self.call_function(&function, Vec::new(), span)
                }
                Function::Net(..) if function.needs_nothing() => self.call_function(&function, Vec::new(), span),
                Function::Lambda(parameters, ..) if parameters.len() == 1 => Ok(Value::Function(function)),
                _ => self.unexpected("a step", &Value::Function(function), span),
            },
            Value::Step(_) | Value::Net(_) => Ok(value),
            other => self.unexpected("a step", &other, span),
        }
    }

    /// A path as written at `span`: relative ones start at the folder of the file they are written in.
    pub(super) fn file_path(&self, text: &str, span: Span) -> FilePath {
        let folder = self.folder(self.module_of(span));
        let full = absolute(&folder.join(text));
        let home = absolute(&self.folder(self.program.main));
        let shown = full.strip_prefix(&home).unwrap_or(&full).display().to_string();
        FilePath { full, shown }
    }
}
