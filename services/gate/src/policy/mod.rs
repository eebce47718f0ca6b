//! What a gate asks of its clients: settings.

mod client;
mod origins;
mod redis;

use std::{net::IpAddr, str::FromStr, sync::Arc, time::Duration};

use http::HeaderMap;
use kit::{
    Public,
    config::{Period, Setting, Values},
};

pub(crate) use self::client::Client;
pub use self::{client::ClientAddress, origins::Origins, redis::RedisConfig};
use crate::limit::Rate;

const SESSION_LIFETIME: Setting =
    Setting::new("SESSION_LIFETIME", "how long a session lasts that is not used").default("30d");
const SIGN_UP: Setting = Setting::new("SIGN_UP", "whether anybody can make an account: open or closed").default("open");
const RATE_LIMIT: Setting =
    Setting::new("RATE_LIMIT", "how much an account or an address may ask, or off for no limit at all")
        .default("6000/1m");
const SIGN_IN_LIMIT: Setting = Setting::new(
    "SIGN_IN_LIMIT",
    "how often a name may be signed in from one address; an address may ten times as often in all",
)
.default("10/1m");
const CLIENT_ADDRESS: Setting =
    Setting::new("CLIENT_ADDRESS", "where a client's address is from: peer, forwarded or none").default("peer");
const TRUSTED_PROXIES: Setting = Setting::new(
    "TRUSTED_PROXIES",
    "the addresses or networks of the proxies whose X-Forwarded-For is believed, separated by commas",
);
const CORS_ORIGINS: Setting = Setting::new(
    "CORS_ORIGINS",
    "the origins whose pages may use the API, such as https://app.example.org, separated by commas",
);

/// The bounds of [`SESSION_LIFETIME`]; the upper one is what browsers keep a cookie for, and storage a session.
const LIFETIMES: [Duration; 2] = [Duration::from_mins(1), Duration::from_hours(400 * 24)];

/// What a gate asks of its clients.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How long a session lasts that is not used.
    pub session_lifetime: Duration,
    /// Whether anybody can make an account; else administrators alone.
    pub sign_up: bool,
    /// How much an account or an address may ask.
    pub rate_limit: Option<Rate>,
    /// How often a name may be signed in from one address.
    pub sign_in_limit: Option<Rate>,
    /// Where a client's address is from.
    pub client_address: ClientAddress,
    /// Whose pages may use the API.
    pub origins: Origins,
    /// What clients are shown who connect by TLS; all do, or none.
    pub tls: Option<Arc<Public>>,
    /// Where gates share what they remember.
    pub redis: Option<RedisConfig>,
}

impl Default for Policy {
    /// Without limits.
    fn default() -> Self {
        Self {
            session_lifetime: Duration::from_hours(30 * 24),
            sign_up: true,
            rate_limit: None,
            sign_in_limit: None,
            client_address: ClientAddress::Peer,
            origins: Origins::default(),
            tls: None,
            redis: None,
        }
    }
}

impl Policy {
    /// The settings of a gate that shares with no other.
    pub fn own_settings() -> Vec<Setting> {
        let own = [SESSION_LIFETIME, SIGN_UP, RATE_LIMIT, SIGN_IN_LIMIT, CLIENT_ADDRESS, TRUSTED_PROXIES, CORS_ORIGINS];
        [&own[..], &Public::SETTINGS].concat()
    }

    /// All settings.
    pub fn settings() -> Vec<Setting> {
        [Self::own_settings(), redis::SETTINGS.to_vec()].concat()
    }

    /// Reads [`settings`](Self::settings).
    pub fn read(values: &mut Values) -> Self {
        let redis = RedisConfig::read(values);
        Self { redis, ..Self::read_own(values) }
    }

    /// Who sends a request on a connection of `peer`.
    pub(crate) fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Client {
        let client = self.client_address.of(peer, headers);
        Client { is_secure: client.is_secure || self.tls.is_some(), ..client }
    }

    /// Reads [`own_settings`](Self::own_settings).
    pub fn read_own(values: &mut Values) -> Self {
        let Period(session_lifetime) = values.value(&SESSION_LIFETIME);
        let [shortest, longest] = LIFETIMES;
        if !(shortest..=longest).contains(&session_lifetime) {
            values.fault("SESSION_LIFETIME", "is shorter than 1m or longer than 400d. Give a time between.");
        }
        let (Limit(rate_limit), sign_in_limit) = (values.value(&RATE_LIMIT), values.value(&SIGN_IN_LIMIT));
        let SignUp(sign_up) = values.value(&SIGN_UP);
        let proxies = values.get::<client::Networks>(&TRUSTED_PROXIES);
        let client_address = match (values.value(&CLIENT_ADDRESS), proxies) {
            (ClientAddress::Forwarded(_), Some(client::Networks(proxies))) => ClientAddress::Forwarded(proxies),
            (address @ ClientAddress::Forwarded(_), None) => {
                values.fault("TRUSTED_PROXIES", "is needed with CLIENT_ADDRESS=forwarded: name the proxies, since anybody can send X-Forwarded-For.");
                address
            }
            (address, None) => address,
            (address, Some(_)) => {
                values.fault("TRUSTED_PROXIES", "is of use with CLIENT_ADDRESS=forwarded alone. Give both or neither.");
                address
            }
        };
        Self {
            session_lifetime,
            sign_up,
            rate_limit,
            sign_in_limit: rate_limit.and(Some(sign_in_limit)),
            client_address,
            origins: values.get(&CORS_ORIGINS).unwrap_or_default(),
            tls: Public::read(values),
            redis: None,
        }
    }
}

/// A rate, or `off`.
struct Limit(Option<Rate>);

impl FromStr for Limit {
    type Err = <Rate as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" { Ok(Self(None)) } else { text.parse().map(|rate| Self(Some(rate))) }
    }
}

/// `open` or `closed`.
struct SignUp(bool);

impl FromStr for SignUp {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "open" => Ok(Self(true)),
            "closed" => Ok(Self(false)),
            _ => Err("sign-up is open or closed"),
        }
    }
}
