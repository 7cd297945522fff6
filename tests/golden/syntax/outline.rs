//! A tree as lines, one per node, with depth and place.

use mtl::{
    source::Span,
    syntax::ast::{
        Argument, Block, Entry, Expr, ExprKind, Ident, ImportSource, Item, ItemKind, Label, Labelled, Let, ListPart,
        Module, Parameter, Text, TextPart, TypeExpr, TypeKind,
    },
};

/// A node: how deep, what, where.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) depth: usize,
    pub(crate) label: String,
    pub(crate) span: Span,
}

impl Node {
    pub(crate) fn line(&self) -> String {
        format!("{}{}  @{:?}\n", "  ".repeat(self.depth), self.label, self.span)
    }
}

/// The nodes of a module in order of writing.
pub(crate) fn outline(module: &Module) -> Vec<Node> {
    let mut tree = Tree {
        nodes: Vec::new(),
        depth: 0,
    };
    let all = module.items.iter().map(|item| item.span).reduce(Span::to);
    if let Some(span) = all {
        tree.node(span, format!("module {:?}", module.docs), |tree| {
            module.items.iter().for_each(|item| tree.item(item));
        });
    }
    tree.nodes
}

struct Tree {
    nodes: Vec<Node>,
    depth: usize,
}

impl Tree {
    fn node(&mut self, span: Span, label: impl Into<String>, inner: impl FnOnce(&mut Self)) {
        self.nodes.push(Node {
            depth: self.depth,
            label: label.into(),
            span,
        });
        self.depth += 1;
        inner(self);
        self.depth -= 1;
    }

    fn leaf(&mut self, span: Span, label: impl Into<String>) {
        self.node(span, label, |_| {});
    }

    fn name(&mut self, role: &str, name: &Ident) {
        self.leaf(name.span, format!("{role} {}", name.name));
    }

    fn item(&mut self, item: &Item) {
        let doc = item.doc.as_ref().map_or(String::new(), |doc| format!(" /// {doc:?}"));
        let label = match &item.kind {
            ItemKind::Import(_) => "import".to_owned(),
            ItemKind::Param(i) => format!("param {}", i.name.name),
            ItemKind::Let(i) => format!("let {}", i.name.name),
            ItemKind::Fn(i) => format!("fn {}", i.name.name),
            ItemKind::Net(i) => format!("net {}", i.name.name),
            ItemKind::Out(i) => format!("out {}", i.name.name),
            ItemKind::Bad => "bad item".to_owned(),
        };
        self.node(item.span, label + &doc, |tree| {
            for attribute in &item.attributes {
                tree.node(attribute.span, format!("@{}", attribute.name.name), |tree| {
                    tree.arguments(&attribute.arguments);
                });
            }
            tree.item_kind(&item.kind);
        });
    }

    fn item_kind(&mut self, kind: &ItemKind) {
        match kind {
            ItemKind::Import(import) => {
                let source = match &import.source {
                    ImportSource::File(path) => format!("file {path:?}"),
                    ImportSource::Path(path) => format!("path {}", path.join(".")),
                };
                self.leaf(import.source_span, source);
                import.alias.iter().for_each(|name| self.name("as", name));
                for name in import.names.iter().flatten() {
                    self.name("name", &name.name);
                    name.alias.iter().for_each(|alias| self.name("as", alias));
                }
            }
            ItemKind::Param(param) => {
                self.name("name", &param.name);
                self.ty(&param.ty);
                param
                    .domain
                    .iter()
                    .for_each(|value| self.node(value.span, "in".to_owned(), |tree| tree.expr(value)));
                param.default.iter().for_each(|value| self.expr(value));
            }
            ItemKind::Let(item) => self.binding(item),
            ItemKind::Fn(item) => {
                if let Some((name, ty)) = &item.subject {
                    self.name("subject", name);
                    self.ty(ty);
                }
                self.name("name", &item.name);
                self.parameters(&item.parameters);
                item.result.iter().for_each(|ty| self.ty(ty));
                item.body.iter().for_each(|body| self.block(body));
            }
            ItemKind::Net(item) => {
                self.name("name", &item.name);
                self.parameters(&item.parameters);
                self.block(&item.body);
            }
            ItemKind::Out(item) => {
                self.name("name", &item.name);
                self.expr(&item.value);
            }
            ItemKind::Bad => {}
        }
    }

