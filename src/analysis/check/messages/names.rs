//! Messages on names, items and attributes.

use super::{super::attributes::KNOWN, one, quoted};
use crate::{
    builtins::choices,
    diag::{
        Code, Diagnostic, Fix,
        codes::{
            all,
            lint::{OPTIONAL_PARAM, UNUSED},
            names::{ATTRIBUTE, DUPLICATE, RECURSION, RESERVED_X, SHADOWED_AXIS, UNKNOWN, UNUSED_VARIABLE},
            types::{NEEDS_ANNOTATION, NO_BODY, NOT_A_REPORT, PARAM_TYPE, REST},
        },
    },
    source::Span,
    syntax::ast::{Attribute, Expr, Ident, Out, Param, Parameter},
    types::{Named, Type},
};

/// Nothing defines a name. `expected` is the choice whose words were looked up first.
pub(crate) fn unknown_name(
    name: &str,
    span: Span,
    is_out: bool,
    expected: Option<Named>,
    candidates: &[&str],
) -> Diagnostic {
    let words = |of: Named| quoted(&choices::words(of).iter().map(|word| word.word).collect::<Vec<_>>());
    let diagnostic = match expected {
        Some(of) => Diagnostic::error(
            &UNKNOWN,
            format!("`{name}` is neither a word of `{}` nor defined", of.name()),
        )
        .at(span, "not known")
        .help(format!("its words are {}", words(of))),
        None => Diagnostic::error(&UNKNOWN, format!("`{name}` is not defined")).at(span, "not known here"),
    };
    if is_out {
        let help = format!("`{name}` is an output, which is written and not a value; bind its value with `let`");
        return diagnostic.help(help);
    }
    if let Some(of) = choices::types_with(name).next() {
        let help = format!(
            "`{name}` is a word of `{}` and means something only where one is expected",
            of.name()
        );
        return diagnostic.help(help);
    }
    diagnostic.suggest(span, name, candidates.iter().copied())
}

/// A name of the standard library that is not imported; `import` does it.
pub(crate) fn not_imported(name: &str, span: Span, home: &str, import: Fix) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(&UNKNOWN, format!("`{name}` is not imported"))
        .at(span, "not known here")
        .help(format!("it is in the standard library: `import {home} {{ {name} }}`"));
    diagnostic.fix = Some(import);
    diagnostic
}

/// A module's alias stands where a value is wanted.
pub(crate) fn module_as_value(name: &str, span: Span) -> Diagnostic {
    Diagnostic::error(&UNKNOWN, format!("`{name}` is a module, not a value"))
        .at(span, "a module")
        .help(format!("name what you need of it: `{name}.something`"))
}

/// A name is given twice within one list of names.
pub(crate) fn twice(name: &str, span: Span, first: Span, what: &str) -> Diagnostic {
    Diagnostic::error(&DUPLICATE, format!("the {what} `{name}` is there twice"))
        .at(span, "again here")
        .at(first, "first here")
        .help("remove or rename one of the two")
}

/// Items need each other: each with the place where it names the next.
pub(crate) fn recursion(circle: &[(String, Span)]) -> Diagnostic {
    let mut names: Vec<&str> = circle.iter().map(|(name, _)| name.as_str()).collect();
    names.extend(names.first().copied());
    let message = match circle {
        [(only, _)] => format!("`{only}` needs itself"),
        _ => format!("definitions need each other in a circle: {}", names.join(" -> ")),
    };
    let mut diagnostic = Diagnostic::error(&RECURSION, message);
    for (index, (_, span)) in circle.iter().enumerate() {
        let next = names.get(index + 1).copied().unwrap_or_default();
        diagnostic = diagnostic.at(*span, format!("needs `{next}`"));
    }
    diagnostic.help("there is no recursion; `repeat` and `for` run over a list that is known beforehand")
}

/// `x` is taken inside a net.
pub(crate) fn reserved_x(span: Span) -> Diagnostic {
    Diagnostic::error(&RESERVED_X, "`x` is what is piped into a net")
        .at(span, "takes its name away")
        .help("give this another name")
}

/// A loop variable that the body does not name.
pub(crate) fn unused_variable(name: &Ident) -> Diagnostic {
    Diagnostic::error(
        &UNUSED_VARIABLE,
        format!("`{}` never reaches the value, so every cell is the same", name.name),
    )
    .at(name.span, "not used in the body")
    .help(format!("use it, as in `init(seed: {})`, or remove it", name.name))
}

/// A loop variable named as an axis that is there already.
pub(crate) fn shadowed_axis(name: &str, span: Span) -> Diagnostic {
    Diagnostic::error(&SHADOWED_AXIS, format!("there is an axis `{name}` already"))
        .at(span, "a second axis of this name")
        .help("name this loop variable otherwise")
}

/// `@allow` names a warning that does not exist.
pub(crate) fn unknown_warning(name: &str, span: Span) -> Diagnostic {
    let tails: Vec<&str> = all().map(Code::name).collect();
    Diagnostic::error(&ATTRIBUTE, format!("there is no warning `{name}`"))
        .at(span, "not known")
        .help(match crate::diag::nearest(name, tails) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "a warning is named by its code, or by the last part of it: `unused`".to_owned(),
        })
}

