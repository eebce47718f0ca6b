//! Writes that come between a verdict and what was judged, and writes that come again.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, OnceLock},
};

use futures_util::future::BoxFuture;
use gate::{Limits, backend::Local};
use serde_json::{Value, json};
use skep_proto::Error;
use storage::Engine;

use super::{JSON, MERGE, Who, define, delete, put};
use crate::house::{Disturbed, Routes};

const RECORD: &str = "collections/r/records/a";
const PATH: &str = "/v1/collections/r/records/a";

/// What others do just before storage is asked for `call`: each of `changes` once, the last one ever again.
struct Others {
    routes: Routes,
    engine: Arc<OnceLock<Arc<Engine>>>,
    changes: Arc<Mutex<VecDeque<Change>>>,
}

#[derive(Clone)]
enum Change {
    None,
    Data(Value),
    Deleted,
    AnewBy(&'static str),
}

impl Others {
    async fn before(call: &'static str, changes: impl IntoIterator<Item = Change>) -> Self {
        let engine: Arc<OnceLock<Arc<Engine>>> = Arc::default();
        let changes = Arc::new(Mutex::new(VecDeque::from_iter(changes)));
        let (inside, left) = (engine.clone(), changes.clone());
        let before = move |asked: &'static str| -> BoxFuture<'static, Result<(), Error>> {
            let change = inside.get().filter(|_| asked == call).and_then(|_| {
                let mut left = left.lock().unwrap();
                if left.len() > 1 { left.pop_front() } else { left.front().cloned() }
            });
            let inside = inside.clone();
            Box::pin(async move {
                let engine = inside.get().cloned();
                match (engine, change) {
                    (Some(engine), Some(Change::Data(data))) => _ = put(&engine, RECORD, "", data).await,
                    (Some(engine), Some(Change::Deleted)) => delete(&engine, RECORD).await,
                    (Some(engine), Some(Change::AnewBy(owner))) => {
                        delete(&engine, RECORD).await;
                        put(&engine, RECORD, owner, json!({"open": true})).await;
                    }
                    _ => {}
                }
                Ok(())
            })
        };
        let routes =
            Routes::over(|real| Arc::new(Disturbed { real: Local::new(real), before }), Limits::default()).await;
        Self { routes, engine, changes }
    }

    /// From here on, others do what they do.
    fn begin(&self) {
        self.engine.set(self.routes.engine.clone()).unwrap_or_else(|_| panic!("begun before"));
    }

