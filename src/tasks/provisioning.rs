//! Takes items of provisioning back from who had them too long, tells subscribers what may be taken, and counts.

use std::time::Duration;

use super::Stop;
use crate::domain::provisioning::Rules;
use crate::ops::provisioning;
use crate::store::StoreError;
use crate::store::pool::{self, Pool};
use crate::store::provisioning::{Open, count};
use crate::writer::Writer;

/// How often is looked: three look-ups in indices that hold little. An item waits so much longer at most.
const EVERY: Duration = Duration::from_secs(1);

/// Looks between two counts.
const SELDOM: u32 = 15;

/// Is told what is open.
pub type Counted<'a> = dyn Fn(&Open) + 'a;

/// Runs until stopped. `now` tells the time in microseconds since 1970.
pub fn run_until(
    stop: &Stop,
    pool: &Pool,
    writer: &Writer,
    rules: Rules,
    now: &dyn Fn() -> i64,
    counted: &Counted<'_>,
) {
    let mut looks = 0_u32;
    let mut wait = Duration::ZERO;
    while !stop.within(wait) {
        match provisioning::look_after(pool, writer, rules, now()) {
            Ok(0) => {}
            Ok(ran_out) => log::info!("provisioning: {ran_out} leases ran out"),
            Err(error) => log::debug!("provisioning waits: {error}"),
        }
        if looks.is_multiple_of(SELDOM) {
            match open(pool) {
                Ok(open) => counted(&open),
                Err(error) => log::debug!("counting provisioning: {error}"),
            }
        }
        looks = looks.wrapping_add(1);
        wait = EVERY;
    }
}

fn open(pool: &Pool) -> Result<Open, StoreError> {
    count(&mut *pool::get(pool)?)
}
