//! Lanes take turns: whoever has the turn takes all calls that wait and looks them up before anybody takes the next ones.
//!
//! Each batch costs about as much as ten of its calls, so few large ones are better than many small ones: a lane plans,
//! writes and commits what it looked up while the other one looks up all that came meanwhile. Calls about one account are
//! written in the order of their arrival, too: the batch that has the later one waits for the account that the earlier one
//! has locked. Only a batch that begins again behind other receivers, or waits long for what they have, may come behind a
//! later one.

use std::collections::VecDeque;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Queued;

/// How long others wait for a lane that looks up. Longer than that it waits itself, for an account that somebody else has
/// locked, and there is no order to keep.
const LOOKING: Duration = Duration::from_millis(250);

/// What waits for all lanes.
pub(super) struct Line {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// None while a lane takes calls out of it, or waits for the first.
    jobs: Option<Receiver<Queued>>,
    /// The turns of lanes that look up what they took, and are waited for.
    looking: Vec<u64>,
    /// How many turns there were.
    turns: u64,
    /// Whether a lane does what is no call, and what waits for that.
    others: Option<VecDeque<Queued>>,
}

/// The turn of one lane, until it is dropped.
pub(super) struct Turn {
    line: Arc<Line>,
    jobs: Option<Receiver<Queued>>,
    number: u64,
}

impl Line {
    pub(super) fn new(jobs: Receiver<Queued>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State { jobs: Some(jobs), looking: Vec::new(), turns: 0, others: None }),
            changed: Condvar::new(),
        })
    }

    /// Waits for the turn: for so long, where others wait for calls; for ever without `patience`.
    pub(super) fn turn(self: &Arc<Self>, patience: Option<Duration>) -> Option<Turn> {
        let taken = |state: &mut State| state.jobs.is_none();
        let mut state = self.state();
        loop {
            state = match patience {
                None => self.changed.wait_while(state, taken).unwrap_or_else(PoisonError::into_inner),
                Some(patience) => {
                    let waited = self.changed.wait_timeout_while(state, patience, taken);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
            state.jobs.as_ref()?;
            let looks = |state: &mut State| !state.looking.is_empty() && state.jobs.is_some();
            let waited = self.changed.wait_timeout_while(state, LOOKING, looks);
            let (still, looking) = waited.unwrap_or_else(PoisonError::into_inner);
            state = still;
            if looking.timed_out() {
                state.looking.clear();
            }
            if state.jobs.is_some() && state.looking.is_empty() {
                let jobs = state.jobs.take();
                state.turns += 1;
                return Some(Turn { line: self.clone(), jobs, number: state.turns });
            }
        }
    }

    /// What a lane may do now that is no call: this, if no other lane is at such work, which may take long. Else that lane
    /// does it later, since there is always one for calls.
    pub(super) fn take_up(&self, other: Queued) -> Option<Queued> {
        match &mut self.state().others {
            Some(waiting) => {
                waiting.push_back(other);
                None
            }
            free => {
                *free = Some(VecDeque::new());
                Some(other)
            }
        }
    }

    /// What the lane that took something up does next.
    pub(super) fn take_next(&self) -> Option<Queued> {
        let mut state = self.state();
        let next = state.others.as_mut().and_then(VecDeque::pop_front);
        if next.is_none() {
            state.others = None;
        }
        next
    }

    /// The lane that took something up goes. What waited for it is dropped, which tells whoever waits for an answer; returns
    /// how much that was.
    pub(super) fn let_go(&self) -> usize {
        let dropped = self.state().others.take();
        dropped.map_or(0, |dropped| dropped.len())
    }

    /// Nothing that happens under this lock can fail half-way.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// What waits; none once this lane has taken enough.
    pub(super) fn jobs(&self) -> Option<&Receiver<Queued>> {
        self.jobs.as_ref()
    }

    /// Takes no more, and looks up what was taken.
    pub(super) fn look(&mut self) {
        if let Some(jobs) = self.jobs.take() {
            let mut state = self.line.state();
            state.jobs = Some(jobs);
            state.looking.push(self.number);
            drop(state);
            self.line.changed.notify_all();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.line.state();
        if let Some(jobs) = self.jobs.take() {
            state.jobs = Some(jobs);
        }
        state.looking.retain(|number| *number != self.number);
        drop(state);
        self.line.changed.notify_all();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test stops where something is not as it must be.
mod tests {
    use std::sync::mpsc::sync_channel;
    use std::time::Duration;

    use super::{LOOKING, Line};

    #[test]
    fn whoever_looks_up_is_waited_for_but_not_for_ever() {
        let (_sender, jobs) = sync_channel(1);
        let line = Line::new(jobs);
        let mut first = line.turn(None).unwrap();
        assert!(line.turn(Some(Duration::ZERO)).is_none(), "it still takes calls");
        first.look();
        assert!(first.jobs().is_none());
        let began = std::time::Instant::now();
        let second = line.turn(None).unwrap();
        assert!(began.elapsed() >= LOOKING && second.jobs().is_some());
        drop(second);
        drop(first);
        let third = line.turn(Some(Duration::ZERO)).unwrap();
        assert!(third.jobs().is_some());
    }

    #[test]
    fn the_next_lane_goes_on_as_soon_as_all_is_looked_up() {
        let (sender, jobs) = sync_channel(1);
        let line = Line::new(jobs);
        let mut first = line.turn(None).unwrap();
        first.look();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| line.turn(None).is_some());
            drop(first);
            assert!(waits.join().unwrap());
        });
        // The end of the queue is seen by every lane.
        drop(sender);
        for _ in 0..2 {
            assert!(line.turn(None).unwrap().jobs().unwrap().recv().is_err());
        }
    }
}
