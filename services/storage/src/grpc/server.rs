use std::{sync::Arc, time::Duration};

use kit::{Internal, Secret};
use skep_proto::{
    Code, Error,
    v1::{
        account_service_server::AccountServiceServer, collection_service_server::CollectionServiceServer,
        operator_service_server::OperatorServiceServer, record_service_server::RecordServiceServer,
        session_service_server::SessionServiceServer,
    },
};
use subtle::ConstantTimeEq;
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::{
    Request, Status,
    service::{
        Routes,
        interceptor::{InterceptedService, Interceptor},
    },
    transport::Server,
};
use tonic_health::{ServingStatus, server::HealthReporter};

use super::{Engine, incoming::incoming, room::Room};

/// How often the health service asks the store.
const HEALTH_EVERY: Duration = Duration::from_secs(1);
/// How long it may take to answer.
const HEALTH_WITHIN: Duration = Duration::from_secs(2);
/// What the health service tells of.
const SERVICES: [&str; 6] = [
    "",
    "skep.v1.AccountService",
    "skep.v1.CollectionService",
    "skep.v1.OperatorService",
    "skep.v1.RecordService",
    "skep.v1.SessionService",
];
/// A silent connection is asked for a sign of life after this, and given up after as much as the next.
const KEEPALIVE: Duration = Duration::from_secs(20);
const ALIVE_WITHIN: Duration = Duration::from_secs(5);
/// How long a connection lasts, and by how much that differs between replicas: whose client does not balance goes on at
/// another one. It is then told to go (GOAWAY), and what is in flight is finished; with a grace period of tonic's it would not
/// be told.
const AGE: Duration = Duration::from_mins(30);
const AGE_DIFFERS: Duration = Duration::from_mins(10);
/// Calls of one connection that are served at once, its others wait; and of all, further ones are refused.
const STREAMS: u32 = 1024;
const CALLS: usize = 2048;
/// What a call may bring of records, in bytes.
const LONGEST_IMPORT: usize = 8 << 20;
/// What a call may take, whatever deadline its caller sets.
const LONGEST_CALL: Duration = Duration::from_secs(30);

/// Serves the contract, `grpc.health.v1.Health` and reflection until `shutdown`; then says that it does not serve any more, and
/// finishes what is in flight, which has no bound of its own.
///
/// Callers of the contract must bear the token of `internal`, if there is one, as `authorization: Bearer TOKEN`, and connect by
/// its TLS; at most so many `connections` are open at once.
pub async fn serve(
    engine: Arc<Engine>,
    listener: TcpListener,
    internal: &Internal,
    connections: usize,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let health_is_told = report_health(Arc::clone(&engine), reporter, shutdown);
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(skep_proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    let server = Server::builder()
        .timeout(LONGEST_CALL)
        .max_concurrent_streams(STREAMS)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(ALIVE_WITHIN))
        .max_connection_age(AGE + AGE_DIFFERS.mul_f32(rand::random()))
        .http2_max_header_list_size(32 << 10)
        .add_routes(
            contract(engine, internal.token.as_ref().map(Secret::expose)).add_service(health).add_service(reflection),
        );
    Ok(server
        .serve_with_incoming_shutdown(incoming(listener, internal.tls.clone(), connections), health_is_told)
        .await?)
}

/// The services of the contract, behind their door, with a bound on the calls at once.
pub fn contract(engine: Arc<Engine>, token: Option<&str>) -> Routes {
    let door = Door(token.map(|token| Arc::from(format!("Bearer {token}"))));
    let accounts = AccountServiceServer::from_arc(Arc::clone(&engine));
    let collections = CollectionServiceServer::from_arc(Arc::clone(&engine));
    let sessions = SessionServiceServer::from_arc(Arc::clone(&engine));
    let operator = OperatorServiceServer::from_arc(Arc::clone(&engine)).max_decoding_message_size(LONGEST_IMPORT);
    let records = RecordServiceServer::from_arc(engine);
    let room = Room::new(CALLS);
    Routes::new(InterceptedService::new(room.bound(collections), door.clone()))
        .add_service(InterceptedService::new(room.bound(records), door.clone()))
        .add_service(InterceptedService::new(room.bound(operator), door.clone()))
        .add_service(InterceptedService::new(room.bound(accounts), door.clone()))
        .add_service(InterceptedService::new(room.bound(sessions), door))
}

/// Lets in who bears the shared token.
#[derive(Clone)]
struct Door(Option<Arc<str>>);

impl Interceptor for Door {
    fn call(&mut self, request: Request<()>) -> std::result::Result<Request<()>, Status> {
        let Some(demanded) = &self.0 else { return Ok(request) };
        let borne = request.metadata().get("authorization").map_or(&b""[..], |value| value.as_bytes());
        if bool::from(borne.ct_eq(demanded.as_bytes())) {
            return Ok(request);
        }
        Err(Error::new(Code::Unauthenticated, "this door asks for INTERNAL_TOKEN as a bearer token").into())
    }
}

async fn report_health(engine: Arc<Engine>, mut reporter: HealthReporter, shutdown: CancellationToken) {
    let asking = async {
        loop {
            let status = match timeout(HEALTH_WITHIN, engine.ready()).await {
                Ok(Ok(())) => ServingStatus::Serving,
                _ => ServingStatus::NotServing,
            };
            report(&reporter, status).await;
            sleep(HEALTH_EVERY).await;
        }
    };
    let _: Option<()> = shutdown.run_until_cancelled(asking).await;
    report(&reporter, ServingStatus::NotServing).await;
    // Ends the streams of those who watch: they would hold the server for ever.
    for service in SERVICES {
        reporter.clear_service_status(service).await;
    }
}

async fn report(reporter: &HealthReporter, status: ServingStatus) {
    for service in SERVICES {
        reporter.set_service_status(service, status).await;
    }
}
