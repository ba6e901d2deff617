//! The course of a subscriber through the feed: what is sent next, what waits for what, and what is kept of it. Knows no
//! clock and sends nothing: it is told the time and what became of things, so that tests need neither.
//!
//! Events of one account form a line and are sent one behind the other; lines are sent side by side. What is refused
//! holds up its own line alone, and is tried again with growing pauses. When events of several accounts fail and none is
//! taken, or nobody can be reached at all, it is the endpoint that is ill: then everything waits, and single events are
//! tried until one is taken.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use super::pace::{Pace, SECOND};
use super::{Health, Held, ParkedFor, Standing, Trouble};
use crate::domain::ids::AccountId;

/// Most events that are read and neither done nor held back. Raising it raises what is sent again after a crash.
pub const WINDOW: usize = 1_000;

/// Most events that are held back. Beyond these nothing more is read until some are taken.
pub const MOST_HELD: usize = 10_000;

/// So many accounts in a row that nothing is taken of, and it is the endpoint that is ill. One account alone may be
/// refused for what it holds.
const ILL: usize = 3;

/// The pause behind an event that could not be tried, for want of our own database.
const UNTRIED: i64 = SECOND;

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It was taken.
    Delivered,
    /// There is nothing to send: the subscriber does not want it.
    Unwanted,
    /// It arrived and was not taken, or its answer did not come in time.
    Refused {
        /// Why, without anything that was sent.
        why: String,
        /// How long the subscriber wants to be left alone, in microseconds.
        retry_after: Option<i64>,
        /// Whether it says that of itself rather than of this event.
        busy: bool,
    },
    /// It never arrived.
    Unreachable {
        /// Why.
        why: String,
    },
    /// The subscriber wants no more.
    Gone,
    /// It was not tried: our own database is away.
    Untried,
}

/// What is to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsaved {
    /// How far it is.
    pub standing: Standing,
    /// Events to be held back, or held back with other words than before.
    pub held: Vec<Held>,
    /// Positions of events that are held back no longer.
    pub released: Vec<i64>,
}

/// The events of one account.
#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<i64>,
    trouble: Option<Trouble>,
    /// The streak of failures in which it failed last.
    failed_in: u64,
}

/// An event under way.
#[derive(Debug, Clone, Copy)]
struct Flight {
    position: i64,
    /// How many pauses there had been when it left.
    attempts: u32,
}

/// The course of one subscriber.
#[derive(Debug)]
pub struct Course {
    pace: Pace,
    parallel: usize,
    /// How far the feed was read.
    read: i64,
    /// What was read and is neither done nor held back.
    open: BTreeSet<i64>,
    held: BTreeMap<i64, AccountId>,
    lines: HashMap<AccountId, Line>,
    /// Fronts of lines that may go at any time.
    ready: BTreeMap<i64, AccountId>,
    /// Lines that failed, by when they may go again.
    due: BTreeSet<(i64, AccountId)>,
    flights: HashMap<AccountId, Flight>,
    /// Accounts of which something is under way that was sent before the subscriber was set back.
    busy: HashSet<AccountId>,
    health: Health,
    parked: Option<(i64, ParkedFor)>,
    /// Counts the times that something was taken: failures in between are one streak.
    streak: u64,
    /// Lines that failed in this streak.
    failed: usize,
    quiet_until: i64,
    /// Positions whose rows are not as they should be.
    touched: BTreeSet<i64>,
    saved: Standing,
}

impl Course {
    /// Goes on from what was kept. `busy` are accounts of which something is still under way.
    #[must_use]
    pub fn restore(pace: Pace, parallel: usize, standing: Standing, held: Vec<Held>, busy: HashSet<AccountId>) -> Self {
        let mut course = Self {
            pace,
            parallel: parallel.max(1),
            read: standing.position,
            open: BTreeSet::new(),
            held: BTreeMap::new(),
            lines: HashMap::new(),
            ready: BTreeMap::new(),
            due: BTreeSet::new(),
            flights: HashMap::new(),
            busy,
            health: standing.health.clone(),
            parked: standing.parked,
            streak: 1,
            failed: 0,
            quiet_until: 0,
            touched: BTreeSet::new(),
            saved: standing,
        };
        let mut held = held;
        held.sort_by_key(|held| held.position);
        for Held { position, account, trouble } in held {
            course.held.insert(position, account);
            let line = course.lines.entry(account).or_default();
            if line.waiting.is_empty() {
                line.trouble = trouble;
                // What failed before the start belongs to the streak that goes on.
                line.failed_in = u64::from(course.health.next_try.is_some() && trouble.is_some());
            }
            line.waiting.push_back(position);
        }
        course.failed = course.lines.values().filter(|line| line.failed_in == course.streak).count();
        for account in course.lines.keys().copied().collect::<Vec<_>>() {
            course.place(account);
        }
        course
    }

