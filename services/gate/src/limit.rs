//! Limits of rate, by the generic cell rate algorithm (ITU-T I.371): a subject has a time at which it will have paid for
//! all it asked, each request moves that time, and it may lie one period ahead at most.

use std::{fmt, net::IpAddr, str::FromStr, time::Duration};

use kit::config::Period;
use metrics::counter;
use sha2::{Digest, Sha256};
use skep_proto::{Code, Error};
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

/// More characters than a name has, decomposed.
const NAME: usize = 256;

/// So many requests in so much time: `6000/1m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// At least 1.
    quota: u32,
    /// Whole seconds, of which there are 1 to 3600.
    period: Duration,
}

impl Rate {
    /// The period in microseconds.
    pub(crate) fn period(self) -> i64 {
        i64::try_from(self.period.as_micros()).unwrap_or(i64::MAX)
    }

    /// What one request costs, in microseconds.
    pub(crate) fn cost(self) -> i64 {
        self.period() / i64::from(self.quota)
    }

    /// So many times as much in the same time.
    pub(crate) fn times(self, factor: u32) -> Self {
        Self { quota: self.quota.saturating_mul(factor).min(MOST), ..self }
    }

    /// Counts one request at `now`, where `paid` is the subject's time; both are microseconds of one clock. The script
    /// in Redis reckons alike.
    pub(crate) fn step(self, paid: i64, now: i64) -> (i64, Count) {
        // A clock that was set back is not held against anybody.
        let paid = paid.clamp(now, now + self.period());
        let next = paid + self.cost();
        let wait = next - now - self.period();
        if wait > 0 {
            return (paid, Count { rate: self, remaining: 0, reset: paid - now, wait });
        }
        (next, Count { rate: self, remaining: -wait / self.cost(), reset: next - now, wait: 0 })
    }
}

/// A request costs a microsecond at least.
const MOST: u32 = 1_000_000;

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a rate is a number from 1 to 1000000 and a time of 1s to 1h, such as 6000/1m";
        let (quota, period) = text.split_once('/').ok_or(FORM)?;
        let (quota, Period(period)) =
            (quota.trim().parse().map_err(|_| FORM)?, period.trim().parse().map_err(|_| FORM)?);
        let is_whole = period.subsec_nanos() == 0 && (1..=3600).contains(&period.as_secs());
        ((1..=MOST).contains(&quota) && is_whole).then_some(Self { quota, period }).ok_or(FORM)
    }
}

/// As `RateLimit-Policy` has it (draft-ietf-httpapi-ratelimit-headers-10).
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"default\";q={};w={}", self.quota, self.period.as_secs())
    }
}

/// A request, counted: what its subject has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) rate: Rate,
    pub(crate) remaining: i64,
    /// Microseconds until nothing is owed.
    pub(crate) reset: i64,
    /// Microseconds until the next request may come; 0 if this one may.
    pub(crate) wait: i64,
}

impl Count {
    pub(crate) fn is_refused(&self) -> bool {
        self.wait > 0
    }

    /// # Errors
    ///
    /// `rate_limited`, for the limit `by` something, which the metrics tell.
    pub(crate) fn admit(self, by: &'static str) -> Result<(), Error> {
        if !self.is_refused() {
            return Ok(());
        }
        counter!("skep_requests_limited_total", "by" => by).increment(1);
        let Rate { quota, period } = self.rate;
        let detail = format!("no more than {quota} in {} s are served; ask again later", period.as_secs());
        Err(Error {
            retry_after: Some(Duration::from_secs(seconds(self.wait))),
            ..Error::new(Code::RateLimited, detail)
        })
    }
}

/// As `RateLimit` has it.
impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"default\";r={};t={}", self.remaining, seconds(self.reset))
    }
}

/// Rounded up.
fn seconds(micros: i64) -> u64 {
    micros.max(0).unsigned_abs().div_ceil(1_000_000)
}

/// Whose requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    Account(Uuid),
    Address(Network),
    /// What costs the verification of a password, from one address.
    Passwords(Network),
    /// Such for one name, from one address if that is known; both hashed.
    Password([u8; 16]),
}

