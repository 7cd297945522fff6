//! Codes of the type checker.

codes! {
    MISMATCH = "mtl::types::mismatch", "A value has another type than its place asks for.";
}
