use std::{
    error::Error,
    fmt::{Debug, Display, Write},
    ops::Range,
};

use tracing::field::{Field, Visit};

use super::escape::Escaped;

/// The longest text of one field, and of all fields of a line, in bytes.
const VALUE: usize = 8 * 1024;
const LINE: usize = 32 * 1024;

/// Fields of an event or a span, each name once, each value as JSON text.
#[derive(Default)]
pub(super) struct Fields {
    text: String,
    values: Vec<(&'static str, Range<usize>)>,
}

impl Fields {
    /// With room for the two ids that a span mostly has.
    pub(super) fn of_span() -> Self {
        Self { text: String::with_capacity(96), values: Vec::with_capacity(2) }
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.text.shrink_to(LINE);
        self.values.clear();
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.values.iter().map(|(name, range)| (*name, &self.text[range.clone()]))
    }

    /// Takes over what an enclosing span says, where nothing nearer says it.
    pub(super) fn inherit(&mut self, outer: &Self) {
        for (name, value) in outer.iter() {
            self.put(name, |text, _| text.push_str(value));
        }
    }

    fn put(&mut self, name: &'static str, write: impl FnOnce(&mut String, usize)) {
        let name = match name {
            "error" => "error.message",
            _ => name.strip_prefix("r#").unwrap_or(name),
        };
        if is_ours(name) || self.values.iter().any(|(known, _)| *known == name) {
            return;
        }
        let start = self.text.len();
        let limit = VALUE.min(LINE.saturating_sub(start));
        write(&mut self.text, limit);
        self.values.push((name, start..self.text.len()));
    }

    fn put_text(&mut self, name: &'static str, write: impl FnOnce(&mut Escaped<'_>) -> std::fmt::Result) {
        self.put(name, |text, limit| {
            text.push('"');
            // An error is the limit; what was written until there stays.
            let _ = write(&mut Escaped::new(text, limit));
            text.push('"');
        });
    }

    fn put_plain(&mut self, field: &Field, value: impl Display) {
        self.put(field.name(), |text, _| {
            let _ = write!(text, "{value}");
        });
    }
}

/// The names that every line has from us.
fn is_ours(name: &str) -> bool {
    matches!(
        name,
        "@timestamp"
            | "log.level"
            | "log.logger"
            | "ecs.version"
            | "service.name"
            | "service.version"
            | "service.node.name"
            | "host.name"
            | "event.sequence"
    )
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_text(field.name(), |text| text.write_str(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put_text(field.name(), |text| write!(text, "{value:?}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.put_text(field.name(), |text| {
            write!(text, "{value}")?;
            let mut causes = std::iter::successors(value.source(), |&cause| cause.source());
            causes.try_for_each(|cause| write!(text, ": {cause}"))
        });
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no infinities.
        let shown = if value.is_finite() { format_args!("{value:?}") } else { format_args!("null") };
        self.put_plain(field, shown);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put_plain(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put_plain(field, value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.put_plain(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.put_plain(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put_plain(field, value);
    }
}
