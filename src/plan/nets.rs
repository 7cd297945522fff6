//! Networks: a `net` with its arguments, evaluated over the graph builder for one shape of input.

use super::{
    domain::{Input, Net, NetTowers},
    eval::Evaluator,
    value::{Arguments, Env, Failed, Outcome, SharedPiece, Step, Value, argument_expr, fingerprint},
};
use crate::{
    diag::{Diagnostic, codes::net as codes},
    net::{Builder, Graph, NetError, NodeId, Shape, Towers},
    source::Span,
};
use indexmap::IndexMap;
use std::{fmt, marker::PhantomData, rc::Rc, sync::Arc};

impl fmt::Display for NetTowers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = if self.shared { "" } else { ", shared: false" };
        write!(f, "towers(fuse: {}{own})", self.fuse)
    }
}

/// The largest width, kernel or count: what is above it is a slip of the pen, and sizes made of it would overflow.
const MAX_SIZE: usize = 1 << 20;

/// The networks that are being built, the innermost last, and those that were built before.
#[derive(Default)]
pub(super) struct Networks<'p> {
    building: Vec<Building>,
    built: IndexMap<String, Outcome<Arc<Graph>>>,
    distinct: Vec<Arc<Graph>>,
    /// Shared pieces made so far.
    shared: usize,
    /// The shape after every step and layer with its place, when somebody wants to know it.
    pub(super) shapes: Option<Vec<(Span, Shape)>>,
    /// The nodes made so far by the layer at a place, when somebody wants to know it.
    pub(super) places: Option<Vec<(NodeId, Span)>>,
    program: PhantomData<&'p ()>,
}

struct Building {
    builder: Builder,
    input: Input,
    /// The training or loading that needs the network.
    used_at: Span,
}

impl Networks<'_> {
    /// The one copy of a graph: equal graphs are one, whatever their names.
    pub(super) fn intern(&mut self, graph: Graph) -> Arc<Graph> {
        let same = |other: &&Arc<Graph>| {
            other.nodes == graph.nodes
                && other.parameters == graph.parameters
                && (other.output, &other.stages, &other.head) == (graph.output, &graph.stages, &graph.head)
                && other.auxiliary == graph.auxiliary
        };
        if let Some(known) = self.distinct.iter().find(same) {
            return Arc::clone(known);
        }
        let graph = Arc::new(graph);
        self.distinct.push(Arc::clone(&graph));
        graph
    }
}

impl<'p> Net<'p> {
    /// The function's name.
    pub(super) fn name(&self) -> &'p str {
        &self.net.name.name
    }

    /// True when it has a parameter `classes`.
    pub(super) fn has_classes(&self) -> bool {
        self.arguments.slots.contains_key("classes")
    }

    /// The coarse stages that `@stages(...)` names.
    pub(super) fn stage_count(&self) -> usize {
        let attribute = self.item.attributes.iter().find(|a| a.name.name == "stages");
        attribute.map_or(0, |attribute| attribute.arguments.len())
    }

    /// As the language writes it, but for `classes`, which the task decides.
    pub(super) fn display(&self) -> String {
        let given = self
            .arguments
            .slots
            .iter()
            .filter(|(name, slot)| slot.given && **name != "classes");
        let parts: Vec<_> = given
            .map(|(name, slot)| format!("{name}: {}", slot.value.display()))
            .collect();
        let single = if parts.is_empty() {
            self.name().to_owned()
        } else {
            format!("{}({})", self.name(), parts.join(", "))
        };
        match &self.towers {
            None => single,
            Some(towers) => format!("{single} |> {towers}"),
        }
    }

    /// The network for single pictures.
    pub(super) fn single(&self) -> Self {
        Self {
            towers: None,
            ..self.clone()
        }
    }
}

