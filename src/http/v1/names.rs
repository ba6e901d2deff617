//! What an account is called, and was.

use actix_web::HttpRequest;
use actix_web::web::Path;
use serde::Serialize;
use utoipa::ToSchema;

use super::Answered;
use super::accounts::{one, path_text};
use super::operator::Operator;
use super::problem::{Problem, ProblemBody};
use super::query::Params;
use super::respond::{self, PageBody};
use crate::domain::ids::AccountKey;
use crate::store::aliases;
use crate::wire::time::rfc3339;

/// What an account is or was called.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)] // The names are those of the account's own JSON.
pub struct NameView {
    pub source: String,
    pub tenant: String,
    pub platform_id: String,
    /// When a platform synchronized it and gave it another name; null for the present one.
    pub until: Option<String>,
}

impl NameView {
    fn new(key: &AccountKey, until: Option<i64>) -> Self {
        Self {
            source: key.scope.source.to_string(),
            tenant: key.scope.tenant.as_str().to_owned(),
            platform_id: key.platform_id.to_string(),
            until: until.map(rfc3339),
        }
    }
}

/// List what an account was called
///
/// The oldest first. An account that was made here has another name since a platform synchronizes it.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/names",
    tag = "v1",
    params(("account" = String, Path, description = "Its id or ExternalID.")),
    responses(
        (status = 200, body = PageBody<NameView>),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let name = path_text(&name)?;
    let found = operator.read(move |connection, see| {
        let account = one(connection, see, &name)?.ok_or(Problem::NotFound)?.account;
        let former = aliases::names_of(connection, account.id)?;
        Ok((account.key, former))
    });
    let (now, former) = found.await?;
    let former = former.iter().map(|(key, until)| NameView::new(key, Some(*until)));
    respond::page(former.chain([NameView::new(&now, None)]).collect(), None)
}
