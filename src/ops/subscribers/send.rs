//! Sends one event to a subscriber and tells what its answer means.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::DefaultConnector;

use super::guard::{Guard, NotPublic};
use crate::auth::standard;
use crate::config::subscribers::Subscriber;
use crate::domain::subscriber::course::Verdict;
use crate::domain::subscriber::pace::SECOND;
use crate::wire::event::CONTENT_TYPE;

/// Longest that looking a name up and connecting may take together with TLS, if the subscriber's timeout is not shorter.
const CONNECT: Duration = Duration::from_secs(10);

/// So much of an answer is read, so that the connection can be used again. What it says is of no interest.
const MAX_ANSWER: u64 = 16 * 1024;

/// Longest head of an answer.
const MAX_HEAD: usize = 16 * 1024;

/// What a connection reads into and writes from. Each hand of each subscriber has one, so that more is missed when there
/// are many; less than a head makes answers unreadable.
const READ_BUFFER: usize = 2 * MAX_HEAD;

/// See [`READ_BUFFER`]; longer events go in parts.
const WRITE_BUFFER: usize = 16 * 1024;

/// What came of sending an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// What that means for the event.
    pub verdict: Verdict,
    /// How it is counted.
    pub result: &'static str,
}

/// Longest reason that is kept, in characters: what a certificate names may be long.
const MAX_WHY: usize = 300;

fn brief(why: &str) -> String {
    why.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_WHY).collect()
}

impl Sent {
    fn refused(result: &'static str, why: String, retry_after: Option<i64>, busy: bool) -> Self {
        let why = brief(&why);
        Self { verdict: Verdict::Refused { why, retry_after, busy }, result }
    }

    fn unreachable(why: String) -> Self {
        let why = brief(&why);
        Self { verdict: Verdict::Unreachable { why }, result: "unreachable" }
    }
}

/// Sends to one subscriber; keeps connections open. Cheap to clone.
#[derive(Clone)]
pub struct Sender {
    agent: ureq::Agent,
    subscriber: Arc<Subscriber>,
}

impl Sender {
    /// One for this subscriber.
    #[must_use]
    pub fn new(subscriber: Arc<Subscriber>) -> Self {
        let connect = CONNECT.min(subscriber.timeout);
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(subscriber.timeout))
            .timeout_resolve(Some(connect))
            .timeout_connect(Some(connect))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(MAX_HEAD)
            .input_buffer_size(READ_BUFFER)
            .output_buffer_size(WRITE_BUFFER)
            .max_idle_connections(subscriber.parallel)
            .max_idle_connections_per_host(subscriber.parallel)
            .user_agent(concat!("tiersync/", env!("CARGO_PKG_VERSION")))
            // A proxy would look the name up itself, and nobody would judge the address.
            .proxy(None)
            .build();
        let connector = DefaultConnector::default();
        let agent = if subscriber.allow_private {
            ureq::Agent::with_parts(config, connector, DefaultResolver::default())
        } else {
            ureq::Agent::with_parts(config, connector, Guard::new())
        };
        Self { agent, subscriber }
    }

    /// The subscriber.
    #[must_use]
    pub fn subscriber(&self) -> &Arc<Subscriber> {
        &self.subscriber
    }

    /// Sends a body under an id, signed as of `second` since 1970. Blocks for as long as the subscriber's timeout.
    #[must_use]
    pub fn send(&self, id: &str, body: &[u8], second: i64) -> Sent {
        let signatures: Vec<String> =
            self.subscriber.secrets.iter().map(|secret| standard::sign(secret, id, second, body)).collect();
        let request = self
            .agent
            .post(self.subscriber.endpoint.as_str())
            .header("Content-Type", CONTENT_TYPE)
            .header("webhook-id", id)
            .header("webhook-timestamp", second.to_string())
            .header("webhook-signature", signatures.join(" "));
        match request.send(body) {
            Ok(mut response) => {
                let status = response.status().as_u16();
                let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
                let after = after.and_then(|text| retry_after(text, second));
                // The status decides; a body that breaks off only costs the connection.
                let _ = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec();
                answered(status, after)
            }
            Err(error) => failed(&error),
        }
    }
}

/// What a status means.
fn answered(status: u16, after: Option<i64>) -> Sent {
    let why = format!("HTTP {status}");
    match status {
        200..=299 => Sent { verdict: Verdict::Delivered, result: "delivered" },
        410 => Sent { verdict: Verdict::Gone, result: "gone" },
        300..=399 => {
            Sent::refused("redirected", format!("{why}: redirects are not followed; correct its url"), after, false)
        }
        429 | 503 => Sent::refused("busy", why, after, true),
        500..=599 => Sent::refused("failed", why, after, false),
        _ => Sent::refused("refused", why, after, false),
    }
}

