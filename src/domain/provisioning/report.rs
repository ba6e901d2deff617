//! What a report makes of an item: pure, so that every way to report gives the same answer.
//!
//! A report is about one attempt, which its lease names; without a lease it is about the attempt that it numbers, or the
//! next one. The first word about an attempt counts: the same again is answered as before, another one is refused. So
//! a provisioner whose answer was lost may report again, and one that was too slow learns that somebody else has the item.

use std::fmt;

use super::{Attempt, AttemptEnd, Item, ItemState};

/// Most attempts that may be configured.
pub const MAX_ATTEMPTS: i64 = 100;

/// Longest lease, in seconds. A provisioner that dies keeps its items for so long.
pub const MAX_LEASE_SECONDS: i64 = 86_400;

/// Longest pause before another try, in seconds.
const LONGEST_PAUSE: i64 = 3_600;

/// `[provisioning]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How often an item is tried before it counts as failed.
    pub max_attempts: i64,
    /// How long a lease lasts where nobody says, in seconds.
    pub lease_seconds: i64,
    /// The pause before the second attempt, in seconds; it doubles from one attempt to the next, up to an hour.
    pub retry_seconds: i64,
}

impl Default for Rules {
    fn default() -> Self {
        Self { max_attempts: 5, lease_seconds: 300, retry_seconds: 30 }
    }
}

impl Rules {
    /// The pause behind the `attempt`th attempt that counts, in microseconds.
    #[must_use]
    pub fn pause(&self, attempt: i64) -> i64 {
        let doublings = u32::try_from((attempt - 1).clamp(0, 20)).unwrap_or(0);
        self.retry_seconds.saturating_mul(1 << doublings).min(LONGEST_PAUSE) * 1_000_000
    }

    /// What becomes of an item whose last attempt came to nothing at `now`, in microseconds since 1970: its state, and from
    /// when it may be tried again. `given_up` says that its request is cancelled; what a later request took the place of is
    /// not tried again either.
    #[must_use]
    pub fn after_failure(&self, item: &Item, now: i64, pause: bool, given_up: bool) -> (ItemState, Option<i64>) {
        let counting = item.attempts - item.forgiven;
        if given_up || item.superseded {
            (ItemState::Cancelled, None)
        } else if counting >= self.max_attempts {
            (ItemState::Failed, None)
        } else {
            (ItemState::Pending, Some(if pause { now.saturating_add(self.pause(counting)) } else { now }))
        }
    }
}

/// What is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It is done.
    Done,
    /// It cannot be done, or not now.
    Failed,
    /// It goes on: the lease is extended.
    Running,
}

impl Word {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Done, Self::Failed, Self::Running];

    /// The name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Running => "running",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|word| word.as_str() == name)
    }
}

/// A report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The lease under which it is made.
    pub lease: Option<String>,
    /// Without a lease, the attempt that it is about.
    pub attempt: Option<i64>,
    /// Who reports.
    pub worker: String,
    /// What is reported.
    pub word: Word,
    /// What went wrong.
    pub reason: Option<String>,
    /// Whether it is worth another try.
    pub retry: bool,
}

/// What a report comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It was made before: the answer is that of the attempt's end.
    Repeated(AttemptEnd),
    /// The lease lasts until then, in microseconds since 1970.
    Extended(i64),
    /// The attempt came to its end.
    Ended {
        /// How it ends.
        end: AttemptEnd,
        /// Whether it is an attempt that nobody had a lease for.
        unleased: bool,
    },
    /// It contradicts what is there.
    Refused(Contradiction),
}