    fn left(&self) -> usize {
        self.changes.lock().unwrap().len()
    }
}

/// Rules by which Ann may change and delete what is hers as long as it is open, and all see it.
fn rules() -> Value {
    let mine = "auth != null && record.owner == auth.id && record.data.open";
    json!({"get": "true", "create": "auth != null", "update": mine, "delete": mine})
}

/// Ann's write, before which others make `changes`; its status, the code of a fault, and what is stored after.
async fn raced(
    call: &'static str,
    (method, content, body): (&str, (&str, &str), &str),
    changes: impl IntoIterator<Item = Change>,
) -> (u16, String, Option<Value>) {
    let others = Others::before(call, changes).await;
    let ann = Who::new(&others.routes, "ann", &[]).await;
    define(&others.routes.engine, "r", rules()).await;
    put(&others.routes.engine, RECORD, &ann.id, json!({"open": true})).await;
    others.begin();
    let answer = ann.ask(&others.routes, method, PATH, &[content], body.to_owned()).await;
    assert_eq!(others.left(), 1, "not all of it happened");
    if answer.status == 503 {
        assert_eq!(answer.header("retry-after"), "1");
    }
    let code = if answer.status.is_success() { String::new() } else { answer.problem().1 };
    let stored = others.routes.get(PATH).await;
    (answer.status.as_u16(), code, (stored.status == 200).then(|| stored.json()["data"].clone()))
}

const PUT: (&str, (&str, &str), &str) = ("PUT", JSON, r#"{"data":{"open":true,"mine":1}}"#);
const PATCH: (&str, (&str, &str), &str) = ("PATCH", MERGE, r#"{"mine":1}"#);
const DELETE: (&str, (&str, &str), &str) = ("DELETE", JSON, "");

#[tokio::test]
async fn a_record_that_is_closed_meanwhile_is_not_written() {
    for (call, write) in [("update_record", PUT), ("patch_record", PATCH), ("delete_record", DELETE)] {
        let closed = json!({"open": false});
        let told = raced(call, write, [Change::Data(closed.clone()), Change::None]).await;
        assert_eq!(told, (403, "forbidden".into(), Some(closed)), "{call}");
    }
}

#[tokio::test]
async fn a_record_of_another_meanwhile_is_not_written() {
    for (call, write) in [("update_record", PUT), ("patch_record", PATCH), ("delete_record", DELETE)] {
        let told = raced(call, write, [Change::AnewBy("bob"), Change::None]).await;
        assert_eq!(told, (403, "forbidden".into(), Some(json!({"open": true}))), "{call}");
    }
}

#[tokio::test]
async fn a_record_that_stays_open_is_judged_again_and_written() {
    let changed =
        || [Change::Data(json!({"open": true, "n": 1})), Change::Data(json!({"open": true, "n": 2})), Change::None];
    let told = raced("patch_record", PATCH, changed()).await;
    assert_eq!(told, (200, String::new(), Some(json!({"open": true, "n": 2, "mine": 1}))));
    let told = raced("update_record", PUT, changed()).await;
    assert_eq!(told, (200, String::new(), Some(json!({"open": true, "mine": 1}))));
    assert_eq!(raced("delete_record", DELETE, changed()).await, (204, String::new(), None));
}

#[tokio::test]
async fn a_record_that_is_deleted_meanwhile_is_made_by_who_may_make_it() {
    let gone = || [Change::Deleted, Change::None];
    let told = raced("update_record", PUT, gone()).await;
    assert_eq!(told, (201, String::new(), Some(json!({"open": true, "mine": 1}))));
    for (call, write) in [("patch_record", PATCH), ("delete_record", DELETE)] {
        assert_eq!(raced(call, write, gone()).await, (404, "record_not_found".into(), None), "{call}");
    }
}

#[tokio::test]
async fn a_record_that_never_rests_is_given_up() {
    let ever = [Change::Data(json!({"open": true}))];
    let told = raced("patch_record", PATCH, ever).await;
    assert_eq!(told, (503, "overloaded".into(), Some(json!({"open": true}))));
}

#[tokio::test]
async fn a_write_with_a_key_is_answered_again_though_it_would_be_refused_now() {
    let routes = Routes::new().await;
    let (ann, bob) = (Who::new(&routes, "ann", &[]).await, Who::new(&routes, "bob", &[]).await);
    define(&routes.engine, "r", rules()).await;
    put(&routes.engine, RECORD, &ann.id, json!({"open": true})).await;
    let key = |key: &'static str| ("idempotency-key", key);
    let close = r#"{"open":false}"#;
    let ask = async |who: &Who, method: &str, headers: &[(&str, &str)], body: &str| {
        let answer = who.ask(&routes, method, PATH, headers, body.to_owned()).await;
        (answer.status.as_u16(), answer.body)
    };
    let closed = ask(&ann, "PATCH", &[MERGE, key("\"1\"")], close).await;
    assert_eq!(closed.0, 200);
    assert_eq!(ask(&ann, "PATCH", &[MERGE, key("\"1\"")], close).await, closed);
    assert_eq!(ask(&ann, "PATCH", &[MERGE, key("\"2\"")], close).await.0, 403, "another key is another write");
    assert_eq!(ask(&ann, "PATCH", &[MERGE], close).await.0, 403);
    assert_eq!(ask(&bob, "PATCH", &[MERGE, key("\"1\"")], close).await.0, 403, "and so is another's");

    put(&routes.engine, RECORD, "", json!({"open": true})).await;
    for status in [204, 204] {
        assert_eq!(ask(&ann, "DELETE", &[key("\"3\"")], "").await.0, status);
    }
    assert_eq!(ask(&ann, "DELETE", &[key("\"4\"")], "").await.0, 404);
    assert_eq!(ask(&ann, "PATCH", &[MERGE, key("\"1\"")], close).await.0, 410);
}
