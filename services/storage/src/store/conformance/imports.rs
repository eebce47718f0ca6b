use prost_types::Timestamp;

use super::*;

#[allow(clippy::unnecessary_wraps, reason = "stands where a message has a field")]
fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 123_000 })
}

fn tag() -> String {
    format!("\"{}\"", Uuid::now_v7().simple())
}

impl House {
    /// As it was somewhere else.
    fn archived(&self, id: &str, made: i64, version: i64) -> Record {
        Record {
            name: self.named(id),
            data: format!("{{\"n\": {version}, \"made\": {made}}}").into(),
            owner: "ann".into(),
            create_time: at(made),
            update_time: at(made + version - 1),
            version,
            etag: tag(),
        }
    }

    async fn import(&self, records: &[Record]) -> Vec<ImportResult> {
        let asked = ImportRecordsRequest { parent: self.name.clone(), records: records.to_vec(), latest: false };
        self.contract.import_records(Request::new(asked)).await.expect("an answer").results
    }

    async fn brought(&self, records: &[Record]) -> Vec<Outcome> {
        self.import(records).await.iter().map(ImportResult::outcome).collect()
    }

    async fn one(&self, record: &Record) -> Outcome {
        self.brought(std::slice::from_ref(record)).await[0]
    }

    async fn found(&self, filter: &str, order_by: &str) -> Vec<Record> {
        let (filter, order_by) = (filter.into(), order_by.into());
        self.every(ListRecordsRequest { filter, order_by, page_size: 2, ..Default::default() }).await
    }
}

