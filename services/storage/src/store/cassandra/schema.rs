//! The schema: versioned migrations, each made once whoever starts at the same time.

use std::time::Duration;

use anyhow::ensure;
use scylla::statement::Statement;
use sha2::{Digest, Sha256};
use skep_proto::mutation;
use uuid::Uuid;

use super::{
    session::{Link, applied},
    settings::Settings,
};

/// What each version adds to the one before. Never changed once released; each may be made twice.
const MIGRATIONS: &[&[&str]] = &[RECORDS, ACCOUNTS, OWNERS, INDEXES, SURVEYS, TURNS];

const RECORDS: &[&str] = &[
    // Leveled, because a get asks one partition and an update leaves an older copy in another file: a read finds
    // its row in few files. Windows of time are in the key already, so that whole files never expire together.
    "CREATE TABLE IF NOT EXISTS record_entries (collection uuid, window bigint, shard int, created_at bigint, id text, \
     data blob, owner text, updated_at bigint, version bigint, history blob, fingerprint blob, \
     PRIMARY KEY ((collection, window, shard), created_at, id)) \
     WITH CLUSTERING ORDER BY (created_at DESC, id DESC) AND compaction = {'class': 'LeveledCompactionStrategy'}",
    "CREATE TABLE IF NOT EXISTS heads (collection uuid, id text, mutation uuid, created_at bigint, \
     data blob, owner text, updated_at bigint, version bigint, history blob, fingerprint blob, \
     PRIMARY KEY ((collection, id))) WITH compaction = {'class': 'LeveledCompactionStrategy'}",
    // A note that comes back from a node that missed its deletion is of an empty window, and deleted again.
    "CREATE TABLE IF NOT EXISTS windows (collection uuid, window bigint, note uuid, \
     PRIMARY KEY (collection, window, note)) \
     WITH CLUSTERING ORDER BY (window DESC, note ASC) AND gc_grace_seconds = 10800",
    "CREATE TABLE IF NOT EXISTS notes (key uuid PRIMARY KEY, fingerprint blob, seen uuid, expires_at bigint)",
    "CREATE TABLE IF NOT EXISTS collections (realm text, name text, etag uuid, definition blob, \
     regimes frozen<list<frozen<tuple<bigint, bigint, int>>>>, closing uuid, PRIMARY KEY (realm, name))",
    "CREATE TABLE IF NOT EXISTS dropped (realm text, uid uuid, name text, \
     regimes frozen<list<frozen<tuple<bigint, bigint, int>>>>, since bigint, PRIMARY KEY (realm, uid))",
];

const ACCOUNTS: &[&str] = &[
    // Nothing is deleted but by a TTL, which every node sees alike, so tombstones need not wait for a repair: so long
    // as hints are kept.
    "CREATE TABLE IF NOT EXISTS accounts (account uuid, mutation uuid static, details blob static, session uuid, \
     stage tinyint, content blob, PRIMARY KEY (account, session, stage)) \
     WITH CLUSTERING ORDER BY (session ASC, stage DESC) AND gc_grace_seconds = 10800 \
     AND compaction = {'class': 'LeveledCompactionStrategy'}",
    "CREATE TABLE IF NOT EXISTS names (name uuid PRIMARY KEY, account uuid)",
];

const OWNERS: &[&str] = &[
    // An entry that comes back from a node that missed its deletion is checked like any other.
    "CREATE TABLE IF NOT EXISTS owned (list uuid, window bigint, created_at bigint, id text, \
     PRIMARY KEY ((list, window), created_at, id)) \
     WITH CLUSTERING ORDER BY (created_at DESC, id DESC) AND gc_grace_seconds = 10800",
    "CREATE TABLE IF NOT EXISTS owners (collection uuid, part int, list uuid, PRIMARY KEY ((collection, part), list))",
];

const INDEXES: &[&str] = &[
    // Newest first, as most lists are. An entry that comes back is checked like any other.
    "CREATE TABLE IF NOT EXISTS index_entries (leaf uuid, shard int, key blob, created_at bigint, id text, stamp bigint, \
     PRIMARY KEY ((leaf, shard), key, created_at, id)) \
     WITH CLUSTERING ORDER BY (key DESC, created_at DESC, id DESC) AND gc_grace_seconds = 10800 \
     AND compaction = {'class': 'LeveledCompactionStrategy'}",
    "CREATE TABLE IF NOT EXISTS index_maps (collection uuid, field uuid, version uuid, \
     leaves frozen<list<frozen<tuple<blob, blob, uuid, tinyint>>>>, looked bigint, \
     copied frozen<tuple<blob, bigint, text>>, PRIMARY KEY (collection, field))",
    "CREATE TABLE IF NOT EXISTS index_work (realm text, field uuid, note uuid, collection uuid, name text, since bigint, \
     PRIMARY KEY (realm, field, note)) WITH gc_grace_seconds = 10800",
    "ALTER TABLE collections ADD IF NOT EXISTS retired frozen<list<frozen<tuple<uuid, text, bigint>>>>",
];

