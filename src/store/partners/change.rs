//! Changes of the registry, each with what it means for the customers. Within a write transaction that has taken the
//! registry's lock ([`super::take`]).

use std::collections::BTreeSet;

use diesel::prelude::*;

use super::relate::{Affected, evaluate};
use super::{find, names_of};
use crate::domain::feed::Entry;
use crate::domain::ids::PartnerId;
use crate::domain::partner::Partner;
use crate::store::changes;
use crate::store::connection::AnyConnection;
use crate::store::error::StoreError;
use crate::store::schema::{partner_aliases, partner_registry, partners};

/// A change of the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The partner is to be so, whether it was there or not.
    Put(Partner),
    /// The partner was a mistake: nobody has its IDs any longer.
    Remove(PartnerId),
}

impl Change {
    /// Whom it is about.
    #[must_use]
    pub fn id(&self) -> &PartnerId {
        match self {
            Self::Put(partner) => &partner.id,
            Self::Remove(id) => id,
        }
    }
}

/// The IDs whose customers a change may concern, as the registry is now.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn names(connection: &mut AnyConnection, change: &Change) -> Result<BTreeSet<PartnerId>, StoreError> {
    let mut names = names_of(connection, [change.id().clone()])?;
    if let Change::Put(partner) = change {
        names.extend(partner.aliases.iter().cloned());
    }
    Ok(names)
}

/// Carries changes out and makes the customers' relations what the registry says then. `now` is in microseconds since
/// 1970. Whoever asks has seen to it that no ID means two partners and no successors go round in a circle.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn write(connection: &mut AnyConnection, changes: &[Change], now: i64) -> Result<Vec<Affected>, StoreError> {
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let ids = || changes.iter().map(|change| change.id().clone());
    let mut names = names_of(connection, ids())?;
    // First all that goes: an alias may go from one to the other.
    for id in ids() {
        diesel::delete(partner_aliases::table.filter(partner_aliases::partner_id.eq(id.to_string())))
            .execute(connection)?;
    }
    for change in changes {
        match change {
            Change::Put(partner) => put(connection, partner, now)?,
            Change::Remove(id) => {
                diesel::delete(partners::table.filter(partners::partner_id.eq(id.to_string()))).execute(connection)?;
            }
        }
    }
    diesel::update(partner_registry::table.filter(partner_registry::id.eq(1)))
        .set(partner_registry::revision.eq(partner_registry::revision + 1))
        .execute(connection)?;
    names.extend(names_of(connection, ids())?);
    let affected = evaluate(connection, &names, now)?;
    told(connection, affected, now)
}

/// Tells in the change feed what became of relations.
///
/// Behind it the transaction asks for nothing that others might keep: on PostgreSQL no other receiver gets a position from
/// here to the commit.
fn told(connection: &mut AnyConnection, affected: Vec<Affected>, now: i64) -> Result<Vec<Affected>, StoreError> {
    let entries: Vec<Entry> = affected.iter().map(Affected::entry).collect();
    changes::append(connection, now, &entries)?;
    Ok(affected)
}

fn put(connection: &mut AnyConnection, partner: &Partner, now: i64) -> Result<(), StoreError> {
    let id = partner.id.to_string();
    let columns = (
        partners::name.eq(partner.name.clone()),
        partners::status.eq(partner.standing.status.as_str()),
        partners::status_from.eq(partner.standing.from),
        partners::status_until.eq(partner.standing.until),
        partners::successor.eq(partner.successor.as_ref().map(|successor| successor.id.to_string())),
        partners::successor_from.eq(partner.successor.as_ref().map(|successor| successor.from)),
        partners::reseller_account_id.eq(partner.reseller.map(|id| id.0)),
        partners::updated_at.eq(now),
    );
    if find(connection, &partner.id)?.is_some() {
        diesel::update(partners::table.filter(partners::partner_id.eq(id.clone()))).set(columns).execute(connection)?;
    } else {
        diesel::insert_into(partners::table)
            .values((partners::partner_id.eq(id.clone()), partners::created_at.eq(now), columns))
            .execute(connection)?;
    }
    for alias in &partner.aliases {
        // It may come from a partner that is changed later on.
        diesel::delete(partner_aliases::table.filter(partner_aliases::alias.eq(alias.to_string())))
            .execute(connection)?;
        diesel::insert_into(partner_aliases::table)
            .values((partner_aliases::alias.eq(alias.to_string()), partner_aliases::partner_id.eq(id.clone())))
            .execute(connection)?;
    }
    Ok(())
}

/// Until when hand-overs were carried out, in microseconds since 1970.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn settled_until(connection: &mut AnyConnection) -> Result<i64, StoreError> {
    Ok(partner_registry::table
        .filter(partner_registry::id.eq(1))
        .select(partner_registry::settled_until)
        .first(connection)?)
}

/// The partners that hand over within these times, in microseconds since 1970, in the order of the times; behind the last
/// of a page, at most `limit`.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn due(
    connection: &mut AnyConnection,
    from: i64,
    until: i64,
    after: Option<(i64, &PartnerId)>,
    limit: i64,
) -> Result<Vec<(i64, PartnerId)>, StoreError> {
    let mut query = partners::table
        .filter(partners::successor_from.gt(from))
        .filter(partners::successor_from.le(until))
        .filter(partners::successor_from.is_not_null())
        .select((partners::successor_from.assume_not_null(), partners::partner_id))
        .into_boxed();
    if let Some((at, id)) = after {
        query = query.filter(
            partners::successor_from
                .gt(at)
                .or(partners::successor_from.eq(at).and(partners::partner_id.gt(id.to_string()))),
        );
    }
    let rows: Vec<(i64, String)> =
        query.order((partners::successor_from, partners::partner_id)).limit(limit).load(connection)?;
    Ok(rows.into_iter().map(|(at, id)| (at, PartnerId::stored(&id))).collect())
}

/// Carries out the hand-overs of these partners that are due, within a write transaction that has taken the registry's
/// lock. `now` is in microseconds since 1970.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn hand_over(connection: &mut AnyConnection, ids: &[PartnerId], now: i64) -> Result<Vec<Affected>, StoreError> {
    let names = names_of(connection, ids.iter().cloned())?;
    let affected = evaluate(connection, &names, now)?;
    told(connection, affected, now)
}

/// Notes that hand-overs are carried out until a time, in microseconds since 1970.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn settle(connection: &mut AnyConnection, until: i64) -> Result<(), StoreError> {
    diesel::update(partner_registry::table.filter(partner_registry::id.eq(1)))
        .set(partner_registry::settled_until.eq(until))
        .execute(connection)?;
    Ok(())
}
