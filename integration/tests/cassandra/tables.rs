//! The tables themselves, seen past the store.

use std::collections::{BTreeMap, BTreeSet};

use scylla::{
    client::{session::Session, session_builder::SessionBuilder},
    statement::Consistency,
    value::{CqlValue, Row},
};
use storage::store::cassandra::Settings;
use uuid::Uuid;

pub(crate) type Regime = (i64, i64, i32);

/// Of a head, besides its key.
const HEAD_CELLS: [&str; 8] =
    ["mutation", "created_at", "data", "owner", "updated_at", "version", "history", "fingerprint"];

/// A session of the driver in a store's keyspace.
pub(crate) struct Tables(Session);

impl Tables {
    pub(crate) async fn of(settings: &Settings) -> anyhow::Result<Self> {
        let mut builder = SessionBuilder::new().known_nodes(&settings.hosts);
        if let Some((name, password)) = &settings.user {
            builder = builder.user(name, password.expose());
        }
        let profile = scylla::client::execution_profile::ExecutionProfile::builder().consistency(Consistency::Quorum);
        let builder = builder.default_execution_profile_handle(profile.build().into_handle());
        let session = builder.use_keyspace(settings.keyspace.to_string(), false).build().await?;
        Ok(Self(session))
    }

    pub(crate) async fn run(&self, statement: &str) -> anyhow::Result<()> {
        Ok(self.0.query_unpaged(statement, ()).await.map(drop)?)
    }

    /// The versions of the schema that are complete.
    pub(crate) async fn versions(&self) -> anyhow::Result<Vec<i32>> {
        let rows = self.0.query_unpaged("SELECT version FROM migrations WHERE realm = 'schema'", ()).await?;
        let rows = rows.into_rows_result()?;
        let versions = rows.rows::<(Option<i32>,)>()?.filter_map(|row| row.map(|(version,)| version).transpose());
        Ok(versions.collect::<Result<_, _>>()?)
    }

    /// The uids of collections whose records are still to be cleared away, by name.
    pub(crate) async fn dropped(&self) -> anyhow::Result<BTreeMap<String, Uuid>> {
        let rows = self.0.query_unpaged("SELECT name, uid FROM dropped WHERE realm = 'all'", ()).await?;
        Ok(rows.into_rows_result()?.rows::<(String, Uuid)>()?.collect::<Result<_, _>>()?)
    }

    /// Opens a collection that is being dropped, as who finds the mark abandoned; `false` if it is not marked.
    pub(crate) async fn reopen(&self, name: &str) -> anyhow::Result<bool> {
        let text = "UPDATE collections SET closing = null WHERE realm = 'all' AND name = ? IF closing != null";
        let rows = self.0.query_unpaged(text, (name,)).await?.into_rows_result()?;
        Ok(rows.first_row::<Row>()?.columns[0] == Some(CqlValue::Boolean(true)))
    }

    /// Divides a collection so, as replicas would have by and by: regimes are from when on, how long, and how many shards.
    pub(crate) async fn divide(&self, name: &str, regimes: &[Regime]) -> anyhow::Result<()> {
        let text = "UPDATE collections SET regimes = ? WHERE realm = 'all' AND name = ? IF EXISTS";
        Ok(self.0.query_unpaged(text, (regimes, name)).await.map(drop)?)
    }

    /// How a collection is divided.
    pub(crate) async fn regimes(&self, name: &str) -> anyhow::Result<Vec<Regime>> {
        let text = "SELECT regimes FROM collections WHERE realm = 'all' AND name = ?";
        let rows = self.0.query_unpaged(text, (name,)).await?.into_rows_result()?;
        Ok(rows.single_row::<(Vec<Regime>,)>()?.0)
    }

    /// Whether it is somebody's turn to divide it.
    pub(crate) async fn is_being_divided(&self, name: &str) -> anyhow::Result<bool> {
        let text = "SELECT dividing FROM collections WHERE realm = 'all' AND name = ?";
        let rows = self.0.query_unpaged(text, (name,)).await?.into_rows_result()?;
        Ok(rows.single_row::<(Option<Uuid>,)>()?.0.is_some())
    }

    /// As if a record with a head had been made then, and its writer had died before its entry was there.
    pub(crate) async fn antedate(&self, id: &str, created_at: i64) -> anyhow::Result<()> {
        let collection = self.collection_of(id).await?;
        self.run(&format!(
            "UPDATE heads SET created_at = {created_at} WHERE collection = {collection} AND id = '{id}' IF EXISTS"
        ))
        .await?;
        let places = "SELECT window, shard, created_at FROM record_entries WHERE id = ? ALLOW FILTERING";
        let places = self.0.query_unpaged(places, (id,)).await?.into_rows_result()?;
        for place in places.rows::<(i64, i32, i64)>()? {
            let (window, shard, made) = place?;
            let place = format!("window = {window} AND shard = {shard} AND created_at = {made} AND id = '{id}'");
            self.run(&format!("DELETE FROM record_entries WHERE collection = {collection} AND {place}")).await?;
            self.run(&format!("DELETE FROM windows WHERE collection = {collection} AND window = {window}")).await?;
        }
        Ok(())
    }

    /// As if a record had been deleted long ago: its head is gone, and what hides its entry is not.
    pub(crate) async fn forget(&self, id: &str) -> anyhow::Result<()> {
        let collection = self.collection_of(id).await?;
        self.run(&format!("DELETE FROM heads WHERE collection = {collection} AND id = '{id}' IF EXISTS")).await
    }

