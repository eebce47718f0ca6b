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
#[allow(clippy::struct_field_names, reason = "the contract's name")]
pub(super) struct Records {
    /// The records, in order; there may be none although there is a next page.
    records: Vec<Record>,
    /// Asks for the next page; absent only at the end of the list.
    next_page_token: Option<String>,
    /// How many records the pages hold together, if that was asked.
    count: Option<u64>,
    /// Whether there may be more than `count`: counting ended there.
    more: Option<bool>,
    /// How they are found, if that was asked.
    plan: Option<String>,
}

/// Up to 100 writes, each of which is one member.
#[derive(ToSchema)]
pub(super) struct Batch {
    #[schema(min_items = 1, max_items = 100)]
    operations: Vec<BatchOperation>,
}

/// One write of a batch.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(super) enum BatchOperation {
    Create(NewRecord),
    Replace(BatchReplacement),
    Patch(BatchPatch),
    Delete(BatchDeletion),
}

/// A record that is to be replaced, or made.
#[derive(ToSchema)]
pub(super) struct BatchReplacement {
    #[schema(pattern = "^(?!\\.{1,2}$)[A-Za-z0-9_.~-]{1,128}$")]
    id: String,
    /// What is to be kept.
    data: HashMap<String, serde_json::Value>,
    /// `*`, or the entity tag that the record must have.
    etag: Option<String>,
}

/// A record of which parts are to change: by one of the two patches.
#[derive(ToSchema)]
pub(super) struct BatchPatch {
    #[schema(pattern = "^(?!\\.{1,2}$)[A-Za-z0-9_.~-]{1,128}$")]
    id: String,
    /// RFC 7396, on `data`.
    merge_patch: Option<serde_json::Value>,
    /// RFC 6902, on `data`.
    json_patch: Option<Vec<serde_json::Value>>,
    /// `*`, or the entity tag that the record must have.
    etag: Option<String>,
}

/// A record that is to be deleted.
#[derive(ToSchema)]
pub(super) struct BatchDeletion {
    #[schema(pattern = "^(?!\\.{1,2}$)[A-Za-z0-9_.~-]{1,128}$")]
    id: String,
    /// `*`, or the entity tag that the record must have.
    etag: Option<String>,
}

/// What became of the writes of a batch.
#[derive(ToSchema)]
pub(super) struct BatchResults {
    /// One for each operation, in their order.
    results: Vec<BatchResult>,
}

/// What became of one write.
#[derive(ToSchema)]
pub(super) struct BatchResult {
    /// What the single call would have answered.
    status: u16,
    /// The record as it is after the write; without `data` where that does not fit: an answer holds 3 MiB of it.
    record: Option<Record>,
    /// Its places point into the batch.
    error: Option<Problem>,
}

/// A collection's definition.
#[derive(ToSchema)]
pub(super) struct Collection {
    #[schema(pattern = "^[a-z][a-z0-9_-]{0,62}$")]
    name: String,
    /// A JSON Schema (2020-12) that `data` satisfies whenever it is written.
    #[schema(required)]
    schema: Option<serde_json::Value>,
    /// How many of the records that were there before satisfy the schema; absent where the collection was defined with it.
    schema_check: Option<SchemaCheck>,
    /// The indexed fields of `data`, as dotted paths.
    indexes: Vec<String>,
    /// How far each index is, in their order.
    index_states: Vec<IndexState>,
    rules: Rules,
    /// RFC 3339 with microseconds.
    #[schema(format = DateTime)]
    created_at: String,
    /// RFC 3339 with microseconds.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// How far the check of records that were there before a schema is.
#[derive(ToSchema)]
pub(super) struct SchemaCheck {
    /// How many have been looked at.
    checked: u64,
    /// How many of these did not satisfy it when they were looked at.
    misfits: u64,
    /// Whether all have been looked at.
    done: bool,
}

/// How far an index is.
#[derive(ToSchema)]
pub(super) struct IndexState {
    path: String,
    /// `ready`, or `building` until lists can use it.
    state: String,
    /// Of the records that were there before, how many have been looked at.
    looked_at: Option<u64>,
}

/// A collection as it is to be.
#[derive(ToSchema)]
pub(super) struct Definition {
    /// A JSON Schema (2020-12) that `data` must satisfy whenever it is written: one document of at most 64 KiB.
    schema: Option<serde_json::Value>,
    /// The fields of `data` to index, as dotted paths; at most 20.
    indexes: Option<Vec<String>>,
    rules: Option<Rules>,
}

/// Who may do what: CEL expressions over `auth`, `record` and `data`, of at most 4 KiB. An absent rule admits
/// administrators only.
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

/// Who signs in.
#[derive(ToSchema)]
pub(super) struct Account {
    #[schema(pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
    id: String,
    /// What it signs in by: 1-64 characters. Names that differ in case alone are one.
    name: String,
    /// `admin` may do everything.
    roles: Vec<String>,
    /// Whether nobody can sign in to it.
    disabled: bool,
    /// RFC 3339 with microseconds.
    #[schema(format = DateTime)]
    created_at: String,
    /// RFC 3339 with microseconds.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// A page of accounts.
#[derive(ToSchema)]
pub(super) struct Accounts {
    /// The accounts, in no particular order.
    accounts: Vec<Account>,
    /// Asks for the next page; absent only at the end of the list.
    next_page_token: Option<String>,
}

/// What an account signs in with.
#[derive(ToSchema)]
pub(super) struct Credentials {
    /// 1-64 characters without control characters and without white space at its ends.
    name: String,
    /// 8-1024 characters.
    password: String,
}

/// What is to change of an account.
#[derive(ToSchema)]
pub(super) struct AccountChange {
    /// At most 16 of `[a-z][a-z0-9_-]{0,62}`.
    roles: Option<Vec<String>>,
    /// A disabled account is signed out everywhere.
    disabled: Option<bool>,
    /// A new password, which signs the account out everywhere.
    password: Option<String>,
}

/// A change of one's own password.
#[derive(ToSchema)]
pub(super) struct PasswordChange {
    current_password: String,
    /// 8-1024 characters.
    new_password: String,
}

/// Somebody signed in.
#[derive(ToSchema)]
pub(super) struct Session {
    #[schema(pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
    id: String,
    /// RFC 3339 with microseconds.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ends unless it is used.
    #[schema(format = DateTime)]
    expires_at: String,
    /// What the client called itself, at most 256 bytes; null if it did not say.
    #[schema(required)]
    user_agent: Option<String>,
    /// Whether this request is signed by it.
    current: bool,
}

/// A page of sessions.
#[derive(ToSchema)]
pub(super) struct Sessions {
    /// The sessions in force, in no particular order.
    sessions: Vec<Session>,
    /// Asks for the next page; absent only at the end of the list.
    next_page_token: Option<String>,
}

/// A session that begins.
#[derive(ToSchema)]
pub(super) struct SignedIn {
    /// For `Authorization: Bearer TOKEN`. Told only here.
    token: String,
    account: Account,
    /// When the session ends unless it is used.
    #[schema(format = DateTime)]
    expires_at: String,
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
