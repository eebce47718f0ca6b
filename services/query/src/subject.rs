use crate::{Class, Key, Own};

/// What a filter is judged on: a record.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its id, without its collection.
    pub id: &'a str,
    /// The account that made it, if anybody.
    pub owner: Option<&'a str>,
    /// In microseconds since 1970.
    pub created_at: i64,
    /// In microseconds since 1970.
    pub updated_at: i64,
    /// Counts its writes.
    pub version: u64,
    /// A JSON object, as it was checked when it was stored.
    pub data: &'a [u8],
}

impl Subject<'_> {
    pub(crate) fn key(&self, own: Own) -> Key {
        match own {
            Own::Id => Key::text(self.id),
            Own::Owner => self.owner.map_or(Class::Null.into(), Key::text),
            Own::CreatedAt => Key::number(&self.created_at.to_string()),
            Own::UpdatedAt => Key::number(&self.updated_at.to_string()),
            Own::Version => Key::number(&self.version.to_string()),
        }
    }
}
