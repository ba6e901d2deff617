//! Services: an account's, each alone, what happened to one, and what operators change.

pub mod change;
pub mod products;

use actix_web::HttpRequest;
use actix_web::web::Path;

use crate::domain::ids::ServiceId;
use crate::domain::operator::Visible;
use crate::domain::service::{Service, ServiceKind, ServiceStatus};
use crate::http::v1::Answered;
use crate::http::v1::accounts::{one, path_text};
use crate::http::v1::operator::Operator;
use crate::http::v1::problem::{Problem, ProblemBody};
use crate::http::v1::query::{Params, cursor};
use crate::http::v1::respond::{self, PageBody};
use crate::ops::shown;
use crate::store::AnyConnection;
use crate::store::seen::Page;
use crate::store::seen::services::{self, ServiceFilter, Transferring};
use crate::wire::service_show::{HappenedView, ServiceView};

/// List the services of an account
///
/// In the order of their ids, ended ones too.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/services",
    tag = "v1",
    params(
        ("account" = String, Path, description = "Its id or ExternalID."),
        ("kind" = Option<String>, Query, description = "subscription, domain, hosting, ssl, entitlement or other."),
        ("status" = Option<String>, Query, description = "active, trial, suspended or ended."),
        ("transfer" = Option<String>, Query, description = "With a transfer under way: open for any, action where somebody has to do something, incoming or outgoing."),
        ("held" = Option<bool>, Query, description = "Which an operator gave to another account than the one that the platform orders them for."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<ServiceView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Several accounts have this ExternalID.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    let Asked { mut filter, limit, after } = Asked::of(&request, "services")?;
    let name = path_text(&name)?;
    let page = operator.read(move |connection, see| {
        filter.account = Some(one(connection, see, &name)?.ok_or(Problem::NotFound)?.account.id);
        Ok(services::list(connection, see, &filter, after, limit)?)
    });
    answer(&operator, page.await?, "services")
}

/// List services
///
/// Of all accounts that are seen, in the order of their ids. A page may be short, even empty, while there is a next one.
#[utoipa::path(
    get,
    path = "/v1/services",
    tag = "v1",
    params(
        ("kind" = Option<String>, Query, description = "subscription, domain, hosting, ssl, entitlement or other."),
        ("status" = Option<String>, Query, description = "active, trial, suspended or ended."),
        ("transfer" = Option<String>, Query, description = "With a transfer under way: open for any, action where somebody has to do something, incoming or outgoing."),
        ("held" = Option<bool>, Query, description = "Which an operator gave to another account than the one that the platform orders them for."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<ServiceView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn everywhere(operator: Operator, request: HttpRequest) -> Answered {
    let Asked { filter, limit, after } = Asked::of(&request, "all-services")?;
    let page = operator.read(move |connection, see| Ok(services::list(connection, see, &filter, after, limit)?));
    answer(&operator, page.await?, "all-services")
}

/// What the query of a list asks for.
struct Asked {
    filter: ServiceFilter,
    limit: i64,
    after: Option<ServiceId>,
}

impl Asked {
    fn of(request: &HttpRequest, list: &str) -> Result<Self, Problem> {
        let mut params = Params::of(request)?;
        let kinds = "subscription, domain, hosting, ssl, entitlement or other";
        let filter = ServiceFilter {
            account: None,
            kind: params.parsed("kind", kinds, ServiceKind::parse)?,
            status: params.parsed("status", "active, trial, suspended or ended", ServiceStatus::parse)?,
            transfer: params.parsed("transfer", Transferring::WORDS, Transferring::parse)?,
            held: params.parsed("held", "true or false", |text| text.parse().ok())?,
        };
        let (limit, after) = (params.limit()?, params.after::<1>(list)?);
        params.end()?;
        Ok(Self { filter, limit, after: after.map(|[id]| ServiceId(id)) })
    }
}

fn answer(operator: &Operator, page: Page<Service, ServiceId>, list: &str) -> Answered {
    let next = page.next.map(|id| cursor(list, [id.0]));
    respond::page(page.items.iter().map(|service| view(operator, service)).collect(), next)
}

/// A service as this operator sees it: whose it was before an operator moved it may be nobody of its own any longer.
fn view(operator: &Operator, service: &Service) -> ServiceView {
    let mut view = ServiceView::from(service);
    if matches!(operator.visible, Visible::Resellers(_)) {
        view.reported_account = None;
    }
    view
}

/// The service that is called `name`, our id or an ExternalID.
fn found(connection: &mut AnyConnection, see: &Visible, name: &str) -> Result<Service, Problem> {
    let mut found = services::named(connection, see, name)?;
    match (found.pop(), found.pop()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(Problem::NotFound),
        (Some(_), Some(_)) => Err(Problem::Conflict(
            "Several services, of different sources or tenants, have this ExternalID; use the `id` of one.".to_owned(),
        )),
    }
}

/// Show one service
#[utoipa::path(
    get,
    path = "/v1/services/{service}",
    tag = "v1",
    params(("service" = String, Path, description = "Its id or ExternalID.")),
    responses(
        (status = 200, body = ServiceView),
        (status = 304, description = "The caller has this version, by If-None-Match."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Several services have this ExternalID.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn show(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let name = path_text(&name)?;
    let service = operator.read(move |connection, see| found(connection, see, &name)).await?;
    respond::single(&request, &view(&operator, &service))
}

/// What happened to a service
///
/// Newest first, one row a revision. Of a customer that was somebody else's before, only what happened since.
#[utoipa::path(
    get,
    path = "/v1/services/{service}/history",
    tag = "v1",
    params(
        ("service" = String, Path, description = "Its id or ExternalID."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<HappenedView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Several services have this ExternalID.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn history(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    let mut params = Params::of(&request)?;
    let (limit, after) = (params.limit()?, params.after::<1>("service-history")?);
    params.end()?;
    let name = path_text(&name)?;
    let page = operator.read(move |connection, see| {
        let service = found(connection, see, &name)?;
        Ok(services::history(connection, see, service.id, after.map(|[revision]| revision), limit)?)
    });
    let page = page.await?;
    let next = page.next.map(|revision| cursor("service-history", [revision]));
    respond::page(page.items.iter().map(shown::happened).collect(), next)
}
