//! What time it is, for everybody who stamps what the writer is to keep.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, in microseconds since 1970. A clock before that is taken for its beginning.
#[must_use]
pub fn now_micros() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
