//! What lines hold, as JSON.

use anyhow::{Context, Error, bail};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use skep_proto::v1::{self, ArchivedAccount};

use super::names::{collection_of, last, proto, time};

const BROKEN: &str = "storage answers with something else";

#[derive(Serialize, Deserialize)]
pub(super) struct Account {
    id: String,
    name: String,
    roles: Vec<String>,
    disabled: bool,
    password_hash: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Collection {
    name: String,
    /// JSON as text, for it is kept to the byte; empty for none.
    schema: String,
    indexes: Vec<String>,
    rules: Rules,
    created_at: Timestamp,
    updated_at: Timestamp,
    etag: String,
}

#[derive(Serialize, Deserialize)]
struct Rules {
    list: Option<String>,
    get: Option<String>,
    create: Option<String>,
    update: Option<String>,
    delete: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Record<'a> {
    collection: String,
    id: String,
    owner: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: i64,
    etag: String,
    /// As it is, where that is one line.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
    /// JSON as text where it is not, for it is kept to the byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl TryFrom<&ArchivedAccount> for Account {
    type Error = Error;

    fn try_from(ArchivedAccount { account, password_hash }: &ArchivedAccount) -> Result<Self, Error> {
        let account = account.clone().context(BROKEN)?;
        Ok(Self {
            id: last(&account.name).to_owned(),
            name: account.login,
            roles: account.roles,
            disabled: account.disabled,
            password_hash: password_hash.clone(),
            created_at: time(account.create_time).context(BROKEN)?,
            updated_at: time(account.update_time).context(BROKEN)?,
        })
    }
}

impl From<Account> for ArchivedAccount {
    fn from(account: Account) -> Self {
        Self {
            account: Some(v1::Account {
                name: format!("accounts/{}", account.id),
                login: account.name,
                roles: account.roles,
                disabled: account.disabled,
                create_time: Some(proto(account.created_at)),
                update_time: Some(proto(account.updated_at)),
            }),
            password_hash: account.password_hash,
        }
    }
}

impl TryFrom<&v1::Collection> for Collection {
    type Error = Error;

    fn try_from(collection: &v1::Collection) -> Result<Self, Error> {
        let v1::Rules { list, get, create, update, delete } = collection.rules.clone().unwrap_or_default();
        Ok(Self {
            name: last(&collection.name).to_owned(),
            schema: std::str::from_utf8(&collection.schema)?.to_owned(),
            indexes: collection.indexes.clone(),
            rules: Rules { list, get, create, update, delete },
            created_at: time(collection.create_time).context(BROKEN)?,
            updated_at: time(collection.update_time).context(BROKEN)?,
            etag: collection.etag.clone(),
        })
    }
}

impl From<Collection> for v1::Collection {
    fn from(collection: Collection) -> Self {
        let Rules { list, get, create, update, delete } = collection.rules;
        Self {
            name: format!("collections/{}", collection.name),
            schema: collection.schema.into(),
            indexes: collection.indexes,
            rules: Some(v1::Rules { list, get, create, update, delete }),
            create_time: Some(proto(collection.created_at)),
            update_time: Some(proto(collection.updated_at)),
            etag: collection.etag,
            ..Self::default()
        }
    }
}

impl<'a> TryFrom<&'a v1::Record> for Record<'a> {
    type Error = Error;

    fn try_from(record: &'a v1::Record) -> Result<Self, Error> {
        let whole = std::str::from_utf8(&record.data)?;
        // Around it a parser takes nothing in.
        let is_line = !whole.contains(['\n', '\r']) && whole.trim_ascii() == whole;
        Ok(Self {
            collection: collection_of(&record.name).to_owned(),
            id: last(&record.name).to_owned(),
            owner: Some(record.owner.clone()).filter(|owner| !owner.is_empty()),
            created_at: time(record.create_time).context(BROKEN)?,
            updated_at: time(record.update_time).context(BROKEN)?,
            version: record.version,
            etag: record.etag.clone(),
            data: if is_line { Some(serde_json::from_str(whole)?) } else { None },
            text: (!is_line).then(|| whole.to_owned()),
        })
    }
}

impl TryFrom<Record<'_>> for v1::Record {
    type Error = Error;

    fn try_from(record: Record<'_>) -> Result<Self, Error> {
        let data = match (record.data, record.text) {
            (Some(data), None) => data.get().to_owned(),
            (None, Some(text)) => text,
            _ => bail!("a record has either data or text"),
        };
        Ok(Self {
            name: format!("collections/{}/records/{}", record.collection, record.id),
            data: data.into(),
            owner: record.owner.unwrap_or_default(),
            create_time: Some(proto(record.created_at)),
            update_time: Some(proto(record.updated_at)),
            version: record.version,
            etag: record.etag,
        })
    }
}
