//! Operators: from the flat run of the grammar to a tree, by climbing precedence.

use std::{iter::Peekable, vec::IntoIter};

use super::{
    Pair, Rule,
    ast::{BinaryOp, Expr, ExprKind, UnaryOp},
    builder::Builder,
    messages,
};
use crate::source::Span;

/// A token of a run of operands and operators.
enum Token {
    Prefix(UnaryOp, Span),
    Infix(BinaryOp, Span),
    Operand(Expr),
}

/// How tightly an operator binds; all are left associative.
fn power(operator: BinaryOp) -> u8 {
    match operator {
        BinaryOp::Or => 1,
        BinaryOp::And => 2,
        BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Less
        | BinaryOp::LessEqual
        | BinaryOp::Greater
        | BinaryOp::GreaterEqual
        | BinaryOp::In
        | BinaryOp::NotIn => COMPARISON,
        BinaryOp::Join => 4,
        BinaryOp::Range | BinaryOp::RangeInclusive => 5,
        BinaryOp::Add | BinaryOp::Subtract => 6,
        BinaryOp::Multiply | BinaryOp::Divide => 7,
    }
}

/// Comparisons: looser than `++`, tighter than `not`, whose operand may be one.
const COMPARISON: u8 = 3;
/// Unary minus binds tightest.
const NEGATION: u8 = 8;

fn binary(sign: &str) -> BinaryOp {
    match sign {
        "or" => BinaryOp::Or,
        "and" => BinaryOp::And,
        "==" => BinaryOp::Equal,
        "!=" => BinaryOp::NotEqual,
        "<" => BinaryOp::Less,
        "<=" => BinaryOp::LessEqual,
        ">" => BinaryOp::Greater,
        ">=" => BinaryOp::GreaterEqual,
        "in" => BinaryOp::In,
        "++" => BinaryOp::Join,
        ".." => BinaryOp::Range,
        "..=" => BinaryOp::RangeInclusive,
        "+" => BinaryOp::Add,
        "-" => BinaryOp::Subtract,
        "*" => BinaryOp::Multiply,
        "/" => BinaryOp::Divide,
        // `not`, blanks, `in`: the only sign with blanks in it.
        _ => BinaryOp::NotIn,
    }
}

impl Builder<'_> {
    /// A run of operands and operators.
    pub(super) fn operation(&mut self, pair: Pair<'_>) -> Expr {
        let span = self.span(&pair);
        let parts: Vec<_> = pair.into_inner().collect();
        let operators = parts
            .iter()
            .filter(|part| matches!(part.as_rule(), Rule::prefix | Rule::infix))
            .count();
        if self.too_deep(span, operators) {
            return Expr {
                kind: ExprKind::Bad,
                span,
            };
        }
        self.depth += operators;
        let mut sign = "";
        let mut tokens = Vec::with_capacity(parts.len());
        for part in parts {
            let span = self.span(&part);
            tokens.push(match part.as_rule() {
                Rule::prefix => {
                    sign = part.as_str();
                    let operator = if sign == "-" { UnaryOp::Negate } else { UnaryOp::Not };
                    Token::Prefix(operator, span)
                }
                Rule::infix => {
                    sign = part.as_str();
                    Token::Infix(binary(sign), span)
                }
                _ => Token::Operand(self.value(part, &format!("a value after `{sign}`"))),
            });
        }
        self.depth -= operators;
        let mut tokens = tokens.into_iter().peekable();
        self.climb(&mut tokens, 0, span)
    }

    fn climb(&mut self, tokens: &mut Peekable<IntoIter<Token>>, least: u8, whole: Span) -> Expr {
        let mut left = match tokens.next() {
            Some(Token::Prefix(operator, span)) => {
                let tightness = match operator {
                    UnaryOp::Negate => NEGATION,
                    UnaryOp::Not => COMPARISON,
                };
                let operand = self.climb(tokens, tightness, whole);
                Expr {
                    span: span.to(operand.span),
                    kind: ExprKind::Unary(operator, Box::new(operand)),
                }
            }
            Some(Token::Operand(operand)) => operand,
            Some(Token::Infix(..)) | None => self.bad_value(whole.end as usize),
        };
        while let Some(&Token::Infix(operator, span)) = tokens.peek()
            && power(operator) >= least
        {
            tokens.next();
            // An operand that is absent stands where it would begin.
            if matches!(left.kind, ExprKind::Bad) && left.span.start == left.span.end {
                left.span = self.at(span.start as usize, span.start as usize);
            }
            let right = self.climb(tokens, power(operator) + 1, whole);
            if power(operator) == COMPARISON
                && let ExprKind::Binary(first, _, _, first_span) = &left.kind
                && power(*first) == COMPARISON
            {
                let diagnostic = messages::chained_comparison(span, *first_span);
                self.report(span.start as usize, diagnostic);
                // What it means elsewhere is settled; a comparison with a truth value would be a second mistake.
                left.kind = ExprKind::Bad;
            }
            left = Expr {
                span: left.span.to(right.span),
                kind: ExprKind::Binary(operator, Box::new(left), Box::new(right), span),
            };
        }
        left
    }
}
