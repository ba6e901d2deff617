//! The vendor's registry of partners: who an ID such as an MPN ID belongs to, under which other IDs it is known, and who
//! took its customers over.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use thiserror::Error;

use super::ids::{AccountId, PartnerId};
use super::options::MAX_TEXT_CHARS;

/// Most aliases of one partner. Each is looked for among the customers when the partner changes.
pub const MAX_ALIASES: usize = 100;

/// Longest chain of successors that is followed. Each hop is one look-up.
pub const MAX_SUCCESSORS: usize = 16;

/// Most names whose answers are kept between batches; then all are forgotten. Some 200 bytes each.
const MAX_KEPT: usize = 10_000;

/// Whether customers may be related to a partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartnerStatus {
    /// In business.
    Active,
    /// Not for now.
    Suspended,
    /// No longer.
    Ended,
}

impl PartnerStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Suspended, Self::Ended];

    /// The name in database, API and lists.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Ended => "ended",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// A status and when it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Between the two times.
    pub status: PartnerStatus,
    /// Microseconds since 1970 from which it holds; none for ever before.
    pub from: Option<i64>,
    /// Microseconds since 1970 until which it holds; none for ever after.
    pub until: Option<i64>,
}

impl Standing {
    /// In business for ever.
    pub const ACTIVE: Self = Self { status: PartnerStatus::Active, from: None, until: None };

    /// The status at a time, in microseconds since 1970. Outside its times a partner that is active is ended, and one that
    /// is suspended or ended is active.
    #[must_use]
    pub fn at(&self, time: i64) -> PartnerStatus {
        let within = self.from.is_none_or(|from| from <= time) && self.until.is_none_or(|until| time < until);
        match (self.status, within) {
            (status, true) => status,
            (PartnerStatus::Active, false) => PartnerStatus::Ended,
            (PartnerStatus::Suspended | PartnerStatus::Ended, false) => PartnerStatus::Active,
        }
    }
}

/// Who took a partner's customers over, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Successor {
    /// The partner that has them from then on.
    pub id: PartnerId,
    /// Microseconds since 1970.
    pub from: i64,
}

/// A partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partner {
    /// The vendor's ID of it.
    pub id: PartnerId,
    /// Its name; may be empty.
    pub name: String,
    /// Whether customers may be related to it.
    pub standing: Standing,
    /// Other IDs that mean it.
    pub aliases: BTreeSet<PartnerId>,
    /// Who took its customers over.
    pub successor: Option<Successor>,
    /// Its account as a reseller, where it has one.
    pub reseller: Option<AccountId>,
}

/// Why a partner cannot be as it is said to be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PartnerError {
    /// The name is too long or unprintable.
    #[error("its name is longer than 4,096 characters or holds a control character")]
    Name,
    /// An alias is its own ID.
    #[error("its alias {0} is its own ID; leave it out")]
    OwnAlias(PartnerId),
    /// Too many aliases.
    #[error("it has more than 100 aliases")]
    Aliases,
    /// The status ends before it begins.
    #[error("its status ends before it begins; status_until must come after status_from")]
    Times,
    /// What has ended stays so.
    #[error("what has ended has no status_until; leave it empty")]
    EndOfTheEnd,
    /// It is its own successor.
    #[error("it is its own successor; name another, or none")]
    OwnSuccessor,
}

impl Partner {
    /// A partner of whom only the ID is known.
    #[must_use]
    pub fn new(id: PartnerId) -> Self {
        Self {
            id,
            name: String::new(),
            standing: Standing::ACTIVE,
            aliases: BTreeSet::new(),
            successor: None,
            reseller: None,
        }
    }

    /// Whether it can be as it is, whoever else there is.
    ///
    /// # Errors
    /// [`PartnerError`] names the first thing that cannot be.
    pub fn check(&self) -> Result<(), PartnerError> {
        if self.name.chars().count() > MAX_TEXT_CHARS || self.name.chars().any(char::is_control) {
            return Err(PartnerError::Name);
        }
        if self.aliases.contains(&self.id) {
            return Err(PartnerError::OwnAlias(self.id.clone()));
        }
        if self.aliases.len() > MAX_ALIASES {
            return Err(PartnerError::Aliases);
        }
        match (self.standing.status, self.standing.from, self.standing.until) {
            (PartnerStatus::Ended, _, Some(_)) => return Err(PartnerError::EndOfTheEnd),
            (_, Some(from), Some(until)) if until <= from => return Err(PartnerError::Times),
            _ => {}
        }
        if self.successor.as_ref().is_some_and(|successor| successor.id == self.id) {
            return Err(PartnerError::OwnSuccessor);
        }
        Ok(())
    }

