//! Relations as an operator sees them, on both axes of time.

use std::collections::HashMap;

use diesel::prelude::*;

use super::{Page, WINDOW, visible};
use crate::domain::account::AccountKind;
use crate::domain::ids::{AccountId, RelationId};
use crate::domain::operator::Visible;
use crate::domain::relation::{Axis, Relation, RelationState};
use crate::store::condition::Condition;
use crate::store::records::RelationRow;
use crate::store::schema::{accounts, relations};
use crate::store::{AnyConnection, StoreError};

/// What is asked for; none is "any".
#[derive(Debug, Clone, Default)]
pub struct RelationFilter {
    /// Of customers of this source.
    pub source: Option<String>,
    /// Of customers of this tenant.
    pub tenant: Option<String>,
    /// To this reseller.
    pub reseller: Option<AccountId>,
    /// Of this customer.
    pub customer: Option<AccountId>,
    /// On this axis.
    pub axis: Option<Axis>,
    /// In this state.
    pub state: Option<RelationState>,
    /// Only what has not ended.
    pub open: bool,
    /// What held at this time, in microseconds since 1970.
    pub on: Option<i64>,
    /// As it was known at this time, in microseconds since 1970.
    pub known: Option<i64>,
}

/// Either side of a relation.
#[derive(Debug, Clone)]
pub struct Party {
    /// Our id.
    pub id: AccountId,
    /// Its source.
    pub source: String,
    /// Its tenant.
    pub tenant: String,
    /// The platform's ID.
    pub platform_id: String,
    /// The vendor's ID.
    pub external_id: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: AccountKind,
}

/// A relation with both of its sides.
#[derive(Debug, Clone)]
pub struct Related {
    /// The relation, as it was known.
    pub relation: Relation,
    /// Its customer.
    pub customer: Party,
    /// The reseller's account, where it is linked to one.
    pub reseller: Option<Party>,
}

type Query = relations::BoxedQuery<'static, <AnyConnection as diesel::connection::Connection>::Backend>;

fn matching(see: &Visible, filter: &RelationFilter) -> Query {
    let mut query = relations::table.into_boxed();
    if let Some(condition) = visible::relations(see) {
        query = query.filter(condition);
    }
    for (column, value) in [("a.source = ", &filter.source), ("a.tenant = ", &filter.tenant)] {
        if let Some(value) = value {
            query = query.filter(
                Condition::new("EXISTS (SELECT 1 FROM accounts a WHERE a.id = relations.account_id AND ")
                    .sql(column)
                    .text(value)
                    .sql(")"),
            );
        }
    }
    if let Some(reseller) = filter.reseller {
        query = query.filter(relations::reseller_account_id.eq(reseller.0));
    }
    if let Some(customer) = filter.customer {
        query = query.filter(relations::account_id.eq(customer.0));
    }
    if let Some(axis) = filter.axis {
        query = query.filter(relations::axis.eq(axis.as_str()));
    }
    // What is not known yet has not happened: an end that was learned later, a link that was made later.
    let known = filter.known.unwrap_or(i64::MAX);
    query = query.filter(relations::learned_at.le(known));
    if let Some(state) = filter.state {
        query = query.filter(match state {
            RelationState::Linked => {
                Condition::new("relations.state = 'linked' AND (relations.linked_at IS NULL OR relations.linked_at <= ")
                    .number(known)
                    .sql(")")
            }
            RelationState::Pending => {
                Condition::new("relations.state = 'pending' OR (relations.state = 'linked' AND relations.linked_at > ")
                    .number(known)
                    .sql(")")
            }
            RelationState::Unprovisioned => Condition::new("relations.state = 'unprovisioned'"),
        });
    }
    if filter.open {
        query =
            query.filter(Condition::new("relations.valid_to IS NULL OR relations.closed_learned_at > ").number(known));
    }
    if let Some(on) = filter.on {
        query = query.filter(relations::valid_from.le(on)).filter(
            Condition::new("relations.valid_to IS NULL OR relations.valid_to > ")
                .number(on)
                .sql(" OR relations.closed_learned_at > ")
                .number(known),
        );
    }
    query
}

/// A page of relations behind `after`, by their ids.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn list(
    connection: &mut AnyConnection,
    see: &Visible,
    filter: &RelationFilter,
    after: Option<RelationId>,
    limit: i64,
) -> Result<Page<Related, RelationId>, StoreError> {
    let mut query = matching(see, filter);
    if let Some(after) = after {
        query = query.filter(relations::id.gt(after.0));
    }
    let indexed = filter.customer.is_some() || *see != Visible::All;
    let window = if indexed { None } else { window(connection, after)? };
    if let Some(end) = window {
        query = query.filter(relations::id.le(end.0));
    }
    let rows = query.order(relations::id).limit(limit + 1).load::<RelationRow>(connection)?;
    let page = Page::cut(rows, limit, |row| RelationId(row.id), window);
    Ok(Page { items: with_sides(connection, covered(see, page.items), filter.known)?, next: page.next })
}

fn window(connection: &mut AnyConnection, after: Option<RelationId>) -> Result<Option<RelationId>, StoreError> {
    let end: Option<i64> = relations::table
        .filter(relations::id.gt(after.map_or(i64::MIN, |after| after.0)))
        .order(relations::id)
        .offset(WINDOW - 1)
        .limit(1)
        .select(relations::id)
        .first(connection)
        .optional()?;
    Ok(end.map(RelationId))
}

