//! Subscribers: what they are sent, how they stand, and what operators change about that.

pub mod guard;
pub mod send;

use thiserror::Error;

use self::send::{Sender, Sent};
use super::shown;
use crate::config::Config;
use crate::config::subscribers::Subscriber;
use crate::domain::operator::Visible;
use crate::domain::subscriber::course::Verdict;
use crate::store::audit::{self, Entry};
use crate::store::changes::{self, Change};
use crate::store::seen::accounts;
use crate::store::subscribers::{self, HeldBack, Kept};
use crate::store::{AnyConnection, StoreError};
use crate::wire::change::ChangeView;
use crate::wire::event::{self, Envelope};
use crate::wire::subscriber::{Standing, SubscriberView};
use crate::wire::time::rfc3339;
use crate::writer::now_micros;

/// Rows read at once.
const PAGE: i64 = 500;

/// Whether a subscriber wants a change.
#[must_use]
pub fn wants(subscriber: &Subscriber, change: &Change) -> bool {
    let scope = &change.key.scope;
    subscriber.wanted.wants(change.entry.event.kind())
        && subscriber.wanted.wants_of(scope.source.as_str(), scope.tenant.as_str())
}

/// An event that is ready to be sent.
#[derive(Debug, Clone)]
pub struct Ready {
    /// Its `webhook-id`.
    pub id: String,
    /// Its body.
    pub body: Vec<u8>,
}

/// Makes the event at a position, with its account as it is now. None where there is nothing to send: the change is kept
/// no longer, or the subscriber does not want it any longer. `base` is the receiver's public URL.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn ready(
    connection: &mut AnyConnection,
    subscriber: &Subscriber,
    base: Option<&str>,
    position: i64,
) -> Result<Option<Ready>, StoreError> {
    let Some(change) = changes::at(connection, position)? else { return Ok(None) };
    if !wants(subscriber, &change) {
        return Ok(None);
    }
    let Change { at, entry, key, external_id, .. } = &change;
    let account = entry.account.to_string();
    let listed =
        accounts::named(connection, &Visible::All, &account)?.into_iter().find(|one| one.account.id == entry.account);
    let envelope = Envelope {
        position,
        at: *at,
        kind: entry.event.kind().as_str(),
        account: &account,
        subject: if external_id.as_str().is_empty() { &account } else { external_id.as_str() },
        source: key.scope.source.as_str(),
    };
    let view = ChangeView::new(position, *at, entry, key, external_id);
    let body = envelope.body(base, &view, listed.as_ref().map(shown::account).as_ref());
    Ok(Some(Ready { id: envelope.webhook_id(&subscriber.id), body }))
}

/// Sends a ping to a subscriber, once. It is in no feed and changes nothing.
#[must_use]
pub fn ping(sender: &Sender, base: Option<&str>) -> Sent {
    let (now, id) = (now_micros(), &sender.subscriber().id);
    // No two have the same id, and none that of a change.
    let event = format!("ping-{}", uuid::Uuid::new_v4().simple());
    sender.send(&format!("{id}-{event}"), &event::ping(base, id, &event, now), now / 1_000_000)
}

/// Why a ping failed, in words; none where it was taken.
#[must_use]
pub fn complaint(sent: &Sent) -> Option<String> {
    match &sent.verdict {
        Verdict::Delivered => None,
        Verdict::Gone => Some("HTTP 410: it wants no more".to_owned()),
        Verdict::Refused { why, .. } | Verdict::Unreachable { why } => Some(why.clone()),
        Verdict::Unwanted | Verdict::Untried => Some("it was not sent".to_owned()),
    }
}

/// How far a subscriber is behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lag {
    /// Events that it may still have to be sent.
    pub events: i64,
    /// How long the oldest of them has waited, in microseconds.
    pub micros: i64,
    /// What of them is held back.
    pub held: HeldBack,
}

/// How far a subscriber is behind.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn lag(connection: &mut AnyConnection, kept: &Kept, now: i64) -> Result<Lag, StoreError> {
    let end = changes::end(connection)?;
    let held = subscribers::held_back(connection, &kept.id)?;
    let behind = (end - kept.standing.position).max(0);
    let oldest = held.oldest.or((behind > 0).then_some(kept.standing.position + 1));
    let since = match oldest {
        Some(position) => changes::at(connection, position)?.map(|change| change.at),
        None => None,
    };
    let micros = since.map_or(0, |since| now.saturating_sub(since).max(0));
    Ok(Lag { events: behind + held.events, micros, held })
}

