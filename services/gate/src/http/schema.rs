//! The shapes of bodies, as the `OpenAPI` document shows them.

#![expect(dead_code, reason = "these types are only described; bodies are read and written without them")]

use std::collections::HashMap;

use utoipa::ToSchema;

/// A JSON object with an identity and a history of writes.
#[derive(ToSchema)]
pub(super) struct Record {
    /// A UUIDv7 unless the client chose one.
    #[schema(pattern = "^(?!\\.{1,2}$)[A-Za-z0-9_.~-]{1,128}$")]
    id: String,
    /// What is kept, to the byte: at most 1 MiB, 32 levels deep.
    data: HashMap<String, serde_json::Value>,
    /// The account that made the record.
    #[schema(required)]
    owner: Option<String>,
    /// RFC 3339 with microseconds.
    #[schema(format = DateTime)]
    created_at: String,
    /// RFC 3339 with microseconds.
    #[schema(format = DateTime)]
    updated_at: String,
    /// Counts the writes from 1.
    version: i64,
}

/// A new record.
#[derive(ToSchema)]
pub(super) struct NewRecord {
    /// What is to be kept.
    data: HashMap<String, serde_json::Value>,
    /// Chosen by the client; made up when absent.
    #[schema(pattern = "^(?!\\.{1,2}$)[A-Za-z0-9_.~-]{1,128}$")]
    id: Option<String>,
}

/// What replaces a record's data.
#[derive(ToSchema)]
pub(super) struct Replacement {
    /// What is to be kept.
    data: HashMap<String, serde_json::Value>,
}

/// A page of records.
#[derive(ToSchema)]
pub(super) struct Records {
    /// The records, in order; there may be none although there is a next page.
    records: Vec<Record>,
    /// Asks for the next page; absent only at the end of the list.
    next_page_token: Option<String>,
}

/// A collection's definition.
#[derive(ToSchema)]
pub(super) struct Collection {
    #[schema(pattern = "^[a-z][a-z0-9_-]{0,62}$")]
    name: String,
    /// A JSON Schema (2020-12) that `data` satisfies; always null yet.
    #[schema(required)]
    schema: Option<serde_json::Value>,
    /// The indexed fields of `data`, as dotted paths; kept, not in force yet.
    indexes: Vec<String>,
    rules: Rules,
    /// RFC 3339 with microseconds.
    #[schema(format = DateTime)]
    created_at: String,
    /// RFC 3339 with microseconds.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// A collection as it is to be.
#[derive(ToSchema)]
pub(super) struct Definition {
    /// A JSON Schema (2020-12) that `data` must satisfy, at most 64 KiB. Not supported yet: refused.
    schema: Option<serde_json::Value>,
    /// The fields of `data` to index, as dotted paths; at most 20. Kept, not in force yet.
    indexes: Option<Vec<String>>,
    rules: Option<Rules>,
}

/// Who may do what: CEL expressions of at most 4 KiB. An absent rule admits administrators only.
/// Kept, not in force yet: everybody may do everything.
#[derive(ToSchema)]
pub(super) struct Rules {
    list: Option<String>,
    get: Option<String>,
    create: Option<String>,
    update: Option<String>,
    delete: Option<String>,
}

/// A page of definitions.
#[derive(ToSchema)]
pub(super) struct Collections {
    /// The definitions, by name.
    collections: Vec<Collection>,
    /// Asks for the next page; absent only at the end of the list.
    next_page_token: Option<String>,
}

/// What went wrong (RFC 9457).
#[derive(ToSchema)]
pub(super) struct Problem {
    /// Where the code is explained.
    #[schema(format = "uri-reference")]
    r#type: String,
    /// The code in words.
    title: String,
    /// The status of the answer.
    status: u16,
    /// About this occurrence, and what to do.
    detail: String,
    /// The path that was asked.
    instance: String,
    /// For programs: one of a closed set of words.
    code: String,
    /// Follows the request through the logs.
    request_id: String,
    /// Where in the body.
    errors: Option<Vec<Place>>,
}

/// A place in a body, and what is wrong there.
#[derive(ToSchema)]
pub(super) struct Place {
    /// A JSON pointer (RFC 6901).
    pointer: String,
    detail: String,
}
