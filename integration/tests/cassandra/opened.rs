use std::{collections::BTreeMap, sync::Arc, time::Duration};

use integration::{Cassandra, eventually};
use storage::{
    grpc::Engine,
    store::cassandra::{Cassandra as CassandraStore, Settings},
};
use tokio::sync::{OnceCell, RwLock};

/// Whoever starts nodes of its own has the machine to itself.
pub(crate) static ALONE: RwLock<()> = RwLock::const_new(());
/// Three migrations at once on two cores, at worst, after a minute in which a dead replica holds their lock.
pub(crate) const CONNECTED: Duration = Duration::from_mins(4);
/// How long the nodes may be too busy for one step of what goes on in the background.
const SWEPT: Duration = Duration::from_mins(1);

/// What storage would read from the environment.
pub(crate) fn settings(variables: &BTreeMap<&'static str, String>, keyspace: &str) -> Settings {
    let get = |name| variables.get(name).cloned();
    Settings {
        hosts: get("CASSANDRA_HOSTS").unwrap().split(',').map(str::to_owned).collect(),
        keyspace: keyspace.parse().unwrap(),
        replication_factor: get("CASSANDRA_REPLICATION_FACTOR").map_or(3, |factor| factor.parse().unwrap()),
        user: get("CASSANDRA_USERNAME").zip(get("CASSANDRA_PASSWORD").map(Into::into)),
        authority: get("CASSANDRA_TLS_CA").map(Into::into),
    }
}

/// An engine of its own, as another replica would be, once it can serve.
pub(crate) async fn replica(settings: Settings) -> anyhow::Result<Arc<Engine>> {
    serving(CassandraStore::open(settings)?).await
}

/// An engine on `store`, once it can serve.
pub(crate) async fn serving(store: CassandraStore) -> anyhow::Result<Arc<Engine>> {
    let engine = Arc::new(Engine::new(Arc::new(store)));
    eventually("storage is ready", CONNECTED, async || engine.ready().await.ok()).await?;
    Ok(engine)
}

/// The shared cluster, and the keyspace there that all tests share that harm nothing.
pub(crate) async fn shared_settings() -> Settings {
    static KEYSPACE: OnceCell<String> = OnceCell::const_new();
    let cluster = Cassandra::shared().await.unwrap();
    let keyspace = KEYSPACE.get_or_init(async || cluster.keyspace()).await;
    settings(cluster.variables(), keyspace)
}

/// A replica there.
pub(crate) async fn shared() -> Arc<Engine> {
    replica(shared_settings().await).await.unwrap()
}

/// One step of what goes on in the background; asked for again where the nodes do not answer, as storage does. `true` if
/// more is left to do now.
pub(crate) async fn sweep(engine: &Engine) -> anyhow::Result<bool> {
    eventually("a sweep", SWEPT, async || engine.sweep().await.ok()).await
}
