//! What stands in brackets: lists, records, arguments, parameters.
//!
//! A list is broken when it does not fit on its line, or when its author broke the line after the opening bracket. Its
//! elements then have a line each, but for those of lists and of calls without named arguments: what the author wrote on
//! one line stays there if it fits, since such lines group what belongs together, as the layers of a network or the
//! rows of a matrix. Numbers fill their lines.

use super::{
    doc::{GroupId, Mark, WIDTH},
    layout::Layout,
};
use crate::syntax::ast::{Argument, Entry, Expr, ExprKind, Ident, ImportName, ListPart, Parameter, UnaryOp};

/// How elements share lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rows {
    /// One a line.
    Single,
    /// The author's lines.
    Kept,
    /// The author's lines, filled where there are none or one is too long.
    Filled,
}

/// How a list is laid out.
#[derive(Clone, Copy, Debug)]
struct Shape {
    rows: Rows,
    /// Blanks inside the brackets, `{ a }`.
    padded: bool,
    /// Broken exactly if what holds it is.
    inherits: bool,
}

const TUPLE: Shape = Shape {
    rows: Rows::Single,
    padded: false,
    inherits: false,
};

const BRACES: Shape = Shape { padded: true, ..TUPLE };

/// Values of a record are aligned unless its longest key has this many characters more than the shortest.
const MAX_KEY_SPREAD: usize = 16;

/// The place between two elements; comments and empty lines end the line before them even where lines are filled.
fn between(layout: &mut Layout<'_>, fill: bool) {
    if fill && !layout.begins_paragraph() && !layout.comment_before_next() {
        layout.doc.fill();
    } else {
        layout.separate();
    }
}

