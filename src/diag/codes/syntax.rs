//! Codes of the parser.

codes! { "syntax":
    UNEXPECTED = "unexpected", "Something stands where the grammar has no place for it.";
    TOO_DEEP = "too_deep", "Brackets and constructs hold each other more than 256 deep, or an expression strings more than 512 operators together; name the parts with `let`.";
    UNREADABLE = "unreadable", "The parser gave the file up; this is a mistake in MTL, not in the program.";
    UNCLOSED = "unclosed", "A bracket is opened and not closed before the item, the local `let` or the enclosing bracket that follows.";
    UNMATCHED = "unmatched", "A bracket closes nothing that is open.";
    UNCLOSED_TEXT = "unclosed_text", "A text has no closing quote on its line; texts end with their line.";
    NOT_AN_ITEM = "not_an_item", "A line at the top of a file begins none of `import`, `param`, `let`, `fn`, `net` and `out`.";
    ITEM_WORD = "item_word", "The word that begins an item is misspelt.";
    LINE_START = "line_start", "An item, a local `let` and a block's result each begin a line, or follow the `{` of their block.";
    BLANK_BEFORE_CALL = "blank_before_call", "A call's `(`, an index's `[` and a field's `.` follow directly, without a blank.";
    RESERVED_WORD = "reserved_word", "A reserved word stands where a name is needed.";
    FOREIGN_SIGN = "foreign_sign", "A sign of another language, which MTL writes differently.";
    NAMED_WITH_EQUALS = "named_with_equals", "An argument or an entry is named with `=`; MTL writes `name: value`.";
    ARGUMENT_NAME = "argument_name", "An argument is named with a text; an argument's name is a word.";
    PERCENT = "percent", "`%` is percent only; the remainder of a division is `rem(a, b)`.";
    OPERATOR_AFTER_STEP = "operator_after_step", "An operator follows a step of a pipe; the pipe needs parentheses.";
    CHAINED_COMPARISON = "chained_comparison", "Comparisons are not chained: `a < b < c` is `a < b and b < c`.";
    RECORD_IN_BLOCK = "record_in_block", "The brace opens a block, and what it holds is a record, which needs braces of its own.";
    LABEL_OUTSIDE_NET = "label_outside_net", "A label names a scope of parameters and occurs only inside a `net`.";
    RECORD_BODY = "record_body", "The braces of `(t) => { t }` make a record with one entry, not a block.";
    NO_RESULT = "no_result", "A block has no result: its last line is its value.";
    CONTINUED_LET = "continued_let", "A block has no result because the line meant as its result continues the `let` above.";
    TWO_RESULTS = "two_results", "A block has one result, its last line; a value above it is used by nothing.";
    BAD_NUMBER = "bad_number", "A number is followed by letters or digits that belong to no number.";
    NUMBER_TOO_LARGE = "number_too_large", "A whole number does not fit 64 bits, or a real one is beyond the largest double.";
    BAD_UNIT = "bad_unit", "A number carries a unit that MTL does not have; durations have `ms`, `s`, `min`, `h` and `d`.";
    BAD_ESCAPE = "bad_escape", "A backslash in a text is followed by a character that it does not escape.";
    LONE_BRACE = "lone_brace", "A `}` in a text closes no hole; as a character it is written `\\}`.";
    EMPTY_HOLE = "empty_hole", "A hole in a text holds no value; a brace as a character is written `\\{`.";
    HOLE_IN_PATH = "hole_in_path", "The file of an import is fixed text, without holes.";
    MISSING_TYPE = "missing_type", "Types are written for the parameters of a `fn` and a `net` and for a `param`; only a lambda's may lack them.";
    DANGLING_ATTRIBUTE = "dangling_attribute", "An attribute stands before no item.";
}
