//! What end-to-end tests share: a folder with a program in it, and the `mtl` binary run on it.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// The chest radiographs that are shipped with the examples.
pub fn chest() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/data/pneumoniamnist/pneumoniamnist.npz")
}

/// The mammograms that are shipped with the examples.
pub fn mammograms() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/data/cbis-ddsm-mass/manifest.csv")
}

/// A small network, with all that makes exact resume hard: batch norm and dropout.
pub const TINY: &str = r#"
@stages("conv1", "conv2")
net tiny(classes: int = 2) {
  x |> conv1: conv(8, 3, stride: 2, pad: 1, bias: false) |> bn1: batchnorm |> relu
    |> conv2: conv(16, 3, stride: 2, pad: 1) |> relu
    |> global_avgpool |> dropout(20%) |> fc: linear(classes)
}
"#;

/// Two folds of a small training whose `epochs` is a parameter.
pub fn two_folds(epochs: u32) -> String {
    format!(
        r#"{TINY}
param epochs: int = {epochs}
let pictures = npz("{data}") |> where((r) => r.split == "test") |> rgb |> normalize(imagenet)
let task = pictures |> split(kfold(2), seed: 1) |> classify("label", {{ pneumonia: [1], normal: [0] }})
let scores = for rate in [1e-3] {{ tiny() |> finetune(task, epochs: epochs, lr: rate) |> evaluate(task) }}
out study = scores |> report
"#,
        data = chest().display()
    )
}

/// A temporary folder with a program, and its store.
pub struct Workbench {
    folder: tempfile::TempDir,
}

/// What a run printed as JSON events.
pub struct Run {
    /// The process's exit code.
    pub code: Option<i32>,
    /// All events in order.
    pub events: Vec<Value>,
    /// Standard error.
    pub errors: String,
}

impl Workbench {
    /// A folder whose program is `text`.
    pub fn new(text: &str) -> Self {
        let bench = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        bench.write("study.mtl", text);
        bench
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("writable");
        fs::write(path, text).expect("writable");
    }

    /// The command `mtl ARGUMENTS` in the folder, without colours and without an inherited store.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mtl"));
        command
            .args(arguments)
            .current_dir(self.folder())
            .env_remove("MTL_STORE")
            .env("NO_COLOR", "1");
        command
    }

    /// Runs `mtl ARGUMENTS` to its end.
    pub fn mtl(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("mtl starts")
    }

    /// The object that `mtl ARGUMENTS --format json` prints.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.mtl(&[arguments, &["--format", "json"]].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        serde_json::from_slice(&output.stdout).expect("one JSON object")
    }

    /// Runs the program to its end and reads its events.
    pub fn run(&self, arguments: &[&str]) -> Run {
        let mut all = vec!["run", "study.mtl", "--format", "json"];
        all.extend(arguments);
        let output = self.mtl(&all);
        let events = String::from_utf8(output.stdout).expect("utf-8");
        let events = events
            .lines()
            .map(|line| serde_json::from_str(line).expect("one object a line"))
            .collect();
        Run {
            code: output.status.code(),
            events,
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Starts the program and kills it with SIGKILL after the `count`-th event that `wanted` accepts. False when the
    /// run ended before.
    pub fn kill_after(&self, count: usize, arguments: &[&str], wanted: impl Fn(&Value) -> bool) -> bool {
        let mut all = vec!["run", "study.mtl", "--format", "json"];
        all.extend(arguments);
        let mut child = self
            .command(&all)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("mtl starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let hit = lines
            .map_while(Result::ok)
            .filter(|line| serde_json::from_str(line).is_ok_and(|event: Value| wanted(&event)))
            .nth(count.saturating_sub(1));
        child.kill().expect("kill");
        child.wait().expect("reaped");
        hit.is_some()
    }
}

impl Run {
    /// The closing event.
    pub fn summary(&self) -> &Value {
        let last = self
            .events
            .last()
            .unwrap_or_else(|| panic!("no events; {}", self.errors));
        assert_eq!(last["event"], "run_finished", "{}", self.errors);
        last
    }

    /// How many stages ran, reused results, failed.
    pub fn counts(&self) -> (u64, u64, u64) {
        let count = |name: &str| self.summary()[name].as_u64().expect("a count");
        (count("ran"), count("reused"), count("failed"))
    }

    /// Names of the stages that ran.
    pub fn ran(&self) -> Vec<String> {
        let finished = self.events.iter().filter(|event| event["event"] == "stage_finished");
        finished
            .map(|event| event["stage"].as_str().expect("a name").to_owned())
            .collect()
    }

    /// The digest of one output of every stage that has it, run or reused.
    pub fn digests(&self, output: &str) -> BTreeMap<String, String> {
        self.events
            .iter()
            .filter_map(|event| {
                Some((
                    event["stage"].as_str()?.to_owned(),
                    event["outputs"][output].as_str()?.to_owned(),
                ))
            })
            .collect()
    }

    /// Asserts that the run ended well, and gives its counts of stages run and reused.
    pub fn done(&self) -> (u64, u64) {
        let (ran, reused, failed) = self.counts();
        assert_eq!(
            (self.code, failed),
            (Some(0), 0),
            "{:#?}\n{}",
            self.events.last(),
            self.errors
        );
        (ran, reused)
    }
}
