//! Weights that leave a study and come back: exported, loaded to the bit, judged; files of the hub; files that are not what
//! they seem.

mod common;

use common::{Run, TINY, Workbench, chest};
use mtl::{
    plan::digest::Digest,
    weights::{Note, WeightFile},
};
use std::{fs, path::Path};

/// The shipped chest radiographs, their test part split in two, and a task.
fn start(split: &str) -> String {
    format!(
        r#"{TINY}
let pictures = npz("{data}") |> where((r) => r.split == "test") |> rgb |> normalize(imagenet)
let task = pictures |> split({split}, seed: 1) |> classify("label", {{ pneumonia: [1], normal: [0] }})
"#,
        data = chest().display()
    )
}

fn trained(split: &str) -> String {
    start(split)
        + r#"let model = tiny() |> finetune(task, epochs: 1)
out weights = model |> export_weights
out study = model |> evaluate(task) |> report
"#
}

/// The AUC of the only cell of the report `study`.
fn auc(bench: &Workbench) -> f64 {
    let text = fs::read_to_string(bench.path("out/study/results.json")).expect("the report is there");
    let results: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    results["cells"][0]["auc"].as_f64().expect("an AUC")
}

fn digest_of(run: &Run, stage: &str, output: &str) -> String {
    let digests = run.digests(output);
    let found = digests.iter().find(|(name, _)| name.contains(stage));
    found.unwrap_or_else(|| panic!("no {stage} in {digests:?}")).1.clone()
}

