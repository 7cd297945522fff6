//! A case is a folder of `tests/golden/plan` with a program and what it gives: `plan.txt`, the stages and what they
//! take, or the mistakes that were found. `BLESS=1` writes these files anew.

use crate::fixture::{GOLDEN, Outcome, folder, run};
use mtl::{
    analysis::Main,
    plan::stage::{Train, Work},
};
use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

fn work(work: &Work) -> String {
    match work {
        Work::Prepare(prepare) => {
            let pictures = match &prepare.pictures {
                mtl::plan::stage::Pictures::Files(files) => files.len(),
                mtl::plan::stage::Pictures::Npz { rows, .. } => rows.len(),
            };
            format!("{pictures} pictures to {:?}", prepare.shape)
        }
        Work::Load(load) => format!("{} values", load.graph.trained_values()),
        Work::Train(train) => train_words(train),
        Work::Contrast(contrast) => train_words(&contrast.training),
        Work::Score(score) => format!("{} tested, {} for tuning", score.test.len(), score.tuning.len()),
        Work::Compare(design) => format!("{} comparisons", design.pairs.len()),
        Work::Extract(extract) => format!("{} cells, {:?}", extract.design.cells.len(), extract.what),
        Work::ExportWeights(export) => format!("{} files", export.files.len()),
        Work::Describe(card) => format!("{} tables", card.tables.len()),
        Work::Report(report) => format!(
            "{} cells, compare {:?}, baseline {:?}",
            report.design.cells.len(),
            report.compare,
            report.baseline
        ),
    }
}

fn train_words(train: &Train) -> String {
    let rates: BTreeSet<String> = train
        .rates
        .iter()
        .filter(|r| **r > 0.0)
        .map(|r| format!("{r:e}"))
        .collect();
    let frozen = train.frozen_weights.iter().filter(|f| **f).count();
    let statistics = train.frozen_statistics.iter().filter(|f| **f).count();
    format!(
        "{}, {} classes, {} + {} samples, {} epochs of {} steps, rates {rates:?}, frozen {frozen} + {statistics}, seed {}",
        // Towers with parameters of their own are rare.
        format!("{:?}", train.start).replace(", spread: None", ""),
        train.graph.classes(),
        train.training.count(),
        train.tuning.count(),
        train.epochs,
        train.steps_per_epoch(),
        train.seed
    )
}

/// The plan in words, then the diagnostics; `root` is cut from paths.
pub(crate) fn shown(outcome: &Outcome, root: &Path) -> String {
    let mut out = String::new();
    if let Some(plan) = &outcome.plan {
        for id in plan.order() {
            let stage = &plan.graph[id];
            let _ = writeln!(out, "{}: {}\n    {}", stage.name, stage.work.kind(), work(&stage.work));
            let mut inputs: Vec<_> = plan
                .graph
                .neighbors_directed(id, mtl::plan::Direction::Incoming)
                .map(|input| (input.index(), plan.graph[input].name.clone()))
                .collect();
            inputs.sort();
            inputs.dedup();
            let inputs: Vec<_> = inputs.into_iter().map(|(_, name)| name).collect();
            if !inputs.is_empty() && !matches!(stage.work, Work::Report(_)) {
                let _ = writeln!(out, "    from {}", inputs.join(", "));
            }
        }
    }
    for diagnostic in outcome.diagnostics.sorted() {
        let _ = writeln!(
            out,
            "{:?} {}: {}",
            diagnostic.severity, diagnostic.code.id, diagnostic.message
        );
        for label in &diagnostic.labels {
            let file = outcome.program.sources.file(label.span.file);
            let at = file.position(label.span.start as usize);
            let text = outcome.program.sources.text(label.span).lines().next().unwrap_or("");
            let _ = writeln!(
                out,
                "    {}:{}:{} {} `{text}`",
                file.name(),
                at.line,
                at.column,
                label.text
            );
        }
        if let Some(help) = &diagnostic.help {
            let _ = writeln!(out, "    help: {help}");
        }
    }
    if root.as_os_str().is_empty() {
        out
    } else {
        out.replace(&format!("{}/", root.display()), "")
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder can be made");
    for entry in fs::read_dir(from).expect("the case can be read") {
        let path = entry.expect("the case can be read").path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("the file can be copied");
        }
    }
}

#[test]
fn golden_cases_give_what_their_files_say() {
    let mut cases: Vec<PathBuf> = fs::read_dir(GOLDEN)
        .expect("the cases can be read")
        .map(|entry| entry.expect("the cases can be read").path())
        .collect();
    cases.sort();
    assert!(cases.len() >= 10, "{cases:?}");
    let mut wrong = Vec::new();
    for case in cases {
        let folder = folder();
        copy(&case, folder.path());
        let outcome = run(Main::File(&folder.path().join("main.mtl")), true);
        let found = shown(&outcome, folder.path());
        let file = case.join("plan.txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&file, &found).expect("the file can be written");
        }
        if fs::read_to_string(&file).unwrap_or_default() != found {
            wrong.push(format!("{}:\n{found}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
