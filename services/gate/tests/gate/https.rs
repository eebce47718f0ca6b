//! Clients of a door with TLS that never come to speak it.

use std::{sync::Arc, time::Duration};

use gate::{Limits, backend::Local};
use kit::Public;
use tokio::io::AsyncWriteExt;

use crate::house::{Gate, rest};

#[tokio::test]
async fn a_handshake_that_stalls_is_cut_as_a_slow_head_is() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let tls = Arc::new(Public::open(cert, key).unwrap());
    let limits = Limits { head: Duration::from_millis(200), connections: 1, ..Limits::default() };
    let gate = Gate::with(|engine| Arc::new(Local::new(engine)), limits, Some(tls)).await;
    // Nothing, and the begin of a handshake record (RFC 8446, 5.1) that announces more; each has the only place.
    for begun in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let mut stream = gate.connect().await;
        stream.write_all(begun).await.unwrap();
        assert_eq!(rest(&mut stream).await, "");
    }
    // An alert (7.2): a record of another kind.
    let answer = gate.exchange(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(!answer.contains("HTTP"), "{answer}");
}
