//! What is compared: an account as we hold it and as their list has it, no more of either than the comparison needs.

use crate::domain::account::{AccountKind, AccountStatus, Hold, Report};
use crate::domain::call::Said;
use crate::domain::ids::{AccountId, AccountKey, DeliveryId, ExternalId, PlatformId, SourceId, Tenant};
use crate::domain::relation::{Cause, RelationState};

/// Since when something holds, and which delivery made it so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Since {
    /// Microseconds since 1970; none where nothing tells.
    pub at: Option<i64>,
    /// The delivery; none for what no call made.
    pub delivery: Option<DeliveryId>,
}

/// The account at the other end of a relation: the one that it is linked to, or, while it waits, the one that bears the
/// name that it waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// Our id.
    pub id: AccountId,
    /// Whose it is and how the platform calls it.
    pub key: AccountKey,
    /// The vendor's ID.
    pub external_id: ExternalId,
    /// What it is.
    pub kind: AccountKind,
    /// Whether it is alive.
    pub active: bool,
}

/// The open relation to a reseller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The reseller's platform ID as the platform names it.
    pub platform_id: Option<PlatformId>,
    /// The reseller's ExternalID as the platform names it.
    pub external_id: Option<ExternalId>,
    /// The account at the other end.
    pub other: Option<Other>,
    /// Whether it is linked.
    pub state: RelationState,
    /// What opened it.
    pub cause: Cause,
    /// The start of the unbroken run with this reseller.
    pub since: Since,
}

impl Held {
    /// The reseller's platform ID, the account's own where it is linked.
    #[must_use]
    pub fn reseller(&self) -> Option<&PlatformId> {
        match &self.other {
            Some(other) if self.state == RelationState::Linked => Some(&other.key.platform_id),
            _ => self.platform_id.as_ref(),
        }
    }

    /// The reseller's ExternalID, ours where it is linked.
    #[must_use]
    pub fn reseller_external_id(&self) -> Option<&ExternalId> {
        match &self.other {
            Some(other) if self.state == RelationState::Linked => Some(&other.external_id),
            _ => self.external_id.as_ref(),
        }
    }
}

/// The open relation to a partner of the vendor's registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldPartner {
    /// The ID that the customer names.
    pub id: String,
    /// The reseller's account that the partner is linked to.
    pub reseller: Option<Other>,
    /// The start of the unbroken run with this ID.
    pub since: Since,
}

/// From one reseller to another and back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flap {
    /// Where it is again.
    pub home: String,
    /// Where it was meanwhile.
    pub away: String,
    /// When it came back, and with which delivery.
    pub back: Since,
}

/// A reseller, as far as a relation names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whom {
    /// The account that the relation is linked to.
    pub account: Option<AccountId>,
    /// How the platform calls it; empty where a relation names it by its ExternalID only.
    pub platform_id: String,
    /// How the vendor calls it; empty where nothing tells.
    pub external_id: String,
}

impl Whom {
    /// Whether both are the same reseller. Names count where one of them was never linked.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        match (self.account, other.account) {
            (Some(a), Some(b)) => a == b,
            _ if self.platform_id.is_empty() || other.platform_id.is_empty() => self.external_id == other.external_id,
            _ => self.platform_id == other.platform_id,
        }
    }
}

/// One of our accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ours {
    /// Our id.
    pub id: AccountId,
    /// Source, tenant and platform ID.
    pub key: AccountKey,
    /// The vendor's ID.
    pub external_id: ExternalId,
    /// What it is.
    pub kind: AccountKind,
    /// Whether it is alive.
    pub status: AccountStatus,
    /// Its name.
    pub name: String,
    /// Its code.
    pub code: String,
    /// Its e-mail address.
    pub email: String,
    /// What the platform last said; none for an account that it never sent, and where that is no longer known.
    pub reported: Option<Report>,
    /// The ExternalID that the platform sent and that is not ours.
    pub reported_external_id: Option<ExternalId>,
    /// Why what is held may differ from the report.
    pub hold: Option<Hold>,
    /// When we first heard of it, in microseconds since 1970.
    pub first_seen: i64,
    /// Since when it shows what it shows.
    pub shown: Since,
    /// Since when the platform says what is under review, or the other ExternalID; where the ledger still tells.
    pub noticed: Since,
    /// Its open relation to a reseller.
    pub reseller: Option<Held>,
    /// Its open relation to a partner.
    pub partner: Option<HeldPartner>,
    /// When its last relation to a reseller ended, if none is open.
    pub left: Since,
    /// Its latest return to a reseller that it had left for another.
    pub flap: Option<Flap>,
    /// The reseller that counted at the beginning of the book, where one is kept.
    pub earlier: Option<Whom>,
}

