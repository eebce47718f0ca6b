use std::time::Duration;

use http::HeaderValue;

pub(super) const NAME: &str = "skep_session";

/// `Set-Cookie` that gives a browser its token; `secure` where it came by TLS.
pub(crate) fn cookie(token: &str, lifetime: Duration, secure: bool) -> HeaderValue {
    let end = if secure { "; Secure" } else { "" };
    let seconds = lifetime.as_secs();
    let line = format!("{NAME}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{end}");
    let mut value = HeaderValue::try_from(line).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// `Set-Cookie` that takes it away again.
pub(crate) fn cleared(secure: bool) -> HeaderValue {
    cookie("", Duration::ZERO, secure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_for_this_site_alone_and_for_no_script() {
        let value = cookie("T", Duration::from_mins(1), false);
        assert_eq!(value, "skep_session=T; Path=/; Max-Age=60; HttpOnly; SameSite=Lax");
        assert!(!format!("{value:?}").contains("=T"));
        assert_eq!(cleared(true), "skep_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure");
    }
}
