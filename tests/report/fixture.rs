//! Studies to render: a tiny one whose files are kept as goldens, and invented ones of realistic size and shape.

use mtl::plan::stage::{Adjust, Axis, Choice, ChoiceBy, Dag, DataFacts};
use mtl::report::caveats::{Facts, Power, Trivial, Unequal, Untuned};
use mtl::report::model::*;
use mtl::report::words;

/// A small reproducible source of numbers (Knuth's MMIX constants).
struct Numbers(u64);

impl Numbers {
    fn uniform(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Nearly normal: the sum of twelve uniform numbers.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

fn text(words: &str) -> String {
    words.to_owned()
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn axis(name: &str, labels: &[&str]) -> Axis {
    Axis {
        name: text(name),
        labels: texts(labels),
    }
}

fn choice(scope: &str, name: &str, value: &str, by: ChoiceBy) -> Choice {
    Choice {
        scope: text(scope),
        name: text(name),
        value: text(value),
        by,
    }
}

fn dag(nodes: &[(&str, &str, u32)], edges: &[(u32, u32)]) -> Dag {
    let nodes = nodes
        .iter()
        .map(|&(name, kind, count)| (text(name), text(kind), count))
        .collect();
    Dag {
        nodes,
        edges: edges.to_vec(),
    }
}

/// Two arms, two folds, four samples; numbers chosen to meet every rule of writing.
pub(crate) fn tiny() -> Study {
    let predictions = |shares: [f64; 4]| {
        let row = |place: usize, share: f64| Prediction {
            sample: format!("films/{place}, left.png"),
            group: format!("P_{}", place / 2),
            repeat: 0,
            fold: place as u32 / 2,
            class: place % 2,
            probabilities: vec![share, 1.0 - share],
        };
        shares
            .into_iter()
            .enumerate()
            .map(|(place, share)| row(place, share))
            .collect::<Vec<_>>()
    };
    let cell = |label: &str, auc: f64, interval: Option<Interval>, models: [f64; 2], shares, trainings: [usize; 2]| {
        CellResult {
            coordinate: vec![text(label)],
            task: 0,
            network: text("resnet18"),
            network_parameters: 11_177_538,
            chain: vec![
                text("random start"),
                format!("finetune on malignancy, {} epochs", if label == "100%" { 4 } else { 7 }),
            ],
            n: 4,
            n_groups: 2,
            class_counts: vec![2, 2],
            estimand: words::estimand(2, 1, "image", "patients"),
            unit: text("image"),
            auc: Some(auc),
            auc_ci: interval,
            auc_method: text("Mean of the folds' AUCs, patients as clusters"),
            auc_pooled: Some(0.75),
            curves: vec![ClassCurves {
                class: 0,
                auc: Some(auc),
                auc_ci: interval,
                folds: vec![
                    vec![[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]],
                    vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]],
                ],
                average: vec![[0.0, 0.0], [0.0, 0.5], [1.0, 0.5], [1.0, 1.0]],
            }],
            repeats: 1,
            budget: Budget {
                models: 2,
                epochs: 7,
                pictures: 14_861,
                steps: 466,
            },
            members: (0..2)
                .map(|fold| MemberResult {
                    repeat: 0,
                    fold: fold as u32,
                    auc: Some(models[fold]),
                    trainings: vec![trainings[fold]],
                })
                .collect(),
            predictions: predictions(shares),
        }
    };
    let training = |label: &str, fold: u32| TrainingResult {
        stage: format!("scores[{label}]/fold{fold}/finetune"),
        label: text("finetune on malignancy"),
        epochs: 2,
        pictures: 7_430,
        steps: 233,
        trained: (11_177_538, 11_177_538),
        history: vec![
            EpochLoss {
                epoch: 1,
                training: 0.75,
                tuning: Some(0.6875),
            },
            EpochLoss {
                epoch: 2,
                training: 0.5,
                tuning: None,
            },
        ],
    };
    Study {
        name: text("tiny"),
        program: text("tiny.mtl"),
        about: texts(&["Two arms & a <baseline>."]),
        axes: vec![axis("arm", &["scratch", "100%"])],
        compare: Some(text("arm")),
        baseline: vec![(text("arm"), text("scratch"))],
        adjust: Adjust::Holm,
        family: 1,
        tasks: vec![tiny_task()],
        cells: vec![
            cell(
                "scratch",
                0.1 + 0.2,
                Some([0.125, 0.5]),
                [0.25, 0.35],
                [0.1, 0.9, 0.4, 0.2],
                [0, 1],
            ),
            cell(
                "100%",
                0.625,
                None,
                [0.5, f64::NAN],
                [1e-7, 0.3, 2.0 / 3.0, 0.5],
                [2, 3],
            ),
        ],
        comparisons: vec![Comparison {
            arm: 1,
            baseline: 0,
            delta: Some(0.325),
            delta_ci: Some([-0.0125, 0.6625]),
            z: Some(1.887),
            p_models: Some(0.059_2),
            p_strategy: None,
            p: Some(0.059_2),
            p_adjusted: Some(0.059_2),
            test: text("paired clustered z test"),
            mde: Some(0.41),
            budgets_equal: false,
        }],
        trainings: vec![
            training("scratch", 0),
            training("scratch", 1),
            training("100%", 0),
            training("100%", 1),
        ],
        choices: vec![
            choice("scores/finetune", "epochs", "2", ChoiceBy::Program),
            choice("scores/finetune", "lr", "1e-3", ChoiceBy::Default),
        ],
        caveats: Facts {
            cards: texts(&["Invented pictures."]),
            folds: 2,
            repeats: 1,
            comparisons: 1,
            ..Facts::default()
        }
        .caveats(),
        dag: dag(
            &[
                ("films", "prepare", 1),
                ("scores/finetune", "train", 4),
                ("tiny", "report", 1),
            ],
            &[(0, 1), (1, 2)],
        ),
        test_looks: None,
        plan_locked: Some(false),
        environment: Environment {
            version: text("0.1.0"),
            device: text("cpu-avx2"),
            numerics: text("f32"),
        },
    }
}

fn tiny_task() -> TaskResult {
    let part = |groups, samples, class_groups: [usize; 2], class_samples: [usize; 2]| Part {
        groups,
        samples,
        class_groups: class_groups.to_vec(),
        class_samples: class_samples.to_vec(),
    };
    let half = part(1, 2, [1, 1], [1, 1]);
    TaskResult {
        name: text("malignancy"),
        classes: texts(&["malignant", "benign"]),
        class_labels: vec![texts(&["malignant"]), texts(&["benign", "benign_without_callback"])],
        column: text("label"),
        group_column: Some(text("patient")),
        split: text("2 folds by patient, seed 7"),
        folds: 2,
        repeats: 1,
        rows: (5, 4),
        cohort: part(2, 4, [2, 2], [2, 2]),
        fold_counts: (0..2)
            .map(|fold| FoldCounts {
                repeat: 0,
                fold,
                training: half.clone(),
                tuning: part(0, 0, [0, 0], [0, 0]),
                test: half.clone(),
            })
            .collect(),
        trivial_baseline: Some(TrivialBaseline {
            features: 12,
            auc: 0.5,
            auc_ci: Some([0.25, 0.75]),
        }),
        data: DataFacts {
            source: text("films/manifest.csv"),
            license: Some(text("CC BY 3.0")),
            ..DataFacts::default()
        },
    }
}

/// What an invented study consists of.
pub(crate) struct Plan<'a> {
    name: &'a str,
    axes: Vec<Axis>,
    compare: &'a str,
    tasks: &'a [(&'a str, &'a [&'a str])],
    folds: u32,
    repeats: u32,
    patients: usize,
    /// Task, chain in words with its trainings' labels, and how far apart the classes' scores lie.
    #[allow(clippy::type_complexity)]
    cell: &'a dyn Fn(&[String]) -> (usize, Vec<(&'a str, u32)>, f64),
    baseline: &'a dyn Fn(&[String]) -> Vec<String>,
}

