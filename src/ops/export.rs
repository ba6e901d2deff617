//! Captured calls out of the ledger, in the order in which they were processed.

use std::collections::{HashMap, VecDeque};

use crate::domain::ids::AccountId;
use crate::domain::ledger::{Delivery, Head};
use crate::domain::outcome::Outcome;
use crate::store::deliveries::{self, DeliveryFilter, WithBody};
use crate::store::{AnyConnection, StoreError, chains};
use crate::wire::capture::Line;

/// Rows of a chain read at once. With the largest bodies that is 32 MiB a chain.
const PAGE: i64 = 128;

/// Accounts whose second is kept before those are forgotten that no call waiting for the writer can still meet.
const MAX_SECONDS: usize = 65_536;

/// Longest that a call may have waited between its receipt and its turn, in seconds: a call that waits 25 s is given up.
const LONGEST_WAIT: i64 = 60;

/// What was exported.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// Calls written.
    pub calls: u64,
    /// Those of them whose body was emptied.
    pub emptied: u64,
}

/// Hands each call that is asked for to `write`, as one line of JSON without its end.
///
/// The calls of a chain come in its order, which is that in which they were processed; several chains are merged by the
/// time of receipt. What comes in meanwhile is left for the next export. `progress` is told rows read and rows there are.
///
/// # Errors
/// `E` from `write`, or a [`StoreError`] when the database cannot be read.
pub fn export<E: From<StoreError>>(
    connection: &mut AnyConnection,
    filter: &DeliveryFilter,
    progress: &dyn Fn(u64, u64),
    write: &mut dyn FnMut(&str) -> Result<(), E>,
) -> Result<Exported, E> {
    let heads = chains::heads(connection)?;
    let total = heads.iter().map(|head| u64::try_from(head.position).unwrap_or(0)).sum();
    let mut walks: Vec<Walk> = heads.into_iter().map(Walk::new).collect();
    let mut seconds = Seconds::default();
    let mut exported = Exported::default();
    loop {
        for walk in &mut walks {
            walk.fill(connection, filter)?;
        }
        let next =
            walks.iter_mut().filter(|walk| walk.next_received().is_some()).min_by_key(|walk| walk.next_received());
        let Some((delivery, body)) = next.and_then(|walk| walk.rows.pop_front()) else { break };
        // An empty body is no emptied one.
        let body = body.or_else(|| is_empty(&delivery).then(Vec::new));
        exported.calls += 1;
        exported.emptied += u64::from(body.is_none());
        let second = seconds.counted(&delivery);
        write(&Line::of(delivery, second, body).json())?;
        if exported.calls % 256 == 0 {
            progress(walks.iter().map(Walk::read).sum(), total);
        }
    }
    Ok(exported)
}

/// SHA-256 of nothing (FIPS 180-4).
fn is_empty(delivery: &Delivery) -> bool {
    hex::encode(delivery.body_digest) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
}

/// One chain, page by page.
struct Walk {
    head: Head,
    after: i64,
    rows: VecDeque<WithBody>,
}

impl Walk {
    fn new(head: Head) -> Self {
        Self { head, after: 0, rows: VecDeque::new() }
    }

    fn fill(&mut self, connection: &mut AnyConnection, filter: &DeliveryFilter) -> Result<(), StoreError> {
        if self.rows.is_empty() && self.after < self.head.position {
            let span = (self.after, self.head.position);
            self.rows = deliveries::chain_page(connection, filter, self.head.chain, span, PAGE)?.into();
            self.after = self.rows.back().map_or(self.head.position, |(last, _)| last.id.row().position());
        }
        Ok(())
    }

    fn next_received(&self) -> Option<i64> {
        self.rows.front().map(|(delivery, _)| delivery.received_at)
    }

    fn read(&self) -> u64 {
        u64::try_from(self.after).unwrap_or(0)
    }
}

/// The second that a call counted as of. An account's event time never runs backwards: a live call that overtook another
/// on its way to the writer leaves that one with its own second, which a replay must then give it, too.
#[derive(Default)]
struct Seconds(HashMap<AccountId, i64>);

impl Seconds {
    fn counted(&mut self, delivery: &Delivery) -> i64 {
        let second = delivery.event_second;
        let counts = matches!(delivery.outcome, Outcome::Applied | Outcome::Unchanged);
        let Some(account) = delivery.account.filter(|_| counts) else { return second };
        if self.0.len() >= MAX_SECONDS {
            self.0.retain(|_, known| *known >= second - LONGEST_WAIT);
        }
        let known = self.0.entry(account).or_insert(second);
        *known = second.max(*known);
        if delivery.replayed { second } else { *known }
    }
}
