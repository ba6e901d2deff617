//! Sites of customers: an account's, each alone, what happened to one, and what operators change.

pub mod change;
pub mod probes;

use actix_web::HttpRequest;
use actix_web::web::Path;

use super::Answered;
use super::accounts::{one, path_text};
use super::operator::Operator;
use super::problem::{Problem, ProblemBody};
use super::query::{Params, cursor};
use super::respond::{self, PageBody};
use crate::domain::ids::SiteId;
use crate::domain::operator::Visible;
use crate::domain::site::{PlaceStatus, Site};
use crate::ops::shown;
use crate::store::AnyConnection;
use crate::store::seen::sites;
use crate::wire::site_show::{SiteHappenedView, SiteView};

/// Takes `status`: those that are there unless it says otherwise; none for all.
pub(super) fn status(params: &mut Params) -> Result<Option<PlaceStatus>, Problem> {
    let read = |text: &str| match text {
        "all" => Some(None),
        text => PlaceStatus::parse(text).map(Some),
    };
    Ok(params.parsed("status", "active, ended or all", read)?.unwrap_or(Some(PlaceStatus::Active)))
}

/// The site of this id.
fn found(connection: &mut AnyConnection, see: &Visible, name: &str) -> Result<Site, Problem> {
    sites::one(connection, see, name)?.ok_or(Problem::NotFound)
}

/// List the sites of a customer
///
/// In the order of their ids.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/sites",
    tag = "v1",
    params(
        ("account" = String, Path, description = "Its id or ExternalID."),
        ("status" = Option<String>, Query, description = "active, by default, ended or all."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<SiteView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Several accounts have this ExternalID.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    let mut params = Params::of(&request)?;
    let status = status(&mut params)?;
    let (limit, after) = (params.limit()?, params.after::<1>("sites")?);
    params.end()?;
    let name = path_text(&name)?;
    let page = operator.read(move |connection, see| {
        let account = one(connection, see, &name)?.ok_or(Problem::NotFound)?.account.id;
        Ok(sites::list(connection, see, account, status, after.map(|[id]| SiteId(id)), limit)?)
    });
    let page = page.await?;
    let next = page.next.map(|id| cursor("sites", [id.0]));
    respond::page(page.items.iter().map(SiteView::from).collect(), next)
}

/// Show one site
#[utoipa::path(
    get,
    path = "/v1/sites/{site}",
    tag = "v1",
    params(("site" = String, Path, description = "Its id.")),
    responses(
        (status = 200, body = SiteView),
        (status = 304, description = "The caller has this version, by If-None-Match."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn show(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let name = path_text(&name)?;
    let site = operator.read(move |connection, see| found(connection, see, &name)).await?;
    respond::single(&request, &SiteView::from(&site))
}

/// What happened to a site
///
/// Newest first, one row a revision. Of a customer that was somebody else's before, only what happened since.
#[utoipa::path(
    get,
    path = "/v1/sites/{site}/history",
    tag = "v1",
    params(
        ("site" = String, Path, description = "Its id."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<SiteHappenedView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn history(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    let name = path_text(&name)?;
    let of = move |connection: &mut AnyConnection, see: &Visible| Ok(found(connection, see, &name)?.id.0);
    happened(operator, request, "site-history", of).await
}

/// A page of what happened to the site or probe that `of` finds.
async fn happened<F>(operator: Operator, request: HttpRequest, list: &'static str, of: F) -> Answered
where
    F: FnOnce(&mut AnyConnection, &Visible) -> Result<i64, Problem> + Send + 'static,
{
    let mut params = Params::of(&request)?;
    let (limit, after) = (params.limit()?, params.after::<1>(list)?);
    params.end()?;
    let page = operator.read(move |connection, see| {
        let thing = of(connection, see)?;
        Ok(sites::history(connection, see, thing, after.map(|[revision]| revision), limit)?)
    });
    let page = page.await?;
    let next = page.next.map(|revision| cursor(list, [revision]));
    respond::page(page.items.iter().map(shown::site_happened).collect(), next)
}
