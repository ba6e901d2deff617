//! What the registry makes of the stored customers: relations that wait are linked, others go on to who an ID means now.
//! Set by set, however many customers there are; each function says which relations it touched.

use std::collections::{BTreeSet, HashMap};

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::meanings;
use crate::domain::feed::{Entry, Event, Related};
use crate::domain::ids::{AccountId, PartnerId, RelationId};
use crate::domain::partner::{Holder, Meaning};
use crate::domain::relation::{Axis, Cause, RelationState};
use crate::store::bulk::{Rows, Statement, Value, Verb};
use crate::store::condition::Condition;
use crate::store::connection::AnyConnection;
use crate::store::error::StoreError;
use crate::store::schema::{partner_registry, relations};

/// Numbers the relations that the registry opens. No writer claims this chain: they count up from 0, and the number above
/// it stands for what is never stored.
const CHAIN: i64 = (1 << 22) - 2;

/// The condition of the partial index, which a bound parameter would not be seen to match.
const OPEN: &str =
    "relations.valid_to IS NULL AND relations.partner_id IS NOT NULL AND length(relations.partner_id) <= 128";

/// Names in one statement.
const CHUNK: usize = 500;

/// Rows inserted at once.
const ROWS: usize = 5_000;

/// What became of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Became {
    /// It ended.
    Closed,
    /// It was opened.
    Opened,
    /// It had waited and is linked.
    Linked,
}

/// A relation that the registry touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affected {
    /// The row.
    pub relation: RelationId,
    /// The customer.
    pub account: AccountId,
    /// What became of it.
    pub became: Became,
    /// The partner's ID as the customer names it.
    pub named: PartnerId,
    /// The partner whose it is, or was.
    pub partner: Option<PartnerId>,
    /// That partner's account as a reseller.
    pub reseller: Option<AccountId>,
    /// Whether somebody knows the partner.
    pub state: RelationState,
    /// Microseconds since 1970 from which it holds.
    pub since: i64,
    /// Microseconds since 1970 until which it held; none while it is open.
    pub until: Option<i64>,
}

impl Affected {
    /// As the change feed tells it.
    pub(super) fn entry(&self) -> Entry {
        let related = Related {
            relation: self.relation,
            axis: Axis::Partner,
            reseller: self.reseller,
            reseller_platform_id: None,
            reseller_external_id: None,
            partner_id: Some(self.named.to_string()),
            state: self.state,
            since: self.since,
            until: self.until,
        };
        let event = match self.became {
            Became::Closed => Event::Closed(related),
            Became::Opened => Event::Opened(related),
            Became::Linked => Event::Linked(related),
        };
        Entry { account: self.account, revision: None, cause: Cause::Partner, delivery: None, event }
    }
}

struct OpenRelation;

impl Statement for OpenRelation {
    const TABLE: &'static str = "relations";
    const VERB: Verb = Verb::Insert;
    const COLUMNS: &'static [&'static str] = &[
        "account_id",
        "axis",
        "partner_id",
        "linked_partner",
        "reseller_account_id",
        "state",
        "valid_from",
        "learned_at",
        "linked_at",
        "cause",
        "id",
    ];
}

/// The open relations that name one ID and stand alike: the partner they are linked to, that partner's reseller account,
/// and how many they are.
type Group = (Option<String>, Option<i64>, i64);

/// A group behind the ID that it names.
type Counted = (Option<String>, Option<String>, Option<i64>, i64);

/// How the customers that name these IDs stand.
fn groups(
    connection: &mut AnyConnection,
    names: &BTreeSet<PartnerId>,
) -> Result<HashMap<PartnerId, Vec<Group>>, StoreError> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut found: HashMap<PartnerId, Vec<Group>> = HashMap::new();
    for chunk in names.chunks(CHUNK) {
        let key = (relations::partner_id, relations::linked_partner, relations::reseller_account_id);
        let rows: Vec<Counted> = relations::table
            .filter(relations::partner_id.eq_any(chunk.to_vec()))
            .filter(sql::<Bool>(OPEN))
            .group_by(key)
            .select((
                relations::partner_id,
                relations::linked_partner,
                relations::reseller_account_id,
                diesel::dsl::count_star(),
            ))
            .load(connection)?;
        for (name, partner, reseller, count) in rows {
            let name = PartnerId::stored(&name.unwrap_or_default());
            found.entry(name).or_default().push((partner, reseller, count));
        }
    }
    Ok(found)
}

/// How many open relations name these IDs.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn count(connection: &mut AnyConnection, names: &BTreeSet<PartnerId>) -> Result<i64, StoreError> {
    Ok(groups(connection, names)?.into_values().flatten().map(|(_, _, count)| count).sum())
}

