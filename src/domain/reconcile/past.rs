//! What a customer's earlier relations tell: since when it has the reseller that it has, and whether it went back and
//! forth.

use super::record::{Flap, Since};
use crate::domain::ids::DeliveryId;
use crate::domain::relation::Cause;

/// The other side of a relation, as far as it tells one from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The account that it is linked to.
    pub account: Option<i64>,
    /// How it is named: a reseller's platform ID, or a partner's ID.
    pub name: String,
}

impl Target {
    /// Whether two relations are to the same other side. Names count where one of them was never linked.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        match (self.account, other.account) {
            (Some(a), Some(b)) => a == b,
            _ => self.name == other.name,
        }
    }
}

/// One relation of one axis, open or closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// Orders what began at the same time.
    pub id: i64,
    /// To whom.
    pub target: Target,
    /// The reseller's account that it is linked to, also where the target is a partner.
    pub reseller: Option<i64>,
    /// Microseconds since 1970 from which it held.
    pub from: i64,
    /// Until when, and what ended it with which delivery; none while it is open.
    pub to: Option<(i64, Cause, Option<DeliveryId>)>,
    /// What opened it.
    pub cause: Cause,
    /// The delivery that opened it.
    pub delivery: Option<DeliveryId>,
}

impl Stretch {
    fn is_empty(&self) -> bool {
        self.to.is_some_and(|(to, ..)| to <= self.from)
    }

    fn end(&self) -> Option<i64> {
        self.to.map(|(to, ..)| to)
    }
}

/// All relations of one axis, in time.
#[derive(Debug, Clone, Default)]
pub struct Past(Vec<Stretch>);

impl Past {
    /// Puts them in order and leaves out what never held.
    #[must_use]
    pub fn new(mut stretches: Vec<Stretch>) -> Self {
        stretches.retain(|stretch| !stretch.is_empty());
        stretches.sort_unstable_by_key(|stretch| (stretch.from, stretch.id));
        Self(stretches)
    }

    /// The start of the unbroken run that the open relation ends: abutting relations to the same other side.
    #[must_use]
    pub fn run(&self) -> Option<Since> {
        let last = self.0.last().filter(|last| last.to.is_none())?;
        let mut first = last;
        for earlier in self.0.iter().rev().skip(1) {
            if earlier.end() != Some(first.from) || !earlier.target.is(&last.target) {
                break;
            }
            first = earlier;
        }
        Some(Since { at: Some(first.from), delivery: first.delivery })
    }

    /// What held at a time, in microseconds since 1970.
    #[must_use]
    pub fn at(&self, time: i64) -> Option<&Stretch> {
        self.0.iter().find(|stretch| stretch.from <= time && stretch.end().is_none_or(|end| time < end))
    }

    /// When the last one ended, if none is open.
    #[must_use]
    pub fn left(&self) -> Since {
        match self.0.last().and_then(|last| last.to) {
            Some((at, _, delivery)) => Since { at: Some(at), delivery },
            None => Since::default(),
        }
    }

    /// The latest way from one to another and back that took at most `within` microseconds and was all the platform's
    /// doing. What was before and after a gap, in which there was no reseller at all, is no such way.
    #[must_use]
    pub fn flap(&self, within: i64) -> Option<Flap> {
        let runs = self.runs();
        runs.windows(3).rev().find_map(|runs| {
            let [home, away, back] = runs else { return None };
            let abut = home.end() == Some(away.from) && away.end() == Some(back.from);
            let quick = back.from.saturating_sub(away.from) <= within;
            let by_platform = away.cause == Cause::Sync && back.cause == Cause::Sync;
            (abut && quick && by_platform && home.target.is(&back.target) && !home.target.is(&away.target)).then(|| {
                Flap {
                    home: back.target.name.clone(),
                    away: away.target.name.clone(),
                    back: Since { at: Some(back.from), delivery: back.delivery },
                }
            })
        })
    }

