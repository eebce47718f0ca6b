use super::{Setting, Values};
use crate::Secret;

/// The gRPC side's shared secret, beside or instead of mutual TLS.
pub const INTERNAL_TOKEN: Setting =
    Setting::new("INTERNAL_TOKEN", "the secret that gates and tools share with storage").secret();

impl Values {
    /// [`INTERNAL_TOKEN`], which must be fit for a header.
    pub fn internal_token(&mut self) -> Option<Secret> {
        let token: Secret = self.get(&INTERNAL_TOKEN)?;
        if !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            let why = "holds other than printable ASCII, which no header carries. Choose another, without spaces.";
            self.fault("INTERNAL_TOKEN", why);
        }
        Some(token)
    }
}
