//! Signatures of every builtin function and stage, and the standard library, both written in the language.
