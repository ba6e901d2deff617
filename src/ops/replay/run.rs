//! The run: one reader that looks ahead, workers that send, and the order between them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::ReplayError;
use super::claims::Reader;
use super::input::Inputs;
use super::letter::{Letter, Manner};
use super::only::Only;
use super::order::Order;
use super::progress::{Finished, Progress};
use super::report::{Noted, Report};
use super::send::{Attempt, Client};
use crate::config::sender::Sender;
use crate::domain::call::Endpoint;
use crate::wire::capture::{Captured, Named};

/// Calls read ahead, and bytes of their bodies. More would find more calls that can run beside each other, in more memory.
const WINDOW_CALLS: usize = 8192;
const WINDOW_BYTES: usize = 64 * 1024 * 1024;

/// First pause before a call goes again; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long the receiver may take to accept the first connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Accounts that [`overview`] counts one by one.
const MAX_COUNTED: usize = 1_000_000;

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

/// Asks a run to end: calls under way are waited for, no others are sent.
#[derive(Debug, Default)]
pub struct Halt {
    why: Mutex<Option<String>>,
    changed: Condvar,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a thread that panicked left behind is counts and queues, which are whole after each statement.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Halt {
    /// Asks. The first reason stays.
    pub fn ask(&self, why: &str) {
        lock(&self.why).get_or_insert_with(|| why.to_owned());
        self.changed.notify_all();
    }

    fn asked(&self) -> Option<String> {
        lock(&self.why).clone()
    }

    /// Waits this long, or until somebody asks. Whether somebody did.
    fn wait(&self, pause: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(lock(&self.why), pause, |why| why.is_none());
        waited.map_or(true, |(why, _)| why.is_some())
    }
}

/// What the workers share.
struct Shared<'a> {
    replay: &'a Replay<'a>,
    halt: &'a Halt,
    queue: Mutex<Queue>,
    work: Condvar,
    room: Condvar,
    report: Mutex<Report>,
    progress: Option<Mutex<Progress>>,
    /// When the next call may start, where there is a rate.
    next: Mutex<Instant>,
    tell: &'a (dyn Fn() + Sync),
    error: Mutex<Option<ReplayError>>,
}

#[derive(Default)]
struct Queue {
    order: Order,
    letters: HashMap<u64, Letter>,
    ready: VecDeque<u64>,
    bytes: usize,
    ended: bool,
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Whether somebody listens at this URL.
///
/// # Errors
/// [`ReplayError::Unreachable`] with the reason; [`ReplayError::Usage`] when it is no URL that can be reached.
pub fn reach(base: &str) -> Result<(), ReplayError> {
    let url = url::Url::parse(base).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let host = url.as_ref().and_then(|url| Some((url.host_str()?, url.port_or_known_default()?)));
    let Some((host, port)) = host else {
        return Err(ReplayError::Usage(format!("--to {base} is no URL such as http://127.0.0.1:8080/api")));
    };
    let unreachable = |why: String| ReplayError::Unreachable(format!("cannot reach {host} port {port}: {why}"));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = (host, port).to_socket_addrs().map_err(|error| unreachable(error.to_string()))?;
    let mut why = "it has no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(_) => return Ok(()),
            Err(error) => why = error.to_string(),
        }
    }
    Err(unreachable(why))
}

/// What a replay as new calls would write.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Overview {
    /// Calls that would change something.
    pub calls: u64,
    /// Accounts that they are about.
    pub accounts: usize,
    /// Whether there are more accounts than were counted.
    pub more: bool,
}