/// Three arms in three folds, as in a quick start.
pub(crate) fn quick_start() -> Study {
    let arms = ["scratch", "density", "frozen"];
    let mut study = invent(&Plan {
        name: "study",
        axes: vec![axis("arm", &arms)],
        compare: "arm",
        tasks: &[("malignancy", &["malignant", "benign"])],
        folds: 3,
        repeats: 1,
        patients: 892,
        cell: &|labels| match labels[0].as_str() {
            "scratch" => (0, vec![("finetune on malignancy", 7)], 0.22),
            "density" => (0, vec![("pretrain on density", 3), ("finetune on malignancy", 4)], 0.52),
            _ => (
                0,
                vec![
                    ("pretrain on density", 3),
                    ("finetune on malignancy, 2 stages frozen", 4),
                ],
                0.4,
            ),
        },
        baseline: &|_| vec!["scratch".to_owned()],
    });
    study.about = texts(&[
        "Does a breast-density step before the target help to tell malignant from benign masses?",
        "",
        "CBIS-DDSM (Lee et al. 2017, CC BY 3.0), mass images; folds never share a patient.",
    ]);
    study.dag = dag(
        &[
            ("films", "prepare", 1),
            ("scores[density]/pretrain", "train", 3),
            ("scores[scratch]/finetune", "train", 3),
            ("scores[density]/finetune", "train", 3),
            ("scores[frozen]/finetune", "train", 3),
            ("scores[scratch]/evaluate", "score", 3),
            ("scores[density]/evaluate", "score", 3),
            ("scores[frozen]/evaluate", "score", 3),
            ("study", "report", 1),
        ],
        &[
            (0, 1),
            (0, 2),
            (0, 3),
            (0, 4),
            (1, 3),
            (1, 4),
            (0, 5),
            (0, 6),
            (0, 7),
            (2, 5),
            (3, 6),
            (4, 7),
            (5, 8),
            (6, 8),
            (7, 8),
            (2, 8),
            (3, 8),
            (4, 8),
        ],
    );
    study
}

