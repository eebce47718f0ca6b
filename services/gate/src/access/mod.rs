//! Who asks, and what they may do.

mod caller;
mod definitions;
mod rules;
mod verdict;

pub(crate) use self::{
    caller::*,
    definitions::Definitions,
    rules::{Rules, Verb},
    verdict::{Access, missing},
};
