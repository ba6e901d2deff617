//! What a call will do, decided without doing it.
//!
//! One planner stands behind the writer and `checkonly`, so that they cannot disagree: `checkonly` is a plan whose
//! change is left out.

pub(super) mod adopt;
pub(super) mod partner;
pub(super) mod place;
mod service;
pub(super) mod synchronize;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use super::account::{Account, AccountStatus, EventStamp};
use super::call::{Call, Intent, SignedId};
use super::classify::Classification;
use super::ids::{AccountId, AccountKey, DeliveryId, ExternalId, PlatformId, RelationId};
use super::outcome::{Answer, Code, Outcome};
use super::policy::SourcePolicy;
use super::relation::{Cause, Closing, Relation, Turn};
use super::service::Service;
use super::world::{Memory, Need, ResellerName, World};

impl RelationId {
    /// Marks a relation that has no row yet.
    pub(super) const UNISSUED: Self = Self(0);
}

/// The account as it is to be, and the relations that end.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The account after the call; its id is issued when it is applied if it is `created`.
    pub after: Account,
    /// Whether there was none.
    pub created: bool,
    /// What the account was called until now, where it was made here and the platform synchronizes it from now on.
    pub adopted: Option<AccountKey>,
    /// Relations that end with this call, and those that had ended by the time it came.
    pub closed: Vec<Relation>,
    /// Whether an open relation that goes on was changed in place.
    pub relations_changed: bool,
    /// Whether it is a reseller from now on, so that what waits for it is linked.
    pub arrives: bool,
}

/// What a call comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// For the ledger.
    pub outcome: Outcome,
    /// For the platform.
    pub answer: Answer,
    /// How the account was classified, where that was asked.
    pub classification: Option<Classification>,
    /// The account that it is about, if there is one already.
    pub account: Option<AccountId>,
    /// An earlier delivery that carries the same body.
    pub body_of: Option<DeliveryId>,
    /// What changes, if anything.
    pub change: Option<Box<Change>>,
    /// The services as they are to be, a subscription before its add-ons. Those that are new have no id yet, and neither
    /// has their account where that is new.
    pub services: Vec<Service>,
    /// Whether its signed id is remembered.
    pub remember: bool,
    /// Whether the refusal is a case of the quarantine.
    pub quarantined: bool,
    /// Whether the account was erased later than this, so that its body is not stored.
    pub forget_body: bool,
    /// What was noticed on the way, for people who ask why.
    pub trace: Vec<Cow<'static, str>>,
}

impl Planned {
    fn answering(outcome: Outcome, answer: Answer) -> Self {
        Self {
            outcome,
            answer,
            classification: None,
            account: None,
            body_of: None,
            change: None,
            services: Vec::new(),
            remember: true,
            quarantined: false,
            forget_body: false,
            trace: Vec::new(),
        }
    }

    /// Notes whether a refusal goes into quarantine.
    fn quarantining(mut self) -> Self {
        self.quarantined = self.outcome == Outcome::Rejected && self.answer.code.is_quarantined();
        self
    }

    fn about(mut self, account: Option<AccountId>) -> Self {
        self.account = account;
        self
    }
}

/// Why planning stopped.
pub(super) enum Stop {
    /// Something must be looked up first.
    Need(Need),
    /// The call is refused.
    Refuse(Code, String),
}

impl From<Need> for Stop {
    fn from(need: Need) -> Self {
        Self::Need(need)
    }
}

/// Plans one call in the world as it is now.
///
/// # Errors
/// [`Need`] names what must be looked up before the call can be planned.
pub fn plan(world: &World, policy: &SourcePolicy, call: &Call) -> Result<Planned, Need> {
    let erased = erased_later(world, call)?;
    let mut planned = match remembered(world, call)? {
        Some(planned) => planned,
        None => match &call.intent {
            Intent::Refused { code, message, platform_id, .. } => refused(world, call, *code, message, platform_id)?,
            Intent::Synchronize(submitted) => synchronize::plan(world, policy, call, submitted)?,
            Intent::Service(order) => service::plan(world, policy, call, order)?,
            Intent::Delete { id, external_id } => delete(world, call, id, external_id.as_ref())?,
            Intent::Exists { id } => exists(world, call, id)?,
            Intent::IsReseller { id } => is_reseller(world, call, id)?,
            Intent::Validated { complaints } => {
                Planned::answering(Outcome::Checked, Answer::done("Settings validated.", complaints.clone()))
            }
        }
        .quarantining(),
    };
    planned.forget_body = erased;
    if call.check_only {
        planned.change = None;
        planned.services = Vec::new();
        planned.remember = false;
        planned.quarantined = false;
        if !matches!(call.intent, Intent::Refused { .. }) {
            planned.outcome = Outcome::Checked;
        }
    }
    Ok(planned)
}