/// A name that nothing uses.
pub(crate) fn unused(what: &str, name: &Ident) -> Diagnostic {
    Diagnostic::warning(&UNUSED, format!("the {what} `{}` is used by nothing", name.name))
        .at(name.span, "not used")
        .help("remove it, or write `@allow(\"unused\")` before its item")
}

/// A local, or a lambda's parameter, that nothing uses.
pub(crate) fn unused_local(what: &str, name: &Ident) -> Diagnostic {
    let name_it = format!("name it `_{}` if it is meant so", name.name);
    Diagnostic::warning(&UNUSED, format!("the {what} `{}` is used by nothing", name.name))
        .at(name.span, "not used")
        .help(match what {
            "parameter" => name_it,
            _ => format!("remove it, or {name_it}"),
        })
}

/// An attribute that nothing knows.
pub(crate) fn unknown_attribute(attribute: &Attribute) -> Diagnostic {
    let name = &attribute.name;
    let uses: Vec<&str> = KNOWN.iter().map(|(_, usage)| *usage).collect();
    Diagnostic::error(&ATTRIBUTE, format!("there is no attribute `@{}`", name.name))
        .at(name.span, "not known")
        .help(uses.join("; "))
        .suggest(name.span, &name.name, KNOWN.iter().map(|(known, _)| *known))
}

/// An attribute used otherwise than it is meant.
pub(crate) fn attribute(name: &str, rule: &str, span: Span) -> Diagnostic {
    let usage = KNOWN
        .iter()
        .find(|(known, _)| *known == name)
        .map_or("", |(_, usage)| usage);
    Diagnostic::error(&ATTRIBUTE, format!("`@{name}` {rule}"))
        .at(span, "")
        .help(usage)
}

/// A function without a body.
pub(crate) fn no_body(name: &Ident) -> Diagnostic {
    Diagnostic::error(&NO_BODY, format!("`{}` has no body", name.name))
        .at(name.span, "only builtins have none")
        .help("write its value: `fn ... = value`, or `fn ... { value }`")
}

/// A type is needed that nothing tells.
pub(crate) fn needs_annotation(value: &Expr) -> Diagnostic {
    Diagnostic::error(&NEEDS_ANNOTATION, "the type of this value is not known here")
        .at(value.span, "nothing tells its type")
        .help("write the type of the parameter it comes from: `(r: Row) => ...`")
}

/// A `param` whose type no literal has.
pub(crate) fn param_type(name: &str, ty: &Type, span: Span) -> Diagnostic {
    Diagnostic::error(&PARAM_TYPE, format!("the param `{name}` cannot be {ty}", ty = one(ty)))
        .at(span, "no literal has this type")
        .help("a param is a number, a text, a path, a duration or a truth value, or a list or record of these; bind anything else with `let`")
}

/// A `param` with the default `none` whose type does not admit it.
pub(crate) fn optional_param(param: &Param) -> Diagnostic {
    let end = param.ty.span.after();
    let name = &param.name.name;
    let mut diagnostic = Diagnostic::warning(&OPTIONAL_PARAM, format!("the param `{name}` may be `none`"))
        .at(param.ty.span, "this type does not say so")
        .help("write `?` after the type");
    diagnostic.fix = Some(Fix {
        span: end,
        text: "?".to_owned(),
    });
    diagnostic
}

/// An output that is no report.
pub(crate) fn not_a_report(out: &Out, ty: &str, reportable: bool) -> Diagnostic {
    let end = out.value.span.after();
    let diagnostic = Diagnostic::error(
        &NOT_A_REPORT,
        format!("the output `{}` is no `Report`, but {ty}", out.name.name, ty = one(ty)),
    )
    .at(out.value.span, one(ty));
    if !reportable {
        return diagnostic.help(
            "an output is something a person opens, as `report` makes it of scores; bind other values with `let`",
        );
    }
    let mut diagnostic = diagnostic.help("make a report of it: `|> report`");
    diagnostic.fix = Some(Fix {
        span: end,
        text: " |> report".to_owned(),
    });
    diagnostic
}

/// A `...rest` that is not the last parameter of a function.
pub(crate) fn rest_not_last(parameter: &Parameter, allowed: bool) -> Diagnostic {
    let message = if allowed {
        "`...` belongs to the last parameter"
    } else {
        "only a `fn` passes arguments on"
    };
    Diagnostic::error(&REST, message)
        .at(parameter.span, "")
        .help("`fn model: Model |> warm(task: Task, ...how) -> Model = model |> train(task, ...how)`")
}

/// A `...rest` that is not passed on to one known function.
pub(crate) fn rest_use(rest: &Parameter, place: Option<Span>) -> Diagnostic {
    let name = &rest.name.name;
    let mut diagnostic = Diagnostic::error(
        &REST,
        format!("`...{name}` is not passed on exactly once, to a function by its name"),
    )
    .at(rest.span, "takes what its only use still accepts");
    if let Some(place) = place {
        diagnostic = diagnostic.at(place, "passed on here");
    }
    diagnostic.help(format!("pass it on in one call: `train(task, ...{name})`"))
}

/// A `...rest` used as a value.
pub(crate) fn rest_as_value(name: &str, span: Span) -> Diagnostic {
    Diagnostic::error(&REST, format!("`{name}` can only be passed on"))
        .at(span, "not a value")
        .help(format!("write `...{name}` in the call that takes it"))
}
