//! One call as it is to be sent: under which id, as of which second, with which headers.

use hyper::body::Bytes;
use sha2::{Digest, Sha256};

use super::ReplayError;
use crate::auth::standard;
use crate::config::sender::Sender;
use crate::domain::call::Endpoint;
use crate::wire::capture::{Captured, MAX_BODY_BYTES, capture_id};

/// How calls are made up.
#[derive(Debug)]
pub enum Manner {
    /// As they were: under their ids, as of their seconds, signed with a replay secret. The time is for calls that bring
    /// none, in microseconds since 1970.
    AsCaptured(Option<i64>),
    /// As new ones, of now. The seed makes their ids, so that a call that goes again has the same.
    Fresh(String),
}

/// One call to be sent.
#[derive(Debug)]
pub struct Letter {
    /// Which one of the capture, from 1.
    pub position: u64,
    /// Where to.
    pub endpoint: Endpoint,
    /// Whether it only asks.
    pub check_only: bool,
    /// Whose it is, empty for none.
    pub tenant: String,
    /// `X-CloudPlatform-TrackId`.
    pub track_id: Option<String>,
    /// `webhook-id`.
    pub id: String,
    /// The second that it is signed as of; none for now.
    pub second: Option<i64>,
    /// What it was answered when it was captured.
    pub code: Option<i32>,
    /// The platform ID that it is about.
    pub account: Option<String>,
    /// The body, which is UTF-8. Attempts share it.
    pub body: Bytes,
}

/// Whether a receiver takes this text for a `webhook-id` (Standard Webhooks; a dot would make signatures ambiguous).
fn is_id(text: &str) -> bool {
    standard::Signed::read(text, "0", "").is_some()
}

impl Letter {
    /// Makes up a call, taking its body; none where that was emptied. `source` is the one that it was received for, `now` in seconds
    /// since 1970.
    ///
    /// # Errors
    /// [`ReplayError`] when the call has no time and none was given, or cannot be sent.
    pub fn of(
        position: u64,
        call: &mut Captured,
        account: Option<String>,
        source: &str,
        manner: &Manner,
        now: i64,
    ) -> Result<Option<Self>, ReplayError> {
        let Some(body) = call.body.take() else { return Ok(None) };
        if body.len() > MAX_BODY_BYTES {
            return Err(ReplayError::Broken(format!("call {position}: a body of more than 256 KiB is not sent")));
        }
        let (id, second) = match manner {
            Manner::Fresh(seed) => {
                let digest = Sha256::digest(format!("{seed}/{position}"));
                (format!("fresh_{}", hex::encode(digest)), None)
            }
            Manner::AsCaptured(at) => {
                let time = call.received_at.or(call.event_second.map(|second| second.saturating_mul(1_000_000)));
                let Some(time) = time.or(*at) else {
                    return Err(ReplayError::Usage(format!(
                        "call {position} has no time; say with --at TIME when it happened, or send it as new with --fresh"
                    )));
                };
                let digest: [u8; 32] = Sha256::digest(body.as_bytes()).into();
                let id = call.webhook_id.clone().filter(|id| is_id(id));
                let id = id.unwrap_or_else(|| capture_id(source, &call.tenant, call.endpoint, time, &digest));
                // What is signed as of the future is refused; a receiver counts no call as later than its receipt.
                (id, Some(call.event_second.unwrap_or(time.div_euclid(1_000_000)).clamp(0, now)))
            }
        };
        Ok(Some(Self {
            position,
            endpoint: call.endpoint,
            check_only: call.check_only,
            tenant: call.tenant.clone(),
            track_id: call
                .track_id
                .clone()
                .filter(|track| !track.trim().is_empty() && !track.chars().any(char::is_control)),
            id,
            second,
            code: call.code,
            account,
            body: body.into(),
        }))
    }

    /// The headers of Standard Webhooks; none where a fresh call goes unsigned. `now` is in seconds since 1970.
    #[must_use]
    pub fn signature(&self, sender: &Sender, now: i64) -> Option<(i64, String)> {
        let (secret, second) = match self.second {
            Some(second) => (sender.replay_secret.as_ref()?, second),
            None => (sender.signing_secret.as_ref()?, now),
        };
        Some((second, standard::sign(secret, &self.id, second, &self.body)))
    }
}
