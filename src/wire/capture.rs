//! Captured calls as JSON lines: what `deliveries export` writes and `replay` reads. docs/replay.md describes the fields.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::time::{rfc3339, rfc3339_second};
use crate::domain::call::Endpoint;
use crate::domain::ledger::Delivery;
use crate::domain::outcome::Outcome;

/// Longest line that is read, in bytes. A body of 256 KiB needs six bytes for each of its own at worst, as `\u0001`.
pub const MAX_LINE_BYTES: usize = 2 * 1024 * 1024;

/// Longest body, in bytes: no receiver takes a longer one.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// One line of a capture. Only `endpoint` and `body` are needed; what an exporter knows besides is optional for readers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs)] // docs/replay.md, "The capture".
pub struct Line {
    #[serde(default)]
    pub received_at: Option<String>,
    #[serde(default)]
    pub event_time: Option<String>,
    #[serde(default)]
    pub source: Option<String>,
    #[serde(default)]
    pub tenant: String,
    pub endpoint: String,
    #[serde(default)]
    pub method: Option<String>,
    #[serde(default)]
    pub path: Option<String>,
    #[serde(default)]
    pub check_only: bool,
    #[serde(default)]
    pub headers: Option<Box<RawValue>>,
    #[serde(default)]
    pub webhook_id: Option<String>,
    #[serde(default)]
    pub track_id: Option<String>,
    #[serde(default)]
    pub outcome: Option<String>,
    #[serde(default)]
    pub code: Option<i32>,
    #[serde(default)]
    pub result: Option<String>,
    pub body: Option<String>,
    #[serde(default)]
    pub body_sha256: Option<String>,
}

/// A call that was captured somewhere, as much as is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// When it came, in microseconds since 1970.
    pub received_at: Option<i64>,
    /// The second that it counts as of.
    pub event_second: Option<i64>,
    /// The source that it was received for.
    pub source: Option<String>,
    /// The tenant, empty for none.
    pub tenant: String,
    /// Where it came in.
    pub endpoint: Endpoint,
    /// Whether it only asked.
    pub check_only: bool,
    /// Its id.
    pub webhook_id: Option<String>,
    /// `X-CloudPlatform-TrackId`.
    pub track_id: Option<String>,
    /// What became of it.
    pub outcome: Option<Outcome>,
    /// The code answered.
    pub code: Option<i32>,
    /// The result answered.
    pub result: Option<String>,
    /// The body; none where it was emptied.
    pub body: Option<String>,
}

impl Captured {
    /// Whether it was refused: a code other than 0, and than the 1 that `Exists` answers.
    #[must_use]
    pub fn was_refused(&self) -> bool {
        match self.outcome {
            Some(outcome) => outcome == Outcome::Rejected,
            None => self.code.is_some_and(|code| !matches!(code, 0 | 1)),
        }
    }
}

impl Captured {
    /// Whether a replay should only ask: it changed nothing when it was captured, because it was refused or because
    /// something newer was known. Within one second, only the receiver that captured it knows what came first.
    #[must_use]
    pub fn only_asks(&self) -> bool {
        self.was_refused() || self.outcome == Some(Outcome::Stale)
    }
}

