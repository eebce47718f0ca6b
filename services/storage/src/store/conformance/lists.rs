use std::collections::HashSet;

use super::*;

pub async fn shows_the_newest_first(house: House) {
    let mut made = Vec::new();
    for i in 0..7 {
        made.push(if i % 2 == 0 {
            house.create("{}").await
        } else {
            house.upsert(&format!("r{i}"), "{}", "").await.unwrap().0
        });
    }
    made.reverse();
    assert_eq!(house.all(3).await, made);
    assert_eq!(house.all(7).await, made);
    assert_eq!(house.all(0).await, made);
}

pub async fn pages_neither_repeat_nor_skip_what_stays(house: House) {
    let mut stay = Vec::new();
    let mut go = Vec::new();
    for i in 0..40 {
        let record = house.create("{}").await;
        if i % 4 == 0 { go.push(record) } else { stay.push(id(&record).to_owned()) }
    }
    let (mut seen, mut token, mut come) = (Vec::new(), String::new(), 0);
    loop {
        let page = house.page(3, &token).await.unwrap();
        seen.extend(page.records.iter().map(|record| id(record).to_owned()));
        if page.next_page_token.is_empty() {
            break;
        }
        token = page.next_page_token;
        // Others come, change and go between the pages, also the one where the listing stands.
        house.create("{}").await;
        house.upsert(&format!("come{come}"), "{}", "").await.unwrap();
        house.merge(&stay[come % stay.len()], r#"{"changed":1}"#, "").await.unwrap();
        if let Some(gone) = go.pop() {
            house.delete(id(&gone), "").await.unwrap();
        }
        come += 1;
    }
    let unique: HashSet<_> = seen.iter().collect();
    assert_eq!(unique.len(), seen.len(), "nothing is repeated");
    assert!(stay.iter().all(|stays| unique.contains(stays)), "nothing that stays is skipped");
}

pub async fn agrees_with_get(house: House) {
    for i in 0..6 {
        house.upsert(&format!("r{i}"), "{}", "").await.unwrap();
    }
    house.merge("r1", r#"{"patched":true}"#, "").await.unwrap();
    house.upsert("r2", r#"{"replaced":true}"#, "").await.unwrap();
    house.delete("r3", "").await.unwrap();
    house.delete("r4", "").await.unwrap();
    house.upsert("r4", r#"{"again":true}"#, "").await.unwrap();
    let listed = house.all(2).await;
    assert_eq!(listed.iter().map(id).collect::<Vec<_>>(), ["r4", "r5", "r2", "r1", "r0"]);
    for record in listed {
        assert_eq!(house.get(id(&record)).await.unwrap(), record);
    }
}

pub async fn bounds_its_pages(house: House) {
    assert_eq!(house.page(-1, "").await.unwrap_err(), Code::InvalidArgument);
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(900_000));
    for _ in 0..6 {
        house.create(&large).await;
    }
    let page = house.page(1000, "").await.unwrap();
    assert!(page.records.len() <= 4 && !page.next_page_token.is_empty(), "a page ends at 4 MiB");
    assert_eq!(house.all(1000).await.len(), 6);
    assert!(house.page(i32::MAX, "").await.unwrap().records.len() <= 4);
}

pub async fn binds_its_tokens(house: House) {
    for _ in 0..3 {
        house.create("{}").await;
    }
    let token = house.page(1, "").await.unwrap().next_page_token;
    assert!(house.page(2, &token).await.unwrap().records.len() <= 2, "the size may change");
    let elsewhere = House { name: format!("{}-x", house.name), ..house.clone() };
    elsewhere.define(&elsewhere.name).await.unwrap();
    assert_eq!(elsewhere.page(1, &token).await.unwrap_err(), Code::InvalidPageToken);
    for wrong in ["bee", "====", &token[1..], &format!("{token}A"), &"A".repeat(10_000)] {
        assert_eq!(house.page(1, wrong).await.unwrap_err(), Code::InvalidPageToken, "{wrong:.40}");
    }
}
