//! The content-addressed store: objects, action records, the file index.
