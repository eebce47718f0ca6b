//! Messages that bear a password or a token: they show nothing of themselves in a log or an error.

use std::fmt;

use crate::v1::*;

/// As the build script leaves them without `Debug`.
macro_rules! hidden {
    ($($message:ident)*) => {
        $(impl fmt::Debug for $message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($message), "(hidden)"))
            }
        })*
    };
}

hidden!(
    CreateAccountRequest UpdateAccountRequest ChangePasswordRequest CreateSessionRequest CreateSessionResponse ArchivedAccount
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let asked = CreateSessionRequest { password: "hunter2".into(), ..Default::default() };
        assert_eq!(format!("{:?}", Some(asked)), "Some(CreateSessionRequest(hidden))");
    }
}
