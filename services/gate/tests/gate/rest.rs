//! Collections and records, to the letter.

use serde_json::{Value, json};

use crate::house::Routes;

const RECORDS: &str = "/v1/collections/c/records";

#[tokio::test]
async fn a_record_lives_and_dies() {
    let routes = Routes::new().await;
    let made = routes.send("POST", RECORDS, r#"{"data":{"n": 9007199254740993, "s":"\u00e9 😀"}}"#).await;
    assert_eq!(made.status, 201);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let path = format!("{RECORDS}/{id}");
    assert_eq!(made.header("location"), path);
    assert_eq!(made.header("content-type"), "application/json");
    assert_eq!(made.header("cache-control"), "no-store");
    assert_eq!(made.header("x-content-type-options"), "nosniff");
    let text = String::from_utf8(made.body.to_vec()).unwrap();
    assert!(text.contains(r#""data":{"n": 9007199254740993, "s":"\u00e9 😀"},"owner":null,"created_at":"#), "{text}");

    let read = routes.get(&path).await;
    assert_eq!((read.status.as_u16(), &read.body), (200, &made.body));
    let etag = read.header("etag").to_owned();
    assert_eq!(etag, made.header("etag"));

    let head = routes.ask("HEAD", &path, &[], "").await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), read.body.len().to_string());

    let merge = [("content-type", "application/merge-patch+json"), ("if-match", &*etag)];
    let patched = routes.ask("PATCH", &path, &merge, r#"{"s":null}"#).await;
    assert_eq!(patched.status, 200);
    assert_eq!(patched.json()["version"], 2);
    assert_eq!(routes.ask("PATCH", &path, &merge, "{}").await.problem(), (412, "precondition_failed".into()));
    let json_patch = [("content-type", "application/json-patch+json")];
    let patched = routes.ask("PATCH", &path, &json_patch, r#"[{"op":"add","path":"/t","value":1}]"#).await;
    assert_eq!((patched.status.as_u16(), &patched.json()["data"]["t"]), (200, &json!(1)));

    let deleted = routes.ask("DELETE", &path, &[("if-match", patched.header("etag"))], "").await;
    assert_eq!((deleted.status.as_u16(), deleted.body.len()), (204, 0));
    for method in ["GET", "DELETE"] {
        assert_eq!(routes.ask(method, &path, &[], "").await.problem(), (404, "record_not_found".into()));
    }
}

#[tokio::test]
async fn a_put_makes_or_replaces_as_its_preconditions_say() {
    let routes = Routes::new().await;
    let path = format!("{RECORDS}/a");
    let put = async |headers: &[(&str, &str)]| {
        let headers = [&[("content-type", "application/json")], headers].concat();
        routes.ask("PUT", &path, &headers, r#"{"data":{}}"#).await
    };
    assert_eq!(put(&[("if-match", "*")]).await.problem(), (412, "precondition_failed".into()));
    assert_eq!(put(&[("if-match", "\"x\"")]).await.problem(), (412, "precondition_failed".into()));
    assert_eq!(put(&[("if-match", "\"x\", \"y\"")]).await.problem(), (412, "precondition_failed".into()));
    let made = put(&[("if-none-match", "*")]).await;
    assert_eq!((made.status.as_u16(), made.header("location")), (201, &*path));
    assert_eq!(put(&[("if-none-match", "*")]).await.problem(), (412, "precondition_failed".into()));
    let replaced = put(&[]).await;
    assert_eq!((replaced.status.as_u16(), replaced.header("location")), (200, ""));
    let replaced = put(&[("if-match", "*")]).await;
    assert_eq!(replaced.json()["version"], 3);
    assert_eq!(put(&[("if-match", made.header("etag"))]).await.problem(), (412, "precondition_failed".into()));

    let etag = replaced.header("etag");
    let weak = format!("W/{etag}");
    assert_eq!(put(&[("if-match", &weak)]).await.problem(), (412, "precondition_failed".into()));
    let several = format!("\"x\", W/\"y\", {etag}, \"z\"");
    let replaced = put(&[("if-match", &several)]).await;
    assert_eq!(replaced.status, 200);

    let known = format!("\"x\", W/{}", replaced.header("etag"));
    for known in ["*", &known] {
        let unchanged = routes.ask("GET", &path, &[("if-none-match", known)], "").await;
        assert_eq!((unchanged.status.as_u16(), unchanged.body.len()), (304, 0));
        assert_eq!(unchanged.header("etag"), replaced.header("etag"));
    }
    assert_eq!(routes.ask("GET", &path, &[("if-none-match", "\"x\"")], "").await.status, 200);
    for demanded in ["*", replaced.header("etag")] {
        assert_eq!(routes.ask("GET", &path, &[("if-match", demanded)], "").await.status, 200, "{demanded}");
    }
    let missing = format!("{RECORDS}/none");
    for tags in ["*", "\"x\"", "\"x\", \"y\"", "W/\"x\""] {
        let answer = routes.ask("DELETE", &missing, &[("if-match", tags)], "").await;
        assert_eq!(answer.problem(), (404, "record_not_found".into()), "{tags}");
    }
}

#[tokio::test]
async fn a_write_with_a_key_is_made_once() {
    let routes = Routes::new().await;
    let key = [("content-type", "application/json"), ("idempotency-key", "\"k \\\"1\\\"\"")];
    let first = routes.ask("POST", RECORDS, &key, r#"{"data":{"a":1}}"#).await;
    let second = routes.ask("POST", RECORDS, &key, r#"{"data":{"a":1}}"#).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (201, 201));
    assert_eq!(first.body, second.body);
    assert_eq!(routes.ask("POST", RECORDS, &key, r#"{"data":{"a":2}}"#).await.problem(), (422, "key_reused".into()));
    assert_eq!(routes.get(RECORDS).await.json()["records"].as_array().unwrap().len(), 1);
    let tags = [key[0], key[1], ("if-match", "\"a\", \"b\"")];
    let path = first.header("location");
    assert_eq!(routes.ask("PUT", path, &tags, r#"{"data":{}}"#).await.problem(), (400, "unsupported".into()));
}

#[tokio::test]
async fn lists_go_on_from_page_to_page() {
    let routes = Routes::new().await;
    for n in 0..5 {
        routes.send("POST", RECORDS, &format!(r#"{{"data":{{"n":{n}}}}}"#)).await;
    }
    let (mut seen, mut query) = (Vec::new(), "?page_size=2".to_owned());
    loop {
        let page = routes.get(&format!("{RECORDS}{query}")).await.json();
        seen.extend(page["records"].as_array().unwrap().iter().map(|record| record["data"]["n"].clone()));
        match page.get("next_page_token") {
            Some(Value::String(token)) => query = format!("?page_size=2&page_token={token}"),
            none => break assert_eq!(none, None),
        }
    }
    assert_eq!(seen, [4, 3, 2, 1, 0]);
    assert_eq!(routes.get(&format!("{RECORDS}?page_token=x")).await.problem(), (400, "invalid_page_token".into()));
    assert_eq!(routes.get(&format!("{RECORDS}?page_size=99999999999")).await.status, 200);
    assert_eq!(routes.get(&format!("{RECORDS}?page_size=-1")).await.problem(), (400, "invalid_argument".into()));
    assert_eq!(routes.get(&format!("{RECORDS}?filter=a%3D1")).await.problem(), (400, "not_indexed".into()));
    assert_eq!(routes.get(&format!("{RECORDS}?filter=n%20=")).await.problem(), (400, "invalid_argument".into()));
    assert_eq!(routes.get(&format!("{RECORDS}?fields=a,,b")).await.problem(), (400, "invalid_argument".into()));
    assert_eq!(routes.get(&format!("{RECORDS}?count=maybe")).await.problem(), (400, "invalid_argument".into()));
    assert_eq!(routes.get(&format!("{RECORDS}?explain=true")).await.problem(), (401, "unauthenticated".into()));
    let page = routes.get(&format!("{RECORDS}?fields=n&count=true&page_size=2&order_by=created_at")).await.json();
    assert_eq!((&page["count"], &page["more"]), (&json!(5), &json!(false)));
    assert_eq!(page["records"][1], json!({"id": page["records"][1]["id"], "data": {"n": 1}}));
}

#[tokio::test]
async fn an_index_serves_filters_and_orders() {
    let routes = Routes::new().await;
    let admin = routes.administrator().await;
    let headers = [("authorization", &*admin), ("content-type", "application/json")];
    let definition = r#"{"indexes":["author","stars"],"rules":{"list":"record.owner == null","create":"true"}}"#;
    let defined = routes.ask("PUT", "/v1/collections/reviews", &headers, definition).await;
    assert_eq!(defined.json()["index_states"][1], json!({"path": "stars", "state": "ready"}));
    let reviews = "/v1/collections/reviews/records";
    for n in 0..9 {
        let author = ["Ann", "Bob"][n % 2];
        routes.send("POST", reviews, &format!(r#"{{"data":{{"author":"{author}","stars":{}}}}}"#, n % 5)).await;
    }
    let stars = async |query: &str| {
        let page = routes.get(&format!("{reviews}?{query}")).await.json();
        let stars = page["records"].as_array().unwrap().iter().map(|record| record["data"]["stars"].clone());
        stars.collect::<Value>()
    };
    assert_eq!(stars("filter=author%20=%20%22Ann%22").await, json!([3, 1, 4, 2, 0]));
    assert_eq!(stars("filter=author%20=%20%22Ann%22%20AND%20stars%20%3E=%202&order_by=stars").await, json!([2, 3, 4]));
    assert_eq!(stars("order_by=stars%20desc&page_size=3").await, json!([4, 3, 3]));
    let explained = routes.ask("GET", &format!("{reviews}?order_by=stars&explain=true"), &headers, "").await.json();
    assert!(explained["plan"].as_str().unwrap().contains("a range of an index"), "{explained}");
    // Whether a filter finds what the rule hides shows nowhere.
    let path = "/v1/collections/reviews/records/hidden";
    assert_eq!(routes.ask("PUT", path, &headers, r#"{"data":{"author":"Zoe","stars":9}}"#).await.status, 201);
    for hidden in [9, 7] {
        let filter = format!("filter=stars%20=%203%20OR%20stars%20=%20{hidden}&page_size=2&order_by=created_at");
        let page = routes.get(&format!("{reviews}?{filter}")).await.json();
        assert_eq!(page["records"].as_array().unwrap().len(), 2);
        let token = page["next_page_token"].as_str().unwrap_or_else(|| panic!("no token behind {hidden}"));
        let page = routes.get(&format!("{reviews}?{filter}&page_token={token}")).await.json();
        assert_eq!(page, json!({"records": []}), "{hidden}");
    }
    // The rule looks at each record, and nobody counts those that it hides.
    assert_eq!(routes.get(&format!("{reviews}?count=true")).await.problem(), (400, "unsupported".into()));
}

#[tokio::test]
async fn a_collection_is_defined_and_deleted() {
    let routes = Routes::new().await;
    let admin = routes.administrator().await;
    let admin = ("authorization", &*admin);
    let json = ("content-type", "application/json");
    let path = "/v1/collections/books";
    let rules = r#"{"rules":{"list":"true","get":"true","create":"true"}}"#;
    let made = routes.ask("PUT", path, &[json, admin], rules).await;
    assert_eq!((made.status.as_u16(), made.header("location")), (201, path), "{made:?}");
    let read = routes.get(path).await;
    assert_eq!((&read.body, read.header("etag")), (&made.body, made.header("etag")));
    let mut definition = read.json();
    assert_eq!(
        (&definition["name"], &definition["schema"], &definition["indexes"]),
        (&json!("books"), &Value::Null, &json!([]))
    );
    assert_eq!(definition["rules"], json!({"list": "true", "get": "true", "create": "true"}));
    let unchanged = routes.ask("GET", path, &[("if-none-match", made.header("etag"))], "").await;
    assert_eq!(unchanged.status, 304);

    definition["rules"]["get"] = json!("false");
    let put = [json, admin, ("if-match", made.header("etag"))];
    let again = routes.ask("PUT", path, &put, definition.to_string()).await;
    assert_eq!((again.status.as_u16(), &again.json()["rules"]["get"]), (200, &json!("false")), "{again:?}");
    assert_eq!(routes.ask("PUT", path, &put, "{}").await.problem(), (412, "precondition_failed".into()));
    let names: Vec<_> = routes.get("/v1/collections").await.json()["collections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|collection| collection["name"].clone())
        .collect();
    assert_eq!(names, ["books", "c"]);

    routes.send("POST", "/v1/collections/books/records", r#"{"data":{}}"#).await;
    assert_eq!(routes.ask("DELETE", path, &[admin], "").await.problem(), (409, "collection_not_empty".into()));
    assert_eq!(routes.ask("DELETE", &format!("{path}?force=1"), &[admin], "").await.problem().0, 400);
    assert_eq!(routes.ask("DELETE", &format!("{path}?force=true"), &[admin], "").await.status, 204);
    assert_eq!(routes.get(path).await.problem(), (404, "collection_not_found".into()));
}

#[tokio::test]
async fn a_schema_is_kept_and_its_violations_are_pointed_at() {
    let routes = Routes::new().await;
    let admin = routes.administrator().await;
    let (admin, content) = (("authorization", &*admin), ("content-type", "application/json"));
    let path = "/v1/collections/books";
    let wrong = r#"{"schema":{"properties":{"title":{"type":"text"},"link":{"$ref":"https://example.com/link"}}}}"#;
    let refused = routes.ask("PUT", path, &[content, admin], wrong).await;
    assert_eq!(refused.problem(), (422, "invalid_definition".into()));
    assert_eq!(refused.json()["errors"][0]["pointer"], "/schema/properties/title/type");

    let schema = r#"{"type": "object", "required": ["title"], "properties": {"year": {"maximum": 9007199254740993}}}"#;
    let rules = r#"{"create":"true","get":"true","update":"data.open == record.data.open"}"#;
    let made = routes.ask("PUT", path, &[content, admin], format!(r#"{{"schema":{schema},"rules":{rules}}}"#)).await;
    assert_eq!(made.status, 201, "{made:?}");
    let text = String::from_utf8(routes.get(path).await.body.to_vec()).unwrap();
    assert!(text.contains(&format!(r#""schema":{schema},"#)), "to the byte: {text}");
    assert!(made.json().get("schema_check").is_none(), "no record was there before: {made:?}");

    let records = format!("{path}/records");
    let refused = routes.send("POST", &records, r#"{"data":{"year":9007199254740994}}"#).await;
    assert_eq!(refused.problem(), (422, "schema_violation".into()));
    let places: Vec<_> = refused.json()["errors"].as_array().unwrap().iter().map(|at| at["pointer"].clone()).collect();
    assert_eq!(places, ["/data", "/data/year"]);
    let made = routes.send("POST", &records, r#"{"data":{"title":"A","year":9007199254740993,"open":true}}"#).await;
    assert_eq!(made.status, 201, "{made:?}");

    // The rule looks at what the patch makes of the data: one that breaks the schema makes nothing of it.
    let merge = [("content-type", "application/merge-patch+json"), ("idempotency-key", "\"k\""), admin];
    let asked = async |headers: &[(&str, &str)], body: &'static str| {
        routes.ask("PATCH", made.header("location"), headers, body).await
    };
    let ann = routes.account("ann", &[]).await;
    assert!(!ann.name.is_empty());
    let ann = format!("Bearer {}", routes.signed_in("ann").await);
    let anns = [merge[0], merge[1], ("authorization", &*ann)];
    assert_eq!(asked(&anns[..1], r#"{"title":null}"#).await.problem(), (422, "schema_violation".into()));
    assert_eq!(asked(&anns[..1], r#"{"open":false}"#).await.problem().0, 401);
    assert_eq!(asked(&[anns[0], anns[2]], r#"{"open":false}"#).await.problem().0, 403);
    let patched = asked(&anns, r#"{"year":1}"#).await;
    assert_eq!(patched.status, 200, "{patched:?}");
    let other = format!(r#"{{"schema":{{"properties":{{"year":{{"minimum":2}}}}}},"rules":{rules}}}"#);
    let defined = routes.ask("PUT", path, &[content, admin], other).await;
    assert_eq!(defined.json()["schema_check"], json!({"checked": 0, "misfits": 0, "done": false}), "{defined:?}");
    while routes.engine.sweep().await.unwrap() {}
    let surveyed = routes.get(path).await;
    assert_eq!(surveyed.json()["schema_check"], json!({"checked": 1, "misfits": 1, "done": true}));
    assert_eq!(routes.ask("PUT", path, &[content, admin], surveyed.body.clone()).await.body, surveyed.body);
    assert_eq!(routes.get(made.header("location")).await.body, patched.body, "what was written before is read");
    assert_eq!(asked(&anns, r#"{"year":1}"#).await.body, patched.body, "and answered to who repeats it");
    assert_eq!(asked(&anns[..1], r#"{"year":1}"#).await.problem(), (422, "schema_violation".into()));
}
