//! What each worker of a run does: takes a call that may start, sends it until it is answered, and frees those behind it.

use std::time::{Duration, Instant};

use super::halt::lock;
use super::letter::Letter;
use super::report::Noted;
use super::run::{Shared, now};
use super::send::{Attempt, Client};

/// First pause before a call goes again; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Failures after which a run ends in which nothing has been answered yet: its URL or its receiver is wrong.
const GIVE_UP: u64 = 100;

impl Shared<'_> {
    /// A worker: sends what may start, until nothing is left.
    pub(super) fn work(&self) {
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
            let has_room = queue.has_room();
            drop(queue);
            if has_room {
                self.room.notify_one();
            }
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
        let (began, mut attempt) = (Instant::now(), 0);
        loop {
            let sent = client.send(letter, now());
            if !matches!(sent, Attempt::Again { silent: true, .. }) {
                *lock(&self.heard) = Some(Instant::now());
            }
            match sent {
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
                    let mut report = lock(&self.report);
                    report.failed(noted(why.clone()));
                    if report.answers.is_empty() && report.failed >= GIVE_UP {
                        self.halt.ask(&format!("none of the first {GIVE_UP} calls was answered: {why}"));
                    }
                    return false;
                }
                Attempt::Again { why, silent, .. } if attempt >= self.replay.retries => {
                    lock(&self.report).failed(noted(format!("{why}, {} times", attempt + 1)));
                    if silent && lock(&self.heard).is_none_or(|heard| heard < began) {
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
                    lock(&self.report).retries += 1;
                    if self.halt.wait(pause) {
                        return false;
                    }
                }
            }
        }
    }
}
