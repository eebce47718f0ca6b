use std::{net::SocketAddr, path::Path, sync::Arc};

use anyhow::ensure;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, StatusCode,
    body::Bytes,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use integration::ADMIN_PASSWORD;
use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
    version::TLS13,
};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

pub(super) const H2: &str = "h2";
pub(super) const H1: &str = "http/1.1";

/// What the administrator signs in with.
pub(super) fn credentials() -> String {
    json!({"name": "admin", "password": ADMIN_PASSWORD}).to_string()
}

/// A connection to who shows a certificate of `authority`, in `version` of TLS, to speak `protocol`.
pub(super) async fn connect(
    address: SocketAddr,
    authority: &Path,
    version: &'static SupportedProtocolVersion,
    protocol: &str,
) -> anyhow::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority)?)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version])?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.into()];
    let stream = TcpStream::connect(address).await?;
    let stream = TlsConnector::from(Arc::new(config)).connect(ServerName::from(address.ip()), stream).await?;
    ensure!(stream.get_ref().1.alpn_protocol() == Some(protocol.as_bytes()), "{protocol} is not agreed on");
    Ok(stream)
}

/// What a client sends its requests on, whatever the protocol is.
pub(super) enum Sender {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

impl Sender {
    /// By TLS 1.3.
    pub(super) async fn new(address: SocketAddr, authority: &Path, protocol: &str) -> anyhow::Result<Self> {
        Self::over(connect(address, authority, &TLS13, protocol).await?, protocol).await
    }

    pub(super) async fn over(stream: TlsStream<TcpStream>, protocol: &str) -> anyhow::Result<Self> {
        let io = TokioIo::new(stream);
        Ok(if protocol == H2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
            tokio::spawn(connection);
            Self::Two(sender)
        } else {
            let (sender, connection) = http1::handshake(io).await?;
            tokio::spawn(connection);
            Self::One(sender)
        })
    }

    /// Signs the administrator in from a page of `origin`; the status, and the cookie that is set.
    pub(super) async fn sign_in(&mut self, address: SocketAddr, origin: &str) -> anyhow::Result<(StatusCode, String)> {
        let request = Request::post(format!("https://{address}/v1/sessions"))
            .header("host", address.to_string())
            .header("origin", origin)
            .header("content-type", "application/json")
            .body(Full::from(credentials()))?;
        let answer = match self {
            Self::One(sender) => sender.send_request(request).await?,
            Self::Two(sender) => sender.send_request(request).await?,
        };
        let cookie = answer.headers().get("set-cookie").map(|line| line.to_str().map(str::to_owned)).transpose()?;
        let status = answer.status();
        answer.into_body().collect().await?;
        Ok((status, cookie.unwrap_or_default()))
    }
}
