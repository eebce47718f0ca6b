//! The first administrator.

use kit::{
    Secret,
    config::{Setting, Values},
};
use skep_proto::Code;
use uuid::Uuid;

use super::{Accounts, New, name, passwords};
use crate::store::Result;

/// The first administrator's name.
pub const ADMIN_NAME: Setting = Setting::new("ADMIN_NAME", "the name of the first administrator").default("admin");
/// The first administrator's password.
pub const ADMIN_PASSWORD: Setting = Setting::new(
    "ADMIN_PASSWORD",
    "the password of the first administrator, who is made unless an account of that name exists",
)
.secret();
/// The role that may do everything.
const ADMIN: &str = "admin";
/// What a password that is made up consists of: 32 letters and digits that are not taken for each other.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const GROUPS: usize = 6;
const GROUP: usize = 4;

/// Who is to be the first administrator.
#[derive(Clone, Debug)]
pub struct Administrator {
    /// [`ADMIN_NAME`].
    pub name: String,
    /// [`ADMIN_PASSWORD`].
    pub password: Option<Secret>,
}

impl Administrator {
    /// What `values` say.
    pub(crate) fn read(values: &mut Values) -> Self {
        let (name, password): (String, Option<Secret>) = (values.value(&ADMIN_NAME), values.get(&ADMIN_PASSWORD));
        if let Some(fault) = name::fault(&name) {
            values.fault("ADMIN_NAME", format_args!("{fault}."));
        }
        if let Some(fault) = password.as_ref().and_then(|password| passwords::fault(password.expose())) {
            values.fault("ADMIN_PASSWORD", format_args!("{fault}."));
        }
        Self { name, password }
    }
}

impl Accounts {
    /// Makes the administrator whom `wanted` names, if it has a password for them and no account has the name. Whoever
    /// repeats the call does so with the same `mutation`.
    pub async fn ensure(&self, wanted: &Administrator, mutation: Uuid) -> Result<()> {
        let Some(password) = wanted.password.clone() else { return Ok(()) };
        let new = New { login: wanted.name.clone(), password, roles: vec![ADMIN.to_owned()], disabled: false };
        match self.create(new, mutation).await {
            Ok(_) => tracing::info!("the first administrator is made"),
            Err(error) if error.code == Code::AccountExists => {
                let account = self.named(&wanted.name).await?;
                if !account.is_some_and(|account| account.roles.iter().any(|role| role == ADMIN)) {
                    tracing::warn!(
                        "the account that ADMIN_NAME names is no administrator: name another, or give it the role"
                    );
                }
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// A password of 120 random bits that a person can read and type.
pub fn made_up_password() -> Secret {
    let letters: [u8; GROUPS * GROUP] = rand::random();
    let letters = letters.map(|random| char::from(LETTERS[usize::from(random) % LETTERS.len()]));
    let groups: Vec<String> = letters.chunks(GROUP).map(|group| group.iter().collect()).collect();
    groups.join("-").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_is_made_up_can_be_read_and_is_never_the_same() {
        let (one, other) = (made_up_password(), made_up_password());
        assert_ne!(one.expose(), other.expose());
        assert_eq!(one.expose().split('-').map(str::len).collect::<Vec<_>>(), [GROUP; GROUPS]);
        assert_eq!(passwords::fault(one.expose()), None);
    }
}
