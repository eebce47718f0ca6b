use bytes::Bytes;
use skep_proto::v1::Rules;
use uuid::Uuid;

/// A collection as a store keeps it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Definition {
    /// The collection's name.
    pub name: String,
    /// Made anew when a name is defined again after its deletion, so that nothing of the old records shows.
    pub uid: Uuid,
    /// Names the last change of the definition.
    pub etag: Uuid,
    /// JSON text; empty for none.
    pub schema: Bytes,
    /// Dotted paths into `data`.
    pub indexes: Vec<String>,
    /// Who may do what.
    pub rules: Rules,
    /// Microseconds since the epoch.
    pub created_at: i64,
    /// Microseconds since the epoch.
    pub updated_at: i64,
}
