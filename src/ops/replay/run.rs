//! The run: one reader that looks ahead, workers that send, and the order between them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::ReplayError;
use super::claims::Reader;
use super::halt::{Halt, lock};
use super::input::Inputs;
use super::letter::{Letter, Manner};
use super::only::Only;
use super::order::Order;
use super::progress::{Finished, Progress};
use super::report::Report;
use crate::config::sender::Sender;
use crate::wire::capture::Captured;
use crate::wire::named::Named;

/// Calls read ahead, and bytes of their bodies. More would find more calls that can run beside each other, in more memory.
const WINDOW_CALLS: usize = 8192;
const WINDOW_BYTES: usize = 64 * 1024 * 1024;

/// What is to be done.
pub struct Replay<'a> {
    /// The calls.
    pub inputs: &'a Inputs,
    /// The URL that the endpoints stand below, without a slash at its end.
    pub base: &'a str,
    /// The source that calls without one belong to: the one that they are sent as.
    pub source: &'a str,
    /// Who sends.
    pub sender: &'a Sender,
    /// As they were, or as new ones.
    pub manner: &'a Manner,
    /// Which of them.
    pub only: &'a [Only],
    /// What earlier runs finished.
    pub finished: &'a Finished,
    /// Whether every call only asks.
    pub dry_run: bool,
    /// Whether calls that were refused when they were captured are sent for good. Else they only ask: they changed nothing
    /// then, and on what came later they might.
    pub refused: bool,
    /// How many calls may be under way.
    pub concurrency: usize,
    /// Most calls a second.
    pub rate: Option<u32>,
    /// How often a call goes again.
    pub retries: u32,
}

/// What the workers share.
pub(super) struct Shared<'a> {
    pub(super) replay: &'a Replay<'a>,
    pub(super) halt: &'a Halt,
    pub(super) queue: Mutex<Queue>,
    pub(super) work: Condvar,
    pub(super) room: Condvar,
    pub(super) report: Mutex<Report>,
    pub(super) progress: Option<Mutex<Progress>>,
    /// When the receiver last said anything.
    pub(super) heard: Mutex<Option<Instant>>,
    /// When the next call may start, where there is a rate.
    pub(super) next: Mutex<Instant>,
    pub(super) tell: &'a (dyn Fn() + Sync),
    pub(super) error: Mutex<Option<ReplayError>>,
}

#[derive(Default)]
pub(super) struct Queue {
    pub(super) order: Order,
    pub(super) letters: HashMap<u64, Letter>,
    pub(super) ready: VecDeque<u64>,
    pub(super) bytes: usize,
    pub(super) ended: bool,
}

impl Queue {
    fn is_full(&self) -> bool {
        self.order.len() >= WINDOW_CALLS || self.bytes >= WINDOW_BYTES
    }

    /// Whether it is worth waking the reader: for one call at a time it would be woken as often as a worker.
    pub(super) fn has_room(&self) -> bool {
        self.order.len() <= WINDOW_CALLS / 4 * 3 && self.bytes <= WINDOW_BYTES / 4 * 3
    }
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Runs a replay to its end, or until it is asked to stop. `tell` is called for each call that is done with.
///
/// # Errors
/// [`ReplayError`] when the inputs or the progress file cannot be used. What was sent until then is in the progress file.
pub fn run(
    replay: &Replay<'_>,
    progress: Option<Progress>,
    halt: &Halt,
    tell: &(dyn Fn() + Sync),
) -> Result<Report, ReplayError> {
    let began = Instant::now();
    let shared = Shared {
        replay,
        halt,
        queue: Mutex::default(),
        work: Condvar::new(),
        room: Condvar::new(),
        report: Mutex::default(),
        progress: progress.map(Mutex::new),
        heard: Mutex::default(),
        next: Mutex::new(began),
        tell,
        error: Mutex::default(),
    };
    std::thread::scope(|scope| {
        for _ in 0..replay.concurrency.max(1) {
            scope.spawn(|| shared.work());
        }
        if let Err(error) = shared.feed() {
            shared.give_up(error);
        }
        lock(&shared.queue).ended = true;
        shared.work.notify_all();
    });
    let flushed = shared.progress.as_ref().map_or(Ok(()), |progress| lock(progress).flush());
    if let Some(error) = lock(&shared.error).take() {
        return Err(error);
    }
    flushed?;
    let mut report = std::mem::take(&mut *lock(&shared.report));
    report.others = replay.inputs.others() as u64;
    report.seconds = began.elapsed().as_secs_f64();
    report.stopped = halt.asked();
    Ok(report)
}

impl Shared<'_> {
    pub(super) fn give_up(&self, error: ReplayError) {
        self.halt.ask(&error.to_string());
        lock(&self.error).get_or_insert(error);
        self.work.notify_all();
    }