/// Chains by frozen stages, with unequal budgets.
pub(crate) fn grid() -> Study {
    let mut study = invent(&Plan {
        name: "freezing",
        axes: vec![
            axis("chain", &["natural", "longer", "incremental"]),
            axis("frozen", &["0", "2", "5"]),
        ],
        compare: "chain",
        tasks: &[("malignancy", &["malignant", "other"])],
        folds: 5,
        repeats: 1,
        patients: 600,
        cell: &|labels| {
            let frozen = labels[1].parse::<f64>().unwrap_or(0.0);
            match labels[0].as_str() {
                "natural" => (0, vec![("finetune on malignancy", 30)], 0.62 - 0.04 * frozen),
                "longer" => (
                    0,
                    vec![("pretrain on malignancy", 10), ("finetune on malignancy", 30)],
                    0.66 - 0.05 * frozen,
                ),
                _ => (
                    0,
                    vec![("pretrain on density", 10), ("finetune on malignancy", 30)],
                    0.84 - 0.02 * frozen,
                ),
            }
        },
        baseline: &|_| vec!["natural".to_owned(), "0".to_owned()],
    });
    study.test_looks = Some(14);
    study.plan_locked = Some(false);
    study
}

/// A three-class task in three repeats.
pub(crate) fn three_way() -> Study {
    invent(&Plan {
        name: "three_way",
        axes: vec![axis("arm", &["ImageNet", "ImageNet → density"])],
        compare: "arm",
        tasks: &[("three_way", &["malignant", "benign", "benign_without_callback"])],
        folds: 3,
        repeats: 3,
        patients: 480,
        cell: &|labels| match labels[0].as_str() {
            "ImageNet" => (0, vec![("finetune on three_way", 12)], 0.5),
            _ => (0, vec![("pretrain on density", 5), ("finetune on three_way", 7)], 0.95),
        },
        baseline: &|_| vec!["ImageNet".to_owned()],
    })
}

/// Tasks by networks by arms.
pub(crate) fn three_axes() -> Study {
    invent(&Plan {
        name: "strategies",
        axes: vec![
            axis("task", &["malignant_vs_rest", "recalled_vs_rest"]),
            axis("network", &["alexnet", "resnet18"]),
            axis("arm", &["scratch", "natural", "incremental"]),
        ],
        compare: "arm",
        tasks: &[
            ("malignant_vs_rest", &["malignant", "other"]),
            ("recalled_vs_rest", &["recalled", "other"]),
        ],
        folds: 3,
        repeats: 1,
        patients: 300,
        cell: &|labels| {
            let task = usize::from(labels[0] == "recalled_vs_rest");
            let lift = match labels[2].as_str() {
                "scratch" => 0.1,
                "natural" => 0.6,
                _ => 0.8,
            };
            (
                task,
                vec![("finetune", 10)],
                lift + if labels[1] == "alexnet" { 0.0 } else { 0.1 },
            )
        },
        baseline: &|labels| vec![labels[0].clone(), labels[1].clone(), "scratch".to_owned()],
    })
}

