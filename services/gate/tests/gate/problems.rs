//! Bad requests: each is told by a problem with a code, and none harms.

use std::fmt::Write as _;

use serde_json::json;

use crate::house::Routes;

const JSON: (&str, &str) = ("content-type", "application/json");
/// Method, path, headers and body; and the status and the code that they earn.
type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, u16, &'a str);

const RECORDS: &str = "/v1/collections/c/records";

#[tokio::test]
async fn bad_requests_are_told_by_their_code() {
    let routes = Routes::new().await;
    assert_eq!(routes.send("PUT", &format!("{RECORDS}/a"), r#"{"data":{}}"#).await.status, 201);
    let admin = routes.administrator().await;
    let admin = ("authorization", &*admin);
    let long = "x".repeat(200);
    let (long_id, deep) = (format!("{RECORDS}/{long}"), format!("{{\"data\":{}", "[".repeat(40_000)));
    let nested = format!("{{\"data\":{{\"a\":{}{}}}}}", "[".repeat(40_000), "]".repeat(40_000));
    let cases: &[Case<'_>] = &[
        ("POST", RECORDS, &[JSON], "{", 400, "malformed_json"),
        ("POST", RECORDS, &[JSON], "", 400, "malformed_json"),
        ("POST", RECORDS, &[JSON], "{\"data\":{\"a\":NaN}}", 400, "malformed_json"),
        ("POST", RECORDS, &[JSON], "{\"data\":{\"a\":\"\\ud800\"}}", 400, "malformed_json"),
        ("POST", RECORDS, &[JSON], &deep, 400, "malformed_json"),
        ("POST", RECORDS, &[JSON], &nested, 400, "invalid_body"),
        ("POST", RECORDS, &[JSON], "[]", 400, "invalid_body"),
        ("POST", RECORDS, &[JSON], "{\"data\":7}", 400, "invalid_body"),
        ("POST", RECORDS, &[JSON], "{\"data\":{},\"data\":{}}", 400, "invalid_body"),
        ("POST", RECORDS, &[], "{\"data\":{}}", 415, "unsupported_media_type"),
        ("POST", RECORDS, &[("content-type", "text/plain")], "{\"data\":{}}", 415, "unsupported_media_type"),
        ("POST", RECORDS, &[JSON, ("idempotency-key", "k")], "{\"data\":{}}", 400, "invalid_argument"),
        ("POST", RECORDS, &[JSON, ("if-match", "*")], "{\"data\":{}}", 400, "unsupported"),
        ("POST", "/v1/collections/none/records", &[JSON], "{\"data\":{}}", 404, "collection_not_found"),
        ("PUT", "/v1/collections/c/records/a", &[JSON], "{\"data\":{},\"id\":\"b\"}", 400, "invalid_body"),
        ("PUT", "/v1/collections/c/records/a", &[JSON, ("if-match", "a")], "{\"data\":{}}", 400, "invalid_argument"),
        (
            "PUT",
            "/v1/collections/c/records/a",
            &[JSON, ("if-match", "*"), ("if-none-match", "*")],
            "{\"data\":{}}",
            400,
            "invalid_argument",
        ),
        (
            "PUT",
            "/v1/collections/c/records/a",
            &[JSON, ("if-none-match", "\"a\"")],
            "{\"data\":{}}",
            400,
            "unsupported",
        ),
        ("PATCH", "/v1/collections/c/records/a", &[JSON], "{}", 415, "unsupported_media_type"),
        (
            "PATCH",
            "/v1/collections/c/records/a",
            &[("content-type", "application/merge-patch+json")],
            "{",
            400,
            "malformed_json",
        ),
        ("GET", &long_id, &[], "", 400, "invalid_argument"),
        ("GET", "/v1/collections/c/records/%00", &[], "", 400, "invalid_argument"),
        ("GET", "/v1/collections/c/records/%ff", &[], "", 400, "invalid_argument"),
        ("GET", "/v1/collections/c/records/%zz", &[], "", 400, "invalid_argument"),
        ("GET", "/v1/collections/c/records/a%2Fb", &[], "", 400, "invalid_argument"),
        ("GET", "/v1/collections/C", &[], "", 400, "invalid_argument"),
        ("GET", "/v1/collections?page_size=x", &[], "", 400, "invalid_argument"),
        ("GET", "/v1/collections?page=1", &[], "", 400, "invalid_argument"),
        ("GET", "/v1/collections?page_size=1&page_size=1", &[], "", 400, "invalid_argument"),
        ("GET", "/v1/collections?page_token=%f", &[], "", 400, "invalid_argument"),
        ("PUT", "/v1/collections/d", &[JSON, admin], "{\"rules\":{\"get\":1}}", 400, "invalid_body"),
        ("PUT", "/v1/collections/d", &[JSON, admin, ("if-none-match", "*")], "{}", 400, "unsupported"),
        ("PUT", "/v1/collections/d", &[JSON], "{\"rules\":{\"get\":1}}", 401, "unauthenticated"),
        ("DELETE", "/v1/collections/c", &[], "", 401, "unauthenticated"),
        ("GET", "/v1/collections/c/records/%2E%2E", &[], "", 400, "invalid_argument"),
        ("POST", RECORDS, &[JSON], "{\"data\":{},\"id\":\".\"}", 400, "invalid_body"),
        ("GET", "/livez", &[("host", "a b/c")], "", 400, "invalid_argument"),
        ("GET", "/livez", &[("host", "a"), ("host", "a")], "", 400, "invalid_argument"),
        ("GET", "/docs/%ff", &[], "", 404, "route_not_found"),
        ("GET", "/v1/collections/c/records/a", &[("if-match", "\"nope\"")], "", 412, "precondition_failed"),
        ("GET", "/v1/collections/c", &[("if-match", "\"nope\"")], "", 412, "precondition_failed"),
        ("GET", RECORDS, &[("if-match", "\"nope\"")], "", 400, "unsupported"),
        ("POST", RECORDS, &[JSON, ("content-encoding", "gzip")], "{\"data\":{}}", 415, "unsupported_media_type"),
        ("GET", "/v2", &[], "", 404, "route_not_found"),
        ("GET", "/v1/collections/c/records/", &[], "", 404, "route_not_found"),
        ("POST", "/v1/collections/c/records:other", &[JSON], "{}", 404, "route_not_found"),
        ("OPTIONS", "*", &[], "", 404, "route_not_found"),
        ("CONNECT", "example.org:1", &[], "", 404, "route_not_found"),
        ("DELETE", RECORDS, &[], "", 405, "method_not_allowed"),
        ("BREW", "/v1/collections", &[], "", 405, "method_not_allowed"),
    ];
    for (method, path, headers, body, status, code) in cases {
        let answer = routes.ask(method, path, headers, (*body).to_owned()).await;
        let mut what = format!("{method} {path} ");
        let _ = write!(what, "{headers:?} {body:.40}");
        assert_eq!(
            answer.problem(),
            (*status, (*code).to_owned()),
            "{what}: {}",
            String::from_utf8_lossy(&answer.body)
        );
    }
}

#[tokio::test]
async fn a_problem_is_told_in_full() {
    let routes = Routes::new().await;
    let headers = [JSON, ("x-request-id", "my/request=1")];
    let answer = routes.ask("POST", RECORDS, &headers, r#"{"datta":{}}"#).await;
    assert_eq!(answer.header("x-request-id"), "my/request=1");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    assert_eq!(
        answer.json(),
        json!({
            "type": "/docs/problems#invalid_body",
            "title": "The body does not have the expected shape",
            "status": 400,
            "detail": "the body is JSON of another shape than this call takes",
            "instance": RECORDS,
            "code": "invalid_body",
            "request_id": "my/request=1",
            "errors": [{"pointer": "/datta", "detail": "is not known here"}],
        })
    );
    // What storage finds is told by a place in the body, too.
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    let answer = routes.send("POST", RECORDS, &format!("{{\"data\":{{\"a\":{deep}}}}}")).await;
    assert_eq!(answer.json()["errors"][0]["pointer"], "/data");
}

#[tokio::test]
async fn problems_come_with_the_headers_that_help() {
    let routes = Routes::new().await;
    let answer = routes.ask("PATCH", &format!("{RECORDS}/a"), &[JSON], "{}").await;
    assert_eq!(answer.header("accept-patch"), "application/merge-patch+json, application/json-patch+json");
    let answer = routes.ask("PUT", RECORDS, &[], "").await;
    let mut methods: Vec<_> = answer.header("allow").split(',').map(str::trim).collect();
    methods.sort_unstable();
    assert_eq!(methods, ["GET", "HEAD", "POST"]);
    let coded = routes.ask("POST", RECORDS, &[JSON, ("content-encoding", "gzip")], "{}").await;
    assert_eq!(coded.header("accept-encoding"), "identity");
    assert_eq!(routes.ask("POST", RECORDS, &[], "{}").await.header("accept-encoding"), "", "of another cause");
    let head = routes.ask("HEAD", "/none", &[], "").await;
    assert_eq!((head.status.as_u16(), head.body.len()), (404, 0));
    assert_ne!(head.header("content-length"), "0");
}
