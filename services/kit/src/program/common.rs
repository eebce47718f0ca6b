use std::{net::SocketAddr, path::PathBuf, time::Duration};

use crate::{
    Config,
    config::{Address, ByteSize, Setting, Values},
    logging::{self, Directives},
};

const METRICS_ADDR: Setting =
    Setting::new("METRICS_ADDR", "where /metrics, /livez, /readyz and /healthz are served").default("127.0.0.1:9080");
const LOG_DIR: Setting = Setting::new("LOG_DIR", "the folder of the log files").default("./logs");
const LOG: Setting =
    Setting::new("LOG", "what is logged: a level, or target=level, separated by commas").default("info");
const LOG_ROTATION: Setting =
    Setting::new("LOG_ROTATION", "how often a new log file begins: minutely, hourly, daily").default("hourly");
const DRAIN_SECONDS: Setting =
    Setting::new("DRAIN_SECONDS", "how many seconds a stop waits for what is in flight").default("20");
const LOG_KEEP_DAYS: Setting = Setting::new("LOG_KEEP_DAYS", "after how many days a log file is removed").default("7");
const LOG_KEEP_BYTES: Setting =
    Setting::new("LOG_KEEP_BYTES", "how much space a service's log files may take").default("1GiB");

/// A century: what is longer is a slip, and beyond what times can be reckoned with.
const MOST_DAYS: u32 = 36_500;

/// The settings of every process.
pub(super) struct Common {
    pub(super) metrics_addr: SocketAddr,
    pub(super) drain: Duration,
    pub(super) logs: logging::Options,
}

impl Config for Common {
    fn settings() -> Vec<Setting> {
        vec![METRICS_ADDR, LOG_DIR, LOG, LOG_ROTATION, DRAIN_SECONDS, LOG_KEEP_DAYS, LOG_KEEP_BYTES]
    }

    fn read(values: &mut Values) -> Self {
        let keep_days = values.value(&LOG_KEEP_DAYS);
        if keep_days > MOST_DAYS {
            values.fault("LOG_KEEP_DAYS", format_args!("is {keep_days}, more than {MOST_DAYS}. Give fewer days."));
        }
        Self {
            metrics_addr: values.value::<Address>(&METRICS_ADDR).0,
            drain: Duration::from_secs(values.value(&DRAIN_SECONDS)),
            logs: logging::Options {
                dir: values.value::<PathBuf>(&LOG_DIR),
                directives: values.value::<Directives>(&LOG),
                period: values.value::<logging::Period>(&LOG_ROTATION),
                keep_days,
                keep_bytes: values.value::<ByteSize>(&LOG_KEEP_BYTES).as_u64(),
            },
        }
    }
}

/// Where the process that has these settings answers for `path`: a wildcard address is asked on loopback.
pub(super) fn own_url(values: &mut Values, path: &str) -> String {
    let Address(mut addr) = values.value(&METRICS_ADDR);
    if addr.ip().is_unspecified() {
        addr.set_ip(if addr.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() });
    }
    format!("http://{addr}{path}")
}
