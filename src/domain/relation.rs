//! Who resells to whom: effective-dated, on two axes of time, closed ones kept.

use super::ids::{AccountId, DeliveryId, ExternalId, PartnerId, PlatformId, RelationId};

/// Which of a customer's two relations it is. At most one of each is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Axis {
    /// To the reseller that the platform names.
    Reseller,
    /// To the partner of the vendor's registry that a synchronization option names.
    Partner,
}

impl Axis {
    /// The name in database and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reseller => "reseller",
            Self::Partner => "partner",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Reseller, Self::Partner].into_iter().find(|axis| axis.as_str() == name)
    }
}

/// Whether the other side of a relation is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelationState {
    /// The reseller is here, alive and a reseller; the partner is in the registry.
    Linked,
    /// The reseller or partner has not come; linked in the commit in which it comes.
    Pending,
    /// As pending, where the source sends no resellers (`reseller_support = false`): nothing is missing.
    Unprovisioned,
}

impl RelationState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Linked, Self::Pending, Self::Unprovisioned];

    /// The name in database and API. A customer without any open relation is shown as `unassigned`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Linked => "linked",
            Self::Pending => "pending",
            Self::Unprovisioned => "unprovisioned",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// Which of the two names of a reseller found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundBy {
    /// `ResellerExternalID` and `ResellerID`, agreeing.
    Both,
    /// `ResellerExternalID` only.
    ExternalId,
    /// `ResellerID` only.
    PlatformId,
}

impl FoundBy {
    /// What found a reseller, of which at least one name did.
    #[must_use]
    pub fn of(platform_id: bool, external_id: bool) -> Self {
        match (platform_id, external_id) {
            (true, true) => Self::Both,
            (false, true) => Self::ExternalId,
            _ => Self::PlatformId,
        }
    }

    /// The name in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::ExternalId => "external_id",
            Self::PlatformId => "platform_id",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Both, Self::ExternalId, Self::PlatformId].into_iter().find(|found| found.as_str() == name)
    }
}

/// What opened or closed a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A call of the platform.
    Sync,
    /// The vendor's partner registry.
    Partner,
    /// A move by an operator.
    Move,
    /// A promotion by an operator.
    Promote,
    /// An imported list.
    Import,
    /// An erasure.
    Erase,
    /// Another change by an operator: of a service, of a user, or an account that was made here.
    Operator,
}

impl Cause {
    /// The name in database and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Partner => "partner",
            Self::Move => "move",
            Self::Promote => "promote",
            Self::Import => "import",
            Self::Erase => "erase",
            Self::Operator => "operator",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Sync, Self::Partner, Self::Move, Self::Promote, Self::Import, Self::Erase, Self::Operator]
            .into_iter()
            .find(|cause| cause.as_str() == name)
    }
}

/// The moment at which relations end and begin, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Microseconds since 1970 from which it holds.
    pub valid: i64,
    /// Microseconds since 1970 at which we learned of it.
    pub learned_at: i64,
    /// What made it.
    pub cause: Cause,
}

impl Turn {
    /// Not before the relation that ends with it began: what an operator did or a list said may be younger than a call
    /// that comes late, and no relation ends before it begins.
    #[must_use]
    pub fn behind(self, held: Option<&Relation>) -> Self {
        Self { valid: held.map_or(self.valid, |held| self.valid.max(held.valid_from)), ..self }
    }
}

/// The end of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// Microseconds since 1970 at which it stopped to hold.
    pub valid_to: i64,
    /// Microseconds since 1970 at which we learned that.
    pub learned_at: i64,
    /// What ended it.
    pub cause: Cause,
    /// The delivery that ended it.
    pub delivery: Option<DeliveryId>,
}

