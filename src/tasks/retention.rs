//! Empties bodies and shortens the change feed where they are older than they are kept, every hour.

use std::time::{Duration, Instant};

use super::Stop;
use crate::ops::feed;
use crate::ops::retention::{Emptying, Reached, Report, RetentionError, Walk, cutoff, run};
use crate::store::pool::{self, Pool};
use crate::writer::Writer;

/// How often it is time, give or take [`JITTER`]. A body lives at most so much longer than it is kept.
const EVERY: Duration = Duration::from_secs(3_600);

/// How much the times of receivers that started together drift apart, in seconds.
const JITTER: u64 = 300;

/// The first time comes within so many seconds of the start, when the calls that waited for it are through.
const FIRST_WITHIN: u64 = 5;

/// How often everything is walked through again. In between a run goes on where the last one ended, so that bodies which
/// had to stay, perhaps one for each account, are not looked at every hour.
const WHOLE: Duration = Duration::from_secs(24 * 3_600);

/// For how long things are kept; none is for ever.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// Bodies.
    pub bodies: Option<Duration>,
    /// The change feed.
    pub feed: Option<Duration>,
}

/// Runs until stopped. `emptied` is told how many bodies went.
pub fn run_until(stop: &Stop, pool: &Pool, writer: &Writer, keep: Keep, emptied: &dyn Fn(u64)) {
    let mut wait = Duration::from_secs(rand::random_range(1..=FIRST_WITHIN));
    let (mut reached, mut whole) = (Reached::new(), Instant::now());
    while !stop.within(wait) {
        if whole.elapsed() >= WHOLE {
            (reached, whole) = (Reached::new(), Instant::now());
        }
        if let Some(keep) = keep.bodies {
            let mut report = Report::default();
            match once(stop, pool, writer, cutoff(keep), reached, &mut report) {
                Ok(far) => reached = far,
                Err(error) => {
                    log::warn!("old bodies are left for the next time: {error}");
                    reached = Reached::new();
                }
            }
            let Report { emptied: bodies, bytes, kept } = report;
            let days = days(keep);
            log::info!("retention: emptied {bodies} bodies ({bytes} bytes) older than {days} days; {kept} had to stay");
            emptied(bodies);
        }
        if let Some(keep) = keep.feed {
            match feed::prune(writer, cutoff(keep), &|pause| stop.within(pause)) {
                Ok(0) => {}
                Ok(rows) => log::info!("retention: {rows} commits older than {} days left the change feed", days(keep)),
                Err(error) => log::warn!("old entries of the change feed are left for the next time: {error}"),
            }
        }
        wait = EVERY + Duration::from_secs(rand::random_range(0..=JITTER));
    }
}

fn days(keep: Duration) -> u64 {
    keep.as_secs() / 86_400
}

fn once(
    stop: &Stop,
    pool: &Pool,
    writer: &Writer,
    before: i64,
    reached: Reached,
    report: &mut Report,
) -> Result<Reached, RetentionError> {
    let mut walk = Walk::begin(&mut *pool::get(pool)?, before, reached)?;
    let pause = |pause| stop.within(pause);
    // A connection for each page: the others of the pool's few are for people.
    let mut read = || walk.next(&mut *pool::get(pool)?);
    run(before, &mut read, Some(Emptying::new(writer, &pause)), report, &|_| {})?;
    Ok(walk.reached())
}