    /// The IDs that mean it, its own first.
    pub fn names(&self) -> impl Iterator<Item = &PartnerId> {
        std::iter::once(&self.id).chain(&self.aliases)
    }
}

/// As much of a partner as those need who name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The vendor's ID of it.
    pub id: PartnerId,
    /// Whether customers may be related to it.
    pub standing: Standing,
    /// Its account as a reseller.
    pub reseller: Option<AccountId>,
    /// Who took its customers over.
    pub successor: Option<Successor>,
}

impl From<&Partner> for Holder {
    fn from(partner: &Partner) -> Self {
        Self {
            id: partner.id.clone(),
            standing: partner.standing,
            reseller: partner.reseller,
            successor: partner.successor.clone(),
        }
    }
}

/// Whom an ID means, and from when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Microseconds since 1970; the least number for the partner that the ID belongs to.
    pub from: i64,
    /// The partner.
    pub holder: Arc<Holder>,
}

/// All that an ID means in the course of time: the partner that it belongs to, then its successors. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning(Vec<Step>);

impl Meaning {
    /// Follows the successors of `first`. A successor that is not there ends the chain, as does a circle; the registry
    /// lets in neither.
    ///
    /// # Errors
    /// What `find` fails with.
    pub fn follow<E>(
        first: Arc<Holder>,
        mut find: impl FnMut(&PartnerId) -> Result<Option<Arc<Holder>>, E>,
    ) -> Result<Self, E> {
        let mut steps = vec![Step { from: i64::MIN, holder: first }];
        while let Some(Step { from, holder }) = steps.last().filter(|_| steps.len() <= MAX_SUCCESSORS)
            && let Some(successor) = &holder.successor
            && !steps.iter().any(|step| step.holder.id == successor.id)
        {
            // Who came by its own successor's date later hands over at once.
            let from = successor.from.max(*from);
            let Some(holder) = find(&successor.id)? else { break };
            steps.push(Step { from, holder });
        }
        Ok(Self(steps))
    }

    /// The partners in the order in which they follow.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Who is meant at a time, in microseconds since 1970.
    #[must_use]
    pub fn at(&self, time: i64) -> &Holder {
        // Never empty: the first one begins before all times.
        &self.0[self.index_at(time)].holder
    }

    /// The place of who is meant at a time, in microseconds since 1970.
    #[must_use]
    pub fn index_at(&self, time: i64) -> usize {
        self.0.iter().rposition(|step| step.from <= time).unwrap_or(0)
    }
}

/// What the registry answered, kept for as long as it does not change.
#[derive(Debug, Default)]
pub struct Answers {
    revision: i64,
    known: HashMap<Arc<str>, Option<Arc<Meaning>>>,
}

impl Answers {
    /// Forgets everything where the registry changed since.
    pub fn as_of(&mut self, revision: i64) {
        if self.revision != revision {
            self.revision = revision;
            self.known.clear();
        }
    }

