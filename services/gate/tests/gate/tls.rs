//! Mutual TLS between gate and storage.

use std::{fs, net::SocketAddr, path::Path, sync::Arc};

use gate::backend::{Backend, remote::connect};
use kit::{Internal, Mutual};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use skep_proto::{Code, v1::GetCollectionRequest};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::house::{define, engine};

/// Writes a certificate of `name` by an authority that is made for it, and that authority.
fn write(folder: &Path, name: &str) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let ca = authority.self_signed(&key).unwrap();
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
    fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    fs::write(folder.join("cert.pem"), cert.pem()).unwrap();
}

fn open(folder: &Path) -> Internal {
    let [cert, key, ca] = ["cert", "key", "ca"].map(|name| folder.join(format!("{name}.pem")));
    Internal { token: None, tls: Some(Arc::new(Mutual::open(cert, key, ca).unwrap())) }
}

fn certified(name: &str) -> (TempDir, Internal) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), name);
    let internal = open(folder.path());
    (folder, internal)
}

/// A storage with the collection `c`.
async fn storage(internal: &Internal) -> SocketAddr {
    let (engine, folder) = engine();
    define(&engine).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, internal) = (listener.local_addr().unwrap(), internal.clone());
    tokio::spawn(async move {
        let _folder = folder;
        storage::grpc::serve(engine, listener, &internal, 64, CancellationToken::new()).await
    });
    address
}

/// What a gate that is new is told by `storage`.
async fn told(storage: SocketAddr, internal: &Internal) -> Result<(), Code> {
    let gate = connect(storage.into(), internal).unwrap();
    let asked = GetCollectionRequest { name: "collections/c".into() };
    gate.get_collection(tonic::Request::new(asked)).await.map(drop).map_err(|error| error.code)
}

#[tokio::test]
async fn both_sides_have_to_show_who_they_are() {
    let (_ours, ours) = certified("127.0.0.1");
    let (_theirs, theirs) = certified("127.0.0.1");
    let (_other, named_otherwise) = certified("storage.example");
    let storage = storage(&ours).await;
    assert_eq!(told(storage, &ours).await, Ok(()));
    assert_eq!(told(storage, &theirs).await, Err(Code::Unavailable), "of another authority");
    assert_eq!(told(storage, &Internal::default()).await, Err(Code::Unavailable), "in the clear");
    let elsewhere = self::storage(&named_otherwise).await;
    assert_eq!(told(elsewhere, &named_otherwise).await, Err(Code::Unavailable), "by another name");
}

#[tokio::test]
async fn certificates_that_change_are_in_force_without_a_restart() {
    let (folder, ours) = certified("127.0.0.1");
    let storage = storage(&ours).await;
    assert_eq!(told(storage, &ours).await, Ok(()));
    fs::write(folder.path().join("key.pem"), "half a key").unwrap();
    assert_eq!(told(storage, &ours).await, Ok(()), "what cannot be used leaves the former in force");
    write(folder.path(), "127.0.0.1");
    assert_eq!(told(storage, &ours).await, Ok(()));
    assert_eq!(told(storage, &open(folder.path())).await, Ok(()), "the new ones are in force");
}