struct Sample {
    name: String,
    group: usize,
    class: usize,
}

fn invent(plan: &Plan<'_>) -> Study {
    let mut numbers = Numbers(7);
    let cohorts: Vec<Vec<Sample>> = plan
        .tasks
        .iter()
        .map(|(_, classes)| cohort(&mut numbers, plan.patients, classes.len()))
        .collect();
    let mut study = Study {
        name: text(plan.name),
        program: format!("{}.mtl", plan.name),
        about: texts(&["An invented study, for the look of its report."]),
        axes: plan.axes.clone(),
        compare: Some(text(plan.compare)),
        baseline: vec![(text(plan.compare), text("scratch"))],
        adjust: Adjust::Holm,
        family: 0,
        tasks: plan
            .tasks
            .iter()
            .zip(&cohorts)
            .map(|(&(name, classes), cohort)| task(plan, name, classes, cohort))
            .collect(),
        cells: Vec::new(),
        comparisons: Vec::new(),
        trainings: Vec::new(),
        choices: choices(),
        caveats: Vec::new(),
        dag: dag(
            &[
                ("films", "prepare", 1),
                ("chain", "train", 9),
                ("scores", "score", 9),
                (plan.name, "report", 1),
            ],
            &[(0, 1), (1, 2), (0, 2), (2, 3)],
        ),
        test_looks: None,
        plan_locked: None,
        environment: Environment {
            version: text("0.1.0"),
            device: text("cpu-avx2"),
            numerics: text("f32"),
        },
    };
    for coordinate in coordinates(&plan.axes) {
        add_cell(&mut study, plan, &cohorts, coordinate, &mut numbers);
    }
    add_comparisons(&mut study, plan);
    study.caveats = caveats(&study);
    study
}

fn coordinates(axes: &[Axis]) -> Vec<Vec<String>> {
    axes.iter().fold(vec![Vec::new()], |rows, axis| {
        let extend = |row: Vec<String>| {
            axis.labels
                .iter()
                .map(move |label| [row.clone(), vec![label.clone()]].concat())
        };
        rows.into_iter().flat_map(extend).collect()
    })
}

fn cohort(numbers: &mut Numbers, patients: usize, classes: usize) -> Vec<Sample> {
    let mut samples = Vec::new();
    for group in 0..patients {
        let class = (numbers.uniform() * classes as f64) as usize;
        for view in ["CC", "MLO"].iter().take(if numbers.uniform() < 0.75 { 2 } else { 1 }) {
            samples.push(Sample {
                name: format!("masses/P_{group:05}_LEFT_{view}.png"),
                group,
                class,
            });
        }
    }
    samples
}

fn task(plan: &Plan<'_>, name: &str, classes: &[&str], cohort: &[Sample]) -> TaskResult {
    let part = |keep: &dyn Fn(usize) -> bool| {
        let kept: Vec<&Sample> = cohort.iter().filter(|sample| keep(sample.group)).collect();
        let groups = |kept: &[&Sample]| kept.chunk_by(|one, other| one.group == other.group).count();
        let of = |class: usize| {
            kept.iter()
                .copied()
                .filter(|sample| sample.class == class)
                .collect::<Vec<_>>()
        };
        Part {
            groups: groups(&kept),
            samples: kept.len(),
            class_groups: (0..classes.len()).map(|class| groups(&of(class))).collect(),
            class_samples: (0..classes.len()).map(|class| of(class).len()).collect(),
        }
    };
    let folds = plan.folds as usize;
    let tested =
        |group: usize, repeat: u32, fold: u32| (group + group / folds * repeat as usize) % folds == fold as usize;
    TaskResult {
        name: text(name),
        classes: texts(classes),
        class_labels: classes.iter().map(|class| texts(&[class])).collect(),
        column: text("label"),
        group_column: Some(text("patient")),
        split: format!("{} folds by patient, stratified by label, seed 7", plan.folds),
        folds: plan.folds,
        repeats: plan.repeats,
        rows: (cohort.len() + 12, cohort.len()),
        cohort: part(&|_| true),
        fold_counts: (0..plan.repeats)
            .flat_map(|repeat| (0..plan.folds).map(move |fold| (repeat, fold)))
            .map(|(repeat, fold)| FoldCounts {
                repeat,
                fold,
                training: part(&|group| !tested(group, repeat, fold) && group % 10 != 3),
                tuning: part(&|group| !tested(group, repeat, fold) && group % 10 == 3),
                test: part(&|group| tested(group, repeat, fold)),
            })
            .collect(),
        trivial_baseline: (classes.len() == 2).then_some(TrivialBaseline {
            features: 12,
            auc: 0.636,
            auc_ci: Some([0.61, 0.67]),
        }),
        data: DataFacts {
            source: text("data/cbis-ddsm-mass/manifest.csv"),
            title: Some(text("CBIS-DDSM, mass images")),
            license: Some(text("CC BY 3.0")),
            citation: Some(text(
                "Lee RS, Gimenez F, Hoogi A, et al. A curated mammography data set for use in computer-aided detection and diagnosis research. Sci Data 2017;4:170177.",
            )),
            caveats: Vec::new(),
        },
    }
}

