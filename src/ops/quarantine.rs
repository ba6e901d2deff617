//! Runs refused calls once more, under the rules of today and at their own event times.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

use crate::config::Config;
use crate::domain::call::{Again, Call, Request};
use crate::domain::case::{Case, CaseKey, Closed, ClosedAs};
use crate::domain::ids::{DeliveryId, PlatformId, Scope, SourceId, Tenant};
use crate::domain::ledger::Delivery;
use crate::domain::outcome::{Code, Outcome};
use crate::domain::policy::{ResellerChange, SourcePolicy};
use crate::store::{AnyConnection, StoreError, cases, deliveries};
use crate::wire::intent::{self, Reading};

/// Why a delivery cannot be run again.
#[derive(Debug, Error)]
pub enum QuarantineError {
    /// Nothing of this id.
    #[error("there is no delivery {0}; `tiersync deliveries cases` lists what is in quarantine")]
    NotFound(DeliveryId),
    /// It was not refused, or for a reason that the caller has to put right.
    #[error("delivery {0} is not in quarantine: it was {1}, code {2}")]
    NotQuarantined(DeliveryId, &'static str, i32),
    /// Its case has ended.
    #[error("case {0} is closed: {1}")]
    Closed(DeliveryId, ClosedAs),
    /// Retention or an erasure emptied its body.
    #[error(
        "the body of delivery {0} was emptied, so it cannot be run again; close the case with `deliveries resolve`"
    )]
    BodyEmptied(DeliveryId),
    /// Its source is in no configuration any longer.
    #[error("source \"{0}\" is not configured, so its rules are unknown; put it back into the configuration")]
    SourceGone(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A call that is ready to be run again.
#[derive(Debug)]
pub struct Prepared {
    /// Its case; none for a change of reseller under review, which is no refusal.
    pub case: Option<Case>,
    /// The delivery that it repeats.
    pub original: DeliveryId,
    /// The call.
    pub call: Call,
    /// The rules.
    pub policy: Arc<SourcePolicy>,
}

/// Prepares a case, named by its own id or by a delivery that belongs to it. `accept` takes a change of reseller over
/// that policy holds back; such a call may also be one that was taken and is under review. `now` is in microseconds since
/// 1970.
///
/// # Errors
/// [`QuarantineError`] says what stands in the way.
pub fn prepare(
    config: &Config,
    connection: &mut AnyConnection,
    id: DeliveryId,
    accept: bool,
    now: i64,
) -> Result<Prepared, QuarantineError> {
    if let Some(case) = cases::find(connection, id)? {
        return prepare_case(config, connection, case, accept, now);
    }
    let Some((delivery, _)) = deliveries::find(connection, id)? else {
        return Err(QuarantineError::NotFound(id));
    };
    if let Some(case) = case_of(connection, &delivery)? {
        return prepare_case(config, connection, case, accept, now);
    }
    if !accept || delivery.outcome == Outcome::Rejected {
        return Err(QuarantineError::NotQuarantined(id, delivery.outcome.as_str(), delivery.code));
    }
    let (call, policy) = again(config, connection, &delivery, Again { original: id, case: None, accept }, now)?;
    Ok(Prepared { case: None, original: id, call, policy })
}

/// As [`prepare`], for a case at hand.
///
/// # Errors
/// [`QuarantineError`] says what stands in the way.
pub fn prepare_case(
    config: &Config,
    connection: &mut AnyConnection,
    case: Case,
    accept: bool,
    now: i64,
) -> Result<Prepared, QuarantineError> {
    if let Some(closed) = &case.closed {
        return Err(QuarantineError::Closed(case.id, closed.how));
    }
    let original = case.refusals.last;
    let Some((delivery, _)) = deliveries::find(connection, original)? else {
        return Err(QuarantineError::NotFound(original));
    };
    let about = Again { original, case: Some((case.id, case.key.code)), accept };
    let (call, policy) = again(config, connection, &delivery, about, now)?;
    Ok(Prepared { case: Some(case), original, call, policy })
}

/// The open case of this id, or the one that this delivery belongs to.
///
/// # Errors
/// [`QuarantineError`] when there is none.
pub fn open_case(connection: &mut AnyConnection, id: DeliveryId) -> Result<Case, QuarantineError> {
    if let Some(case) = cases::find(connection, id)? {
        return match &case.closed {
            Some(closed) => Err(QuarantineError::Closed(id, closed.how)),
            None => Ok(case),
        };
    }
    let (delivery, _) = deliveries::find(connection, id)?.ok_or(QuarantineError::NotFound(id))?;
    case_of(connection, &delivery)?
        .ok_or_else(|| QuarantineError::NotQuarantined(id, delivery.outcome.as_str(), delivery.code))
}

/// The open case that a refused delivery belongs to.
fn case_of(connection: &mut AnyConnection, delivery: &Delivery) -> Result<Option<Case>, StoreError> {
    let quarantined = Code::parse(delivery.code).is_some_and(Code::is_quarantined);
    let (true, Some(platform_id)) = (quarantined, &delivery.platform_id) else {
        return Ok(None);
    };
    let key = CaseKey {
        scope: scope(delivery),
        platform_id: PlatformId::stored(platform_id),
        endpoint: delivery.endpoint,
        code: delivery.code,
        digest: delivery.body_digest,
    };
    cases::open_of(connection, &key)
}

fn scope(delivery: &Delivery) -> Scope {
    Scope { source: SourceId::stored(&delivery.source), tenant: Tenant::stored(&delivery.tenant) }
}

/// Makes a call of a stored delivery again. Its body is the redacted one, in which a mark means "leave this value".
fn again(
    config: &Config,
    connection: &mut AnyConnection,
    delivery: &Delivery,
    about: Again,
    now: i64,
) -> Result<(Call, Arc<SourcePolicy>), QuarantineError> {
    let source = config
        .sources
        .iter()
        .find(|source| source.credentials.id.as_str() == delivery.source)
        .ok_or_else(|| QuarantineError::SourceGone(delivery.source.clone()))?;
    let body = deliveries::body(connection, delivery.body_of)?.ok_or(QuarantineError::BodyEmptied(delivery.id))?;
    let mut policy = source.policy.clone();
    if about.accept {
        policy = Arc::new(SourcePolicy { reseller_change: ResellerChange::Accept, ..SourcePolicy::clone(&policy) });
    }
    let read = intent::read(Reading {
        endpoint: delivery.endpoint,
        body: &body,
        query: "",
        is_secret_option: &|id| config.is_secret_option(id),
        secret_options: &|| config.secret_options(),
        fields: &config.fields,
        settings: BTreeMap::new(),
    });
    let call = Call {
        scope: scope(delivery),
        endpoint: delivery.endpoint,
        check_only: false,
        replayed: true,
        event_second: delivery.event_second,
        received_at: now,
        signed_id: None,
        intent: read.intent,
        again: Some(about),
        request: Request {
            path: delivery.path.clone(),
            track_id: delivery.track_id.clone(),
            headers: serde_json::json!({"reprocesses": delivery.id.to_string()}).to_string(),
            digest: Sha256::digest(&read.stored_body).into(),
            body: read.stored_body,
        },
    };
    Ok((call, policy))
}

/// Closes a case by hand, within a write transaction.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn resolve(connection: &mut AnyConnection, case: DeliveryId, why: &str, now: i64) -> Result<bool, StoreError> {
    let closed = Closed { how: ClosedAs::Resolved, at: now, delivery: None, why: Some(why.to_owned()) };
    cases::close(connection, case, &closed)
}
