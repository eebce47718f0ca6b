//! What a rule is judged on.

use cel::{
    Context,
    common::{
        types::{CelBool, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelTimestamp},
        value::Val,
    },
};
use chrono::DateTime;
use prost_types::Timestamp;
use serde_json::Value;
use skep_proto::v1::Record;

use crate::{check::Uses, number::number};

/// What a rule is judged on; what is absent is null.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    /// `auth`: who asks, if anybody is signed in.
    pub auth: Option<Account<'a>>,
    /// `record`: what is stored.
    pub record: Option<&'a Record>,
    /// `data`: what the record's data is to become, a JSON object.
    pub data: Option<&'a [u8]>,
}

/// `auth`
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// Its id.
    pub id: &'a str,
    /// The name that it signs in by.
    pub name: &'a str,
    /// What it may be besides itself.
    pub roles: &'a [String],
}

type Boxed<'v> = Box<dyn Val + 'v>;

impl<'a> Subject<'a> {
    /// Gives `context` what the rule uses; `None` where that cannot be read.
    pub(crate) fn bind(&self, uses: Uses, context: &mut Context<'_, 'a>) -> Option<()> {
        if uses.auth {
            context.add_variable_as_val("auth", self.auth.map_or_else(null, account));
        }
        if uses.record {
            let record = self.record.map_or_else(|| Some(null()), |stored| record(stored, uses.record_data))?;
            context.add_variable_as_val("record", record);
        }
        if uses.data {
            context.add_variable_as_val("data", self.data.map_or_else(|| Some(null()), json)?);
        }
        Some(())
    }
}

fn account(account: Account<'_>) -> Boxed<'_> {
    let roles: Vec<_> = account.roles.iter().map(|role| text(role)).collect();
    object([("id", text(account.id)), ("name", text(account.name)), ("roles", Box::new(CelList::from(roles)))])
}

fn record(record: &Record, with_data: bool) -> Option<Boxed<'_>> {
    let id = record.name.rsplit_once('/').map_or(&*record.name, |(_, id)| id);
    let members = [
        ("id", text(id)),
        ("owner", if record.owner.is_empty() { null() } else { text(&record.owner) }),
        ("created_at", time(record.create_time.as_ref())?),
        ("updated_at", time(record.update_time.as_ref())?),
        ("version", Box::new(CelInt::from(record.version))),
    ];
    let data = if with_data { Some(("data", json(&record.data)?)) } else { None };
    Some(object(members.into_iter().chain(data)))
}

fn object<'v>(members: impl IntoIterator<Item = (&'v str, Boxed<'v>)>) -> Boxed<'v> {
    let members = members.into_iter().map(|(name, value)| (CelMapKey::from(name), value));
    Box::new(CelMap::from(members.collect::<std::collections::HashMap<_, _>>()))
}

fn text(text: &str) -> Boxed<'_> {
    Box::new(CelString::from(text))
}

fn null<'v>() -> Boxed<'v> {
    Box::new(CelNull)
}

fn time<'v>(time: Option<&Timestamp>) -> Option<Boxed<'v>> {
    let time = time?;
    let time = DateTime::from_timestamp(time.seconds, u32::try_from(time.nanos).ok()?)?;
    Some(Box::new(CelTimestamp::from(time.fixed_offset())))
}

fn json<'v>(text: &[u8]) -> Option<Boxed<'v>> {
    serde_json::from_slice(text).ok().map(value)
}

fn value<'v>(json: Value) -> Boxed<'v> {
    match json {
        Value::Null => null(),
        Value::Bool(truth) => Box::new(CelBool::from(truth)),
        Value::Number(read) => number(&read),
        Value::String(text) => Box::new(CelString::from(text)),
        Value::Array(elements) => Box::new(CelList::from(elements.into_iter().map(value).collect::<Vec<_>>())),
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, member)| (CelMapKey::from(name), value(member)));
            Box::new(CelMap::from(members.collect::<std::collections::HashMap<_, _>>()))
        }
    }
}
