//! The syntax of the language: a total pest grammar and the tree it is lowered to.
//!
//! Parsing cannot fail: [`parse`] returns a tree and adds to the list of diagnostics. Only this module names pest.

pub mod ast;
