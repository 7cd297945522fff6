//! `split`, and the rules by which it splits.

use super::{
    data::setting,
    domain::{Cohort, Dataset, Folding, Origin},
    eval::Evaluator,
    identities::Group,
    rows::{SEPARATOR, key_of},
    sources::Source,
    value::{Arguments, Failed, Outcome, Slot, Text, Value},
};
use crate::{
    diag::{
        Diagnostic,
        codes::{data as codes, lint, plan as plan_codes},
    },
    plan::stage::ChoiceBy,
    source::Span,
    tables::{
        Cell, Column, Kind,
        split::{self, Assignment},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

/// Columns, in small letters, that by their names say which rows are of one patient.
const GROUPS: [&str; 10] = [
    "patient",
    "patient_id",
    "patientid",
    "patient id",
    "subject",
    "subject_id",
    "person",
    "person_id",
    "case_id",
    "mrn",
];

/// Values of a column beyond which the folds that they make are only counted.
const MANY: usize = 12;

/// The name of a group as messages show it: values of several columns, or a name space and a name, by commas.
pub(super) fn spoken(group: &str) -> String {
    group.replace(SEPARATOR, ", ")
}

impl<'p> Evaluator<'p, '_> {
    /// Carries out a builtin of splitting; none for another one.
    pub(super) fn split_builtin(
        &mut self,
        name: &str,
        subject: &Option<(Value<'p>, Span)>,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Option<Outcome<Value<'p>>> {
        let folding = match name {
            "kfold" => self.kfold(arguments),
            "holdout" => self.holdout(arguments),
            "by_column" => Ok(Folding::Column(arguments.value("column").as_text().unwrap_or_default())),
            "leave_one_out" => self.share(arguments, "tuning").map(|tuning| Folding::LeaveOneOut {
                column: arguments.value("column").as_text().unwrap_or_default(),
                tuning,
            }),
            "whole" => Ok(Folding::Whole),
            "like" => match arguments.value("cohort") {
                Value::Cohort(cohort) => Ok(Folding::Like(Rc::clone(cohort))),
                other => self.unexpected("a cohort", other, span),
            },
            "split" => {
                let (value, at) = subject.as_ref()?;
                return Some(self.split(value, *at, arguments, span));
            }
            _ => return None,
        };
        Some(folding.map(|folding| Value::Folding(Rc::new(folding))))
    }

    fn kfold(&mut self, arguments: &Arguments<'p>) -> Outcome<Folding> {
        let (folds, repeats) = (self.count(arguments, "n")?, self.count(arguments, "repeats")?);
        let tuning = self.tuning(arguments)?;
        Ok(Folding::KFold { folds, tuning, repeats })
    }

    fn holdout(&mut self, arguments: &Arguments<'p>) -> Outcome<Folding> {
        let (tuning, test) = (self.tuning(arguments)?, self.share(arguments, "test")?);
        Ok(Folding::Holdout { tuning, test })
    }

    /// A share of something, `0..1`.
    fn share(&mut self, arguments: &Arguments<'p>, name: &str) -> Outcome<f64> {
        let Some(slot) = arguments.slot(name) else {
            return Err(Failed);
        };
        match slot.value.as_float() {
            Some(share) if (0.0..1.0).contains(&share) => Ok(share),
            _ => {
                let message = format!(
                    "`{name}` is a share of at least 0 % and below 100 %, not {}",
                    slot.value.display()
                );
                self.error(&plan_codes::BAD_VALUE, message, slot.span)
            }
        }
    }

    /// `tuning`, or `val`, which is another word for it.
    fn tuning(&mut self, arguments: &Arguments<'p>) -> Outcome<f64> {
        match (arguments.slot("val"), arguments.slot("tuning")) {
            (Some(Slot { value: Value::None, .. }) | None, _) => self.share(arguments, "tuning"),
            (Some(val), Some(tuning)) if tuning.given => {
                let message = "`val` and `tuning` are two words for one thing";
                self.error(&plan_codes::BAD_VALUE, message, val.span)
            }
            _ => self.share(arguments, "val"),
        }
    }

    fn split(&mut self, value: &Value<'p>, at: Span, arguments: &Arguments<'p>, span: Span) -> Outcome<Value<'p>> {
        let data = match value {
            // Views are grouped rows, and it is rows that are split: those of one sample must come to one group.
            Value::Dataset(data) => &Dataset {
                rows: data.picture_rows(),
                views: None,
                ..Dataset::clone(data)
            },
            Value::Cohort(_) | Value::Task(_) => {
                let diagnostic =
                    Diagnostic::error(&plan_codes::SPLIT_TWICE, "these rows are split already").at(span, "");
                let help = "split the data set once, and derive everything else from that cohort";
                return self.fail(diagnostic.at(at, "has folds").help(help));
            }
            other => return self.unexpected("a data set", other, at),
        };
        let (Some(folding_slot), Some(seed_slot)) = (arguments.slot("folding"), arguments.slot("seed")) else {
            return Err(Failed);
        };
        let Value::Folding(folding) = &folding_slot.value else {
            return self.unexpected("a way of splitting", &folding_slot.value, folding_slot.span);
        };
        let (seed, seed_by) = match seed_slot.value.as_int() {
            Some(seed) => (seed.cast_unsigned(), seed_slot.by),
            None => self.seed,
        };
        let random = match **folding {
            Folding::KFold { .. } | Folding::Holdout { .. } => true,
            Folding::LeaveOneOut { tuning, .. } => tuning > 0.0,
            Folding::Column(_) | Folding::Whole | Folding::Like(_) => false,
        };
        if random && seed_by == ChoiceBy::Default {
            self.unseeded.push(span);
        }
        let columns = match arguments.slot("by").filter(|slot| !matches!(slot.value, Value::None)) {
            Some(slot) => self.column_names(slot)?,
            None => Vec::new(),
        };
        if columns.is_empty() && random {
            self.warn_row_split(data, span);
        }
        let space = arguments.value("ids").as_text();
        let (names, groups) = self.groups(data, &columns, space.as_ref(), arguments)?;
        if columns.len() > 1 && random {
            self.warn_torn(data, &columns, &names, span);
        }
        let (assignment, values) = self.assign(data, (folding, folding_slot.span), &names, arguments, (seed, span))?;
        let origin = match &**folding {
            Folding::Like(known) => Rc::clone(&known.origin),
            _ => Rc::new(Origin {
                assignment: Assignment::clone(&assignment),
            }),
        };
        let Value::Dataset(whole) = value else {
            return Err(Failed);
        };
        let cohort = Cohort {
            name: None,
            data: Dataset::clone(whole),
            split_rows: Rc::clone(&data.rows),
            words: in_words(folding, &values, &columns, arguments, random.then_some(seed)),
            settings: settings(folding, arguments, random.then_some((seed, seed_by))),
            assignment,
            origin,
            borrowed: matches!(**folding, Folding::Like(_)),
            groups: Rc::new(groups),
            group_column: (!columns.is_empty()).then(|| columns.join(", ").into()),
            is_composite: columns.len() > 1,
            ids: space,
            span,
        };
        if let Some(views) = whole.views.clone() {
            self.check_refines(&cohort, &views, span)?;
        }
        Ok(Value::Cohort(Rc::new(cohort)))
    }

    /// Warns of rows that are split one by one although a column says who they are of.
    fn warn_row_split(&mut self, data: &Dataset, span: Span) {
        let mut named = data
            .table
            .columns()
            .filter(|column| GROUPS.contains(&column.name.to_lowercase().as_str()));
        let repeats = |column: &&Column| {
            let mut seen = BTreeSet::new();
            data.rows.iter().any(|&row| {
                let cell = column
                    .cells
                    .get(row as usize)
                    .map(ToString::to_string)
                    .unwrap_or_default();
                !cell.is_empty() && !seen.insert(cell)
            })
        };
        if let Some(column) = named.find(repeats) {
            let name = &column.name;
            let message = format!("rows are split one by one, but those of one `{name}` belong together");
            let diagnostic = Diagnostic::warning(&lint::ROW_SPLIT, message).at(span, "");
            self.diagnostics
                .push(diagnostic.help(format!("write `by: \"{name}\"`")));
        }
    }

    /// Warns of groups of several columns of which one names patients, when patients are torn by the others.
    fn warn_torn(&mut self, data: &Dataset, columns: &[Text], groups: &[String], span: Span) {
        let patients = columns
            .iter()
            .filter(|name| GROUPS.contains(&name.to_lowercase().as_str()));
        for name in patients {
            let Ok(column) = data.table.column(name) else { continue };
            let mut group_of: BTreeMap<String, &str> = BTreeMap::new();
            let torn = data.rows.iter().zip(groups).find(|(row, group)| {
                let patient = column.cells.get(**row as usize).map(ToString::to_string);
                *group_of.entry(patient.unwrap_or_default()).or_insert(group) != group.as_str()
            });
            if let Some((row, _)) = torn {
                let patient = column
                    .cells
                    .get(*row as usize)
                    .map(ToString::to_string)
                    .unwrap_or_default();
                let message = format!("rows of `{name}` `{patient}` are in several groups, and so in several folds");
                let help = format!("rows of one patient are alike: `by: {name:?}` keeps them together");
                let diagnostic = Diagnostic::warning(&lint::ROW_SPLIT, message).at(span, "");
                self.diagnostics.push(diagnostic.help(help));
            }
        }
    }

    /// The part of each row for each member, and the values that folds are made of.
    fn assign(
        &mut self,
        data: &Dataset,
        (folding, at): (&Folding, Span),
        groups: &[String],
        arguments: &Arguments<'p>,
        (seed, span): (u64, Span),
    ) -> Outcome<(Rc<Assignment>, Vec<String>)> {
        let mut strata = Vec::new();
        if let Some(slot) = arguments
            .slot("stratify")
            .filter(|slot| !matches!(slot.value, Value::None))
        {
            for name in self.column_names(slot)? {
                strata.push(self.texts(data, &name, self.place_in(&name, slot.span))?);
            }
        }
        let words = match folding {
            Folding::Column(name) | Folding::LeaveOneOut { column: name, .. } => self.texts(data, name, at)?,
            _ => Vec::new(),
        };
        let values: BTreeSet<String> = match folding {
            Folding::LeaveOneOut { .. } => words.iter().cloned().collect(),
            _ => BTreeSet::new(),
        };
        let rule = match folding {
            Folding::KFold { folds, tuning, repeats } => split::Folding::KFold {
                folds: *folds,
                tuning: *tuning,
                repeats: *repeats,
            },
            Folding::Holdout { tuning, test } => split::Folding::Holdout {
                tuning: *tuning,
                test: *test,
            },
            Folding::Column(_) => split::Folding::ByColumn(&words),
            Folding::LeaveOneOut { tuning, .. } => split::Folding::LeaveOneOut {
                values: &words,
                tuning: *tuning,
            },
            Folding::Whole => split::Folding::Whole,
            Folding::Like(known) => split::Folding::Like(&known.assignment),
        };
        match split::split(groups, &strata, &rule, seed) {
            Ok(assignment) => Ok((Rc::new(assignment), values.into_iter().collect())),
            Err(error) => self.split_error(&error, &data.table, &data.rows, span),
        }
    }

    /// Name and identity of each row's group; a row without a group column is its own.
    fn groups(
        &mut self,
        data: &Dataset,
        columns: &[Text],
        space: Option<&Text>,
        arguments: &Arguments<'p>,
    ) -> Outcome<(Vec<String>, Vec<u32>)> {
        let map = self.id_map(columns, arguments)?;
        let table: &Source = &data.table;
        if columns.is_empty() {
            let rows = data.rows.iter().map(|&row| row as usize);
            let identities = &mut self.identities;
            return Ok(rows
                .map(|row| (table.table.sample_name(row), table.own_group(row, identities)))
                .unzip());
        }
        let columns = self.columns(data, arguments, "by")?;
        let (mut names, mut groups) = (Vec::with_capacity(data.rows.len()), Vec::with_capacity(data.rows.len()));
        let mut mapped = 0_usize;
        for &row in data.rows.iter() {
            // A row without a value has no group, which the split reports.
            let mut name = key_of(&columns, row).unwrap_or_default();
            if let Some(canonical) = map.as_ref().and_then(|map| map.get(&name)) {
                mapped += 1;
                canonical.clone_into(&mut name);
            }
            let group = Group::Named {
                space: space.cloned(),
                name: name.as_str().into(),
            };
            groups.push(self.identities.group(group));
            names.push(match space {
                Some(space) if !name.is_empty() => format!("{space}{SEPARATOR}{name}"),
                _ => name,
            });
        }
        if let (Some(_), 0, Some(slot)) = (&map, mapped, arguments.slot("id_map")) {
            let message = "no group of these rows is in the map of identities";
            let help = "its columns `id` and `same_as` hold names of groups, written as in the table";
            let diagnostic = Diagnostic::error(&codes::UNMATCHED, message).at(slot.span, "");
            return self.fail(diagnostic.help(help));
        }
        Ok((names, groups))
    }

    /// The names of groups that are one group under several spellings, each with the name that stands for all.
    fn id_map(&mut self, columns: &[Text], arguments: &Arguments<'p>) -> Outcome<Option<BTreeMap<String, String>>> {
        let Some(slot) = arguments.slot("id_map") else {
            return Ok(None);
        };
        let Value::Path(path) = &slot.value else {
            return Ok(None);
        };
        if columns.len() != 1 {
            let message = "a map of identities is for groups that one column names";
            let diagnostic = Diagnostic::error(&plan_codes::BAD_VALUE, message).at(slot.span, "");
            return self.fail(diagnostic.help("name the column: `by: \"patient\"`"));
        }
        let source = self.table(Kind::Rows, path, slot.span)?;
        let id = &self.column(&source, "id", slot.span)?.cells;
        let same_as = &self.column(&source, "same_as", slot.span)?.cells;
        let mut pairs = Vec::with_capacity(id.len());
        for (row, (id, same_as)) in id.iter().zip(same_as).enumerate() {
            if matches!(id, Cell::Missing) || matches!(same_as, Cell::Missing) {
                let message = format!("a name is missing in {}", source.place(row));
                return self.error(&codes::MISSING_VALUE, message, slot.span);
            }
            pairs.push((id.to_string(), same_as.to_string()));
        }
        Ok(Some(one_name(&pairs)))
    }

    /// The values of a column that must all be there.
    fn texts(&mut self, data: &Dataset, name: &str, span: Span) -> Outcome<Vec<String>> {
        let cells = &self.column(&data.table, name, span)?.cells;
        let values: Vec<_> = data
            .rows
            .iter()
            .map(|&row| (row, cells[row as usize].to_string()))
            .collect();
        if let Some((row, _)) = values.iter().find(|(_, value)| value.is_empty()) {
            return self.no_value(data, name, *row, span);
        }
        Ok(values.into_iter().map(|(_, value)| value).collect())
    }
}

/// Every name of a set of pairs with the name that stands for it and all that it is the same as: the first by its letters.
fn one_name(pairs: &[(String, String)]) -> BTreeMap<String, String> {
    let mut nearer: BTreeMap<&str, &str> = BTreeMap::new();
    fn root<'a>(nearer: &BTreeMap<&'a str, &'a str>, name: &'a str) -> &'a str {
        let mut name = name;
        while let Some(next) = nearer.get(name) {
            name = next;
        }
        name
    }
    for (a, b) in pairs {
        let (a, b) = (root(&nearer, a), root(&nearer, b));
        if a != b {
            nearer.insert(a.max(b), a.min(b));
        }
    }
    let names = pairs.iter().flat_map(|(a, b)| [a, b]);
    names
        .map(|name| (name.clone(), root(&nearer, name).to_owned()))
        .collect()
}

