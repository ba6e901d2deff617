//! Hands customers over to their partner's successor when its day has come.

use std::time::Duration;

use super::Stop;
use crate::ops::partners::due;
use crate::store::StoreError;
use crate::store::pool::{self, Pool};
use crate::writer::Writer;

/// How often dates are looked at: one look at an index. A hand-over is carried out at most so much later, and says when it
/// was due all the same.
const EVERY: Duration = Duration::from_secs(30);

/// The first time comes soon: dates may have come while the receiver stood still.
const FIRST: Duration = Duration::from_secs(1);

/// Runs until stopped. `now` tells the time in microseconds since 1970.
pub fn run_until(stop: &Stop, pool: &Pool, writer: &Writer, now: &dyn Fn() -> i64) {
    let mut wait = FIRST;
    while !stop.within(wait) {
        match once(pool, writer, now()) {
            Ok(0) => {}
            Ok(moved) => log::info!("partners: {moved} customers went to the successor of their partner"),
            Err(error) => log::warn!("partners: hand-overs wait for the next time: {error}"),
        }
        wait = EVERY;
    }
}

fn once(pool: &Pool, writer: &Writer, now: i64) -> Result<u64, StoreError> {
    due::run(&mut *pool::get(pool)?, writer, now)
}
