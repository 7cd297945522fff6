; Colours, by the names that editors share.

(comment) @comment
(documentation) @comment.documentation
(module_documentation) @comment.documentation

["import" "as"] @keyword.import
["param" "let" "out"] @keyword
["fn" "net"] @keyword.function
["if" "else"] @keyword.conditional
["for" "repeat"] @keyword.repeat
["in" "and" "or" "not"] @keyword.operator
(not_in) @keyword.operator

["=" "==" "!=" "<" "<=" ">" ">=" "++" "+" "-" "*" "/" ".." "..=" "..." "|>" "=>" "->" "?"] @operator
["(" ")" "[" "]" "{" "}"] @punctuation.bracket
["," ":" ";" "."] @punctuation.delimiter
(hole ["{" "}"] @punctuation.special)

(number) @number
(boolean) @boolean
(none) @constant.builtin
(text) @string
(raw_text) @string
(escape) @string.escape

(attribute "@" @attribute name: (identifier) @attribute)
(module_path) @module
(type_name) @type
(axis) @variable.member

(param name: (identifier) @variable.parameter)
(parameter name: (identifier) @variable.parameter)
(parameter name: (parameter_name) @variable.parameter)
(subject name: (identifier) @variable.parameter)
(fn name: (identifier) @function)
(net name: (identifier) @function)
(let name: (identifier) @variable)
(local name: (identifier) @variable)
(out name: (identifier) @variable)
(binding name: (identifier) @variable)

(label name: (_) @label)
(named_argument name: (identifier) @variable.parameter)
(entry key: (identifier) @property)
(type_entry name: (identifier) @property)
(field name: (identifier) @property)
(call function: (name (identifier) @function.call))
(call function: (field name: (identifier) @function.call))
(step (name (identifier) @function.call))
(name (identifier) @variable)
