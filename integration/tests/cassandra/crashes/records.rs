//! Writes of records: what is shown after the death, what a repetition does, and what another client finds.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use skep_proto::{Code, Contract, Error, Local, mutation, v1::*};
use storage::store::cassandra::Settings;
use tonic::Request;

use super::ask_mortal;
use crate::{
    opened::{self, ALONE},
    tables::Tables,
};

/// What there is before.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Start {
    Absent,
    Fresh,
    Chosen,
    FreshDeleted,
    ChosenDeleted,
    DeletedByThisMutation,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ask {
    CreateFresh,
    CreateChosen,
    CreateKeyed,
    Update,
    UpdateKeyed,
    Patch,
    Delete,
}

const OPERATIONS: &[(Start, Ask)] = &[
    (Start::Absent, Ask::CreateFresh),
    (Start::Absent, Ask::CreateChosen),
    (Start::Absent, Ask::CreateKeyed),
    (Start::Absent, Ask::Update),
    (Start::Fresh, Ask::Update),
    (Start::Chosen, Ask::Update),
    (Start::Chosen, Ask::UpdateKeyed),
    (Start::Fresh, Ask::Patch),
    (Start::Fresh, Ask::Delete),
    (Start::Chosen, Ask::Delete),
    (Start::FreshDeleted, Ask::Update),
    (Start::ChosenDeleted, Ask::CreateChosen),
    (Start::DeletedByThisMutation, Ask::Delete),
];
/// Who asks for the write that is tried, and who writes otherwise.
const OWNER: &str = "ann";
const OTHER: &str = "bob";
/// Operations tried at the same time.
const AT_ONCE: usize = 4;

/// One record and one write of it.
struct Subject {
    parent: String,
    /// Empty if only the answer tells it.
    id: String,
    mark: String,
    mutation_id: String,
    ask: Ask,
}

impl Subject {
    fn new(parent: &str, (start, ask): (Start, Ask), mark: String) -> Self {
        let mutation_id = mutation::new().to_string();
        let id = match (start, ask) {
            (_, Ask::CreateKeyed) => String::new(),
            (_, Ask::CreateFresh) => mutation_id.clone(),
            (Start::Fresh | Start::FreshDeleted, _) => mutation::new().to_string(),
            _ => mark.clone(),
        };
        Self { parent: parent.to_owned(), id, mark, mutation_id, ask }
    }

