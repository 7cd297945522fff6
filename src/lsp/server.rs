//! The life of a server: handshake, the loop over messages, the end.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    time::Duration,
};

use lsp_server::{Connection, ErrorCode, Message, Notification, Request, RequestId, Response};
use lsp_types::{
    CodeActionKind, CodeActionOptions, CodeActionProvider, CompletionOptions, Full, PositionEncodingKind,
    RenameOptions, RenameProvider, Save, SaveOptions, SemanticTokensLegend, SemanticTokensOptions,
    SemanticTokensProvider, ServerCapabilities, SignatureHelpOptions, TextDocumentSync, TextDocumentSyncKind,
    TextDocumentSyncOptions, Uri,
};
use serde_json::{Value, json};

use super::{
    convert::Context,
    planner::{Planner, StoreFolder},
    position::Encoding,
    transport, uri,
};
use crate::ide::{self, Formatter, Reported, Workspace};

/// What a server is given.
#[derive(Clone, Debug)]
pub struct Options {
    /// The formatter; without one formatting is not offered.
    pub formatter: Option<Formatter>,
    /// Where the standard library is laid down, so that editors can open it.
    pub library: PathBuf,
    /// Where the store of a program lies, which tells what will run. It is only read.
    pub store: StoreFolder,
}

/// How long the server waits for a message before it looks whether a plan came.
const GLANCE: Duration = Duration::from_millis(10);

/// The state of a server.
pub(super) struct Server<'c> {
    pub(super) connection: &'c Connection,
    pub(super) options: Options,
    pub(super) workspace: Workspace,
    pub(super) encoding: Encoding,
    /// URI and version of each open file, as the client writes them.
    pub(super) open: BTreeMap<PathBuf, (Uri, i32)>,
    /// What was published last.
    pub(super) published: BTreeMap<PathBuf, Vec<Reported>>,
    /// True when texts changed since diagnostics were published.
    pub(super) changed: bool,
    /// Files that were opened or saved and are to be planned.
    pub(super) to_plan: BTreeSet<PathBuf>,
    /// Plans them.
    pub(super) planner: Planner,
    phase: Phase,
    /// What of the client's abilities is used.
    pub(super) client: Client,
    /// The number of requests that were sent to the client.
    sent: i32,
}

/// What the client can do.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Client {
    watches_files: bool,
    pub(super) refreshes_hints: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Before `initialize`.
    New,
    Running,
    /// After `shutdown`.
    Down,
}

/// Serves on standard input and output until the client ends it; the exit code that the protocol asks for: 0 after a
/// `shutdown`, otherwise 1.
///
/// # Errors
/// When a message cannot be read or written.
pub fn stdio(options: Options) -> io::Result<u8> {
    transport::stdio(|connection| serve(connection, options))
}

/// Serves a connection until the client ends it; gives the exit code.
#[must_use]
pub fn serve(connection: &Connection, options: Options) -> u8 {
    let mut server = Server {
        connection,
        planner: Planner::new(options.store),
        options,
        workspace: Workspace::default(),
        encoding: Encoding::default(),
        open: BTreeMap::new(),
        published: BTreeMap::new(),
        changed: false,
        to_plan: BTreeSet::new(),
        phase: Phase::New,
        client: Client::default(),
        sent: 0,
    };
    loop {
        let Some(message) = server.next_message() else {
            return 1;
        };
        match message {
            Message::Request(request) => server.request(request),
            Message::Notification(notification) if notification.method == "exit" => {
                return u8::from(server.phase != Phase::Down);
            }
            Message::Notification(notification) => server.notification(notification),
            Message::Response(_) => {}
        }
    }
}

