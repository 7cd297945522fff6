//! The files of a report, as a reader and a program find them.
//!
//! Goldens lie in `tests/golden/report`; `MTL_BLESS=1` rewrites them. Every page that is checked is also left under the
//! build folder (`target/tmp/report/`), to be looked at.

mod fixture;
mod markup;

use mtl::report::{ReportError, Study, numbers, render};
use std::path::{Path, PathBuf};

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn files(study: &Study) -> Vec<(String, Vec<u8>)> {
    render(study).expect("the fixture is consistent")
}

fn file(study: &Study, name: &str) -> String {
    let bytes = files(study)
        .into_iter()
        .find(|(path, _)| path == name)
        .map(|(_, bytes)| bytes);
    String::from_utf8(bytes.unwrap_or_else(|| panic!("there is no {name}"))).expect("text")
}

fn studies() -> Vec<Study> {
    vec![
        fixture::tiny(),
        fixture::quick_start(),
        fixture::grid(),
        fixture::three_way(),
        fixture::three_axes(),
    ]
}

/// The page's elements; the page is left in the build folder.
fn page(study: &Study) -> (String, Vec<markup::Element>) {
    let html = file(study, "report.html");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    std::fs::create_dir_all(&folder).expect("the build folder can be written");
    std::fs::write(folder.join(format!("{}.html", study.name)), &html).expect("the build folder can be written");
    let elements = markup::read(&html).unwrap_or_else(|error| panic!("{}: {error}", study.name));
    (html, elements)
}

/// Text without entities, white space made one.
fn plain(text: &str) -> String {
    let entities = [
        ("&lt;", "<"),
        ("&#60;", "<"),
        ("&gt;", ">"),
        ("&#62;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&amp;", "&"),
        ("&#38;", "&"),
    ];
    let text = entities.iter().fold(text.to_owned(), |text, (entity, character)| {
        text.replace(entity, character)
    });
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn files_for_programs_are_the_goldens() {
    let names = [
        "results.json",
        "results.csv",
        "table.tex",
        "predictions/scratch.csv",
        "predictions/100_.csv",
    ];
    let study = fixture::tiny();
    let paths: Vec<String> = files(&study).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, [&["report.html"], &names[..]].concat());
    for name in names {
        let (golden, text) = (root("tests/golden/report").join(name), file(&study, name));
        if std::env::var_os("MTL_BLESS").is_some() {
            std::fs::create_dir_all(golden.parent().expect("a file has a folder")).expect("writable");
            std::fs::write(&golden, &text).expect("writable");
        }
        let known = std::fs::read_to_string(&golden).unwrap_or_else(|error| panic!("{}: {error}", golden.display()));
        assert_eq!(text, known, "{name}");
    }
}

#[test]
fn the_same_study_gives_the_same_bytes() {
    for (one, other) in studies().iter().zip(&studies()) {
        assert_eq!(files(one), files(other));
    }
}

#[test]
fn json_floats_read_back_as_they_were_and_undefined_is_null() {
    let study = fixture::tiny();
    let json: serde_json::Value = serde_json::from_str(&file(&study, "results.json")).expect("JSON");
    assert_eq!(json["schema"], "mtl.results/1");
    assert_eq!(json["cells"][0]["auc"].as_f64(), Some(0.1 + 0.2));
    assert!(json["cells"][1]["auc_ci"].is_null() && json["cells"][1]["auc_folds"][1]["auc"].is_null());
    assert!(json["comparisons"][0]["p_strategy"].is_null() && json["test_looks"].is_null());
    let seen: serde_json::Value = serde_json::from_str(&file(&fixture::grid(), "results.json")).expect("JSON");
    assert_eq!(
        (seen["test_looks"].as_u64(), &seen["plan_locked"]),
        (Some(14), &false.into())
    );
    assert_eq!(seen["looks"]["tests"][0]["plans"], 9);
    assert_eq!(json["cells"][1]["coordinate"]["arm"], "100%");
    let three: serde_json::Value = serde_json::from_str(&file(&fixture::three_way(), "results.json")).expect("JSON");
    assert_eq!(three["cells"][0]["one_vs_rest"].as_array().map(Vec::len), Some(3));
}