/// Why a report is refused. The sentences say what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contradiction {
    /// The item never had this lease.
    UnknownLease,
    /// The lease ran out, and somebody else had the item since.
    LeaseRanOut {
        /// Until when it lasted, in microseconds since 1970.
        until: i64,
        /// Who has, or had, it since.
        worker: String,
        /// The attempt that is the last one now.
        attempt: i64,
    },
    /// Something else was reported of this attempt.
    ReportedOtherwise {
        /// What was.
        done: bool,
        /// By whom.
        worker: String,
    },
    /// Somebody has a lease for it.
    AtWork {
        /// Who.
        worker: String,
        /// Until when, in microseconds since 1970.
        until: i64,
    },
    /// There is nothing to report of what is done, failed or cancelled.
    Final(ItemState),
    /// The directory's item comes first.
    NotReady,
    /// Only a lease can be extended.
    NothingToExtend,
    /// The attempt is not the next one.
    NoSuchAttempt {
        /// The one that is.
        next: i64,
    },
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownLease => {
                f.write_str("This item never had this lease. Take the item again before working on it.")
            }
            Self::LeaseRanOut { worker, attempt, .. } => write!(
                f,
                "The lease ran out, and {worker} had the item since, as attempt {attempt}: nothing is recorded. Report \
                 earlier, or extend the lease with the state running."
            ),
            Self::ReportedOtherwise { done, worker } => write!(
                f,
                "{worker} reported this attempt as {} already, and the first report holds.",
                if *done { "done" } else { "failed" }
            ),
            Self::AtWork { worker, .. } => {
                write!(
                    f,
                    "{worker} has a lease for this item; only a report under that lease counts until it runs out."
                )
            }
            Self::Final(ItemState::Failed) => {
                f.write_str("This item has failed. POST /v1/provisioning-requests/{id}/retry has it tried again.")
            }
            Self::Final(state) => write!(f, "This item is {} already: there is nothing to report.", state.as_str()),
            Self::NotReady => {
                f.write_str("This item waits for the directory's item of its request, which comes before all others.")
            }
            Self::NothingToExtend => f.write_str(
                "Only a lease can be extended: take the item first, with POST /v1/provisioning-requests/lease.",
            ),
            Self::NoSuchAttempt { next } => {
                write!(f, "The next attempt of this item is number {next}; report that one, or leave the number out.")
            }
        }
    }
}

/// Judges a report at `now`, in microseconds since 1970. `under` is the attempt that had its lease, where it names one;
/// `numbered` the one with its number; `last` the item's last attempt. `given_up` says that the request is cancelled.
#[must_use]
pub fn judge(item: &Item, attempts: &Attempts<'_>, report: &Report, rules: &Rules, now: i64) -> Verdict {
    let judged = if report.lease.is_some() {
        under_lease(item, attempts, report, rules, now)
    } else {
        without_lease(item, attempts, report, rules, now)
    };
    judged.unwrap_or_else(Verdict::Refused)
}

/// What is known of an item's attempts.
#[derive(Debug, Clone, Copy)]
pub struct Attempts<'a> {
    /// The attempt that had the report's lease, where it names one, or that has its number.
    pub meant: Option<&'a Attempt>,
    /// The item's last attempt.
    pub last: Option<&'a Attempt>,
    /// Whether the item's request is cancelled.
    pub given_up: bool,
}

type Judged = Result<Verdict, Contradiction>;

fn under_lease(item: &Item, attempts: &Attempts<'_>, report: &Report, rules: &Rules, now: i64) -> Judged {
    let attempt = attempts.meant.ok_or(Contradiction::UnknownLease)?;
    if let Some(end) = &attempt.ended {
        return repeated(attempt, end, report);
    }
    if attempt.number < item.attempts {
        return Err(Contradiction::LeaseRanOut {
            until: attempt.lease_until.unwrap_or(attempt.taken_at),
            worker: item.worker.clone().unwrap_or_default(),
            attempt: item.attempts,
        });
    }
    // A lease that ran out while nobody else took the item: the work was done once, so its report counts.
    if matches!(item.state, ItemState::Done | ItemState::Cancelled) {
        return Err(Contradiction::Final(item.state));
    }
    Ok(match report.word {
        Word::Running => Verdict::Extended(now.saturating_add(attempt.lease_seconds.saturating_mul(1_000_000))),
        Word::Done | Word::Failed => {
            let end = end(item, report, rules, now, attempts.given_up);
            Verdict::Ended { end, unleased: false }
        }
    })
}

