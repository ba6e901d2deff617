//! Moves of customers, as they are kept.

use std::collections::HashMap;

use diesel::prelude::*;
use serde_json::{Value as Json, json};

use super::bulk::{Rows, Statement, Value, Verb};
use super::condition::Condition;
use super::connection::AnyConnection;
use super::error::StoreError;
use super::schema::moves;
use crate::domain::ids::{AccountId, MoveId, ProvisioningId, ServiceId};
use crate::domain::moves::{Choice, Choices, Chosen, Move, MoveState, Side};

/// A row of `moves`, its columns in order.
#[derive(Debug, Clone, Queryable)]
#[allow(missing_docs)] // The columns of the table.
pub struct MoveRow {
    pub id: i64,
    pub customer_id: i64,
    pub from_id: Option<i64>,
    pub to_id: Option<i64>,
    pub state: String,
    pub side: Option<String>,
    pub requested_by: String,
    pub reason: Option<String>,
    pub at: i64,
    pub decided_by: Option<String>,
    pub decision: Option<String>,
    pub decided_at: Option<i64>,
    pub choices: String,
    pub provisioning_id: Option<i64>,
}

impl MoveRow {
    /// The move.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for what this version does not know.
    pub fn into_move(self) -> Result<Move, StoreError> {
        let side = match &self.side {
            None => None,
            Some(side) => Some(Side::parse(side).ok_or_else(|| StoreError::corrupt("moves.side", side))?),
        };
        Ok(Move {
            id: MoveId(self.id),
            customer: AccountId(self.customer_id),
            from: self.from_id.map(AccountId),
            to: self.to_id.map(AccountId),
            state: MoveState::parse(&self.state).ok_or_else(|| StoreError::corrupt("moves.state", &self.state))?,
            side,
            by: self.requested_by,
            reason: self.reason,
            at: self.at,
            decided_by: self.decided_by,
            decision: self.decision,
            decided_at: self.decided_at,
            choices: read_choices(&self.choices).ok_or_else(|| StoreError::corrupt_private("moves.choices"))?,
            provisioning: self.provisioning_id.map(ProvisioningId),
        })
    }
}

/// Choices in the database's own form: compact JSON, empty text for none.
fn choices(choices: &Choices) -> String {
    if *choices == Choices::default() {
        return String::new();
    }
    let list = choices.list.iter().map(|choice| {
        let of = match &choice.of {
            Chosen::One(id) => json!({"id": id.0}),
            Chosen::Plan { service, plan } => json!({"service": service, "plan": plan}),
        };
        json!({"of": of, "plan": choice.plan, "location": choice.location})
    });
    json!({"location": choices.location, "list": list.collect::<Vec<Json>>()}).to_string()
}

fn read_choices(text: &str) -> Option<Choices> {
    if text.is_empty() {
        return Some(Choices::default());
    }
    let json: Json = serde_json::from_str(text).ok()?;
    let word = |value: &Json| value.as_str().map(str::to_owned);
    let choice = |one: &Json| {
        let of = match one["of"]["id"].as_i64() {
            Some(id) => Chosen::One(ServiceId(id)),
            None => Chosen::Plan { service: word(&one["of"]["service"])?, plan: word(&one["of"]["plan"])? },
        };
        Some(Choice { of, plan: word(&one["plan"]), location: word(&one["location"]) })
    };
    let list = json["list"].as_array()?.iter().map(choice).collect::<Option<_>>()?;
    Some(Choices { location: word(&json["location"]), list })
}

/// The move of this id.
///
/// # Errors
/// [`StoreError`] when the statement fails or the row holds what this version does not know.
pub fn by_id(connection: &mut AnyConnection, id: MoveId) -> Result<Option<Move>, StoreError> {
    let row: Option<MoveRow> = moves::table.filter(moves::id.eq(id.0)).first(connection).optional()?;
    row.map(MoveRow::into_move).transpose()
}

/// The requests for moves of these customers that wait for the other side, in a few statements. `alone` keeps them from
/// being decided by anybody else until the transaction ends.
///
/// # Errors
/// As [`by_id`].
pub fn requested_of_many(
    connection: &mut AnyConnection,
    customers: &[AccountId],
    alone: bool,
) -> Result<HashMap<AccountId, Move>, StoreError> {
    let mut found = HashMap::new();
    for part in customers.chunks(connection.asked_at_once()) {
        let ids: Vec<i64> = part.iter().map(|customer| customer.0).collect();
        let waiting = moves::table
            .filter(moves::customer_id.eq_any(ids))
            .filter(moves::state.eq(MoveState::Requested.as_str()))
            .order(moves::customer_id);
        let rows: Vec<MoveRow> = match &mut *connection {
            AnyConnection::Postgres(postgres) if alone => waiting.for_update().load(postgres)?,
            other => waiting.load(other)?,
        };
        for row in rows {
            let one = row.into_move()?;
            found.insert(one.customer, one);
        }
    }
    Ok(found)
}

