//! REST by TLS.

mod client;

use std::{fs, path::Path, time::Duration};

use anyhow::Context;
use hyper::StatusCode;
use integration::{Certificates, Process, Program, eventually};
use nix::sys::signal::Signal;
use rustls::version::{TLS12, TLS13};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use self::client::{H1, H2, Sender, connect, credentials};
use crate::Outcome;

const BOUND: Duration = Duration::from_secs(5);
/// How long a handshake may take, and what a slow machine adds.
const CUT: Duration = Duration::from_secs(20);
/// How a record of a handshake begins that announces more (RFC 8446, 5.1).
const BEGUN: &[u8] = b"\x16\x03\x01\x02\x00\x01";
const READ: &str = "a certificate was read again";
const UNUSABLE: &str = "a new certificate cannot be used";

fn made(folder: &TempDir) -> anyhow::Result<Certificates> {
    Certificates::make(folder.path(), [[127, 0, 0, 1].into()])
}

fn showing(program: Program, cert: &Path, key: &Path) -> Program {
    program.env("TLS_CERT", cert.display().to_string()).env("TLS_KEY", key.display().to_string())
}

async fn started(certificates: &Certificates) -> anyhow::Result<Process> {
    showing(Program::skep()?, &certificates.keystore, &certificates.keystore).start().await
}

/// How often it has said so of the public certificate.
fn said(skep: &Process, what: &str) -> anyhow::Result<usize> {
    let is_that = |line: &&Value| line["message"] == what && line["certificate"] == "public";
    Ok(skep.logs().lines()?.iter().filter(is_that).count())
}

async fn has_said(skep: &Process, what: &str) -> Outcome {
    eventually(what, BOUND, async || (said(skep, what).ok()? > 0).then_some(())).await
}

#[tokio::test]
async fn both_protocols_are_spoken_and_cookies_are_for_tls_alone() -> Outcome {
    let folder = TempDir::new()?;
    let certificates = made(&folder)?;
    let skep = started(&certificates).await?;
    let address = skep.door("rest")?;
    let own = format!("https://{address}");
    for (version, protocol) in [(&TLS13, H1), (&TLS13, H2), (&TLS12, H1), (&TLS12, H2)] {
        let stream = connect(address, &certificates.authority, version, protocol).await?;
        let mut sender = Sender::over(stream, protocol).await?;
        let (status, cookie) = sender.sign_in(address, &own).await?;
        assert_eq!(status, StatusCode::CREATED, "{version:?} {protocol}");
        assert!(cookie.starts_with("skep_session=") && cookie.ends_with("; Secure"), "{protocol}: {cookie}");
        let clear = sender.sign_in(address, &format!("http://{address}")).await?;
        assert_eq!(clear, (StatusCode::FORBIDDEN, String::new()), "a page that came in the clear");
    }
    let mut clear = TcpStream::connect(address).await?;
    clear.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
    let mut answer = Vec::new();
    let _ = timeout(BOUND, clear.read_to_end(&mut answer)).await.context("a connection in the clear is closed")?;
    assert!(!answer.windows(4).any(|part| part == b"HTTP"), "in the clear nothing is answered");

    let lines = skep.logs().lines()?;
    let scheme = |door| lines.iter().find(|line| line["door"] == door).map(|line| line["url.scheme"].clone());
    assert_eq!([scheme("rest"), scheme("metrics")], [Some("https".into()), Some("http".into())]);
    Ok(())
}

#[tokio::test]
async fn a_certificate_is_replaced_while_requests_go_on() -> Outcome {
    let folder = TempDir::new()?;
    let certificates = made(&folder)?;
    let mut skep = started(&certificates).await?;
    let door = skep.door("rest")?;
    let own = format!("https://{door}");
    let mut open = Sender::new(door, &certificates.authority, H1).await?;
    assert_eq!(open.sign_in(door, &own).await?.0, StatusCode::CREATED);

    let former = folder.path().join("former.pem");
    fs::copy(&certificates.authority, &former)?;
    made(&folder)?;
    Sender::new(door, &certificates.authority, H2).await.context("by the new certificate")?;
    assert!(connect(door, &former, &TLS13, H2).await.is_err(), "the former is not shown any more");
    has_said(&skep, READ).await?;
    assert_eq!(open.sign_in(door, &own).await?.0, StatusCode::CREATED, "a connection that is open goes on");

    fs::write(&certificates.keystore, "no certificate")?;
    for _ in 0..3 {
        Sender::new(door, &certificates.authority, H2).await.context("what cannot be used changes nothing")?;
    }
    has_said(&skep, UNUSABLE).await?;

    skep.signal(Signal::SIGTERM)?;
    let ended = timeout(BOUND, skep.ended()).await.context("an idle client holds nothing up")??;
    assert!(ended.success());
    assert_eq!((said(&skep, READ)?, said(&skep, UNUSABLE)?), (1, 1), "each is told once");
    Ok(())
}

