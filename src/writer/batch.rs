//! One batch: look up what its calls name, plan them one behind the other, write what they came to. The transaction
//! around it is the caller's.

use super::faults::{Faults, Place};
use super::now_micros;
use super::planning;
use super::run::{Ran, Run};
use super::{Answered, Job};
use crate::domain::call::{Call, Intent, SignedId};
use crate::domain::classify::Rule;
use crate::domain::ids::DeliveryId;
use crate::domain::ledger::Delivery;
use crate::domain::plan::Planned;
use crate::domain::relation::Axis;
use crate::domain::world::{Changes, World};
use crate::store::chains::{Advance, Tail};
use crate::store::load::Purpose;
use crate::store::places::Places;
use crate::store::save::{self, NewDelivery};
use crate::store::transaction::Locks;
use crate::store::{AnyConnection, StoreError};

/// What a batch came to, if its transaction commits.
pub(super) struct Done {
    /// The answers, in the order of the calls.
    pub answered: Vec<Answered>,
    /// Where the chain ends now.
    pub tail: Tail,
    /// Where the change feed ends now; none where the batch changed nothing.
    pub feed_end: Option<i64>,
}

/// What calls do to the places of accounts, as far as they say so themselves. Most are about accounts as they are, and come
/// with the resellers that these have.
pub(super) fn foreseen_places(calls: &[&Call]) -> Places {
    let ends = |call: &&Call| matches!(call.intent, Intent::Delete { .. }) && !call.check_only;
    let stays = |call: &&Call| {
        matches!(call.intent, Intent::Synchronize(_) | Intent::Refused { .. } | Intent::Validated { .. })
    };
    if calls.iter().any(ends) {
        Places::Alone
    } else if calls.iter().all(stays) {
        Places::Apart
    } else {
        Places::Shared
    }
}

/// The locks that a transaction must begin with that writes this, where those that it has are not enough: accounts that
/// exist change their places, or get the names by which others would come to them, or relations to partners change.
pub(super) fn lacking(connection: &AnyConnection, has: Locks, changes: &Changes) -> Option<Locks> {
    let moves = changes.updated.iter().any(|(before, after)| before.moves_place(after)) || !changes.adopted.is_empty();
    let partners = changes.relations.iter().any(|change| change.relation.axis == Axis::Partner);
    let needed = Locks::new(if moves { Places::Alone } else { has.places }, has.partners || partners);
    (matches!(connection, AnyConnection::Postgres(_)) && needed != has).then_some(needed)
}

/// Runs a batch up to its commit, or up to where it lacks locks.
pub(super) fn run(
    connection: &mut AnyConnection,
    jobs: &[&Job],
    calls: &[&Call],
    run: Run<'_>,
    faults: &Faults,
) -> Result<Ran<Done>, StoreError> {
    let Run { tail, owner, locks, partners, turn } = run;
    let mut world = World::new(tail.head.chain, tail.rows_issued).with_partners(std::mem::take(partners));
    let cap = calls.len() + 1;
    faults.at(Place::Load, calls)?;
    let judged: Vec<_> = jobs.iter().map(|job| &*job.policy).zip(calls.iter().copied()).collect();
    let mut purpose = if locks.places == Places::Apart { Purpose::Update } else { Purpose::Change };
    planning::foresee(connection, &mut world, &judged, cap, &mut purpose)?;
    // What it makes has no place that could change, so it does not begin again: whoever comes next may look up what it does
    // not have, and waits for what it has. But a name that it claims it meets only now, and others may first.
    let begins_again = !world.has_nobody();
    if !begins_again && !calls.iter().any(claims) {
        *turn = None;
    }
    planning::foresee_next(connection, &mut world, &judged, cap, &mut purpose)?;
    if !begins_again {
        *turn = None;
    }
    let mut head = tail.head;
    let mut answered = Vec::with_capacity(calls.len());
    let mut deliveries = Vec::with_capacity(calls.len());
    for (job, call) in jobs.iter().zip(calls.iter().copied()) {
        let planned = planning::plan_one(connection, &mut world, &job.policy, call, cap, &mut purpose)?;
        head.position += 1;
        let id = DeliveryId::issue(head.chain, head.position);
        let mut delivery = record(call, &planned, id);
        let forget_body = planned.forget_body;
        answered.push(Answered { delivery: id, outcome: planned.outcome, answer: planned.answer.clone() });
        (delivery.account, delivery.body_of) = world.apply(call, planned, id);
        head.hash = delivery.hash(&head.hash);
        let body = (delivery.body_of == id && !forget_body).then_some(call.request.body.as_slice());
        deliveries.push(NewDelivery { delivery, hash: head.hash, body });
    }
    *partners = world.take_partners();
    let changes = world.into_changes();
    if let Some(needed) = lacking(connection, locks, &changes) {
        return Ok(Ran::Lacks(needed));
    }
    *turn = None;
    faults.at(Place::Write, calls)?;
    let to = Tail { head, rows_issued: changes.rows_issued };
    let advance = Advance { from: tail, to: &to, owner, now: now_micros() };
    let feed_end = save::batch(connection, &deliveries, &changes, &advance)?;
    Ok(Ran::Done(Done { answered, tail: to, feed_end }))
}

/// Whether a call names the ExternalID of its account.
fn claims(call: &&Call) -> bool {
    call.submitted().is_some_and(|submitted| submitted.external_id.is_some())
}

/// The ledger's row of a call; account and body are filled in when the plan is applied.
fn record(call: &Call, planned: &Planned, id: DeliveryId) -> Delivery {
    Delivery {
        id,
        source: call.scope.source.as_str().to_owned(),
        tenant: call.scope.tenant.as_str().to_owned(),
        endpoint: call.endpoint,
        path: call.request.path.clone(),
        received_at: call.received_at,
        event_second: call.event_second,
        replayed: call.replayed,
        check_only: call.check_only,
        webhook_id: call.signed_id.as_ref().map(|SignedId(id)| id.to_string()),
        track_id: call.request.track_id.clone(),
        headers: call.request.headers.clone(),
        body_of: id,
        body_digest: call.request.digest,
        outcome: planned.outcome,
        code: planned.answer.code.number(),
        message: planned.answer.message.clone(),
        result: planned.answer.result.clone(),
        kind: planned.classification.map(|classification| classification.kind),
        rule: planned.classification.map(|classification| Rule::as_str(classification.rule).to_owned()),
        account: None,
        platform_id: call.platform_id().map(ToString::to_string),
        trace: planned.trace.join("; "),
    }
}
