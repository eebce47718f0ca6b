//! What is done in either model: load, create, update, page.

use std::sync::PoisonError;

use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use scylla::{
    statement::batch::{Batch, BatchType},
    value::CqlValue,
};
use skep_proto::mutation;
use uuid::Uuid;

use super::{
    driver::{self, applied, rows},
    model::Model,
    pages::{PAGE, Stored},
};

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// Where a record is.
#[derive(Clone, Copy)]
struct Key {
    place: (i64, i32),
    created_at: i64,
    id: Uuid,
}

impl Model<'_> {
    /// Writes these records, all of one partition.
    pub(crate) async fn load(&self, records: Vec<i64>, bytes: usize) -> anyhow::Result<()> {
        let mut batch = Batch::new(BatchType::Unlogged);
        let mut values = Vec::new();
        for n in records {
            let key = self.key(n);
            self.note(key.place.0).await?;
            batch.append_statement(self.write.clone());
            values.push(self.values(key, key.id, 1, bytes));
        }
        self.session.batch(&batch, values).await?;
        Ok(())
    }

    pub(crate) async fn create(&self, bytes: usize) -> anyhow::Result<()> {
        let (id, created_at) = (Uuid::now_v7(), mutation::now());
        let shard = i32::try_from(i64::from(rand::random::<u32>()) % self.spread)?;
        let key = Key { place: (self.window(created_at), shard), created_at, id };
        self.note(key.place.0).await?;
        self.session.execute_unpaged(&self.write, self.values(key, id, 1, bytes)).await?;
        Ok(())
    }

    /// Updates record `n` of those that were loaded: a get, a lightweight transaction, and the entry if there is one.
    pub(crate) async fn update(&self, n: i64, bytes: usize) -> anyhow::Result<()> {
        let Key { place: (window, shard), created_at, id } = self.key(n);
        let (name, collection) = (id.to_string(), self.collection);
        let key = (collection, window, shard, created_at, &name);
        let found = rows::<(Vec<u8>, i64)>(self.session, &self.read, key).await?.pop();
        let (history, version) = found.context("a record is missing")?;
        let before = Uuid::from_slice(&history[..16])?;
        let (next, now, data) = (Uuid::now_v7(), mutation::now(), driver::data(bytes));
        let history = history_of(next);
        let answer = if self.length.is_some() {
            let expected = Some(before).filter(|before| *before != id);
            let values = (next, created_at, &data, now, version + 1, &history, collection, &name, expected);
            self.session.execute_unpaged(&self.swap, values).await?
        } else {
            let values = (next, &data, now, version + 1, &history, collection, shard, created_at, &name, before);
            self.session.execute_unpaged(&self.swap, values).await?
        };
        ensure!(applied(&answer.into_rows_result()?)?, "overtaken");
        if self.length.is_some() {
            let values = self.values(self.key(n), next, version + 1, bytes);
            self.session.execute_unpaged(&self.write, values).await?;
        }
        Ok(())
    }

    /// The newest page.
    pub(crate) async fn page(&self) -> anyhow::Result<()> {
        let mut windows = vec![(0_i64, Uuid::nil())];
        if self.length.is_some() {
            windows = rows(self.session, &self.windows, (self.collection, i64::MAX)).await?;
        }
        let mut page: Vec<Stored> = Vec::new();
        for (window, _) in windows {
            let asked = (0..i32::try_from(self.spread)?).map(|shard| {
                let values = (self.collection, window, shard, i64::MAX, "", i32::try_from(PAGE + 1).unwrap_or(1));
                rows::<Stored>(self.session, &self.slice, values)
            });
            let mut found: Vec<_> = try_join_all(asked).await?.into_iter().flatten().collect();
            found.sort_unstable_by(|a, b| (b.0, &b.1).cmp(&(a.0, &a.1)));
            page.extend(found);
            if page.len() >= PAGE {
                return Ok(());
            }
        }
        anyhow::bail!("a page of {}", page.len())
    }

    fn key(&self, n: i64) -> Key {
        Key { place: self.place(n), created_at: self.created_at(n), id: Uuid::from_u64_pair(n.unsigned_abs(), 1) }
    }

    /// The values of a plain write.
    fn values(&self, key: Key, mutation: Uuid, version: i64, bytes: usize) -> Vec<CqlValue> {
        let big = CqlValue::BigInt;
        let mut values = vec![
            CqlValue::Uuid(self.collection),
            big(key.place.0),
            CqlValue::Int(key.place.1),
            big(key.created_at),
            CqlValue::Text(key.id.to_string()),
            CqlValue::Blob(driver::data(bytes)),
            CqlValue::Text(String::new()),
            big(mutation::now()),
            big(version),
            CqlValue::Blob(history_of(mutation)),
            CqlValue::Blob(Vec::new()),
        ];
        if self.length.is_none() {
            values.push(CqlValue::Uuid(mutation));
        }
        values.push(big(key.created_at - DAY + 2 * version));
        values
    }

    /// Notes the window once.
    async fn note(&self, window: i64) -> anyhow::Result<()> {
        let is_new = || self.noted.lock().unwrap_or_else(PoisonError::into_inner).insert(window);
        if self.length.is_some() && is_new() {
            self.session.execute_unpaged(&self.note, (self.collection, window, self.collection)).await?;
        }
        Ok(())
    }
}

fn history_of(mutation: Uuid) -> Vec<u8> {
    [mutation.as_bytes().as_slice(), &[1]].concat()
}
