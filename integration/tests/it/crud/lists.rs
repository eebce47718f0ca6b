use std::collections::HashSet;

use futures_util::future::{join_all, try_join_all};
use integration::Rest;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{NOTES, all, create, define, path_of};
use crate::Outcome;

on_every_house! {
    pages_hold_every_record_once_newest_first
    a_page_has_its_size
    a_list_is_whole_while_others_insert_and_delete
    a_token_belongs_to_its_query
    a_page_ends_early_when_it_is_large
    what_no_index_serves_is_refused
}

fn numbers(records: &[Value]) -> Vec<u64> {
    records.iter().filter_map(|record| record["data"]["n"].as_u64()).collect()
}

async fn pages_hold_every_record_once_newest_first(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    assert_eq!(rest.get(NOTES).await?.expect(200).text, r#"{"records":[]}"#);
    let mut last = json!(null);
    for n in 0..45 {
        last = create(rest, json!({"n": n})).await?.json();
    }
    let newest_first: Vec<u64> = (0..45).rev().collect();
    for page_size in [1, 7, 45, 1000] {
        let records = all(rest, NOTES, page_size).await?;
        assert_eq!(numbers(&records), newest_first, "pages of {page_size}");
        assert_eq!(records[0], last);
    }
    Ok(())
}

async fn a_page_has_its_size(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    for tens in 0..101 {
        try_join_all((0..10).map(|n| create(rest, json!({"n": tens * 10 + n})))).await?;
    }
    let size = async |query: &str| -> anyhow::Result<usize> {
        let page = rest.get(format!("{NOTES}{query}")).await?.expect(200).json();
        assert!(page["next_page_token"].is_string(), "{query}");
        Ok(page["records"].as_array().map_or(0, Vec::len))
    };
    assert_eq!(size("").await?, 30);
    assert_eq!(size("?page_size=0").await?, 30);
    assert_eq!(size("?page_size=1").await?, 1);
    assert_eq!(size("?page_size=1000").await?, 1000);
    assert_eq!(size("?page_size=1001").await?, 1000);
    assert_eq!(size("?page_size=2147483647").await?, 1000);
    for wrong in ["-1", "x", "1.5", "", "%20", "1e3"] {
        rest.get(format!("{NOTES}?page_size={wrong}")).await?.problem(400, "invalid_argument");
    }
    Ok(())
}

/// Records that come and go, until told to stop; gives how many there were.
async fn come_and_go(rest: Rest, stop: CancellationToken) -> anyhow::Result<usize> {
    let mut count = 0;
    while !stop.is_cancelled() {
        let path = path_of(&create(&rest, json!({"passing": count})).await?);
        rest.delete(path).await?.expect(204);
        count += 1;
    }
    Ok(count)
}

async fn a_list_is_whole_while_others_insert_and_delete(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let mut passing = Vec::new();
    for n in 0..200 {
        create(rest, json!({"n": n})).await?;
        passing.push(path_of(&create(rest, json!({"doomed": n})).await?));
    }
    let stop = CancellationToken::new();
    let others: Vec<_> = (0..4).map(|_| tokio::spawn(come_and_go(rest.clone(), stop.clone()))).collect();
    let newest_first: Vec<u64> = (0..200).rev().collect();
    for (page_size, doomed) in [3, 7, 20, 50].into_iter().zip(passing.chunks(50)) {
        let deletions = join_all(doomed.iter().map(|path| rest.delete(path).into_future()));
        let (records, deleted) = tokio::join!(all(rest, NOTES, page_size), deletions);
        assert!(deleted.into_iter().all(|answer| answer.is_ok_and(|answer| answer.status == 204)));
        let records = records?;
        assert_eq!(numbers(&records), newest_first, "pages of {page_size}");
        let ids: HashSet<_> = records.iter().map(|record| record["id"].to_string()).collect();
        assert_eq!(ids.len(), records.len(), "a record came twice");
    }
    stop.cancel();
    for other in others {
        assert!(other.await?? > 0);
    }
    Ok(())
}

async fn a_token_belongs_to_its_query(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    define(rest, "others").await?;
    for n in 0..3 {
        create(rest, json!({"n": n})).await?;
        rest.post("/v1/collections/others/records").json(json!({"data": {}})).await?.expect(201);
    }
    let page = rest.get(format!("{NOTES}?page_size=1")).await?.expect(200).json();
    let token = page["next_page_token"].as_str().unwrap_or_default();
    assert!(
        !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte)),
        "{token}"
    );
    rest.get(format!("{NOTES}?page_token={token}")).await?.expect(200);
    let elsewhere = format!("/v1/collections/others/records?page_token={token}");
    rest.get(elsewhere).await?.problem(400, "invalid_page_token");
    let cut = &token[..token.len() - 1];
    for wrong in ["x", cut, &format!("{token}A"), "%00", "AAAAAAAAAAAAAAAAAAAAAAAA", &"A".repeat(4000), "%F0%9F%90%9D"]
    {
        rest.get(format!("{NOTES}?page_token={wrong}")).await?.problem(400, "invalid_page_token");
    }
    rest.get(format!("/v1/collections?page_token={token}")).await?.problem(400, "invalid_page_token");
    Ok(())
}

async fn a_page_ends_early_when_it_is_large(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let text = "x".repeat(900 * 1024);
    for n in 0..10 {
        create(rest, json!({"n": n, "text": text})).await?;
    }
    let page = rest.get(format!("{NOTES}?page_size=10")).await?.expect(200);
    assert!(page.text.len() < 5 * 1024 * 1024, "a page of {} bytes", page.text.len());
    assert!(page.json()["next_page_token"].is_string());
    assert_eq!(numbers(&all(rest, NOTES, 10).await?), (0..10).rev().collect::<Vec<_>>());
    Ok(())
}

async fn what_no_index_serves_is_refused(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    create(rest, json!({"a": 1, "b": 2})).await?;
    for query in ["filter=a%20%3D%202", "order_by=a"] {
        let problem = rest.get(format!("{NOTES}?{query}")).await?.problem(400, "not_indexed").json();
        assert!(problem["detail"].to_string().contains("to the collection's indexes"), "{problem}");
    }
    let page = rest.get(format!("{NOTES}?fields=b,version")).await?.expect(200).json();
    let record = page["records"][0].as_object().map(|record| record.keys().cloned().collect::<Vec<_>>());
    assert_eq!(
        (&page["records"][0]["data"], record),
        (&json!({"b": 2}), Some(["id", "data", "version"].map(String::from).to_vec()))
    );
    Ok(())
}
