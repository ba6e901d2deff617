//! The sending side of a run: workers that take calls that may start, send each until it is answered, and free those behind
//! it. All of them run on one thread and take turns, so that nothing here is locked.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::sync::mpsc::Receiver as Inlet;

use super::ReplayError;
use super::answer::Attempt;
use super::feed::Batch;
use super::halt::Halt;
use super::letter::Letter;
use super::line::Line;
use super::order::Order;
use super::progress::Progress;
use super::report::{Noted, Report};
use super::run::{Replay, now};
use super::send::Client;

/// Calls read ahead, and bytes of their bodies. More would find more calls that can run beside each other, in more memory.
const WINDOW_CALLS: usize = 8192;
const WINDOW_BYTES: usize = 64 * 1024 * 1024;

/// First pause before a call goes again; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Failures after which a run ends in which nothing has been answered yet: its URL or its receiver is wrong.
const GIVE_UP: u64 = 100;

/// Pauses that are not worth making: no timer is that exact, and turns that are missed by less even out.
const NO_PAUSE: Duration = Duration::from_millis(1);

/// What the workers share.
pub(super) struct Sending<'a> {
    replay: &'a Replay<'a>,
    client: &'a Client<'a>,
    halt: &'a Halt,
    tell: &'a (dyn Fn() + Sync),
    queue: RefCell<Queue>,
    /// There is a call that may start, or there will be none any more.
    work: Notify,
    /// Calls may be taken in again.
    room: Notify,
    report: RefCell<Report>,
    progress: RefCell<Option<Progress>>,
    /// When the receiver last said anything.
    heard: Cell<Option<Instant>>,
    /// When the next call may start, where there is a rate.
    next: Cell<Instant>,
    error: RefCell<Option<ReplayError>>,
}

#[derive(Default)]
struct Queue {
    order: Order,
    letters: HashMap<u64, Letter>,
    ready: VecDeque<u64>,
    bytes: usize,
    ended: bool,
}

impl Queue {
    fn is_full(&self) -> bool {
        self.order.len() >= WINDOW_CALLS || self.bytes >= WINDOW_BYTES
    }

    /// Whether it is worth taking calls in again: for one at a time the reader would be woken as often as a worker.
    fn has_room(&self) -> bool {
        self.order.len() <= WINDOW_CALLS / 4 * 3 && self.bytes <= WINDOW_BYTES / 4 * 3
    }

    fn is_done(&self) -> bool {
        self.ended && self.order.is_empty()
    }
}

impl<'a> Sending<'a> {
    pub(super) fn new(
        replay: &'a Replay<'a>,
        client: &'a Client<'a>,
        progress: Option<Progress>,
        halt: &'a Halt,
        tell: &'a (dyn Fn() + Sync),
    ) -> Self {
        Self {
            replay,
            client,
            halt,
            tell,
            queue: RefCell::default(),
            work: Notify::new(),
            room: Notify::new(),
            report: RefCell::default(),
            progress: RefCell::new(progress),
            heard: Cell::default(),
            next: Cell::new(Instant::now()),
            error: RefCell::default(),
        }
    }

    /// Sends all calls that come in, or until the run is to end. What they came to.
    ///
    /// # Errors
    /// [`ReplayError`] when the progress file cannot be written.
    pub(super) async fn run(self, inlet: Inlet<Batch>) -> Result<Report, ReplayError> {
        let mut workers: FuturesUnordered<_> = (0..self.replay.concurrency.max(1)).map(|_| self.work()).collect();
        let all = async {
            tokio::join!(self.take_in(inlet), async { while workers.next().await.is_some() {} });
        };
        let wake = async {
            self.halt.until_asked().await;
            self.work.notify_waiters();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = all => {}
            () = wake => {}
        }
        drop(workers);
        let flushed = self.progress.into_inner().map_or(Ok(()), |mut progress| progress.flush());
        match self.error.into_inner() {
            Some(error) => Err(error),
            None => flushed.map(|()| self.report.into_inner()),
        }
    }

