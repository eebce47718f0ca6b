//! The inside door: the same records as over REST, the same errors, reflection and health.

use integration::{House, Process, Program};
use serde_json::{Value, json};
use skep_proto::v1::{
    CreateRecordRequest, DeleteRecordRequest, GetRecordRequest, ListCollectionsRequest, ListRecordsRequest,
    PatchRecordRequest, Record, UpdateRecordRequest, collection_service_client::CollectionServiceClient,
    patch_record_request::Patch, record_service_client::RecordServiceClient,
};
use tonic::{
    Code, Request, Status,
    metadata::AsciiMetadataValue,
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use tonic_types::StatusExt;

use crate::{
    Outcome,
    crud::{create_as, define, note},
};

/// Bears a token on every call.
#[derive(Clone)]
pub(crate) struct Bearer(Option<AsciiMetadataValue>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

pub(crate) type Door = InterceptedService<Channel, Bearer>;

async fn door(house: &House, token: Option<&str>) -> anyhow::Result<Door> {
    door_of(house.engine(), token).await
}

/// The inside door of a process.
pub(crate) async fn door_of(process: &Process, token: Option<&str>) -> anyhow::Result<Door> {
    let address = process.door("grpc")?;
    let channel = Endpoint::from_shared(format!("http://{address}"))?.connect().await?;
    let bearer = token.map(|token| AsciiMetadataValue::try_from(format!("Bearer {token}"))).transpose()?;
    Ok(InterceptedService::new(channel, Bearer(bearer)))
}

async fn records(house: &House) -> anyhow::Result<RecordServiceClient<Door>> {
    Ok(RecordServiceClient::new(door(house, house.storage.as_ref().map(|_| House::token())).await?))
}

fn name(id: &str) -> String {
    format!("collections/notes/records/{id}")
}

fn record(id: &str, data: &'static str) -> Record {
    Record { name: name(id), data: data.into(), ..Record::default() }
}

#[track_caller]
fn is(status: &Status, code: Code, reason: &str) {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    assert_eq!((status.code(), info.reason.as_str(), info.domain.as_str()), (code, reason, "skep"), "{status:?}");
}

#[tokio::test]
async fn both_doors_tell_the_same_records() -> Outcome {
    for house in [House::one().await?, House::two().await?] {
        let (rest, mut grpc) = (house.rest()?, records(&house).await?);
        define(&rest, "notes").await?;
        let by_rest = create_as(&rest, "a", json!({"n": 1})).await?;
        let got = grpc.get_record(GetRecordRequest { name: name("a") }).await?.into_inner().record.unwrap_or_default();
        assert_eq!((got.name, got.etag.as_str(), got.version), (name("a"), by_rest.etag(), 1));
        assert_eq!(serde_json::from_slice::<Value>(&got.data)?, json!({"n": 1}));

        let create = CreateRecordRequest {
            parent: "collections/notes".into(),
            record_id: "b".into(),
            record: Some(record("", r#"{"big":9007199254740993,"a":1.10}"#)),
            idempotency_key: "once".into(),
            ..CreateRecordRequest::default()
        };
        let made = grpc.create_record(create.clone()).await?.into_inner().record.unwrap_or_default();
        assert_eq!(grpc.create_record(create).await?.into_inner().record.unwrap_or_default(), made);
        let read = rest.get(note("b")).await?.expect(200);
        assert!(read.text.contains(r#""data":{"big":9007199254740993,"a":1.10}"#), "{}", read.text);
        assert_eq!(read.etag(), made.etag);

        let update = UpdateRecordRequest {
            record: Some(Record { etag: made.etag.clone(), ..record("b", r#"{"n":2}"#) }),
            ..UpdateRecordRequest::default()
        };
        let updated = grpc.update_record(update.clone()).await?.into_inner();
        assert!(!updated.created);
        is(&grpc.update_record(update).await.unwrap_err(), Code::Aborted, "PRECONDITION_FAILED");
        let patch = PatchRecordRequest {
            name: name("b"),
            patch: Some(Patch::MergePatch(r#"{"m":3}"#.into())),
            etag: "*".into(),
            ..PatchRecordRequest::default()
        };
        grpc.patch_record(patch).await?;
        assert_eq!(rest.get(note("b")).await?.json()["data"], json!({"n": 2, "m": 3}));

        let list =
            ListRecordsRequest { parent: "collections/notes".into(), page_size: 1, ..ListRecordsRequest::default() };
        let page = grpc.list_records(list.clone()).await?.into_inner();
        assert!(page.records.len() == 1 && page.records[0].name == name("b") && !page.next_page_token.is_empty());
        let page =
            grpc.list_records(ListRecordsRequest { page_token: page.next_page_token, ..list }).await?.into_inner();
        assert_eq!(page.records[0].name, name("a"));

        grpc.delete_record(DeleteRecordRequest { name: name("b"), ..DeleteRecordRequest::default() }).await?;
        rest.get(note("b")).await?.problem(404, "record_not_found");
    }
    Ok(())
}

#[tokio::test]
async fn a_fault_carries_its_code() -> Outcome {
    let house = House::two().await?;
    let (rest, mut grpc) = (house.rest()?, records(&house).await?);
    let get = |name: &str| GetRecordRequest { name: name.into() };
    is(&grpc.get_record(get(&name("a"))).await.unwrap_err(), Code::NotFound, "COLLECTION_NOT_FOUND");
    define(&rest, "notes").await?;
    is(&grpc.get_record(get(&name("a"))).await.unwrap_err(), Code::NotFound, "RECORD_NOT_FOUND");
    for wrong in
        ["", "notes/a", "collections/notes/records/", "collections/notes/records/a/b", "collections/notes/records/a\0"]
    {
        is(&grpc.get_record(get(wrong)).await.unwrap_err(), Code::InvalidArgument, "INVALID_ARGUMENT");
    }
    let update = |data: Vec<u8>, mutation: &str| UpdateRecordRequest {
        record: Some(Record { name: name("a"), data: data.into(), ..Record::default() }),
        allow_missing: true,
        mutation_id: mutation.into(),
        ..UpdateRecordRequest::default()
    };
    for wrong in [&b"{"[..], b"", b"{\"a\":\"\\ud800\"}", b"{\"a\":\"\xff\"}"] {
        is(&grpc.update_record(update(wrong.to_vec(), "")).await.unwrap_err(), Code::InvalidArgument, "MALFORMED_JSON");
    }
    for wrong in [b"[]".to_vec(), "[".repeat(40_000).into()] {
        is(&grpc.update_record(update(wrong, "")).await.unwrap_err(), Code::InvalidArgument, "INVALID_BODY");
    }
    is(
        &grpc.update_record(update(b"{}".to_vec(), "no uuid")).await.unwrap_err(),
        Code::InvalidArgument,
        "INVALID_ARGUMENT",
    );
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(2 * 1024 * 1024)).into_bytes();
    is(&grpc.update_record(update(large, "")).await.unwrap_err(), Code::OutOfRange, "PAYLOAD_TOO_LARGE");
    let nothing = UpdateRecordRequest::default();
    is(&grpc.update_record(nothing).await.unwrap_err(), Code::InvalidArgument, "INVALID_BODY");
    let huge = update(vec![b' '; 16 * 1024 * 1024], "");
    let refused = grpc.update_record(huge).await.unwrap_err();
    assert!([Code::OutOfRange, Code::ResourceExhausted].contains(&refused.code()), "{refused:?}");
    let list =
        ListRecordsRequest { parent: "collections/notes".into(), page_size: -1, ..ListRecordsRequest::default() };
    is(&grpc.list_records(list).await.unwrap_err(), Code::InvalidArgument, "INVALID_ARGUMENT");
    rest.get("/v1/collections/notes").await?.expect(200);
    Ok(())
}

#[tokio::test]
async fn whoever_does_not_bear_the_token_is_refused() -> Outcome {
    let house = House::two().await?;
    for token in [None, Some(""), Some("wrong"), Some(&House::token()[1..])] {
        let door = door(&house, token).await?;
        let get = GetRecordRequest { name: name("a") };
        let status = RecordServiceClient::new(door.clone()).get_record(get).await.unwrap_err();
        is(&status, Code::Unauthenticated, "UNAUTHENTICATED");
        let list = ListCollectionsRequest::default();
        let status = CollectionServiceClient::new(door).list_collections(list).await.unwrap_err();
        is(&status, Code::Unauthenticated, "UNAUTHENTICATED");
    }
    let gate = Program::gate(house.engine(), "wrong")?.start().await;
    assert!(gate.is_err(), "a gate with the wrong token is never ready");
    Ok(())
}

#[tokio::test]
async fn health_and_reflection_answer() -> Outcome {
    for house in [House::one().await?, House::two().await?] {
        let token = house.storage.as_ref().map(|_| House::token());
        let door = door(&house, token).await?;
        let mut health = HealthClient::new(door.clone());
        for service in ["", "skep.v1.RecordService", "skep.v1.CollectionService"] {
            let answer = health.check(HealthCheckRequest { service: service.into() }).await?.into_inner();
            assert_eq!(answer.status(), ServingStatus::Serving, "{service:?}");
        }
        let unknown = health.check(HealthCheckRequest { service: "skep.v1.None".into() }).await.unwrap_err();
        assert_eq!(unknown.code(), Code::NotFound);

        let wish = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut reflection = ServerReflectionClient::new(door);
        let mut answers = reflection.server_reflection_info(tokio_stream::once(wish)).await?.into_inner();
        let answer = answers.message().await?.and_then(|answer| answer.message_response);
        let Some(MessageResponse::ListServicesResponse(list)) = answer else { panic!("{answer:?}") };
        let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
        for service in ["skep.v1.RecordService", "skep.v1.CollectionService", "grpc.health.v1.Health"] {
            assert!(names.contains(&service), "{names:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn who_watches_is_told_and_does_not_hold_the_stop() -> Outcome {
    let mut house = House::one().await?;
    let mut health = HealthClient::new(door(&house, None).await?);
    let mut watched = health.watch(HealthCheckRequest::default()).await?.into_inner();
    assert_eq!(watched.message().await?.map(|told| told.status()), Some(ServingStatus::Serving));
    let begun = std::time::Instant::now();
    assert!(house.gate.terminate().await?.success());
    assert!(begun.elapsed() < std::time::Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!(watched.message().await?.map(|told| told.status()), Some(ServingStatus::NotServing));
    Ok(())
}