/// Counts what would be written.
///
/// # Errors
/// [`ReplayError`] when the inputs cannot be read.
pub fn overview(inputs: &Inputs, only: &[Only]) -> Result<Overview, ReplayError> {
    let mut overview = Overview::default();
    let mut accounts = HashSet::new();
    for call in inputs.calls() {
        let call = call?;
        let named = Named::of(call.body.as_deref().unwrap_or_default());
        let writes = !call.check_only && matches!(call.endpoint, Endpoint::Synchronize | Endpoint::Delete);
        if !writes || call.body.is_none() || !only.iter().all(|only| only.meets(&call, &named)) {
            continue;
        }
        overview.calls += 1;
        let Some(id) = named.id else { continue };
        let account = (call.tenant, id);
        if accounts.len() < MAX_COUNTED {
            accounts.insert(account);
        } else {
            overview.more |= !accounts.contains(&account);
        }
    }
    overview.accounts = accounts.len();
    Ok(overview)
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
    fn give_up(&self, error: ReplayError) {
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
            let was_refused = call.was_refused();
            let mut letter = Letter::of(position, &mut call, account, &source, replay.manner, now)?;
            if let (Some(letter), true) = (&mut letter, was_refused && !replay.refused) {
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
                        report.only_asked += u64::from(was_refused && !replay.refused);
                        letter
                    }
                }
            };
            let Some(letter) = letter else {
                (self.tell)();
                continue;
            };
            let mut queue = lock(&self.queue);
            while queue.order.len() >= WINDOW_CALLS || queue.bytes >= WINDOW_BYTES {
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

    /// A worker: sends what may start, until nothing is left.
    fn work(&self) {
        let client = Client::new(self.replay.base, self.replay.sender, self.replay.dry_run);
        while let Some(letter) = self.next() {
            if self.paced() {
                return;
            }
            let done = self.deliver(&client, &letter);
            if let (true, Some(progress)) = (done, &self.progress)
                && let Err(error) = lock(progress).finished(letter.position)
            {
                self.give_up(error);
            }
            (self.tell)();
            let mut queue = lock(&self.queue);
            queue.bytes = queue.bytes.saturating_sub(letter.body.len());
            let free = queue.order.finish(letter.position);
            let (more, empty) = (free.len(), queue.order.is_empty());
            queue.ready.extend(free);
            drop(queue);
            self.room.notify_one();
            match (more, empty) {
                (_, true) => self.work.notify_all(),
                // This worker takes one itself.
                (0 | 1, _) => {}
                (more, _) => (1..more).for_each(|_| self.work.notify_one()),
            }
        }
    }

    /// The next call that may start; none when there will be no more.
    fn next(&self) -> Option<Letter> {
        let mut queue = lock(&self.queue);
        loop {
            if self.halt.asked().is_some() {
                return None;
            }
            if let Some(position) = queue.ready.pop_front() {
                return queue.letters.remove(&position);
            }
            if queue.ended && queue.order.is_empty() {
                return None;
            }
            let waited = self.work.wait_timeout(queue, Duration::from_millis(200));
            queue = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(queue, _)| queue);
        }
    }

    /// Waits for this call's turn under `--rate`. Whether the run is to end instead.
    fn paced(&self) -> bool {
        let Some(rate) = self.replay.rate else { return false };
        let pause = {
            let mut next = lock(&self.next);
            let now = Instant::now();
            let turn = (*next).max(now);
            *next = turn + Duration::from_secs(1) / rate.max(1);
            turn - now
        };
        !pause.is_zero() && self.halt.wait(pause)
    }

    /// Sends a call until it is answered or must be given up. Whether it was answered.
    fn deliver(&self, client: &Client<'_>, letter: &Letter) -> bool {
        let noted = |what: String| Noted {
            position: letter.position,
            id: letter.id.clone(),
            endpoint: letter.endpoint.as_str(),
            account: letter.account.clone(),
            what,
        };
        let mut attempt = 0;
        loop {
            match client.send(letter, now()) {
                Attempt::Answered { code, outcome } => {
                    let mut report = lock(&self.report);
                    *report.answers.entry((outcome, code)).or_default() += 1;
                    // Where nothing is written, later answers are bound to be others.
                    if let Some(captured) = letter.code.filter(|captured| *captured != code && !self.replay.dry_run) {
                        report.differs(noted(format!("answered {code}, captured {captured}")));
                    }
                    return true;
                }
                Attempt::NotLetIn => {
                    self.halt.ask(
                        "the receiver does not let these calls in (401); see that application id, API key and replay secret \
                         are those of its source, and that both clocks agree",
                    );
                    return false;
                }
                Attempt::Failed(why) => {
                    lock(&self.report).failed(noted(why));
                    return false;
                }
                Attempt::Again { why, silent, .. } if attempt >= self.replay.retries => {
                    lock(&self.report).failed(noted(format!("{why}, {} times", attempt + 1)));
                    if silent {
                        // Nobody would answer the others either; each would wait as long.
                        self.halt.ask(&format!("the receiver does not answer: {why}"));
                    }
                    return false;
                }
                Attempt::Again { after, .. } => {
                    let pause = FIRST_PAUSE.saturating_mul(1 << attempt.min(16)).min(LONGEST_PAUSE);
                    let pause = pause.mul_f64(0.5 + rand::random::<f64>() / 2.0);
                    // Calls that were told the same moment must not all come back in it.
                    let pause = after.map_or(pause, |after| after + pause.min(Duration::from_secs(1)));
                    attempt += 1;
                    lock(&self.report).retries += 1;
                    if self.halt.wait(pause) {
                        return false;
                    }
                }
            }
        }
    }
}
