//! The classes of samples: of single pictures their own, of several views the one that their pictures agree on.

use super::{
    domain::Dataset,
    eval::Evaluator,
    grid::listed,
    value::{Outcome, Text},
    views::{UnitLabel, Views},
};
use crate::{
    diag::{Diagnostic, codes::data as codes},
    source::Span,
    tables::Cell,
};
use std::{collections::BTreeMap, rc::Rc};

/// Data with its samples that have a class, each with it.
pub(super) type Classed = (Dataset, Rc<Vec<(u32, u32)>>);

/// The classes of a task, as samples get them.
pub(super) struct Classes<'t> {
    /// The class of each label.
    of_label: BTreeMap<&'t str, u32>,
    names: &'t [Text],
    cells: &'t [Cell],
    /// True when the program says which comes first.
    ordered: bool,
    /// The classes that rows have in a task, where they are not those of their labels.
    own: Option<&'t [(u32, u32)]>,
}

impl<'t> Classes<'t> {
    pub(super) fn new(names: &'t [Text], labels: &'t [Vec<Text>], cells: &'t [Cell], ordered: bool) -> Self {
        let all = labels.iter().zip(0..);
        Self {
            of_label: all
                .flat_map(|(labels, class)| labels.iter().map(move |label| (&**label, class)))
                .collect(),
            names,
            cells,
            ordered,
            own: None,
        }
    }

    /// The classes that the rows of a task have.
    pub(super) fn with_own(self, samples: &'t [(u32, u32)]) -> Self {
        Self {
            own: Some(samples),
            ..self
        }
    }

    /// The class of a row; none when its label is in no class.
    pub(super) fn of(&self, row: u32) -> Option<u32> {
        if let Some(samples) = self.own {
            let found = samples.binary_search_by_key(&row, |(row, _)| *row).ok()?;
            return samples.get(found).map(|(_, class)| *class);
        }
        let cell = self.cells.get(row as usize)?;
        self.of_label.get(cell.to_string().as_str()).copied()
    }

    /// Whether the first class of several is known to be the most severe one.
    pub(super) fn are_ordered(&self) -> bool {
        self.ordered
    }
}

impl Evaluator<'_, '_> {
    /// The samples with their classes, and the data without pictures whose label is in no class.
    pub(super) fn classed(&mut self, data: &Dataset, classes: &Classes<'_>) -> Outcome<Classed> {
        let Some(views) = &data.views else {
            let rows = data.rows.iter();
            let samples = rows.filter_map(|&row| Some((row, classes.of(row)?)));
            return Ok((data.clone(), Rc::new(samples.collect())));
        };
        let views = views.retain(|row| classes.of(row).is_some());
        if views.label == UnitLabel::MostSevere && !classes.are_ordered() {
            return self.no_order(classes, views.span);
        }
        let (mut samples, mut torn) = (Vec::with_capacity(views.samples.len()), Vec::new());
        for &sample in views.samples.keys() {
            let rows = views.pictures(sample).filter_map(|row| Some((row, classes.of(row)?)));
            let rows: Vec<_> = rows.collect();
            let Some(&(first, class)) = rows.first() else { continue };
            let other = rows.iter().find(|(_, other)| *other != class);
            if let (Some(other), UnitLabel::Agree) = (other, views.label) {
                torn.push((sample, (first, class), *other));
            }
            let most_severe = rows.iter().map(|(_, class)| *class).min();
            samples.push((sample, most_severe.unwrap_or(class)));
        }
        if let Some(&(sample, first, second)) = torn.first() {
            return self.labels_disagree(data, &views, classes, (sample, first, second), torn.len());
        }
        if samples.is_empty() {
            return self.error(&codes::NO_ROWS, "no sample of several views is left", views.span);
        }
        Ok((data.with_views(views), Rc::new(samples)))
    }

    fn no_order<T>(&mut self, classes: &Classes<'_>, span: Span) -> Outcome<T> {
        let names: Vec<_> = classes.names.iter().map(|name| &**name).collect();
        let message = format!("which of {} is the most severe class?", listed(&names));
        let help = "write the classes as a record, the most severe one first";
        self.fail(Diagnostic::error(&codes::NO_SEVERITY, message).at(span, "").help(help))
    }

    fn labels_disagree<T>(
        &mut self,
        data: &Dataset,
        views: &Views,
        classes: &Classes<'_>,
        (sample, first, second): (u32, (u32, u32), (u32, u32)),
        count: usize,
    ) -> Outcome<T> {
        let told = |(row, class): (u32, u32)| {
            let class = classes.names.get(class as usize).map_or("", |name| name);
            format!("`{class}` ({})", data.table.place(row as usize))
        };
        let message = format!(
            "`{}` has pictures of class {} and {}{}",
            data.unit_name(&views.by, sample),
            told(first),
            told(second),
            match count {
                1 => String::new(),
                count => format!(", and {} more samples have two classes", count - 1),
            }
        );
        let help = "`label: most_severe` takes the class that stands first in the task's list; or leave such rows out \
                    with `where`";
        let diagnostic = Diagnostic::error(&codes::LABELS_DISAGREE, message).at(views.span, "");
        self.fail(diagnostic.help(help))
    }
}