/// What it means that there was no answer. The text names no more than the address.
fn failed(error: &ureq::Error) -> Sent {
    match error {
        ureq::Error::Other(why) if why.is::<NotPublic>() => {
            Sent { verdict: Verdict::Unreachable { why: why.to_string() }, result: "not_public" }
        }
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => Sent::unreachable(error.to_string()),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::TlsRequired => Sent::unreachable(error.to_string()),
        ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => Sent::unreachable(error.to_string()),
        ureq::Error::Timeout(_) => Sent::refused("timeout", error.to_string(), None, false),
        // A name that is not found is an error of no kind (`getaddrinfo`); the others never came to a connection either.
        ureq::Error::Io(io) if !came_through(io) => Sent::unreachable(error.to_string()),
        _ => Sent::refused("broken", error.to_string(), None, false),
    }
}

/// Whether there was a connection that then broke: what was sent may be to blame.
fn came_through(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::WriteZero
            | io::ErrorKind::InvalidData
    )
}

/// `Retry-After`: seconds, or a date (RFC 9110, 10.2.3). In microseconds.
fn retry_after(text: &str, now: i64) -> Option<i64> {
    let text = text.trim();
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => i64::try_from(seconds).unwrap_or(i64::MAX),
        Err(_) => jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_second().saturating_sub(now).max(0),
    };
    Some(seconds.saturating_mul(SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(answered(status, None).verdict, Verdict::Delivered, "{status}");
        }
        assert_eq!(answered(410, Some(1)).verdict, Verdict::Gone);
        for (status, result, busy) in [
            (302, "redirected", false),
            (308, "redirected", false),
            (400, "refused", false),
            (404, "refused", false),
            (429, "busy", true),
            (500, "failed", false),
            (502, "failed", false),
            (503, "busy", true),
        ] {
            let sent = answered(status, Some(5));
            assert_eq!(sent.result, result, "{status}");
            let said = matches!(&sent.verdict, Verdict::Refused { why, retry_after: Some(5), busy: said }
                if *said == busy && why.starts_with(&format!("HTTP {status}")));
            assert!(said, "{sent:?}");
        }
    }

    #[test]
    fn failures_before_a_connection_are_the_endpoints() {
        let io = |kind| ureq::Error::Io(io::Error::from(kind));
        for (error, result) in [
            (ureq::Error::HostNotFound, "unreachable"),
            (io(io::ErrorKind::ConnectionRefused), "unreachable"),
            (io(io::ErrorKind::NetworkUnreachable), "unreachable"),
            (ureq::Error::Timeout(ureq::Timeout::Connect), "unreachable"),
            (ureq::Error::Tls("no"), "unreachable"),
            (ureq::Error::Other(Box::new(NotPublic)), "not_public"),
        ] {
            let sent = failed(&error);
            assert!(matches!(sent.verdict, Verdict::Unreachable { .. }) && sent.result == result, "{sent:?}");
        }
        for (error, result) in [
            (ureq::Error::Timeout(ureq::Timeout::Global), "timeout"),
            (io(io::ErrorKind::ConnectionReset), "broken"),
            (io(io::ErrorKind::UnexpectedEof), "broken"),
        ] {
            let sent = failed(&error);
            assert!(matches!(sent.verdict, Verdict::Refused { .. }) && sent.result == result, "{sent:?}");
        }
    }

    #[test]
    fn many_connections_are_no_way_to_fill_memory() -> Result<(), crate::config::ConfigError> {
        let table = "[[subscriber]]\nid = \"crm\"\nurl = \"https://crm.example/\"\nsecret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"";
        let config = crate::config::Config::from_toml(table)?;
        let sender = Sender::new(config.subscribers[0].clone());
        let kept = sender.agent.config();
        assert!(kept.input_buffer_size() > kept.max_response_header_size());
        assert!(kept.input_buffer_size() + kept.output_buffer_size() <= 64 * 1024);
        Ok(())
    }

    #[test]
    fn waits_are_read() {
        let now = 1_763_719_200; // 2025-11-21T10:00:00Z
        for (text, seconds) in [
            (" 5 ", Some(5)),
            ("0", Some(0)),
            ("Fri, 21 Nov 2025 10:01:00 GMT", Some(60)),
            ("Fri, 21 Nov 2025 09:00:00 GMT", Some(0)),
            ("soon", None),
            ("-5", None),
            ("", None),
        ] {
            assert_eq!(retry_after(text, now), seconds.map(|seconds| seconds * SECOND), "{text}");
        }
        assert_eq!(retry_after("18446744073709551615", now), Some(i64::MAX));
    }
}
