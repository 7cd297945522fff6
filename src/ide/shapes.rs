//! The shapes that networks give their tensors, layer by layer.

use std::fmt::Write as _;

use super::{
    analysis::Analysis,
    visit::{self, Node, name_of},
};
use crate::{
    analysis::{ItemId, ModuleId, Target},
    diag::Diagnostics,
    net::{Graph, Shape},
    plan::{self, Trace},
    source::Span,
    syntax::ast::{Argument, Expr, ExprKind, ItemKind},
};

/// The most networks of a program that are traced.
const MOST_TRACES: usize = 24;

/// The most layers that a listing shows.
const MOST_LAYERS: usize = 160;

/// The transforms that bring pictures to a size.
const SIZING: [&str; 4] = ["resize", "fit", "crop", "pad"];

/// A network that the program makes.
#[derive(Debug)]
pub(super) struct Traced {
    /// As the program writes it: `resnet18(classes: 2)`.
    pub(super) label: String,
    /// The net that is called.
    pub(super) net: ItemId,
    /// The call; of a net that is traced with its defaults its name.
    pub(super) at: Span,
    /// Graph and shapes.
    pub(super) trace: Trace,
}

/// All networks of a program, for pictures of one shape.
#[derive(Debug)]
pub(super) struct Traces {
    /// Channels, height and width of the pictures.
    pub(super) input: [usize; 3],
    pub(super) all: Vec<Traced>,
}

impl Analysis {
    /// The networks that the program makes, and its nets with their defaults. Evaluated when first asked for.
    pub(super) fn traces(&self) -> &Traces {
        self.traces.get_or_init(|| {
            let input = self.pictures();
            let mut all: Vec<Traced> = Vec::new();
            for (module, expr, net, at) in self.candidates() {
                if all.len() >= MOST_TRACES {
                    break;
                }
                let found = plan::trace(&self.program, module, &expr, input, &mut Diagnostics::new());
                if let Some(trace) = found {
                    let label = match expr.span == at {
                        true => self.program.sources.text(at).to_owned(),
                        false => format!("{}()", self.program.sources.text(at)),
                    };
                    all.push(Traced { label, net, at, trace });
                }
            }
            Traces { input, all }
        })
    }

    /// The shape of the pictures: of the one size that the program brings them to, else the usual 224 pixels, in three
    /// channels.
    fn pictures(&self) -> [usize; 3] {
        let mut sizes = Vec::new();
        for (_, module) in self.modules().filter(|(_, module)| !module.origin.is_std()) {
            visit::walk(&module.tree, &mut |node, _| {
                if let Node::Expr(Expr {
                    kind: ExprKind::Call(callee, arguments),
                    ..
                }) = node
                    && matches!(&callee.kind, ExprKind::Name(name) if SIZING.contains(&name.as_str()))
                    && let [Argument::Positional(size) | Argument::Named(_, size)] = arguments.as_slice()
                    && let ExprKind::Int(size) = size.kind
                    && let Ok(size @ 1..=4096) = usize::try_from(size)
                {
                    sizes.push(size);
                }
            });
        }
        sizes.dedup();
        let size = match sizes.as_slice() {
            [only] => *only,
            _ => 224,
        };
        [3, size, size]
    }

    /// Every call of a net, and every net that needs no argument, with what calls it.
    fn candidates(&self) -> Vec<(ModuleId, Expr, ItemId, Span)> {
        let mut found = Vec::new();
        for (id, module) in self.modules().filter(|(_, module)| !module.origin.is_std()) {
            visit::walk(&module.tree, &mut |node, around| {
                let in_net = matches!(around.first(), Some(Node::Item(item)) if matches!(item.kind, ItemKind::Net(_)));
                if let Node::Expr(expr) = node
                    && let ExprKind::Call(callee, _) = &expr.kind
                    && let Some(Target::Item(net)) = name_of(callee).and_then(|at| self.facts.target(at))
                    && matches!(self.program.item(net).kind, ItemKind::Net(_))
                    && !in_net
                {
                    found.push((id, expr.clone(), net, expr.span));
                }
            });
        }
        let main = self.program.main;
        for (module, loaded) in self.modules() {
            // Of the library only when nothing of the user's own is looked at.
            if loaded.origin.is_std()
                && self
                    .program
                    .module(main)
                    .origin
                    .folder()
                    .is_some_and(|f| !f.as_os_str().is_empty())
            {
                continue;
            }
            for (id, item) in self.program.items(module) {
                if let ItemKind::Net(net) = &item.kind
                    && net.parameters.iter().all(|p| p.default.is_some())
                {
                    let name = Expr {
                        kind: ExprKind::Name(net.name.name.clone()),
                        span: net.name.span,
                    };
                    let call = Expr {
                        kind: ExprKind::Call(Box::new(name), Vec::new()),
                        span: net.name.span.after(),
                    };
                    found.push((module, call, id, net.name.span));
                }
            }
        }
        found
    }

    /// The shapes after a step or a layer, by the network in which it stands, each once.
    pub(super) fn shapes_after(&self, span: Span) -> Vec<(&str, Vec<Shape>)> {
        let mut found: Vec<(&str, Vec<Shape>)> = Vec::new();
        for traced in &self.traces().all {
            let mut shapes: Vec<Shape> = Vec::new();
            for (_, shape) in traced.trace.shapes.iter().filter(|(at, _)| *at == span) {
                if !shapes.contains(shape) {
                    shapes.push(*shape);
                }
            }
            if !shapes.is_empty() && !found.iter().any(|(_, known)| *known == shapes) {
                found.push((&traced.label, shapes));
            }
        }
        found
    }
}

/// A network layer by layer: names of parameters, operation, shape; then its size.
pub(super) fn listing(graph: &Graph) -> String {
    let rows: Vec<(String, &str, String)> = graph
        .nodes
        .iter()
        .map(|node| {
            let first = node.op.parameters().next().map(|id| graph.parameter(id).name.as_str());
            let scope = first
                .and_then(|name| name.rsplit_once('.'))
                .map_or("", |(scope, _)| scope);
            (scope.to_owned(), node.op.name(), node.shape.to_string())
        })
        .collect();
    let scopes = rows.iter().map(|(scope, ..)| scope.len()).max().unwrap_or(0);
    let names = rows.iter().map(|(_, name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (scope, name, shape) in rows.iter().take(MOST_LAYERS) {
        let _ = writeln!(text, "{scope:scopes$}  {name:names$}  {shape}");
    }
    if rows.len() > MOST_LAYERS {
        let _ = writeln!(text, "... and {} more", rows.len() - MOST_LAYERS);
    }
    let _ = write!(text, "{} trained values", grouped(graph.trained_values()));
    text
}

/// A number with its digits in threes: `11,689,512`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
