//! Sessions: signed by a token or a cookie, believed for a while, and ended.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use gate::{Limits, Policy, backend::Local};
use http::header::SET_COOKIE;
use serde_json::{Value, json};
use skep_proto::{Code, Error};

use crate::house::{Answer, Disturbed, PASSWORD, Routes};

const ME: &str = "/v1/accounts/me";
const CURRENT: &str = "/v1/sessions/current";

async fn sign_in(routes: &Routes, headers: &[(&str, &str)]) -> Answer {
    let headers = [&[("content-type", "application/json")], headers].concat();
    routes.ask("POST", "/v1/sessions", &headers, json!({"name": "ann", "password": PASSWORD}).to_string()).await
}

/// With an account `ann`.
async fn routes() -> Routes {
    let routes = Routes::new().await;
    routes.account("ann", &[]).await;
    routes
}

#[tokio::test]
async fn a_session_is_signed_by_its_token_or_its_cookie() {
    let routes = routes().await;
    let begun = sign_in(&routes, &[("user-agent", "test/1")]).await;
    assert_eq!(begun.status, 201, "{begun:?}");
    let token = begun.json()["token"].as_str().unwrap().to_owned();
    let cookie = begun.header("set-cookie");
    assert_eq!(cookie, format!("skep_session={token}; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax"));
    let bearer = format!("bearer {token}");
    let cookie = format!("a=b; skep_session={token}");
    for signed in [("authorization", &*bearer), ("cookie", &*cookie)] {
        let session = routes.ask("GET", CURRENT, &[signed], "").await;
        let told = session.json();
        assert_eq!((&told["user_agent"], &told["current"]), (&json!("test/1"), &json!(true)), "{session:?}");
        assert_eq!(begun.header("location"), format!("/v1/sessions/{}", told["id"].as_str().unwrap()));
        assert_eq!(told["expires_at"], begun.json()["expires_at"]);
        assert_eq!(session.header("set-cookie"), "");
    }
    let made = routes
        .ask(
            "POST",
            "/v1/collections/c/records",
            &[("content-type", "application/json"), ("cookie", &cookie)],
            r#"{"data":{}}"#,
        )
        .await;
    assert_eq!(made.json()["owner"], begun.json()["account"]["id"]);
}

#[tokio::test]
async fn a_token_that_is_not_in_force_is_refused_and_such_a_cookie_taken_away() {
    let routes = routes().await;
    let foreign = skep_proto::Token::new(uuid::Uuid::now_v7(), [7; 32]).reveal();
    let known = routes.signed_in("ann").await;
    // The account that it claims is there.
    let forged = format!("{}{}", &known[..24], &foreign[24..]);
    let odd = skep_proto::Token::new(uuid::Uuid::max(), [7; 32]).reveal();
    for token in [&*foreign, &forged, &odd, "x", ""] {
        let refused = routes.ask("GET", "/v1/collections", &[("authorization", &format!("Bearer {token}"))], "").await;
        assert_eq!(refused.problem(), (401, "unauthenticated".into()), "{token}");
        assert_eq!(refused.header("www-authenticate"), "Bearer");
        let cookie = format!("skep_session={token}");
        let open = routes.ask("GET", "/v1/collections", &[("cookie", &cookie)], "").await;
        assert_eq!((open.status.as_u16(), open.header("set-cookie").contains("Max-Age=0")), (200, true), "{open:?}");
        assert_eq!(routes.ask("GET", ME, &[("cookie", &cookie)], "").await.problem(), (401, "unauthenticated".into()));
    }
    let basic = [("authorization", "Basic YW5uOnNlY3JldA==")];
    assert_eq!(routes.ask("GET", "/v1/collections", &basic, "").await.problem().0, 401);
    assert_eq!(routes.ask("GET", "/livez", &basic, "").await.status, 200);
    for path in [ME, CURRENT, "/v1/sessions"] {
        assert_eq!(routes.get(path).await.problem(), (401, "unauthenticated".into()), "{path}");
    }
}

