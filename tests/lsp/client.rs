//! An editor: a project in a temporary folder, and a client that speaks with a server in this process.

use lsp_server::{Connection, Message, Notification, Request, RequestId};
use mtl::{ide::Formatter, lsp};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    thread::JoinHandle,
};

/// The main file of the project.
pub(crate) const STUDY: &str = r#"//! A study for tests: größer als ASCII.

import std.models { alexnet, resnet18 }
import "lab/films.mtl" { cohort, prepared as bereit }
import "lab/nets.mtl" as nets

param epochs: int = 3   /// epochs of every arm
param data: path = "data"

/// Benign against malignant.
let lesions = cohort |> classify("severity", { malignant: ["M"], benign: ["B"] })

let arms = {
  scratch: |> finetune(lesions, epochs: epochs),
  frozen: |> finetune(lesions, epochs: epochs, freeze: stages(2)),
}

let scores = for arm in arms, lr in [1e-3, 1e-4] {
  resnet18(classes: 2) |> arm |> finetune(lesions, lr: lr) |> evaluate(lesions)
}

let one = scores[arm: "scratch"]

/// "ä𝕏" stands before names on their line.
let text = "ä𝕏" ++ name_of_it ++ "{epochs}"
let name_of_it = "x"

out study = scores |> report(compare: "arm", baseline: "scratch", adjust: holm)
"#;

pub(crate) const FILMS: &str = r#"//! The films.

param folder: path = "../data"

let prepared = |> resize(64) |> rgb |> normalize(imagenet)

let films = table("{folder}/manifest.csv", image: "image") |> where((r) => r.site == "a") |> prepared

/// Five folds by patient.
let cohort = films |> split(kfold(2), by: "patient", stratify: "severity", seed: 7)
"#;

pub(crate) const NETS: &str = r#"//! A net.

fn model: Model |> warm(task: Task, ...how) -> Model = model |> train(task, epochs: 2, ...how)

net tiny(classes: int = 2, width: int = 8) {
  let wide = width * 2
  x
    |> conv1: conv(width, 3, stride: 2, pad: 1, bias: false) |> bn1: batchnorm |> relu
    |> conv2: conv(wide, 3, stride: 2, pad: 1) |> relu
    |> global_avgpool
    |> fc: linear(classes)
}
"#;

const MANIFEST: &str = "image,patient,severity,site\n1.png,p1,M,a\n2.png,p2,B,a\n3.png,p3,M,b\n4.png,p4,B,b\n";

/// A project and a server for it.
pub(crate) struct Client {
    connection: Connection,
    server: Option<JoinHandle<u8>>,
    folder: tempfile::TempDir,
    next: i32,
    versions: BTreeMap<String, i32>,
    /// What the server published last, by file.
    pub(crate) published: BTreeMap<String, Value>,
    /// The answer to `initialize`.
    pub(crate) greeting: Value,
    utf8: bool,
}

impl Client {
    /// The project on disk and an initialized server.
    pub(crate) fn start() -> Self {
        Self::with(None, false)
    }

