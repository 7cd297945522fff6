//! Types as the language writes them.

use std::fmt::{self, Display, Formatter};

use super::{Function, Grid, Kind, Passing, Type};

impl Display for Type {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown | Self::Variable(_) => f.write_str("_"),
            Self::None => f.write_str("none"),
            Self::Named(named) => f.write_str(named.name()),
            Self::Optional(of) if matches!(**of, Self::Step(..) | Self::Function(_)) => write!(f, "({of})?"),
            Self::Optional(of) => write!(f, "{of}?"),
            Self::List(of) => write!(f, "[{of}]"),
            Self::Map(of) => write!(f, "{{{of}}}"),
            Self::Record(fields) => {
                let fields: Vec<_> = fields.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
                write!(f, "{{ {} }}", fields.join(", "))
            }
            Self::Step(subject, result) if matches!(**subject, Self::Step(..) | Self::Function(_)) => {
                write!(f, "({subject}) -> {result}")
            }
            Self::Step(subject, result) => write!(f, "{subject} -> {result}"),
            Self::Function(function) => function.fmt(f),
            Self::Grid(grid) => grid.fmt(f),
            Self::Generic(generic) => write!(f, "{}", generic.letter),
        }
    }
}

/// Parameters that a call must give stand as in a written type; optional ones with their name, those that go by name
/// alone are left out.
impl Display for Function {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let shown = self
            .parameters
            .iter()
            .filter(|p| p.required || p.passing != Passing::NamedOnly);
        let parameters: Vec<_> = shown
            .map(|p| match p.passing {
                Passing::Variadic => format!("...{}", p.ty),
                Passing::Entries => format!("...{{{}}}", p.ty),
                _ if p.required => p.ty.to_string(),
                _ => format!("{}: {} = ..", p.name, p.ty),
            })
            .collect();
        write!(f, "({}) -> {}", parameters.join(", "), self.result)
    }
}

impl Display for Grid {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let axes: Vec<_> = self.axes.iter().flatten().map(|axis| axis.name.as_str()).collect();
        if axes.is_empty() {
            write!(f, "Grid[{}]", self.cell)
        } else {
            write!(f, "Grid[{}; {}]", self.cell, axes.join(", "))
        }
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "any type",
            Self::Rows => "`Dataset`, `Cohort` or `Task`",
            Self::Table => "`Rows`, `Dataset`, `Cohort` or `Task`",
            Self::Number => "`int` or `float`",
            Self::Result => "`Scores` or `Ranking`",
            Self::Sum => "`int`, `float` or `Tensor`",
        })
    }
}