fn choices() -> Vec<Choice> {
    use ChoiceBy::{Default, Program};
    let mut choices = vec![
        choice("films", "image", "\"image\"", Program),
        choice("films", "resize", "64", Program),
        choice("films", "normalize", "imagenet", Program),
        choice("cohort", "split", "kfold(3)", Program),
        choice("cohort", "by", "\"patient\"", Program),
        choice("cohort", "stratify", "\"label\"", Program),
        choice("cohort", "tuning", "10%", Default),
        choice("malignancy", "unit", "row", Default),
    ];
    for scope in [
        "scores[scratch]/finetune",
        "scores[density]/finetune",
        "scores[frozen]/finetune",
    ] {
        choices.push(choice(
            scope,
            "epochs",
            if scope.contains("scratch") { "7" } else { "4" },
            Program,
        ));
        choices.push(choice(
            scope,
            "optimizer",
            "adamw(beta1: 0.9, beta2: 0.999, decay: 0.01)",
            Default,
        ));
        choices.push(choice(scope, "schedule", "cosine(warmup: 5%)", Default));
        choices.push(choice(scope, "lr", "1e-3", Default));
        choices.push(choice(scope, "batch", "32", Default));
        choices.push(choice(scope, "augment", "none", Default));
        choices.push(choice(scope, "clip", "5.0", Default));
        choices.push(choice(scope, "head", "new", Default));
    }
    choices
}

/// Points of a ROC curve and the area under it.
fn curve(scored: &mut [(f64, bool)]) -> (Vec<[f64; 2]>, f64) {
    scored.sort_by(|one, other| other.0.total_cmp(&one.0));
    let positives = scored.iter().filter(|(_, positive)| *positive).count().max(1) as f64;
    let negatives = scored.iter().filter(|(_, positive)| !*positive).count().max(1) as f64;
    let (mut point, mut points, mut area) = ([0.0, 0.0], vec![[0.0, 0.0]], 0.0);
    for (_, positive) in scored.iter() {
        if *positive {
            point[1] += 1.0 / positives;
        } else {
            point[0] += 1.0 / negatives;
            area += point[1] / negatives;
        }
        points.push(point);
    }
    (points, area)
}

fn average(curves: &[Vec<[f64; 2]>]) -> Vec<[f64; 2]> {
    let height = |curve: &Vec<[f64; 2]>, at: f64| {
        curve
            .iter()
            .filter(|p| p[0] <= at + 1e-9)
            .map(|p| p[1])
            .fold(0.0, f64::max)
    };
    let grid = (0..=100).map(|step| f64::from(step) / 100.0);
    [[0.0, 0.0]]
        .into_iter()
        .chain(grid.map(|at| {
            [
                at,
                curves.iter().map(|c| height(c, at)).sum::<f64>() / curves.len() as f64,
            ]
        }))
        .collect()
}

