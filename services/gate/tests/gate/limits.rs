//! Limits of rate, and what pages of other origins may do.

use gate::{ClientAddress, Policy, Rate};
use serde_json::json;

use crate::house::{Answer, PASSWORD, Routes};

const HERE: Option<std::net::IpAddr> = Some(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));
const THERE: Option<std::net::IpAddr> = Some(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2)));

fn limited(all: &str, sign_in: &str) -> Policy {
    let rate = |text: &str| Some(text.parse::<Rate>().unwrap());
    Policy { rate_limit: rate(all), sign_in_limit: rate(sign_in), ..Policy::default() }
}

#[tokio::test]
async fn an_address_may_ask_so_much_and_an_account_as_much_again() {
    let routes = Routes::asking(limited("3/1h", "100/1m")).await;
    routes.account("ann", &[]).await;
    let bearer = format!("Bearer {}", routes.signed_in("ann").await);
    let ask = async |from, headers: &[_]| routes.ask_from(from, "GET", "/v1/collections", headers, "").await;
    let signed = [("authorization", &*bearer)];
    for headers in [&[][..], &signed] {
        for left in [2, 1, 0] {
            let answer = ask(HERE, headers).await;
            assert_eq!((answer.status.as_u16(), answer.header("ratelimit-policy")), (200, "\"default\";q=3;w=3600"));
            let expected = format!("\"default\";r={left};t={}", 1200 * (3 - left));
            assert_eq!(answer.header("ratelimit"), expected);
        }
        let refused = ask(HERE, headers).await;
        assert_eq!(refused.problem(), (429, "rate_limited".into()));
        assert_eq!((refused.header("retry-after"), refused.header("ratelimit")), ("1200", "\"default\";r=0;t=3600"));
    }
    assert_eq!(ask(THERE, &[]).await.status, 200, "another address");
    assert_eq!(ask(THERE, &signed).await.problem().0, 429, "the same account");
    assert_eq!(routes.ask_from(HERE, "GET", "/livez", &[], "").await.header("ratelimit"), "");
}

#[tokio::test]
async fn tokens_that_are_none_spend_what_their_address_may_ask_and_nothing_of_the_account_they_claim() {
    let routes = Routes::asking(limited("3/1h", "100/1m")).await;
    routes.account("ann", &[]).await;
    let token = routes.signed_in("ann").await;
    let forged = format!("Bearer {}{}", &token[..24], "A".repeat(40));
    let ask = async |from, token: &str| {
        routes.ask_from(from, "GET", "/v1/collections", &[("authorization", token)], "").await
    };
    for _ in 0..3 {
        assert_eq!(ask(HERE, &forged).await.problem().0, 401);
    }
    assert_eq!(ask(HERE, &forged).await.problem().0, 429);
    assert_eq!(ask(THERE, &format!("Bearer {token}")).await.header("ratelimit"), "\"default\";r=2;t=1200");
}

#[tokio::test]
async fn a_name_is_tried_so_often_from_one_address() {
    let sign_in = async |routes: &Routes, from, name: &str| -> Answer {
        let body = json!({"name": name, "password": PASSWORD}).to_string();
        routes.ask_from(from, "POST", "/v1/sessions", &[("content-type", "application/json")], body).await
    };
    let routes = Routes::asking(limited("1000/1m", "2/1h")).await;
    assert_eq!(sign_in(&routes, HERE, "ann").await.problem().0, 401);
    assert_eq!(sign_in(&routes, HERE, "ANN").await.problem().0, 401);
    let refused = sign_in(&routes, HERE, "ann").await;
    assert_eq!((refused.problem(), refused.header("retry-after")), ((429, "rate_limited".into()), "1800"));
    assert_eq!(sign_in(&routes, THERE, "ann").await.problem().0, 401, "another address");
    // One address tries no more than ten names as often.
    let mut told = Vec::new();
    for n in 0..18 {
        told.push(sign_in(&routes, HERE, &format!("name-{n}")).await.status.as_u16());
    }
    assert_eq!((&told[..17], told[17]), (&[401; 17][..], 429));

    let routes = Routes::asking(Policy { client_address: ClientAddress::None, ..limited("1/1h", "2/1h") }).await;
    for from in [HERE, THERE] {
        assert_eq!(sign_in(&routes, from, "ann").await.problem().0, 401);
    }
    assert_eq!(sign_in(&routes, HERE, "ann").await.problem().0, 429, "by name alone");
    assert_eq!(sign_in(&routes, HERE, "ben").await.problem().0, 401, "and by no address");
}

#[tokio::test]
async fn pages_of_other_origins_do_what_they_are_listed_for() {
    let origins = "https://app.example".parse().unwrap();
    let routes = Routes::asking(Policy { origins, ..Policy::default() }).await;
    routes.account("ann", &[]).await;
    let token = routes.signed_in("ann").await;
    let (bearer, cookie) = (format!("Bearer {token}"), format!("skep_session={token}"));
    let write = async |headers: &[(&str, &str)]| {
        let headers = [&[("content-type", "application/json")], headers].concat();
        routes.ask("POST", "/v1/collections/c/records", &headers, r#"{"data":{}}"#).await
    };
    let foreign = ("origin", "https://evil.example");
    let refused = write(&[foreign, ("cookie", &cookie)]).await;
    assert_eq!((refused.problem(), refused.header("access-control-allow-origin")), ((403, "forbidden".into()), ""));
    assert_eq!(write(&[("sec-fetch-site", "same-site"), ("cookie", &cookie)]).await.problem().0, 403);
    assert_eq!(write(&[foreign, ("authorization", &bearer)]).await.status, 201, "no browser adds that by itself");
    let listed = [("origin", "https://app.example"), ("sec-fetch-site", "cross-site"), ("cookie", &*cookie)];
    let made = write(&listed).await;
    assert_eq!((made.status.as_u16(), made.header("access-control-allow-origin")), (201, "https://app.example"));
    assert_eq!(made.header("access-control-allow-credentials"), "true");
    assert!(made.header("access-control-expose-headers").contains("etag") && made.header("vary").contains("origin"));

    let preflight = |origin| [("origin", origin), ("access-control-request-method", "PATCH")];
    let answer = routes.ask("OPTIONS", "/v1/collections/c/records/a", &preflight("https://app.example"), "").await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (204, "https://app.example"));
    assert!(answer.header("access-control-allow-methods").contains("PATCH"));
    assert!(answer.header("access-control-allow-headers").contains("if-match"));
    let answer = routes.ask("OPTIONS", "/v1/collections/c/records/a", &preflight("https://evil.example"), "").await;
    assert_eq!((answer.problem().0, answer.header("access-control-allow-origin")), (405, ""));
}

#[tokio::test]
async fn a_cookie_is_for_tls_alone_where_a_proxy_says_so() {
    let proxies = vec!["192.0.2.1/32".parse().unwrap()];
    let routes =
        Routes::asking(Policy { client_address: ClientAddress::Forwarded(proxies), ..Policy::default() }).await;
    routes.account("ann", &[]).await;
    let body = json!({"name": "ann", "password": PASSWORD}).to_string();
    let headers = [("content-type", "application/json"), ("x-forwarded-proto", "https")];
    for (from, secure) in [(HERE, true), (THERE, false)] {
        let begun = routes.ask_from(from, "POST", "/v1/sessions", &headers, body.clone()).await;
        assert_eq!(begun.header("set-cookie").ends_with("; Secure"), secure, "{begun:?}");
    }
}
