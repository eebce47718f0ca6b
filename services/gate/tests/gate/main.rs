//! The gate over a real store: what it answers, and how its connections behave.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accounts;
mod batches;
mod bodies;
mod connections;
mod docs;
mod failover;
mod faults;
mod house;
mod http2;
mod https;
mod limits;
mod lines;
mod problems;
mod remote;
mod rest;
mod rules;
mod sessions;
mod signs;
mod tls;