fn add_cell(
    study: &mut Study,
    plan: &Plan<'_>,
    cohorts: &[Vec<Sample>],
    coordinate: Vec<String>,
    numbers: &mut Numbers,
) {
    let (task, chain, lift) = (plan.cell)(&coordinate);
    let (samples, classes) = (&cohorts[task], plan.tasks[task].1.len());
    let folds = plan.folds as usize;
    let mut predictions = Vec::new();
    let mut members = Vec::new();
    for repeat in 0..plan.repeats {
        for fold in 0..plan.folds {
            for sample in samples {
                if (sample.group + sample.group / folds * repeat as usize) % folds != fold as usize {
                    continue;
                }
                let logits: Vec<f64> = (0..classes)
                    .map(|class| numbers.normal() + if class == sample.class { lift } else { 0.0 })
                    .collect();
                let total: f64 = logits.iter().map(|logit| logit.exp()).sum();
                predictions.push(Prediction {
                    sample: sample.name.clone(),
                    group: format!("P_{:05}", sample.group),
                    repeat,
                    fold,
                    class: sample.class,
                    probabilities: logits.iter().map(|logit| logit.exp() / total).collect(),
                });
            }
            let trainings = chain
                .iter()
                .map(|&(label, epochs)| training(study, &coordinate, label, epochs, (repeat, fold), numbers))
                .collect();
            members.push(MemberResult {
                repeat,
                fold,
                auc: None,
                trainings,
            });
        }
    }
    let mut curves = Vec::new();
    let mut areas = vec![Vec::new(); members.len()];
    for class in 0..if classes == 2 { 1 } else { classes } {
        let mut drawn = Vec::new();
        for (member, areas) in members.iter().zip(&mut areas) {
            let own = predictions
                .iter()
                .filter(|row| (row.repeat, row.fold) == (member.repeat, member.fold));
            let mut scored: Vec<(f64, bool)> = own.map(|row| (row.probabilities[class], row.class == class)).collect();
            let (points, area) = curve(&mut scored);
            drawn.push(points);
            areas.push(area);
        }
        let auc = areas.iter().map(|areas| areas[class]).sum::<f64>() / areas.len() as f64;
        curves.push(ClassCurves {
            class,
            auc: Some(auc),
            auc_ci: Some([auc - 0.03, auc + 0.03]),
            average: average(&drawn),
            folds: drawn,
        });
    }
    for (member, areas) in members.iter_mut().zip(&areas) {
        member.auc = Some(areas.iter().sum::<f64>() / areas.len() as f64);
    }
    let auc = members.iter().filter_map(|member| member.auc).sum::<f64>() / members.len() as f64;
    let half = 0.9 / (plan.patients as f64).sqrt();
    let epochs: u32 = chain.iter().map(|step| step.1).sum();
    let models = members.len() as u64;
    study.cells.push(CellResult {
        coordinate,
        task,
        network: text("resnet18"),
        network_parameters: 11_177_538,
        chain: [text("random start")].into_iter().chain(chain.iter().map(|(label, epochs)| format!("{label}, {epochs} epochs"))).collect(),
        n: samples.len(),
        n_groups: plan.patients,
        class_counts: (0..classes).map(|class| samples.iter().filter(|sample| sample.class == class).count()).collect(),
        estimand: words::estimand(plan.folds, plan.repeats, "image", "patients"),
        unit: text("image"),
        auc: Some(auc),
        auc_ci: Some([auc - half, auc + half]),
        auc_method: text("AUC: mean over the folds; 95 % interval of the cross-validated AUC, patients as clusters (Obuchowski 1997 within folds; LeDell 2015)"),
        auc_pooled: Some(auc - 0.006),
        curves,
        repeats: plan.repeats,
        budget: Budget { models, epochs: u64::from(epochs), pictures: models * u64::from(epochs) * 950, steps: models * u64::from(epochs) * 30 },
        members,
        predictions,
    });
}

