//! Relations: who resold to whom when, as known when.

use actix_web::HttpRequest;

use super::Answered;
use super::accounts::one;
use super::operator::Operator;
use super::problem::ProblemBody;
use super::query::{Params, cursor};
use super::respond::{self, PageBody};
use crate::domain::ids::RelationId;
use crate::domain::relation::{Axis, RelationState};
use crate::ops::shown;
use crate::store::seen::Page;
use crate::store::seen::relations::{self, RelationFilter};
use crate::wire::relation::RelationView;

/// List relations
///
/// `on` asks who the reseller was at a time, `known` as it was known at a time: what was learned later is left out. A
/// day means its beginning in UTC. In the order of their ids; a page may be short, even empty, while there is a next one.
#[utoipa::path(
    get,
    path = "/v1/relations",
    tag = "v1",
    params(
        ("on" = Option<String>, Query, description = "What held at this time (RFC 3339, or a day)."),
        ("known" = Option<String>, Query, description = "As it was known at this time (RFC 3339, or a day)."),
        ("source" = Option<String>, Query, description = "Of customers of this source."),
        ("tenant" = Option<String>, Query, description = "Of customers of this tenant."),
        ("reseller" = Option<String>, Query, description = "To this reseller: its id or ExternalID."),
        ("customer" = Option<String>, Query, description = "Of this customer: its id or ExternalID."),
        ("axis" = Option<String>, Query, description = "reseller or partner."),
        ("state" = Option<String>, Query, description = "linked, pending or unprovisioned."),
        ("open" = Option<bool>, Query, description = "true: only what has not ended."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<RelationView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(operator: Operator, request: HttpRequest) -> Answered {
    let mut params = Params::of(&request)?;
    let mut filter = RelationFilter {
        source: params.text("source"),
        tenant: params.text("tenant"),
        axis: params.parsed("axis", "reseller or partner", Axis::parse)?,
        state: params.parsed("state", "linked, pending or unprovisioned", RelationState::parse)?,
        open: params.flag("open")?,
        on: params.time("on")?,
        known: params.time("known")?,
        ..RelationFilter::default()
    };
    let (reseller, customer) = (params.text("reseller"), params.text("customer"));
    let (limit, after) = (params.limit()?, params.after::<1>("relations")?);
    params.end()?;
    let page = operator.read(move |connection, see| {
        for (name, id) in [(&reseller, &mut filter.reseller), (&customer, &mut filter.customer)] {
            let Some(name) = name else { continue };
            // Who is not there has no relations.
            let Some(account) = one(connection, see, name)? else { return Ok(Page::empty()) };
            *id = Some(account.account.id);
        }
        Ok(relations::list(connection, see, &filter, after.map(|[id]| RelationId(id)), limit)?)
    });
    let page = page.await?;
    let next = page.next.map(|id| cursor("relations", [id.0]));
    respond::page(page.items.iter().map(shown::relation).collect(), next)
}
