//! Which fields of a record are shown.

use std::borrow::Cow;

use crate::{
    Fault, MAX_FIELDS, Own, Path,
    json::{Cursor, within},
    reader::Reader,
};

/// A choice of fields (AIP-157).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    own: Vec<Own>,
    /// Sorted, so that what is inside another comes after it; a path without names is all of the data.
    data: Vec<Path>,
}

impl Fields {
    /// Reads paths with commas between them, at most [`MAX_FIELDS`]; `data` is all of the data.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut reader = Reader::new(text);
        let (mut own, mut data) = (Vec::new(), Vec::new());
        loop {
            reader.space();
            if own.len() + data.len() == MAX_FIELDS {
                return Err(reader.fault(reader.at(), format!("at most {MAX_FIELDS} fields can be chosen")));
            }
            match reader.path_or_data()? {
                Path::Own(chosen) => own.push(chosen),
                path @ Path::Data(_) => data.push(path),
            }
            reader.space();
            if !reader.eat(",") {
                break;
            }
        }
        reader.end("a comma is wanted between two fields; a name of other characters wants quotes")?;
        data.sort_unstable();
        Ok(Self { own, data })
    }

    /// Whether the own field is chosen.
    pub fn shows(&self, own: Own) -> bool {
        self.own.contains(&own)
    }

    /// Of `data`, a JSON object, what is chosen: as it is written, in its order, with the objects that lead there, also
    /// where they are then empty. `None` if nothing of the data is chosen.
    pub fn project<'a>(&self, data: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        if self.data.first()?.as_ref().is_empty() {
            return Some(Cow::Borrowed(data));
        }
        let mut kept = Vec::new();
        keep(&mut Cursor::new(data), &self.data, 0, &mut kept);
        Some(Cow::Owned(kept))
    }
}

/// Reads the object at the cursor, to which the first `depth` names of `paths` lead.
fn keep(cursor: &mut Cursor<'_>, paths: &[Path], depth: usize, kept: &mut Vec<u8>) {
    let mut before = b'{';
    cursor.object(|cursor, name| {
        let paths = &paths[within(paths, depth, name)];
        let whole = paths.first().is_some_and(|path| path.as_ref().len() == depth + 1);
        if !whole && (paths.is_empty() || cursor.peek() != Some(b'{')) {
            cursor.value();
            return;
        }
        kept.push(before);
        kept.extend_from_slice(name);
        kept.push(b':');
        if whole {
            kept.extend_from_slice(cursor.value());
        } else {
            keep(cursor, paths, depth + 1, kept);
        }
        before = b',';
    });
    kept.extend_from_slice(if before == b'{' { b"{}" } else { b"}" });
}
