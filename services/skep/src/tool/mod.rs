//! The operator's commands: clients of storage's gRPC, for people and for scripts.

mod accounts;
mod apply;
mod archive;
mod backup;
mod export;
mod import;
mod output;
mod progress;
mod records;
mod sessions;
mod status;
mod storage;

use kit::Job;

/// Every command beside `serve`.
pub(crate) const JOBS: &[Job] = &[
    status::JOB,
    apply::JOB,
    records::GET,
    records::LIST,
    records::PUT,
    records::DELETE,
    accounts::JOB,
    sessions::JOB,
    export::JOB,
    import::JOB,
    backup::BACKUP,
    backup::VERIFY,
    backup::RESTORE,
];

/// Says something to whoever looks on; standard output is for what was asked for.
fn tell(what: std::fmt::Arguments<'_>) {
    use std::io::Write;

    // Nobody need be looking.
    let _ = writeln!(std::io::stderr(), "{what}");
}