/// One relation of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Its row.
    pub id: RelationId,
    /// To whom.
    pub axis: Axis,
    /// The reseller's platform ID, as the platform names it.
    pub reseller_platform_id: Option<PlatformId>,
    /// The reseller's ExternalID, as the platform names it.
    pub reseller_external_id: Option<ExternalId>,
    /// The reseller's account, once it is here and a reseller.
    pub reseller_account: Option<AccountId>,
    /// The partner's ID as the platform names it: its own, an alias, or that of a partner whose successor it is.
    pub partner_id: Option<String>,
    /// The partner of the vendor's registry that this means, once it is there.
    pub partner: Option<PartnerId>,
    /// Whether the other side is here.
    pub state: RelationState,
    /// Which name found the reseller.
    pub found_by: Option<FoundBy>,
    /// Microseconds since 1970 from which it holds: the event's time.
    pub valid_from: i64,
    /// Microseconds since 1970 at which we learned of it.
    pub learned_at: i64,
    /// Microseconds since 1970 at which a pending one was linked.
    pub linked_at: Option<i64>,
    /// What linked a pending one, where that was no call.
    pub linked_cause: Option<Cause>,
    /// What opened it.
    pub cause: Cause,
    /// The delivery that opened it.
    pub delivery: Option<DeliveryId>,
    /// Its end; none while it is open.
    pub closing: Option<Closing>,
}

impl Relation {
    /// Whether a call that names its reseller like this finds the very account that it is linked to, so that nobody need
    /// look. A call found it by this ID alone, which an account that a platform knows keeps for ever; and as long as it has
    /// customers it neither ends nor becomes a customer. A relation that a list or an operator made may call its reseller
    /// what another account of the platform is called.
    #[must_use]
    pub fn is_found_by(&self, reseller: &PlatformId, external_id: Option<&ExternalId>) -> bool {
        external_id.is_none()
            && self.reseller_external_id.is_none()
            && self.found_by == Some(FoundBy::PlatformId)
            && self.cause == Cause::Sync
            && self.linked_cause.is_none()
            && self.state == RelationState::Linked
            && self.reseller_account.is_some()
            && self.reseller_platform_id.as_ref() == Some(reseller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A relation that a call opened by the platform ID "r", linked.
    fn linked() -> Relation {
        Relation {
            id: RelationId(1),
            axis: Axis::Reseller,
            reseller_platform_id: Some(PlatformId::stored("r")),
            reseller_external_id: None,
            reseller_account: Some(AccountId(7)),
            partner_id: None,
            partner: None,
            state: RelationState::Linked,
            found_by: Some(FoundBy::PlatformId),
            valid_from: 1,
            learned_at: 1,
            linked_at: None,
            linked_cause: None,
            cause: Cause::Sync,
            delivery: None,
            closing: None,
        }
    }

    #[test]
    fn an_id_finds_again_what_it_found() {
        let (r, e) = (PlatformId::stored("r"), ExternalId::stored("e"));
        let both = Relation { reseller_external_id: Some(e.clone()), found_by: Some(FoundBy::Both), ..linked() };
        for (relation, external_id, found, why) in [
            (linked(), None, true, "the ID that found it"),
            (linked(), Some(&e), false, "an ExternalID more"),
            (both.clone(), Some(&e), false, "an operator may have linked it to an account that was made here"),
            (both, None, false, "one of two"),
            (Relation { cause: Cause::Import, ..linked() }, None, false, "as a list calls it"),
            (Relation { found_by: Some(FoundBy::Both), ..linked() }, None, false, "an operator's, by no ExternalID"),
            (Relation { found_by: Some(FoundBy::ExternalId), ..linked() }, None, false, "the ID found nobody"),
            (Relation { state: RelationState::Pending, ..linked() }, None, false, "not here yet"),
            (Relation { reseller_account: None, ..linked() }, None, false, "linked to nobody"),
        ] {
            assert_eq!(relation.is_found_by(&r, external_id), found, "{why}");
        }
        assert!(!linked().is_found_by(&PlatformId::stored("s"), None), "another ID");
    }
}
