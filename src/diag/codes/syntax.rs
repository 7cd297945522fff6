//! Codes of the parser.

codes! {
    UNEXPECTED = "mtl::syntax::unexpected", "Something stands where the grammar has no place for it.";
}
