//! Rules by verbs by callers, as one table.

use serde_json::{Value, json};

use super::{JSON, MERGE, Who, batches, define, put, stored};
use crate::house::Routes;

/// What a list shows of Ann's one record, and the statuses of: list, get, create, make by PUT, replace, patch, delete.
type Row = (&'static str, usize, [u16; 7]);

const MINE: &str = "auth != null && record.owner == auth.id";
const REFUSED: [u16; 7] = [403, 404, 403, 404, 404, 404, 404];
const UNKNOWN: [u16; 7] = [401; 7];
const ADMITTED: [u16; 7] = [200, 200, 201, 201, 200, 200, 204];

fn all(rule: &str) -> Value {
    json!({"list": rule, "get": rule, "create": rule, "update": rule, "delete": rule})
}

#[rustfmt::skip]
fn table() -> Vec<(Value, [Row; 4])> {
    vec![
        // No rules: administrators only.
        (json!({}), [
            ("nobody", 0, UNKNOWN), ("ann", 0, REFUSED), ("bob", 0, REFUSED), ("root", 1, ADMITTED),
        ]),
        (all("true"), [
            ("nobody", 1, ADMITTED), ("ann", 1, ADMITTED), ("bob", 1, ADMITTED), ("root", 1, ADMITTED),
        ]),
        // Whoever is signed in.
        (all("auth != null"), [
            ("nobody", 0, UNKNOWN), ("ann", 1, ADMITTED), ("bob", 1, ADMITTED), ("root", 1, ADMITTED),
        ]),
        // Whoever has a role.
        (all("auth != null && 'editor' in auth.roles"), [
            ("nobody", 0, UNKNOWN), ("ann", 0, REFUSED), ("bob", 1, ADMITTED), ("root", 1, ADMITTED),
        ]),
        // A fault refuses.
        (all("data.missing == record.missing"), [
            ("nobody", 0, [200, 401, 401, 401, 401, 401, 401]),
            ("ann", 0, [200, 404, 403, 404, 404, 404, 404]),
            ("bob", 0, [200, 404, 403, 404, 404, 404, 404]),
            ("root", 1, ADMITTED),
        ]),
        // To each their own; nobody owns what is not made yet.
        (all(MINE), [
            ("nobody", 0, [200, 401, 401, 401, 401, 401, 401]),
            ("ann", 1, [200, 200, 403, 404, 200, 200, 204]),
            ("bob", 0, [200, 404, 403, 404, 404, 404, 404]),
            ("root", 1, ADMITTED),
        ]),
        // A private notebook.
        (json!({"list": MINE, "get": MINE, "create": "auth != null", "update": MINE, "delete": MINE}), [
            ("nobody", 0, [200, 401, 401, 401, 401, 401, 401]),
            ("ann", 1, [200, 200, 201, 201, 200, 200, 204]),
            ("bob", 0, [200, 404, 201, 201, 404, 404, 404]),
            ("root", 1, ADMITTED),
        ]),
        // A guestbook: all read and sign, writers edit their own.
        (json!({"list": "true", "get": "true", "create": "true", "update": MINE, "delete": MINE}), [
            ("nobody", 1, [200, 200, 201, 201, 401, 401, 401]),
            ("ann", 1, ADMITTED),
            ("bob", 1, [200, 200, 201, 201, 403, 403, 403]),
            ("root", 1, ADMITTED),
        ]),
        // A blog: drafts are their author's.
        (json!({"list": "record.data.n > 6", "get": "record.data.n > 7", "create": "auth != null && data.n == 8",
                "update": "record.owner == auth.id && data.n == record.data.n"}), [
            ("nobody", 1, [200, 401, 401, 401, 401, 401, 401]),
            ("ann", 1, [200, 404, 201, 201, 404, 404, 404]),
            ("bob", 1, [200, 404, 201, 201, 404, 404, 404]),
            ("root", 1, ADMITTED),
        ]),
        // What is to become of it decides.
        (json!({"get": "true", "create": "data.n == 8", "update": "data.n == 8 && has(data.kept)", "delete": "record.data.n == 7"}), [
            ("nobody", 0, [401, 200, 201, 201, 401, 200, 204]),
            ("ann", 0, [403, 200, 201, 201, 403, 200, 204]),
            ("bob", 0, [403, 200, 201, 201, 403, 200, 204]),
            ("root", 1, ADMITTED),
        ]),
    ]
}

#[tokio::test]
async fn rules_by_verbs_by_callers() {
    let routes = Routes::new().await;
    let people = [
        Who::nobody(),
        Who::new(&routes, "ann", &[]).await,
        Who::new(&routes, "bob", &["editor"]).await,
        Who::new(&routes, "root", &["admin"]).await,
    ];
    for (at, (rules, rows)) in table().into_iter().enumerate() {
        for (who, (name, shown, statuses)) in people.iter().zip(rows) {
            assert_eq!(who.name, name);
            let collection = format!("c{at}-{name}");
            define(&routes.engine, &collection, rules.clone()).await;
            let told = told(&routes, who, &people[1].id, &collection).await;
            assert_eq!(told, (shown, statuses), "{rules}: {name}");
            let batched = batches::told(&routes, who, &people[1].id, &collection).await;
            assert_eq!(batched, statuses[2..].iter().copied().map(u64::from).collect::<Vec<_>>(), "{rules}: {name}");
        }
    }
}

/// What a row tells, as it is.
async fn told(routes: &Routes, who: &Who, ann: &str, collection: &str) -> (usize, [u16; 7]) {
    let record = format!("collections/{collection}/records/ann");
    let (records, path) = (format!("/v1/collections/{collection}/records"), format!("/v1/{record}"));
    let status = async |method: &str, path: &str, content: (&str, &str), body: &str| {
        let before = put(&routes.engine, &record, ann, json!({"n": 7, "kept": 1})).await;
        let status = who.ask(routes, method, path, &[content], body.to_owned()).await.status.as_u16();
        if status >= 400 {
            assert_eq!(stored(&routes.engine, &record).await, Some(before), "refused and yet written");
        }
        status
    };
    let get = status("GET", &path, JSON, "").await;
    let list = who.ask(routes, "GET", &records, &[], "").await;
    let shown = list.json().get("records").map_or(0, |records| records.as_array().unwrap().len());
    let statuses = [
        list.status.as_u16(),
        get,
        status("POST", &records, JSON, r#"{"data":{"n":8}}"#).await,
        status("PUT", &format!("{records}/new"), JSON, r#"{"data":{"n":8}}"#).await,
        status("PUT", &path, JSON, r#"{"data":{"n":8}}"#).await,
        status("PATCH", &path, MERGE, r#"{"n":8}"#).await,
        status("DELETE", &path, JSON, "").await,
    ];
    (shown, statuses)
}

/// Whether there is a record cannot be told by the answer to who may not get it.
#[tokio::test]
async fn a_hidden_record_looks_like_none() {
    let routes = Routes::new().await;
    let (nobody, bob) = (Who::nobody(), Who::new(&routes, "bob", &[]).await);
    define(&routes.engine, "hidden", json!({"get": MINE, "update": "record.data.open == data.open", "delete": MINE}))
        .await;
    put(&routes.engine, "collections/hidden/records/present", "ann", json!({"open": true, "secret": 7})).await;
    let fits = r#"[{"op":"test","path":"/secret","value":7},{"op":"replace","path":"/open","value":false}]"#;
    let unfit = r#"[{"op":"test","path":"/secret","value":8}]"#;
    let patch = ("content-type", "application/json-patch+json");
    for (method, headers, body) in [
        ("GET", vec![], ""),
        ("GET", vec![("if-none-match", "*")], ""),
        ("DELETE", vec![], ""),
        ("DELETE", vec![("if-match", "\"x\"")], ""),
        ("DELETE", vec![("if-match", "\"x\", \"y\"")], ""),
        ("PUT", vec![JSON], r#"{"data":{}}"#),
        ("PUT", vec![JSON, ("if-match", "*")], r#"{"data":{}}"#),
        ("PUT", vec![JSON, ("if-none-match", "*")], r#"{"data":{}}"#),
        ("PATCH", vec![MERGE], r#"{"open":false}"#),
        ("PATCH", vec![patch], fits),
    ] {
        for who in [&nobody, &bob] {
            let ask = async |id: &str| {
                let record = format!("/v1/collections/hidden/records/{id}");
                let answer = who.ask(&routes, method, &record, &headers, body).await;
                let text = String::from_utf8(answer.body.to_vec()).unwrap();
                (answer.problem(), text.split("\"instance\"").next().unwrap().replace(id, "ID"))
            };
            let (there, none) = (ask("present").await, ask("none").await);
            assert_eq!(there, none, "{} {method} {headers:?} {body}", who.name);
            assert_eq!(there.0.0, if who.id.is_empty() { 401 } else { 404 });
        }
    }
    let closed = json!({"update": format!("{MINE} && has(data.open)")});
    define(&routes.engine, "closed", closed).await;
    put(&routes.engine, "collections/closed/records/present", "ann", json!({"open": true})).await;
    for body in [r#"{"open":"#, "", r#"{"open":1,"open":2}"#] {
        for id in ["present", "none"] {
            let record = format!("/v1/collections/closed/records/{id}");
            assert_eq!(bob.ask(&routes, "PATCH", &record, &[MERGE], body).await.problem().0, 404, "{id} {body}");
        }
    }
    // That a patch does not fit is told to who may make it alone; as it stands this one would change nothing.
    let present = "/v1/collections/hidden/records/present";
    assert_eq!(bob.ask(&routes, "PATCH", present, &[patch], unfit).await.problem().0, 409);
    assert_eq!(bob.ask(&routes, "PATCH", present, &[patch], fits).await.problem().0, 404);
}

#[tokio::test]
async fn rules_are_judged_before_preconditions() {
    let routes = Routes::new().await;
    let bob = Who::new(&routes, "bob", &[]).await;
    define(&routes.engine, "open", json!({"get": "true", "update": MINE, "delete": MINE})).await;
    put(&routes.engine, "collections/open/records/a", "ann", json!({})).await;
    for (method, content, body) in [("PUT", JSON, r#"{"data":{}}"#), ("PATCH", MERGE, "{}"), ("DELETE", JSON, "")] {
        for tags in ["*", "\"x\"", "\"x\", \"y\""] {
            let path = "/v1/collections/open/records/a";
            let answer = bob.ask(&routes, method, path, &[content, ("if-match", tags)], body).await;
            assert_eq!(answer.problem(), (403, "forbidden".into()), "{method} {tags}");
        }
    }
}
