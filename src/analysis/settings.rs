//! Values set for parameters from outside: `--set epochs=10`.

use crate::{
    diag::{
        Diagnostic, Diagnostics,
        codes::{names::UNKNOWN_PARAM, types::MISMATCH},
        nearest,
    },
    source::{FileId, SourceMap, Span},
    syntax::{
        self,
        ast::{Argument, Entry, Expr, ExprKind, ItemKind, ListPart, Text, TextPart, UnaryOp},
    },
    tables::day,
    types::{Kind, Named, Solver, Type, lower},
};

use super::{
    domain::{Plain, outside},
    program::Program,
};

impl Program {
    /// Sets a parameter of the main module to a literal of its type, in place of its default.
    ///
    /// Texts and paths may stand without quotes: `--set data=/mnt/films`.
    ///
    /// # Errors
    /// When there is no such parameter, or the text is no literal of its type.
    #[expect(
        clippy::result_large_err,
        reason = "once per setting, and the diagnostic is shown at once"
    )]
    pub fn set_param(&mut self, name: &str, text: &str) -> Result<(), Diagnostic> {
        let Some((_, param)) = self.params().find(|(_, param)| param.name.name == name) else {
            return Err(self.unknown_param(name));
        };
        let param = param.clone();
        let ty = lower(&param.ty, &mut Diagnostics::new());
        let file = self.sources.add(format!("--set {name}"), None, text);
        let span = Span::new(file, 0, text.len());
        let value = literal(text, span, &ty).ok_or_else(|| not_a_literal(name, text, &ty, span))?;
        let plain = Plain::of(&value);
        if let Some(mut diagnostic) = plain.and_then(|plain| outside(&param, &plain, span, &self.sources)) {
            diagnostic.fix = None;
            return Err(diagnostic);
        }
        self.settings.insert(name.to_owned(), value);
        Ok(())
    }

    fn unknown_param(&self, name: &str) -> Diagnostic {
        let known: Vec<&str> = self.params().map(|(_, param)| param.name.name.as_str()).collect();
        let help = if known.is_empty() {
            "it has none".to_owned()
        } else {
            let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            format!("its params are {}", known.join(", "))
        };
        let near = nearest(name, known.iter().copied());
        let help = near.map_or(help, |near| format!("did you mean `{near}`?"));
        Diagnostic::error(&UNKNOWN_PARAM, format!("the program has no param `{name}`")).help(help)
    }
}

/// The literal of a type that a text is.
fn literal(text: &str, span: Span, ty: &Type) -> Option<Expr> {
    let (wanted, optional) = match ty {
        Type::Optional(of) => (&**of, true),
        other => (other, false),
    };
    if *wanted == Type::Named(Named::Date) && day(text.trim()).is_some() {
        return Some(date(text.trim(), span));
    }
    let bare = matches!(wanted, Type::Named(Named::Text | Named::Path));
    let quoted = text.trim_start().starts_with('"') || text.trim_start().starts_with("r\"");
    if bare && !quoted && !(optional && text.trim() == "none") {
        let text = Text {
            parts: vec![TextPart::Chunk(text.to_owned())],
        };
        return Some(Expr {
            kind: ExprKind::Text(text),
            span,
        });
    }
    let value = rebuilt(&parsed(text)?, span)?;
    let mut solver = Solver::new();
    let found = type_of(&value, &mut solver)?;
    solver.fit(&found, ty).then_some(value)
}

/// `date("2020-01-31")`, which has no literal of its own.
fn date(text: &str, span: Span) -> Expr {
    let expr = |kind| Expr { kind, span };
    let text = Text {
        parts: vec![TextPart::Chunk(text.to_owned())],
    };
    let callee = expr(ExprKind::Name("date".to_owned()));
    let argument = Argument::Positional(expr(ExprKind::Text(text)));
    expr(ExprKind::Call(Box::new(callee), vec![argument]))
}

