//! The bodies of the stages: one file per kind of stage.