/// `3 folds by patient, stratified by label, seed 7`
fn in_words(
    folding: &Folding,
    values: &[String],
    columns: &[Text],
    arguments: &Arguments<'_>,
    seed: Option<u64>,
) -> String {
    let percent = |share: f64| format!("{} %", share * 100.0);
    let mut words = match folding {
        Folding::KFold { folds, repeats: 1, .. } => format!("{folds} folds"),
        Folding::KFold { folds, repeats, .. } => format!("{repeats} times {folds} folds"),
        Folding::Holdout { tuning, test } => {
            format!(
                "one split with {} for tuning and {} for testing",
                percent(*tuning),
                percent(*test)
            )
        }
        Folding::LeaveOneOut { column, .. } if values.len() > MANY => {
            format!("one fold for each of {} values of {column}", values.len())
        }
        Folding::LeaveOneOut { column, .. } => format!("one fold for each {column}: {}", values.join(", ")),
        Folding::Column(name) => format!("the parts of column {name}"),
        Folding::Whole => "all for testing".to_owned(),
        Folding::Like(cohort) => format!("the folds of {}", cohort.name()),
    };
    if !columns.is_empty() {
        words += &format!(" by {}", columns.join(" and "));
    }
    match &arguments.value("stratify") {
        Value::Text(column) => words += &format!(", stratified by {column}"),
        Value::List(list) => {
            let names: Vec<_> = list.iter().filter_map(Value::as_text).collect();
            words += &format!(", stratified by {}", names.join(" and "));
        }
        _ => {}
    }
    if let Folding::KFold { tuning, .. } | Folding::LeaveOneOut { tuning, .. } = folding {
        words += &format!(", {} of each training part for tuning", percent(*tuning));
    }
    if let Some(seed) = seed {
        words += &format!(", seed {seed}");
    }
    words
}

fn settings(
    folding: &Folding,
    arguments: &Arguments<'_>,
    seed: Option<(u64, ChoiceBy)>,
) -> Vec<super::stages::Setting> {
    let by = |name: &str| arguments.slot(name).map_or(ChoiceBy::Default, |slot| slot.by);
    let mut settings = vec![setting("folding", folding.to_string(), by("folding"))];
    for name in ["by", "stratify", "ids", "id_map"] {
        // A map of identities is rarely needed; without one there is nothing to tell.
        if name == "id_map" && matches!(arguments.value(name), Value::None) {
            continue;
        }
        settings.push(setting(name, arguments.value(name).display(), by(name)));
    }
    settings.extend(seed.map(|(seed, by)| setting("seed", seed.to_string(), by)));
    settings
}

#[cfg(test)]
mod tests {
    use super::one_name;

    #[test]
    fn spellings_in_a_chain_are_one_name() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let map = one_name(&[pair("P3", "P2"), pair("x", "y"), pair("P2", "P1"), pair("P1", "P3")]);
        let of = |name: &str| map[name].as_str();
        assert_eq!(["P1", "P2", "P3", "x", "y"].map(of), ["P1", "P1", "P1", "x", "x"]);
    }
}
