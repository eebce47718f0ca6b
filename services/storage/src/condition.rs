//! Conditions of writes (AIP-154).

use skep_proto::{Code, Error};
use uuid::Uuid;

use crate::store::Result;

/// What the stored record or definition must be for a write to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Anything, or nothing.
    Any,
    /// There.
    Exists,
    /// Last written by this mutation; `None` for an entity tag that is none of ours.
    Is(Option<Uuid>),
}

impl Condition {
    /// Reads an entity tag, quoted or not; `*` for any record; empty for no condition.
    pub fn parse(etag: &str) -> Self {
        match etag {
            "" => Self::Any,
            "*" => Self::Exists,
            tag => Self::Is(mutation_of(tag)),
        }
    }

    /// The mutation that the write is to follow, if the condition names one.
    pub fn demanded(self) -> Option<Uuid> {
        match self {
            Self::Is(mutation) => mutation,
            Self::Any | Self::Exists => None,
        }
    }

    /// Refuses a write to what was last written by another `mutation` than the condition demands.
    ///
    /// # Errors
    /// `precondition_failed`.
    pub fn admit(self, mutation: Uuid) -> Result<()> {
        match self {
            Self::Is(demanded) if demanded != Some(mutation) => {
                Err(Error::new(Code::PreconditionFailed, "it was changed since: read it again"))
            }
            _ => Ok(()),
        }
    }
}

/// What the caller judged its access rules on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// Nothing: no rule looks at what is stored.
    Nothing,
    /// That there is no record.
    Absence,
    /// The record last written by this mutation; `None` for a text that is no entity tag of ours.
    Version(Option<Uuid>),
}

impl Judged {
    /// Reads an entity tag, `-` for no record, empty for nothing.
    pub fn parse(etag: &str) -> Self {
        match etag {
            "" => Self::Nothing,
            "-" => Self::Absence,
            tag => Self::Version(mutation_of(tag)),
        }
    }

    /// Refuses a write to a record last written by another `mutation` than was judged (`None`: there is no record).
    ///
    /// # Errors
    /// `overtaken`.
    pub fn admit(self, mutation: Option<Uuid>) -> Result<()> {
        let admitted = match self {
            Self::Nothing => true,
            Self::Absence => mutation.is_none(),
            Self::Version(judged) => judged.is_some() && judged == mutation,
        };
        let overtaken = || Error::new(Code::Overtaken, "the record is not the one that was judged: read it again");
        admitted.then_some(()).ok_or_else(overtaken)
    }
}

/// The mutation that an entity tag names, quoted or not. Compared by its bytes (RFC 9110, 8.8.3.2): another spelling is
/// another tag.
fn mutation_of(tag: &str) -> Option<Uuid> {
    let opaque = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag);
    let spelled = |id: &Uuid| id.simple().encode_lower(&mut Uuid::encode_buffer()) == opaque;
    Uuid::try_parse(opaque).ok().filter(spelled)
}
