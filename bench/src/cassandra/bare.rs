//! The floor: axum, tonic and the driver in two processes, doing the same writes and reads and nothing else.

use std::{env, process::Stdio};

use anyhow::Context;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
    serve::ListenerExt,
};
use bytes::Bytes;
use futures_util::TryFutureExt;
use scylla::{client::session::Session, statement::prepared::PreparedStatement};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use skep_proto::{mutation, v1::*};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::{Child, Command},
};
use tonic::{
    Request, Response, Status,
    transport::{Channel, Server, server::TcpIncoming},
};
use uuid::Uuid;

use self::{record_service_client::RecordServiceClient, record_service_server::*};
use super::driver;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS bare (id text PRIMARY KEY, data blob, owner text, created_at bigint, \
    updated_at bigint, version bigint)";

/// Of a chain on storage's rows, in microseconds.
const WINDOW: i64 = 10_000_000;

/// Where a bare chain keeps its records: the least that Cassandra can be asked, or what storage asks it.
#[derive(Clone, Copy)]
pub(crate) enum Rows {
    Own,
    Storages,
}

impl Rows {
    pub(crate) fn of(name: &str) -> Self {
        if name == Self::Storages.name() { Self::Storages } else { Self::Own }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Storages => "storages",
        }
    }

    const fn statements(self) -> [&'static str; 2] {
        match self {
            Self::Own => [
                "INSERT INTO bare (id, created_at, data, owner, updated_at, version) VALUES (?, ?, ?, '', ?, 1) USING TIMESTAMP ?",
                "SELECT data, version FROM bare WHERE id = ?",
            ],
            Self::Storages => [
                "INSERT INTO record_entries (collection, window, shard, created_at, id, data, owner, updated_at, version, history, fingerprint) \
                 VALUES (00000000-0000-0000-0000-000000000000, ?, ?, ?, ?, ?, '', ?, 1, ?, 0x) USING TIMESTAMP ?",
                "SELECT data, version, created_at, id, owner, updated_at, history, fingerprint FROM record_entries \
                 WHERE collection = 00000000-0000-0000-0000-000000000000 AND window = ? AND shard = ? AND created_at = ? AND id = ?",
            ],
        }
    }
}

/// A place among storage's rows: windows as it chooses them under load, four shards.
fn place(id: Uuid) -> (i64, i32, i64) {
    let created_at = mutation::time(id).unwrap_or_default();
    (created_at - created_at % WINDOW, i32::from(id.as_bytes()[15] % 4), created_at)
}

/// Both processes, and where the first listens.
pub(crate) struct Chain {
    pub(crate) address: std::net::SocketAddr,
    pub(crate) ids: [u32; 2],
    _processes: [Child; 2],
}

/// Starts both on these rows in `keyspace`.
pub(crate) async fn start(session: &Session, hosts: &str, keyspace: &str, rows: Rows) -> anyhow::Result<Chain> {
    session.query_unpaged(TABLE, ()).await?;
    let (storage, address) = launch(&["bare-storage", hosts, keyspace, rows.name()]).await?;
    let (gate, address) = launch(&["bare-gate", &address]).await?;
    let id = |child: &Child| child.id().context("a process of the bare chain ended");
    Ok(Chain { address: address.parse()?, ids: [id(&gate)?, id(&storage)?], _processes: [gate, storage] })
}

async fn launch(arguments: &[&str]) -> anyhow::Result<(Child, String)> {
    let mut command = Command::new(env::current_exe()?);
    let mut child = command.args(arguments).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let stdout = child.stdout.take().context("it has no output")?;
    let line = BufReader::new(stdout).lines().next_line().await?;
    Ok((child, line.context("a process of the bare chain ended at its start")?))
}

#[allow(clippy::print_stdout, reason = "its parent reads the address there")]
async fn listen() -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    Ok(listener)
}

#[derive(Deserialize)]
struct Sent {
    data: Box<RawValue>,
}

#[derive(Serialize)]
struct Shown {
    id: String,
    data: Box<RawValue>,
    created_at: i64,
    version: i64,
}

/// axum → tonic, until killed.
pub(crate) async fn gate(storage: &str) -> anyhow::Result<()> {
    let channel = Channel::from_shared(format!("http://{storage}"))?.tcp_nodelay(true).connect().await?;
    let routes = Router::new().route("/records", post(create)).route("/records/{id}", get(read));
    let listener = listen().await?.tap_io(|stream| drop(stream.set_nodelay(true)));
    Ok(axum::serve(listener, routes.with_state(RecordServiceClient::new(channel))).await?)
}

type Storage = State<RecordServiceClient<Channel>>;
type Answer = Result<(StatusCode, Json<Shown>), (StatusCode, String)>;

async fn create(State(mut storage): Storage, Json(sent): Json<Sent>) -> Answer {
    let (record_id, data) = (mutation::new().to_string(), String::from(Box::<str>::from(sent.data)).into());
    let record = Some(Record { data, ..Default::default() });
    let asked = CreateRecordRequest { record_id, record, ..Default::default() };
    let answer = storage.create_record(asked).map_err(failed).await?.into_inner();
    Ok((StatusCode::CREATED, shown(answer.record)?))
}