#[test]
fn every_sample_is_in_the_predictions() {
    let study = fixture::three_way();
    let text = file(&study, "predictions/ImageNet___density.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header: Vec<String> = reader.headers().expect("a header").iter().map(str::to_owned).collect();
    let classes = ["p_malignant", "p_benign", "p_benign_without_callback"];
    assert_eq!(
        header,
        [&["sample", "group", "repeat", "fold", "label"], &classes[..]].concat()
    );
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("rows");
    assert_eq!(rows.len(), study.cells[1].predictions.len());
    for (row, prediction) in rows.iter().zip(&study.cells[1].predictions) {
        let read: Vec<f64> = row
            .iter()
            .skip(5)
            .map(|share| share.parse().expect("a number"))
            .collect();
        assert_eq!(read, prediction.probabilities);
    }
}

#[test]
fn cells_that_look_alike_have_files_of_their_own() {
    let mut study = fixture::quick_start();
    for (cell, label) in study.cells.iter_mut().zip(["a/b", "A b", "a_b"]) {
        cell.coordinate = vec![label.to_owned()];
    }
    let paths: Vec<String> = files(&study).into_iter().map(|(path, _)| path).skip(4).collect();
    assert_eq!(
        paths,
        ["predictions/a_b.csv", "predictions/A_b-2.csv", "predictions/a_b-3.csv"]
    );
}

#[test]
fn a_study_that_contradicts_itself_is_refused() {
    let broken = |spoil: fn(&mut Study)| {
        let mut study = fixture::tiny();
        spoil(&mut study);
        render(&study).expect_err("it was spoilt").to_string()
    };
    assert_eq!(
        broken(|study| study.comparisons[0].arm = 9),
        "cell 9 does not exist, there are 2"
    );
    assert_eq!(
        broken(|study| study.cells[1].task = 3),
        "task 3 does not exist, there are 1"
    );
    assert_eq!(
        broken(|study| study.cells[0].members[0].trainings[0] = 7),
        "training 7 does not exist, there are 4"
    );
    assert_eq!(
        broken(|study| study.dag.edges.push((0, 5))),
        "node of the plan 5 does not exist, there are 3"
    );
    assert_eq!(
        broken(|study| study.cells[1].predictions[0].probabilities.clear()),
        "cell 1 has 0 probabilities of a sample, expected 2"
    );
    let mut study = fixture::tiny();
    study.tasks[0].cohort.class_groups.pop();
    assert!(matches!(
        render(&study),
        Err(ReportError::Classes {
            found: 1,
            expected: 2,
            ..
        })
    ));
}

#[test]
fn pages_nest_and_point_inside_themselves() {
    for study in studies() {
        let (_, elements) = page(&study);
        let ids: Vec<&str> = elements.iter().filter_map(|element| element.attribute("id")).collect();
        let mut unique = ids.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), ids.len(), "{}: an id stands twice", study.name);
        for element in &elements {
            if let Some(target) = element.attribute("href").and_then(|href| href.strip_prefix('#')) {
                assert!(ids.contains(&target), "{}: #{target} leads nowhere", study.name);
            }
            for label in element
                .attribute("aria-labelledby")
                .unwrap_or_default()
                .split_whitespace()
            {
                assert!(ids.contains(&label), "{}: {label} names nothing", study.name);
            }
        }
    }
}

#[test]
fn pages_load_nothing() {
    for study in studies() {
        let (html, elements) = page(&study);
        for element in &elements {
            let loads = [
                "script", "link", "img", "iframe", "object", "embed", "image", "use", "source", "base",
            ];
            assert!(!loads.contains(&element.name.as_str()), "<{}>", element.name);
            for (name, value) in &element.attributes {
                assert!(
                    !name.starts_with("on") && name != "src" && name != "style",
                    "{name}={value}"
                );
                assert!(!value.contains("http"), "{name}={value}");
            }
        }
        assert!(!html.contains("url(") && !html.contains("@import") && !html.contains("http:"));
    }
}

#[test]
fn links_lead_to_files_of_the_report() {
    for study in studies() {
        let paths: Vec<String> = files(&study).into_iter().map(|(path, _)| path).collect();
        let (_, elements) = page(&study);
        let links: Vec<&str> = elements
            .iter()
            .filter_map(|element| element.attribute("href"))
            .collect();
        assert!(
            links
                .iter()
                .filter(|link| !link.starts_with('#'))
                .all(|link| paths.iter().any(|path| path == link))
        );
        assert!(
            paths.iter().skip(1).all(|path| links.contains(&path.as_str())),
            "{}",
            study.name
        );
    }
}

#[test]
fn every_fact_is_on_the_page() {
    for study in studies() {
        let (html, elements) = page(&study);
        let text = plain(&elements[0].text);
        for cell in &study.cells {
            assert!(text.contains(&numbers::auc(cell.auc)) && text.contains(&cell.estimand));
            assert!(text.contains(&numbers::auc_interval(cell.auc_ci)) && text.contains(&cell.chain.join(" → ")));
            assert!(text.contains(&numbers::count(cell.budget.pictures_per_model())));
            for class in cell.curves.iter().filter(|_| cell.curves.len() > 1) {
                assert!(text.contains(&format!(
                    "{}{}",
                    numbers::auc(class.auc),
                    numbers::auc_interval(class.auc_ci)
                )));
            }
        }
        for caveat in &study.caveats {
            assert!(text.contains(&caveat.text), "{}", caveat.text);
        }
        for comparison in &study.comparisons {
            let interval = numbers::difference_interval(comparison.delta_ci);
            assert!(text.contains(&format!(
                "{} (95 % interval {interval}; ",
                numbers::difference(comparison.delta)
            )));
            assert!(text.contains(&numbers::p_statement(comparison.p_adjusted)));
        }
        for choice in &study.choices {
            assert!(text.contains(&choice.name) && text.contains(&choice.value) && text.contains(&choice.scope));
        }
        for task in &study.tasks {
            assert!(text.contains(&task.split) && task.class_labels.iter().flatten().all(|label| text.contains(label)));
        }
        let drawings = elements
            .iter()
            .filter(|element| element.attribute("role") == Some("img"))
            .count();
        assert!(drawings >= 3 + study.cells.len(), "{}: {drawings} drawings", study.name);
        for undefined in ["NaN", "inf", "None", "Some("] {
            assert!(
                !text
                    .split(|c: char| c.is_whitespace() || c == '(')
                    .any(|word| word == undefined),
                "{undefined}"
            );
        }
        assert!(!html.contains("NaN"));
    }
}

