/// Why a text is not of the language, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {at}: {what}")]
pub struct Fault {
    /// In characters, from 1.
    pub at: usize,
    /// What is wrong and what to do, for people.
    pub what: String,
}
