//! The store on Cassandra: any number of replicas over one cluster, every statement at QUORUM.
//!
//! The model is in `docs/decisions/cassandra-model.md`; each file here holds the statements of one of its tables.

mod accounts;
mod authorize;
mod building;
mod claims;
mod contention;
#[cfg(feature = "conformance")]
mod crash;
mod database;
mod definitions;
mod dividing;
mod dropping;
mod entries;
mod errors;
mod filling;
mod gathered;
mod heads;
mod indexed;
mod known;
mod leaves;
mod list;
mod maps;
mod notes;
mod owned;
mod place;
mod prepared;
mod rows;
mod schema;
mod seek;
mod session;
mod settings;
mod splitting;
mod statements;
mod surveys;
mod sweep;
mod watched;
mod windows;
mod work;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use skep_proto::{Code, Error, mutation};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

pub use self::authorize::Authorize;
#[cfg(feature = "conformance")]
pub use self::crash::Lifetime;
pub(crate) use self::settings::SETTINGS;
pub use self::settings::{
    CASSANDRA_HOSTS, CASSANDRA_KEYSPACE, CASSANDRA_PASSWORD, CASSANDRA_REPLICATION_FACTOR, CASSANDRA_TLS_CA,
    CASSANDRA_USERNAME, Keyspace, Settings,
};
pub use self::watched::Pace;
use self::{database::Database, place::Regimes, session::Link};
use super::{
    About, Access, Bounds, Definition, Dropped, Key, Note, Page, Position, Result, Row, Span, Store, Survey, Swap,
};

const BETWEEN_TRIES: Duration = Duration::from_secs(1);

/// A store in a Cassandra cluster. Until it is reached every operation is refused as `unavailable`.
pub struct Cassandra {
    keyspace: String,
    database: Arc<OnceLock<Arc<Database>>>,
    _connecting: AbortOnDropHandle<()>,
}

impl Cassandra {
    /// Begins to connect, and goes on until it succeeds. Must be called on a Tokio runtime.
    ///
    /// # Errors
    /// When the authorities of [`Settings::authority`] cannot be read.
    pub fn open(settings: Settings) -> anyhow::Result<Self> {
        Self::open_on(settings, |_| ())
    }

    /// As [`open`](Self::open), but its process lives no longer than `lifetime`.
    ///
    /// # Errors
    /// As there.
    #[cfg(feature = "conformance")]
    pub fn open_for(settings: Settings, lifetime: Lifetime) -> anyhow::Result<Self> {
        Self::open_on(settings, move |link| link.lifetime = lifetime.clone())
    }

    fn open_on(settings: Settings, prepare: impl Fn(&mut Link) + Send + Sync + 'static) -> anyhow::Result<Self> {
        let tls = session::tls(&settings)?;
        let (keyspace, database) = (settings.keyspace.to_string(), Arc::new(OnceLock::new()));
        let found = Arc::clone(&database);
        let connecting = async move {
            let connect = async || {
                let mut link = Link::connect(&settings, tls.clone()).await?;
                prepare(&mut link);
                Database::open(link, &settings).await
            };
            let database = loop {
                match connect().await {
                    Ok(connected) => break found.get_or_init(|| Arc::new(connected)),
                    Err(error) => {
                        let hosts = settings.hosts.join(",");
                        tracing::warn!(error.message = format!("{error:#}"), hosts, "waiting for cassandra");
                    }
                }
                tokio::time::sleep(BETWEEN_TRIES).await;
            };
            tracing::info!(keyspace = %settings.keyspace, "connected to cassandra");
            tokio::join!(database.keep_divided(), database.keep_indexed());
        };
        Ok(Self { keyspace, database, _connecting: AbortOnDropHandle::new(tokio::spawn(connecting)) })
    }

    fn database(&self) -> Result<&Arc<Database>> {
        self.database.get().ok_or_else(|| Error::new(Code::Unavailable, "the database is not reached yet; ask again"))
    }
}

