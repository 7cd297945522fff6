//! Operators.

use super::{Checker, messages};
use crate::{
    source::Span,
    syntax::ast::{BinaryOp, Expr, ExprKind, UnaryOp},
    types::{Axis, Kind, Named, Type},
};

/// True for `a..b` and `a..=b`.
fn is_range(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Binary(operator, ..) => matches!(operator, BinaryOp::Range | BinaryOp::RangeInclusive),
        ExprKind::Paren(inner) => inner.label.is_none() && is_range(&inner.value),
        _ => false,
    }
}

impl Checker<'_> {
    pub(super) fn unary(&mut self, operator: UnaryOp, value: &Expr, span: Span) -> Type {
        match operator {
            UnaryOp::Not => {
                self.expect(value, &Type::BOOL);
                Type::BOOL
            }
            UnaryOp::Negate => {
                let ty = self.infer(value, None);
                let ty = self.shallow(&ty);
                if matches!(ty, Type::Named(Named::Duration | Named::Tensor)) || self.is_number(&ty) {
                    return ty;
                }
                let shown = self.shown(&ty);
                self.report(messages::operand("-", &shown, span));
                Type::Unknown
            }
        }
    }

    pub(super) fn binary(
        &mut self,
        (operator, sign): (BinaryOp, Span),
        left: &Expr,
        right: &Expr,
        hint: Option<&Type>,
    ) -> Type {
        use BinaryOp as B;
        match operator {
            B::And | B::Or => {
                self.expect(left, &Type::BOOL);
                self.expect(right, &Type::BOOL);
                Type::BOOL
            }
            B::Range | B::RangeInclusive => self.range(left, right, hint),
            _ => {
                let a = self.infer(left, None);
                let between = matches!(operator, B::In | B::NotIn) && is_range(right);
                let b = self.infer(right, between.then_some(&Type::RANGE));
                let (a, b) = (self.shallow(&a), self.shallow(&b));
                let made = match operator {
                    B::Equal | B::NotEqual => self.frame.solver.join(&a, &b).map(|_| Type::BOOL),
                    B::Less | B::LessEqual | B::Greater | B::GreaterEqual => self.ordered(&a, &b),
                    B::In | B::NotIn => self.contained(&a, &b),
                    B::Join => return self.join_operands(&a, &b, sign),
                    _ => self.arithmetic(operator, &a, &b),
                };
                made.unwrap_or_else(|| {
                    let shown = (self.shown(&a), self.shown(&b));
                    self.report(messages::operands(operator, (&a, &shown.0), (&b, &shown.1), sign));
                    match operator {
                        B::Add | B::Subtract | B::Multiply | B::Divide => Type::Unknown,
                        _ => Type::BOOL,
                    }
                })
            }
        }
    }

    /// `a..b`: whole numbers are a list of them, unless a range is expected; other numbers are a range.
    fn range(&mut self, left: &Expr, right: &Expr, hint: Option<&Type>) -> Type {
        if hint == Some(&Type::RANGE) {
            self.expect(left, &Type::FLOAT);
            self.expect(right, &Type::FLOAT);
            return Type::RANGE;
        }
        let ends = [left, right].map(|end| (end, self.infer(end, None)));
        let float = |(_, ty): &(&Expr, Type)| self.shallow(ty) == Type::FLOAT;
        let (end, made) = if ends.iter().any(float) {
            (Type::FLOAT, Type::RANGE)
        } else {
            (Type::INT, Type::list(Type::INT))
        };
        for (expr, ty) in ends {
            if !self.fit(&ty, &end) {
                self.mismatch(expr, &ty, &end);
            }
        }
        made
    }

    /// True for numbers, and for what may turn out to be one, which then must.
    fn is_number(&mut self, ty: &Type) -> bool {
        match ty {
            Type::Unknown | Type::Named(Named::Int | Named::Float) => true,
            Type::Generic(generic) => generic.kind() == Kind::Number,
            Type::Variable(_) => {
                let number = self.frame.solver.fresh(Kind::Number);
                self.fit(ty, &number)
            }
            _ => false,
        }
    }

    fn arithmetic(&mut self, operator: BinaryOp, a: &Type, b: &Type) -> Option<Type> {
        use BinaryOp as B;
        let duration = Type::Named(Named::Duration);
        match (operator, a, b) {
            (_, Type::Unknown, _) | (_, _, Type::Unknown) => return Some(Type::Unknown),
            (B::Add | B::Subtract | B::Multiply, Type::Named(Named::Tensor), other)
            | (B::Add | B::Subtract | B::Multiply, other, Type::Named(Named::Tensor)) => {
                return self.fit(other, &Type::TENSOR).then_some(Type::TENSOR);
            }
            (B::Add | B::Subtract, x, y) if *x == duration && *y == duration => return Some(duration),
            (B::Divide, x, y) if *x == duration && *y == duration => return Some(Type::FLOAT),
            (B::Multiply | B::Divide, x, y) if *x == duration => return self.is_number(y).then_some(duration),
            (B::Multiply, x, y) if *y == duration => return self.is_number(x).then_some(duration),
            _ => {}
        }
        if !(self.is_number(a) && self.is_number(b)) {
            return None;
        }
        match (self.shallow(a), self.shallow(b)) {
            (Type::Named(Named::Float), _) | (_, Type::Named(Named::Float)) => Some(Type::FLOAT),
            (Type::Named(Named::Int), other) | (other, Type::Named(Named::Int)) => Some(other),
            (a, b) => self.frame.solver.join(&a, &b),
        }
    }

    fn ordered(&mut self, a: &Type, b: &Type) -> Option<Type> {
        let plain = |ty: &Type| matches!(ty, Type::Named(Named::Text | Named::Duration | Named::Date)) && a == b;
        let both = (plain(a) && plain(b)) || (self.is_number(a) && self.is_number(b));
        (both || matches!(a, Type::Unknown) || matches!(b, Type::Unknown)).then_some(Type::BOOL)
    }

    fn contained(&mut self, a: &Type, b: &Type) -> Option<Type> {
        let found = match b {
            Type::List(of) => self.frame.solver.join(a, of).is_some(),
            Type::Record(_) | Type::Map(_) | Type::Named(Named::Text) => self.fit(a, &Type::TEXT),
            Type::Named(Named::Range) => self.is_number(a),
            Type::Unknown => true,
            Type::Variable(_) => self.fit(&Type::list(a.clone()), b),
            _ => false,
        };
        found.then_some(Type::BOOL)
    }

    /// `++` joins two lists, records, texts, grids of the same axes, or the rows of two datasets.
    fn join_operands(&mut self, a: &Type, b: &Type, sign: Span) -> Type {
        let joined = match (a, b) {
            (Type::Unknown, _) | (_, Type::Unknown) => Some(Type::Unknown),
            (Type::Grid(x), Type::Grid(y)) => {
                if let (Some(p), Some(q)) = (&x.axes, &y.axes)
                    && p != q
                {
                    self.report(messages::grids_differ(p, q, sign));
                    return Type::Unknown;
                }
                let axes = x.axes.as_deref().zip(y.axes.as_deref());
                let axes = axes.map(|(x, y)| x.iter().zip(y).map(|(x, y)| joined_axis(x, y)).collect());
                self.frame
                    .solver
                    .join(&x.cell, &y.cell)
                    .map(|cell| Type::grid(cell, axes))
            }
            (Type::Record(x), Type::Record(y)) => {
                let mut fields = x.clone();
                fields.extend(y.iter().map(|(key, ty)| (key.clone(), ty.clone())));
                Some(Type::Record(fields))
            }
            (Type::List(_) | Type::Map(_) | Type::Record(_) | Type::Variable(_), _) | (_, Type::Variable(_)) => {
                self.frame.solver.join(a, b)
            }
            (Type::Named(Named::Text | Named::Path), Type::Named(Named::Text | Named::Path)) => {
                self.frame.solver.join(a, b)
            }
            (Type::Named(Named::Dataset), Type::Named(Named::Dataset))
            | (Type::Named(Named::Rows), Type::Named(Named::Rows)) => Some(a.clone()),
            _ => None,
        };
        joined.unwrap_or_else(|| {
            let shown = (self.shown(a), self.shown(b));
            self.report(messages::operands(BinaryOp::Join, (a, &shown.0), (b, &shown.1), sign));
            Type::Unknown
        })
    }
}

/// An axis of two grids that are joined: its labels are those of both, where both show them.
fn joined_axis(a: &Axis, b: &Axis) -> Axis {
    let labels = a.labels.as_ref().zip(b.labels.as_ref()).map(|(a, b)| {
        let new = b.iter().filter(|label| !a.contains(label));
        a.iter().chain(new).cloned().collect()
    });
    Axis { labels, ..a.clone() }
}