/// A call that could not be read. The account is looked up where its case is to be noted, and where it may be erased.
fn refused(
    world: &World,
    call: &Call,
    code: Code,
    message: &str,
    platform_id: &Option<PlatformId>,
) -> Result<Planned, Need> {
    let planned = Planned::answering(Outcome::Rejected, Answer::refused(code, message));
    match platform_id {
        Some(id) if code.is_quarantined() => Ok(planned.about(world.account(&call.key(id))?.map(|account| account.id))),
        _ => Ok(planned),
    }
}

/// Whether the account that a replayed call names was erased at its time or later. A live call is newer than any erasure.
fn erased_later(world: &World, call: &Call) -> Result<bool, Need> {
    let (true, Some(id)) = (call.replayed, call.platform_id()) else {
        return Ok(false);
    };
    Ok(world.account(&call.key(id))?.is_some_and(|account| is_before_erasure(call, account)))
}

fn is_before_erasure(call: &Call, account: &Account) -> bool {
    call.replayed && account.erased_second.is_some_and(|erased| call.event_second <= erased)
}

/// The answer that a signed id already has.
fn remembered(world: &World, call: &Call) -> Result<Option<Planned>, Need> {
    let (Some(SignedId(id)), false) = (&call.signed_id, call.check_only) else {
        return Ok(None);
    };
    let Some(memory) = world.memory(&call.scope.source, id)? else {
        return Ok(None);
    };
    if !is_the_same(memory, call) {
        let mut planned = Planned::answering(
            Outcome::Rejected,
            Answer::refused(
                Code::Conflict,
                "This webhook-id was used before for another call. Send a new call under a new id.",
            ),
        );
        planned.remember = false;
        planned.trace.push(Cow::Owned(format!("webhook-id belongs to delivery {}", memory.delivery)));
        return Ok(Some(planned));
    }
    if memory.outcome == Outcome::Rejected {
        // Refused calls are judged anew: rules may have changed since.
        return Ok(None);
    }
    let mut planned = Planned::answering(Outcome::Repeated, memory.answer.clone()).about(memory.account);
    planned.remember = false;
    planned.body_of = Some(memory.body_of);
    planned.trace.push(Cow::Owned(format!("repeats delivery {}", memory.delivery)));
    Ok(Some(planned))
}

fn is_the_same(memory: &Memory, call: &Call) -> bool {
    memory.scope == call.scope && memory.endpoint == call.endpoint && memory.content == call.request.digest
}

/// Live calls are never stale; a replayed one is when the account shows something newer, or as new from a live call.
/// Nothing of the platform's is older than the first that it ever said of an account.
fn is_stale(call: &Call, account: &Account) -> bool {
    call.replayed
        && (has_spoken(account)
            && (call.event_second < account.event.second
                || (call.event_second == account.event.second && account.event.live && !goes_on(call, account)))
            || is_before_erasure(call, account))
}

/// Whether the platform ever said anything of an account that counted: reported it, or ended one that only a list knew.
fn has_spoken(account: &Account) -> bool {
    account.reported.is_some() || account.last_delivery.is_some()
}

/// Whether a call that is run again came, within one second, behind what the account shows, or is that itself and an
/// operator accepts it.
fn goes_on(call: &Call, account: &Account) -> bool {
    call.again.is_some_and(|again| {
        let behind = |shown: DeliveryId| shown.row().chain() == again.original.row().chain() && shown < again.original;
        again.accept || account.last_delivery.is_some_and(behind)
    })
}

/// The event time after a call. It never runs backwards, even where two receivers' clocks differ.
fn stamp(call: &Call, before: Option<&Account>) -> EventStamp {
    match before {
        Some(before) if has_spoken(before) && before.event.second > call.event_second => {
            EventStamp { second: before.event.second, live: before.event.live || !call.replayed }
        }
        _ => EventStamp { second: call.event_second, live: !call.replayed },
    }
}

fn stale(account: &Account, result: &ExternalId) -> Planned {
    let answer = Answer::done("Older than what is known; recorded, nothing changed.", result.as_str());
    let mut planned = Planned::answering(Outcome::Stale, answer).about(Some(account.id));
    planned.trace.push(Cow::Owned(format!("the account shows second {}", account.event.second)));
    planned
}

