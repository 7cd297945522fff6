//! Expressions: pipes, operators, constructs and their blocks.

use super::{doc::GroupId, layout::Layout};
use crate::syntax::ast::{BinaryOp, Binding, Block, Expr, ExprKind, If, Labelled, PipeStep, UnaryOp};

/// The indentation of what a step holds, behind its `|> `: so a step's closing bracket stands under its name, and the
/// column of the `|>` holds nothing else.
const STEP: usize = 3;

/// Operators that are laid out as one row: those that bind equally and chain.
fn level(operator: BinaryOp) -> u8 {
    match operator {
        BinaryOp::Or => 0,
        BinaryOp::And => 1,
        BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Less
        | BinaryOp::LessEqual
        | BinaryOp::Greater
        | BinaryOp::GreaterEqual
        | BinaryOp::In
        | BinaryOp::NotIn => 2,
        BinaryOp::Join => 3,
        BinaryOp::Range | BinaryOp::RangeInclusive => 4,
        BinaryOp::Add | BinaryOp::Subtract => 5,
        BinaryOp::Multiply | BinaryOp::Divide => 6,
    }
}

impl Layout<'_> {
    /// An expression; gives the group of the brackets it ends with, which what holds it may hug.
    pub(super) fn expr(&mut self, expr: &Expr) -> Option<GroupId> {
        match &expr.kind {
            ExprKind::List(parts) => Some(self.list(parts)),
            ExprKind::Record(entries) => Some(self.record(entries, false)),
            ExprKind::Block(block) => Some(self.block_alone(block)),
            ExprKind::Call(callee, arguments) | ExprKind::Index(callee, arguments) => {
                self.expr(callee);
                Some(self.arguments(arguments))
            }
            ExprKind::Field(value, name) => {
                self.expr(value);
                self.token();
                self.verbatim(name.span);
                None
            }
            ExprKind::Pipe(head, steps) => self.pipe(head.as_deref(), steps, false),
            ExprKind::Lambda(parameters, body) => {
                self.parameters(parameters);
                self.space();
                self.token();
                self.value(body)
            }
            ExprKind::If(parts) => {
                let group = self.open();
                self.if_parts(parts);
                self.doc.close();
                Some(group)
            }
            ExprKind::For(bindings, body) => Some(self.for_expr(bindings, body)),
            ExprKind::Repeat(binding, body) => Some(self.for_expr(std::slice::from_ref(binding), body)),
            ExprKind::Binary(operator, ..) => {
                self.operation(expr, *operator);
                None
            }
            ExprKind::Unary(operator, operand) => {
                self.token();
                if *operator == UnaryOp::Not {
                    self.space();
                }
                self.expr(operand);
                None
            }
            ExprKind::Paren(inner) => Some(self.paren(inner)),
            ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Duration(_)
            | ExprKind::Text(_)
            | ExprKind::Bool(_)
            | ExprKind::None
            | ExprKind::Name(_)
            | ExprKind::Bad => {
                self.verbatim(expr.span);
                None
            }
        }
    }

    /// A pipe: on one line, or broken before every `|>`, below its head. A pipe that its author broke at its first place
    /// stays broken. Steps that the author wrote on one line of a broken pipe stay there if they fit, since they are one
    /// thing: `conv |> batchnorm |> relu`.
    ///
    /// With `below` a pipe without a head follows `=`, and its first step begins a line too. A pipe of one step may keep
    /// its line and be broken inside the step's brackets.
    pub(super) fn pipe(&mut self, head: Option<&Expr>, steps: &[PipeStep], below: bool) -> Option<GroupId> {
        let group = if below { self.doc.open() } else { self.open() };
        if let Some(head) = head {
            self.expr(head);
        }
        let hangs = head.is_some() || below;
        if hangs {
            self.doc.indent(2);
        }
        // The steps before which a line may begin: the first in any case, the others where the author began one, if so
        // anywhere.
        let first = usize::from(head.is_none());
        let by_author: Vec<bool> = steps.iter().map(|step| self.begins_line(step)).collect();
        let keeps_rows = by_author.iter().skip(first).any(|&begins| begins);
        if by_author.get(first) == Some(&true) {
            self.doc.force();
        }
        let mut hugs = false;
        if let [step] = steps {
            if hangs {
                self.line(true);
            }
            hugs = self.single_step(group, step);
        } else {
            self.rows(steps, hangs, |i| i == 0 || !keeps_rows || by_author[i]);
        }
        if hangs {
            self.doc.dedent();
        }
        self.doc.close();
        hugs.then_some(group)
    }

    /// True when the author began a line with a step.
    fn begins_line(&self, step: &PipeStep) -> bool {
        let span = step.label.as_ref().map_or(step.step.span, |label| label.span);
        self.newline_before_last(span.start as usize)
    }

    /// Steps in rows, each of which is broken if it does not fit.
    fn rows(&mut self, steps: &[PipeStep], hangs: bool, begins_row: impl Fn(usize) -> bool) {
        let section = self.doc.section();
        let mut commented = false;
        for (i, step) in steps.iter().enumerate() {
            if i > 0 && begins_row(i) {
                self.doc.close();
                commented |= self.align_comment(section);
                self.separate();
            } else if i > 0 || hangs {
                self.line(true);
            }
            if begins_row(i) {
                self.open();
            }
            self.step(step);
        }
        self.doc.close();
        // The last row ends what holds the pipe too, whose section the comment is in otherwise.
        if commented {
            self.align_comment(section);
        }
    }

    /// The only step of a pipe; true when the pipe may hug it.
    fn single_step(&mut self, pipe: GroupId, step: &PipeStep) -> bool {
        let before = self.doc.mark();
        let Some(group) = self.step(step) else { return false };
        match &step.step.kind {
            ExprKind::Call(..) if !self.doc.hugs(group) => {
                let width = before.width_until(self.doc.mark()).unwrap_or(0);
                self.doc.hug_if_wide(pipe, group, width);
                true
            }
            ExprKind::Index(..) => false,
            _ => {
                self.doc.hug(pipe, group);
                true
            }
        }
    }

    /// A step with its `|>`.
    fn step(&mut self, step: &PipeStep) -> Option<GroupId> {
        self.token();
        self.space();
        self.doc.indent(STEP);
        if let Some(label) = &step.label {
            self.label(label);
            self.space();
        }
        let group = self.expr(&step.step);
        self.doc.dedent();
        group
    }

    /// Operands and operators of one level. Broken, each operator begins a line.
    fn operation(&mut self, expr: &Expr, operator: BinaryOp) {
        let mut operands = Vec::new();
        let mut leftmost = expr;
        while let ExprKind::Binary(inner, left, right, _) = &leftmost.kind
            && level(*inner) == level(operator)
        {
            operands.push((*inner, right.as_ref()));
            leftmost = left;
        }
        self.open();
        self.expr(leftmost);
        self.doc.indent(2);
        for (operator, operand) in operands.into_iter().rev() {
            let tight = matches!(operator, BinaryOp::Range | BinaryOp::RangeInclusive);
            if !tight {
                self.line(true);
            }
            self.token();
            if operator == BinaryOp::NotIn {
                self.space();
                self.token();
            }
            if !tight {
                self.space();
            }
            self.expr(operand);
        }
        self.doc.dedent();
        self.doc.close();
    }

    fn paren(&mut self, inner: &Labelled) -> GroupId {
        let group = self.open();
        if self.newline_before(1) {
            self.doc.force();
        }
        self.token();
        self.doc.indent(2);
        self.line(false);
        self.labelled(inner);
        self.closing_comments();
        self.doc.dedent();
        self.line(false);
        self.token();
        self.doc.close();
        group
    }

    fn labelled(&mut self, labelled: &Labelled) {
        match &labelled.label {
            Some(label) => {
                self.label(label);
                self.value(&labelled.value);
            }
            None => {
                self.expr(&labelled.value);
            }
        }
    }

    // ---- constructs ----

    /// Branches are broken together: all of them, or none.
    fn if_parts(&mut self, parts: &If) {
        self.token();
        self.space();
        self.doc.indent(2);
        self.expr(&parts.condition);
        self.doc.dedent();
        self.space();
        self.block(&parts.then, true);
        let Some(otherwise) = &parts.otherwise else { return };
        if self.comment_before_next() {
            self.line(true);
        } else {
            self.space();
        }
        self.token();
        self.space();
        match &otherwise.value.value.kind {
            ExprKind::If(inner) if self.next_is("if") => self.if_parts(inner),
            _ => self.block(otherwise, false),
        }
    }

    /// `for` and `repeat`. Several bindings that do not fit beside each other have a line each, and the brace another.
    fn for_expr(&mut self, bindings: &[Binding], body: &Block) -> GroupId {
        let group = self.open();
        self.token();
        if let [binding] = bindings {
            self.space();
            self.binding(binding);
            self.skip_comma();
            self.space();
        } else {
            self.doc.open();
            self.doc.indent(2);
            for (i, binding) in bindings.iter().enumerate() {
                self.line(true);
                self.binding(binding);
                if i + 1 < bindings.len() {
                    self.comma(false);
                } else {
                    self.skip_comma();
                }
            }
            self.doc.dedent();
            self.line(true);
            self.doc.close();
        }
        self.block(body, true);
        self.doc.close();
        group
    }

    fn binding(&mut self, binding: &Binding) {
        self.verbatim(binding.name.span);
        self.space();
        self.token();
        self.space();
        self.expr(&binding.values);
    }

    // ---- blocks ----

    /// A block with a group of its own.
    pub(super) fn block_alone(&mut self, block: &Block) -> GroupId {
        let group = self.open();
        self.block(block, true);
        self.doc.close();
        group
    }

    /// A block, broken with the group that holds it: if it has locals, or if its author broke it after its brace and
    /// `by_author` heeds that.
    fn block(&mut self, block: &Block, by_author: bool) {
        let broken = by_author && self.newline_before(1);
        if let Some(record) = self.braces_of_record(block) {
            if broken && !record.is_empty() {
                self.doc.force();
            }
            self.token();
            self.record(record, true);
            self.token();
            return;
        }
        if broken || !block.locals.is_empty() {
            self.doc.force();
        }
        self.token();
        self.doc.indent(2);
        self.line(true);
        let mut section = self.doc.section();
        for local in &block.locals {
            self.let_rest(&local.name, local.ty.as_ref(), Some(&local.value));
            self.align_comment(section);
            self.separate();
            if self.begins_paragraph() {
                section = self.doc.section();
            }
        }
        self.labelled(&block.value);
        self.align_comment(section);
        self.closing_comments();
        self.doc.dedent();
        self.line(true);
        self.token();
    }

    /// The entries of a record that is all a block holds: its braces stand with the block's, `{{ a: 1 }}`.
    fn braces_of_record<'b>(&self, block: &'b Block) -> Option<&'b [crate::syntax::ast::Entry]> {
        let ExprKind::Record(entries) = &block.value.value.kind else {
            return None;
        };
        let record = block.value.value.span;
        let alone = block.locals.is_empty()
            && block.value.label.is_none()
            && !self.comment_after(block.span.start as usize)
            && !self.comment_after((record.end as usize).saturating_sub(1));
        alone.then_some(entries)
    }
}
