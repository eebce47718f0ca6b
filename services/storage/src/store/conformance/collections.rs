use std::collections::BTreeSet;

use skep_proto::mutation;

use super::*;

pub async fn is_defined_read_redefined_and_deleted(house: House) {
    let name = format!("{}-x", house.name);
    let rules = Rules { list: Some("true".into()), ..Default::default() };
    let full = Collection {
        name: name.clone(),
        indexes: vec!["author".into(), "a.b".into()],
        rules: Some(rules),
        ..Default::default()
    };
    let define = async |collection: Collection, allow_missing| {
        let asked = UpdateCollectionRequest { collection: Some(collection), allow_missing, ..Default::default() };
        house.contract.update_collection(Request::new(asked)).await.map_err(code)
    };
    assert_eq!(define(full.clone(), false).await.unwrap_err(), Code::CollectionNotFound);
    let asked = UpdateCollectionRequest {
        collection: Some(full.clone()),
        allow_missing: true,
        mutation_id: mutation::new().to_string(),
    };
    let made = house.contract.update_collection(Request::new(asked.clone())).await.unwrap();
    assert_eq!(house.contract.update_collection(Request::new(asked)).await.unwrap(), made, "a repeated attempt");
    let made_collection = made.collection.unwrap();
    assert!(made.created);

    let get = async || {
        let asked = GetCollectionRequest { name: name.clone() };
        house.contract.get_collection(Request::new(asked)).await.map(|answer| answer.collection.unwrap()).map_err(code)
    };
    let read = get().await.unwrap();
    assert_eq!(read, made_collection);
    assert_eq!((&read.indexes, &read.rules), (&full.indexes, &full.rules));

    let same = define(full.clone(), true).await.unwrap();
    assert_eq!((same.created, same.collection.unwrap().etag), (false, read.etag.clone()), "nothing changed");
    let bare = Collection { name: name.clone(), ..Default::default() };
    let changed = define(bare.clone(), true).await.unwrap().collection.unwrap();
    assert!(changed.etag != read.etag && changed.indexes.is_empty() && changed.create_time == read.create_time);
    let again = UpdateCollectionRequest {
        collection: Some(Collection { etag: changed.etag, ..full.clone() }),
        mutation_id: mutation::new().to_string(),
        ..Default::default()
    };
    let first = house.contract.update_collection(Request::new(again.clone())).await.unwrap();
    let second = house.contract.update_collection(Request::new(again)).await.unwrap();
    assert_eq!(first, second, "a repeated attempt is the same write");
    let stale = Collection { etag: read.etag, ..full };
    assert_eq!(define(stale, true).await.unwrap_err(), Code::PreconditionFailed);

    house.delete_collection(&name, false).await.unwrap();
    assert_eq!(get().await.unwrap_err(), Code::CollectionNotFound);
    assert_eq!(house.delete_collection(&name, false).await, Err(Code::CollectionNotFound));
}

pub async fn lists_by_name_in_pages(house: House) {
    let mine: BTreeSet<_> = (0..5).map(|i| format!("{}-{i}", house.name)).collect();
    for name in &mine {
        house.define(name).await.unwrap();
    }
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let asked = ListCollectionsRequest { page_size: 2, page_token: token };
        let page = house.contract.list_collections(Request::new(asked)).await.unwrap();
        assert!(page.collections.len() <= 2);
        seen.extend(page.collections.into_iter().map(|collection| collection.name));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    // However long the definitions are, a page of them can be received.
    for name in &mine {
        let rule = Some(format!("true //{}", "x".repeat(4089)));
        let rules =
            Rules { list: rule.clone(), get: rule.clone(), create: rule.clone(), update: rule.clone(), delete: rule };
        for i in 0..50 {
            let name = format!("{name}-{i}");
            let collection = Some(Collection { name, rules: Some(rules.clone()), ..Default::default() });
            let asked = UpdateCollectionRequest { collection, allow_missing: true, ..Default::default() };
            house.contract.update_collection(Request::new(asked)).await.unwrap();
        }
    }
    let asked = ListCollectionsRequest { page_size: 1000, page_token: String::new() };
    let page = house.contract.list_collections(Request::new(asked)).await.unwrap();
    assert!(!page.collections.is_empty() && !page.next_page_token.is_empty());
    assert!(seen.is_sorted());
    assert!(mine.iter().all(|name| seen.iter().filter(|seen| *seen == name).count() == 1));
    let asked = ListCollectionsRequest { page_size: 2, page_token: "bee".into() };
    let refused = house.contract.list_collections(Request::new(asked)).await.unwrap_err();
    assert_eq!(refused.code, Code::InvalidPageToken);
}

