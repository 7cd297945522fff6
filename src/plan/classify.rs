//! `classify`: the target of a task, and what its members learn from and are judged on.

use super::{
    data::setting,
    domain::{Cohort, Exposure, Judged, Placed, Seen, Task, TaskMember, TaskParts, part_of},
    eval::Evaluator,
    grid::listed,
    sample_classes::Classes,
    sources::rows_digest,
    stage::{ABSENT, Samples},
    stages::Setting,
    value::{Arguments, Failed, Outcome, Slot, Text, Value},
};
use crate::{
    diag::{Diagnostic, codes::data as codes, codes::plan as plan_codes},
    source::Span,
    tables::{Cell, split::Part},
};
use std::{cell::OnceCell, collections::BTreeMap, rc::Rc, sync::Arc};

/// Classes with the labels of each.
type Mapping = Vec<(Text, Vec<Text>)>;

/// Groups of a class in a test part below which its AUC says little.
const FEW: usize = 10;

impl<'p> Evaluator<'p, '_> {
    /// Makes a task of a cohort.
    pub(super) fn classify(
        &mut self,
        value: &Value<'p>,
        at: Span,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Outcome<Value<'p>> {
        let cohort = match value {
            Value::Cohort(cohort) => Cohort::clone(cohort),
            Value::Task(_) => {
                let diagnostic = Diagnostic::error(&plan_codes::CLASSIFIED_TWICE, "these rows have classes already");
                let help = "make every task from the cohort itself";
                return self.fail(diagnostic.at(span, "").at(at, "is a task").help(help));
            }
            other => return self.unexpected("a cohort", other, at),
        };
        let Some(column_slot) = arguments.slot("column") else {
            return Err(Failed);
        };
        let column = column_slot.value.as_text().unwrap_or_default();
        let table = Rc::clone(&cohort.data.table);
        let cells = &self.column(&table, &column, column_slot.span)?.cells;
        let rows = cohort.data.picture_rows();
        let values = distinct(rows.iter().map(|&row| &cells[row as usize]));
        let mapping = self.mapping(&column, &values, arguments, span)?;
        let given = |name: &str| {
            arguments
                .slot(name)
                .is_some_and(|slot| !matches!(slot.value, Value::None))
        };
        let has_positive = mapping.len() > 2 || given("classes") || given("positive");
        let settings = settings(&column, &mapping, arguments);
        let (classes, labels): (Vec<_>, Vec<_>) = mapping.into_iter().unzip();
        // The first class is the most severe one where the program says that it comes first.
        let ordered = matches!(arguments.value("classes"), Value::Record(_)) || classes.len() == 2 && has_positive;
        let (data, samples) = self.classed(&cohort.data, &Classes::new(&classes, &labels, cells, ordered))?;
        let task = Task {
            name: None,
            classes,
            has_positive,
            labels,
            ordered,
            samples,
            settings,
            cohort: Cohort { data, ..cohort },
            column,
            span,
            parts: OnceCell::new(),
            fewest: OnceCell::new(),
        };
        self.check_classes(&task)?;
        Ok(Value::Task(Rc::new(task)))
    }

    /// The classes: as the program writes them, or one per value of the column.
    fn mapping(&mut self, column: &str, values: &[Text], arguments: &Arguments<'p>, span: Span) -> Outcome<Mapping> {
        let positive = arguments
            .slot("positive")
            .filter(|slot| !matches!(slot.value, Value::None));
        let mapping = match arguments.slot("classes") {
            Some(
                slot @ Slot {
                    value: Value::Record(record),
                    ..
                },
            ) => {
                if let Some(positive) = positive {
                    let message = "the first class of a record is the positive one, so `positive` has nothing to say";
                    return self.error(&plan_codes::BAD_VALUE, message, positive.span);
                }
                let mapping: Option<Mapping> = record
                    .iter()
                    .map(|(name, labels)| match labels {
                        Value::List(list) => Some((
                            Rc::clone(name),
                            list.iter().map(Value::label).collect::<Option<Vec<_>>>()?,
                        )),
                        _ => None,
                    })
                    .collect();
                let Some(mapping) = mapping else {
                    return self.unexpected("lists of labels", &slot.value, slot.span);
                };
                self.check_labels(column, values, &mapping, slot.span)?;
                mapping
            }
            _ => self.classes_of_values(column, values, positive)?,
        };
        if mapping.len() < 2 {
            let message = format!("a task needs two classes at least, and this one has {}", mapping.len());
            let names: Vec<_> = values.iter().map(|v| &**v).collect();
            let diagnostic = Diagnostic::error(&plan_codes::BAD_VALUE, message).at(span, "");
            return self.fail(diagnostic.help(format!("`{column}` has the values {}", listed(&names))));
        }
        Ok(mapping)
    }

    fn classes_of_values(&mut self, column: &str, values: &[Text], positive: Option<&Slot<'p>>) -> Outcome<Mapping> {
        let Some(slot) = positive else {
            let each = values.iter().map(|label| (Rc::clone(label), vec![Rc::clone(label)]));
            return Ok(each.collect());
        };
        let label = slot.value.label().unwrap_or_default();
        if !values.contains(&label) {
            return self.no_label(column, &label, values, slot.span);
        }
        let others: Vec<_> = values.iter().filter(|value| **value != label).cloned().collect();
        // Of several others none can name the class that they are together.
        let name = match others.as_slice() {
            [] => return Ok(vec![(Rc::clone(&label), vec![label])]),
            [other] => Rc::clone(other),
            _ => format!("not {label}").into(),
        };
        Ok(vec![(Rc::clone(&label), vec![label]), (name, others)])
    }

    /// Every label exists, and belongs to one class.
    fn check_labels(&mut self, column: &str, values: &[Text], mapping: &Mapping, span: Span) -> Outcome<()> {
        let mut known: BTreeMap<&str, &str> = BTreeMap::new();
        let mut failed = false;
        for (class, labels) in mapping {
            if labels.is_empty() {
                failed |= self
                    .error::<()>(&plan_codes::BAD_VALUE, format!("class `{class}` has no label"), span)
                    .is_err();
            }
            for label in labels {
                let place = self.place_of(label, span, known.contains_key(&**label));
                if !values.contains(label) {
                    failed |= self.no_label::<()>(column, label, values, place).is_err();
                } else if let Some(other) = known.insert(label, class) {
                    let message = format!("label `{label}` is in class `{other}` and in class `{class}`");
                    failed |= self.error::<()>(&codes::LABEL_TWICE, message, place).is_err();
                }
            }
        }
        if failed { Err(Failed) } else { Ok(()) }
    }

    fn no_label<T>(&mut self, column: &str, label: &str, values: &[Text], span: Span) -> Outcome<T> {
        let names: Vec<_> = values.iter().map(|value| &**value).collect();
        let near = crate::diag::nearest(label, names.iter().copied());
        let shown = listed(&names[..names.len().min(20)]);
        let help = match near {
            Some(near) => format!("did you mean `{near}`? The values are {shown}"),
            None => format!("the values are {shown}"),
        };
        let message = format!("no row has `{label}` in column `{column}`");
        let written = self.program.sources.text(span);
        let diagnostic = Diagnostic::error(&codes::NO_LABEL, message).at(span, "");
        self.fail(diagnostic.suggest_in(span, written, label, names).help(help))
    }

    /// Where a label is written in the argument at `span`: its last place if it is written twice, else its first.
    fn place_of(&self, label: &str, span: Span, last: bool) -> Span {
        let (text, quoted) = (self.program.sources.text(span), format!("{label:?}"));
        let found = if last { text.rfind(&quoted) } else { text.find(&quoted) };
        let start = span.start as usize;
        found.map_or(span, |at| Span::new(span.file, start + at, start + at + quoted.len()))
    }

    /// Every member can learn every class, and be judged on it.
    pub(super) fn check_classes(&mut self, task: &Task) -> Outcome<()> {
        let cohort = &task.cohort;
        let (members, repeats) = (&cohort.assignment.members, cohort.assignment.repeats);
        let classes = by_split_row(task);
        let count = u32::try_from(task.classes.len()).unwrap_or(u32::MAX);
        for (place, member) in members.iter().enumerate() {
            for part in [Part::Training, Part::Test] {
                // Test parts of borrowed folds are judged where they are used.
                if !member.parts.contains(&part) || part == Part::Test && cohort.borrowed {
                    continue;
                }
                let groups = cohort.assignment.groups_per_class(place, part, &classes, count);
                if let Some(class) = groups.iter().position(|&groups| groups == 0) {
                    let name = super::domain::member_name(repeats, members.len(), member.repeat, member.fold);
                    return self.class_vanishes(task, class, part, &name, &classes);
                }
            }
        }
        Ok(())
    }

    /// Says that a class is missing from a part of a member.
    pub(super) fn class_vanishes<T>(
        &mut self,
        task: &Task,
        class: usize,
        part: Part,
        member: &str,
        classes: &[Option<u32>],
    ) -> Outcome<T> {
        let groups: std::collections::BTreeSet<_> = classes
            .iter()
            .zip(&task.cohort.assignment.rows)
            .filter(|(c, _)| c.is_some_and(|c| c as usize == class))
            .map(|(_, group)| group)
            .collect();
        let name = task.classes.get(class).map_or("", |name| name);
        let of = if member.is_empty() {
            String::new()
        } else {
            format!(" of {member}")
        };
        let message = format!("class `{name}` has no sample in the {part} part{of}");
        let help = match (groups.len(), task.cohort.is_k_fold()) {
            (0, _) => "no row that is left has its labels".to_owned(),
            (1, true) => "one group alone has it: no number of folds would work".to_owned(),
            (count, true) => {
                format!("{count} groups have it: at most {count} folds would work, stratified by this column")
            }
            (count, false) => format!("{count} groups have it: stratify by this column, or take a larger part"),
        };
        let diagnostic = Diagnostic::error(&codes::CLASS_VANISHES, message).at(task.span, "");
        self.fail(diagnostic.at(task.cohort.span, "split here").help(help))
    }

    /// Warns where a fold tests so few groups of a class that its AUC says little.
    pub(super) fn warn_few(&mut self, task: &Task, span: Span) {
        let fewest = task.fewest.get_or_init(|| fewest(task));
        if let Some((groups, class, member)) = fewest {
            let class = task.classes.get(*class).map_or("", |name| name);
            let of = if member.is_empty() {
                String::new()
            } else {
                format!(" of {member}")
            };
            let message =
                format!("the test part{of} has {groups} groups of class `{class}`; below {FEW} an AUC says little");
            self.diagnostics
                .push(Diagnostic::warning(&codes::FEW_IN_CLASS, message).at(span, ""));
        }
    }

    /// A task's samples as its members use them.
    pub(super) fn parts(&mut self, task: &Task) -> Rc<TaskParts> {
        if let Some(known) = task.parts.get() {
            return Rc::clone(known);
        }
        let (cohort, source) = (&task.cohort, &task.cohort.data.table);
        let group = |row: u32| {
            let place = cohort.split_rows.binary_search(&row).ok();
            place
                .and_then(|place| cohort.groups.get(place))
                .copied()
                .unwrap_or(u32::MAX)
        };
        let groups: Vec<_> = task.samples.iter().map(|&(row, _)| group(row)).collect();
        let (mut pictures, mut starts) = (Vec::with_capacity(task.samples.len()), vec![0]);
        for &(row, _) in task.samples.iter() {
            let rows = cohort.data.pictures_of(row);
            pictures.extend(
                rows.iter()
                    .map(|&row| source.picture(row as usize, &mut self.identities)),
            );
            starts.push(pictures.len());
        }
        let mut parts = TaskParts {
            everywhere: Judged::new(1, Placed::default(), Placed::default()),
            members: Vec::new(),
            groups,
            pictures,
            starts,
        };
        let members = 0..cohort.assignment.members.len();
        parts.members = members.map(|place| member(task, place, &parts)).collect();
        parts.everywhere = everywhere(&parts.members);
        let parts = Rc::new(parts);
        Rc::clone(task.parts.get_or_init(|| parts))
    }
}

