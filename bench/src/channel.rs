//! The gate's way to storage beside a plain channel of tonic: what balancing costs the one who calls.

use std::process;

use anyhow::Context;
use gate::backend::{Backend, remote};
use integration::{House, Program};
use kit::Internal;
use serde_json::{Value, json};
use skep_proto::v1::{GetRecordRequest, record_service_client::RecordServiceClient};
use tonic::{Request, metadata::AsciiMetadataValue, transport::Channel};

use crate::{
    compare::{self, Case, Round, progress, repeat, table},
    measure::Plan,
};

const RECORDS: &str = "/v1/collections/bees/records";

pub(crate) fn run(plan: Plan) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(compare(plan))
}

async fn compare(plan: Plan) -> anyhow::Result<()> {
    let storage = Program::storage(House::token())?.start().await?;
    let name = {
        let gate = Program::gate(&storage, House::token())?.start().await?;
        let rest = gate.http("rest")?;
        rest.define("bees").await?.expect(201);
        let made: Value = rest.post(RECORDS).json(json!({"data": {"name": "Maja"}})).await?.expect(201).json();
        format!("collections/bees/records/{}", made["id"].as_str().context("a record without an id")?)
    };
    let address = storage.door("grpc")?;

    let channel = Channel::from_shared(format!("http://{address}"))?.tcp_nodelay(true).connect().await?;
    let client = RecordServiceClient::new(channel);
    let bearer: AsciiMetadataValue = format!("Bearer {}", House::token()).parse()?;
    let internal = Internal { token: Some(House::token().to_owned().into()), tls: None };
    let balanced = remote::connect(address.into(), &internal)?;

    let asked = || Request::new(GetRecordRequest { name: name.clone() });
    let mut cases = ["plain channel", "the gate's"].map(Case::new);
    for round in 0..=plan.rounds {
        progress(format_args!("round {round} of {}", plan.rounds));
        for (at, case) in cases.iter_mut().enumerate() {
            let before = compare::cpu(&[process::id()])?;
            let outcome = if at == 0 {
                let work = async |_| {
                    let mut asked = asked();
                    asked.metadata_mut().insert("authorization", bearer.clone());
                    client.clone().get_record(asked).await?;
                    Ok(())
                };
                repeat(plan.connections, plan.time, work).await
            } else {
                let work = async |_| {
                    balanced.get_record(asked()).await?;
                    Ok(())
                };
                repeat(plan.connections, plan.time, work).await
            };
            if round > 0 {
                case.rounds.push(Round { outcome, cpu: compare::cpu(&[process::id()])? - before, ..Round::default() });
            }
        }
    }
    table(&format!("get by gRPC, {} callers", plan.connections), &cases);
    Ok(())
}
