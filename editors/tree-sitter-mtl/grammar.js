/**
 * MTL for tree-sitter.
 *
 * It accepts what the grammar of the compiler (`grammar/mtl.pest` and the builder over it) accepts, and finds an error
 * where that reports one; `tests/tree_sitter.rs` holds the two side by side. What the compiler's builder checks by looking
 * at lines, at the closing quote of a text or at the value of a number is done by the scanner in `src/scanner.c`.
 */

/// <reference types="tree-sitter-cli/dsl" />
// @ts-check

const RESERVED = ['let', 'for', 'in', 'if', 'else', 'repeat', 'true', 'false', 'none', 'and', 'or', 'not'];

module.exports = grammar({
  name: 'mtl',

  externals: $ => [
    $._item_start, // nothing, where a line begins an item
    $._line_start, // nothing, where a line begins that continues no other
    $._let_start, // nothing, where a block's first `let` follows: not one that begins an item
    $._net_mark, // nothing, after the word `net`: labels may stand until the next item
    $._net_only, // nothing, and only inside a `net`
    $.number,
    $._text_start, // a quote whose text ends on its line
    $._error,
  ],

  extras: $ => [/[ \t\r\n]/, $.comment],

  word: $ => $.identifier,

  reserved: {
    global: _ => RESERVED,
  },

  conflicts: $ => [
    [$.label_name, $.parameter_name],
    [$.name, $.parameter_name],
  ],

  rules: {
    file: $ => seq(optional('\uFEFF'), repeat(choice($.module_documentation, $.documentation, $._item))),

    // ---- comments ----

    comment: _ => token(choice(/\/\/([^\/!\n][^\n]*)?/, /\/\/\/\/[^\n]*/)),
    module_documentation: _ => /\/\/![^\n]*/,
    documentation: _ => /\/\/\/([^\/\n][^\n]*)?/,

    // ---- items ----

    _item: $ => seq(
      $._item_start,
      optional(seq(repeat1($.attribute), repeat($.documentation))),
      choice($.import, $.param, $.let, $.out, $.fn, $.net),
    ),

    attribute: $ => seq('@', field('name', alias($._immediate_word, $.identifier)), optional($.arguments)),

    import: $ => seq(
      'import',
      field('source', choice($.module_path, alias($.fixed_text, $.text), $.raw_text)),
      optional(seq('as', field('alias', $.identifier))),
      optional(field('names', $.import_names)),
    ),
    module_path: _ => /[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*/,
    import_names: $ => seq('{', listed($.import_name), '}'),
    import_name: $ => seq(field('name', $.identifier), optional(seq('as', field('alias', $.identifier)))),

    param: $ => seq(
      'param',
      field('name', $.identifier),
      ':',
      field('type', $._type),
      optional(seq('in', field('domain', $._value))),
      optional(seq('=', field('default', $._value))),
    ),
    let: $ => seq('let', $._binding_rest),
    out: $ => seq('out', field('name', $.identifier), '=', field('value', $._value)),
    _binding_rest: $ => seq(
      field('name', $.identifier),
      optional(seq(':', field('type', $._type))),
      '=',
      field('value', $._value),
    ),

    fn: $ => seq(
      'fn',
      optional(field('subject', $.subject)),
      field('name', $.identifier),
      field('parameters', alias($.typed_parameters, $.parameters)),
      optional(seq('->', field('result', $._type))),
      optional(choice(seq('=', field('body', $._value)), field('body', $.block))),
    ),
    subject: $ => seq(field('name', $.identifier), ':', field('type', $._type), '|>'),
    net: $ => seq(
      'net',
      $._net_mark,
      field('name', $.identifier),
      field('parameters', alias($.typed_parameters, $.parameters)),
      field('body', $.block),
    ),

    // Only a lambda's parameters may lack their types.
    typed_parameters: $ => seq('(', documented($, alias($.typed_parameter, $.parameter)), ')'),
    typed_parameter: $ => choice(
      $._rest_parameter,
      seq(field('name', $.identifier), ':', field('type', $._type), optional(seq('=', field('default', $._value)))),
    ),
    _rest_parameter: $ => seq('...', field('name', $.identifier), optional(seq(':', field('type', $._type)))),
    parameters: $ => seq('(', documented($, $.parameter), ')'),
    parameter: $ => choice(
      $._rest_parameter,
      seq(
        field('name', $.parameter_name),
        optional(seq(':', field('type', $._type))),
        optional(seq('=', field('default', $._value))),
      ),
    ),
    parameter_name: $ => $.identifier,

    // ---- types ----

    _type: $ => choice($._type_atom, $.optional_type, $.step_type, $.function_type),
    _type_atom: $ => choice($.list_type, $.map_type, $.record_type, $.grid_type, $.type_name, $.parenthesized_type),
    optional_type: $ => seq($._type_atom, '?'),
    step_type: $ => prec.right(seq(choice($._step_subject, $.optional_type), '->', $._type)),
    _step_subject: $ => choice($.list_type, $.map_type, $.record_type, $.grid_type, $.type_name),
    function_type: $ => prec.right(seq($.parameter_types, '->', $._type)),
    parameter_types: $ => choice(seq('(', listed($._type), ')')),
    parenthesized_type: $ => seq('(', $._type, optional(','), ')'),
    list_type: $ => seq('[', $._type, ']'),
    map_type: $ => seq('{', $._type, optional(','), '}'),
    record_type: $ => seq('{', listed($.type_entry), '}'),
    type_entry: $ => seq(field('name', $._word), ':', field('type', $._type)),
    grid_type: $ => seq($.type_name, '[', $._type, optional(seq(';', listed(alias($.identifier, $.axis)))), ']'),
    type_name: $ => $.identifier,

    // ---- blocks ----

    // The first part may follow the brace; every other one begins a line.
    block: $ => seq(
      '{',
      repeat($.documentation),
      choice(
        $._result,
        localsAndResult($),
      ),
      repeat($.documentation),
      '}',
    ),
    // As an expression, a brace opens a block only before `let`.
    block_expression: $ => seq(
      '{',
      repeat($.documentation),
      localsAndResult($),
      repeat($.documentation),
      '}',
    ),
    local: $ => seq('let', $._binding_rest),
    _result: $ => choice($._value, $.labelled),
    labelled: $ => seq($.label, $._value),
    label: $ => seq(field('name', choice($.label_name, $.text)), ':', $._net_only),
    label_name: $ => choice($.identifier, ...RESERVED),

    // ---- expressions ----

    _value: $ => choice($.lambda, $.pipe, $._operation),

    lambda: $ => prec.right(seq(field('parameters', $.parameters), '=>', field('body', $._value))),
    pipe: $ => prec.right(1, seq(optional(field('head', $._operation)), repeat1($.step))),
    step: $ => seq('|>', optional($.label), choice($.lambda, $._postfix)),

    // Loosest first. What ends in `not` takes every tighter operator after it, so nothing but `and` and `or` follows it:
    // the rules with `_n` are those.
    _operation: $ => choice($._and, $.or),
    or: $ => seq(choice($._and, $.or), 'or', $._and),
    _and: $ => choice($._comparison, $.and),
    and: $ => seq(choice($._comparison, $.and), 'and', $._comparison),
    _comparison: $ => choice($._join, $._join_n, $.comparison),
    comparison: $ => seq($._join, $._comparator, choice($._join, $._join_n)),
    _comparator: $ => choice('==', '!=', '<', '<=', '>', '>=', 'in', $.not_in),
    not_in: _ => /not[ \t]+in/,
    _join: $ => choice($._range, $.join),
    join: $ => seq($._join, '++', $._range),
    _join_n: $ => choice($._range_n, alias($.join_n, $.join)),
    join_n: $ => seq($._join, '++', $._range_n),
    _range: $ => choice($._sum, $.range),
    range: $ => seq($._range, choice('..', '..='), $._sum),
    _range_n: $ => choice($._sum_n, alias($.range_n, $.range)),
    range_n: $ => seq($._range, choice('..', '..='), $._sum_n),
    _sum: $ => choice($._product, $.sum),
    sum: $ => seq($._sum, choice('+', '-'), $._product),
    _sum_n: $ => choice($._product_n, alias($.sum_n, $.sum)),
    sum_n: $ => seq($._sum, choice('+', '-'), $._product_n),
    _product: $ => choice($._unary, $.product),
    product: $ => seq($._product, choice('*', '/'), $._unary),
    _product_n: $ => choice($._unary_n, alias($.product_n, $.product)),
    product_n: $ => seq($._product, choice('*', '/'), $._unary_n),
    _unary: $ => choice($._postfix, $.negation),
    negation: $ => seq('-', $._unary),
    _unary_n: $ => choice($.not, alias($.negation_n, $.negation)),
    negation_n: $ => seq('-', $._unary_n),
    not: $ => seq('not', $._comparison),

    _postfix: $ => choice($._primary, $.call, $.index, $.field),
    call: $ => seq(field('function', $._postfix), field('arguments', $.arguments)),
    index: $ => seq($._postfix, token.immediate('['), documented1($, $._argument), ']'),
    field: $ => seq($._postfix, token.immediate('.'), field('name', alias($._immediate_word, $.identifier))),
    arguments: $ => seq(token.immediate('('), documented($, $._argument), ')'),
    _argument: $ => choice($.spread, $.named_argument, $._value),
    named_argument: $ => seq(field('name', alias($._word, $.identifier)), ':', field('value', $._value)),
    spread: $ => seq('...', $._value),

    _primary: $ => choice(
      $.name,
      $.number,
      $.text,
      $.raw_text,
      $.list,
      $.record,
      $.block_expression,
      $.parenthesized,
      $.if,
      $.for,
      $.repeat,
      $.boolean,
      $.none,
    ),
    name: $ => $.identifier,
    boolean: _ => choice('true', 'false'),
    none: _ => 'none',
    list: $ => seq('[', documented($, choice($.spread, $._value)), ']'),
    record: $ => seq('{', documented($, $._entry), '}'),
    _entry: $ => choice($.spread, $.entry, $.name),
    entry: $ => seq(field('key', choice(alias($._word, $.identifier), $.text)), ':', field('value', $._value)),
    parenthesized: $ => seq('(', optional($.label), $._value, ')'),
    if: $ => prec.right(seq(
      'if',
      field('condition', $._value),
      field('then', $.block),
      optional(seq('else', field('otherwise', choice($.if, $.block)))),
    )),
    for: $ => seq('for', $.binding, repeat(seq(',', $.binding)), optional(','), field('body', $.block)),
    repeat: $ => seq('repeat', $.binding, field('body', $.block)),
    binding: $ => seq(field('name', $.identifier), 'in', field('values', $._value)),

    // ---- texts and words ----

    text: $ => seq(
      alias($._text_start, '"'),
      repeat(choice($.chunk, $.escape, $.hole)),
      token.immediate('"'),
    ),
    // The file of an import: without holes.
    fixed_text: $ => seq(alias($._text_start, '"'), repeat(choice($.chunk, $.escape)), token.immediate('"')),
    chunk: _ => token.immediate(prec(1, /[^"{}\\\n]+/)),
    escape: _ => token.immediate(/\\[nrt"\\{}]/),
    hole: $ => seq(token.immediate('{'), $._value, '}'),
    raw_text: _ => /r"[^"\n]*"/,

    identifier: _ => /[A-Za-z_][A-Za-z0-9_]*/,
    _immediate_word: _ => token.immediate(/[A-Za-z_][A-Za-z0-9_]*/),
    _word: $ => choice($.identifier, ...RESERVED),
  },
});

/** Elements with commas between, and perhaps one behind. */
function listed(element) {
  return optional(seq(element, repeat(seq(',', element)), optional(',')));
}

/** The same, with documentation anywhere between. */
function documented($, element) {
  return seq(repeat($.documentation), optional(documentedElements($, element)));
}

/** The same, of one element at least. */
function documented1($, element) {
  return seq(repeat($.documentation), documentedElements($, element));
}

function documentedElements($, element) {
  return seq(
    element,
    repeat($.documentation),
    repeat(seq(',', repeat($.documentation), element, repeat($.documentation))),
    optional(seq(',', repeat($.documentation))),
  );
}

/** Locals, one at least, each beginning a line but for the first, and the result on a line of its own. */
function localsAndResult($) {
  return seq(
    $._let_start,
    $.local,
    repeat($.documentation),
    repeat(seq($._line_start, $.local, repeat($.documentation))),
    $._line_start,
    $._result,
  );
}