#[tokio::test]
async fn sessions_are_listed_and_ended_each_and_all() {
    let routes = routes().await;
    let tokens: Vec<String> =
        [routes.signed_in("ann").await, routes.signed_in("ann").await, routes.signed_in("ann").await]
            .map(|token| format!("Bearer {token}"))
            .into();
    let ask = async |method: &str, path: &str, by: usize| {
        routes.ask(method, path, &[("authorization", &tokens[by])], "").await
    };
    let page = ask("GET", "/v1/sessions", 0).await.json();
    let sessions = page["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 3);
    assert_eq!(sessions.iter().filter(|session| session["current"] == true).count(), 1);
    let id = |by| async move { ask("GET", CURRENT, by).await.json()["id"].as_str().unwrap().to_owned() };
    let (first, second) = (id(0).await, id(1).await);
    assert!(sessions.iter().any(|session| session["id"] == *first && session["current"] == true));

    assert_eq!(ask("DELETE", &format!("/v1/sessions/{second}"), 0).await.status, 204);
    assert_eq!(ask("GET", ME, 1).await.problem(), (401, "unauthenticated".into()), "ended from elsewhere");
    assert_eq!(ask("DELETE", &format!("/v1/sessions/{second}"), 0).await.status, 204, "quietly");
    let out = ask("DELETE", CURRENT, 0).await;
    assert_eq!((out.status.as_u16(), out.header("set-cookie").contains("Max-Age=0")), (204, true));
    assert_eq!(ask("GET", ME, 0).await.problem().0, 401);
    let more = format!("Bearer {}", routes.signed_in("ann").await);
    assert_eq!(ask("DELETE", "/v1/sessions", 2).await.status, 204);
    for token in [&tokens[2], &more] {
        assert_eq!(routes.ask("GET", ME, &[("authorization", token)], "").await.problem().0, 401);
    }
    let again = format!("Bearer {}", routes.signed_in("ann").await);
    assert_eq!(routes.ask("GET", ME, &[("authorization", &again)], "").await.status, 200);
}

#[tokio::test]
async fn nobody_ends_the_session_of_another() {
    let routes = routes().await;
    routes.account("ben", &[]).await;
    let [ann, ben] =
        [routes.signed_in("ann").await, routes.signed_in("ben").await].map(|token| format!("Bearer {token}"));
    let mine = routes.ask("GET", CURRENT, &[("authorization", &ann)], "").await.json()["id"].clone();
    let path = format!("/v1/sessions/{}", mine.as_str().unwrap());
    assert_eq!(routes.ask("DELETE", &path, &[("authorization", &ben)], "").await.status, 204);
    assert_eq!(routes.ask("GET", ME, &[("authorization", &ann)], "").await.status, 200);
}

/// Storage that is away while `away` says so.
async fn unreliable() -> (Routes, Arc<AtomicBool>) {
    let away = Arc::new(AtomicBool::new(false));
    let seen = away.clone();
    let before = move |_| -> BoxFuture<'static, Result<(), Error>> {
        let away = seen.load(Relaxed);
        Box::pin(async move { if away { Err(Error::new(Code::Unavailable, "no quorum")) } else { Ok(()) } })
    };
    let routes =
        Routes::over(|engine| Arc::new(Disturbed { real: Local::new(engine), before }), Limits::default()).await;
    (routes, away)
}

#[tokio::test]
async fn who_is_known_is_believed_while_storage_is_away_and_a_stranger_is_told_so() {
    let (routes, away) = unreliable().await;
    routes.account("ann", &[]).await;
    let [known, stranger] =
        [routes.signed_in("ann").await, routes.signed_in("ann").await].map(|token| format!("Bearer {token}"));
    // What needs a signed-in caller first and storage second.
    let list = async |token: &str| routes.ask("GET", "/v1/accounts", &[("authorization", token)], "").await;
    assert_eq!(list(&known).await.problem(), (403, "forbidden".into()));
    away.store(true, Relaxed);
    assert_eq!(list(&known).await.problem(), (403, "forbidden".into()));
    let told = list(&stranger).await;
    assert_eq!((told.problem(), told.header("retry-after")), ((503, "unavailable".into()), "1"));
    away.store(false, Relaxed);
    assert_eq!(list(&stranger).await.problem(), (403, "forbidden".into()));
}

#[tokio::test]
async fn a_session_that_is_used_expires_later() {
    // Moved whenever a twenty-fourth of it has passed.
    let routes = Routes::asking(Policy { session_lifetime: Duration::from_mins(1), ..Policy::default() }).await;
    routes.account("ann", &[]).await;
    let token = sign_in(&routes, &[]).await.json()["token"].as_str().unwrap().to_owned();
    let cookie = format!("skep_session={token}");
    let expiry = async || {
        let session = routes.ask("GET", CURRENT, &[("cookie", &cookie)], "").await;
        (session.json()["expires_at"].as_str().unwrap().to_owned(), session.headers.contains_key(SET_COOKIE))
    };
    let (first, _) = expiry().await;
    let moved = async {
        let mut renewed = false;
        loop {
            let (expires, cookie) = expiry().await;
            renewed |= cookie;
            if expires != first {
                return (expires, renewed);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let (later, renewed) = tokio::time::timeout(crate::house::PATIENCE, moved).await.expect("it is not moved");
    assert!(later > first && renewed, "{first} {later}");
}

#[tokio::test]
async fn a_secret_is_in_no_answer_but_its_own() {
    let routes = routes().await;
    let token = routes.signed_in("ann").await;
    let bearer = format!("Bearer {token}");
    for (method, path) in [("GET", "/v1/sessions"), ("GET", CURRENT), ("GET", ME), ("DELETE", CURRENT)] {
        let answer = routes.ask(method, path, &[("authorization", &bearer)], "").await;
        let told = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
        assert!(!told.contains(&token) && !told.contains(PASSWORD), "{method} {path}");
    }
    let wrong = json!({"name": "ann", "password": "wrong horse"}).to_string();
    let unknown = json!({"name": "nobody", "password": "wrong horse"}).to_string();
    let told = |answer: Answer| {
        let mut problem = answer.json();
        problem["request_id"] = Value::Null;
        (answer.status, problem)
    };
    let [wrong, unknown] =
        [routes.send("POST", "/v1/sessions", &wrong).await, routes.send("POST", "/v1/sessions", &unknown).await];
    assert_eq!(wrong.problem(), (401, "invalid_credentials".into()));
    assert_eq!(told(wrong), told(unknown), "whether the name is known is nobody's to know");
}
