//! Operators: who may look at what, and who may change it.

use thiserror::Error;

use super::ids::AccountId;

/// Longest name of an operator, in characters.
pub const MAX_NAME_CHARS: usize = 64;

/// Most resellers of one operator. Each is a parameter of every statement that answers it.
pub const MAX_RESELLERS: usize = 100;

/// What an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sees everything, changes nothing.
    Viewer,
    /// Sees everything, takes and reports items of provisioning, changes nothing else.
    Provisioner,
    /// Sees and changes its resellers and their customers.
    ResellerAdmin,
    /// Sees and changes everything.
    ProviderAdmin,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Provisioner, Self::ResellerAdmin, Self::ProviderAdmin];

    /// The name in database, API and commands.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Provisioner => "provisioner",
            Self::ResellerAdmin => "reseller_admin",
            Self::ProviderAdmin => "provider_admin",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

/// What somebody sees. Every query that answers an operator asks for it; what is not visible does not exist for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visible {
    /// Everything.
    All,
    /// These resellers, and the customers whose open relation is linked to one of them.
    Resellers(Vec<AccountId>),
}

/// An operator as the database keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The resellers of a reseller_admin.
    pub resellers: Vec<AccountId>,
    /// Microseconds since 1970.
    pub created_at: i64,
    /// Microseconds since 1970 from which its token is refused; none for never.
    pub expires_at: Option<i64>,
    /// Microseconds since 1970 at which it was revoked.
    pub revoked_at: Option<i64>,
}

impl Operator {
    /// Whether its token is good at this time, in microseconds since 1970.
    #[must_use]
    pub fn is_good(&self, now: i64) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// What it sees.
    #[must_use]
    pub fn visible(&self) -> Visible {
        match self.role {
            Role::Viewer | Role::Provisioner | Role::ProviderAdmin => Visible::All,
            Role::ResellerAdmin => Visible::Resellers(self.resellers.clone()),
        }
    }
}

/// Why a text is no operator's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameError {
    /// It is empty or too long.
    #[error("a name has 1 to 64 characters")]
    Length,
    /// It holds something else than letters, digits and `.`, `_`, `-`, `@`.
    #[error("a name holds letters, digits, and . _ - @ only")]
    Character,
    /// It stands for the command line in the audit trail.
    #[error("this name stands for the command line in the audit trail; choose another")]
    Reserved,
}

/// Who the audit trail names for what the command line did.
pub const COMMAND_LINE: &str = "cli";

/// Takes an operator's name from outside.
///
/// # Errors
/// [`NameError`] says what is wrong with it.
pub fn parse_name(text: &str) -> Result<String, NameError> {
    if text.is_empty() || text.chars().count() > MAX_NAME_CHARS {
        return Err(NameError::Length);
    }
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@')) {
        return Err(NameError::Character);
    }
    if text.eq_ignore_ascii_case(COMMAND_LINE) {
        return Err(NameError::Reserved);
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(parse_name("maria@example.org").as_deref(), Ok("maria@example.org"));
        assert_eq!(parse_name(""), Err(NameError::Length));
        assert_eq!(parse_name(&"a".repeat(65)), Err(NameError::Length));
        assert_eq!(parse_name("a b"), Err(NameError::Character));
        assert_eq!(parse_name("é"), Err(NameError::Character));
        assert_eq!(parse_name("CLI"), Err(NameError::Reserved));
    }

    #[test]
    fn tokens_end() {
        let mut operator = Operator {
            name: "a".to_owned(),
            role: Role::Viewer,
            resellers: Vec::new(),
            created_at: 0,
            expires_at: Some(10),
            revoked_at: None,
        };
        assert!(operator.is_good(9) && !operator.is_good(10));
        operator.revoked_at = Some(5);
        assert!(!operator.is_good(1));
    }
}