impl Subject {
    /// What costs the verification of the password of `name`, from `address`.
    pub(crate) fn password(name: &str, address: Option<IpAddr>) -> Self {
        // Spellings that storage holds for one name are counted as one. A longer one it refuses.
        let folded: String =
            name.chars().take(NAME).nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect();
        let address = address.map(|address| Network::from(address).0.to_string()).unwrap_or_default();
        let digest = Sha256::new().chain_update(address).chain_update([0]).chain_update(folded).finalize();
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        Self::Password(half)
    }
}

/// Its key in Redis. What is between the braces is the part that a cluster finds the node by.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(id) => write!(f, "skep:{{{id}}}:limit"),
            Self::Address(address) => write!(f, "skep:{{{}}}:limit", address.0),
            Self::Passwords(address) => write!(f, "skep:{{{}}}:passwords", address.0),
            Self::Password(digest) => write!(f, "skep:{{{:032x}}}:password", u128::from_be_bytes(*digest)),
        }
    }
}

/// What stands for one client: of IPv6 the network of 64 bits, in which a client has all addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Network(IpAddr);

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
            address @ IpAddr::V4(_) => address,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rates_are_read_or_refused() {
        let rate: Rate = "6000/1m".parse().unwrap();
        assert_eq!((rate.cost(), rate.to_string()), (10_000, "\"default\";q=6000;w=60".into()));
        for text in ["", "6000", "0/1m", "-1/1m", "1/0s", "1/1500ms", "1/2h", "1000001/1s", "a/b", "1/1m/1m", "off"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_quota_is_spent_and_comes_back() {
        let rate: Rate = "3/3s".parse().unwrap();
        let (mut paid, mut told) = (0, Vec::new());
        for now in [0, 0, 0, 0, 999_999, 1_000_000, 1_000_000, 10_000_000] {
            let (next, count) = rate.step(paid, now);
            paid = next;
            told.push((count.remaining, count.is_refused(), count.to_string()));
        }
        let shown: Vec<_> = told.iter().map(|(left, refused, _)| (*left, *refused)).collect();
        let expected = [(2, false), (1, false), (0, false), (0, true), (0, true), (0, false), (0, true), (2, false)];
        assert_eq!(shown, expected);
        assert_eq!(told[3].2, "\"default\";r=0;t=3");
        let refused = rate.step(3_000_000, 0).1.admit("test").unwrap_err();
        assert_eq!((refused.code, refused.retry_after), (Code::RateLimited, Some(Duration::from_secs(1))));
    }

    #[test]
    fn clients_are_told_apart_by_address_and_names_by_their_fold() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let key = |text: &str| Subject::Address(ip(text).into());
        assert_eq!(key("::ffff:10.0.0.1"), key("10.0.0.1"));
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:2"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        let (a, b) = (Some(ip("10.0.0.1")), Some(ip("10.0.0.2")));
        assert_eq!(Subject::password("ANNΣ", a), Subject::password("ａnnς", a));
        assert_ne!(Subject::password("ann", a), Subject::password("ann", b));
        let long = "\u{fdfa}".repeat(340_000);
        assert_eq!(Subject::password(&long, a), Subject::password(&long[..3 * NAME], a), "not folded to its end");
        assert_ne!(Subject::password("ann", a), Subject::password("ann", None));
    }

    proptest! {
        #[test]
        fn no_more_than_the_quota_is_admitted_at_once(quota in 1u32..2000, seconds in 1u64..3600, now in 0i64..1 << 50) {
            let rate: Rate = format!("{quota}/{seconds}s").parse().unwrap();
            let (mut paid, mut admitted) = (0, 0);
            loop {
                let (next, count) = rate.step(paid, now);
                if count.is_refused() {
                    // Told the truth: so much later, one more is served.
                    prop_assert!(!rate.step(paid, now + count.wait).1.is_refused());
                    break;
                }
                (paid, admitted) = (next, admitted + 1);
                prop_assert_eq!(count.remaining, i64::from(quota) - admitted);
            }
            prop_assert_eq!(admitted, i64::from(quota));
        }
    }
}
