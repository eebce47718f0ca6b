use std::{cmp::Ordering, fmt};

use super::Literal;
use crate::{Key, Path};

/// What a filter says. One that was parsed has no conjunction directly in a conjunction, and no disjunction in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    /// All of these, at least two.
    And(Vec<Expr>),
    /// Any of these, at least two.
    Or(Vec<Expr>),
    /// Not this.
    Not(Box<Expr>),
    /// A field and a literal.
    Comparison(Comparison),
}

/// A comparison of a field with a literal that suits it.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The field.
    pub path: Path,
    /// How they are compared.
    pub op: Op,
    /// With what.
    pub literal: Literal,
    /// Where it begins in the filter's text: in characters, from 1. Equal comparisons can stand elsewhere.
    pub at: usize,
    pub(super) key: Key,
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `:`
    Has,
}

impl Op {
    /// All of them, none after one that it begins with.
    pub(super) const ALL: [Self; 7] =
        [Self::NotEqual, Self::LessOrEqual, Self::GreaterOrEqual, Self::Equal, Self::Less, Self::Greater, Self::Has];

    /// As clients write it.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Has => ":",
        }
    }

    /// Whether it holds for a scalar that compares so with the literal.
    pub(super) fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal | Self::Has => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Comparison {
    /// The literal's key. A time is its microseconds, as a number; `*` is [`Absent`](crate::Class::Absent).
    pub fn key(&self) -> &Key {
        &self.key
    }
}

impl PartialEq for Comparison {
    fn eq(&self, other: &Self) -> bool {
        (&self.path, self.op, &self.literal) == (&other.path, other.op, &other.literal)
    }
}

impl Eq for Comparison {}

impl Expr {
    /// Calls `each` with every comparison, from left to right.
    pub(super) fn each<'a>(&'a self, each: &mut impl FnMut(&'a Comparison)) {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.each(each)),
            Self::Not(part) => part.each(each),
            Self::Comparison(comparison) => each(comparison),
        }
    }
}

/// The canonical text. It parses to an equal expression if it is not longer than a filter can be: it can be longer than
/// what was parsed, by spaces and escapes.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(parts) => join(f, parts, " AND "),
            Self::Or(parts) => join(f, parts, " OR "),
            Self::Not(part) => {
                f.write_str("NOT ")?;
                part.fmt_inner(f)
            }
            Self::Comparison(Comparison { path, op: Op::Has, literal, .. }) => write!(f, "{path}:{literal}"),
            Self::Comparison(Comparison { path, op, literal, .. }) => write!(f, "{path} {} {literal}", op.symbol()),
        }
    }
}

impl Expr {
    fn fmt_inner(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(_) | Self::Or(_) => write!(f, "({self})"),
            Self::Not(_) | Self::Comparison(_) => write!(f, "{self}"),
        }
    }
}

fn join(f: &mut fmt::Formatter<'_>, parts: &[Expr], between: &str) -> fmt::Result {
    parts.iter().enumerate().try_for_each(|(i, part)| {
        f.write_str(if i > 0 { between } else { "" })?;
        part.fmt_inner(f)
    })
}
