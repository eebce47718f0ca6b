use std::{
    sync::Arc,
    thread::available_parallelism,
    time::{Duration, Instant},
};

use bytes::Bytes;
use moka::sync::Cache;
use skep_proto::{Code, Error};
use tokio::{sync::Semaphore, task::spawn_blocking};
use uuid::Uuid;

use super::{STEPS, Schema};
use crate::store::{Definition, Result};

/// Bytes of compiled schemas that are kept.
const KEPT_BYTES: u64 = 64 << 20;
/// Data so short is checked at once if that takes few steps: going to another thread costs more.
const SHORT: usize = 16 << 10;
const FEW_STEPS: u64 = 20_000;
/// After so long nothing more is looked at on a thread that others wait for.
const ENOUGH: Duration = Duration::from_millis(50);

/// The schemas of the definitions in use, compiled; and the threads on which they compile and check, as many as cores.
#[derive(Clone)]
pub(in crate::collections) struct Schemas {
    /// By the definition's etag: another schema comes with another.
    compiled: Cache<Uuid, Arc<Schema>>,
    threads: Arc<Semaphore>,
}

impl Schemas {
    pub(in crate::collections) fn new() -> Self {
        let weight = |_: &Uuid, schema: &Arc<Schema>| u32::try_from(schema.bytes).unwrap_or(u32::MAX);
        Self {
            compiled: Cache::builder().weigher(weight).max_capacity(KEPT_BYTES).build(),
            threads: Arc::new(Semaphore::new(available_parallelism().map_or(1, Into::into))),
        }
    }

    /// Refuses a schema that cannot be in force; none, which is empty, can.
    pub(in crate::collections) async fn admit(&self, schema: &Bytes) -> Result<()> {
        if schema.is_empty() {
            return Ok(());
        }
        let schema = schema.clone();
        self.run(move || Schema::compile(&schema).map(drop)).await
    }

    /// Refuses data that does not satisfy the definition's schema.
    ///
    /// # Errors
    /// `schema_violation`
    pub(in crate::collections) async fn check(&self, definition: &Definition, data: &Bytes) -> Result<()> {
        if definition.schema.is_empty() {
            return Ok(());
        }
        let schema = self.of(definition).await?;
        if data.len() <= SHORT
            && let Some(verdict) = schema.check(data, FEW_STEPS)
        {
            return verdict;
        }
        let data = data.clone();
        let too_much = || {
            let error = Error::new(Code::SchemaViolation, "the data takes too long to check against the schema");
            Err(error.at("/data", format!("takes more than {STEPS} steps to check")))
        };
        self.run(move || schema.check(&data, STEPS).unwrap_or_else(too_much)).await
    }

    /// Of how many of `data`, from the first on, it was seen in bounded time whether they satisfy the definition's schema; and
    /// how many of these do not.
    pub(in crate::collections) async fn misfits(
        &self,
        definition: &Definition,
        data: Vec<Bytes>,
    ) -> Result<(usize, usize)> {
        let schema = self.of(definition).await?;
        let look = move || {
            let (begun, mut misfits) = (Instant::now(), 0);
            for (number, data) in data.iter().enumerate() {
                if number > 0 && begun.elapsed() > ENOUGH {
                    return Ok((number, misfits));
                }
                misfits += usize::from(!schema.fits(data, STEPS));
            }
            Ok((data.len(), misfits))
        };
        self.run(look).await
    }

    async fn of(&self, definition: &Definition) -> Result<Arc<Schema>> {
        match self.compiled.get(&definition.etag) {
            Some(schema) => Ok(schema),
            None => self.compile(definition).await,
        }
    }

    async fn compile(&self, definition: &Definition) -> Result<Arc<Schema>> {
        let (compiled, etag, schema) = (self.compiled.clone(), definition.etag, definition.schema.clone());
        let compile = move || compiled.try_get_with(etag, || Schema::compile(&schema).map(Arc::new));
        let broken = |error: Arc<Error>| Error::new(Code::Internal, format!("a schema in force is refused: {error}"));
        self.run(move || compile().map_err(broken)).await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let internal = |what: String| Error::new(Code::Internal, what);
        let permit = self.threads.clone().acquire_owned().await.map_err(|error| internal(error.to_string()))?;
        let done = spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await.map_err(|error| internal(error.to_string()))?
    }
}
