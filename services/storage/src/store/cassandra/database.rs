//! The connected database: runs the statements, and tells their failures.

use futures_util::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream};
use scylla::{deserialize::row::DeserializeRow, serialize::row::SerializeRow};
use skep_proto::Code;

use super::{
    contention::step_aside,
    errors::{Failures, damaged, is_ours},
    filling::Filling,
    indexed::Crowding,
    known::Known,
    prepared::Prepared,
    session::{Link, applied},
    settings::Settings,
    statements::Statements,
    watched::{Pace, Watched},
    windows::Noted,
};
use crate::store::Result;

/// How often it is asked what became of a write.
const SETTLEMENTS: u32 = 4;

/// Statements of one task that are sent at once.
const AT_ONCE: usize = 16;

/// What all of them give, in their order.
pub(super) fn all<'f, T: Send + 'f>(
    futures: impl IntoIterator<Item = impl Future<Output = Result<T>> + Send + 'f>,
) -> BoxFuture<'f, Result<Vec<T>>> {
    let futures: Vec<_> = futures.into_iter().collect();
    stream::iter(futures).buffered(AT_ONCE).try_collect().boxed()
}

/// A session on a schema that is complete, and what this process knows of the rows.
pub(super) struct Database {
    pub(super) link: Link,
    pub(super) statements: Statements,
    pub(super) known: Known,
    pub(super) noted: Noted,
    pub(super) filling: Filling,
    pub(super) crowding: Crowding,
    pub(super) watched: Watched,
    pub(super) pace: Pace,
    failures: Failures,
}

impl Database {
    /// Completes the schema.
    pub(super) async fn open(link: Link, settings: &Settings) -> anyhow::Result<Self> {
        super::schema::migrate(&link, settings).await?;
        let statements = Statements::prepare(&link.session, &link.profiles).await?;
        #[cfg(feature = "conformance")]
        let pace = link.lifetime.pace;
        #[cfg(not(feature = "conformance"))]
        let pace = Pace::default();
        Ok(Self {
            link,
            statements,
            known: Known::default(),
            noted: Noted::default(),
            filling: Filling::default(),
            crowding: Crowding::default(),
            watched: Watched::default(),
            pace,
            failures: Failures::default(),
        })
    }

    /// Runs a statement that answers nothing.
    pub(super) async fn run(&self, statement: &Prepared, values: impl SerializeRow) -> Result<()> {
        statement.send(&self.link, values).await.map(drop).map_err(|error| self.failures.failed(error))
    }

    /// The rows; every statement that asks for more than one has a LIMIT.
    pub(super) async fn rows<R>(&self, statement: &Prepared, values: impl SerializeRow) -> Result<Vec<R>>
    where
        R: for<'f, 'm> DeserializeRow<'f, 'm>,
    {
        let answer = statement.send(&self.link, values).await.map_err(|error| self.failures.failed(error))?;
        let rows = answer.into_rows_result().map_err(damaged)?;
        rows.rows::<R>().map_err(damaged)?.collect::<std::result::Result<_, _>>().map_err(damaged)
    }

    /// The only row.
    pub(super) async fn row<R>(&self, statement: &Prepared, values: impl SerializeRow) -> Result<Option<R>>
    where
        R: for<'f, 'm> DeserializeRow<'f, 'm>,
    {
        Ok(self.rows(statement, values).await?.pop())
    }

    /// The only row at SERIAL: after it, what was under way there is done or never will be.
    pub(super) async fn settle<R>(&self, statement: &Prepared, values: impl SerializeRow + Copy) -> Result<Option<R>>
    where
        R: for<'f, 'm> DeserializeRow<'f, 'm>,
    {
        for attempt in 1..SETTLEMENTS {
            match self.row(statement, values).await {
                Err(error) if error.code == Code::Unavailable => step_aside(attempt).await,
                answer => return answer,
            }
        }
        self.row(statement, values).await
    }

    /// Sends a lightweight transaction: whether it was applied, or that nothing is known of it.
    pub(super) async fn conditional(&self, statement: &Prepared, values: impl SerializeRow) -> Result<Outcome> {
        match statement.send(&self.link, values).await {
            Ok(answer) => {
                let rows = answer.into_rows_result().map_err(damaged)?;
                Ok(if applied(&rows).map_err(damaged)? { Outcome::Applied } else { Outcome::Refused })
            }
            Err(error) if is_ours(&error) => Err(self.failures.failed(error)),
            Err(error) => {
                tracing::debug!(error.message = %error, "the outcome of a conditional write is unknown");
                Ok(Outcome::Unknown)
            }
        }
    }
}

/// What a lightweight transaction answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Applied,
    Refused,
    /// It may have been applied, and may still be until a SERIAL read was answered.
    Unknown,
}