fn without_lease(item: &Item, attempts: &Attempts<'_>, report: &Report, rules: &Rules, now: i64) -> Judged {
    if report.word == Word::Running {
        return Err(Contradiction::NothingToExtend);
    }
    let next = item.attempts + 1;
    match report.attempt {
        Some(number) if number > next || number < 1 => return Err(Contradiction::NoSuchAttempt { next }),
        Some(number) if number < next => {
            return match attempts.meant {
                Some(attempt) => match &attempt.ended {
                    Some(end) if attempt.lease.is_none() => repeated(attempt, end, report),
                    Some(end) => Err(otherwise(attempt, end)),
                    None => Err(taken(item, attempt)),
                },
                None => Err(Contradiction::NoSuchAttempt { next }),
            };
        }
        Some(_) => {}
        None => {
            // Who sends no number means the last report again, if it says the same while the item is to be left alone.
            let resting = item.state != ItemState::Pending || item.not_before > now;
            let last = attempts.last.filter(|last| last.lease.is_none() && resting);
            if let Some((last, end)) = last.and_then(|last| Some((last, last.ended.as_ref()?)))
                && is_same(last, end, report)
            {
                return Ok(Verdict::Repeated(end.clone()));
            }
        }
    }
    match (item.state, attempts.last) {
        (ItemState::Running, Some(last)) => return Err(taken(item, last)),
        (ItemState::Done | ItemState::Failed, Some(last)) if report.attempt.is_none() => {
            return Err(match &last.ended {
                Some(end) if item.state == ItemState::Done => otherwise(last, end),
                _ => Contradiction::Final(item.state),
            });
        }
        (ItemState::Pending, _) => {}
        (state, _) => return Err(Contradiction::Final(state)),
    }
    if !item.ready {
        return Err(Contradiction::NotReady);
    }
    let tried = Item { attempts: next, ..item.clone() };
    Ok(Verdict::Ended { end: end(&tried, report, rules, now, attempts.given_up), unleased: true })
}

fn taken(item: &Item, attempt: &Attempt) -> Contradiction {
    let until = item.lease_until.or(attempt.lease_until).unwrap_or(attempt.taken_at);
    if item.state == ItemState::Running {
        let worker = item.worker.clone().unwrap_or_default();
        Contradiction::AtWork { worker, until }
    } else {
        Contradiction::LeaseRanOut { until, worker: attempt.worker.clone(), attempt: attempt.number }
    }
}

fn otherwise(attempt: &Attempt, end: &AttemptEnd) -> Contradiction {
    Contradiction::ReportedOtherwise { done: end.done, worker: attempt.worker.clone() }
}

fn is_same(attempt: &Attempt, end: &AttemptEnd, report: &Report) -> bool {
    let word = if end.done { Word::Done } else { Word::Failed };
    report.word == word
        && end.reason == report.reason
        && end.retry == report.retry
        && (attempt.lease.is_some() || attempt.worker == report.worker)
}

fn repeated(attempt: &Attempt, end: &AttemptEnd, report: &Report) -> Judged {
    if is_same(attempt, end, report) { Ok(Verdict::Repeated(end.clone())) } else { Err(otherwise(attempt, end)) }
}

