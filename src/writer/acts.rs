//! Lists of acts: planned on the same world as calls, saved by the same batch, in one transaction. No delivery is
//! written, so the head of the chain's ledger stays where it is; the rows that acts number belong to the chain all the same.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::oneshot;

use super::batch::lacking;
use super::faults::{Faults, Place};
use super::now_micros;
use super::run::{Attempted, Ran, Run, Worked};
use super::{PATIENCE, Queued, SubmitError, Writer, planning};
use crate::domain::act::customers::leaving;
use crate::domain::act::{Act, ActOutcome, Acted, MAX_ACTS, OperatorChange, What};
use crate::domain::outcome::Code;
use crate::domain::policy::Policies;
use crate::domain::world::{Need, World};
use crate::store::audit::{self, Entry};
use crate::store::chains::{Advance, Tail};
use crate::store::load::{self, Purpose};
use crate::store::places::Places;
use crate::store::transaction::Locks;
use crate::store::{AnyConnection, StoreError, save};

/// Most acts that may be one thing, all of them or nothing: they cannot be done in parts, so every call waits until they
/// are done.
pub const MAX_TOGETHER: usize = 50_000;

/// Acts on a reseller itself that may stand beside a list of its customers.
const MAX_BESIDE: usize = 16;

/// Acts that are done together.
#[derive(Debug, Clone)]
pub struct ActList {
    /// At most [`MAX_ACTS`], or [`MAX_TOGETHER`] where they are one thing, in their order: each sees what the ones before
    /// it did.
    pub acts: Vec<Act>,
    /// The rules of the sources whose accounts they are about.
    pub policies: Arc<Policies>,
    /// Whether one that is refused takes all others back.
    pub all_or_nothing: bool,
    /// For the audit trail, if anything is changed.
    pub entry: Entry,
}

/// A list that waits for its commit.
pub(super) struct ActsJob {
    pub list: ActList,
    pub reply: oneshot::Sender<Result<Vec<ActOutcome>, SubmitError>>,
}

/// What a list came to, if its transaction commits.
pub(super) struct Done {
    /// In the order of the acts, those of customers that an exact list leaves out behind them.
    pub outcomes: Vec<ActOutcome>,
    /// Where the chain ends now; none where nothing is to be written.
    pub tail: Option<Tail>,
    /// Where the change feed ends now; none where nothing was changed.
    pub feed_end: Option<i64>,
}

/// What acts do to the places of accounts, as far as they say so themselves. An exact list most likely does: who had no
/// reseller becomes a reseller's customer, and who is left out is one no longer.
fn foreseen_places(acts: &[Act]) -> Places {
    let changes = |act: &Act| {
        matches!(
            act.what,
            What::SetKind(_)
                | What::SetStanding(_)
                | What::Delete
                | What::Revive
                | What::Promote(_)
                | What::Demote { .. }
                | What::Customers(_)
        )
    };
    if acts.iter().any(changes) { Places::Alone } else { Places::Shared }
}

/// Runs a list up to its commit, or up to where it lacks locks. The transaction around it is the caller's.
pub(super) fn run(
    connection: &mut AnyConnection,
    list: &ActList,
    run: Run<'_>,
    faults: &Faults,
) -> Result<Ran<Done>, StoreError> {
    let Run { tail, owner, locks, partners, .. } = run;
    let mut world = World::new(tail.head.chain, tail.rows_issued).with_partners(std::mem::take(partners));
    faults.at(Place::Load, &[])?;
    let outcomes = perform(connection, &mut world, list, Purpose::Change)?;
    *partners = world.take_partners();
    if !outcomes.iter().any(|outcome| outcome.applied().is_some()) {
        return Ok(Ran::Done(Done { outcomes, tail: None, feed_end: None }));
    }
    let changes = world.into_changes();
    if let Some(needed) = lacking(connection, locks, &changes) {
        return Ok(Ran::Lacks(needed));
    }
    faults.at(Place::Write, &[])?;
    // One number more than is used, so that the chain tells of a commit whose answer was lost.
    let to = Tail { head: tail.head, rows_issued: changes.rows_issued + 1 };
    audit::record(connection, &about(&list.entry, &outcomes))?;
    for change in &changes.operators {
        audit::record(connection, &of_operator(change, &list.entry))?;
    }
    let advance = Advance { from: tail, to: &to, owner, now: now_micros() };
    let feed_end = save::batch(connection, &[], &changes, &advance)?;
    Ok(Ran::Done(Done { outcomes, tail: Some(to), feed_end }))
}

