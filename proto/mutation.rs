//! Ids of writes, which tell their time; times are microseconds since the epoch.
//!
//! The caller of a write names it, so that an attempt that is repeated is the same write.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::{Uuid, Version};

/// Now, in microseconds since the epoch.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// A new mutation id: a UUIDv7 whose first random bits hold the fraction of its millisecond
/// (RFC 9562, 6.2, method 3), so that it tells its time to the microsecond.
pub fn new() -> Uuid {
    let (micros, mut bytes) = (now(), *Uuid::now_v7().as_bytes());
    bytes[..6].copy_from_slice(&(micros / 1000).to_be_bytes()[2..]);
    let fraction = (micros % 1000) * 4096 / 1000;
    bytes[6] = 0x70 | u8::try_from(fraction >> 8).unwrap_or(0x0f);
    bytes[7] = u8::try_from(fraction & 0xff).unwrap_or(0xff);
    Uuid::from_bytes(bytes)
}

/// The time that a UUIDv7 tells, in microseconds since the epoch.
pub fn time(id: Uuid) -> Option<i64> {
    let bytes = id.as_bytes();
    let millis = bytes[..6].iter().fold(0i64, |millis, byte| millis << 8 | i64::from(*byte));
    let fraction = i64::from(bytes[6] & 0x0f) << 8 | i64::from(bytes[7]);
    // Rounded up, so that a microsecond put in comes out the same.
    (id.get_version() == Some(Version::SortRand)).then_some(millis * 1000 + (fraction * 1000 + 4095) / 4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutation_tells_its_microsecond() {
        for _ in 0..5000 {
            let before = now();
            let told = time(new()).expect("a UUIDv7");
            assert!((before..=now()).contains(&told));
        }
        assert_eq!(time(Uuid::nil()), None);
    }
}
