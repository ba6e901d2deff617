//! Makes accounts here: by hand, or by a dialect.

use std::borrow::Cow;

use super::import::Taken;
use super::place::{assign, follow_partner, refuse};
use super::{Act, Created};
use crate::domain::account::{Account, AccountKind, EventStamp};
use crate::domain::outcome::Code;
use crate::domain::plan::Stop;
use crate::domain::plan::synchronize::external_id;
use crate::domain::policy::SourcePolicy;
use crate::domain::relation::Turn;
use crate::domain::world::World;

/// Plans a new account.
pub(super) fn create(
    world: &World,
    policy: &SourcePolicy,
    act: &Act,
    made: &Created,
    turn: Turn,
    notes: &mut Vec<Cow<'static, str>>,
) -> Result<Taken, Stop> {
    let key = &act.account;
    if world.account(key)?.is_some() {
        return refuse(
            Code::Conflict,
            "An account of this ID is there already. Change that one, or choose another ID.",
        );
    }
    if let Some(now) = world.alias(key)? {
        return refuse(
            Code::Conflict,
            format!(
                "An account of this ID was here; the platform {} synchronizes it as {} since. Choose another ID.",
                now.scope.source, now.platform_id
            ),
        );
    }
    let external_id = external_id(world, key, made.external_id.as_ref(), notes)?;
    let event = EventStamp { second: act.at.div_euclid(1_000_000), live: false };
    let fresh = Account::unsaid(key.clone(), external_id, event, act.at);
    let mut after = match (made.kind, &made.reseller) {
        (AccountKind::ResellerCustomer, Some(reseller)) => {
            assign(world, &Account { kind: AccountKind::DirectCustomer, ..fresh }, Some(reseller), turn)?
        }
        (AccountKind::ResellerCustomer, None) => {
            return refuse(Code::RuleBroken, "A reseller_customer needs a reseller. Name it.");
        }
        (kind, None) => Account { kind, ..fresh },
        (kind, Some(_)) => {
            return refuse(
                Code::RuleBroken,
                format!("A {} has no reseller. Name none, or make it a reseller_customer.", kind.as_str()),
            );
        }
    };
    after.profile = made.profile.applied(after.profile);
    let passed = follow_partner(world, policy, None, &mut after, turn, notes)?;
    Ok(Taken::After(Box::new(after), passed))
}
