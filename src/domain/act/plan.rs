//! What an act will do, decided without doing it.

use std::borrow::Cow;

use super::create;
use super::import::{self, Taken};
use super::moving;
use super::place::{as_reported, assign, follow_partner, hold, living, refuse, set_kind, stand};
use super::promote;
use super::restore::restore;
use super::within::within;
use super::{
    ACCOUNT_CHANGED, Act, Acted, Applied, Before, PlannedAct, What, branding, changed, customers, dossier, entitle,
    products, service, site, user,
};
use crate::domain::account::{Account, AccountKind, AccountStatus};
use crate::domain::definition::partner_definition;
use crate::domain::ids::AccountId;
use crate::domain::outcome::Code;
use crate::domain::plan::synchronize::closed;
use crate::domain::plan::{Change, Stop, partner, reseller_name};
use crate::domain::policy::SourcePolicy;
use crate::domain::relation::{Relation, Turn};
use crate::domain::world::{Need, ResellerName, World};

/// Plans one act in the world as it is now.
///
/// # Errors
/// [`Need`] names what must be looked up before the act can be planned.
pub fn plan_act(world: &World, policy: &SourcePolicy, act: &Act) -> Result<PlannedAct, Need> {
    match within(world, act) {
        Ok(()) => {}
        Err(Stop::Need(need)) => return Err(need),
        Err(Stop::Refuse(code, message)) => {
            let account = world.account(&act.account)?.map(|account| account.id);
            return Ok(PlannedAct::idle(account, Acted::Refused { code, message }));
        }
    }
    match &act.what {
        What::Service(deed) => return service::plan(world, act, deed),
        What::MoveServices(products) => return products::plan(world, act, products),
        What::User(deed) => return user::plan(world, act, deed),
        What::Site(deed) => return site::plan(world, act, deed),
        What::Brand(what) => return branding::plan(world, act, what),
        What::Keep(what) => return dossier::plan(world, act, what),
        What::Entitle(wanted) => return entitle::plan(world, act, wanted),
        What::Customers(_) => return customers::plan(world, act),
        _ => {}
    }
    let before = world.account(&act.account)?.map(AsRef::as_ref);
    let account = before.map(|before| before.id);
    match planned(world, policy, act, before) {
        Ok(planned) => Ok(planned),
        Err(Stop::Need(need)) => Err(need),
        Err(Stop::Refuse(code, message)) => Ok(PlannedAct::idle(account, Acted::Refused { code, message })),
    }
}

/// Refuses an act on another version of the account than the one that was looked at.
pub(super) fn expected(act: &Act, before: Option<&Account>) -> Result<(), Stop> {
    if act.expect.is_some_and(|expected| before.map_or(0, |before| before.revision) != expected) {
        return refuse(Code::Conflict, ACCOUNT_CHANGED);
    }
    Ok(())
}

fn planned(world: &World, policy: &SourcePolicy, act: &Act, before: Option<&Account>) -> Result<PlannedAct, Stop> {
    expected(act, before)?;
    let turn =
        Turn { valid: act.at.div_euclid(1_000_000).saturating_mul(1_000_000), learned_at: act.at, cause: act.cause };
    match &act.what {
        What::Move(moving) => moving::plan(world, policy, act, moving, turn),
        What::MoveUsers(moving) => moving::plan_users(world, act, moving),
        What::Promote(promotion) => promote::promote(world, policy, act, promotion, turn),
        What::Demote { reseller } => promote::demote(world, policy, act, reseller.as_ref(), turn),
        _ => {
            let (acted, change) = decide(world, policy, act, before, turn)?;
            let account = before.map(|before| before.id);
            Ok(PlannedAct { change: change.map(Box::new), ..PlannedAct::idle(account, acted) })
        }
    }
}

fn decide(
    world: &World,
    policy: &SourcePolicy,
    act: &Act,
    before: Option<&Account>,
    turn: Turn,
) -> Result<(Acted, Option<Change>), Stop> {
    let mut notes = Vec::new();
    let (after, passed) = match taken(world, policy, act, turn, &mut notes)? {
        Taken::After(after, passed) => (*after, passed),
        Taken::Kept(why) => return Ok((Acted::Kept { why }, None)),
    };
    finish(world, before, after, passed, turn, notes)
}