/// How many open relations are linked to a partner, by whatever ID.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn customers(connection: &mut AnyConnection, partner: &PartnerId) -> Result<i64, StoreError> {
    let names = super::names_of(connection, [partner.clone()])?;
    let groups = groups(connection, &names)?;
    let theirs = groups.into_values().flatten().filter(|(linked, ..)| linked.as_deref() == Some(partner.as_str()));
    Ok(theirs.map(|(_, _, count)| count).sum())
}

/// Makes the relations that name these IDs what the registry says now, within a write transaction that has taken the
/// registry's lock. `now` is in microseconds since 1970.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn evaluate(
    connection: &mut AnyConnection,
    names: &BTreeSet<PartnerId>,
    now: i64,
) -> Result<Vec<Affected>, StoreError> {
    let groups = groups(connection, names)?;
    let with_customers: BTreeSet<PartnerId> = groups.keys().cloned().collect();
    let meanings = meanings(connection, &with_customers)?;
    let mut affected = Vec::new();
    for name in &with_customers {
        let stand = groups.get(name).map(Vec::as_slice).unwrap_or_default();
        let mut name = Name { connection, name, now, affected: &mut affected };
        match meanings.get(name.name) {
            Some(meaning) => name.follow(meaning, stand)?,
            None => name.leave(stand)?,
        }
    }
    Ok(affected)
}

/// Whom customers are linked to, under which account.
fn linked(stand: &[Group]) -> Vec<(String, Option<i64>)> {
    stand.iter().filter_map(|(partner, reseller, _)| Some((partner.clone()?, *reseller))).collect()
}

/// The customers that name one ID.
struct Name<'a> {
    connection: &'a mut AnyConnection,
    name: &'a PartnerId,
    now: i64,
    affected: &'a mut Vec<Affected>,
}