fn fewest(task: &Task) -> Option<(usize, usize, String)> {
    let classes = by_split_row(task);
    let count = u32::try_from(task.classes.len()).unwrap_or(u32::MAX);
    let assignment = &task.cohort.assignment;
    let mut fewest: Option<(usize, usize, String)> = None;
    for (place, member) in assignment.members.iter().enumerate() {
        let groups = assignment.groups_per_class(place, Part::Test, &classes, count);
        for (class, &groups) in groups.iter().enumerate() {
            if groups < FEW && fewest.as_ref().is_none_or(|(least, ..)| groups < *least) {
                let members = assignment.members.len();
                let name = super::domain::member_name(assignment.repeats, members, member.repeat, member.fold);
                fewest = Some((groups, class, name));
            }
        }
    }
    fewest
}

fn member(task: &Task, place: usize, parts: &TaskParts) -> TaskMember {
    let data = &task.cohort.data;
    let views = u32::try_from(data.view_count()).unwrap_or(u32::MAX);
    let empty = || Samples {
        views,
        ..Samples::default()
    };
    let (mut training, mut tuning) = (empty(), empty());
    let (mut test, mut watched) = (Placed::default(), Placed::default());
    let mut seen = Exposure::default();
    let prepared = |row: u32| {
        let at = data.base.binary_search(&row).ok()?;
        u32::try_from(at).ok()
    };
    for ((sample, &(row, class)), &group) in (0..).zip(task.samples.iter()).zip(&parts.groups) {
        let slots = data.slots_of(row).into_iter();
        let rows: Vec<_> = slots.map(|row| row.and_then(prepared).unwrap_or(ABSENT)).collect();
        if rows.iter().all(|row| *row == ABSENT) {
            continue;
        }
        let placed = |to: &mut Placed| {
            to.places.push(sample);
            to.rows.extend_from_slice(&rows);
        };
        let (samples, seen) = match part_of(&task.cohort, place, row) {
            Some(Part::Training) => (&mut training, &mut seen.training),
            Some(Part::Tuning) => {
                placed(&mut watched);
                (&mut tuning, &mut seen.tuning)
            }
            Some(Part::Test) => {
                placed(&mut test);
                continue;
            }
            None => continue,
        };
        samples.rows.extend_from_slice(&rows);
        samples.classes.push(class);
        seen.groups.push(group);
        seen.pictures.extend_from_slice(parts.pictures_of(sample as usize));
    }
    for Seen { groups, pictures } in [&mut seen.training, &mut seen.tuning] {
        for list in [groups, pictures] {
            list.sort_unstable();
            list.dedup();
        }
    }
    let assigned = &task.cohort.assignment.members[place];
    let mut hasher = blake3::Hasher::new();
    for samples in [&training, &tuning] {
        hasher
            .update(&samples.views.to_le_bytes())
            .update(&rows_digest(&samples.rows))
            .update(&rows_digest(&samples.classes));
    }
    TaskMember {
        digest: *hasher.finalize().as_bytes(),
        repeat: assigned.repeat,
        fold: assigned.fold,
        training: Arc::new(training),
        tuning: Arc::new(tuning),
        judged: Judged::new(views, test, watched),
        seen: Rc::new(seen),
    }
}