    /// The windows that are noted: of which collection, and when they begin.
    pub(crate) async fn windows(&self) -> anyhow::Result<BTreeSet<(Uuid, i64)>> {
        let rows = self.0.query_unpaged("SELECT collection, window FROM windows", ()).await?.into_rows_result()?;
        Ok(rows.rows::<(Uuid, i64)>()?.collect::<Result<_, _>>()?)
    }

    /// Notes windows, as a replica does before it writes there.
    pub(crate) async fn note(&self, collection: Uuid, windows: impl Iterator<Item = i64>) -> anyhow::Result<()> {
        let text = "INSERT INTO windows (collection, window, note) VALUES (?, ?, uuid())";
        let note = self.0.prepare(text).await?;
        for window in windows {
            self.0.execute_unpaged(&note, (collection, window)).await?;
        }
        Ok(())
    }

    /// As if it had been dropped long ago.
    pub(crate) async fn age(&self, uid: Uuid) -> anyhow::Result<()> {
        self.run(&format!("UPDATE dropped SET since = 0 WHERE realm = 'all' AND uid = {uid}")).await
    }

    /// The rows of a table that is small.
    pub(crate) async fn count(&self, table: &str) -> anyhow::Result<usize> {
        Ok(self.0.query_unpaged(format!("SELECT * FROM {table}"), ()).await?.into_rows_result()?.rows_num())
    }

    /// How many leaves each index has that was ever changed.
    pub(crate) async fn leaves(&self) -> anyhow::Result<Vec<usize>> {
        let rows = self.0.query_unpaged("SELECT leaves FROM index_maps", ()).await?.into_rows_result()?;
        let leaves = rows.rows::<(Vec<(Vec<u8>, Vec<u8>, Uuid, i8)>,)>()?.map(|row| row.map(|(leaves,)| leaves.len()));
        Ok(leaves.collect::<Result<_, _>>()?)
    }

    /// The lists of owners, by their collections.
    pub(crate) async fn lists(&self) -> anyhow::Result<Vec<(Uuid, Uuid)>> {
        let rows = self.0.query_unpaged("SELECT collection, list FROM owners", ()).await?.into_rows_result()?;
        Ok(rows.rows::<(Uuid, Uuid)>()?.collect::<Result<_, _>>()?)
    }

    /// The lists of owners in which a record is, with its creation there.
    pub(crate) async fn owned(&self, id: &str) -> anyhow::Result<Vec<(Uuid, i64)>> {
        let text = "SELECT list, created_at FROM owned WHERE id = ? ALLOW FILTERING";
        let rows = self.0.query_unpaged(text, (id,)).await?.into_rows_result()?;
        Ok(rows.rows::<(Uuid, i64)>()?.collect::<Result<_, _>>()?)
    }

    /// How long each cell of a record's head is kept, in seconds; `None` for good.
    pub(crate) async fn kept(&self, id: &str) -> anyhow::Result<Vec<Option<i32>>> {
        let cells = HEAD_CELLS.map(|cell| format!("TTL({cell})")).join(", ");
        let rows =
            self.0.query_unpaged(format!("SELECT {cells} FROM heads WHERE id = ? ALLOW FILTERING"), (id,)).await?;
        let row: Row = rows.into_rows_result()?.single_row()?;
        Ok(row.columns.iter().map(|seconds| seconds.as_ref().and_then(CqlValue::as_int)).collect())
    }

    /// Ends the cells of a record's head, as their TTL does; `false` if that leaves a row without any.
    pub(crate) async fn expire(&self, collection: Uuid, id: &str) -> anyhow::Result<bool> {
        let (cells, of) =
            (HEAD_CELLS.join(", "), format!("FROM heads WHERE collection = {collection} AND id = '{id}'"));
        self.run(&format!("DELETE {cells} {of}")).await?;
        let left = self.0.query_unpaged(format!("SELECT id {of}"), ()).await?.into_rows_result()?;
        Ok(left.rows_num() == 0)
    }

    /// The collection of a record with a head.
    pub(crate) async fn collection_of(&self, id: &str) -> anyhow::Result<Uuid> {
        let text = "SELECT collection FROM heads WHERE id = ? ALLOW FILTERING";
        Ok(self.0.query_unpaged(text, (id,)).await?.into_rows_result()?.single_row::<(Uuid,)>()?.0)
    }

    /// How many rows a collection has in each of its tables, without the heads of deleted records, which Cassandra ends
    /// within a day.
    pub(crate) async fn rows_of(&self, collection: Uuid) -> anyhow::Result<BTreeMap<&'static str, usize>> {
        let mut found = BTreeMap::new();
        for (table, statement) in [
            ("record_entries", "SELECT collection, version FROM record_entries"),
            ("heads", "SELECT collection, TTL(mutation) FROM heads"),
            ("windows", "SELECT collection, window FROM windows"),
        ] {
            let rows = self.0.query_unpaged(statement, ()).await?.into_rows_result()?;
            let rows: Vec<Row> = rows.rows()?.collect::<Result<_, _>>()?;
            let of = |row: &&Row| row.columns[0] == Some(CqlValue::Uuid(collection));
            let ends = |row: &&Row| table == "heads" && row.columns[1].is_some();
            found.insert(table, rows.iter().filter(|row| of(row) && !ends(row)).count());
        }
        found.retain(|_, rows| *rows > 0);
        Ok(found)
    }
}
