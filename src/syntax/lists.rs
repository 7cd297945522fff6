//! Runs of elements and commas: how they must alternate, and what their documentation belongs to.

use super::{
    Pair, Rule,
    ast::{Argument, Entry, Expr, ExprKind, Ident, ImportName, ListPart, Parameter},
    builder::{Builder, document},
    messages,
};

/// How a list is spoken of.
pub(super) struct ListWords {
    /// An element: "an argument".
    pub(super) element: &'static str,
    /// What follows one: "`,` or `)`".
    pub(super) after: &'static str,
    /// Where the mistake is that the list is taken for something else.
    pub(super) help: Option<&'static str>,
}

/// An element with its documentation.
pub(super) struct Element<T> {
    pub(super) node: T,
    pub(super) doc: Option<String>,
    meant: Meant,
}

/// What an element was meant as, by what follows it; what follows is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meant {
    Itself,
    /// `=` and a value follow: a name.
    Name,
    /// `=>` follows: the parameter of a lambda.
    Parameter,
}

pub(super) const ARGUMENTS: ListWords = ListWords {
    element: "an argument",
    after: "`,` or `)`",
    help: None,
};
const INDEX: ListWords = ListWords {
    element: "an index",
    after: "`,` or `]`",
    help: None,
};
const PARAMETERS: ListWords = ListWords {
    element: "a parameter",
    after: "`,` or `)`",
    help: None,
};
const LIST: ListWords = ListWords {
    element: "an element",
    after: "`,` or `]`",
    help: None,
};
const RECORD: ListWords = ListWords {
    element: "an entry `key: value`",
    after: "`,` or `}`",
    help: Some("these braces make a record; an expression needs none, and a block begins with `let`"),
};
const NAMES: ListWords = ListWords {
    element: "a name",
    after: "`,` or `}`",
    help: None,
};

