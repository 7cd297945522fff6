//! `mtl predict`: networks with given weights, on arrays and on pictures, and what is refused.

mod common;

use common::{TINY, Workbench};
use serde_json::Value;
use std::{fs, path::Path, process::Output};

/// `y = W x + b` on pictures of 1 x 1 x 2, so that every logit can be told by hand.
const LINEAR: &str = r"
net plain(classes: int = 2) { x |> flatten |> fc: linear(classes) }
let as_trained = |> resize([1, 2]) |> normalize(constants(mean: 0.0, deviation: 1.0))
param scale: int = 1
";

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("utf-8")
}

fn safetensors(entries: &[(&str, &[usize], &[f32])]) -> Vec<u8> {
    let (mut header, mut values) = (serde_json::Map::new(), Vec::new());
    for (name, shape, floats) in entries {
        let begin = values.len();
        values.extend(floats.iter().flat_map(|v| v.to_le_bytes()));
        let entry = serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [begin, values.len()] });
        header.insert((*name).to_owned(), entry);
    }
    let header = Value::Object(header).to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(values);
    bytes
}

fn npy(shape: &str, values: &[f32]) -> Vec<u8> {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    bytes
}

/// A folder with the program, its weights and five samples.
fn bench() -> Workbench {
    let bench = Workbench::new(&format!("{LINEAR}{TINY}"));
    let put = |name: &str, bytes: Vec<u8>| fs::write(bench.folder().join(name), bytes).expect("written");
    put(
        "w.safetensors",
        safetensors(&[
            ("fc.weight", &[2, 2], &[1.0, 2.0, -1.0, 0.5]),
            ("fc.bias", &[2], &[0.25, 0.0]),
        ]),
    );
    let samples: Vec<f32> = (0..10_u8).map(f32::from).collect();
    put("x.npy", npy("5, 1, 1, 2", &samples));
    put(
        "x.safetensors",
        safetensors(&[("input", &[5, 1, 1, 2], &samples), ("other", &[1, 1, 1, 2], &[0.0; 2])]),
    );
    bench
}

fn predict(bench: &Workbench, more: &[&str]) -> Output {
    let arguments = [
        &["predict", "--program", "study.mtl", "--weights", "w.safetensors"],
        more,
    ]
    .concat();
    bench.mtl(&arguments)
}

/// The logits of samples `(2i, 2i + 1)`.
fn expected() -> Vec<f32> {
    let logits = (0..5_u8).flat_map(|i| {
        let (a, b) = (f32::from(2 * i), f32::from(2 * i + 1));
        [a + 2.0 * b + 0.25, -a + 0.5 * b]
    });
    logits.collect()
}

/// The values of an `.npy` file of two columns.
fn values(path: &Path) -> Vec<f32> {
    let bytes = fs::read(path).expect("written");
    let begin = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    assert_eq!(begin % 64, 0, "aligned as the format asks");
    assert!(text(&bytes[10..begin]).contains("'shape': (5, 2)"));
    let (floats, rest) = bytes[begin..].as_chunks::<4>();
    assert!(rest.is_empty());
    floats.iter().map(|v| f32::from_le_bytes(*v)).collect()
}

