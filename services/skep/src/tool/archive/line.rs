//! A line of the file.

use anyhow::{Context, bail, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use skep_proto::v1::{self, ArchivedAccount};

/// What the file is, and of which form.
const KIND: &str = "archive";
const FORM: u32 = 1;

/// What a line holds.
#[derive(Debug, PartialEq)]
pub(crate) enum Line {
    Begun(Begun),
    Account(ArchivedAccount),
    Collection(v1::Collection),
    Record(v1::Record),
    End(End),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Text<'a> {
    Begun(Begun),
    Account(Account),
    Collection(Collection),
    #[serde(borrow)]
    Record(Record<'a>),
    End(End),
}

/// What the file is, and of what it was begun when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Begun {
    skep: String,
    form: u32,
    /// By the clock of storage.
    pub(crate) at: Timestamp,
    /// The collections that were asked for; none for all, and the accounts.
    pub(crate) only: Vec<String>,
    /// Only what was written then or later; `None` for everything.
    pub(crate) since: Option<Timestamp>,
}

impl Begun {
    pub(crate) fn new(at: Timestamp, only: Vec<String>, since: Option<Timestamp>) -> Self {
        Self { skep: KIND.to_owned(), form: FORM, at, only, since }
    }
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Totals {
    pub(crate) collections: u64,
    pub(crate) accounts: u64,
    pub(crate) records: u64,
}

/// How much there is before the last line, and the SHA-256 of it in hexadecimal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) totals: Totals,
    pub(crate) sha256: String,
}

#[derive(Serialize, Deserialize)]
struct Account {
    id: String,
    name: String,
    roles: Vec<String>,
    disabled: bool,
    password_hash: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Collection {
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
struct Record<'a> {
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

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    /// When it is none of ours.
    pub(crate) fn read(text: &[u8]) -> anyhow::Result<Self> {
        Ok(match serde_json::from_slice(text)? {
            Text::Begun(begun) => {
                ensure!(begun.skep == KIND, "it is no archive of Skep");
                ensure!(begun.form == FORM, "it is of a later Skep: update this one");
                Self::Begun(begun)
            }
            Text::Account(account) => Self::Account(ArchivedAccount {
                account: Some(v1::Account {
                    name: format!("accounts/{}", account.id),
                    login: account.name,
                    roles: account.roles,
                    disabled: account.disabled,
                    create_time: Some(proto(account.created_at)),
                    update_time: Some(proto(account.updated_at)),
                }),
                password_hash: account.password_hash,
            }),
            Text::Collection(collection) => {
                let Rules { list, get, create, update, delete } = collection.rules;
                Self::Collection(v1::Collection {
                    name: format!("collections/{}", collection.name),
                    schema: collection.schema.into(),
                    indexes: collection.indexes,
                    rules: Some(v1::Rules { list, get, create, update, delete }),
                    create_time: Some(proto(collection.created_at)),
                    update_time: Some(proto(collection.updated_at)),
                    etag: collection.etag,
                    ..v1::Collection::default()
                })
            }
            Text::Record(record) => {
                let data = match (record.data, record.text) {
                    (Some(data), None) => data.get().to_owned(),
                    (None, Some(text)) => text,
                    _ => bail!("a record has either data or text"),
                };
                Self::Record(v1::Record {
                    name: format!("collections/{}/records/{}", record.collection, record.id),
                    data: data.into(),
                    owner: record.owner.unwrap_or_default(),
                    create_time: Some(proto(record.created_at)),
                    update_time: Some(proto(record.updated_at)),
                    version: record.version,
                    etag: record.etag,
                })
            }
            Text::End(end) => Self::End(end),
        })
    }

    /// The line, with its end.
    pub(crate) fn write(&self) -> anyhow::Result<Vec<u8>> {
        let broken = "storage answers with something else";
        let text = match self {
            Self::Begun(begun) => Text::Begun(begun.clone()),
            Self::End(end) => Text::End(end.clone()),
            Self::Account(ArchivedAccount { account, password_hash }) => {
                let account = account.clone().context(broken)?;
                Text::Account(Account {
                    id: last(&account.name).to_owned(),
                    name: account.login,
                    roles: account.roles,
                    disabled: account.disabled,
                    password_hash: password_hash.clone(),
                    created_at: time(account.create_time).context(broken)?,
                    updated_at: time(account.update_time).context(broken)?,
                })
            }
            Self::Collection(collection) => {
                let v1::Rules { list, get, create, update, delete } = collection.rules.clone().unwrap_or_default();
                Text::Collection(Collection {
                    name: last(&collection.name).to_owned(),
                    schema: std::str::from_utf8(&collection.schema)?.to_owned(),
                    indexes: collection.indexes.clone(),
                    rules: Rules { list, get, create, update, delete },
                    created_at: time(collection.create_time).context(broken)?,
                    updated_at: time(collection.update_time).context(broken)?,
                    etag: collection.etag.clone(),
                })
            }
            Self::Record(record) => {
                let whole = std::str::from_utf8(&record.data)?;
                // Around it a parser takes nothing in.
                let is_line = !whole.contains(['\n', '\r']) && whole.trim_ascii() == whole;
                Text::Record(Record {
                    collection: collection_of(&record.name).to_owned(),
                    id: last(&record.name).to_owned(),
                    owner: Some(record.owner.clone()).filter(|owner| !owner.is_empty()),
                    created_at: time(record.create_time).context(broken)?,
                    updated_at: time(record.update_time).context(broken)?,
                    version: record.version,
                    etag: record.etag.clone(),
                    data: if is_line { Some(serde_json::from_str(whole)?) } else { None },
                    text: (!is_line).then(|| whole.to_owned()),
                })
            }
        };
        let mut line = serde_json::to_vec(&text)?;
        line.push(b'\n');
        Ok(line)
    }
}

impl Totals {
    /// With one more line.
    pub(crate) fn count(&mut self, line: &Line) {
        match line {
            Line::Account(_) => self.accounts += 1,
            Line::Collection(_) => self.collections += 1,
            Line::Record(_) => self.records += 1,
            Line::Begun(_) | Line::End(_) => {}
        }
    }
}

/// What comes after the last `/` of a resource name.
pub(crate) fn last(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, last)| last)
}