/// The account behind an act.
fn taken(
    world: &World,
    policy: &SourcePolicy,
    act: &Act,
    turn: Turn,
    notes: &mut Vec<Cow<'static, str>>,
) -> Result<Taken, Stop> {
    let key = &act.account;
    let known = || -> Result<&Account, Stop> {
        match world.account(key)? {
            Some(account) => Ok(account),
            None => refuse(Code::UnknownAccount, "This account is not known. Import it or have it synchronized first."),
        }
    };
    let (before, mut after) = match &act.what {
        // These look after the partner themselves.
        What::Import(row) => return import::import(world, policy, act, row, turn, notes),
        What::Create(made) => return create::create(world, policy, act, made, turn, notes),
        What::Restore(as_it_was) => {
            let (after, passed) = restore(world, policy, known()?, as_it_was, turn, notes)?;
            return Ok(Taken::After(Box::new(after), passed));
        }
        What::Assign { reseller } => {
            let before = living(world, key)?;
            let mut after = assign(world, before, reseller.as_ref(), turn)?;
            hold(before, &mut after);
            (before, after)
        }
        What::SetKind(kind) => {
            let before = living(world, key)?;
            let mut after = set_kind(before, *kind)?;
            hold(before, &mut after);
            (before, after)
        }
        What::SetStanding(standing) => {
            let before = living(world, key)?;
            (before, stand(before, *standing)?)
        }
        What::SetOption { id, value } => {
            let before = living(world, key)?;
            let after = with_option(policy, before, id, value.as_ref())?;
            let names = partner_definition(&policy.options, before.kind).is_some_and(|definition| definition.id == *id);
            if names && value.is_some() {
                partner::demand(world, policy, Some(before), before.kind, &after.options, turn, notes)?;
            }
            (before, after)
        }
        What::Describe(patch) => {
            let before = living(world, key)?;
            let mut after = before.clone();
            after.profile = patch.applied(after.profile);
            (before, after)
        }
        What::Delete => {
            let before = known()?;
            let deleted = AccountStatus::Deleted;
            (before, Account { status: deleted, hold: None, reseller: None, partner: None, ..before.clone() })
        }
        What::Revive => {
            let before = known()?;
            (before, revived(world, policy, before, turn, notes)?)
        }
        What::Release => {
            let before = living(world, key)?;
            let after = match (&before.hold, &before.reported) {
                (None, _) => before.clone(),
                (Some(_), Some(report)) => as_reported(world, policy, before, report, turn, notes)?,
                (Some(_), None) => {
                    notes.push(Cow::Borrowed("the platform never reported this account; it stays where it is"));
                    Account { hold: None, ..before.clone() }
                }
            };
            (before, after)
        }
        // Planned elsewhere: they leave the account as it is.
        What::Service(_)
        | What::MoveServices(_)
        | What::User(_)
        | What::Site(_)
        | What::Brand(_)
        | What::Keep(_)
        | What::Entitle(_)
        | What::Customers(_)
        | What::Move(_)
        | What::MoveUsers(_)
        | What::Promote(_)
        | What::Demote { .. } => {
            return Ok(Taken::Kept("the account stays as it is".to_owned()));
        }
    };
    let passed = follow_partner(world, policy, Some(before), &mut after, turn, notes)?;
    Ok(Taken::After(Box::new(after), passed))
}

fn with_option(
    policy: &SourcePolicy,
    before: &Account,
    id: &str,
    value: Option<&super::OptionValue>,
) -> Result<Account, Stop> {
    let mut after = before.clone();
    match value {
        Some(value) => {
            import::judge(&policy.options, before.kind, id, value)?;
            after.options.insert(id.to_owned(), value.clone().sealed());
        }
        None => {
            let definition = policy.options.iter().find(|definition| definition.id == id);
            if let Some(definition) = definition.filter(|definition| definition.applies_to(before.kind)) {
                definition.judge(None).map_err(|complaint| Stop::Refuse(Code::InvalidOption, complaint))?;
            }
            after.options.remove(id);
        }
    }
    Ok(after)
}

fn revived(
    world: &World,
    policy: &SourcePolicy,
    before: &Account,
    turn: Turn,
    notes: &mut Vec<Cow<'static, str>>,
) -> Result<Account, Stop> {
    if before.is_active() {
        return Ok(before.clone());
    }
    if before.erased_second.is_some() {
        return refuse(
            Code::Conflict,
            "The personal data of this account was erased. Lift the erasure with `accounts revive` and have it synchronized.",
        );
    }
    let mut after = match &before.reported {
        Some(report) => as_reported(world, policy, before, report, turn, notes)?,
        None => {
            let mut after = before.clone();
            if after.kind == AccountKind::ResellerCustomer {
                notes.push(Cow::Borrowed("its reseller was never reported; it comes back as a direct_customer"));
                after.kind = AccountKind::DirectCustomer;
            }
            after
        }
    };
    after.status = AccountStatus::Active;
    Ok(after)
}

/// What comes of the account's new version: nothing where it shows the same.
pub(super) fn finish(
    world: &World,
    before: Option<&Account>,
    mut after: Account,
    passed: Vec<Relation>,
    turn: Turn,
    notes: Vec<Cow<'static, str>>,
) -> Result<(Acted, Option<Change>), Stop> {
    if before.is_some_and(|before| before.shows_the_same(&after)) {
        return Ok((Acted::Unchanged, None));
    }
    let living = before.filter(|before| before.is_active());
    if let Some(living) = living
        && living.sells()
        && !after.sells()
        && world.has_customers(&reseller_name(living))?
    {
        return refuse(
            Code::Conflict,
            if after.is_active() {
                "This reseller still has customers, so it cannot become a customer. Move them first."
            } else {
                "This reseller still has customers. Delete or move them first, then delete the reseller."
            },
        );
    }
    let arrives = after.sells() && !living.is_some_and(Account::sells);
    if arrives {
        // Only to have them looked up: applying the change links those that wait.
        let id = (after.id != AccountId(0)).then_some(after.id);
        world.has_customers(&ResellerName { key: after.key.clone(), id, external_id: after.external_id.clone() })?;
    }
    after.revision += 1;
    let applied = Applied {
        created: before.is_none(),
        revision: after.revision,
        before: before.map(Before::of),
        changed: changed::fields(before, &after),
        notes,
    };
    let relations_changed =
        living.is_some_and(|living| living.reseller != after.reseller || living.partner != after.partner);
    let mut closed = closed(living, &after, turn);
    closed.extend(passed);
    let change = Change { created: before.is_none(), adopted: None, closed, relations_changed, arrives, after };
    Ok((Acted::Applied(Box::new(applied)), Some(change)))
}
