//! Storages that say they serve, and do not: which calls are made again, and what is said of that.

use std::{
    future::pending,
    net::SocketAddr,
    num::NonZeroU16,
    sync::{Arc, Mutex},
    time::Duration,
};

use gate::backend::{
    Backend,
    remote::{Storages, connect},
};
use http::HeaderMap;
use kit::Internal;
use skep_proto::{Code, v1::*};
use tokio::{net::TcpListener, time::timeout};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, body::Body, transport::Server};
use tower::{Service, layer::layer_fn, service_fn};

use crate::house::{PATIENCE, define, engine};

/// What becomes of calls; health is always well.
#[derive(Clone, Copy)]
enum Calls {
    Served,
    Broken,
    Never,
}

/// The methods that were asked for at several storages, with what they bore.
type Seen = Arc<Mutex<Vec<(String, HeaderMap)>>>;

/// A storage with the collection `c`.
async fn storage(calls: Calls, seen: &Seen) -> SocketAddr {
    let (engine, folder) = engine();
    define(&engine).await;
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status("", tonic_health::ServingStatus::Serving).await;
    let seen = seen.clone();
    let layer = layer_fn(move |inner: tonic::service::Routes| {
        let seen = seen.clone();
        service_fn(move |request: http::Request<Body>| {
            let (seen, mut inner) = (seen.clone(), inner.clone());
            async move {
                let method = request.uri().path().rsplit('/').next().unwrap().to_owned();
                if method != "Check" {
                    seen.lock().unwrap().push((method, request.headers().clone()));
                    match calls {
                        Calls::Served => {}
                        Calls::Broken => panic!("a fault that a test injects"),
                        Calls::Never => pending().await,
                    }
                }
                inner.call(request).await
            }
        })
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = storage::grpc::contract(engine, None).add_service(health);
    tokio::spawn(async move {
        let _folder = folder;
        Server::builder().layer(layer).add_routes(routes).serve_with_incoming(TcpListenerStream::new(listener)).await
    });
    address
}

fn gate(storages: &[SocketAddr]) -> impl Backend + Clone {
    let text = storages.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    connect(Storages::parse(&text, NonZeroU16::MIN).unwrap(), &Internal::default()).unwrap()
}

fn get() -> Request<GetCollectionRequest> {
    Request::new(GetCollectionRequest { name: "collections/c".into() })
}

fn asked(seen: &Seen, method: &str) -> Vec<HeaderMap> {
    seen.lock().unwrap().iter().filter(|(seen, _)| seen == method).map(|(_, headers)| headers.clone()).collect()
}

#[tokio::test]
async fn a_call_that_breaks_is_made_again_elsewhere_in_the_time_that_is_left() {
    let (broken, served) = (Seen::default(), Seen::default());
    let gate = gate(&[storage(Calls::Broken, &broken).await, storage(Calls::Served, &served).await]);
    while asked(&broken, "GetCollection").is_empty() {
        gate.get_collection(get()).await.unwrap();
    }
    let again = asked(&served, "GetCollection").pop().unwrap();
    assert_eq!(again["grpc-previous-rpc-attempts"], "1");
    let left = again["grpc-timeout"].to_str().unwrap().strip_suffix('m').unwrap().parse::<u64>().unwrap();
    assert!((9_000..10_000).contains(&left), "{left} ms");
    while asked(&broken, "GetCollection").len() < 5 {
        gate.get_collection(get()).await.unwrap();
    }
    // Well within the second that it rests.
    for _ in 0..20 {
        gate.get_collection(get()).await.unwrap();
    }
    assert_eq!(asked(&broken, "GetCollection").len(), 5, "it is left out");
}

#[tokio::test]
async fn what_is_not_the_same_when_it_is_made_twice_is_made_once() {
    let seen = Seen::default();
    let gate = gate(&[storage(Calls::Broken, &seen).await, storage(Calls::Broken, &seen).await]);
    assert_eq!(gate.get_collection(get()).await.unwrap_err().code, Code::Unavailable);
    assert_eq!(asked(&seen, "GetCollection").len(), 2);
    let delete = DeleteCollectionRequest { name: "collections/c".into(), force: false };
    assert_eq!(gate.delete_collection(Request::new(delete)).await.unwrap_err().code, Code::Unavailable);
    assert_eq!(asked(&seen, "DeleteCollection").len(), 1);
}

#[tokio::test]
async fn more_than_storage_can_take_is_refused_at_once() {
    const ROOM: usize = 512;
    let seen = Seen::default();
    let gate = gate(&[storage(Calls::Never, &seen).await]);
    for _ in 0..ROOM {
        let gate = gate.clone();
        tokio::spawn(async move { gate.get_collection(get()).await });
    }
    let full = async {
        while asked(&seen, "GetCollection").len() < ROOM {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, full).await.unwrap();
    let refused = timeout(Duration::from_secs(1), gate.get_collection(get())).await.unwrap().unwrap_err();
    assert_eq!((refused.code, refused.retry_after), (Code::Overloaded, Some(Duration::from_secs(1))));
}