impl Server<'_> {
    pub(super) fn context(&self) -> Context<'_> {
        Context {
            encoding: self.encoding,
            library: &self.options.library,
        }
    }

    /// The next message; none when the client is gone.
    fn next_message(&mut self) -> Option<Message> {
        let receiver = &self.connection.receiver;
        if let Ok(message) = receiver.try_recv() {
            return Some(message);
        }
        // Nothing waits: now is the time for what a burst of changes needs only once.
        self.settle();
        // Questions that follow each other closely must not keep a finished plan back.
        self.take_plans();
        while self.planner.is_busy() {
            match receiver.recv_timeout(GLANCE) {
                Ok(message) => return Some(message),
                Err(error) if error.is_timeout() => self.take_plans(),
                Err(_) => return None,
            }
        }
        receiver.recv().ok()
    }

    fn send(&self, message: impl Into<Message>) {
        // A client that is gone needs no answer; the loop ends when it finds its messages ended.
        let _ = self.connection.sender.send(message.into());
    }

    pub(super) fn notify(&self, method: &str, params: impl serde::Serialize) {
        self.send(Notification::new(method.to_owned(), params));
    }

    /// Asks the client for something whose answer does not matter.
    pub(super) fn ask(&mut self, method: &str, params: Value) {
        self.sent += 1;
        self.send(Request::new(RequestId::from(self.sent), method.to_owned(), params));
    }

    fn request(&mut self, request: Request) {
        let Request { id, method, params } = request;
        let refuse = |code: ErrorCode, message: &str| Response::new_err(id.clone(), code as i32, message.to_owned());
        let response = match (self.phase, method.as_str()) {
            (Phase::New, "initialize") => {
                self.phase = Phase::Running;
                Response::new_ok(id, self.initialize(&params))
            }
            (Phase::New, _) => refuse(ErrorCode::ServerNotInitialized, "`initialize` comes first"),
            (Phase::Down, _) => refuse(ErrorCode::InvalidRequest, "the server was shut down"),
            (Phase::Running, "initialize") => refuse(ErrorCode::InvalidRequest, "the server is initialized"),
            (Phase::Running, "shutdown") => {
                self.phase = Phase::Down;
                Response::new_ok(id, Value::Null)
            }
            (Phase::Running, _) => match self.guarded(|server| server.answer(&method, params)) {
                Ok(Ok(answer)) => Response::new_ok(id, answer),
                Ok(Err(error)) => Response::new_err(id, error.code, error.message),
                Err(panic) => Response::new_err(id, ErrorCode::InternalError as i32, panic),
            },
        };
        self.send(response);
    }

    fn notification(&mut self, notification: Notification) {
        if self.phase != Phase::Running {
            return;
        }
        let Notification { method, params } = notification;
        if method == "initialized" {
            self.watch_files();
            return;
        }
        let outcome = self.guarded(|server| server.note(&method, params));
        let trouble = match outcome {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.message,
            Err(panic) => panic,
        };
        self.log(&format!("{method}: {trouble}"));
    }

    pub(super) fn log(&self, text: &str) {
        self.notify("window/logMessage", json!({ "type": 2, "message": text }));
    }

    /// Does something that must not end the server, whatever is wrong with it.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> Result<T, String> {
        catch_unwind(AssertUnwindSafe(|| work(self))).map_err(|panic| {
            // What the workspace knows may be half made.
            let texts: Vec<_> = self.open.keys().cloned().collect();
            texts.iter().for_each(|path| self.workspace.touch(path));
            format!("internal error: {}", said(&*panic))
        })
    }

    fn settle(&mut self) {
        if let Err(panic) = self.guarded(Self::publish) {
            self.changed = false;
            self.to_plan.clear();
            self.log(&panic);
        }
    }

    fn take_plans(&mut self) {
        if let Err(panic) = self.guarded(Self::publish_plans) {
            self.log(&panic);
        }
    }

    fn initialize(&mut self, params: &Value) -> Value {
        // The client's own words are read leniently: a server that refuses them is of no use.
        let capability = |path: &str| params.pointer(&format!("/capabilities/{path}"));
        let is = |path: &str| capability(path).and_then(Value::as_bool).unwrap_or(false);
        let encodings = capability("general/positionEncodings").and_then(Value::as_array);
        if encodings.into_iter().flatten().any(|known| known == "utf-8") {
            self.encoding = Encoding::Utf8;
        }
        self.client = Client {
            watches_files: is("workspace/didChangeWatchedFiles/dynamicRegistration"),
            refreshes_hints: is("workspace/inlayHint/refreshSupport"),
        };
        let listed = params.get("workspaceFolders").and_then(Value::as_array);
        let listed = listed.into_iter().flatten().filter_map(|folder| folder.get("uri"));
        let root = params.get("rootUri").filter(|_| listed.clone().next().is_none());
        let folders = listed.chain(root).filter_map(Value::as_str);
        let folders = folders.map(|text| uri::to_path(&Uri(text.to_owned()))).collect();
        self.workspace = Workspace::new(folders);
        json!({
            "capabilities": self.capabilities(),
            "serverInfo": { "name": "mtl", "version": env!("CARGO_PKG_VERSION") },
        })
    }

    fn capabilities(&self) -> ServerCapabilities {
        let letters = |all: &[&str]| Some(all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
        ServerCapabilities {
            position_encoding: Some(match self.encoding {
                Encoding::Utf8 => PositionEncodingKind::UTF8,
                Encoding::Utf16 => PositionEncodingKind::UTF16,
            }),
            text_document_sync: Some(TextDocumentSync::Options(TextDocumentSyncOptions {
                open_close: Some(true),
                change: Some(TextDocumentSyncKind::Incremental),
                save: Some(Save::SaveOptions(SaveOptions::default())),
                ..TextDocumentSyncOptions::default()
            })),
            hover_provider: Some(true.into()),
            completion_provider: Some(CompletionOptions {
                trigger_characters: letters(&[".", "\"", "(", ":", "@", "{"]),
                ..CompletionOptions::default()
            }),
            signature_help_provider: Some(SignatureHelpOptions {
                trigger_characters: letters(&["(", ","]),
                ..SignatureHelpOptions::default()
            }),
            definition_provider: Some(true.into()),
            references_provider: Some(true.into()),
            document_symbol_provider: Some(true.into()),
            code_action_provider: Some(CodeActionProvider::CodeActionOptions(CodeActionOptions {
                code_action_kinds: Some(vec![CodeActionKind::QuickFix]),
                ..CodeActionOptions::default()
            })),
            document_formatting_provider: self.options.formatter.map(|_| true.into()),
            rename_provider: Some(RenameProvider::RenameOptions(RenameOptions {
                prepare_provider: Some(true),
                ..RenameOptions::default()
            })),
            semantic_tokens_provider: Some(SemanticTokensProvider::SemanticTokensOptions(SemanticTokensOptions {
                legend: SemanticTokensLegend {
                    token_types: letters(ide::TYPES).unwrap_or_default(),
                    token_modifiers: letters(ide::MODIFIERS).unwrap_or_default(),
                },
                full: Some(Full::Bool(true)),
                ..SemanticTokensOptions::default()
            })),
            inlay_hint_provider: Some(true.into()),
            ..ServerCapabilities::default()
        }
    }

    /// Asks to be told when files change behind the editor's back.
    fn watch_files(&mut self) {
        if self.client.watches_files {
            let registration = json!({
                "id": "watch",
                "method": "workspace/didChangeWatchedFiles",
                "registerOptions": { "watchers": [ { "globPattern": "**/*.mtl" } ] },
            });
            self.ask("client/registerCapability", json!({ "registrations": [registration] }));
        }
    }
}

/// What a panic said.
pub(super) fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason was given")
}