    /// Puts what is read into its order.
    async fn take_in(&self, mut inlet: Inlet<Batch>) {
        loop {
            while self.queue.borrow().is_full() && self.halt.asked().is_none() {
                tokio::select! {
                    () = self.room.notified() => {}
                    () = self.halt.until_asked() => {}
                }
            }
            let batch = tokio::select! {
                biased;
                () = self.halt.until_asked() => None,
                batch = inlet.recv() => batch,
            };
            let mut queue = self.queue.borrow_mut();
            let Some(batch) = batch else {
                queue.ended = true;
                self.work.notify_waiters();
                return;
            };
            for (letter, claims) in batch {
                let position = letter.position;
                queue.bytes += letter.body.len();
                queue.letters.insert(position, letter);
                if queue.order.add(position, claims) {
                    queue.ready.push_back(position);
                    self.work.notify_one();
                }
            }
        }
    }

    /// A worker: sends what may start over a line of its own, until nothing is left.
    async fn work(&self) {
        let mut line = None;
        while let Some(letter) = self.next().await {
            if self.paced().await {
                return;
            }
            let done = self.deliver(&mut line, &letter).await;
            self.finish(&letter, done);
        }
    }

    /// The next call that may start; none when there will be no more.
    async fn next(&self) -> Option<Letter> {
        loop {
            if self.halt.asked().is_some() {
                return None;
            }
            {
                let mut queue = self.queue.borrow_mut();
                if let Some(position) = queue.ready.pop_front() {
                    return queue.letters.remove(&position);
                }
                if queue.is_done() {
                    return None;
                }
            }
            self.work.notified().await;
        }
    }

    /// Waits for this call's turn under `--rate`. Whether the run is to end instead.
    async fn paced(&self) -> bool {
        let Some(rate) = self.replay.rate else { return false };
        let now = Instant::now();
        let turn = self.next.get().max(now);
        self.next.set(turn + Duration::from_secs(1) / rate.max(1));
        let pause = turn - now;
        pause >= NO_PAUSE && self.halt.wait(pause).await
    }

    /// Notes that a call is done with, and lets those start that waited for it.
    fn finish(&self, letter: &Letter, answered: bool) {
        if let (true, Some(progress)) = (answered, self.progress.borrow_mut().as_mut())
            && let Err(error) = progress.finished(letter.position)
        {
            self.halt.ask(&error.to_string());
            self.error.borrow_mut().get_or_insert(error);
        }
        (self.tell)();
        let mut queue = self.queue.borrow_mut();
        queue.bytes = queue.bytes.saturating_sub(letter.body.len());
        let free = queue.order.finish(letter.position);
        // This worker takes one itself.
        (1..free.len()).for_each(|_| self.work.notify_one());
        queue.ready.extend(free);
        if queue.has_room() {
            self.room.notify_one();
        }
        if queue.is_done() {
            self.work.notify_waiters();
        }
    }

    /// Sends a call until it is answered or must be given up. Whether it was answered.
    async fn deliver(&self, line: &mut Option<Line>, letter: &Letter) -> bool {
        let noted = |what: String| Noted {
            position: letter.position,
            id: letter.id.clone(),
            endpoint: letter.endpoint.as_str(),
            account: letter.account.clone(),
            what,
        };
        let (began, mut attempt) = (Instant::now(), 0);
        loop {
            let sent = self.client.send(line, letter, now()).await;
            if !matches!(sent, Attempt::Again { silent: true, .. }) {
                self.heard.set(Some(Instant::now()));
            }
            match sent {
                Attempt::Answered { code, outcome } => {
                    let mut report = self.report.borrow_mut();
                    report.answered_with(outcome, code);
                    // Where nothing is written, later answers are bound to be others.
                    if let Some(captured) = letter.code.filter(|captured| *captured != code && !self.replay.dry_run) {
                        report.differs(noted(format!("answered {code}, captured {captured}")));
                    }
                    return true;
                }
                Attempt::Never(why) => {
                    self.halt.ask(&why);
                    return false;
                }
                Attempt::Failed(why) => {
                    let mut report = self.report.borrow_mut();
                    report.failed(noted(why.clone()));
                    if report.answers.is_empty() && report.failed >= GIVE_UP {
                        self.halt.ask(&format!("none of the first {GIVE_UP} calls was answered: {why}"));
                    }
                    return false;
                }
                Attempt::Again { why, silent, .. } if attempt >= self.replay.retries => {
                    self.report.borrow_mut().failed(noted(format!("{why}, {} times", attempt + 1)));
                    if silent && self.heard.get().is_none_or(|heard| heard < began) {
                        // Nobody else was answered meanwhile, and each further call would wait as long.
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
                    self.report.borrow_mut().retries += 1;
                    if self.halt.wait(pause).await {
                        return false;
                    }
                }
            }
        }
    }
}
