//! What became of all that was to be brought in.

use std::fmt;

use anyhow::ensure;
use kit::Failed;
use skep_proto::{
    Error,
    v1::{ArchivedAccount, Collection, ImportCollectionResponse, ImportResult, Outcome},
};

use crate::tool::{archive::last, tell};

/// Refusals that are told one by one.
const SHOWN: u64 = 10;

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    made: u64,
    replaced: u64,
    kept: u64,
    refused: u64,
}

/// Counts of what was done, and what was told of it.
#[derive(Debug, Default)]
pub(crate) struct Told {
    collections: Counts,
    accounts: Counts,
    records: Counts,
}

impl Told {
    pub(super) fn collection(&mut self, given: &Collection, done: &ImportCollectionResponse) {
        self.collections.count(done.outcome());
        let there = done.collection.clone().unwrap_or_default();
        let says = |of: &Collection| (of.schema.clone(), of.indexes.clone(), of.rules.clone().unwrap_or_default());
        if says(given) != says(&there) {
            tell(format_args!("{} is defined otherwise here, and stays so", given.name));
        }
    }

    pub(super) fn account(&mut self, given: &ArchivedAccount, result: ImportResult) {
        self.accounts.count(result.outcome());
        if let Some(error) = result.error {
            let account = given.account.clone().unwrap_or_default();
            tell(format_args!(
                "the account {} ({}) is skipped: {}",
                account.login,
                last(&account.name),
                Error::from(error).detail
            ));
        }
    }

    /// Of records of these names; gives how many they are.
    pub(super) fn records(&mut self, (names, results): (Vec<String>, Vec<ImportResult>)) -> anyhow::Result<u64> {
        ensure!(names.len() == results.len(), "storage answers with something else");
        let count = names.len() as u64;
        for (name, result) in names.into_iter().zip(results) {
            self.records.count(result.outcome());
            if let Some(error) = result.error.filter(|_| self.records.refused <= SHOWN) {
                tell(format_args!("{name} is refused: {}", Error::from(error).detail));
            }
        }
        Ok(count)
    }

    /// Records that could not be brought in are a failure. Accounts whose names are taken are none.
    pub(crate) fn outcome(&self) -> anyhow::Result<()> {
        match self.records.refused {
            0 => Ok(()),
            refused => Err(Failed::data(anyhow::anyhow!("{refused} records were refused")).into()),
        }
    }
}

impl Counts {
    fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Made => self.made += 1,
            Outcome::Replaced => self.replaced += 1,
            Outcome::Kept => self.kept += 1,
            Outcome::Refused | Outcome::Unspecified => self.refused += 1,
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { made, replaced, kept, refused } = self;
        write!(f, "{made} made, {replaced} replaced, {kept} there already, {refused} skipped")
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "collections: {}; accounts: {}; records: {}", self.collections, self.accounts, self.records)
    }
}
