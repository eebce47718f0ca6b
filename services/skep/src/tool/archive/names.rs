//! Names and times of the contract.

use jiff::Timestamp;

/// What comes after the last `/` of a resource name.
pub(crate) fn last(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, last)| last)
}

/// The collection in the name of a record.
pub(crate) fn collection_of(record: &str) -> &str {
    record.split('/').nth(1).unwrap_or_default()
}

/// A time of the contract.
pub(crate) fn time(time: Option<prost_types::Timestamp>) -> Option<Timestamp> {
    time.and_then(|time| Timestamp::new(time.seconds, time.nanos).ok())
}

/// A time for the contract.
pub(crate) fn proto(time: Timestamp) -> prost_types::Timestamp {
    // Before 1970 jiff counts the fraction backwards; nothing of ours is from then.
    prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond().max(0) }
}
