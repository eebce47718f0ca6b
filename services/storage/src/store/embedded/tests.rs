use bytes::Bytes;
use redb::ReadableTableMetadata;
use skep_proto::v1::Rules;

use super::{tables::OWNED, *};
use crate::store::{
    Account, AccountStore, DELETED_ACCOUNT_MICROS, EntryKind, Index, IndexState, Next, SOFT_ROW_MICROS, Session, Slice,
    Stage,
};

const DATA: Bytes = Bytes::from_static(b"{}");
const EVERYTHING: Bounds = Bounds { records: 5000, bytes: usize::MAX };

async fn define(store: &Embedded, name: &str) -> Definition {
    let definition = Definition {
        name: name.into(),
        uid: Uuid::now_v7(),
        etag: Uuid::now_v7(),
        schema: Bytes::new(),
        survey: None,
        indexes: Vec::new(),
        rules: Rules::default(),
        created_at: 1,
        updated_at: 1,
    };
    assert!(matches!(store.define(None, definition.clone()).await, Ok(Swap::Applied)));
    definition
}

fn fresh() -> (String, Row) {
    let mutation = mutation::new();
    (mutation.to_string(), Row::first(mutation, mutation::time(mutation).unwrap(), None, DATA))
}

fn entries(store: &Embedded) -> [u64; 5] {
    let count = |table| store.file.look(|transaction| Ok(Ok(transaction.open_table(table)?.len()?))).unwrap();
    [RECORDS, PLACES, OWNED, GRAVES, EXPIRIES].map(count)
}

/// Makes so many records at once: each second one with a chosen id, each third one with an owner.
async fn make(store: &Arc<Embedded>, records: usize, collection: impl Fn(usize) -> Uuid) {
    let writes = (0..records).map(|i| {
        let (store, collection, (fresh_id, row)) = (Arc::clone(store), collection(i), fresh());
        let id = if i % 2 == 0 { format!("chosen{i}") } else { fresh_id };
        let owner = (i % 3 == 0).then(|| format!("owner{}", i % 2));
        let row = Row { owner, ..row };
        tokio::spawn(async move { store.swap(Key { collection, id: &id }, None, row).await })
    });
    for write in writes.collect::<Vec<_>>() {
        assert!(matches!(write.await.unwrap(), Ok(Swap::Applied)));
    }
}

#[tokio::test]
async fn what_is_written_is_there_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path()).unwrap();
    let (definition, (id, row)) = (define(&store, "bees").await, fresh());
    let key = Key { collection: definition.uid, id: &id };
    store.insert(key, row.clone()).await.unwrap();
    assert!(
        format!("{:#}", Embedded::open(folder.path()).err().unwrap()).contains("DATA_DIR"),
        "one process at a time"
    );
    drop(store);

    let store = eventually_open(folder.path());
    assert_eq!(store.read(key).await.unwrap(), Some(row));
    assert_eq!(store.definition("bees").await.unwrap().as_deref(), Some(&definition));
}

/// The writer's thread closes the file a moment after the last handle is dropped.
fn eventually_open(folder: &Path) -> Embedded {
    let started = std::time::Instant::now();
    loop {
        match Embedded::open(folder) {
            Ok(store) => return store,
            Err(error) => assert!(started.elapsed().as_secs() < 10, "{error:#}"),
        }
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn a_dropped_collection_is_cleared_away_in_steps() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Embedded::open(folder.path()).unwrap());
    let (doomed, kept) = (define(&store, "doomed").await, define(&store, "kept").await);
    make(&store, 2500, |i| if i % 100 == 0 { kept.uid } else { doomed.uid }).await;
    assert_eq!(store.drop_collection(&doomed, false).await, Ok(Dropped::NotEmpty));
    assert_eq!(store.drop_collection(&doomed, true).await, Ok(Dropped::Done));
    assert_eq!(store.drop_collection(&doomed, true).await, Ok(Dropped::Stale));
    let (id, row) = fresh();
    let late = store.insert(Key { collection: doomed.uid, id: &id }, row).await;
    assert_eq!(late.unwrap_err().code, Code::CollectionNotFound);

    let mut steps = 0;
    while store.sweep().await.unwrap() {
        steps += 1;
    }
    assert!(steps >= 4, "{steps} steps for 2475 records, 1225 places and 825 that are owned");
    assert_eq!(entries(&store), [25, 25, 9, 0, 0]);
    assert_eq!(store.scan(kept.uid, &Access::All, true, None, EVERYTHING).await.unwrap().records.len(), 25);
}

#[tokio::test]
async fn a_file_of_before_is_given_its_index_of_owners() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Embedded::open(folder.path()).unwrap());
    let uid = define(&store, "bees").await.uid;
    make(&store, 2500, |_| uid).await;
    let owned = async |store: &Embedded| {
        let scan = async |owner: &str| {
            let access = Access::OwnedBy(owner.to_owned());
            store.scan(uid, &access, true, None, EVERYTHING).await.unwrap().records
        };
        (scan("owner0").await, scan("owner1").await)
    };
    let before = owned(&store).await;
    assert_eq!((before.0.len(), before.1.len()), (417, 417));
    let forget = |transaction: redb::WriteTransaction| {
        transaction.delete_table(OWNED)?;
        transaction.delete_table(form::FORM)?;
        // Who was interrupted in filling it left a part.
        transaction.open_table(OWNED)?;
        Ok(transaction.commit()?)
    };
    store.file.write(forget).unwrap();
    assert_eq!(owned(&store).await, (vec![], vec![]));
    drop(store);

    let store = eventually_open(folder.path());
    assert_eq!(owned(&store).await, before);
    store
        .file
        .write(|transaction| {
            transaction.open_table(form::FORM)?.insert((), 99)?;
            Ok(transaction.commit()?)
        })
        .unwrap();
    drop(store);
    let started = std::time::Instant::now();
    let refused = || format!("{:#}", Embedded::open(folder.path()).err().unwrap());
    while !refused().contains("newer version") {
        assert!(started.elapsed().as_secs() < 10, "{}", refused());
    }
}

