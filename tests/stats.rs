//! The statistics against values of independent public software (`tests/reference/stats/README.md`).

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::path::Path;

use mtl::stats::crossval::{Case, CrossValidated};
use mtl::stats::interval::{Difference, Interval, logit, plain};
use mtl::stats::multiclass::{Metric, multiclass_auc};
use mtl::stats::roc::{RocCurve, Target, operating_point};
use mtl::stats::{clustered, delong, multiplicity, roc};
use serde_json::{Map, Value, json};

const LEVEL: f64 = 0.95;

/// A CSV table by columns.
struct Table(Map<String, Value>);

impl Table {
    fn read(case: &str) -> Self {
        let path = reference().join(format!("{case}.csv"));
        let mut reader = csv::Reader::from_path(&path).unwrap();
        let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let column = |at: usize| records.iter().map(|record| json!(record[at])).collect();
        Table(
            names
                .iter()
                .enumerate()
                .map(|(at, name)| (name.clone(), column(at)))
                .collect(),
        )
    }

    fn text(&self, name: &str) -> Vec<&str> {
        self.0[name]
            .as_array()
            .unwrap()
            .iter()
            .map(|cell| cell.as_str().unwrap())
            .collect()
    }

    fn numbers(&self, name: &str) -> Vec<f64> {
        self.text(name).iter().map(|cell| cell.parse().unwrap()).collect()
    }

    fn labels(&self) -> Vec<u32> {
        self.text("y").iter().map(|cell| cell.parse().unwrap()).collect()
    }

    /// Distinct texts of a column as numbers.
    fn codes(&self, name: &str) -> Vec<u32> {
        let cells = self.text(name);
        let mut distinct = cells.clone();
        distinct.sort_unstable();
        distinct.dedup();
        cells
            .iter()
            .map(|cell| distinct.binary_search(cell).unwrap() as u32)
            .collect()
    }
}

fn reference() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/stats")
}

fn bounds(interval: Interval) -> Value {
    json!([interval.low, interval.high])
}

fn auc_fields(labels: &[u32], scores: &[f64]) -> Value {
    let result = delong::delong(labels, scores).unwrap();
    assert_eq!(result.auc, roc::auc(labels, scores).unwrap());
    let variance = result.variance.unwrap();
    json!({
        "auc": result.auc,
        "delong_var": variance,
        "delong_ci": bounds(plain(result.auc, variance, LEVEL).unwrap()),
        "delong_ci_logit": logit(result.auc, variance, LEVEL).unwrap().map(bounds),
    })
}

fn curve_fields(labels: &[u32], scores: &[f64], into: &mut Value) {
    let curve = RocCurve::new(labels, scores).unwrap();
    let thresholds: Vec<Value> = curve
        .thresholds
        .iter()
        .map(|t| if t.is_infinite() { json!("inf") } else { json!(t) })
        .collect();
    into["roc_points"] = json!({ "fpr": curve.fpr, "tpr": curve.tpr, "thresholds": thresholds });
    let at = |target| operating_point(labels, scores, target).unwrap();
    into["sens_at_spec90"] = json!(at(Target::Specificity(0.9)).sensitivity);
    into["spec_at_sens90"] = json!(at(Target::Sensitivity(0.9)).specificity);
}

fn test_fields(test: &Difference) -> Value {
    let z = test.test.unwrap();
    json!({ "diff": test.delta, "z": z.z, "p": z.p, "diff_ci": bounds(z.interval) })
}

/// Several models on the same cases, all pairs in order.
fn several_models(table: &Table, names: &[&str]) -> Value {
    let labels = table.labels();
    let scores: Vec<Vec<f64>> = names.iter().map(|name| table.numbers(name)).collect();
    let models: Map<String, Value> = names
        .iter()
        .zip(&scores)
        .map(|(name, s)| ((*name).to_owned(), auc_fields(&labels, s)))
        .collect();
    let (mut pairs, mut p) = (vec![], vec![]);
    for a in 0..names.len() {
        for b in a + 1..names.len() {
            let test = delong::paired(&labels, &scores[a], &scores[b], LEVEL).unwrap();
            let mut fields = test_fields(&test);
            fields["cov"] = json!(delong::covariance(&labels, &scores[a], &scores[b]).unwrap());
            p.push(test.test.unwrap().p);
            pairs.push(fields);
        }
    }
    let row = |a: &Vec<f64>| -> Vec<_> {
        scores
            .iter()
            .map(|b| delong::covariance(&labels, a, b).unwrap().unwrap())
            .collect()
    };
    json!({
        "models": models, "pairs": pairs, "cov_matrix": scores.iter().map(row).collect::<Vec<_>>(),
        "holm": multiplicity::holm(&p).unwrap(), "bh": multiplicity::benjamini_hochberg(&p).unwrap(),
    })
}

