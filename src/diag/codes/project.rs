//! Codes of `mtl.toml`.

codes! { "project":
    UNREADABLE_SETTINGS = "unreadable_settings", "`mtl.toml` cannot be read, or is not TOML.";
    UNKNOWN_SETTING = "unknown_setting", "`mtl.toml` has a table or a setting that MTL does not know; it would do nothing.";
    BAD_SETTING = "bad_setting", "A setting of `mtl.toml` has a value that it cannot have.";
}
