//! Changes that are refused: a problem document with a reason for each tenant that is in the way.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::outcome::Code;
use crate::ops::extremecloud::resolve::Refused;

/// A tenant that is in the way.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusedTenant {
    /// Its ID, as it was sent; of one that cannot leave, as it is shown.
    pub id: String,
    /// 1004, 1005 or 1006, as everywhere.
    pub code: i32,
    /// Why, and what to do next.
    pub reason: String,
}

/// A change that is refused whole.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusedBody {
    /// Names the kind of problem for ever.
    #[serde(rename = "type")]
    #[schema(example = "urn:tiersync:problem:conflict")]
    pub kind: &'static str,
    /// The kind of problem in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, and what to do next.
    pub detail: String,
    /// The end of `type`, for programs.
    pub code: &'static str,
    /// Every tenant that is in the way; none where the reason is another one.
    pub tenants: Vec<RefusedTenant>,
}

/// Refuses a change. `own` is why it is refused for the account's own sake.
pub(super) fn respond(own: Option<(Code, String)>, tenants: Vec<Refused>) -> HttpResponse {
    let of_tenants = match tenants.len() {
        0 => None,
        1 => Some("One tenant is in the way, so nothing was changed; `tenants` says why.".to_owned()),
        count => Some(format!("{count} tenants are in the way, so nothing was changed; `tenants` says why for each.")),
    };
    let own = own.map(|(code, message)| format!("{message} ({})", code.number()));
    let detail = own.into_iter().chain(of_tenants).collect::<Vec<_>>().join(" ");
    let tenant = |one: Refused| RefusedTenant { id: one.id, code: one.code.number(), reason: one.reason };
    let status = StatusCode::CONFLICT;
    let body = RefusedBody {
        kind: "urn:tiersync:problem:conflict",
        title: "Conflict",
        status: status.as_u16(),
        detail,
        code: "conflict",
        tenants: tenants.into_iter().map(tenant).collect(),
    };
    HttpResponse::build(status)
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type("application/problem+json")
        .body(serde_json::to_string(&body).unwrap_or_default())
}