fn training(
    study: &mut Study,
    coordinate: &[String],
    label: &str,
    epochs: u32,
    fold: (u32, u32),
    numbers: &mut Numbers,
) -> usize {
    let step = label.split(' ').next().unwrap_or("train");
    // Arms that begin alike share their beginning.
    let shared = step == "pretrain";
    let arm = if shared { text("density") } else { coordinate.join(", ") };
    let stage = format!("scores[{arm}]/repeat{}/fold{}/{step}", fold.0, fold.1);
    if let Some(place) = study
        .trainings
        .iter()
        .position(|training| training.stage == stage && training.label == label)
    {
        return place;
    }
    let fall = 0.4 + 0.1 * numbers.uniform();
    let history = (1..=epochs)
        .map(|epoch| {
            let progress = f64::from(epoch) / f64::from(epochs);
            EpochLoss {
                epoch,
                training: 0.72 - fall * progress * 0.8 + 0.02 * numbers.normal().abs(),
                tuning: Some(0.70 - 0.16 * progress * (1.6 - progress) + 0.03 * numbers.normal().abs()),
            }
        })
        .collect();
    let trained = if label.contains("frozen") {
        10_494_466
    } else {
        11_177_538
    };
    study.trainings.push(TrainingResult {
        stage,
        label: text(label),
        epochs,
        pictures: u64::from(epochs) * 950,
        steps: u64::from(epochs) * 30,
        trained: (trained, 11_177_538),
        history,
    });
    study.trainings.len() - 1
}

fn add_comparisons(study: &mut Study, plan: &Plan<'_>) {
    for arm in 0..study.cells.len() {
        let wanted = (plan.baseline)(&study.cells[arm].coordinate);
        let known =
            |cell: &CellResult| wanted == cell.coordinate || wanted.as_slice() == &cell.coordinate[..wanted.len()];
        let Some(baseline) = study.cells.iter().position(known).filter(|&baseline| baseline != arm) else {
            continue;
        };
        let [one, other] = [arm, baseline].map(|place| &study.cells[place]);
        let delta = one.auc.unwrap_or(0.5) - other.auc.unwrap_or(0.5);
        let error = 0.55 / (plan.patients as f64).sqrt();
        let z = delta / error;
        // Close enough to the normal distribution for an invented p value.
        let p = (-0.717 * z.abs() - 0.416 * z * z).exp().min(1.0);
        let strategy = plan.repeats >= 3;
        study.comparisons.push(Comparison {
            arm,
            baseline,
            delta: Some(delta),
            delta_ci: Some([delta - 1.96 * error, delta + 1.96 * error]),
            z: Some(z),
            p_models: Some(p),
            p_strategy: strategy.then_some((2.0 * p).min(1.0)),
            p: Some(if strategy { (2.0 * p).min(1.0) } else { p }),
            p_adjusted: Some((if strategy { 4.0 * p } else { 2.0 * p }).min(1.0)),
            test: text(if strategy {
                "corrected resampled t test"
            } else {
                "paired clustered z test"
            }),
            mde: Some(0.05),
            budgets_equal: one.budget.pictures == other.budget.pictures,
        });
    }
    study.family = study.comparisons.len();
}

fn caveats(study: &Study) -> Vec<Caveat> {
    let name = |place: usize| study.cells[place].coordinate.join(" · ");
    let several = study.tasks.len() > 1;
    Facts {
        cards: texts(&[
            "CBIS-DDSM mass images stand in for a cohort of recalled women; AUCs do not carry over to other cohorts.",
            "Digitised film, 8 bit, 256 x 256 pixels, already cropped, rescaled and padded by a third party in steps that are not documented.",
        ]),
        trivial: study
            .tasks
            .iter()
            .filter_map(|task| task.trivial_baseline.as_ref().map(|trivial| (task, trivial)))
            .map(|(task, trivial)| Trivial {
                task: several.then(|| task.name.clone()),
                features: trivial.features,
                auc: trivial.auc,
                interval: trivial.auc_ci,
            })
            .collect(),
        unequal: study
            .comparisons
            .iter()
            .filter(|comparison| !comparison.budgets_equal)
            .map(|comparison| Unequal {
                arm: name(comparison.arm),
                pictures: study.cells[comparison.arm].budget.pictures_per_model(),
                steps: study.cells[comparison.arm].budget.steps_per_model(),
                baseline: name(comparison.baseline),
                baseline_pictures: study.cells[comparison.baseline].budget.pictures_per_model(),
                control: Some(text("longer")),
            })
            .collect(),
        untuned: Some(Untuned { rates: texts(&["1e-3"]), default: true }),
        folds: study.tasks[0].folds,
        repeats: study.tasks[0].repeats,
        comparisons: study.comparisons.len(),
        power: vec![Power { task: None, groups: study.tasks[0].cohort.class_groups.clone(), noun: text("patients"), mde: 0.05 }],
        ..Facts::default()
    }
    .caveats()
}
