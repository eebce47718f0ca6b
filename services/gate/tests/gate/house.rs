//! A gate to test, over a store in a folder of its own.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use gate::{
    Home, Hosts, Limits, Policy,
    backend::{Backend, Local},
    http::{Envelope, router, serve},
};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use kit::{Public, Readiness};
use serde_json::Value;
use skep_proto::{Error, v1::*};
use storage::{Engine, store::embedded::Embedded};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn engine() -> (Arc<Engine>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path()).unwrap();
    (Arc::new(Engine::new(Arc::new(store))), folder)
}

/// The password of every account that is made here.
pub(crate) const PASSWORD: &str = "correct horse";

/// Defines the collection `c`, which is open to all.
pub(crate) async fn define(engine: &Arc<Engine>) {
    let all = || Some("true".to_owned());
    let rules = Some(Rules { list: all(), get: all(), create: all(), update: all(), delete: all() });
    let collection = Some(Collection { name: "collections/c".into(), rules, ..Collection::default() });
    let definition = UpdateCollectionRequest { collection, allow_missing: true, ..UpdateCollectionRequest::default() };
    Local::new(engine.clone()).update_collection(tonic::Request::new(definition)).await.unwrap();
}

/// The routes alone, with a collection `c`.
pub(crate) struct Routes {
    pub(crate) envelope: Envelope,
    pub(crate) engine: Arc<Engine>,
    _folder: TempDir,
}

impl Routes {
    pub(crate) async fn new() -> Self {
        Self::over(|engine| Arc::new(Local::new(engine)), Limits::default()).await
    }

    pub(crate) async fn over(backend: impl FnOnce(Arc<Engine>) -> Arc<dyn Backend>, limits: Limits) -> Self {
        Self::with(backend, limits, Policy::default()).await
    }

    /// That ask `policy` of their clients.
    pub(crate) async fn asking(policy: Policy) -> Self {
        Self::with(|engine| Arc::new(Local::new(engine)), Limits::default(), policy).await
    }

    pub(crate) async fn with(
        backend: impl FnOnce(Arc<Engine>) -> Arc<dyn Backend>,
        limits: Limits,
        policy: Policy,
    ) -> Self {
        crate::lines::listen();
        let (engine, folder) = engine();
        define(&engine).await;
        let (backend, ready) = (backend(engine.clone()), Readiness::default());
        gate::check_storage(&backend, &ready);
        let envelope = router(backend, &Home::Docs, Hosts::Any, ready, limits, policy).await.unwrap();
        Self { envelope, engine, _folder: folder }
    }

    /// Makes an account by the inside door.
    pub(crate) async fn account(&self, login: &str, roles: &[&str]) -> Account {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        let account = Some(Account { login: login.into(), roles, ..Account::default() });
        let message = CreateAccountRequest { account, password: PASSWORD.into(), ..CreateAccountRequest::default() };
        let contract = Local::new(self.engine.clone());
        contract.create_account(tonic::Request::new(message)).await.unwrap().account.unwrap()
    }

    /// Signs in by the inside door; the token.
    pub(crate) async fn signed_in(&self, login: &str) -> String {
        let (login, password) = (login.to_owned(), PASSWORD.to_owned());
        let message = CreateSessionRequest { login, password, ..CreateSessionRequest::default() };
        let contract = Local::new(self.engine.clone());
        contract.create_session(tonic::Request::new(message)).await.unwrap().token
    }

    /// `Authorization` of an administrator, who is made for it.
    pub(crate) async fn administrator(&self) -> String {
        self.account("root", &["admin"]).await;
        format!("Bearer {}", self.signed_in("root").await)
    }

    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        self.ask_from(None, method, path, headers, body).await
    }

    /// Asks from an address.
    pub(crate) async fn ask_from(
        &self,
        from: Option<IpAddr>,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        // A test may name another host, or several.
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "x");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.envelope.serve(request.body(body.into()).unwrap(), from).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Sends JSON.
    pub(crate) async fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        self.ask(method, path, &[("content-type", "application/json")], body.to_owned()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], Body::empty()).await
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The status and the code of a problem.
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        (self.status.as_u16(), self.json()["code"].as_str().unwrap().to_owned())
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A gate that listens.
pub(crate) struct Gate {
    pub(crate) addr: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) serving: JoinHandle<()>,
    _routes: Routes,
}

impl Gate {
    pub(crate) async fn start(limits: Limits) -> Self {
        Self::over(|engine| Arc::new(Local::new(engine)), limits).await
    }

    pub(crate) async fn over(backend: impl FnOnce(Arc<Engine>) -> Arc<dyn Backend>, limits: Limits) -> Self {
        Self::with(backend, limits, None).await
    }

    pub(crate) async fn with(
        backend: impl FnOnce(Arc<Engine>) -> Arc<dyn Backend>,
        limits: Limits,
        tls: Option<Arc<Public>>,
    ) -> Self {
        let routes = Routes::over(backend, limits).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (addr, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
        let serving = tokio::spawn(serve(listener, tls, routes.envelope.clone(), limits, shutdown.clone()));
        Self { addr, shutdown, serving, _routes: routes }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }

    /// Sends `bytes` and returns all that comes until the connection closes.
    pub(crate) async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        rest(&mut stream).await
    }

    pub(crate) async fn is_well(&self) {
        let answer = self.exchange(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nok\n"), "{answer}");
    }
}

/// The head of a request with a body, but for the empty line at its end.
pub(crate) fn post(length: usize) -> String {
    format!(
        "POST /v1/collections/c/records HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n"
    )
}

/// What still comes until the connection closes, also where it is reset.
pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the connection stays open");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One answer of a connection that stays open: its head, and as much as it says follows.
pub(crate) async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = async {
        loop {
            let text = String::from_utf8_lossy(&bytes);
            if let Some(end) = text.find("\r\n\r\n") {
                let head = text[..end].to_ascii_lowercase();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                if bytes.len() >= end + 4 + length.map_or(0, |length| length.parse().unwrap()) {
                    return;
                }
            }
            assert_ne!(
                stream.read_buf(&mut bytes).await.unwrap(),
                0,
                "closed after {text}",
                text = String::from_utf8_lossy(&bytes)
            );
        }
    };
    timeout(PATIENCE, read).await.expect("no answer");
    String::from_utf8(bytes).unwrap()
}

/// A real backend, before whose every call something happens, which is told the name of the call.
pub(crate) struct Disturbed<F> {
    pub(crate) real: Local<Engine>,
    pub(crate) before: F,
}

macro_rules! disturbed {
    ($($_service:ident :: $_server:ident, $_clients:ident :: $_client:ident {
        $($call:ident($request:ty) -> $response:ty;)*
    })*) => {
        #[async_trait]
        impl<F: Fn(&'static str) -> BoxFuture<'static, Result<(), Error>> + Send + Sync + 'static> Backend for Disturbed<F> {
            $($(async fn $call(&self, request: tonic::Request<$request>) -> Result<$response, Error> {
                (self.before)(stringify!($call)).await?;
                self.real.$call(request).await
            })*)*
        }
    };
}

skep_proto::calls!(disturbed);