    pub(crate) fn with(formatter: Option<Formatter>, utf8: bool) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (connection, theirs) = Connection::memory();
        let options = lsp::Options {
            formatter,
            library: folder.path().join(".library"),
            store: |study| study.with_file_name(".mtl"),
        };
        // As the command does: passes follow the nesting of a program.
        let server = std::thread::Builder::new()
            .stack_size(256 << 20)
            .spawn(move || lsp::serve(&theirs, options))
            .expect("a thread can be started");
        let mut client = Self {
            connection,
            server: Some(server),
            folder,
            next: 0,
            versions: BTreeMap::new(),
            published: BTreeMap::new(),
            greeting: Value::Null,
            utf8,
        };
        client.write("study.mtl", STUDY);
        client.write("lab/films.mtl", FILMS);
        client.write("lab/nets.mtl", NETS);
        client.write("data/manifest.csv", MANIFEST);
        let encodings = if utf8 {
            json!(["utf-8", "utf-16"])
        } else {
            json!(["utf-16"])
        };
        let params = json!({
            "processId": null,
            "rootUri": client.folder_uri(),
            "capabilities": { "general": { "positionEncodings": encodings } },
        });
        client.greeting = client.ask("initialize", params).expect("it is initialized");
        client.tell("initialized", json!({}));
        client
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("the folder can be made");
        fs::write(path, text).expect("the file can be written");
    }

    fn folder_uri(&self) -> String {
        format!("file://{}", self.folder.path().display())
    }

    pub(crate) fn uri(&self, name: &str) -> String {
        format!("{}/{name}", self.folder_uri())
    }

    pub(crate) fn name_of(&self, uri: &str) -> String {
        let prefix = format!("{}/", self.folder_uri());
        uri.strip_prefix(&prefix).unwrap_or(uri).to_owned()
    }

    /// Sends a request; its result, or the message of its error.
    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Result<Value, String> {
        self.next += 1;
        let id = RequestId::from(self.next);
        self.send(Request::new(id.clone(), method.to_owned(), params).into());
        loop {
            match self.receive() {
                Message::Response(response) if response.id == id => {
                    return match response.response_result {
                        Ok(result) => Ok(result),
                        Err(error) => Err(format!("{}: {}", error.code, error.message)),
                    };
                }
                other => self.keep(other),
            }
        }
    }

    pub(crate) fn tell(&mut self, method: &str, params: Value) {
        self.send(Notification::new(method.to_owned(), params).into());
    }

    fn send(&self, message: Message) {
        self.connection.sender.send(message).expect("the server listens");
    }

    fn receive(&self) -> Message {
        let limit = std::time::Duration::from_secs(120);
        self.connection
            .receiver
            .recv_timeout(limit)
            .expect("the server answers")
    }

    fn keep(&mut self, message: Message) {
        if let Message::Notification(note) = message
            && note.method == "textDocument/publishDiagnostics"
        {
            let name = self.name_of(note.params["uri"].as_str().expect("a text"));
            self.published.insert(name, note.params);
        }
    }

    /// Waits until diagnostics for a version of a file came.
    pub(crate) fn wait_for(&mut self, name: &str, version: i32) -> Vec<Value> {
        loop {
            let known = self.published.get(name);
            if let Some(known) = known.filter(|known| known["version"] == version) {
                return known["diagnostics"].as_array().expect("a list").clone();
            }
            let message = self.receive();
            self.keep(message);
        }
    }

    /// Waits until what is published for a file is as it should be.
    pub(crate) fn until(&mut self, name: &str, right: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        loop {
            let known = self
                .published
                .get(name)
                .map(|p| p["diagnostics"].as_array().expect("a list"));
            if let Some(known) = known.filter(|known| right(known)) {
                return known.clone();
            }
            let message = self.receive();
            self.keep(message);
        }
    }

    /// Opens a file with the text that lies on disk, and waits for its diagnostics.
    pub(crate) fn open(&mut self, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path(name)).expect("it is there");
        self.open_with(name, &text)
    }

    pub(crate) fn open_with(&mut self, name: &str, text: &str) -> Vec<Value> {
        self.versions.insert(name.to_owned(), 1);
        let document = json!({ "uri": self.uri(name), "languageId": "mtl", "version": 1, "text": text });
        self.tell("textDocument/didOpen", json!({ "textDocument": document }));
        self.wait_for(name, 1)
    }

    /// Replaces the whole text of an open file without waiting.
    pub(crate) fn change(&mut self, name: &str, text: &str) -> i32 {
        self.change_by(name, json!([{ "text": text }]))
    }

    pub(crate) fn change_by(&mut self, name: &str, changes: Value) -> i32 {
        let version = self.versions.get_mut(name).expect("it is open");
        *version += 1;
        let version = *version;
        let document = json!({ "uri": self.uri(name), "version": version });
        let params = json!({ "textDocument": document, "contentChanges": changes });
        self.tell("textDocument/didChange", params);
        version
    }

    /// The position of `|` in `marked`, which otherwise occurs in `text` exactly once.
    pub(crate) fn place(&self, text: &str, marked: &str) -> Value {
        let (plain, inside) = unmarked(marked);
        assert_eq!(text.matches(&plain).count(), 1, "{plain:?} occurs once");
        self.position(text, text.find(&plain).expect("it is there") + inside)
    }

    pub(crate) fn position(&self, text: &str, offset: usize) -> Value {
        let before = &text[..offset];
        let line = before.matches('\n').count();
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = &before[start..];
        let character = if self.utf8 {
            column.len()
        } else {
            column.encode_utf16().count()
        };
        json!({ "line": line, "character": character })
    }

    /// Asks about a place of a file.
    pub(crate) fn at(&mut self, method: &str, name: &str, text: &str, marked: &str) -> Result<Value, String> {
        self.at_with(method, name, text, marked, json!({}))
    }

    pub(crate) fn at_with(
        &mut self,
        method: &str,
        name: &str,
        text: &str,
        marked: &str,
        more: Value,
    ) -> Result<Value, String> {
        let mut params = json!({ "textDocument": { "uri": self.uri(name) }, "position": self.place(text, marked) });
        let all = params.as_object_mut().expect("an object");
        all.extend(more.as_object().expect("an object").clone());
        self.ask(method, params)
    }

    pub(crate) fn in_file(&mut self, method: &str, name: &str) -> Result<Value, String> {
        let everything = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 9999, "character": 0 } });
        let params = json!({ "textDocument": { "uri": self.uri(name) }, "range": everything });
        self.ask(method, params)
    }

    /// Shuts the server down; its exit code.
    pub(crate) fn end(mut self) -> u8 {
        self.ask("shutdown", Value::Null).expect("it shuts down");
        self.exit()
    }

    /// Tells the server to exit; its exit code.
    pub(crate) fn exit(mut self) -> u8 {
        self.tell("exit", Value::Null);
        let server = self.server.take().expect("it runs");
        server.join().expect("the server does not panic")
    }
}

