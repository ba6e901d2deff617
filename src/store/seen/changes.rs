//! The change feed as an operator sees it.
//!
//! Who sees a part sees entries about the accounts that it sees now, of a customer those from while it was known to be
//! one of its own, and of relations those that it sees. What it lost is not told: it is gone, as from every list.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use super::visible;
use crate::domain::feed::{Entry, EventKind};
use crate::domain::ids::{AccountId, AccountKey, ExternalId, PlatformId, Scope, SourceId, Tenant};
use crate::domain::operator::Visible;
use crate::domain::relation::Axis;
use crate::store::changes::{MAX_PACKED, ends, unpack};
use crate::store::schema::{accounts, changes, relations};
use crate::store::{AnyConnection, StoreError};

/// Positions whose rows are read at once. More than a row holds, so that each piece has one.
const PIECE: i64 = 2 * MAX_PACKED as i64;

/// Most positions that one reading looks at, if few of them are handed out. More means fewer readings and longer ones.
const WINDOW: i64 = 20_000;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Question {
    /// Behind this position; 0 for from the beginning.
    pub after: i64,
    /// Nothing behind this position: what comes later may not be durable yet.
    pub up_to: i64,
    /// At most so many entries.
    pub limit: i64,
    /// Of these kinds; all if there are none.
    pub kinds: Vec<EventKind>,
}

/// One entry with its place and its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its place in the feed, from 1.
    pub position: i64,
    /// When it was committed, in microseconds since 1970.
    pub at: i64,
    /// What happened.
    pub entry: Entry,
    /// The account that it is about.
    pub key: AccountKey,
    /// That account's ExternalID.
    pub external_id: ExternalId,
}

/// Entries that were read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The entries, in their order. They may be few, even none, before the end of the feed.
    pub items: Vec<Change>,
    /// Everything up to here was looked at; the next reading begins behind it.
    pub next: i64,
    /// Whether nothing more was to be read at that moment.
    pub at_end: bool,
    /// Whether there is more that was not to be read, being behind [`Question::up_to`].
    pub held_back: bool,
}

/// What came of a question.
#[derive(Debug, Clone)]
pub enum Read {
    /// What stands behind the position.
    Entries(Reading),
    /// Entries behind the position are kept no longer; those behind `pruned_to` are.
    Pruned {
        /// The last position that is gone.
        pruned_to: i64,
    },
    /// The feed ends before the position: it was handed out by another database, or by a later state of this one.
    Ahead {
        /// The last position that there is.
        end: i64,
    },
}

/// Reads the feed behind a position.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn after(connection: &mut AnyConnection, see: &Visible, question: &Question) -> Result<Read, StoreError> {
    let wanted = |kind| question.kinds.is_empty() || question.kinds.contains(&kind);
    let limit = usize::try_from(question.limit).unwrap_or(0);
    let everything = *see == Visible::All && question.kinds.is_empty();
    let mut reading = Reading { items: Vec::new(), next: question.after, at_end: false, held_back: false };
    while reading.items.len() < limit && reading.next - question.after < WINDOW {
        let from = reading.next;
        // A row begins at most so far behind `from` as is asked for, or is not needed.
        let piece = if everything { question.limit.saturating_add(MAX_PACKED as i64) } else { PIECE };
        let rows: Vec<(i64, i64, i64, String)> = changes::table
            .filter(changes::last_position.gt(from))
            .filter(changes::last_position.le(from.saturating_add(piece)))
            .order(changes::last_position)
            .load(connection)?;
        if rows.first().is_none_or(|(_, first, ..)| *first - 1 > from) {
            // Nothing, or not what comes next: the feed ends here, or it was cut.
            let (end, pruned_to) = ends(connection)?;
            if from > end {
                return Ok(Read::Ahead { end });
            }
            if pruned_to > from {
                return Ok(Read::Pruned { pruned_to });
            }
        }
        let mut found = Vec::new();
        for (last, first, at, text) in rows {
            if first > question.up_to {
                reading.held_back = true;
                break;
            }
            let entries = unpack(&text, first, from, question.up_to, &wanted)?;
            found.extend(entries.into_iter().map(|(position, entry)| (position, at, entry)));
            reading.next = last.min(question.up_to);
        }
        if reading.next <= from {
            (reading.next, reading.at_end) = (from, true);
            break;
        }
        let mut found = visible_to(connection, see, found)?;
        let room = limit - reading.items.len();
        if found.len() > room {
            found.truncate(room);
            reading.next = found.last().map_or(reading.next, |(position, ..)| *position);
        }
        reading.items.extend(complete(connection, found)?);
    }
    Ok(Read::Entries(reading))
}

/// The entry at one position; none where that is kept no longer or not there yet.
///
/// # Errors
/// As [`after`].
pub fn at(connection: &mut AnyConnection, position: i64) -> Result<Option<Change>, StoreError> {
    let row: Option<(i64, i64, i64, String)> = changes::table
        .filter(changes::last_position.ge(position))
        .order(changes::last_position)
        .limit(1)
        .first(connection)
        .optional()?;
    let Some((_, first, at, text)) = row.filter(|(_, first, ..)| *first <= position) else { return Ok(None) };
    let entries = unpack(&text, first, position - 1, position, &|_| true)?;
    let found = entries.into_iter().map(|(position, entry)| (position, at, entry)).collect();
    Ok(complete(connection, found)?.pop())
}

