//! REST by TLS.

use std::{fs, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, StatusCode,
    body::Bytes,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use integration::{ADMIN_PASSWORD, Certificates, Process, Program, eventually};
use nix::sys::signal::Signal;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::Outcome;

const BOUND: Duration = Duration::from_secs(5);
const H2: &str = "h2";
const H1: &str = "http/1.1";

/// What a client sends its requests on, whatever the protocol is.
enum Sender {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

async fn connect(address: SocketAddr, authority: &Path, protocol: &str) -> anyhow::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority)?)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.into()];
    let stream = TcpStream::connect(address).await?;
    Ok(TlsConnector::from(Arc::new(config)).connect(ServerName::from(address.ip()), stream).await?)
}

async fn sender(address: SocketAddr, authority: &Path, protocol: &str) -> anyhow::Result<Sender> {
    let stream = connect(address, authority, protocol).await?;
    ensure!(stream.get_ref().1.alpn_protocol() == Some(protocol.as_bytes()), "{protocol} is not agreed on");
    let io = TokioIo::new(stream);
    Ok(if protocol == H2 {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
        tokio::spawn(connection);
        Sender::Two(sender)
    } else {
        let (sender, connection) = http1::handshake(io).await?;
        tokio::spawn(connection);
        Sender::One(sender)
    })
}

impl Sender {
    /// Signs the administrator in; the status, and the cookie that is set.
    async fn sign_in(&mut self, address: SocketAddr) -> anyhow::Result<(StatusCode, String)> {
        let body = json!({"name": "admin", "password": ADMIN_PASSWORD}).to_string();
        let request = Request::post(format!("https://{address}/v1/sessions"))
            .header("host", address.to_string())
            .header("content-type", "application/json")
            .body(Full::from(body))?;
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

fn showing(certificates: &Certificates) -> anyhow::Result<Program> {
    let keystore = certificates.keystore.display().to_string();
    Ok(Program::skep()?.env("TLS_CERT", &keystore).env("TLS_KEY", keystore))
}

async fn has_said(skep: &Process, what: &str) -> Outcome {
    let is_that = |line: &Value| line["message"] == what && line["certificate"] == "public";
    eventually(what, BOUND, async || skep.logs().lines().ok()?.iter().any(is_that).then_some(())).await
}

#[tokio::test]
async fn both_protocols_are_spoken_and_cookies_are_for_tls_alone() -> Outcome {
    let folder = TempDir::new()?;
    let certificates = Certificates::make(folder.path(), [[127, 0, 0, 1].into()])?;
    let skep = showing(&certificates)?.start().await?;
    let address = skep.door("rest")?;
    for protocol in [H1, H2] {
        let mut sender = sender(address, &certificates.authority, protocol).await?;
        let (status, cookie) = sender.sign_in(address).await?;
        assert_eq!(status, StatusCode::CREATED, "{protocol}");
        assert!(cookie.starts_with("skep_session=") && cookie.ends_with("; Secure"), "{protocol}: {cookie}");
    }
    let mut clear = TcpStream::connect(address).await?;
    clear.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
    let mut answer = Vec::new();
    let _ = clear.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "in the clear nothing is answered");
    Ok(())
}

#[tokio::test]
async fn a_certificate_is_replaced_while_requests_go_on() -> Outcome {
    let folder = TempDir::new()?;
    let address = [127, 0, 0, 1].into();
    let certificates = Certificates::make(folder.path(), [address])?;
    let mut skep = showing(&certificates)?.start().await?;
    let door = skep.door("rest")?;
    let mut open = sender(door, &certificates.authority, H1).await?;
    assert_eq!(open.sign_in(door).await?.0, StatusCode::CREATED);

    let former = folder.path().join("former.pem");
    fs::copy(&certificates.authority, &former)?;
    Certificates::make(folder.path(), [address])?;
    sender(door, &certificates.authority, H2).await.context("by the new certificate")?;
    assert!(connect(door, &former, H2).await.is_err(), "the former is not shown any more");
    has_said(&skep, "a certificate was read again").await?;
    assert_eq!(open.sign_in(door).await?.0, StatusCode::CREATED, "a connection that is open goes on");

    fs::write(&certificates.keystore, "no certificate")?;
    sender(door, &certificates.authority, H2).await.context("what cannot be used changes nothing")?;
    has_said(&skep, "a new certificate cannot be used").await?;

    skep.signal(Signal::SIGTERM)?;
    let ended = tokio::time::timeout(BOUND, skep.ended()).await.context("an idle client holds nothing up")??;
    assert!(ended.success());
    Ok(())
}

#[tokio::test]
async fn certificates_of_no_use_are_told_and_nothing_starts() -> Outcome {
    let (folder, elsewhere) = (TempDir::new()?, TempDir::new()?);
    let address = [127, 0, 0, 1].into();
    let (ours, others) =
        (Certificates::make(folder.path(), [address])?, Certificates::make(elsewhere.path(), [address])?);
    let [cert, other] = [&ours, &others].map(|made| made.keystore.display().to_string());
    for (variables, told) in [
        (vec![("TLS_CERT", &cert)], "TLS_CERT and TLS_KEY are given both, for TLS, or neither."),
        (vec![("TLS_CERT", &cert), ("TLS_KEY", &other)], "TLS_CERT and TLS_KEY cannot be used: "),
        (
            vec![("TLS_CERT", &cert), ("TLS_KEY", &"/nowhere.pem".to_owned())],
            "TLS_CERT and TLS_KEY cannot be used: /nowhere.pem",
        ),
    ] {
        let program = variables.iter().fold(Program::skep()?, |program, (name, value)| program.env(name, *value));
        let output = program.run().await?;
        let errors = String::from_utf8(output.stderr)?;
        assert!(output.status.code() == Some(64) && errors.contains(told), "{errors}");
    }
    Ok(())
}