/// The entry of a list. One without a subject is about the account that the first act made, which had no id before.
fn about(entry: &Entry, outcomes: &[ActOutcome]) -> Entry {
    let made = outcomes.iter().find_map(|outcome| outcome.id.filter(|_| entry.subject.is_empty()));
    let subject = made.map_or_else(|| entry.subject.clone(), |id| id.to_string());
    Entry { subject, ..entry.clone() }
}

/// What the audit trail says of an operator that an act adds, or takes something from.
fn of_operator(change: &OperatorChange, entry: &Entry) -> Entry {
    let (action, subject, detail) = match change {
        OperatorChange::Add { operator, .. } => {
            let resellers: Vec<String> = operator.resellers.iter().map(ToString::to_string).collect();
            let detail = json!({"role": operator.role.as_str(), "resellers": resellers, "by": entry.action});
            ("operator.add", &operator.name, detail)
        }
        OperatorChange::Leave { name, account } => {
            ("operator.leave", name, json!({"reseller": account.to_string(), "by": entry.action}))
        }
        OperatorChange::Revoke { name, account, .. } => {
            ("operator.revoke", name, json!({"reseller": account.to_string(), "by": entry.action}))
        }
    };
    Entry { action: action.to_owned(), subject: subject.clone(), detail: detail.to_string(), ..entry.clone() }
}

/// Plans acts one behind the other and applies them to the world. An exact list of customers brings acts of its own, whose
/// outcomes stand behind all others.
pub(super) fn perform(
    connection: &mut AnyConnection,
    world: &mut World,
    list: &ActList,
    mut purpose: Purpose,
) -> Result<Vec<ActOutcome>, StoreError> {
    let most = if list.all_or_nothing { MAX_TOGETHER } else { MAX_ACTS };
    let exact =
        list.all_or_nothing && list.acts.iter().any(|act| matches!(act.what, What::Customers(_) | What::Create(_)));
    if list.acts.len() > if exact { most + MAX_BESIDE } else { most } {
        let refused = |act: &Act| ActOutcome {
            account: act.account.clone(),
            id: None,
            acted: Acted::Refused {
                code: Code::RuleBroken,
                message: format!("A list has at most {most} acts. Send them in parts."),
            },
            moved: None,
        };
        return Ok(list.acts.iter().map(refused).collect());
    }
    let cap = list.acts.len() + 1;
    planning::foresee_acts(connection, world, &list.policies, &list.acts, cap, &mut purpose)?;
    let mut outcomes = Vec::with_capacity(list.acts.len());
    let mut others = Vec::new();
    for act in &list.acts {
        let policy = list.policies.of(&act.account.scope.source);
        let planned = planning::plan_one_act(connection, world, policy, act, cap, &mut purpose)?;
        let outcome = world.apply_act(act, planned);
        if let (What::Customers(exact), None) = (&act.what, outcome.refused()) {
            match planning::look(connection, world, cap, &mut purpose, |world| leaving(world, act, exact))? {
                Ok(acts) => others.extend(acts),
                Err(message) => {
                    let acted = Acted::Refused { code: Code::RuleBroken, message };
                    outcomes.push(ActOutcome { acted, ..outcome });
                    continue;
                }
            }
        }
        outcomes.push(outcome);
    }
    planning::foresee_acts(connection, world, &list.policies, &others, cap, &mut purpose)?;
    for act in &others {
        let policy = list.policies.of(&act.account.scope.source);
        let planned = planning::plan_one_act(connection, world, policy, act, cap, &mut purpose)?;
        outcomes.push(world.apply_act(act, planned));
    }
    if list.all_or_nothing && outcomes.iter().any(|outcome| outcome.refused().is_some()) {
        for outcome in &mut outcomes {
            if let Some(applied) = outcome.applied() {
                outcome.id = outcome.id.filter(|_| !applied.created);
                (outcome.acted, outcome.moved) = (Acted::Withheld, None);
            }
        }
    }
    Ok(outcomes)
}

