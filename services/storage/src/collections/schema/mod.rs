//! JSON Schemas (2020-12) of collections: what one may be, and whether data satisfies it.
//!
//! A schema is one document: nothing is ever fetched. Its regular expressions run in linear time. Checking data is counted
//! in steps, and what takes too many is refused, so that neither a schema nor data can hold a thread up.

mod cache;
mod meter;
mod metered;
mod patterns;
mod survey;
#[cfg(test)]
mod tests;
mod unique;

use std::panic::{AssertUnwindSafe, catch_unwind};

use jsonschema::{Draft, ValidationError, Validator, draft202012::meta, error::ValidationErrorKind};
use serde_json::Value;
use skep_proto::{Code, Error};

pub(super) use self::cache::Schemas;
use self::{
    meter::{Meter, Rates, within},
    metered::{Metered, MeteredJson},
    survey::{Fault, Survey},
};
use crate::{records::data::check_depth, store::Result};

/// The longest schema, in bytes.
const MAX_BYTES: usize = 64 << 10;
/// The deepest nesting of its text: each level of data takes two.
const MAX_DEPTH: usize = 64;
/// Steps that a check may take: far more than plain schemas do over the largest data.
const STEPS: u64 = 20_000_000;
/// Violations that are told.
const TOLD: usize = 16;
/// Bytes that violations may take while they are collected.
const TOLD_BYTES: usize = 32 << 20;
/// Bytes of a pointer into a schema, up to which more than the first fault is looked for.
const SHORT_POINTER: usize = 1024;

/// A schema, compiled.
#[derive(Debug)]
pub(super) struct Schema {
    validator: Validator<MeteredJson>,
    rates: Rates,
    /// Bytes of its text.
    length: usize,
    /// Bytes that it takes in memory, about.
    bytes: usize,
}

impl Schema {
    /// Compiles `text`. This takes a while: up to some tenths of a second.
    ///
    /// # Errors
    /// `malformed_json`; `invalid_definition` with the places that are wrong, as pointers under `/schema`.
    pub(super) fn compile(text: &[u8]) -> Result<Self> {
        if text.len() > MAX_BYTES {
            return Err(invalid([(String::new(), format!("has more than {MAX_BYTES} bytes"))]));
        }
        check_depth(text, MAX_DEPTH).map_err(|error| match error.code {
            Code::InvalidBody => invalid([(String::new(), format!("is nested deeper than {MAX_DEPTH} levels"))]),
            _ => error.within("the schema"),
        })?;
        let mut schema: Value = serde_json::from_slice(text)
            .map_err(|error| Error::new(Code::MalformedJson, error.to_string()).within("the schema"))?;
        let wrong = if longest_pointer(&schema) <= SHORT_POINTER {
            faults(meta::validator().iter_errors(&schema))
        } else {
            faults(meta::validator().validate(&schema).err().into_iter())
        };
        if !wrong.is_empty() {
            return Err(invalid(wrong));
        }
        let survey = Survey::of(&schema).map_err(invalid)?;
        survey.bounds().map_err(|fault| invalid([fault]))?;
        let (rates, patterns) = patterns::rates(&survey).map_err(invalid)?;
        // A name for what is in the document alone; the library has documents of its own that it could mean.
        schema.as_object_mut().and_then(|root| root.shift_remove("$id"));
        let built = catch_unwind(AssertUnwindSafe(|| build(&schema, patterns::MAX_BYTES)));
        let unknown = |_| Err(Box::new((String::new(), "cannot be compiled".to_owned())));
        let validator = built.unwrap_or_else(unknown).map_err(|fault| invalid([*fault]))?;
        Ok(Self { validator, rates, length: text.len(), bytes: 32 * text.len() + patterns })
    }

    /// Checks `data`, JSON that can be kept; `None` if that would take more than that many steps.
    ///
    /// # Errors
    /// `schema_violation`, with the places in the data where there are few; the words do not repeat values.
    fn check(&self, data: &[u8], steps: u64) -> Option<Result<()>> {
        let value = match serde_json::from_slice(data) {
            Ok(value) => value,
            Err(error) => return Some(Err(Error::new(Code::Internal, error.to_string()))),
        };
        let meter = Meter { steps, errors: 0, rates: self.rates };
        let fits = within(meter, || self.validator.is_valid(Metered(&value)))?;
        Some(if fits { Ok(()) } else { Err(self.violations(&value, steps)) })
    }

    /// Whether `data`, as [`check`](Self::check) takes it, satisfies the schema; not if that takes too many steps.
    fn fits(&self, data: &[u8], steps: u64) -> bool {
        let meter = Meter { steps, errors: 0, rates: self.rates };
        let is_valid = |value: &Value| within(meter, || self.validator.is_valid(Metered(value)));
        serde_json::from_slice(data).is_ok_and(|value| is_valid(&value) == Some(true))
    }

    /// Which parts of `value`, that violates the schema, do so: if they are too many to look for, the first alone.
    fn violations(&self, value: &Value, steps: u64) -> Error {
        // Each repeats its place, and may repeat much of the schema.
        let errors = TOLD_BYTES / (256 + longest_pointer(value) + 4 * self.length);
        let meter = Meter { steps: steps / 2, errors: errors as u64, rates: self.rates };
        let told = within(meter, || faults(self.validator.iter_errors(Metered(value))));
        let first = || {
            let first = within(meter, || faults(self.validator.validate(Metered(value)).err().into_iter()));
            first.unwrap_or_default()
        };
        let told = told.unwrap_or_else(first);
        let error = Error::new(Code::SchemaViolation, "the data does not satisfy the collection's schema");
        if told.is_empty() {
            return error.at("/data", "does not satisfy the schema");
        }
        told.into_iter().fold(error, |error, (at, why)| error.at(format!("/data{at}"), why))
    }
}

/// The first few; the meta-schema has many parts that say the same.
fn faults<'a>(errors: impl Iterator<Item = ValidationError<'a>>) -> Vec<Fault> {
    let mut told = Vec::new();
    for fault in errors.take(TOLD * TOLD).map(|error| fault(&error)) {
        if told.len() < TOLD && !told.contains(&fault) {
            told.push(fault);
        }
    }
    told
}

/// The library's words for a violation, without the value.
fn fault(error: &ValidationError<'_>) -> Fault {
    let why = match error.kind() {
        ValidationErrorKind::UnevaluatedItems { .. } => "has items that no schema is for".to_owned(),
        _ => error.masked_with("this").to_string(),
    };
    (error.instance_path().to_string(), why)
}

fn invalid(faults: impl IntoIterator<Item = Fault>) -> Error {
    let error = Error::new(Code::InvalidDefinition, "the schema cannot be put in force");
    faults.into_iter().fold(error, |error, (at, why)| error.at(format!("/schema{at}"), why))
}

fn build(schema: &Value, pattern_bytes: usize) -> std::result::Result<Validator<MeteredJson>, Box<Fault>> {
    jsonschema::options_for()
        .offline()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(false)
        .with_pattern_options(patterns::options(pattern_bytes))
        .build(schema)
        .map_err(|error| Box::new(fault(&error)))
}

/// Bytes of the longest pointer into `value`.
fn longest_pointer(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(|item| 8 + longest_pointer(item)).max().unwrap_or(0),
        Value::Object(members) => {
            members.iter().map(|(name, value)| 2 * name.len() + 1 + longest_pointer(value)).max().unwrap_or(0)
        }
        _ => 0,
    }
}
