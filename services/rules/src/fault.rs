use cel::{ParseErrors, common::ast::SourceInfo};

/// Why a text is no rule, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct Fault {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What is wrong, for people.
    pub message: String,
}

impl Fault {
    pub(crate) fn new(line: usize, column: usize, message: String) -> Self {
        Self { line, column, message }
    }

    /// The first of the parser's faults.
    pub(crate) fn first(errors: &ParseErrors) -> Self {
        let Some(error) = errors.errors.first() else { return Self::new(1, 1, "is no expression".into()) };
        let place = |at: isize| usize::try_from(at).unwrap_or_default().max(1);
        Self::new(place(error.pos.0), place(error.pos.1), error.msg.clone())
    }

    /// A fault at the node `id`.
    pub(crate) fn at(source: &SourceInfo, id: u64, message: String) -> Self {
        let start = source.offset_for(id).map_or(0, |(start, _)| start as usize);
        let before = &source.source[..source.source.floor_char_boundary(start)];
        let column = before.chars().rev().take_while(|c| *c != '\n').count();
        Self::new(before.matches('\n').count() + 1, column + 1, message)
    }
}