    /// What is known of an ID: none where nobody asked, and within that none where nobody has it.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Option<&Arc<Meaning>>> {
        self.known.get(id).map(Option::as_ref)
    }

    /// Takes an answer in.
    pub fn learn(&mut self, id: Arc<str>, meaning: Option<Arc<Meaning>>) {
        self.known.insert(id, meaning);
    }

    /// Forgets everything where more is kept than is worth it. Between batches only: a batch relies on its answers.
    pub fn bound(&mut self) {
        if self.known.len() > MAX_KEPT {
            self.known.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    // Tests stop where something is not as it must be; that is what unwrap says.
    #![allow(clippy::unwrap_used)]

    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    fn id(text: &str) -> PartnerId {
        PartnerId::stored(text)
    }

    fn holder(name: &str, successor: Option<(&str, i64)>) -> Arc<Holder> {
        let successor = successor.map(|(name, from)| Successor { id: id(name), from });
        Arc::new(Holder { id: id(name), standing: Standing::ACTIVE, reseller: None, successor })
    }

    fn meaning(holders: &[Arc<Holder>]) -> Meaning {
        let find = |wanted: &PartnerId| Ok::<_, Infallible>(holders.iter().find(|one| one.id == *wanted).cloned());
        Meaning::follow(holders[0].clone(), find).unwrap()
    }

    #[test]
    fn a_status_holds_between_its_times() {
        use PartnerStatus::{Active, Ended, Suspended};
        for (status, from, until, before, within, after) in [
            (Active, None, None, Active, Active, Active),
            (Active, Some(10), Some(20), Ended, Active, Ended),
            (Suspended, Some(10), Some(20), Active, Suspended, Active),
            (Suspended, Some(10), None, Active, Suspended, Suspended),
            (Ended, Some(10), None, Active, Ended, Ended),
            (Ended, None, None, Ended, Ended, Ended),
        ] {
            let standing = Standing { status, from, until };
            assert_eq!([standing.at(9), standing.at(10), standing.at(20)], [before, within, after], "{standing:?}");
        }
    }

    #[test]
    fn what_cannot_be_is_told() {
        let good = Partner { aliases: [id("b")].into(), ..Partner::new(id("a")) };
        assert_eq!(good.check(), Ok(()));
        let times = |status, from, until| Standing { status, from, until };
        for (partner, error) in [
            (Partner { name: "x\u{7}".to_owned(), ..good.clone() }, PartnerError::Name),
            (Partner { name: "x".repeat(5_000), ..good.clone() }, PartnerError::Name),
            (Partner { aliases: [id("a")].into(), ..good.clone() }, PartnerError::OwnAlias(id("a"))),
            (
                Partner { aliases: (0..101).map(|n| id(&n.to_string())).collect(), ..good.clone() },
                PartnerError::Aliases,
            ),
            (Partner { standing: times(PartnerStatus::Active, Some(2), Some(2)), ..good.clone() }, PartnerError::Times),
            (
                Partner { standing: times(PartnerStatus::Ended, None, Some(2)), ..good.clone() },
                PartnerError::EndOfTheEnd,
            ),
            (
                Partner { successor: Some(Successor { id: id("a"), from: 0 }), ..good.clone() },
                PartnerError::OwnSuccessor,
            ),
        ] {
            assert_eq!(partner.check(), Err(error));
        }
    }

    #[test]
    fn successors_follow_each_other_in_time() {
        let chain = meaning(&[holder("a", Some(("b", 10))), holder("b", Some(("c", 5))), holder("c", None)]);
        let at = |time| chain.at(time).id.as_str().to_owned();
        assert_eq!([at(i64::MIN), at(9), at(10), at(i64::MAX)], ["a", "a", "c", "c"]);
        let chain = meaning(&[holder("a", Some(("b", 10))), holder("b", Some(("c", 20))), holder("c", None)]);
        assert_eq!([chain.at(9), chain.at(10), chain.at(20)].map(|one| one.id.as_str().to_owned()), ["a", "b", "c"]);
        assert_eq!([chain.index_at(9), chain.index_at(19), chain.index_at(21)], [0, 1, 2]);
        // Who is not there ends the chain.
        assert_eq!(meaning(&[holder("a", Some(("gone", 10)))]).at(20).id, id("a"));
    }

    #[test]
    fn answers_last_for_one_revision() {
        let mut answers = Answers::default();
        answers.as_of(1);
        answers.learn("x".into(), None);
        assert_eq!((answers.get("x"), answers.get("y")), (Some(None), None));
        answers.as_of(1);
        assert_eq!(answers.get("x"), Some(None));
        answers.as_of(2);
        assert_eq!(answers.get("x"), None);
        (0..=MAX_KEPT).for_each(|n| answers.learn(n.to_string().into(), None));
        answers.bound();
        assert_eq!(answers.get("0"), None);
    }

    proptest! {
        /// However partners follow each other, in circles too: following ends, dates never run backwards, and each step is
        /// the successor of the one before.
        #[test]
        fn chains_end(successors in prop::collection::vec(prop::option::of((0..20_usize, -5..5_i64)), 20)) {
            let name = |at: usize| format!("p{at}");
            let holders: Vec<Arc<Holder>> = successors
                .iter()
                .enumerate()
                .map(|(at, next)| holder(&name(at), next.map(|(to, from)| (name(to), from)).as_ref().map(|(to, from)| (to.as_str(), *from))))
                .collect();
            let meaning = meaning(&holders);
            let steps = meaning.steps();
            prop_assert!((1..=MAX_SUCCESSORS + 1).contains(&steps.len()));
            for pair in steps.windows(2) {
                prop_assert!(pair[0].from <= pair[1].from);
                prop_assert_eq!(&pair[0].holder.successor.as_ref().unwrap().id, &pair[1].holder.id);
            }
            for time in -6..6 {
                let due = steps.iter().filter(|step| step.from <= time).count();
                prop_assert_eq!(meaning.index_at(time), due - 1);
            }
        }
    }
}
