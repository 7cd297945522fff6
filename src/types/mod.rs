//! The types of the language: what they are, how they are written, when one fits another.
//!
//! `S -> R` is a *step* and only `|>` applies it; `(A, b: B) -> R` is a function and only parentheses apply it.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::source::Span;

mod display;
mod fit;
mod join;
mod lower;
mod named;
mod solver;
#[cfg(test)]
mod tests;

pub use lower::lower;
pub use named::Named;
pub use solver::{Solver, VariableId};

/// A type.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// Not known: a mistake that was reported, or a column's value. Fits everywhere, and everything fits it.
    Unknown,
    /// The type of `none` alone.
    None,
    /// A type with a name of its own.
    Named(Named),
    /// `T?`
    Optional(Box<Type>),
    /// `[T]`
    List(Box<Type>),
    /// `{T}`: a record whose keys are not known, with values of one type.
    Map(Box<Type>),
    /// `{ name: T, ... }`
    Record(IndexMap<String, Type>),
    /// `S -> R`
    Step(Box<Type>, Box<Type>),
    /// `(A, b: B = ..) -> R`
    Function(Arc<Function>),
    /// `Grid[T; a, b]`
    Grid(Box<Grid>),
    /// A variable of a signature, written as one capital letter.
    Generic(Generic),
    /// A variable of inference.
    Variable(VariableId),
}

/// A function's type.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Its parameters, in order.
    pub parameters: Vec<Parameter>,
    /// Its result; a step when the function has a subject.
    pub result: Type,
    /// What kind of function it is, which decides where it counts as a step.
    pub origin: FunctionOrigin,
}

/// Where a function comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionOrigin {
    /// A `fn`, or a written function type.
    Declared,
    /// A `net`: called, it is a [`Named::Net`], which inside a `net` is a step on tensors.
    Net,
    /// A lambda: with one parameter it is a step as well.
    Lambda,
}

/// A parameter in a function's type.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name; empty in a written function type, where arguments go by position.
    pub name: String,
    /// Its type; of a variadic one that of each argument.
    pub ty: Type,
    /// True when a call must give it.
    pub required: bool,
    /// How arguments reach it.
    pub passing: Passing,
}

/// How arguments reach a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// By position or by name.
    Either,
    /// By name alone: it was taken over from the function to which `...how` passes it on.
    NamedOnly,
    /// All positional arguments that are left.
    Variadic,
    /// All named arguments that are left, as a record: `...labels: {T}`. The type is that of each.
    Entries,
}

impl Passing {
    /// True when arguments of any number reach the parameter, so that its own name is none that a call may give.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Variadic | Self::Entries)
    }
}

/// A grid's type.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// The type of each cell.
    pub cell: Type,
    /// Its axes in order; none where any axes will do, as in `Grid[Scores]` of a signature.
    pub axes: Option<Vec<Axis>>,
}

/// An axis of a grid's type.
#[derive(Clone, Debug)]
pub struct Axis {
    /// The loop variable.
    pub name: String,
    /// The labels as they are written in a selection, where the program shows them.
    pub labels: Option<Vec<String>>,
    /// Where the loop variable is defined, where the program shows it.
    pub origin: Option<Span>,
}

/// Axes are the same axis by their name: labels and origin are a help, not a part of the type.
impl PartialEq for Axis {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// The types that a variable may stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any type.
    Any,
    /// `D`: `Dataset`, `Cohort` or `Task`.
    Rows,
    /// `R`: rows with or without pictures, `Rows`, `Dataset`, `Cohort` or `Task`.
    Table,
    /// `N`: `int` or `float`.
    Number,
    /// `S`: `Scores` or `Ranking`.
    Result,
    /// `P`: what can be added, `int`, `float` or `Tensor`.
    Sum,
}

/// A variable of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generic {
    /// Its letter.
    pub letter: char,
}

impl Generic {
    /// What it may stand for.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self.letter {
            'D' => Kind::Rows,
            'R' => Kind::Table,
            'N' => Kind::Number,
            'S' => Kind::Result,
            'P' => Kind::Sum,
            _ => Kind::Any,
        }
    }
}

impl Type {
    /// `int`
    pub const INT: Self = Self::Named(Named::Int);
    /// `float`
    pub const FLOAT: Self = Self::Named(Named::Float);
    /// `bool`
    pub const BOOL: Self = Self::Named(Named::Bool);
    /// `text`
    pub const TEXT: Self = Self::Named(Named::Text);
    /// `Range`
    pub const RANGE: Self = Self::Named(Named::Range);
    /// `Tensor`
    pub const TENSOR: Self = Self::Named(Named::Tensor);

    /// `[of]`
    #[must_use]
    pub fn list(of: Self) -> Self {
        Self::List(Box::new(of))
    }

    /// `subject -> result`
    #[must_use]
    pub fn step(subject: Self, result: Self) -> Self {
        Self::Step(Box::new(subject), Box::new(result))
    }

    /// `(Row) -> _`: a function of a row whose values may be of any type.
    #[must_use]
    pub fn of_row() -> Self {
        let row = Parameter {
            name: String::new(),
            ty: Self::Named(Named::Row),
            required: true,
            passing: Passing::Either,
        };
        Self::Function(Arc::new(Function {
            parameters: vec![row],
            result: Self::Unknown,
            origin: FunctionOrigin::Declared,
        }))
    }