pub async fn brings_records_in_as_they_were(house: House) {
    let house = house.beside(&["made"]).await;
    let ours = house.create("{}").await;
    // From long before the collection, with ids chosen and ours, written once and often.
    let elsewhere = Uuid::now_v7().to_string();
    let fresh = Record { etag: format!("\"{}\"", elsewhere.replace('-', "")), ..house.archived(&elsewhere, 500, 1) };
    let then = [house.archived("b", 700, 3), fresh, house.archived("a", 600_000_000, 1), house.archived("c", 700, 9)];
    assert_eq!(house.brought(&then).await, [Outcome::Made; 4]);
    for record in &then {
        assert_eq!(house.get(id(record)).await.as_ref(), Ok(record));
    }
    let [b, fresh, a, c] = then;
    assert_eq!(house.found("", "created_at").await, [fresh.clone(), b.clone(), c.clone(), a.clone(), ours.clone()]);
    assert_eq!(house.found("owner = \"ann\"", "").await, [a.clone(), c.clone(), b.clone(), fresh.clone()]);
    assert_eq!(house.found("made = 700", "").await, [c.clone(), b.clone()]);
    assert_eq!(
        house.found("updated_at < \"1970-01-02T00:00:00Z\"", "updated_at").await,
        [fresh.clone(), b.clone(), c.clone()]
    );
    // They go on from there.
    let next = house.merge("b", r#"{"made":1}"#, &b.etag).await.unwrap();
    assert_eq!((next.version, next.create_time, &*next.owner), (4, b.create_time, "ann"));
    assert_eq!(house.merge(id(&fresh), r#"{"made":1}"#, &fresh.etag).await.unwrap().version, 2);
    assert_eq!(house.found("made = 700", "").await, [c]);
}

pub async fn brings_in_what_is_later_and_nothing_twice(house: House) {
    let house = house.beside(&["n"]).await;
    let first = house.archived("a", 700, 3);
    assert_eq!(house.one(&first).await, Outcome::Made);
    assert_eq!(house.one(&first).await, Outcome::Kept);
    let (later, earlier) = (house.archived("a", 700, 5), house.archived("a", 700, 4));
    assert_eq!(house.one(&later).await, Outcome::Replaced);
    assert_eq!(house.brought(&[earlier, first.clone()]).await, [Outcome::Kept; 2]);
    assert_eq!(house.get("a").await, Ok(later.clone()));
    assert_eq!(house.found("n = 3", "").await, []);
    // It was deleted and made again there.
    let life = Record { owner: String::new(), ..house.archived("a", 800, 6) };
    assert_eq!(house.one(&life).await, Outcome::Replaced);
    assert_eq!((house.get("a").await, house.all(1).await), (Ok(life.clone()), vec![life.clone()]));
    assert_eq!(house.found("owner = \"ann\"", "").await, []);
    // What was deleted here comes again, and counts on.
    house.delete("a", "").await.unwrap();
    assert_eq!(house.one(&life).await, Outcome::Made);
    let again = house.get("a").await.unwrap();
    assert_eq!((again.version, again.create_time, &again.data), (7, life.create_time, &life.data));
    assert_ne!(again.etag, life.etag);
    assert_eq!(house.brought(&[life]).await, [Outcome::Kept]);
    assert_eq!((house.all(1).await, house.found("n = 6", "").await), (vec![again.clone()], vec![again]));
}

pub async fn brings_back_what_was_deleted_version_by_version(house: House) {
    let versions = [house.archived("a", 700, 1), house.archived("a", 700, 3)];
    for _ in 0..2 {
        for version in &versions {
            assert_ne!(house.one(version).await, Outcome::Refused);
        }
        let got = house.get("a").await.unwrap();
        assert_eq!((&got.data, got.update_time), (&versions[1].data, versions[1].update_time));
        assert_eq!([house.one(&versions[0]).await, house.one(&versions[1]).await], [Outcome::Kept; 2]);
        house.delete("a", "").await.unwrap();
    }
    // A later life counts from one.
    let (first, second) = (house.archived("b", 700, 9), house.archived("b", 800, 1));
    let bring = async |record: &Record| {
        let asked = ImportRecordsRequest { parent: house.name.clone(), records: vec![record.clone()], latest: true };
        house.contract.import_records(Request::new(asked)).await.unwrap().results[0].outcome()
    };
    assert_eq!((bring(&first).await, bring(&second).await), (Outcome::Made, Outcome::Replaced));
    let got = house.get("b").await.unwrap();
    assert_eq!((&got.data, got.create_time), (&second.data, second.create_time));
    assert_eq!([bring(&first).await, bring(&second).await], [Outcome::Kept; 2]);
    assert_eq!(house.all(0).await, [got]);
}

pub async fn refuses_records_that_cannot_be(house: House) {
    let good = house.archived("a", 700, 1);
    let far = Some(Timestamp { seconds: 4_000_000_000, nanos: 0 });
    let bad = [
        Record { name: "collections/other/records/a".into(), ..good.clone() },
        Record { name: house.named("a b"), ..good.clone() },
        Record { data: "[]".into(), ..good.clone() },
        Record { version: 0, ..good.clone() },
        Record { create_time: None, ..good.clone() },
        Record { create_time: at(701), ..good.clone() },
        Record { create_time: at(-1), ..good.clone() },
        Record { update_time: far, create_time: far, ..good.clone() },
        Record { etag: "\"mine\"".into(), ..good.clone() },
        Record { owner: "a".repeat(129), ..good.clone() },
    ];
    for (number, result) in house.import(&bad).await.into_iter().enumerate() {
        assert_eq!(result.outcome(), Outcome::Refused, "{number}");
        let error = Error::from(result.error.expect("why"));
        assert!(error.code.http() < 500, "{number}: {error:?}");
    }
    assert_eq!(house.all(0).await, []);
    // A tag is made up where none is told, the same each time.
    let untold = Record { etag: String::new(), ..good };
    assert_eq!(house.one(&untold).await, Outcome::Made);
    assert_eq!(house.brought(&[untold]).await, [Outcome::Kept]);
    let nowhere =
        ImportRecordsRequest { parent: "collections/nowhere".into(), records: vec![Record::default()], latest: false };
    let error = house.contract.import_records(Request::new(nowhere)).await.unwrap_err();
    assert_eq!(error.code, Code::CollectionNotFound);
}

pub async fn racing_imports_bring_each_record_once(house: House) {
    let records: Vec<_> = (0..40).map(|n| house.archived(&format!("r{n}"), 700 + n / 4, 2)).collect();
    let (first, second) = tokio::join!(house.brought(&records), house.brought(&records));
    for (number, pair) in first.iter().zip(&second).enumerate() {
        let mut pair = [*pair.0, *pair.1];
        pair.sort();
        assert_eq!(pair, [Outcome::Made, Outcome::Kept], "{number}");
    }
    let mut all = house.all(7).await;
    all.reverse();
    all.sort_by_key(|record| record.name.clone());
    let mut records = records;
    records.sort_by_key(|record| record.name.clone());
    assert_eq!(all, records);
}

pub async fn defines_collections_as_they_were(house: House) {
    let name = format!("collections/c{}", Uuid::now_v7().simple());
    let collection = Collection {
        name: name.clone(),
        schema: "{ \"type\": \"object\" }".into(),
        indexes: vec!["n".into()],
        rules: Some(Rules { get: Some("true".into()), ..Rules::default() }),
        create_time: at(100),
        update_time: at(200),
        etag: tag(),
        ..Collection::default()
    };
    // A year of few, and a minute of many.
    let span = |from, until, records| Span { start_time: at(from), end_time: at(until), records, bytes: 100 * records };
    let spans = vec![span(100, 31_536_000, 1000), span(31_536_000, 31_536_060, 1_000_000)];
    let asked = |spans| ImportCollectionRequest { collection: Some(collection.clone()), spans };
    let made = house.contract.import_collection(Request::new(asked(spans.clone()))).await.unwrap();
    assert_eq!(made.outcome(), Outcome::Made);
    let got = house.contract.get_collection(Request::new(GetCollectionRequest { name: name.clone() })).await.unwrap();
    let got = got.collection.unwrap();
    let told = |of: &Collection| (of.create_time, of.update_time, of.etag.clone(), of.schema.clone(), of.rules.clone());
    assert_eq!(told(&got), told(&collection));
    assert!(got.index_states.iter().all(|index| index.ready), "{got:?}");

    let there = House { name: name.clone(), ..house.clone() };
    let records: Vec<_> = [200, 31_000_000, 31_536_000, 31_536_001, 31_536_059, 900_000_000]
        .map(|at| there.archived(&at.to_string(), at, 1))
        .into();
    assert_eq!(there.brought(&records).await, [Outcome::Made; 6]);
    assert_eq!(there.found("", "created_at").await, records);
    let now = there.create("{}").await;
    assert_eq!(there.all(3).await[0], now);

    let other =
        ImportCollectionRequest { collection: Some(Collection { indexes: vec![], ..collection.clone() }), spans };
    let kept = house.contract.import_collection(Request::new(other)).await.unwrap();
    assert_eq!((kept.outcome(), kept.collection.unwrap().indexes), (Outcome::Kept, vec!["n".to_owned()]));
    for wrong in [[span(200, 300, 1), span(100, 200, 1)], [span(100, 200, 1), span(300, 4_000_000_000, 1)]] {
        let error = house.contract.import_collection(Request::new(asked(wrong.into()))).await.unwrap_err();
        assert_eq!(error.code, Code::InvalidArgument);
    }
}

pub async fn brings_accounts_in_with_their_passwords(house: House) {
    let login = format!("Ann {}", Uuid::now_v7().simple());
    let account = Account { login: login.clone(), roles: vec!["admin".into()], ..Account::default() };
    let asked = CreateAccountRequest { account: Some(account), password: "correct horse".into(), ..Default::default() };
    let made = house.contract.create_account(Request::new(asked)).await.unwrap().account.unwrap();
    let exported = every_account(&house).await;
    let archived = exported.iter().find(|archived| archived.account.as_ref() == Some(&made)).expect("it is exported");

    let import = async |archived: ArchivedAccount| {
        let asked = ImportAccountsRequest { accounts: vec![archived] };
        let mut results = house.contract.import_accounts(Request::new(asked)).await.unwrap().results;
        let result = results.pop().unwrap();
        (result.outcome(), result.error.map(|error| Error::from(error).code))
    };
    let sign_in = async |login: &str| {
        let asked =
            CreateSessionRequest { login: login.into(), password: "correct horse".into(), ..Default::default() };
        let session = house.contract.create_session(Request::new(asked)).await;
        session.map(drop).map_err(code)
    };
    assert_eq!(import(archived.clone()).await, (Outcome::Kept, None));
    // The same person under a name of elsewhere, who is not here.
    let name = format!("accounts/{}", Uuid::now_v7());
    let times = (at(100), at(200));
    let bert =
        Account { name, login: format!("Bert {login}"), create_time: times.0, update_time: times.1, ..made.clone() };
    let bert = ArchivedAccount { account: Some(bert), ..archived.clone() };
    let id = bert.account.as_ref().unwrap().name.clone();
    assert_eq!(import(bert.clone()).await, (Outcome::Made, None));
    let got = house.contract.get_account(Request::new(GetAccountRequest { name: id.clone() })).await.unwrap().account;
    assert_eq!(got, bert.account);
    assert_eq!(sign_in(&format!("Bert {login}")).await, Ok(()));
    let disabled = Account { disabled: true, update_time: at(300), ..bert.account.clone().unwrap() };
    let later = ArchivedAccount { account: Some(disabled), ..archived.clone() };
    assert_eq!(import(later).await, (Outcome::Replaced, None));
    assert_eq!(sign_in(&format!("Bert {login}")).await, Err(Code::InvalidCredentials));
    // Its name is taken; its hash is none; it was deleted.
    let taken = Account { name: format!("accounts/{}", Uuid::now_v7()), ..made.clone() };
    let taken = ArchivedAccount { account: Some(taken), ..archived.clone() };
    assert_eq!(import(taken).await, (Outcome::Refused, Some(Code::AccountExists)));
    let hash =
        ArchivedAccount { password_hash: "$argon2id$v=19$m=4194304,t=9,p=1$c2FsdHNhbHQ$AAAA".into(), ..bert.clone() };
    assert_eq!(import(hash).await, (Outcome::Refused, Some(Code::InvalidBody)));
    house.contract.delete_account(Request::new(DeleteAccountRequest { name: id })).await.unwrap();
    assert_eq!(import(bert).await, (Outcome::Refused, Some(Code::AccountNotFound)));
}

async fn every_account(house: &House) -> Vec<ArchivedAccount> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let asked = ExportAccountsRequest { page_size: 3, page_token };
        let page = house.contract.export_accounts(Request::new(asked)).await.unwrap();
        all.extend(page.accounts);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}
