//! Storage on a real Cassandra cluster.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod accounts;
mod authorized;
mod conformance;
mod crashes;
mod definitions;
mod dividing;
mod faults;
mod imports;
mod indexes;
mod late;
#[path = "../load/mod.rs"]
mod load;
mod lost;
mod opened;
mod owned;
mod starting;
mod story;
mod surveys;
mod sweep;
mod tables;
mod windows;
