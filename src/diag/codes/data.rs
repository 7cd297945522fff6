//! Codes of tables, labels, splits and leaks.

codes! {
    NO_FILE = "mtl::data::no_file", "A file that the program names does not exist or cannot be read.";
}
