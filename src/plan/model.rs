//! Models before training: random weights, and weights from a file.

use super::{
    convert::FilePath,
    data::setting,
    domain::{Input, Loaded, Model, ModelState, Net, NetTowers},
    eval::Evaluator,
    stage::{InputAdapt, Load, Work},
    stages::{StageId, Title},
    value::{Arguments, Failed, Outcome, Value},
};
use crate::{
    diag::{Diagnostic, codes::data, codes::plan as codes, nearest},
    net::{Attention, Fuse, Graph},
    source::Span,
};
use indexmap::IndexMap;
use serde::Deserialize;
use std::{
    fs::File,
    io::{self, Read},
    rc::Rc,
    sync::Arc,
};

/// The longest header of a safetensors file that is read; the format's reference implementation has the same limit.
const LONGEST_HEADER: u64 = 100_000_000;

/// An entry of a safetensors header: <https://huggingface.co/docs/safetensors>.
#[derive(Deserialize)]
struct Entry {
    shape: Vec<usize>,
}

impl<'p> Evaluator<'p, '_> {
    /// Carries out a builtin of models that makes no stage at once; none for another one.
    pub(super) fn model_builtin(
        &mut self,
        name: &str,
        subject: &Option<(Value<'p>, Span)>,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Option<Outcome<Value<'p>>> {
        Some(match name {
            "count_stages" => match arguments.value("model") {
                Value::Model(model) => Ok(Value::Int(i64::try_from(model.net.stage_count()).unwrap_or(i64::MAX))),
                other => self.unexpected("a model", other, span),
            },
            "towers" => match subject.as_ref()? {
                (Value::Model(model), _) => self.towers(model, arguments, span),
                (other, at) => self.unexpected("a model", other, *at),
            },
            "attention" => self.attention(arguments),
            "init" | "load" => match subject.as_ref()? {
                (Value::Model(model), _) if name == "init" => {
                    let seed = arguments.value("seed").as_int().map(i64::cast_unsigned);
                    Ok(with_state(model, ModelState::Random { seed }))
                }
                (Value::Model(model), _) => self.load(model, arguments, span),
                (other, at) => self.unexpected("a model", other, *at),
            },
            _ => return None,
        })
    }

    fn load(&mut self, model: &Model<'p>, arguments: &Arguments<'p>, span: Span) -> Outcome<Value<'p>> {
        let Some(slot) = arguments.slot("path") else {
            return Err(Failed);
        };
        let Value::Path(path) = &slot.value else {
            return self.unexpected("a path", &slot.value, slot.span);
        };
        if !path.full.is_file() {
            let diagnostic = Diagnostic::error(&data::NO_FILE, format!("there is no file {}", path.full.display()));
            let help = "paths start at the folder of the file they are written in";
            return self.fail(diagnostic.at(slot.span, "").help(help));
        }
        let adapt = arguments.slot("adapt").and_then(|slot| match &slot.value {
            Value::Record(record) => Some((input_adapt(record.get("input")?)?, slot.by)),
            _ => None,
        });
        let path = Rc::clone(path);
        Ok(with_state(
            model,
            ModelState::Loaded(Rc::new(Loaded { path, adapt, span })),
        ))
    }

    /// Fusion by attention.
    fn attention(&mut self, arguments: &Arguments<'p>) -> Outcome<Value<'p>> {
        let hidden = self.size(arguments, "hidden")?;
        if let Some(slot) = arguments.slot("hidden").filter(|_| hidden == 0) {
            return self.error(&codes::BAD_VALUE, "`hidden` must be at least 1", slot.span);
        }
        let gated = !matches!(arguments.value("gated"), Value::Bool(false));
        Ok(Value::Fuse(Fuse::Attention(Attention { hidden, gated })))
    }

    /// A network for samples of several views, from one for single pictures: its weights are kept before the head.
    fn towers(&mut self, model: &Model<'p>, arguments: &Arguments<'p>, span: Span) -> Outcome<Value<'p>> {
        if let Some(before) = &model.net.towers {
            let diagnostic = Diagnostic::error(&codes::BAD_VALUE, "this network has towers already");
            return self.fail(diagnostic.at(span, "").at(before.span, "put on here"));
        }
        let net = Net {
            towers: Some(NetTowers {
                fuse: match arguments.value("fuse") {
                    Value::Choice("mean") => Fuse::Mean,
                    Value::Choice("max") => Fuse::Max,
                    Value::Fuse(fuse) => *fuse,
                    _ => Fuse::Concat,
                },
                shared: !matches!(arguments.value("shared"), Value::Bool(false)),
                span,
            }),
            ..Net::clone(&model.net)
        };
        Ok(Value::Model(Rc::new(Model {
            net: Rc::new(net),
            state: model.state.clone(),
            pending: !matches!(model.state, ModelState::Random { .. }),
        })))
    }

    /// The stage that reads a weight file for pictures of this shape, and the network that the file must fit.
    pub(super) fn load_stage(
        &mut self,
        net: &Net<'p>,
        loaded: &Loaded,
        input: Input,
    ) -> Outcome<(StageId, Arc<Graph>)> {
        let (path, span) = (&loaded.path, loaded.span);
        let graph = self.graph(net, input, None, span)?;
        let adapted = self.check_weights(loaded, &graph)?;
        // A file that fits as it is is read as it is, whatever was allowed.
        let adapt = loaded.adapt.filter(|_| adapted.is_some());
        let settings = adapt.zip(adapted).map(|((adapt, by), [from, to])| {
            setting(
                "adapt",
                format!("{{ input: {} }}: {from} channels to {to}", adapt.word()),
                by,
            )
        });
        let adapt = adapt.map(|(adapt, _)| adapt);
        let adapting = adapt.map(|adapt| format!(" (input: {})", adapt.word()));
        let name = path.full.file_stem().unwrap_or_default().to_string_lossy();
        let title = Title {
            place: String::new(),
            member: String::new(),
            label: format!("load {name}{}", adapting.unwrap_or_default()),
        };
        let key = format!("{} {:p} {adapt:?}", path.full.display(), Arc::as_ptr(&graph));
        let work = Work::Load(Load {
            path: path.full.clone(),
            graph: Arc::clone(&graph),
            adapt,
        });
        let settings = settings.into_iter().collect();
        let id = self.stages.make(&title, work, &key, Vec::new(), span, settings);
        Ok((id, graph))
    }

    /// Compares the names and shapes in a weight file's header with the network's. Further entries are
    /// a warning, but for the counters that torch writes beside batch norms. Gives the channels in the file and in the
    /// network where the first layer is to be adapted.
    fn check_weights(&mut self, loaded: &Loaded, graph: &Graph) -> Outcome<Option<[usize; 2]>> {
        let (path, span) = (&loaded.path, loaded.span);
        let first = graph.input_weights();
        let mut adapted = None;
        let header = match read_header(path) {
            Ok(header) => header,
            Err(error) => {
                let message = format!("{} is no safetensors file: {error}", path.full.display());
                return self.error(&codes::WEIGHTS_MISFIT, message, span);
            }
        };
        let missing: Vec<_> = graph
            .parameters
            .iter()
            .filter(|p| !header.contains_key(&p.name))
            .map(|p| p.name.as_str())
            .collect();
        // torch's counters beside batch norms are no weights.
        let left: Vec<_> = header
            .keys()
            .filter(|name| graph.find(name).is_none() && !name.ends_with(".num_batches_tracked"))
            .map(String::as_str)
            .collect();
        if let Some(first) = missing.first() {
            let message = match missing.len() {
                1 => format!("{} has no `{first}`, which `{}` needs", path.shown, graph.name),
                count => format!(
                    "{} has no {}, and so {count} of the {} parameters of `{}` would stay unfilled",
                    path.shown,
                    some(&missing),
                    graph.parameters.len(),
                    graph.name
                ),
            };
            let near = nearest(first, left.iter().copied()).map(|near| format!("nearest to `{first}` is `{near}`; "));
            let help = match left.len() {
                0 => "the file has no other names".to_owned(),
                _ => format!("{}no layer takes its {}", near.unwrap_or_default(), some(&left)),
            };
            return self.fail(
                Diagnostic::error(&codes::WEIGHTS_MISFIT, message)
                    .at(span, "")
                    .help(help),
            );
        }
        if !left.is_empty() {
            let message = format!("no layer of `{}` takes {} of {}", graph.name, some(&left), path.shown);
            let help = "the file may be for a larger network; what it has more is left out";
            let diagnostic = Diagnostic::warning(&codes::WEIGHTS_LEFT, message).at(span, "");
            self.diagnostics.push(diagnostic.help(help));
        }
        for (parameter, id) in graph.parameters.iter().zip(graph.ids()) {
            let found = header.get(&parameter.name).map(|entry| &entry.shape);
            if let Some(found) = found.filter(|found| **found != parameter.shape) {
                let channels = first
                    .contains(&id)
                    .then(|| other_channels(found, &parameter.shape))
                    .flatten();
                if loaded.adapt.is_some() && channels.is_some() {
                    adapted = channels;
                    continue;
                }
                let message = format!(
                    "`{}` is {found:?} in {}, and {:?} in `{}`",
                    parameter.name, path.shown, parameter.shape, graph.name
                );
                let diagnostic = Diagnostic::error(&codes::WEIGHTS_MISFIT, message).at(span, "");
                let in_head = graph.find(&parameter.name).is_some_and(|id| graph.is_head(id));
                return self.fail(match (in_head, found.first(), channels) {
                    (true, Some(classes), _) => {
                        diagnostic.help(format!("the file has {classes} classes: write `classes: {classes}`"))
                    }
                    (_, _, Some([from, to])) => diagnostic.help(format!(
                        "the file is for pictures of {from} channels, and these have {to}: `adapt: {{ input: sum }}` makes the \
                         first layer of the file's"
                    )),
                    _ => diagnostic,
                });
            }
        }
        Ok(adapted)
    }
}