const SURVEYS: &[&str] = &[
    // Those that are over stay with their collection: some bytes for each change of its schema.
    "CREATE TABLE IF NOT EXISTS surveys (collection uuid, survey uuid, state blob, PRIMARY KEY (collection, survey))",
    "CREATE TABLE IF NOT EXISTS survey_work (realm text, survey uuid, collection uuid, name text, since bigint, \
     PRIMARY KEY (realm, survey))",
];

/// Whose turn it is to divide a collection.
const TURNS: &[&str] = &["ALTER TABLE collections ADD IF NOT EXISTS dividing uuid"];

/// A holder that died is waited for no longer.
const HELD_SECONDS: i32 = 60;
const BETWEEN_TRIES: Duration = Duration::from_millis(500);

/// Makes the keyspace and whatever of the schema is missing, and uses the keyspace.
pub(super) async fn migrate(link: &Link, settings: &Settings) -> anyhow::Result<()> {
    make_keyspace(link, settings).await?;
    let keyspace = &settings.keyspace;
    link.session.use_keyspace(keyspace.to_string(), true).await?;
    // Tables made by two nodes at once must have one id, or the nodes never agree.
    let id = table_id(&keyspace.to_string(), "migrations");
    link.query(
        format!(
            "CREATE TABLE IF NOT EXISTS migrations (realm text, version int, holder uuid static, at bigint, \
                 PRIMARY KEY (realm, version)) WITH id = {id}"
        ),
        (),
    )
    .await?;
    while version(link).await? < MIGRATIONS.len() {
        let me = Uuid::now_v7();
        if !hold(link, me, None).await? {
            tokio::time::sleep(BETWEEN_TRIES).await;
            continue;
        }
        let done = version(link).await?;
        for (number, migration) in MIGRATIONS.iter().enumerate().skip(done) {
            for statement in *migration {
                ensure!(hold(link, me, Some(me)).await?, "another replica took over the migration");
                link.query(*statement, ()).await?;
            }
            note(link, me, number + 1).await?;
            tracing::info!(version = number + 1, "schema migrated");
        }
        conditional(link, "UPDATE migrations SET holder = null WHERE realm = 'schema' IF holder = ?", (me,)).await?;
    }
    link.session.refresh_metadata().await?;
    Ok(())
}

/// Makes the keyspace if it is missing; who finds it needs no right to make one.
pub(super) async fn make_keyspace(link: &Link, settings: &Settings) -> anyhow::Result<()> {
    let (keyspace, factor) = (&settings.keyspace, settings.replication_factor);
    if link.session.get_cluster_state().get_keyspace(keyspace.to_string()).is_none() {
        // Cassandra makes it the factor of every datacenter that it has.
        let replication = format!("{{'class': 'NetworkTopologyStrategy', 'replication_factor': {factor}}}");
        link.query(format!("CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {replication}"), ()).await?;
    }
    Ok(())
}

/// The newest version that is complete.
async fn version(link: &Link) -> anyhow::Result<usize> {
    let mut ask = Statement::new("SELECT version FROM migrations WHERE realm = 'schema' ORDER BY version DESC LIMIT 1");
    ask.set_execution_profile_handle(Some(link.profiles.plain.clone()));
    let rows = link.query(ask, ()).await?.into_rows_result()?;
    // A row without a version holds nothing but the static column.
    let newest = rows.maybe_first_row::<(Option<i32>,)>()?.and_then(|(version,)| version);
    Ok(usize::try_from(newest.unwrap_or(0))?)
}

async fn hold(link: &Link, me: Uuid, holder: Option<Uuid>) -> anyhow::Result<bool> {
    let text = "UPDATE migrations USING TTL ? SET holder = ? WHERE realm = 'schema' IF holder = ?";
    conditional(link, text, (HELD_SECONDS, me, holder)).await
}

async fn note(link: &Link, me: Uuid, version: usize) -> anyhow::Result<()> {
    let text = "UPDATE migrations SET at = ? WHERE realm = 'schema' AND version = ? IF holder = ?";
    let noted = conditional(link, text, (mutation::now(), i32::try_from(version)?, me)).await?;
    ensure!(noted, "another replica took over the migration");
    Ok(())
}

async fn conditional(
    link: &Link,
    text: &str,
    values: impl scylla::serialize::row::SerializeRow,
) -> anyhow::Result<bool> {
    let mut statement = Statement::new(text);
    statement.set_execution_profile_handle(Some(link.profiles.conditional.clone()));
    Ok(applied(&link.query(statement, values).await?.into_rows_result()?)?)
}

/// The same for every replica, another for every keyspace.
fn table_id(keyspace: &str, table: &str) -> Uuid {
    let mut half = [0; 16];
    half.copy_from_slice(&Sha256::digest(format!("{keyspace}.{table}"))[..16]);
    Uuid::new_v8(half)
}
