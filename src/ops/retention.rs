//! Empties bodies that are older than they are kept, without ever holding the writer for long: readers find them, the
//! writer gets a few at a time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use thiserror::Error;

use crate::domain::ids::DeliveryId;
use crate::store::retention::{self, Found};
use crate::store::{AnyConnection, StoreError, chains};
use crate::writer::{SubmitError, Writer};

/// Bodies looked at in one statement of a reader.
const PAGE: i64 = 1_000;

/// Most bodies emptied in one transaction, how many at first, and how many at least: below that it is the statements
/// themselves that take their time, and smaller pieces only make more of them.
const MOST: usize = 200;
const FIRST: usize = 50;
const LEAST: usize = 16;

/// A piece that took the writer longer is followed by one of half its size. Every call waits behind a piece.
const TOO_LONG: Duration = Duration::from_millis(3);

/// A piece that took the writer less is followed by a larger one.
const QUICK: Duration = Duration::from_millis(1);

/// Between two pieces, so that calls have most of the writer's time.
const PAUSE: Duration = Duration::from_millis(10);

/// How often a full queue is tried again, and the pause between.
const MAX_FULL: u32 = 40;
const FULL_PAUSE: Duration = Duration::from_millis(250);

/// Why bodies are not emptied. What was emptied before stays emptied.
#[derive(Debug, Error)]
pub enum RetentionError {
    /// They cannot be found.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The writer does not take the work.
    #[error("{0}")]
    Writer(#[from] SubmitError),
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Bodies that were emptied, or would be.
    pub emptied: u64,
    /// How long they were together.
    pub bytes: u64,
    /// Bodies that are old enough and had to stay, such as those that a newer delivery refers to.
    pub kept: u64,
}

/// Before when a delivery must have been received for its body to go, if bodies are kept for `keep`, in microseconds
/// since 1970.
#[must_use]
pub fn cutoff(keep: Duration) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.saturating_sub(keep).as_micros()).unwrap_or(i64::MAX)
}

/// How far each chain was walked through: what lies before needs no second look for a while.
pub type Reached = BTreeMap<i64, DeliveryId>;

/// A walk through the bodies, chain by chain in order of position, which is nearly that of receipt.
#[derive(Debug)]
pub struct Walk {
    before: i64,
    chains: Vec<i64>,
    /// Where the walk is in the last of `chains`.
    at: Option<DeliveryId>,
    /// Whether a body of that chain was met that is not old enough.
    met_newer: bool,
    reached: Reached,
}

impl Walk {
    /// Begins one that looks for bodies received before `before` behind what was `reached` by an earlier one.
    ///
    /// # Errors
    /// [`StoreError`] when the chains cannot be read.
    pub fn begin(connection: &mut AnyConnection, before: i64, reached: Reached) -> Result<Self, StoreError> {
        let chains = chains::heads(connection)?.iter().map(|head| head.chain).rev().collect();
        Ok(Self { before, chains, at: None, met_newer: false, reached })
    }

    /// The next bodies that are old enough, exempt ones among them; none at the end.
    ///
    /// # Errors
    /// [`StoreError`] when a statement fails.
    pub fn next(&mut self, connection: &mut AnyConnection) -> Result<Option<Vec<Found>>, StoreError> {
        while let Some(chain) = self.chains.last().copied() {
            let start = || self.reached.get(&chain).copied().unwrap_or(DeliveryId::issue(chain, 0));
            let mut at = self.at.unwrap_or_else(start);
            let page = retention::find(connection, chain, at, self.before, PAGE)?;
            let mut old = Vec::new();
            for found in page {
                at = found.delivery;
                if found.received_at < self.before {
                    old.push(found);
                } else {
                    self.met_newer = true;
                }
                if !self.met_newer {
                    self.reached.insert(chain, at);
                }
            }
            // Receipt and position may differ by the time that a call waited, or by a clock that was set: only a page
            // with nothing old is the end.
            if old.is_empty() {
                self.chains.pop();
                (self.at, self.met_newer) = (None, false);
            } else {
                self.at = Some(at);
                return Ok(Some(old));
            }
        }
        Ok(None)
    }

    /// How far it came.
    #[must_use]
    pub fn reached(self) -> Reached {
        self.reached
    }
}

/// Empties bodies through a writer, in pieces of a size that it learns.
pub struct Emptying<'a> {
    writer: &'a Writer,
    piece: usize,
    /// Sleeps; true when it is time to stop.
    pause: &'a dyn Fn(Duration) -> bool,
}

impl<'a> Emptying<'a> {
    /// With this writer. `pause` sleeps, and says when it is time to stop.
    #[must_use]
    pub fn new(writer: &'a Writer, pause: &'a dyn Fn(Duration) -> bool) -> Self {
        Self { writer, piece: FIRST, pause }
    }

    /// Empties these if they are still to go. Ends early when it is time to stop, and then says false.
    ///
    /// # Errors
    /// [`SubmitError`] when the writer does not take the work.
    pub fn empty(&mut self, these: &[DeliveryId], before: i64, report: &mut Report) -> Result<bool, SubmitError> {
        let (mut rest, mut full) = (these, 0);
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(self.piece.min(rest.len()));
            let ids = piece.to_vec();
            let done = self.writer.work_blocking(move |connection| {
                let began = Instant::now();
                let emptied = retention::empty(connection, &ids, before)?;
                Ok((emptied, began.elapsed()))
            });
            let pause = match done {
                Ok((emptied, took)) => {
                    report.emptied += emptied.bodies;
                    report.bytes += emptied.bytes;
                    report.kept += (piece.len() as u64).saturating_sub(emptied.bodies);
                    self.learn(took);
                    (rest, full) = (behind, 0);
                    PAUSE
                }
                Err(SubmitError::Full) if full < MAX_FULL => {
                    full += 1;
                    FULL_PAUSE
                }
                Err(error) => return Err(error),
            };
            if (self.pause)(pause) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn learn(&mut self, took: Duration) {
        if took > TOO_LONG {
            self.piece = (self.piece / 2).max(LEAST);
        } else if took < QUICK {
            self.piece = (self.piece + self.piece / 2 + 1).min(MOST);
        }
    }
}

/// Walks to the end. `read` asks the walk for its next bodies, through a connection that it need not keep; `emptying` is
/// none where only to count. `progress` is told how far it is.
///
/// # Errors
/// [`RetentionError`]; `report` holds what was done before.
pub fn run(
    before: i64,
    read: &mut dyn FnMut() -> Result<Option<Vec<Found>>, StoreError>,
    mut emptying: Option<Emptying<'_>>,
    report: &mut Report,
    progress: &dyn Fn(&Report),
) -> Result<(), RetentionError> {
    while let Some(found) = read()? {
        let (exempt, go): (Vec<Found>, Vec<Found>) = found.into_iter().partition(|found| found.exempt);
        report.kept += exempt.len() as u64;
        match &mut emptying {
            Some(emptying) => {
                let ids: Vec<DeliveryId> = go.iter().map(|found| found.delivery).collect();
                if !emptying.empty(&ids, before, report)? {
                    return Ok(());
                }
            }
            None => {
                report.emptied += go.len() as u64;
                report.bytes += go.iter().map(|found| found.bytes).sum::<u64>();
            }
        }
        progress(report);
    }
    Ok(())
}
