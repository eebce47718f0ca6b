use super::*;

/// No record.
const ABSENT: &str = "-";

fn update(judged: &str) -> UpdateRecordRequest {
    UpdateRecordRequest { allow_missing: true, judged_etag: judged.into(), ..Default::default() }
}

fn patch(text: &str, judged: &str) -> PatchRecordRequest {
    PatchRecordRequest { judged_etag: judged.into(), ..merge_patch(text) }
}

fn delete(judged: &str) -> DeleteRecordRequest {
    DeleteRecordRequest { judged_etag: judged.into(), ..Default::default() }
}

pub async fn a_write_is_made_of_what_was_judged(house: House) {
    let (made, created) = house.put("bee", "{}", "", update(ABSENT)).await.unwrap();
    assert!(created);
    let replaced = house.put("bee", r#"{"a":1}"#, "", update(&made.etag)).await.unwrap().0;
    let unquoted = replaced.etag.trim_matches('"');
    let patched = house.ask_patch("bee", patch(r#"{"b":2}"#, unquoted)).await.unwrap();
    assert_eq!((text(&patched), patched.version), (r#"{"a":1,"b":2}"#, 3));
    for wrong in [&made.etag, &replaced.etag, ABSENT, "*", "bee", &patched.etag.to_uppercase()] {
        assert_eq!(house.put("bee", "{}", "", update(wrong)).await, Err(Code::Overtaken), "{wrong}");
        assert_eq!(house.ask_patch("bee", patch("{}", wrong)).await, Err(Code::Overtaken), "{wrong}");
        assert_eq!(house.ask_delete("bee", delete(wrong)).await, Err(Code::Overtaken), "{wrong}");
    }
    assert_eq!(house.get("bee").await.unwrap(), patched, "nothing was written");
    house.ask_delete("bee", delete(&patched.etag)).await.unwrap();

    assert_eq!(house.put("bee", "{}", "", update(&patched.etag)).await, Err(Code::Overtaken));
    assert_eq!(house.ask_patch("bee", patch("{}", &patched.etag)).await, Err(Code::Overtaken));
    assert_eq!(house.ask_delete("bee", delete(&patched.etag)).await, Err(Code::Overtaken));
    assert_eq!(house.ask_patch("bee", patch("{}", ABSENT)).await, Err(Code::RecordNotFound));
    assert_eq!(house.ask_delete("bee", delete(ABSENT)).await, Err(Code::RecordNotFound));
    assert!(house.put("bee", "{}", "", update(ABSENT)).await.unwrap().1, "a deleted record is none");
}

pub async fn to_be_overtaken_is_told_before_the_condition(house: House) {
    let old = house.upsert("bee", "{}", "").await.unwrap().0.etag;
    let now = house.merge("bee", r#"{"a":1}"#, "").await.unwrap().etag;
    let both = |etag: &str, judged: &str| {
        let (house, etag, asked) = (house.clone(), etag.to_owned(), patch(r#"{"a":2}"#, judged));
        async move { house.ask_patch("bee", PatchRecordRequest { etag, ..asked }).await }
    };
    for etag in [&old, &now, "*"] {
        assert_eq!(both(etag, &old).await, Err(Code::Overtaken), "{etag}");
    }
    assert_eq!(both(&old, &now).await, Err(Code::PreconditionFailed));
    assert_eq!(house.put("ant", "{}", &old, update(&old)).await, Err(Code::Overtaken));
    assert_eq!(house.put("ant", "{}", &old, update(ABSENT)).await, Err(Code::PreconditionFailed));
    assert_eq!(both(&now, &now).await.unwrap().version, 3);
}

pub async fn a_repetition_is_answered_whatever_was_judged(house: House) {
    let asked = |judged: &str| UpdateRecordRequest { idempotency_key: "k".into(), ..update(judged) };
    let made = house.put("bee", "{}", "", asked(ABSENT)).await.unwrap();
    assert_eq!(house.put("bee", "{}", "", asked(&made.0.etag)).await.unwrap(), made);
    assert_eq!(house.put("bee", "{}", "", asked("")).await.unwrap(), made);

    // Refused, and judged anew: the key stands for the same request.
    let asked = |judged: &str| PatchRecordRequest { idempotency_key: "l".into(), ..patch(r#"{"a":1}"#, judged) };
    assert_eq!(house.ask_patch("bee", asked(ABSENT)).await, Err(Code::Overtaken));
    let patched = house.ask_patch("bee", asked(&made.0.etag)).await.unwrap();
    assert_eq!(house.ask_patch("bee", asked(&made.0.etag)).await.unwrap(), patched);
    let changed = house.merge("bee", r#"{"b":1}"#, "").await.unwrap();
    assert_eq!(house.ask_patch("bee", asked(&changed.etag)).await.unwrap(), changed, "the record as it is now");

    let mutation_id = skep_proto::mutation::new().to_string();
    let asked = |judged: &str| DeleteRecordRequest { mutation_id: mutation_id.clone(), attempt: 1, ..delete(judged) };
    house.ask_delete("bee", asked(&changed.etag)).await.unwrap();
    house.ask_delete("bee", asked(&changed.etag)).await.unwrap();
}

pub async fn racing_judgements_count_exactly(house: House) {
    const WRITERS: usize = 8;
    const WRITES: usize = 5;
    house.upsert("count", r#"{"n":0}"#, "").await.unwrap();
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let house = house.clone();
            tokio::spawn(async move {
                let mut done = 0;
                while done < WRITES {
                    let read = house.get("count").await.expect("the counter");
                    let n: usize = text(&read)[5..].trim_end_matches('}').parse().expect("a number");
                    match house.ask_patch("count", patch(&format!(r#"{{"n":{}}}"#, n + 1), &read.etag)).await {
                        Ok(_) => done += 1,
                        Err(code) => assert_eq!(code, Code::Overtaken),
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(text(&house.get("count").await.unwrap()), format!(r#"{{"n":{}}}"#, WRITERS * WRITES));
}

pub async fn a_patch_is_foreseen_without_being_made(house: House) {
    let foresee = async |id: &str, asked: PatchRecordRequest| {
        house.ask_patch(id, PatchRecordRequest { validate_only: true, ..asked }).await
    };
    let keyed = |text: &str| PatchRecordRequest { idempotency_key: "k".into(), ..merge_patch(text) };
    let made = house.upsert("bee", r#"{"a":1}"#, "").await.unwrap().0;
    let foreseen = foresee("bee", keyed(r#"{"b":2}"#)).await.unwrap();
    assert_eq!(foreseen, Record { data: Bytes::from_static(br#"{"a":1,"b":2}"#), ..made.clone() });
    assert_eq!(house.get("bee").await.unwrap(), made);
    let patched = house.ask_patch("bee", keyed(r#"{"a":3}"#)).await.expect("the key was not noted");
    assert_eq!(text(&patched), r#"{"a":3}"#);
    assert_eq!(foresee("bee", keyed(r#"{"a":3}"#)).await.unwrap(), patched, "it was made before");

    let with = |etag: &str, judged: &str| PatchRecordRequest { etag: etag.into(), ..patch("{}", judged) };
    assert_eq!(foresee("bee", with(&made.etag, &made.etag)).await, Err(Code::Overtaken));
    assert_eq!(foresee("bee", with(&made.etag, &patched.etag)).await, Err(Code::PreconditionFailed));
    assert_eq!(foresee("bee", with(&patched.etag, &patched.etag)).await.unwrap(), patched);
    assert_eq!(foresee("bee", merge_patch("[]")).await, Err(Code::InvalidPatch));
    assert_eq!(foresee("nobody", merge_patch("{}")).await, Err(Code::RecordNotFound));
    house.delete("bee", "").await.unwrap();
    assert_eq!(foresee("bee", keyed(r#"{"a":3}"#)).await, Err(Code::RecordDeleted));
    assert_eq!(foresee("bee", merge_patch("{}")).await, Err(Code::RecordNotFound));
}
