//! Times on the wire: RFC 3339, UTC.

use jiff::Timestamp;

/// A time given in microseconds since 1970.
#[must_use]
pub fn rfc3339(micros: i64) -> String {
    Timestamp::from_microsecond(micros).map_or_else(|_| format!("{micros} µs"), |time| time.to_string())
}

/// A time given in whole seconds since 1970.
#[must_use]
pub fn rfc3339_second(second: i64) -> String {
    rfc3339(second.saturating_mul(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        assert_eq!(rfc3339_second(1_795_304_000), "2026-11-21T23:33:20Z");
        assert_eq!(rfc3339(1_795_304_000_250_000), "2026-11-21T23:33:20.25Z");
        assert_eq!(rfc3339(i64::MAX), format!("{} µs", i64::MAX));
    }
}