#[tokio::test]
async fn what_expired_is_cleared_away_and_what_lives_again_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path()).unwrap();
    let uid = define(&store, "bees").await.uid;
    let (expired, now) = (mutation::now() - SOFT_ROW_MICROS - 1, mutation::now());
    let gone = Row::first(Uuid::now_v7(), 5, None, DATA).then(Uuid::now_v7(), expired, Next::Deleted);
    for id in ["gone", "again", "twice"] {
        store.swap(Key { collection: uid, id }, None, gone.clone()).await.unwrap();
    }
    let again = gone.then(Uuid::now_v7(), now, Next::Data(DATA, None));
    store.swap(Key { collection: uid, id: "again" }, Some(&gone), again.clone()).await.unwrap();
    let twice = again.then(Uuid::now_v7(), now, Next::Deleted);
    store.swap(Key { collection: uid, id: "twice" }, Some(&gone), twice.clone()).await.unwrap();
    let note = |expires_at| Note { fingerprint: [7; 16], seen: None, expires_at };
    let (old, new) = (Uuid::now_v7(), Uuid::now_v7());
    assert_eq!(store.note(old, note(expired)).await.unwrap(), None);
    assert_eq!(store.note(new, note(now + SOFT_ROW_MICROS)).await.unwrap(), None);
    assert_eq!(store.note(new, note(0)).await.unwrap(), Some(note(now + SOFT_ROW_MICROS)));

    while store.sweep().await.unwrap() {}
    let read = async |id| store.read(Key { collection: uid, id }).await.unwrap();
    assert_eq!((read("gone").await, read("again").await, read("twice").await), (None, Some(again), Some(twice)));
    assert_eq!(store.noted(old).await.unwrap(), None);
    assert!(store.noted(new).await.unwrap().is_some());
    assert_eq!(entries(&store), [1, 1, 0, 1, 2]);
}

#[tokio::test]
async fn what_expired_of_accounts_is_cleared_away_and_a_late_session_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path()).unwrap();
    let (now, id) = (mutation::now(), Uuid::now_v7());
    let account = |deleted, updated_at| Account {
        id,
        login: "ann".into(),
        roles: Vec::new(),
        disabled: false,
        deleted,
        password: String::new().into(),
        epoch: Uuid::nil(),
        spared: None,
        created_at: 1,
        updated_at,
        history: vec![Uuid::now_v7()],
    };
    let session = |expires_at| Session {
        stage: Stage::Begun,
        epoch: Uuid::nil(),
        created_at: now,
        expires_at,
        user_agent: String::new(),
    };
    let [expired, extended, ended] = [(); 3].map(|()| Uuid::new_v4());
    let living = account(false, now);
    assert!(matches!(store.swap_account(None, living.clone()).await, Ok(Swap::Applied)));
    for id in [expired, extended, ended] {
        store.write_session(living.id, id, session(now - 1)).await.unwrap();
    }
    let later = Session { stage: Stage::Extended, ..session(now + SOFT_ROW_MICROS) };
    store.write_session(id, extended, later.clone()).await.unwrap();
    store.write_session(id, ended, later.clone().ended(now)).await.unwrap();
    // Statements that come late, or twice.
    for late in [session(now + 1), session(now - 1), later.clone()] {
        store.write_session(id, ended, late.clone()).await.unwrap();
        store.write_session(id, extended, late).await.unwrap();
    }
    while store.sweep().await.unwrap() {}
    let read = async |session| store.session(id, session).await.unwrap().map(|(_, session)| session);
    assert_eq!((read(expired).await, read(extended).await), (None, Some(later)));
    assert_eq!(read(ended).await.map(|session| session.stage), Some(Stage::Over));
    assert_eq!(store.sessions(id, None, 10).await.unwrap().len(), 2);

    let gone = account(true, now - DELETED_ACCOUNT_MICROS);
    assert!(matches!(store.swap_account(None, gone.clone()).await, Ok(Swap::Stale(Some(_)))));
    assert!(matches!(store.swap_account(Some(living.mutation()), gone).await, Ok(Swap::Applied)));
    while store.sweep().await.unwrap() {}
    assert!(store.account(id).await.unwrap().is_none() && read(extended).await.is_none());
}

#[tokio::test]
async fn a_page_by_an_index_that_was_dropped_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path()).unwrap();
    let index = Index { path: "n".into(), id: Uuid::now_v7(), state: IndexState::Building(0) };
    let of =
        |etag, indexes| Definition { name: "bees".into(), uid: Uuid::nil(), etag, indexes, ..Definition::default() };
    let (first, second) = (of(Uuid::now_v7(), vec![index.clone()]), of(Uuid::now_v7(), vec![]));
    store.define(None, first.clone()).await.unwrap();
    let (id, row) = fresh();
    store.insert(Key { collection: first.uid, id: &id }, row).await.unwrap();
    let slice = Slice { index: index.id, kind: EntryKind::Own, from: vec![], until: vec![u8::MAX] };
    let page = async || store.scan(first.uid, &Access::Indexed(slice.clone()), true, None, EVERYTHING).await;
    assert_eq!(page().await.unwrap().records.len(), 1);
    store.define(Some(first.etag), second).await.unwrap();
    assert_eq!(page().await.unwrap_err().code, Code::NotIndexed);
}
