//! The syntax of the language: a total pest grammar and the tree it is lowered to.
//!
//! Parsing cannot fail: [`parse`] returns a tree and adds to the list of diagnostics. Only this module names pest.
//!
//! It goes in three steps. `scan` looks the text over without recursion: what nests too deep is refused there. The grammar
//! (`grammar/mtl.pest`, where the rules of its writing stand) then matches every text, mistakes included. The builder
//! lowers the matches to the tree of [`ast`], words the mistakes, and checks what a grammar without memory cannot say:
//! what begins a line, what a `///` belongs to, how elements and commas alternate.

use pest::Parser as _;

use crate::{
    diag::Diagnostics,
    source::{FileId, Span},
};

pub mod ast;
mod blocks;
mod builder;
mod expressions;
mod found;
mod items;
mod lists;
mod literals;
mod messages;
mod operators;
mod scan;
mod tokens;
mod types;

/// The parser that pest makes of the grammar.
mod grammar {
    #![expect(unreachable_pub, reason = "pest generates it")]

    #[derive(pest_derive::Parser)]
    #[grammar = "../grammar/mtl.pest"]
    pub struct Grammar;
}

pub use tokens::{Token, TokenKind, tokens};

use grammar::{Grammar, Rule};

type Pair<'a> = pest::iterators::Pair<'a, Rule>;

/// Reads a file. What could not be read stands in the tree as `Bad`, and a diagnostic says why.
///
/// Every span of the tree lies in `text` on character borders, and within the span of the node around it. Time grows with
/// the length of the text, and at most with its nesting, which is bounded: items that nest brackets, holes and constructs
/// more than 256 deep are refused and the rest is read.
#[must_use]
pub fn parse(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> ast::Module {
    let scan = scan::scan(text);
    if scan.deepest <= SHALLOW {
        return read(file, text, &scan, diagnostics);
    }
    let on_own_stack = std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, || read(file, text, &scan, diagnostics))
            .ok()
            .map(|handle| handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    // Where no thread is to be had, the caller's stack must do.
    on_own_stack.unwrap_or_else(|| read(file, text, &scan, diagnostics))
}

/// Texts that nest deeper are read on a stack of their own, since the caller's may be small.
const SHALLOW: usize = 32;

/// Enough for the deepest text that is read, with a wide margin in an unoptimised build; only what is used is taken.
const STACK: usize = 64 << 20;

/// The steps after the first.
fn read(file: FileId, text: &str, scan: &scan::Scan<'_>, diagnostics: &mut Diagnostics) -> ast::Module {
    let mut builder = builder::Builder::new(file, text, scan, diagnostics);
    builder.report_scan();
    match Grammar::parse(Rule::file, &scan.visible) {
        Ok(mut pairs) => match pairs.next() {
            Some(pair) => builder.module(pair),
            None => builder.unreadable(0, "nothing was matched"),
        },
        // The grammar is total; what is left is the stack, which the limit on nesting keeps far from its end.
        Err(error) => {
            let at = match error.location {
                pest::error::InputLocation::Pos(at) | pest::error::InputLocation::Span((at, _)) => at,
            };
            builder.unreadable(at, &error.variant.message())
        }
    }
}

/// The plain `//` comments of a file in order of writing, without their line ends; documentation is not among them.
#[must_use]
pub fn comments(file: FileId, text: &str) -> Vec<Span> {
    let comments = scan::scan(text).comments;
    comments.into_iter().map(|c| Span::new(file, c.start, c.end)).collect()
}