    fn binding(&mut self, item: &Let) {
        let doc = item.doc.as_ref().map_or(String::new(), |doc| format!(" /// {doc:?}"));
        self.leaf(item.name.span, format!("name {}{doc}", item.name.name));
        item.ty.iter().for_each(|ty| self.ty(ty));
        self.expr(&item.value);
    }

    fn parameters(&mut self, parameters: &[Parameter]) {
        for parameter in parameters {
            let doc = parameter
                .doc
                .as_ref()
                .map_or(String::new(), |doc| format!(" /// {doc:?}"));
            let rest = if parameter.rest { "..." } else { "" };
            let label = format!("parameter {rest}{}{doc}", parameter.name.name);
            self.node(parameter.span, label, |tree| {
                parameter.ty.iter().for_each(|ty| tree.ty(ty));
                parameter.default.iter().for_each(|value| tree.expr(value));
            });
        }
    }

    fn ty(&mut self, ty: &TypeExpr) {
        let label = match &ty.kind {
            TypeKind::Name(name) => format!("type {name}"),
            TypeKind::Apply(name, ..) => format!("type {}[]", name.name),
            TypeKind::List(_) => "type list".to_owned(),
            TypeKind::Map(_) => "type map".to_owned(),
            TypeKind::Record(_) => "type record".to_owned(),
            TypeKind::Fn(..) => "type function".to_owned(),
            TypeKind::Step(..) => "type step".to_owned(),
            TypeKind::Optional(_) => "type optional".to_owned(),
            TypeKind::Bad => "bad type".to_owned(),
        };
        self.node(ty.span, label, |tree| match &ty.kind {
            TypeKind::Apply(_, argument, axes) => {
                tree.ty(argument);
                axes.iter().for_each(|axis| tree.name("axis", axis));
            }
            TypeKind::List(inner) | TypeKind::Map(inner) | TypeKind::Optional(inner) => tree.ty(inner),
            TypeKind::Record(entries) => {
                for (name, ty) in entries {
                    tree.name("key", name);
                    tree.ty(ty);
                }
            }
            TypeKind::Fn(parameters, result) => {
                parameters.iter().for_each(|ty| tree.ty(ty));
                tree.ty(result);
            }
            TypeKind::Step(subject, result) => {
                tree.ty(subject);
                tree.ty(result);
            }
            TypeKind::Name(_) | TypeKind::Bad => {}
        });
    }

    fn block(&mut self, block: &Block) {
        self.node(block.span, "block", |tree| {
            block.locals.iter().for_each(|local| tree.binding(local));
            tree.labelled(&block.value);
        });
    }

    fn labelled(&mut self, labelled: &Labelled) {
        labelled.label.iter().for_each(|label| self.label("label", label));
        self.expr(&labelled.value);
    }

    fn label(&mut self, role: &str, label: &Label) {
        self.node(label.span, format!("{role} {:?}", label.text.plain()), |tree| {
            tree.holes(&label.text)
        });
    }

    fn holes(&mut self, text: &Text) {
        for part in &text.parts {
            if let TextPart::Hole(hole) = part {
                self.expr(hole);
            }
        }
    }

    fn arguments(&mut self, arguments: &[Argument]) {
        for argument in arguments {
            match argument {
                Argument::Positional(value) => self.expr(value),
                Argument::Named(name, value) => {
                    self.name("argument", name);
                    self.expr(value);
                }
                Argument::Spread(value) => self.node(value.span, "spread", |tree| tree.expr(value)),
            }
        }
    }

    fn expr(&mut self, expr: &Expr) {
        self.node(expr.span, expr_label(&expr.kind), |tree| tree.expr_parts(&expr.kind));
    }

    fn construct(&mut self, kind: &ExprKind) {
        match kind {
            ExprKind::If(parts) => {
                self.expr(&parts.condition);
                self.block(&parts.then);
                parts.otherwise.iter().for_each(|block| self.block(block));
            }
            ExprKind::For(bindings, body) => {
                for binding in bindings {
                    self.name("each", &binding.name);
                    self.expr(&binding.values);
                }
                self.block(body);
            }
            ExprKind::Repeat(binding, body) => {
                self.name("each", &binding.name);
                self.expr(&binding.values);
                self.block(body);
            }
            _ => {}
        }
    }

