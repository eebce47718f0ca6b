use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use skep_proto::{
    Code, Error, mutation,
    v1::{Account, GetSessionResponse, Session},
};
use uuid::Uuid;

use crate::access::Identity;

/// An expiry is moved at most this often.
const MOVED_EVERY: Duration = Duration::from_hours(1);
/// And, where sessions are short, not before so small a part of their lifetime has passed.
const PART: u32 = 24;

/// What storage said of a session in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) identity: Arc<Identity>,
    /// Microseconds since the epoch.
    expires: i64,
}

/// An entry as Redis keeps it; the account's id is in its key.
#[derive(Deserialize, Serialize)]
struct Kept<'a> {
    name: String,
    #[serde(borrow)]
    roles: Vec<std::borrow::Cow<'a, str>>,
    expires: i64,
}

impl Entry {
    /// # Errors
    ///
    /// `internal` for an answer that lacks what the contract promises.
    pub(super) fn new(account: Uuid, answer: GetSessionResponse) -> Result<Self, Error> {
        let GetSessionResponse {
            session: Some(Session { expire_time: Some(time), .. }),
            account: Some(Account { login: name, roles, .. }),
        } = answer
        else {
            return Err(Error::new(Code::Internal, "storage answered with half a session"));
        };
        let expires = time.seconds.saturating_mul(1_000_000).saturating_add(i64::from(time.nanos / 1000));
        Ok(Self { identity: Arc::new(Identity { id: account, name, roles }), expires })
    }

    pub(super) fn is_in_force(&self) -> bool {
        self.expires > mutation::now()
    }

    /// Whether the expiry, which moves to a `lifetime` from now, last moved long ago.
    pub(super) fn is_due(&self, lifetime: Duration) -> bool {
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let moved = self.expires.saturating_sub(micros(lifetime));
        mutation::now().saturating_sub(moved) > micros(MOVED_EVERY.min(lifetime / PART))
    }

    pub(super) fn to_json(&self) -> String {
        let Identity { name, roles, .. } = &*self.identity;
        let roles = roles.iter().map(|role| role.as_str().into()).collect();
        serde_json::to_string(&Kept { name: name.clone(), roles, expires: self.expires }).unwrap_or_default()
    }

    /// `None` for what [`to_json`](Self::to_json) did not write.
    pub(super) fn from_json(account: Uuid, json: &str) -> Option<Self> {
        let Kept { name, roles, expires } = serde_json::from_str(json).ok()?;
        let roles = roles.into_iter().map(std::borrow::Cow::into_owned).collect();
        Some(Self { identity: Arc::new(Identity { id: account, name, roles }), expires })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An entry whose session expires so many seconds from now.
    pub(crate) fn entry(seconds: i64) -> Entry {
        let identity = Identity { id: Uuid::nil(), name: "Ann \"é\"".into(), roles: vec!["admin".into()] };
        Entry { identity: Arc::new(identity), expires: mutation::now() + seconds * 1_000_000 }
    }

    #[test]
    fn an_entry_survives_its_json_and_nothing_else_is_one() {
        let entry = entry(1);
        assert_eq!(Entry::from_json(Uuid::nil(), &entry.to_json()), Some(entry));
        for json in ["", "{}", "null", r#"{"name":"a","roles":[],"expires":"soon"}"#] {
            assert_eq!(Entry::from_json(Uuid::nil(), json), None, "{json}");
        }
    }

    #[test]
    fn an_expiry_is_moved_once_an_hour_and_sooner_where_sessions_are_short() {
        const DAY: i64 = 86_400;
        let due =
            |lifetime: i64, used: i64| entry(lifetime - used).is_due(Duration::from_secs(lifetime.unsigned_abs()));
        for (lifetime, used, expected) in
            [(30 * DAY, 3500, false), (30 * DAY, 3700, true), (240, 5, false), (240, 15, true), (240, -60, false)]
        {
            assert_eq!(due(lifetime, used), expected, "{used} of {lifetime}");
        }
        assert!(entry(1).is_in_force() && !entry(0).is_in_force());
    }
}
