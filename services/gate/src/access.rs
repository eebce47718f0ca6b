//! Who asks. Accounts and rules fill this in; until then nobody is known, and nothing is asked of anybody.

/// On whose behalf a request is made.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// Nobody is signed in.
    Anonymous,
}

impl Caller {
    /// The account's id as the contract has it: empty for nobody.
    pub(crate) fn account(&self) -> String {
        match self {
            Self::Anonymous => String::new(),
        }
    }
}
