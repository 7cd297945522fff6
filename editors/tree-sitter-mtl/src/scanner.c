// What the grammar cannot say without memory: what begins a line, whether labels may stand, whether a text ends on its
// line, and which numbers there are.

#include "tree_sitter/parser.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum Token { ITEM_START, LINE_START, LET_START, NET_MARK, NET_ONLY, NUMBER, TEXT_START, ERROR };

typedef struct {
  // True once an item has begun.
  bool started;
  // True inside a `net`.
  bool in_net;
} Scanner;

void *tree_sitter_mtl_external_scanner_create(void) { return calloc(1, sizeof(Scanner)); }

void tree_sitter_mtl_external_scanner_destroy(void *payload) { free(payload); }

unsigned tree_sitter_mtl_external_scanner_serialize(void *payload, char *buffer) {
  Scanner *scanner = payload;
  buffer[0] = (char)scanner->started;
  buffer[1] = (char)scanner->in_net;
  return 2;
}

void tree_sitter_mtl_external_scanner_deserialize(void *payload, const char *buffer, unsigned length) {
  Scanner *scanner = payload;
  scanner->started = length == 2 && buffer[0];
  scanner->in_net = length == 2 && buffer[1];
}

static bool is_blank(int32_t c) { return c == ' ' || c == '\t' || c == '\r'; }
static bool is_digit(int32_t c) { return c >= '0' && c <= '9'; }
static bool is_letter(int32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static bool is_word(int32_t c) { return is_letter(c) || is_digit(c); }

static void next(TSLexer *lexer) { lexer->advance(lexer, false); }

// The word that begins here; longer ones are cut off, which makes them no word of the language.
static unsigned word(TSLexer *lexer, char *buffer, unsigned size) {
  unsigned length = 0;
  while (is_word(lexer->lookahead)) {
    if (length + 1 < size) buffer[length] = (char)lexer->lookahead;
    length++;
    next(lexer);
  }
  buffer[length + 1 < size ? length : size - 1] = 0;
  return length;
}

static bool one_of(const char *text, const char *const *words) {
  for (; *words; words++) {
    if (strcmp(text, *words) == 0) return true;
  }
  return false;
}

static const char *const ITEM_WORDS[] = {"import", "param", "let", "fn", "net", "out", NULL};
static const char *const RESERVED[] = {"let", "for", "in", "if", "else", "repeat", "true",
                                       "false", "none", "and", "or", "not", NULL};

// True when what stands here begins an item: `let name`, `import "file"`, `@attribute`. If it begins with a word, that word
// is left in `first`.
static bool item_head(TSLexer *lexer, char first[16]) {
  first[0] = 0;
  if (lexer->lookahead == '@') {
    next(lexer);
    return is_letter(lexer->lookahead);
  }
  if (!is_letter(lexer->lookahead)) return false;
  word(lexer, first, 16);
  if (!one_of(first, ITEM_WORDS) || !(lexer->lookahead == ' ' || lexer->lookahead == '\t')) return false;
  while (lexer->lookahead == ' ' || lexer->lookahead == '\t') next(lexer);
  if (lexer->lookahead == '"') return strcmp(first, "import") == 0;
  char name[16];
  return is_letter(lexer->lookahead) && word(lexer, name, 16) && !one_of(name, RESERVED);
}

// Passes blanks and comments. False at documentation and at the end. `fresh` is whether a new line was begun, `indented`
// whether blanks stand before the next token on its line, `slash` whether a slash was passed that begins no comment.
static bool pass_blanks(TSLexer *lexer, bool *fresh, bool *indented, bool *slash) {
  for (;;) {
    if (lexer->lookahead == '\n') {
      *fresh = true;
      *indented = false;
      next(lexer);
    } else if (is_blank(lexer->lookahead)) {
      *indented = true;
      next(lexer);
    } else if (lexer->lookahead == '/') {
      next(lexer);
      if (lexer->lookahead != '/') {
        *slash = true;
        return true;
      }
      next(lexer);
      if (lexer->lookahead == '!') return false;
      if (lexer->lookahead == '/') {
        next(lexer);
        if (lexer->lookahead != '/') return false;
      }
      while (lexer->lookahead != '\n' && !lexer->eof(lexer)) next(lexer);
    } else {
      return !lexer->eof(lexer);
    }
  }
}

// True when the token here continues the expression above it: `|>` or an infix operator.
static bool continues(TSLexer *lexer, const char *first) {
  if (*first) {
    if (strcmp(first, "not") == 0) {
      while (is_blank(lexer->lookahead) || lexer->lookahead == '\n') next(lexer);
      char second[16];
      word(lexer, second, 16);
      return strcmp(second, "in") == 0;
    }
    return strcmp(first, "in") == 0 || strcmp(first, "and") == 0 || strcmp(first, "or") == 0;
  }
  int32_t sign = lexer->lookahead;
  if (!sign || !strchr("|-+*=!<>.", sign)) return false;
  next(lexer);
  int32_t second = lexer->lookahead;
  switch (sign) {
    case '|': return second == '>';
    case '-': return second != '>';
    case '=': return second == '=';
    case '!': return second == '=';
    case '.':
      if (second != '.') return false;
      next(lexer);
      return lexer->lookahead != '.';
    default: return true;
  }
}

static bool begins(Scanner *scanner, TSLexer *lexer, const bool *valid) {
  bool fresh = false, indented = false, slash = false;
  lexer->mark_end(lexer);
  if (!pass_blanks(lexer, &fresh, &indented, &slash) || slash) return false;
  char first[16];
  if (valid[ITEM_START]) {
    if (!fresh && scanner->started) return false;
    // A `let` may stand alone on its line; the other words are names unless a name follows.
    if (!item_head(lexer, first) && strcmp(first, "let") != 0) return false;
    scanner->started = true;
    scanner->in_net = false;
    lexer->result_symbol = ITEM_START;
    return true;
  }
  if (!fresh || lexer->lookahead == '}') return false;
  // A line that is not indented may begin an item, which ends the block.
  bool is_item = false;
  if (indented) {
    first[0] = 0;
    if (is_letter(lexer->lookahead)) word(lexer, first, 16);
  } else {
    is_item = item_head(lexer, first);
  }
  if (is_item || continues(lexer, first)) return false;
  lexer->result_symbol = LINE_START;
  return true;
}

// ---- numbers ----

typedef struct {
  char text[320];
  unsigned length;
  bool cut;
} Digits;

static void put(Digits *digits, int32_t c) {
  if (digits->length + 1 < sizeof digits->text) {
    digits->text[digits->length++] = (char)c;
  } else {
    digits->cut = true;
  }
}

// `1_000`, `0.5`, `1e-4`, `20%`, `30min`: what fits 64 bits or a double, with a unit that the language has.
static bool number(TSLexer *lexer) {
  Digits digits = {{0}, 0, false};
  bool real = false;
  unsigned significant = 0;
  while (is_digit(lexer->lookahead) || lexer->lookahead == '_') {
    if (lexer->lookahead != '_') {
      if (significant || lexer->lookahead != '0') significant++;
      put(&digits, lexer->lookahead);
    }
    next(lexer);
  }
  lexer->mark_end(lexer);
  if (lexer->lookahead == '.') {
    next(lexer);
    // `0..n` is a range.
    if (is_digit(lexer->lookahead)) {
      real = true;
      put(&digits, '.');
      while (is_digit(lexer->lookahead) || lexer->lookahead == '_') {
        if (lexer->lookahead != '_') put(&digits, lexer->lookahead);
        next(lexer);
      }
      lexer->mark_end(lexer);
    } else {
      lexer->result_symbol = NUMBER;
      digits.text[digits.length] = 0;
      return significant < 19 || (significant == 19 && strcmp(digits.text + digits.length - 19, "9223372036854775807") <= 0);
    }
  }
  char suffix[16];
  unsigned length = 0;
  if (lexer->lookahead == 'e' || lexer->lookahead == 'E') {
    suffix[length++] = (char)lexer->lookahead;
    next(lexer);
    int32_t sign = 0;
    if (lexer->lookahead == '+' || lexer->lookahead == '-') {
      sign = lexer->lookahead;
      next(lexer);
    }
    if (is_digit(lexer->lookahead)) {
      real = true;
      length = 0;
      put(&digits, 'e');
      if (sign) put(&digits, sign);
      while (is_digit(lexer->lookahead)) {
        put(&digits, lexer->lookahead);
        next(lexer);
      }
      lexer->mark_end(lexer);
    } else if (sign) {
      return false;
    }
  }
  if (length == 0 && lexer->lookahead == '%') {
    suffix[length++] = '%';
    next(lexer);
  }
  while (is_word(lexer->lookahead)) {
    if (length + 1 < sizeof suffix) suffix[length++] = (char)lexer->lookahead;
    next(lexer);
  }
  suffix[length] = 0;
  lexer->mark_end(lexer);
  lexer->result_symbol = NUMBER;
  digits.text[digits.length] = 0;
  if (length == 0 && !real) {
    return significant < 19 || (significant == 19 && strcmp(digits.text + digits.length - 19, "9223372036854775807") <= 0);
  }
  double factor = 1.0;
  if (strcmp(suffix, "min") == 0) {
    factor = 60.0;
  } else if (strcmp(suffix, "h") == 0) {
    factor = 3600.0;
  } else if (strcmp(suffix, "d") == 0) {
    factor = 86400.0;
  } else if (!(length == 0 || strcmp(suffix, "%") == 0 || strcmp(suffix, "s") == 0 || strcmp(suffix, "ms") == 0)) {
    return false;
  }
  // Percent and milliseconds move the decimal point, so that what is just beyond a double with them may fit.
  double value = strtod(digits.text, NULL);
  if (strcmp(suffix, "%") == 0 || strcmp(suffix, "ms") == 0) {
    return digits.cut || !isinf(value) || !isinf(strtod(digits.text, NULL));
  }
  return digits.cut || !isinf(value * factor);
}

// ---- texts ----

#define DEEPEST 256

// True, at a quote, when its text ends on its line, past the holes and what they hold.
static bool text_start(TSLexer *lexer) {
  next(lexer);
  lexer->mark_end(lexer);
  // True for a text, false for a hole or a brace within one.
  bool inside[DEEPEST];
  unsigned depth = 1;
  inside[0] = true;
  while (depth > 0) {
    int32_t c = lexer->lookahead;
    if (c == '\n' || lexer->eof(lexer)) return false;
    bool in_text = inside[depth - 1];
    next(lexer);
    if (in_text && c == '\\') {
      if (lexer->lookahead != '\n' && !lexer->eof(lexer)) next(lexer);
    } else if ((in_text && c == '"') || (!in_text && c == '}')) {
      depth--;
    } else if (c == '{' || (!in_text && c == '"')) {
      if (depth == DEEPEST) return false;
      inside[depth++] = c == '"';
    } else if (!in_text && c == '/' && lexer->lookahead == '/') {
      return false;
    } else if (!in_text && is_word(c)) {
      bool raw = c == 'r' && lexer->lookahead == '"';
      if (raw) {
        next(lexer);
        while (lexer->lookahead != '"' && lexer->lookahead != '\n' && !lexer->eof(lexer)) next(lexer);
        if (lexer->lookahead == '"') next(lexer);
      } else {
        while (is_word(lexer->lookahead)) next(lexer);
      }
    }
  }
  lexer->result_symbol = TEXT_START;
  return true;
}

bool tree_sitter_mtl_external_scanner_scan(void *payload, TSLexer *lexer, const bool *valid) {
  Scanner *scanner = payload;
  if (valid[ERROR]) return false;
  if (valid[NET_MARK]) {
    scanner->in_net = true;
    lexer->mark_end(lexer);
    lexer->result_symbol = NET_MARK;
    return true;
  }
  if (valid[NET_ONLY]) {
    lexer->mark_end(lexer);
    lexer->result_symbol = NET_ONLY;
    return scanner->in_net;
  }
  if (valid[ITEM_START] || valid[LINE_START]) return begins(scanner, lexer, valid);
  bool first_of_line = false;
  while (is_blank(lexer->lookahead) || lexer->lookahead == '\n') {
    first_of_line = lexer->lookahead == '\n';
    lexer->advance(lexer, true);
  }
  if (valid[LET_START] && lexer->lookahead == 'l') {
    lexer->mark_end(lexer);
    char first[16];
    // A line that is not indented and begins an item ends the block.
    bool is_item = item_head(lexer, first) && first_of_line;
    lexer->result_symbol = LET_START;
    return !is_item && strcmp(first, "let") == 0;
  }
  if (valid[NUMBER] && is_digit(lexer->lookahead)) return number(lexer);
  if (valid[TEXT_START] && lexer->lookahead == '"') return text_start(lexer);
  return false;
}
