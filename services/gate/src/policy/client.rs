use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Where a client's address is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAddress {
    /// The connection.
    Peer,
    /// `X-Forwarded-For`, where the connection is from one of these proxies.
    Forwarded(Vec<IpNet>),
    /// Nowhere: something before the gate hides it.
    None,
}

/// Who sends a request, as far as that can be known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) address: Option<IpAddr>,
    /// Whether it came by TLS, to the gate or, as that says, to a proxy.
    pub(crate) is_secure: bool,
}

impl ClientAddress {
    pub(crate) fn of(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Client {
        match self {
            Self::None => Client::default(),
            Self::Peer => Client { address: peer, is_secure: false },
            Self::Forwarded(proxies) => forwarded(proxies, peer.map(|peer| peer.to_canonical()), headers),
        }
    }
}

/// The last address that is no proxy's: what stands before it is what the client says of itself.
fn forwarded(proxies: &[IpNet], peer: Option<IpAddr>, headers: &HeaderMap) -> Client {
    let is_proxy = |address: &IpAddr| proxies.iter().any(|network| network.contains(address));
    let Some(proxy) = peer.filter(is_proxy) else { return Client { address: peer, is_secure: false } };
    let last = |name| headers.get_all(name).iter().next_back().and_then(|line| line.to_str().ok());
    let lines: Vec<_> = headers.get_all(X_FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok()).collect();
    let hops = lines.iter().rev().flat_map(|line| line.rsplit(',')).map(|hop| address_of(hop.trim()));
    let mut address = proxy;
    for hop in hops.map_while(|hop| hop) {
        address = hop.to_canonical();
        if !is_proxy(&address) {
            break;
        }
    }
    let scheme = last(X_FORWARDED_PROTO).and_then(|line| line.rsplit(',').next());
    Client {
        address: Some(address),
        is_secure: scheme.is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https")),
    }
}

/// Some proxies tell the port too.
fn address_of(hop: &str) -> Option<IpAddr> {
    hop.parse().ok().or_else(|| Some(hop.parse::<SocketAddr>().ok()?.ip()))
}

impl FromStr for ClientAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "peer" => Ok(Self::Peer),
            "forwarded" => Ok(Self::Forwarded(Vec::new())),
            "none" => Ok(Self::None),
            _ => Err("a client's address is from peer, forwarded or none"),
        }
    }
}

/// Addresses and networks.
pub(super) struct Networks(pub(super) Vec<IpNet>);

impl FromStr for Networks {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let network = |part: &str| {
            let part = part.trim();
            let found = part.parse::<IpNet>().ok().or_else(|| part.parse::<IpAddr>().ok().map(IpNet::from));
            found.ok_or_else(|| format!("{part:?} is no address or network such as 10.0.0.0/8"))
        };
        text.split(',').map(network).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(peer: &str, lines: &[(HeaderName, &'static str)]) -> (String, bool) {
        let Networks(proxies) = "10.0.0.0/8, 192.0.2.7".parse().unwrap();
        let headers = lines.iter().map(|(name, line)| (name.clone(), HeaderValue::from_static(line))).collect();
        let client = ClientAddress::Forwarded(proxies).of(Some(peer.parse().unwrap()), &headers);
        (client.address.unwrap().to_string(), client.is_secure)
    }

    #[test]
    fn a_proxy_alone_is_believed_and_no_further_than_itself() {
        let said = |line| [(X_FORWARDED_FOR, line), (X_FORWARDED_PROTO, "https")];
        assert_eq!(client("203.0.113.9", &said("198.51.100.1")), ("203.0.113.9".into(), false));
        assert_eq!(client("10.1.1.1", &[]), ("10.1.1.1".into(), false));
        for (line, expected) in [
            ("198.51.100.1", "198.51.100.1"),
            ("6.6.6.6, 198.51.100.1, 192.0.2.7", "198.51.100.1"),
            ("6.6.6.6, nonsense, 10.2.2.2", "10.2.2.2"),
            ("", "10.1.1.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("198.51.100.1:5555", "198.51.100.1"),
            ("[2001:db8::1]:443, 10.2.2.2", "2001:db8::1"),
            ("10.3.3.3,10.2.2.2", "10.3.3.3"),
        ] {
            assert_eq!(client("::ffff:10.1.1.1", &said(line)), (expected.into(), true), "{line}");
        }
        let two = [(X_FORWARDED_FOR, "6.6.6.6"), (X_FORWARDED_FOR, "198.51.100.1"), (X_FORWARDED_PROTO, "https, http")];
        assert_eq!(client("10.1.1.1", &two), ("198.51.100.1".into(), false));
        let headers = HeaderMap::from_iter([(X_FORWARDED_FOR, HeaderValue::from_static("198.51.100.1"))]);
        let peer = Some([10, 0, 0, 1].into());
        assert_eq!(ClientAddress::Peer.of(peer, &headers).address, peer);
        assert_eq!(ClientAddress::None.of(peer, &headers).address, None);
    }

    #[test]
    fn networks_are_read_or_refused() {
        for text in ["", "10.0.0.0/33", "proxy", "10.0.0.1,"] {
            assert!(text.parse::<Networks>().is_err(), "{text}");
        }
    }
}