/// How one subscriber stands.
///
/// # Errors
/// As [`lag`].
pub fn view(
    connection: &mut AnyConnection,
    configured: Option<&Subscriber>,
    kept: Option<&Kept>,
    now: i64,
) -> Result<SubscriberView, StoreError> {
    let id = configured.map(|subscriber| subscriber.id.clone()).or_else(|| kept.map(|kept| kept.id.clone()));
    let standing = match kept {
        Some(kept) => {
            let lag = lag(connection, kept, now)?;
            Some(Standing {
                standing: &kept.standing,
                registered_at: kept.registered_at,
                lag_events: lag.events,
                lag_micros: lag.micros,
                held: lag.held.events,
                given_up: lag.held.given_up,
            })
        }
        None => None,
    };
    let link = configured.map(|subscriber| subscriber.endpoint.shown());
    let events = configured.map(|subscriber| subscriber.wanted.names().collect());
    Ok(SubscriberView::new(id.unwrap_or_default(), link, events, standing))
}

/// How all subscribers stand that are configured or ever were, by id.
///
/// # Errors
/// As [`lag`].
pub fn views(connection: &mut AnyConnection, config: &Config, now: i64) -> Result<Vec<SubscriberView>, StoreError> {
    let mut views = Vec::new();
    let mut after = String::new();
    loop {
        let page = subscribers::list(connection, &after, PAGE)?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        for kept in &page {
            views.push(view(connection, configured(config, &kept.id), Some(kept), now)?);
        }
    }
    for subscriber in config.subscribers.iter() {
        if !views.iter().any(|known| known.id == subscriber.id) {
            views.push(view(connection, Some(subscriber), None, now)?);
        }
    }
    views.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(views)
}

/// The subscriber of this id in the configuration.
#[must_use]
pub fn configured<'a>(config: &'a Config, id: &str) -> Option<&'a Subscriber> {
    config.subscribers.iter().find(|subscriber| subscriber.id == id).map(AsRef::as_ref)
}

/// Where to send the past from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// Behind this position of the feed.
    Position(i64),
    /// What was committed at or after this time, in microseconds since 1970.
    Time(i64),
}

/// The same for the audit trail.
#[must_use]
pub fn said(from: From) -> serde_json::Value {
    match from {
        From::Position(after) => serde_json::json!({"after": after}),
        From::Time(since) => serde_json::json!({"since": rfc3339(since)}),
    }
}

/// Why an operator's change is not made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ManageError {
    /// Nothing is kept of this subscriber.
    #[error("no receiver has worked for subscriber \"{0}\" yet; see `tiersync subscribers list`")]
    NotKept(String),
    /// That is not the past.
    #[error(
        "position {asked} lies ahead: the subscriber stands at {position}, and only what is behind that can be sent again"
    )]
    Ahead {
        /// What was asked for.
        asked: i64,
        /// Where it stands.
        position: i64,
    },
    /// The feed does not go back so far.
    #[error("changes up to position {pruned_to} are kept no longer; send again from there with --after {pruned_to}")]
    Pruned {
        /// The last position that is gone.
        pruned_to: i64,
    },
    /// It is still in the configuration.
    #[error("subscriber \"{0}\" is in the configuration; take it out and restart the receivers first")]
    Configured(String),
}

/// Lets a subscriber go on where it stood, within a write transaction.
///
/// # Errors
/// [`StoreError`] when a statement fails; what the operator can put right is within.
pub fn resume(connection: &mut AnyConnection, id: &str, entry: &Entry) -> Result<Result<(), ManageError>, StoreError> {
    if !subscribers::resume(connection, id)? {
        return Ok(Err(ManageError::NotKept(id.to_owned())));
    }
    audit::record(connection, entry)?;
    Ok(Ok(()))
}

/// Sends the past again, within a write transaction. Returns the position behind which everything comes again.
///
/// # Errors
/// As [`resume`].
pub fn replay(
    connection: &mut AnyConnection,
    id: &str,
    from: From,
    entry: &Entry,
) -> Result<Result<i64, ManageError>, StoreError> {
    let Some(kept) = subscribers::find(connection, id)? else {
        return Ok(Err(ManageError::NotKept(id.to_owned())));
    };
    let position = kept.standing.position;
    let (_, pruned_to) = changes::ends(connection)?;
    let after = match from {
        From::Position(asked) if asked > position => return Ok(Err(ManageError::Ahead { asked, position })),
        From::Position(asked) if asked < pruned_to => return Ok(Err(ManageError::Pruned { pruned_to })),
        From::Position(asked) => asked,
        // What came since then is sent anyway where it has not been sent yet.
        From::Time(since) => changes::before(connection, since)?.min(position),
    };
    subscribers::set_back(connection, id, after)?;
    audit::record(connection, entry)?;
    Ok(Ok(after))
}

/// Forgets how far a subscriber is that is configured no longer, within a write transaction.
///
/// # Errors
/// As [`resume`].
pub fn forget(connection: &mut AnyConnection, id: &str, entry: &Entry) -> Result<Result<(), ManageError>, StoreError> {
    if !subscribers::forget(connection, id)? {
        return Ok(Err(ManageError::NotKept(id.to_owned())));
    }
    audit::record(connection, entry)?;
    Ok(Ok(()))
}