fn end(item: &Item, report: &Report, rules: &Rules, now: i64, given_up: bool) -> AttemptEnd {
    let (outcome, next_try) = match report.word {
        Word::Done | Word::Running => (ItemState::Done, None),
        Word::Failed if report.retry || item.superseded => rules.after_failure(item, now, true, given_up),
        Word::Failed => (ItemState::Failed, None),
    };
    AttemptEnd {
        at: now,
        done: report.word == Word::Done,
        reason: report.reason.clone(),
        retry: report.retry,
        outcome,
        next_try,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{AccountId, ItemId, ProvisioningId, ServiceId};
    use crate::domain::provisioning::{ItemKind, PlanAt};

    const RULES: Rules = Rules { max_attempts: 3, lease_seconds: 300, retry_seconds: 30 };
    const NOW: i64 = 1_000_000_000;

    fn item(state: ItemState, attempts: i64) -> Item {
        Item {
            id: ItemId::issue(0, 2),
            request: ProvisioningId::issue(0, 1),
            customer: AccountId::issue(0, 3),
            kind: ItemKind::Service { service: ServiceId::issue(0, 4) },
            from: PlanAt::default(),
            to: PlanAt::default(),
            state,
            ready: true,
            attempts,
            forgiven: 0,
            not_before: 0,
            worker: (attempts > 0).then(|| format!("w{attempts}")),
            lease_until: (state == ItemState::Running).then_some(NOW + 10),
            reason: None,
            created_at: 0,
            changed_at: 0,
            finished_at: None,
            superseded: false,
        }
    }

    fn attempt(number: i64, leased: bool, ended: Option<AttemptEnd>) -> Attempt {
        Attempt {
            number,
            lease: leased.then(|| format!("l{number}")),
            worker: format!("w{number}"),
            taken_at: 0,
            lease_seconds: 60,
            lease_until: leased.then_some(NOW - 5),
            ended,
        }
    }

    fn ended(done: bool, outcome: ItemState) -> AttemptEnd {
        AttemptEnd { at: 5, done, reason: None, retry: false, outcome, next_try: None }
    }

    fn report(lease: Option<&str>, word: Word) -> Report {
        let worker = "w1".to_owned();
        Report { lease: lease.map(str::to_owned), attempt: None, worker, word, reason: None, retry: false }
    }

    fn told(item: &Item, all: &[Attempt], report: &Report) -> Verdict {
        let meant = all.iter().find(|one| match &report.lease {
            Some(lease) => one.lease.as_ref() == Some(lease),
            None => Some(one.number) == report.attempt,
        });
        judge(item, &Attempts { meant, last: all.last(), given_up: false }, report, &RULES, NOW)
    }

    #[test]
    fn pauses_double_up_to_an_hour() {
        let seconds = |attempt| RULES.pause(attempt) / 1_000_000;
        assert_eq!([1, 2, 3, 7, 8, 100].map(seconds), [30, 60, 120, 1_920, 3_600, 3_600]);
    }

    #[test]
    fn the_first_report_of_a_lease_counts_and_may_come_again() {
        let running = item(ItemState::Running, 1);
        let first = told(&running, &[attempt(1, true, None)], &report(Some("l1"), Word::Done));
        assert!(matches!(&first, Verdict::Ended { end, unleased: false } if end.outcome == ItemState::Done));
        let done = item(ItemState::Done, 1);
        let all = [attempt(1, true, Some(ended(true, ItemState::Done)))];
        assert_eq!(told(&done, &all, &report(Some("l1"), Word::Done)), Verdict::Repeated(ended(true, ItemState::Done)));
        for word in [Word::Failed, Word::Running] {
            let refused = told(&done, &all, &report(Some("l1"), word));
            assert!(
                matches!(refused, Verdict::Refused(Contradiction::ReportedOtherwise { done: true, .. })),
                "{word:?}"
            );
        }
        // It was retried since: the old report is still the old report.
        let again = item(ItemState::Running, 2);
        let all = [attempt(1, true, Some(ended(false, ItemState::Failed))), attempt(2, true, None)];
        assert_eq!(
            told(&again, &all, &report(Some("l1"), Word::Failed)),
            Verdict::Repeated(ended(false, ItemState::Failed))
        );
    }

    #[test]
    fn a_lease_that_ran_out_counts_until_somebody_else_has_the_item() {
        for state in [ItemState::Pending, ItemState::Failed] {
            let late = told(&item(state, 1), &[attempt(1, true, None)], &report(Some("l1"), Word::Done));
            assert!(matches!(late, Verdict::Ended { unleased: false, .. }), "{state:?}");
        }
        let cancelled =
            told(&item(ItemState::Cancelled, 1), &[attempt(1, true, None)], &report(Some("l1"), Word::Done));
        assert_eq!(cancelled, Verdict::Refused(Contradiction::Final(ItemState::Cancelled)));
        let all = [attempt(1, true, None), attempt(2, true, None)];
        for word in Word::ALL {
            let refused = told(&item(ItemState::Running, 2), &all, &report(Some("l1"), word));
            let expected = Contradiction::LeaseRanOut { until: NOW - 5, worker: "w2".to_owned(), attempt: 2 };
            assert_eq!(refused, Verdict::Refused(expected), "{word:?}");
        }
        let unknown = told(&item(ItemState::Running, 2), &all, &report(Some("x"), Word::Done));
        assert_eq!(unknown, Verdict::Refused(Contradiction::UnknownLease));
    }

    #[test]
    fn a_lease_is_extended_by_what_it_was_asked_for() {
        let extended =
            told(&item(ItemState::Running, 1), &[attempt(1, true, None)], &report(Some("l1"), Word::Running));
        assert_eq!(extended, Verdict::Extended(NOW + 60_000_000));
    }

    #[test]
    fn failures_are_tried_again_only_if_asked_and_only_so_often() {
        let failing = |attempts: i64, forgiven: i64, retry: bool, given_up: bool| {
            let item = Item { forgiven, ..item(ItemState::Running, attempts) };
            let (all, report) = (
                [attempt(attempts, true, None)],
                Report { retry, ..report(Some(&format!("l{attempts}")), Word::Failed) },
            );
            match judge(&item, &Attempts { meant: all.first(), last: all.last(), given_up }, &report, &RULES, NOW) {
                Verdict::Ended { end, .. } => Some((end.outcome, end.next_try.map(|at| (at - NOW) / 1_000_000))),
                _ => None,
            }
        };
        assert_eq!(failing(1, 0, false, false), Some((ItemState::Failed, None)));
        assert_eq!(failing(1, 0, true, false), Some((ItemState::Pending, Some(30))));
        assert_eq!(failing(2, 0, true, false), Some((ItemState::Pending, Some(60))));
        assert_eq!(failing(3, 0, true, false), Some((ItemState::Failed, None)));
        assert_eq!(failing(4, 3, true, false), Some((ItemState::Pending, Some(30))));
        assert_eq!(failing(1, 0, true, true), Some((ItemState::Cancelled, None)));
    }

    #[test]
    fn what_a_later_request_took_the_place_of_is_not_tried_again() {
        let item = Item { superseded: true, ..item(ItemState::Running, 1) };
        let all = [attempt(1, true, None)];
        for (word, retry, outcome) in [
            (Word::Failed, true, ItemState::Cancelled),
            (Word::Failed, false, ItemState::Cancelled),
            (Word::Done, false, ItemState::Done),
        ] {
            let verdict = told(&item, &all, &Report { retry, ..report(Some("l1"), word) });
            assert!(
                matches!(&verdict, Verdict::Ended { end, .. } if end.outcome == outcome && end.next_try.is_none()),
                "{word:?} {retry}: {verdict:?}"
            );
        }
        assert_eq!(RULES.after_failure(&item, NOW, false, false), (ItemState::Cancelled, None));
    }

    #[test]
    fn without_a_lease_the_first_report_of_an_attempt_wins() {
        let pending = item(ItemState::Pending, 0);
        let first = told(&pending, &[], &report(None, Word::Done));
        assert!(matches!(first, Verdict::Ended { unleased: true, .. }));
        let not_ready = told(&Item { ready: false, ..pending.clone() }, &[], &report(None, Word::Done));
        assert_eq!(not_ready, Verdict::Refused(Contradiction::NotReady));
        let running = told(&pending, &[], &report(None, Word::Running));
        assert_eq!(running, Verdict::Refused(Contradiction::NothingToExtend));
        // The same again, by the same: with the attempt's number or without.
        let done = item(ItemState::Done, 1);
        let all = [attempt(1, false, Some(ended(true, ItemState::Done)))];
        for number in [None, Some(1)] {
            let again = Report { attempt: number, ..report(None, Word::Done) };
            assert_eq!(told(&done, &all, &again), Verdict::Repeated(ended(true, ItemState::Done)), "{number:?}");
            let another = Report { worker: "w2".to_owned(), ..again };
            let refused = told(&done, &all, &another);
            assert!(matches!(refused, Verdict::Refused(Contradiction::ReportedOtherwise { .. })), "{number:?}");
        }
        let next = told(&done, &all, &Report { attempt: Some(2), ..report(None, Word::Done) });
        assert_eq!(next, Verdict::Refused(Contradiction::Final(ItemState::Done)));
        let ahead = told(&done, &all, &Report { attempt: Some(3), ..report(None, Word::Done) });
        assert_eq!(ahead, Verdict::Refused(Contradiction::NoSuchAttempt { next: 2 }));
    }

    #[test]
    fn who_has_a_lease_is_not_overtaken() {
        let all = [attempt(1, true, None)];
        let refused = told(&item(ItemState::Running, 1), &all, &report(None, Word::Done));
        let at_work = Contradiction::AtWork { worker: "w1".to_owned(), until: NOW + 10 };
        assert_eq!(refused, Verdict::Refused(at_work.clone()));
        let numbered =
            told(&item(ItemState::Running, 1), &all, &Report { attempt: Some(1), ..report(None, Word::Done) });
        assert_eq!(numbered, Verdict::Refused(at_work));
    }

    #[test]
    fn failing_twice_is_not_failing_once_reported_twice() {
        let end = AttemptEnd { retry: true, next_try: Some(NOW + 1), ..ended(false, ItemState::Pending) };
        let all = [attempt(1, false, Some(end.clone()))];
        let failed = Report { retry: true, ..report(None, Word::Failed) };
        let resting = Item { not_before: NOW + 1, ..item(ItemState::Pending, 1) };
        assert_eq!(told(&resting, &all, &failed), Verdict::Repeated(end.clone()));
        // It may be tried again, so it was.
        let due = item(ItemState::Pending, 1);
        assert!(matches!(told(&due, &all, &failed), Verdict::Ended { unleased: true, .. }));
        // Unless the report says which attempt it means.
        let first = Report { attempt: Some(1), ..failed };
        assert_eq!(told(&due, &all, &first), Verdict::Repeated(end));
    }
}
