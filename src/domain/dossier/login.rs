//! With what people of an account sign in to the vendor's systems.

use super::{Complaint, line};

/// Most logins of one account.
pub const MAX_LOGINS: usize = 100;

/// Longest login name, in characters.
const MAX_NAME: usize = 256;

/// A login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Its number within the account; 0 for the account's own. Never given twice.
    pub number: i64,
    /// Its name; none for the account's e-mail address, whatever that is.
    pub name: Option<String>,
    /// Whether it may sign in.
    pub may_sign_in: bool,
}

impl Login {
    /// The number of the account's own login.
    pub const OWN: i64 = 0;

    /// The account's own login, as it is until somebody changes it.
    #[must_use]
    pub fn own() -> Self {
        Self { number: Self::OWN, name: None, may_sign_in: true }
    }

    /// Its name, of an account with this e-mail address; empty where it has neither.
    #[must_use]
    pub fn shown<'a>(&'a self, email: &'a str) -> &'a str {
        self.name.as_deref().unwrap_or(email)
    }
}

/// A login name as it is compared: over all accounts, and whatever its case.
#[must_use]
pub fn folded(name: &str) -> String {
    name.to_lowercase()
}

/// What is to be changed of a login; none leaves it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoginPatch {
    /// Its name; none within has the account's own follow the e-mail address.
    pub name: Option<Option<String>>,
    /// Whether it may sign in.
    pub may_sign_in: Option<bool>,
}

/// Reads a login name.
///
/// # Errors
/// [`Complaint`].
pub fn login_name(text: &str) -> Result<String, Complaint> {
    match line(text, MAX_NAME)? {
        name if name.is_empty() => Err("is empty".to_owned()),
        name => Ok(name),
    }
}
