//! Codes of the type checker.

codes! { "types":
    MISMATCH = "mismatch", "A value has another type than its place asks for.";
    UNKNOWN_TYPE = "unknown_type", "A written type has a name that the language does not have.";
    UNKNOWN_ARGUMENT = "unknown_argument", "A call names an argument that the function does not take.";
    MISSING_ARGUMENT = "missing_argument", "A required argument is not given. There is no partial application: a function with a parameter that must be given is never a step.";
    GIVEN_TWICE = "given_twice", "A call gives one argument twice.";
    TOO_MANY_ARGUMENTS = "too_many_arguments", "A call has more positional arguments than the function has parameters.";
    POSITIONAL_AFTER_NAMED = "positional_after_named", "A positional argument follows a named one, so its place is unclear.";
    SPREAD = "spread", "What follows `...` is neither a list nor a record, or cannot be spread at this place.";
    NOT_A_FUNCTION = "not_a_function", "Parentheses call something that is no function; a step is applied by `|>`.";
    SUBJECT_IN_PARENTHESES = "subject_in_parentheses", "A function's subject is given in its parentheses; it is always piped in.";
    SUBJECT = "subject", "What is piped into a step is not what the step takes.";
    ALREADY_SPLIT = "already_split", "Rows that have a folding are split again, or a task is classified again: the first choice would be lost in silence.";
    STEP_AT_HEAD = "step_at_head", "A pipe begins with a step instead of a value; a pipe without a head begins with `|>`.";
    NOT_A_STEP = "not_a_step", "Right of `|>` stands something that is no step.";
    NOT_CALLED = "not_called", "A function stands where its result is wanted; its parentheses are missing.";
    ENTRIES_DIFFER = "entries_differ", "Entries of a list, a record or an axis, or the branches of an `if`, have no type in common.";
    NO_ELSE = "no_else", "An `if` without `else` gives a value; only a step may lack it, which then changes nothing.";
    UNKNOWN_FIELD = "unknown_field", "A record or module has no entry of that name.";
    NO_FIELDS = "no_fields", "A field is taken of a value that has none.";
    INDEX = "index", "A value is indexed that cannot be, or by something that does not select from it.";
    UNKNOWN_AXIS = "unknown_axis", "A grid has no axis of that name.";
    UNKNOWN_LABEL = "unknown_label", "An axis has no such label.";
    NOT_ITERABLE = "not_iterable", "A loop runs over something that is neither a list, a record nor a grid.";
    NO_LABELS = "no_labels", "A loop runs over values that have no printed form; a record names them.";
    OPERANDS = "operands", "An operator stands between values that it cannot combine.";
    NEEDS_ANNOTATION = "needs_annotation", "A type is needed that nothing tells: the parameter must be annotated.";
    PARAM_TYPE = "param_type", "A `param` has a type that no literal has, so nothing could set it.";
    DOMAIN = "domain", "What follows `in` at a `param` is no list and no range of values that are written out and of its type.";
    OUTSIDE = "outside", "A `param` has a default, or is given a value, that does not lie in its domain.";
    NOT_A_REPORT = "not_a_report", "An `out` is not a Report, so nothing could be opened.";
    NO_BODY = "no_body", "A function has no body; only the builtins of the prelude have none.";
    REST = "rest", "A `...how` parameter is not passed on exactly once, as in `train(task, ...how)`, or not the last.";
    AXIS_ORDER = "axis_order", "An order of a grid's axes leaves one out, or names one twice.";
    GRIDS_DIFFER = "grids_differ", "Grids of different axes are joined.";
}
