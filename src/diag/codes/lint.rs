//! Codes of lints: programs that run, but probably not as they are meant. `@allow("unused")` before an item silences one.

codes! { "lint":
    UNUSED = "unused", "A name is defined or imported and used by nothing.";
    NO_SEED = "no_seed", "Arms are compared on groups that are drawn at random, and neither the split nor the study sets the seed.";
    ROW_SPLIT = "row_split", "Rows are split one by one although the table has a column that says which of them belong together.";
    UNEQUAL_BUDGETS = "unequal_budgets", "An arm sees more or fewer pictures than its baseline, or takes more or fewer steps, and no arm of the study shows what that alone does.";
    SINGLE_RUN = "single_run", "Arms are compared on fewer than three splits, so the tests speak of the trained models and not of the strategies. A note.";
    OPTIONAL_PARAM = "optional_param", "A `param` has the default `none` and a type that does not admit it; it is taken for the optional type.";
    INDEPENDENT_SAMPLES = "independent_samples", "DeLong's test takes samples as independent, and groups have several.";
    NO_COMPARISON = "no_comparison", "Several arms are reported and none is compared with a baseline.";
    FLIP_AFTER_FACE = "flip_after_face", "Exchanging left and right undoes `face`, which brings all pictures to one side.";
}
