//! The threads that send: they load an event, send it, and tell what came of it.

use std::sync::Arc;
use std::sync::mpsc::{Sender as Tell, channel};

use super::{Message, Shared};
use crate::domain::ids::AccountId;
use crate::domain::subscriber::course::Verdict;
use crate::ops::subscribers;
use crate::ops::subscribers::send::{Sender, Sent};
use crate::store::{StoreError, pool};
use crate::writer::now_micros;

/// An event to be sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    pub position: i64,
    pub account: AccountId,
    pub generation: u64,
}

/// The threads of one subscriber; they start when they are first needed.
pub(super) struct Crew {
    shared: Arc<Shared>,
    sender: Sender,
    back: Tell<Message>,
    hands: Vec<Hand>,
}

struct Hand {
    jobs: Tell<Job>,
    busy: bool,
}

impl Crew {
    pub(super) fn new(shared: Arc<Shared>, sender: Sender, back: Tell<Message>) -> Self {
        Self { shared, sender, back, hands: Vec::new() }
    }

    /// Gives a job to somebody who has none; false where nobody can be had.
    pub(super) fn take(&mut self, job: Job) -> bool {
        let at = match self.hands.iter().position(|hand| !hand.busy) {
            Some(at) => at,
            None => match self.start() {
                Ok(hand) => {
                    self.hands.push(hand);
                    self.hands.len() - 1
                }
                Err(error) => {
                    log::error!("no thread to send to {}: {error}", self.sender.subscriber().id);
                    return false;
                }
            },
        };
        let Some(hand) = self.hands.get_mut(at) else { return false };
        hand.busy = hand.jobs.send(job).is_ok();
        hand.busy
    }

    /// A hand has done its job.
    pub(super) fn is_free(&mut self, hand: usize) {
        if let Some(hand) = self.hands.get_mut(hand) {
            hand.busy = false;
        }
    }

    fn start(&self) -> std::io::Result<Hand> {
        let (jobs, waiting) = channel::<Job>();
        let (shared, sender, back, hand) =
            (self.shared.clone(), self.sender.clone(), self.back.clone(), self.hands.len());
        std::thread::Builder::new().name(format!("send {}", sender.subscriber().id)).spawn(move || {
            for Job { position, account, generation } in waiting {
                let sent = deliver(&shared, &sender, position);
                if back.send(Message::Done { hand, generation, account, sent }).is_err() {
                    return;
                }
            }
        })?;
        Ok(Hand { jobs, busy: false })
    }
}

fn deliver(shared: &Shared, sender: &Sender, position: i64) -> Sent {
    let subscriber = sender.subscriber();
    // The connection is given back before anything is sent: the pool has few.
    let ready = pool::get(&shared.pool)
        .and_then(|mut connection| subscribers::ready(&mut connection, subscriber, shared.base.as_deref(), position));
    match ready {
        Ok(Some(ready)) => {
            let sent = sender.send(&ready.id, &ready.body, now_micros() / 1_000_000);
            shared.observer.sent(&subscriber.id, sent.result);
            sent
        }
        Ok(None) => Sent { verdict: Verdict::Unwanted, result: "unwanted" },
        Err(StoreError::Corrupt(why)) => {
            // Trying again does not help, and others must not wait; it is held back and can be resumed.
            log::error!("the change at position {position} cannot be sent to {}: {why}", subscriber.id);
            let why = "the database holds what this version does not know".to_owned();
            Sent { verdict: Verdict::Refused { why, retry_after: None, busy: false }, result: "unreadable" }
        }
        Err(error) => {
            log::debug!("the change at position {position} is sent to {} later: {error}", subscriber.id);
            Sent { verdict: Verdict::Untried, result: "untried" }
        }
    }
}
