//! One log of the whole cluster: what the code can write, what the pipeline makes of it, what the index template holds, and
//! what the dashboard asks, against a real Elasticsearch.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod code;
mod dashboard;
mod events;
mod files;
mod lscl;
mod metrics;
mod pipeline;
mod trail;

/// What a test gives back; what went wrong on the way to its question.
type Outcome = anyhow::Result<()>;