    /// `T?`; an optional of an optional is the same optional.
    #[must_use]
    pub fn optional(of: Self) -> Self {
        match of {
            Self::Optional(_) | Self::None | Self::Unknown => of,
            other => Self::Optional(Box::new(other)),
        }
    }

    /// `Grid[cell; axes]`
    #[must_use]
    pub fn grid(cell: Self, axes: Option<Vec<Axis>>) -> Self {
        Self::Grid(Box::new(Grid { cell, axes }))
    }

    /// True when the type holds a [`Type::Generic`].
    #[must_use]
    pub fn is_generic(&self) -> bool {
        let mut found = false;
        self.visit(&mut |ty| found |= matches!(ty, Self::Generic(_)));
        found
    }

    /// Calls `see` on this type and all in it.
    pub fn visit(&self, see: &mut dyn FnMut(&Self)) {
        see(self);
        match self {
            Self::Optional(of) | Self::List(of) | Self::Map(of) => of.visit(see),
            Self::Record(fields) => fields.values().for_each(|ty| ty.visit(see)),
            Self::Step(subject, result) => {
                subject.visit(see);
                result.visit(see);
            }
            Self::Function(function) => {
                function.parameters.iter().for_each(|p| p.ty.visit(see));
                function.result.visit(see);
            }
            Self::Grid(grid) => grid.cell.visit(see),
            Self::Unknown | Self::None | Self::Named(_) | Self::Generic(_) | Self::Variable(_) => {}
        }
    }

    /// The type with every leaf (a type that holds no other) replaced.
    #[must_use]
    pub fn map_leaves(&self, change: &mut dyn FnMut(&Self) -> Self) -> Self {
        match self {
            Self::Optional(of) => Self::optional(of.map_leaves(change)),
            Self::List(of) => Self::list(of.map_leaves(change)),
            Self::Map(of) => Self::Map(Box::new(of.map_leaves(change))),
            Self::Record(fields) => Self::Record(
                fields
                    .iter()
                    .map(|(name, ty)| (name.clone(), ty.map_leaves(change)))
                    .collect(),
            ),
            Self::Step(subject, result) => Self::step(subject.map_leaves(change), result.map_leaves(change)),
            Self::Function(function) => Self::Function(Arc::new(Function {
                parameters: function
                    .parameters
                    .iter()
                    .map(|p| Parameter {
                        ty: p.ty.map_leaves(change),
                        ..p.clone()
                    })
                    .collect(),
                result: function.result.map_leaves(change),
                origin: function.origin,
            })),
            Self::Grid(grid) => Self::grid(grid.cell.map_leaves(change), grid.axes.clone()),
            Self::Unknown | Self::None | Self::Named(_) | Self::Generic(_) | Self::Variable(_) => change(self),
        }
    }

    /// True for a type whose values are labels of an axis: numbers, texts, paths, truth values and durations.
    #[must_use]
    pub fn is_label(&self) -> bool {
        match self {
            Self::Named(named) => named.is_plain(),
            Self::Optional(of) => of.is_label(),
            Self::Unknown | Self::None | Self::Variable(_) | Self::Generic(_) => true,
            _ => false,
        }
    }

    /// True for settings, as entries of one record may mix them: plain values, options, and lists and records of these.
    #[must_use]
    pub fn is_setting(&self) -> bool {
        match self {
            Self::Named(named) => named.is_plain() || named.is_option(),
            Self::Optional(of) | Self::List(of) | Self::Map(of) => of.is_setting(),
            Self::Record(fields) => fields.values().all(Self::is_setting),
            Self::Function(function) => matches!(&function.result, Self::Named(named) if named.is_option()),
            Self::Unknown | Self::None | Self::Variable(_) => true,
            Self::Step(..) | Self::Grid(_) | Self::Generic(_) => false,
        }
    }
}

impl Function {
    /// The required parameters.
    pub fn required(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|p| p.required)
    }

    /// The parameters that arguments reach by position, in order.
    pub fn positional(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|p| p.passing == Passing::Either)
    }

    /// The parameter that takes the positional arguments that are left.
    #[must_use]
    pub fn variadic(&self) -> Option<&Parameter> {
        self.parameters.iter().find(|p| p.passing == Passing::Variadic)
    }

    /// The parameter of a name, unless it takes any number of arguments.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|p| p.name == name && !p.passing.is_open())
    }

    /// The parameter that takes the named arguments that are left.
    #[must_use]
    pub fn entries(&self) -> Option<&Parameter> {
        self.parameters.iter().find(|p| p.passing == Passing::Entries)
    }

    /// The step that the function is where a step is expected: called with none if it has a subject and no required
    /// parameter, a net without required parameters, a lambda of one parameter.
    #[must_use]
    pub fn as_step(&self) -> Option<Type> {
        let callable = self.required().next().is_none();
        match (self.origin, &self.result) {
            (FunctionOrigin::Lambda, _) => match self.parameters.as_slice() {
                [only] => Some(Type::step(only.ty.clone(), self.result.clone())),
                _ => None,
            },
            (FunctionOrigin::Net, _) if callable => Some(Type::step(Type::TENSOR, Type::TENSOR)),
            (FunctionOrigin::Declared, Type::Step(..)) if callable => Some(self.result.clone()),
            _ => None,
        }
    }
}
