//! Values of a running program. Cheap to clone: whatever is large lies behind an [`Rc`].

use super::{
    convert::FilePath,
    domain::{Cohort, Dataset, Folding, Freeze, Model, Net, Normalize, Row, Scores, Task},
    hub::WeightSource,
    losses::Losing,
    rates::StageRates,
    stage::{Augmentation, ChoiceBy, Measure, Mix, Optimizer, Range, Schedule},
    stages::StageId,
};
use crate::{
    analysis::{ModuleId, domain::Plain},
    net::{Fuse, NodeId, WeightInit},
    source::Span,
    syntax::ast::{Argument, Binding, Block, Expr, FnItem, Item, NetItem, Parameter, PipeStep},
    tables::Date,
};
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use std::{fmt::Write as _, rc::Rc};

/// What stands for a diagnostic that was already reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failed;

/// The result of evaluating something.
pub(super) type Outcome<T> = Result<T, Failed>;

/// Text that is shared.
pub(super) type Text = Rc<str>;

/// A record: values by key, in the order of writing.
pub(super) type Record<'p> = IndexMap<Rc<str>, Value<'p>>;

/// A value.
#[derive(Clone)]
pub(super) enum Value<'p> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Rc<str>),
    /// A file; relative ones are already joined to the folder of the file they are written in.
    Path(Rc<FilePath>),
    /// Seconds.
    Duration(f64),
    /// The numbers between two.
    Range(Range),
    Date(Date),
    /// A cell of a table in which nothing stands.
    Missing(Rc<MissingCell>),
    List(Rc<Vec<Value<'p>>>),
    Record(Rc<Record<'p>>),
    /// A word of the language's own: `imagenet`, `holm`.
    Choice(&'p str),
    Function(Function<'p>),
    Step(Rc<Step<'p>>),
    /// What a parameter `...how` holds.
    Rest(Rc<Vec<RestArgument<'p>>>),
    /// A file imported with `as`.
    Module(ModuleId),
    Grid(Rc<Grid<'p>>),
    Row(Row),
    /// Rows without pictures.
    Rows(Rc<Dataset>),
    Dataset(Rc<Dataset>),
    Cohort(Rc<Cohort>),
    Task(Rc<Task>),
    Folding(Rc<Folding>),
    Net(Rc<Net<'p>>),
    Model(Rc<Model<'p>>),
    Scores(Rc<Scores>),
    Report(Opened),
    /// Scores along an axis that are to be ranked.
    Ranking(Rc<Ranking>),
    /// A node of the network that is being built.
    Tensor(NodeId),
    Freeze(Rc<Freeze>),
    Schedule(Schedule),
    StageRates(StageRates),
    /// Its decay is set by the training that uses it.
    Optimizer(Optimizer),
    /// Its weights become those of classes in the training that uses it.
    Loss(Rc<Losing>),
    Augmentation(Augmentation),
    Mix(Mix),
    Normalization(Rc<Normalize>),
    WeightInit(WeightInit),
    Fuse(Fuse),
    WeightFile(Rc<WeightSource>),
}

/// Something that a person opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opened {
    /// A report, by place in the evaluator's reports: its stage is made once all studies of the program are known.
    Report(usize),
    /// The output of a stage.
    Stage(StageId),
}

/// Scores along an axis that are to be ranked.
pub(super) struct Ranking {
    pub(super) axis: GridAxis,
    pub(super) scores: Vec<Rc<Scores>>,
    pub(super) by: Measure,
    pub(super) draws: u32,
}

/// A missing cell, and where it is missing.
pub(super) struct MissingCell {
    pub(super) column: String,
    pub(super) place: String,
}

/// What parentheses apply.
#[derive(Clone)]
pub(super) enum Function<'p> {
    /// A `fn` item, or a builtin when it has no body.
    Item(&'p FnItem, ModuleId),
    /// A `net` item.
    Net(&'p Item, &'p NetItem, ModuleId),
    /// `(a) => body`
    Lambda(&'p [Parameter], &'p Expr, Env<'p>),
}

/// What `|>` applies.
pub(super) enum Step<'p> {
    /// A function whose arguments are given and whose subject is not.
    Call(&'p FnItem, ModuleId, Arguments<'p>, Span),
    /// `|> f |> g`
    Pipe(&'p [PipeStep], Env<'p>),
    /// `repeat i in xs { body }`
    Repeat(&'p Binding, &'p Block, Env<'p>),
    /// `label: step`
    Labelled(Rc<str>, Value<'p>),
    /// `shared("encoder", piece)`
    Shared(SharedPiece<'p>),
    /// An `if` without `else` whose condition is false.
    Identity,
}

/// A piece of a network whose parameters are one set, however often it is applied.
pub(super) struct SharedPiece<'p> {
    /// What tells it from others, also from those of the same label.
    pub(super) number: usize,
    /// The scope of its parameters: where it was made, then its label.
    pub(super) scope: Vec<String>,
    pub(super) piece: Value<'p>,
}

/// A value with who set it.
#[derive(Clone)]
pub(super) struct Slot<'p> {
    pub(super) value: Value<'p>,
    pub(super) by: ChoiceBy,
    /// False for a parameter's own default.
    pub(super) given: bool,
    /// The argument, or the default.
    pub(super) span: Span,
}

/// The arguments of a call, one slot per parameter, in the order of the parameters.
#[derive(Clone)]
pub(super) struct Arguments<'p> {
    pub(super) slots: IndexMap<&'p str, Slot<'p>, FxBuildHasher>,
}

/// An argument before it is evaluated: what it is expected to be is known only to the function that takes it.
#[derive(Clone)]
pub(super) enum Given<'p> {
    Expr(&'p Expr, Env<'p>),
    Value(Slot<'p>),
}

/// An argument on its way through `...how`.
#[derive(Clone)]
pub(super) struct RestArgument<'p> {
    pub(super) name: Rc<str>,
    pub(super) given: Given<'p>,
}

/// Names in scope, the innermost first.
#[derive(Clone)]
pub(super) struct Env<'p> {
    pub(super) module: ModuleId,
    /// True between the braces of a `net`.
    pub(super) in_net: bool,
    frame: Option<Rc<Frame<'p>>>,
}

struct Frame<'p> {
    name: &'p str,
    slot: Slot<'p>,
    parent: Option<Rc<Frame<'p>>>,
}

impl<'p> Env<'p> {
    /// The scope of a file's items.
    pub(super) fn of(module: ModuleId) -> Self {
        Self {
            module,
            in_net: false,
            frame: None,
        }
    }

    /// This scope with one more name.
    #[must_use]
    pub(super) fn with(&self, name: &'p str, slot: Slot<'p>) -> Self {
        let parent = self.frame.clone();
        Self {
            frame: Some(Rc::new(Frame { name, slot, parent })),
            ..self.clone()
        }
    }

    /// The innermost local of this name.
    pub(super) fn find(&self, name: &str) -> Option<&Slot<'p>> {
        let mut at = self.frame.as_deref();
        while let Some(frame) = at {
            if frame.name == name {
                return Some(&frame.slot);
            }
            at = frame.parent.as_deref();
        }
        None
    }
}

/// An axis of a grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GridAxis {
    pub(super) name: Rc<str>,
    pub(super) labels: Vec<Rc<str>>,
}

/// Values labelled by axes; cells in row order, the last axis fastest.
#[derive(Clone)]
pub(super) struct Grid<'p> {
    pub(super) axes: Vec<GridAxis>,
    pub(super) cells: Vec<Value<'p>>,
}

impl<'p> Value<'p> {
    /// Text.
    pub(super) fn text(text: impl Into<Rc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// The name of its type, for messages.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "text",
            Self::Path(_) => "path",
            Self::Duration(_) => "duration",
            Self::Range(_) => "Range",
            Self::Date(_) => "date",
            Self::Missing(_) => "missing value",
            Self::List(_) => "list",
            Self::Record(_) | Self::Rest(_) => "record",
            Self::Choice(_) => "choice",
            Self::Function(_) => "function",
            Self::Step(_) => "step",
            Self::Module(_) => "module",
            Self::Grid(_) => "Grid",
            Self::Row(_) => "Row",
            Self::Rows(_) => "Rows",
            Self::Dataset(_) => "Dataset",
            Self::Cohort(_) => "Cohort",
            Self::Task(_) => "Task",
            Self::Folding(_) => "Folding",
            Self::Net(_) => "Net",
            Self::Model(_) => "Model",
            Self::Scores(_) => "Scores",
            Self::Report(_) => "Report",
            Self::Ranking(_) => "Ranking",
            Self::Tensor(_) => "Tensor",
            Self::Freeze(_) => "Freeze",
            Self::Schedule(_) => "Schedule",
            Self::StageRates(_) => "Rates",
            Self::Optimizer(_) => "Optimizer",
            Self::Loss(_) => "Loss",
            Self::Augmentation(_) => "Augmentation",
            Self::Mix(_) => "Mix",
            Self::Normalization(_) => "Normalization",
            Self::WeightInit(_) => "WeightInit",
            Self::Fuse(_) => "Fuse",
            Self::WeightFile(_) => "WeightFile",
        }
    }

    /// The printed form that labels an axis, fills a hole and names a class; none for what has none.
    pub(super) fn label(&self) -> Option<Rc<str>> {
        Some(match self {
            Self::Bool(value) => value.to_string().into(),
            Self::Int(value) => value.to_string().into(),
            Self::Float(value) => value.to_string().into(),
            Self::Text(text) => Rc::clone(text),
            Self::Path(path) => Rc::from(path.shown.as_str()),
            Self::Duration(seconds) => format!("{seconds}s").into(),
            Self::Date(date) => date.to_string().into(),
            Self::Choice(word) => Rc::from(*word),
            Self::None => Rc::from("none"),
            _ => return None,
        })
    }

    /// As the language writes it, as far as it can be written.
    pub(super) fn display(&self) -> String {
        match self {
            Self::Text(text) => format!("{text:?}"),
            Self::Date(date) => format!("date(\"{date}\")"),
            Self::Path(path) => format!("{:?}", path.shown),
            Self::Float(value) if value.fract() == 0.0 && value.abs() < 1e15 => format!("{value:.1}"),
            Self::Float(value) if value.abs() < 1e-3 => format!("{value:e}"),
            Self::Range(range) => {
                let [low, high] = [range.low, range.high].map(|end| Self::Float(end).display());
                format!("{low}{}{high}", if range.inclusive { "..=" } else { ".." })
            }
            Self::List(list) => {
                let parts: Vec<_> = list.iter().map(Self::display).collect();
                format!("[{}]", parts.join(", "))
            }
            Self::Record(record) => {
                let parts: Vec<_> = record
                    .iter()
                    .map(|(key, value)| format!("{key}: {}", value.display()))
                    .collect();
                format!("{{ {} }}", parts.join(", "))
            }
            Self::Function(function) => function.name().to_owned(),
            Self::Task(task) => task.name().to_owned(),
            Self::Cohort(cohort) => cohort.name().to_owned(),
            Self::Dataset(data) | Self::Rows(data) => data.name().to_owned(),
            Self::Net(net) => net.display(),
            Self::Freeze(freeze) => freeze.to_string(),
            Self::Normalization(by) => by.to_string(),
            Self::Folding(folding) => folding.to_string(),
            Self::WeightInit(WeightInit::Normal(deviation)) => format!("normal({})", Self::Float(*deviation).display()),
            Self::Fuse(fuse) => fuse.to_string(),
            Self::WeightFile(source) => source.display(),
            Self::Schedule(schedule) => super::schedules::shown(schedule),
            Self::StageRates(rates) => rates.to_string(),
            Self::Optimizer(optimizer) => super::optimizers::shown(optimizer),
            Self::Loss(loss) => super::losses::shown(loss),
            Self::Augmentation(augmentation) => super::augment::shown(augmentation),
            Self::Mix(mix) => super::mixes::shown(mix),
            other => other
                .label()
                .map_or_else(|| format!("<{}>", other.type_name()), |label| label.to_string()),
        }
    }

    /// The value as a domain of a parameter may hold it; none for what is no plain value. A path counts as reports name it.
    pub(super) fn plain(&self) -> Option<Plain> {
        match self {
            Self::Bool(value) => Some(Plain::Bool(*value)),
            Self::Int(value) => Some(Plain::Number(*value as f64)),
            Self::Float(value) | Self::Duration(value) => Some(Plain::Number(*value)),
            Self::Text(text) => Some(Plain::Text(text.to_string())),
            Self::Path(path) => Some(Plain::Text(path.shown.clone())),
            _ => None,
        }
    }

    /// A whole number.
    pub(super) fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// A number.
    pub(super) fn as_float(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// A text, or a path as text.
    pub(super) fn as_text(&self) -> Option<Rc<str>> {
        match self {
            Self::Text(text) => Some(Rc::clone(text)),
            _ => None,
        }
    }
}

impl<'p> Function<'p> {
    /// Its name, or what stands for one.
    pub(super) fn name(&self) -> &'p str {
        match self {
            Self::Item(item, _) => &item.name.name,
            Self::Net(_, net, _) => &net.name.name,
            Self::Lambda(..) => "lambda",
        }
    }

    /// Its parameters.
    pub(super) fn parameters(&self) -> &'p [Parameter] {
        match self {
            Self::Item(item, _) => &item.parameters,
            Self::Net(_, net, _) => &net.parameters,
            Self::Lambda(parameters, ..) => parameters,
        }
    }

    /// True when a call without arguments is complete.
    pub(super) fn needs_nothing(&self) -> bool {
        self.parameters().iter().all(|p| p.rest || p.default.is_some())
    }
}

