//! Users as shown: the same JSON from the API and from commands.

use serde::Serialize;
use utoipa::ToSchema;

use super::time::rfc3339;
use crate::domain::user::User;

/// A user as shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)] // The names are those of docs/users.md.
pub struct UserView {
    pub id: String,
    /// The account's id.
    pub account: String,
    pub login: String,
    pub name: String,
    pub email: String,
    /// active, disabled or ended.
    pub status: &'static str,
    /// The ids of the services that it has.
    pub services: Vec<String>,
    pub created_at: String,
    pub changed_at: String,
    pub ended_at: Option<String>,
    pub revision: i64,
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.to_string(),
            account: user.account.to_string(),
            login: user.login.clone(),
            name: user.name.clone(),
            email: user.email.clone(),
            status: user.status.as_str(),
            services: user.services.iter().map(ToString::to_string).collect(),
            created_at: rfc3339(user.created_at),
            changed_at: rfc3339(user.changed_at),
            ended_at: user.ended_at.map(rfc3339),
            revision: user.revision,
        }
    }
}

/// One thing that happened to a user.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserHappenedView {
    /// The user's revision behind it.
    pub revision: i64,
    /// When it was stored.
    pub at: String,
    /// created, updated, moved or ended.
    pub happening: &'static str,
    /// The names of the fields that changed.
    pub changed: Vec<String>,
    /// The services that it had from then on, by id.
    pub gained: Vec<String>,
    /// The services that it had no longer, by id.
    pub lost: Vec<String>,
    /// Whose it was: the account's id.
    pub account: String,
    /// In which state it was.
    pub status: &'static str,
    /// What made it happen.
    pub cause: &'static str,
    /// The delivery that made it happen.
    pub delivery: Option<String>,
}
