//! The way from a gate to several storages, while these are hurt. They have one embedded store in common, and a proxy
//! before each, so what is measured here is the way alone; `cassandra/faults` does the same to the whole house.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod addresses;
mod faults;
mod fleet;
#[path = "../load/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the tests on Cassandra")]
mod load;
mod shares;