async fn read(State(mut storage): Storage, Path(name): Path<String>) -> Answer {
    let answer = storage.get_record(GetRecordRequest { name }).map_err(failed).await?.into_inner();
    Ok((StatusCode::OK, shown(answer.record)?))
}

fn shown(record: Option<Record>) -> Result<Json<Shown>, (StatusCode, String)> {
    let Record { name: id, data, create_time, version, .. } = record.unwrap_or_default();
    let data = RawValue::from_string(String::from_utf8_lossy(&data).into_owned());
    let data = data.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(Json(Shown { id, data, created_at: create_time.unwrap_or_default().seconds, version }))
}

#[allow(clippy::needless_pass_by_value, reason = "stands in map_err")]
fn failed(status: Status) -> (StatusCode, String) {
    (StatusCode::SERVICE_UNAVAILABLE, status.to_string())
}

/// tonic → driver, until killed.
pub(crate) async fn storage(hosts: &str, keyspace: &str, rows: Rows) -> anyhow::Result<()> {
    let session = driver::connect(hosts, keyspace).await?;
    let prepare = async |text| {
        let mut statement = session.prepare(text).await?;
        statement.set_is_idempotent(true);
        anyhow::Ok(statement)
    };
    let [write, read] = rows.statements();
    let bare = Bare { write: prepare(write).await?, read: prepare(read).await?, session, rows };
    let incoming = TcpIncoming::from(listen().await?).with_nodelay(Some(true));
    Ok(Server::builder().add_service(RecordServiceServer::new(bare)).serve_with_incoming(incoming).await?)
}

struct Bare {
    session: Session,
    write: PreparedStatement,
    read: PreparedStatement,
    rows: Rows,
}

#[tonic::async_trait]
impl RecordService for Bare {
    async fn create_record(&self, asked: Request<CreateRecordRequest>) -> Called<CreateRecordResponse> {
        let CreateRecordRequest { record_id, record, .. } = asked.into_inner();
        let (data, now) = (record.unwrap_or_default().data, mutation::now());
        match self.rows {
            Rows::Own => {
                let values = (&record_id, now, &data, now, now);
                self.session.execute_unpaged(&self.write, values).await
            }
            Rows::Storages => {
                let id = Uuid::try_parse(&record_id).map_err(unavailable)?;
                let (window, shard, created_at) = place(id);
                let values = (window, shard, created_at, &record_id, &data, now, &id.as_bytes()[..], now);
                self.session.execute_unpaged(&self.write, values).await
            }
        }
        .map_err(unavailable)?;
        let record = Some(Record { name: record_id, data, version: 1, ..Default::default() });
        Ok(Response::new(CreateRecordResponse { record }))
    }

    async fn get_record(&self, asked: Request<GetRecordRequest>) -> Called<GetRecordResponse> {
        let name = asked.into_inner().name;
        let found = match self.rows {
            Rows::Own => {
                driver::rows::<(Bytes, i64)>(&self.session, &self.read, (&name,)).await.map(|mut rows| rows.pop())
            }
            Rows::Storages => {
                let (window, shard, created_at) = place(Uuid::try_parse(&name).map_err(unavailable)?);
                let values = (window, shard, created_at, &name);
                let rows = driver::rows::<Entry>(&self.session, &self.read, values).await;
                rows.map(|mut rows| rows.pop().map(|(data, version, ..)| (data, version)))
            }
        };
        let (data, version) = found.map_err(unavailable)?.ok_or_else(|| Status::not_found(&name))?;
        let record = Some(Record { name, data, version, ..Default::default() });
        Ok(Response::new(GetRecordResponse { record }))
    }

    async fn list_records(&self, _: Request<ListRecordsRequest>) -> Called<ListRecordsResponse> {
        Err(Status::unimplemented(""))
    }

    async fn update_record(&self, _: Request<UpdateRecordRequest>) -> Called<UpdateRecordResponse> {
        Err(Status::unimplemented(""))
    }

    async fn patch_record(&self, _: Request<PatchRecordRequest>) -> Called<PatchRecordResponse> {
        Err(Status::unimplemented(""))
    }

    async fn delete_record(&self, _: Request<DeleteRecordRequest>) -> Called<DeleteRecordResponse> {
        Err(Status::unimplemented(""))
    }

    async fn batch_write_records(&self, _: Request<BatchWriteRecordsRequest>) -> Called<BatchWriteRecordsResponse> {
        Err(Status::unimplemented(""))
    }

    async fn claim_idempotency_key(
        &self,
        _: Request<ClaimIdempotencyKeyRequest>,
    ) -> Called<ClaimIdempotencyKeyResponse> {
        Err(Status::unimplemented(""))
    }
}

type Entry = (Bytes, i64, i64, String, String, i64, Bytes, Bytes);
type Called<T> = Result<Response<T>, Status>;

fn unavailable(error: impl std::fmt::Display) -> Status {
    Status::unavailable(error.to_string())
}
