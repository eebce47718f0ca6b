//! Runs the real binaries for tests: starts them on free ports in a folder of their own, waits until
//! they are ready, stops them in every way a process can end, and speaks to their doors.
//!
//! Nothing sleeps for a fixed time: a test waits for a condition with [`eventually`].

#![allow(clippy::missing_panics_doc, clippy::return_self_not_must_use, reason = "asserting is what it is for")]

mod browser;
mod cassandra;
mod certificates;
mod chaos;
mod elasticsearch;
mod house;
mod logs;
mod parts;
mod process;
mod program;
mod redis;
mod rest;
mod shipper;
mod swarm;
mod wait;

pub use browser::{Browser, Element};
pub use cassandra::{Cassandra, CassandraNode, CassandraOptions};
pub use certificates::Certificates;
pub use chaos::ChaosProxy;
pub use elasticsearch::Elasticsearch;
pub use house::House;
pub use logs::Logs;
pub use process::Process;
pub use program::{ADMIN_PASSWORD, Program};
pub use redis::Redis;
pub use rest::{Answer, Call, Rest};
pub use shipper::{Line, ship};
pub use swarm::{Machine, Stack, Swarm, in_own_namespaces};
pub use wait::eventually;
