//! What can be found, and what a run looks for.

/// One kind of disagreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingKind {
    /// Their list has an account that we do not know.
    MissingHere,
    /// We have an account that their list has not.
    MissingThere,
    /// Another reseller there than here.
    ResellerDiffers,
    /// Another partner ID there than here.
    PartnerDiffers,
    /// Another kind of account there than here.
    KindDiffers,
    /// Another ExternalID there than here, or the platform reports another one than ours.
    ExternalIdDiffers,
    /// Another name there than here.
    NameDiffers,
    /// Another e-mail address there than here.
    EmailDiffers,
    /// Deleted here, alive there.
    DeletedHereAliveThere,
    /// A customer waits for a reseller that does not come.
    PendingReseller,
    /// A customer's reseller is here and is no reseller, or is deleted.
    ResellerNotAReseller,
    /// A customer names a partner that the registry does not know.
    UnknownPartner,
    /// A customer's partner is suspended.
    PartnerSuspended,
    /// A customer's partner has ended and nobody follows it.
    PartnerEnded,
    /// The platform's reseller and the reseller of the customer's partner are two.
    ResellerAndPartnerDisagree,
    /// An operator's act that the platform does not know of.
    Drift,
    /// A change of reseller that waits for an operator.
    ChangeUnderReview,
    /// From one reseller to another and back.
    Flapping,
}

impl FindingKind {
    /// All kinds, in the order in which they are counted.
    pub const ALL: [Self; 18] = [
        Self::MissingHere,
        Self::MissingThere,
        Self::ResellerDiffers,
        Self::PartnerDiffers,
        Self::KindDiffers,
        Self::ExternalIdDiffers,
        Self::NameDiffers,
        Self::EmailDiffers,
        Self::DeletedHereAliveThere,
        Self::PendingReseller,
        Self::ResellerNotAReseller,
        Self::UnknownPartner,
        Self::PartnerSuspended,
        Self::PartnerEnded,
        Self::ResellerAndPartnerDisagree,
        Self::Drift,
        Self::ChangeUnderReview,
        Self::Flapping,
    ];

    /// The name in every output and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingHere => "missing_here",
            Self::MissingThere => "missing_there",
            Self::ResellerDiffers => "reseller_differs",
            Self::PartnerDiffers => "partner_differs",
            Self::KindDiffers => "kind_differs",
            Self::ExternalIdDiffers => "external_id_differs",
            Self::NameDiffers => "name_differs",
            Self::EmailDiffers => "email_differs",
            Self::DeletedHereAliveThere => "deleted_here_alive_there",
            Self::PendingReseller => "pending_reseller",
            Self::ResellerNotAReseller => "reseller_not_a_reseller",
            Self::UnknownPartner => "unknown_partner",
            Self::PartnerSuspended => "partner_suspended",
            Self::PartnerEnded => "partner_ended",
            Self::ResellerAndPartnerDisagree => "reseller_and_partner_disagree",
            Self::Drift => "drift",
            Self::ChangeUnderReview => "change_under_review",
            Self::Flapping => "flapping",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether it takes somebody else's list to find it.
    #[must_use]
    pub fn needs_a_list(self) -> bool {
        matches!(
            self,
            Self::MissingHere
                | Self::MissingThere
                | Self::ResellerDiffers
                | Self::PartnerDiffers
                | Self::KindDiffers
                | Self::NameDiffers
                | Self::EmailDiffers
                | Self::DeletedHereAliveThere
        )
    }

    /// Whether our own data alone can show it. [`FindingKind::ExternalIdDiffers`] comes from either.
    #[must_use]
    pub fn is_of_the_self_check(self) -> bool {
        !self.needs_a_list()
    }

    /// Whether it is looked for only when somebody asks: names and addresses are spelled in many ways.
    #[must_use]
    pub fn on_request(self) -> bool {
        matches!(self, Self::NameDiffers | Self::EmailDiffers)
    }

    fn bit(self) -> u32 {
        1 << (self as u32)
    }
}

/// Some kinds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kinds(u32);

impl Kinds {
    /// None.
    pub const NONE: Self = Self(0);

    /// All that the self-check looks for.
    #[must_use]
    pub fn self_check() -> Self {
        FindingKind::ALL.into_iter().filter(|kind| kind.is_of_the_self_check()).collect()
    }

    /// All that a comparison looks for unasked.
    #[must_use]
    pub fn comparison() -> Self {
        FindingKind::ALL
            .into_iter()
            .filter(|kind| (kind.needs_a_list() || *kind == FindingKind::ExternalIdDiffers) && !kind.on_request())
            .collect()
    }

    /// Whether it is one of these.
    #[must_use]
    pub fn has(self, kind: FindingKind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// These and one more.
    #[must_use]
    pub fn with(self, kind: FindingKind) -> Self {
        Self(self.0 | kind.bit())
    }

    /// These and those.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them, in the order of [`FindingKind::ALL`].
    pub fn iter(self) -> impl Iterator<Item = FindingKind> {
        FindingKind::ALL.into_iter().filter(move |kind| self.has(*kind))
    }
}

impl FromIterator<FindingKind> for Kinds {
    fn from_iter<I: IntoIterator<Item = FindingKind>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::NONE, Self::with)
    }
}

/// How many there are of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts([u64; FindingKind::ALL.len()]);

impl Counts {
    /// Counts one.
    pub fn add(&mut self, kind: FindingKind) {
        if let Some(count) = self.0.get_mut(kind as usize) {
            *count += 1;
        }
    }

    /// Counts so many.
    pub fn add_all(&mut self, kind: FindingKind, more: u64) {
        if let Some(count) = self.0.get_mut(kind as usize) {
            *count += more;
        }
    }

    /// These and those.
    #[must_use]
    pub fn and(mut self, others: &Self) -> Self {
        for (count, other) in self.0.iter_mut().zip(others.0) {
            *count += other;
        }
        self
    }

    /// These without those.
    #[must_use]
    pub fn without(mut self, others: &Self) -> Self {
        for (count, other) in self.0.iter_mut().zip(others.0) {
            *count = count.saturating_sub(other);
        }
        self
    }

    /// How many there are of a kind.
    #[must_use]
    pub fn of(&self, kind: FindingKind) -> u64 {
        self.0.get(kind as usize).copied().unwrap_or(0)
    }

    /// How many there are in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Each kind with its count, in the order of [`FindingKind::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (FindingKind, u64)> {
        FindingKind::ALL.into_iter().map(|kind| (kind, self.of(kind)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_what_they_write_and_places_are_their_own() {
        for (at, kind) in FindingKind::ALL.into_iter().enumerate() {
            assert_eq!(FindingKind::parse(kind.as_str()), Some(kind));
            assert_eq!(kind as usize, at);
        }
        assert_eq!(FindingKind::parse("reseller"), None);
    }

    #[test]
    fn every_kind_is_looked_for_by_one_of_the_two_or_on_request() {
        for kind in FindingKind::ALL {
            assert!(kind.on_request() || Kinds::self_check().has(kind) || Kinds::comparison().has(kind), "{kind:?}");
        }
        assert!(!Kinds::comparison().has(FindingKind::NameDiffers));
        assert!(Kinds::comparison().has(FindingKind::ExternalIdDiffers));
        assert!(Kinds::self_check().has(FindingKind::ExternalIdDiffers));
    }
}