/// The one expression that a text is.
fn parsed(text: &str) -> Option<Expr> {
    let mut scratch = SourceMap::new();
    let whole = format!("let value = {text}");
    let file: FileId = scratch.add("", None, whole.as_str());
    let mut diagnostics = Diagnostics::new();
    let module = syntax::parse(file, &whole, &mut diagnostics);
    let mut items = module.items.into_iter();
    match (items.next()?.kind, items.next(), diagnostics.has_errors()) {
        (ItemKind::Let(binding), None, false) => Some(binding.value),
        _ => None,
    }
}

/// A literal with every span at the setting; none for what is no literal.
fn rebuilt(expr: &Expr, span: Span) -> Option<Expr> {
    let kind = match &expr.kind {
        ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Duration(_) | ExprKind::Bool(_) | ExprKind::None => {
            expr.kind.clone()
        }
        ExprKind::Text(text) => {
            text.plain()?;
            expr.kind.clone()
        }
        ExprKind::Unary(UnaryOp::Negate, value) => {
            let value = rebuilt(value, span)?;
            let number = matches!(
                value.kind,
                ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Duration(_)
            );
            number.then(|| ExprKind::Unary(UnaryOp::Negate, Box::new(value)))?
        }
        ExprKind::List(parts) => {
            let parts = parts.iter().map(|part| match part {
                ListPart::Value(value) => Some(ListPart::Value(rebuilt(value, span)?)),
                ListPart::Spread(_) => None,
            });
            ExprKind::List(parts.collect::<Option<_>>()?)
        }
        ExprKind::Record(entries) => {
            let entries = entries.iter().map(|entry| match entry {
                Entry::Value { key, value, .. } => {
                    key.text.plain()?;
                    let mut key = key.clone();
                    key.span = span;
                    Some(Entry::Value {
                        key,
                        value: rebuilt(value, span)?,
                        doc: None,
                    })
                }
                Entry::Spread(_) => None,
            });
            ExprKind::Record(entries.collect::<Option<_>>()?)
        }
        _ => return None,
    };
    Some(Expr { kind, span })
}

/// The type of a literal; none when its entries have none in common.
fn type_of(value: &Expr, solver: &mut Solver) -> Option<Type> {
    Some(match &value.kind {
        ExprKind::Int(_) => Type::INT,
        ExprKind::Float(_) => Type::FLOAT,
        ExprKind::Duration(_) => Type::Named(Named::Duration),
        ExprKind::Bool(_) => Type::BOOL,
        ExprKind::None => Type::None,
        ExprKind::Text(_) => Type::TEXT,
        ExprKind::Unary(_, value) => type_of(value, solver)?,
        ExprKind::List(parts) => {
            let mut element = solver.fresh(Kind::Any);
            for part in parts {
                if let ListPart::Value(value) = part {
                    let ty = type_of(value, solver)?;
                    element = solver.join(&element, &ty)?;
                }
            }
            Type::list(element)
        }
        ExprKind::Record(entries) => {
            let fields = entries.iter().filter_map(|entry| match entry {
                Entry::Value { key, value, .. } => Some((key.text.plain()?, value)),
                Entry::Spread(_) => None,
            });
            Type::Record(
                fields
                    .map(|(key, value)| Some((key, type_of(value, solver)?)))
                    .collect::<Option<_>>()?,
            )
        }
        _ => return None,
    })
}

