//! Codes of name and import resolution.

codes! { "names":
    UNKNOWN = "unknown", "A name is used that nothing defines.";
    DUPLICATE = "duplicate", "A module defines or imports the same name twice, or two parameters or entries share one name.";
    RECURSION = "recursion", "Definitions need each other in a circle. A program has no recursion, so that planning always ends.";
    NO_MODULE = "no_module", "An import names a file that cannot be read, or a module that the standard library lacks.";
    IMPORT_CYCLE = "import_cycle", "Files import each other in a circle.";
    NOT_EXPORTED = "not_exported", "An import names something that its module does not define.";
    PRIVATE = "private", "A name that begins with `_` is used outside the file that defines it.";
    IMPORTS_NOTHING = "imports_nothing", "An import brings no name: it has neither `as` nor names in braces.";
    RESERVED_X = "reserved_x", "Inside a net, `x` is what is piped in; a parameter or local must have another name.";
    UNUSED_VARIABLE = "unused_variable", "A loop variable never reaches the value, so every cell would be the same.";
    SHADOWED_AXIS = "shadowed_axis", "A loop variable has the name of an axis around it; one of the two could not be selected.";
    ATTRIBUTE = "attribute", "An attribute is unknown, stands on the wrong kind of item, or has the wrong arguments.";
    UNKNOWN_PARAM = "unknown_param", "A value is set for a parameter that the program does not have.";
}
