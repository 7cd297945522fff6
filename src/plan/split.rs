//! `split`, and the rules by which it splits.

use super::{
    data::setting,
    domain::{Cohort, Dataset, Folding, Origin},
    eval::Evaluator,
    identities::Group,
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
        Column,
        split::{self, Assignment},
    },
};
use std::{collections::BTreeSet, rc::Rc};

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

/// Stands between a name space and a name; no table has it.
const SEPARATOR: char = '\u{1f}';

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
        let column = arguments.value("by").as_text();
        if column.is_none() && random {
            self.warn_row_split(data, span);
        }
        let space = arguments.value("ids").as_text();
        let (names, groups) = self.groups(data, column.as_deref(), space.as_ref(), arguments)?;
        let assignment = self.assign(data, (folding, folding_slot.span), &names, arguments, (seed, span))?;
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
            words: in_words(folding, arguments, random.then_some(seed)),
            settings: settings(folding, arguments, random.then_some((seed, seed_by))),
            assignment,
            origin,
            borrowed: matches!(**folding, Folding::Like(_)),
            groups: Rc::new(groups),
            group_column: column,
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
        let columns = data.table.table.columns.iter();
        let mut named = columns.filter(|column| GROUPS.contains(&column.name.to_lowercase().as_str()));
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

    /// The part of each row for each member.
    fn assign(
        &mut self,
        data: &Dataset,
        (folding, at): (&Folding, Span),
        groups: &[String],
        arguments: &Arguments<'p>,
        (seed, span): (u64, Span),
    ) -> Outcome<Rc<Assignment>> {
        let strata = match arguments.slot("stratify") {
            Some(slot) if !matches!(slot.value, Value::None) => Some(self.texts(data, slot)?),
            _ => None,
        };
        let words = match folding {
            Folding::Column(name) | Folding::LeaveOneOut { column: name, .. } => {
                Some(self.texts(data, &self.own(Value::Text(Rc::clone(name)), at))?)
            }
            _ => None,
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
            Folding::Column(_) => split::Folding::ByColumn(words.as_deref().unwrap_or_default()),
            Folding::LeaveOneOut { tuning, .. } => split::Folding::LeaveOneOut {
                values: words.as_deref().unwrap_or_default(),
                tuning: *tuning,
            },
            Folding::Whole => split::Folding::Whole,
            Folding::Like(known) => split::Folding::Like(&known.assignment),
        };
        match split::split(groups, strata.as_deref(), &rule, seed) {
            Ok(assignment) => Ok(Rc::new(assignment)),
            Err(error) => self.split_error(&error, &data.table, &data.rows, span),
        }
    }

    /// Name and identity of each row's group; a row without a group column is its own.
    fn groups(
        &mut self,
        data: &Dataset,
        column: Option<&str>,
        space: Option<&Text>,
        arguments: &Arguments<'p>,
    ) -> Outcome<(Vec<String>, Vec<u32>)> {
        let (mut names, mut groups) = (Vec::with_capacity(data.rows.len()), Vec::with_capacity(data.rows.len()));
        let table: &Source = &data.table;
        let cells = match (column, arguments.slot("by")) {
            (Some(name), Some(slot)) => Some(&self.column(table, name, slot.span)?.cells),
            _ => None,
        };
        for &row in data.rows.iter() {
            let row = row as usize;
            let Some(cells) = cells else {
                names.push(table.table.sample_name(row));
                groups.push(table.own_group(row, &mut self.identities));
                continue;
            };
            let name = cells.get(row).map(ToString::to_string).unwrap_or_default();
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
        Ok((names, groups))
    }

    /// The values of a column that must all be there.
    fn texts(&mut self, data: &Dataset, slot: &Slot<'p>) -> Outcome<Vec<String>> {
        let name = slot.value.as_text().unwrap_or_default();
        let cells = &self.column(&data.table, &name, slot.span)?.cells;
        let values: Vec<_> = data
            .rows
            .iter()
            .map(|&row| (row, cells[row as usize].to_string()))
            .collect();
        if let Some((row, _)) = values.iter().find(|(_, value)| value.is_empty()) {
            let message = format!("`{name}` is missing in {}", data.table.place(*row as usize));
            let help = format!("leave such rows out: `where((r) => r[{name:?}] != none)`");
            return self.fail(
                Diagnostic::error(&codes::MISSING_VALUE, message)
                    .at(slot.span, "")
                    .help(help),
            );
        }
        Ok(values.into_iter().map(|(_, value)| value).collect())
    }
}

/// `3 folds by patient, stratified by label, seed 7`
fn in_words(folding: &Folding, arguments: &Arguments<'_>, seed: Option<u64>) -> String {
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
        Folding::Column(name) => format!("the parts of column {name}"),
        Folding::LeaveOneOut { column, .. } => format!("one fold for each value of {column}"),
        Folding::Whole => "all for testing".to_owned(),
        Folding::Like(cohort) => format!("the folds of {}", cohort.name()),
    };
    if let Some(column) = arguments.value("by").as_text() {
        words += &format!(" by {column}");
    }
    if let Some(column) = arguments.value("stratify").as_text() {
        words += &format!(", stratified by {column}");
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
    for name in ["by", "stratify", "ids"] {
        settings.push(setting(name, arguments.value(name).display(), by(name)));
    }
    settings.extend(seed.map(|(seed, by)| setting("seed", seed.to_string(), by)));
    settings
}
