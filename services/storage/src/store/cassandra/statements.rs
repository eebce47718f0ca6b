//! Every statement, prepared once.

use futures_util::{StreamExt, TryStreamExt, stream};
use scylla::{
    client::{execution_profile::ExecutionProfileHandle, session::Session},
    errors::PrepareError,
    statement::{Consistency, prepared::PreparedStatement},
};

use super::{prepared::Prepared, session::Profiles};

/// Statements that are prepared at once.
const AT_ONCE: usize = 16;

macro_rules! statements {
    ($($name:ident: $profile:ident, $text:expr;)*) => {
        pub(super) struct Statements { $(pub(super) $name: Prepared,)* }

        impl Statements {
            /// Prepares them in the session's keyspace.
            pub(super) async fn prepare(session: &Session, profiles: &Profiles) -> Result<Self, PrepareError> {
                let texts = [$($text),*];
                let prepared: Vec<_> = texts.into_iter().map(|text| session.prepare(text)).collect();
                let prepared: Vec<_> = stream::iter(prepared).buffered(AT_ONCE).try_collect().await?;
                let [$(mut $name),*] = <[_; _]>::try_from(prepared).unwrap_or_else(|_| unreachable!("one for each text"));
                $($profile(&mut $name, profiles);)*
                Ok(Self { $($name: Prepared::new(stringify!($name), $name)),* })
            }
        }
    };
}

macro_rules! columns {
    () => {
        "created_at, id, data, owner, updated_at, version, history, fingerprint"
    };
}