    fn expr_parts(&mut self, kind: &ExprKind) {
        match kind {
            ExprKind::Text(text) => self.holes(text),
            ExprKind::List(parts) => {
                for part in parts {
                    match part {
                        ListPart::Value(value) => self.expr(value),
                        ListPart::Spread(value) => self.node(value.span, "spread", |tree| tree.expr(value)),
                    }
                }
            }
            ExprKind::Record(entries) => {
                for entry in entries {
                    match entry {
                        Entry::Value { key, value, doc } => {
                            let doc = doc.as_ref().map_or(String::new(), |doc| format!(" /// {doc:?}"));
                            self.label(&format!("key{doc}"), key);
                            self.expr(value);
                        }
                        Entry::Spread(value) => self.node(value.span, "spread", |tree| tree.expr(value)),
                    }
                }
            }
            ExprKind::Block(block) => self.block(block),
            ExprKind::Call(callee, arguments) | ExprKind::Index(callee, arguments) => {
                self.expr(callee);
                self.arguments(arguments);
            }
            ExprKind::Field(value, name) => {
                self.expr(value);
                self.name("name", name);
            }
            ExprKind::Pipe(head, steps) => {
                head.iter().for_each(|head| self.expr(head));
                for step in steps {
                    step.label.iter().for_each(|label| self.label("label", label));
                    self.expr(&step.step);
                }
            }
            ExprKind::Lambda(parameters, body) => {
                self.parameters(parameters);
                self.expr(body);
            }
            ExprKind::If(_) | ExprKind::For(..) | ExprKind::Repeat(..) => self.construct(kind),
            ExprKind::Binary(_, left, right, span) => {
                self.expr(left);
                self.leaf(*span, "operator");
                self.expr(right);
            }
            ExprKind::Unary(_, operand) => self.expr(operand),
            ExprKind::Paren(inner) => self.labelled(inner),
            ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Duration(_)
            | ExprKind::Bool(_)
            | ExprKind::None
            | ExprKind::Name(_)
            | ExprKind::Bad => {}
        }
    }
}

fn expr_label(kind: &ExprKind) -> String {
    match kind {
        ExprKind::Int(value) => format!("int {value}"),
        ExprKind::Float(value) => format!("float {value:?}"),
        ExprKind::Duration(value) => format!("duration {value:?}"),
        ExprKind::Text(text) => {
            let parts: Vec<_> = text
                .parts
                .iter()
                .map(|part| match part {
                    TextPart::Chunk(chunk) => format!("{chunk:?}"),
                    TextPart::Hole(_) => "{}".to_owned(),
                })
                .collect();
            format!("text {}", parts.join(" "))
        }
        ExprKind::Bool(value) => format!("bool {value}"),
        ExprKind::None => "none".to_owned(),
        ExprKind::Name(name) => format!("name {name}"),
        ExprKind::List(_) => "list".to_owned(),
        ExprKind::Record(_) => "record".to_owned(),
        ExprKind::Block(_) => "braces".to_owned(),
        ExprKind::Call(..) => "call".to_owned(),
        ExprKind::Index(..) => "index".to_owned(),
        ExprKind::Field(..) => "field".to_owned(),
        ExprKind::Pipe(None, _) => "headless pipe".to_owned(),
        ExprKind::Pipe(Some(_), _) => "pipe".to_owned(),
        ExprKind::Lambda(..) => "lambda".to_owned(),
        ExprKind::If(_) => "if".to_owned(),
        ExprKind::For(..) => "for".to_owned(),
        ExprKind::Repeat(..) => "repeat".to_owned(),
        ExprKind::Binary(operator, ..) => format!("binary {}", operator.sign()),
        ExprKind::Unary(operator, _) => format!("unary {operator:?}"),
        ExprKind::Paren(_) => "parentheses".to_owned(),
        ExprKind::Bad => "bad".to_owned(),
    }
}
