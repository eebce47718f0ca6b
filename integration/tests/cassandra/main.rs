//! Storage on a real Cassandra cluster.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod conformance;
mod definitions;
mod dividing;
mod faults;
mod load;
mod opened;
