//! Which records a list has.

mod expr;
mod judge;
mod literal;
mod parse;

use std::fmt;

pub use self::{
    expr::{Comparison, Expr, Op},
    literal::Literal,
};
use crate::{Fault, Path, Subject};

/// A condition on records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    expr: Expr,
    /// Sorted, all different.
    paths: Vec<Path>,
}

impl Filter {
    /// Reads a filter; its bounds are [`MAX_FILTER_BYTES`](crate::MAX_FILTER_BYTES),
    /// [`MAX_COMPARISONS`](crate::MAX_COMPARISONS) and [`MAX_DEPTH`](crate::MAX_DEPTH).
    ///
    /// # Errors
    ///
    /// The first fault, with its place. A blank text is one.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        parse::filter(text).map(Self::from)
    }

    /// Whether it holds for `subject`, whose data is read at most once, and only if that decides.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        judge::judge(&self.expr, &self.paths, subject)
    }

    /// What it says.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// The fields that it looks at, sorted, each once.
    pub fn paths(&self) -> &[Path] {
        &self.paths
    }
}

/// A filter of a part of another, or of several.
impl From<Expr> for Filter {
    fn from(expr: Expr) -> Self {
        let mut paths = Vec::new();
        expr.each(&mut |comparison| paths.push(comparison.path.clone()));
        paths.sort_unstable();
        paths.dedup();
        Self { expr, paths }
    }
}

/// As its [expression](Expr).
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)
    }
}
