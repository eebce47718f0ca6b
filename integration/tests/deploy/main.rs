//! The programs of `deploy/` that people run.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod firewall;
mod images;
mod network;
mod secrets;
