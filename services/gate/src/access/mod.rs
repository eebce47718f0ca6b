//! Who asks, and what they may do.

mod caller;

pub(crate) use caller::*;
