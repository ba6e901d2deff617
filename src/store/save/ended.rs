//! What goes with an account that ends, whoever ends it, and what comes back with it: seen to behind the plan, so that no
//! call looks any of it up. Only a batch that ends or revives an account does anything here.

use std::collections::BTreeSet;

use crate::domain::feed::{self, Entry};
use crate::domain::ids::AccountId;
use crate::domain::moves::Move;
use crate::domain::relation::Cause;
use crate::domain::world::{Changes, Turned};
use crate::store::connection::AnyConnection;
use crate::store::error::StoreError;
use crate::store::{moves, provisioning, sites};

/// Why what was to be done for a customer is not to be done any longer.
const DELETED: &str = "the customer was deleted";

/// The accounts that ended at any moment of the batch: what was to be done for them is given up also where they live again.
fn ended(changes: &Changes) -> Vec<AccountId> {
    let ended: BTreeSet<AccountId> =
        changes.turned.iter().filter(|turned| !turned.lives).map(|turned| turned.account).collect();
    ended.into_iter().collect()
}

/// Ends sites and probes, and gives up the provisioning that is open, of accounts that end; requests to move them are given
/// up behind the batch's own moves. Brings sites and probes back with those that return. `now` is in microseconds since
/// 1970. Returns what is to be told.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub(super) fn follow(connection: &mut AnyConnection, changes: &Changes, now: i64) -> Result<Vec<Entry>, StoreError> {
    let mut entries = Vec::new();
    for &Turned { account, lives, cause, delivery } in &changes.turned {
        let step = if lives { sites::give_back } else { sites::end_of };
        entries.extend(step(connection, account, (cause, delivery), now)?);
    }
    entries.extend(provisioning::give_up(connection, &ended(changes), DELETED, now)?);
    Ok(entries)
}

/// Who is deleted is not moved any longer. As [`follow`].
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub(super) fn give_up_moves(
    connection: &mut AnyConnection,
    changes: &Changes,
    now: i64,
) -> Result<Vec<Entry>, StoreError> {
    let given_up = moves::give_up(connection, &ended(changes), moves::DELETED, now)?;
    let cause = |one: &Move| changes.causes.get(&one.customer).copied().unwrap_or(Cause::Sync);
    Ok(given_up.iter().flat_map(|one| feed::asked(one, cause(one))).collect())
}
