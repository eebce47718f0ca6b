use crate::{Process, Program, Rest};

/// The secret between the gate and the storage of [`House::two`].
const TOKEN: &str = "the-inside-secret-of-this-house";

/// The whole product, in one of the shapes it is run in.
#[derive(Debug)]
pub struct House {
    /// Who answers REST.
    pub gate: Process,
    /// Who keeps the records, unless the gate does itself.
    pub storage: Option<Process>,
}

impl House {
    /// `skep serve`.
    pub async fn one() -> anyhow::Result<Self> {
        Ok(Self { gate: Program::skep()?.start().await?, storage: None })
    }

    /// A gate and a storage, which speak gRPC.
    pub async fn two() -> anyhow::Result<Self> {
        let storage = Program::storage(Self::token())?.start().await?;
        let gate = Program::gate(&storage, Self::token())?.start().await?;
        Ok(Self { gate, storage: Some(storage) })
    }

    /// The secret that the storage of [`House::two`] demands.
    pub fn token() -> &'static str {
        TOKEN
    }

    /// Its processes.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        [&self.gate].into_iter().chain(&self.storage)
    }

    /// Who answers gRPC.
    pub fn engine(&self) -> &Process {
        self.storage.as_ref().unwrap_or(&self.gate)
    }

    /// A client of the REST door.
    pub fn rest(&self) -> anyhow::Result<Rest> {
        self.gate.http("rest")
    }
}
