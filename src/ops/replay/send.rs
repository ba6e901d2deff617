//! Sends one call and tells what its answer means.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::Value;

use super::letter::Letter;
use crate::config::sender::Sender;
use crate::domain::call::Endpoint;

/// How long one call may take. A receiver may let it wait 25 s for its commit.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longest answer that is read, in bytes. The protocol's is a few hundred.
const MAX_ANSWER: u64 = 1024 * 1024;

/// Longest `Retry-After` that is obeyed; a receiver that wants longer is asked again after this.
const LONGEST_RETRY: Duration = Duration::from_secs(120);

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
    /// The credentials are not taken.
    NotLetIn,
    /// Anything else.
    Failed(String),
}

/// A connection to the receiver, kept open between calls. Each worker has its own.
pub struct Client<'a> {
    agent: ureq::Agent,
    base: &'a str,
    sender: &'a Sender,
    tenant_header: Option<String>,
    dry_run: bool,
}

impl<'a> Client<'a> {
    /// A client for the receiver whose endpoints stand below `base`. With `dry_run` every call only asks.
    #[must_use]
    pub fn new(base: &'a str, sender: &'a Sender, dry_run: bool) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("tiersync/", env!("CARGO_PKG_VERSION")))
            .proxy(None)
            .build()
            .new_agent();
        let tenant_header = sender.tenant_setting.as_ref().map(|name| format!("X-CloudPlatform-Setting-{name}"));
        Self { agent, base, sender, tenant_header, dry_run }
    }

    /// Sends a call once. `now` is in seconds since 1970.
    #[must_use]
    pub fn send(&self, letter: &Letter, now: i64) -> Attempt {
        let query = if letter.check_only || self.dry_run { "?checkonly=true" } else { "" };
        let mut request = self
            .agent
            .post(format!("{}/{}{query}", self.base, letter.endpoint.as_str()))
            .header("Content-Type", "application/json")
            .header("X-CloudPlatform-ApplicationId", &self.sender.application_id);
        if let Some(key) = &self.sender.api_key {
            request = request.header("X-CloudPlatform-APIKey", key.expose_secret());
        }
        if let (Some(header), false) = (&self.tenant_header, letter.tenant.is_empty()) {
            request = request.header(header, letter.tenant.as_bytes());
        }
        if let Some(track) = &letter.track_id {
            request = request.header("X-CloudPlatform-TrackId", track.as_bytes());
        }
        if let Some((second, signature)) = letter.signature(self.sender, now) {
            request = request
                .header("webhook-id", &letter.id)
                .header("webhook-timestamp", second.to_string())
                .header("webhook-signature", signature);
        }
        match request.send(letter.body.as_bytes()) {
            Ok(response) => read(letter.endpoint, response),
            Err(error) => failed(&error),
        }
    }
}

/// A call that was not answered. The text of the error names the receiver at most.
fn failed(error: &ureq::Error) -> Attempt {
    match error {
        ureq::Error::Io(_)
        | ureq::Error::Timeout(_)
        | ureq::Error::ConnectionFailed
        | ureq::Error::HostNotFound
        | ureq::Error::Tls(_)
        | ureq::Error::Rustls(_)
        | ureq::Error::Protocol(_) => Attempt::Again { why: error.to_string(), after: None, silent: true },
        other => Attempt::Failed(other.to_string()),
    }
}

fn read(endpoint: Endpoint, mut response: ureq::http::Response<ureq::Body>) -> Attempt {
    let status = response.status().as_u16();
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (outcome, after) = (header("x-tiersync-outcome"), header("retry-after"));
    let bytes = match response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec() {
        Ok(bytes) => bytes,
        Err(error) => return failed(&error),
    };
    match status {
        200 | 400 => match code(endpoint, &bytes) {
            Some(code) => Attempt::Answered { code, outcome: outcome.filter(|outcome| is_word(outcome)) },
            None => Attempt::Failed(format!("HTTP {status} without the protocol's answer; is --to the base URL?")),
        },
        401 => Attempt::NotLetIn,
        // A gateway that does not reach the receiver says 502 or 504: a broken connection, one step on.
        429 | 502 | 503 | 504 => {
            let after = after.as_deref().and_then(retry_after);
            Attempt::Again { why: format!("HTTP {status}"), after, silent: false }
        }
        300..=399 => Attempt::Failed(format!("HTTP {status}: the receiver is elsewhere; give its own URL to --to")),
        404 | 405 => Attempt::Failed(format!("HTTP {status}: there is no such endpoint below --to")),
        _ => Attempt::Failed(format!("HTTP {status}")),
    }
}

/// What a receiver says goes into tables and reports: a word, or nothing.
fn is_word(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// `Code` of an answer; `Fields/Validate` answers a bare list.
fn code(endpoint: Endpoint, bytes: &[u8]) -> Option<i32> {
    match serde_json::from_slice::<Value>(bytes).ok()? {
        Value::Object(answer) => answer.get("Code")?.as_i64().and_then(|code| i32::try_from(code).ok()),
        Value::Array(_) if endpoint == Endpoint::ValidateFields => Some(0),
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
        for other in ["", "[]", "{}", "<html>", r#"{"Code":"0"}"#, "7"] {
            assert_eq!(code(sync, other.as_bytes()), None, "{other}");
        }
        assert_eq!(code(Endpoint::ValidateFields, b"[]"), Some(0));
    }

    #[test]
    fn a_wait_is_bounded() {
        assert_eq!(retry_after(" 5 "), Some(Duration::from_secs(5)));
        assert_eq!(retry_after("99999999"), Some(LONGEST_RETRY));
        assert_eq!(retry_after("Fri, 21 Nov 2025 10:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(retry_after("soon"), None);
    }
}