fn not_a_literal(name: &str, text: &str, ty: &Type, span: Span) -> Diagnostic {
    let example = match ty {
        Type::Named(Named::Int) => "a whole number: `30`",
        Type::Named(Named::Float) => "a number: `1e-4`, `20%`",
        Type::Named(Named::Bool) => "`true` or `false`",
        Type::Named(Named::Duration) => "a time: `30min`",
        Type::Named(Named::Date) => "a day: `2020-01-31`",
        Type::List(_) => "a list: `[1, 2]`",
        Type::Optional(_) => "a value or `none`",
        _ => "a literal as the program would write it",
    };
    Diagnostic::error(
        &MISMATCH,
        format!("the param `{name}` has type `{ty}`, and `{text}` does not"),
    )
    .at(span, "")
    .help(format!("give {example}"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::analysis::{Main, load};

    const PARAMS: &str = "param data: path = \"data\"\nparam epochs: int = 30\nparam rates: [float] = [1e-3]\n\
                          param share: float = 10%\nparam start: path? = none\nparam limit: duration = 90min\n\
                          param deep: bool = false\nparam mode: text in [\"quick\", \"full\"] = \"quick\"\n\
                          param depth: int in [18, 34, 50] = 18\nparam lr: float in 1e-5..=1e-1 = 1e-3\n\
                          param since: date = date(\"2015-01-01\")\n";

    fn set(name: &str, text: &str) -> Result<ExprKind, String> {
        let main = Main::Text {
            name: "main.mtl",
            folder: Path::new(""),
            text: PARAMS,
        };
        let mut program = load(main, &mut Diagnostics::new());
        program
            .set_param(name, text)
            .map_err(|d| format!("{} / {}", d.message, d.help.unwrap_or_default()))?;
        Ok(program.setting(name).expect("the setting is kept").kind.clone())
    }

    fn text_of(kind: ExprKind) -> Option<String> {
        match kind {
            ExprKind::Text(text) => text.plain(),
            _ => None,
        }
    }

    #[test]
    fn paths_and_texts_need_no_quotes() {
        assert_eq!(
            text_of(set("data", "/mnt/films and more").unwrap()).as_deref(),
            Some("/mnt/films and more")
        );
        assert_eq!(text_of(set("data", "\"/mnt\"").unwrap()).as_deref(), Some("/mnt"));
        assert_eq!(
            text_of(set("start", "w.safetensors").unwrap()).as_deref(),
            Some("w.safetensors")
        );
        assert!(matches!(set("start", "none"), Ok(ExprKind::None)));
    }

    #[test]
    fn literals_are_of_the_declared_type() {
        assert!(matches!(set("epochs", "12"), Ok(ExprKind::Int(12))));
        assert!(matches!(set("share", "3"), Ok(ExprKind::Int(3))));
        assert!(matches!(set("share", "-20%"), Ok(ExprKind::Unary(UnaryOp::Negate, _))));
        assert!(matches!(set("rates", "[1e-2, 1]"), Ok(ExprKind::List(parts)) if parts.len() == 2));
        assert!(matches!(set("deep", "true"), Ok(ExprKind::Bool(true))));
        assert!(matches!(set("limit", "30min"), Ok(ExprKind::Duration(s)) if s == 1800.0));
        assert!(matches!(set("since", "2020-02-29"), Ok(ExprKind::Call(_, given)) if given.len() == 1));
        for (name, text) in [
            ("since", "2021-02-29"),
            ("since", "2021"),
            ("epochs", "1.5"),
            ("epochs", "ten"),
            ("epochs", "1 + 1"),
            ("epochs", "3\nlet b = 4"),
            ("epochs", ""),
            ("rates", "[1e-2, \"a\"]"),
            ("deep", "1"),
            ("epochs", "none"),
        ] {
            assert!(set(name, text).is_err(), "{name}={text}");
        }
    }

    #[test]
    fn a_value_lies_in_the_domain() {
        assert!(set("mode", "full").is_ok() && set("mode", "\"full\"").is_ok());
        assert!(set("depth", "34").is_ok() && set("lr", "1e-5").is_ok() && set("lr", "10%").is_ok());
        assert_eq!(
            set("mode", "ful").unwrap_err(),
            "the param `mode` cannot be `ful` / did you mean `full`?"
        );
        assert_eq!(
            set("depth", "19").unwrap_err(),
            "the param `depth` cannot be `19` / its values lie in `[18, 34, 50]`"
        );
        assert_eq!(
            set("lr", "1").unwrap_err(),
            "the param `lr` cannot be `1` / its values lie in `1e-5..=1e-1`"
        );
    }

    #[test]
    fn an_unknown_param_proposes_the_nearest() {
        let error = set("epoch", "3").unwrap_err();
        assert_eq!(error, "the program has no param `epoch` / did you mean `epochs`?");
    }
}
