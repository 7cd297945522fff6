//! Names of data: a data set, cohort or task is called what the first binding or record entry calls it.

use super::value::Value;
use std::rc::Rc;

/// The value, named if it is data that has no name yet.
pub(super) fn named<'p>(value: Value<'p>, name: &str) -> Value<'p> {
    match value {
        Value::Dataset(data) if data.name.is_none() => {
            let mut data = (*data).clone();
            data.name = Some(name.into());
            Value::Dataset(Rc::new(data))
        }
        Value::Rows(data) if data.name.is_none() => {
            let mut data = (*data).clone();
            data.name = Some(name.into());
            Value::Rows(Rc::new(data))
        }
        Value::Cohort(cohort) if cohort.name.is_none() => {
            let mut cohort = (*cohort).clone();
            cohort.name = Some(name.into());
            cohort.data.name.get_or_insert_with(|| name.into());
            Value::Cohort(Rc::new(cohort))
        }
        Value::Task(task) if task.name.is_none() => Value::Task(Rc::new(task.changed(|task| {
            task.name = Some(name.into());
            task.cohort.name.get_or_insert_with(|| name.into());
            task.cohort.data.name.get_or_insert_with(|| name.into());
        }))),
        other => other,
    }
}
