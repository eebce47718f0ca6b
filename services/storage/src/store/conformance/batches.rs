use skep_proto::batch::{self, BYTES, OPERATIONS};

use super::{write_operation::Operation, *};

/// What a result tells: the record's text and version, and whether it was made; nothing of a deletion.
type Told = Result<Option<(String, i64, bool)>, Code>;

impl House {
    async fn batch(&self, key: &str, operations: Vec<Operation>) -> Answer<Vec<WriteResult>> {
        let asked = BatchWriteRecordsRequest {
            parent: self.name.clone(),
            operations: operations.into_iter().map(|one| WriteOperation { operation: Some(one) }).collect(),
            idempotency_key: key.into(),
            caller: "ann".into(),
        };
        Ok(self.contract.batch_write_records(Request::new(asked)).await.map_err(code)?.results)
    }

    fn update(&self, id: &str, data: &str, etag: &str) -> Operation {
        let record = Record { name: self.named(id), etag: etag.into(), ..body(data).unwrap_or_default() };
        Operation::Update(UpdateRecordRequest { record: Some(record), allow_missing: true, ..Default::default() })
    }

    fn patch(&self, id: &str, patch: &str) -> Operation {
        Operation::Patch(PatchRecordRequest { name: self.named(id), ..merge_patch(patch) })
    }

