//! The storage that a command speaks to.

use std::{net::SocketAddr, num::NonZeroU16, sync::Arc, time::Duration};

use anyhow::anyhow;
use futures_util::future::BoxFuture;
use gate::backend::remote::{self, Storages};
use kit::{
    Failed, Internal,
    config::{Setting, Values},
};
use skep_proto::{Code, Contract, Error};
use tokio::time::{Instant, sleep};
use tonic::Request;

pub(super) const SKEP_ADDR: Setting =
    Setting::new("SKEP_ADDR", "the storage to speak to: host:port, or several as a:1,b:2").default("127.0.0.1:8081");
/// Of a storage that is named without one.
pub(super) const PORT: NonZeroU16 = NonZeroU16::new(8081).expect("not zero");
/// How long a storage that does not answer is waited for by who has much to do, and how long between two tries.
const PATIENCE: Duration = Duration::from_mins(2);
const BETWEEN_TRIES: Duration = Duration::from_millis(500);

/// Where storage is, and how it is spoken to.
pub(crate) struct Access {
    host: String,
    storages: Storages,
    internal: Internal,
}

impl Access {
    /// What [`read`](Self::read) reads.
    pub(crate) fn settings() -> Vec<Setting> {
        [&[SKEP_ADDR][..], &Internal::SETTINGS].concat()
    }

    pub(crate) fn read(values: &mut Values) -> Self {
        let storages = hosts(values, "SKEP_ADDR", &SKEP_ADDR, PORT);
        let storages = storages.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], PORT.get())).into());
        Self { host: values.value(&SKEP_ADDR), storages, internal: Internal::read(values) }
    }

    /// Begins to speak. Must be called on a Tokio runtime.
    pub(crate) fn connect(self) -> anyhow::Result<Storage> {
        let contract = Arc::new(remote::connect(self.storages, &self.internal)?);
        Ok(Storage { host: self.host.into(), contract })
    }
}

/// The hosts that the setting of that name lists, if it is given; `port` is that of those without.
pub(super) fn hosts(values: &mut Values, name: &'static str, setting: &Setting, port: NonZeroU16) -> Option<Storages> {
    let given: String = values.get(setting)?;
    let read = Storages::parse(&given, port);
    if read.is_none() {
        let form = "which is no list of host names or addresses. Name one, or several as a:1,b:2.";
        values.fault(name, format!("is {given:?}, {form}"));
    }
    read
}

/// A connection to storage: to any of the replicas that its name has.
#[derive(Clone)]
pub(crate) struct Storage {
    host: Arc<str>,
    contract: Arc<dyn Contract>,
}

impl Storage {
    /// Asks once: a second storage is asked where one does not answer.
    pub(crate) async fn ask<Q, A>(
        &self,
        request: Q,
        call: impl for<'a> FnOnce(&'a dyn Contract, Request<Q>) -> BoxFuture<'a, Result<A, Error>>,
    ) -> anyhow::Result<A> {
        call(&*self.contract, Request::new(request)).await.map_err(|error| self.explained(error))
    }

    /// Asks what may be asked again, until there is an answer: storage may be away for a while.
    pub(crate) async fn ask_on<Q: Clone, A>(
        &self,
        request: Q,
        call: impl for<'a> Fn(&'a dyn Contract, Request<Q>) -> BoxFuture<'a, Result<A, Error>>,
    ) -> anyhow::Result<A> {
        let until = Instant::now() + PATIENCE;
        loop {
            match call(&*self.contract, Request::new(request.clone())).await {
                Err(error) if is_away(error.code) && Instant::now() < until => sleep(BETWEEN_TRIES).await,
                answer => return answer.map_err(|error| self.explained(error)),
            }
        }
    }

    fn explained(&self, error: Error) -> anyhow::Error {
        let host = &self.host;
        match error.code {
            code if is_away(code) => Failed::unavailable(anyhow!(
                "storage at {host} does not answer: {}. See that it runs, and that SKEP_ADDR names it",
                error.detail
            ))
            .into(),
            Code::Unauthenticated => anyhow!("storage at {host} does not let us in: give INTERNAL_TOKEN_FILE"),
            _ => error.into(),
        }
    }
}

fn is_away(code: Code) -> bool {
    matches!(code, Code::Unavailable | Code::Overloaded | Code::DeadlineExceeded)
}