/// Files of `torch.save` (`tests/reference/weights/make.py`) are read as `load` reads them.
#[test]
fn weights_of_pytorch_are_taken_and_what_is_no_weight_is_refused() {
    let bench = bench();
    let samples: Vec<f32> = (0..3 * 8 * 8_u16).map(|i| f32::from(i) / 100.0).collect();
    let put = |name: &str, bytes: Vec<u8>| fs::write(bench.folder().join(name), bytes).expect("written");
    put("pictures.npy", npy("1, 3, 8, 8", &samples));
    put(
        "torch.mtl",
        b"net small(classes: int = 3) {
  x |> conv1: conv(4, 3) |> relu |> conv2: conv(8, 3) |> relu |> global_avgpool |> fc: linear(classes)
}
"
        .to_vec(),
    );
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/weights");
    let with = |file: &str, more: &[&str]| {
        let file = folder.join(file);
        let file = file.to_str().expect("UTF-8");
        let arguments = [
            "predict",
            "small",
            "pictures.npy",
            "--program",
            "torch.mtl",
            "--out",
            "y.csv",
            "--weights",
            file,
        ];
        bench.mtl(&[&arguments, more].concat())
    };
    let done = with("tiny.pth", &[]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let csv = fs::read_to_string(bench.folder().join("y.csv")).expect("written");
    assert!(csv.starts_with("sample,logit0,logit1,logit2\n0,"), "{csv}");
    for (file, more, code, said) in [
        ("checkpoint.pth", &[][..], "mtl::plan::weights_elsewhere", "state_dict"),
        (
            "checkpoint.pth",
            &["--within", "state_dict"],
            "mtl::plan::weights_misfit",
            "module.conv1.weight",
        ),
        ("unsafe.pth", &[], "mtl::plan::weights_unsafe", "system"),
    ] {
        let refused = with(file, more);
        let message = text(&refused.stderr) + &text(&refused.stdout);
        assert_eq!(refused.status.code(), Some(2), "{message}");
        assert!(message.contains(code) && message.contains(said), "{message}");
    }
}

