use std::str::FromStr;

use http::{
    HeaderMap, HeaderValue, Method,
    header::{HOST, ORIGIN},
    uri::{Authority, Uri},
};
use skep_proto::{Code, Error};

/// The origins whose pages may use the API beside its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Vec<HeaderValue>);

impl Origins {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The origin that a request is from, if it is one of these.
    pub(crate) fn listed<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        headers.get(ORIGIN).filter(|origin| self.0.contains(origin))
    }

    /// Refuses a write that a page of another origin makes: a browser adds the cookie by itself. To what came by TLS
    /// (`is_secure`) a page that did not is another, whoever it says it is.
    ///
    /// # Errors
    ///
    /// `forbidden`
    pub(crate) fn admit(&self, method: &Method, uri: &Uri, headers: &HeaderMap, is_secure: bool) -> Result<(), Error> {
        let mut origins = headers.get_all(ORIGIN).iter();
        let (origin, more) = (origins.next(), origins.next());
        let by_site = headers.get("sec-fetch-site").map(|site| site == "same-origin" || site == "none");
        let is_own = match (by_site, origin) {
            // Browsers tell it on trustworthy origins, others do not: those say where they come from.
            (Some(is_own), _) => is_own,
            (None, None) => true,
            (None, Some(origin)) => is_host(origin, uri, headers, is_secure),
        };
        if method.is_safe() || (more.is_none() && (is_own || self.listed(headers).is_some())) {
            return Ok(());
        }
        Err(Error::new(Code::Forbidden, "a page of another origin may not write here; see CORS_ORIGINS"))
    }
}

/// Whether the origin is the host that is asked. A proxy may have taken TLS off and not said so: `https` always can be.
fn is_host(origin: &HeaderValue, uri: &Uri, headers: &HeaderMap, is_secure: bool) -> bool {
    let Some((scheme, origin)) = origin.to_str().ok().and_then(|origin| origin.split_once("://")) else { return false };
    let is_https = scheme.eq_ignore_ascii_case("https");
    let default = if is_https { ":443" } else { ":80" };
    let header = || headers.get(HOST).and_then(|host| host.to_str().ok());
    let Some(host) = uri.authority().map(Authority::as_str).or_else(header) else { return false };
    (is_https || !is_secure) && host.strip_suffix(default).unwrap_or(host).eq_ignore_ascii_case(origin)
}

impl FromStr for Origins {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',').map(|part| origin(part.trim())).collect::<Result<_, _>>().map(Self)
    }
}

/// An origin as browsers write it (RFC 6454, 6.2).
fn origin(text: &str) -> Result<HeaderValue, String> {
    let uri = text.parse::<Uri>().ok().filter(|uri| {
        let host = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        // Parsed, a URI without a path has one.
        is_web && host.is_some_and(|host| text.ends_with(host.as_str())) && text == text.to_ascii_lowercase()
    });
    let value = uri.and_then(|_| HeaderValue::try_from(text).ok());
    value.ok_or_else(|| {
        format!("{text:?} is no origin such as https://app.example.org, in lower case and without a path")
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn admits(origins: &Origins, method: &Method, lines: &[(&'static str, &'static str)]) -> bool {
        let line = |(name, line): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(line))
        };
        origins.admit(method, &Uri::from_static("/"), &lines.iter().map(line).collect(), false).is_ok()
    }

    #[test]
    fn pages_of_other_origins_may_not_write() {
        let own = Origins::default();
        let admits = |host, lines: &[_]| admits(&own, &Method::PUT, &[&[("host", host)], lines].concat());
        assert!(admits("a", &[]), "no browser");
        for (host, origin) in [("localhost:8082", "http://LOCALHOST:8082"), ("a:443", "https://a"), ("a", "https://a")]
        {
            assert!(admits(host, &[("origin", origin)]), "{origin}");
            assert!(!admits(host, &[("origin", origin), ("sec-fetch-site", "same-site")]), "{origin}");
        }
        for origin in ["http://evil.example", "null", "http://a:81", "https://a:80", "", "http://a.evil.example"] {
            assert!(!admits("a", &[("origin", origin)]), "{origin}");
            assert!(admits("a", &[("origin", origin), ("sec-fetch-site", "same-origin")]), "the browser knows better");
        }
        assert!(!admits("a", &[("origin", "http://a"), ("origin", "http://a")]));
        for (site, expected) in [("none", true), ("same-origin", true), ("same-site", false), ("cross-site", false)] {
            assert_eq!(admits("a", &[("sec-fetch-site", site)]), expected, "{site}");
        }
    }

    #[test]
    fn by_tls_the_same_host_in_the_clear_is_another() {
        for (origin, expected) in
            [("https://a", true), ("HTTPS://a", true), ("http://a", false), ("http://a:443", false)]
        {
            let headers = [("host", "a"), ("origin", origin)]
                .map(|(name, line)| (HeaderName::from_static(name), HeaderValue::from_static(line)));
            let admitted =
                Origins::default().admit(&Method::PUT, &Uri::from_static("/"), &HeaderMap::from_iter(headers), true);
            assert_eq!(admitted.is_ok(), expected, "{origin}");
        }
    }

    #[test]
    fn listed_ones_may_and_anybody_may_read() {
        let listed: Origins = "https://app.example, http://localhost:5173".parse().unwrap();
        let page = [("host", "a"), ("origin", "https://app.example"), ("sec-fetch-site", "cross-site")];
        assert!(admits(&listed, &Method::POST, &page));
        assert!(!admits(&Origins::default(), &Method::POST, &page) && admits(&Origins::default(), &Method::GET, &page));
    }

    #[test]
    fn origins_are_read_or_refused() {
        for text in
            ["", "*", "https://", "app.example", "https://a/", "https://a/b", "https://A", "ftp://a", "http://u@a"]
        {
            assert!(text.parse::<Origins>().is_err(), "{text}");
        }
    }
}
