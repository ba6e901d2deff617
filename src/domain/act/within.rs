//! Whether whoever acts still has the accounts that an act touches: between the look that let them and the act itself a
//! customer may have gone to somebody else.

use super::place::refuse;
use super::{Act, What};
use crate::domain::account::Account;
use crate::domain::ids::{AccountId, AccountKey};
use crate::domain::moves::Side;
use crate::domain::outcome::Code;
use crate::domain::plan::Stop;
use crate::domain::relation::{Relation, RelationState};
use crate::domain::world::World;

/// Refuses an act on an account that is not one of these resellers' any longer.
pub(super) fn within(world: &World, act: &Act) -> Result<(), Stop> {
    let Some(own) = &act.within else { return Ok(()) };
    let other = match &act.what {
        // Who asks for a customer does not have it, and who accepts has looked at where it stands.
        What::Move(moving) if moving.request == Some(Side::To) || moving.accepts.is_some() => return Ok(()),
        What::Move(moving) if moving.request.is_none() => {
            below(world, &act.account, own)?;
            return by_name(world, &act.account, own);
        }
        What::MoveServices(products) => Some(&products.to),
        What::MoveUsers(moving) => Some(&moving.to),
        _ => None,
    };
    below(world, &act.account, own)?;
    other.map_or(Ok(()), |other| below(world, other, own))
}

fn below(world: &World, key: &AccountKey, own: &[AccountId]) -> Result<(), Stop> {
    match world.account(key)? {
        Some(account) if !is_below(account, own) => refuse(
            Code::Conflict,
            "The customer went to another reseller at this moment, so it is not yours to change. Look at your list again.",
        ),
        _ => Ok(()),
    }
}

/// A customer that is only seen since its partner is theirs is not theirs to move.
fn by_name(world: &World, key: &AccountKey, own: &[AccountId]) -> Result<(), Stop> {
    let Some(account) = world.account(key)? else { return Ok(()) };
    let held = account.reseller.as_ref().and_then(|held| held.reseller_account);
    if held.is_some_and(|id| own.contains(&id)) || own.contains(&account.id) {
        return Ok(());
    }
    refuse(Code::RuleBroken, "The platform names no reseller of yours for this customer. A provider_admin moves it.")
}

/// Whether an account is one of these resellers or the customer of one, as operators see it: by the platform's word, or
/// where that names nobody who could come, by its partner.
fn is_below(account: &Account, own: &[AccountId]) -> bool {
    let sells = |held: &Relation| {
        held.state == RelationState::Linked && held.reseller_account.is_some_and(|id| own.contains(&id))
    };
    let named = account.reseller.as_ref();
    let by_partner = named.is_none_or(|held| held.state == RelationState::Unprovisioned);
    own.contains(&account.id) || named.is_some_and(sells) || (by_partner && account.partner.as_ref().is_some_and(sells))
}