/// Ends a request that comes to nothing, within a write transaction. Returns whether it was open. `at` is in microseconds
/// since 1970.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn close(
    connection: &mut AnyConnection,
    id: MoveId,
    state: MoveState,
    by: &str,
    reason: Option<&str>,
    at: i64,
) -> Result<bool, StoreError> {
    let open = moves::table.filter(moves::id.eq(id.0)).filter(moves::state.eq(MoveState::Requested.as_str()));
    let closed = diesel::update(open)
        .set((
            moves::state.eq(state.as_str()),
            moves::decided_by.eq(by.to_owned()),
            moves::decision.eq(reason.map(str::to_owned)),
            moves::decided_at.eq(at),
        ))
        .execute(connection)?;
    Ok(closed == 1)
}

/// Withdraws the requests for moves of accounts that are not to be moved any longer, within a write transaction, and gives
/// them as they are then. Nobody decides that, so nobody is named. `at` is in microseconds since 1970.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub(super) fn give_up(
    connection: &mut AnyConnection,
    customers: &[AccountId],
    why: &str,
    at: i64,
) -> Result<Vec<Move>, StoreError> {
    let mut ended = Vec::new();
    for customers in customers.chunks(connection.asked_at_once()) {
        let ids: Vec<i64> = customers.iter().map(|id| id.0).collect();
        // As the partial index spells it.
        let open = || {
            moves::table.filter(moves::customer_id.eq_any(ids.clone())).filter(Condition::new("state = 'requested'"))
        };
        let rows: Vec<MoveRow> = open().order(moves::id).load(connection)?;
        for row in rows {
            let one = Move {
                state: MoveState::Withdrawn,
                decision: Some(why.to_owned()),
                decided_at: Some(at),
                ..row.into_move()?
            };
            let closed = diesel::update(
                moves::table.filter(moves::id.eq(one.id.0)).filter(moves::state.eq(MoveState::Requested.as_str())),
            )
            .set((moves::state.eq(one.state.as_str()), moves::decision.eq(why.to_owned()), moves::decided_at.eq(at)))
            .execute(connection)?;
            if closed == 1 {
                ended.push(one);
            }
        }
    }
    Ok(ended)
}

/// Why a request ends with its customer.
pub(super) const DELETED: &str = "the customer was deleted";

/// Why a request ends with what is known of its customer.
pub(super) const ERASED: &str = "the customer was erased";

struct InsertMove;

impl Statement for InsertMove {
    const TABLE: &'static str = "moves";
    const VERB: Verb = Verb::Insert;
    const COLUMNS: &'static [&'static str] = &[
        "customer_id",
        "from_id",
        "to_id",
        "side",
        "requested_by",
        "reason",
        "at",
        "state",
        "decided_by",
        "decision",
        "decided_at",
        "choices",
        "provisioning_id",
        "id",
    ];
}

struct DecideMove;

impl Statement for DecideMove {
    const TABLE: &'static str = "moves";
    const VERB: Verb = Verb::Update;
    const COLUMNS: &'static [&'static str] =
        &["state", "decided_by", "decision", "decided_at", "choices", "provisioning_id", "id"];
}

/// Writes moves, each with whether it is new.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub(super) fn save(connection: &mut AnyConnection, all: &[(Move, bool)]) -> Result<(), StoreError> {
    let texts: Vec<String> = all.iter().map(|(one, _)| choices(&one.choices)).collect();
    let (mut new, mut decided) = (Rows::<InsertMove>::default(), Rows::<DecideMove>::default());
    for ((one, created), text) in all.iter().zip(&texts) {
        let later: [Value<'_>; 7] = [
            Value::Text(one.state.as_str()),
            Value::MaybeText(one.decided_by.as_deref()),
            Value::MaybeText(one.decision.as_deref()),
            Value::MaybeBigInt(one.decided_at),
            Value::Text(text),
            Value::MaybeBigInt(one.provisioning.map(|id| id.0)),
            Value::BigInt(one.id.0),
        ];
        if *created {
            let lasting: [Value<'_>; 7] = [
                Value::BigInt(one.customer.0),
                Value::MaybeBigInt(one.from.map(|id| id.0)),
                Value::MaybeBigInt(one.to.map(|id| id.0)),
                Value::MaybeText(one.side.map(Side::as_str)),
                Value::Text(&one.by),
                Value::MaybeText(one.reason.as_deref()),
                Value::BigInt(one.at),
            ];
            new.push_joined(lasting, later);
        } else {
            decided.push(later);
        }
    }
    // A customer has one open request at most: what ends comes first.
    decided.write(connection)?;
    new.write(connection)?;
    Ok(())
}

/// Empties the reasons of an account's moves, within a write transaction: somebody may have named people in them.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub(super) fn erase(connection: &mut AnyConnection, account: AccountId) -> Result<(), StoreError> {
    diesel::update(moves::table.filter(moves::customer_id.eq(account.0)))
        .set((moves::reason.eq(None::<String>), moves::decision.eq(None::<String>)))
        .execute(connection)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_come_back() {
        let of = Chosen::Plan { service: "Mail".to_owned(), plan: "gold".to_owned() };
        let list = vec![
            Choice { of, plan: Some("silver".to_owned()), location: None },
            Choice { of: Chosen::One(ServiceId(7)), plan: None, location: Some("north".to_owned()) },
        ];
        for made in [Choices::default(), Choices { location: Some("south".to_owned()), list }] {
            assert_eq!(read_choices(&choices(&made)), Some(made));
        }
        assert_eq!(read_choices("[]"), None);
    }
}
