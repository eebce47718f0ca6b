//! The file in which an export keeps everything: a line of JSON for each thing, compressed if its name ends in `.zst`.
//!
//! The first line says what the file is, the last how much it holds and the SHA-256 of all lines before: a file without it
//! was cut off.

mod line;
mod names;
mod reader;
mod text;
mod writer;

pub(crate) use self::{
    line::{Begun, Line, Totals},
    names::{collection_of, last, proto, time},
    reader::Archive,
    writer::Writer,
};
