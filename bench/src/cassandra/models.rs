//! The model that was chosen beside the other: create, update of distinct records at once, a page of 30.

use std::{cell::Cell, collections::BTreeMap};

use futures_util::{StreamExt, TryStreamExt, stream};
use integration::Cassandra;

use super::{Plan, driver, model::Model};
use crate::compare::{Case, Round, progress, repeat, table};

const DAY: i64 = 24 * 60 * 60 * 1_000_000;
const MINUTE: i64 = 60 * 1_000_000;
/// Of the records that are there from the beginning.
pub(crate) const HISTORY: i64 = 5 * DAY;
/// Bytes of a batch, below the 50 KiB that Cassandra refuses.
const BATCH: usize = 40_000;
/// Batches under way at once.
const LOADERS: usize = 24;

pub(crate) async fn measure(cluster: &Cassandra, plan: Plan) -> anyhow::Result<()> {
    let opened = driver::open(cluster, "info").await?;
    for records in [1000, plan.records] {
        let records = i64::try_from(records)?;
        let models = [
            Model::entries(&opened.session, records, DAY, 8).await?,
            Model::entries(&opened.session, records, MINUTE, 2).await?,
            Model::buckets(&opened.session, records, 256).await?,
            Model::buckets(&opened.session, records, 16).await?,
        ];
        for model in &models {
            progress(format_args!("loading {records} records: {}", model.name));
            load(model, records, plan.bytes).await?;
        }
        compare(&models, records, plan).await?;
    }
    Ok(())
}

async fn compare(models: &[Model<'_>; 4], records: i64, plan: Plan) -> anyhow::Result<()> {
    let works = ["page of 30", "create", "update of distinct records"];
    let mut cases = works.map(|_| models.each_ref().map(|model| Case::new(&model.name)));
    // Each client goes through records of its own.
    let clients = i64::try_from(plan.connections)?;
    let at: Vec<_> = (0..clients).map(Cell::new).collect();
    for round in 0..=plan.rounds {
        progress(format_args!("{records} records, round {round} of {}", plan.rounds));
        for (work, cases) in cases.iter_mut().enumerate() {
            for (model, case) in models.iter().zip(cases) {
                let outcome = repeat(plan.connections, plan.time, async |client| match work {
                    0 => model.page().await,
                    1 => model.create(plan.bytes).await,
                    _ => {
                        let next = (at[client].get() + clients * 997) % (records / clients * clients);
                        model.update(at[client].replace(next), plan.bytes).await
                    }
                });
                let outcome = outcome.await;
                if round > 0 {
                    case.rounds.push(Round { outcome, ..Round::default() });
                }
            }
        }
    }
    for (work, cases) in works.iter().zip(&cases) {
        table(&format!("{work}, of {records}, {} clients", plan.connections), cases);
    }
    Ok(())
}

/// Loads by partition, so that a batch is one write.
async fn load(model: &Model<'_>, records: i64, bytes: usize) -> anyhow::Result<()> {
    let most = BATCH / (bytes + 200);
    let block = model.spread * i64::try_from(most)?;
    let batches = (0..records).step_by(usize::try_from(block)?).flat_map(|first| {
        let mut partitions: BTreeMap<_, Vec<i64>> = BTreeMap::new();
        for n in first..(first + block).min(records) {
            partitions.entry(model.place(n)).or_default().push(n);
        }
        partitions
            .into_values()
            .flat_map(|rows| rows.chunks(most).map(<[i64]>::to_vec).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    });
    stream::iter(batches.map(|rows| model.load(rows, bytes))).buffer_unordered(LOADERS).try_collect().await
}
