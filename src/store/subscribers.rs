//! How far each subscriber is, and which receiver works for it.
//!
//! A receiver that works for a subscriber is its owner. Every write of its owner names owner and epoch and does nothing
//! where somebody else has become the owner, or an operator has set the subscriber back meanwhile.

use diesel::prelude::*;

use super::bulk::{Rows, Statement, Value, Verb};
use super::connection::AnyConnection;
use super::error::StoreError;
use super::schema::{held_events, subscribers};
use crate::domain::ids::AccountId;
use crate::domain::subscriber::course::Unsaved;
use crate::domain::subscriber::{Health, Held, ParkedFor, Standing, Trouble};

/// A subscriber as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its id.
    pub id: String,
    /// How far it is.
    pub standing: Standing,
    /// Counts how often an operator changed that.
    pub epoch: i64,
    /// When it was first configured, in microseconds since 1970.
    pub registered_at: i64,
    /// Who works for it.
    pub owner: Owner,
}

/// Who works for a subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// A receiver's name for itself; empty for nobody.
    pub name: String,
    /// Moves every few seconds while it lives.
    pub beat: i64,
    /// When it last moved by the owner's clock, in microseconds since 1970.
    pub beat_at: i64,
}

/// How many events are held back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeldBack {
    /// Events.
    pub events: i64,
    /// Accounts whose event is not tried any longer.
    pub given_up: i64,
    /// The position of the oldest one.
    pub oldest: Option<i64>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = subscribers)]
struct Row {
    id: String,
    position: i64,
    epoch: i64,
    parked_at: Option<i64>,
    parked_for: Option<String>,
    failing_since: Option<i64>,
    attempts: i64,
    next_try: Option<i64>,
    delivered_at: Option<i64>,
    error_at: Option<i64>,
    error: Option<String>,
    registered_at: i64,
    owner: String,
    beat: i64,
    beat_at: i64,
}

impl Row {
    fn into_kept(self) -> Result<Kept, StoreError> {
        let parked = match (self.parked_at, self.parked_for) {
            (Some(at), Some(why)) => {
                let why = ParkedFor::parse(&why).ok_or_else(|| StoreError::corrupt("subscribers.parked_for", &why))?;
                Some((at, why))
            }
            _ => None,
        };
        Ok(Kept {
            id: self.id,
            standing: Standing {
                position: self.position,
                parked,
                health: Health {
                    failing_since: self.failing_since,
                    attempts: u32::try_from(self.attempts).unwrap_or(u32::MAX),
                    next_try: self.next_try,
                    delivered_at: self.delivered_at,
                    last_error: self.error_at.zip(self.error),
                },
            },
            epoch: self.epoch,
            registered_at: self.registered_at,
            owner: Owner { name: self.owner, beat: self.beat, beat_at: self.beat_at },
        })
    }
}

/// A page of the subscribers that were ever configured, by id, behind `after`.
///
/// # Errors
/// [`StoreError`] when the statement fails or a row holds what this version does not know.
pub fn list(connection: &mut AnyConnection, after: &str, limit: i64) -> Result<Vec<Kept>, StoreError> {
    let rows: Vec<Row> = subscribers::table
        .filter(subscribers::id.gt(after.to_owned()))
        .order(subscribers::id)
        .limit(limit)
        .load(connection)?;
    rows.into_iter().map(Row::into_kept).collect()
}

/// The subscriber of this id.
///
/// # Errors
/// As [`list`].
pub fn find(connection: &mut AnyConnection, id: &str) -> Result<Option<Kept>, StoreError> {
    let row: Option<Row> = subscribers::table.filter(subscribers::id.eq(id.to_owned())).first(connection).optional()?;
    row.map(Row::into_kept).transpose()
}

/// Begins to keep a subscriber, at this position of the feed, within a write transaction. Nothing where it is kept
/// already.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn register(connection: &mut AnyConnection, id: &str, position: i64, now: i64) -> Result<(), StoreError> {
    if find(connection, id)?.is_some() {
        return Ok(());
    }
    diesel::insert_into(subscribers::table)
        .values((
            subscribers::id.eq(id.to_owned()),
            subscribers::position.eq(position),
            subscribers::epoch.eq(1_i64),
            subscribers::attempts.eq(0_i64),
            subscribers::registered_at.eq(now),
            subscribers::owner.eq(String::new()),
            subscribers::beat.eq(0_i64),
            subscribers::beat_at.eq(now),
        ))
        .execute(connection)?;
    Ok(())
}