#[test]
fn what_is_exported_comes_back_to_the_bit_and_keeps_its_head() {
    let bench = Workbench::new(&trained("holdout(test: 40%)"));
    let first = bench.run(&[]);
    first.done();
    let file = bench.path("out/weights/model.safetensors");
    let note: Note = WeightFile::open(&file, None)
        .expect("it is sound")
        .note()
        .expect("it says what it is");
    assert_eq!(note.classes, ["pneumonia", "normal"]);
    assert_eq!(note.network, "tiny");
    assert_eq!((note.mean.len(), note.member.as_deref()), (3, None));
    assert_eq!(note.model, digest_of(&first, "finetune", "model"));
    assert!(
        note.history
            .last()
            .is_some_and(|words| words.starts_with("finetune on task, 1 epoch"))
    );
    let before = auc(&bench);

    let loaded = start("holdout(test: 40%)")
        + r#"let model = tiny() |> load("out/weights/model.safetensors")
out study = model |> evaluate(task) |> report
"#;
    bench.write("study.mtl", &loaded);
    let second = bench.run(&[]);
    second.done();
    assert_eq!(
        digest_of(&second, "load model", "model"),
        digest_of(&first, "finetune", "model")
    );
    assert_eq!(auc(&bench), before);

    // Its head is for its classes in their order, and it is kept where a task has these.
    let kept = loaded.replace("|> evaluate", "|> finetune(task, epochs: 1, head: keep) |> evaluate");
    bench.write("study.mtl", &kept);
    let plan = bench.mtl(&["plan", "study.mtl"]);
    assert!(String::from_utf8_lossy(&plan.stdout).contains("head kept"), "{plan:?}");
    bench.write(
        "study.mtl",
        &loaded.replace("pneumonia: [1], normal: [0]", "normal: [0], pneumonia: [1]"),
    );
    let refused = bench.mtl(&["check", "study.mtl"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("mtl::plan::head_mismatch"),
        "{refused:?}"
    );
}

#[test]
fn every_member_of_a_family_has_a_file() {
    let bench = Workbench::new(&trained("kfold(2, repeats: 2)"));
    let run = bench.run(&["weights"]);
    run.done();
    let mut found: Vec<String> = fs::read_dir(bench.path("out/weights"))
        .expect("the output is there")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.'))
        .collect();
    found.sort();
    let expected = ["repeat1-fold1", "repeat1-fold2", "repeat2-fold1", "repeat2-fold2"];
    assert_eq!(found, expected.map(|name| format!("{name}.safetensors")));
    let file = WeightFile::open(&bench.path("out/weights/repeat2-fold1.safetensors"), None).expect("it is sound");
    assert_eq!(
        file.note().expect("it says what it is").member.as_deref(),
        Some("repeat2/fold1")
    );
    // The same study exports the same bytes.
    let again = Workbench::new(&trained("kfold(2, repeats: 2)"));
    let other = again.run(&["weights"]);
    for name in expected.map(|name| format!("{name}.safetensors")) {
        assert_eq!(run.digests(&name), other.digests(&name));
    }
}

/// The file of a trained `tiny`, with one value of its first tensor replaced.
fn exported(value: Option<f32>) -> Vec<u8> {
    let bench = Workbench::new(&trained("holdout(test: 40%)"));
    bench.run(&["weights"]).done();
    let mut bytes = fs::read(bench.path("out/weights/model.safetensors")).expect("it was written");
    if let Some(value) = value {
        let end = bytes.len();
        bytes[end - 4..].copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

#[test]
fn weights_that_are_no_numbers_stop_the_stage() {
    let text = start("holdout(test: 40%)")
        + r#"out study = tiny() |> load("broken.safetensors") |> finetune(task, epochs: 1) |> evaluate(task) |> report
"#;
    let bench = Workbench::new(&text);
    fs::write(bench.path("broken.safetensors"), exported(Some(f32::NAN))).expect("writable");
    let run = bench.run(&[]);
    assert_eq!(run.code, Some(1), "{}", run.errors);
    let failed = run
        .events
        .iter()
        .find(|event| event["event"] == "stage_failed")
        .expect("it is told");
    assert!(
        failed["message"]
            .as_str()
            .is_some_and(|message| message.contains("holds NaN in `")),
        "{failed}"
    );
    // A program is refused before anything runs.
    let unsafe_file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/weights/unsafe.pth");
    bench.write(
        "study.mtl",
        &text.replace("broken.safetensors", &unsafe_file.display().to_string()),
    );
    let refused = bench.mtl(&["run", "study.mtl"]);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("mtl::plan::weights_unsafe") && said.contains("nothing of it was"),
        "{said}"
    );
}

/// A cache of the hub with one file, `someone/tiny` at the branch `main`.
fn cache(folder: &Path, bytes: &[u8]) {
    let repo = folder.join("hub/models--someone--tiny");
    fs::create_dir_all(repo.join("refs")).expect("writable");
    fs::create_dir_all(repo.join("snapshots/0123abc")).expect("writable");
    fs::write(repo.join("refs/main"), "0123abc").expect("writable");
    fs::write(repo.join("snapshots/0123abc/tiny.safetensors"), bytes).expect("writable");
}

fn from_hub(digest: &str) -> String {
    start("holdout(test: 40%)")
        + &format!(
            r#"let model = tiny() |> load(hub("someone/tiny", "main", "tiny.safetensors"{digest}))
out study = model |> evaluate(task) |> report
"#
        )
}

#[test]
fn files_of_the_hub_are_taken_from_its_cache_and_pinned() {
    let bytes = exported(None);
    let bench = Workbench::new(&from_hub(""));
    let home = bench.path("home");
    let run = |arguments: &[&str]| {
        let output = bench
            .command(arguments)
            .env("HF_HOME", &home)
            .output()
            .expect("mtl starts");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (code, said) = run(&["check", "study.mtl"]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains("mtl::plan::hub_file") && said.contains("huggingface-cli download"),
        "{said}"
    );
    cache(&home, &bytes);
    let digest = Digest::of(&bytes).to_string();
    let (code, said) = run(&["check", "study.mtl"]);
    assert_eq!(code, Some(2));
    // Lines are broken where they are long.
    let joined: String = said.split_whitespace().filter(|word| *word != "│").collect();
    assert!(joined.contains(&digest), "{said}");
    bench.write("study.mtl", &from_hub(&format!(", digest: \"{digest}\"")));
    let (code, said) = run(&["run", "study.mtl"]);
    assert_eq!(code, Some(0), "{said}");
    // Another file under the name is told before its values are read.
    cache(&home, &exported(Some(1.0)));
    let (code, said) = run(&["run", "study.mtl"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("another file than the program means"), "{said}");
}

#[cfg(not(feature = "hub"))]
#[test]
fn without_the_feature_nothing_is_fetched() {
    let bench = Workbench::new(&from_hub(""));
    let output = bench.mtl(&["fetch", "study.mtl"]);
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("--features hub"), "{said}");
}

#[cfg(feature = "hub")]
mod fetched {
    use super::*;
    use std::{
        io::{BufRead, BufReader, Write},
        net::{TcpListener, TcpStream},
        thread,
    };

    /// Answers as the hub does for one file: its commit, its name for the bytes, and the part that was asked for.
    fn answer(stream: TcpStream, bytes: &[u8]) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
                break;
            }
            head.push(line.trim().to_owned());
        }
        let mut stream = reader.into_inner();
        let asked = head
            .first()
            .is_some_and(|line| line.contains("/someone/tiny/resolve/main/tiny.safetensors"));
        if !asked {
            return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
        let first = head
            .iter()
            .any(|line| line.to_ascii_lowercase().starts_with("range: bytes=0-0"));
        let part = if first { &bytes[..1] } else { bytes };
        write!(
            stream,
            "HTTP/1.1 206 Partial Content\r\nx-repo-commit: 0123abc\r\netag: \"some-name\"\r\nContent-Length: {}\r\n\
             Content-Range: bytes 0-{}/{}\r\nConnection: close\r\n\r\n",
            part.len(),
            part.len() - 1,
            bytes.len()
        )?;
        stream.write_all(part)
    }

    #[test]
    fn a_file_is_fetched_once_and_compared() {
        let bytes = exported(None);
        let server = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = format!("http://{}", server.local_addr().expect("it has an address"));
        let served = bytes.clone();
        thread::spawn(move || {
            for stream in server.incoming().map_while(Result::ok) {
                let _ = answer(stream, &served);
            }
        });
        let digest = Digest::of(&bytes).to_string();
        let bench = Workbench::new(&from_hub(""));
        let home = bench.path("home");
        let run = |arguments: &[&str]| {
            let mut command = bench.command(arguments);
            command.env("HF_HOME", &home).env("HF_ENDPOINT", &address);
            let output = command.output().expect("mtl starts");
            let said = [output.stdout, output.stderr].concat();
            (output.status.code(), String::from_utf8_lossy(&said).into_owned())
        };
        let (code, said) = run(&["fetch", "study.mtl"]);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("fetched") && said.contains(&digest), "{said}");
        bench.write("study.mtl", &from_hub(&format!(", digest: \"{digest}\"")));
        let (code, said) = run(&["fetch", "study.mtl"]);
        assert!(code == Some(0) && said.contains("was there"), "{said}");
        let (code, said) = run(&["run", "study.mtl"]);
        assert_eq!(code, Some(0), "{said}");
        let other = format!("{:064}", 0);
        bench.write("study.mtl", &from_hub(&format!(", digest: \"{other}\"")));
        let (code, said) = run(&["fetch", "study.mtl"]);
        assert!(code == Some(3) && said.contains("another file"), "{said}");
    }
}