/// A text without its mark, the first `|` that does not begin `|>`, and where that stood.
pub(crate) fn unmarked(marked: &str) -> (String, usize) {
    let marks = marked.match_indices('|').map(|(at, _)| at);
    let at = marks
        .into_iter()
        .find(|at| !marked[*at..].starts_with("|>"))
        .expect("a mark");
    (format!("{}{}", &marked[..at], &marked[at + 1..]), at)
}

/// The text that a range of the protocol covers.
pub(crate) fn covered(text: &str, range: &Value) -> String {
    let offset = |at: &Value| {
        let line = usize::try_from(at["line"].as_u64().expect("a number")).expect("small");
        let character = usize::try_from(at["character"].as_u64().expect("a number")).expect("small");
        let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
        let mut counted = 0;
        for (at, c) in text[start..].char_indices() {
            if counted >= character {
                return start + at;
            }
            counted += c.len_utf16();
        }
        text.len()
    };
    text[offset(&range["start"])..offset(&range["end"])].to_owned()
}

/// Applies the edits of one file.
pub(crate) fn applied(text: &str, edits: &Value) -> String {
    let mut edits: Vec<&Value> = edits.as_array().expect("a list").iter().collect();
    edits.sort_by_key(|edit| {
        let at = &edit["range"]["start"];
        std::cmp::Reverse((at["line"].as_u64(), at["character"].as_u64()))
    });
    let mut out = text.to_owned();
    for edit in edits {
        let start = json!({ "start": { "line": 0, "character": 0 }, "end": edit["range"]["start"] });
        let start = covered(&out, &start).len();
        let old = covered(&out, &edit["range"]).len();
        out.replace_range(start..start + old, edit["newText"].as_str().expect("a text"));
    }
    out
}

/// The names of the shipped programs with their texts.
pub(crate) fn shipped() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["pipelines", "tests/golden/syntax/programs", "stdlib/models"] {
        for entry in fs::read_dir(root.join(folder)).expect("it is there") {
            let path = entry.expect("it can be read").path();
            if path.extension().is_some_and(|e| e == "mtl") {
                let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                found.push((name, fs::read_to_string(&path).expect("it can be read")));
            }
        }
    }
    found.sort();
    found
}
