//! Walking over a syntax tree with the way from the outside in.

pub(super) use crate::analysis::name_of;
use crate::{
    source::Span,
    syntax::ast::{
        Argument, Attribute, Binding, Block, Entry, Expr, ExprKind, Item, ItemKind, Label, Labelled, Let, ListPart,
        Module, Parameter, PipeStep, TextPart, TypeExpr, TypeKind,
    },
};

/// A node of the tree.
#[derive(Clone, Copy, Debug)]
pub(super) enum Node<'a> {
    Item(&'a Item),
    Attribute(&'a Attribute),
    Parameter(&'a Parameter),
    Let(&'a Let),
    Type(&'a TypeExpr),
    Expr(&'a Expr),
    Argument(&'a Argument),
    Entry(&'a Entry),
    Label(&'a Label),
    Step(&'a PipeStep),
    Binding(&'a Binding),
}

impl Node<'_> {
    /// From its first to its last byte.
    pub(super) fn span(self) -> Span {
        match self {
            Self::Item(item) => item.span,
            Self::Attribute(attribute) => attribute.span,
            Self::Parameter(parameter) => parameter.span,
            Self::Let(binding) => binding.name.span.to(binding.value.span),
            Self::Type(ty) => ty.span,
            Self::Expr(expr) => expr.span,
            Self::Argument(Argument::Positional(value) | Argument::Spread(value)) => value.span,
            Self::Argument(Argument::Named(name, value)) => name.span.to(value.span),
            Self::Entry(Entry::Value { key, value, .. }) => key.span.to(value.span),
            Self::Entry(Entry::Spread(value)) => value.span,
            Self::Label(label) => label.span,
            Self::Step(step) => match &step.label {
                Some(label) => label.span.to(step.step.span),
                None => step.step.span,
            },
            Self::Binding(binding) => binding.name.span.to(binding.values.span),
        }
    }
}

/// Calls `see` on every node, from the outside in, with the nodes around it, outermost first.
pub(super) fn walk<'a>(module: &'a Module, see: &mut dyn FnMut(Node<'a>, &[Node<'a>])) {
    module.items.iter().for_each(|item| walk_item(item, see));
}

/// As [`walk`], of one item.
pub(super) fn walk_item<'a>(item: &'a Item, see: &mut dyn FnMut(Node<'a>, &[Node<'a>])) {
    let mut walker = Walker {
        around: Vec::new(),
        see,
    };
    walker.item(item);
}

/// The nodes around a byte, outermost first.
pub(super) fn path_at(module: &Module, offset: usize) -> Vec<Node<'_>> {
    let mut best = Vec::new();
    walk(module, &mut |node, around| {
        if node.span().touches(offset)
            && around.len() + 1 > best.len()
            && around.iter().all(|n| n.span().touches(offset))
        {
            best = around.iter().copied().chain([node]).collect();
        }
    });
    best
}

struct Walker<'a, 's> {
    around: Vec<Node<'a>>,
    see: &'s mut dyn FnMut(Node<'a>, &[Node<'a>]),
}

impl<'a> Walker<'a, '_> {
    fn enter(&mut self, node: Node<'a>, inside: impl FnOnce(&mut Self)) {
        (self.see)(node, &self.around);
        self.around.push(node);
        inside(self);
        self.around.pop();
    }

    fn item(&mut self, item: &'a Item) {
        self.enter(Node::Item(item), |w| {
            for attribute in &item.attributes {
                w.enter(Node::Attribute(attribute), |w| w.arguments(&attribute.arguments));
            }
            match &item.kind {
                ItemKind::Param(param) => {
                    w.ty(&param.ty);
                    param
                        .domain
                        .iter()
                        .chain(&param.default)
                        .for_each(|value| w.expr(value));
                }
                ItemKind::Let(binding) => w.binding(binding),
                ItemKind::Fn(function) => {
                    function.subject.iter().for_each(|(_, ty)| w.ty(ty));
                    w.parameters(&function.parameters);
                    function.result.iter().for_each(|ty| w.ty(ty));
                    function.body.iter().for_each(|body| w.block(body));
                }
                ItemKind::Net(net) => {
                    w.parameters(&net.parameters);
                    w.block(&net.body);
                }
                ItemKind::Out(out) => w.expr(&out.value),
                ItemKind::Import(_) | ItemKind::Bad => {}
            }
        });
    }

    fn binding(&mut self, binding: &'a Let) {
        self.enter(Node::Let(binding), |w| {
            binding.ty.iter().for_each(|ty| w.ty(ty));
            w.expr(&binding.value);
        });
    }

    fn parameters(&mut self, parameters: &'a [Parameter]) {
        for parameter in parameters {
            self.enter(Node::Parameter(parameter), |w| {
                parameter.ty.iter().for_each(|ty| w.ty(ty));
                parameter.default.iter().for_each(|value| w.expr(value));
            });
        }
    }

    fn ty(&mut self, ty: &'a TypeExpr) {
        self.enter(Node::Type(ty), |w| match &ty.kind {
            TypeKind::Name(_) | TypeKind::Bad => {}
            TypeKind::Apply(_, of, _) | TypeKind::List(of) | TypeKind::Map(of) | TypeKind::Optional(of) => w.ty(of),
            TypeKind::Record(fields) => fields.iter().for_each(|(_, ty)| w.ty(ty)),
            TypeKind::Fn(parameters, result) => {
                parameters.iter().for_each(|ty| w.ty(ty));
                w.ty(result);
            }
            TypeKind::Step(subject, result) => {
                w.ty(subject);
                w.ty(result);
            }
        });
    }

    fn block(&mut self, block: &'a Block) {
        block.locals.iter().for_each(|local| self.binding(local));
        self.labelled(&block.value);
    }

    fn labelled(&mut self, value: &'a Labelled) {
        value.label.iter().for_each(|label| self.label(label));
        self.expr(&value.value);
    }

    fn label(&mut self, label: &'a Label) {
        self.enter(Node::Label(label), |w| w.parts(&label.text.parts));
    }

    fn parts(&mut self, parts: &'a [TextPart]) {
        for part in parts {
            if let TextPart::Hole(value) = part {
                self.expr(value);
            }
        }
    }

    fn arguments(&mut self, arguments: &'a [Argument]) {
        for argument in arguments {
            let (Argument::Positional(value) | Argument::Named(_, value) | Argument::Spread(value)) = argument;
            self.enter(Node::Argument(argument), |w| w.expr(value));
        }
    }

    fn loop_variable(&mut self, binding: &'a Binding) {
        self.enter(Node::Binding(binding), |w| w.expr(&binding.values));
    }

    fn expr(&mut self, expr: &'a Expr) {
        self.enter(Node::Expr(expr), |w| w.inside(expr));
    }

    fn inside(&mut self, expr: &'a Expr) {
        match &expr.kind {
            ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Duration(_)
            | ExprKind::Bool(_)
            | ExprKind::None
            | ExprKind::Name(_)
            | ExprKind::Bad => {}
            ExprKind::Text(text) => self.parts(&text.parts),
            ExprKind::List(parts) => {
                for ListPart::Value(value) | ListPart::Spread(value) in parts {
                    self.expr(value);
                }
            }
            ExprKind::Record(entries) => {
                for entry in entries {
                    self.enter(Node::Entry(entry), |w| match entry {
                        Entry::Value { key, value, .. } => {
                            // A shorthand `{ a }` is one name, not two.
                            if key.span != value.span {
                                w.label(key);
                            }
                            w.expr(value);
                        }
                        Entry::Spread(value) => w.expr(value),
                    });
                }
            }
            ExprKind::Block(block) => self.block(block),
            ExprKind::Call(value, arguments) | ExprKind::Index(value, arguments) => {
                self.expr(value);
                self.arguments(arguments);
            }
            ExprKind::Field(value, _) | ExprKind::Unary(_, value) => self.expr(value),
            ExprKind::Pipe(head, steps) => {
                head.iter().for_each(|head| self.expr(head));
                for step in steps {
                    self.enter(Node::Step(step), |w| {
                        step.label.iter().for_each(|label| w.label(label));
                        w.expr(&step.step);
                    });
                }
            }
            ExprKind::Lambda(parameters, body) => {
                self.parameters(parameters);
                self.expr(body);
            }
            ExprKind::If(branches) => {
                self.expr(&branches.condition);
                self.block(&branches.then);
                branches.otherwise.iter().for_each(|block| self.block(block));
            }
            ExprKind::For(bindings, body) => {
                bindings.iter().for_each(|binding| self.loop_variable(binding));
                self.block(body);
            }
            ExprKind::Repeat(binding, body) => {
                self.loop_variable(binding);
                self.block(body);
            }
            ExprKind::Binary(_, left, right, _) => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Paren(value) => self.labelled(value),
        }
    }
}
