//! Variables of inference and what they turned out to be.

use std::borrow::Cow;

use indexmap::IndexMap;

use super::{Generic, Kind, Named, Type};

/// Names a variable of a [`Solver`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VariableId(u32);

/// The variables of one inference.
///
/// Types are inferred by unification with the few conversions of the language at the places where a value meets an
/// expected type (bidirectional checking, after Pierce and Turner 2000, "Local type inference").
#[derive(Debug, Default)]
pub struct Solver {
    variables: Vec<Variable>,
}

#[derive(Clone, Debug)]
struct Variable {
    kind: Kind,
    binding: Option<Type>,
}

impl Solver {
    /// A solver without variables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A new variable for types of a kind.
    pub fn fresh(&mut self, kind: Kind) -> Type {
        let id = VariableId(u32::try_from(self.variables.len()).unwrap_or(u32::MAX));
        self.variables.push(Variable { kind, binding: None });
        Type::Variable(id)
    }

    /// The type with the outermost variable followed to what it stands for.
    #[must_use]
    pub fn shallow(&self, ty: &Type) -> Type {
        self.follow(ty).into_owned()
    }

    fn follow<'a>(&'a self, mut ty: &'a Type) -> Cow<'a, Type> {
        while let Type::Variable(id) = ty {
            match self.binding(*id) {
                Some(bound) => ty = bound,
                None => break,
            }
        }
        Cow::Borrowed(ty)
    }

    fn binding(&self, id: VariableId) -> Option<&Type> {
        self.variables.get(id.0 as usize)?.binding.as_ref()
    }

    /// What an unbound variable may stand for.
    #[must_use]
    pub fn kind(&self, id: VariableId) -> Kind {
        self.variables
            .get(id.0 as usize)
            .map_or(Kind::Any, |variable| variable.kind)
    }

    /// The type with every variable replaced by what it stands for, as far as that is known.
    #[must_use]
    pub fn resolve(&self, ty: &Type) -> Type {
        ty.map_leaves(&mut |leaf| match leaf {
            Type::Variable(id) => self
                .binding(*id)
                .map_or_else(|| leaf.clone(), |bound| self.resolve(bound)),
            other => other.clone(),
        })
    }

    /// The type with new variables in place of its generic letters, one for each letter.
    pub fn instantiate(&mut self, ty: &Type) -> Type {
        if !ty.is_generic() {
            return ty.clone();
        }
        let mut made: IndexMap<char, Type> = IndexMap::new();
        ty.map_leaves(&mut |leaf| match leaf {
            Type::Generic(generic) => made
                .entry(generic.letter)
                .or_insert_with(|| self.fresh(generic.kind()))
                .clone(),
            other => other.clone(),
        })
    }

    /// The type with letters in place of the variables that nothing bound, so that each use may bind them anew.
    ///
    /// Rows share the letters `D` and `R`, numbers `N`, what can be added `P`, results `S`; a second variable of such a kind
    /// keeps the kind by taking the same letter.
    #[must_use]
    pub fn generalize(&self, ty: &Type) -> Type {
        let mut letters = ('A'..='Z')
            .filter(|letter| !matches!(letter, 'D' | 'N' | 'P' | 'R' | 'S'))
            .collect::<Vec<_>>();
        letters.rotate_left(usize::from(b'T' - b'A') - 5);
        let mut next = letters.into_iter();
        let mut given: IndexMap<VariableId, char> = IndexMap::new();
        self.resolve(ty).map_leaves(&mut |leaf| match leaf {
            Type::Variable(id) => {
                let letter = *given.entry(*id).or_insert_with(|| match self.kind(*id) {
                    Kind::Rows => 'D',
                    Kind::Table => 'R',
                    Kind::Number => 'N',
                    Kind::Result => 'S',
                    Kind::Sum => 'P',
                    Kind::Any => next.next().unwrap_or('Z'),
                });
                Type::Generic(Generic { letter })
            }
            other => other.clone(),
        })
    }

    /// Lets an unbound variable stand for a type, if its kind admits it and it does not occur in it.
    pub(super) fn bind(&mut self, id: VariableId, ty: &Type) -> bool {
        let ty = self.resolve(ty);
        if ty == Type::Variable(id) {
            return true;
        }
        let mut occurs = false;
        ty.visit(&mut |part| occurs |= *part == Type::Variable(id));
        if occurs {
            return false;
        }
        let kind = self.kind(id);
        if let Type::Variable(other) = ty {
            let Some(kind) = narrower(kind, self.kind(other)) else {
                return false;
            };
            if let Some(variable) = self.variables.get_mut(other.0 as usize) {
                variable.kind = kind;
            }
        } else if !admits(kind, &ty) {
            return false;
        }
        if let Some(variable) = self.variables.get_mut(id.0 as usize) {
            variable.binding = Some(ty);
        }
        true
    }

    /// Turns a number variable that stands for `int` into one that stands for `float`; true if it was one.
    pub(super) fn widen(&mut self, ty: &Type) -> bool {
        let mut at = ty;
        let mut last = None;
        while let Type::Variable(id) = at {
            last = Some(*id);
            match self.binding(*id) {
                Some(bound) => at = bound,
                None => return false,
            }
        }
        let (Some(id), Type::Named(Named::Int)) = (last, at) else {
            return false;
        };
        match self.variables.get_mut(id.0 as usize) {
            Some(variable) if matches!(variable.kind, Kind::Number | Kind::Sum) => {
                variable.binding = Some(Type::FLOAT);
                true
            }
            _ => false,
        }
    }

    /// True when a value would fit a place; nothing is bound.
    pub fn could_fit(&mut self, value: &Type, place: &Type) -> bool {
        let before = self.variables.clone();
        let fits = self.fit(value, place);
        self.variables = before;
        fits
    }

    /// Runs a trial and forgets all that it bound when it fails.
    pub(super) fn trial(&mut self, attempt: impl FnOnce(&mut Self) -> bool) -> bool {
        let before = self.variables.clone();
        let done = attempt(self);
        if !done {
            self.variables = before;
        }
        done
    }
}

fn admits(kind: Kind, ty: &Type) -> bool {
    match (kind, ty) {
        (Kind::Any, _) | (_, Type::Unknown) => true,
        (Kind::Rows, Type::Named(named)) => named.row_rank().is_some(),
        (Kind::Result, Type::Named(named)) => matches!(named, Named::Scores | Named::Ranking),
        (Kind::Table, Type::Named(named)) => named.row_rank().is_some() || *named == Named::Rows,
        (Kind::Table, Type::Generic(generic)) => matches!(generic.kind(), Kind::Table | Kind::Rows),
        (Kind::Number, Type::Named(named)) => matches!(named, Named::Int | Named::Float),
        (Kind::Sum, Type::Named(named)) => matches!(named, Named::Int | Named::Float | Named::Tensor),
        (Kind::Sum, Type::Generic(generic)) => matches!(generic.kind(), Kind::Number | Kind::Sum),
        (_, Type::Generic(generic)) => generic.kind() == kind,
        _ => false,
    }
}

/// The kind that holds only what both hold.
fn narrower(a: Kind, b: Kind) -> Option<Kind> {
    match (a, b) {
        (Kind::Any, other) | (other, Kind::Any) => Some(other),
        (Kind::Rows, Kind::Table) | (Kind::Table, Kind::Rows) => Some(Kind::Rows),
        (a, b) if a == b => Some(a),
        (Kind::Number, Kind::Sum) | (Kind::Sum, Kind::Number) => Some(Kind::Number),
        _ => None,
    }
}