fn clustered_fields(table: &Table) -> Value {
    let (labels, clusters, scores) = (table.labels(), table.codes("cluster"), table.numbers("score"));
    let result = clustered::clustered(&labels, &clusters, &scores).unwrap();
    let (variance, sums) = (result.variance.unwrap(), result.sums.unwrap());
    // The cross-validated estimate of one fold is the same number.
    let cases: Vec<Case> = (0..labels.len())
        .map(|row| Case {
            repeat: 0,
            fold: 0,
            sample: row as u32,
            cluster: clusters[row],
            label: labels[row],
        })
        .collect();
    let estimate = CrossValidated::binary(&cases, &scores)
        .unwrap()
        .estimate(Metric::Auc, LEVEL)
        .unwrap();
    assert_eq!((estimate.value, estimate.variance), (result.auc, result.variance));
    json!({ "models": { "score": {
        "auc": result.auc,
        "obuchowski_var": variance,
        "obuchowski_se": variance.sqrt(),
        "obuchowski_ci": bounds(plain(result.auc, variance, LEVEL).unwrap()),
        "s10_s01_s11": [sums.s10, sums.s01, sums.s11],
        "naive_delong_var": delong::delong(&labels, &scores).unwrap().variance,
        // Monte Carlo references with their own wide tolerance.
        "cluster_bootstrap_se": variance.sqrt(),
    } } })
}

fn multiclass_fields(table: &Table) -> Value {
    let labels = table.labels();
    let columns = ["p0", "p1", "p2"].map(|name| table.numbers(name));
    let rows: Vec<f64> = (0..labels.len())
        .flat_map(|row| [0, 1, 2].map(|class| columns[class][row]))
        .collect();
    let value = |metric| multiclass_auc(&labels, &rows, 3, metric).unwrap();
    let prevalence = |class| labels.iter().filter(|label| **label == class).count() as f64 / labels.len() as f64;
    let of_class = |class: u32| {
        let against: Vec<u32> = labels.iter().map(|&label| u32::from(label == class)).collect();
        assert_eq!(
            value(Metric::OneVsRest(class)),
            roc::auc(&against, &columns[class as usize]).unwrap()
        );
        (class.to_string(), auc_fields(&against, &columns[class as usize]))
    };
    json!({
        "auc_hand_till": value(Metric::HandTill),
        "auc_ovr_macro": value(Metric::OneVsRestMacro),
        "auc_ovr_weighted": (0..3).map(|class| prevalence(class) * value(Metric::OneVsRest(class))).sum::<f64>(),
        "per_class": (0..3).map(of_class).collect::<Map<_, _>>(),
    })
}

fn unpaired_fields(table: &Table) -> Value {
    let (set, labels, scores) = (table.text("set"), table.labels(), table.numbers("score"));
    let part = |name: &str| -> (Vec<u32>, Vec<f64>) {
        (0..labels.len())
            .filter(|&row| set[row] == name)
            .map(|row| (labels[row], scores[row]))
            .unzip()
    };
    let ((labels_a, a), (labels_b, b)) = (part("A"), part("B"));
    let result = |labels, scores| delong::delong(labels, scores).unwrap();
    let test = delong::unpaired(result(&labels_a, &a), result(&labels_b, &b), LEVEL).unwrap();
    let mut fields = test_fields(&test);
    (fields["A"], fields["B"]) = (auc_fields(&labels_a, &a), auc_fields(&labels_b, &b));
    fields
}

fn adjusted(table: &Table) -> Value {
    let p = table.numbers("p");
    json!({
        "holm": multiplicity::holm(&p).unwrap(),
        "bh": multiplicity::benjamini_hochberg(&p).unwrap(),
        "bonferroni": multiplicity::bonferroni(&p).unwrap(),
    })
}

