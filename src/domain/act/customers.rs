//! The exact list of a reseller's customers. Whoever is listed is moved by acts of its own; who is not listed any longer
//! is found here, in the transaction and behind the reseller's lock, so that of two lists that come at once the later one
//! holds as it is, and a customer that went elsewhere meanwhile is left where it went.

use std::collections::HashSet;

use super::place::{living, refuse};
use super::{Act, Acted, PlannedAct, What};
use crate::domain::ids::{AccountKey, SourceId};
use crate::domain::moves::Moving;
use crate::domain::outcome::Code;
use crate::domain::plan::Stop;
use crate::domain::world::{Need, World};

/// Most customers that one list may leave out: each of them is moved in the same transaction.
pub const MAX_LEAVING: usize = 50_000;

/// Most customers that are looked up to tell which are left out: as many as may stay and leave.
pub const MAX_CUSTOMERS: usize = 2 * MAX_LEAVING;

/// The customers that a reseller is to have, and no others.
#[derive(Debug, Clone, PartialEq)]
pub struct ExactList {
    /// The sources whose customers it is about, in the reseller's tenant; customers of others stay.
    pub sources: Vec<SourceId>,
    /// Who stays or comes.
    pub customers: HashSet<AccountKey>,
    /// The reseller's customers as they were looked at before. Only so that they are locked together with all others, in
    /// the order of the keys.
    pub seen: Vec<AccountKey>,
    /// Who moves them: an operator's name.
    pub by: String,
}

/// Plans the list itself, which changes nothing: it is refused where there is no such reseller.
pub(super) fn plan(world: &World, act: &Act) -> Result<PlannedAct, Need> {
    let account = world.account(&act.account)?.map(|account| account.id);
    let decided = living(world, &act.account).and_then(|reseller| match reseller.sells() {
        true => Ok(()),
        false => refuse(Code::RuleBroken, "The account is no reseller, so it has no customers. Promote it first."),
    });
    match decided {
        Ok(()) => Ok(PlannedAct::idle(account, Acted::Unchanged)),
        Err(Stop::Need(need)) => Err(need),
        Err(Stop::Refuse(code, message)) => Ok(PlannedAct::idle(account, Acted::Refused { code, message })),
    }
}

/// The acts that move away who is not listed. Err within is why there are too many.
///
/// # Errors
/// [`Need`] names what must be looked up first.
pub fn leaving(world: &World, act: &Act, list: &ExactList) -> Result<Result<Vec<Act>, String>, Need> {
    let Some(reseller) = world.account(&act.account)?.filter(|account| account.sells()) else {
        return Ok(Ok(Vec::new()));
    };
    let Some(customers) = world.customers_of(reseller.id)? else {
        return Ok(Err(format!(
            "The partner has more than {MAX_CUSTOMERS} customers, too many for one list. Move some of them below /v1/moves first."
        )));
    };
    let concerned = |key: &&AccountKey| {
        key.scope.tenant == act.account.scope.tenant
            && list.sources.contains(&key.scope.source)
            && !list.customers.contains(*key)
    };
    let acts: Vec<Act> = customers
        .iter()
        .filter(concerned)
        .map(|key| {
            let moving = Moving { only_from: Some(reseller.id), by: list.by.clone(), ..Moving::default() };
            Act::new(key.clone(), act.at, act.cause, What::Move(Box::new(moving)))
        })
        .collect();
    if acts.len() > MAX_LEAVING {
        return Ok(Err(format!(
            "The list leaves out more than {MAX_LEAVING} of the partner's customers, too many at once. Move some of them below \
             /v1/moves first."
        )));
    }
    Ok(Ok(acts))
}
