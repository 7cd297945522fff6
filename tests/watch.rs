//! `mtl watch`: decisions, what gives way, what stays sealed.

mod common;

use common::{TINY, Workbench, chest};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

/// An arm from scratch, trained for so many epochs at a rate, on one split with a tuning part.
fn program(epochs: u32, rate: &str) -> String {
    format!(
        r#"{TINY}
let pictures = npz("{data}") |> where((r) => r.split == "test") |> rgb |> normalize(imagenet)
let cohort = pictures |> split(holdout(test: 30%, tuning: 20%), seed: 1)
let task = cohort |> classify("label", {{ pneumonia: [1], normal: [0] }})

@allow("single_run")
out study = tiny() |> finetune(task, epochs: {epochs}, lr: {rate}) |> evaluate(task) |> report
"#,
        data = chest().display()
    )
}

/// More epochs than a test waits for.
const LONG: u32 = 4_000;

/// A watch under way.
struct Watch {
    child: Child,
    lines: Receiver<Value>,
}

impl Watch {
    fn start(bench: &Workbench, arguments: &[&str]) -> Self {
        let all = [&["watch", "study.mtl", "--format", "json"], arguments].concat();
        let mut child = bench
            .command(&all)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("mtl starts");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).expect("one object a line"));
            }
        });
        Self { child, lines }
    }

    /// The next event of this name; what comes before it is lost.
    fn next(&self, name: &str) -> Value {
        self.find(|event| event["event"] == name)
    }

    fn find(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(Duration::from_secs(60)) {
                Ok(event) if wanted(&event) => return event,
                Ok(event) if event["event"] == "progress" => {}
                Ok(event) => seen.push(event),
                Err(_) => panic!("it did not come; before were {seen:?}"),
            }
        }
    }

    /// What comes within half a second.
    fn rest(&self) -> Vec<Value> {
        thread::sleep(Duration::from_millis(500));
        self.lines.try_iter().collect()
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("kill starts");
        assert!(sent.success());
    }

    /// Ends it as Ctrl-C does.
    fn end(mut self) -> Option<i32> {
        self.signal("-INT");
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a file as editors do: beside it, then renamed over it.
fn replace(bench: &Workbench, name: &str, text: &str) {
    bench.write(&format!(".{name}.swp"), text);
    fs::rename(bench.path(&format!(".{name}.swp")), bench.path(name)).expect("renamed");
}

fn model_of(run: &common::Run) -> String {
    let finished = run
        .events
        .iter()
        .find(|event| event["kind"] == "train" && event["outputs"].is_object());
    finished.expect("a training")["outputs"]["model"].to_string()
}

#[test]
fn a_change_is_decided_on_and_results_stay_sealed() {
    let bench = Workbench::new(&program(1, "1e-3"));
    let watch = Watch::start(&bench, &[]);
    let first = watch.next("decided");
    assert_eq!((&first["stages"], &first["known"]), (&4.into(), &0.into()), "{first}");
    let settled = watch.next("settled");
    assert_eq!(
        (&settled["ran"], &settled["failed"]),
        (&4.into(), &0.into()),
        "{settled}"
    );
    replace(&bench, "study.mtl", &program(2, "1e-3"));
    let second = watch.next("decided");
    assert_eq!(
        (&second["known"], &second["is_new"]),
        (&1.into(), &true.into()),
        "{second}"
    );
    let settled = watch.next("settled");
    assert_eq!(
        (&settled["ran"], &settled["reused"]),
        (&3.into(), &1.into()),
        "{settled}"
    );
    // The same text again, and a file that nothing rests on.
    replace(&bench, "study.mtl", &program(2, "1e-3"));
    let third = watch.next("decided");
    assert_eq!(
        (&third["known"], &third["is_new"]),
        (&4.into(), &false.into()),
        "{third}"
    );
    bench.write("notes.txt", "nothing");
    assert_eq!(watch.rest(), Vec::<Value>::new());
    assert_eq!(watch.end(), Some(130));
    assert!(!bench.path("out").exists(), "nothing is shown");
    let looks = bench.mtl(&["looks", "--format", "json", "study.mtl"]);
    let looks: Value = serde_json::from_slice(&looks.stdout).expect("JSON");
    let looked = |entry: &Value| entry.get("look").is_some() || entry["entry"] == "look";
    assert!(
        !looks["entries"].as_array().expect("a list").iter().any(looked),
        "{looks}"
    );
}

#[test]
fn a_training_that_is_wanted_no_more_stops_at_once_and_goes_on_later_with_the_same_bits() {
    let undisturbed = Workbench::new(&program(60, "1e-3")).run(&[]);
    undisturbed.done();
    let bench = Workbench::new(&program(60, "1e-3"));
    let watch = Watch::start(&bench, &[]);
    for _ in 0..3 {
        watch.next("epoch_finished");
        bench.write("study.mtl", &program(LONG, "1e-4"));
        #[expect(clippy::disallowed_methods, reason = "the time to stop is what is tested")]
        let changed = Instant::now();
        let decided = watch.find(|event| event["event"] == "decided" && event["is_new"] == true);
        assert_eq!(decided["dropped"], 1, "{decided}");
        watch.next("stage_skipped");
        // A second on an idle machine; tests run beside others.
        assert!(changed.elapsed() < Duration::from_secs(4), "{:?}", changed.elapsed());
        watch.next("progress");
        bench.write("study.mtl", &program(60, "1e-3"));
        watch.find(|event| event["event"] == "decided" && event["is_new"] == true);
        watch.next("resumed");
    }
    let finished = watch.find(|event| event["event"] == "stage_finished" && event["kind"] == "train");
    assert_eq!(finished["outputs"]["model"].to_string(), model_of(&undisturbed));
    watch.end();
}

#[test]
fn what_both_plans_want_runs_on() {
    let text = program(LONG, "1e-3");
    let bench = Workbench::new(&text);
    let watch = Watch::start(&bench, &[]);
    let started = watch.find(|event| event["event"] == "stage_started" && event["kind"] == "train");
    let more =
        "\n@allow(\"single_run\")\nout other = tiny() |> finetune(task, epochs: 1) |> evaluate(task) |> report\n";
    bench.write("study.mtl", &(text + more));
    let decided = watch.find(|event| event["event"] == "decided" && event["is_new"] == true);
    assert_eq!(
        (&decided["dropped"], &decided["stages"]),
        (&0.into(), &7.into()),
        "{decided}"
    );
    let other = watch.find(|event| event["event"] == "stage_finished" && event["kind"] == "train");
    assert_ne!(other["stage"], started["stage"]);
    watch.find(|event| event["event"] == "progress" && event["run"] == started["run"]);
    watch.find(|event| event["event"] == "progress" && event["run"] == started["run"]);
    assert!(watch.rest().iter().all(|event| event["event"] != "stage_skipped"));
    assert_eq!(watch.end(), Some(130));
}

#[test]
fn a_mistake_is_told_and_what_runs_goes_on() {
    let bench = Workbench::new(&program(LONG, "1e-3"));
    let watch = Watch::start(&bench, &[]);
    watch.next("epoch_finished");
    bench.write("study.mtl", &program(LONG, "1e-3").replace("classify", "clasify"));
    let trouble = watch.next("trouble");
    assert!(
        trouble["text"].as_str().expect("words").contains("clasify"),
        "{trouble}"
    );
    watch.next("epoch_finished");
    bench.write("study.mtl", &program(LONG, "1e-3"));
    let decided = watch.next("decided");
    assert_eq!(
        (&decided["is_new"], &decided["dropped"]),
        (&false.into(), &0.into()),
        "{decided}"
    );
    watch.next("epoch_finished");
    watch.end();
}

#[test]
fn imports_manifests_pictures_and_settings_are_watched() {
    let bench = Workbench::new(
        r#"import "nets.mtl" { small }

let films = table("films/manifest.csv") |> resize(16) |> rgb |> normalize(imagenet)
let task = films |> split(holdout(test: 50%), by: "patient", seed: 1) |> classify("label", { a: ["a"], b: ["b"] })

@allow("single_run")
out study = small() |> finetune(task, epochs: 1) |> evaluate(task) |> report
"#,
    );
    let net = |width: u32| {
        format!(
            "@stages(\"conv1\")\nnet small(classes: int = 2) {{\n  x |> conv1: conv({width}, 3) |> relu |> global_avgpool |> fc: linear(classes)\n}}\n"
        )
    };
    let picture = |shade: u8| {
        let mut bytes = b"P5\n16 16\n255\n".to_vec();
        bytes.extend((0..=255_u8).map(|at| at / 2 + shade));
        image_png(&bytes)
    };
    let rows = |last: &str| {
        let rows: String = (0..8)
            .map(|row| format!("p{row}.png,{row},{}\n", ["a", "b"][row % 2]))
            .collect();
        format!("image,patient,label\n{rows}{last}")
    };
    bench.write("films/manifest.csv", &rows(""));
    for row in 0..9 {
        fs::write(bench.path(&format!("films/p{row}.png")), picture(row * 10)).expect("written");
    }
    let watch = Watch::start(&bench, &[]);
    // The module is not there yet.
    assert!(watch.next("trouble")["text"].as_str().expect("words").contains("nets"));
    bench.write("nets.mtl", &net(4));
    watch.next("decided");
    assert_eq!(watch.next("settled")["ran"], 4);
    let changed = |ran: u32, what: &str| {
        let decided = watch.find(|event| event["event"] == "decided" && event["is_new"] == true);
        assert_eq!(decided["stages"], 4, "{what}");
        assert_eq!(watch.next("settled")["ran"], ran, "{what}");
    };
    replace(&bench, "nets.mtl", &net(6));
    changed(3, "an import");
    bench.write("films/manifest.csv", &rows("p8.png,8,a\n"));
    changed(4, "a manifest");
    fs::write(bench.path("films/p3.png"), picture(99)).expect("written");
    changed(4, "a picture");
    bench.write("mtl.toml", "[run]\njobs = 1\n");
    changed(0, "settings");
    bench.write("mtl.toml", "[run]\njbos = 1\n");
    assert!(watch.next("trouble")["text"].as_str().expect("words").contains("jbos"));
    watch.end();
}

/// A PNG of a PGM.
fn image_png(pgm: &[u8]) -> Vec<u8> {
    let mut png = Vec::new();
    let pixels = &pgm[pgm.len() - 256..];
    let encoder = image::codecs::png::PngEncoder::new(&mut png);
    image::ImageEncoder::write_image(encoder, pixels, 16, 16, image::ExtendedColorType::L8).expect("encoded");
    png
}

/// Sends a request to the page and gives the answer.
fn ask(url: &str, method: &str, place: &str) -> String {
    let (host, path) = url
        .strip_prefix("http://")
        .and_then(|url| url.split_once('/'))
        .expect("an address");
    let mut stream = TcpStream::connect(host).expect("it listens");
    write!(stream, "{method} /{path}{place} HTTP/1.1\r\nHost: {host}\r\n\r\n").expect("asked");
    stream.shutdown(std::net::Shutdown::Write).expect("all is said");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn results_are_revealed_when_they_are_asked_for_and_that_is_a_look() {
    let bench = Workbench::new(&program(1, "1e-3"));
    let watch = Watch::start(&bench, &["--web"]);
    let url = watch.next("serving")["url"].as_str().expect("an address").to_owned();
    assert!(ask(&url, "GET", "").contains("<title>mtl watch</title>"));
    watch.next("settled");
    assert!(
        ask(&url, "GET", "out/study/report.html").starts_with("HTTP/1.1 404"),
        "it is sealed"
    );
    assert!(ask(&url, "POST", "reveal").starts_with("HTTP/1.1 200"));
    assert_eq!(watch.next("output_written")["output"], "study");
    watch.next("settled");
    let report = ask(&url, "GET", "out/study/report.html");
    assert!(
        report.starts_with("HTTP/1.1 200") && report.contains("No earlier look at results on these"),
        "{report:.300}"
    );
    // The same results again are no other look.
    assert!(ask(&url, "POST", "reveal").starts_with("HTTP/1.1 200"));
    watch.next("settled");
    watch.end();
    let looks = String::from_utf8(bench.mtl(&["looks", "study.mtl"]).stdout).expect("UTF-8");
    assert_eq!(
        looks.lines().filter(|line| line.contains("  look  ")).count(),
        1,
        "{looks}"
    );
    // The page is where it was when the watch begins again.
    let again = Watch::start(&bench, &["--web"]);
    assert_eq!(again.next("serving")["url"], url);
    again.end();
}

#[test]
fn unsealed_results_are_written_whenever_they_are_there() {
    let bench = Workbench::new(&program(1, "1e-3"));
    let watch = Watch::start(&bench, &["--unsealed"]);
    watch.next("settled");
    assert!(bench.path("out/study/report.html").is_file());
    watch.end();
    let looks = bench.mtl(&["looks", "--format", "json", "study.mtl"]);
    let looks = String::from_utf8(looks.stdout).expect("UTF-8");
    assert!(looks.contains("\"watch\""), "by what is recorded: {looks}");
}

#[test]
fn two_watches_and_a_run_share_what_they_compute() {
    let bench = Workbench::new(&program(30, "1e-3"));
    let (one, other) = (Watch::start(&bench, &[]), Watch::start(&bench, &[]));
    let run = bench.run(&[]);
    assert_eq!(run.code, Some(0));
    let ran = |settled: &Value| settled["ran"].as_u64().expect("a count");
    let all = ran(&one.next("settled")) + ran(&other.next("settled")) + run.counts().0;
    assert_eq!(all, 4, "each stage in one of them");
}
