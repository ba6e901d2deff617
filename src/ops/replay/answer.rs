//! What an answer means.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, RETRY_AFTER};
use serde::Deserialize;

use crate::domain::call::Endpoint;

/// Longest `Retry-After` that is obeyed; a receiver that wants longer is asked again after this.
const LONGEST_RETRY: Duration = Duration::from_secs(120);

/// What the receiver says of a call besides the protocol's code.
const OUTCOME: HeaderName = HeaderName::from_static("x-tiersync-outcome");

/// What became of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// The receiver answered in the protocol's shape.
    Answered {
        /// `Code`.
        code: i32,
        /// What the receiver says of it in `X-Tiersync-Outcome`, if anything.
        outcome: Option<String>,
    },
    /// It may go better later.
    Again {
        /// Why.
        why: String,
        /// When the receiver wants to be asked again.
        after: Option<Duration>,
        /// Whether nobody answered at all.
        silent: bool,
    },
    /// No call will fare better: the credentials are not taken, or the receiver is not who it should be.
    Never(String),
    /// Anything else.
    Failed(String),
}

/// Reads an answer.
pub(super) fn read(endpoint: Endpoint, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Attempt {
    let header = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    match status.as_u16() {
        status @ (200 | 400) => match code(endpoint, body) {
            Some(code) => {
                let outcome = header(OUTCOME).filter(|outcome| is_word(outcome)).map(str::to_owned);
                Attempt::Answered { code, outcome }
            }
            None => Attempt::Failed(format!("HTTP {status} without the protocol's answer; is --to the base URL?")),
        },
        401 => Attempt::Never(
            "the receiver does not let these calls in (401); see that application id, API key and replay secret are those \
             of its source, and that both clocks agree"
                .to_owned(),
        ),
        // A gateway that does not reach the receiver says 502 or 504: a broken connection, one step on.
        status @ (429 | 502 | 503 | 504) => {
            let after = header(RETRY_AFTER).and_then(retry_after);
            Attempt::Again { why: format!("HTTP {status}"), after, silent: false }
        }
        status @ 300..=399 => {
            Attempt::Failed(format!("HTTP {status}: the receiver is elsewhere; give its own URL to --to"))
        }
        status @ (404 | 405) => Attempt::Failed(format!("HTTP {status}: there is no such endpoint below --to")),
        status => Attempt::Failed(format!("HTTP {status}")),
    }
}

/// What a receiver says goes into tables and reports: a word, or nothing.
fn is_word(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// All that is read of an answer.
#[derive(Deserialize)]
struct Coded {
    #[serde(rename = "Code")]
    code: i32,
}

/// `Code` of an answer; `Fields/Validate` answers a bare list.
fn code(endpoint: Endpoint, body: &[u8]) -> Option<i32> {
    match body.trim_ascii_start().first()? {
        b'{' => serde_json::from_slice::<Coded>(body).ok().map(|answer| answer.code),
        b'[' if endpoint == Endpoint::ValidateFields => {
            serde_json::from_slice::<Vec<serde::de::IgnoredAny>>(body).ok().map(|_| 0)
        }
        _ => None,
    }
}

/// `Retry-After`: seconds, or a date (RFC 9110, 10.2.3).
fn retry_after(text: &str) -> Option<Duration> {
    let text = text.trim();
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            u64::try_from(at.as_second() - jiff::Timestamp::now().as_second()).unwrap_or(0)
        }
    };
    Some(Duration::from_secs(seconds).min(LONGEST_RETRY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_in_the_protocols_answers_only() {
        let sync = Endpoint::Synchronize;
        assert_eq!(code(sync, br#"{"Code":1004,"Message":"x"}"#), Some(1004));
        assert_eq!(code(sync, br#" {"Result":{"Code":7},"Code":0}"#), Some(0));
        for other in ["", "[]", "[0]", "{}", "<html>", r#"{"Code":"0"}"#, r#"{"Code":0.5}"#, r#"{"Code":0"#, "7"] {
            assert_eq!(code(sync, other.as_bytes()), None, "{other}");
        }
        assert_eq!(code(Endpoint::ValidateFields, b"[]"), Some(0));
        assert_eq!(code(Endpoint::ValidateFields, br#"["a setting is missing"]"#), Some(0));
    }

    #[test]
    fn a_wait_is_bounded() {
        assert_eq!(retry_after(" 5 "), Some(Duration::from_secs(5)));
        assert_eq!(retry_after("99999999"), Some(LONGEST_RETRY));
        assert_eq!(retry_after("Fri, 21 Nov 2025 10:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(retry_after("soon"), None);
    }
}
