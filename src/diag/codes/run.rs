//! Codes of runs: stages, the store, the environment.

codes! {
    STAGE_FAILED = "mtl::run::stage_failed", "A stage could not be carried out.";
}
