//! One function for each request and notification.

use std::{path::PathBuf, rc::Rc};

use lsp_server::ErrorCode;
use lsp_types::{
    CodeAction, CodeActionKind, CodeActionParams, CodeActionResponse, CompletionList, CompletionParams, Contents,
    DefinitionParams, DidChangeTextDocumentParams, DidChangeWatchedFilesParams, DidCloseTextDocumentParams,
    DidOpenTextDocumentParams, DidSaveTextDocumentParams, DocumentFormattingParams, DocumentSymbolParams, Hover,
    HoverParams, InlayHintParams, PrepareRenamePlaceholder, ReferenceParams, RenameParams, SemanticTokensParams,
    SignatureHelpParams, TextDocumentContentChangeEvent, TextDocumentIdentifier, TextDocumentPositionParams, TextEdit,
    Uri, WorkspaceEdit,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{convert, server::Server, uri};
use crate::{
    ide::{Analysis, Edit, FileKey, Location},
    source::FileId,
};

/// An error that answers a request.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: i32,
    pub(super) message: String,
}

impl Refusal {
    fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code: code as i32,
            message: message.into(),
        }
    }
}

type Answer = Result<Value, Refusal>;

fn read<P: DeserializeOwned>(params: Value) -> Result<P, Refusal> {
    serde_json::from_value(params).map_err(|error| Refusal::new(ErrorCode::InvalidParams, error.to_string()))
}

fn write(answer: impl Serialize) -> Answer {
    serde_json::to_value(answer).map_err(|error| Refusal::new(ErrorCode::InternalError, error.to_string()))
}

/// A file of a program at a byte.
struct At {
    key: FileKey,
    analysis: Rc<Analysis>,
    file: FileId,
    offset: usize,
}

