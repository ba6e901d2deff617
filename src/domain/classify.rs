//! What kind of account a call is about, from `ID`, `ResellerID` and `Role` alone (protocol.md, "The account").

use super::account::AccountKind;
use super::ids::PlatformId;

/// What the platform said in `Role`, compared without case and surrounding white space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// `Reseller`.
    Reseller,
    /// `User`.
    User,
    /// Absent, null or empty: the older dialect has no `Role` at all.
    Missing,
    /// Anything else.
    Unknown,
}

impl Role {
    /// Reads the text of the field.
    #[must_use]
    pub fn parse(text: Option<&str>) -> Self {
        match text.map(str::trim) {
            None | Some("") => Self::Missing,
            Some(role) if role.eq_ignore_ascii_case("reseller") => Self::Reseller,
            Some(role) if role.eq_ignore_ascii_case("user") => Self::User,
            Some(_) => Self::Unknown,
        }
    }
}

/// Which sentence of the protocol made the decision; stored with the delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// `Role` = Reseller, `ResellerID` empty.
    ResellerWithoutResellerId,
    /// `Role` = Reseller, `ResellerID` = `ID`.
    ResellerOfItself,
    /// `Role` = User, `ResellerID` empty.
    UserWithoutResellerId,
    /// `Role` = User, `ResellerID` = `ID`.
    UserOfItself,
    /// `Role` = User, `ResellerID` another account.
    UserOfReseller,
}

impl Rule {
    /// The name that is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ResellerWithoutResellerId => "reseller_without_reseller_id",
            Self::ResellerOfItself => "reseller_of_itself",
            Self::UserWithoutResellerId => "user_without_reseller_id",
            Self::UserOfItself => "user_of_itself",
            Self::UserOfReseller => "user_of_reseller",
        }
    }
}

/// The decision and its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Classification {
    /// What the account is.
    pub kind: AccountKind,
    /// Why.
    pub rule: Rule,
}

/// Decides what an account is; none when the combination is one that nobody describes.
///
/// `reseller_id` is the reseller that the call names, none when it names none.
#[must_use]
pub fn classify(id: &PlatformId, reseller_id: Option<&PlatformId>, role: &Role) -> Option<Classification> {
    let (kind, rule) = match (role, reseller_id) {
        (Role::Reseller, None) => (AccountKind::Reseller, Rule::ResellerWithoutResellerId),
        (Role::Reseller, Some(other)) if other == id => (AccountKind::Reseller, Rule::ResellerOfItself),
        (Role::User, None) => (AccountKind::DirectCustomer, Rule::UserWithoutResellerId),
        (Role::User, Some(other)) if other == id => (AccountKind::DirectCustomer, Rule::UserOfItself),
        (Role::User, Some(_)) => (AccountKind::ResellerCustomer, Rule::UserOfReseller),
        (Role::Reseller, Some(_)) | (Role::Missing | Role::Unknown, _) => return None,
    };
    Some(Classification { kind, rule })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_of_the_protocol() {
        let id = PlatformId::stored("1082733");
        let other = PlatformId::stored("9");
        let none = None;
        let kind = |reseller: Option<&PlatformId>, role: &str| {
            classify(&id, reseller, &Role::parse(Some(role))).map(|c| (c.kind, c.rule))
        };
        use AccountKind::{DirectCustomer, Reseller, ResellerCustomer};
        assert_eq!(kind(none, "Reseller"), Some((Reseller, Rule::ResellerWithoutResellerId)));
        assert_eq!(kind(Some(&id), "RESELLER "), Some((Reseller, Rule::ResellerOfItself)));
        assert_eq!(kind(Some(&other), "Reseller"), None);
        assert_eq!(kind(none, "User"), Some((DirectCustomer, Rule::UserWithoutResellerId)));
        assert_eq!(kind(Some(&id), " user"), Some((DirectCustomer, Rule::UserOfItself)));
        assert_eq!(kind(Some(&other), "User"), Some((ResellerCustomer, Rule::UserOfReseller)));
        for role in ["", "Admin", "Resellers", "Us er"] {
            for reseller in [none, Some(&id), Some(&other)] {
                assert_eq!(kind(reseller, role), None, "{role}");
            }
        }
        assert_eq!(Role::parse(None), Role::Missing);
    }
}
