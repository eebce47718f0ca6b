//! What a record has in an index.

use std::collections::BTreeSet;

use crate::{
    Key, Path,
    json::{Cursor, find},
};

/// Elements of an array that are indexed one by one, at most.
pub const MAX_ELEMENTS: usize = 64;

/// What a record has at a path, for an index. The keys are whole: an index keeps them [truncated](Key::truncated).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// Of the value; [`Absent`](crate::Class::Absent) where there is none.
    pub own: Key,
    /// Of the different scalars in it, in their order, if it is an array.
    pub elements: Vec<Key>,
    /// There are more than [`MAX_ELEMENTS`], and `elements` is empty.
    pub many: bool,
}

/// What `data`, a JSON object, has at each of `paths`, in their order. The record's own fields are absent here.
pub fn keys(data: &[u8], paths: &[Path]) -> Vec<Indexed> {
    let mut sorted: Vec<&Path> = paths.iter().filter(|path| matches!(path, Path::Data(_))).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let found = find(data, &sorted);
    let json = |path| sorted.binary_search(&path).ok().and_then(|at| found[at]).unwrap_or_default();
    paths.iter().map(|path| indexed(json(path))).collect()
}

fn indexed(json: &[u8]) -> Indexed {
    let mut elements = BTreeSet::new();
    scalars(json, |key| {
        elements.insert(key);
        elements.len() <= MAX_ELEMENTS
    });
    let many = elements.len() > MAX_ELEMENTS;
    let elements = if many { Vec::new() } else { elements.into_iter().collect() };
    Indexed { own: Key::of(json), elements, many }
}

/// The keys of the scalars in the array that `json` is, as long as `each` wants them.
pub(crate) fn scalars(json: &[u8], mut each: impl FnMut(Key) -> bool) {
    Cursor::new(json).array(|element| {
        let key = Key::of(element);
        !key.is_scalar() || each(key)
    });
}