impl Server<'_> {
    /// Answers a request.
    pub(super) fn answer(&mut self, method: &str, params: Value) -> Answer {
        match method {
            "textDocument/hover" => self.hover(read(params)?),
            "textDocument/completion" => self.completion(read(params)?),
            "textDocument/signatureHelp" => self.signature(read(params)?),
            "textDocument/definition" => self.definition(read(params)?),
            "textDocument/references" => self.references(read(params)?),
            "textDocument/prepareRename" => self.prepare_rename(&read(params)?),
            "textDocument/rename" => self.rename(&read(params)?),
            "textDocument/documentSymbol" => self.symbols(read(params)?),
            "textDocument/semanticTokens/full" => self.tokens(read(params)?),
            "textDocument/codeAction" => self.actions(&read(params)?),
            "textDocument/inlayHint" => self.hints(&read(params)?),
            "textDocument/formatting" if self.options.formatter.is_some() => self.formatting(read(params)?),
            _ => Err(Refusal::new(
                ErrorCode::MethodNotFound,
                format!("`{method}` is not served"),
            )),
        }
    }

    /// Takes notice of something.
    pub(super) fn note(&mut self, method: &str, params: Value) -> Result<(), Refusal> {
        match method {
            "textDocument/didOpen" => self.did_open(read(params)?),
            "textDocument/didChange" => self.did_change(read(params)?)?,
            "textDocument/didSave" => self.did_save(&read(params)?),
            "textDocument/didClose" => self.did_close(&read(params)?),
            "workspace/didChangeWatchedFiles" => self.files_changed(&read(params)?),
            // What begins with `$/` may be left alone; so may all that was not asked for.
            _ => {}
        }
        Ok(())
    }

    fn key(&self, uri: &Uri) -> FileKey {
        uri::key_of(&self.options.library, &uri::to_path(uri))
    }

    /// The file that the user could change; a module of the standard library is none.
    fn own_path(&self, document: &TextDocumentIdentifier) -> Result<PathBuf, Refusal> {
        match self.key(&document.uri) {
            FileKey::Path(path) => Ok(path),
            FileKey::Std(name) => Err(Refusal::new(
                ErrorCode::RequestFailed,
                format!("`{name}` belongs to the standard library"),
            )),
        }
    }

    fn file(&mut self, document: &TextDocumentIdentifier) -> Result<(FileKey, Rc<Analysis>, FileId), Refusal> {
        let key = self.key(&document.uri);
        if let FileKey::Path(path) = &key
            && let Err(error) = self.workspace.text(path)
        {
            let message = format!("{} cannot be read: {error}", path.display());
            return Err(Refusal::new(ErrorCode::RequestFailed, message));
        }
        let analysis = self.workspace.program(&key);
        let file = analysis.file(&key);
        let file = file.ok_or_else(|| Refusal::new(ErrorCode::RequestFailed, "the file is not part of its program"))?;
        Ok((key, analysis, file))
    }

    fn at(&mut self, params: &TextDocumentPositionParams) -> Result<At, Refusal> {
        let (key, analysis, file) = self.file(&params.text_document)?;
        let text = analysis.program.sources.file(file).shared_text();
        let offset = self.context().lines(&text).offset(params.position);
        Ok(At {
            key,
            analysis,
            file,
            offset,
        })
    }

    fn did_open(&mut self, params: DidOpenTextDocumentParams) {
        let document = params.text_document;
        if let FileKey::Path(path) = self.key(&document.uri) {
            self.workspace.set(&path, document.text);
            self.open.insert(path.clone(), (document.uri, document.version));
            self.changed = true;
            self.to_plan.insert(path);
        }
    }

    fn did_change(&mut self, params: DidChangeTextDocumentParams) -> Result<(), Refusal> {
        let document = params.text_document;
        let path = uri::to_path(&document.text_document_identifier.uri);
        let Some((_, version)) = self.open.get_mut(&path) else {
            let message = format!("{} is not open", path.display());
            return Err(Refusal::new(ErrorCode::InvalidParams, message));
        };
        *version = document.version;
        let mut text = self
            .workspace
            .text(&path)
            .map_or_else(|_| String::new(), |text| text.to_string());
        for change in params.content_changes {
            match change {
                TextDocumentContentChangeEvent::TextDocumentContentChangeWholeDocument(whole) => text = whole.text,
                TextDocumentContentChangeEvent::TextDocumentContentChangePartial(part) => {
                    let range = self.context().lines(&text).bytes(&part.range);
                    text.replace_range(range, &part.text);
                }
            }
        }
        self.workspace.set(&path, text);
        self.changed = true;
        Ok(())
    }

    fn did_save(&mut self, params: &DidSaveTextDocumentParams) {
        let path = uri::to_path(&params.text_document.uri);
        let holders = self.workspace.holders(&FileKey::Path(path));
        for (key, _) in holders {
            if let FileKey::Path(path) = key
                && self.open.contains_key(&path)
            {
                self.to_plan.insert(path);
            }
        }
    }

    fn did_close(&mut self, params: &DidCloseTextDocumentParams) {
        let path = uri::to_path(&params.text_document.uri);
        if self.open.remove(&path).is_some() {
            self.workspace.close(&path);
            self.changed = true;
        }
    }

    fn files_changed(&mut self, params: &DidChangeWatchedFilesParams) {
        for change in &params.changes {
            let path = uri::to_path(&change.uri);
            if !self.workspace.is_open(&path) {
                self.workspace.touch(&path);
                self.changed = true;
            }
        }
    }

    fn hover(&mut self, params: HoverParams) -> Answer {
        let at = self.at(&params.text_document_position_params)?;
        let Some(found) = at.analysis.hover(at.file, at.offset) else {
            return Ok(Value::Null);
        };
        let text = at.analysis.program.sources.file(at.file).shared_text();
        let range = self.context().lines(&text).range(&found.range);
        write(Hover {
            contents: Contents::MarkupContent(convert::markdown(found.text)),
            range: Some(range),
        })
    }

    fn completion(&mut self, params: CompletionParams) -> Answer {
        let at = self.at(&params.text_document_position_params)?;
        let FileKey::Path(path) = &at.key else {
            return Ok(Value::Null);
        };
        let found = self.workspace.complete(path, at.offset);
        let text = at.analysis.program.sources.file(at.file).shared_text();
        let lines = self.context().lines(&text);
        write(CompletionList {
            // What fits depends on the place alone, so the client may filter while a word is typed.
            is_incomplete: false,
            items: found.iter().map(|item| convert::proposal(&lines, item)).collect(),
            ..CompletionList::default()
        })
    }

    fn signature(&mut self, params: SignatureHelpParams) -> Answer {
        let at = self.at(&params.text_document_position_params)?;
        match at.analysis.signature(at.file, at.offset) {
            Some(help) => write(convert::signature(&help, self.encoding)),
            None => Ok(Value::Null),
        }
    }

    fn definition(&mut self, params: DefinitionParams) -> Answer {
        let at = self.at(&params.text_document_position_params)?;
        let found = at.analysis.definition(at.file, at.offset);
        match found.and_then(|place| self.context().location(&place)) {
            Some(location) => write(location),
            None => Ok(Value::Null),
        }
    }

    fn references(&mut self, params: ReferenceParams) -> Answer {
        let at = self.at(&params.text_document_position_params)?;
        let defined = at.analysis.defined_at(at.file, at.offset);
        let Some(definition) = defined.and_then(|span| at.analysis.location(span)) else {
            return Ok(Value::Null);
        };
        let mut found: Vec<Location> = Vec::new();
        for (_, holder) in self.workspace.holders(&definition.file) {
            let Some(defined) = holder.same_definition(&definition) else {
                continue;
            };
            for place in holder.references(defined) {
                if !found.contains(&place) && (params.context.include_declaration || place != definition) {
                    found.push(place);
                }
            }
        }
        found.sort_by(|a, b| (&a.file, a.range.start).cmp(&(&b.file, b.range.start)));
        let context = self.context();
        let found: Vec<_> = found.iter().filter_map(|place| context.location(place)).collect();
        write(found)
    }

    fn prepare_rename(&mut self, params: &TextDocumentPositionParams) -> Answer {
        let path = self.own_path(&params.text_document)?;
        let at = self.at(params)?;
        let (range, placeholder) = self.workspace.renamable(&path, at.offset).map_err(refused)?;
        let text = at.analysis.program.sources.file(at.file).shared_text();
        write(PrepareRenamePlaceholder {
            range: self.context().lines(&text).range(&range),
            placeholder,
        })
    }

    fn rename(&mut self, params: &RenameParams) -> Answer {
        let position = &params.text_document_position_params;
        let path = self.own_path(&position.text_document)?;
        let at = self.at(position)?;
        let edits = self
            .workspace
            .rename(&path, at.offset, &params.new_name)
            .map_err(refused)?;
        let mut changes = Vec::new();
        for (path, edits) in edits {
            let text = self.workspace.text(&path).map_err(refused)?;
            let lines = self.context().lines(&text);
            let edits: Vec<TextEdit> = edits.iter().map(|edit| convert::edit(&lines, edit)).collect();
            changes.push((self.uri_of(&path), edits));
        }
        write(WorkspaceEdit {
            changes: Some(changes.into_iter().collect()),
            ..WorkspaceEdit::default()
        })
    }

    /// The URI of a file as the client writes it, when the file is open.
    fn uri_of(&self, path: &std::path::Path) -> Uri {
        self.open
            .get(path)
            .map_or_else(|| uri::of_path(path), |(uri, _)| uri.clone())
    }

    fn symbols(&mut self, params: DocumentSymbolParams) -> Answer {
        let (_, analysis, file) = self.file(&params.text_document)?;
        let lines = self.context().lines(analysis.program.sources.file(file).text());
        let outline = analysis.outline(file);
        write(
            outline
                .iter()
                .map(|one| convert::symbol(&lines, one))
                .collect::<Vec<_>>(),
        )
    }

    fn tokens(&mut self, params: SemanticTokensParams) -> Answer {
        let (_, analysis, file) = self.file(&params.text_document)?;
        let lines = self.context().lines(analysis.program.sources.file(file).text());
        write(convert::tokens(&lines, &analysis.tokens(file)))
    }

    fn actions(&mut self, params: &CodeActionParams) -> Answer {
        // Editors ask wherever the cursor stands, so nothing to mend in the standard library is an answer, not an error.
        let FileKey::Path(path) = self.key(&params.text_document.uri) else {
            return write(Vec::<CodeActionResponse>::new());
        };
        let text = self.workspace.text(&path).map_err(refused)?;
        let range = self.context().lines(&text).bytes(&params.range);
        let only = params.context.only.as_ref();
        if only
            .is_some_and(|kinds| !kinds.contains(&CodeActionKind::QuickFix) && !kinds.contains(&CodeActionKind::Empty))
        {
            return write(Vec::<CodeActionResponse>::new());
        }
        let found = self.workspace.actions(&path, &range);
        let context = self.context();
        let actions: Vec<CodeActionResponse> = found
            .into_iter()
            .filter_map(|action| {
                let FileKey::Path(path) = &action.place.file else {
                    return None;
                };
                let edit = Edit {
                    range: action.place.range.clone(),
                    text: action.text.clone(),
                };
                let edit = convert::edit(&context.lines(&action.place.text), &edit);
                let changes = [(self.uri_of(path), vec![edit])];
                Some(CodeActionResponse::CodeAction(CodeAction {
                    title: action.title,
                    kind: Some(CodeActionKind::QuickFix),
                    diagnostics: Some(context.diagnostics(std::slice::from_ref(&action.mends))),
                    is_preferred: Some(true),
                    edit: Some(WorkspaceEdit {
                        changes: Some(changes.into_iter().collect()),
                        ..WorkspaceEdit::default()
                    }),
                    ..CodeAction::default()
                }))
            })
            .collect();
        write(actions)
    }

    fn hints(&mut self, params: &InlayHintParams) -> Answer {
        let (key, analysis, file) = self.file(&params.text_document)?;
        let lines = self.context().lines(analysis.program.sources.file(file).text());
        let range = lines.bytes(&params.range);
        let hints = self.workspace.hints(&key, &range);
        write(hints.iter().map(|one| convert::hint(&lines, one)).collect::<Vec<_>>())
    }

    fn formatting(&mut self, params: DocumentFormattingParams) -> Answer {
        self.own_path(&params.text_document)?;
        let (_, analysis, file) = self.file(&params.text_document)?;
        let Some(formatter) = self.options.formatter else {
            return Ok(Value::Null);
        };
        let lines = self.context().lines(analysis.program.sources.file(file).text());
        let edit = analysis.format(file, formatter).map_err(refused)?;
        write(edit.iter().map(|one| convert::edit(&lines, one)).collect::<Vec<_>>())
    }
}

fn refused(error: impl std::fmt::Display) -> Refusal {
    Refusal::new(ErrorCode::RequestFailed, error.to_string())
}
