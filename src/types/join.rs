//! The one type that entries of a list, a record, branches or cells of a grid have together.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{Function, FunctionOrigin, Named, Parameter, Passing, Solver, Type};

impl Solver {
    /// The type that holds both; none when there is none.
    ///
    /// Steps join by subject and result, functions by their required parameters, keeping the optional ones that both have
    /// with one type; a step and what counts as a step join as a step; otherwise one of the two must fit the other.
    pub fn join(&mut self, a: &Type, b: &Type) -> Option<Type> {
        let (a, b) = (self.shallow(a), self.shallow(b));
        match (&a, &b) {
            (Type::Unknown, other) | (other, Type::Unknown) => Some(other.clone()),
            (Type::None, other) | (other, Type::None) => Some(Type::optional(other.clone())),
            (Type::Optional(x), Type::Optional(y)) => self.join(x, y).map(Type::optional),
            (Type::Optional(x), y) | (y, Type::Optional(x)) => self.join(x, y).map(Type::optional),
            (Type::List(x), Type::List(y)) => self.join(x, y).map(Type::list),
            (Type::Map(x), Type::Map(y)) => self.join(x, y).map(|of| Type::Map(Box::new(of))),
            (Type::Record(x), Type::Record(y)) => self.join_records(x, y),
            (Type::Record(fields), Type::Map(of)) | (Type::Map(of), Type::Record(fields)) => {
                let entry = fields
                    .values()
                    .try_fold((**of).clone(), |sum, ty| self.join(&sum, ty))?;
                Some(Type::Map(Box::new(entry)))
            }
            (Type::Grid(x), Type::Grid(y)) if x.axes == y.axes => {
                let cell = self.join(&x.cell, &y.cell)?;
                Some(Type::grid(cell, x.axes.clone()))
            }
            (Type::Step(..) | Type::Named(Named::Net), Type::Step(..)) | (Type::Step(..), Type::Named(Named::Net)) => {
                self.join_steps(&a, &b)
            }
            (Type::Function(f), Type::Step(..) | Type::Named(Named::Net)) => self.join_steps(&f.as_step()?, &b),
            (Type::Step(..) | Type::Named(Named::Net), Type::Function(f)) => self.join_steps(&a, &f.as_step()?),
            (Type::Function(f), Type::Function(g)) => self.join_functions(f, g),
            _ if self.trial(|solver| solver.fit(&a, &b)) => Some(b),
            _ if self.trial(|solver| solver.fit(&b, &a)) => Some(a),
            _ => None,
        }
    }

    fn join_records(&mut self, a: &IndexMap<String, Type>, b: &IndexMap<String, Type>) -> Option<Type> {
        if a.keys().eq(b.keys()) {
            let fields = a
                .iter()
                .map(|(name, ty)| Some((name.clone(), self.join(ty, b.get(name)?)?)));
            return fields.collect::<Option<_>>().map(Type::Record);
        }
        let mut entries = a.values().chain(b.values());
        let first = match entries.next() {
            Some(first) => first.clone(),
            None => return Some(Type::Record(IndexMap::new())),
        };
        let entry = entries.try_fold(first, |sum, ty| self.join(&sum, ty))?;
        Some(Type::Map(Box::new(entry)))
    }

    fn join_steps(&mut self, a: &Type, b: &Type) -> Option<Type> {
        let tensors = Type::step(Type::TENSOR, Type::TENSOR);
        let a = if matches!(a, Type::Named(Named::Net)) {
            &tensors
        } else {
            a
        };
        let b = if matches!(b, Type::Named(Named::Net)) {
            &tensors
        } else {
            b
        };
        let (Type::Step(s, r), Type::Step(t, q)) = (a, b) else {
            return None;
        };
        let subject = self.meet(s, t)?;
        let result = self.join(r, q)?;
        Some(Type::step(subject, result))
    }

    /// The narrower of two types of which one fits the other.
    fn meet(&mut self, a: &Type, b: &Type) -> Option<Type> {
        if self.trial(|solver| solver.fit(a, b)) {
            Some(self.shallow(a))
        } else if self.trial(|solver| solver.fit(b, a)) {
            Some(self.shallow(b))
        } else {
            None
        }
    }

    fn join_functions(&mut self, f: &Arc<Function>, g: &Arc<Function>) -> Option<Type> {
        if f == g {
            return Some(Type::Function(Arc::clone(f)));
        }
        let (own, other): (Vec<&Parameter>, Vec<&Parameter>) = (f.required().collect(), g.required().collect());
        if own.len() != other.len() {
            return None;
        }
        let mut parameters = Vec::new();
        for (p, q) in own.into_iter().zip(other) {
            if p.passing != q.passing || (p.passing == Passing::NamedOnly && p.name != q.name) {
                return None;
            }
            let name = if p.name == q.name {
                p.name.clone()
            } else {
                String::new()
            };
            let ty = self.meet(&p.ty, &q.ty)?;
            parameters.push(Parameter { name, ty, ..p.clone() });
        }
        for p in f.parameters.iter().filter(|p| !p.required && !p.name.is_empty()) {
            if let Some(q) = g.named(&p.name).filter(|q| !q.required)
                && !p.passing.is_open()
                && let Some(ty) = self.meet(&p.ty, &q.ty)
            {
                let place = |function: &Function| function.positional().position(|own| own.name == p.name);
                let in_place = place(f) == Some(parameters.len()) && place(f) == place(g);
                let passing = if in_place { Passing::Either } else { Passing::NamedOnly };
                parameters.push(Parameter {
                    ty,
                    passing,
                    ..p.clone()
                });
            }
        }
        let result = self.join(&f.result, &g.result)?;
        let origin = if f.origin == g.origin {
            f.origin
        } else {
            FunctionOrigin::Declared
        };
        Some(Type::Function(Arc::new(Function {
            parameters,
            result,
            origin,
        })))
    }
}
