//! The quick start: what its arms share, and what its report will have to tell.

use crate::fixture::{golden_program, planned, report, shared};
use mtl::{
    analysis::{Main, load},
    diag::Diagnostics,
    plan::{
        Options, Plan,
        stage::{ChoiceBy, Train, Work},
    },
};
use std::collections::BTreeSet;

fn trainings(plan: &Plan) -> Vec<(String, Train)> {
    let stages = plan.order().map(|id| &plan.graph[id]);
    stages
        .filter_map(|stage| match &stage.work {
            Work::Train(train) => Some((stage.name.clone(), (**train).clone())),
            _ => None,
        })
        .collect()
}

#[test]
fn the_quick_start_shares_what_its_arms_have_in_common() {
    let plan = planned(&golden_program("quickstart"));
    let count = |prefix: &str| {
        let names = plan.order().map(|id| plan.graph[id].name.clone());
        names
            .filter(|name| name.rsplit('/').next().is_some_and(|last| last.starts_with(prefix)))
            .count()
    };
    let counts = ["prepare", "pretrain", "finetune", "score", "report"].map(count);
    assert_eq!(counts, [1, 3, 9, 9, 1], "two arms share their pre-training");
    assert_eq!(plan.graph.node_count(), 23);
    let names: BTreeSet<_> = plan.order().map(|id| plan.graph[id].name.clone()).collect();
    assert_eq!(names.len(), 23, "names are unique");
    assert!(names.contains("scores[density]/fold2/pretrain density"), "{names:?}");
    for edge in plan.graph.edge_indices() {
        let (from, to) = plan.graph.edge_endpoints(edge).expect("the edge is there");
        assert!(from < to, "inputs come first");
    }
    assert_eq!(
        format!("{:?}", planned(&golden_program("quickstart"))),
        format!("{plan:?}")
    );
}

#[test]
fn a_report_knows_what_it_will_have_to_tell() {
    let report = report(&planned(&golden_program("quickstart")), "study");
    assert_eq!(report.design.name, "study");
    assert_eq!(report.about, ["Density before malignancy, and frozen."]);
    assert_eq!(report.design.axes[0].labels, ["scratch", "density", "frozen"]);
    assert_eq!(report.baseline, [("arm".to_owned(), "scratch".to_owned())]);
    let [scratch, density, frozen] = &report.design.cells[..] else {
        panic!("{:?}", report.design.cells)
    };
    assert_eq!(scratch.chain, ["random start", "finetune on malignancy, 7 epochs"]);
    assert_eq!(
        frozen.chain.last().map(String::as_str),
        Some("finetune on malignancy, 4 epochs, stages(2) frozen")
    );
    assert_eq!(density.network, "resnet18");
    assert_eq!(
        density.network_parameters, 11_177_538,
        "11,689,512 less a head of 1,000, with one of 2"
    );
    let task = &report.design.tasks[0];
    assert_eq!(
        (task.classes.clone(), task.rows),
        (vec!["malignant".to_owned(), "benign".to_owned()], (84, 84))
    );
    assert_eq!((task.folds, task.group_column.as_deref()), (3, Some("patient")));
    assert_eq!(task.data.title.as_deref(), Some("Small films"));
    for cell in &report.design.cells {
        let mut tested: Vec<u32> = cell.members.iter().flat_map(|m| m.test.iter().copied()).collect();
        tested.sort_unstable();
        assert_eq!(tested, (0..84).collect::<Vec<_>>(), "each sample is tested once");
        for member in &cell.members {
            assert!(member.tuning.iter().all(|place| !member.test.contains(place)));
        }
    }
    let seen = |cell: &mtl::plan::stage::Cell| -> u64 {
        cell.members[0]
            .scoring
            .trainings(&|_| 0)
            .iter()
            .map(|at| report.design.trainings[*at].pictures)
            .sum()
    };
    assert_eq!(seen(scratch), seen(density), "the budgets are equal");
    let choice = |scope: &str, name: &str| {
        let found = report.choices.iter().find(|c| c.scope == scope && c.name == name);
        found.map(|c| (c.value.clone(), c.by))
    };
    let program = |value: &str| Some((value.to_owned(), ChoiceBy::Program));
    let default = |value: &str| Some((value.to_owned(), ChoiceBy::Default));
    assert_eq!(choice("scores[density]/finetune malignancy", "epochs"), program("4"));
    assert_eq!(choice("scores[density]/pretrain density", "batch"), default("32"));
    assert_eq!(choice("scores[density]/finetune malignancy", "lr"), default("1e-4"));
    assert_eq!(choice("scores[scratch]/finetune malignancy", "lr"), default("0.001"));
    assert_eq!(choice("cohort", "seed"), program("7"));
    assert_eq!(choice("study", "seed"), default("0"));
    assert_eq!(choice("study", "adjust"), program("holm"));
    let dag: Vec<_> = report
        .dag
        .nodes
        .iter()
        .map(|(name, _, count)| (name.as_str(), *count))
        .collect();
    assert_eq!(dag[0], ("prepare films", 1));
    assert!(
        dag.contains(&("pretrain density", 3)) && dag.contains(&("finetune malignancy", 6)),
        "{dag:?}"
    );
    assert_eq!(dag.last(), Some(&("report study", 1)));
}