    /// Reads ahead and puts calls into their order.
    fn feed(&self) -> Result<(), ReplayError> {
        let replay = self.replay;
        let mut reader: Option<Reader> = None;
        let mut captured_for: Option<String> = None;
        let now = now();
        for (at, call) in replay.inputs.calls().enumerate() {
            let (position, mut call) = (at as u64 + 1, call?);
            if self.halt.asked().is_some() {
                return Ok(());
            }
            let named = Named::of(call.body.as_deref().unwrap_or_default());
            let is_wanted = replay.only.iter().all(|only| only.meets(&call, &named));
            let source = call.source.clone().unwrap_or_else(|| replay.source.to_owned());
            if is_wanted {
                self.one_source(&source, &mut captured_for)?;
                self.has_tenant_header(position, &call)?;
            }
            let account = named.id.as_ref().map(ToString::to_string);
            let only_asks = call.only_asks();
            let mut letter = Letter::of(position, &mut call, account, &source, replay.manner, now)?;
            if let (Some(letter), true) = (&mut letter, only_asks && !replay.refused) {
                letter.check_only = true;
            }
            let id = letter.as_ref().map(|letter| letter.id.as_str());
            let reader = reader.get_or_insert_with(|| Reader::new(&source));
            let claims = reader.read(&call, &named, id);
            let is_finished = replay.finished.contains(position);
            let letter = {
                let mut report = lock(&self.report);
                report.read += 1;
                match letter {
                    _ if !is_wanted => {
                        report.left_out += 1;
                        None
                    }
                    _ if is_finished => {
                        report.finished_before += 1;
                        None
                    }
                    None => {
                        report.without_body += 1;
                        None
                    }
                    letter => {
                        report.only_asked += u64::from(only_asks && !replay.refused);
                        letter
                    }
                }
            };
            let Some(letter) = letter else {
                (self.tell)();
                continue;
            };
            let mut queue = lock(&self.queue);
            while queue.is_full() {
                let waited = self.room.wait_timeout(queue, Duration::from_millis(200));
                queue = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(queue, _)| queue);
                if self.halt.asked().is_some() {
                    return Ok(());
                }
            }
            queue.bytes += letter.body.len();
            queue.letters.insert(position, letter);
            if queue.order.add(position, claims) {
                queue.ready.push_back(position);
                drop(queue);
                self.work.notify_one();
            }
        }
        Ok(())
    }

    /// Accounts of two sources would become accounts of one.
    fn one_source(&self, source: &str, known: &mut Option<String>) -> Result<(), ReplayError> {
        let first = known.get_or_insert_with(|| source.to_owned());
        if first == source {
            return Ok(());
        }
        Err(ReplayError::Usage(format!(
            "there are calls of the sources {first} and {source}; replay one at a time, with --only source={first}"
        )))
    }

    fn has_tenant_header(&self, position: u64, call: &Captured) -> Result<(), ReplayError> {
        if call.tenant.is_empty() || self.replay.sender.tenant_setting.is_some() {
            return Ok(());
        }
        Err(ReplayError::Usage(format!(
            "call {position} is of a tenant, and source {} has no tenant_setting; say with --tenant-setting NAME which \
             header X-CloudPlatform-Setting-NAME tells tenants apart",
            self.replay.source
        )))
    }
}
