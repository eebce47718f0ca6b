use http::{
    HeaderMap,
    header::{AUTHORIZATION, COOKIE},
};
use skep_proto::Token;

use super::cookie::NAME;

/// How a request is signed; `None` in it is a text that is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    /// Not at all.
    None,
    /// By `Authorization`, of whatever scheme: that goes before a cookie.
    Bearer(Option<Token>),
    /// By the cookie, which a browser sends by itself.
    Cookie(Option<Token>),
}

impl Credential {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        match (lines.next(), lines.next()) {
            (None, _) => {}
            (Some(line), None) => return Self::Bearer(line.to_str().ok().and_then(bearer)),
            _ => return Self::Bearer(None),
        }
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == NAME).map_or(Self::None, |(_, text)| Self::Cookie(Token::parse(text)))
    }

    pub(crate) fn token(&self) -> Option<&Token> {
        match self {
            Self::None => None,
            Self::Bearer(token) | Self::Cookie(token) => token.as_ref(),
        }
    }
}

/// The token of `Bearer TOKEN` (RFC 6750, 2.1).
fn bearer(line: &str) -> Option<Token> {
    let (scheme, token) = line.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Token::parse(token.trim()))?
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn of(lines: &[(HeaderName, &str)]) -> Credential {
        Credential::of(
            &lines.iter().map(|(name, line)| (name.clone(), HeaderValue::try_from(*line).unwrap())).collect(),
        )
    }

    #[test]
    fn a_header_goes_before_a_cookie() {
        let token = Token::new(Uuid::nil(), [7; 32]);
        let text = token.reveal();
        let cookie = (COOKIE, &*format!("a=b; skep_session={text}; skep_session2=x"));
        assert_eq!(of(&[]), Credential::None);
        assert_eq!(of(std::slice::from_ref(&cookie)), Credential::Cookie(Some(token.clone())));
        assert_eq!(of(&[(COOKIE, "a=b"), cookie.clone()]), Credential::Cookie(Some(token.clone())));
        for scheme in ["Bearer", "bearer", "BEARER "] {
            let line = format!("{scheme} {text}");
            assert_eq!(
                of(&[cookie.clone(), (AUTHORIZATION, &line)]),
                Credential::Bearer(Some(token.clone())),
                "{line}"
            );
        }
        let (basic, bare) = (format!("Basic {text}"), format!("Bearer{text}"));
        for line in ["", "Bearer", "Bearer x", &basic, &bare, &text] {
            assert_eq!(of(&[cookie.clone(), (AUTHORIZATION, line)]), Credential::Bearer(None), "{line}");
        }
        let line = format!("Bearer {text}");
        assert_eq!(of(&[(AUTHORIZATION, &line), (AUTHORIZATION, &line)]), Credential::Bearer(None));
        assert_eq!(of(&[(COOKIE, "skep_session=x")]), Credential::Cookie(None));
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_refused(cookie in "[ -~]{0,80}", authorization in "[ -~]{0,80}") {
            prop_assert!(of(&[(COOKIE, &cookie)]).token().is_none());
            prop_assert!(matches!(of(&[(AUTHORIZATION, &authorization)]), Credential::Bearer(None)));
        }
    }
}
