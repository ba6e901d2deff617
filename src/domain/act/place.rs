//! Where an account stands in the hierarchy after an act.

use std::borrow::Cow;

use crate::domain::account::{Account, AccountKind, AccountStatus, Hold, Report, Standing};
use crate::domain::definition::partner_named;
use crate::domain::ids::{AccountKey, ExternalId, PlatformId};
use crate::domain::outcome::Code;
use crate::domain::plan::partner::{self, Naming};
use crate::domain::plan::place::{Target, agrees, related, seek};
use crate::domain::plan::{Stop, alive};
use crate::domain::policy::SourcePolicy;
use crate::domain::relation::{FoundBy, Relation, RelationState, Turn};
use crate::domain::world::World;

/// What refuses an act.
pub(super) fn refuse<T>(code: Code, message: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Refuse(code, message.into()))
}

/// Gives a customer a reseller, or none.
pub(super) fn assign(
    world: &World,
    living: &Account,
    reseller: Option<&AccountKey>,
    turn: Turn,
) -> Result<Account, Stop> {
    if living.kind == AccountKind::Reseller {
        return refuse(
            Code::RuleBroken,
            "A reseller has no reseller. Move its customers away and make it a direct_customer first.",
        );
    }
    let mut after = living.clone();
    let Some(key) = reseller else {
        after.kind = AccountKind::DirectCustomer;
        after.reseller = None;
        return Ok(after);
    };
    if *key == living.key {
        return refuse(Code::RuleBroken, "An account cannot be its own reseller. Name another account, or none.");
    }
    if !key.scope.meets(&living.key.scope) {
        return refuse(
            Code::RuleBroken,
            "The reseller belongs to another source or tenant. Name a reseller of the account's own.",
        );
    }
    let Some(found) = world.reference(key)? else {
        return refuse(Code::UnknownAccount, "This reseller is not known. Import it or have it synchronized first.");
    };
    if found.status == AccountStatus::Deleted {
        return refuse(Code::Conflict, "The reseller is deleted. Bring it back first, or name another.");
    }
    if found.kind != AccountKind::Reseller {
        return refuse(
            Code::RuleBroken,
            "The account that is to be the reseller is none. Make it a reseller first, or name another.",
        );
    }
    let goes_on = living.reseller.as_ref().is_some_and(|held| held.reseller_account == Some(found.id));
    match found.standing {
        Standing::Disabled | Standing::Fraud if !goes_on => {
            let why =
                format!("The reseller's standing is {}. Enable it first, or name another.", found.standing.as_str());
            return refuse(Code::RuleBroken, why);
        }
        Standing::Frozen if !goes_on => {
            return refuse(
                Code::RuleBroken,
                "The reseller is frozen and takes no new customers. Enable it first, or name another.",
            );
        }
        _ => {}
    }
    let target = Target {
        platform_id: found.key.platform_id,
        external_id: Some(found.external_id),
        account: Some(found.id),
        found_by: Some(FoundBy::Both),
        state: RelationState::Linked,
        standing: found.standing,
    };
    after.kind = AccountKind::ResellerCustomer;
    after.reseller = match &living.reseller {
        // How the platform names it is left alone.
        Some(held) if held.reseller_account == target.account => Some(held.clone()),
        held => Some(related(held.as_ref(), target, turn)),
    };
    Ok(after)
}

/// Makes an account another kind.
pub(super) fn set_kind(living: &Account, kind: AccountKind) -> Result<Account, Stop> {
    let mut after = living.clone();
    match kind {
        AccountKind::ResellerCustomer if living.kind != kind => {
            return refuse(
                Code::RuleBroken,
                "A reseller_customer needs a reseller. Assign the account to one; that makes it one of its customers.",
            );
        }
        AccountKind::ResellerCustomer => {}
        AccountKind::Reseller | AccountKind::DirectCustomer => after.reseller = None,
    }
    after.kind = kind;
    Ok(after)
}

