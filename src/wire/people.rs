//! Operators and the audit trail as people and tools see them.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::time::rfc3339;
use crate::domain::operator::Operator;

/// An operator as shown. Nothing of its token.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct OperatorView {
    pub name: String,
    pub role: &'static str,
    /// `active`, `expired` or `revoked`.
    pub state: &'static str,
    pub resellers: Vec<String>,
    pub created_at: String,
    pub expires_at: Option<String>,
    pub revoked_at: Option<String>,
}

impl OperatorView {
    /// The operator as it is now, in microseconds since 1970.
    #[must_use]
    pub fn new(operator: &Operator, now: i64) -> Self {
        Self {
            name: operator.name.clone(),
            role: operator.role.as_str(),
            state: match operator.revoked_at {
                Some(_) => "revoked",
                None if operator.is_good(now) => "active",
                None => "expired",
            },
            resellers: operator.resellers.iter().map(ToString::to_string).collect(),
            created_at: rfc3339(operator.created_at),
            expires_at: operator.expires_at.map(rfc3339),
            revoked_at: operator.revoked_at.map(rfc3339),
        }
    }
}

/// An entry of the audit trail as shown.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct AuditView {
    pub id: i64,
    pub at: String,
    /// Who: an operator's name, or `cli` for the command line.
    pub operator: String,
    /// What was done, such as `operator.add`.
    pub action: String,
    /// To what: an id or a name.
    pub subject: String,
    /// More about it.
    #[schema(value_type = Object)]
    pub detail: Box<RawValue>,
    /// From where: an address, or the user of the command line.
    pub remote: String,
}

impl AuditView {
    /// An entry: its id, its time in microseconds since 1970, and operator, action, subject, detail and remote.
    #[must_use]
    pub fn new(id: i64, at: i64, [operator, action, subject, detail, remote]: [&str; 5]) -> Self {
        Self {
            id,
            at: rfc3339(at),
            operator: operator.to_owned(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            detail: RawValue::from_string(detail.to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned()),
            remote: remote.to_owned(),
        }
    }
}
