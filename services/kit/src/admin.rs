use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
    serve::Listener,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};

use crate::{
    Readiness,
    logging::{Directives, Levels, Losses},
    metrics::Metrics,
};

/// How long a request's head may take to arrive, and a connection may idle.
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// How long a connection may live: the bound on clients that read their answer slowly or never.
const CONNECTION_WITHIN: Duration = Duration::from_mins(1);

/// The longest body, in bytes.
const BODY: usize = 4 * 1024;

/// Connections at once; more wait to be accepted.
const CONNECTIONS: usize = 512;

/// The door for whoever watches this process.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) metrics: Metrics,
    pub(crate) ready: Readiness,
    pub(crate) losses: Arc<Losses>,
    pub(crate) levels: Arc<Levels>,
}

impl Admin {
    /// Serves `listener` for as long as the process lives, also while it drains.
    pub(crate) async fn serve(self, mut listener: TcpListener) {
        let router = Router::new()
            .route("/metrics", get(metrics))
            .route("/livez", get(async || "ok\n"))
            .route("/readyz", get(readyz))
            .route("/healthz", get(healthz))
            .route("/log", get(levels).put(set_levels))
            .layer(DefaultBodyLimit::max(BODY))
            .with_state(self);
        let service = TowerToHyperService::new(router);
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(16 * 1024);
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = room.clone().acquire_owned().await else { return };
            // axum's accept rides out errors such as too many open files.
            let (stream, _) = Listener::accept(&mut listener).await;
            let connection = http.serve_connection(TokioIo::new(stream), service.clone());
            tokio::spawn(async move {
                // However it ends, there is nobody to tell.
                let _ = timeout(CONNECTION_WITHIN, connection).await;
                drop(place);
            });
        }
    }
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    admin.losses.publish();
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], admin.metrics.render())
}

async fn readyz(State(admin): State<Admin>) -> impl IntoResponse {
    let report = admin.ready.report().await;
    (status(report.is_ready()), Json(report))
}

async fn healthz(State(admin): State<Admin>) -> impl IntoResponse {
    let well = admin.ready.was_ready().await;
    (status(well), if well { "ok\n" } else { "not ready yet\n" })
}

async fn levels(State(admin): State<Admin>) -> String {
    admin.levels.get() + "\n"
}

async fn set_levels(State(admin): State<Admin>, wanted: String) -> Result<String, (StatusCode, String)> {
    let wanted: Directives = wanted.trim().parse().map_err(|why| (StatusCode::BAD_REQUEST, format!("{why}\n")))?;
    let changed = admin.levels.set(wanted);
    changed.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")))?;
    Ok(admin.levels.get() + "\n")
}

fn status(well: bool) -> StatusCode {
    if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