/// Sets what an account may do.
pub(super) fn stand(living: &Account, standing: Standing) -> Result<Account, Stop> {
    if standing == Standing::Frozen && living.kind != AccountKind::Reseller {
        return refuse(Code::RuleBroken, "Only a reseller can be frozen. Disable the account instead.");
    }
    Ok(Account { standing, ..living.clone() })
}

/// Gives an account the place that the platform last reported.
pub(super) fn as_reported(
    world: &World,
    policy: &SourcePolicy,
    before: &Account,
    report: &Report,
    turn: Turn,
    notes: &mut Vec<Cow<'static, str>>,
) -> Result<Account, Stop> {
    let mut after = before.clone();
    after.kind = report.kind;
    after.hold = None;
    after.reseller = match &report.reseller {
        Some(id) => Some(named(world, policy, before, id, None, turn, notes)?),
        None => None,
    };
    Ok(after)
}

/// The relation of an account to a reseller that is named, which need not be there yet.
pub(super) fn named(
    world: &World,
    policy: &SourcePolicy,
    before: &Account,
    id: &PlatformId,
    external_id: Option<ExternalId>,
    turn: Turn,
    notes: &mut Vec<Cow<'static, str>>,
) -> Result<Relation, Stop> {
    let target = seek(world, policy, &before.key, id, external_id, notes)?;
    let held = before.reseller.as_ref().filter(|_| before.is_active());
    target.must_take(held)?;
    Ok(match held {
        // What is known of it goes on, too: doing a thing twice changes nothing.
        Some(held) if held.reseller_account == target.account && agrees(Some(held), Some(&target)) => held.clone(),
        held => related(held, target, turn),
    })
}

/// Opens, keeps or ends the relation to a partner, which follows from kind and options. Returns the relations to partners
/// that had handed over by the time it was learned of.
pub(super) fn follow_partner(
    world: &World,
    policy: &SourcePolicy,
    before: Option<&Account>,
    after: &mut Account,
    turn: Turn,
    notes: &mut Vec<Cow<'static, str>>,
) -> Result<Vec<Relation>, Stop> {
    let living = before.filter(|before| before.is_active());
    if living.is_some_and(|was| after.is_active() && was.kind == after.kind && was.options == after.options) {
        // Nothing that it follows from changed.
        return Ok(Vec::new());
    }
    let named = partner_named(&policy.options, after.kind, &after.options).filter(|_| after.is_active());
    let held = living.and_then(|living| living.partner.as_ref());
    let related = partner::relate(world, held, &Naming { named, turn: turn.behind(held) }, notes)?;
    after.partner = related.open;
    Ok(related.passed)
}

/// Notes that an operator placed the account, unless that is what the platform reports.
pub(super) fn hold(before: &Account, after: &mut Account) {
    let moved = before.kind != after.kind || before.reseller != after.reseller;
    after.hold = match &after.reported {
        Some(report) if is_as_reported(after, report) => None,
        Some(_) => Some(Hold::Operator),
        // Nothing to differ from; but a list that is imported again does not move it back.
        None if moved => Some(Hold::Operator),
        None => before.hold,
    };
}

fn is_as_reported(account: &Account, report: &Report) -> bool {
    let held = account.reseller.as_ref().and_then(|relation| relation.reseller_platform_id.as_ref());
    account.kind == report.kind && held == report.reseller.as_ref()
}

/// The account, if it is there and alive.
pub(super) fn living<'w>(world: &'w World, key: &AccountKey) -> Result<&'w Account, Stop> {
    let Some(account) = world.account(key)? else {
        return refuse(Code::UnknownAccount, "This account is not known. Import it or have it synchronized first.");
    };
    match alive(Some(account)) {
        Some(living) => Ok(living),
        None => refuse(Code::RuleBroken, "This account is deleted. Bring it back first."),
    }
}