/// What the program says about a case, nested and named as under `expected`.
fn results(case: &str) -> Value {
    let table = Table::read(case);
    match case.split('_').next().unwrap() {
        "bin" => {
            let (labels, scores) = (table.labels(), table.numbers("score"));
            let mut fields = auc_fields(&labels, &scores);
            curve_fields(&labels, &scores, &mut fields);
            fields
        }
        "clu" => clustered_fields(&table),
        "mc3" => multiclass_fields(&table),
        "multi" if case.contains("aSAH") => several_models(&table, &["wfns", "s100b", "ndka"]),
        "multi" => several_models(&table, &["m1", "m2"]),
        "padj" => adjusted(&table),
        "unpaired" => unpaired_fields(&table),
        other => panic!("no statistics for cases named {other}_"),
    }
}

fn near(found: &Value, expected: &Value, tolerance: (f64, f64)) -> bool {
    match (found, expected) {
        (Value::Object(f), Value::Object(e)) => e.iter().all(|(k, e)| f.get(k).is_some_and(|f| near(f, e, tolerance))),
        (Value::Array(f), Value::Array(e)) => f.len() == e.len() && f.iter().zip(e).all(|(f, e)| near(f, e, tolerance)),
        (Value::Number(f), Value::Number(e)) => {
            let (f, e) = (f.as_f64().unwrap(), e.as_f64().unwrap());
            (f - e).abs() <= tolerance.0 + tolerance.1 * e.abs()
        }
        _ => found == expected,
    }
}

/// Walks the expected fields that `found` has, pushing the path of each into `right` or a line into `wrong`.
fn check(expected: &Value, found: &Value, path: &str, right: &mut Vec<String>, wrong: &mut Vec<String>) {
    match expected {
        Value::Object(field) if field.contains_key("value") && field.contains_key("atol") => {
            let number = |name: &str| field.get(name).and_then(Value::as_f64).unwrap_or(0.0);
            let nullable = field.get("null_accepted").is_some_and(|accepted| accepted == true);
            let met = near(found, &field["value"], (number("atol"), number("rtol"))) || nullable && found.is_null();
            if met {
                right.push(path.to_owned())
            } else {
                wrong.push(format!("{path}: {found}, not {}", field["value"]))
            }
        }
        Value::Object(fields) => {
            let known = fields
                .iter()
                .filter_map(|(name, field)| Some((name, field, found.get(name)?)));
            known.for_each(|(name, field, found)| check(field, found, &format!("{path}/{name}"), right, wrong));
        }
        Value::Array(items) => {
            let known = items
                .iter()
                .enumerate()
                .filter_map(|(at, item)| Some((at, item, found.get(at)?)));
            known.for_each(|(at, item, found)| check(item, found, &format!("{path}/{at}"), right, wrong));
        }
        _ => {}
    }
}

/// Checks one case and that exactly `fields` of its reference values were compared.
fn agrees(case: &str, fields: usize) {
    let text = std::fs::read_to_string(reference().join("expected.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let (mut right, mut wrong) = (vec![], vec![]);
    check(
        &all["cases"][case]["expected"],
        &results(case),
        case,
        &mut right,
        &mut wrong,
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(right.len(), fields, "fields compared: {right:?}");
}

#[test]
fn one_model_on_continuous_scores() {
    agrees("bin_cont_200", 7);
}

#[test]
fn one_model_on_a_rating_scale_with_ties() {
    agrees("bin_rating5_120", 7);
}

#[test]
fn a_constant_score() {
    agrees("bin_const_60", 7);
}

#[test]
fn a_perfect_score() {
    agrees("bin_perfect_40", 7);
}

#[test]
fn seven_cases() {
    agrees("bin_tiny_3v4", 7);
}

#[test]
fn three_models_on_the_same_patients() {
    agrees("multi_aSAH_113", 30);
}

#[test]
fn two_models_on_the_same_cases() {
    agrees("multi_pair_150", 13);
}

#[test]
fn two_independent_sets() {
    agrees("unpaired_160_220", 10);
}

#[test]
fn clusters_worked_by_hand() {
    agrees("clu_hand_4", 6);
}

#[test]
fn clusters_of_mixed_size_and_class() {
    agrees("clu_mixed_80", 7);
}

#[test]
fn three_classes() {
    agrees("mc3_300", 15);
}

#[test]
fn adjusted_p_values() {
    agrees("padj_10", 3);
}
