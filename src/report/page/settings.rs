//! Every setting, by who set it.

use super::super::model::Study;
use crate::plan::stage::ChoiceBy;

/// The settings of one origin.
pub(super) struct Settings<'a> {
    pub(super) title: &'static str,
    pub(super) rows: Vec<Setting<'a>>,
}

/// A setting with every place where it holds.
pub(super) struct Setting<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
    pub(super) scopes: Vec<&'a str>,
}

/// Settings of the program, then defaults; equal ones of several scopes stand in one row.
pub(super) fn of(study: &Study) -> [Settings<'_>; 2] {
    [
        ("Set by the program", ChoiceBy::Program),
        ("Defaults", ChoiceBy::Default),
    ]
    .map(|(title, by)| {
        let mut rows: Vec<Setting<'_>> = Vec::new();
        for choice in study.choices.iter().filter(|choice| choice.by == by) {
            match rows
                .iter_mut()
                .find(|row| row.name == choice.name && row.value == choice.value)
            {
                Some(row) => row.scopes.push(&choice.scope),
                None => rows.push(Setting {
                    name: &choice.name,
                    value: &choice.value,
                    scopes: vec![&choice.scope],
                }),
            }
        }
        // A name's different values belong together; the order of first mention is kept otherwise.
        let order: Vec<&str> = rows.iter().map(|row| row.name).collect();
        rows.sort_by_key(|row| order.iter().position(|name| *name == row.name));
        Settings { title, rows }
    })
}