impl Layout<'_> {
    /// Brackets and what stands in them; `each` writes an element, and gives the group that the list may hug if the
    /// element is the last one.
    fn elements<T>(
        &mut self,
        elements: &[T],
        shape: Shape,
        mut each: impl FnMut(&mut Self, &T) -> Option<GroupId>,
    ) -> GroupId {
        let by_author = !elements.is_empty() && self.newline_before(1);
        let keeps_rows = by_author && shape.rows != Rows::Single;
        let fills = shape.rows == Rows::Filled;
        let group = if shape.inherits {
            self.doc.open_inheriting()
        } else {
            self.open()
        };
        if by_author {
            self.doc.force();
        }
        self.token();
        self.doc.indent(2);
        let section = self.doc.section();
        for (i, element) in elements.iter().enumerate() {
            let begins_row = i == 0 || !keeps_rows || self.newline_before(0);
            if i == 0 {
                self.line(shape.padded);
            } else if begins_row {
                if keeps_rows {
                    self.doc.close();
                }
                between(self, fills && !keeps_rows);
            } else {
                between(self, fills);
            }
            if keeps_rows && begins_row {
                self.open();
            }
            let inner = each(self, element);
            let last = i + 1 == elements.len();
            if last && keeps_rows {
                self.doc.close();
            }
            self.comma(last);
            self.align_comment(section);
            if last && let Some(inner) = inner {
                self.doc.hug(group, inner);
            }
        }
        let empty = elements.is_empty() && !self.comment_before_next();
        self.closing_comments();
        self.doc.dedent();
        if !empty {
            self.line(shape.padded);
        }
        self.token();
        self.doc.close();
        group
    }

    pub(super) fn list(&mut self, parts: &[ListPart]) -> GroupId {
        let numbers = parts
            .iter()
            .all(|part| matches!(part, ListPart::Value(value) if is_number(value)));
        let rows = if numbers { Rows::Filled } else { Rows::Kept };
        self.elements(parts, Shape { rows, ..TUPLE }, |layout, part| {
            match part {
                ListPart::Value(value) => layout.expr(value),
                ListPart::Spread(value) => layout.spread(value),
            };
            None
        })
    }

    fn spread(&mut self, value: &Expr) -> Option<GroupId> {
        self.token();
        self.expr(value)
    }

    /// Arguments with their brackets. The last one may be hugged.
    pub(super) fn arguments(&mut self, arguments: &[Argument]) -> GroupId {
        let named = arguments.iter().any(|argument| matches!(argument, Argument::Named(..)));
        let rows = if named { Rows::Single } else { Rows::Kept };
        let alone = arguments.len() == 1;
        self.elements(arguments, Shape { rows, ..TUPLE }, |layout, argument| {
            let (group, value) = match argument {
                Argument::Positional(value) => (layout.expr(value), value),
                Argument::Named(name, value) => {
                    layout.verbatim(name.span);
                    layout.token();
                    (layout.value(value), value)
                }
                Argument::Spread(value) => (layout.spread(value), value),
            };
            group.filter(|_| is_huggable(value, alone))
        })
    }

    pub(super) fn parameters(&mut self, parameters: &[Parameter]) {
        self.elements(parameters, TUPLE, |layout, parameter| {
            if parameter.rest {
                layout.token();
            }
            layout.verbatim(parameter.name.span);
            if let Some(ty) = &parameter.ty {
                layout.token();
                layout.space();
                layout.ty(ty);
            }
            if let Some(default) = &parameter.default {
                layout.space();
                layout.token();
                layout.value(default);
            }
            None
        });
    }

    pub(super) fn import_names(&mut self, names: &[ImportName]) {
        self.elements(names, BRACES, |layout, name| {
            layout.verbatim(name.name.span);
            if let Some(Ident { span, .. }) = &name.alias {
                layout.space();
                layout.token();
                layout.space();
                layout.verbatim(*span);
            }
            None
        });
    }

    /// A record. Broken, its values are aligned like the cells of a table if each entry fits on its line so: the arms of a
    /// study stand under each other, and that is how they are read.
    pub(super) fn record(&mut self, entries: &[Entry], inherits: bool) -> GroupId {
        let key_widths = entries.iter().filter_map(|entry| self.key_width(entry));
        let (longest, shortest) = key_widths.fold((0, usize::MAX), |(most, least), n| (n.max(most), n.min(least)));
        let aligned = longest.saturating_sub(shortest) <= MAX_KEY_SPREAD;
        // The widest entry so far; none when one needs several lines.
        let mut widest = aligned.then_some(0);
        let shape = Shape { inherits, ..BRACES };
        let group = self.elements(entries, shape, |layout, entry| {
            match entry {
                Entry::Spread(value) => {
                    layout.spread(value);
                }
                Entry::Value { key, value, .. } => {
                    let Some(width) = layout.key_width(entry) else {
                        layout.verbatim(key.span);
                        return None;
                    };
                    layout.label(key);
                    layout.doc.pad(longest - width);
                    let before: Mark = layout.doc.mark();
                    layout.value(value);
                    let value = before.width_until(layout.doc.mark());
                    let entry_width = value.map(|value| longest + ":".len() + value + ",".len());
                    widest = widest.zip(entry_width).map(|(most, n)| most.max(n));
                }
            }
            None
        });
        if let Some(widest) = widest.filter(|&n| n <= WIDTH) {
            self.doc.table(group, widest);
        }
        group
    }

    /// The characters of an entry's key; none for a spread and for a name alone.
    fn key_width(&self, entry: &Entry) -> Option<usize> {
        match entry {
            Entry::Value { key, value, .. } if key.span != value.span => {
                let written = self.text.get(key.span.start as usize..key.span.end as usize)?;
                Some(written.chars().count())
            }
            _ => None,
        }
    }
}

fn is_number(value: &Expr) -> bool {
    match &value.kind {
        ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Duration(_) => true,
        ExprKind::Unary(UnaryOp::Negate, operand) => is_number(operand),
        _ => false,
    }
}

/// True for a last argument whose brackets may stay on the call's line. Lists and branches are read as values, like
/// numbers, unless they stand alone.
fn is_huggable(value: &Expr, alone: bool) -> bool {
    match &value.kind {
        ExprKind::Record(_) | ExprKind::Block(_) | ExprKind::For(..) | ExprKind::Repeat(..) => true,
        ExprKind::List(_) | ExprKind::If(_) => alone,
        ExprKind::Lambda(_, body) => is_huggable(body, alone),
        _ => false,
    }
}
