use std::{sync::Arc, time::Duration};

use moka::future::Cache;
use skep_proto::{Code, Error, v1::Collection};
use tracing::Span;

use super::Rules;

/// How long rules are believed to be in force. With the 3 s of storage it stays below the 5 s in which a changed
/// definition is in force everywhere.
const LIFETIME: Duration = Duration::from_millis(1500);
/// Bytes of rules, as they are written, that are kept compiled.
const BYTES: u64 = 4 << 20;
/// What an entry counts beside its rules.
const ENTRY: usize = 256;

/// The rules of collections, as they were a moment ago. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Definitions(Cache<String, (Arc<Rules>, u32)>);

impl Definitions {
    pub(crate) fn new() -> Self {
        let weigher = |name: &String, (_, bytes): &(Arc<Rules>, u32)| {
            bytes.saturating_add(u32::try_from(name.len() + ENTRY).unwrap_or(u32::MAX))
        };
        Self(Cache::builder().max_capacity(BYTES).weigher(weigher).time_to_live(LIFETIME).build())
    }

    /// The rules of the collection `name`; `read` asks for its definition, once for all who wait for it.
    ///
    /// # Errors
    ///
    /// Those of `read`.
    pub(crate) async fn rules(
        &self,
        name: &str,
        read: impl Future<Output = Result<Option<Collection>, Error>>,
    ) -> Result<Arc<Rules>, Error> {
        if let Some((rules, _)) = self.0.get(name).await {
            return Ok(rules);
        }
        let compiled = async {
            let collection = read.await?.unwrap_or_default();
            let rules = collection.rules.clone().unwrap_or_default();
            let texts = [rules.list, rules.get, rules.create, rules.update, rules.delete];
            let bytes = texts.iter().flatten().map(String::len).sum::<usize>();
            let request = Span::current();
            let compile = move || request.in_scope(|| Rules::compile(&collection));
            let compiled = tokio::task::spawn_blocking(compile).await;
            let compiled = compiled.map_err(|_| Error::new(Code::Internal, "the rules were not compiled"))?;
            Ok((Arc::new(compiled), u32::try_from(bytes).unwrap_or(u32::MAX)))
        };
        let entry = self.0.try_get_with(name.to_owned(), compiled).await;
        entry.map(|(rules, _)| rules).map_err(|error: Arc<Error>| (*error).clone())
    }

    /// Forgets what was read of a collection whose definition has changed.
    pub(crate) async fn forget(&self, name: &str) {
        self.0.invalidate(name).await;
    }
}
