//! Codes of name and import resolution.

codes! {
    UNKNOWN = "mtl::names::unknown", "A name is used that nothing defines.";
}
