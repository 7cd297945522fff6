//! Lists and records.

use indexmap::IndexMap;

use super::{Checker, messages};
use crate::{
    source::Span,
    syntax::ast::{Entry, Expr, Label, ListPart},
    types::{Named, Type},
};

/// What the entries of a list or record have together so far.
struct Joined {
    ty: Type,
    /// The first of them.
    span: Span,
    /// True after an entry did not join, which was reported once.
    broken: bool,
}

impl Joined {
    fn new(ty: Type, span: Span) -> Self {
        Self {
            ty,
            span,
            broken: false,
        }
    }
}

impl Checker<'_> {
    /// What is expected of a list's elements where a type is expected of the list, if that says anything.
    pub(super) fn element_place(&self, place: &Type) -> Option<Type> {
        match place {
            Type::List(of) => {
                let of = self.shallow(of);
                (!matches!(of, Type::Variable(_))).then_some(of)
            }
            Type::Named(Named::Numbers) => Some(Type::FLOAT),
            Type::Named(Named::Size) => Some(Type::INT),
            Type::Named(Named::Freeze | Named::Columns) => Some(Type::TEXT),
            _ => None,
        }
    }

    /// What is expected of every entry of a record, if the expected type says that.
    fn entry_place(&self, place: &Type) -> Option<Type> {
        match place {
            Type::Map(of) => {
                let of = self.shallow(of);
                (!matches!(of, Type::Variable(_))).then_some(of)
            }
            Type::Named(Named::Rates | Named::ClassWeights) => Some(Type::FLOAT),
            Type::Named(Named::NewColumns) => Some(Type::of_row()),
            Type::Named(Named::Baseline) => Some(Type::Named(Named::Label)),
            _ => None,
        }
    }

    pub(super) fn expect_list(&mut self, parts: &[ListPart], element: &Type) {
        for part in parts {
            match part {
                ListPart::Value(value) => self.expect(value, element),
                ListPart::Spread(value) => self.expect(value, &Type::list(element.clone())),
            };
        }
    }

    pub(super) fn list(&mut self, parts: &[ListPart], hint: Option<&Type>) -> Type {
        let element = hint.and_then(|place| self.element_place(place));
        let mut joined: Option<Joined> = None;
        for part in parts {
            let (ty, span) = match part {
                ListPart::Value(value) => (self.infer(value, element.as_ref()), value.span),
                ListPart::Spread(value) => {
                    let list = element.clone().map(Type::list);
                    let ty = self.infer(value, list.as_ref());
                    (self.spread_element(&ty, value.span), value.span)
                }
            };
            joined = Some(self.join_entry(joined, ty, span));
        }
        let element = match joined {
            Some(joined) => joined.ty,
            None => self.fresh(),
        };
        Type::list(element)
    }

    /// The type of the elements that `...value` puts into a list.
    fn spread_element(&mut self, ty: &Type, span: Span) -> Type {
        match self.shallow(ty) {
            Type::List(of) => *of,
            Type::Unknown => Type::Unknown,
            Type::Variable(_) => {
                let element = self.fresh();
                self.fit(&Type::list(element.clone()), ty);
                element
            }
            other => {
                let shown = self.shown(&other);
                self.report(messages::spread(&shown, "a list", span));
                Type::Unknown
            }
        }
    }

    /// Joins an entry with those before it; reported at the entry that does not join.
    fn join_entry(&mut self, before: Option<Joined>, ty: Type, span: Span) -> Joined {
        let Some(mut before) = before else {
            return Joined::new(ty, span);
        };
        if before.broken {
            return before;
        }
        match self.frame.solver.join(&before.ty, &ty) {
            Some(joined) => before.ty = joined,
            None => {
                self.entries_differ(&before, &ty, span);
                before.ty = Type::Unknown;
                before.broken = true;
            }
        }
        before
    }

    fn entries_differ(&mut self, before: &Joined, ty: &Type, span: Span) {
        let (first, second) = (self.seen(&before.ty), self.seen(ty));
        let sources = &self.program.sources;
        self.report(messages::entries_differ(
            (&first, before.span),
            (&second, span),
            sources,
        ));
    }

    /// A record's type. Entries have one type, but for settings, which one record may mix.
    pub(super) fn record(&mut self, entries: &[Entry]) -> Type {
        let mut fields: IndexMap<String, Joined> = IndexMap::new();
        let mut open: Option<Joined> = None;
        let mut keys = Keys::default();
        for entry in entries {
            match entry {
                Entry::Value { key, value, .. } => {
                    let ty = self.infer(value, None);
                    let joined = Joined::new(ty, value.span);
                    match self.key(key, &mut keys) {
                        Some(key) => {
                            fields.insert(key, joined);
                        }
                        None => open = Some(self.join_entry(open, joined.ty, joined.span)),
                    }
                }
                Entry::Spread(value) => {
                    let ty = self.infer(value, None);
                    match self.shallow(&ty) {
                        Type::Record(more) => {
                            let more = more.into_iter().map(|(key, ty)| (key, Joined::new(ty, value.span)));
                            fields.extend(more);
                        }
                        Type::Map(of) => open = Some(self.join_entry(open, *of, value.span)),
                        Type::Unknown | Type::Variable(_) => {
                            open = Some(Joined::new(Type::Unknown, value.span));
                        }
                        other => {
                            let shown = self.shown(&other);
                            self.report(messages::spread(&shown, "a record", value.span));
                            open = Some(Joined::new(Type::Unknown, value.span));
                        }
                    }
                }
            }
        }
        self.close_record(fields, open)
    }

    /// Brings the entries of a record to one type where they have one.
    fn close_record(&mut self, mut fields: IndexMap<String, Joined>, open: Option<Joined>) -> Type {
        let is_open = open.is_some();
        let settings = fields.values().all(|field| self.seen(&field.ty).is_setting());
        if fields
            .values()
            .any(|field| matches!(self.shallow(&field.ty), Type::Step(..)))
        {
            for field in fields.values_mut() {
                if let Type::Function(function) = self.shallow(&field.ty)
                    && let Some(step) = function.as_step()
                {
                    field.ty = step;
                }
            }
        }
        let mut joined = open;
        if is_open || !settings {
            for field in fields.values() {
                joined = Some(self.join_entry(joined, field.ty.clone(), field.span));
            }
        }
        match joined {
            Some(joined) if is_open => Type::Map(Box::new(joined.ty)),
            Some(joined) if joined.broken => Type::Unknown,
            _ => Type::Record(fields.into_iter().map(|(key, field)| (key, field.ty)).collect()),
        }
    }

    /// The text of a key, if it has no hole; reported when the record has it already.
    fn key(&mut self, key: &Label, keys: &mut Keys) -> Option<String> {
        self.text(&key.text);
        let text = key.text.plain()?;
        match keys.seen.get(&text) {
            Some(&first) => self.report(messages::twice(&text, key.span, first, "entry")),
            None => {
                keys.seen.insert(text.clone(), key.span);
            }
        }
        Some(text)
    }

    /// Checks a record against an expected type that says what its entries are; none when it does not.
    pub(super) fn expect_record(&mut self, entries: &[Entry], place: &Type, span: Span) -> Option<Type> {
        if let Type::Record(wanted) = place {
            return Some(self.expect_fields(entries, wanted, span));
        }
        let wanted = self.entry_place(place)?;
        let mut keys = Keys::default();
        let mut fields: Option<IndexMap<String, Type>> = Some(IndexMap::new());
        for entry in entries {
            match entry {
                Entry::Value { key, value, .. } => {
                    let ty = self.expect(value, &wanted);
                    match (self.key(key, &mut keys), &mut fields) {
                        (Some(key), Some(fields)) => {
                            fields.insert(key, ty);
                        }
                        _ => fields = None,
                    }
                }
                Entry::Spread(value) => {
                    self.expect(value, &Type::Map(Box::new(wanted.clone())));
                    fields = None;
                }
            }
        }
        match (place, fields) {
            (Type::Map(_), Some(fields)) => Some(Type::Record(fields)),
            _ => Some(place.clone()),
        }
    }

    /// Checks a record against a written record type.
    fn expect_fields(&mut self, entries: &[Entry], wanted: &IndexMap<String, Type>, span: Span) -> Type {
        let mut keys = Keys::default();
        let mut open = false;
        for entry in entries {
            match entry {
                Entry::Value { key, value, .. } => {
                    let text = self.key(key, &mut keys);
                    open |= text.is_none();
                    match text.as_ref().map(|text| (text, wanted.get(text))) {
                        Some((_, Some(ty))) => {
                            self.expect(value, ty);
                        }
                        Some((text, None)) => {
                            self.infer(value, None);
                            let written = self.program.sources.text(key.span);
                            let place = (key.span, written);
                            self.report(messages::unknown_field(text, place, "this record", wanted.keys()));
                        }
                        None => {
                            self.infer(value, None);
                        }
                    }
                }
                Entry::Spread(value) => {
                    self.spread_fields(value, wanted);
                    open = true;
                }
            }
        }
        let missing: Vec<&str> = wanted
            .keys()
            .map(String::as_str)
            .filter(|key| !open && !keys.seen.contains_key(*key))
            .collect();
        if !missing.is_empty() {
            self.report(messages::missing_fields(&missing, span));
        }
        Type::Record(wanted.clone())
    }

    fn spread_fields(&mut self, value: &Expr, wanted: &IndexMap<String, Type>) {
        let ty = self.infer(value, None);
        match self.shallow(&ty) {
            Type::Record(fields) => {
                for (name, ty) in fields {
                    match wanted.get(&name) {
                        Some(place) if !self.fit(&ty, place) => self.mismatch(value, &ty, place),
                        Some(_) => {}
                        None => {
                            let place = (value.span, self.program.sources.text(value.span));
                            self.report(messages::unknown_field(&name, place, "this record", wanted.keys()));
                        }
                    }
                }
            }
            Type::Map(_) | Type::Unknown | Type::Variable(_) => {}
            other => {
                let shown = self.shown(&other);
                self.report(messages::spread(&shown, "a record", value.span));
            }
        }
    }
}

/// The keys of a record so far.
#[derive(Default)]
struct Keys {
    seen: IndexMap<String, Span>,
}
