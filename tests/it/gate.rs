//! Holding the writer up at a place, so that a test says what comes meanwhile.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use tiersync::app::Options;
use tiersync::domain::call::Call;
use tiersync::writer::faults::{Faults, Place};

use crate::commands_binary::until;
use crate::harness::{Reply, TestApp};

/// Whether one of these calls is about this account.
pub fn names(calls: &[&Call], id: &str) -> bool {
    calls.iter().any(|call| call.platform_id().is_some_and(|named| named.as_str() == id))
}

#[derive(Default)]
struct State {
    reached: bool,
    open: bool,
}

/// Options of an application whose own tasks put nothing into the writer's queue while a test counts what waits there.
pub fn quiet(faults: Faults) -> Options {
    Options { faults, shapes_every: Some(Duration::from_secs(3600)), ..Options::default() }
}

/// Holds the writer up at the call of one platform ID, or at a list of acts, until it is opened.
#[derive(Clone)]
pub struct Gate {
    place: Place,
    id: Option<&'static str>,
    state: Arc<(Mutex<State>, Condvar)>,
}

/// As [`in_one_batch`] needs it: before the batch of the call about `plug`.
impl Default for Gate {
    fn default() -> Self {
        Self::before(Place::Begin, "plug")
    }
}

/// How long a test waits for the writer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The call that stands before [`in_one_batch`].
pub const PLUG: &str = r#"{"ID":"plug","Role":"User","ResellerID":""}"#;

impl Gate {
    pub fn before(place: Place, id: &'static str) -> Self {
        Self { place, id: Some(id), state: Arc::default() }
    }

    pub fn before_acts(place: Place) -> Self {
        Self { place, id: None, state: Arc::default() }
    }

    /// Called by the writer.
    pub fn pass(&self, place: Place, calls: &[&Call]) {
        if place == self.place && self.id.map_or(calls.is_empty(), |id| names(calls, id)) {
            let (state, changed) = &*self.state;
            let mut state = state.lock().unwrap();
            state.reached = true;
            changed.notify_all();
            drop(changed.wait_while(state, |state| !state.open).unwrap());
        }
    }

    /// Faults that do nothing else.
    pub fn faults(&self) -> Faults {
        let gate = self.clone();
        Faults::new(move |place, calls| {
            gate.pass(place, calls);
            None
        })
    }

    /// Waits until the writer stands before it.
    pub fn reached(&self) {
        let (state, changed) = &*self.state;
        let waiting = changed.wait_timeout_while(state.lock().unwrap(), PATIENCE, |state| !state.reached).unwrap();
        assert!(waiting.0.reached, "the writer never came to the gate");
    }

    fn open(&self) {
        let (state, changed) = &*self.state;
        state.lock().unwrap().open = true;
        changed.notify_all();
    }
}

/// Opens a gate behind a test, whether it ends well or not: a writer that is held up would hold the test up for ever.
pub struct Opened<'a>(pub &'a Gate);

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// How many calls wait for the writer.
pub fn depth(app: &TestApp) -> usize {
    let metrics = app.get("/metrics").body;
    let line = metrics.lines().find(|line| line.starts_with("tiersync_queue_depth ")).unwrap();
    line.split(' ').nth(1).unwrap().parse::<f64>().unwrap() as usize
}

/// Sends these calls so that they share a batch, behind a plug; gives the replies in their order. For one lane.
pub fn in_one_batch(app: &TestApp, gate: &Gate, calls: &[String]) -> Vec<Reply> {
    std::thread::scope(|scope| {
        let opened = Opened(gate);
        let plug = scope.spawn(|| app.synchronize(PLUG));
        gate.reached();
        let senders: Vec<_> = calls
            .iter()
            .enumerate()
            .map(|(position, call)| {
                let sender = scope.spawn(|| app.synchronize(call));
                // One by one, so that the batch has them in this order.
                until("the call waits", || depth(app) == position + 1);
                sender
            })
            .collect();
        drop(opened);
        assert_eq!(plug.join().unwrap().code(), 0);
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    })
}