/// What a model is judged on that is no member of the folding.
fn everywhere(members: &[TaskMember]) -> Judged {
    if let [only] = members {
        return only.judged.clone();
    }
    let views = members.first().map_or(1, |member| member.judged.views);
    let samples = members.iter().flat_map(|member| {
        let rows = member.judged.test.chunks(views.max(1) as usize);
        member.judged.test_places.iter().zip(rows)
    });
    let all: BTreeMap<u32, &[u32]> = samples.map(|(place, rows)| (*place, rows)).collect();
    let test = Placed {
        places: all.keys().copied().collect(),
        rows: all.values().copied().flatten().copied().collect(),
    };
    Judged::new(views, test, Placed::default())
}

/// The class of every row that was split, none for rows without one.
pub(super) fn by_split_row(task: &Task) -> Vec<Option<u32>> {
    let class = |row: &u32| {
        let found = task.samples.binary_search_by_key(row, |(row, _)| *row);
        found.ok().and_then(|at| task.samples.get(at)).map(|(_, class)| *class)
    };
    task.cohort.split_rows.iter().map(class).collect()
}

/// The distinct values of a column, numbers by size, texts by their letters; missing ones left out.
fn distinct<'c>(cells: impl Iterator<Item = &'c Cell>) -> Vec<Text> {
    let mut values: Vec<(f64, String)> = cells
        .filter_map(|cell| match cell {
            Cell::Missing => None,
            Cell::Bool(value) => Some((0.0, value.to_string())),
            Cell::Date(date) => Some((0.0, date.to_string())),
            Cell::Int(value) => Some((*value as f64, value.to_string())),
            Cell::Float(value) => Some((*value, value.to_string())),
            Cell::Text(text) => Some((0.0, text.clone())),
        })
        .collect();
    values.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    values.dedup();
    values.into_iter().map(|(_, value)| value.into()).collect()
}

fn settings(column: &str, mapping: &Mapping, arguments: &Arguments<'_>) -> Vec<Setting> {
    let classes: Vec<_> = mapping
        .iter()
        .map(|(name, labels)| format!("{name}: {labels:?}"))
        .collect();
    let by = |name: &str| {
        arguments
            .slot(name)
            .map_or(super::stage::ChoiceBy::Default, |slot| slot.by)
    };
    let mut settings = vec![
        setting("column", format!("{column:?}"), by("column")),
        setting(
            "classes",
            format!("{{ {} }}", classes.join(", ")),
            by("classes").min(by("positive")),
        ),
    ];
    let origin = arguments.value("origin").as_text();
    settings.extend(origin.map(|words| setting("origin", words.to_string(), by("origin"))));
    settings
}
