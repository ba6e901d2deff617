//! Counts accounts by kind and pending relations now and then: too much work for every scrape.

use std::time::Duration;

use super::Stop;
use crate::domain::account::AccountKind;
use crate::store::pool::{self, Pool};
use crate::store::{StoreError, accounts};

/// How often they are counted. A count walks an index; with a million accounts that is tens of milliseconds.
const EVERY: Duration = Duration::from_secs(15);

/// Is told accounts by kind, and pending relations.
pub type Counted<'a> = dyn Fn(&[(AccountKind, i64)], i64) + 'a;

/// Runs until stopped. `upkeep` is called behind every count, whether or not it worked.
pub fn run_until(stop: &Stop, pool: &Pool, counted: &Counted<'_>, upkeep: &dyn Fn()) {
    let mut wait = Duration::ZERO;
    while !stop.within(wait) {
        match count(pool) {
            Ok((kinds, pending)) => counted(&kinds, pending),
            Err(error) => log::debug!("counting: {error}"),
        }
        upkeep();
        wait = EVERY;
    }
}

fn count(pool: &Pool) -> Result<(Vec<(AccountKind, i64)>, i64), StoreError> {
    let mut connection = pool::get(pool)?;
    Ok((accounts::count_by_kind(&mut connection)?, accounts::count_pending(&mut connection)?))
}
