//! Evaluation of a program to the graph of stages, and the keys under which their results are stored.
//!
//! [`plan`] runs a checked program. It is pure: wherever the program loads, trains, scores or reports, a node of the
//! graph is made instead of a result. Planning reads manifests and the headers of files, never pixels.

pub mod canon;
pub mod cost;
pub mod digest;
pub mod dot;
pub mod stage;
pub mod trail;

mod augment;
mod builtins;
mod call;
mod cells;
mod class_weights;
mod classify;
mod concat;
mod contrast;
mod convert;
mod course;
mod dag;
mod data;
mod data_card;
mod describe;
mod domain;
mod eval;
mod extracts;
mod evaluate;
mod export_weights;
mod facts;
mod families;
mod grid;
mod grid_builtins;
mod hub;
mod identities;
mod join;
mod layers;
mod leak;
mod level;
pub mod looks;
mod lints;
mod losses;
mod mixes;
mod model;
mod naming;
mod net_card;
mod nets;
mod operators;
mod optimizers;
mod permute;
mod pictures;
mod preparation;
mod rates;
mod records;
mod report;
mod rows;
mod sample_classes;
mod schedules;
mod select;
mod seeds;
mod shapes;
mod sources;
mod split;
mod stages;
mod train;
mod train_options;
mod value;
mod views;
mod weight_names;
mod weights;

#[cfg(test)]
mod tests;

use crate::{
    analysis::{self, ModuleId, Program},
    diag::{Diagnostic, Diagnostics, codes::plan as codes},
    net::{Graph, Shape},
    source::Span,
    syntax::ast::Expr,
};
use canon::{Ingredients, Key, Taken};
use digest::Digest;
use domain::Input;
use eval::Evaluator;
pub use hub::{HubFile, hub_cache, hub_files};
use indexmap::IndexMap;
use petgraph::graph::DiGraph;
pub use petgraph::{Direction, graph::NodeIndex};
pub use preparation::{Preparation, preparation};
use stage::{Dag, Role, Stage};
use stages::StageId;
use std::{
    cell::Cell,
    sync::{Arc, atomic::AtomicBool},
    thread,
};
use value::{Env, Function, Opened, Value};
pub use weights::unreadable_weights;

/// Bytes of stack for the evaluator, which follows the nesting of the program; only what is used is ever touched.
const STACK: usize = 256 << 20;

/// What is to be planned.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Names of the outputs that are wanted; all when empty.
    pub outputs: Vec<String>,
}

/// A plan: the stages that the outputs rest on.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Stages, with an edge from each to those that take something from it. Nodes stand in topological order: every
    /// input of a stage has a smaller index.
    pub graph: DiGraph<Stage, Role>,
    /// The stage of every output, by its name.
    pub outputs: IndexMap<String, NodeIndex>,
    /// The same graph with like stages, such as the folds of one step, as one node.
    pub summary: Dag,
    /// Remembers what many stages share, by its address: stages of `graph` are never replaced.
    keys: canon::Keys,
}

impl Plan {
    /// All stages, inputs before what takes them.
    pub fn order(&self) -> impl Iterator<Item = NodeIndex> + use<> {
        self.graph.node_indices()
    }

    /// The key of one of its stages, [`canon::stage_key`]; what many stages share is encoded once.
    #[must_use]
    pub fn key(&self, node: NodeIndex, inputs: &[Taken], files: &[Digest]) -> Key {
        self.ingredients(node).key(inputs, files)
    }

    /// What decides the result of one of its stages but for its inputs.
    #[must_use]
    pub fn ingredients(&self, node: NodeIndex) -> Ingredients {
        self.keys.ingredients(&self.graph[node].work)
    }
}

/// Plans the wanted outputs of a checked program. None when something is wrong, which is then reported; every output
/// is tried, so that independent mistakes are found together.
#[must_use]
pub fn plan(program: &Program, options: &Options, diagnostics: &mut Diagnostics) -> Option<Plan> {
    plan_until(program, options, &AtomicBool::new(false), diagnostics)
}

/// As [`plan`]; gives up, without a word, soon after `cancelled` is set.
#[must_use]
pub fn plan_until(
    program: &Program,
    options: &Options,
    cancelled: &AtomicBool,
    diagnostics: &mut Diagnostics,
) -> Option<Plan> {
    let plan = on_deep_stack(|| evaluate(program, options, cancelled, diagnostics));
    analysis::silence(program, diagnostics);
    plan
}

