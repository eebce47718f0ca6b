//! What a request leaves behind: its line in the log, and its share of the metrics.

use gate::Policy;
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::{
    house::{PASSWORD, Routes},
    lines,
};

#[tokio::test]
async fn a_request_leaves_one_line_and_is_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let routes = Routes::new().await;
    lines::listen();
    lines::said();
    let _metrics = metrics::set_default_local_recorder(&recorder);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let headers = [("x-request-id", "r-1"), ("traceparent", &*format!("00-{trace}-00f067aa0ba902b7-01"))];
    let secret = "/v1/collections/c/records/a?page_token=hush";
    assert_eq!(routes.ask("GET", secret, &headers, "").await.status, 404);
    routes.ask("BREW", "/none", &[], "").await;

    let text = lines::said();
    let ours: Vec<_> = text.lines().filter(|line| line.contains("gate::access")).collect();
    assert_eq!(ours.len(), 2, "{text}");
    for part in [
        "request",
        "http.request.id=\"r-1\"",
        &format!("trace.id=\"{trace}\""),
        "http.request.method=\"GET\"",
        "http.route=\"/v1/collections/{collection}/records/{id}\"",
        "url.path=\"/v1/collections/c/records/a\"",
        "http.response.status_code=404",
        "event.duration=",
        "error.code=\"record_not_found\"",
    ] {
        assert!(ours[0].contains(part), "no {part} in {}", ours[0]);
    }
    // Storage, in the same process, tells of the same request.
    assert!(text.lines().any(|line| line.contains("storage::access") && line.contains("r-1")), "{text}");
    assert!(!text.contains("hush"), "{text}");

    let figures = recorder.handle().render();
    for figure in [
        "skep_http_requests_total{method=\"GET\",route=\"/v1/collections/{collection}/records/{id}\",code=\"404\"} 1",
        "skep_http_requests_total{method=\"_OTHER\",route=\"unmatched\",code=\"404\"} 1",
        "skep_http_request_duration_seconds_count{method=\"GET\",route=\"/v1/collections/{collection}/records/{id}\"} 1",
        "skep_http_requests_in_flight 0",
    ] {
        assert!(figures.contains(figure), "no {figure} in {figures}");
    }
}

#[tokio::test]
async fn who_is_signed_in_stands_in_the_line_and_their_secrets_do_not() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let routes = Routes::asking(Policy { rate_limit: "1/1h".parse().ok(), ..Policy::default() }).await;
    let id = routes.account("ann", &[]).await.name.replace("accounts/", "");
    lines::listen();
    lines::said();
    let _metrics = metrics::set_default_local_recorder(&recorder);
    let sign_in = |password: &str| serde_json::json!({"name": "ann", "password": password}).to_string();
    assert_eq!(routes.send("POST", "/v1/sessions", &sign_in("wrong horse")).await.status, 401);
    let begun = routes.send("POST", "/v1/sessions", &sign_in(PASSWORD)).await.json();
    let token = begun["token"].as_str().unwrap();
    let bearer = format!("Bearer {token}");
    for status in [200, 429] {
        assert_eq!(routes.ask("GET", "/v1/accounts/me", &[("authorization", &bearer)], "").await.status, status);
    }

    let text = lines::said();
    let named = text.lines().filter(|line| line.contains("gate::access") && line.contains(&format!("user.id={id}")));
    assert_eq!(named.count(), 2, "{text}");
    for secret in [PASSWORD, "wrong horse", token] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let figures = recorder.handle().render();
    for figure in [
        "skep_sign_ins_total{outcome=\"signed_in\"} 1",
        "skep_sign_ins_total{outcome=\"refused\"} 1",
        "skep_sessions_asked_total{outcome=\"confirmed\"} 1",
        "skep_requests_limited_total{by=\"account\"} 1",
    ] {
        assert!(figures.contains(figure), "no {figure} in {figures}");
    }
}