/// Tells what acts would come to, each seeing what the ones before it would do, without locks and without writing.
///
/// # Errors
/// [`StoreError`] of the first look-up that fails.
pub fn preview(connection: &mut AnyConnection, list: &ActList) -> Result<Vec<ActOutcome>, StoreError> {
    perform(connection, &mut World::new(planning::NOWHERE, 0), list, Purpose::Preview)
}

/// Looks at something, such as a move, without locks and without writing: `look` is asked again with whatever it needed
/// looked up, until it tells.
///
/// # Errors
/// [`StoreError`] of the first look-up that fails.
pub fn look<T>(
    connection: &mut AnyConnection,
    mut look: impl FnMut(&World) -> Result<T, Need>,
) -> Result<T, StoreError> {
    let mut world = World::new(planning::NOWHERE, 0);
    for _ in 0..planning::MAX_LOOKUPS {
        match look(&world) {
            Ok(seen) => return Ok(seen),
            Err(need) => load::load(connection, &mut world, std::slice::from_ref(&need), 1, &mut Purpose::Preview)?,
        }
    }
    Err(StoreError::Failed("a look asked for too many look-ups".to_owned()))
}

impl Writer {
    fn enqueue_acts(
        &self,
        list: ActList,
    ) -> Result<oneshot::Receiver<Result<Vec<ActOutcome>, SubmitError>>, SubmitError> {
        if !self.is_available() {
            return Err(SubmitError::Unavailable);
        }
        let (reply, answered) = oneshot::channel();
        self.put(Queued::Acts(Box::new(ActsJob { list, reply })))?;
        Ok(answered)
    }

    /// Does a list of acts in one transaction and waits until it is durable. What is refused comes back as a value, with
    /// a code and what to do next.
    ///
    /// # Errors
    /// [`SubmitError`]; nothing is done then, or, where the database took its answer with it, all of it.
    pub async fn acts(&self, list: ActList) -> Result<Vec<ActOutcome>, SubmitError> {
        match tokio::time::timeout(PATIENCE, self.enqueue_acts(list)?).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(_)) | Err(_) => Err(SubmitError::Unavailable),
        }
    }

    /// As [`Writer::acts`], for threads that may block.
    ///
    /// # Errors
    /// As [`Writer::acts`].
    pub fn acts_blocking(&self, list: ActList) -> Result<Vec<ActOutcome>, SubmitError> {
        self.enqueue_acts(list)?.blocking_recv().unwrap_or(Err(SubmitError::Unavailable))
    }
}

impl super::run::Running {
    /// Does a list until whoever waits for it is answered.
    pub(super) fn settle_acts(&mut self, job: ActsJob) {
        let done = self.until_free(super::run::MAX_RERUNS, |running| running.attempt_acts(&job.list));
        match done {
            Ok(Attempted { value, feed_end, since, .. }) => {
                self.settle_committed(super::settle::What::Acts(job, value), feed_end, since);
            }
            Err(error) => {
                let answer = match error {
                    StoreError::Unavailable(reason) | StoreError::CommitLost(reason) => {
                        self.lost(&reason);
                        SubmitError::Unavailable
                    }
                    StoreError::Contended(reason) | StoreError::Held(reason) => {
                        log::warn!("{} acts gave up behind other writers: {reason}", job.list.acts.len());
                        SubmitError::Unavailable
                    }
                    error => {
                        log::error!("{} acts failed: {error}", job.list.acts.len());
                        SubmitError::Failed
                    }
                };
                let _ = job.reply.send(Err(answer));
            }
        }
    }

    fn attempt_acts(&mut self, list: &ActList) -> Result<Attempted<Vec<ActOutcome>>, StoreError> {
        let faults = self.config.faults.clone();
        // Whatever sources ask for now: accounts may still have partners from when another option asked for one.
        let locks = Locks::new(foreseen_places(&list.acts), true);
        self.in_transaction(&[], locks, |connection, with| {
            let before = *with.tail;
            let done = run(connection, list, with, &faults)?;
            Ok(done.map(|done| Worked {
                value: done.outcomes,
                tail: done.tail.unwrap_or(before),
                feed_end: done.feed_end,
            }))
        })
    }
}