/// The graph of a network that an expression of the main module's scope gives: `resnet18(classes: 2)`, or `resnet18`
/// alone.
///
/// `shape` is channels, height and width of its input; `classes` replaces the network's own argument.
#[must_use]
pub fn network(
    program: &Program,
    expression: &Expr,
    shape: [usize; 3],
    classes: Option<usize>,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<Graph>> {
    network_of_views(program, expression, (shape, 1), classes, diagnostics)
}

/// As [`network`], for samples of several views: `shape` is that of one of them.
#[must_use]
pub fn network_of_views(
    program: &Program,
    expression: &Expr,
    (shape, views): ([usize; 3], usize),
    classes: Option<usize>,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<Graph>> {
    on_deep_stack(|| {
        let mut evaluator = Evaluator::new(program, diagnostics);
        let value = match evaluator.eval(expression, &Env::of(program.main)).ok()? {
            Value::Function(function @ Function::Net(..)) if function.needs_nothing() => {
                evaluator.call_function(&function, Vec::new(), expression.span).ok()?
            }
            value => value,
        };
        match value {
            Value::Net(net) => evaluator
                .graph(&net, Input { shape, views }, classes, expression.span)
                .ok(),
            other => evaluator.unexpected("a network", &other, expression.span).ok(),
        }
    })
}

/// A network with the shape after each of its layers.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The network.
    pub graph: Arc<Graph>,
    /// Every step of a pipe and every layer in the order of their evaluation: its place, and the shape after it.
    pub shapes: Vec<(Span, Shape)>,
}

/// As [`network`], for an expression of any module's scope and with its own number of classes; keeps all shapes.
#[must_use]
pub fn trace(
    program: &Program,
    module: ModuleId,
    expression: &Expr,
    shape: [usize; 3],
    diagnostics: &mut Diagnostics,
) -> Option<Trace> {
    on_deep_stack(|| {
        let mut evaluator = Evaluator::new(program, diagnostics);
        let Value::Net(net) = evaluator.eval(expression, &Env::of(module)).ok()? else {
            return None;
        };
        evaluator.networks.shapes = Some(Vec::new());
        let graph = evaluator
            .graph(&net, Input { shape, views: 1 }, None, expression.span)
            .ok()?;
        let shapes = evaluator.networks.shapes.take().unwrap_or_default();
        Some(Trace { graph, shapes })
    })
}

thread_local! {
    /// True where the stack is deep enough for the evaluator.
    static IS_DEEP: Cell<bool> = const { Cell::new(false) };
}

/// Carries `work` out on a thread whose stack has 256 MB or more and is nearly empty: what it plans is planned on this thread,
/// and needs no memory of another.
pub fn with_deep_stack<T>(work: impl FnOnce() -> T) -> T {
    let before = IS_DEEP.replace(true);
    let result = work();
    IS_DEEP.set(before);
    result
}

fn on_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if IS_DEEP.get() {
        return work();
    }
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        let thread = thread.expect("a thread can be started");
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn evaluate(
    program: &Program,
    options: &Options,
    cancelled: &AtomicBool,
    diagnostics: &mut Diagnostics,
) -> Option<Plan> {
    let mut evaluator = Evaluator::new(program, diagnostics);
    evaluator.cancelled = Some(cancelled);
    let (mut found, mut failed) = (
        IndexMap::new(),
        !unknown_outputs(program, options, evaluator.diagnostics),
    );
    // All outputs, whichever are wanted: comparisons of the others belong to the families of these.
    for (id, out) in program.outputs() {
        let name = &out.name.name;
        match evaluator.item(id, out.name.span) {
            Ok(Value::Report(opened)) => {
                found.insert(name.clone(), opened);
            }
            Ok(other) => {
                let message = format!(
                    "an output is something a person opens, and `{name}` is a {}",
                    other.type_name()
                );
                let diagnostic = Diagnostic::error(&codes::OUTPUT, message).at(out.value.span, "");
                evaluator
                    .diagnostics
                    .push(diagnostic.help("end it with `|> report(...)`"));
                failed = true;
            }
            Err(_) => failed = true,
        }
    }
    if failed || evaluator.diagnostics.has_errors() {
        return None;
    }
    let reports = |found: &IndexMap<String, Opened>| {
        let reports = found.values().filter_map(|opened| match opened {
            Opened::Report(place) => Some(*place),
            Opened::Stage(_) => None,
        });
        reports.collect()
    };
    let all = reports(&found);
    found.retain(|name, _| options.outputs.is_empty() || options.outputs.contains(name));
    let wanted = reports(&found);
    let made = families::make_reports(&mut evaluator.stages, &evaluator.reports, &all, &wanted);
    let outputs = found.into_iter().filter_map(|(name, opened)| match opened {
        Opened::Report(place) => Some((name, *made.get(&place)?)),
        Opened::Stage(stage) => Some((name, stage)),
    });
    Some(assemble(evaluator.stages, &outputs.collect()))
}

/// Reports wanted outputs that the program does not have; true when it has all.
fn unknown_outputs(program: &Program, options: &Options, diagnostics: &mut Diagnostics) -> bool {
    let names: Vec<_> = program.outputs().map(|(_, out)| out.name.name.as_str()).collect();
    let mut known = true;
    for wanted in options
        .outputs
        .iter()
        .filter(|wanted| !names.contains(&wanted.as_str()))
    {
        let near = crate::diag::nearest(wanted, names.iter().copied());
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("its outputs are {}", grid::listed(&names)),
        };
        let message = format!("the program has no output `{wanted}`");
        diagnostics.push(Diagnostic::error(&codes::OUTPUT, message).help(help));
        known = false;
    }
    known
}

/// The plan of what the outputs need, stages in the order of their making.
fn assemble(stages: stages::Stages, outputs: &IndexMap<String, StageId>) -> Plan {
    let roots: Vec<_> = outputs.values().copied().collect();
    let needed = stages.needed(&roots);
    let summary = dag::summary(&stages, &needed, None);
    let mut made: Vec<_> = stages.into_made().into_iter().map(Some).collect();
    let mut plan = Plan {
        graph: DiGraph::with_capacity(needed.len(), 2 * needed.len()),
        summary,
        ..Plan::default()
    };
    let mut places: Vec<Option<NodeIndex>> = vec![None; made.len()];
    for id in needed {
        let Some(one) = made[id.0].take() else { continue };
        let place = plan.graph.add_node(one.stage);
        for (input, role) in one.inputs {
            if let Some(from) = places[input.0] {
                plan.graph.add_edge(from, place, role);
            }
        }
        places[id.0] = Some(place);
    }
    let found = outputs
        .iter()
        .filter_map(|(name, id)| Some((name.clone(), places[id.0]?)));
    plan.outputs = found.collect();
    plan
}
