use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const SECRET: usize = 32;
const BYTES: usize = 16 + SECRET;

/// What a session is asked with: the account's id, then 256 random bits; as text, 64 characters of base64url (RFC 4648,
/// 5). That it names its account lets all that concerns one account lie in one place.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; BYTES]);

impl Token {
    /// A token of `account` with that secret, which is random and used for nothing else.
    pub fn new(account: Uuid, secret: [u8; SECRET]) -> Self {
        let mut bytes = [0; BYTES];
        bytes[..16].copy_from_slice(account.as_bytes());
        bytes[16..].copy_from_slice(&secret);
        Self(bytes)
    }

    /// Reads what [`reveal`](Self::reveal) wrote; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; BYTES];
        let read = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (read == BYTES).then_some(Self(bytes))
    }

    /// As its bearer sends it: a secret.
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The account that it claims to be of.
    pub fn account(&self) -> Uuid {
        let mut id = [0; 16];
        id.copy_from_slice(&self.0[..16]);
        Uuid::from_bytes(id)
    }

    /// The session's id: a UUIDv8 of the first half of the token's SHA-256. Whoever has the token knows it, and nobody
    /// the other way round.
    pub fn session(&self) -> Uuid {
        let mut half = [0; 16];
        half.copy_from_slice(&Sha256::digest(self.0)[..16]);
        Uuid::new_v8(half)
    }

    /// `accounts/{account}/sessions/{session}`.
    pub fn name(&self) -> String {
        format!("accounts/{}/sessions/{}", self.account(), self.session())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_account_and_its_session_and_shows_itself_to_nobody() {
        let account = Uuid::now_v7();
        let token = Token::new(account, [7; SECRET]);
        let text = token.reveal();
        assert_eq!(text.len(), 64);
        assert_eq!(Token::parse(&text), Some(token.clone()));
        assert_eq!(token.account(), account);
        assert_ne!(token.session(), Token::new(account, [8; SECRET]).session());
        assert!(!format!("{token:?}").contains(&text[40..]));
        for wrong in ["", "bee", &text[1..], &format!("{text}A"), &text.replace(&text[60..], "===="), &"é".repeat(32)]
        {
            assert_eq!(Token::parse(wrong), None, "{wrong}");
        }
    }
}
