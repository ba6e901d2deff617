//! What happens to sites and probes, as history and feed tell it.

use std::sync::Arc;

use super::{Probe, Site};
use crate::domain::ids::{AccountId, DeliveryId, ProbeId, SiteId};
use crate::domain::relation::Cause;
use crate::domain::site::PlaceStatus;

/// A change: as it was, none where it is new, and as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// Of a site.
    Site(Option<Arc<Site>>, Arc<Site>),
    /// Of a probe.
    Probe(Option<Arc<Probe>>, Arc<Probe>),
}

/// One change of a site or probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteStep {
    /// What changed.
    pub placed: Placed,
    /// What made it happen.
    pub cause: Cause,
    /// The delivery that made it happen: one that ended the account, or brought it back.
    pub delivery: Option<DeliveryId>,
}

/// What a step is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SiteHappening {
    /// It is here for the first time.
    Created,
    /// What describes it changed, a probe stands at another site, or it is back with its account.
    Updated,
    /// It ended.
    Ended,
}

impl SiteHappening {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Created, Self::Updated, Self::Ended];

    /// The name in database and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Ended => "ended",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|happening| happening.as_str() == name)
    }
}

impl SiteStep {
    /// Whose it is.
    #[must_use]
    pub fn account(&self) -> AccountId {
        match &self.placed {
            Placed::Site(_, site) => site.account,
            Placed::Probe(_, probe) => probe.account,
        }
    }

    /// The site, or the one at which the probe stands.
    #[must_use]
    pub fn site(&self) -> SiteId {
        match &self.placed {
            Placed::Site(_, site) => site.id,
            Placed::Probe(_, probe) => probe.site,
        }
    }

    /// The probe, if it is one.
    #[must_use]
    pub fn probe(&self) -> Option<ProbeId> {
        match &self.placed {
            Placed::Site(..) => None,
            Placed::Probe(_, probe) => Some(probe.id),
        }
    }

    /// The site at which the probe stood, where it stands at another one now.
    #[must_use]
    pub fn from(&self) -> Option<SiteId> {
        match &self.placed {
            Placed::Probe(Some(before), after) if before.site != after.site => Some(before.site),
            _ => None,
        }
    }

    /// Its state behind the step.
    #[must_use]
    pub fn status(&self) -> PlaceStatus {
        match &self.placed {
            Placed::Site(_, site) => site.status,
            Placed::Probe(_, probe) => probe.status,
        }
    }

    /// Its revision behind the step.
    #[must_use]
    pub fn revision(&self) -> i64 {
        match &self.placed {
            Placed::Site(_, site) => site.revision,
            Placed::Probe(_, probe) => probe.revision,
        }
    }

    /// When it happened, in microseconds since 1970.
    #[must_use]
    pub fn at(&self) -> i64 {
        match &self.placed {
            Placed::Site(_, site) => site.changed_at,
            Placed::Probe(_, probe) => probe.changed_at,
        }
    }

    /// What it is called.
    #[must_use]
    pub fn happening(&self) -> SiteHappening {
        let (new, lived, lives) = match &self.placed {
            Placed::Site(before, after) => {
                (before.is_none(), before.as_ref().is_some_and(|before| before.lives()), after.lives())
            }
            Placed::Probe(before, after) => {
                (before.is_none(), before.as_ref().is_some_and(|before| before.lives()), after.lives())
            }
        };
        match (new, lived && !lives) {
            (true, _) => SiteHappening::Created,
            (false, true) => SiteHappening::Ended,
            (false, false) => SiteHappening::Updated,
        }
    }

    /// The names of what changed, as in its JSON; none of what is new.
    #[must_use]
    pub fn changed(&self) -> Vec<&'static str> {
        match &self.placed {
            Placed::Site(before, after) => before.as_ref().map(|before| before.differing(after)),
            Placed::Probe(before, after) => before.as_ref().map(|before| before.differing(after)),
        }
        .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe() -> Probe {
        Probe {
            id: ProbeId(9),
            account: AccountId(1),
            site: SiteId(2),
            name: "p".to_owned(),
            status: PlaceStatus::Active,
            with_account: false,
            created_at: 0,
            changed_at: 0,
            ended_at: None,
            revision: 1,
        }
    }

    fn step(before: Option<Probe>, after: Probe) -> SiteStep {
        let placed = Placed::Probe(before.map(Arc::new), Arc::new(after));
        SiteStep { placed, cause: Cause::Operator, delivery: None }
    }

    #[test]
    fn steps_are_called_by_what_happened() {
        for happening in SiteHappening::ALL {
            assert_eq!(SiteHappening::parse(happening.as_str()), Some(happening));
        }
        let made = step(None, probe());
        assert_eq!((made.happening(), made.changed(), made.from()), (SiteHappening::Created, vec![], None));
        let moved = step(Some(probe()), Probe { site: SiteId(3), ..probe() });
        assert_eq!((moved.happening(), moved.changed()), (SiteHappening::Updated, vec!["site"]));
        assert_eq!((moved.from(), moved.site()), (Some(SiteId(2)), SiteId(3)));
        let gone = step(Some(probe()), probe().ended(false, 4));
        assert_eq!((gone.happening(), gone.changed(), gone.at()), (SiteHappening::Ended, vec!["status"], 4));
        let back = step(Some(probe().ended(true, 4)), probe().ended(true, 4).returned(5));
        assert_eq!((back.happening(), back.revision()), (SiteHappening::Updated, 3));
    }
}
