//! Who am I?

use serde::Serialize;
use utoipa::ToSchema;

use super::Answered;
use super::operator::Operator;
use super::problem::ProblemBody;
use super::query::Params;
use super::respond;
use crate::domain::operator::Visible;
use crate::wire::time::rfc3339;
use actix_web::HttpRequest;

/// The operator that a token belongs to.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeBody {
    /// Its name.
    pub name: String,
    /// `viewer`, `reseller_admin` or `provider_admin`.
    pub role: &'static str,
    /// The ids of the resellers that a reseller_admin sees with their customers; null for who sees everything.
    pub resellers: Option<Vec<String>>,
    /// When the token ends; null for never.
    pub expires_at: Option<String>,
}

/// Who the token belongs to
#[utoipa::path(
    get,
    path = "/v1/me",
    tag = "v1",
    responses((status = 200, body = MeBody), (status = 401, body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub async fn show(operator: Operator, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let resellers = match &operator.visible {
        Visible::All => None,
        Visible::Resellers(resellers) => Some(resellers.iter().map(ToString::to_string).collect()),
    };
    respond::fresh(&MeBody {
        name: operator.name.clone(),
        role: operator.role.as_str(),
        resellers,
        expires_at: operator.expires_at.map(rfc3339),
    })
}
