//! Codes of name and import resolution.

codes! {
    UNKNOWN = "mtl::names::unknown", "A name is used that nothing defines.";
    DUPLICATE = "mtl::names::duplicate", "A module defines or imports the same name twice, or two parameters or entries share one name.";
    RECURSION = "mtl::names::recursion", "Definitions need each other in a circle. A program has no recursion, so that planning always ends.";
    NO_MODULE = "mtl::names::no_module", "An import names a file that cannot be read, or a module that the standard library lacks.";
    IMPORT_CYCLE = "mtl::names::import_cycle", "Files import each other in a circle.";
    NOT_EXPORTED = "mtl::names::not_exported", "An import names something that its module does not define.";
    IMPORTS_NOTHING = "mtl::names::imports_nothing", "An import brings no name: it has neither `as` nor names in braces.";
    RESERVED_X = "mtl::names::reserved_x", "Inside a net, `x` is what is piped in; a parameter or local must have another name.";
    UNUSED_VARIABLE = "mtl::names::unused_variable", "A loop variable never reaches the value, so every cell would be the same.";
    SHADOWED_AXIS = "mtl::names::shadowed_axis", "A loop variable has the name of an axis around it; one of the two could not be selected.";
    ATTRIBUTE = "mtl::names::attribute", "An attribute is unknown, stands on the wrong kind of item, or has the wrong arguments.";
    UNKNOWN_PARAM = "mtl::names::unknown_param", "A value is set for a parameter that the program does not have.";
}
