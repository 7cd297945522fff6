//! Data: tables, the transforms of their pictures, and the stage that prepares them.

use super::{
    canon::canonical,
    digest::Digest,
    domain::{Cohort, Dataset, Normalize},
    eval::Evaluator,
    pictures::TRANSFORMS,
    sources::{Source, rows_digest},
    stage::{ChoiceBy, Normalization, Pictures, Prepare, Work},
    stages::{Setting, StageId, Title},
    value::{Arguments, Failed, Outcome, Value},
};
use crate::{
    diag::{Diagnostic, codes::plan as plan_codes},
    source::Span,
    tables::{Images, Kind},
};
use std::rc::Rc;

/// Mean and deviation of the ImageNet training pictures on the scale 0 to 1, as torchvision's models take them:
/// <https://pytorch.org/vision/stable/models.html>.
const IMAGENET: [[f64; 3]; 2] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];

impl<'p> Evaluator<'p, '_> {
    /// Carries out a builtin of data; none for another one.
    pub(super) fn data_builtin(
        &mut self,
        name: &str,
        subject: &Option<(Value<'p>, Span)>,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Option<Outcome<Value<'p>>> {
        Some(match name {
            "table" => {
                let image = arguments.value("image").as_text().unwrap_or_default();
                self.dataset(Kind::Manifest(image.to_string()), arguments, span)
            }
            "images" => self.dataset(Kind::Folders, arguments, span),
            "npz" => self.dataset(Kind::Npz, arguments, span),
            "constants" => self.constants(arguments),
            "rows" => self.dataset(Kind::Rows, arguments, span),
            "normalize" => {
                let (value, at) = subject.as_ref()?;
                self.normalize(value, *at, arguments)
            }
            "views" => {
                let (value, at) = subject.as_ref()?;
                self.views(value, *at, arguments, span)
            }
            _ if TRANSFORMS.contains(&name) => {
                let (value, at) = subject.as_ref()?;
                self.transform(name, (value, *at), arguments, span)
            }
            _ => return None,
        })
    }

    fn dataset(&mut self, kind: Kind, arguments: &Arguments<'p>, span: Span) -> Outcome<Value<'p>> {
        let Some(slot) = arguments.slot("path") else {
            return Err(Failed);
        };
        let Value::Path(path) = &slot.value else {
            return self.unexpected("a path", &slot.value, slot.span);
        };
        let pictures = kind != Kind::Rows;
        let table = self.table(kind, path, slot.span)?;
        let mut settings = vec![setting("source", format!("{:?}", table.shown), ChoiceBy::Program)];
        let image = arguments.slot("image");
        settings.extend(image.map(|slot| setting("image", slot.value.display(), slot.by)));
        let data = Rc::new(Dataset {
            settings,
            ..untouched(table, span)
        });
        Ok(if pictures {
            Value::Dataset(data)
        } else {
            Value::Rows(data)
        })
    }

    /// The data of rows of any kind.
    pub(super) fn data_of(&mut self, value: &Value<'p>, at: Span) -> Outcome<Dataset> {
        Ok(match value {
            Value::Dataset(data) | Value::Rows(data) => Dataset::clone(data),
            Value::Cohort(cohort) => cohort.data.clone(),
            Value::Task(task) => task.cohort.data.clone(),
            other => return self.unexpected("rows, a data set, a cohort or a task", other, at),
        })
    }

    /// Changes the data of rows, a data set, a cohort or a task, which stays what it is.
    pub(super) fn with_data(
        &mut self,
        value: &Value<'p>,
        at: Span,
        change: impl FnOnce(&mut Dataset),
    ) -> Outcome<Value<'p>> {
        match value {
            Value::Dataset(data) => {
                let mut data = Dataset::clone(data);
                change(&mut data);
                Ok(Value::Dataset(Rc::new(data)))
            }
            Value::Rows(data) => {
                let mut data = Dataset::clone(data);
                change(&mut data);
                Ok(Value::Rows(Rc::new(data)))
            }
            Value::Cohort(cohort) => {
                let mut cohort = Cohort::clone(cohort);
                change(&mut cohort.data);
                Ok(Value::Cohort(Rc::new(cohort)))
            }
            Value::Task(task) => Ok(Value::Task(Rc::new(task.changed(|task| change(&mut task.cohort.data))))),
            other => self.unexpected("a data set, a cohort or a task", other, at),
        }
    }

    fn normalize(&mut self, value: &Value<'p>, at: Span, arguments: &Arguments<'p>) -> Outcome<Value<'p>> {
        let Some(slot) = arguments.slot("by") else {
            return Err(Failed);
        };
        let Value::Normalization(by) = &slot.value else {
            return self.unexpected("a normalisation", &slot.value, slot.span);
        };
        self.with_data(value, at, |data| {
            data.normalization = Some((Rc::clone(by), slot.span));
            data.settings.push(setting("normalize", by.to_string(), slot.by));
        })
    }

    fn constants(&mut self, arguments: &Arguments<'p>) -> Outcome<Value<'p>> {
        let (mean, deviation) = (self.numbers(arguments, "mean")?, self.numbers(arguments, "deviation")?);
        if let (Some(slot), Some(wrong)) = (arguments.slot("deviation"), deviation.iter().find(|d| **d <= 0.0)) {
            let message = format!("a deviation must be above 0, but is {wrong}");
            return self.error(&plan_codes::BAD_VALUE, message, slot.span);
        }
        Ok(Value::Normalization(Rc::new(Normalize::Constants { mean, deviation })))
    }

    /// One number, or a list of them.
    fn numbers(&mut self, arguments: &Arguments<'p>, name: &str) -> Outcome<Vec<f64>> {
        let Some(slot) = arguments.slot(name) else {
            return Err(Failed);
        };
        let numbers = match &slot.value {
            Value::List(list) => list.iter().map(Value::as_float).collect::<Option<Vec<_>>>(),
            one => one.as_float().map(|number| vec![number]),
        };
        match numbers {
            Some(numbers) if !numbers.is_empty() => Ok(numbers),
            _ => self.unexpected("a number or a list of numbers", &slot.value, slot.span),
        }
    }

    /// The constants that normalise pictures of so many channels; without `normalize` pixels stay on the scale 0 to 1.
    pub(super) fn normalization(&mut self, data: &Dataset, channels: usize) -> Outcome<Normalization> {
        let Some((by, span)) = &data.normalization else {
            return Ok(Normalization {
                mean: vec![0.0; channels],
                deviation: vec![1.0; channels],
            });
        };
        let (mean, deviation) = match &**by {
            Normalize::ImageNet => (IMAGENET[0].to_vec(), IMAGENET[1].to_vec()),
            Normalize::Constants { mean, deviation } => (mean.clone(), deviation.clone()),
        };
        let spread = |numbers: Vec<f64>| match numbers[..] {
            [one] => Some(vec![one; channels]),
            _ if numbers.len() == channels => Some(numbers),
            _ => None,
        };
        match (spread(mean), spread(deviation)) {
            (Some(mean), Some(deviation)) => Ok(Normalization { mean, deviation }),
            _ => {
                let message = format!("{by} is not for pictures of {channels} channels");
                let help = if channels == 1 {
                    "`rgb` before it gives three channels"
                } else {
                    "give one number for all channels, or one each"
                };
                self.fail(
                    Diagnostic::error(&plan_codes::CHANNELS, message)
                        .at(*span, "")
                        .help(help),
                )
            }
        }
    }

    /// The stage that prepares the pictures of a data set, with the shape that they come out with. Data sets of the
    /// same pictures and transforms share it.
    pub(super) fn prepare(&mut self, data: &Dataset) -> Outcome<(StageId, [usize; 3])> {
        let shape = self.shape(data)?;
        let key = canonical(&(data.table.id, Digest(data.base_digest), &data.transforms));
        if let Some(known) = self.stages.find("prepare", &key) {
            return Ok((known, shape));
        }
        let work = Work::Prepare(prepare_work(data, shape));
        let title = Title {
            place: String::new(),
            member: String::new(),
            label: format!("prepare {}", data.name()),
        };
        let stage = self
            .stages
            .make(&title, work, &key, Vec::new(), data.span, Rc::default());
        Ok((stage, shape))
    }
}

/// All rows of a table, with nothing done to them.
pub(super) fn untouched(table: Rc<Source>, span: Span) -> Dataset {
    let rows: Rc<Vec<u32>> = Rc::new((0..).take(table.table.rows).collect());
    Dataset {
        name: None,
        table,
        base_digest: rows_digest(&rows),
        base: Rc::clone(&rows),
        rows,
        views: None,
        transforms: Vec::new(),
        normalization: None,
        settings: Vec::new(),
        span,
        transform_spans: Vec::new(),
    }
}

/// What prepares the pictures of a data set, which come out in this shape.
pub(super) fn prepare_work(data: &Dataset, shape: [usize; 3]) -> Prepare {
    Prepare {
        pictures: pictures(data),
        transforms: data.transforms.clone(),
        shape,
    }
}

/// The samples' pictures as the stage names them.
fn pictures(data: &Dataset) -> Pictures {
    let rows = data.base.iter().map(|&row| row as usize);
    match &data.table.table.images {
        Images::Absent => Pictures::Files(Vec::new()),
        Images::Files(paths) => Pictures::Files(rows.filter_map(|row| paths.get(row).cloned()).collect()),
        Images::Npz { arrays, rows: places } => Pictures::Npz {
            path: data.table.table.path.clone(),
            rows: rows
                .filter_map(|row| {
                    let (array, place) = places.get(row)?;
                    Some((arrays.get(*array)?.0.clone(), *place))
                })
                .collect(),
        },
    }
}

/// A setting.
pub(super) fn setting(name: &str, value: String, by: ChoiceBy) -> Setting {
    Setting {
        name: name.to_owned(),
        value,
        by,
    }
}