/// Becomes the owner, within a write transaction, unless somebody else did since `seen`. The time in which nobody worked
/// for the subscriber does not count as time in which it failed.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn claim(connection: &mut AnyConnection, seen: &Kept, owner: &str, now: i64) -> Result<bool, StoreError> {
    let claimed = diesel::update(subscribers::table.filter(subscribers::id.eq(seen.id.clone())))
        .filter(subscribers::owner.eq(seen.owner.name.clone()))
        .filter(subscribers::beat.eq(seen.owner.beat))
        .set((
            subscribers::owner.eq(owner.to_owned()),
            subscribers::beat.eq(seen.owner.beat + 1),
            subscribers::beat_at.eq(now),
        ))
        .execute(connection)?;
    if claimed == 0 {
        return Ok(false);
    }
    let idle = now.saturating_sub(seen.owner.beat_at).max(0);
    diesel::update(subscribers::table.filter(subscribers::id.eq(seen.id.clone())))
        .set(subscribers::failing_since.eq(subscribers::failing_since + idle))
        .execute(connection)?;
    diesel::update(held_events::table.filter(held_events::subscriber.eq(seen.id.clone())))
        .filter(held_events::since.is_not_null())
        .set(held_events::since.eq(held_events::since + idle))
        .execute(connection)?;
    Ok(true)
}

/// Shows that the owner lives, within a write transaction; false where it is the owner no longer or the epoch is another.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn beat(connection: &mut AnyConnection, id: &str, owner: &str, epoch: i64, now: i64) -> Result<bool, StoreError> {
    let moved = diesel::update(subscribers::table.filter(subscribers::id.eq(id.to_owned())))
        .filter(subscribers::owner.eq(owner.to_owned()))
        .filter(subscribers::epoch.eq(epoch))
        .set((subscribers::beat.eq(subscribers::beat + 1), subscribers::beat_at.eq(now)))
        .execute(connection)?;
    Ok(moved > 0)
}

/// Gives a subscriber back, within a write transaction, so that another receiver need not wait.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn release(connection: &mut AnyConnection, id: &str, owner: &str, now: i64) -> Result<(), StoreError> {
    diesel::update(subscribers::table.filter(subscribers::id.eq(id.to_owned())))
        .filter(subscribers::owner.eq(owner.to_owned()))
        .set((subscribers::owner.eq(String::new()), subscribers::beat_at.eq(now)))
        .execute(connection)?;
    Ok(())
}

struct Hold;

impl Statement for Hold {
    const TABLE: &'static str = "held_events";
    const VERB: Verb = Verb::Upsert;
    const COLUMNS: &'static [&'static str] = &["account_id", "attempts", "since", "next_try", "subscriber", "position"];
    const KEYS: usize = 2;
}

struct Unhold;

impl Statement for Unhold {
    const TABLE: &'static str = "held_events";
    const VERB: Verb = Verb::Delete;
    const COLUMNS: &'static [&'static str] = &["subscriber", "position"];
    const KEYS: usize = 2;
}

/// Writes down how far a subscriber is, within a write transaction, as its owner, and shows that the owner lives; false,
/// and nothing is written, where it is the owner no longer or the epoch is another.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn save(
    connection: &mut AnyConnection,
    id: &str,
    owner: &str,
    epoch: i64,
    unsaved: &Unsaved,
    now: i64,
) -> Result<bool, StoreError> {
    let Standing { position, parked, health } = &unsaved.standing;
    let (error_at, error) = health.last_error.clone().unzip();
    let written = diesel::update(subscribers::table.filter(subscribers::id.eq(id.to_owned())))
        .filter(subscribers::owner.eq(owner.to_owned()))
        .filter(subscribers::epoch.eq(epoch))
        .set((
            (
                subscribers::position.eq(*position),
                subscribers::parked_at.eq(parked.map(|(at, _)| at)),
                subscribers::parked_for.eq(parked.map(|(_, why)| why.as_str())),
                subscribers::failing_since.eq(health.failing_since),
                subscribers::attempts.eq(i64::from(health.attempts)),
                subscribers::next_try.eq(health.next_try),
            ),
            (
                subscribers::delivered_at.eq(health.delivered_at),
                subscribers::error_at.eq(error_at),
                subscribers::error.eq(error),
                subscribers::beat.eq(subscribers::beat + 1),
                subscribers::beat_at.eq(now),
            ),
        ))
        .execute(connection)?;
    if written == 0 {
        return Ok(false);
    }
    let mut hold = Rows::<Hold>::default();
    for Held { position, account, trouble } in &unsaved.held {
        hold.push([
            Value::BigInt(account.0),
            Value::BigInt(trouble.map_or(0, |trouble| i64::from(trouble.attempts))),
            Value::MaybeBigInt(trouble.map(|trouble| trouble.since)),
            Value::MaybeBigInt(trouble.and_then(|trouble| trouble.next_try)),
            Value::Text(id),
            Value::BigInt(*position),
        ]);
    }
    hold.write(connection)?;
    let mut unhold = Rows::<Unhold>::default();
    for position in &unsaved.released {
        unhold.push([Value::Text(id), Value::BigInt(*position)]);
    }
    unhold.write(connection)?;
    Ok(true)
}

