//! Create or update an account.

use std::borrow::Cow;
use std::sync::Arc;

use super::adopt::{self, Subject};
use super::partner::{self, Naming};
use super::place::{self, Place};
use super::{Change, Planned, Stop, close, is_stale, reseller_name, stale, stamp, turn};
use crate::domain::account::{Account, AccountKind, AccountStatus, EventStamp, Profile, Report};
use crate::domain::call::{Call, Said, Submitted};
use crate::domain::classify::{Classification, Role, classify};
use crate::domain::definition::{judge_all, partner_named};
use crate::domain::ids::{AccountId, AccountKey, ExternalId, PlatformId};
use crate::domain::options::OptionSet;
use crate::domain::outcome::{Answer, Code, Outcome};
use crate::domain::policy::{MissingRole, SourcePolicy};
use crate::domain::relation::{Relation, Turn};
use crate::domain::world::{Need, ResellerName, World};

/// How many suffixes are tried for an ExternalID that somebody adopted. Each try is one look-up.
const MAX_EXTERNAL_ID_ATTEMPTS: u32 = 1000;

/// Plans a Synchronize.
pub(super) fn plan(world: &World, policy: &SourcePolicy, call: &Call, submitted: &Submitted) -> Result<Planned, Need> {
    let mut trace = Vec::new();
    let mut classification = None;
    let subject = match adopt::subject(world, policy, call, submitted, &mut trace) {
        Ok(subject) => subject,
        Err(Stop::Need(need)) => return Err(need),
        Err(Stop::Refuse(code, message)) => {
            let mut planned = Planned::answering(Outcome::Rejected, Answer::refused(code, message));
            planned.trace = trace;
            return Ok(planned);
        }
    };
    let before = subject.account.as_deref();
    if let Some(before) = before
        && is_stale(call, before)
    {
        return Ok(stale(before, &before.external_id));
    }
    match decide(world, policy, call, submitted, &subject, &mut classification, &mut trace) {
        Ok((outcome, change)) => {
            let message = match (outcome, change.created, &change.adopted) {
                (Outcome::Unchanged, ..) => "Account is up to date.",
                (_, true, _) => "Account created.",
                (.., Some(_)) => "Account adopted: it was known here already.",
                _ => "Account updated.",
            };
            let mut planned = Planned::answering(outcome, Answer::done(message, change.after.external_id.as_str()));
            planned.account = before.map(|before| before.id);
            planned.classification = classification;
            planned.change = Some(Box::new(change));
            planned.trace = trace;
            Ok(planned)
        }
        Err(Stop::Need(need)) => Err(need),
        Err(Stop::Refuse(code, message)) => {
            let mut planned = Planned::answering(Outcome::Rejected, Answer::refused(code, message));
            planned.account = before.map(|before| before.id);
            planned.classification = classification;
            planned.trace = trace;
            Ok(planned)
        }
    }
}

fn decide(
    world: &World,
    policy: &SourcePolicy,
    call: &Call,
    submitted: &Submitted,
    subject: &Subject,
    classification: &mut Option<Classification>,
    trace: &mut Vec<Cow<'static, str>>,
) -> Result<(Outcome, Change), Stop> {
    let before = subject.account.as_deref();
    let living = before.filter(|before| before.is_active());
    let report = report(policy, submitted, living, classification, trace)?;
    let event = stamp(call, before);
    let place = place::decide(world, policy, call, submitted, living, &report, event, trace)?;
    let options = options(policy, submitted, before, place.kind)?;
    partner::demand(world, policy, living, place.kind, &options, turn(call, event), trace)?;
    keep_customers(world, living, place.kind)?;
    let (after, passed) = assemble(world, policy, call, submitted, before, report, place, options, event, trace)?;
    // Under its new name, somebody may have waited for one that sells already.
    let arrives = after.sells() && (subject.adopted.is_some() || !living.is_some_and(Account::sells));
    if arrives {
        // Only to have them looked up: applying the change links those that wait.
        let id = (after.id != AccountId(0)).then_some(after.id);
        world.has_customers(&ResellerName { key: after.key.clone(), id, external_id: after.external_id.clone() })?;
    }
    let mut closed = closed(living, &after, turn(call, event));
    closed.extend(passed);
    let relations_changed =
        living.is_some_and(|living| living.reseller != after.reseller || living.partner != after.partner);
    let mut change = Change {
        created: before.is_none(),
        adopted: subject.adopted.clone(),
        closed,
        relations_changed,
        arrives,
        after,
    };
    if living.is_some_and(|living| living.shows_the_same(&change.after)) {
        return Ok((Outcome::Unchanged, change));
    }
    if before.is_some_and(|before| !before.is_active()) {
        trace.push(Cow::Borrowed("revived"));
    }
    change.after.revision += 1;
    Ok((Outcome::Applied, change))
}