    /// How far it is, as it is to be kept.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let position = self.open.first().map_or(self.read, |first| first - 1);
        Standing { position, parked: self.parked, health: self.health.clone() }
    }

    /// How far the feed was read.
    #[must_use]
    pub fn read_to(&self) -> i64 {
        self.read
    }

    /// How many more events may be read now.
    #[must_use]
    pub fn room(&self) -> usize {
        if self.parked.is_some() {
            return 0;
        }
        WINDOW.saturating_sub(self.open.len()).min(MOST_HELD.saturating_sub(self.held.len()))
    }

    /// How many events are held back.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// How many events are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.flights.len() + self.busy.len()
    }

    /// The accounts of which something is under way.
    #[must_use]
    pub fn busy(&self) -> HashSet<AccountId> {
        self.flights.keys().chain(&self.busy).copied().collect()
    }

    /// Why it is parked, and since when.
    #[must_use]
    pub fn parked(&self) -> Option<(i64, ParkedFor)> {
        self.parked
    }

    /// The feed was read up to `to`; `wanted` are the events in between that the subscriber wants, in their order.
    pub fn read(&mut self, to: i64, wanted: impl IntoIterator<Item = (i64, AccountId)>) {
        for (position, account) in wanted {
            let line = self.lines.entry(account).or_default();
            line.waiting.push_back(position);
            if line.trouble.is_some() {
                self.held.insert(position, account);
                self.touched.insert(position);
            } else {
                self.open.insert(position);
            }
            if line.waiting.len() == 1 {
                self.place(account);
            }
        }
        self.read = self.read.max(to);
    }

    /// Puts a line that is not under way where it waits.
    fn place(&mut self, account: AccountId) {
        if self.busy.contains(&account) || self.flights.contains_key(&account) {
            return;
        }
        let Some(line) = self.lines.get(&account) else { return };
        let Some(front) = line.waiting.front().copied() else {
            self.lines.remove(&account);
            return;
        };
        match line.trouble {
            None => {
                self.ready.insert(front, account);
            }
            Some(Trouble { next_try: Some(at), .. }) => {
                self.due.insert((at, account));
            }
            Some(Trouble { next_try: None, .. }) => {}
        }
    }

    /// What to send now, if anything: a position and its account. It is under way until [`Course::done`] is told.
    pub fn next(&mut self, now: i64) -> Option<(i64, AccountId)> {
        if self.parked.is_some() || self.under_way() >= self.parallel || now < self.quiet_until {
            return None;
        }
        let first_due = self.due.first().copied();
        let first_ready = self.ready.first_key_value().map(|(_, account)| *account);
        let account = match self.health.next_try {
            // The endpoint is ill: one event at a time, and best one that did not fail yet, so that no single account's
            // event decides for the others.
            Some(at) if now < at || self.under_way() > 0 => return None,
            Some(_) => first_ready.or(first_due.map(|(_, account)| account))?,
            None => first_due.filter(|(at, _)| *at <= now).map(|(_, account)| account).or(first_ready)?,
        };
        let line = self.lines.get(&account)?;
        let position = *line.waiting.front()?;
        self.ready.remove(&position);
        if let Some(Trouble { next_try: Some(at), .. }) = line.trouble {
            self.due.remove(&(at, account));
        }
        self.flights.insert(account, Flight { position, attempts: self.health.attempts });
        Some((position, account))
    }

    /// When [`Course::next`] may have something again that it has not now, if nothing else happens.
    #[must_use]
    pub fn wakes(&self, now: i64) -> Option<i64> {
        let waits = !self.ready.is_empty() || !self.due.is_empty();
        if self.parked.is_some() || !waits || self.under_way() >= self.parallel {
            return None;
        }
        let at = match self.health.next_try {
            Some(_) if self.under_way() > 0 => return None,
            Some(at) => at,
            None if !self.ready.is_empty() => now,
            None => self.due.first().map(|(at, _)| *at)?,
        };
        Some(at.max(self.quiet_until))
    }

    /// Something that was sent before the subscriber was set back has ended, however.
    pub fn freed(&mut self, account: AccountId) {
        if self.busy.remove(&account) {
            self.place(account);
        }
    }

    /// What became of an event that [`Course::next`] gave. `chance`, from 0 to 1, draws the pause.
    pub fn done(&mut self, account: AccountId, verdict: Verdict, now: i64, chance: f64) {
        let Some(flight) = self.flights.remove(&account) else { return };
        match verdict {
            Verdict::Delivered => {
                self.taken(account, flight.position);
                self.recovered(now, chance);
            }
            Verdict::Unwanted => self.taken(account, flight.position),
            Verdict::Untried => self.quiet_until = now.saturating_add(UNTRIED),
            Verdict::Gone => {
                self.health.last_error = Some((now, "410 Gone: it wants no more".to_owned()));
                self.park(now, ParkedFor::Gone);
            }
            Verdict::Refused { why, retry_after, busy } => {
                self.trouble(account, now, chance, if busy { None } else { retry_after });
                self.failed(flight, now, chance, why, busy && retry_after.is_some(), retry_after.filter(|_| busy));
            }
            Verdict::Unreachable { why } => self.failed(flight, now, chance, why, true, None),
        }
        self.place(account);
    }

    /// The front of a line is done.
    fn taken(&mut self, account: AccountId, position: i64) {
        self.open.remove(&position);
        if self.held.remove(&position).is_some() {
            self.touched.insert(position);
        }
        if let Some(line) = self.lines.get_mut(&account) {
            line.waiting.pop_front();
            line.trouble = None;
        }
    }

    /// Something was taken: what failed while the endpoint was ill need not wait for as long as it would have.
    fn recovered(&mut self, now: i64, chance: f64) {
        if self.health.next_try.is_some() {
            let soon = now.saturating_add(self.pace.pause(1, chance, None));
            let late: Vec<(i64, AccountId)> = self.due.range((soon, AccountId(i64::MIN))..).copied().collect();
            for (at, account) in late {
                let Some(line) = self.lines.get_mut(&account) else { continue };
                if line.failed_in != self.streak {
                    continue;
                }
                if let Some(trouble) = &mut line.trouble {
                    trouble.next_try = Some(soon);
                }
                self.due.remove(&(at, account));
                self.due.insert((soon, account));
            }
        }
        self.streak += 1;
        self.failed = 0;
        let last_error = self.health.last_error.take();
        self.health = Health { delivered_at: Some(now), last_error, ..Health::default() };
    }

    /// The front of a line was not taken: the whole line is held back.
    fn trouble(&mut self, account: AccountId, now: i64, chance: f64, retry_after: Option<i64>) {
        let (pace, streak) = (self.pace, self.streak);
        let Some(line) = self.lines.get_mut(&account) else { return };
        let before = line.trouble.unwrap_or(Trouble { attempts: 0, since: now, next_try: None });
        let attempts = before.attempts.saturating_add(1);
        let given_up = now.saturating_sub(before.since) >= pace.patience;
        let next_try = (!given_up).then(|| now.saturating_add(pace.pause(attempts, chance, retry_after)));
        line.trouble = Some(Trouble { attempts, since: before.since, next_try });
        if line.failed_in != streak {
            line.failed_in = streak;
            self.failed += 1;
        }
        for position in &line.waiting {
            if self.open.remove(position) {
                self.held.insert(*position, account);
                self.touched.insert(*position);
            }
        }
        self.touched.extend(line.waiting.front());
    }

    /// An attempt failed; `ill` when that alone says that it is the endpoint.
    fn failed(&mut self, flight: Flight, now: i64, chance: f64, why: String, ill: bool, retry_after: Option<i64>) {
        let since = *self.health.failing_since.get_or_insert(now);
        self.health.last_error = Some((now, why));
        if self.parked.is_some() {
            return;
        }
        if now.saturating_sub(since) >= self.pace.patience {
            self.park(now, ParkedFor::Dead);
            return;
        }
        let waiting = self.health.next_try.is_some();
        if !(ill || waiting || self.failed >= ILL) {
            return;
        }
        if flight.attempts == self.health.attempts {
            self.health.attempts = self.health.attempts.saturating_add(1);
            let pause = self.pace.pause(self.health.attempts, chance, retry_after);
            self.health.next_try = Some(now.saturating_add(pause));
        } else if retry_after.is_some() {
            // Others that left together with it failed before it: one pause is enough, but it may be longer.
            let at = now.saturating_add(self.pace.pause(1, 0.0, retry_after));
            self.health.next_try = self.health.next_try.max(Some(at));
        }
    }

    fn park(&mut self, now: i64, why: ParkedFor) {
        self.parked.get_or_insert((now, why));
        self.health.next_try = None;
    }

    /// Parks it when nothing can go on: no more can be held back, and all that is was given up.
    pub fn park_if_stuck(&mut self, now: i64) {
        let stuck = self.held.len() >= MOST_HELD
            && self.open.is_empty()
            && self.due.is_empty()
            && self.ready.is_empty()
            && self.under_way() == 0;
        if stuck && self.parked.is_none() {
            self.park(now, ParkedFor::Refusing);
        }
    }

    /// What changed since it was last taken, if anything. Whoever cannot write it down gives it back.
    pub fn unsaved(&mut self) -> Option<Unsaved> {
        let standing = self.standing();
        if self.touched.is_empty() && standing == self.saved {
            return None;
        }
        let (mut held, mut released) = (Vec::new(), Vec::new());
        for position in std::mem::take(&mut self.touched) {
            let Some(account) = self.held.get(&position).copied() else {
                released.push(position);
                continue;
            };
            let line = self.lines.get(&account);
            let trouble = line.filter(|line| line.waiting.front() == Some(&position)).and_then(|line| line.trouble);
            held.push(Held { position, account, trouble });
        }
        self.saved = standing.clone();
        Some(Unsaved { standing, held, released })
    }

    /// Takes back what could not be written down; it comes again with what changes until then.
    pub fn not_saved(&mut self, unsaved: Unsaved, before: Standing) {
        self.touched.extend(unsaved.held.iter().map(|held| held.position));
        self.touched.extend(unsaved.released);
        self.saved = before;
    }

    /// What was last written down.
    #[must_use]
    pub fn saved(&self) -> &Standing {
        &self.saved
    }
}

#[cfg(test)]
mod tests;
