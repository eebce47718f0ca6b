//! A line of the file.

use anyhow::ensure;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use skep_proto::v1::{self, ArchivedAccount};

use super::text::{Account, Collection, Record};

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
            Text::Account(account) => Self::Account(account.into()),
            Text::Collection(collection) => Self::Collection(collection.into()),
            Text::Record(record) => Self::Record(record.try_into()?),
            Text::End(end) => Self::End(end),
        })
    }

    /// The line, with its end.
    pub(crate) fn write(&self) -> anyhow::Result<Vec<u8>> {
        let text = match self {
            Self::Begun(begun) => Text::Begun(begun.clone()),
            Self::Account(account) => Text::Account(account.try_into()?),
            Self::Collection(collection) => Text::Collection(collection.try_into()?),
            Self::Record(record) => Text::Record(record.try_into()?),
            Self::End(end) => Text::End(end.clone()),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::archive::proto;

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
