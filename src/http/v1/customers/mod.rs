//! Customers of partners: added below a partner, listed by it, shown and changed.

pub mod delete;

use actix_web::HttpRequest;
use actix_web::web::{Path, Payload};
use serde_json::json;

use super::Answered;
use super::accounts::{one, path_text};
use super::change::{body, done, entry};
use super::operator::Operator;
use super::problem::{Problem, ProblemBody};
use super::query::{Params, cursor};
use super::respond::{self, PageBody};
use super::services::change::reason;
use crate::domain::account::{AccountKind, AccountStatus};
use crate::domain::ids::AccountId;
use crate::domain::operator::Visible;
use crate::ops::{alone, customers, set, shown};
use crate::store::AnyConnection;
use crate::store::accounts::{AccountFilter, Listed};
use crate::store::seen::accounts;
use crate::wire::customer::CustomerBody;
use crate::wire::show::AccountView;

fn bad(why: impl std::fmt::Display) -> Problem {
    Problem::BadRequest(format!("{why}."))
}

/// The partner that is called `name`: an account that resells.
fn partner(connection: &mut AnyConnection, see: &Visible, name: &str) -> Result<Listed, Problem> {
    let found = one(connection, see, name)?.ok_or(Problem::NotFound)?;
    if found.account.kind != AccountKind::Reseller {
        return Err(Problem::Conflict(
            "This account is no partner: it is a customer itself. Name a reseller; GET /v1/accounts?kind=reseller lists them."
                .to_owned(),
        ));
    }
    Ok(found)
}

/// The customer that is called `name`, of a partner or of nobody.
fn customer(connection: &mut AnyConnection, see: &Visible, name: &str) -> Result<Listed, Problem> {
    let found = one(connection, see, name)?.ok_or(Problem::NotFound)?;
    if found.account.kind == AccountKind::Reseller { Err(Problem::NotFound) } else { Ok(found) }
}

/// Add a customer under a partner
///
/// It is made here, on an ID of its own, and becomes the platform's account once a platform synchronizes the same one. A
/// reseller_admin may do so below its resellers.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/customers",
    tag = "v1",
    params(("account" = String, Path, description = "The partner: its id or ExternalID.")),
    request_body = CustomerBody,
    responses(
        (status = 201, description = "The customer; `Location` says where it is.", body = AccountView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The partner is none, is deleted, or its standing is against it; the detail says which and ends with its code.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn add(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let asked: CustomerBody = body(&operator, &request, &mut payload).await?;
    let name = path_text(&name)?;
    let partner = operator.read(move |connection, see| partner(connection, see, &name)).await?.account;
    let (profile, external_id) = asked.new_customer().map_err(bad)?;
    let detail = json!({"fields": asked.names(), "reason": reason(asked.reason.as_deref())?});
    let entry = entry(&operator, "customers.add", &partner.id.to_string(), &detail);
    let list = customers::add(&partner, profile, external_id, alone::policies(&operator.state.config), entry);
    let outcomes = operator.acts(list).await?;
    set::changed(&outcomes)?;
    let id = outcomes.first().and_then(|outcome| outcome.id).ok_or(Problem::Internal)?.to_string();
    let made = operator.read(move |connection, see| customer(connection, see, &id)).await?;
    respond::created(&format!("/v1/customers/{}", made.account.id), &shown::account(&made))
}

/// List the customers of a partner
///
/// In the order of their ids, those that are not deleted.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/customers",
    tag = "v1",
    params(
        ("account" = String, Path, description = "The partner: its id or ExternalID."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<AccountView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The account is no partner.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    let mut params = Params::of(&request)?;
    let (limit, after) = (params.limit()?, params.after::<1>("customers")?);
    params.end()?;
    let name = path_text(&name)?;
    let page = operator.read(move |connection, see| {
        let partner = partner(connection, see, &name)?.account.id;
        let filter =
            AccountFilter { reseller: Some(partner), status: Some(AccountStatus::Active), ..AccountFilter::default() };
        Ok(accounts::list(connection, see, &filter, after.map(|[id]| AccountId(id)), limit)?)
    });
    let page = page.await?;
    let next = page.next.map(|id| cursor("customers", [id.0]));
    respond::page(page.items.iter().map(shown::account).collect(), next)
}

/// Show one customer
///
/// Of a partner, or of nobody.
#[utoipa::path(
    get,
    path = "/v1/customers/{customer}",
    tag = "v1",
    params(("customer" = String, Path, description = "Its id or ExternalID.")),
    responses(
        (status = 200, body = AccountView),
        (status = 304, description = "The caller has this version, by If-None-Match."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Several accounts have this ExternalID.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn show(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let name = path_text(&name)?;
    let found = operator.read(move |connection, see| customer(connection, see, &name)).await?;
    respond::single(&request, &shown::account(&found))
}

/// Change a customer
///
/// What describes it, until a platform says otherwise. Its partner is not edited: `POST /v1/moves` moves it. With
/// `If-Match`, only if the customer is as it was shown under that ETag. A reseller_admin may do so for its customers.
#[utoipa::path(
    patch,
    path = "/v1/customers/{customer}",
    tag = "v1",
    params(
        ("customer" = String, Path, description = "Its id or ExternalID."),
        ("If-Match" = Option<String>, Header, description = "The ETag that it was shown with."),
    ),
    request_body = CustomerBody,
    responses(
        (status = 200, description = "The customer as it is now.", body = AccountView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it; the detail says which and ends with its code.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "The customer is another version than If-Match names.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn change(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let asked: CustomerBody = body(&operator, &request, &mut payload).await?;
    let name = path_text(&name)?;
    let found = operator.read(move |connection, see| customer(connection, see, &name)).await?;
    let matched = respond::require_match(&request, &shown::account(&found))?;
    let profile = asked.change().map_err(bad)?;
    let id = found.account.id.to_string();
    let detail = json!({"fields": asked.names(), "reason": reason(asked.reason.as_deref())?});
    let entry = entry(&operator, "customers.set", &id, &detail);
    let expect = matched.then_some(found.account.revision);
    let list = customers::change(&found.account, expect, profile, alone::policies(&operator.state.config), entry);
    done(&operator, list, matched).await?;
    let now = operator.read(move |connection, see| customer(connection, see, &id)).await?;
    respond::current(&shown::account(&now))
}
