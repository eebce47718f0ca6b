//! Which addresses storage has.

use std::{
    collections::BTreeMap,
    fmt, io,
    net::{Ipv6Addr, SocketAddr},
    num::NonZeroU16,
};

use futures_util::future::{BoxFuture, join_all};
use tracing::warn;

/// Where storage is: host names and addresses with their ports.
#[derive(Clone, PartialEq, Eq)]
pub struct Storages(Vec<(String, u16)>);

impl Storages {
    /// Reads `a:1,b:2`; `port` is that of those without. `None` if a part is no host name or address.
    pub fn parse(text: &str, port: NonZeroU16) -> Option<Self> {
        text.split(',').map(|part| host(part.trim(), port)).collect::<Option<_>>().map(Self)
    }

    /// Each host with its port.
    pub fn hosts(&self) -> impl Iterator<Item = (&str, u16)> {
        self.0.iter().map(|(host, port)| (host.as_str(), *port))
    }
}

impl From<SocketAddr> for Storages {
    fn from(address: SocketAddr) -> Self {
        Self(vec![(address.ip().to_string(), address.port())])
    }
}

impl fmt::Debug for Storages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(host, port)| format!("{host}:{port}"))).finish()
    }
}

fn host(text: &str, port: NonZeroU16) -> Option<(String, u16)> {
    if text.parse::<Ipv6Addr>().is_ok() {
        return Some((text.to_owned(), port.get()));
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return (address.port() != 0).then(|| (address.ip().to_string(), address.port()));
    }
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, port.parse().ok()?),
        None => (text, port),
    };
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    (!name.is_empty() && is_name).then(|| (name.to_owned(), port.get()))
}

/// Finds the addresses of a name.
pub trait Resolve: Send + Sync + 'static {
    /// The addresses that the name has now.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
}

/// Asks the system, which asks anew each time: the C library keeps no answers.
#[derive(Clone, Copy, Debug)]
pub struct System;

impl Resolve for System {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}

/// The names, with the addresses that each had when it last had any.
pub(super) struct Names {
    resolve: Box<dyn Resolve>,
    known: Vec<((String, u16), Vec<SocketAddr>)>,
    /// Whether it was told that a name cannot be resolved.
    told: bool,
}

impl Names {
    pub(super) fn new(storages: Storages, resolve: impl Resolve) -> Self {
        let known = storages.0.into_iter().map(|name| (name, Vec::new())).collect();
        Self { resolve: Box::new(resolve), known, told: false }
    }

    /// All addresses, with a name of each; those of a name that is not answered for are the last ones.
    pub(super) async fn addresses(&mut self) -> BTreeMap<SocketAddr, String> {
        let asked = self.known.iter().map(|((host, port), _)| self.resolve.resolve(host, *port));
        let (answers, mut fault) = (join_all(asked).await, None);
        for (((host, _), known), answer) in self.known.iter_mut().zip(answers) {
            match answer {
                Ok(answer) if !answer.is_empty() => *known = answer,
                Ok(_) => fault = Some((host, "no address".to_owned())),
                Err(error) => fault = Some((host, error.to_string())),
            }
        }
        if let Some((host, why)) = &fault
            && !self.told
        {
            warn!(server.address = *host, error.message = why, "storage cannot be resolved; its last addresses stay");
        }
        self.told = fault.is_some();
        let known = self.known.iter().rev();
        known.flat_map(|((host, _), known)| known.iter().map(|address| (*address, host.clone()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn hosts_are_names_or_addresses_with_or_without_ports() {
        let port = NonZeroU16::new(7).unwrap();
        for (text, expected) in [
            ("tasks.storage", vec!["tasks.storage:7"]),
            ("10.0.0.1", vec!["10.0.0.1:7"]),
            ("::1", vec!["::1:7"]),
            ("a:1, b_2:2,[::1]:3,::2,c", vec!["a:1", "b_2:2", "::1:3", "::2:7", "c:7"]),
        ] {
            let read = Storages::parse(text, port).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(read.0.iter().map(|(host, port)| format!("{host}:{port}")).collect::<Vec<_>>(), expected);
        }
        for text in ["", "a,", "a:0", "1.2.3.4:0", "a:b", "a:1:2", "user@a", "a/b", "a b", "é", "a:70000"] {
            assert_eq!(Storages::parse(text, port), None, "{text}");
        }
    }

    type Answers = Arc<Mutex<Vec<io::Result<Vec<SocketAddr>>>>>;

    struct Scripted(Answers);

    impl Resolve for Scripted {
        fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
            let answer = match host {
                "steady" => Ok(vec![SocketAddr::from(([127, 0, 0, 9], port))]),
                _ => self.0.lock().unwrap().remove(0),
            };
            Box::pin(async { answer })
        }
    }

    #[tokio::test]
    async fn what_is_not_answered_stays_as_it_was() {
        let [a, b] = [1, 2].map(|last| SocketAddr::from(([127, 0, 0, last], 1)));
        let steady = SocketAddr::from(([127, 0, 0, 9], 7));
        let answers = vec![
            Err(io::ErrorKind::TimedOut.into()),
            Ok(vec![a, b]),
            Ok(vec![]),
            Err(io::ErrorKind::TimedOut.into()),
            Ok(vec![b]),
        ];
        let storages = Storages::parse("steady,moving:1", NonZeroU16::new(7).unwrap()).unwrap();
        let mut names = Names::new(storages, Scripted(Arc::new(Mutex::new(answers))));
        for expected in [vec![steady], vec![a, b, steady], vec![a, b, steady], vec![a, b, steady], vec![b, steady]] {
            assert_eq!(names.addresses().await.into_keys().collect::<Vec<_>>(), expected);
        }
    }
}
