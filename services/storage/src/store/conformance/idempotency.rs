use super::*;

fn create(key: &str, data: &str) -> CreateRecordRequest {
    CreateRecordRequest { idempotency_key: key.into(), record: body(data), ..Default::default() }
}

fn patch(key: &str, text: &str) -> PatchRecordRequest {
    PatchRecordRequest { idempotency_key: key.into(), ..merge_patch(text) }
}

fn update(key: &str) -> UpdateRecordRequest {
    UpdateRecordRequest { allow_missing: true, idempotency_key: key.into(), ..Default::default() }
}

fn delete(key: &str) -> DeleteRecordRequest {
    DeleteRecordRequest { idempotency_key: key.into(), ..Default::default() }
}

pub async fn a_keyed_create_makes_one_record(house: House) {
    let made = house.ask_create(create("k", r#"{"a":1}"#)).await.unwrap();
    assert_eq!(house.ask_create(create("k", r#"{"a":1}"#)).await.unwrap(), made);
    assert_eq!(house.ask_create(create("k", r#"{"a":2}"#)).await, Err(Code::KeyReused));
    let other = house.ask_create(create("l", r#"{"a":1}"#)).await.unwrap();
    assert!(id(&other) != id(&made));
    // The fingerprint stays for good, however often the record is written.
    for _ in 0..20 {
        house.merge(id(&made), r#"{"a":3}"#, "").await.unwrap();
    }
    let again = house.ask_create(create("k", r#"{"a":1}"#)).await.unwrap();
    assert_eq!((text(&again), again.version), (r#"{"a":3}"#, 21), "the record as it is now");
    assert_eq!(house.ask_create(create("k", r#"{"a":2}"#)).await, Err(Code::KeyReused));
    assert_eq!(house.all(10).await.len(), 2);
}

pub async fn a_key_stands_for_one_request(house: House) {
    house.upsert("bee", "{}", "").await.unwrap();
    house.upsert("ant", "{}", "").await.unwrap();
    house.ask_patch("bee", patch("k", r#"{"a":1}"#)).await.unwrap();
    assert_eq!(house.ask_patch("bee", patch("k", r#"{"a":2}"#)).await, Err(Code::KeyReused));
    assert_eq!(house.ask_patch("ant", patch("k", r#"{"a":1}"#)).await, Err(Code::KeyReused));
    assert_eq!(house.put("bee", r#"{"a":1}"#, "", update("k")).await, Err(Code::KeyReused));
    assert_eq!(house.ask_delete("bee", delete("k")).await, Err(Code::KeyReused));
    assert_eq!(house.ask_create(create("k", "{}")).await, Err(Code::KeyReused));
    house.ask_create(create("m", "{}")).await.unwrap();
    assert_eq!(house.ask_patch("bee", patch("m", "{}")).await, Err(Code::KeyReused));
    let long = "x".repeat(256);
    assert_eq!(house.ask_create(create(&long, "{}")).await, Err(Code::InvalidArgument));
}

pub async fn a_keyed_write_is_applied_once(house: House) {
    house.upsert("bee", r#"{"n":0}"#, "").await.unwrap();
    let operations = br#"[{"op":"copy","from":"/n","path":"/m"},{"op":"add","path":"/n","value":1}]"#;
    let asked = PatchRecordRequest {
        idempotency_key: "k".into(),
        patch: Some(Patch::JsonPatch(Bytes::from_static(operations))),
        ..Default::default()
    };
    let first = house.ask_patch("bee", asked.clone()).await.unwrap();
    assert_eq!(text(&first), r#"{"n":1,"m":0}"#);
    assert_eq!(house.ask_patch("bee", asked.clone()).await.unwrap(), first);
    let changed = house.merge("bee", r#"{"n":7}"#, "").await.unwrap();
    assert_eq!(house.ask_patch("bee", asked).await.unwrap(), changed, "the record as it is now");
    // Its condition was true when it was made; that it no longer is does not matter.
    let replace = |etag: &str| {
        let (house, etag) = (house.clone(), etag.to_owned());
        async move { house.put("bee", "{}", &etag, update("l")).await }
    };
    let replaced = replace(&changed.etag).await.unwrap();
    assert_eq!(replace(&changed.etag).await.unwrap(), replaced);
}

pub async fn a_keyed_replacement_says_again_that_it_created(house: House) {
    let first = house.put("bee", "{}", "", update("k")).await.unwrap();
    assert!(first.1);
    assert_eq!(house.put("bee", "{}", "", update("k")).await.unwrap(), first);
    let chosen = CreateRecordRequest { record_id: "ant".into(), ..create("c", "{}") };
    let made = house.ask_create(chosen.clone()).await.unwrap();
    assert_eq!(house.ask_create(chosen).await.unwrap(), made);
}

pub async fn a_keyed_delete_is_repeated_quietly(house: House) {
    house.upsert("bee", "{}", "").await.unwrap();
    house.ask_delete("bee", delete("k")).await.unwrap();
    house.ask_delete("bee", delete("k")).await.unwrap();
    house.upsert("bee", "{}", "").await.unwrap();
    house.ask_delete("bee", delete("k")).await.unwrap();
    house.get("bee").await.expect("made again after the delete");
}

pub async fn a_deleted_record_is_said_to_be_gone(house: House) {
    let made = house.ask_create(create("k", "{}")).await.unwrap();
    house.delete(id(&made), "").await.unwrap();
    assert_eq!(house.ask_create(create("k", "{}")).await, Err(Code::RecordDeleted));
    assert_eq!(house.ask_create(create("k", r#"{"a":1}"#)).await, Err(Code::KeyReused));
    house.put("bee", "{}", "", update("l")).await.unwrap();
    house.delete("bee", "").await.unwrap();
    assert_eq!(house.put("bee", "{}", "", update("l")).await, Err(Code::RecordDeleted));
    assert_eq!(house.get("bee").await, Err(Code::RecordNotFound));
}

pub async fn a_key_is_its_callers_and_its_collections(house: House) {
    let by = |caller: &str| CreateRecordRequest { caller: caller.into(), ..create("k", "{}") };
    let anns = house.ask_create(by("ann")).await.unwrap();
    let bobs = house.ask_create(by("bob")).await.unwrap();
    let nobodys = house.ask_create(by("")).await.unwrap();
    assert!(id(&anns) != id(&bobs) && id(&bobs) != id(&nobodys) && id(&anns) != id(&nobodys));
    let elsewhere = House { name: format!("{}-x", house.name), ..house };
    elsewhere.define(&elsewhere.name).await.unwrap();
    let there = elsewhere.ask_create(create("k", r#"{"other":1}"#)).await.unwrap();
    assert_eq!(there.version, 1);
}

pub async fn a_key_out_of_sight_is_unknown_never_guessed(house: House) {
    house.upsert("bee", "{}", "").await.unwrap();
    house.ask_patch("bee", patch("k", r#"{"k":1}"#)).await.unwrap();
    for _ in 0..15 {
        house.merge("bee", r#"{"x":1}"#, "").await.unwrap();
    }
    let seen = house.ask_patch("bee", patch("k", r#"{"k":1}"#)).await.unwrap();
    assert_eq!(seen.version, 17, "the sixteenth is remembered");
    house.merge("bee", r#"{"k":null}"#, "").await.unwrap();
    assert_eq!(house.ask_patch("bee", patch("k", r#"{"k":1}"#)).await, Err(Code::OutcomeUnknown));
    assert_eq!(house.get("bee").await.unwrap().version, 18);
}

pub async fn a_refused_write_is_judged_anew(house: House) {
    assert_eq!(house.ask_patch("bee", patch("k", r#"{"a":1}"#)).await, Err(Code::RecordNotFound));
    house.upsert("bee", "{}", "").await.unwrap();
    let patched = house.ask_patch("bee", patch("k", r#"{"a":1}"#)).await.unwrap();
    assert_eq!(house.ask_patch("bee", patch("k", r#"{"a":1}"#)).await.unwrap(), patched);
}

pub async fn a_mutation_repeated_is_the_same_write(house: House) {
    let mutation = || skep_proto::mutation::new().to_string();
    let asked = CreateRecordRequest { mutation_id: mutation(), record: body("{}"), ..Default::default() };
    let made = house.ask_create(asked.clone()).await.unwrap();
    assert_eq!(house.ask_create(asked.clone()).await.unwrap(), made);
    assert_eq!(house.all(10).await, std::slice::from_ref(&made));
    // The repetition comes late: what was written since stays.
    let changed = house.merge(id(&made), r#"{"a":1}"#, "").await.unwrap();
    house.ask_create(asked.clone()).await.unwrap();
    assert_eq!(house.get(id(&made)).await.unwrap(), changed);
    house.delete(id(&made), "").await.unwrap();
    house.ask_create(asked).await.unwrap();
    assert_eq!(house.get(id(&made)).await, Err(Code::RecordNotFound));

    let counted = house.create(r#"{"n":[]}"#).await;
    let patch = Some(Patch::JsonPatch(Bytes::from_static(br#"[{"op":"add","path":"/n/-","value":1}]"#)));
    let asked = PatchRecordRequest { mutation_id: mutation(), patch, ..Default::default() };
    let first = house.ask_patch(id(&counted), asked.clone()).await.unwrap();
    assert_eq!(house.ask_patch(id(&counted), asked).await.unwrap(), first);
    let asked = DeleteRecordRequest { mutation_id: mutation(), ..Default::default() };
    house.ask_delete(id(&counted), asked.clone()).await.unwrap();
    house.ask_delete(id(&counted), asked).await.unwrap();
}

pub async fn a_late_attempt_is_unknown_never_made_twice(house: House) {
    house.upsert("bee", r#"{"n":[]}"#, "").await.unwrap();
    let patch = Some(Patch::JsonPatch(Bytes::from_static(br#"[{"op":"add","path":"/n/-","value":1}]"#)));
    let asked = |attempt| PatchRecordRequest {
        mutation_id: skep_proto::mutation::new().to_string(),
        patch: patch.clone(),
        attempt,
        ..Default::default()
    };
    // The first attempt was lost on its way, and the history forgot nothing.
    let made = house.ask_patch("bee", asked(1)).await.unwrap();
    assert_eq!(text(&made), r#"{"n":[1]}"#);
    let first = asked(0);
    house.ask_patch("bee", first.clone()).await.unwrap();
    for _ in 0..16 {
        house.merge("bee", r#"{"x":1}"#, "").await.unwrap();
    }
    let late = house.ask_patch("bee", PatchRecordRequest { attempt: 1, ..first }).await;
    assert_eq!(late, Err(Code::OutcomeUnknown));
    assert_eq!(text(&house.get("bee").await.unwrap()), r#"{"n":[1,1],"x":1}"#);

    // What a condition demands is remembered, so a write that follows it would be too.
    let mut etag = house.get("bee").await.unwrap().etag;
    let lost = PatchRecordRequest { etag: etag.clone(), ..asked(1) };
    let made = house.ask_patch("bee", lost.clone()).await.unwrap();
    assert_eq!(text(&made), r#"{"n":[1,1,1],"x":1}"#);
    let never_made = PatchRecordRequest { etag: made.etag.clone(), ..asked(1) };
    for _ in 0..15 {
        etag = house.merge("bee", r#"{"x":1}"#, "").await.unwrap().etag;
    }
    assert_eq!(house.ask_patch("bee", lost).await.unwrap().etag, etag);
    assert_eq!(house.ask_patch("bee", never_made.clone()).await, Err(Code::PreconditionFailed));
    house.merge("bee", r#"{"x":1}"#, "").await.unwrap();
    assert_eq!(house.ask_patch("bee", never_made).await, Err(Code::OutcomeUnknown));
}

pub async fn a_malformed_request_does_not_use_its_key_up(house: House) {
    house.upsert("bee", "{}", "").await.unwrap();
    assert_eq!(house.ask_patch("bee", patch("k", r#"{"a":"#)).await, Err(Code::MalformedJson));
    house.ask_patch("bee", patch("k", r#"{"a":1}"#)).await.unwrap();
}

pub async fn racing_repetitions_apply_once(house: House) {
    house.upsert("bee", r#"{"n":[]}"#, "").await.unwrap();
    let patch = Some(Patch::JsonPatch(Bytes::from_static(br#"[{"op":"add","path":"/n/-","value":1}]"#)));
    let asked = PatchRecordRequest { idempotency_key: "k".into(), patch, ..Default::default() };
    let racers: Vec<_> = (0..10)
        .map(|_| {
            let (house, asked) = (house.clone(), asked.clone());
            tokio::spawn(async move {
                house.ask_patch("bee", asked).await.expect("the one answer");
                house.ask_create(create("c", "{}")).await.expect("the one record")
            })
        })
        .collect();
    let mut made = Vec::new();
    for racer in racers {
        made.push(racer.await.unwrap());
    }
    assert_eq!(text(&house.get("bee").await.unwrap()), r#"{"n":[1]}"#);
    assert!(made.iter().all(|record| *record == made[0]));
    assert_eq!(house.all(10).await.len(), 2);
}
