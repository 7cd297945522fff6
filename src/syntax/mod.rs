//! The syntax of the language: a total pest grammar and the tree it is lowered to.
