//! Works on reconciliations, keeps the schedule of the self-check, and tells what it found.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::Stop;
use crate::config::Config;
use crate::domain::reconcile::Counts;
use crate::ops::reconcile::runs::{self, Job, Runs};
use crate::store::StoreError;
use crate::store::connection::Database;
use crate::store::pool::{self, Pool};
use crate::store::reconciliations;
use crate::writer::Writer;

/// How soon a worker without work sees that it is to stop.
const IDLE: Duration = Duration::from_millis(250);

/// How often this receiver says that it is there, and looks whether it is time.
const TICK: Duration = Duration::from_secs(5);

/// Ticks between two looks at what other receivers left behind, and at what metrics tell.
const SELDOM: u32 = 3;

/// Is told when the newest scheduled self-check ended, in microseconds since 1970, and what it found.
pub type Told<'a> = dyn Fn(i64, &Counts) + 'a;

/// Now, in microseconds since 1970.
pub type Clock<'a> = dyn Fn() -> i64 + 'a;

/// Works on what is asked for, one run behind the other, until stopped; what is left is said to be interrupted.
#[allow(clippy::too_many_arguments)] // What a run takes, and what it tells.
pub fn work_until(
    stop: &Stop,
    runs: &Runs,
    waiting: &Receiver<Job>,
    database: &Database,
    pool: &Pool,
    writer: &Writer,
    config: &Config,
    clock: &Clock<'_>,
    told: &Told<'_>,
) {
    loop {
        match waiting.recv_timeout(IDLE) {
            Ok(job) => {
                let scheduled = job.is_scheduled();
                runs.work(job, database, writer, &config.reconcile, clock);
                if scheduled {
                    tell(pool, told);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if stop.within(Duration::ZERO) {
            break;
        }
    }
    runs.interrupt(writer, clock());
}

/// Keeps time until stopped.
pub fn keep_time_until(
    stop: &Stop,
    runs: &Runs,
    pool: &Pool,
    writer: &Writer,
    config: &Config,
    clock: &Clock<'_>,
    told: &Told<'_>,
) {
    let mut taken = None;
    let mut ticks = 0_u32;
    let mut wait = Duration::ZERO;
    while !stop.within(wait) {
        wait = TICK;
        if let Err(error) = runs.beat(writer, clock()) {
            log::debug!("reconciliations: {error}");
        }
        if let Some(schedule) = config.reconcile.schedule {
            let turn = schedule.turn(clock());
            if taken != Some(turn) {
                match take(runs, pool, writer, config, turn, clock()) {
                    Ok(true) => taken = Some(turn),
                    Ok(false) => log::info!("the self-check waits for the reconciliations before it"),
                    Err(error) => log::debug!("the self-check waits: {error}"),
                }
            }
        }
        if ticks.is_multiple_of(SELDOM) {
            let swept = pool::get(pool).and_then(|mut connection| {
                // The start of the receiver has looked after a database that is its own.
                runs::sweep(&mut connection, writer, clock(), false)
            });
            match swept {
                Ok(0) => {}
                Ok(some) => {
                    log::warn!("{some} reconciliations of receivers that are gone were interrupted");
                    // One of them may have been a turn of the schedule.
                    taken = None;
                }
                Err(error) => log::debug!("reconciliations: {error}"),
            }
            tell(pool, told);
        }
        ticks = ticks.wrapping_add(1);
    }
    runs.halt();
}

fn take(runs: &Runs, pool: &Pool, writer: &Writer, config: &Config, turn: i64, now: i64) -> Result<bool, StoreError> {
    if reconciliations::is_taken(&mut *pool::get(pool)?, turn)? {
        return Ok(true);
    }
    runs.take_turn(writer, config, turn, now).map_err(|error| StoreError::Unavailable(error.to_string()))
}

fn tell(pool: &Pool, told: &Told<'_>) {
    match pool::get(pool).and_then(|mut connection| runs::last(&mut connection)) {
        Ok(Some((at, counts))) => told(at, &counts),
        Ok(None) => {}
        Err(error) => log::debug!("reconciliations: {error}"),
    }
}