/// What the platform reports: the kind that its words make, and the reseller they name.
fn report(
    policy: &SourcePolicy,
    submitted: &Submitted,
    living: Option<&Account>,
    classification: &mut Option<Classification>,
    trace: &mut Vec<Cow<'static, str>>,
) -> Result<Report, Stop> {
    let role = match (&submitted.role, policy.missing_role) {
        (Role::Missing, MissingRole::User) => {
            trace.push(Cow::Borrowed("no Role: taken as User (missing_role)"));
            Role::User
        }
        (role, _) => role.clone(),
    };
    let reseller_id: Option<PlatformId> = match &submitted.reseller_id {
        Said::Value(reseller) => Some(reseller.clone()),
        Said::Nothing => None,
        // A known end customer whose ResellerID is absent keeps its relation.
        Said::Absent => living.and_then(said_of_reseller),
    };
    let Some(decision) = classify(&submitted.id, reseller_id.as_ref(), &role) else {
        return Err(Stop::Refuse(
            Code::Unclassifiable,
            "This Role with this ResellerID is none of the three kinds: a reseller (Role \"Reseller\", ResellerID empty or \
             equal to ID), a direct customer (Role \"User\", ResellerID empty or equal to ID) or a reseller's end \
             customer (Role \"User\", ResellerID of the reseller)."
                .to_owned(),
        ));
    };
    *classification = Some(decision);
    let reseller = if decision.kind == AccountKind::ResellerCustomer { reseller_id } else { None };
    Ok(Report { kind: decision.kind, reseller })
}

/// The reseller that was said last: by the platform or, where it never reported the account, by a list or an operator.
fn said_of_reseller(living: &Account) -> Option<PlatformId> {
    match &living.reported {
        Some(reported) => reported.reseller.clone().filter(|_| reported.kind == AccountKind::ResellerCustomer),
        None => living.reseller.as_ref().and_then(|held| held.reseller_platform_id.clone()),
    }
}

fn options(
    policy: &SourcePolicy,
    submitted: &Submitted,
    before: Option<&Account>,
    kind: AccountKind,
) -> Result<OptionSet, Stop> {
    let stored = before.map(|before| before.options.clone()).unwrap_or_default();
    let options = match &submitted.options {
        Some(options) => stored.replaced_by(options),
        None => stored,
    };
    judge_all(&policy.options, kind, &options).map_err(|complaints| Stop::Refuse(Code::InvalidOption, complaints))?;
    Ok(options)
}

/// A reseller that has customers cannot become a customer.
fn keep_customers(world: &World, living: Option<&Account>, kind: AccountKind) -> Result<(), Stop> {
    if let Some(living) = living
        && living.sells()
        && kind != AccountKind::Reseller
        && world.has_customers(&reseller_name(living))?
    {
        return Err(Stop::Refuse(
            Code::Conflict,
            "This reseller still has customers, so it cannot become a customer. Move them first.".to_owned(),
        ));
    }
    Ok(())
}

