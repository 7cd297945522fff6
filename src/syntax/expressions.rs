//! Expressions: pipes, calls, constructs and containers.

use super::{
    Pair, Rule,
    ast::{Binding, Block, Entry, Expr, ExprKind, If, Labelled, PipeStep},
    builder::{Builder, MAX_DEPTH},
    found::found,
    items::lone_block,
    messages,
};
use crate::source::Span;

impl Builder<'_> {
    /// A value, from an expression's rule or the empty rule that stands for its absence.
    pub(super) fn value(&mut self, pair: Pair<'_>, expected: &str) -> Expr {
        match pair.as_rule() {
            Rule::no_value | Rule::no_operand | Rule::no_step => {
                let at = self.start(&pair);
                self.unexpected(at, expected);
                self.bad_value(at)
            }
            _ => self.expr(pair),
        }
    }

    /// The same where the pair may be absent altogether; `end` is where it would stand.
    pub(super) fn value_of(&mut self, pair: Option<Pair<'_>>, end: usize, expected: &str) -> Expr {
        match pair {
            Some(pair) => self.value(pair, expected),
            None => self.bad_value(end),
        }
    }

    /// An expression of any rule.
    pub(super) fn expr(&mut self, pair: Pair<'_>) -> Expr {
        let span = self.span(&pair);
        // A rule that only hands its one part on makes no node.
        let levels = match pair.as_rule() {
            Rule::operation | Rule::postfix => 0,
            Rule::pipe => usize::from(pair.clone().into_inner().any(|part| part.as_rule() == Rule::step)),
            _ => 1,
        };
        if self.too_deep(span, levels) {
            return Expr {
                kind: ExprKind::Bad,
                span,
            };
        }
        self.depth += levels;
        let expr = match pair.as_rule() {
            Rule::lambda => self.lambda(pair),
            Rule::pipe => self.pipe(pair),
            Rule::operation => self.operation(pair),
            Rule::postfix => self.postfix(pair),
            Rule::block_expr => match pair.into_inner().next() {
                Some(block) => Expr {
                    kind: ExprKind::Block(self.block(block)),
                    span,
                },
                None => self.bad_value(span.end as usize),
            },
            _ => self.primary(pair),
        };
        self.depth -= levels;
        expr
    }

    /// Reports, and says, that `levels` more would be too deep.
    pub(super) fn too_deep(&mut self, span: Span, levels: usize) -> bool {
        let beyond = self.depth + levels > MAX_DEPTH;
        if beyond {
            let diagnostic = messages::too_deep(span, MAX_DEPTH, "expressions and operators hold each other");
            self.report(span.start as usize, diagnostic);
        }
        beyond
    }

    // ---- pipes and functions ----

    fn pipe(&mut self, pair: Pair<'_>) -> Expr {
        let span = self.span(&pair);
        let mut head = None;
        let mut steps = Vec::new();
        let mut after = None;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::step => steps.push(self.step(part)),
                Rule::after_step => after = Some(part),
                _ => head = Some(self.expr(part)),
            }
        }
        if steps.is_empty() {
            return head.unwrap_or_else(|| self.bad_value(span.end as usize));
        }
        let Some(after) = after else {
            return Expr {
                kind: ExprKind::Pipe(head.map(Box::new), steps),
                span,
            };
        };
        let start = self.start(&after);
        let end = steps.last().map_or(start, |step| step.step.span.end as usize);
        let pipe = self.at(span.start as usize, end);
        let sign = found(self.text, start).text;
        let text = &self.text[span.start as usize..end];
        self.report(
            start,
            messages::operator_after_step(self.token(start), sign, pipe, text),
        );
        // What follows is read for its own mistakes; what it would mean is anyone's guess.
        for part in after.into_inner() {
            match part.as_rule() {
                Rule::postfix | Rule::no_operand => {
                    self.value(part, "a value after the operator");
                }
                Rule::step => {
                    self.step(part);
                }
                _ => {}
            }
        }
        Expr {
            kind: ExprKind::Bad,
            span,
        }
    }

    fn step(&mut self, pair: Pair<'_>) -> PipeStep {
        let end = self.end(&pair);
        let mut label = None;
        let mut step = None;
        for part in pair.into_inner() {
            if part.as_rule() == Rule::label {
                let found = self.label(part);
                self.report_label(&found);
                label = Some(found);
            } else {
                step = Some(self.value(part, "a step after `|>`"));
            }
        }
        PipeStep {
            label,
            step: step.unwrap_or_else(|| self.bad_value(end)),
        }
    }

    fn lambda(&mut self, pair: Pair<'_>) -> Expr {
        let span = self.span(&pair);
        let mut parameters = Vec::new();
        let mut body = None;
        let mistakes = self.mistakes();
        for part in pair.into_inner() {
            if part.as_rule() == Rule::parameters {
                parameters = self.parameters(part, false);
            } else {
                body = Some(self.value(part, "a value after `=>`"));
            }
        }
        let body = body.unwrap_or_else(|| self.bad_value(span.end as usize));
        if let ExprKind::Record(entries) = &body.kind
            && let [Entry::Value { key, value, .. }] = entries.as_slice()
            && let ExprKind::Name(name) = &value.kind
            && key.span == value.span
            && self.mistakes() == mistakes
        {
            self.report_alone(messages::record_body(body.span, name));
        }
        Expr {
            kind: ExprKind::Lambda(parameters, Box::new(body)),
            span,
        }
    }

    // ---- calls, indices, fields ----

    fn postfix(&mut self, pair: Pair<'_>) -> Expr {
        let mut parts = pair.into_inner();
        let Some(first) = parts.next() else {
            return self.bad_value(0);
        };
        let rest: Vec<_> = parts.collect();
        let span = self.span(&first);
        if self.too_deep(span, rest.len()) {
            return Expr {
                kind: ExprKind::Bad,
                span,
            };
        }
        self.depth += rest.len();
        let mut expr = self.expr(first);
        for suffix in rest {
            let span = expr.span.to(self.span(&suffix));
            let inner = Box::new(expr);
            let kind = match suffix.as_rule() {
                Rule::call => ExprKind::Call(inner, self.arguments(suffix)),
                Rule::index => ExprKind::Index(inner, self.arguments(suffix)),
                _ => {
                    let end = self.end(&suffix);
                    let name = match suffix.into_inner().next() {
                        Some(name) => self.name(&name, "a field's name after `.`"),
                        None => self.no_name(end),
                    };
                    ExprKind::Field(inner, name)
                }
            };
            expr = Expr { kind, span };
            self.depth -= 1;
        }
        expr
    }

    // ---- constructs ----

    fn primary(&mut self, pair: Pair<'_>) -> Expr {
        let span = self.span(&pair);
        let kind = match pair.as_rule() {
            Rule::ident => ExprKind::Name(pair.as_str().to_owned()),
            Rule::literal => match pair.as_str() {
                "true" => ExprKind::Bool(true),
                "false" => ExprKind::Bool(false),
                _ => ExprKind::None,
            },
            Rule::number => self.number(pair.as_str(), span),
            Rule::string | Rule::open_string | Rule::raw | Rule::open_raw => ExprKind::Text(self.text_of(pair)),
            Rule::list => ExprKind::List(self.list(pair)),
            Rule::record => ExprKind::Record(self.record(pair)),
            Rule::paren => self.paren(pair),
            Rule::if_expr => ExprKind::If(Box::new(self.if_expr(pair))),
            Rule::for_expr => self.for_expr(pair),
            Rule::repeat => self.repeat(pair),
            _ => ExprKind::Bad,
        };
        Expr { kind, span }
    }

    pub(super) fn entry(&mut self, pair: Pair<'_>) -> Entry {
        let end = self.end(&pair);
        let mut inner = pair.into_inner();
        let Some(first) = inner.next() else {
            return Entry::Spread(self.bad_value(end));
        };
        match first.as_rule() {
            Rule::spread => Entry::Spread(self.spread(first)),
            Rule::label => {
                let key = self.label(first);
                let value = self.value_of(inner.next(), end, "a value after the key");
                Entry::Value { key, value, doc: None }
            }
            _ => {
                let value = self.primary(first.clone());
                let span = value.span;
                Entry::Value {
                    key: super::ast::Label {
                        text: super::ast::Text {
                            parts: vec![super::ast::TextPart::Chunk(first.as_str().to_owned())],
                        },
                        span,
                    },
                    value,
                    doc: None,
                }
            }
        }
    }

    fn paren(&mut self, pair: Pair<'_>) -> ExprKind {
        let (opener, end) = (self.start(&pair), self.end(&pair));
        let mut label = None;
        let mut value = None;
        let mut leftover = false;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::label => {
                    let found = self.label(part);
                    self.report_label(&found);
                    label = Some(found);
                }
                Rule::comma | Rule::bad_element | Rule::no_close if leftover => {}
                Rule::comma | Rule::bad_element => {
                    self.unexpected(self.start(&part), "`)`");
                    leftover = true;
                }
                Rule::no_close => self.unclosed(opener, self.start(&part)),
                _ => value = Some(self.value(part, "a value in the parentheses")),
            }
        }
        ExprKind::Paren(Box::new(Labelled {
            label,
            value: value.unwrap_or_else(|| self.bad_value(end)),
        }))
    }

    fn if_expr(&mut self, pair: Pair<'_>) -> If {
        let end = self.end(&pair);
        let mut condition = None;
        let mut branches = Vec::new();
        let mistakes = self.mistakes();
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::kw_if | Rule::kw_else => {}
                Rule::bad_head if self.mistakes() == mistakes => {
                    self.unexpected(self.start(&part), "`{` after the condition");
                }
                Rule::bad_head => {}
                Rule::block => branches.push(self.block(part)),
                Rule::no_block => branches.push(self.no_block(&part, "`{` and a branch", mistakes)),
                Rule::if_expr => branches.push(lone_block(self.expr(part))),
                _ => condition = Some(self.value(part, "a condition after `if`")),
            }
        }
        let mut branches = branches.into_iter();
        If {
            condition: condition.unwrap_or_else(|| self.bad_value(end)),
            then: branches.next().unwrap_or_else(|| lone_block(self.bad_value(end))),
            otherwise: branches.next(),
        }
    }

    fn for_expr(&mut self, pair: Pair<'_>) -> ExprKind {
        let end = self.end(&pair);
        let mut bindings = Vec::new();
        let mut body = None;
        let mistakes = self.mistakes();
        // True where a comma may follow.
        let mut after_binding = false;
        for part in pair.into_inner() {
            let start = self.start(&part);
            match part.as_rule() {
                Rule::kw_for => {}
                Rule::comma => {
                    if !after_binding {
                        self.unexpected(start, "a loop variable");
                    }
                    after_binding = false;
                }
                Rule::binding => {
                    if after_binding {
                        self.unexpected(start, "`,` or `{`");
                    }
                    bindings.push(self.binding(part));
                    after_binding = true;
                }
                Rule::bad_head => {
                    self.unexpected(start, if after_binding { "`,` or `{`" } else { "a loop variable" });
                    after_binding = true;
                }
                _ => {
                    if bindings.is_empty() && !after_binding {
                        self.unexpected(start, "a loop variable");
                    }
                    body = Some(match part.as_rule() {
                        Rule::block => self.block(part),
                        _ => self.no_block(&part, "`{` and the loop's body", mistakes),
                    });
                }
            }
        }
        let body = body.unwrap_or_else(|| lone_block(self.bad_value(end)));
        ExprKind::For(bindings, body)
    }

    fn repeat(&mut self, pair: Pair<'_>) -> ExprKind {
        let end = self.end(&pair);
        let mut binding = None;
        let mut body = None;
        let mistakes = self.mistakes();
        for part in pair.into_inner() {
            let start = self.start(&part);
            match part.as_rule() {
                Rule::kw_repeat => {}
                Rule::binding => binding = Some(self.binding(part)),
                Rule::no_binding => self.unexpected(start, "a loop variable after `repeat`"),
                Rule::bad_head => self.unexpected(start, "`{` and the loop's body"),
                Rule::block => body = Some(self.block(part)),
                _ => body = Some(self.no_block(&part, "`{` and the loop's body", mistakes)),
            }
        }
        let binding = binding.unwrap_or_else(|| Binding {
            name: self.no_name(end),
            values: self.bad_value(end),
        });
        let body = body.unwrap_or_else(|| lone_block(self.bad_value(end)));
        ExprKind::Repeat(Box::new(binding), body)
    }

    fn binding(&mut self, pair: Pair<'_>) -> Binding {
        let end = self.end(&pair);
        let mut name = self.no_name(end);
        let mut values = None;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::ident => name = self.name(&part, "a loop variable"),
                Rule::kw_in => {}
                Rule::no_in => self.unexpected(self.start(&part), "`in` and what the variable runs over"),
                _ => values = Some(self.value(part, "what the variable runs over")),
            }
        }
        Binding {
            name,
            values: values.unwrap_or_else(|| self.bad_value(end)),
        }
    }

    /// What stands for a block that is absent; reported unless there have been more mistakes than `before` it, of which
    /// its absence is a consequence.
    fn no_block(&mut self, pair: &Pair<'_>, expected: &str, before: usize) -> Block {
        let at = self.start(pair);
        if self.mistakes() == before {
            self.unexpected(at, expected);
        } else {
            self.excuse(at);
        }
        lone_block(self.bad_value(at))
    }
}
