use std::{fmt, num::NonZeroU16, path::PathBuf};

use fred::types::config::{Config, Server, ServerConfig, TlsConfig};
use kit::{
    Secret,
    config::{Setting, Values},
};
use tokio_rustls::TlsConnector;

const REDIS_HOST: Setting = Setting::new("REDIS_HOST", "the host of Redis, where gates share sessions and limits");
const REDIS_PORT: Setting = Setting::new("REDIS_PORT", "the port of Redis").default("6379");
const REDIS_USERNAME: Setting = Setting::new("REDIS_USERNAME", "whom the gate is to Redis");
const REDIS_PASSWORD: Setting = Setting::new("REDIS_PASSWORD", "the password that Redis asks for").secret();
const REDIS_TLS_CA: Setting =
    Setting::new("REDIS_TLS_CA", "a PEM file with the authorities of Redis' certificate; it turns TLS on");
const REDIS_URL: Setting = Setting::new(
    "REDIS_URL",
    "redis://, rediss://, redis-sentinel:// or redis-cluster:// with all that is needed, instead of REDIS_HOST",
)
.secret();

pub(super) const SETTINGS: [Setting; 6] =
    [REDIS_HOST, REDIS_PORT, REDIS_USERNAME, REDIS_PASSWORD, REDIS_TLS_CA, REDIS_URL];

/// The schemes of [`REDIS_URL`]; the library would take any other for the first.
const SCHEMES: [&str; 6] = ["redis", "rediss", "redis-sentinel", "rediss-sentinel", "redis-cluster", "rediss-cluster"];

/// Where Redis is, and who asks it.
#[derive(Clone)]
pub struct RedisConfig(pub(crate) Config);

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisConfig").field(&self.0.server).finish()
    }
}

impl RedisConfig {
    /// `None` without Redis.
    pub(super) fn read(values: &mut Values) -> Option<Self> {
        let url: Option<Secret> = values.get(&REDIS_URL);
        let (host, username): (Option<String>, Option<String>) = (values.get(&REDIS_HOST), values.get(&REDIS_USERNAME));
        let (port, password): (NonZeroU16, Option<Secret>) = (values.value(&REDIS_PORT), values.get(&REDIS_PASSWORD));
        let tls = values.get(&REDIS_TLS_CA).and_then(|path: PathBuf| {
            let trusted = kit::trusting(&path);
            trusted.inspect_err(|why| values.fault("REDIS_TLS_CA", format!("cannot be used: {why:#}."))).ok()
        });
        let tls = tls.map(|trusted| TlsConfig::from(TlsConnector::from(trusted)));
        let has_parts = host.is_some() || username.is_some() || password.is_some();
        if url.is_some() && has_parts {
            values.fault("REDIS_URL", "says everything: give it, or REDIS_HOST and what belongs to that.");
        }
        if url.is_none() && host.is_none() && has_parts {
            values.fault("REDIS_HOST", "is needed with REDIS_USERNAME and REDIS_PASSWORD.");
        }
        if username.is_some() && password.is_none() {
            values.fault("REDIS_PASSWORD", "is needed with REDIS_USERNAME.");
        }
        if let Some(url) = url {
            let config = by_url(url.expose());
            if config.is_none() {
                values.fault("REDIS_URL", "is not of its form, such as redis://:PASSWORD@redis:6379, rediss://redis, redis-sentinel://a:26379?node=b:26379&sentinelServiceName=mymaster, redis-cluster://a:6379?node=b:6379.");
            }
            return config.map(|config| Self(Config { tls: tls.or(config.tls.clone()), ..config }));
        }
        let server = ServerConfig::Centralized { server: Server::new(host?, port.get()) };
        let password = password.map(|password| password.expose().to_owned());
        Some(Self(Config { server, username, password, tls, fail_fast: false, ..Config::default() }))
    }
}

fn by_url(url: &str) -> Option<Config> {
    let (scheme, rest) = url.split_once("://")?;
    let is_known = SCHEMES.contains(&scheme) && !rest.is_empty();
    let config = is_known.then(|| Config::from_url(url).ok())??;
    // A Redis that is not there yet is waited for.
    Some(Config { fail_fast: false, ..config })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_every_kind_are_read_and_no_other() {
        for (url, hosts) in [
            ("redis://redis", 1),
            ("redis://:secret@redis:7000/2", 1),
            ("rediss://ann:secret@redis", 1),
            ("redis-sentinel://a:26379?node=b:26379&sentinelServiceName=mymaster", 2),
            ("redis-cluster://a:6379?node=b:6379", 2),
        ] {
            let config = by_url(url).unwrap_or_else(|| panic!("{url}"));
            assert_eq!(config.server.hosts().len(), hosts, "{url}");
            assert_eq!(config.tls.is_some(), url.starts_with("rediss"), "{url}");
            assert!(!format!("{:?}", RedisConfig(config)).contains("secret"), "{url}");
        }
        for url in ["", "redis", "redis://", "http://redis", "redis-sentinel://a:1", "redis://redis:99999"] {
            assert!(by_url(url).is_none(), "{url}");
        }
    }
}
