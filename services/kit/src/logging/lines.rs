use std::{
    cell::Cell,
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use super::{Service, escape::Escaped, fields::Fields, queue::Queue};

/// The version of the Elastic Common Schema that the names are of.
const ECS: &str = "9.0.0";

/// Turns events into lines: JSON for the service they belong to, and a short form for people.
pub(super) struct Lines {
    streams: Vec<Stream>,
    people: Queue,
    colour: bool,
}

/// The lines of one service.
struct Stream {
    service: Service,
    /// The members that are the same in every line.
    fixed: String,
    sequence: AtomicU64,
    file: Queue,
}

/// What a thread keeps from line to line, to allocate nothing and to format the date once a second.
#[derive(Default)]
struct Scratch {
    fields: Fields,
    line: String,
    second: u64,
    /// `second` as `2026-11-23T12:16:05`.
    date: String,
}

thread_local! {
    static SCRATCH: Cell<Scratch> = Cell::default();
}

impl Lines {
    pub(super) fn new(people: Queue, colour: bool) -> Self {
        Self { streams: Vec::new(), people, colour }
    }

    pub(super) fn add(&mut self, service: Service, version: &str, instance: &str, host: &str, file: Queue) {
        let mut fixed = String::new();
        let members = [
            ("ecs.version", ECS),
            ("service.name", service.name),
            ("service.version", version),
            ("service.node.name", instance),
            ("host.name", host),
        ];
        for (name, value) in members {
            member(&mut fixed, name, value);
        }
        self.streams.push(Stream { service, fixed, sequence: AtomicU64::new(0), file });
    }

    /// The stream that claims the target, or the first.
    fn stream(&self, target: &str) -> &Stream {
        let below = |target: &str, claimed: &str| {
            target.strip_prefix(claimed).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let claims = |stream: &&Stream| stream.service.targets.iter().any(|claimed| below(target, claimed));
        self.streams.iter().find(claims).unwrap_or(&self.streams[0])
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::of_span();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        // Before the span is locked: a value's own code runs here, and may log.
        let mut newer = Fields::default();
        values.record(&mut newer);
        let Some(span) = context.span(id) else { return };
        let mut extensions = span.extensions_mut();
        if let Some(older) = extensions.get_mut::<Fields>() {
            newer.inherit(older);
            *older = newer;
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        // Taken, not borrowed: a value that logs while it is formatted finds an empty one.
        let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
        scratch.fields.clear();
        event.record(&mut scratch.fields);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(outer) = span.extensions().get::<Fields>() {
                scratch.fields.inherit(outer);
            }
        }
        let micros = scratch.read_clock();
        let metadata = event.metadata();
        let stream = self.stream(metadata.target());
        scratch.json(stream, metadata, micros);
        stream.file.put(scratch.line.as_bytes());
        if !is_everyday(metadata) {
            scratch.short(self.colour, metadata, micros);
            self.people.put(scratch.line.as_bytes());
        }
        let _ = SCRATCH.try_with(|kept| kept.set(scratch));
    }
}

/// Whether files take it and people do not: the line of a request that went well, thousands a second, and the settings.
fn is_everyday(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    *metadata.level() == Level::INFO && (target.ends_with("::access") || target.ends_with("::configuration"))
}

impl Scratch {
    /// Sets the date; the microseconds of the second.
    fn read_clock(&mut self) -> u32 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        if now.as_secs() != self.second || self.date.is_empty() {
            self.second = now.as_secs();
            let time = i64::try_from(self.second).ok().and_then(|second| jiff::Timestamp::from_second(second).ok());
            self.date = time.unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S").to_string();
        }
        now.subsec_micros()
    }

    fn json(&mut self, stream: &Stream, metadata: &Metadata<'_>, micros: u32) {
        let Self { fields, line, date, .. } = self;
        line.clear();
        push(line, ["{\"@timestamp\":\"", date, "."]);
        push_digits(line, micros, 6);
        let sequence = stream.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        let _ = write!(line, "Z\",\"event.sequence\":{sequence}");
        member(line, "log.level", word(*metadata.level()));
        member(line, "log.logger", metadata.target());
        line.push_str(&stream.fixed);
        for (name, value) in fields.iter() {
            push(line, [",\"", name, "\":", value]);
        }
        line.push_str("}\n");
    }

    /// `12:16:05.041 INFO gate::http: served http.request.id=… event.duration=5`
    fn short(&mut self, colour: bool, metadata: &Metadata<'_>, micros: u32) {
        let Self { fields, line, date, .. } = self;
        line.clear();
        let (dim, level, end) = if colour { ("\x1b[2m", hue(*metadata.level()), "\x1b[0m") } else { ("", "", "") };
        push(line, [dim, date.get(11..).unwrap_or_default(), "."]);
        push_digits(line, micros / 1000, 3);
        push(line, [end, " ", level, metadata.level().as_str(), end, " ", dim, metadata.target(), ":", end]);
        for (_, message) in fields.iter().filter(|(name, _)| *name == "message") {
            push(line, [" ", inner(message).unwrap_or(message)]);
        }
        for (name, value) in fields.iter().filter(|(name, _)| *name != "message") {
            push(line, [" ", dim, name, "=", end, bare(value)]);
        }
        line.push('\n');
    }
}

// Formatting macros would double the time that a line takes.

fn push<const N: usize>(line: &mut String, parts: [&str; N]) {
    for part in parts {
        line.push_str(part);
    }
}

fn push_digits(line: &mut String, number: u32, width: u32) {
    line.extend((0..width).rev().map(|place| char::from(b'0' + (number / 10_u32.pow(place) % 10) as u8)));
}

fn member(line: &mut String, name: &str, value: &str) {
    push(line, [",\"", name, "\":\""]);
    let _ = Escaped::new(line, value.len()).write_str(value);
    line.push('"');
}

fn inner(value: &str) -> Option<&str> {
    value.strip_prefix('"')?.strip_suffix('"')
}

/// A JSON string without its quotes, where it stays one word.
fn bare(value: &str) -> &str {
    inner(value)
        .filter(|inner| !inner.is_empty() && !inner.bytes().any(|byte| matches!(byte, b' ' | b'\\' | b'=')))
        .unwrap_or(value)
}

fn word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

fn hue(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        _ => "\x1b[34m",
    }
}
