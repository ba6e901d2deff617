//! Where an account stands in the hierarchy after a call: its kind, its reseller, and what is held against the report.

use std::borrow::Cow;

use super::{Stop, turn};
use crate::domain::account::{Account, AccountKind, AccountStatus, EventStamp, Hold, Report, Standing};
use crate::domain::call::{Call, Said, Submitted};
use crate::domain::ids::{AccountId, AccountKey, ExternalId, PlatformId, RelationId};
use crate::domain::outcome::Code;
use crate::domain::policy::{ResellerChange, SourcePolicy};
use crate::domain::relation::{Axis, FoundBy, Relation, RelationState, Turn};
use crate::domain::world::{Reference, World};

/// The reseller that a call names, and whom that finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::domain) struct Target {
    pub platform_id: PlatformId,
    pub external_id: Option<ExternalId>,
    pub account: Option<AccountId>,
    pub found_by: Option<FoundBy>,
    pub state: RelationState,
    /// What the account of that name may do, whether it sells already or not.
    pub standing: Standing,
}

impl Target {
    /// Refuses a new customer of a frozen reseller. Who is its customer already stays, and so does who waits for it.
    pub(in crate::domain) fn must_take(&self, held: Option<&Relation>) -> Result<(), Stop> {
        match self.standing.refuses_customers() {
            Some(why) if !agrees(held, Some(self)) => Err(Stop::Refuse(Code::RuleBroken, why.to_owned())),
            _ => Ok(()),
        }
    }
}

/// Kind and reseller relation after a call, and why they may differ from the report.
pub(super) struct Place {
    pub kind: AccountKind,
    pub reseller: Option<Relation>,
    pub hold: Option<Hold>,
}

/// Decides the place of an account of which the platform reports this. `before` is the account while it is alive.
#[allow(clippy::too_many_arguments)] // Everything that a place rests on.
pub(super) fn decide(
    world: &World,
    policy: &SourcePolicy,
    call: &Call,
    submitted: &Submitted,
    before: Option<&Account>,
    report: &Report,
    event: EventStamp,
    trace: &mut Vec<Cow<'static, str>>,
) -> Result<Place, Stop> {
    let key = call.key(&submitted.id);
    if let Some(before) = before
        && before.hold == Some(Hold::Operator)
        && before.reported.as_ref() == Some(report)
    {
        trace.push(Cow::Borrowed("drift: an operator's act holds, the platform repeats what it reported before"));
        return Ok(Place { kind: before.kind, reseller: before.reseller.clone(), hold: before.hold });
    }
    if let Some(before) = before
        && keeps_what_was_said_here(before, submitted, report)
    {
        return Ok(Place { kind: report.kind, reseller: before.reseller.clone(), hold: None });
    }
    let target = match &report.reseller {
        Some(reseller) => Some(find(world, policy, call, &key, reseller, submitted, before, trace)?),
        None => None,
    };
    let held = before.and_then(|before| before.reseller.as_ref());
    let changes = before.is_some() && !agrees(held, target.as_ref());
    if let (true, Some(before)) = (changes, before) {
        match policy.reseller_change {
            ResellerChange::Accept => {}
            ResellerChange::Review => {
                trace.push(Cow::Borrowed("reseller_change: under review, the old relation holds"));
                return Ok(Place { kind: before.kind, reseller: before.reseller.clone(), hold: Some(Hold::Review) });
            }
            ResellerChange::Refuse => {
                return Err(Stop::Refuse(
                    Code::Conflict,
                    "This account would change its reseller, which this vendor does not accept. Ask the vendor to move it."
                        .to_owned(),
                ));
            }
        }
    }
    if let Some(target) = &target {
        target.must_take(held)?;
    }
    let reseller = target.map(|target| related(held, target, turn(call, event)));
    Ok(Place { kind: report.kind, reseller, hold: None })
}

/// Whether a platform that says nothing of the reseller leaves an account where a list or an operator put it. What they
/// call the reseller may be no ID of the platform's.
fn keeps_what_was_said_here(before: &Account, submitted: &Submitted, report: &Report) -> bool {
    before.reported.is_none()
        && matches!(submitted.reseller_id, Said::Absent)
        && before
            .reseller
            .as_ref()
            .is_some_and(|held| held.state == RelationState::Linked && held.reseller_platform_id == report.reseller)
}

/// The relation to a reseller: the one that is held, where it is to the same, or a new one.
pub(in crate::domain) fn related(held: Option<&Relation>, target: Target, turn: Turn) -> Relation {
    match held {
        Some(held) if agrees(Some(held), Some(&target)) => continued(held, target, turn),
        _ => opened(target, turn.behind(held)),
    }
}

/// Whether the relation that is held is the one that the platform names.
pub(in crate::domain) fn agrees(held: Option<&Relation>, target: Option<&Target>) -> bool {
    match (held, target) {
        (None, None) => true,
        (Some(held), Some(target)) => match (held.reseller_account, target.account) {
            (Some(held), Some(named)) => held == named,
            _ => {
                held.reseller_platform_id.as_ref() == Some(&target.platform_id)
                    || (target.external_id.is_some() && held.reseller_external_id == target.external_id)
            }
        },
        _ => false,
    }
}

/// The relation that goes on, with what is known better now.
fn continued(held: &Relation, target: Target, turn: Turn) -> Relation {
    let mut relation = held.clone();
    relation.reseller_platform_id = Some(target.platform_id);
    relation.reseller_external_id = target.external_id;
    if target.account.is_some() || relation.reseller_account.is_none() {
        if relation.reseller_account.is_none() && target.account.is_some() {
            relation.linked_at = Some(turn.learned_at);
        }
        relation.reseller_account = target.account;
        relation.state = target.state;
        relation.found_by = target.found_by;
    }
    relation
}

