use std::{fmt::Display, fs, future::IntoFuture, net::SocketAddr, path::Path, pin::Pin, time::Duration};

use anyhow::ensure;
use reqwest::{
    Body, Certificate, Client, ClientBuilder, Method, RequestBuilder,
    header::{CONTENT_TYPE, HeaderMap},
};
use rustls::crypto::aws_lc_rs;
use serde_json::{Value, json};

use crate::{eventually, program::ADMIN_PASSWORD};

const ANSWER_BOUND: Duration = Duration::from_secs(20);
const CONNECT_BOUND: Duration = Duration::from_secs(2);

/// A client that looks at no proxy; TLS has its primitives from the library that servers here have theirs from.
pub(crate) fn client() -> ClientBuilder {
    // An error is that there are some already.
    let _ = aws_lc_rs::default_provider().install_default();
    Client::builder().no_proxy()
}

fn bounded() -> ClientBuilder {
    client().connect_timeout(CONNECT_BOUND).timeout(ANSWER_BOUND)
}

/// A client of a door that speaks HTTP/1.1, and keeps its connections.
#[derive(Clone, Debug)]
pub struct Rest {
    http: Client,
    base: String,
    token: Option<String>,
}

impl Rest {
    /// A client with connections of its own.
    pub fn new(address: SocketAddr) -> Self {
        let http = bounded().build().expect("no part of it can be missing");
        Self { http, base: format!("http://{address}"), token: None }
    }

    /// A client by TLS, which believes the authorities in a PEM file alone.
    pub fn trusting(address: SocketAddr, authorities: &Path) -> anyhow::Result<Self> {
        let authorities = Certificate::from_pem_bundle(&fs::read(authorities)?)?;
        let http = bounded().tls_certs_only(authorities).build()?;
        Ok(Self { http, base: format!("https://{address}"), token: None })
    }

    /// That bears a token; it shares the connections.
    pub fn bearing(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// Signs in, and bears the token.
    pub async fn sign_in(&self, name: &str, password: &str) -> anyhow::Result<Self> {
        let begun = self.post("/v1/sessions").json(json!({"name": name, "password": password})).await?;
        ensure!(begun.status == 201, "nobody signs in: {begun:#?}");
        Ok(self.bearing(begun.json()["token"].as_str().unwrap_or_default()))
    }

    /// Signs in as the administrator of a [`Program`](crate::Program), whom storage makes behind its open doors.
    pub async fn administrator(&self) -> anyhow::Result<Self> {
        let signed_in = async || self.sign_in("admin", ADMIN_PASSWORD).await.ok();
        eventually("there is an administrator", ANSWER_BOUND, signed_in).await
    }

    /// Defines, as the administrator, a collection that everyone may use.
    pub async fn define(&self, collection: &str) -> anyhow::Result<Answer> {
        let everyone = json!({"list": "true", "get": "true", "create": "true", "update": "true", "delete": "true"});
        let path = format!("/v1/collections/{collection}");
        self.administrator().await?.put(path).json(json!({"rules": everyone})).await
    }

    /// The token that it bears.
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// A call; it is sent when awaited.
    pub fn call(&self, method: Method, path: impl Display) -> Call {
        let request = self.http.request(method, format!("{}{path}", self.base));
        Call(match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    }

    /// GET.
    pub fn get(&self, path: impl Display) -> Call {
        self.call(Method::GET, path)
    }

    /// POST.
    pub fn post(&self, path: impl Display) -> Call {
        self.call(Method::POST, path)
    }

    /// PUT.
    pub fn put(&self, path: impl Display) -> Call {
        self.call(Method::PUT, path)
    }

    /// PATCH.
    pub fn patch(&self, path: impl Display) -> Call {
        self.call(Method::PATCH, path)
    }

    /// DELETE.
    pub fn delete(&self, path: impl Display) -> Call {
        self.call(Method::DELETE, path)
    }
}

/// A request being put together.
#[derive(Debug)]
#[must_use = "a call is sent when awaited"]
pub struct Call(RequestBuilder);

impl Call {
    /// Adds a header.
    pub fn header(self, name: &str, value: impl AsRef<str>) -> Self {
        Self(self.0.header(name, value.as_ref()))
    }

    /// Sends JSON.
    #[expect(clippy::needless_pass_by_value, reason = "calls are written with json!()")]
    pub fn json(self, value: Value) -> Self {
        self.typed("application/json", value.to_string())
    }

    /// Sends a body of some type, to the byte.
    pub fn typed(self, media_type: &str, body: impl Into<Body>) -> Self {
        Self(self.0.header(CONTENT_TYPE, media_type).body(body))
    }
}

impl IntoFuture for Call {
    type Output = anyhow::Result<Answer>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async {
            let response = self.0.send().await?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Ok(Answer { status, headers, text: response.text().await? })
        })
    }
}

/// What was answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

impl Answer {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// A header, empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The entity tag.
    pub fn etag(&self) -> &str {
        self.header("etag")
    }

    /// Asserts the status, and gives the answer on.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }

    /// Asserts that this is a problem document (RFC 9457) with all of our members.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Self {
        let problem = self.json();
        assert_eq!((self.status, &problem["code"]), (status, &code.into()), "{self:#?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:#?}");
        assert_eq!(problem["status"], status, "{problem}");
        for member in ["type", "title", "detail", "instance"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {problem}");
        }
        assert!(!self.header("x-request-id").is_empty(), "{self:#?}");
        assert_eq!(problem["request_id"], self.header("x-request-id"), "{problem}");
        self
    }
}