/// The collection in the name of a record.
pub(crate) fn collection_of(record: &str) -> &str {
    record.split('/').nth(1).unwrap_or_default()
}

/// A time of the contract.
pub(crate) fn time(time: Option<prost_types::Timestamp>) -> Option<Timestamp> {
    time.and_then(|time| Timestamp::new(time.seconds, time.nanos).ok())
}

/// A time for the contract.
pub(crate) fn proto(time: Timestamp) -> prost_types::Timestamp {
    // Before 1970 jiff counts the fraction backwards; nothing of ours is from then.
    prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond().max(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(line: &Line) -> Line {
        let text = line.write().unwrap();
        assert_eq!(
            text.iter().position(|byte| *byte == b'\n'),
            Some(text.len() - 1),
            "{}",
            String::from_utf8_lossy(&text)
        );
        Line::read(&text).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let at = |micros: i64| Some(proto(Timestamp::from_microsecond(micros).unwrap()));
        for data in ["{\"n\": 9007199254740993,  \"é\":\"\\u00e9\"}", "{\r\n  \"a\": 1\n}", " {} ", "{}"] {
            let record = Line::Record(v1::Record {
                name: "collections/c/records/r.1".into(),
                data: data.into(),
                owner: "a\"b".into(),
                create_time: at(1),
                update_time: at(1_793_000_000_000_123),
                version: 3,
                etag: "\"e\"".into(),
            });
            assert_eq!(back(&record), record, "{data}");
        }
        let collection = Line::Collection(v1::Collection {
            name: "collections/c".into(),
            schema: "{\n \"type\": \"object\"\n}".into(),
            indexes: vec!["a.b".into()],
            rules: Some(v1::Rules { get: Some("true".into()), ..v1::Rules::default() }),
            create_time: at(2),
            update_time: at(3),
            etag: "\"e\"".into(),
            ..v1::Collection::default()
        });
        assert_eq!(back(&collection), collection);
        let account = Line::Account(ArchivedAccount {
            account: Some(v1::Account {
                name: "accounts/7".into(),
                login: "Ann".into(),
                roles: vec!["admin".into()],
                disabled: true,
                create_time: at(4),
                update_time: at(5),
            }),
            password_hash: "$argon2id$…".into(),
        });
        assert_eq!(back(&account), account);
        let begun = Line::Begun(Begun::new(Timestamp::UNIX_EPOCH, vec!["c".into()], None));
        assert_eq!(back(&begun), begun);
    }

    #[test]
    fn what_is_none_of_ours_is_refused() {
        for (text, why) in [
            ("{\"begun\":{\"skep\":\"x\",\"form\":1,\"at\":\"2026-01-01T00:00:00Z\",\"only\":[]}}", "no archive"),
            ("{\"begun\":{\"skep\":\"archive\",\"form\":2,\"at\":\"2026-01-01T00:00:00Z\",\"only\":[]}}", "later"),
            ("{\"id\":\"a\"}", "unknown variant"),
            ("[1]", ""),
            ("a,b,c", ""),
        ] {
            let error = Line::read(text.as_bytes()).unwrap_err();
            assert!(format!("{error:#}").contains(why), "{text}: {error:#}");
        }
    }
}
