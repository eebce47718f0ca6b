//! The language of lists: what of a collection is listed ([`Filter`]), in which order ([`Order`]), and which fields are
//! shown ([`Fields`]). And what an index is made of: [`keys`] of one total order, the same that filters compare by.
//!
//! # Fields
//!
//! `id`, `owner`, `created_at`, `updated_at` and `version` are the record's own. Every other [`Path`] leads into its
//! data, through objects, never into an array: `author.name`; `data.x` always means the data, so `data.owner` is its
//! field `owner`. A name of other characters than letters, digits, `_` and `-` is quoted as in JSON: `data."full name"`.
//!
//! # Filters
//!
//! AIP-160's form (<https://google.aip.dev/160>): comparisons `path OP literal` joined by `AND`, `OR`, `NOT` and
//! parentheses. `NOT` binds closest; `AND` and `OR` side by side want parentheses. Literals are text in quotes (`"…"`
//! as in JSON, or `'…'` with its escapes), numbers as in JSON, `true`, `false` and `null`.
//!
//! | operator | holds for |
//! |---|---|
//! | `=` `!=` `<` `<=` `>` `>=` | a field that is null, a boolean, a number or a text; never one that is absent, an array or an object |
//! | `:` (has) | a field that equals the literal; an array with such an element; an object with a member of that name |
//! | `:*` | a field that is present, also as null |
//!
//! All that is compared has one order: absent < null < false < true < numbers < texts < arrays < objects. So `x > 5`
//! holds for every text; `x > 5 AND x < ""` for numbers only. Numbers compare exactly, whatever their size and form
//! (but exponents past ±10^18 count as that); texts compare by their UTF-8. `NOT` holds where the comparison does not, so also for absent fields:
//! `NOT x = 1` is wider than `x != 1`.
//!
//! `created_at` and `updated_at` compare with RFC 3339 text in any offset, of which microseconds are kept; `id` with
//! text; `owner` with text or null, which means nobody; `version` with numbers. Times inside the data are text to this
//! language: they are in order if they are written in one offset and precision.

mod fault;
mod fields;
mod filter;
mod index;
mod json;
mod key;
mod number;
mod order;
mod path;
mod reader;
mod subject;

pub use self::{
    fault::Fault,
    fields::Fields,
    filter::{Comparison, Expr, Filter, Literal, Op},
    index::{Indexed, MAX_ELEMENTS, keys},
    key::{Class, Key, MAX_KEPT},
    order::Order,
    path::{MAX_PARTS, MAX_PATH_BYTES, Own, Path},
    subject::Subject,
};

/// Bytes of a filter at most.
pub const MAX_FILTER_BYTES: usize = 8 << 10;
/// Comparisons of a filter at most.
pub const MAX_COMPARISONS: usize = 100;
/// How deep parentheses and `NOT` nest at most.
pub const MAX_DEPTH: usize = 32;
/// Paths in a choice of fields at most.
pub const MAX_FIELDS: usize = 100;
