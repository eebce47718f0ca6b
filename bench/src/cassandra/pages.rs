//! What a page of 30 costs by how many partitions it is put together from, in the schema of storage.

use anyhow::ensure;
use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream};
use integration::Cassandra;
use scylla::{client::session::Session, statement::prepared::PreparedStatement};
use uuid::Uuid;

use super::{Plan, driver};
use crate::compare::{Case, Round, progress, repeat, table};

pub(crate) const PAGE: usize = 30;
const MINUTE: i64 = 60_000_000;
const HISTORY: [u8; 17] = [1; 17];

pub(crate) const WRITE: &str = "INSERT INTO record_entries (collection, window, shard, created_at, id, data, owner, updated_at, version, history, fingerprint) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?";
pub(crate) const SLICE: &str = "SELECT created_at, id, data, owner, updated_at, version, history, fingerprint FROM record_entries WHERE collection = ? AND window = ? AND shard = ? AND (created_at, id) < (?, ?) LIMIT ?";
pub(crate) const NOTE: &str = "INSERT INTO windows (collection, window, note) VALUES (?, ?, ?)";
pub(crate) const WINDOWS: &str = "SELECT window, note FROM windows WHERE collection = ? AND window < ? LIMIT 64";

/// A row as lists read it.
pub(crate) type Stored = (i64, String, Vec<u8>, String, i64, i64, Vec<u8>, Vec<u8>);

/// A collection of one shape, and how its windows are walked.
pub(crate) struct Shape {
    collection: Uuid,
    windows: usize,
    shards: i32,
    /// Windows asked at once.
    ahead: usize,
    /// What a page must hold.
    page: usize,
}

/// The statements of lists.
pub(crate) struct Lists {
    pub(crate) session: Session,
    write: PreparedStatement,
    slice: PreparedStatement,
    note: PreparedStatement,
    windows: PreparedStatement,
}

pub(crate) async fn measure(cluster: &Cassandra, plan: Plan) -> anyhow::Result<()> {
    let session = driver::open(cluster, "info").await?.session;
    let lists = Lists::prepare(session).await?;
    let mut shards = Vec::new();
    for number in [1, 2, 4, 8] {
        progress(format_args!("filling a window of {number} shards"));
        shards.push(lists.fill(1, number, plan.records, plan.bytes).await?);
    }
    compare(&lists, plan, "page of 30, the newest window full", &shards).await?;
    let mut windows = Vec::new();
    for number in [1, 5, 30] {
        for ahead in [1, 8].into_iter().filter(|ahead| *ahead == 1 || number > 1) {
            windows.push(Shape { ahead, ..lists.fill(number, 2, number, plan.bytes).await? });
        }
    }
    compare(&lists, plan, "page of 30, one record a window", &windows).await
}

async fn compare(lists: &Lists, plan: Plan, title: &str, shapes: &[Shape]) -> anyhow::Result<()> {
    for clients in [1, plan.connections] {
        let name = |shape: &Shape| {
            format!("{} windows of {} shards, {} at once", shape.windows, shape.shards, shape.ahead.min(shape.windows))
        };
        let mut cases: Vec<_> = shapes.iter().map(|shape| Case::new(name(shape))).collect();
        // The first round warms up.
        for round in 0..=plan.rounds {
            progress(format_args!("{title}: {clients} clients, round {round} of {}", plan.rounds));
            for (shape, case) in shapes.iter().zip(&mut cases) {
                let outcome = repeat(clients, plan.time, async |_| lists.page(shape).await).await;
                if round > 0 {
                    case.rounds.push(Round { outcome, ..Round::default() });
                }
            }
        }
        table(&format!("{title}, {clients} clients"), &cases);
    }
    Ok(())
}

impl Lists {
    pub(crate) async fn prepare(session: Session) -> anyhow::Result<Self> {
        Ok(Self {
            write: session.prepare(WRITE).await?,
            slice: session.prepare(SLICE).await?,
            note: session.prepare(NOTE).await?,
            windows: session.prepare(WINDOWS).await?,
            session,
        })
    }

    /// Makes a collection whose records lie evenly in its newest windows.
    pub(crate) async fn fill(
        &self,
        windows: usize,
        shards: i32,
        records: usize,
        bytes: usize,
    ) -> anyhow::Result<Shape> {
        let (collection, each, page) = (Uuid::new_v4(), i64::try_from(records / windows)?, records.min(PAGE));
        let newest = skep_proto::mutation::now() / MINUTE * MINUTE;
        let starts = (0..i64::try_from(windows)?).map(|before| newest - before * MINUTE);
        for window in starts.clone() {
            self.session.execute_unpaged(&self.note, (collection, window, Uuid::new_v4())).await?;
        }
        let records = starts.flat_map(|window| (0..each).map(move |n| (window, n)));
        let writes = records.map(|(window, n)| async move {
            let (created_at, id) = (window + n * 1000, Uuid::new_v4().to_string());
            let shard = i32::try_from(n)? % shards;
            let (data, none): (_, &[u8]) = (driver::data(bytes), &[]);
            let values = (
                collection,
                window,
                shard,
                created_at,
                id,
                data,
                "",
                created_at,
                1_i64,
                &HISTORY[..],
                none,
                created_at,
            );
            self.session.execute_unpaged(&self.write, values).await?;
            anyhow::Ok(())
        });
        stream::iter(writes).buffer_unordered(64).try_collect::<()>().await?;
        Ok(Shape { collection, windows, shards, ahead: 1, page })
    }

    /// The newest page, as storage puts it together.
    async fn page(&self, shape: &Shape) -> anyhow::Result<()> {
        let notes: Vec<(i64, Uuid)> = driver::rows(&self.session, &self.windows, (shape.collection, i64::MAX)).await?;
        let mut page: Vec<Stored> = Vec::new();
        for batch in notes.chunks(shape.ahead) {
            let limit = i32::try_from((PAGE + 1 - page.len()).div_ceil(batch.len()).max(2))?;
            let slices = batch.iter().flat_map(|(window, _)| (0..shape.shards).map(move |shard| (*window, shard)));
            let asked = slices.map(|(window, shard)| {
                let values = (shape.collection, window, shard, i64::MAX, "", limit);
                driver::rows::<Stored>(&self.session, &self.slice, values)
            });
            page.extend(try_join_all(asked).await?.into_iter().flatten());
            if page.len() >= PAGE {
                break;
            }
        }
        page.sort_unstable_by(|a, b| (b.0, &b.1).cmp(&(a.0, &a.1)));
        page.truncate(PAGE);
        ensure!(page.len() == shape.page, "a page of {}", page.len());
        Ok(())
    }
}
