//! Steps: what the validator does is counted by what it looks at, and once none are left it stops.
//!
//! It has no bound of its own, and a schema of a few lines can make it go over small data for ever.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use serde_json::{Number, Value};

const NO_RATES: Rates = Rates { text: 0, name: 0, name_text: 0 };

thread_local! {
    static METER: Cell<Meter> = const { Cell::new(Meter { steps: 0, errors: 0, rates: NO_RATES }) };
}

/// What a schema's regular expressions make text cost.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rates {
    /// Steps for 64 bytes of a text.
    pub(super) text: u64,
    /// Steps for a member of an object,
    pub(super) name: u64,
    /// and for 64 bytes of its name.
    pub(super) name_text: u64,
}

/// What may yet be done.
#[derive(Clone, Copy)]
pub(super) struct Meter {
    pub(super) steps: u64,
    /// How many violations may be made, also such as are dropped or kept in others.
    pub(super) errors: u64,
    pub(super) rates: Rates,
}

/// What the stack is unwound with; the panic hook does not hear of it.
struct Spent;

/// Runs what looks at metered data; `None` if it would take more than `meter` has.
pub(super) fn within<T>(meter: Meter, work: impl FnOnce() -> T) -> Option<T> {
    METER.set(meter);
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => Some(done),
        Err(payload) if payload.is::<Spent>() => None,
        Err(payload) => resume_unwind(payload),
    }
}

/// Takes so many steps.
pub(super) fn spend(steps: u64) {
    let meter = METER.get();
    match meter.steps.checked_sub(steps) {
        Some(steps) => METER.set(Meter { steps, ..meter }),
        None => resume_unwind(Box::new(Spent)),
    }
}

/// Takes what it costs to look at a text as a whole, and to match it.
pub(super) fn spend_text(bytes: usize) {
    spend(1 + (1 + METER.get().rates.text) * bytes as u64 / 64);
}

/// Takes what it costs to look at a member's name, and to match it.
pub(super) fn spend_name(bytes: usize) {
    let rates = METER.get().rates;
    spend(1 + rates.name + (1 + rates.name_text) * bytes as u64 / 64);
}

/// Counts a violation.
pub(super) fn spend_error() {
    let meter = METER.get();
    match meter.errors.checked_sub(1) {
        Some(errors) => METER.set(Meter { errors, ..meter }),
        None => resume_unwind(Box::new(Spent)),
    }
}

/// What it costs to compute with a number: exactly, so by the digits that it has when it is written without an exponent.
/// (The library does so for up to ten thousand of them.)
pub(super) fn digits(number: &Number) -> u64 {
    let text = number.as_str();
    if text.len() < 16 && !text.contains(['.', 'e', 'E']) {
        return 2;
    }
    let exponent = text.split_once(['e', 'E']).map_or(0, |(_, exponent)| exponent.parse::<i32>().unwrap_or(i32::MAX));
    let digits = text.len() as u64 + u64::from(exponent.unsigned_abs().min(10_000));
    24 + digits * digits / 64
}

/// What it costs to look at all of a value.
pub(super) fn size(value: &Value) -> u64 {
    match value {
        Value::Null | Value::Bool(_) => 1,
        Value::Number(number) => digits(number),
        Value::String(text) => 1 + text.len() as u64 / 64,
        Value::Array(items) => 1 + items.iter().map(size).sum::<u64>(),
        Value::Object(members) => {
            1 + members.iter().map(|(name, value)| 1 + name.len() as u64 / 64 + size(value)).sum::<u64>()
        }
    }
}
