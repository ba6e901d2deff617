//! A case of the quarantine as every API shows it.

use serde::Serialize;
use utoipa::ToSchema;

use super::time::{rfc3339, rfc3339_second};
use crate::domain::case::Case;

/// A case as shown.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)] // The names are those of the table's columns.
pub struct CaseView {
    pub id: String,
    pub state: &'static str,
    pub source: String,
    pub tenant: String,
    pub endpoint: &'static str,
    pub platform_id: String,
    pub code: i32,
    pub body_digest: String,
    pub first: String,
    pub last: String,
    pub last_delivery: String,
    pub event_time: String,
    pub count: i64,
    pub closed_as: Option<&'static str>,
    pub closed: Option<String>,
    pub closed_delivery: Option<String>,
    pub closed_why: Option<String>,
}

impl CaseView {
    /// A case.
    #[must_use]
    pub fn new(case: &Case) -> Self {
        let (key, refusals, closed) = (&case.key, &case.refusals, case.closed.as_ref());
        Self {
            id: case.id.to_string(),
            state: if closed.is_none() { "open" } else { "closed" },
            source: key.scope.source.to_string(),
            tenant: key.scope.tenant.as_str().to_owned(),
            endpoint: key.endpoint.as_str(),
            platform_id: key.platform_id.to_string(),
            code: key.code,
            body_digest: hex::encode(key.digest),
            first: rfc3339(refusals.first_at),
            last: rfc3339(refusals.last_at),
            last_delivery: refusals.last.to_string(),
            event_time: rfc3339_second(refusals.event_second),
            count: refusals.times,
            closed_as: closed.map(|closed| closed.how.as_str()),
            closed: closed.map(|closed| rfc3339(closed.at)),
            closed_delivery: closed.and_then(|closed| closed.delivery).map(|id| id.to_string()),
            closed_why: closed.and_then(|closed| closed.why.clone()),
        }
    }
}
