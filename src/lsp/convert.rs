//! From the plain data of `ide` to the protocol's.

use std::path::Path;

use lsp_types::{
    ActiveParameter, Code, CompletionItem, CompletionItemKind, CompletionItemTextEdit, DiagnosticRelatedInformation,
    DiagnosticSeverity, DocumentSymbol, Documentation, InlayHint, InlayHintKind, Label, Location as LspLocation,
    MarkupContent, MarkupKind, Message, ParameterInformation, ParameterInformationLabel, SemanticToken, SemanticTokens,
    SignatureHelp as LspSignatureHelp, SignatureInformation, SymbolKind, TextEdit, Tooltip, Uri,
};

use super::{
    position::{Encoding, Lines, small},
    uri,
};
use crate::{
    diag::Severity,
    ide::{
        Edit, FileKey, Hint, HintKind, Location, Outline, OutlineKind, Proposal, ProposalKind, Reported, SignatureHelp,
        Token,
    },
};

/// What conversions need to know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub(super) encoding: Encoding,
    /// Where the standard library is laid down.
    pub(super) library: &'a Path,
}

impl Context<'_> {
    pub(super) fn lines<'t>(&self, text: &'t str) -> Lines<'t> {
        Lines::new(text, self.encoding)
    }

    /// The URI of a file; none when a module of the library cannot be laid down.
    pub(super) fn uri(&self, file: &FileKey) -> Option<Uri> {
        uri::path_of(self.library, file).ok().map(|path| uri::of_path(&path))
    }

    pub(super) fn location(&self, location: &Location) -> Option<LspLocation> {
        let uri = self.uri(&location.file)?;
        Some(LspLocation::new(uri, self.lines(&location.text).range(&location.range)))
    }

    /// Diagnostics of one file.
    pub(super) fn diagnostics(&self, reported: &[Reported]) -> Vec<lsp_types::Diagnostic> {
        let Some(first) = reported.first() else {
            return Vec::new();
        };
        // A text of many lines is looked over once.
        let text = &first.location.text;
        let lines = self.lines(text);
        let same = |one: &Location| one.text.as_ptr() == text.as_ptr();
        let of = |one: &Reported| match same(&one.location) {
            true => self.diagnostic(one, &lines),
            false => self.diagnostic(one, &self.lines(&one.location.text)),
        };
        reported.iter().map(of).collect()
    }

    /// A diagnostic of the file that `lines` are of.
    fn diagnostic(&self, reported: &Reported, lines: &Lines<'_>) -> lsp_types::Diagnostic {
        let mut message = reported.message.clone();
        if !reported.label.is_empty() {
            message = format!("{message}\n{}", reported.label);
        }
        if let Some(help) = &reported.help {
            message = format!("{message}\nhelp: {help}");
        }
        let related: Vec<_> = reported
            .related
            .iter()
            .filter_map(|(place, text)| {
                let text = if text.is_empty() { "see here" } else { text };
                let location = match place.text.as_ptr() == reported.location.text.as_ptr() {
                    true => LspLocation::new(self.uri(&place.file)?, lines.range(&place.range)),
                    false => self.location(place)?,
                };
                Some(DiagnosticRelatedInformation::new(location, text.to_owned()))
            })
            .collect();
        lsp_types::Diagnostic {
            range: lines.range(&reported.location.range),
            severity: Some(match reported.severity {
                Severity::Error => DiagnosticSeverity::Error,
                Severity::Warning => DiagnosticSeverity::Warning,
                Severity::Note => DiagnosticSeverity::Information,
            }),
            code: Some(Code::String(reported.code.to_owned())),
            source: Some("mtl".to_owned()),
            message: Message::String(message),
            related_information: (!related.is_empty()).then_some(related),
            ..lsp_types::Diagnostic::default()
        }
    }
}

pub(super) fn markdown(text: impl Into<String>) -> MarkupContent {
    MarkupContent {
        kind: MarkupKind::Markdown,
        value: text.into(),
    }
}

fn documentation(text: Option<&String>) -> Option<Documentation> {
    text.filter(|text| !text.is_empty())
        .map(|text| Documentation::MarkupContent(markdown(text)))
}

pub(super) fn edit(lines: &Lines<'_>, edit: &Edit) -> TextEdit {
    TextEdit {
        range: lines.range(&edit.range),
        new_text: edit.text.clone(),
    }
}