    fn data(&self, by: &str) -> Vec<u8> {
        format!(r#"{{"by":"{by}","of":"{}"}}"#, self.mark).into()
    }

    fn name(&self) -> String {
        format!("{}/records/{}", self.parent, self.id)
    }

    async fn prepare(&self, replica: &dyn Contract, start: Start) {
        if start == Start::Absent {
            return;
        }
        let record = Some(Record { data: self.data("start").into(), ..Default::default() });
        let fresh = matches!(start, Start::Fresh | Start::FreshDeleted);
        let (record_id, mutation_id) =
            if fresh { (String::new(), self.id.clone()) } else { (self.id.clone(), String::new()) };
        let (parent, caller) = (self.parent.clone(), OWNER.to_owned());
        let asked = CreateRecordRequest { parent, record, record_id, mutation_id, caller, ..Default::default() };
        replica.create_record(Request::new(asked)).await.unwrap();
        if matches!(start, Start::FreshDeleted | Start::ChosenDeleted | Start::DeletedByThisMutation) {
            let by_this = start == Start::DeletedByThisMutation;
            let mutation_id = if by_this { self.mutation_id.clone() } else { String::new() };
            let asked = DeleteRecordRequest { name: self.name(), mutation_id, ..Default::default() };
            replica.delete_record(Request::new(asked)).await.unwrap();
        }
    }

    /// The write, by the same name each time.
    async fn ask(&self, replica: &dyn Contract, attempt: i32) -> Result<(), Error> {
        let caller = OWNER.to_owned();
        let (mutation_id, parent, name) = (self.mutation_id.clone(), self.parent.clone(), self.name());
        let record = Some(Record { name: name.clone(), data: self.data("ours").into(), ..Default::default() });
        let idempotency_key = match self.ask {
            Ask::CreateKeyed | Ask::UpdateKeyed => format!("{}-{}", self.parent, self.mark),
            _ => String::new(),
        };
        match self.ask {
            Ask::CreateFresh | Ask::CreateChosen | Ask::CreateKeyed => {
                let record_id = if self.ask == Ask::CreateChosen { self.id.clone() } else { String::new() };
                let asked =
                    CreateRecordRequest { parent, record, record_id, mutation_id, attempt, idempotency_key, caller };
                replica.create_record(Request::new(asked)).await.map(drop)
            }
            Ask::Update | Ask::UpdateKeyed => {
                let allow_missing = true;
                let asked = UpdateRecordRequest {
                    record,
                    allow_missing,
                    mutation_id,
                    attempt,
                    idempotency_key,
                    caller,
                    ..Default::default()
                };
                replica.update_record(Request::new(asked)).await.map(drop)
            }
            Ask::Patch => {
                let patch = Some(patch_record_request::Patch::MergePatch(r#"{"by":"ours"}"#.into()));
                let asked = PatchRecordRequest { name, patch, mutation_id, attempt, ..Default::default() };
                replica.patch_record(Request::new(asked)).await.map(drop)
            }
            Ask::Delete => {
                let asked = DeleteRecordRequest { name, mutation_id, attempt, ..Default::default() };
                replica.delete_record(Request::new(asked)).await.map(drop)
            }
        }
    }

    /// A write of another client, of whatever it finds.
    async fn overwrite(&self, replica: &dyn Contract) -> Result<Record, Error> {
        let record = Some(Record { name: self.name(), data: self.data("other").into(), ..Default::default() });
        let asked = UpdateRecordRequest { record, allow_missing: true, caller: OTHER.into(), ..Default::default() };
        replica.update_record(Request::new(asked)).await.map(|answer| answer.record.unwrap())
    }

    async fn listed(&self, replica: &dyn Contract) -> Option<Record> {
        self.found(replica, String::new()).await
    }

    /// As its owner's list shows it.
    async fn owned(&self, replica: &dyn Contract) -> Option<Record> {
        let anns = self.found(replica, format!("owner = \"{OWNER}\"")).await;
        let bobs = self.found(replica, format!("owner = \"{OTHER}\"")).await;
        assert!(anns.is_none() || bobs.is_none(), "of two owners: {anns:?}, {bobs:?}");
        anns.or(bobs)
    }

    async fn found(&self, replica: &dyn Contract, filter: String) -> Option<Record> {
        self.found_by(replica, filter, "").await
    }

    async fn found_by(&self, replica: &dyn Contract, filter: String, order_by: &str) -> Option<Record> {
        let (parent, order_by) = (self.parent.clone(), order_by.to_owned());
        let mut asked = ListRecordsRequest { parent, page_size: 1000, filter, order_by, ..Default::default() };
        let mut records = Vec::new();
        // On a busy machine a page is over before its list is.
        loop {
            let page = replica.list_records(Request::new(asked.clone())).await.unwrap();
            records.extend(page.records);
            asked.page_token = page.next_page_token;
            if asked.page_token.is_empty() {
                break;
            }
        }
        let mark = format!(r#""of":"{}""#, self.mark);
        let mut ours = records.into_iter().filter(|record| str::from_utf8(&record.data).unwrap().contains(&mark));
        let found = ours.next();
        assert_eq!(ours.next(), None, "listed twice");
        found
    }

    /// As lists by its indexes show it, and one by its last write.
    async fn indexed(&self, replica: &dyn Contract) -> Option<Record> {
        let mut found = Vec::new();
        for filter in ["start", "ours", "other"].map(|by| format!(r#"by = "{by}""#)) {
            let by_this = self.found(replica, filter.clone()).await;
            assert!(by_this.iter().all(|record| filter.contains(by(record))), "{filter}: {by_this:?}");
            found.extend(by_this);
        }
        found.extend(self.found(replica, format!(r#"of = "{}""#, self.mark)).await);
        found.extend(self.found_by(replica, String::new(), "updated_at").await);
        assert!(matches!(found.len(), 0 | 3), "found by some: {found:?}");
        assert!(found.iter().all(|record| *record == found[0]), "{found:?}");
        found.pop()
    }

    /// What get and list agree on.
    async fn shown(&self, replica: &dyn Contract) -> Option<Record> {
        let before = self.listed(replica).await;
        assert_eq!(self.owned(replica).await, before, "what a list shows, its owner's shows");
        assert_eq!(self.indexed(replica).await, before, "what a list shows, those by its indexes show");
        let name = before.as_ref().map_or_else(|| self.name(), |record| record.name.clone());
        if name.ends_with('/') {
            return before;
        }
        let got = match replica.get_record(Request::new(GetRecordRequest { name })).await {
            Ok(answer) => answer.record,
            Err(error) => {
                assert_eq!(error.code, Code::RecordNotFound, "{error}");
                None
            }
        };
        let listed = self.listed(replica).await;
        assert_eq!(listed, got, "what a get shows, a list shows");
        assert_eq!(self.owned(replica).await, got, "what a get shows, its owner's list shows");
        assert_eq!(self.indexed(replica).await, got, "what a get shows, lists by its indexes show");
        assert!(before.is_none() || before == got, "what was shown once stays: {before:?} {got:?}");
        got
    }
}

fn version(record: Option<&Record>) -> i64 {
    record.map_or(0, |record| record.version)
}

fn by(record: &Record) -> &str {
    str::from_utf8(&record.data).unwrap().split('"').nth(3).unwrap()
}

/// How many statements it took.
async fn try_all(
    (settings, tables): (&Settings, &Tables),
    observer: &dyn Contract,
    number: usize,
    operation: (Start, Ask),
) -> u32 {
    let parent = format!("collections/crash-{number}");
    let indexes = vec!["by".to_owned(), "of".to_owned()];
    let collection = Some(Collection { name: parent.clone(), indexes, ..Default::default() });
    let asked = UpdateCollectionRequest { collection, allow_missing: true, ..Default::default() };
    observer.update_collection(Request::new(asked)).await.unwrap();
    for statements in 0.. {
        let done = repeated((settings, tables), observer, &parent, operation, statements).await;
        overtaken(settings, observer, &parent, operation, statements).await;
        if done {
            return statements;
        }
    }
    unreachable!("an operation has an end")
}

/// The same request again, by the same name: its effect is there exactly once.
async fn repeated(
    (settings, tables): (&Settings, &Tables),
    observer: &dyn Contract,
    parent: &str,
    operation: (Start, Ask),
    statements: u32,
) -> bool {
    let what = format!("{operation:?}, dead after {statements}");
    let subject = Subject::new(parent, operation, format!("{}-repeated-{statements}", &parent["collections/".len()..]));
    subject.prepare(observer, operation.0).await;
    let before = subject.shown(observer).await;
    let answer = ask_mortal(settings, statements, async |replica| subject.ask(replica, 0).await).await;
    let shown = subject.shown(observer).await;
    if shown != before {
        assert_after(&subject, operation, shown.as_ref(), &what);
    }
    assert_eq!(answer.clone().transpose().err(), None, "{what}");
    subject.ask(observer, 1).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    let after = subject.shown(observer).await;
    assert_after(&subject, operation, after.as_ref(), &what);
    assert!(shown == before || shown == after, "{what}: {shown:?}, then {after:?}");
    if after.is_none() {
        assert_eq!(tables.owned(&subject.id).await.unwrap(), [], "{what}: whoever lists takes out what is no more");
    }
    answer.is_some()
}

fn assert_after(subject: &Subject, (start, ask): (Start, Ask), shown: Option<&Record>, what: &str) {
    let expected = match (start, ask) {
        (_, Ask::Delete) => None,
        (Start::Absent, _) => Some(("ours", 1)),
        _ => Some(("ours", 2)),
    };
    assert_eq!(shown.map(|record| (by(record), record.version)), expected, "{what}: {}", subject.mark);
}

/// Another client writes before anybody repeats: it sees one state or the other whole, and a late repetition adds
/// nothing that was there already.
async fn overtaken(
    settings: &Settings,
    observer: &dyn Contract,
    parent: &str,
    operation: (Start, Ask),
    statements: u32,
) {
    let what = format!("{operation:?}, dead after {statements}, then overtaken");
    let mut subject = Subject::new(parent, operation, format!("overtaken-{statements}"));
    subject.prepare(observer, operation.0).await;
    let started = i64::from(operation.0 != Start::Absent);
    ask_mortal(settings, statements, async |replica| subject.ask(replica, 0).await).await;
    if matches!(operation.1, Ask::CreateFresh | Ask::CreateKeyed) {
        // Nobody knows such an id before the record is shown.
        let Some(made) = subject.listed(observer).await else {
            return assert_eq!(subject.owned(observer).await, None, "{what}");
        };
        made.name.rsplit('/').next().unwrap().clone_into(&mut subject.id);
    }
    let counts = i64::from(operation.1 != Ask::Delete);
    let written = subject.overwrite(observer).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!((started + 1..=started + 1 + counts).contains(&written.version), "{what}: {written:?}");
    let shown = subject.shown(observer).await;
    assert_eq!(shown.as_ref(), Some(&written), "{what}");
    let made = version(Some(&written)) == started + 1 + counts && counts == 1;
    let late = subject.ask(observer, 1).await;
    let after = subject.shown(observer).await;
    match (operation.1, late) {
        (Ask::Delete, Ok(())) => assert!(after.is_none() || after == shown, "{what}: {after:?}"),
        (_, Ok(())) if made => assert_eq!(after, shown, "{what}"),
        (Ask::Update | Ask::UpdateKeyed | Ask::Patch, Ok(())) => {
            assert_eq!(version(after.as_ref()), written.version + 1, "{what}");
        }
        // Its id was taken by the other meanwhile.
        (_, Err(error)) => {
            assert_eq!(error.code, Code::RecordExists, "{what}: {error}");
            assert_eq!(after, shown, "{what}");
        }
        (_, Ok(())) => panic!("{what}: made twice, {after:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_replica_dies_before_any_statement_is_made_once_or_not_at_all() {
    let _guard = ALONE.read().await;
    let settings = &opened::shared_settings().await;
    let observer = &(Arc::new(Local::new(opened::shared().await)) as Arc<dyn Contract>);
    let tables = &Tables::of(settings).await.unwrap();
    let operations = OPERATIONS.iter().enumerate().map(async |(number, operation)| {
        let statements = try_all((settings, tables), &**observer, number, *operation).await;
        eprintln!("{operation:?}: {statements} statements");
        assert!(statements > 1, "{operation:?}");
    });
    stream::iter(operations).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_get_shows_of_a_dead_replica_is_in_the_list_of_a_collection_that_had_nothing() {
    let _guard = ALONE.read().await;
    let settings = &opened::shared_settings().await;
    let observer = &(Arc::new(Local::new(opened::shared().await)) as Arc<dyn Contract>);
    for statements in 0.. {
        let parent = format!("collections/first-{statements}");
        let indexes = vec!["by".to_owned(), "of".to_owned()];
        let collection = Some(Collection { name: parent.clone(), indexes, ..Default::default() });
        let asked = UpdateCollectionRequest { collection, allow_missing: true, ..Default::default() };
        observer.update_collection(Request::new(asked)).await.unwrap();
        let subject = Subject::new(&parent, (Start::Absent, Ask::CreateFresh), format!("first-{statements}"));
        let answer = ask_mortal(settings, statements, async |replica| subject.ask(replica, 0).await).await;
        let shown = subject.shown(&**observer).await;
        if let Some(answer) = answer {
            assert_eq!((answer, shown.is_some()), (Ok(()), true));
            break;
        }
    }
}
