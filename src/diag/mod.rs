//! Diagnostics: the one value in which every mistake is reported, the registry of their codes, and their rendering.
