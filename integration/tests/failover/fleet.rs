use std::{
    collections::{BTreeMap, HashMap},
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use futures_util::future::BoxFuture;
use gate::backend::remote::{Resolve, Storages, connect_by};
use integration::{ChaosProxy, eventually};
use kit::Internal;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use skep_proto::{Contract, v1::ListCollectionsRequest};
use storage::{grpc::Engine, store::embedded::Embedded};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::Mutex as Turn, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::Request;

/// One fleet at a time: on two cores another one's load would be a fault of its own.
pub(crate) static ALONE: Turn<()> = Turn::const_new(());
const BOUND: Duration = Duration::from_secs(10);

/// What a name server says, as a test has it.
#[derive(Clone, Default)]
pub(crate) struct Names(Arc<Mutex<Option<Vec<SocketAddr>>>>);

impl Names {
    /// `None` fails.
    pub(crate) fn say(&self, answer: Option<Vec<SocketAddr>>) {
        *self.0.lock().unwrap() = answer;
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let answer = self.0.lock().unwrap().clone();
        Box::pin(async { answer.ok_or_else(|| io::ErrorKind::TimedOut.into()) })
    }
}

/// A storage as the gate sees it.
pub(crate) struct Storage {
    /// Between the gate and it.
    pub(crate) network: ChaosProxy,
    stop: CancellationToken,
    serving: JoinHandle<anyhow::Result<()>>,
}

impl Storage {
    async fn start(engine: &Arc<Engine>, number: u8) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let network = ChaosProxy::start((Ipv4Addr::new(127, 0, 0, number), 0).into(), listener.local_addr()?).await?;
        let stop = CancellationToken::new();
        let (engine, stopped) = (engine.clone(), stop.clone());
        let serving =
            tokio::spawn(
                async move { storage::grpc::serve(engine, listener, &Internal::default(), 64, stopped).await },
            );
        Ok(Self { network, stop, serving })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.network.address()
    }

    /// As SIGTERM does.
    pub(crate) async fn terminate(&mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        (&mut self.serving).await?
    }
}

/// Storages on one store, the name that they have, and who asks them.
pub(crate) struct Fleet {
    pub(crate) storages: Vec<Storage>,
    pub(crate) names: Names,
    pub(crate) door: [Arc<dyn Contract>; 1],
    engine: Arc<Engine>,
    _folder: TempDir,
}

impl Fleet {
    /// At 127.0.0.2 and on.
    pub(crate) async fn start(storages: u8) -> anyhow::Result<Self> {
        recorder();
        let folder = TempDir::new()?;
        let engine = Arc::new(Engine::new(Arc::new(Embedded::open(folder.path())?)));
        let names = Names::default();
        let remote =
            connect_by(names.clone(), Storages::parse("storage", 1.try_into()?).unwrap(), &Internal::default())?;
        let door: [Arc<dyn Contract>; 1] = [Arc::new(remote)];
        let mut fleet = Self { storages: Vec::new(), names, door, engine, _folder: folder };
        for number in 0..storages {
            fleet.add(2 + number).await?;
        }
        fleet.all_serve().await?;
        Ok(fleet)
    }

    /// One more, which the name has too.
    pub(crate) async fn add(&mut self, number: u8) -> anyhow::Result<()> {
        self.storages.push(Storage::start(&self.engine, number).await?);
        self.tell();
        Ok(())
    }

    /// Has the name answered for with those there are.
    pub(crate) fn tell(&self) {
        self.names.say(Some(self.storages.iter().map(Storage::address).collect()));
    }

    pub(crate) async fn all_serve(&self) -> anyhow::Result<()> {
        let all = async || {
            self.is_answered().await;
            let calls = calls();
            self.storages.iter().all(|storage| calls.contains_key(&storage.address())).then_some(())
        };
        eventually("all storages are asked", BOUND, all).await
    }

    /// Whether a call is answered.
    pub(crate) async fn is_answered(&self) -> bool {
        let asked = ListCollectionsRequest { page_size: 1, ..Default::default() };
        self.door[0].list_collections(Request::new(asked)).await.is_ok()
    }

    /// How many calls each of its storages has had.
    pub(crate) fn calls(&self) -> BTreeMap<SocketAddr, u64> {
        let calls = calls();
        let of = |address| calls.get(&address).copied().unwrap_or_default();
        self.storages.iter().map(|storage| (storage.address(), of(storage.address()))).collect()
    }
}

fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| PrometheusBuilder::new().install_recorder().unwrap())
}

/// Of every fleet of this process; addresses are used once.
fn calls() -> HashMap<SocketAddr, u64> {
    let read = |line: &str| {
        let (address, count) = line.strip_prefix("skep_backend_calls_total{endpoint=\"")?.split_once("\"} ")?;
        Some((address.parse().ok()?, count.parse().ok()?))
    };
    recorder().render().lines().filter_map(read).collect()
}

/// The metric of that name, over all fleets.
pub(crate) fn metric(name: &str) -> u64 {
    let value = |line: &str| line.strip_prefix(name)?.trim().parse().ok();
    recorder().render().lines().find_map(value).unwrap_or_default()
}
