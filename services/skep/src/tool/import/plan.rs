//! What is known of an archive before it is brought in.

use std::collections::HashMap;

use jiff::Timestamp;
use skep_proto::v1;

use crate::tool::archive::{Line, collection_of, proto, time};

/// Spans of time that are told of a collection.
const SPANS: usize = 128;

/// How many records of which time each collection has.
#[derive(Default)]
pub(super) struct Plan {
    begun: bool,
    records: u64,
    collections: HashMap<String, Spans>,
}

struct Spans {
    /// Records of a span.
    size: u64,
    spans: Vec<Span>,
}

#[derive(Clone)]
struct Span {
    first: Timestamp,
    last: Timestamp,
    records: u64,
    bytes: u64,
}

impl Plan {
    pub(super) fn see(&mut self, line: &Line) {
        self.begun |= matches!(line, Line::Begun(_));
        let Line::Record(record) = line else { return };
        self.records += 1;
        let Some(time) = time(record.create_time) else { return };
        let collection = collection_of(&record.name);
        if !self.collections.contains_key(collection) {
            self.collections.insert(collection.to_owned(), Spans { size: 1, spans: Vec::new() });
        }
        if let Some(spans) = self.collections.get_mut(collection) {
            spans.add(time, record.data.len() as u64);
        }
    }

    /// Whether it is an archive at all.
    pub(super) fn is_begun(&self) -> bool {
        self.begun
    }

    /// How many records there are.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// When the records of `collections/{collection}` were made.
    pub(super) fn spans(&self, name: &str) -> Vec<v1::Span> {
        let spans = self.collections.get(name.trim_start_matches("collections/")).map(|spans| &spans.spans[..]);
        let told = |span: &Span| v1::Span {
            start_time: Some(proto(span.first)),
            end_time: Some(proto(span.last)),
            records: span.records.cast_signed(),
            bytes: span.bytes.cast_signed(),
        };
        spans.unwrap_or_default().iter().map(told).collect()
    }
}

impl Spans {
    /// Counts a record: oldest first, as they are exported. What comes otherwise is not counted.
    fn add(&mut self, time: Timestamp, bytes: u64) {
        match self.spans.last_mut() {
            Some(last) if time < last.last => return,
            Some(last) if last.records < self.size => {
                (last.last, last.records, last.bytes) = (time, last.records + 1, last.bytes + bytes);
                return;
            }
            _ => self.spans.push(Span { first: time, last: time, records: 1, bytes }),
        }
        if self.spans.len() > SPANS {
            self.size *= 2;
            let pairs = self.spans.chunks(2).map(|pair| {
                let (first, last) = (&pair[0], &pair[pair.len() - 1]);
                let sum = |of: fn(&Span) -> u64| pair.iter().map(of).sum();
                Span {
                    first: first.first,
                    last: last.last,
                    records: sum(|span| span.records),
                    bytes: sum(|span| span.bytes),
                }
            });
            self.spans = pairs.collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_among_quiet_years_has_spans_of_its_own() {
        let mut spans = Spans { size: 1, spans: Vec::new() };
        let at = |micros| Timestamp::from_microsecond(micros).unwrap();
        let year = 31_557_600_000_000;
        for n in 0..1000 {
            spans.add(at(n * year / 1000), 10);
        }
        for n in 0..100_000 {
            spans.add(at(year + n), 10);
        }
        spans.add(at(0), 10);
        let all = &spans.spans;
        assert!(all.len() <= SPANS && all.len() > SPANS / 2);
        assert_eq!(all.iter().map(|span| span.records).sum::<u64>(), 101_000);
        assert!(all.windows(2).all(|pair| pair[0].last <= pair[1].first));
        assert!(all.iter().filter(|span| span.first >= at(year)).count() > SPANS / 4);
    }
}
