//! Weights from a file: its names against those of the network, before any value is read.

use super::{
    convert::FilePath,
    data::setting,
    domain::{Exposure, History, Input, Loaded, MemberModel, Model, ModelState, Net, Trained},
    eval::Evaluator,
    model::with_state,
    seeds,
    stage::{Fresh, InputAdapt, Link, Load, Normalization, WeightFacts, Work},
    stages::{Setting, StageId, Title},
    value::{Arguments, Failed, Outcome, Text, Value},
    weight_names::prefix,
};
use crate::{
    diag::{Diagnostic, codes::data, codes::plan as codes, nearest},
    net::{Graph, ParameterId},
    source::Span,
    weights::{Dtype, WeightFile, WeightFileError},
};
use indexmap::IndexMap;
use std::{fmt, rc::Rc, sync::Arc};

/// The words of a call that choose among the names of a file and of the network.
const CHOOSING: [&str; 3] = ["names", "skip", "new"];

/// What a file's names are to a network.
#[derive(Default)]
struct Matched {
    /// For each parameter of the network its name in the file; none for one that begins at random.
    sources: Vec<Option<String>>,
    /// Channels of first layers in the file and in the network, where they are to be adapted.
    channels: Option<[usize; 2]>,
    facts: WeightFacts,
}

impl<'p> Evaluator<'p, '_> {
    /// `load(path, within: .., names: .., skip: .., new: .., adapt: ..)`
    pub(super) fn load(&mut self, model: &Model<'p>, arguments: &Arguments<'p>, span: Span) -> Outcome<Value<'p>> {
        let Some(slot) = arguments.slot("path") else {
            return Err(Failed);
        };
        let Value::WeightFile(source) = &slot.value else {
            return self.unexpected("a file of weights", &slot.value, slot.span);
        };
        let path = &source.path;
        self.program.tables.note(&path.full, false);
        if !path.full.is_file() {
            let diagnostic = Diagnostic::error(&data::NO_FILE, format!("there is no file {}", path.full.display()));
            let help = "paths start at the folder of the file they are written in";
            return self.fail(diagnostic.at(slot.span, "").help(help));
        }
        let within = arguments.value("within").as_text();
        let file = match WeightFile::open(&path.full, within.as_deref()) {
            Ok(file) => file,
            Err(error) => return self.unreadable(path, &error, slot.span),
        };
        let adapt = arguments.slot("adapt").and_then(|slot| match &slot.value {
            Value::Record(record) => Some((input_adapt(record.get("input")?)?, slot.by)),
            _ => None,
        });
        let place = |name: &str| arguments.slot(name).map_or(span, |slot| slot.span);
        let loaded = Loaded {
            source: Rc::clone(source),
            format: file.format(),
            note: file.note(),
            entries: file.into_entries(),
            within,
            adapt,
            names: self.rules(arguments)?,
            skip: texts(arguments.value("skip")),
            new: texts(arguments.value("new")),
            settings: choices(arguments),
            spans: CHOOSING.map(place),
            span,
        };
        Ok(with_state(model, ModelState::Loaded(Rc::new(loaded))))
    }

    fn unreadable<T>(&mut self, path: &FilePath, error: &WeightFileError, span: Span) -> Outcome<T> {
        self.fail(unreadable_weights(&path.shown, error).at(span, ""))
    }

    /// The stage that reads a weight file for pictures of this shape, and the network that the file must fit.
    pub(super) fn load_stage(
        &mut self,
        net: &Net<'p>,
        loaded: &Loaded,
        input: Input,
    ) -> Outcome<(StageId, Arc<Graph>)> {
        let (path, span) = (&loaded.source.path, loaded.span);
        let classes = loaded.classes().map(|classes| classes.len());
        let graph = self.graph(net, input, classes, span)?;
        let matched = self.match_weights(loaded, &graph)?;
        // A file that fits as it is is read as it is, whatever was allowed.
        let adapted = loaded.adapt.zip(matched.channels);
        let mut settings = loaded.settings.clone();
        settings.extend(adapted.map(|((adapt, by), [from, to])| {
            let value = format!("{{ input: {} }}: {from} channels to {to}", adapt.word());
            setting("adapt", value, by)
        }));
        let by = super::stage::ChoiceBy::Program;
        settings.push(setting("weights", format!("{}, {}", path.shown, matched.facts), by));
        let adapt = adapted.map(|((adapt, _), _)| adapt);
        let adapting = adapt.map(|adapt| format!(" (input: {})", adapt.word()));
        let name = path.full.file_stem().unwrap_or_default().to_string_lossy();
        let title = Title {
            place: String::new(),
            member: String::new(),
            label: format!("load {name}{}", adapting.unwrap_or_default()),
        };
        let of_each = || {
            graph
                .parameters
                .iter()
                .map(|parameter| &parameter.name)
                .zip(&matched.sources)
        };
        let renamed = of_each().filter_map(|(name, source)| {
            let source = source.as_ref().filter(|source| *source != name)?;
            Some((name.clone(), source.clone()))
        });
        let fresh = of_each().filter(|(_, source)| source.is_none());
        let fresh: Vec<_> = fresh.map(|(name, _)| name.clone()).collect();
        let load = Load {
            path: path.full.clone(),
            graph: Arc::clone(&graph),
            adapt,
            within: loaded.within.as_ref().map(ToString::to_string),
            renamed: renamed.collect(),
            fresh: (!fresh.is_empty()).then(|| Fresh {
                names: fresh,
                seed: seeds::of_weights(self.seed.0, 0),
            }),
            digest: loaded.source.hub.as_ref().map(|(_, digest)| *digest),
            facts: matched.facts,
        };
        let key = format!(
            "{} {:p} {adapt:?} {:?} {:?} {:?}",
            path.full.display(),
            Arc::as_ptr(&graph),
            load.within,
            load.renamed,
            load.fresh
        );
        let id = self.stages.make(
            &title,
            Work::Load(load),
            key.as_bytes(),
            Vec::new(),
            span,
            settings.into(),
        );
        Ok((id, graph))
    }

    /// A model from a file that says the classes of its head, as one that was trained: it may be judged.
    pub(super) fn loaded_model(
        &mut self,
        model: &Model<'p>,
        loaded: &Loaded,
        input: Input,
        normalization: &Normalization,
    ) -> Outcome<Rc<Trained>> {
        let (stage, graph) = self.load_stage(&model.net, loaded, input)?;
        let history = History {
            stage,
            label: self.stages.get(stage).label.clone(),
            member: String::new(),
            seen: Rc::new(Exposure::default()),
            span: loaded.span,
            before: None,
        };
        let declared = loaded.note.as_ref().map(|note| Normalization {
            mean: note.mean.clone(),
            deviation: note.deviation.clone(),
        });
        Ok(Rc::new(Trained {
            origin: None,
            cohort: "".into(),
            members: vec![MemberModel {
                repeat: 0,
                fold: 0,
                stage,
                history: Rc::new(history),
            }],
            learned: Rc::new(graph.parameters.iter().map(|p| !loaded.is_new(&p.name)).collect()),
            graph,
            classes: loaded.classes().unwrap_or_default(),
            link: match &loaded.note {
                Some(note) if note.sigmoid => Link::Sigmoid,
                _ => Link::Softmax,
            },
            normalization: declared.unwrap_or_else(|| normalization.clone()),
            chain: vec![format!("weights of {}", loaded.source.path.shown)],
        }))
    }

    /// Compares the names and shapes in a weight file's header with the network's. Further names are a warning, but for
    /// the counters that torch writes beside batch norms.
    fn match_weights(&mut self, loaded: &Loaded, graph: &Graph) -> Outcome<Matched> {
        let named = self.named(loaded)?;
        let [.., new] = loaded.spans;
        for pattern in &loaded.new {
            if let Err(error) = graph.matching(pattern) {
                return self.select_error(&error, new);
            }
        }
        let fresh = |name: &str| loaded.is_new(name);
        let missing = graph.parameters.iter().map(|parameter| parameter.name.as_str());
        let missing: Vec<_> = missing
            .filter(|name| !fresh(name) && !named.files.contains_key(*name))
            .collect();
        let left = named.files.iter().filter(|(name, _)| graph.find(name).is_none());
        let left: Vec<_> = left.map(|(_, file)| *file).collect();
        if !missing.is_empty() {
            return self.incomplete(loaded, graph, &missing, &left);
        }
        if !left.is_empty() {
            let message = format!(
                "no layer of `{}` takes {} of {}",
                graph.name,
                some(&left),
                loaded.source.path.shown
            );
            let help = "the file may be for a larger network; `skip: [...]` says that this is meant";
            let diagnostic = Diagnostic::warning(&codes::WEIGHTS_LEFT, message).at(loaded.span, "");
            self.diagnostics.push(diagnostic.help(help));
        }
        let mut matched = Matched::default();
        let mut converted: IndexMap<&str, usize> = IndexMap::new();
        for (parameter, id) in graph.parameters.iter().zip(graph.ids()) {
            let source = named.files.get(&parameter.name).filter(|_| !fresh(&parameter.name));
            if let Some(source) = source {
                let channels = self.check_entry(loaded, graph, id, source)?;
                matched.facts.adapted += usize::from(channels.is_some());
                matched.channels = channels.or(matched.channels);
                matched.facts.renamed += usize::from(**source != parameter.name);
                let dtype = loaded.entries.get(*source).map_or(Dtype::F32, |entry| entry.dtype);
                if dtype != Dtype::F32 {
                    *converted.entry(dtype.name()).or_default() += 1;
                }
            }
            matched.sources.push(source.map(|source| (*source).to_owned()));
        }
        let taken = matched.sources.iter().flatten().count();
        let replaced = named
            .files
            .keys()
            .filter(|name| graph.find(name).is_some() && fresh(name))
            .count();
        matched.facts = WeightFacts {
            file: loaded.source.path.shown.clone(),
            format: loaded.format.words().to_owned(),
            taken,
            converted: converted
                .into_iter()
                .map(|(dtype, count)| (dtype.to_owned(), count))
                .collect(),
            skipped: named.skipped + replaced,
            left: left.len(),
            counters: named.counters,
            reinitialised: matched.sources.len() - taken,
            ..matched.facts
        };
        Ok(matched)
    }

    /// Parameters that the file has nothing for.
    fn incomplete<T>(&mut self, loaded: &Loaded, graph: &Graph, missing: &[&str], left: &[&str]) -> Outcome<T> {
        let shown = &loaded.source.path.shown;
        let message = match missing {
            [one] => format!("{shown} has no `{one}`, which `{}` needs", graph.name),
            many => format!(
                "{shown} has no {}, and so {} of the {} parameters of `{}` would stay unfilled",
                some(many),
                many.len(),
                graph.parameters.len(),
                graph.name
            ),
        };
        let first = missing.first().copied().unwrap_or_default();
        let near = nearest(first, left.iter().copied()).map(|near| format!("nearest to `{first}` is `{near}`; "));
        let help = match (prefix(missing, left), left.len()) {
            (Some(prefix), _) => format!("they stand there behind `{prefix}`: write `names: {{ {prefix:?}: \"\" }}`"),
            (None, 0) => "the file has no other names; `new: [...]` lets parameters begin at random".to_owned(),
            (None, _) => format!(
                "{}no layer takes its {}; `names: {{ ... }}` says what is called otherwise there",
                near.unwrap_or_default(),
                some(left)
            ),
        };
        let diagnostic = Diagnostic::error(&codes::WEIGHTS_MISFIT, message).at(loaded.span, "");
        self.fail(diagnostic.help(help))
    }

    /// Type and shape of what a parameter takes; gives the channels in the file and in the network where a first layer is
    /// to be adapted.
    fn check_entry(
        &mut self,
        loaded: &Loaded,
        graph: &Graph,
        id: ParameterId,
        source: &str,
    ) -> Outcome<Option<[usize; 2]>> {
        let (parameter, shown) = (graph.parameter(id), &loaded.source.path.shown);
        let Some(entry) = loaded.entries.get(source) else {
            return Err(Failed);
        };
        if !entry.dtype.is_float() {
            let message = format!(
                "`{source}` is {} in {shown}, and weights are floating-point numbers",
                entry.dtype.name()
            );
            return self.error(&codes::WEIGHTS_MISFIT, message, loaded.span);
        }
        let found = &entry.shape;
        if *found == parameter.shape {
            return Ok(None);
        }
        let is_first = graph.input_weights().contains(&id);
        let channels = is_first.then(|| other_channels(found, &parameter.shape)).flatten();
        if loaded.adapt.is_some() && channels.is_some() {
            return Ok(channels);
        }
        let message = format!(
            "`{source}` is {found:?} in {shown}, and {:?} in `{}`",
            parameter.shape, graph.name
        );
        let diagnostic = Diagnostic::error(&codes::WEIGHTS_MISFIT, message).at(loaded.span, "");
        self.fail(match (graph.is_head(id), found.first(), channels) {
            (true, Some(classes), _) => {
                diagnostic.help(format!("the file has {classes} classes: write `classes: {classes}`"))
            }
            (_, _, Some([from, to])) => diagnostic.help(format!(
                "the file is for pictures of {from} channels, and these have {to}: `adapt: {{ input: sum }}` makes the \
                 first layer of the file's"
            )),
            _ => diagnostic,
        })
    }
}

/// Says why a weight file cannot be read.
#[must_use]
pub fn unreadable_weights(shown: &dyn fmt::Display, error: &WeightFileError) -> Diagnostic {
    let code = match error {
        WeightFileError::Unsafe(_) => &codes::WEIGHTS_UNSAFE,
        WeightFileError::Elsewhere { .. } => &codes::WEIGHTS_ELSEWHERE,
        _ => &codes::WEIGHTS_UNREADABLE,
    };
    let diagnostic = Diagnostic::error(code, format!("{shown} {error}"));
    match error.help() {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

/// What a call says of names, as settings.
fn choices(arguments: &Arguments<'_>) -> Vec<Setting> {
    let said = ["within"].into_iter().chain(CHOOSING).filter_map(|name| {
        let slot = arguments.slot(name).filter(|slot| slot.given)?;
        Some(setting(name, slot.value.display(), slot.by))
    });
    said.collect()
}

fn texts(value: &Value<'_>) -> Vec<Text> {
    match value {
        Value::List(list) => list.iter().filter_map(Value::as_text).collect(),
        _ => Vec::new(),
    }
}

/// The first of some names, and how many more there are.
pub(super) fn some(names: &[&str]) -> String {
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