#[allow(clippy::too_many_arguments)] // Everything that makes the new version of an account.
fn assemble(
    world: &World,
    policy: &SourcePolicy,
    call: &Call,
    submitted: &Submitted,
    before: Option<&Account>,
    report: Report,
    place: Place,
    options: OptionSet,
    event: EventStamp,
    trace: &mut Vec<Cow<'static, str>>,
) -> Result<(Account, Vec<Relation>), Stop> {
    let profile = before.map(|before| before.profile.clone()).unwrap_or_default();
    let profile = submitted.profile.applied(profile);
    let held = before.filter(|before| before.is_active()).and_then(|before| before.partner.as_ref());
    let naming =
        Naming { named: partner_named(&policy.options, place.kind, &options), turn: turn(call, event).behind(held) };
    let partner = partner::relate(world, held, &naming, trace)?;
    let options = options.sealed();
    let mut after = match before {
        Some(before) => before.clone(),
        None => new_account(world, call, submitted, profile.clone(), event, trace)?,
    };
    if let (Some(before), Some(sent)) = (before, &submitted.external_id) {
        let differs = *sent != before.external_id;
        if differs {
            trace.push(Cow::Borrowed("the platform sends another ExternalID than ours; kept as reported"));
        }
        after.reported_external_id = differs.then(|| sent.clone());
    }
    after.kind = place.kind;
    after.status = AccountStatus::Active;
    after.profile = profile;
    after.options = options;
    after.reported = Some(report);
    after.hold = place.hold;
    after.reseller = place.reseller;
    after.partner = partner.open;
    after.event = event;
    after.erased_second = None;
    Ok((after, partner.passed))
}

fn new_account(
    world: &World,
    call: &Call,
    submitted: &Submitted,
    profile: Arc<Profile>,
    event: EventStamp,
    trace: &mut Vec<Cow<'static, str>>,
) -> Result<Account, Stop> {
    let key = call.key(&submitted.id);
    let external_id = external_id(world, &key, submitted.external_id.as_ref(), trace)?;
    Ok(Account { profile, ..Account::unsaid(key, external_id, event, call.received_at) })
}

/// The ExternalID of a new account: the one that it claims, if nobody has it, or one that is issued.
pub(in crate::domain) fn external_id(
    world: &World,
    key: &AccountKey,
    claimed: Option<&ExternalId>,
    trace: &mut Vec<Cow<'static, str>>,
) -> Result<ExternalId, Stop> {
    let Some(claimed) = claimed else {
        return derive_external_id(world, key);
    };
    if world.external(&key.scope, claimed)?.is_some() {
        return Err(Stop::Refuse(
            Code::Conflict,
            "This new account claims an ExternalID that another account has. Send it without one.".to_owned(),
        ));
    }
    trace.push(Cow::Borrowed("ExternalID adopted"));
    Ok(claimed.clone())
}

fn derive_external_id(world: &World, key: &AccountKey) -> Result<ExternalId, Stop> {
    for attempt in 1..=MAX_EXTERNAL_ID_ATTEMPTS {
        let candidate = key.derived_external_id(attempt);
        if world.external(&key.scope, &candidate)?.is_none() {
            return Ok(candidate);
        }
    }
    Err(Stop::Refuse(
        Code::Conflict,
        "Every ExternalID that could be issued for this account was adopted by others. Send it with one of its own."
            .to_owned(),
    ))
}

/// The relations that were open and go on no longer.
pub(in crate::domain) fn closed(living: Option<&Account>, after: &Account, turn: Turn) -> Vec<Relation> {
    let Some(living) = living else {
        return Vec::new();
    };
    [(&living.reseller, &after.reseller), (&living.partner, &after.partner)]
        .into_iter()
        .filter_map(|(before, after)| {
            let before = before.as_ref()?;
            let goes_on = after.as_ref().is_some_and(|after| after.id == before.id);
            // A list may date the next one back: the one before it ends where that begins, or both would have held.
            let valid = after.as_ref().map_or(turn.valid, |after| after.valid_from);
            (!goes_on).then(|| close(before, Turn { valid, ..turn }))
        })
        .collect()
}
