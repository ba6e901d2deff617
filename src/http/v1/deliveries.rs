//! The ledger: listed, shown with the body.

use actix_web::HttpRequest;
use actix_web::web::Path;

use super::Answered;
use super::accounts::one;
use super::operator::Operator;
use super::problem::{Problem, ProblemBody};
use super::query::{Params, cursor};
use super::respond::{self, PageBody};
use crate::domain::call::Endpoint;
use crate::domain::ids::DeliveryId;
use crate::domain::outcome::Outcome;
use crate::store::deliveries::{DeliveryFilter, body};
use crate::store::seen::{Page, deliveries};
use crate::wire::show::DeliveryView;

/// List deliveries
///
/// Newest first, without their bodies. A page may be short, even empty, while there is a next one.
#[utoipa::path(
    get,
    path = "/v1/deliveries",
    tag = "v1",
    params(
        ("since" = Option<String>, Query, description = "Received at or after this time (RFC 3339, or a day)."),
        ("until" = Option<String>, Query, description = "Received before this time (RFC 3339, or a day)."),
        ("source" = Option<String>, Query, description = "Of this source."),
        ("tenant" = Option<String>, Query, description = "Of this tenant."),
        ("endpoint" = Option<String>, Query, description = "At this endpoint, such as Accounts/Synchronize."),
        ("account" = Option<String>, Query, description = "About this account: its id or ExternalID."),
        ("platform_id" = Option<String>, Query, description = "That name this platform ID."),
        ("outcome" = Option<String>, Query, description = "applied, unchanged, repeated, stale, rejected or checked."),
        ("code" = Option<i32>, Query, description = "Answered with this code."),
        ("webhook_id" = Option<String>, Query, description = "With this signed id, and what repeats it."),
        ("track_id" = Option<String>, Query, description = "With this X-CloudPlatform-TrackId."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<DeliveryView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(operator: Operator, request: HttpRequest) -> Answered {
    let mut params = Params::of(&request)?;
    let endpoint = |text: &str| Endpoint::ALL.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(text));
    let mut filter = DeliveryFilter {
        source: params.text("source"),
        tenant: params.text("tenant"),
        endpoint: params.parsed("endpoint", "an endpoint such as Accounts/Synchronize", endpoint)?,
        account: None,
        outcome: params.parsed(
            "outcome",
            "applied, unchanged, repeated, stale, rejected or checked",
            Outcome::parse,
        )?,
        code: params.parsed("code", "a number", |text| text.parse().ok())?,
        since: params.time("since")?,
        until: params.time("until")?,
        webhook_id: params.text("webhook_id"),
        track_id: params.text("track_id"),
        platform_id: params.text("platform_id"),
    };
    let account = params.text("account");
    let (limit, after) = (params.limit()?, params.after::<2>("deliveries")?);
    params.end()?;
    let page = operator.read(move |connection, see| {
        if let Some(name) = &account {
            // Who is not there was never called about.
            let Some(account) = one(connection, see, name)? else { return Ok(Page::empty()) };
            filter.account = Some(account.account.id);
        }
        Ok(deliveries::list(connection, see, &filter, after.map(|[at, id]| (at, DeliveryId(id))), limit)?)
    });
    let page = page.await?;
    let next = page.next.map(|(at, id)| cursor("deliveries", [at, id.0]));
    respond::page(page.items.iter().map(|(delivery, hash)| DeliveryView::new(delivery, hash)).collect(), next)
}

/// Show one delivery with its body
#[utoipa::path(
    get,
    path = "/v1/deliveries/{delivery}",
    tag = "v1",
    params(("delivery" = String, Path, description = "Its id.")),
    responses(
        (status = 200, body = DeliveryView),
        (status = 304, description = "The caller has this version, by If-None-Match."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn show(operator: Operator, id: Path<String>, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let id = DeliveryId::parse(&id).ok_or(Problem::NotFound)?;
    let view = operator.read(move |connection, see| {
        let (delivery, hash) = deliveries::find(connection, see, id)?.ok_or(Problem::NotFound)?;
        let mut view = DeliveryView::new(&delivery, &hash);
        let body = body(connection, delivery.body_of)?;
        view.body = Some(body.map(|body| String::from_utf8_lossy(&body).into_owned()));
        Ok(view)
    });
    respond::single(&request, &view.await?)
}
