//! The regular expressions of a schema: those that are matched in linear time, and what that costs.

use jsonschema::{PatternOptions, Regex};
use serde_json::json;

use super::{
    build,
    meter::Rates,
    survey::{Fault, Survey},
};

/// The largest, in bytes when it is compiled.
pub(super) const MAX_BYTES: usize = 256 << 10;
/// All of a schema, and what each counts for at least.
const ALL_BYTES: usize = 8 << 20;
const LEAST_BYTES: usize = 8 << 10;
/// The smallest of these that suffices says what matching a text costs: in the worst case every state is looked at for
/// every byte.
const SIZES: [usize; 8] = [512, 1 << 10, 2 << 10, 4 << 10, 8 << 10, 32 << 10, 128 << 10, MAX_BYTES];
/// What is kept of what matching found out, in sizes of the expression, but at least of [`LEAST_BYTES`].
const KEPT: usize = 4;

/// Without look-around and back-references, and so in linear time.
pub(super) fn options(bytes: usize) -> PatternOptions<Regex> {
    PatternOptions::regex().size_limit(bytes).dfa_size_limit(KEPT * bytes.max(LEAST_BYTES))
}

/// What the patterns make text cost, and how many bytes they may take.
///
/// # Errors
/// Patterns that cannot be in force.
pub(super) fn rates(survey: &Survey<'_>) -> Result<(Rates, usize), Vec<Fault>> {
    let (mut rates, mut sum, mut faults) = (Rates::default(), 0, Vec::new());
    for pattern in survey.patterns() {
        let alone = json!({ "pattern": pattern.text });
        let Some(bytes) = SIZES.into_iter().find(|bytes| build(&alone, *bytes).is_ok()) else {
            let why = "cannot be matched in linear time, or is too large: maxLength bounds long texts for less";
            faults.push((pattern.pointer, why.into()));
            continue;
        };
        sum += bytes.max(LEAST_BYTES);
        if sum > ALL_BYTES {
            faults.push((pattern.pointer, "is one regular expression too many".into()));
            break;
        }
        let rate = bytes as u64 / 8;
        if pattern.is_for_names {
            rates.name += 4;
            rates.name_text += rate;
        } else {
            rates.text = rates.text.max(rate);
        }
    }
    if faults.is_empty() { Ok((rates, (1 + KEPT) * sum)) } else { Err(faults) }
}