fn opened(target: Target, turn: Turn) -> Relation {
    Relation {
        id: RelationId::UNISSUED,
        axis: Axis::Reseller,
        reseller_platform_id: Some(target.platform_id),
        reseller_external_id: target.external_id,
        reseller_account: target.account,
        partner_id: None,
        partner: None,
        state: target.state,
        found_by: target.found_by,
        valid_from: turn.valid,
        learned_at: turn.learned_at,
        linked_at: target.account.map(|_| turn.learned_at),
        linked_cause: None,
        cause: turn.cause,
        delivery: None,
        closing: None,
    }
}

/// Finds the reseller: by `ResellerExternalID` first, then by `ResellerID`, within source and tenant.
#[allow(clippy::too_many_arguments)] // Each is one fact that the sentence of design.md names.
fn find(
    world: &World,
    policy: &SourcePolicy,
    call: &Call,
    subject: &AccountKey,
    reseller: &PlatformId,
    submitted: &Submitted,
    before: Option<&Account>,
    trace: &mut Vec<Cow<'static, str>>,
) -> Result<Target, Stop> {
    let external_id = match &submitted.reseller_external_id {
        Said::Value(external_id) => Some(external_id.clone()),
        Said::Nothing => None,
        // Absence leaves what was said before of the same reseller.
        Said::Absent => before
            .and_then(|before| before.reseller.as_ref())
            .filter(|relation| relation.reseller_platform_id.as_ref() == Some(reseller))
            .and_then(|relation| relation.reseller_external_id.clone()),
    };
    if let (Some(named), Some(before)) = (&external_id, before)
        && before.external_id == *named
    {
        return Err(names_itself());
    }
    if let Some(held) = before.and_then(|before| before.reseller.as_ref())
        && held.is_found_by(reseller, external_id.as_ref())
    {
        // Whatever it may do or not: its customers stay.
        let (account, found_by, state) = (held.reseller_account, held.found_by, held.state);
        let platform_id = reseller.clone();
        return Ok(Target { platform_id, external_id, account, found_by, state, standing: Standing::Enabled });
    }
    if let Some(named) = &external_id
        && world.external(&call.scope, named)?.is_none()
        && world.account(subject)?.is_none()
    {
        // A new account has no ExternalID yet, but the one that it is about to get names it already: a call that is
        // refused when it comes again must not be taken when it comes first.
        let own = submitted.external_id.clone().unwrap_or_else(|| subject.derived_external_id(1));
        if *named == own {
            return Err(names_itself());
        }
    }
    seek(world, policy, subject, reseller, external_id, trace)
}

/// Finds a reseller by its two names, the ExternalID first, within the source and tenant of the account that is to be its
/// customer.
pub(in crate::domain) fn seek(
    world: &World,
    policy: &SourcePolicy,
    subject: &AccountKey,
    reseller: &PlatformId,
    external_id: Option<ExternalId>,
    trace: &mut Vec<Cow<'static, str>>,
) -> Result<Target, Stop> {
    let by_external_id = match &external_id {
        Some(external_id) => world.external(&subject.scope, external_id)?,
        None => None,
    };
    let by_platform_id =
        world.reference(&AccountKey { scope: subject.scope.clone(), platform_id: reseller.clone() })?;
    let (found, found_by) = match (by_external_id, by_platform_id) {
        (Some(a), Some(b)) if a.key != b.key => {
            return Err(Stop::Refuse(
                Code::Conflict,
                "ResellerExternalID and ResellerID name different resellers. Correct one of them and send the call again."
                    .to_owned(),
            ));
        }
        (Some(found), Some(_)) => (Some(found), Some(FoundBy::Both)),
        (Some(found), None) => {
            trace.push(Cow::Borrowed("reseller found by ResellerExternalID; its ResellerID is unknown"));
            (Some(found), Some(FoundBy::ExternalId))
        }
        (None, Some(found)) => {
            if external_id.is_some() {
                trace.push(Cow::Borrowed("reseller found by ResellerID; its ResellerExternalID is unknown"));
            }
            (Some(found), Some(FoundBy::PlatformId))
        }
        (None, None) => (None, None),
    };
    if let Some(found) = &found {
        refuse_impossible(found, subject)?;
    }
    let seller = found.as_ref().filter(|found| found.kind == AccountKind::Reseller);
    if found.is_some() && seller.is_none() {
        trace.push(Cow::Borrowed("the account named as reseller is none yet"));
    }
    let state = match (seller.is_some(), policy.reseller_support) {
        (true, _) => RelationState::Linked,
        (false, true) => RelationState::Pending,
        (false, false) => RelationState::Unprovisioned,
    };
    let account = seller.map(|seller| seller.id);
    let standing = found.as_ref().map_or(Standing::Enabled, |found| found.standing);
    Ok(Target { platform_id: reseller.clone(), external_id, account, found_by, state, standing })
}

fn refuse_impossible(found: &Reference, subject: &AccountKey) -> Result<(), Stop> {
    if found.key == *subject {
        return Err(names_itself());
    }
    if found.status == AccountStatus::Deleted {
        return Err(Stop::Refuse(
            Code::Conflict,
            "The reseller of this account is deleted. Synchronize the reseller again first.".to_owned(),
        ));
    }
    Ok(())
}

fn names_itself() -> Stop {
    Stop::Refuse(
        Code::Conflict,
        "ResellerExternalID names the account itself. Send the reseller's own, or none.".to_owned(),
    )
}
