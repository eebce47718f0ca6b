use std::sync::Arc;

use skep_proto::{Code, Error};
use uuid::Uuid;

/// The role that may do everything.
const ADMIN: &str = "admin";

/// On whose behalf a request is made.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// Nobody is signed in.
    Anonymous,
    /// The account that is.
    Account(Arc<Identity>),
}

/// An account, as far as rules may know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) id: Uuid,
    /// What it signs in by.
    pub(crate) name: String,
    pub(crate) roles: Vec<String>,
}

impl Identity {
    /// The account's resource name (AIP-122).
    pub(crate) fn resource(&self) -> String {
        format!("accounts/{}", self.id)
    }

    /// The resource name of one of its sessions.
    pub(crate) fn session(&self, session: Uuid) -> String {
        format!("accounts/{}/sessions/{session}", self.id)
    }
}

impl Caller {
    /// The account's id as the contract has it: empty for nobody.
    pub(crate) fn account(&self) -> String {
        self.identity().map(|identity| identity.id.to_string()).unwrap_or_default()
    }

    pub(crate) fn identity(&self) -> Option<&Identity> {
        match self {
            Self::Anonymous => None,
            Self::Account(identity) => Some(identity),
        }
    }

    pub(crate) fn is_admin(&self) -> bool {
        self.identity().is_some_and(|identity| identity.roles.iter().any(|role| role == ADMIN))
    }

    /// # Errors
    ///
    /// `unauthenticated`
    pub(crate) fn signed_in(&self) -> Result<&Identity, Error> {
        self.identity().ok_or_else(|| Error::new(Code::Unauthenticated, "nobody is signed in; POST /v1/sessions"))
    }

    /// # Errors
    ///
    /// `unauthenticated`, and `forbidden` for whoever is no administrator.
    pub(crate) fn administrator(&self) -> Result<&Identity, Error> {
        let identity = self.signed_in()?;
        if self.is_admin() {
            return Ok(identity);
        }
        Err(Error::new(Code::Forbidden, "this is for administrators"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(roles: &[&str]) -> Caller {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        Caller::Account(Arc::new(Identity { id: Uuid::nil(), name: "ann".into(), roles }))
    }

    #[test]
    fn administrators_are_those_of_that_very_role() {
        let told = |caller: Caller| caller.administrator().err().map(|error| error.code);
        assert_eq!(told(Caller::Anonymous), Some(Code::Unauthenticated));
        assert_eq!(told(caller(&["Admin", "administrator"])), Some(Code::Forbidden));
        assert_eq!(told(caller(&["editor", "admin"])), None);
        assert_eq!((Caller::Anonymous.account(), caller(&[]).account()), (String::new(), Uuid::nil().to_string()));
    }
}