statements! {
    entry_write: repeatable, concat!("INSERT INTO record_entries (collection, window, shard, ", columns!(),
        ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?");
    entry_delete: repeatable, "DELETE FROM record_entries USING TIMESTAMP ? WHERE collection = ? AND window = ? AND shard = ? AND created_at = ? AND id = ?";
    entry_read: repeatable, concat!("SELECT ", columns!(), " FROM record_entries WHERE collection = ? AND window = ? AND shard = ? AND created_at = ? AND id = ?");
    entry_slice: repeatable, concat!("SELECT ", columns!(), " FROM record_entries WHERE collection = ? AND window = ? AND shard = ? AND (created_at, id) < (?, ?) LIMIT ?");
    entry_slice_up: repeatable, concat!("SELECT ", columns!(), " FROM record_entries WHERE collection = ? AND window = ? AND shard = ? AND (created_at, id) > (?, ?) ORDER BY created_at ASC, id ASC LIMIT ?");
    entry_names: repeatable, "SELECT created_at, id, version FROM record_entries WHERE collection = ? AND window = ? AND shard = ? LIMIT ?";
    entry_clear: repeatable, "DELETE FROM record_entries WHERE collection = ? AND window = ? AND shard = ? AND (created_at, id) >= (?, ?)";
    entry_some: repeatable, concat!("SELECT ", columns!(), " FROM record_entries WHERE collection = ? AND window = ? AND shard = ? AND (created_at, id) IN ?");
    shard_clear: repeatable, "DELETE FROM record_entries WHERE collection = ? AND window = ? AND shard = ?";

    head_read: repeatable, concat!("SELECT ", columns!(), " FROM heads WHERE collection = ? AND id = ?");
    head_settle: serial, concat!("SELECT ", columns!(), " FROM heads WHERE collection = ? AND id = ?");
    // Never an INSERT: its row marker would outlive a soft row's cells.
    head_swap: conditional, "UPDATE heads USING TTL ? SET mutation = ?, created_at = ?, data = ?, owner = ?, updated_at = ?, version = ?, history = ?, fingerprint = ? WHERE collection = ? AND id = ? IF mutation = ?";
    head_clear: repeatable, "DELETE FROM heads WHERE collection = ? AND id = ?";

    window_note: repeatable, "INSERT INTO windows (collection, window, note) VALUES (?, ?, ?)";
    window_slice: repeatable, "SELECT window, note FROM windows WHERE collection = ? AND window < ? LIMIT ?";
    window_slice_up: repeatable, "SELECT window, note FROM windows WHERE collection = ? AND window > ? ORDER BY window ASC, note DESC LIMIT ?";
    window_clear: repeatable, "DELETE FROM windows WHERE collection = ? AND window = ? AND note = ?";
    windows_clear: repeatable, "DELETE FROM windows WHERE collection = ?";

    owned_write: repeatable, "INSERT INTO owned (list, window, created_at, id) VALUES (?, ?, ?, ?) USING TIMESTAMP ?";
    owned_delete: repeatable, "DELETE FROM owned USING TIMESTAMP ? WHERE list = ? AND window = ? AND created_at = ? AND id = ?";
    owned_slice: repeatable, "SELECT created_at, id FROM owned WHERE list = ? AND window = ? AND (created_at, id) < (?, ?) LIMIT ?";
    owned_slice_up: repeatable, "SELECT created_at, id FROM owned WHERE list = ? AND window = ? AND (created_at, id) > (?, ?) ORDER BY created_at ASC, id ASC LIMIT ?";
    owned_clear: repeatable, "DELETE FROM owned WHERE list = ? AND window = ?";
    list_note: repeatable, "INSERT INTO owners (collection, part, list) VALUES (?, ?, ?)";
    list_slice: repeatable, "SELECT list FROM owners WHERE collection = ? AND part = ? LIMIT ?";
    lists_clear: repeatable, "DELETE FROM owners WHERE collection = ? AND part = ? AND list <= ?";

    index_write: repeatable, "INSERT INTO index_entries (leaf, shard, key, created_at, id, stamp) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?";
    index_delete: repeatable, "DELETE FROM index_entries USING TIMESTAMP ? WHERE leaf = ? AND shard = ? AND key = ? AND created_at = ? AND id = ?";
    index_slice: repeatable, "SELECT key, created_at, id, stamp FROM index_entries WHERE leaf = ? AND shard = ? AND (key, created_at, id) < (?, ?, ?) AND (key, created_at, id) > (?, ?, ?) LIMIT ?";
    index_slice_up: repeatable, "SELECT key, created_at, id, stamp FROM index_entries WHERE leaf = ? AND shard = ? AND (key, created_at, id) < (?, ?, ?) AND (key, created_at, id) > (?, ?, ?) ORDER BY key ASC, created_at ASC, id ASC LIMIT ?";
    leaf_clear: repeatable, "DELETE FROM index_entries WHERE leaf = ? AND shard = ?";

    map_versions: repeatable, "SELECT field, version FROM index_maps WHERE collection = ?";
    map_read: repeatable, "SELECT version, leaves, looked, copied FROM index_maps WHERE collection = ? AND field = ?";
    map_settle: serial, "SELECT version, leaves, looked, copied FROM index_maps WHERE collection = ? AND field = ?";
    map_swap: conditional, "UPDATE index_maps SET version = ?, leaves = ?, looked = ?, copied = ? WHERE collection = ? AND field = ? IF version = ?";
    map_clear: conditional, "DELETE FROM index_maps WHERE collection = ? AND field = ? IF EXISTS";

    work_note: repeatable, "INSERT INTO index_work (realm, field, note, collection, name, since) VALUES (?, ?, ?, ?, ?, ?)";
    work_slice: repeatable, "SELECT field, note, collection, name, since FROM index_work WHERE realm = ? LIMIT ?";
    work_clear: repeatable, "DELETE FROM index_work WHERE realm = ? AND field = ? AND note = ?";

    survey_read: repeatable, "SELECT state FROM surveys WHERE collection = ? AND survey = ?";
    survey_settle: serial, "SELECT state FROM surveys WHERE collection = ? AND survey = ?";
    survey_swap: conditional, "UPDATE surveys SET state = ? WHERE collection = ? AND survey = ? IF state = ?";
    surveys_drop: repeatable, "DELETE FROM surveys WHERE collection = ?";
    survey_note: repeatable, "INSERT INTO survey_work (realm, survey, collection, name, since) VALUES (?, ?, ?, ?, ?)";
    survey_slice: repeatable, "SELECT survey, collection, name, since FROM survey_work WHERE realm = ? LIMIT ?";
    survey_forget: repeatable, "DELETE FROM survey_work WHERE realm = ? AND survey = ?";

    note_write: conditional, "INSERT INTO notes (key, fingerprint, seen, expires_at) VALUES (?, ?, ?, ?) IF NOT EXISTS USING TTL ?";
    note_read: repeatable, "SELECT fingerprint, seen, expires_at FROM notes WHERE key = ?";
    note_settle: serial, "SELECT fingerprint, seen, expires_at FROM notes WHERE key = ?";

    definition_read: repeatable, "SELECT definition, regimes, closing, retired FROM collections WHERE realm = ? AND name = ?";
    definition_settle: serial, "SELECT definition, regimes, closing, retired FROM collections WHERE realm = ? AND name = ?";
    definition_slice: repeatable, "SELECT definition, regimes, closing, retired FROM collections WHERE realm = ? AND name > ? LIMIT ?";
    definition_swap: conditional, "UPDATE collections SET etag = ?, definition = ?, regimes = ?, retired = ?, closing = null WHERE realm = ? AND name = ? IF etag = ? AND regimes = ?";
    definition_turn: conditional, "UPDATE collections USING TTL ? SET dividing = ? WHERE realm = ? AND name = ? IF etag = ? AND regimes = ? AND closing = null";
    definition_divide: conditional, "UPDATE collections SET regimes = ? WHERE realm = ? AND name = ? IF etag = ? AND regimes = ? AND closing = null AND dividing = ?";
    definition_close: conditional, "UPDATE collections SET closing = ? WHERE realm = ? AND name = ? IF etag = ? AND closing = ?";
    definition_drop: conditional, "DELETE FROM collections WHERE realm = ? AND name = ? IF etag = ? AND regimes = ? AND closing = ?";

    dropped_note: repeatable, "INSERT INTO dropped (realm, uid, name, regimes, since) VALUES (?, ?, ?, ?, ?)";
    dropped_slice: repeatable, "SELECT uid, name, regimes, since FROM dropped WHERE realm = ? LIMIT 100";
    dropped_clear: repeatable, "DELETE FROM dropped WHERE realm = ? AND uid = ?";

    account_read: repeatable, "SELECT DISTINCT account, details FROM accounts WHERE account = ?";
    account_settle: serial, "SELECT DISTINCT account, details FROM accounts WHERE account = ?";
    account_swap: conditional, "UPDATE accounts USING TTL ? SET mutation = ?, details = ? WHERE account = ? IF mutation = ?";

    session_write: repeatable, "INSERT INTO accounts (account, session, stage, content) VALUES (?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?";
    session_read: repeatable, "SELECT details, content FROM accounts WHERE account = ? AND session = ? LIMIT 1";
    session_slice: repeatable, "SELECT session, content FROM accounts WHERE account = ? AND session > ? LIMIT ?";

    claim_read: repeatable, "SELECT account FROM names WHERE name = ?";
    claim_settle: serial, "SELECT account FROM names WHERE name = ?";
    claim_swap: conditional, "UPDATE names SET account = ? WHERE name = ? IF account = ?";
    claim_first: repeatable, "SELECT name, account FROM names LIMIT ?";
    claim_slice: repeatable, "SELECT name, account FROM names WHERE token(name) > token(?) LIMIT ?";
}

fn repeatable(statement: &mut PreparedStatement, profiles: &Profiles) {
    statement.set_is_idempotent(true);
    // What a statement selects is written out in it, and no migration changes a column's type: the nodes need not tell
    // it with every answer.
    statement.set_use_cached_result_metadata(true);
    set(statement, &profiles.repeatable);
}

fn conditional(statement: &mut PreparedStatement, profiles: &Profiles) {
    statement.set_is_idempotent(false);
    set(statement, &profiles.conditional);
}

/// A read that first finishes, or ends for good, what Paxos has under way on its partition.
fn serial(statement: &mut PreparedStatement, profiles: &Profiles) {
    statement.set_consistency(Consistency::Serial);
    set(statement, &profiles.conditional);
}

fn set(statement: &mut PreparedStatement, profile: &ExecutionProfileHandle) {
    statement.set_execution_profile_handle(Some(profile.clone()));
}
