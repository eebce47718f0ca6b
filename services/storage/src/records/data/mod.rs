//! What may be kept as `data`: one pass over the text, without a tree and without recursion.
//!
//! The text is kept to the byte, so what one reader would understand otherwise than another is
//! refused: lone surrogates and repeated names (RFC 8259, 4 and 8.2; RFC 7493, 2).

mod scan;
#[cfg(test)]
mod tests;

use skep_proto::{Code, Error};

use crate::store::Result;

/// The largest `data`, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// The deepest nesting; an object alone is 1.
pub const MAX_DEPTH: usize = 32;

/// Checks that `text` is a JSON object that can be kept.
pub fn check(text: &[u8]) -> Result<()> {
    check_depth(text, MAX_DEPTH)?;
    let object = text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if object { Ok(()) } else { Err(not_an_object()) }
}

/// Checks that `text` is JSON that can be read exactly, `depth` levels deep at most.
pub fn check_depth(text: &[u8], depth: usize) -> Result<()> {
    if text.len() > MAX_BYTES {
        return Err(too_large(text.len()));
    }
    let text = str::from_utf8(text).map_err(|error| malformed(error.valid_up_to(), "this is not UTF-8"))?;
    scan::document(text, depth)
}

/// The data is JSON of another kind.
pub fn not_an_object() -> Error {
    Error::new(Code::InvalidBody, "data must be a JSON object").at("/data", "must be an object")
}

/// The data has `bytes` bytes.
pub fn too_large(bytes: usize) -> Error {
    let detail = format!("data has {bytes} bytes; at most {MAX_BYTES} are kept");
    Error::new(Code::PayloadTooLarge, detail).at("/data", "is too large")
}

/// The data is nested deeper than [`MAX_DEPTH`].
pub fn too_deep() -> Error {
    Error::new(Code::InvalidBody, format!("data is nested deeper than {MAX_DEPTH} levels")).at("/data", "is too deep")
}

fn malformed(at: usize, what: &str) -> Error {
    Error::new(Code::MalformedJson, format!("at byte {at} of the JSON text: {what}"))
}
