//! Whom a request is meant for.

use http::{HeaderValue, Request, Version, header::HOST, uri::Authority};
use skep_proto::{Code, Error};

/// By which names the gate is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// Any: whoever may not ask is kept away by others.
    Any,
    /// The names and addresses of this machine alone: pages elsewhere could have a name of their own lead here (DNS
    /// rebinding).
    Loopback,
}

/// Refuses a request without one well-formed host (RFC 9112, 3.2), and one that is not for `hosts`.
///
/// # Errors
///
/// `invalid_argument` and `forbidden`.
pub(super) fn check<B>(request: &Request<B>, hosts: Hosts) -> Result<(), Error> {
    let host = host(request)?;
    if hosts == Hosts::Any {
        return Ok(());
    }
    if let Some(host) = &host
        && !is_loopback(host.host())
    {
        let detail = "this machine alone is served, by localhost or a loopback address as its name";
        return Err(Error::new(Code::Forbidden, detail));
    }
    Ok(())
}

/// The host that the request names: in its target, or else in its header.
fn host<B>(request: &Request<B>) -> Result<Option<Authority>, Error> {
    let malformed = |detail| Error::new(Code::InvalidArgument, detail);
    let mut lines = request.headers().get_all(HOST).iter();
    let header = match (lines.next(), lines.next()) {
        (None, _) if request.version() == Version::HTTP_11 => return Err(malformed("there is no Host")),
        (_, Some(_)) => return Err(malformed("there is more than one Host")),
        (header, None) => {
            header.map(|host| authority(host).ok_or_else(|| malformed("Host is not a host"))).transpose()?
        }
    };
    Ok(request.uri().authority().cloned().or(header))
}

/// A host and at most a port.
fn authority(host: &HeaderValue) -> Option<Authority> {
    let authority = Authority::try_from(host.as_bytes()).ok()?;
    let port = authority.as_str().strip_prefix(authority.host())?;
    let is_port = port.strip_prefix(':').is_none_or(|port| port.is_empty() || port.parse::<u16>().is_ok());
    (!authority.host().is_empty() && is_port).then_some(authority)
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(hosts: Hosts, method: &str, uri: &str, headers: &[(&str, &str)]) -> Option<Code> {
        let request = headers
            .iter()
            .fold(Request::builder().method(method).uri(uri), |request, (name, value)| request.header(*name, *value));
        check(&request.body(()).unwrap(), hosts).err().map(|error| error.code)
    }

    #[test]
    fn one_well_formed_host_is_demanded() {
        for host in ["x", "a.b:80", "127.0.0.1:", "[::1]:8082", "a_b"] {
            assert_eq!(code(Hosts::Any, "GET", "/", &[("host", host)]), None, "{host}");
        }
        for host in ["", "a b/c", "a/b", "user@a", "a:b", "a:99999", ":80", "a,b c", "[::1"] {
            assert_eq!(code(Hosts::Any, "GET", "/", &[("host", host)]), Some(Code::InvalidArgument), "{host}");
        }
        for headers in [&[][..], &[("host", "a"), ("host", "a")]] {
            assert_eq!(code(Hosts::Any, "GET", "/", headers), Some(Code::InvalidArgument));
        }
        let old = Request::builder().version(Version::HTTP_10).body(()).unwrap();
        assert!(check(&old, Hosts::Loopback).is_ok());
    }

    #[test]
    fn other_names_are_refused_on_loopback() {
        for host in ["localhost", "LOCALHOST:1", "127.0.0.1:8082", "127.9.9.9", "[::1]:8082"] {
            assert_eq!(code(Hosts::Loopback, "DELETE", "/", &[("host", host)]), None, "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "10.0.0.1", "[::2]", "127.0.0.1.evil.example"] {
            assert_eq!(code(Hosts::Loopback, "GET", "/", &[("host", host)]), Some(Code::Forbidden), "{host}");
        }
        let absolute = code(Hosts::Loopback, "GET", "http://evil.example/", &[("host", "localhost")]);
        assert_eq!(absolute, Some(Code::Forbidden), "the target goes before the header");
    }
}
