//! When a value of one type may stand where another is expected: all conversions of the language.

use super::{Function, FunctionOrigin, Grid, Kind, Named, Parameter, Passing, Solver, Type};

impl Solver {
    /// True when a value of type `value` may stand where `place` is expected; variables are bound on the way.
    ///
    /// The conversions: int to float, text to path, `T` to `T?`, Net to Model, Task to Cohort to Dataset to Rows; those of option
    /// types (float or record to `Rates`, text to `Freeze` and to `WeightFile`, ...); one Scores or Ranking to a grid without axes; and a
    /// function that counts as a step, or as its option, where one is expected.
    pub fn fit(&mut self, value: &Type, place: &Type) -> bool {
        if matches!(self.shallow(value), Type::Named(Named::Float)) && self.widen(place) {
            return true;
        }
        let (value, place) = (self.shallow(value), self.shallow(place));
        match (&value, &place) {
            (Type::Unknown, _) | (_, Type::Unknown) => true,
            (Type::Variable(a), Type::Variable(b)) if a == b => true,
            (Type::Variable(_), Type::Optional(of)) => self.fit(&value, of),
            (_, Type::Variable(id)) => self.bind(*id, &value),
            (Type::Variable(id), _) => self.bind(*id, &place),
            (Type::None, Type::None | Type::Optional(_)) => true,
            (Type::Optional(a), Type::Optional(b)) => self.fit(a, b),
            (_, Type::Optional(of)) => self.fit(&value, of),
            (Type::Named(a), Type::Named(b)) if a == b => true,
            (Type::Generic(a), Type::Generic(b)) => a == b,
            (_, Type::Named(b)) => self.fit_named(&value, *b),
            (Type::List(a), Type::List(b)) | (Type::Map(a), Type::Map(b)) => self.fit(a, b),
            (Type::Record(fields), Type::Map(of)) => fields.values().all(|ty| self.fit(ty, of)),
            (Type::Record(a), Type::Record(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .all(|(name, ty)| b.get(name).is_some_and(|place| self.fit(ty, place)))
            }
            (Type::Grid(a), Type::Grid(b)) => self.fit_grid(a, b),
            (Type::Named(Named::Scores | Named::Ranking), Type::Grid(grid)) => {
                grid.axes.is_none() && self.fit(&value, &grid.cell)
            }
            (Type::Step(s, r), Type::Step(subject, result)) => self.fit(subject, s) && self.fit(r, result),
            (Type::Named(Named::Net), Type::Step(subject, result)) => {
                self.fit(subject, &Type::TENSOR) && self.fit(&Type::TENSOR, result)
            }
            (Type::Function(function), Type::Step(..)) => {
                function.as_step().is_some_and(|step| self.fit(&step, &place))
            }
            (Type::Function(a), Type::Function(b)) => self.fit_function(a, b),
            _ => false,
        }
    }

    fn fit_named(&mut self, value: &Type, place: Named) -> bool {
        if let Type::Function(function) = value {
            return place.is_option()
                && function.required().next().is_none()
                && function.origin == FunctionOrigin::Declared
                && matches!(self.shallow(&function.result), Type::Named(result) if result == place);
        }
        if let Type::Generic(generic) = value {
            return match generic.kind() {
                Kind::Rows => matches!(place, Named::Dataset | Named::Rows),
                Kind::Table => place == Named::Rows,
                Kind::Number => place == Named::Float,
                Kind::Any | Kind::Result | Kind::Sum => false,
            };
        }
        match place {
            Named::Float => is(value, &[Named::Int]),
            Named::Path => is(value, &[Named::Text]),
            Named::WeightFile => is(value, &[Named::Text, Named::Path]),
            Named::Model => is(value, &[Named::Net]),
            Named::Cohort => is(value, &[Named::Task]),
            Named::Dataset => is(value, &[Named::Task, Named::Cohort]),
            Named::Rows => is(value, &[Named::Task, Named::Cohort, Named::Dataset]),
            Named::Columns => is(value, &[Named::Text]) || self.all_elements(value, &Type::TEXT),
            Named::NewColumns => is(value, &[Named::Text]) || self.all_entries(value, &Type::of_row()),
            Named::Label => is(value, LABELS),
            Named::Describable => is(value, DESCRIBABLE),
            Named::Baseline => is(value, LABELS) || self.all_entries(value, &Type::Named(Named::Label)),
            Named::Rates => is(value, NUMBERS) || self.all_entries(value, &Type::FLOAT),
            Named::ClassWeights => self.all_entries(value, &Type::FLOAT),
            Named::Numbers => is(value, NUMBERS) || self.all_elements(value, &Type::FLOAT),
            Named::Size => is(value, &[Named::Int]) || self.all_elements(value, &Type::INT),
            Named::Freeze => is(value, &[Named::Text]) || self.all_elements(value, &Type::TEXT),
            _ => false,
        }
    }

    fn all_entries(&mut self, value: &Type, place: &Type) -> bool {
        match value {
            Type::Record(fields) => fields.values().all(|ty| self.fit(ty, place)),
            Type::Map(of) => self.fit(of, place),
            _ => false,
        }
    }

    fn all_elements(&mut self, value: &Type, place: &Type) -> bool {
        matches!(value, Type::List(of) if self.fit(of, place))
    }

    fn fit_grid(&mut self, value: &Grid, place: &Grid) -> bool {
        let axes = match (&value.axes, &place.axes) {
            (_, None) => true,
            (Some(a), Some(b)) => a == b,
            (None, Some(_)) => false,
        };
        axes && self.fit(&value.cell, &place.cell)
    }

    /// A function fits a written function type when a call with that type's arguments is a right call of it.
    fn fit_function(&mut self, value: &Function, place: &Function) -> bool {
        let wanted: Vec<&Parameter> = place.positional().collect();
        let mut positional = value.positional();
        for parameter in &wanted {
            let Some(own) = positional.next().or_else(|| value.variadic()) else {
                return false;
            };
            if !self.fit(&parameter.ty, &own.ty) {
                return false;
            }
        }
        let left_out = positional.any(|p| p.required);
        let named_only = value.required().any(|p| p.passing == Passing::NamedOnly);
        !left_out && !named_only && self.fit(&value.result, &place.result)
    }

    /// What comes out when a value is piped into a step; none when the subject does not admit it.
    ///
    /// A step that makes more of rows (a Cohort of a Dataset, a Task of a Cohort) takes exactly its subject: rows that are
    /// a Cohort already would silently lose their folds.
    pub fn apply(&mut self, value: &Type, subject: &Type, result: &Type) -> Option<Type> {
        if !self.fit(value, subject) {
            return None;
        }
        let rank = |solver: &Self, ty: &Type| match solver.shallow(ty) {
            Type::Named(named) => named.row_rank(),
            _ => None,
        };
        if let (Some(given), Some(taken), Some(made)) = (rank(self, value), rank(self, subject), rank(self, result))
            && made > taken
            && given != taken
        {
            return None;
        }
        Some(self.shallow(result))
    }
}

const NUMBERS: &[Named] = &[Named::Int, Named::Float];
const DESCRIBABLE: &[Named] = &[Named::Net, Named::Model, Named::Dataset, Named::Cohort, Named::Task];
const LABELS: &[Named] = &[Named::Int, Named::Float, Named::Text, Named::Bool, Named::Date];

fn is(value: &Type, names: &[Named]) -> bool {
    matches!(value, Type::Named(named) if names.contains(named))
}