impl<'p> Arguments<'p> {
    /// The slot of a parameter; every parameter of the called function has one.
    pub(super) fn slot(&self, name: &str) -> Option<&Slot<'p>> {
        self.slots.get(name)
    }

    /// The value of a parameter.
    pub(super) fn value(&self, name: &str) -> &Value<'p> {
        self.slots.get(name).map_or(&Value::None, |slot| &slot.value)
    }
}

/// The expression of an argument.
pub(super) fn argument_expr(argument: &Argument) -> &Expr {
    match argument {
        Argument::Positional(expr) | Argument::Named(_, expr) | Argument::Spread(expr) => expr,
    }
}

/// A text that is the same for equal values and another one for different ones; none for functions, steps and data.
pub(super) fn fingerprint(value: &Value<'_>) -> Option<String> {
    let mut text = String::new();
    write_fingerprint(value, &mut text)?;
    Some(text)
}

fn write_fingerprint(value: &Value<'_>, out: &mut String) -> Option<()> {
    match value {
        Value::None => out.push('n'),
        Value::Bool(value) => write!(out, "b{value}").ok()?,
        Value::Int(value) => write!(out, "i{value}").ok()?,
        Value::Float(value) => write!(out, "f{:x}", value.to_bits()).ok()?,
        Value::Range(range) => {
            let (low, high) = (range.low.to_bits(), range.high.to_bits());
            write!(out, "r{low:x}:{high:x}:{}", range.inclusive).ok()?;
        }
        Value::Text(text) => write!(out, "t{text:?}").ok()?,
        Value::Date(date) => write!(out, "d{date}").ok()?,
        Value::Choice(word) => write!(out, "c{word}").ok()?,
        Value::WeightInit(init) => write!(out, "w{init:?}").ok()?,
        Value::Fuse(fuse) => write!(out, "u{fuse:?}").ok()?,
        Value::List(list) => {
            out.push('[');
            for value in list.iter() {
                write_fingerprint(value, out)?;
                out.push(',');
            }
            out.push(']');
        }
        Value::Record(record) => {
            out.push('{');
            for (key, value) in record.iter() {
                write!(out, "{key:?}:").ok()?;
                write_fingerprint(value, out)?;
                out.push(',');
            }
            out.push('}');
        }
        _ => return None,
    }
    Some(())
}
