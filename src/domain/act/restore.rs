//! Puts back what an account was before an act.

use std::borrow::Cow;

use super::Before;
use super::place::{assign, follow_partner, named, refuse};
use crate::domain::account::{Account, AccountKind, AccountStatus};
use crate::domain::ids::{AccountKey, PlatformId, Scope, SourceId};
use crate::domain::outcome::Code;
use crate::domain::plan::Stop;
use crate::domain::policy::SourcePolicy;
use crate::domain::relation::{Relation, Turn};
use crate::domain::world::World;

/// The account as it was. Relations that ended are opened again, as new rows from now on that keep what opened the old
/// ones, so that history shows both what was done and that it was undone.
pub(super) fn restore(
    world: &World,
    policy: &SourcePolicy,
    account: &Account,
    before: &Before,
    turn: Turn,
    notes: &mut Vec<Cow<'static, str>>,
) -> Result<(Account, Vec<Relation>), Stop> {
    if account.erased_second.is_some() {
        return refuse(Code::Conflict, "The personal data of this account was erased since; it is not brought back.");
    }
    let mut after = account.clone();
    after.kind = before.kind;
    after.status = before.status;
    after.standing = before.standing;
    after.hold = before.hold;
    after.reported.clone_from(&before.reported);
    after.profile.clone_from(&before.profile);
    after.options = before.options.clone().sealed();
    after.reseller = match &before.reseller {
        Some(relation) if before.status == AccountStatus::Active => {
            Some(reopened(world, policy, account, relation, turn, notes)?)
        }
        _ => None,
    };
    let passed = follow_partner(world, policy, Some(account), &mut after, turn, notes)?;
    if let (Some(partner), Some(was)) = (&mut after.partner, &before.partner)
        && partner.partner_id == was.partner_id
        && account.partner.as_ref().is_none_or(|now| now.id != partner.id)
    {
        (partner.cause, partner.delivery) = (was.cause, was.delivery);
    }
    Ok((after, passed))
}

fn reopened(
    world: &World,
    policy: &SourcePolicy,
    account: &Account,
    relation: &Relation,
    turn: Turn,
    notes: &mut Vec<Cow<'static, str>>,
) -> Result<Relation, Stop> {
    let Some(id) = &relation.reseller_platform_id else {
        return refuse(Code::RuleBroken, "The relation that is to be opened again names no reseller.");
    };
    if let Some(again) = reopened_here(world, account, relation, id, turn)? {
        return Ok(again);
    }
    let again = named(world, policy, account, id, relation.reseller_external_id.clone(), turn, notes)?;
    if account.reseller.as_ref().is_some_and(|now| now.id == again.id) {
        return Ok(again);
    }
    // Where the reseller came or went meanwhile the state is that of today; what named it stays.
    let found_by = if again.state == relation.state { relation.found_by } else { again.found_by };
    Ok(Relation { cause: relation.cause, delivery: relation.delivery, found_by, ..again })
}

/// The relation to a reseller that was made here, whose name the account's own source does not know.
fn reopened_here(
    world: &World,
    account: &Account,
    relation: &Relation,
    id: &PlatformId,
    turn: Turn,
) -> Result<Option<Relation>, Stop> {
    if relation.reseller_account.is_none() || account.key.scope.source.is_local() {
        return Ok(None);
    }
    let scope = Scope { source: SourceId::local(), tenant: account.key.scope.tenant.clone() };
    let key = AccountKey { scope, platform_id: id.clone() };
    let found = world.reference(&key)?;
    if found.is_none_or(|found| Some(found.id) != relation.reseller_account) {
        return Ok(None);
    }
    let living = Account { kind: AccountKind::ResellerCustomer, status: AccountStatus::Active, ..account.clone() };
    let again = assign(world, &living, Some(&key), turn)?.reseller;
    Ok(again.map(|again| Relation { cause: relation.cause, delivery: relation.delivery, ..again }))
}
