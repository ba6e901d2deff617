//! What an act changes of what is kept about an account.

use super::place::{living, refuse};
use super::plan::expected;
use super::{Act, Acted, Applied, Before, PlannedAct};
use crate::domain::account::Account;
use crate::domain::dossier::{Dossier, DossierAct, Login, folded};
use crate::domain::feed::Fields;
use crate::domain::ids::AccountId;
use crate::domain::outcome::Code;
use crate::domain::plan::{Change, Stop};
use crate::domain::world::{Need, World};

/// Plans an act on what is kept.
pub(super) fn plan(world: &World, act: &Act, what: &DossierAct) -> Result<PlannedAct, Need> {
    let account = world.account(&act.account)?.map(|account| account.id);
    match decide(world, act, what) {
        Ok(None) => Ok(PlannedAct::idle(account, Acted::Unchanged)),
        Ok(Some((applied, change, dossier))) => Ok(PlannedAct {
            change: Some(Box::new(change)),
            dossier: Some(Box::new(dossier)),
            ..PlannedAct::idle(account, Acted::Applied(Box::new(applied)))
        }),
        Err(Stop::Need(need)) => Err(need),
        Err(Stop::Refuse(code, message)) => Ok(PlannedAct::idle(account, Acted::Refused { code, message })),
    }
}

fn decide(world: &World, act: &Act, what: &DossierAct) -> Result<Option<(Applied, Change, Dossier)>, Stop> {
    expected(act, world.account(&act.account)?.map(AsRef::as_ref))?;
    let before = living(world, &act.account)?;
    let held = world.dossier(before.id)?;
    let mut dossier = Dossier::clone(held);
    if let Err(why) = dossier.act(what, &before.profile.email, act.at) {
        return refuse(Code::RuleBroken, why);
    }
    if dossier == **held {
        return Ok(None);
    }
    let renamed = dossier.logins.iter().filter(|login| !held.logins.contains(login));
    for (login, name) in renamed.filter_map(|login| Some((login, login.name.as_deref()?))) {
        let kept = held.logins.iter().any(|one| one.number == login.number && one.name == login.name);
        if !kept {
            must_be_nobodys(world, before.id, login.number == Login::OWN, name)?;
        }
    }
    let revision = before.revision + 1;
    let after = Account { revision, ..before.clone() };
    let applied = Applied {
        created: false,
        revision,
        before: Some(Before::of(before)),
        changed: Fields::kept(held, &dossier).names().map(str::to_owned).collect(),
        notes: Vec::new(),
    };
    let change =
        Change { after, created: false, adopted: None, closed: Vec::new(), relations_changed: false, arrives: false };
    Ok(Some((applied, change, dossier)))
}

/// The name of an account's own login, its user ID, is no other account's login; other logins may be called alike.
fn must_be_nobodys(world: &World, account: AccountId, own: bool, name: &str) -> Result<(), Stop> {
    let holders = world.login_holders(&folded(name))?;
    if holders.iter().any(|(holder, theirs)| *holder != account && (own || *theirs)) {
        return refuse(
            Code::Conflict,
            "Another account has a login of this name, and the name of an account's own login is unique. Choose another.",
        );
    }
    Ok(())
}