#[test]
fn text_of_the_program_stays_text() {
    let mut study = fixture::tiny();
    study.name = "<script>alert(1)</script>".to_owned();
    study.cells[1].coordinate = vec!["\"><img src=x>&".to_owned()];
    study.dag.nodes[1].0 = "</svg><b>".to_owned();
    let elements = markup::read(&file(&study, "report.html")).expect("it nests");
    assert!(
        elements
            .iter()
            .all(|element| !["script", "img", "b"].contains(&element.name.as_str()) || element.text.ends_with('.'))
    );
    assert!(plain(&elements[0].text).contains("\"><img src=x>&"));
}

#[test]
fn a_single_run_speaks_of_models_and_repeats_of_strategies() {
    let mut study = fixture::quick_start();
    study.comparisons[0].p_adjusted = Some(0.01);
    study.comparisons[1].p_adjusted = Some(0.05);
    let text = plain(&page(&study).1[0].text);
    assert!(text.contains("The trained models differ.") && text.contains("No difference was shown."));
    assert!(!text.contains("The strategies differ."));
    let mut study = fixture::three_way();
    study.comparisons[0].p_adjusted = Some(0.01);
    assert!(plain(&page(&study).1[0].text).contains("The strategies differ."));
}

#[test]
fn a_study_of_one_cell_without_comparison_has_a_page() {
    let mut study = fixture::tiny();
    study.axes.clear();
    study.cells.truncate(1);
    study.cells[0].coordinate.clear();
    study.comparisons.clear();
    study.compare = None;
    study.caveats.clear();
    let text = plain(&page(&study).1[0].text);
    assert!(text.contains("0.300 (0.125 to 0.500)") && !text.contains("Differences from the baseline"));
    assert!(file(&study, "table.tex").contains("tiny & 0.300"));
}

/// Claims that no program can make for its author, and words that carry them. Quoted words of the program, the data
/// set's card and the caveats are exempt.
const CLAIMS: [&str; 32] = [
    "better",
    "superior",
    "best",
    "worse",
    "significan",
    "equivalen",
    "no effect",
    "inferior",
    "causes",
    "explains",
    "robust",
    "generaliz",
    "generalis",
    "validat",
    "clinical",
    "diagnos",
    "screening",
    "radiologist",
    "recall",
    "calibrated",
    "reproduces",
    "contradicts",
    "fair",
    "complian",
    "trend",
    "improve",
    "outperform",
    "state-of-the-art",
    "novel",
    "ground truth",
    "first",
    "winner",
];

#[test]
fn templates_and_sentences_claim_nothing() {
    for entry in std::fs::read_dir(root("src/report/templates")).expect("the templates are there") {
        let path = entry.expect("readable").path();
        let template = std::fs::read_to_string(&path).expect("text");
        // Code of the template language is not text.
        let spoken: String = template
            .split('{')
            .map(|part| part.rsplit('}').next().unwrap_or(part))
            .collect();
        if path.extension().is_some_and(|extension| extension == "html") {
            claims_nothing(&spoken, &path.display().to_string());
        }
    }
    for study in studies() {
        let exempt: Vec<String> = study
            .caveats
            .iter()
            .map(|caveat| caveat.text.clone())
            .chain(study.about.iter().cloned())
            .chain(["cross-validated".to_owned()])
            .chain(
                study
                    .tasks
                    .iter()
                    .flat_map(|task| task.classes.iter().chain([&task.name]))
                    .cloned(),
            )
            .chain(study.tasks.iter().filter_map(|task| task.data.citation.clone()))
            .chain(
                study
                    .tasks
                    .iter()
                    .flat_map(|task| task.class_labels.iter().flatten())
                    .cloned(),
            )
            .collect();
        for name in ["report.html", "table.tex"] {
            let mut text = plain(&file(&study, name));
            if name == "report.html" {
                text = plain(
                    &page(&study)
                        .1
                        .iter()
                        .find(|element| element.name == "body")
                        .expect("a body")
                        .text,
                );
            }
            let spoken = exempt
                .iter()
                .filter(|text| text.len() > 3)
                .fold(text, |text, known| text.replace(known, ""));
            claims_nothing(&spoken, &format!("{name} of {}", study.name));
        }
    }
}

fn claims_nothing(text: &str, place: &str) {
    let text = text.to_lowercase();
    for claim in CLAIMS {
        if let Some(at) = text.find(claim) {
            let around: String = text
                .chars()
                .skip(text[..at].chars().count().saturating_sub(40))
                .take(90)
                .collect();
            panic!("{place} says `{claim}`: …{around}…");
        }
    }
}