#[async_trait]
impl Store for Cassandra {
    async fn ready(&self) -> Result<()> {
        // A real read at QUORUM, of a name that no collection has.
        self.database()?.read_collection("").await.map(drop)
    }

    async fn read(&self, key: Key<'_>) -> Result<Option<Row>> {
        let database = self.database()?;
        let collection = database.collection_of(key.collection).await?;
        database.find(key, &collection).await
    }

    async fn insert(&self, key: Key<'_>, row: Row) -> Result<()> {
        let database = self.database()?;
        let collection = database.admit(key.collection).await?;
        database.copy(key, &collection, None, &row).await?;
        database.confirm(&collection, key.id, &row).await
    }

    async fn swap(&self, key: Key<'_>, before: Option<&Row>, row: Row) -> Result<Swap<Row>> {
        let database = self.database()?;
        let collection = database.admit(key.collection).await?;
        let swapped = database.decide(key, &collection, before, &row).await?;
        database.confirm(&collection, key.id, &row).await?;
        Ok(swapped)
    }

    async fn shows(&self, key: Key<'_>, row: &Row) -> Result<bool> {
        let database = self.database()?;
        let collection = database.collection_of(key.collection).await?;
        let shown = database.entry(key, &collection.regimes, row.created_at).await?;
        Ok(shown.is_some_and(|shown| shown.version >= row.version))
    }

    async fn scan(
        &self,
        collection: Uuid,
        access: &Access,
        descending: bool,
        after: Option<&Position>,
        bounds: Bounds,
    ) -> Result<Page> {
        let database = self.database()?;
        let known = database.collection_of(collection).await?;
        database.list(&known, access, descending, after, bounds).await
    }

    async fn noted(&self, key: Uuid) -> Result<Option<Note>> {
        self.database()?.noted(key).await
    }

    async fn note(&self, key: Uuid, note: Note) -> Result<Option<Note>> {
        self.database()?.write_note(key, &note).await
    }

    async fn definition(&self, name: &str) -> Result<Option<Arc<Definition>>> {
        let collection = self.database()?.collection(name).await?;
        Ok(collection.map(|collection| Arc::clone(&collection.definition)))
    }

    async fn definitions(&self, after: &str, limit: usize) -> Result<Vec<Arc<Definition>>> {
        self.database()?.collections(after, limit).await
    }

    async fn define(&self, expected: Option<Uuid>, definition: Definition) -> Result<Swap<Definition>> {
        self.database()?.write_definition(expected, definition, Regimes::default()).await
    }

    async fn define_for(&self, definition: Definition, spans: &[Span]) -> Result<Swap<Definition>> {
        self.database()?.write_definition(None, definition, Regimes::for_spans(spans, mutation::now())).await
    }

    async fn about(&self) -> Result<About> {
        let nodes = self.database.get().map(|database| database.link.nodes()).unwrap_or_default();
        Ok(About::Cassandra(self.keyspace.clone(), nodes))
    }

    async fn survey(&self, collection: Uuid, id: Uuid) -> Result<Option<Survey>> {
        self.database()?.survey(collection, id).await
    }

    async fn surveys(&self) -> Result<Vec<Arc<Definition>>> {
        match self.database.get() {
            Some(database) => database.surveys().await,
            None => Ok(Vec::new()),
        }
    }

    async fn note_survey(&self, collection: Uuid, expected: Option<&Survey>, survey: Survey) -> Result<Swap<Survey>> {
        self.database()?.note_survey(collection, expected, &survey).await
    }

    async fn drop_collection(&self, definition: &Definition, force: bool) -> Result<Dropped> {
        let (database, definition) = (Arc::clone(self.database()?), definition.clone());
        // It goes on when its caller does not wait: half dropped, the collection would refuse writes for long.
        let dropping = tokio::spawn(async move { database.drop_collection(&definition, force).await });
        dropping.await.map_err(|_| errors::unavailable())?
    }

    async fn sweep(&self) -> Result<bool> {
        match self.database.get() {
            Some(database) => database.clear_step().await,
            None => Ok(false),
        }
    }
}