impl Builder<'_> {
    /// The elements of a run, made by `build`; what stands wrong between them is reported.
    pub(super) fn elements<'p, T>(
        &mut self,
        opener: usize,
        pairs: impl Iterator<Item = Pair<'p>>,
        words: &ListWords,
        mut build: impl FnMut(&mut Self, Pair<'p>) -> T,
    ) -> Vec<Element<T>> {
        let mut elements: Vec<Element<T>> = Vec::new();
        let mut pending = None;
        let mut last_end = None;
        // True where a comma may follow, and right after bad text.
        let (mut after_element, mut swallowed) = (false, false);
        for pair in pairs {
            let start = self.start(&pair);
            match pair.as_rule() {
                Rule::comma => {
                    if !after_element {
                        self.unexpected(start, words.element);
                    }
                    after_element = false;
                }
                Rule::doc => match (elements.last_mut(), last_end) {
                    (Some(element), Some(end)) if self.same_line(end, start) => {
                        document(&mut element.doc, Self::doc(&pair));
                    }
                    _ => document(&mut pending, Self::doc(&pair)),
                },
                Rule::bad_element => {
                    if after_element && pair.as_str().starts_with("=>") {
                        let diagnostic = messages::bare_parameter(self.at(start, start + 2), words.after);
                        self.report(start, diagnostic);
                        if let Some(last) = elements.last_mut() {
                            last.meant = Meant::Parameter;
                        }
                        swallowed = true;
                        continue;
                    }
                    let named = after_element && pair.as_str().starts_with('=') && !pair.as_str().starts_with("==");
                    if named && words.element != LIST.element {
                        let sign = self.at(start, start + 1);
                        let blank = self.text[start + 1..].starts_with(char::is_whitespace);
                        let colon = self.at(self.trim(start, opener), start + 1);
                        let diagnostic = messages::named_with_equals(sign, (colon, if blank { ":" } else { ": " }));
                        self.report(start, diagnostic);
                        if let Some(last) = elements.last_mut() {
                            last.meant = Meant::Name;
                        }
                    } else {
                        let expected = if after_element { words.after } else { words.element };
                        self.unexpected_because(start, expected, words.help);
                    }
                    after_element = true;
                    swallowed = true;
                    continue;
                }
                // Bad text before it may have held the closing bracket's place.
                Rule::no_close if swallowed => self.excuse(start),
                Rule::no_close => self.unclosed(opener, start),
                _ => {
                    if after_element {
                        self.unexpected(start, words.after);
                    }
                    after_element = true;
                    last_end = Some(self.end(&pair));
                    let node = build(self, pair);
                    let doc = pending.take();
                    elements.push(Element {
                        node,
                        doc,
                        meant: Meant::Itself,
                    });
                }
            }
            swallowed = false;
        }
        elements
    }

    /// What stands in a call's parentheses or an index's brackets.
    pub(super) fn arguments(&mut self, pair: Pair<'_>) -> Vec<Argument> {
        let opener = self.start(&pair);
        let words = if pair.as_rule() == Rule::index {
            &INDEX
        } else {
            &ARGUMENTS
        };
        let (rule, known) = (pair.as_rule(), self.mistakes());
        let is_open = pair.clone().into_inner().any(|part| part.as_rule() == Rule::no_close);
        let mut arguments: Vec<_> = self
            .elements(opener, pair.into_inner(), words, Self::argument)
            .into_iter()
            .map(|element| self.as_meant(element))
            .collect();
        if is_open {
            arguments
                .last_mut()
                .into_iter()
                .for_each(|last| self.forget_if_long(last));
        }
        // What is wrong between the brackets was said.
        if rule == Rule::index && arguments.is_empty() && self.mistakes() == known {
            self.unexpected(opener + 1, INDEX.element);
        }
        arguments
    }

    /// Makes the last argument of an unclosed list bad where it goes on over several lines: then it holds what was meant
    /// to stand after the bracket.
    fn forget_if_long(&self, argument: &mut Argument) {
        let (Argument::Positional(value) | Argument::Spread(value) | Argument::Named(_, value)) = argument;
        if !self.same_line(value.span.start as usize, value.span.end as usize) {
            value.kind = ExprKind::Bad;
        }
    }

    /// An argument, with a value that is not known where something else was meant than is written.
    fn as_meant(&self, element: Element<Argument>) -> Argument {
        match (element.meant, element.node) {
            (
                Meant::Name,
                Argument::Positional(Expr {
                    kind: ExprKind::Name(name),
                    span,
                }),
            ) => Argument::Named(Ident { name, span }, self.bad_value(span.end as usize)),
            (Meant::Parameter, Argument::Positional(value)) => Argument::Positional(Expr {
                kind: ExprKind::Bad,
                ..value
            }),
            (_, node) => node,
        }
    }

    fn argument(&mut self, pair: Pair<'_>) -> Argument {
        let start = self.start(&pair);
        let mut inner = pair.into_inner();
        let Some(first) = inner.next() else {
            return Argument::Positional(self.bad_value(start));
        };
        match first.as_rule() {
            Rule::spread => Argument::Spread(self.spread(first)),
            Rule::label => {
                let label = self.label(first);
                let value = self.value_of(inner.next(), label.span.end as usize, "a value");
                let name = label.text.plain().unwrap_or_default();
                if self.text.as_bytes().get(label.span.start as usize) == Some(&b'"') {
                    let diagnostic = messages::argument_name(label.span, &name);
                    self.report(label.span.start as usize, diagnostic);
                }
                Argument::Named(Ident { name, span: label.span }, value)
            }
            _ => Argument::Positional(self.expr(first)),
        }
    }

    /// The value after `...`.
    pub(super) fn spread(&mut self, pair: Pair<'_>) -> super::ast::Expr {
        let end = self.end(&pair);
        self.value_of(pair.into_inner().next(), end, "a list or a record after `...`")
    }

    /// The parameters of a function, a network or a lambda; only a lambda's may lack types.
    pub(super) fn parameters(&mut self, pair: Pair<'_>, typed: bool) -> Vec<Parameter> {
        let opener = self.start(&pair);
        if let Some(absent) = pair.clone().into_inner().find(|p| p.as_rule() == Rule::no_parameters) {
            self.unexpected(self.start(&absent), "`(` and the parameters");
            return Vec::new();
        }
        self.elements(opener, pair.into_inner(), &PARAMETERS, |builder, pair| {
            builder.parameter(pair, typed)
        })
        .into_iter()
        .map(|element| Parameter {
            doc: element.doc,
            ..element.node
        })
        .collect()
    }

    fn parameter(&mut self, pair: Pair<'_>, typed: bool) -> Parameter {
        let span = self.span(&pair);
        let mut parameter = Parameter {
            name: Ident {
                name: String::new(),
                span: self.at(span.start as usize, span.start as usize),
            },
            rest: false,
            ty: None,
            default: None,
            doc: None,
            span,
        };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::rest => parameter.rest = true,
                Rule::ident | Rule::reserved | Rule::no_name => parameter.name = self.name(&part, "a name after `...`"),
                Rule::annotation => parameter.ty = Some(self.annotation(part)),
                Rule::eq => {}
                _ => parameter.default = Some(self.value(part, "a default after `=`")),
            }
        }
        if typed && !parameter.rest && parameter.ty.is_none() && !parameter.name.name.is_empty() {
            let diagnostic = messages::missing_type(parameter.name.span, &parameter.name.name);
            self.report_alone(diagnostic);
        }
        parameter
    }

    pub(super) fn list(&mut self, pair: Pair<'_>) -> Vec<ListPart> {
        let opener = self.start(&pair);
        self.elements(opener, pair.into_inner(), &LIST, |builder, pair| {
            if pair.as_rule() == Rule::spread {
                ListPart::Spread(builder.spread(pair))
            } else {
                ListPart::Value(builder.expr(pair))
            }
        })
        .into_iter()
        .map(|element| element.node)
        .collect()
    }

    pub(super) fn record(&mut self, pair: Pair<'_>) -> Vec<Entry> {
        let opener = self.start(&pair);
        self.elements(opener, pair.into_inner(), &RECORD, Self::entry)
            .into_iter()
            .map(|element| match element.node {
                Entry::Value { key, value, .. } => Entry::Value {
                    value: if element.meant == Meant::Name {
                        self.bad_value(key.span.end as usize)
                    } else {
                        value
                    },
                    key,
                    doc: element.doc,
                },
                spread @ Entry::Spread(_) => spread,
            })
            .collect()
    }

    pub(super) fn import_names(&mut self, pair: Pair<'_>) -> Vec<ImportName> {
        let opener = self.start(&pair);
        self.elements(opener, pair.into_inner(), &NAMES, |builder, pair| {
            let at = builder.start(&pair);
            let mut names = pair
                .into_inner()
                .filter(|part| part.as_rule() != Rule::kw_as)
                .map(|part| builder.name(&part, "a name after `as`"))
                .collect::<Vec<_>>()
                .into_iter();
            let name = names.next().unwrap_or_else(|| Ident {
                name: String::new(),
                span: builder.at(at, at),
            });
            ImportName {
                name,
                alias: names.next(),
            }
        })
        .into_iter()
        .map(|element| element.node)
        .collect()
    }
}
