//! The syntax tree: plain owned data, a span on every node.
//!
//! The tree says what was written, nothing of what it means. Text that could not be read becomes an
//! [`ItemKind::Bad`] or [`ExprKind::Bad`] with its diagnostic already reported, so later passes go on in silence there.

use crate::source::{FileId, Span};

/// One file.
#[derive(Clone, Debug)]
pub struct Module {
    /// The file that was parsed.
    pub file: FileId,
    /// `//!` lines, without their marks.
    pub docs: Vec<String>,
    /// Items in order of writing.
    pub items: Vec<Item>,
}

/// A name where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ident {
    /// The name.
    pub name: String,
    /// Where.
    pub span: Span,
}

/// An item with its attributes and documentation.
#[derive(Clone, Debug)]
pub struct Item {
    /// `@name(...)` lines before it.
    pub attributes: Vec<Attribute>,
    /// `///` lines, without their marks, joined by line ends.
    pub doc: Option<String>,
    /// What it is.
    pub kind: ItemKind,
    /// From the first attribute to the end.
    pub span: Span,
}

/// The kinds of items.
#[derive(Clone, Debug)]
pub enum ItemKind {
    /// `import std.models as m { alexnet, vgg16 as vgg }`
    Import(Import),
    /// `param epochs: int in 1..=200 = 30`
    Param(Param),
    /// `let name = value`
    Let(Let),
    /// `fn subject: Type |> name(parameters) -> Type = value`
    Fn(FnItem),
    /// `net name(parameters) { ... }`
    Net(NetItem),
    /// `out name = value`
    Out(Out),
    /// Text that is no item; its diagnostic was reported.
    Bad,
}

/// `@name(arguments)`
#[derive(Clone, Debug)]
pub struct Attribute {
    /// The name after `@`.
    pub name: Ident,
    /// What stands in its parentheses.
    pub arguments: Vec<Argument>,
    /// The whole.
    pub span: Span,
}

/// An import.
#[derive(Clone, Debug)]
pub struct Import {
    /// Where it points.
    pub source: ImportSource,
    /// Where that is written.
    pub source_span: Span,
    /// The name after `as`.
    pub alias: Option<Ident>,
    /// The names in braces; none when there are no braces.
    pub names: Option<Vec<ImportName>>,
}

/// What an import names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportSource {
    /// `"lab/films.mtl"`, relative to the file it is written in.
    File(String),
    /// `std.models`
    Path(Vec<String>),
}

/// `name as alias` in an import's braces.
#[derive(Clone, Debug)]
pub struct ImportName {
    /// The imported name.
    pub name: Ident,
    /// The local one, if another.
    pub alias: Option<Ident>,
}

/// `param name: Type in domain = default`
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name.
    pub name: Ident,
    /// Its written type.
    pub ty: TypeExpr,
    /// The values that it may have, a list or a range; all of its type when there is none.
    pub domain: Option<Expr>,
    /// The default; without one `--set` must give it.
    pub default: Option<Expr>,
}

/// `let name: Type = value`, as an item or in a block.
#[derive(Clone, Debug)]
pub struct Let {
    /// Its name.
    pub name: Ident,
    /// The annotation.
    pub ty: Option<TypeExpr>,
    /// The value.
    pub value: Expr,
    /// `///` of a local; an item's stands on the [`Item`].
    pub doc: Option<String>,
}

/// A function.
#[derive(Clone, Debug)]
pub struct FnItem {
    /// `name: Type` before `|>`.
    pub subject: Option<(Ident, TypeExpr)>,
    /// Its name.
    pub name: Ident,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// The type after `->`.
    pub result: Option<TypeExpr>,
    /// The body; only a declaration of the built-in prelude has none.
    pub body: Option<Block>,
}

/// A network.
#[derive(Clone, Debug)]
pub struct NetItem {
    /// Its name.
    pub name: Ident,
    /// Its parameters; the subject `x` is implicit.
    pub parameters: Vec<Parameter>,
    /// The body.
    pub body: Block,
}

/// `out name = value`
#[derive(Clone, Debug)]
pub struct Out {
    /// Its name.
    pub name: Ident,
    /// The value.
    pub value: Expr,
}

/// A parameter of a function, a network or a lambda.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: Ident,
    /// `...name`: takes the named arguments that its only use still accepts.
    pub rest: bool,
    /// The annotation; a lambda's parameter may lack it.
    pub ty: Option<TypeExpr>,
    /// The default.
    pub default: Option<Expr>,
    /// `///` lines.
    pub doc: Option<String>,
    /// The whole.
    pub span: Span,
}

/// A written type.
#[derive(Clone, Debug)]
pub struct TypeExpr {
    /// What it is.
    pub kind: TypeKind,
    /// Where.
    pub span: Span,
}

/// The kinds of written types.
#[derive(Clone, Debug)]
pub enum TypeKind {
    /// `int`, `Task`, `T`
    Name(String),
    /// `Grid[Scores]`, `Grid[Scores; chain, frozen]`
    Apply(Ident, Box<TypeExpr>, Vec<Ident>),
    /// `[T]`
    List(Box<TypeExpr>),
    /// `{T}`: a record whose values have one type.
    Map(Box<TypeExpr>),
    /// `{ name: Type, ... }`
    Record(Vec<(Ident, TypeExpr)>),
    /// `(A, B) -> R`, a function.
    Fn(Vec<TypeExpr>, Box<TypeExpr>),
    /// `S -> R`, a step.
    Step(Box<TypeExpr>, Box<TypeExpr>),
    /// `T?`
    Optional(Box<TypeExpr>),
    /// Unreadable; reported.
    Bad,
}

