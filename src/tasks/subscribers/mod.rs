//! Sends the changes of the feed to subscribers. Each subscriber has a thread of its own (`run`), which decides, and a few
//! that send (`crew`); of several receivers on one database one works for a subscriber at a time.

mod crew;
mod run;

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Stop;
use crate::config::subscribers::Subscriber;
use crate::domain::ids::AccountId;
use crate::domain::subscriber::pace::Pace;
use crate::ops::subscribers::Lag;
use crate::ops::subscribers::send::Sent;
use crate::store::pool::Pool;
use crate::store::{StoreError, changes, subscribers};
use crate::writer::Writer;
use crate::writer::now_micros;

/// How long it is waited for the feed before it is asked whether to stop.
const LOOK: Duration = Duration::from_millis(250);

/// Between two calls to wake up: under load there is a commit every few milliseconds.
const REST: Duration = Duration::from_millis(10);

/// How fast everything goes. Tests have less time than the world.
#[derive(Debug, Clone, Copy)]
pub struct Tempo {
    /// When what failed is tried again.
    pub pace: Pace,
    /// How often an owner shows that it lives, and looks whether an operator changed something.
    pub beat: Duration,
    /// How long an owner may be silent before another receiver takes over, by the other's clock: no two clocks are
    /// compared. Longer makes crashes last longer, shorter makes a slow database look like a crash.
    pub lease: Duration,
    /// How long what was done may wait to be written down with more.
    pub flush: Duration,
    /// How often is tried again what our own database refused.
    pub retry: Duration,
    /// How long a stop waits for what is under way.
    pub grace: Duration,
}

impl Default for Tempo {
    fn default() -> Self {
        Self {
            pace: Pace::default(),
            beat: Duration::from_secs(3),
            lease: Duration::from_secs(15),
            flush: Duration::from_millis(200),
            retry: Duration::from_secs(1),
            grace: Duration::from_secs(5),
        }
    }
}

/// Is told what happens.
pub trait Observer: Send + Sync {
    /// Something was sent, with this result.
    fn sent(&self, subscriber: &str, result: &'static str);
    /// How a subscriber stands, as every receiver sees it.
    fn stands(&self, subscriber: &str, lag: &Lag, parked: bool);
}

/// What all threads of the task share.
pub struct Shared {
    /// Who is told of changes.
    pub subscribers: Arc<[Arc<Subscriber>]>,
    /// The receiver's public URL, if it is known.
    pub base: Option<String>,
    /// Connections for reading.
    pub pool: Pool,
    /// Writes down how far subscribers are.
    pub writer: Writer,
    /// Is told what happens.
    pub observer: Arc<dyn Observer>,
    /// How fast everything goes.
    pub tempo: Tempo,
}

/// What a subscriber's thread is told.
enum Message {
    /// The feed goes on.
    Feed,
    /// Something was sent.
    Done {
        /// By whom.
        hand: usize,
        /// Since when the subscriber was last set back.
        generation: u64,
        account: AccountId,
        sent: Sent,
    },
    /// The receiver stops.
    Stop,
}

/// Begins to keep those that are new, at the end of the feed: what changes from now on is for them.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not take it.
pub fn register(shared: &Shared) -> Result<(), StoreError> {
    let ids: Vec<String> = shared.subscribers.iter().map(|subscriber| subscriber.id.clone()).collect();
    let registered = shared.writer.work_blocking(move |connection| {
        let end = changes::end(connection)?;
        ids.iter().try_for_each(|id| subscribers::register(connection, id, end, now_micros()))
    });
    registered.map_err(|error| StoreError::Unavailable(format!("subscribers are not registered: {error}")))
}

/// Runs until stopped.
pub fn run_until(stop: &Stop, shared: &Arc<Shared>) {
    let mut threads: Vec<(Sender<Message>, JoinHandle<()>)> = Vec::new();
    for subscriber in shared.subscribers.iter() {
        let (inbox, messages) = channel();
        let (shared, told, back) = (shared.clone(), subscriber.clone(), inbox.clone());
        let thread = std::thread::Builder::new()
            .name(format!("to {}", subscriber.id))
            .spawn(move || run::Run::new(shared, told, messages, back).until_stopped());
        match thread {
            Ok(thread) => threads.push((inbox, thread)),
            Err(error) => log::error!("no thread for subscriber {}: {error}", subscriber.id),
        }
    }
    let feed = shared.writer.feed().clone();
    let place = feed.own_place();
    let mut seen = 0;
    loop {
        if place.beyond_blocking(seen, LOOK) {
            seen = feed.end();
            // One that ended panicked, which is told where it is waited for.
            threads.iter().for_each(|(inbox, _)| drop(inbox.send(Message::Feed)));
        }
        if stop.within(REST) {
            break;
        }
    }
    threads.iter().for_each(|(inbox, _)| drop(inbox.send(Message::Stop)));
    for (_, thread) in threads {
        if thread.join().is_err() {
            log::error!("a subscriber's thread panicked");
        }
    }
}
