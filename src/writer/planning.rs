//! Plans a call and looks up what the plan asks for: what stands behind the writer and behind what-if.

use crate::domain::act::{Act, PlannedAct, plan_act};
use crate::domain::call::Call;
use crate::domain::plan::{Planned, plan};
use crate::domain::policy::{Policies, SourcePolicy};
use crate::domain::world::{Need, World};
use crate::store::load::{self, Purpose};
use crate::store::{AnyConnection, StoreError};

/// Most look-ups that one call may ask for one after the other. Only an ExternalID whose suffixes are taken asks for
/// more than a handful, and the planner gives up before this.
pub(super) const MAX_LOOKUPS: usize = 2_000;

/// A chain that nobody writes: what is numbered on it is never stored. For what-if and previews.
pub const NOWHERE: i64 = (1 << 22) - 1;

/// Looks up what calls will certainly ask for, in a few statements for all of them. Their accounts are locked then, and
/// whoever would make one of them waits.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn foresee(
    connection: &mut AnyConnection,
    world: &mut World,
    calls: &[(&SourcePolicy, &Call)],
    cap: usize,
    purpose: &mut Purpose,
) -> Result<(), StoreError> {
    let needs: Vec<_> = calls.iter().flat_map(|(_, call)| World::foreseeable(call)).collect();
    load::load(connection, world, &needs, cap, purpose)
}

/// Looks up what calls will ask for next.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn foresee_next(
    connection: &mut AnyConnection,
    world: &mut World,
    calls: &[(&SourcePolicy, &Call)],
    cap: usize,
    purpose: &mut Purpose,
) -> Result<(), StoreError> {
    let mut needs: Vec<_> = calls.iter().flat_map(|(policy, call)| world.foreseeable_next(policy, call)).collect();
    needs.extend(calls.iter().filter_map(|(policy, call)| world.foreseeable_partner(policy, call)));
    load::load(connection, world, &needs, cap, purpose)
}

/// Plans one call in the world as it is now. `cap` bounds how many customers of a reseller are listed: one more than
/// there are calls that could take them away.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn plan_one(
    connection: &mut AnyConnection,
    world: &mut World,
    policy: &SourcePolicy,
    call: &Call,
    cap: usize,
    purpose: &mut Purpose,
) -> Result<Planned, StoreError> {
    look(connection, world, cap, purpose, |world| plan(world, policy, call))
}

/// Asks a world something, looking up what that asks for; `cap` as for calls.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn look<T>(
    connection: &mut AnyConnection,
    world: &mut World,
    cap: usize,
    purpose: &mut Purpose,
    ask: impl Fn(&World) -> Result<T, Need>,
) -> Result<T, StoreError> {
    for _ in 0..MAX_LOOKUPS {
        match ask(world) {
            Ok(told) => return Ok(told),
            Err(need) => load::load(connection, world, std::slice::from_ref(&need), cap, purpose)?,
        }
    }
    Err(StoreError::Failed("a call or an act asked for too many look-ups".to_owned()))
}

/// Looks up what acts will ask for, in a few statements for all of them.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn foresee_acts(
    connection: &mut AnyConnection,
    world: &mut World,
    policies: &Policies,
    acts: &[Act],
    cap: usize,
    purpose: &mut Purpose,
) -> Result<(), StoreError> {
    let needs: Vec<_> = acts.iter().flat_map(World::foreseeable_of_act).collect();
    load::load(connection, world, &needs, cap, purpose)?;
    let mut needs: Vec<_> = acts.iter().flat_map(|act| world.foreseeable_next_of_act(act)).collect();
    let policy = |act: &Act| policies.of(&act.account.scope.source);
    needs.extend(acts.iter().filter_map(|act| world.foreseeable_partner_of_act(policy(act), act)));
    load::load(connection, world, &needs, cap, purpose)
}

/// Plans one act in the world as it is now; `cap` as for calls.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn plan_one_act(
    connection: &mut AnyConnection,
    world: &mut World,
    policy: &SourcePolicy,
    act: &Act,
    cap: usize,
    purpose: &mut Purpose,
) -> Result<PlannedAct, StoreError> {
    look(connection, world, cap, purpose, |world| plan_act(world, policy, act))
}
