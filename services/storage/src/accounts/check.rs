//! What an account may be given. Each place is told as REST bodies have it.

use std::collections::HashSet;

use skep_proto::{Code, Error};

use super::{name, passwords};
use crate::{names::is_word, store::Result};

const MAX_ROLES: usize = 16;

/// Gathers what is wrong.
pub(super) struct Check(Error);

impl Check {
    pub(super) fn new() -> Self {
        Self(Error::new(Code::InvalidBody, "the account cannot be so"))
    }

    pub(super) fn login(self, login: &str) -> Self {
        self.note("/name", name::fault(login))
    }

    pub(super) fn password(self, pointer: &str, password: &str) -> Self {
        self.note(pointer, passwords::fault(password))
    }

    pub(super) fn roles(self, roles: &[String]) -> Self {
        if roles.len() > MAX_ROLES {
            return self.note("/roles", Some("must be at most 16"));
        }
        let mut known = HashSet::new();
        roles.iter().enumerate().fold(self, |check, (i, role)| {
            let fault = match role {
                role if !is_word(role) => Some("must be a letter a-z and at most 62 of a-z 0-9 _ - after it"),
                role if !known.insert(role) => Some("is named twice"),
                _ => None,
            };
            check.note(&format!("/roles/{i}"), fault)
        })
    }

    /// # Errors
    /// `invalid_body` with every place that is wrong.
    pub(super) fn done(self) -> Result<()> {
        if self.0.violations.is_empty() { Ok(()) } else { Err(self.0) }
    }

    pub(super) fn note(self, pointer: &str, fault: Option<&str>) -> Self {
        match fault {
            Some(fault) => Self(self.0.at(pointer, fault)),
            None => self,
        }
    }
}