#[tokio::test]
async fn key_and_certificate_are_renewed_one_after_the_other() -> Outcome {
    let folder = TempDir::new()?;
    let [cert, key, former] = ["cert.pem", "key.pem", "former.pem"].map(|name| folder.path().join(name));
    // The key comes first in the file that has both.
    let halves = |certificates: &Certificates| -> anyhow::Result<(String, String)> {
        let both = fs::read_to_string(&certificates.keystore)?;
        let (key, cert) = both.split_at(both.find("-----BEGIN CERTIFICATE").context("no certificate")?);
        Ok((key.to_owned(), cert.to_owned()))
    };
    let certificates = made(&folder)?;
    let (first_key, first_cert) = halves(&certificates)?;
    fs::write(&key, first_key)?;
    fs::write(&cert, first_cert)?;
    let skep = showing(Program::skep()?, &cert, &key).start().await?;
    let door = skep.door("rest")?;

    fs::copy(&certificates.authority, &former)?;
    let (next_key, next_cert) = halves(&made(&folder)?)?;
    fs::write(&key, next_key)?;
    Sender::new(door, &former, H1).await.context("between the two the former are in force")?;
    has_said(&skep, UNUSABLE).await?;
    fs::write(&cert, next_cert)?;
    Sender::new(door, &certificates.authority, H1).await.context("by both that are new")?;
    has_said(&skep, READ).await
}

#[tokio::test]
async fn handshakes_that_stall_hinder_nobody_and_are_cut() -> Outcome {
    let folder = TempDir::new()?;
    let certificates = made(&folder)?;
    let skep = started(&certificates).await?;
    let address = skep.door("rest")?;
    let mut stalled = Vec::new();
    for n in 0..100 {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all([&b""[..], BEGUN][n % 2]).await?;
        stalled.push(stream);
    }
    let served = async {
        let mut sender = Sender::new(address, &certificates.authority, H2).await?;
        sender.sign_in(address, &format!("https://{address}")).await
    };
    assert_eq!(timeout(BOUND, served).await.context("hindered")??.0, StatusCode::CREATED);
    let cut = async {
        for stream in &mut stalled {
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    };
    timeout(CUT, cut).await.context("a handshake goes on for ever")
}

#[tokio::test]
async fn a_stop_finishes_what_came_by_tls_and_awaits_no_handshake() -> Outcome {
    let folder = TempDir::new()?;
    let certificates = made(&folder)?;
    let mut skep = started(&certificates).await?;
    let address = skep.door("rest")?;
    let (mut busy, mut stalled) =
        (connect(address, &certificates.authority, &TLS13, H1).await?, TcpStream::connect(address).await?);
    stalled.write_all(BEGUN).await?;
    let body = credentials();
    let head = format!(
        "POST /v1/sessions HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    busy.write_all(head.as_bytes()).await?;
    let mut told = [0; 25];
    busy.read_exact(&mut told).await?;
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");

    skep.signal(Signal::SIGTERM)?;
    eventually("the door is shut", BOUND, async || TcpStream::connect(address).await.err()).await?;
    let cut = timeout(BOUND, stalled.read_to_end(&mut Vec::new())).await;
    assert!(cut.is_ok(), "a handshake is awaited");
    busy.write_all(body.as_bytes()).await?;
    let mut answer = String::new();
    busy.read_to_string(&mut answer).await.context("the answer ends as TLS has it, with an alert")?;
    assert!(answer.starts_with("HTTP/1.1 201 ") && answer.contains("; Secure"), "{answer}");
    assert!(timeout(BOUND, skep.ended()).await.context("then nothing is awaited")??.success());
    Ok(())
}

#[tokio::test]
async fn certificates_of_no_use_are_told_and_nothing_starts() -> Outcome {
    let (folder, elsewhere) = (TempDir::new()?, TempDir::new()?);
    let [cert, other] = [made(&folder)?, made(&elsewhere)?].map(|made| made.keystore.display().to_string());
    let missing = "/nowhere.pem".to_owned();
    for program in [Program::skep()?, Program::gate_before(&[([127, 0, 0, 1], 1).into()], "token")?] {
        for (variables, told) in [
            (vec![("TLS_CERT", &cert)], "TLS_CERT and TLS_KEY are given both, for TLS, or neither."),
            (vec![("TLS_KEY", &cert)], "TLS_CERT and TLS_KEY are given both, for TLS, or neither."),
            (
                vec![("TLS_CERT", &cert), ("TLS_KEY", &other)],
                &format!("TLS_CERT and TLS_KEY cannot be used: {cert} and {other} do not belong together: "),
            ),
            (vec![("TLS_CERT", &cert), ("TLS_KEY", &missing)], "TLS_CERT and TLS_KEY cannot be used: /nowhere.pem: "),
        ] {
            let program = program.clone().env("SESSION_LIFETIME", "1s");
            let program = variables.iter().fold(program, |program, (name, value)| program.env(name, *value));
            let output = program.run().await?;
            let errors = String::from_utf8(output.stderr)?;
            assert!(output.status.code() == Some(64) && errors.contains(told), "{errors}");
            assert!(errors.contains("SESSION_LIFETIME is shorter"), "all faults are told at once: {errors}");
        }
    }
    Ok(())
}
