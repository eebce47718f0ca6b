//! A list shows what its reader may see, over all pages.

use serde_json::{Value, json};

use super::{JSON, Who, define, put};
use crate::house::Routes;

const RECORDS: &str = "/v1/collections/l/records";

/// All that `who` is shown, newest first, in pages of at most `size`; and how many pages that took.
async fn shown(routes: &Routes, who: &Who, size: usize) -> (Vec<u64>, usize) {
    let (mut seen, mut pages, mut token) = (Vec::new(), 0, String::new());
    loop {
        let page = who.ask(routes, "GET", &format!("{RECORDS}?page_size={size}{token}"), &[], "").await;
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json();
        let records = page["records"].as_array().unwrap();
        assert!(records.len() <= size);
        seen.extend(records.iter().map(|record| record["data"]["n"].as_u64().unwrap()));
        pages += 1;
        match page.get("next_page_token") {
            Some(Value::String(next)) => token = format!("&page_token={next}"),
            _ => return (seen, pages),
        }
    }
}

/// A hundred records, of Ann, of Bob and of nobody by turns, every fifth of them public.
async fn filled(rule: &str) -> (Routes, [Who; 4]) {
    let routes = Routes::new().await;
    let people = [
        Who::nobody(),
        Who::new(&routes, "ann", &[]).await,
        Who::new(&routes, "bob", &[]).await,
        Who::new(&routes, "root", &["admin"]).await,
    ];
    define(&routes.engine, "l", json!({"list": rule})).await;
    for n in 0..100 {
        let owner = [&people[1].id, &people[2].id, ""][n % 3];
        put(&routes.engine, &format!("collections/l/records/{n}"), owner, json!({"n": n, "public": n % 5 == 0})).await;
    }
    (routes, people)
}

fn those(which: impl Fn(u64) -> bool) -> Vec<u64> {
    (0..100).rev().filter(|n| which(*n)).collect()
}

#[tokio::test]
async fn each_record_is_judged() {
    let (routes, [nobody, ann, bob, root]) =
        filled("record.data.public || (auth != null && record.owner == auth.id)").await;
    for size in [1, 4, 7, 30, 1000] {
        assert_eq!(shown(&routes, &nobody, size).await.0, those(|n| n % 5 == 0), "{size}");
        assert_eq!(shown(&routes, &ann, size).await.0, those(|n| n % 5 == 0 || n % 3 == 0), "{size}");
        assert_eq!(shown(&routes, &bob, size).await.0, those(|n| n % 5 == 0 || n % 3 == 1), "{size}");
        assert_eq!(shown(&routes, &root, size).await.0, those(|_| true), "{size}");
    }
}

#[tokio::test]
async fn what_is_an_owners_is_looked_up_and_the_rest_judged() {
    let (routes, [nobody, ann, bob, root]) =
        filled("auth != null && record.owner == auth.id && record.data.public").await;
    for size in [1, 4, 1000] {
        assert_eq!(shown(&routes, &ann, size).await.0, those(|n| n % 5 == 0 && n % 3 == 0), "{size}");
        assert_eq!(shown(&routes, &bob, size).await.0, those(|n| n % 5 == 0 && n % 3 == 1), "{size}");
    }
    assert_eq!(shown(&routes, &nobody, 30).await, (vec![], 1));
    assert_eq!(shown(&routes, &root, 1000).await, (those(|_| true), 1));
    // Ann's are a third: what is looked up is found in fewer pages than what is sought.
    let mine = json!({"rules": {"list": "auth != null && record.owner == auth.id"}}).to_string();
    assert_eq!(root.ask(&routes, "PUT", "/v1/collections/l", &[JSON], mine).await.status, 200);
    assert_eq!(shown(&routes, &ann, 34).await, (those(|n| n % 3 == 0), 1));
    assert_eq!(shown(&routes, &ann, 1).await.1, 34);
}

#[tokio::test]
async fn a_page_without_a_find_ends_and_goes_on() {
    let (routes, [nobody, ..]) = filled("record.data.n == 3").await;
    let page = nobody.ask(&routes, "GET", &format!("{RECORDS}?page_size=5"), &[], "").await.json();
    assert_eq!((&page["records"], page["next_page_token"].is_string()), (&json!([]), true), "forty were looked at");
    assert_eq!(shown(&routes, &nobody, 5).await.0, [3]);
    assert_eq!(shown(&routes, &nobody, 1000).await, (vec![3], 1));
}

#[tokio::test]
async fn a_token_is_of_its_reader() {
    let (routes, [nobody, ann, bob, _]) = filled("auth != null && record.owner == auth.id").await;
    let page = ann.ask(&routes, "GET", &format!("{RECORDS}?page_size=5"), &[], "").await.json();
    let next = format!("{RECORDS}?page_token={}", page["next_page_token"].as_str().unwrap());
    assert_eq!(bob.ask(&routes, "GET", &next, &[], "").await.problem(), (400, "invalid_page_token".into()));
    assert_eq!(nobody.ask(&routes, "GET", &next, &[], "").await.json(), json!({"records": []}));
}
