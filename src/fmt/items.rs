//! A file and its items.

use super::layout::Layout;
use crate::syntax::ast::{Attribute, Expr, ExprKind, FnItem, Ident, Import, Item, ItemKind, Module, Param, TypeExpr};

impl Layout<'_> {
    pub(super) fn module(&mut self, module: &Module) {
        let mut section = self.doc.section();
        for (i, item) in module.items.iter().enumerate() {
            if i > 0 {
                self.align_comment(section);
                self.separate();
                if self.begins_paragraph() {
                    section = self.doc.section();
                }
            }
            self.item(item);
        }
        self.align_comment(section);
        self.flush();
        if module.items.is_empty() {
            self.leading_comments();
        } else {
            self.closing_comments();
        }
    }

    fn item(&mut self, item: &Item) {
        for attribute in &item.attributes {
            self.attribute(attribute);
            self.line(true);
        }
        match &item.kind {
            ItemKind::Import(import) => self.import(import),
            ItemKind::Param(param) => self.param(param),
            ItemKind::Let(item) => self.let_rest(&item.name, item.ty.as_ref(), Some(&item.value)),
            ItemKind::Out(item) => self.let_rest(&item.name, None, Some(&item.value)),
            ItemKind::Fn(item) => self.fn_item(item),
            ItemKind::Net(item) => {
                self.token();
                self.space();
                self.verbatim(item.name.span);
                self.parameters(&item.parameters);
                self.space();
                self.block_alone(&item.body);
            }
            ItemKind::Bad => self.verbatim(item.span),
        }
    }

    fn attribute(&mut self, attribute: &Attribute) {
        self.token();
        self.verbatim(attribute.name.span);
        if attribute.name.span.end < attribute.span.end {
            self.arguments(&attribute.arguments);
        }
    }

    fn import(&mut self, import: &Import) {
        self.token();
        self.space();
        self.verbatim(import.source_span);
        if let Some(alias) = &import.alias {
            self.space();
            self.token();
            self.space();
            self.verbatim(alias.span);
        }
        if let Some(names) = &import.names {
            self.space();
            self.import_names(names);
        }
    }

    /// `param name: Type in domain = value`
    fn param(&mut self, param: &Param) {
        let Some(domain) = &param.domain else {
            self.let_rest(&param.name, Some(&param.ty), param.default.as_ref());
            return;
        };
        self.let_rest(&param.name, Some(&param.ty), None);
        self.space();
        self.token();
        self.value(domain);
        if let Some(default) = &param.default {
            self.space();
            self.token();
            self.value(default);
        }
    }

    /// `let name: Type = value`, and `param` and `out`, which are written alike.
    pub(super) fn let_rest(&mut self, name: &Ident, ty: Option<&TypeExpr>, value: Option<&Expr>) {
        self.token();
        self.space();
        self.verbatim(name.span);
        if let Some(ty) = ty {
            self.token();
            self.space();
            self.ty(ty);
        }
        if let Some(value) = value {
            self.space();
            self.token();
            self.value(value);
        }
    }

    fn fn_item(&mut self, item: &FnItem) {
        self.token();
        self.space();
        if let Some((name, ty)) = &item.subject {
            self.verbatim(name.span);
            self.token();
            self.space();
            self.ty(ty);
            self.space();
            self.token();
            self.space();
        }
        self.verbatim(item.name.span);
        self.parameters(&item.parameters);
        if let Some(result) = &item.result {
            self.space();
            self.token();
            self.space();
            self.ty(result);
        }
        let Some(body) = &item.body else { return };
        self.space();
        if self.next_is("=") {
            self.token();
            self.body(&body.value.value);
        } else {
            self.block_alone(body);
        }
    }

    /// The value of a function. It goes to the next line whole before it is broken, unless it begins with a bracket.
    fn body(&mut self, value: &Expr) {
        let begins_with_bracket = matches!(
            value.kind,
            ExprKind::List(_) | ExprKind::Record(_) | ExprKind::Block(_) | ExprKind::Paren(_)
        );
        if begins_with_bracket || self.comment_before_next() {
            self.value(value);
            return;
        }
        let newline = self.newline_before(0);
        self.doc.open();
        if newline {
            self.doc.force();
        }
        self.doc.indent(2);
        self.line(true);
        self.expr(value);
        self.doc.dedent();
        self.doc.close();
    }
}
