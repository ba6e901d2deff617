//! Erasing an account's personal data, and lifting that.

use actix_web::HttpRequest;
use actix_web::web::{self, Path};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::Answered;
use super::accounts::{one, path_text};
use super::change::entry;
use super::operator::Operator;
use super::problem::{Problem, ProblemBody};
use super::query::Params;
use super::respond;
use crate::domain::account::Account;
use crate::ops::erase::{self, EraseError};
use crate::writer::now_micros;

impl From<EraseError> for Problem {
    fn from(error: EraseError) -> Self {
        match error {
            EraseError::NoSuchAccount(_) => Self::NotFound,
            EraseError::HasCustomers(_) | EraseError::NotErased(_) => Self::Conflict(format!("{error}.")),
            EraseError::Write(error) => error.into(),
        }
    }
}

/// What an erasure came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErasedView {
    /// The account.
    pub id: String,
    /// How many bodies of calls were emptied.
    pub bodies_emptied: usize,
}

async fn find(operator: &Operator, name: &str) -> Result<Account, Problem> {
    let name = path_text(name)?;
    let found = operator.read(move |connection, see| one(connection, see, &name)).await?;
    Ok(found.ok_or(Problem::NotFound)?.account)
}

/// Erase the personal data of an account
///
/// Everything that describes it, and the bodies of all calls about it. Ids, relations, outcomes and hashes stay. Calls
/// from before are stale from now on; the platform's next one brings the account back.
#[utoipa::path(
    delete,
    path = "/v1/accounts/{account}",
    tag = "v1",
    params(
        ("account" = String, Path, description = "Its id or ExternalID."),
        ("erase" = bool, Query, description = "Must be true: this erases personal data. PATCH ends an account and keeps it."),
    ),
    responses(
        (status = 200, body = ErasedView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is a reseller that still has customers.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn erase(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    operator.require_provider()?;
    let mut params = Params::of(&request)?;
    let erase = params.flag("erase")?;
    params.end()?;
    if !erase {
        let why = "This erases personal data for ever: send ?erase=true if you mean that. To end the account and keep its data, PATCH \
                   it with {\"status\": \"deleted\"}.";
        return Err(Problem::BadRequest(why.to_owned()));
    }
    let account = find(&operator, &name).await?;
    let (id, writer) = (account.id.to_string(), operator.state.writer.clone());
    let entry = entry(&operator, "accounts.erase", &id, &json!({}));
    let done = web::block(move || erase::erase(&writer, &account, now_micros(), &entry));
    let bodies_emptied = done.await.map_err(|_| Problem::Internal)??;
    respond::fresh(&ErasedView { id, bodies_emptied })
}

/// Lift an erasure
///
/// Calls from before it may bring the account back.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/revive",
    tag = "v1",
    params(("account" = String, Path, description = "Its id or ExternalID.")),
    responses(
        (status = 200, description = "The account as it is now.", body = crate::wire::show::AccountView),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is not erased.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn revive(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    operator.require_provider()?;
    Params::of(&request)?.end()?;
    let account = find(&operator, &name).await?;
    let (id, writer) = (account.id, operator.state.writer.clone());
    let entry = entry(&operator, "accounts.revive", &id.to_string(), &json!({}));
    web::block(move || erase::revive(&writer, id, &entry)).await.map_err(|_| Problem::Internal)??;
    let name = id.to_string();
    let listed = operator.read(move |connection, see| one(connection, see, &name)).await?.ok_or(Problem::NotFound)?;
    respond::fresh(&crate::ops::shown::account(&listed))
}
