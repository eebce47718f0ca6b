//! What commands write, and how they tell what went wrong.

use std::io::{self, Write};

use anyhow::anyhow;
use kit::Failed;
use skep_proto::{Code, Error};

/// Writes a line to standard output.
pub(super) fn line(text: impl AsRef<[u8]>) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_ref())?;
    output.write_all(b"\n")?;
    output.flush()
}

/// What storage answered, if it is that which went wrong.
pub(super) fn code(error: &anyhow::Error) -> Option<Code> {
    error.downcast_ref::<Error>().map(|error| error.code)
}

/// Tells an error of storage with its places; where what was given is at fault, by the exit code too.
pub(super) fn explained(error: anyhow::Error) -> anyhow::Error {
    let error = match error.downcast::<Error>() {
        Ok(error) => error,
        Err(other) => return other,
    };
    let places = error.violations.iter().map(|place| format!("\n  {} {}", place.pointer, place.detail));
    let told = anyhow!("{error}{}", places.collect::<String>());
    match error.code {
        Code::InvalidArgument
        | Code::InvalidBody
        | Code::MalformedJson
        | Code::PayloadTooLarge
        | Code::SchemaViolation
        | Code::InvalidDefinition => Failed::data(told).into(),
        _ => told,
    }
}