/// The relations of an account that are seen, newest first by when they were learned, behind a time in microseconds since
/// 1970 and, at that time, behind an id.
pub(super) fn learned(
    connection: &mut AnyConnection,
    see: &Visible,
    account: AccountId,
    after: Option<(i64, i64)>,
    limit: i64,
) -> Result<Vec<Related>, StoreError> {
    let filter = RelationFilter { customer: Some(account), ..RelationFilter::default() };
    let mut query = matching(see, &filter);
    if let Some((at, id)) = after {
        query = query.filter(relations::learned_at.lt(at).or(relations::learned_at.eq(at).and(relations::id.lt(id))));
    }
    let rows = query
        .order((relations::learned_at.desc(), relations::id.desc()))
        .limit(limit)
        .load::<RelationRow>(connection)?;
    with_sides(connection, covered(see, rows), None)
}

/// Where a list of what happened in an account goes on, in one of the tables that it is made of: behind this time, in
/// microseconds since 1970, and this id.
pub(super) type Behind = Option<(i64, i64)>;

/// The relations of an account that are seen and, by `ended`, ended or began within these times, newest first.
pub(super) fn happened(
    connection: &mut AnyConnection,
    see: &Visible,
    account: AccountId,
    ended: bool,
    (since, until): (i64, i64),
    behind: Behind,
    limit: i64,
) -> Result<Vec<Relation>, StoreError> {
    let filter = RelationFilter { customer: Some(account), ..RelationFilter::default() };
    let query = matching(see, &filter);
    let (at, id) = behind.unwrap_or((i64::MAX, i64::MAX));
    let query = if ended {
        query
            .filter(relations::closed_learned_at.ge(since).and(relations::closed_learned_at.lt(until)))
            .filter(
                relations::closed_learned_at.lt(at).or(relations::closed_learned_at.eq(at).and(relations::id.lt(id))),
            )
            .order((relations::closed_learned_at.desc(), relations::id.desc()))
    } else {
        query
            .filter(relations::learned_at.ge(since).and(relations::learned_at.lt(until)))
            .filter(relations::learned_at.lt(at).or(relations::learned_at.eq(at).and(relations::id.lt(id))))
            .order((relations::learned_at.desc(), relations::id.desc()))
    };
    let rows = query.limit(limit).load::<RelationRow>(connection)?;
    covered(see, rows).into_iter().map(RelationRow::into_relation).collect()
}

/// Takes away whose account a partner is where that is somebody else's; the ID that the customer names stays.
fn covered(see: &Visible, mut rows: Vec<RelationRow>) -> Vec<RelationRow> {
    if let Visible::Resellers(resellers) = see {
        for row in rows.iter_mut().filter(|row| row.axis == Axis::Partner.as_str()) {
            if !row.reseller_account_id.is_some_and(|id| resellers.contains(&AccountId(id))) {
                row.reseller_account_id = None;
                row.linked_partner = None;
            }
        }
    }
    rows
}

/// Adds both sides to rows, in one statement for each 500 accounts, and takes away what was not known yet.
fn with_sides(
    connection: &mut AnyConnection,
    rows: Vec<RelationRow>,
    known: Option<i64>,
) -> Result<Vec<Related>, StoreError> {
    let mut ids: Vec<i64> =
        rows.iter().flat_map(|row| [Some(row.account_id), row.reseller_account_id]).flatten().collect();
    ids.sort_unstable();
    ids.dedup();
    let mut parties: HashMap<i64, Party> = HashMap::new();
    for chunk in ids.chunks(500) {
        let found = accounts::table
            .filter(accounts::id.eq_any(chunk.to_vec()))
            .select((
                accounts::id,
                accounts::source,
                accounts::tenant,
                accounts::platform_id,
                accounts::external_id,
                accounts::name,
                accounts::kind,
            ))
            .load::<(i64, String, String, String, String, String, String)>(connection)?;
        for (id, source, tenant, platform_id, external_id, name, kind) in found {
            let kind = AccountKind::parse(&kind).ok_or_else(|| StoreError::corrupt("accounts.kind", &kind))?;
            parties.insert(id, Party { id: AccountId(id), source, tenant, platform_id, external_id, name, kind });
        }
    }
    rows.into_iter()
        .map(|row| {
            let customer = parties.get(&row.account_id).cloned();
            let customer = customer.ok_or_else(|| StoreError::Corrupt("a relation without its account".to_owned()))?;
            let relation = as_known(row.into_relation()?, known);
            let reseller = relation.reseller_account.and_then(|id| parties.get(&id.0).cloned());
            Ok(Related { relation, customer, reseller })
        })
        .collect()
}

fn as_known(mut relation: Relation, known: Option<i64>) -> Relation {
    let Some(known) = known else { return relation };
    relation.closing = relation.closing.filter(|closing| closing.learned_at <= known);
    if relation.linked_at.is_some_and(|at| at > known) {
        relation.linked_at = None;
        relation.linked_cause = None;
        relation.reseller_account = None;
        relation.partner = None;
        relation.state = RelationState::Pending;
    }
    relation
}