    /// Abutting relations to the same other side, each run as one.
    fn runs(&self) -> Vec<Stretch> {
        let mut runs: Vec<Stretch> = Vec::new();
        for stretch in &self.0 {
            match runs.last_mut() {
                Some(run) if run.end() == Some(stretch.from) && run.target.is(&stretch.target) => {
                    run.to = stretch.to;
                    run.target = stretch.target.clone();
                }
                _ => runs.push(stretch.clone()),
            }
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;

    fn stretch(id: i64, name: &str, from: i64, to: Option<i64>, cause: Cause) -> Stretch {
        Stretch {
            id,
            target: Target { account: None, name: name.to_owned() },
            reseller: None,
            from: from * DAY,
            to: to.map(|to| (to * DAY, cause, Some(DeliveryId(id + 100)))),
            cause,
            delivery: Some(DeliveryId(id)),
        }
    }

    fn sync(stretches: &[(&str, i64, Option<i64>)]) -> Past {
        let numbered = stretches.iter().zip(1..);
        Past::new(numbered.map(|((name, from, to), id)| stretch(id, name, *from, *to, Cause::Sync)).collect())
    }

    #[test]
    fn runs_begin_where_the_same_began() {
        for (rows, start) in [
            (&[("a", 1, None)][..], Some((1, 1))),
            (&[("a", 1, Some(3)), ("a", 3, None)], Some((1, 1))),
            (&[("a", 1, Some(3)), ("a", 4, None)], Some((4, 2))),
            (&[("b", 1, Some(3)), ("a", 3, Some(5)), ("a", 5, None)], Some((3, 2))),
            (&[("a", 1, Some(3)), ("b", 3, Some(3)), ("a", 3, None)], Some((1, 1))),
            (&[("a", 1, Some(3))], None),
            (&[], None),
        ] {
            let run = sync(rows).run().map(|since| (since.at.unwrap_or(0) / DAY, since.delivery.map_or(0, |id| id.0)));
            assert_eq!(run, start, "{rows:?}");
        }
    }

    #[test]
    fn a_link_does_not_break_a_run_and_another_account_of_that_name_does() {
        let with = |account: Option<i64>, from, to| Stretch {
            target: Target { account, name: "a".to_owned() },
            ..stretch(from, "a", from, to, Cause::Sync)
        };
        let run = |past: Past| past.run().and_then(|since| since.at).map(|at| at / DAY);
        assert_eq!(run(Past::new(vec![with(None, 1, Some(2)), with(Some(7), 2, None)])), Some(1));
        assert_eq!(run(Past::new(vec![with(Some(8), 1, Some(2)), with(Some(7), 2, None)])), Some(2));
    }

    #[test]
    fn what_ended_tells_when() {
        assert_eq!(sync(&[("a", 1, Some(3))]).left(), Since { at: Some(3 * DAY), delivery: Some(DeliveryId(101)) });
        assert_eq!(sync(&[("a", 1, None)]).left(), Since::default());
        assert_eq!(Past::default().left(), Since::default());
    }

    #[test]
    fn there_and_back() {
        let flap = |rows: &[(&str, i64, Option<i64>)], within: i64| {
            let flap = sync(rows).flap(within * DAY);
            flap.map(|flap| (flap.home, flap.away, flap.back.at.unwrap_or(0) / DAY))
        };
        let there_and_back = [("a", 1, Some(3)), ("b", 3, Some(5)), ("a", 5, None)];
        assert_eq!(flap(&there_and_back, 2), Some(("a".to_owned(), "b".to_owned(), 5)));
        assert_eq!(flap(&there_and_back, 1), None, "it took longer");
        assert_eq!(flap(&[("a", 1, Some(3)), ("b", 3, Some(5)), ("c", 5, None)], 9), None);
        assert_eq!(flap(&[("a", 1, Some(3)), ("b", 4, Some(5)), ("a", 5, None)], 9), None, "a gap");
        let halves = [("a", 1, Some(3)), ("b", 3, Some(4)), ("b", 4, Some(5)), ("a", 5, Some(6)), ("a", 6, None)];
        assert_eq!(flap(&halves, 2).map(|flap| flap.2), Some(5), "a run in pieces is one");
        let closed = [("a", 1, Some(3)), ("b", 3, Some(5)), ("a", 5, Some(6))];
        assert!(flap(&closed, 2).is_some(), "it flapped before it left");
        let moved = vec![
            stretch(1, "a", 1, Some(3), Cause::Sync),
            stretch(2, "b", 3, Some(5), Cause::Move),
            stretch(3, "a", 5, None, Cause::Sync),
        ];
        assert_eq!(Past::new(moved).flap(9 * DAY), None, "an operator moved it");
    }
}