#[test]
fn seeds_are_those_of_the_member_and_not_of_the_arm() {
    let all = trainings(&planned(&golden_program("repeats")));
    let of = |arm: &str, member: &str| {
        let name = format!("scores[{arm}, malignant]/{member}");
        let found = all
            .iter()
            .filter(|(stage, _)| stage.starts_with(&name) && !stage.contains("pretrain"));
        found
            .map(|(_, train)| train.seed)
            .next()
            .expect("the member is planned")
    };
    assert_eq!(of("scratch", "repeat1/fold1"), of("probe", "repeat1/fold1"));
    assert_ne!(of("scratch", "repeat1/fold1"), of("scratch", "repeat1/fold2"));
    assert_ne!(of("scratch", "repeat1/fold1"), of("scratch", "repeat2/fold1"));
}

#[test]
fn settings_replace_parameters_and_wanted_outputs_are_planned_alone() {
    let text = golden_program("grid");
    let mut diagnostics = Diagnostics::new();
    let program = load(
        Main::Text {
            name: "main.mtl",
            folder: shared(),
            text: &text,
        },
        &mut diagnostics,
    );
    let options = Options {
        outputs: vec!["residual".to_owned()],
    };
    let plan = mtl::plan::plan(&program, &options, &mut diagnostics).expect("the program is right");
    assert_eq!(plan.outputs.keys().collect::<Vec<_>>(), ["residual"]);
    let names: Vec<_> = plan.order().map(|id| plan.graph[id].name.clone()).collect();
    assert!(names.iter().all(|name| !name.contains("alexnet")), "{names:?}");
    let unknown = Options {
        outputs: vec!["residul".to_owned()],
    };
    assert!(mtl::plan::plan(&program, &unknown, &mut diagnostics).is_none());
    let last = diagnostics.iter().last().and_then(|d| d.help.clone());
    assert_eq!(last.as_deref(), Some("did you mean `residual`?"));
}

#[test]
fn a_plan_is_drawn() {
    let plan = planned(&golden_program("quickstart"));
    let dot = mtl::plan::dot::to_dot(&plan);
    assert_eq!(dot.matches("shape").count() + dot.matches("tooltip").count(), 24);
    assert_eq!(dot.matches(" -> ").count(), plan.graph.edge_count());
    let svg = mtl::report::pipeline(&report(&plan, "study").dag);
    assert!(
        svg.contains("finetune malignancy") && svg.contains("train, 6 stages"),
        "{svg}"
    );
    let cost = |name: &str| {
        let id = plan
            .order()
            .find(|id| plan.graph[*id].name == name)
            .expect("the stage is planned");
        mtl::plan::cost::operations(&plan.graph[id].work)
    };
    assert!(cost("scores[scratch]/fold1/finetune malignancy") > cost("scores[density]/fold1/finetune malignancy"));
    assert!(
        cost("scores[frozen]/fold1/finetune malignancy") < cost("scores[density]/fold1/finetune malignancy"),
        "what is frozen below has no backward pass"
    );
}