/// When relations end and begin with a call.
fn turn(call: &Call, event: EventStamp) -> Turn {
    Turn { valid: event.second.saturating_mul(1_000_000), learned_at: call.received_at, cause: Cause::Sync }
}

/// Closes a relation.
pub(super) fn close(relation: &Relation, turn: Turn) -> Relation {
    let Turn { valid, learned_at, cause } = turn.behind(Some(relation));
    let mut closed = relation.clone();
    closed.closing = Some(Closing { valid_to: valid, learned_at, cause, delivery: None });
    closed
}

pub(super) fn reseller_name(account: &Account) -> ResellerName {
    ResellerName { key: account.key.clone(), id: Some(account.id), external_id: account.external_id.clone() }
}

fn unknown_account() -> Answer {
    Answer::refused(Code::UnknownAccount, "This account was never synchronized. Call Accounts/Synchronize first.")
}

fn delete(world: &World, call: &Call, id: &PlatformId, external_id: Option<&ExternalId>) -> Result<Planned, Need> {
    let Some(before) = world.account(&call.key(id))? else {
        return Ok(Planned::answering(Outcome::Rejected, unknown_account()));
    };
    // The protocol answers a Delete with the request's ExternalID; without one, with ours.
    let result = external_id.unwrap_or(&before.external_id);
    if is_stale(call, before) {
        return Ok(stale(before, result));
    }
    let event = stamp(call, Some(before));
    if !before.is_active() {
        let mut planned = Planned::answering(Outcome::Unchanged, Answer::done("Already deleted.", result.as_str()));
        planned.account = Some(before.id);
        planned.change = Some(Box::new(Change {
            after: Account { event, ..Account::clone(before) },
            created: false,
            adopted: None,
            closed: Vec::new(),
            relations_changed: false,
            arrives: false,
        }));
        return Ok(planned);
    }
    if before.sells() && world.has_customers(&reseller_name(before))? {
        let answer = Answer::refused(
            Code::Conflict,
            "This reseller still has customers. Delete or move them first, then delete the reseller.",
        );
        return Ok(Planned::answering(Outcome::Rejected, answer).about(Some(before.id)));
    }
    let closed =
        [&before.reseller, &before.partner].into_iter().flatten().map(|r| close(r, turn(call, event))).collect();
    let after = Account {
        status: AccountStatus::Deleted,
        hold: None,
        reseller: None,
        partner: None,
        event,
        revision: before.revision + 1,
        ..Account::clone(before)
    };
    let mut planned = Planned::answering(Outcome::Applied, Answer::done("Account deleted.", result.as_str()));
    planned.account = Some(before.id);
    planned.change = Some(Box::new(Change {
        after,
        created: false,
        adopted: None,
        closed,
        relations_changed: false,
        arrives: false,
    }));
    Ok(planned)
}

fn exists(world: &World, call: &Call, id: &PlatformId) -> Result<Planned, Need> {
    let found = world.reference(&call.key(id))?;
    let account = found.as_ref().map(|found| found.id);
    let answer = match found.filter(|found| found.status == AccountStatus::Active) {
        Some(found) => Answer {
            code: Code::Exists,
            message: "Account exists.".to_owned(),
            result: Some(found.external_id.as_str().to_owned()),
        },
        None => Answer { code: Code::Done, message: "Account does not exist.".to_owned(), result: None },
    };
    Ok(Planned::answering(Outcome::Checked, answer).about(account))
}

fn is_reseller(world: &World, call: &Call, id: &PlatformId) -> Result<Planned, Need> {
    let found = world.reference(&call.key(id))?;
    let account = found.as_ref().map(|found| found.id);
    let answer = match found.filter(|found| found.status == AccountStatus::Active) {
        Some(found) if found.kind == super::account::AccountKind::Reseller => {
            Answer::done("Account is a reseller.", "true")
        }
        Some(_) => Answer::done("Account is not a reseller.", "false"),
        None if account.is_some() => {
            Answer::refused(Code::UnknownAccount, "This account is deleted. Accounts/Synchronize brings it back.")
        }
        None => unknown_account(),
    };
    Ok(Planned::answering(Outcome::Checked, answer).about(account))
}

/// The account behind a shared pointer, if it is alive.
pub(super) fn alive(account: Option<&Arc<Account>>) -> Option<&Arc<Account>> {
    account.filter(|account| account.is_active())
}
