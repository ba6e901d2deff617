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

/// Reads a time: RFC 3339, or a day, which means its beginning in UTC. Microseconds since 1970; none for what is neither.
#[must_use]
pub fn parse_time(text: &str) -> Option<i64> {
    let at_midnight = || {
        let day = text.parse::<jiff::civil::Date>().ok()?;
        Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    };
    text.parse::<Timestamp>().ok().or_else(at_midnight).map(Timestamp::as_microsecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(parse_time("2026-11-21"), parse_time("2026-11-21T00:00:00Z"));
        assert_eq!(parse_time("2026-11-21T23:33:20.25Z"), Some(1_795_304_000_250_000));
        assert_eq!(parse_time("2026-11-22T01:33:20.25+02:00"), Some(1_795_304_000_250_000));
        for wrong in ["", "yesterday", "2026-13-01", "1795304000"] {
            assert_eq!(parse_time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn table() {
        assert_eq!(rfc3339_second(1_795_304_000), "2026-11-21T23:33:20Z");
        assert_eq!(rfc3339(1_795_304_000_250_000), "2026-11-21T23:33:20.25Z");
        assert_eq!(rfc3339(i64::MAX), format!("{} µs", i64::MAX));
    }
}
