//! Sessions and limits of rate over two gates, one storage and one Redis: real processes, hurt.

mod faults;
mod house;
mod limits;
mod outages;
mod signing;
mod timing;

/// What a test gives back; what went wrong on the way to its question.
type Outcome = anyhow::Result<()>;
