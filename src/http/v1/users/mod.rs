//! Users of customers: an account's, each alone, what happened to one, and what operators change.

pub mod change;

use actix_web::HttpRequest;
use actix_web::web::Path;

use super::Answered;
use super::accounts::{one, path_text};
use super::operator::Operator;
use super::problem::{Problem, ProblemBody};
use super::query::{Params, cursor};
use super::respond::{self, PageBody};
use crate::domain::ids::{ServiceId, UserId};
use crate::domain::operator::Visible;
use crate::domain::user::{User, UserStatus};
use crate::ops::shown;
use crate::store::AnyConnection;
use crate::store::seen::users::{self, UserFilter};
use crate::store::seen::{Page, services};
use crate::wire::user_show::{UserHappenedView, UserView};

/// List the users of an account
///
/// In the order of their ids, ended ones too.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/users",
    tag = "v1",
    params(
        ("account" = String, Path, description = "Its id or ExternalID."),
        ("status" = Option<String>, Query, description = "active, disabled or ended."),
        ("service" = Option<String>, Query, description = "Who has this service, by its id or ExternalID."),
        ("login" = Option<String>, Query, description = "With this login, whatever the case."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<UserView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Several accounts have this ExternalID.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    let mut params = Params::of(&request)?;
    let mut filter = UserFilter {
        account: None,
        status: params.parsed("status", "active, disabled or ended", UserStatus::parse)?,
        service: None,
        login: params.text("login"),
    };
    let service = params.text("service");
    let (limit, after) = (params.limit()?, params.after::<1>("users")?);
    params.end()?;
    let name = path_text(&name)?;
    let page = operator.read(move |connection, see| {
        filter.account = Some(one(connection, see, &name)?.ok_or(Problem::NotFound)?.account.id);
        if let Some(service) = service {
            let mut named = || services::named(connection, see, &service).map(|named| named.first().map(|one| one.id));
            filter.service = match ServiceId::parse(&service) {
                Some(id) => Some(id),
                None => named()?,
            };
            if filter.service.is_none() {
                return Ok(Page::empty());
            }
        }
        Ok(users::list(connection, see, &filter, after.map(|[id]| UserId(id)), limit)?)
    });
    let page = page.await?;
    let next = page.next.map(|id| cursor("users", [id.0]));
    respond::page(page.items.iter().map(UserView::from).collect(), next)
}

/// The user of this id.
fn found(connection: &mut AnyConnection, see: &Visible, name: &str) -> Result<User, Problem> {
    users::one(connection, see, name)?.ok_or(Problem::NotFound)
}

/// Show one user
#[utoipa::path(
    get,
    path = "/v1/users/{user}",
    tag = "v1",
    params(("user" = String, Path, description = "Its id.")),
    responses(
        (status = 200, body = UserView),
        (status = 304, description = "The caller has this version, by If-None-Match."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn show(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let name = path_text(&name)?;
    let user = operator.read(move |connection, see| found(connection, see, &name)).await?;
    respond::single(&request, &UserView::from(&user))
}

/// What happened to a user
///
/// Newest first, one row a revision, with the services that it gained and lost. Of a customer that was somebody else's
/// before, only what happened since.
#[utoipa::path(
    get,
    path = "/v1/users/{user}/history",
    tag = "v1",
    params(
        ("user" = String, Path, description = "Its id."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<UserHappenedView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn history(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    let mut params = Params::of(&request)?;
    let (limit, after) = (params.limit()?, params.after::<1>("user-history")?);
    params.end()?;
    let name = path_text(&name)?;
    let page = operator.read(move |connection, see| {
        let user = found(connection, see, &name)?;
        Ok(users::history(connection, see, user.id, after.map(|[revision]| revision), limit)?)
    });
    let page = page.await?;
    let next = page.next.map(|revision| cursor("user-history", [revision]));
    respond::page(page.items.iter().map(shown::user_happened).collect(), next)
}
