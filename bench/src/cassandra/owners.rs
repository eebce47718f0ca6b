//! What an owner costs, through storage: creates with one, and a page of what one owns.

use anyhow::ensure;
use integration::{Cassandra, House};
use skep_proto::{Contract, Remote, v1::*};
use tonic::{
    Request, Status, metadata::AsciiMetadataValue, service::interceptor::InterceptedService, transport::Endpoint,
};

use super::{Plan, driver, pages::PAGE};
use crate::compare::{Case, Round, cpu, progress, repeat, table};

const PARENT: &str = "collections/bees";
/// Who owns every tenth record.
const OWNER: &str = "ann";
/// Whose creates are measured.
const ACCOUNTS: usize = 100;

/// Creates of nobody's beside creates of a hundred accounts; plain pages beside an owner's.
pub(crate) async fn measure(cluster: &Cassandra, plan: Plan) -> anyhow::Result<()> {
    let opened = driver::open(cluster, "info").await?;
    let channel = Endpoint::from_shared(format!("http://{}", opened.storage.door("grpc")?))?.connect().await?;
    let token = AsciiMetadataValue::try_from(format!("Bearer {}", House::token()))?;
    let bear = move |mut request: Request<()>| {
        request.metadata_mut().insert("authorization", token.clone());
        Ok::<_, Status>(request)
    };
    let storage = Remote::new(InterceptedService::new(channel, bear));
    let collection = Some(Collection { name: PARENT.into(), ..Default::default() });
    let asked = UpdateCollectionRequest { collection, allow_missing: true, ..Default::default() };
    storage.update_collection(Request::new(asked)).await?;

    let create = async |caller: String| {
        let record = Some(Record { data: driver::data(plan.bytes).into(), ..Default::default() });
        let asked = CreateRecordRequest { parent: PARENT.into(), record, caller, ..Default::default() };
        anyhow::Ok(storage.create_record(Request::new(asked)).await.map(drop)?)
    };
    let page = async |filter: String| {
        let asked = ListRecordsRequest { parent: PARENT.into(), filter, ..Default::default() };
        let found = storage.list_records(Request::new(asked)).await?.records.len();
        ensure!(found == PAGE, "a page of {found}");
        Ok(())
    };
    progress(format_args!("{} records", plan.records));
    for n in 0..plan.records {
        create(if n % 10 == 0 { OWNER.into() } else { String::new() }).await?;
    }
    let mut pages = ["a page", "a page of an owner"].map(Case::new);
    let mut creates = ["create", "create with an owner"].map(Case::new);
    for round in 0..=plan.rounds {
        progress(format_args!("owners, round {round} of {}", plan.rounds));
        for owned in [round % 2, 1 - round % 2] {
            let filter = || if owned == 1 { format!("owner = \"{OWNER}\"") } else { String::new() };
            let caller = |client: usize| if owned == 1 { format!("bee{}", client % ACCOUNTS) } else { String::new() };
            let before = cpu(&[opened.storage.id()?])?;
            let read = repeat(plan.connections, plan.time, async |_| page(filter()).await).await;
            let between = cpu(&[opened.storage.id()?])?;
            let written = repeat(plan.connections, plan.time, async |client| create(caller(client)).await).await;
            if round > 0 {
                pages[owned].rounds.push(Round { outcome: read, cpu: between - before, ..Round::default() });
                let cpu = cpu(&[opened.storage.id()?])? - between;
                creates[owned].rounds.push(Round { outcome: written, cpu, ..Round::default() });
            }
        }
    }
    table(&format!("a page of {PAGE}, {} connections", plan.connections), &pages);
    table(&format!("create, {} connections", plan.connections), &creates);
    Ok(())
}