pub(super) fn proposal(lines: &Lines<'_>, item: &Proposal) -> CompletionItem {
    CompletionItem {
        label: item.label.clone(),
        kind: Some(match item.kind {
            ProposalKind::Keyword => CompletionItemKind::Keyword,
            ProposalKind::Function => CompletionItemKind::Function,
            ProposalKind::Net => CompletionItemKind::Class,
            ProposalKind::Variable | ProposalKind::Axis => CompletionItemKind::Variable,
            ProposalKind::Parameter => CompletionItemKind::Constant,
            ProposalKind::Argument => CompletionItemKind::Property,
            ProposalKind::Field | ProposalKind::Column => CompletionItemKind::Field,
            ProposalKind::Word => CompletionItemKind::EnumMember,
            ProposalKind::Type => CompletionItemKind::Struct,
            ProposalKind::Module => CompletionItemKind::Module,
            ProposalKind::Value | ProposalKind::Pattern => CompletionItemKind::Value,
            ProposalKind::File => CompletionItemKind::File,
        }),
        detail: item.detail.clone(),
        documentation: documentation(item.doc.as_ref()),
        sort_text: Some(format!("{:02}{}", item.rank, item.label)),
        // What is matched against the letters that stand in the replaced range.
        filter_text: Some(item.insert.clone()),
        text_edit: Some(CompletionItemTextEdit::TextEdit(TextEdit {
            range: lines.range(&item.replace),
            new_text: item.insert.clone(),
        })),
        ..CompletionItem::default()
    }
}

/// Offsets into a signature's label count UTF-16 or bytes, as positions do.
pub(super) fn signature(help: &SignatureHelp, encoding: Encoding) -> LspSignatureHelp {
    let lines = Lines::new(&help.label, encoding);
    let parameters = help
        .parameters
        .iter()
        .map(|(range, doc)| {
            let range = lines.range(range);
            ParameterInformation {
                label: ParameterInformationLabel::Tuple((range.start.character, range.end.character)),
                documentation: documentation(doc.as_ref()),
            }
        })
        .collect();
    let active = help.active.map(|at| ActiveParameter::Int(small(at)));
    let signature = SignatureInformation {
        label: help.label.clone(),
        documentation: documentation(help.doc.as_ref()),
        parameters: Some(parameters),
        active_parameter: active,
    };
    LspSignatureHelp {
        signatures: vec![signature],
        active_signature: Some(0),
        active_parameter: active,
    }
}

#[expect(deprecated, reason = "the protocol's struct still has the field")]
pub(super) fn symbol(lines: &Lines<'_>, outline: &Outline) -> DocumentSymbol {
    DocumentSymbol {
        name: outline.name.clone(),
        detail: outline.detail.clone(),
        kind: match outline.kind {
            OutlineKind::Import => SymbolKind::Module,
            OutlineKind::Param => SymbolKind::Constant,
            OutlineKind::Let | OutlineKind::Parameter => SymbolKind::Variable,
            OutlineKind::Fn => SymbolKind::Function,
            OutlineKind::Net => SymbolKind::Class,
            OutlineKind::Out => SymbolKind::Event,
        },
        tags: None,
        deprecated: None,
        range: lines.range(&outline.range),
        selection_range: lines.range(&outline.name_range),
        children: Some(outline.children.iter().map(|child| symbol(lines, child)).collect()),
    }
}

/// Tokens as the protocol writes them, each relative to the one before.
pub(super) fn tokens(lines: &Lines<'_>, tokens: &[Token]) -> SemanticTokens {
    let (mut line, mut start) = (0, 0);
    let data = tokens
        .iter()
        .map(|token| {
            let range = lines.range(&token.range);
            let at = range.start;
            let delta_line = at.line - line;
            let delta_start = if delta_line == 0 {
                at.character - start
            } else {
                at.character
            };
            (line, start) = (at.line, at.character);
            SemanticToken {
                delta_line,
                delta_start,
                length: range.end.character.saturating_sub(at.character),
                token_type: token.kind,
                token_modifiers_bitset: token.modifiers,
            }
        })
        .collect();
    SemanticTokens { result_id: None, data }
}

pub(super) fn hint(lines: &Lines<'_>, hint: &Hint) -> InlayHint {
    InlayHint {
        position: lines.position(hint.at),
        label: Label::String(hint.text.clone()),
        kind: (hint.kind == HintKind::Type).then_some(InlayHintKind::Type),
        text_edits: None,
        tooltip: hint.tooltip.clone().map(Tooltip::String),
        padding_left: None,
        padding_right: None,
        data: None,
    }
}
