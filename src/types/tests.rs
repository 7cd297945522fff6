use proptest::prelude::*;

use super::*;
use crate::{
    diag::Diagnostics,
    source::SourceMap,
    syntax::{self, ast::ItemKind},
};

/// The type that a text writes.
fn ty(text: &str) -> Type {
    let text = format!("param p: {text} = none\n");
    let mut map = SourceMap::new();
    let file = map.add("", None, text.as_str());
    let mut diagnostics = Diagnostics::new();
    let module = syntax::parse(file, &text, &mut diagnostics);
    let Some(ItemKind::Param(param)) = module.items.first().map(|item| &item.kind) else {
        panic!("{text}: no type");
    };
    let ty = lower(&param.ty, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{text}: {diagnostics:?}");
    ty
}

fn fits(value: &str, place: &str) -> bool {
    Solver::new().fit(&ty(value), &ty(place))
}

fn joined(a: &str, b: &str) -> Option<String> {
    Solver::new().join(&ty(a), &ty(b)).map(|ty| ty.to_string())
}

#[test]
fn types_are_shown_as_they_are_written() {
    for text in [
        "int",
        "[float]",
        "{Task}",
        "path?",
        "{ a: int, b: [text] }",
        "Dataset -> Cohort",
        "(Task, float) -> Model -> Model",
        "() -> Folding",
        "(Task -> Task)?",
        "Grid[Scores]",
        "Grid[Scores; chain, frozen]",
        "{(Task) -> Model -> Model}",
        "D -> D",
    ] {
        assert_eq!(ty(text).to_string(), text);
    }
}

#[test]
fn all_conversions_hold_and_no_other() {
    for (value, place) in [
        ("int", "float"),
        ("text", "path"),
        ("int", "int?"),
        ("Net", "Model"),
        ("Task", "Cohort"),
        ("Task", "Dataset"),
        ("Cohort", "Dataset"),
        ("float", "Rates"),
        ("int", "Rates"),
        ("{ head: float, rest: int }", "Rates"),
        ("text", "Freeze"),
        ("[text]", "Freeze"),
        ("Scores", "Grid[Scores]"),
        ("Grid[Scores; chain]", "Grid[Scores]"),
        ("int", "Label"),
        ("bool", "Label"),
        ("text", "Baseline"),
        ("{ chain: text, frozen: int }", "Baseline"),
        ("float", "Numbers"),
        ("[float]", "Numbers"),
        ("int", "Size"),
        ("[int]", "Size"),
        ("[Task]", "[Cohort]"),
        ("{ a: int, b: float }", "{float}"),
        ("Cohort -> Task", "Task -> Cohort"),
        ("(float) -> int", "(int) -> float"),
        ("() -> Schedule", "Schedule"),
        ("() -> Dataset -> Dataset", "Task -> Dataset"),
    ] {
        assert!(fits(value, place), "{value} fits {place}");
    }
    for (value, place) in [
        ("float", "int"),
        ("path", "text"),
        ("int?", "int"),
        ("Model", "Net"),
        ("Dataset", "Cohort"),
        ("Cohort", "Task"),
        ("int", "text"),
        ("[float]", "Rates"),
        ("{ head: text }", "Rates"),
        ("int", "Freeze"),
        ("Scores", "Grid[Scores; chain]"),
        ("Grid[Model; chain]", "Grid[Scores]"),
        ("Grid[Scores]", "Grid[Scores; chain]"),
        ("path", "Label"),
        ("[text]", "Label"),
        ("[float]", "Size"),
        ("text", "Schedule"),
        ("(int) -> Schedule", "Schedule"),
        ("() -> Dataset", "Dataset"),
        ("(Task) -> Model -> Model", "Model -> Model"),
        ("(int) -> int", "(float) -> int"),
        ("Dataset -> Dataset", "Dataset -> Cohort"),
    ] {
        assert!(!fits(value, place), "{value} does not fit {place}");
    }
}

#[test]
fn entries_join_by_subject_and_result_by_required_parameters_and_by_conversion() {
    for (a, b, expected) in [
        ("int", "float", Some("float")),
        ("Net", "Model", Some("Model")),
        ("Task", "Cohort", Some("Cohort")),
        ("int", "text", None),
        ("text", "path", Some("path")),
        ("int", "int?", Some("int?")),
        ("Net -> Model", "Model -> Model", Some("Net -> Model")),
        ("Model -> Model", "Dataset -> Dataset", None),
        ("Tensor -> Tensor", "Net", Some("Tensor -> Tensor")),
        ("() -> Model -> Model", "Model -> Model", Some("Model -> Model")),
        ("(Task) -> Model -> Model", "Model -> Model", None),
        (
            "(Task) -> Model -> Model",
            "(Cohort) -> Model -> Model",
            Some("(Task) -> Model -> Model"),
        ),
        ("(Task) -> Model", "(Task, int) -> Model", None),
        ("{ a: int }", "{ a: float }", Some("{ a: float }")),
        ("{ a: int }", "{ b: float }", Some("{float}")),
        ("{ a: int }", "{ b: text }", None),
        (
            "Grid[Scores; chain]",
            "Grid[Scores; chain]",
            Some("Grid[Scores; chain]"),
        ),
        ("Grid[Scores; chain]", "Grid[Scores; lr]", None),
    ] {
        assert_eq!(joined(a, b).as_deref(), expected, "{a} and {b}");
        assert_eq!(joined(b, a).is_some(), expected.is_some(), "{b} and {a}");
    }
}

#[test]
fn a_step_that_makes_a_cohort_takes_rows_that_are_none_yet() {
    let mut solver = Solver::new();
    let mut apply = |value: &str, subject: &str, result: &str| {
        solver
            .apply(&ty(value), &ty(subject), &ty(result))
            .map(|ty| ty.to_string())
    };
    assert_eq!(apply("Dataset", "Dataset", "Cohort").as_deref(), Some("Cohort"));
    assert_eq!(apply("Cohort", "Dataset", "Cohort"), None);
    assert_eq!(apply("Task", "Dataset", "Cohort"), None);
    assert_eq!(apply("Task", "Cohort", "Task"), None);
    assert_eq!(apply("Cohort", "Dataset", "Dataset").as_deref(), Some("Dataset"));
    assert_eq!(apply("Net", "Model", "Model").as_deref(), Some("Model"));
}

#[test]
fn rows_keep_their_kind_and_numbers_widen() {
    let mut solver = Solver::new();
    let step = solver.instantiate(&ty("D -> D"));
    let Type::Step(subject, result) = &step else {
        panic!("a step")
    };
    assert_eq!(solver.apply(&ty("Task"), subject, result), Some(ty("Task")));
    let step = solver.instantiate(&ty("D -> D"));
    let Type::Step(subject, result) = &step else {
        panic!("a step")
    };
    assert_eq!(solver.apply(&ty("Model"), subject, result), None);
    assert_eq!(
        solver
            .generalize(&Type::step((**subject).clone(), (**result).clone()))
            .to_string(),
        "D -> D"
    );
    let number = solver.fresh(Kind::Number);
    assert!(solver.fit(&Type::INT, &number) && solver.fit(&Type::FLOAT, &number));
    assert_eq!(solver.resolve(&number), Type::FLOAT);
    assert!(!solver.fit(&Type::TEXT, &number));
}

#[test]
fn a_variable_never_stands_for_a_type_that_holds_it() {
    let mut solver = Solver::new();
    let variable = solver.fresh(Kind::Any);
    assert!(!solver.fit(&Type::list(variable.clone()), &variable));
    assert!(solver.fit(&variable, &variable));
}

/// Types without variables, steps and functions included.
fn any_type() -> impl Strategy<Value = Type> {
    let leaf = prop::sample::select(Named::ALL).prop_map(Type::Named);
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(Type::list),
            inner.clone().prop_map(Type::optional),
            inner.clone().prop_map(|ty| Type::Map(Box::new(ty))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Type::step(a, b)),
            prop::collection::vec(inner, 1..3).prop_map(|types| Type::Record(
                types
                    .into_iter()
                    .enumerate()
                    .map(|(i, ty)| (format!("f{i}"), ty))
                    .collect()
            )),
        ]
    })
}

proptest! {
    #[test]
    fn every_type_fits_itself_and_joins_with_itself_to_itself(ty in any_type()) {
        prop_assert!(Solver::new().fit(&ty, &ty));
        prop_assert_eq!(Solver::new().join(&ty, &ty), Some(ty));
    }

    #[test]
    fn what_joins_fits_the_join(a in any_type(), b in any_type()) {
        let mut solver = Solver::new();
        if let Some(joined) = solver.join(&a, &b) {
            prop_assert!(solver.fit(&a, &joined), "{} into {}", a, joined);
            prop_assert!(solver.fit(&b, &joined), "{} into {}", b, joined);
        }
    }
}
