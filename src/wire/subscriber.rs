//! Subscribers as people and tools see them.

use serde::Serialize;
use utoipa::ToSchema;

use super::time::rfc3339;
use crate::domain::subscriber::{ParkedFor, Standing as Kept};

/// How a subscriber stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubscriberView {
    /// Its id.
    pub id: String,
    /// `active`; `failing`: nothing was taken since `failing_since`; `parked`: nothing is sent until it is resumed; `new`:
    /// no receiver has worked for it yet; `removed`: it is in the configuration no longer.
    #[schema(example = "active")]
    pub state: &'static str,
    /// Where it listens, without a query; null where it is not configured.
    pub url: Option<String>,
    /// The kinds of event that it wants; null where it is not configured.
    pub events: Option<Vec<&'static str>>,
    /// Every change up to this position is done or held back.
    pub position: Option<i64>,
    /// Changes that it may still have to be sent.
    pub lag_events: Option<i64>,
    /// How long the oldest of them has waited.
    pub lag_seconds: Option<f64>,
    /// Events that are held back, since one of their account was refused.
    pub held: i64,
    /// Accounts whose event is not tried any longer, until the subscriber is resumed.
    pub given_up: i64,
    /// Since when nothing is sent.
    pub parked_at: Option<String>,
    /// Why: `gone` (it answered 410), `dead` (it took nothing for three days), `refusing` (no more can be held back).
    pub parked_for: Option<&'static str>,
    /// Since when nothing was taken.
    pub failing_since: Option<String>,
    /// How many pauses were made since then.
    pub attempts: u32,
    /// Until when everything waits.
    pub next_try: Option<String>,
    /// When it last took something.
    pub delivered_at: Option<String>,
    /// When something last went wrong.
    pub error_at: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
    /// When it was first configured.
    pub registered_at: Option<String>,
}

/// What is kept of a subscriber, and what follows from it.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// How far it is.
    pub standing: &'a Kept,
    /// When it was first configured, in microseconds since 1970.
    pub registered_at: i64,
    /// Changes that it may still have to be sent.
    pub lag_events: i64,
    /// How long the oldest of them has waited, in microseconds.
    pub lag_micros: i64,
    /// Events that are held back.
    pub held: i64,
    /// Accounts whose event is not tried any longer.
    pub given_up: i64,
}

impl SubscriberView {
    /// A subscriber. `url` and `events` are none where it is not configured, `standing` where nothing is kept of it.
    #[must_use]
    pub fn new(
        id: String,
        url: Option<String>,
        events: Option<Vec<&'static str>>,
        standing: Option<Standing<'_>>,
    ) -> Self {
        let kept = standing.map(|standing| standing.standing);
        let parked = kept.and_then(|kept| kept.parked);
        let health = kept.map(|kept| &kept.health);
        let failing_since = health.and_then(|health| health.failing_since);
        let error = health.and_then(|health| health.last_error.clone());
        let state = match (&url, kept) {
            (None, _) => "removed",
            (Some(_), None) => "new",
            (Some(_), Some(_)) if parked.is_some() => "parked",
            (Some(_), Some(_)) if failing_since.is_some() => "failing",
            (Some(_), Some(_)) => "active",
        };
        Self {
            id,
            state,
            url,
            events,
            position: kept.map(|kept| kept.position),
            lag_events: standing.map(|standing| standing.lag_events),
            lag_seconds: standing.map(|standing| standing.lag_micros as f64 / 1e6),
            held: standing.map_or(0, |standing| standing.held),
            given_up: standing.map_or(0, |standing| standing.given_up),
            parked_at: parked.map(|(at, _)| rfc3339(at)),
            parked_for: parked.map(|(_, why)| ParkedFor::as_str(why)),
            failing_since: failing_since.map(rfc3339),
            attempts: health.map_or(0, |health| health.attempts),
            next_try: health.and_then(|health| health.next_try).map(rfc3339),
            delivered_at: health.and_then(|health| health.delivered_at).map(rfc3339),
            error_at: error.as_ref().map(|(at, _)| rfc3339(*at)),
            error: error.map(|(_, text)| text),
            registered_at: standing.map(|standing| rfc3339(standing.registered_at)),
        }
    }
}
