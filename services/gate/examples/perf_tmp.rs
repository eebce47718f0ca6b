#![allow(warnings)]
#[path = "../../../bench/src/load.rs"]
mod load;
use std::{sync::Arc, time::Duration};
use gate::{Home, Limits, backend::Local};
use storage::{Engine, store::embedded::Embedded};
use tokio::net::TcpListener;
fn main() {
    let tmp = tempfile::tempdir().unwrap();
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let rec = metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder().unwrap();
    if std::env::var("LOGGED").is_ok() {
        tracing_subscriber::fmt().with_writer(std::io::sink).init();
    }
    let (gate, echo) = rt.block_on(async {
        let store = Embedded::open(tmp.path()).unwrap();
        let engine = Arc::new(Engine::new(Arc::new(store)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gate = listener.local_addr().unwrap();
        let envelope = gate::http::router(Arc::new(Local::new(engine)), &Home::Docs, Limits::default());
        tokio::spawn(gate::http::serve(listener, envelope, Limits::default(), Default::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let echo = listener.local_addr().unwrap();
        let listener2 = axum::serve::ListenerExt::tap_io(listener, |s| drop(s.set_nodelay(true)));
        tokio::spawn(async move { axum::serve(listener2, axum::Router::new().fallback(axum::routing::any(|b: bytes::Bytes| async { b }))).await });
        (gate, echo)
    });
    let client = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    client.block_on(async {
        let put = |path: &str, body: &str| load::Ask { method: "PUT", path: path.into(), body: body.into() };
        let one = |a: load::Ask| load::run(gate, 1, Duration::from_millis(1), true, move |_, _| a.clone());
        one(put("/v1/collections/c", "{}")).await.unwrap();
        one(put("/v1/collections/c/records/a", r#"{"data":{"author":"Ann","message":"The bees were kind to me today"}}"#)).await.unwrap();
        for _ in 0..3 {
            for (name, addr, method, path) in [("echo", echo, "GET", "/x"), ("livez", gate, "GET", "/livez"), ("get", gate, "GET", "/v1/collections/c/records/a"), ("post", gate, "POST", "/v1/collections/c/records")] {
                let body = if method == "POST" { r#"{"data":{"author":"Ann","message":"The bees were kind to me today"}}"# } else { "" };
                if std::env::var("ONLY").is_ok_and(|only| only != name) { continue }
                let out = load::run(addr, 64, Duration::from_secs(3), false, move |_, _| load::Ask { method, path: path.into(), body: body.into() }).await.unwrap();
                println!("{name} {:.0}/s p99 {:?}", out.per_second(), out.quantile(0.99));
            }
        }
    });
}