impl Name<'_> {
    /// Nobody is meant any longer: what was linked waits from now on.
    fn leave(&mut self, stand: &[Group]) -> Result<(), StoreError> {
        for (partner, reseller) in linked(stand) {
            self.hand_over(&partner, reseller, None, self.now)?;
        }
        Ok(())
    }

    /// Links what waits and hands over what belongs to others by now.
    fn follow(&mut self, meaning: &Meaning, stand: &[Group]) -> Result<(), StoreError> {
        let steps = meaning.steps();
        let last = meaning.index_at(self.now);
        let target = meaning.at(self.now);
        let reseller = |holder: &Holder| holder.reseller.map(|id| id.0);
        let waits = stand.iter().any(|(partner, ..)| partner.is_none());
        let mut linked = linked(stand);
        if waits {
            for (index, step) in steps.iter().enumerate().take(last + 1) {
                let until = steps.get(index + 1).filter(|_| index < last).map(|next| next.from);
                if until.is_some_and(|until| until <= step.from) {
                    continue;
                }
                self.link(&step.holder, step.from, until)?;
                linked.push((step.holder.id.to_string(), reseller(&step.holder)));
            }
            linked.sort();
            linked.dedup();
        }
        // Predecessors hand over in the order of their dates, so that whoever stands far back passes all of them.
        for pair in steps.windows(2).take(last) {
            let [from, to] = pair else { continue };
            let (theirs, others): (Vec<_>, Vec<_>) =
                linked.into_iter().partition(|(partner, _)| partner == from.holder.id.as_str());
            linked = others;
            for (partner, of) in theirs {
                self.hand_over(&partner, of, Some(&to.holder), to.from)?;
                let gone = (to.holder.id.to_string(), reseller(&to.holder));
                if !linked.contains(&gone) {
                    linked.push(gone);
                }
            }
        }
        // Who belongs to somebody else for another reason than time, or has another account by now.
        let right = (target.id.to_string(), reseller(target));
        for (partner, of) in linked.into_iter().filter(|one| *one != right) {
            self.hand_over(&partner, of, Some(target), self.now)?;
        }
        Ok(())
    }

    /// Links what waits and began within these times to a partner.
    fn link(&mut self, holder: &Holder, from: i64, until: Option<i64>) -> Result<(), StoreError> {
        let waiting = relations::table
            .filter(relations::partner_id.eq(self.name.as_str().to_owned()))
            .filter(sql::<Bool>(OPEN))
            .filter(relations::linked_partner.is_null())
            .filter(relations::valid_from.ge(from))
            .filter(relations::valid_from.lt(until.unwrap_or(i64::MAX)));
        let rows: Vec<(i64, i64, i64)> = diesel::update(waiting)
            .set((
                relations::state.eq(RelationState::Linked.as_str()),
                relations::linked_partner.eq(Some(holder.id.to_string())),
                relations::reseller_account_id.eq(holder.reseller.map(|id| id.0)),
                relations::linked_at.eq(Some(self.now)),
                relations::linked_cause.eq(Some(Cause::Partner.as_str())),
            ))
            .returning((relations::id, relations::account_id, relations::valid_from))
            .get_results(self.connection)?;
        for (id, account, at) in rows {
            self.note(Row { id, account, since: at, until: None }, Became::Linked, Link::of(Some(holder)));
        }
        Ok(())
    }

    /// Ends what is linked to a partner under an account, and opens as much to another one, or to nobody. What began later
    /// than `at` ends as it begins, so that it is still told what was thought of it before.
    fn hand_over(
        &mut self,
        partner: &str,
        reseller: Option<i64>,
        to: Option<&Holder>,
        at: i64,
    ) -> Result<(), StoreError> {
        let mut rows: Vec<Row> = Vec::new();
        for later in [false, true] {
            let theirs = relations::table
                .filter(relations::partner_id.eq(self.name.as_str().to_owned()))
                .filter(sql::<Bool>(OPEN))
                .filter(relations::linked_partner.eq(partner.to_owned()))
                .filter(match reseller {
                    Some(id) => Condition::new("relations.reseller_account_id = ").number(id),
                    None => Condition::new("relations.reseller_account_id IS NULL"),
                });
            let learned = (
                relations::closed_learned_at.eq(Some(self.now)),
                relations::closed_cause.eq(Some(Cause::Partner.as_str())),
            );
            let columns = (relations::id, relations::account_id, relations::valid_from, relations::valid_to);
            let ended: Vec<(i64, i64, i64, Option<i64>)> = if later {
                diesel::update(theirs)
                    .set((relations::valid_to.eq(relations::valid_from.nullable()), learned))
                    .returning(columns)
                    .get_results(self.connection)?
            } else {
                diesel::update(theirs.filter(relations::valid_from.le(at)))
                    .set((relations::valid_to.eq(Some(at)), learned))
                    .returning(columns)
                    .get_results(self.connection)?
            };
            rows.extend(ended.into_iter().map(|(id, account, since, until)| Row { id, account, since, until }));
        }
        let was = Link { partner: Some(PartnerId::stored(partner)), reseller: reseller.map(AccountId) };
        for row in &rows {
            self.note(*row, Became::Closed, was.clone());
        }
        let first = issue(self.connection, rows.len())?;
        for (chunk, number) in rows.chunks(ROWS).zip((first..).step_by(ROWS)) {
            self.open(chunk, number, to)?;
        }
        Ok(())
    }

    fn open(&mut self, ended: &[Row], number: i64, to: Option<&Holder>) -> Result<(), StoreError> {
        let state = if to.is_some() { RelationState::Linked } else { RelationState::Pending };
        let mut rows = Rows::<OpenRelation>::default();
        let mut opened = Vec::with_capacity(ended.len());
        for (Row { account, since, until, .. }, number) in ended.iter().zip(number..) {
            let id = RelationId::issue(CHAIN, number);
            let at = until.unwrap_or(*since);
            rows.push([
                Value::BigInt(*account),
                Value::Text(Axis::Partner.as_str()),
                Value::Text(self.name.as_str()),
                Value::MaybeText(to.map(|holder| holder.id.as_str())),
                Value::MaybeBigInt(to.and_then(|holder| holder.reseller).map(|id| id.0)),
                Value::Text(state.as_str()),
                Value::BigInt(at),
                Value::BigInt(self.now),
                Value::MaybeBigInt(to.map(|_| self.now)),
                Value::Text(Cause::Partner.as_str()),
                Value::BigInt(id.0),
            ]);
            opened.push(Row { id: id.0, account: *account, since: at, until: None });
        }
        rows.write(self.connection)?;
        for row in opened {
            self.note(row, Became::Opened, Link::of(to));
        }
        Ok(())
    }

    fn note(&mut self, row: Row, became: Became, link: Link) {
        let state = if link.partner.is_some() { RelationState::Linked } else { RelationState::Pending };
        self.affected.push(Affected {
            relation: RelationId(row.id),
            account: AccountId(row.account),
            became,
            named: self.name.clone(),
            partner: link.partner,
            reseller: link.reseller,
            state,
            since: row.since,
            until: row.until,
        });
    }
}

/// A relation that was written.
#[derive(Clone, Copy)]
struct Row {
    id: i64,
    account: i64,
    since: i64,
    until: Option<i64>,
}

/// Whom it is linked to.
#[derive(Clone)]
struct Link {
    partner: Option<PartnerId>,
    reseller: Option<AccountId>,
}

impl Link {
    fn of(holder: Option<&Holder>) -> Self {
        Self { partner: holder.map(|holder| holder.id.clone()), reseller: holder.and_then(|holder| holder.reseller) }
    }
}

/// Numbers so many relations, and gives the first number.
fn issue(connection: &mut AnyConnection, rows: usize) -> Result<i64, StoreError> {
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    if rows == 0 {
        return Ok(1);
    }
    diesel::update(partner_registry::table.filter(partner_registry::id.eq(1)))
        .set(partner_registry::rows_issued.eq(partner_registry::rows_issued + rows))
        .execute(connection)?;
    let issued: i64 = partner_registry::table
        .filter(partner_registry::id.eq(1))
        .select(partner_registry::rows_issued)
        .first(connection)?;
    Ok(issued - rows + 1)
}
