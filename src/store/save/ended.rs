//! What goes with an account that ends, whoever ends it, and what comes back with it: seen to behind the plan, so that no
//! call looks any of it up. Only a batch that ends or revives an account does more than compare two states here.

use crate::domain::feed::Entry;
use crate::domain::world::Changes;
use crate::store::connection::AnyConnection;
use crate::store::error::StoreError;
use crate::store::{provisioning, sites};

/// Why what was to be done for a customer is not to be done any longer.
const DELETED: &str = "the customer was deleted";

/// Ends sites and probes, and gives up the provisioning that is open, of accounts that end; requests to move them are given
/// up behind the batch's own moves. Brings sites and probes back with those that return. `now` is in microseconds since 1970. Returns what is to be told.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub(super) fn follow(connection: &mut AnyConnection, changes: &Changes, now: i64) -> Result<Vec<Entry>, StoreError> {
    let (mut entries, mut ended) = (Vec::new(), Vec::new());
    let turned = changes.updated.iter().filter(|(before, after)| before.is_active() != after.is_active());
    let turned = turned.map(|(before, after)| (after, before.last_delivery));
    let went = changes.created.iter().filter(|after| !after.is_active()).map(|after| (after, None));
    for (account, last) in turned.chain(went) {
        let cause = changes.causes.get(&account.id).copied().unwrap_or(crate::domain::relation::Cause::Sync);
        let delivery = account.last_delivery.filter(|_| account.last_delivery != last);
        if account.is_active() {
            entries.extend(sites::give_back(connection, account.id, (cause, delivery), now)?);
            continue;
        }
        entries.extend(sites::end_of(connection, account.id, (cause, delivery), now)?);
        ended.push(account.id);
    }
    entries.extend(provisioning::give_up(connection, &ended, DELETED, now)?);
    Ok(entries)
}