    /// A patch that shows how often it is applied.
    fn append(&self, id: &str) -> Operation {
        let patch = Some(Patch::JsonPatch(Bytes::from_static(br#"[{"op":"add","path":"/n/-","value":1}]"#)));
        Operation::Patch(PatchRecordRequest { name: self.named(id), patch, ..Default::default() })
    }

    fn removal(&self, id: &str) -> Operation {
        Operation::Delete(DeleteRecordRequest { name: self.named(id), ..Default::default() })
    }
}

fn make(id: &str, data: &str) -> Operation {
    Operation::Create(CreateRecordRequest { record_id: id.into(), record: body(data), ..Default::default() })
}

fn told(result: &WriteResult) -> Told {
    match result.error.clone() {
        Some(error) => Err(Error::from(error).code),
        None => Ok(result.record.as_ref().map(|record| (text(record).to_owned(), record.version, result.created))),
    }
}

#[allow(clippy::unnecessary_wraps, reason = "stands among results")]
fn record(text: &str, version: i64, created: bool) -> Told {
    Ok(Some((text.to_owned(), version, created)))
}

pub async fn makes_each_write_on_its_own(house: House) {
    house.upsert("bee", r#"{"a":1}"#, "").await.unwrap();
    let operations = vec![
        make("", r#"{"n": 1}"#),
        make("bee", "{}"),
        make("ant", r#"{"a":1,"a":2}"#),
        house.update("cow", "{}", ""),
        house.patch("none", "{}"),
        house.patch("bee", r#"{"b":2}"#),
        house.update("bee", "{}", "\"none\""),
        house.removal("dog"),
    ];
    let results = house.batch("", operations).await.unwrap();
    let expected = [
        record(r#"{"n": 1}"#, 1, true),
        Err(Code::RecordExists),
        Err(Code::MalformedJson),
        record("{}", 1, true),
        Err(Code::RecordNotFound),
        record(r#"{"a":1,"b":2}"#, 2, false),
        Err(Code::PreconditionFailed),
        Err(Code::RecordNotFound),
    ];
    assert_eq!(results.iter().map(told).collect::<Vec<_>>(), expected);
    let mut all = house.all(10).await;
    let mut made: Vec<_> = results.iter().filter_map(|result| result.record.clone()).collect();
    assert_eq!((&*made[0].owner, &*made[1].owner, &*made[2].owner), ("ann", "ann", ""));
    all.sort_by(|a, b| a.name.cmp(&b.name));
    made.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(all, made);
}

pub async fn writes_of_one_record_are_made_in_order(house: House) {
    let life = |id: &str| {
        let steps = [make(id, r#"{"n":1}"#), house.update(id, r#"{"n":2}"#, ""), house.patch(id, r#"{"m":3}"#)];
        steps.into_iter().chain([house.removal(id), house.removal(id), house.update(id, "{}", "")])
    };
    // Two lives, step by step beside each other.
    let operations = life("bee").zip(life("ant")).flat_map(|(bee, ant)| [bee, ant]).collect();
    let results: Vec<_> = house.batch("", operations).await.unwrap().iter().map(told).collect();
    let expected = [
        record(r#"{"n":1}"#, 1, true),
        record(r#"{"n":2}"#, 2, false),
        record(r#"{"n":2,"m":3}"#, 3, false),
        Ok(None),
        Err(Code::RecordNotFound),
        record("{}", 4, true),
    ];
    assert_eq!(results, expected.into_iter().flat_map(|step| [step.clone(), step]).collect::<Vec<_>>());
}

pub async fn a_keyed_batch_is_made_once(house: House) {
    house.upsert("bee", r#"{"n":[]}"#, "").await.unwrap();
    let operations = || vec![make("", "{}"), house.append("bee"), house.append("bee"), house.patch("none", "{}")];
    let first = house.batch("k", operations()).await.unwrap();
    assert_eq!(told(&first[2]), record(r#"{"n":[1,1]}"#, 3, false));
    let again = house.batch("k", operations()).await.unwrap();
    assert_eq!((&again[0], &again[2], &again[3]), (&first[0], &first[2], &first[3]));
    assert_eq!(again[1].record, first[2].record, "the record as it is now");
    let mut other = operations();
    other.push(make("more", "{}"));
    for operations in [other, operations().into_iter().take(3).collect(), operations().into_iter().rev().collect()] {
        assert_eq!(house.batch("k", operations).await, Err(Code::KeyReused));
    }
    assert_eq!(house.all(10).await.len(), 2);
    house.batch("l", operations()).await.unwrap();
    assert_eq!(house.get("bee").await.unwrap().version, 5);
    // One key, and calls of two kinds.
    let single = |key: &str| {
        let caller = "ann".into();
        CreateRecordRequest { idempotency_key: key.into(), record: body("{}"), caller, ..Default::default() }
    };
    assert_eq!(house.ask_create(single("k")).await, Err(Code::KeyReused));
    house.ask_create(single("m")).await.unwrap();
    assert_eq!(house.batch("m", operations()).await, Err(Code::KeyReused));
    assert_eq!(house.batch(&"x".repeat(256), operations()).await, Err(Code::InvalidArgument));
}

pub async fn a_keyed_batch_goes_on_where_it_broke_off(house: House) {
    house.upsert("bee", r#"{"n":[]}"#, "").await.unwrap();
    let Operation::Patch(first) = house.append("bee") else { unreachable!("a patch") };
    let first = PatchRecordRequest { idempotency_key: batch::key("k", 0), caller: "ann".into(), ..first };
    house.ask_patch("bee", first).await.unwrap();
    let results = house.batch("k", vec![house.append("bee"), house.append("bee")]).await.unwrap();
    assert_eq!(told(&results[0]), record(r#"{"n":[1]}"#, 2, false));
    assert_eq!(told(&results[1]), record(r#"{"n":[1,1]}"#, 3, false));
}

pub async fn a_key_is_claimed_for_one_request(house: House) {
    let claim = async |key: &str, fingerprint: &'static [u8]| {
        let (parent, idempotency_key) = (house.name.clone(), key.into());
        let fingerprint = Bytes::from_static(fingerprint);
        let asked = ClaimIdempotencyKeyRequest { parent, idempotency_key, fingerprint, caller: "ann".into() };
        house.contract.claim_idempotency_key(Request::new(asked)).await.map(drop).map_err(code)
    };
    assert_eq!(claim("k", b"one").await, Ok(()));
    assert_eq!(claim("k", b"one").await, Ok(()));
    assert_eq!(claim("k", b"other").await, Err(Code::KeyReused));
    assert_eq!(house.batch("k", vec![make("", "{}")]).await, Err(Code::KeyReused));
    assert_eq!(claim("l", b"other").await, Ok(()));
    assert_eq!(claim("", b"one").await, Err(Code::InvalidArgument));
    assert_eq!(claim("m", b"").await, Err(Code::InvalidArgument));
}

pub async fn racing_batches_apply_once(house: House) {
    house.upsert("bee", r#"{"n":[]}"#, "").await.unwrap();
    let racers: Vec<_> = (0..6)
        .map(|_| {
            let house = house.clone();
            let operations = vec![house.append("bee"), make("", "{}"), house.append("bee"), make("ant", "{}")];
            tokio::spawn(async move { house.batch("k", operations).await.expect("the one answer") })
        })
        .collect();
    for racer in racers {
        let results = racer.await.unwrap();
        assert!(results.iter().all(|result| result.error.is_none()), "{results:?}");
    }
    assert_eq!(text(&house.get("bee").await.unwrap()), r#"{"n":[1,1]}"#);
    assert_eq!(house.all(10).await.len(), 3);
}

pub async fn takes_a_hundred_writes_of_its_collection(house: House) {
    let many = |count: usize| (0..count).map(|n| make("", &format!(r#"{{"n":{n}}}"#))).collect::<Vec<_>>();
    assert_eq!(house.batch("", vec![]).await, Err(Code::InvalidArgument));
    assert_eq!(house.batch("", many(OPERATIONS + 1)).await, Err(Code::InvalidArgument));
    let foreign = House { name: format!("{}-x", house.name), ..house.clone() };
    assert_eq!(foreign.batch("", many(1)).await, Err(Code::CollectionNotFound));
    let own = CreateRecordRequest { caller: "bob".into(), ..Default::default() };
    let keyed = DeleteRecordRequest { idempotency_key: "k".into(), name: house.named("bee"), ..Default::default() };
    let elsewhere = CreateRecordRequest { parent: foreign.name.clone(), ..Default::default() };
    for wrong in
        [foreign.removal("bee"), Operation::Create(own), Operation::Delete(keyed), Operation::Create(elsewhere)]
    {
        assert_eq!(house.batch("", [many(1), vec![wrong]].concat()).await, Err(Code::InvalidArgument));
    }
    assert!(house.all(10).await.is_empty(), "refused and yet written");
    let results = house.batch("", many(OPERATIONS)).await.unwrap();
    for (n, result) in results.iter().enumerate() {
        assert_eq!(told(result), record(&format!(r#"{{"n":{n}}}"#), 1, true));
    }
    assert_eq!(house.all(1000).await.len(), OPERATIONS);
}

pub async fn tells_of_large_records_what_fits(house: House) {
    let large = format!(r#"{{"text":"{}"}}"#, "x".repeat(900 << 10));
    for n in 0..5 {
        house.upsert(&format!("r{n}"), &large, "").await.unwrap();
    }
    let results = house.batch("", (0..5).map(|n| house.patch(&format!("r{n}"), r#"{"a":1}"#)).collect()).await.unwrap();
    let mut bytes = 0;
    for result in results {
        let told = result.record.expect("a record");
        let now = house.get(id(&told)).await.unwrap();
        bytes += told.data.len();
        assert!(told.data.is_empty() || told.data == now.data);
        assert_eq!(Record { data: now.data.clone(), ..told }, now);
    }
    assert!((BYTES - large.len()..=BYTES).contains(&bytes), "{bytes}");
}