/// The id of a call that had none: the same whenever and wherever it is computed.
///
/// Each part goes in with its length, so that no two calls spell the same name. `received_at` is in microseconds since
/// 1970, `digest` the SHA-256 of the body.
#[must_use]
pub fn capture_id(source: &str, tenant: &str, endpoint: Endpoint, received_at: i64, digest: &[u8; 32]) -> String {
    let mut hash = Sha256::new();
    for part in [source.as_bytes(), tenant.as_bytes(), endpoint.as_str().as_bytes(), &received_at.to_be_bytes(), digest]
    {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    format!("cap_{}", hex::encode(hash.finalize()))
}

impl Line {
    /// The line of a delivery. `event_second` is the second that it counted as of, `body` its redacted body.
    #[must_use]
    pub fn of(delivery: Delivery, event_second: i64, body: Option<Vec<u8>>) -> Self {
        let webhook_id = delivery.webhook_id.unwrap_or_else(|| {
            let digest = &delivery.body_digest;
            capture_id(&delivery.source, &delivery.tenant, delivery.endpoint, delivery.received_at, digest)
        });
        Self {
            received_at: Some(rfc3339(delivery.received_at)),
            event_time: Some(rfc3339_second(event_second)),
            source: Some(delivery.source),
            tenant: delivery.tenant,
            endpoint: delivery.endpoint.as_str().to_owned(),
            method: Some("POST".to_owned()),
            path: Some(delivery.path),
            check_only: delivery.check_only,
            headers: RawValue::from_string(delivery.headers).ok(),
            webhook_id: Some(webhook_id),
            track_id: delivery.track_id,
            outcome: Some(delivery.outcome.as_str().to_owned()),
            code: Some(delivery.code),
            result: delivery.result,
            // Bodies are stored as text: JSON, or what redaction made of something else.
            body: body.map(|body| String::from_utf8_lossy(&body).into_owned()),
            body_sha256: Some(hex::encode(delivery.body_digest)),
        }
    }

    /// The line as JSON, without its end.
    #[must_use]
    pub fn json(&self) -> String {
        // Texts, numbers and JSON that was checked: this cannot fail, and no line would be no worse than a panic.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a line.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it. It never holds a part of the body.
    pub fn read(text: &str) -> Result<Captured, String> {
        let line: Self = serde_json::from_str(text).map_err(|error| format!("it is no captured call: {error}"))?;
        if line.method.as_deref().is_some_and(|method| !method.eq_ignore_ascii_case("POST")) {
            return Err("its method is not POST".to_owned());
        }
        if let (Some(digest), Some(body)) = (&line.body_sha256, &line.body)
            && !digest.eq_ignore_ascii_case(&hex::encode(Sha256::digest(body.as_bytes())))
        {
            return Err(
                "its body is not the one of body_sha256; take that field out to send a body that was edited".to_owned()
            );
        }
        Ok(Captured {
            received_at: line.received_at.as_deref().map(micros).transpose()?,
            event_second: line.event_time.as_deref().map(micros).transpose()?.map(|at| at.div_euclid(1_000_000)),
            source: line.source,
            tenant: line.tenant,
            endpoint: endpoint(&line.endpoint).ok_or_else(|| format!("there is no endpoint {:?}", line.endpoint))?,
            check_only: line.check_only,
            webhook_id: line.webhook_id,
            track_id: line.track_id,
            outcome: line.outcome.as_deref().and_then(Outcome::parse),
            code: line.code,
            result: line.result,
            body: line.body,
        })
    }
}

/// A call of which nothing but the body is known.
#[must_use]
pub fn only_body(body: String, endpoint: Endpoint, tenant: &str) -> Captured {
    Captured {
        received_at: None,
        event_second: None,
        source: None,
        tenant: tenant.to_owned(),
        endpoint,
        check_only: false,
        webhook_id: None,
        track_id: None,
        outcome: None,
        code: None,
        result: None,
        body: Some(body),
    }
}

/// Reads a time of a capture: RFC 3339, to microseconds since 1970.
///
/// # Errors
/// A sentence with the text that is no time.
pub fn micros(text: &str) -> Result<i64, String> {
    text.parse::<jiff::Timestamp>()
        .map(jiff::Timestamp::as_microsecond)
        .map_err(|_| format!("{text:?} is no time such as 2026-11-21T10:00:00Z"))
}

/// The endpoint that a path ends in, whatever stands before it and in any case.
#[must_use]
pub fn endpoint(path: &str) -> Option<Endpoint> {
    let path = path.trim_end_matches('/');
    Endpoint::ALL.into_iter().find(|endpoint| {
        let name = endpoint.as_str();
        let Some(start) = path.len().checked_sub(name.len()) else { return false };
        let ends = path.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(name));
        ends && (start == 0 || path.get(..start).is_some_and(|before| before.ends_with('/')))
    })
}

/// What a file of JSON lines holds, told by its first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Captured calls.
    Calls,
    /// Nothing but bodies.
    Bodies,
    /// An HTTP archive on one line.
    Archive,
    /// Not a line of JSON.
    NoLine,
}

/// Tells what a file of JSON lines holds by its first line.
#[must_use]
pub fn shape(first: &str) -> Shape {
    match serde_json::from_str::<Value>(first) {
        Ok(Value::Object(line)) if line.contains_key("endpoint") && line.contains_key("body") => Shape::Calls,
        Ok(Value::Object(line)) if line.get("log").is_some_and(Value::is_object) => Shape::Archive,
        Ok(Value::Object(_)) => Shape::Bodies,
        Ok(_) | Err(_) => Shape::NoLine,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_pinned() {
        // A literal: were it to change, a capture sent again would be taken for new calls.
        let id = capture_id("eu", "", Endpoint::Synchronize, 1_795_304_000_000_000, &[7; 32]);
        assert_eq!(id, "cap_dd07b1feb51f1133176769004df0cdb36e09900e2c24e084214b63a629b0ea37");
        assert_ne!(id, capture_id("eu", "x", Endpoint::Synchronize, 1_795_304_000_000_000, &[7; 32]));
        assert_ne!(id, capture_id("e", "u", Endpoint::Synchronize, 1_795_304_000_000_000, &[7; 32]));
    }

    #[test]
    fn endpoints_are_found_under_any_prefix() {
        assert_eq!(endpoint("Accounts/Synchronize"), Some(Endpoint::Synchronize));
        assert_eq!(endpoint("/x/api/accounts/DELETE/"), Some(Endpoint::Delete));
        assert_eq!(endpoint("/x/MyAccounts/Delete"), None);
        assert_eq!(endpoint("é/Delete"), None);
    }

    #[test]
    fn shapes_are_told_apart() {
        assert_eq!(shape(r#"{"endpoint":"Accounts/Delete","body":"{}"}"#), Shape::Calls);
        assert_eq!(shape(r#"{"ID":"1","Role":"User"}"#), Shape::Bodies);
        assert_eq!(shape(r#"{"log":{"entries":[]}}"#), Shape::Archive);
        assert_eq!(shape("{"), Shape::NoLine);
    }

    #[test]
    fn a_changed_body_is_noticed() {
        let line = |digest: &str| {
            format!(r#"{{"endpoint":"Accounts/Delete","body":"x","body_sha256":"{digest}","event_time":null}}"#)
        };
        assert!(Line::read(&line(&hex::encode(Sha256::digest(b"x")))).is_ok());
        assert!(Line::read(&line("00")).is_err_and(|why| why.contains("body_sha256")));
    }
}