type HeldRow = (i64, i64, i64, Option<i64>, Option<i64>);

/// What is held back for a subscriber, by position. As many as `course::MOST_HELD` and a window more.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn held(connection: &mut AnyConnection, id: &str) -> Result<Vec<Held>, StoreError> {
    let rows: Vec<HeldRow> = held_events::table
        .filter(held_events::subscriber.eq(id.to_owned()))
        .order(held_events::position)
        .select((
            held_events::position,
            held_events::account_id,
            held_events::attempts,
            held_events::since,
            held_events::next_try,
        ))
        .load(connection)?;
    Ok(rows
        .into_iter()
        .map(|(position, account, attempts, since, next_try)| {
            let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
            let trouble = since.filter(|_| attempts > 0).map(|since| Trouble { attempts, since, next_try });
            Held { position, account: AccountId(account), trouble }
        })
        .collect())
}

/// How many events are held back for a subscriber.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn held_back(connection: &mut AnyConnection, id: &str) -> Result<HeldBack, StoreError> {
    let of = || held_events::table.filter(held_events::subscriber.eq(id.to_owned()));
    Ok(HeldBack {
        events: of().count().get_result(connection)?,
        given_up: of()
            .filter(held_events::attempts.gt(0))
            .filter(held_events::next_try.is_null())
            .count()
            .get_result(connection)?,
        oldest: of().select(diesel::dsl::min(held_events::position)).first(connection)?,
    })
}

/// Lets a subscriber go on where it stood, within a write transaction: what was given up is tried again, at once. False
/// where none of this id is kept.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn resume(connection: &mut AnyConnection, id: &str) -> Result<bool, StoreError> {
    let resumed = diesel::update(subscribers::table.filter(subscribers::id.eq(id.to_owned())))
        .set((
            subscribers::epoch.eq(subscribers::epoch + 1),
            subscribers::parked_at.eq(None::<i64>),
            subscribers::parked_for.eq(None::<String>),
            subscribers::failing_since.eq(None::<i64>),
            subscribers::attempts.eq(0_i64),
            subscribers::next_try.eq(None::<i64>),
        ))
        .execute(connection)?;
    diesel::update(held_events::table.filter(held_events::subscriber.eq(id.to_owned())))
        .set((
            held_events::attempts.eq(0_i64),
            held_events::since.eq(None::<i64>),
            held_events::next_try.eq(None::<i64>),
        ))
        .execute(connection)?;
    Ok(resumed > 0)
}

/// Sets a subscriber back behind a position, within a write transaction, and lets it go on. What is held back from before
/// stays so; the rest comes again anyway.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn set_back(connection: &mut AnyConnection, id: &str, position: i64) -> Result<bool, StoreError> {
    diesel::update(subscribers::table.filter(subscribers::id.eq(id.to_owned())))
        .set(subscribers::position.eq(position))
        .execute(connection)?;
    diesel::delete(
        held_events::table.filter(held_events::subscriber.eq(id.to_owned())).filter(held_events::position.gt(position)),
    )
    .execute(connection)?;
    resume(connection, id)
}

/// Forgets a subscriber, within a write transaction. False where none of this id is kept.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn forget(connection: &mut AnyConnection, id: &str) -> Result<bool, StoreError> {
    diesel::delete(held_events::table.filter(held_events::subscriber.eq(id.to_owned()))).execute(connection)?;
    let gone = diesel::delete(subscribers::table.filter(subscribers::id.eq(id.to_owned()))).execute(connection)?;
    Ok(gone > 0)
}
