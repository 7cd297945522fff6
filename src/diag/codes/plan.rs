//! Codes of evaluation and planning.

codes! {
    BAD_VALUE = "mtl::plan::bad_value", "A value is outside the range that its place allows.";
}
