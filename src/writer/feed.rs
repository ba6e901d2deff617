//! Tells who waits that the change feed goes on, and how far it may be read.
//!
//! On SQLite a commit can be seen before it is durable (`store/durable`). What is handed out to readers must not be taken
//! back by a power cut, since they would go on behind it, so nobody reads beyond what this process knows to be durable. On
//! PostgreSQL what is seen is durable.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// Most readers that wait at a time. Each costs a task and a connection of its client's.
pub const MAX_WAITING: usize = 1_000;

/// Most readers of one operator's among them. Whoever hangs up early is not noticed before its wait is over, so a client
/// that does so again and again would otherwise take all places from the others.
pub const MAX_OF_ONE: usize = 100;

/// How far the feed is, for everybody who reads it in this process.
#[derive(Debug)]
pub struct Feed {
    /// Whether whatever can be seen is durable.
    seen_is_durable: bool,
    state: Mutex<State>,
    changed: Condvar,
    watched: watch::Sender<State>,
    waiting: AtomicUsize,
    /// How many wait of each operator.
    of: Mutex<HashMap<String, usize>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// The last position that is known to be durable.
    end: i64,
    closed: bool,
}

impl Feed {
    pub(super) fn new(seen_is_durable: bool) -> Arc<Self> {
        Arc::new(Self {
            seen_is_durable,
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
            watched: watch::Sender::new(State::default()),
            waiting: AtomicUsize::new(0),
            of: Mutex::default(),
        })
    }

    fn state(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State) -> bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if change(&mut state) {
            self.watched.send_replace(*state);
            self.changed.notify_all();
        }
    }

    /// Everything up to this position is durable. One that is lower than what is known changes nothing.
    pub fn raise(&self, end: i64) {
        self.change(|state| {
            let more = end > state.end;
            state.end = state.end.max(end);
            more
        });
    }

    /// The last position that is known to be there and durable.
    #[must_use]
    pub fn end(&self) -> i64 {
        self.state().end
    }

    /// Up to which position the feed may be read.
    #[must_use]
    pub fn readable(&self) -> i64 {
        if self.seen_is_durable { i64::MAX } else { self.end() }
    }

    /// Lets everybody who waits go, now and from now on: the receiver stops.
    pub fn close(&self) {
        self.change(|state| !std::mem::replace(&mut state.closed, true));
    }

    /// Whether the receiver stops.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// A place among those who wait, for a task of the receiver's own.
    #[must_use]
    pub fn own_place(self: &Arc<Self>) -> Waiting {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting { watched: self.watched.subscribe(), feed: self.clone(), of: None }
    }

    /// A place among those who wait, for a call of this operator; none when [`MAX_WAITING`] are taken, or [`MAX_OF_ONE`]
    /// by its own calls.
    #[must_use]
    pub fn place(self: &Arc<Self>, operator: &str) -> Option<Waiting> {
        // Dropped, it gives its place back.
        let mut place = self.own_place();
        place.of = Some(operator.to_owned());
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let own = of.entry(operator.to_owned()).or_default();
        *own += 1;
        let fits = *own <= MAX_OF_ONE && self.waiting() <= MAX_WAITING;
        // Giving it back takes the same lock.
        drop(of);
        fits.then_some(place)
    }

    fn give_back(&self, operator: &str) {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = of.get_mut(operator) {
            *own -= 1;
            if *own == 0 {
                of.remove(operator);
            }
        }
    }
}

/// A place among those who wait for the feed to go on.
#[derive(Debug)]
pub struct Waiting {
    watched: watch::Receiver<State>,
    feed: Arc<Feed>,
    /// The operator whose call it is; none for a task of the receiver's own.
    of: Option<String>,
}

impl Waiting {
    /// Waits until the feed goes beyond `position`, until `deadline`, or until the receiver stops. True where it goes on.
    pub async fn beyond(&mut self, position: i64, deadline: Instant) -> bool {
        let goes_on = self.watched.wait_for(|state| state.closed || state.end > position);
        match tokio::time::timeout_at(deadline.into(), goes_on).await {
            Ok(Ok(state)) => !state.closed,
            Ok(Err(_)) | Err(_) => false,
        }
    }

    /// As [`Waiting::beyond`], for threads that may block, for at most so long.
    #[must_use]
    pub fn beyond_blocking(&self, position: i64, at_most: Duration) -> bool {
        let state = self.feed.state.lock().unwrap_or_else(PoisonError::into_inner);
        let stays = |state: &mut State| !state.closed && state.end <= position;
        let waited = self.feed.changed.wait_timeout_while(state, at_most, stays);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !state.closed && state.end > position
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.feed.waiting.fetch_sub(1, Ordering::Relaxed);
        if let Some(operator) = &self.of {
            self.feed.give_back(operator);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_never_goes_back_and_bounds_who_reads() {
        let (sqlite, postgres) = (Feed::new(false), Feed::new(true));
        for feed in [&sqlite, &postgres] {
            feed.raise(7);
            feed.raise(3);
            assert_eq!(feed.end(), 7);
        }
        assert_eq!((sqlite.readable(), postgres.readable()), (7, i64::MAX));
    }

    #[test]
    fn places_are_bounded_and_given_back() {
        let feed = Feed::new(true);
        let places = |operator: &str| (0..MAX_WAITING).filter_map(|_| feed.place(operator)).collect::<Vec<Waiting>>();
        let greedy = places("0");
        assert_eq!((greedy.len(), feed.waiting()), (MAX_OF_ONE, MAX_OF_ONE));
        let all: Vec<Waiting> =
            (1..MAX_WAITING / MAX_OF_ONE).flat_map(|operator| places(&operator.to_string())).collect();
        assert_eq!(feed.waiting(), MAX_WAITING);
        assert!(feed.place("new").is_none());
        drop(greedy);
        assert!(feed.place("new").is_some() && feed.place("0").is_some());
        drop(all);
        assert_eq!((feed.waiting(), feed.of.lock().unwrap_or_else(PoisonError::into_inner).len()), (0, 0));
    }

    #[test]
    fn who_waits_is_woken_by_what_is_new_or_by_the_end() {
        let feed = Feed::new(true);
        let place = feed.own_place();
        assert!(!place.beyond_blocking(0, Duration::ZERO));
        let raising = feed.clone();
        let thread = std::thread::spawn(move || raising.raise(1));
        assert!(place.beyond_blocking(0, Duration::from_secs(60)));
        assert!(thread.join().is_ok());
        let closing = feed.clone();
        let thread = std::thread::spawn(move || closing.close());
        assert!(!place.beyond_blocking(1, Duration::from_secs(60)));
        assert!(thread.join().is_ok() && feed.is_closed());
    }
}