type Found = (i64, i64, Entry);

/// A relation, its customer, axis and reseller, when it was learned and linked, and when its end was learned.
type Span = (i64, i64, String, Option<i64>, i64, Option<i64>, Option<i64>);

/// Leaves out what is not for this operator.
fn visible_to(connection: &mut AnyConnection, see: &Visible, found: Vec<Found>) -> Result<Vec<Found>, StoreError> {
    let (Visible::Resellers(resellers), Some(accounts_seen), Some(relations_seen)) =
        (see, visible::accounts(see), visible::relations(see))
    else {
        return Ok(found);
    };
    let mut ids = accounts_of(&found);
    ids.extend(found.iter().filter_map(|(_, _, entry)| entry.event.moved()).flat_map(|(from, to)| [from.0, to.0]));
    let accounts: HashSet<i64> = accounts::table
        .filter(accounts::id.eq_any(ids))
        .filter(accounts_seen)
        .select(accounts::id)
        .load::<i64>(connection)?
        .into_iter()
        .collect();
    // The relations of those that are seen: when each customer was one of theirs, and which may be told of.
    let rows: Vec<Span> = relations::table
        .filter(relations::account_id.eq_any(accounts.iter().copied().collect::<Vec<_>>()))
        .filter(relations_seen)
        .select((
            relations::id,
            relations::account_id,
            relations::axis,
            relations::reseller_account_id,
            relations::learned_at,
            relations::linked_at,
            relations::closed_learned_at,
        ))
        .load(connection)?;
    let theirs = |reseller: Option<i64>| reseller.is_some_and(|id| resellers.contains(&AccountId(id)));
    let told: HashSet<i64> = rows.iter().map(|(relation, ..)| *relation).collect();
    let mut spans: HashMap<i64, Vec<(i64, i64)>> = HashMap::new();
    for (_, account, axis, reseller, learned, linked, until) in rows {
        if theirs(reseller) {
            // A partner makes a customer somebody's only once it is known.
            let from = linked.filter(|_| axis == Axis::Partner.as_str()).unwrap_or(learned);
            spans.entry(account).or_default().push((from, until.unwrap_or(i64::MAX)));
        }
    }
    let seen = |(_, at, entry): &Found| {
        let account = entry.account.0;
        let then = resellers.contains(&entry.account)
            || spans.get(&account).is_some_and(|spans| spans.iter().any(|(from, until)| from <= at && at < until));
        let names_nobody_else = match entry.event.related() {
            Some(related) => told.contains(&related.relation.0),
            None => true,
        };
        accounts.contains(&account) && names_nobody_else && (then || entry.event.related().is_some())
    };
    let mut found: Vec<Found> = found.into_iter().filter(seen).collect();
    for (_, _, entry) in &mut found {
        // Whose account a partner is stays covered, as in the list of relations, unless it is one of theirs.
        if let Some(related) = entry.event.related_mut().filter(|related| related.axis == Axis::Partner)
            && !theirs(related.reseller.map(|id| id.0))
        {
            related.reseller = None;
        }
        // So does the other customer of a service or user that moved, once it is somebody else's.
        entry.event.cover_origin();
        entry.event.cover_move(&|from, to| accounts.contains(&from.0) && accounts.contains(&to.0));
    }
    Ok(found)
}

fn accounts_of(found: &[Found]) -> Vec<i64> {
    let ids: HashSet<i64> = found.iter().map(|(_, _, entry)| entry.account.0).collect();
    ids.into_iter().collect()
}

type Named = (i64, String, String, String, String);

/// Adds what each account is called: that never changes, and no account's row is ever removed.
fn complete(connection: &mut AnyConnection, found: Vec<Found>) -> Result<Vec<Change>, StoreError> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Named> = accounts::table
        .filter(accounts::id.eq_any(accounts_of(&found)))
        .select((accounts::id, accounts::source, accounts::tenant, accounts::platform_id, accounts::external_id))
        .load(connection)?;
    let names: HashMap<i64, (AccountKey, ExternalId)> = rows
        .into_iter()
        .map(|(id, source, tenant, platform_id, external_id)| {
            let scope = Scope { source: SourceId::stored(&source), tenant: Tenant::stored(&tenant) };
            let key = AccountKey { scope, platform_id: PlatformId::stored(&platform_id) };
            (id, (key, ExternalId::stored(&external_id)))
        })
        .collect();
    let mut changes = Vec::with_capacity(found.len());
    for (position, at, entry) in found {
        let Some((key, external_id)) = names.get(&entry.account.0) else {
            return Err(StoreError::corrupt("changes", "an account that is not there"));
        };
        changes.push(Change { position, at, entry, key: key.clone(), external_id: external_id.clone() });
    }
    Ok(changes)
}