pub async fn refuses_a_definition_that_cannot_be_in_force(house: House) {
    let wrong = Collection {
        name: house.name.clone(),
        indexes: (0..19).map(|i| format!("f{}", i % 18)).chain(["a..b".into()]).collect(),
        rules: Some(Rules {
            get: Some("auth !=\n user".into()),
            delete: Some("x".repeat(5000)),
            update: Some("true".into()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let asked = UpdateCollectionRequest { collection: Some(wrong), allow_missing: true, ..Default::default() };
    let refused = house.contract.update_collection(Request::new(asked)).await.unwrap_err();
    assert_eq!(refused.code, Code::InvalidDefinition);
    let places: Vec<_> = refused.violations.iter().map(|violation| violation.pointer.as_str()).collect();
    assert_eq!(places, ["/indexes/18", "/indexes/19", "/rules/get", "/rules/delete"]);
    let detail = &refused.violations[2].detail;
    assert!(detail.starts_with("line 2, column 2: there is no variable \"user\""), "{detail}");
    let many = Collection { name: house.name.clone(), indexes: vec!["a".into(); 21], ..Default::default() };
    let asked = UpdateCollectionRequest { collection: Some(many), allow_missing: true, ..Default::default() };
    let refused = house.contract.update_collection(Request::new(asked)).await.unwrap_err();
    assert_eq!((refused.code, &*refused.violations[0].pointer), (Code::InvalidDefinition, "/indexes"));
    for name in ["collections/", "collections/Bee", "collections/1", "bees", "collections/a/b"] {
        assert_eq!(house.define(name).await.unwrap_err(), Code::InvalidArgument, "{name}");
    }
}

pub async fn with_records_is_deleted_only_by_force(house: House) {
    let record = house.create("{}").await;
    assert_eq!(house.delete_collection(&house.name, false).await, Err(Code::CollectionNotEmpty));
    assert_eq!(house.get(id(&record)).await.unwrap(), record);
    house.delete_collection(&house.name, true).await.unwrap();
    assert_eq!(house.get(id(&record)).await, Err(Code::CollectionNotFound));
    assert_eq!(house.merge(id(&record), "{}", "").await, Err(Code::CollectionNotFound));
    assert_eq!(house.page(1, "").await.unwrap_err(), Code::CollectionNotFound);

    house.define(&house.name).await.unwrap();
    let emptied = house.create("{}").await;
    house.delete(id(&emptied), "").await.unwrap();
    house.delete_collection(&house.name, false).await.unwrap();
}

pub async fn defined_again_begins_empty(house: House) {
    let old = house.upsert("bee", r#"{"old":1}"#, "").await.unwrap().0;
    let token = {
        house.create("{}").await;
        house.page(1, "").await.unwrap().next_page_token
    };
    house.delete_collection(&house.name, true).await.unwrap();
    house.define(&house.name).await.unwrap();
    assert_eq!(house.get("bee").await, Err(Code::RecordNotFound));
    assert!(house.all(10).await.is_empty());
    assert_eq!(house.page(1, &token).await.unwrap_err(), Code::InvalidPageToken);
    assert_eq!(house.merge("bee", "{}", &old.etag).await, Err(Code::RecordNotFound));
    assert_eq!(house.upsert("bee", "{}", "").await.unwrap().0.version, 1);
}

pub async fn is_made_by_one_of_many_definers(house: House) {
    let name = format!("{}-x", house.name);
    let definers = (0..8).map(|_| {
        let (house, name) = (house.clone(), name.clone());
        tokio::spawn(async move { house.define(&name).await.expect("a definition").created })
    });
    let mut made = 0;
    for definer in definers.collect::<Vec<_>>() {
        made += usize::from(definer.await.unwrap());
    }
    assert_eq!(made, 1);
}
