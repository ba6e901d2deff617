//! Moves of customers: one looked at or made, many at once, a reseller brought to its end.

pub mod many;
mod reader;
pub mod terminate;

use std::sync::Arc;

pub use reader::Reader;

use crate::domain::act::{Act, ActOutcome, Acted, What};
use crate::domain::feed;
use crate::domain::ids::{AccountKey, MoveId};
use crate::domain::moves::{self, Look, Move, MoveState, Moving, Refusal, UserLook, UsersMoving};
use crate::domain::outcome::Code;
use crate::domain::policy::Policies;
use crate::domain::relation::Cause;
use crate::store::audit::{self, Entry};
use crate::store::{AnyConnection, StoreError, changes, moves as kept};
use crate::writer::acts::{self, ActList};

/// Looks at a move without making it. A refusal is where there is nothing to look at.
///
/// # Errors
/// [`StoreError`] of the first look-up that fails.
pub fn preview(
    connection: &mut AnyConnection,
    customer: &AccountKey,
    moving: &Moving,
) -> Result<Result<Look, Refusal>, StoreError> {
    acts::look(connection, |world| moves::look(world, customer, moving))
}

/// Looks at a move of users without making it. A refusal is where there is nothing to look at.
///
/// # Errors
/// [`StoreError`] of the first look-up that fails.
pub fn preview_users(
    connection: &mut AnyConnection,
    customer: &AccountKey,
    moving: &UsersMoving,
) -> Result<Result<UserLook, Refusal>, StoreError> {
    acts::look(connection, |world| moves::look_at_users(world, customer, moving))
}

/// The list of acts that makes one move, or asks for it.
#[must_use]
pub fn list(customer: AccountKey, moving: Moving, policies: Arc<Policies>, entry: Entry) -> ActList {
    one(customer, What::Move(Box::new(moving)), policies, entry)
}

/// The list of acts that moves users.
#[must_use]
pub fn list_users(customer: AccountKey, moving: UsersMoving, policies: Arc<Policies>, entry: Entry) -> ActList {
    one(customer, What::MoveUsers(Box::new(moving)), policies, entry)
}

fn one(customer: AccountKey, what: What, policies: Arc<Policies>, entry: Entry) -> ActList {
    let act = Act::new(customer, entry.at, Cause::Move, what);
    ActList { acts: vec![act], policies, all_or_nothing: true, entry }
}

/// Ends a request that comes to nothing, within a write transaction, and tells the change feed and the audit trail. Returns
/// whether it was open.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn end(
    connection: &mut AnyConnection,
    one: &Move,
    state: MoveState,
    why: Option<&str>,
    entry: &Entry,
) -> Result<bool, StoreError> {
    let closed = kept::close(connection, one.id, state, &entry.operator, why, entry.at)?;
    if closed {
        audit::record(connection, entry)?;
        let entries = feed::asked(&Move { state, ..one.clone() }, Cause::Operator);
        changes::append(connection, entry.at, &entries)?;
    }
    Ok(closed)
}

/// What became of a list with one move: the move that is kept, or none of a move of users.
///
/// # Errors
/// [`Refusal`] where it was refused, also because the customer is there already.
pub fn settled(outcomes: &[ActOutcome]) -> Result<Option<MoveId>, Refusal> {
    let Some(outcome) = outcomes.first() else { return Ok(None) };
    match &outcome.acted {
        Acted::Applied(_) => Ok(outcome.moved),
        Acted::Refused { code, message } => Err(Refusal { code: *code, message: message.clone() }),
        Acted::Unchanged | Acted::Kept { .. } | Acted::Withheld => Err(Refusal {
            code: Code::RuleBroken,
            message: "The customer is there already. There is nothing to move.".to_owned(),
        }),
    }
}
