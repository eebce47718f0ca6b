use super::*;

pub async fn is_created_and_read(house: House) {
    let made = house.create(r#"{"author":"Ann"}"#).await;
    let uuid = Uuid::try_parse(id(&made)).unwrap();
    assert_eq!(uuid.get_version_num(), 7);
    assert_eq!((made.version, made.owner.as_str()), (1, ""));
    assert_eq!(made.create_time, made.update_time);
    assert!(made.etag.starts_with('"') && made.etag.ends_with('"'));
    assert_eq!(house.get(id(&made)).await.unwrap(), made);
    assert_eq!(house.get("nobody").await, Err(Code::RecordNotFound));
    let elsewhere = House { name: format!("{}-x", house.name), ..house };
    assert_eq!(elsewhere.get(id(&made)).await, Err(Code::CollectionNotFound));
}

pub async fn keeps_its_data_to_the_byte(house: House) {
    for data in [
        "{}",
        r#" { "z" : 9007199254740993 , "a" : -0.0 , "b" : 1E400 } "#,
        r#"{"n":123456789012345678901234567890.10,"":null,"é\u0000😀":["\ud83d\ude00","\/"]}"#,
        "{\"\u{10ffff}\u{202e}\u{feff}\":\"\u{7f}\"}",
    ] {
        let made = house.create(data).await;
        assert_eq!(text(&house.get(id(&made)).await.unwrap()), data);
        house.upsert("kept", data, "").await.unwrap();
        assert_eq!(text(&house.get("kept").await.unwrap()), data);
        assert_eq!(text(&house.all(1).await[0]), data);
    }
}

pub async fn refuses_data_that_cannot_be_kept(house: House) {
    let deep = format!("{}{}", r#"{"a":"#.repeat(33), "}".repeat(33));
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(1 << 20));
    for (data, expected) in [
        ("", Code::MalformedJson),
        ("{", Code::MalformedJson),
        (r#"{"a":"\ud800"}"#, Code::MalformedJson),
        (r#"{"a":1,"a":2}"#, Code::MalformedJson),
        (r#"{"a":NaN}"#, Code::MalformedJson),
        ("[]", Code::InvalidBody),
        ("7", Code::InvalidBody),
        (&deep, Code::InvalidBody),
        (&large, Code::PayloadTooLarge),
    ] {
        let asked = CreateRecordRequest { record: body(data), ..Default::default() };
        assert_eq!(house.ask_create(asked).await.unwrap_err(), expected, "{data:.40}");
        assert_eq!(house.upsert("bee", data, "").await.unwrap_err(), expected, "{data:.40}");
    }
    assert_eq!(house.ask_create(CreateRecordRequest::default()).await, Err(Code::InvalidBody));
    let not_text = Some(Record { data: Bytes::from_static(b"{\"a\":\"\xff\"}"), ..Default::default() });
    let asked = CreateRecordRequest { record: not_text, ..Default::default() };
    assert_eq!(house.ask_create(asked).await, Err(Code::MalformedJson));
    assert!(house.all(10).await.is_empty());
}

pub async fn takes_an_id_once(house: House) {
    let asked = CreateRecordRequest { record_id: "A.b_c~d-9".into(), record: body("{}"), ..Default::default() };
    let made = house.ask_create(asked.clone()).await.unwrap();
    assert_eq!(id(&made), "A.b_c~d-9");
    assert_eq!(house.ask_create(asked.clone()).await, Err(Code::RecordExists));
    house.delete("A.b_c~d-9", "").await.unwrap();
    assert_eq!(house.ask_create(asked).await.unwrap().version, 2);
    // An id in the form of our own is an id like any other.
    let chosen = Uuid::now_v7().to_string();
    let asked = CreateRecordRequest { record_id: chosen.clone(), record: body("{}"), ..Default::default() };
    let made = house.ask_create(asked).await.unwrap();
    assert_eq!(house.get(&chosen).await.unwrap(), made);
    assert_eq!(house.get(&chosen.to_uppercase()).await, Err(Code::RecordNotFound));
}

pub async fn refuses_names_of_another_form(house: House) {
    for wrong in ["", "a b", "a/b", "é", "\0", ".", "..", &"x".repeat(129)] {
        assert_eq!(house.get(wrong).await, Err(Code::InvalidArgument), "{wrong:?}");
        assert_eq!(house.upsert(wrong, "{}", "").await, Err(Code::InvalidArgument), "{wrong:?}");
        if !wrong.is_empty() {
            let asked = CreateRecordRequest { record_id: wrong.into(), record: body("{}"), ..Default::default() };
            assert_eq!(house.ask_create(asked).await, Err(Code::InvalidArgument), "{wrong:?}");
        }
    }
    house.upsert(&"x".repeat(128), "{}", "").await.unwrap();
    for mutation_id in [
        "bee",
        &Uuid::nil().to_string(),
        "fffffff0-0000-7000-8000-000000000000",
        "00000000-0000-7000-8000-000000000001",
    ] {
        let asked = CreateRecordRequest { mutation_id: mutation_id.into(), record: body("{}"), ..Default::default() };
        assert_eq!(house.ask_create(asked).await, Err(Code::InvalidArgument), "{mutation_id}");
    }
}

pub async fn is_replaced_or_made(house: House) {
    assert_eq!(house.put("bee", "{}", "", UpdateRecordRequest::default()).await, Err(Code::RecordNotFound));
    let (made, created) = house.upsert("bee", r#"{"a":1}"#, "").await.unwrap();
    assert!(created);
    let (replaced, created) = house.upsert("bee", r#"{"b":2}"#, "").await.unwrap();
    assert!(!created);
    assert_eq!((text(&replaced), replaced.version, replaced.create_time), (r#"{"b":2}"#, 2, made.create_time));
    assert!(replaced.etag != made.etag);
    assert_eq!(house.get("bee").await.unwrap(), replaced);
    let (same, _) = house.put("bee", r#"{"b":2}"#, "", UpdateRecordRequest::default()).await.unwrap();
    assert!(same.version == 3 && same.etag != replaced.etag, "every write is a new version");

    let fresh = house.create("{}").await;
    let (replaced, created) = house.upsert(id(&fresh), r#"{"a":1}"#, "").await.unwrap();
    assert_eq!((created, replaced.version, replaced.create_time), (false, 2, fresh.create_time));
}

pub async fn is_written_only_under_its_condition(house: House) {
    for etag in ["*", "\"00000000000070008000000000000000\"", "\"bee\""] {
        assert_eq!(house.upsert("bee", "{}", etag).await, Err(Code::PreconditionFailed), "{etag}");
        assert_eq!(house.merge("bee", "{}", etag).await, Err(Code::RecordNotFound), "{etag}");
        assert_eq!(house.delete("bee", etag).await, Err(Code::RecordNotFound), "{etag}");
    }
    let first = house.upsert("bee", "{}", "").await.unwrap().0;
    let second = house.upsert("bee", "{}", &first.etag).await.unwrap().0;
    let third = house.merge("bee", r#"{"a":1}"#, &second.etag).await.unwrap();
    for etag in [&first.etag, &second.etag, &third.etag.to_uppercase(), "\"bee\"", "W/\"x\""] {
        assert_eq!(house.upsert("bee", "{}", etag).await, Err(Code::PreconditionFailed), "{etag}");
        assert_eq!(house.merge("bee", "{}", etag).await, Err(Code::PreconditionFailed), "{etag}");
        assert_eq!(house.delete("bee", etag).await, Err(Code::PreconditionFailed), "{etag}");
    }
    assert_eq!(house.get("bee").await.unwrap(), third);
    let fourth = house.merge("bee", "{}", "*").await.unwrap();
    house.delete("bee", &fourth.etag).await.unwrap();
    let again = house.upsert("bee", "{}", "").await.unwrap().0;
    assert_eq!(house.delete("bee", &fourth.etag).await, Err(Code::PreconditionFailed), "a tag never comes back");
    house.delete("bee", &again.etag).await.unwrap();
}

pub async fn is_patched_by_merge_and_by_operations(house: House) {
    house.upsert("bee", r#"{"n":9007199254740993,"a":{"b":1},"z":[1,2]}"#, "").await.unwrap();
    let merged = house.merge("bee", r#"{"a":{"b":null,"c":[]},"new":1.50}"#, "").await.unwrap();
    assert_eq!(text(&merged), r#"{"n":9007199254740993,"a":{"c":[]},"z":[1,2],"new":1.50}"#);
    assert_eq!(merged.version, 2);
    let operations = async |patch: &'static str| {
        let patch = Some(Patch::JsonPatch(Bytes::from_static(patch.as_bytes())));
        house.ask_patch("bee", PatchRecordRequest { patch, ..Default::default() }).await
    };
    let patched = operations(
        r#"[{"op":"test","path":"/z/1","value":2},{"op":"remove","path":"/n"},{"op":"add","path":"/z/-","value":3}]"#,
    );
    assert_eq!(text(&patched.await.unwrap()), r#"{"a":{"c":[]},"z":[1,2,3],"new":1.50}"#);
    let conflict = operations(r#"[{"op":"remove","path":"/z"},{"op":"test","path":"/new","value":2}]"#).await;
    assert_eq!(conflict, Err(Code::PatchConflict));
    assert_eq!(operations(r#"{"op":"remove"}"#).await, Err(Code::InvalidPatch));
    assert_eq!(house.merge("bee", "[]", "").await, Err(Code::InvalidPatch));
    assert_eq!(house.ask_patch("bee", PatchRecordRequest::default()).await, Err(Code::InvalidBody));
    assert_eq!(house.merge("nobody", "{}", "").await, Err(Code::RecordNotFound));
    let read = house.get("bee").await.unwrap();
    assert_eq!((read.version, text(&read)), (3, r#"{"a":{"c":[]},"z":[1,2,3],"new":1.50}"#), "all or nothing");
}

pub async fn is_deleted_once(house: House) {
    for name in [id(&house.create("{}").await), "chosen"] {
        if name == "chosen" {
            house.upsert(name, "{}", "").await.unwrap();
        }
        house.delete(name, "").await.unwrap();
        assert_eq!(house.delete(name, "").await, Err(Code::RecordNotFound));
        assert_eq!(house.get(name).await, Err(Code::RecordNotFound));
        assert_eq!(house.merge(name, "{}", "").await, Err(Code::RecordNotFound));
    }
    assert!(house.all(10).await.is_empty());
}

pub async fn counts_on_when_it_is_made_again(house: House) {
    for name in [id(&house.create("{}").await), "chosen"] {
        let version = house.upsert(name, "{}", "").await.unwrap().0.version;
        house.delete(name, "").await.unwrap();
        let (again, created) = house.upsert(name, r#"{"again":true}"#, "").await.unwrap();
        assert!(created);
        assert_eq!(again.version, version + 1);
        assert_eq!(again.create_time, again.update_time);
        assert_eq!(house.get(name).await.unwrap(), again);
    }
    assert_eq!(house.all(10).await.len(), 2);
}

pub async fn belongs_to_its_maker(house: House) {
    let by = |caller: &str| UpdateRecordRequest { allow_missing: true, caller: caller.into(), ..Default::default() };
    let asked = CreateRecordRequest { caller: "ann".into(), record: body("{}"), ..Default::default() };
    assert_eq!(house.ask_create(asked).await.unwrap().owner, "ann");
    assert_eq!(house.put("bee", "{}", "", by("ann")).await.unwrap().0.owner, "ann");
    assert_eq!(house.put("bee", "{}", "", by("bob")).await.unwrap().0.owner, "ann");
    house.delete("bee", "").await.unwrap();
    assert_eq!(house.put("bee", "{}", "", by("bob")).await.unwrap().0.owner, "bob", "made again by another");
}

/// Over gRPC an error travels in headers: a long one would break the connection for everybody on it.
pub async fn is_refused_in_few_words(house: House) {
    house.upsert("bee", "{}", "").await.unwrap();
    for length in [7_000, 20_000, 1_000_000] {
        let word = "x".repeat(length);
        let patch = Some(Patch::JsonPatch(format!(r#"[{{"op":"{word}","path":""}}]"#).into()));
        let asked = PatchRecordRequest { patch, ..Default::default() };
        assert_eq!(house.ask_patch("bee", asked).await, Err(Code::InvalidPatch));
        let twice = format!(r#"{{"{word}":1,"{word}":2}}"#);
        let too_long = twice.len() > 1 << 20;
        let expected = if too_long { Code::PayloadTooLarge } else { Code::MalformedJson };
        assert_eq!(house.upsert("bee", &twice, "").await, Err(expected));
    }
    let indexes = vec![String::new(); 2000];
    let collection = Some(Collection { name: house.name.clone(), indexes, ..Default::default() });
    let asked = UpdateCollectionRequest { collection, allow_missing: true, ..Default::default() };
    let refused = house.contract.update_collection(Request::new(asked)).await.unwrap_err();
    assert_eq!(refused.code, Code::InvalidDefinition);
    let asked = CreateRecordRequest { caller: "x".repeat(129), record: body("{}"), ..Default::default() };
    assert_eq!(house.ask_create(asked).await, Err(Code::InvalidArgument));
}