/// The first of some names, and how many more there are.
fn some(names: &[&str]) -> String {
    const SHOWN: usize = 4;
    match names.len() {
        0..=SHOWN => super::grid::listed(names),
        count => {
            let quoted: Vec<_> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
            format!("{} and {} more", quoted.join(", "), count - SHOWN)
        }
    }
}

/// The input channels of two weights that differ in nothing else.
fn other_channels(found: &[usize], wanted: &[usize]) -> Option<[usize; 2]> {
    match (found, wanted) {
        ([a, from, rest @ ..], [b, to, others @ ..]) if *from > 0 && a == b && rest == others && !rest.is_empty() => {
            Some([*from, *to])
        }
        _ => None,
    }
}

/// The word of `adapt: { input: ... }`.
fn input_adapt(value: &Value<'_>) -> Option<InputAdapt> {
    let all = [InputAdapt::Sum, InputAdapt::Mean, InputAdapt::Replicate];
    all.into_iter()
        .find(|adapt| matches!(value, Value::Choice(word) if *word == adapt.word()))
}

fn with_state<'p>(model: &Model<'p>, state: ModelState) -> Value<'p> {
    Value::Model(Rc::new(Model {
        net: Rc::clone(&model.net),
        state,
        pending: false,
    }))
}

fn read_header(path: &FilePath) -> io::Result<IndexMap<String, Entry>> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut file = File::open(&path.full)?;
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST_HEADER.min(file.metadata()?.len()) {
        return Err(invalid("its header is longer than the file"));
    }
    let mut text = Vec::new();
    file.take(length).read_to_end(&mut text)?;
    let values: IndexMap<String, serde_json::Value> = serde_json::from_slice(&text)?;
    values
        .into_iter()
        .filter(|(name, _)| name != "__metadata__")
        .map(|(name, value)| Ok((name, serde_json::from_value(value)?)))
        .collect()
}
