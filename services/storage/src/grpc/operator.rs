use futures_util::{StreamExt, stream};
use skep_proto::{
    Code, Error, mutation,
    v1::{self, get_status_response, operator_service_server::OperatorService, *},
};
use tonic::{Request, Response, Status, async_trait};

use super::{Engine, collections::content, convert, observe::observed};
use crate::{
    accounts, names, records,
    store::{About, Result as Outcome, Span},
};

/// How many of one call are brought in at once: each waits for the store, and nearly no one for another.
const AT_ONCE: usize = 64;
/// Records of a call.
const RECORDS: usize = 1000;
/// Accounts of a call.
const ACCOUNTS: usize = 100;

type Answer<T> = Result<Response<T>, Status>;

#[async_trait]
impl OperatorService for Engine {
    async fn get_status(&self, request: Request<GetStatusRequest>) -> Answer<GetStatusResponse> {
        let work = async |_| {
            let fault = self.ready().await.err().map(|error| error.detail).unwrap_or_default();
            let store = match self.store.about().await? {
                About::Embedded(bytes) => {
                    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
                    get_status_response::Store::Embedded(EmbeddedStore { bytes })
                }
                About::Cassandra(keyspace, nodes) => {
                    let nodes = nodes.into_iter().map(convert::node).collect();
                    get_status_response::Store::Cassandra(CassandraStore { keyspace, nodes })
                }
            };
            let (version, instance) = (env!("CARGO_PKG_VERSION").to_owned(), kit::instance());
            let time = Some(convert::timestamp(mutation::now()));
            Ok(GetStatusResponse { version, instance, fault, store: Some(store), time })
        };
        observed("GetStatus", request, work).await
    }

    async fn export_accounts(&self, request: Request<ExportAccountsRequest>) -> Answer<ExportAccountsResponse> {
        let work = async |asked: ExportAccountsRequest| {
            let (page, next_page_token) = self.accounts.list(asked.page_size, &asked.page_token).await?;
            let archived = |account: crate::store::Account| ArchivedAccount {
                account: Some(convert::account(&account)),
                password_hash: account.password.expose().to_owned(),
            };
            Ok(ExportAccountsResponse { accounts: page.into_iter().map(archived).collect(), next_page_token })
        };
        observed("ExportAccounts", request, work).await
    }

    async fn import_accounts(&self, request: Request<ImportAccountsRequest>) -> Answer<ImportAccountsResponse> {
        let work = async |asked: ImportAccountsRequest| {
            if asked.accounts.len() > ACCOUNTS {
                return Err(Error::new(Code::InvalidArgument, format!("a call brings {ACCOUNTS} accounts at most")));
            }
            let brought = asked.accounts.into_iter().map(async |archived| {
                let brought = async { self.accounts.import(account(archived)?).await };
                result(brought.await)
            });
            Ok(ImportAccountsResponse { results: told(brought).await? })
        };
        observed("ImportAccounts", request, work).await
    }

    async fn import_collection(&self, request: Request<ImportCollectionRequest>) -> Answer<ImportCollectionResponse> {
        let work = async |asked: ImportCollectionRequest| {
            let given = asked.collection.unwrap_or_default();
            let name = names::collection(&given.name)?.to_owned();
            let times = (micros(given.create_time)?, micros(given.update_time)?);
            let made_up = mutation::new();
            let etag = convert::mutation(&given.etag).unwrap_or(made_up);
            let spans = asked.spans.into_iter().map(span).collect::<Outcome<Vec<_>>>()?;
            let (definition, made) = self.collections.import(&name, content(given), times, etag, &spans).await?;
            let outcome = if made { v1::Outcome::Made } else { v1::Outcome::Kept };
            let collection = Some(convert::collection(&definition, None));
            Ok(ImportCollectionResponse { outcome: outcome.into(), collection })
        };
        observed("ImportCollection", request, work).await
    }

    async fn import_records(&self, request: Request<ImportRecordsRequest>) -> Answer<ImportRecordsResponse> {
        let work = async |asked: ImportRecordsRequest| {
            if !(1..=RECORDS).contains(&asked.records.len()) {
                return Err(Error::new(Code::InvalidArgument, format!("a call brings 1 to {RECORDS} records")));
            }
            let definition = self.collections.find(names::collection(&asked.parent)?).await?;
            let brought = asked.records.into_iter().map(async |given| {
                let brought =
                    async { self.records.import(&definition, record(&asked.parent, given)?, asked.latest).await };
                let told = result(brought.await);
                // What the embedded store does waits for nothing, and would keep others waiting.
                tokio::task::yield_now().await;
                told
            });
            Ok(ImportRecordsResponse { results: told(brought).await? })
        };
        observed("ImportRecords", request, work).await
    }
}

/// What became of each, in their order. Of what the store could not do the whole call fails: asked again, it goes on.
async fn told<F>(brought: impl Iterator<Item = F>) -> Outcome<Vec<ImportResult>>
where
    F: Future<Output = Outcome<ImportResult>>,
{
    let mut results = stream::iter(brought).buffered(AT_ONCE);
    let mut told = Vec::new();
    while let Some(result) = results.next().await {
        told.push(result?);
    }
    Ok(told)
}

fn result(brought: Outcome<crate::brought::Brought>) -> Outcome<ImportResult> {
    use crate::brought::Brought;

    let (outcome, error) = match brought {
        Ok(Brought::Made) => (v1::Outcome::Made, None),
        Ok(Brought::Replaced) => (v1::Outcome::Replaced, None),
        Ok(Brought::Kept) => (v1::Outcome::Kept, None),
        Err(error) if error.code.http() >= 500 || error.code == Code::CollectionNotFound => return Err(error),
        Err(error) => (v1::Outcome::Refused, Some(error.into())),
    };
    Ok(ImportResult { outcome: outcome.into(), error })
}

fn record(parent: &str, given: Record) -> Outcome<records::Archived> {
    let id = given.name.strip_prefix(parent).and_then(|rest| rest.strip_prefix("/records/"));
    let id = id.ok_or_else(|| Error::new(Code::InvalidArgument, "the record is of another collection"))?.to_owned();
    let mutation = convert::mutation(&given.etag);
    if mutation.is_none() && !given.etag.is_empty() {
        return Err(Error::new(Code::InvalidArgument, "the etag is none of ours"));
    }
    Ok(records::Archived {
        id,
        data: given.data,
        owner: Some(given.owner).filter(|owner| !owner.is_empty()),
        created_at: micros(given.create_time)?,
        updated_at: micros(given.update_time)?,
        version: u64::try_from(given.version).unwrap_or_default(),
        mutation,
    })
}

fn account(given: ArchivedAccount) -> Outcome<accounts::Archived> {
    let account = given.account.unwrap_or_default();
    Ok(accounts::Archived {
        id: names::account(&account.name)?,
        login: account.login,
        roles: account.roles,
        disabled: account.disabled,
        password: given.password_hash.into(),
        created_at: micros(account.create_time)?,
        updated_at: micros(account.update_time)?,
    })
}

fn span(given: v1::Span) -> Outcome<Span> {
    let count = |number| u64::try_from(number).unwrap_or_default();
    let (from, until) = (micros(given.start_time)?, micros(given.end_time)?);
    Ok(Span { from, until, records: count(given.records), bytes: count(given.bytes) })
}

fn micros(time: Option<prost_types::Timestamp>) -> Outcome<i64> {
    convert::micros(time).ok_or_else(|| Error::new(Code::InvalidArgument, "a time is missing, or out of range"))
}
