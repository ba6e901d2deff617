//! The relation to a partner of the vendor's registry, which an option names.

use std::borrow::Cow;
use std::sync::Arc;

use super::Stop;
use crate::domain::account::{Account, AccountKind};
use crate::domain::definition::{partner_definition, partner_named};
use crate::domain::ids::{PartnerId, RelationId};
use crate::domain::options::OptionSet;
use crate::domain::outcome::Code;
use crate::domain::partner::{Holder, Meaning, PartnerStatus};
use crate::domain::policy::SourcePolicy;
use crate::domain::relation::{Axis, Cause, Closing, Relation, RelationState, Turn};
use crate::domain::world::{Need, World};

/// Which partner an account names, and since when.
pub(in crate::domain) struct Naming<'a> {
    /// The ID; none where it names nobody.
    pub named: Option<&'a str>,
    /// When a relation to another partner ends and one to this one begins.
    pub turn: Turn,
}

/// The relation that is open afterwards, and those to partners that handed over to it before it was learned of.
#[derive(Default)]
pub(in crate::domain) struct Related {
    pub open: Option<Relation>,
    pub passed: Vec<Relation>,
}

/// Refuses an ID that the registry does not know, and one of a partner that has ended, where the vendor demands that.
///
/// A customer keeps a partner that has ended: it is not the buyer of something else who could put that right.
pub(in crate::domain) fn demand(
    world: &World,
    policy: &SourcePolicy,
    living: Option<&Account>,
    kind: AccountKind,
    options: &OptionSet,
    turn: Turn,
    trace: &mut Vec<Cow<'static, str>>,
) -> Result<(), Stop> {
    let Some(definition) = partner_definition(&policy.options, kind).filter(|definition| definition.must_exist) else {
        return Ok(());
    };
    let value = options.get(&definition.id).filter(|value| !value.is_blank());
    let refuse = |what: &str, next: &str| {
        let message = format!("\"{}\" ({}) {what}. {next}", definition.name, definition.id);
        Err(Stop::Refuse(Code::InvalidOption, message))
    };
    let Some(named) = partner_named(&policy.options, kind, options) else {
        return match value {
            None => Ok(()),
            Some(_) => refuse("names no partner of this vendor", "Check it for a typing error."),
        };
    };
    let Some(meaning) = world.partner(named)? else {
        return refuse(
            "names no partner of this vendor",
            match turn.cause {
                Cause::Sync => {
                    "Check it for a typing error, or ask the vendor to register the partner, and order again."
                }
                _ => "Check it for a typing error, or register the partner first.",
            },
        );
    };
    // Events are dated by whole seconds: what happened within this one has happened.
    let at = turn.valid.saturating_add(999_999);
    let partner = living.and_then(|living| living.partner.as_ref());
    let has_it = partner.is_some_and(|relation| relation.partner_id.as_deref() == Some(named));
    match meaning.at(at).standing.at(at) {
        PartnerStatus::Active => {}
        PartnerStatus::Suspended => trace.push(Cow::Borrowed("the partner is suspended")),
        PartnerStatus::Ended if has_it => {
            trace.push(Cow::Borrowed("the partner has ended; the customer had it before"))
        }
        PartnerStatus::Ended => {
            return refuse(
                "names a partner that is a partner of this vendor no longer",
                "Enter the ID of the partner that you order through now.",
            );
        }
    }
    Ok(())
}

/// The partner relation of an account that had `held` and names a partner now.
///
/// A relation to the same ID goes on as it is: what the registry makes of the ID, it does to stored relations itself.
pub(in crate::domain) fn relate(
    world: &World,
    held: Option<&Relation>,
    naming: &Naming<'_>,
    trace: &mut Vec<Cow<'static, str>>,
) -> Result<Related, Need> {
    let Some(named) = naming.named else {
        return Ok(Related::default());
    };
    if let Some(held) = held.filter(|held| held.partner_id.as_deref() == Some(named)) {
        return Ok(Related { open: Some(held.clone()), passed: Vec::new() });
    }
    match world.partner(named)? {
        None => {
            trace.push(Cow::Borrowed("the partner is not in the registry; the relation waits for it"));
            Ok(Related { open: Some(opened(named, None, naming.turn.valid, naming.turn)), passed: Vec::new() })
        }
        Some(meaning) => Ok(follow(named, meaning, naming.turn, trace)),
    }
}

/// Relations to whom the ID meant at the event's time, and to the successors that came until now.
fn follow(named: &str, meaning: &Arc<Meaning>, turn: Turn, trace: &mut Vec<Cow<'static, str>>) -> Related {
    let (first, last) = (meaning.index_at(turn.valid), meaning.index_at(turn.valid.max(turn.learned_at)));
    let mut related = Related::default();
    let mut before: Option<&PartnerId> = None;
    for (index, step) in meaning.steps().iter().enumerate().take(last + 1) {
        let holder = &*step.holder;
        match before {
            None if holder.id.as_str() != named => trace.push(Cow::Owned(format!("an alias of partner {}", holder.id))),
            Some(before) => trace.push(Cow::Owned(format!("partner {before} has the successor {}", holder.id))),
            None => {}
        }
        before = Some(&holder.id);
        if index < first {
            continue;
        }
        let from = if index == first { turn.valid } else { step.from };
        let mut relation = opened(named, Some(holder), from, turn);
        if index > first {
            relation.cause = Cause::Partner;
        }
        match meaning.steps().get(index + 1).filter(|_| index < last) {
            // It had handed over by the time it came.
            Some(next) if next.from <= from => {}
            Some(next) => {
                relation.closing = Some(Closing {
                    valid_to: next.from,
                    learned_at: turn.learned_at,
                    cause: Cause::Partner,
                    delivery: None,
                });
                related.passed.push(relation);
            }
            None => related.open = Some(relation),
        }
    }
    related
}

fn opened(named: &str, holder: Option<&Holder>, from: i64, turn: Turn) -> Relation {
    Relation {
        id: RelationId::UNISSUED,
        axis: Axis::Partner,
        reseller_platform_id: None,
        reseller_external_id: None,
        reseller_account: holder.and_then(|holder| holder.reseller),
        partner_id: Some(named.to_owned()),
        partner: holder.map(|holder| holder.id.clone()),
        state: if holder.is_some() { RelationState::Linked } else { RelationState::Pending },
        found_by: None,
        valid_from: from,
        learned_at: turn.learned_at,
        linked_at: holder.map(|_| turn.learned_at),
        linked_cause: None,
        cause: turn.cause,
        delivery: None,
        closing: None,
    }
}