#[test]
fn arrays_of_both_formats_give_logits_in_every_format() {
    let bench = bench();
    for input in ["x.npy", "x.safetensors"] {
        for batch in ["1", "2", "64"] {
            let done = predict(
                &bench,
                &["plain(classes: 2)", input, "--out", "y.npy", "--batch", batch],
            );
            assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
            assert_eq!(values(&bench.folder().join("y.npy")), expected());
        }
    }
    let done = predict(&bench, &["plain", "x.npy", "--out", "y.csv"]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let csv = fs::read_to_string(bench.folder().join("y.csv")).expect("written");
    assert_eq!(
        csv.lines().take(3).collect::<Vec<_>>(),
        ["sample,logit0,logit1", "0,2.25,0.5", "1,8.25,-0.5"]
    );
    let done = predict(&bench, &["plain", "x.npy", "--out", "y.safetensors"]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let bytes = fs::read(bench.folder().join("y.safetensors")).expect("written");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let logits = tensors.tensor("logits").expect("logits");
    assert_eq!(logits.shape(), [5, 2]);
    let (floats, _) = logits.data().as_chunks::<4>();
    assert_eq!(
        floats.iter().map(|v| f32::from_le_bytes(*v)).collect::<Vec<_>>(),
        expected()
    );
}

#[test]
fn probabilities_are_the_softmax_and_facts_are_told() {
    let bench = bench();
    let arguments = [
        "plain",
        "x.npy",
        "--out",
        "p.npy",
        "--probabilities",
        "--format",
        "json",
    ];
    let done = predict(&bench, &arguments);
    let facts: Value = serde_json::from_slice(&done.stdout).expect("one JSON object");
    assert_eq!(facts["schema"], "mtl.predict/1");
    assert_eq!(facts["samples"], 5);
    assert_eq!(facts["classes"], 2);
    assert_eq!(facts["parameters"], 6);
    assert_eq!(facts["values"], "probabilities");
    assert_eq!(facts["shape"], serde_json::json!([1, 1, 2]));
    let found = values(&bench.folder().join("p.npy"));
    for (pair, logits) in found.chunks(2).zip(expected().chunks(2)) {
        let [a, b] = [f64::from(logits[0]).exp(), f64::from(logits[1]).exp()];
        assert!((f64::from(pair[0]) - a / (a + b)).abs() < 1e-7, "{pair:?}");
        assert!((pair[0] + pair[1] - 1.0).abs() < 1e-6);
    }
}

#[test]
fn pictures_are_prepared_as_the_program_says() {
    let bench = bench();
    let folder = bench.folder().join("films/deep");
    fs::create_dir_all(&folder).expect("a folder");
    // Grey pictures of 2 x 1 pixels, 0 and 255, 51 and 102, as PNG.
    for (name, png) in [("b.png", PNG_BLACK_WHITE), ("a.png", PNG_GREYS)] {
        fs::write(folder.join(name), png).expect("written");
    }
    for steps in ["as_trained", "|> resize([1, 2]) |> normalize(constants(0.0, 1.0))"] {
        let done = predict(&bench, &["plain", "films", "--out", "y.csv", "--prepare", steps]);
        assert_eq!(done.status.code(), Some(0), "{steps}: {}", text(&done.stderr));
        let csv = fs::read_to_string(bench.folder().join("y.csv")).expect("written");
        let rows: Vec<_> = csv.lines().skip(1).collect();
        assert_eq!(rows.len(), 2);
        let parse = |row: &str| {
            row.split(',')
                .skip(1)
                .map(|v| v.parse::<f32>().expect("a number"))
                .collect::<Vec<_>>()
        };
        assert!(rows[0].starts_with("films/deep/a.png,"), "in the order of names: {csv}");
        for (found, expected) in parse(rows[0]).iter().zip([0.2 + 0.8 + 0.25, -0.2 + 0.2]) {
            assert!((found - expected).abs() < 1e-6, "{csv}");
        }
        assert_eq!(parse(rows[1]), [2.25, 0.5]);
    }
}

#[test]
fn a_network_of_the_library_needs_no_program() {
    let bench = bench();
    let refused = bench.mtl(&[
        "predict",
        "lenet(clases: 3)",
        "--weights",
        "w.safetensors",
        "x.npy",
        "--out",
        "y.npy",
    ]);
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said.contains("did you mean `classes`?"), "{said}");
    assert!(!said.contains("squeezenet"), "the import is not shown: {said}");
}

#[test]
fn whatever_is_wrong_is_said_with_its_code_and_leaves_no_file() {
    let bench = bench();
    let put = |name: &str, bytes: Vec<u8>| fs::write(bench.folder().join(name), bytes).expect("written");
    put("flat.npy", npy("5, 2", &[0.0; 10]));
    put("nan.npy", npy("1, 1, 1, 2", &[f32::NAN, 0.0]));
    put("cut.npy", npy("5, 1, 1, 2", &[0.0; 9]));
    put("large.npy", npy("1, 1, 2, 2", &[0.0; 4]));
    put("x.png", b"no picture".to_vec());
    put(
        "other.safetensors",
        safetensors(&[("fc.weight", &[3, 2], &[0.0; 6]), ("fc.bias", &[3], &[0.0; 3])]),
    );
    put(
        "short.safetensors",
        safetensors(&[("fc.weight", &[2, 2], &[0.0; 4]), ("b", &[2], &[0.0; 2])]),
    );
    fs::create_dir(bench.folder().join("empty")).expect("a folder");
    let weights = |file: &'static str| vec!["plain", "x.npy", "--weights", file];
    let cases: Vec<(Vec<&str>, &str, &str)> = vec![
        (vec!["plian", "x.npy"], "mtl::names::unknown", "`plain`"),
        (vec!["", "x.npy"], "mtl::syntax::unexpected", "a value"),
        (vec!["3", "x.npy"], "mtl::plan::unexpected_value", "a network"),
        (vec!["plain", "none.npy"], "mtl::data::no_file", "none.npy"),
        (
            vec!["plain", "none.png", "--prepare", "rgb"],
            "mtl::data::no_file",
            "none.png",
        ),
        (
            vec!["plain", "empty", "--prepare", "rgb"],
            "mtl::data::no_rows",
            "empty holds no",
        ),
        (
            vec!["plain", "flat.npy"],
            "mtl::data::bad_archive",
            "[n, channels, height, width]",
        ),
        (vec!["plain", "cut.npy"], "mtl::data::bad_archive", "36 bytes"),
        (
            vec!["plain", "nan.npy"],
            "mtl::plan::bad_value",
            "sample 0 are not finite",
        ),
        (
            vec!["plain", "large.npy"],
            "mtl::plan::weights_misfit",
            "`fc.weight` is [2, 2]",
        ),
        (
            vec!["plain", "x.npy", "x.npy"],
            "mtl::plan::bad_value",
            "an input of its own",
        ),
        (
            vec!["plain", "x.npy", "--prepare", "rgb"],
            "mtl::plan::bad_value",
            "ready samples",
        ),
        (
            vec!["plain", "x.npy", "--tensor", "a"],
            "mtl::data::bad_archive",
            "has no name",
        ),
        (
            vec!["plain", "x.safetensors", "--tensor", "a"],
            "mtl::data::bad_archive",
            "`input`, `other`",
        ),
        (vec!["plain", "x.png"], "mtl::plan::no_value", "prepared"),
        (
            vec!["plain", "x.png", "--prepare", "rgb"],
            "mtl::data::bad_image",
            "neither PNG nor JPEG",
        ),
        (
            vec!["plain", "x.png", "--prepare", "resize(2) |> rbg"],
            "mtl::names::unknown",
            "`rgb`",
        ),
        (
            vec!["plain", "x.npy", "--set", "scael=2"],
            "mtl::names::unknown_param",
            "scale",
        ),
        (weights("none.safetensors"), "mtl::data::no_file", "none.safetensors"),
        (weights("x.npy"), "mtl::plan::weights_unreadable", "x.npy"),
        (
            weights("other.safetensors"),
            "mtl::plan::weights_misfit",
            "write `classes: 3`",
        ),
        (
            weights("short.safetensors"),
            "mtl::plan::weights_misfit",
            "no layer takes its `b`",
        ),
    ];
    for (arguments, code, said) in cases {
        let named = arguments.contains(&"--weights");
        let usual: &[&str] = if named { &[] } else { &["--weights", "w.safetensors"] };
        let first = [&["predict", "--program", "study.mtl", "--out", "y.npy"], usual];
        let refused = bench.mtl(&[first.concat(), arguments.clone()].concat());
        let found = text(&refused.stderr).replace("\n  │ ", "").replace("\n        ", "");
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {found}");
        assert!(found.starts_with(code), "{arguments:?}: {found}");
        assert!(found.contains(said), "{arguments:?}: {found}");
        assert!(!bench.folder().join("y.npy").exists(), "{arguments:?}");
    }
    let refused = predict(&bench, &["plain", "x.npy", "--out", "y.txt", "--format", "json"]);
    let listing: Value = serde_json::from_slice(&refused.stdout).expect("one JSON object");
    assert_eq!(listing["diagnostics"][0]["code"], "mtl::plan::output");
    let left: Vec<_> = fs::read_dir(bench.folder())
        .expect("readable")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(".mtl-"))
        .collect();
    assert!(left.is_empty(), "no unfinished file is left: {left:?}");
}

/// Grey, two pixels in a row: 0 and 255.
const PNG_BLACK_WHITE: &[u8] = &[
    137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 2, 0, 0, 0, 1, 8, 0, 0, 0, 0, 209, 73, 32,
    86, 0, 0, 0, 11, 73, 68, 65, 84, 120, 156, 99, 96, 248, 15, 0, 1, 2, 1, 0, 66, 190, 188, 104, 0, 0, 0, 0, 73, 69,
    78, 68, 174, 66, 96, 130,
];

/// Grey, two pixels in a row: 51 and 102.
const PNG_GREYS: &[u8] = &[
    137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 2, 0, 0, 0, 1, 8, 0, 0, 0, 0, 209, 73, 32,
    86, 0, 0, 0, 11, 73, 68, 65, 84, 120, 156, 99, 48, 78, 3, 0, 0, 207, 0, 154, 11, 245, 220, 34, 0, 0, 0, 0, 73, 69,
    78, 68, 174, 66, 96, 130,
];