impl Ours {
    /// The reseller that counts now.
    #[must_use]
    pub fn whose(&self) -> Option<Whom> {
        let (platform_id, external_id) = self.effective_reseller();
        if platform_id.is_none() && external_id.is_none() {
            return None;
        }
        let other = match &self.reseller {
            Some(held) => held.other.as_ref().filter(|_| held.state == RelationState::Linked),
            None => self.partner_account().map(|(other, _)| other),
        };
        Some(Whom {
            account: other.map(|other| other.id),
            platform_id: platform_id.map(ToString::to_string).unwrap_or_default(),
            external_id: external_id.map(ToString::to_string).unwrap_or_default(),
        })
    }

    /// Whether it is alive.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == AccountStatus::Active
    }

    /// The reseller that counts: the platform's; without one, the account that the partner is linked to.
    #[must_use]
    pub fn effective_reseller(&self) -> (Option<&PlatformId>, Option<&ExternalId>) {
        match (&self.reseller, self.partner_account()) {
            (Some(held), _) => (held.reseller(), held.reseller_external_id()),
            (None, Some((other, _))) => (Some(&other.key.platform_id), Some(&other.external_id)),
            (None, None) => (None, None),
        }
    }

    /// The account that its partner is linked to, and since when it names that partner. A reseller's partner ID is its
    /// own: nobody resells to it.
    fn partner_account(&self) -> Option<(&Other, Since)> {
        let partner = self.partner.as_ref().filter(|_| self.kind != AccountKind::Reseller)?;
        Some((partner.reseller.as_ref()?, partner.since))
    }

    /// Since when it has the reseller that counts, or none.
    #[must_use]
    pub fn reseller_since(&self) -> Since {
        match (&self.reseller, self.partner_account()) {
            (Some(held), _) => held.since,
            (None, Some((_, since))) => since,
            (None, _) if self.left.at.is_some() => self.left,
            (None, _) => self.known(),
        }
    }

    /// Since when it is here. Which delivery brought it stands in the ledger alone.
    #[must_use]
    pub fn known(&self) -> Since {
        Since { at: Some(self.first_seen), delivery: None }
    }
}

/// One account of their list. What a list has no column for is [`Said::Absent`] and not compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theirs {
    /// The line that it begins on; 0 for what comes from no list of lines.
    pub line: u64,
    /// Its source, where the list tells.
    pub source: Option<SourceId>,
    /// Its tenant, where the list tells.
    pub tenant: Option<Tenant>,
    /// The platform's ID.
    pub platform_id: Option<PlatformId>,
    /// Our ID.
    pub external_id: Option<ExternalId>,
    /// Its code.
    pub code: Said<String>,
    /// Its name.
    pub name: Said<String>,
    /// Its e-mail address.
    pub email: Said<String>,
    /// What it is.
    pub kind: Option<AccountKind>,
    /// Its reseller's platform ID.
    pub reseller: Said<PlatformId>,
    /// Its reseller's ExternalID.
    pub reseller_external_id: Said<ExternalId>,
    /// Its partner's ID.
    pub partner: Said<String>,
    /// Whether it is there as deleted.
    pub deleted: bool,
    /// Whether some of it could not be read: it is there, and nothing of it is compared.
    pub spoiled: bool,
}

impl Theirs {
    /// An account of which only the line is known.
    #[must_use]
    pub fn at(line: u64) -> Self {
        Self {
            line,
            source: None,
            tenant: None,
            platform_id: None,
            external_id: None,
            code: Said::Absent,
            name: Said::Absent,
            email: Said::Absent,
            kind: None,
            reseller: Said::Absent,
            reseller_external_id: Said::Absent,
            partner: Said::Absent,
            deleted: false,
            spoiled: false,
        }
    }
}
