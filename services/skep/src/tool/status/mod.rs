//! `skep status`

mod gates;
mod report;
mod storages;
mod table;

use std::{net::SocketAddr, num::NonZeroU16, time::Duration};

use clap::{Arg, ArgAction, ArgMatches, Command};
use futures_util::future::join_all;
use gate::backend::remote::{Resolve, Storages, System};
use kit::{
    Internal, Job,
    config::{Setting, Values},
    program::Work,
};

use tokio::{net::TcpStream, time::timeout};

use self::report::Report;
use super::{
    output::line,
    storage::{Access, PORT, SKEP_ADDR, hosts},
};

const JSON: &str = "json";
const SKEP_GATES: Setting = Setting::new(
    "SKEP_GATES",
    "the metrics doors of gates to ask too: host:port, or several as a:1,b:2; in the stack tasks.gate:9082",
);
const GATE_PORT: NonZeroU16 = NonZeroU16::new(9082).expect("not zero");
/// How long any of them may take to say how it is; their checks take two seconds at most.
const WITHIN: Duration = Duration::from_secs(5);

pub(super) const JOB: Job = Job {
    name: "status",
    about: "Shows every storage and gate, and whether it is ready",
    settings: || [&Access::settings()[..], &[SKEP_GATES]].concat(),
    shape,
    begin,
};

fn shape(command: Command) -> Command {
    command.arg(Arg::new(JSON).long(JSON).action(ArgAction::SetTrue).help("for programs")).after_help(
        "Exits with 0 if every storage and gate that was found is ready, with 1 if one is not, and with 69 if none \
         answers. A node of Cassandra that is down does not count: storage is ready for as long as enough are up.\n\n\
         Examples:\n  skep status\n  skep status --skep-addr tasks.storage --skep-gates tasks.gate\n  \
         skep status --json | jq '.storages[] | select(.ready | not)'",
    )
}

fn begin(values: &mut Values, matches: &ArgMatches) -> Work {
    // Each address is to be asked by itself, so what `Access` reads is read here.
    let storages = hosts(values, "SKEP_ADDR", &SKEP_ADDR, PORT);
    let gates = hosts(values, "SKEP_GATES", &SKEP_GATES, GATE_PORT);
    let (internal, json) = (Internal::read(values), matches.get_flag(JSON));
    Box::pin(async move {
        let (storages, gates) = tokio::join!(addresses(storages), addresses(gates));
        let storages = join_all(storages.into_iter().map(|found| storages::ask(found, &internal)));
        let gates = join_all(gates.into_iter().map(gates::ask));
        let (storages, gates) = tokio::join!(storages, gates);
        let report = Report::new(storages, gates);
        line(if json { serde_json::to_string(&report)? } else { report.table() }.trim_end())?;
        report.outcome()
    })
}

/// A host with one of its addresses, or why it has none.
struct Found {
    host: String,
    port: u16,
    address: Result<SocketAddr, String>,
}

impl Found {
    fn shown(&self) -> String {
        self.address.as_ref().map_or_else(|_| format!("{}:{}", self.host, self.port), ToString::to_string)
    }
}

/// Of the addresses that this machine has for itself, those at which somebody listens: a process does so at one of them. The
/// first if nobody does.
async fn listening(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let tried = addresses.iter().map(|address| timeout(WITHIN, TcpStream::connect(address)));
    let answers = join_all(tried).await;
    let listens = |answer: &Result<_, _>| matches!(answer, Ok(Ok(_)));
    let kept: Vec<_> =
        addresses.iter().zip(&answers).filter(|(_, answer)| listens(answer)).map(|(at, _)| *at).collect();
    if kept.is_empty() { addresses.into_iter().take(1).collect() } else { kept }
}

/// Every address of the hosts, once.
async fn addresses(hosts: Option<Storages>) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for (host, port) in hosts.iter().flat_map(Storages::hosts) {
        let resolved = System.resolve(host, port).await;
        let addresses = match resolved {
            Ok(mut addresses) if !addresses.is_empty() => {
                addresses.sort_unstable();
                addresses.dedup();
                if addresses.len() > 1 && addresses.iter().all(|address| address.ip().is_loopback()) {
                    addresses = listening(addresses).await;
                }
                addresses.into_iter().map(Ok).collect()
            }
            Ok(_) => vec![Err("its name has no address".to_owned())],
            Err(error) => vec![Err(format!("its name has no address: {error}"))],
        };
        for address in addresses {
            let is_known = address.is_ok() && found.iter().any(|known| known.address == address);
            if !is_known {
                found.push(Found { host: host.to_owned(), port, address });
            }
        }
    }
    found
}