/// `{ let ...  value }`, or the single expression after `=`.
#[derive(Clone, Debug)]
pub struct Block {
    /// Local bindings.
    pub locals: Vec<Let>,
    /// The value, with its label if it has one.
    pub value: Box<Labelled>,
    /// The whole.
    pub span: Span,
}

/// `label: value`; a label opens a scope of parameter names inside a `net`.
#[derive(Clone, Debug)]
pub struct Labelled {
    /// The label.
    pub label: Option<Label>,
    /// The value.
    pub value: Expr,
}

/// A label: a word or a text with holes.
#[derive(Clone, Debug)]
pub struct Label {
    /// Its text; a plain word is one chunk.
    pub text: Text,
    /// Where.
    pub span: Span,
}

/// A text with holes.
#[derive(Clone, Debug, Default)]
pub struct Text {
    /// Its parts in order.
    pub parts: Vec<TextPart>,
}

/// A part of a text.
#[derive(Clone, Debug)]
pub enum TextPart {
    /// Characters, escapes resolved.
    Chunk(String),
    /// `{expression}`
    Hole(Expr),
}

impl Text {
    /// The text when it has no hole.
    #[must_use]
    pub fn plain(&self) -> Option<String> {
        self.parts
            .iter()
            .map(|part| match part {
                TextPart::Chunk(chunk) => Some(chunk.as_str()),
                TextPart::Hole(_) => None,
            })
            .collect()
    }
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where, without blanks at either end.
    pub span: Span,
}

/// The kinds of expressions.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// `3`, `1_000`
    Int(i64),
    /// `1e-4`, `20%` (as 0.2)
    Float(f64),
    /// `30min`, in seconds.
    Duration(f64),
    /// `"text {hole}"`, and `r"raw"` as one chunk.
    Text(Text),
    /// `true`, `false`
    Bool(bool),
    /// `none`
    None,
    /// A name.
    Name(String),
    /// `[a, ...b]`
    List(Vec<ListPart>),
    /// `{ a: 1, b, ...c }`
    Record(Vec<Entry>),
    /// `{ let a = 1  a + 1 }`
    Block(Block),
    /// `f(a, name: b)`; the callee may be any postfix expression.
    Call(Box<Expr>, Vec<Argument>),
    /// `grid[chain: "a"]`, `list[0]`, `list[0..2]`, `record["key"]`
    Index(Box<Expr>, Vec<Argument>),
    /// `value.name`
    Field(Box<Expr>, Ident),
    /// `a |> f |> label: g`; `head` is none for `|> f |> g`.
    Pipe(Option<Box<Expr>>, Vec<PipeStep>),
    /// `(a, b: int = 1) => body`
    Lambda(Vec<Parameter>, Box<Expr>),
    /// `if c { a } else { b }`; without `else` a step that is `identity` otherwise.
    If(Box<If>),
    /// `for a in xs, b in ys { body }`
    For(Vec<Binding>, Block),
    /// `repeat i in xs { body }`
    Repeat(Box<Binding>, Block),
    /// `a + b`
    Binary(BinaryOp, Box<Expr>, Box<Expr>, Span),
    /// `-a`, `not a`
    Unary(UnaryOp, Box<Expr>),
    /// `(label: value)`, or plain parentheses.
    Paren(Box<Labelled>),
    /// Unreadable; reported.
    Bad,
}

/// An element of a list.
#[derive(Clone, Debug)]
pub enum ListPart {
    /// A value.
    Value(Expr),
    /// `...list`
    Spread(Expr),
}

/// An entry of a record.
#[derive(Clone, Debug)]
pub enum Entry {
    /// `key: value`, or `name` alone, where the value is that name.
    Value {
        /// The key, a word or a text.
        key: Label,
        /// The value.
        value: Expr,
        /// `///` lines.
        doc: Option<String>,
    },
    /// `...record`
    Spread(Expr),
}

/// An argument.
#[derive(Clone, Debug)]
pub enum Argument {
    /// By position.
    Positional(Expr),
    /// By name.
    Named(Ident, Expr),
    /// `...record` gives named arguments, `...list` positional ones.
    Spread(Expr),
}

/// One step of a pipe.
#[derive(Clone, Debug)]
pub struct PipeStep {
    /// Its label.
    pub label: Option<Label>,
    /// The step.
    pub step: Expr,
}

/// `if condition { then } else { other }`
#[derive(Clone, Debug)]
pub struct If {
    /// The condition.
    pub condition: Expr,
    /// The first branch.
    pub then: Block,
    /// The other branch; `else if` is a block whose value is an `If`.
    pub otherwise: Option<Block>,
}

/// `name in values`
#[derive(Clone, Debug)]
pub struct Binding {
    /// The loop variable.
    pub name: Ident,
    /// What it runs over.
    pub values: Expr,
}

/// Binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after its sign")]
pub enum BinaryOp {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    NotIn,
    Join,
    Range,
    RangeInclusive,
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl BinaryOp {
    /// As it is written.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::In => "in",
            Self::NotIn => "not in",
            Self::Join => "++",
            Self::Range => "..",
            Self::RangeInclusive => "..=",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
        }
    }
}

/// Unary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// `-a`
    Negate,
    /// `not a`
    Not,
}
