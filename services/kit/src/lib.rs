//! What every process of Skep does alike: typed [configuration](config), [logs](logging), metrics,
//! health, and a stop that drains. A service is a [`Program`], a [`Config`] and one async function:
//!
//! ```no_run
//! use kit::{Config, Process, Program, Service, config::{Setting, Values}};
//!
//! const ECHO_ADDR: Setting = Setting::new("ECHO_ADDR", "where echoes are served").default("127.0.0.1:7");
//!
//! struct Echo { addr: std::net::SocketAddr }
//!
//! impl Config for Echo {
//!     fn settings() -> Vec<Setting> { vec![ECHO_ADDR] }
//!     fn read(values: &mut Values) -> Self { Self { addr: values.value(&ECHO_ADDR) } }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     let program = Program {
//!         name: "echo",
//!         about: "Says it again",
//!         version: env!("CARGO_PKG_VERSION"),
//!         default_subcommand: None,
//!         defaults: &[("METRICS_ADDR", "127.0.0.1:9007")],
//!         jobs: &[],
//!         services: &[Service { name: "echo", targets: &["echo"] }],
//!     };
//!     kit::run(&program, async |config: Echo, process: Process| {
//!         let listener = kit::listen(config.addr, "echo", false).await?;
//!         process.ready.add("door", || Box::pin(async { Ok(()) }));
//!         process.shutdown.cancelled().await;
//!         drop(listener);
//!         Ok(())
//!     })
//! }
//! ```

mod admin;
pub mod config;
mod internal;
mod listen;
pub mod logging;
mod metrics;
pub mod program;
mod readiness;
mod secret;
mod tls;

pub use config::Config;
pub use internal::Internal;
pub use listen::{accept, listen};
pub use logging::{Service, instance};
pub use program::{Failed, Job, Process, Program, get, run, run_with};
pub use readiness::{Readiness, Report};
pub use secret::Secret;
pub use tls::{Mutual, Public, Stream, trusting, trusting_names};
