//! What an act changes of how a customer's pages look.

use super::place::living;
use super::plan::expected;
use super::{Act, Acted, Applied, Before, PlannedAct};
use crate::domain::account::Account;
use crate::domain::branding::{Branding, BrandingAct};
use crate::domain::plan::{Change, Stop};
use crate::domain::world::{Need, World};

/// Plans an act on it.
pub(super) fn plan(world: &World, act: &Act, what: &BrandingAct) -> Result<PlannedAct, Need> {
    let account = world.account(&act.account)?.map(|account| account.id);
    match decide(world, act, what) {
        Ok(None) => Ok(PlannedAct::idle(account, Acted::Unchanged)),
        Ok(Some((applied, change, branding))) => Ok(PlannedAct {
            change: Some(Box::new(change)),
            branding: Some(Box::new(branding)),
            ..PlannedAct::idle(account, Acted::Applied(Box::new(applied)))
        }),
        Err(Stop::Need(need)) => Err(need),
        Err(Stop::Refuse(code, message)) => Ok(PlannedAct::idle(account, Acted::Refused { code, message })),
    }
}

fn decide(world: &World, act: &Act, what: &BrandingAct) -> Result<Option<(Applied, Change, Branding)>, Stop> {
    expected(act, world.account(&act.account)?.map(AsRef::as_ref))?;
    let before = living(world, &act.account)?;
    let held = world.branding(before.id)?;
    let branding = held.behind(what);
    if branding == **held {
        return Ok(None);
    }
    let revision = before.revision + 1;
    let after = Account { revision, ..before.clone() };
    let applied = Applied {
        created: false,
        revision,
        before: Some(Before::of(before)),
        changed: vec!["branding".to_owned()],
        notes: Vec::new(),
    };
    let change =
        Change { after, created: false, adopted: None, closed: Vec::new(), relations_changed: false, arrives: false };
    Ok(Some((applied, change, branding)))
}
