use std::fmt;

use crate::{Fault, Path, path::is_plain, reader::Reader};

/// By what a list is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The field.
    pub path: Path,
    /// From the last to the first.
    pub descending: bool,
}

impl Order {
    /// Reads a field, with `asc` or `desc` after it or neither (AIP-132).
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut reader = Reader::new(text);
        reader.space();
        let path = reader.path()?;
        reader.space();
        let (at, word) = (reader.at(), reader.run(is_plain));
        reader.eat(word);
        reader.space();
        if !matches!(word, "" | "asc" | "desc") || !reader.rest().is_empty() {
            return Err(
                reader.fault(at, "an order is one field, then asc or desc or nothing, as in \"created_at desc\"")
            );
        }
        Ok(Self { path, descending: word == "desc" })
    }
}

/// As [`Order::parse`] reads it.
impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.path, if self.descending { " desc" } else { "" })
    }
}
