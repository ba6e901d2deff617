//! The run: one thread that reads ahead, one that sends.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;

use super::ReplayError;
use super::feed::{BATCHES, Feed};
use super::halt::Halt;
use super::input::Inputs;
use super::letter::Manner;
use super::line::Receiver;
use super::only::Only;
use super::progress::{Finished, Progress};
use super::report::Report;
use super::send::Client;
use super::worker::Sending;
use crate::config::sender::Sender;

/// What is to be done.
pub struct Replay<'a> {
    /// The calls.
    pub inputs: &'a Inputs,
    /// Where they go.
    pub receiver: &'a Receiver,
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

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Runs a replay to its end, or until it is asked to stop. `tell` is called for each call that is done with.
///
/// One thread reads ahead, another sends: it drives all lines, so that nothing but the batches of calls between the two is
/// shared.
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
    let client = Client::new(replay.receiver, replay.sender, replay.dry_run)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| ReplayError::Unreachable(format!("cannot begin to send: {error}")))?;
    let (outlet, inlet) = mpsc::channel(BATCHES);
    let (fed, sent) = std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let sending = Sending::new(replay, &client, progress, halt, tell);
            // Everything that is waited for here is driven by tasks of its own, which take turns with this one.
            runtime.block_on(tokio::task::unconstrained(sending.run(inlet)))
        });
        let fed = Feed::new(replay, halt, tell, outlet).run();
        if let Err(error) = &fed {
            halt.ask(&error.to_string());
        }
        (fed, sending.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let (fed, sent) = (fed?, sent?);
    Ok(Report {
        read: fed.read,
        left_out: fed.left_out,
        finished_before: fed.finished_before,
        without_body: fed.without_body,
        only_asked: fed.only_asked,
        others: replay.inputs.others() as u64,
        seconds: began.elapsed().as_secs_f64(),
        stopped: halt.asked().map(str::to_owned),
        ..sent
    })
}
