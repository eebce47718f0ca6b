//! What indexes can find of a filter.

use std::fmt;

use query::{Class, Comparison, Expr, Key, Literal, Op, Own, Path};

use crate::store::{Access, Definition, EntryKind, Index, IndexState, Slice};

/// Longer keys may have been cut, as those that an index holds are: then different values can share one.
const SURELY_WHOLE: usize = 512;

/// A way to some of the records that a filter asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lead {
    /// The record of this id.
    One(String),
    /// In the order of their creation.
    Created(Access),
    /// In another order.
    Other(Access),
}

/// The leads that together find all that `expr` asks for; `None` if nothing does, after telling `missing` the fields that
/// an index is missing for.
pub(super) fn leads(definition: &Definition, expr: &Expr, missing: &mut Vec<String>) -> Option<Vec<Lead>> {
    match expr {
        Expr::Comparison(comparison) => compared(definition, comparison, missing),
        Expr::Or(parts) => {
            let found: Vec<_> = parts.iter().map(|part| leads(definition, part, missing)).collect();
            let mut leads: Vec<Lead> = Vec::new();
            for lead in found.into_iter().collect::<Option<Vec<_>>>()?.concat() {
                if !leads.contains(&lead) {
                    leads.push(lead);
                }
            }
            Some(leads)
        }
        Expr::And(parts) => {
            let found = parts.iter().filter_map(|part| leads(definition, part, missing));
            found.min_by_key(|leads| cost(leads))
        }
        Expr::Not(_) => None,
    }
}

/// The less the better.
pub(super) fn cost(leads: &[Lead]) -> (bool, bool, usize) {
    (is_unordered(leads), leads.iter().any(|lead| !matches!(lead, Lead::One(_))), leads.len())
}

/// Whether what they find is not in the order of creation.
pub(super) fn is_unordered(leads: &[Lead]) -> bool {
    leads.iter().any(|lead| matches!(lead, Lead::Other(_)))
}

impl fmt::Display for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(_) => f.write_str("one record"),
            Self::Created(Access::All) => f.write_str("all records"),
            Self::Created(Access::OwnedBy(_)) => f.write_str("an owner's records"),
            Self::Created(_) => f.write_str("one value in an index"),
            Self::Other(Access::Updated) => f.write_str("what was written again"),
            Self::Other(_) => f.write_str("a range of an index"),
        }
    }
}

fn compared(definition: &Definition, comparison: &Comparison, missing: &mut Vec<String>) -> Option<Vec<Lead>> {
    let found = match &comparison.path {
        Path::Own(own) => by_own(*own, comparison),
        Path::Data(_) => ready(definition, &comparison.path).map(|index| by_index(index, comparison)),
    };
    if found.is_none() {
        missing.push(comparison.path.to_string());
    }
    found
}

fn by_own(own: Own, comparison: &Comparison) -> Option<Vec<Lead>> {
    match (own, comparison.op, &comparison.literal) {
        (Own::Id, Op::Equal | Op::Has, Literal::Text(id)) => Some(vec![Lead::One(id.clone())]),
        (Own::Owner, Op::Equal | Op::Has, Literal::Text(owner)) => {
            Some(vec![Lead::Created(Access::OwnedBy(owner.clone()))])
        }
        _ => None,
    }
}

/// The index of a field, if it can be read.
pub(super) fn ready<'d>(definition: &'d Definition, path: &Path) -> Option<&'d Index> {
    let is_of = |index: &&Index| Path::data(&index.path).is_ok_and(|indexed| indexed == *path);
    definition.indexes.iter().filter(|index| index.state == IndexState::Ready).find(is_of)
}

fn by_index(index: &Index, comparison: &Comparison) -> Vec<Lead> {
    let key = comparison.key();
    let exactly = |kind, key: &Key| Lead::Created(Access::Indexed(exact(index, kind, key)));
    match (comparison.op, &comparison.literal) {
        (Op::Equal, _) => vec![exactly(EntryKind::Own, key)],
        (Op::Has, Literal::Any) => vec![Lead::Other(Access::Indexed(present(index)))],
        (Op::Has, literal) => {
            let mut leads = vec![exactly(EntryKind::Own, key), exactly(EntryKind::Element, key)];
            let many = Slice { index: index.id, kind: EntryKind::Many, from: vec![], until: vec![u8::MAX] };
            leads.push(Lead::Created(Access::Indexed(many)));
            if matches!(literal, Literal::Text(_)) {
                leads.push(exactly(EntryKind::Own, &Class::Object.into()));
            }
            leads
        }
        _ => ranges(index, comparison).into_iter().map(|slice| Lead::Other(Access::Indexed(slice))).collect(),
    }
}

fn exact(index: &Index, kind: EntryKind, key: &Key) -> Slice {
    let from = key.clone().truncated().0.as_bytes().to_vec();
    Slice { index: index.id, kind, until: behind(&from), from }
}

/// Behind the entries of a key: what follows in one is a time, and begins with less.
fn behind(key: &[u8]) -> Vec<u8> {
    [key, &[u8::MAX]].concat()
}

fn own(index: &Index, from: Vec<u8>, until: Vec<u8>) -> Slice {
    Slice { index: index.id, kind: EntryKind::Own, from, until }
}

/// All entries of an index, in the order of the field.
pub(super) fn whole(index: &Index) -> Slice {
    own(index, vec![], vec![u8::MAX])
}

fn present(index: &Index) -> Slice {
    own(index, vec![Class::Null as u8], vec![u8::MAX])
}

/// The slices of an index that hold all that a comparison of its field asks for, in their order.
pub(super) fn ranges(index: &Index, comparison: &Comparison) -> Vec<Slice> {
    let key = comparison.key().clone().truncated().0.as_bytes().to_vec();
    // What shares a key that was cut is on both sides of it.
    let is_whole = key.len() < SURELY_WHOLE;
    let (first, last) = (vec![Class::Null as u8], vec![Class::Array as u8]);
    let (before, after) = (key.clone(), behind(&key));
    match comparison.op {
        Op::Equal => vec![own(index, before, after)],
        Op::Less if is_whole => vec![own(index, first, before)],
        Op::Less | Op::LessOrEqual => vec![own(index, first, after)],
        Op::Greater if is_whole => vec![own(index, after, last)],
        Op::Greater | Op::GreaterOrEqual => vec![own(index, before, last)],
        Op::NotEqual if is_whole => vec![own(index, first, before), own(index, after, last)],
        Op::NotEqual => vec![own(index, first, last)],
        Op::Has => vec![present(index)],
    }
}
