//! Takes accounts from a vendor's list.

use std::borrow::Cow;

use super::place::{follow_partner, named, refuse};
use super::{Act, Imported, changed};
use crate::domain::account::{Account, AccountKind, EventStamp, Hold};
use crate::domain::definition::{OptionDefinition, partner_definition};
use crate::domain::options::{MAX_OPTIONS, OptionSet};
use crate::domain::outcome::Code;
use crate::domain::plan::synchronize::external_id;
use crate::domain::plan::{Stop, partner};
use crate::domain::policy::SourcePolicy;
use crate::domain::relation::{Relation, Turn};
use crate::domain::world::World;

/// What a row comes to.
pub(super) enum Taken {
    /// The account as it is to be, and relations to partners that had handed over by now.
    After(Box<Account>, Vec<Relation>),
    /// Somebody said otherwise since.
    Kept(String),
}

/// Plans a row.
pub(super) fn import(
    world: &World,
    policy: &SourcePolicy,
    act: &Act,
    row: &Imported,
    turn: Turn,
    notes: &mut Vec<Cow<'static, str>>,
) -> Result<Taken, Stop> {
    let before = world.account(&act.account)?.map(AsRef::as_ref);
    if let Some(before) = before
        && let Some(stays) = stays(before, row)?
    {
        return Ok(Taken::Kept(stays));
    }
    let fresh;
    let from = match before {
        Some(before) => before,
        None if act.account.scope.source.is_local()
            && let Some(now) = world.alias(&act.account)? =>
        {
            return Ok(Taken::Kept(format!(
                "the platform {} synchronizes this account as {} since, so what it says stays",
                now.scope.source, now.platform_id
            )));
        }
        None => {
            let external_id = external_id(world, &act.account, row.external_id.as_ref(), notes)?;
            let event = EventStamp { second: act.at.div_euclid(1_000_000), live: false };
            fresh = Account::unsaid(act.account.clone(), external_id, event, act.at);
            &fresh
        }
    };
    let (after, passed) = described(world, policy, act, row, from, before, turn, notes)?;
    let Some(before) = before else {
        return Ok(Taken::After(Box::new(after), passed));
    };
    let differs = changed::fields(Some(before), &after);
    if before.reported.is_some() && !differs.is_empty() {
        return Ok(Taken::Kept(format!(
            "the platform reported this account, so what it says stays; the list differs in {}",
            differs.join(", ")
        )));
    }
    let moves = differs.iter().any(|field| field == "kind" || field == "reseller");
    if before.hold == Some(Hold::Operator) && moves {
        return Ok(Taken::Kept(
            "an operator placed this account since; release it with `accounts set --release` to import its place"
                .to_owned(),
        ));
    }
    if let (Some(held), Some(since), false) = (&before.reseller, row.since, moves)
        && before.reported.is_none()
        && held.valid_from != since
    {
        return Ok(Taken::Kept(
            "its relation began at another time; relations that are there are not dated anew".to_owned(),
        ));
    }
    Ok(Taken::After(Box::new(after), passed))
}

/// Why an account is left alone, whatever the row says.
fn stays(before: &Account, row: &Imported) -> Result<Option<String>, Stop> {
    if row.external_id.as_ref().is_some_and(|claimed| *claimed != before.external_id) {
        return refuse(
            Code::Conflict,
            format!(
                "this account has the ExternalID {}, which never changes. Correct the list, or leave it empty there",
                before.external_id
            ),
        );
    }
    if before.erased_second.is_some() {
        return Ok(Some("its personal data was erased, and is not brought back by a list".to_owned()));
    }
    if !before.is_active() {
        return Ok(Some(
            "it is deleted here; bring it back with `accounts set --status active` to import it".to_owned(),
        ));
    }
    Ok(None)
}

#[allow(clippy::too_many_arguments)] // Everything that makes the new version of an account.
fn described(
    world: &World,
    policy: &SourcePolicy,
    act: &Act,
    row: &Imported,
    from: &Account,
    before: Option<&Account>,
    turn: Turn,
    notes: &mut Vec<Cow<'static, str>>,
) -> Result<(Account, Vec<Relation>), Stop> {
    let reseller = row.reseller.as_ref().filter(|id| **id != act.account.platform_id);
    let mut after = from.clone();
    after.kind = row.kind;
    after.reseller = match (row.kind, reseller) {
        (AccountKind::ResellerCustomer, Some(id)) => {
            let since = Turn { valid: row.since.unwrap_or(turn.valid), ..turn };
            let known_as = from.reseller.as_ref().filter(|held| held.reseller_platform_id.as_ref() == Some(id));
            let external_id = known_as.and_then(|held| held.reseller_external_id.clone());
            Some(named(world, policy, from, id, external_id, since, notes)?)
        }
        (AccountKind::ResellerCustomer, None) => {
            return refuse(Code::RuleBroken, "a reseller_customer needs a reseller. Name its platform ID");
        }
        (_, Some(_)) => {
            return refuse(
                Code::RuleBroken,
                format!("a {} has no reseller. Leave it empty, or make it a reseller_customer", row.kind.as_str()),
            );
        }
        (_, None) => None,
    };
    after.profile = row.profile.applied(after.profile);
    after.options = with(&policy.options, row.kind, &from.options, &row.options)?;
    if let Some(definition) = partner_definition(&policy.options, row.kind)
        && row.options.get(&definition.id).is_some()
    {
        let living = before.filter(|before| before.is_active());
        partner::demand(world, policy, living, row.kind, &after.options, turn, notes)?;
    }
    let passed = follow_partner(world, policy, before, &mut after, turn, notes)?;
    Ok((after, passed))
}

/// The options of an account and those that a list gives, each of which must be a good one. Whether required ones are
/// missing is asked of the platform, not of a list.
fn with(
    definitions: &[OptionDefinition],
    kind: AccountKind,
    stored: &OptionSet,
    given: &OptionSet,
) -> Result<OptionSet, Stop> {
    let mut options = stored.clone();
    for (id, value) in given.iter() {
        judge(definitions, kind, id, value)?;
        options.insert(id.clone(), value.clone().sealed());
    }
    if options.len() > MAX_OPTIONS {
        return refuse(Code::InvalidOption, format!("an account has {MAX_OPTIONS} options at most. Leave some out"));
    }
    Ok(options)
}

/// Judges one option of an account of this kind.
pub(super) fn judge(
    definitions: &[OptionDefinition],
    kind: AccountKind,
    id: &str,
    value: &super::OptionValue,
) -> Result<(), Stop> {
    let Some(definition) = definitions.iter().find(|definition| definition.id == id) else {
        return refuse(
            Code::InvalidOption,
            format!("the source asks for no option {id}. Add it to the configuration, or leave it out"),
        );
    };
    if !definition.applies_to(kind) {
        return refuse(
            Code::InvalidOption,
            format!("the option {id} is not for a {}. Leave it empty there", kind.as_str()),
        );
    }
    definition.judge(Some(value)).map_err(|complaint| Stop::Refuse(Code::InvalidOption, complaint))
}