impl<'p> Evaluator<'p, '_> {
    /// The graph of a network for what it is given; `classes` replaces its own argument.
    pub(super) fn graph(
        &mut self,
        net: &Net<'p>,
        input: Input,
        classes: Option<usize>,
        used_at: Span,
    ) -> Outcome<Arc<Graph>> {
        let values: Option<Vec<_>> = net
            .arguments
            .slots
            .values()
            .map(|slot| fingerprint(&slot.value))
            .collect();
        let key = values.map(|values| format!("{:p} {values:?} {input:?} {classes:?} {:?}", net.net, net.towers));
        if let Some(known) = key.as_ref().and_then(|key| self.networks.built.get(key)) {
            return known.clone();
        }
        let result = match &net.towers {
            None => self.build(net, input, classes, used_at),
            Some(_) => self
                .build(net, input.single(), classes, used_at)
                .and_then(|single| self.with_towers(net, &single, input, used_at)),
        };
        if let Some(key) = key {
            self.networks.built.insert(key, result.clone());
        }
        result
    }

    /// The graph of a network that has towers, from the one for a single view.
    pub(super) fn with_towers(
        &mut self,
        net: &Net<'p>,
        single: &Graph,
        input: Input,
        used_at: Span,
    ) -> Outcome<Arc<Graph>> {
        let Some(put) = net.towers else { return Err(Failed) };
        if input.views < 2 {
            let message = format!(
                "`{}` takes samples of several views, and these have one picture each",
                net.display()
            );
            let help = "group the rows first: `task |> views(by: [\"patient\", \"side\"], view: \"view\", order: [\"CC\", \"MLO\"])`";
            let diagnostic = Diagnostic::error(&crate::diag::codes::plan::NO_VIEWS, message).at(used_at, "");
            return self.fail(diagnostic.at(self.users_place(put.span), "towers").help(help));
        }
        let towers = Towers {
            views: input.views,
            fuse: put.fuse,
            shared: put.shared,
        };
        match single.towers(towers) {
            Ok(graph) => Ok(self.networks.intern(graph)),
            Err(error) => self.net_error(&error, put.span, used_at, input),
        }
    }

    pub(super) fn build(
        &mut self,
        net: &Net<'p>,
        input: Input,
        classes: Option<usize>,
        used_at: Span,
    ) -> Outcome<Arc<Graph>> {
        let arguments = match classes {
            None => net.arguments.clone(),
            Some(_) if !net.has_classes() => {
                let message = format!(
                    "`{}` has no parameter `classes`, so it cannot be trained on classes",
                    net.name()
                );
                let help = "declare `classes: int`, and make the last layer that wide: `linear(classes)`";
                let diagnostic = Diagnostic::error(&codes::NO_HEAD, message).at(net.net.name.span, "");
                return self.fail(diagnostic.at(used_at, "trained here").help(help));
            }
            Some(count) => self.with_classes(net, count)?,
        };
        let [channels, height, width] = input.shape;
        let builder = Builder::new(channels * input.views, height, width);
        let x = builder.input();
        self.networks.building.push(Building {
            builder,
            input,
            used_at,
        });
        let output = self.run_net(net, &arguments, x);
        let built = self.networks.building.pop();
        let (Value::Tensor(output), Some(Building { builder, .. })) = (output?, built) else {
            return Err(Failed);
        };
        let stages = self.stage_names(net)?;
        let width = arguments
            .value("classes")
            .as_int()
            .and_then(|n| usize::try_from(n).ok());
        let names = stages.iter().map(|(name, _)| name.clone()).collect();
        match builder.finish(net.name(), output, names, width) {
            Ok(graph) => {
                self.check_stages(&graph, &stages)?;
                Ok(self.networks.intern(graph))
            }
            Err(error) => self.net_error(&error, net.net.name.span, used_at, input),
        }
    }

    /// The texts of `@stages(...)`.
    fn stage_names(&mut self, net: &Net<'p>) -> Outcome<Vec<(String, Span)>> {
        let Some(attribute) = net.item.attributes.iter().find(|a| a.name.name == "stages") else {
            return Ok(Vec::new());
        };
        let mut names = Vec::with_capacity(attribute.arguments.len());
        for argument in &attribute.arguments {
            let expr = argument_expr(argument);
            match self.eval(expr, &Env::of(net.module))? {
                Value::Text(text) => names.push((text.to_string(), expr.span)),
                other => return self.unexpected("a text", &other, expr.span),
            }
        }
        Ok(names)
    }

    fn check_stages(&mut self, graph: &Graph, stages: &[(String, Span)]) -> Outcome<()> {
        let scopes = graph.scopes();
        for (name, span) in stages {
            if !scopes.contains(name) {
                let message = format!("`@stages` of `{}` names `{name}`, which holds no parameter", graph.name);
                let diagnostic = Diagnostic::error(&codes::NO_SUCH_STAGE, message).at(*span, "");
                let written = self.program.sources.text(*span);
                let scopes = scopes.iter().map(String::as_str);
                return self.fail(diagnostic.suggest_in(*span, written, name, scopes));
            }
        }
        Ok(())
    }

    /// Evaluates a net's body on a tensor of the network that is being built.
    pub(super) fn run_net(&mut self, net: &Net<'p>, arguments: &Arguments<'p>, x: NodeId) -> Outcome<Value<'p>> {
        let mut env = Env::of(net.module);
        env.in_net = true;
        let mut env = env.with("x", self.own(Value::Tensor(x), net.net.name.span));
        for (name, slot) in &arguments.slots {
            env = env.with(name, slot.clone());
        }
        self.deeper(net.span, |e| match e.block(&net.net.body, &env, None)? {
            Value::Tensor(output) => Ok(Value::Tensor(output)),
            other => e.unexpected("a tensor as the result of a net", &other, net.net.body.span),
        })
    }

    /// Evaluates inside a scope of parameter names; outside of networks labels mean nothing.
    pub(super) fn scoped<T>(&mut self, name: &str, evaluate: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        if let Some(building) = self.networks.building.last_mut() {
            building.builder.push_scope(name);
        }
        let result = evaluate(self);
        if let Some(building) = self.networks.building.last_mut() {
            building.builder.pop_scope();
        }
        result
    }

    /// `shared`: a step whose parameters are those of its first application. They are named after the place where it is
    /// made, not where it is applied.
    pub(super) fn shared(&mut self, arguments: &Arguments<'p>) -> Outcome<Value<'p>> {
        let (Some(slot), Some(piece)) = (arguments.slot("label"), arguments.slot("piece")) else {
            return Err(Failed);
        };
        let label = slot.value.as_text().unwrap_or_default();
        if label.is_empty() {
            let message = "`shared` needs a label: its parameters are named after it";
            return self.error(&crate::diag::codes::plan::BAD_VALUE, message, slot.span);
        }
        let mut scope = match self.networks.building.last() {
            Some(building) => building.builder.scope().to_vec(),
            None => Vec::new(),
        };
        scope.push(label.to_string());
        self.networks.shared += 1;
        Ok(Value::Step(Rc::new(Step::Shared(SharedPiece {
            number: self.networks.shared,
            scope,
            piece: piece.value.clone(),
        }))))
    }

    /// Applies a shared piece.
    pub(super) fn apply_shared(
        &mut self,
        shared: &SharedPiece<'p>,
        subject: Value<'p>,
        subject_span: Span,
        at: Span,
    ) -> Outcome<Value<'p>> {
        if let Some(building) = self.networks.building.last_mut() {
            building.builder.begin_shared(shared.number, shared.scope.clone());
        }
        let result = self.apply(&shared.piece, subject, subject_span, at);
        if let Some(building) = self.networks.building.last_mut() {
            building.builder.end_shared();
        }
        result
    }

    /// Adds one layer, and says at its place why it cannot stand there.
    pub(super) fn layer(
        &mut self,
        span: Span,
        make: impl FnOnce(&mut Builder) -> Result<NodeId, NetError>,
    ) -> Outcome<Value<'p>> {
        let Some(building) = self.networks.building.last_mut() else {
            return Err(Failed);
        };
        let (used_at, input) = (building.used_at, building.input);
        match make(&mut building.builder) {
            Ok(node) => {
                if let Some(places) = &mut self.networks.places {
                    places.push((node, span));
                }
                self.note_shape(span, &Value::Tensor(node));
                Ok(Value::Tensor(node))
            }
            Err(error) => self.net_error(&error, span, used_at, input),
        }
    }

    /// Keeps the shape of what a step or a layer gave, for editors.
    pub(super) fn note_shape(&mut self, span: Span, value: &Value<'p>) {
        let networks = &mut self.networks;
        if let (Some(shapes), Some(building), Value::Tensor(node)) =
            (&mut networks.shapes, networks.building.last(), value)
        {
            shapes.push((span, building.builder.shape(*node)));
        }
    }

    pub(super) fn net_error<T>(&mut self, error: &NetError, span: Span, used_at: Span, input: Input) -> Outcome<T> {
        let (code, help) = match error {
            NetError::KernelTooLarge { .. } => (
                &codes::KERNEL_TOO_LARGE,
                Some("give it larger pictures with `resize(...)`, or take a smaller network"),
            ),
            NetError::Argument { layer: "view", .. } => (
                &codes::NO_OUTPUT,
                Some("rows grouped by `views(..)`, or `describe(views: 2)`, say how many views a sample has"),
            ),
            NetError::Argument { .. } => (&codes::NO_OUTPUT, None),
            NetError::Groups { .. } => (
                &codes::GROUPS,
                Some("groups divide the channels that come in and those that go out"),
            ),
            NetError::Channels { .. } => (&codes::NO_CHANNELS, Some("`channels(x)` is the number of channels")),
            NetError::NotAMap { .. } => (&codes::NOT_A_MAP, Some("move it before `flatten`")),
            NetError::NotFlat { .. } => (
                &codes::NOT_FLAT,
                Some("`flatten` or `global_avgpool` makes a vector of a map"),
            ),
            NetError::ShapesDiffer {
                done: "multiplied",
                left: Shape::Flat(_),
                ..
            }
            | NetError::ShapesDiffer {
                done: "multiplied",
                right: Shape::Flat(_),
                ..
            } => (
                &codes::SHAPES_DIFFER,
                Some("factors of channels are a map of one pixel: keep it with `global_avgpool(keep: true)`"),
            ),
            NetError::ShapesDiffer { .. } => (
                &codes::SHAPES_DIFFER,
                Some("bring one to the other's shape, for example with a convolution of kernel 1"),
            ),
            NetError::NameTwice { .. } => (
                &codes::NAME_TWICE,
                Some(
                    "give each a label of its own: `x |> first: conv(...)`; one set of parameters for several is `shared`",
                ),
            ),
            NetError::SharedDiffers { .. } => (
                &codes::SHARED_DIFFERS,
                Some("bring what it is applied to to one number of channels; its size matters before `flatten` alone"),
            ),
            NetError::NoTowers { .. } => (
                &codes::NO_HEAD,
                Some("towers fuse what stands before the head, the last layer: make it `linear(classes)`"),
            ),
            NetError::Auxiliary { .. } => (
                &codes::AUXILIARY,
                Some("after the last layer: `logits |> also(a |> aux: head(classes), weight: 30%)`"),
            ),
            NetError::NoHead { .. } => (&codes::NO_HEAD, Some("make the last layer `linear(classes)`")),
        };
        let [channels, height, width] = input.shape;
        let views = if input.views == 1 {
            String::new()
        } else {
            format!("{} ", input.views)
        };
        let used = format!("for {views}pictures of {channels} x {height} x {width}");
        let mut diagnostic = Diagnostic::error(code, error.to_string())
            .at(span, "")
            .at(used_at, used);
        if let Some(help) = help {
            diagnostic = diagnostic.help(help);
        }
        self.fail(diagnostic)
    }

    /// Pictures of a sample of the network that is being built.
    pub(super) fn views_of_input(&self) -> Option<usize> {
        Some(self.networks.building.last()?.input.views)
    }

    /// The channels of a tensor of the network that is being built.
    pub(super) fn channels_of(&self, x: NodeId) -> Option<usize> {
        let building = self.networks.building.last()?;
        Some(building.builder.shape(x).channels())
    }

    /// An argument that counts something.
    pub(super) fn size(&mut self, arguments: &Arguments<'p>, name: &str) -> Outcome<usize> {
        let Some(slot) = arguments.slot(name) else {
            return Err(Failed);
        };
        self.size_of(&slot.value, name, slot.span)
    }

    fn size_of(&mut self, value: &Value<'p>, name: &str, span: Span) -> Outcome<usize> {
        match value.as_int().map(usize::try_from) {
            Some(Ok(size)) if size <= MAX_SIZE => Ok(size),
            Some(_) => {
                let message = format!("`{name}` must lie between 0 and {MAX_SIZE}, but is {}", value.display());
                self.error(&crate::diag::codes::plan::BAD_VALUE, message, span)
            }
            None => self.unexpected("an int", value, span),
        }
    }

    /// An argument that is one number for both directions, or `[height, width]`.
    pub(super) fn sides(&mut self, arguments: &Arguments<'p>, name: &str) -> Outcome<[usize; 2]> {
        let Some(slot) = arguments.slot(name) else {
            return Err(Failed);
        };
        match &slot.value {
            Value::List(list) => match &list[..] {
                [height, width] => Ok([
                    self.size_of(height, name, slot.span)?,
                    self.size_of(width, name, slot.span)?,
                ]),
                _ => {
                    let message = format!("`{name}` is one number, or two: `[height, width]`");
                    self.error(&crate::diag::codes::plan::BAD_VALUE, message, slot.span)
                }
            },
            one => Ok([self.size_of(one, name, slot.span)?; 2]),
        }
    }
}
