//! What happened in an account.

use actix_web::HttpRequest;
use actix_web::web::Path;

use super::Answered;
use super::accounts::{one, path_text};
use super::operator::Operator;
use super::problem::{Problem, ProblemBody};
use super::query::{Params, cursor};
use super::respond::{self, PageBody};
use crate::domain::account_event::AskedKind;
use crate::domain::operator::Role;
use crate::domain::outcome::Outcome;
use crate::ops::shown;
use crate::store::seen::events::{self, EventFilter};
use crate::wire::account_event::AccountEventView;

/// List what happened in an account
///
/// The calls about it, its relations, its services, users and sites, and what operators did to it, newest first. Who did what and
/// why is told to a provider_admin alone; a reseller_admin sees of a customer what happened while it was its own.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/events",
    tag = "v1",
    params(
        ("account" = String, Path, description = "Its id or ExternalID."),
        ("kind" = Option<String>, Query, description = "delivery, relation, service, user, site or act; or one of these, such as Accounts/Synchronize, relation.closed, service.suspended, user.created or accounts.set."),
        ("outcome" = Option<String>, Query, description = "applied, unchanged, repeated, stale, rejected or checked."),
        ("since" = Option<String>, Query, description = "At or after this time (RFC 3339, or a day)."),
        ("until" = Option<String>, Query, description = "Before this time (RFC 3339, or a day)."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<AccountEventView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Several accounts have this ExternalID.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    let mut params = Params::of(&request)?;
    let filter = EventFilter {
        kind: params.parsed("kind", "a kind of event; see /docs", AskedKind::parse)?,
        outcome: params.parsed(
            "outcome",
            "applied, unchanged, repeated, stale, rejected or checked",
            Outcome::parse,
        )?,
        since: params.time("since")?,
        until: params.time("until")?,
    };
    let (limit, after) = (params.limit()?, params.after::<4>("events")?);
    params.end()?;
    let name = path_text(&name)?;
    let named = operator.role == Role::ProviderAdmin;
    let page = operator.read(move |connection, see| {
        let id = one(connection, see, &name)?.ok_or(Problem::NotFound)?.account.id;
        Ok(events::of(connection, see, id, &filter, after, limit)?)
    });
    let page = page.await?;
    let view = |event| if named { shown::event(event) } else { shown::event(event).without_names() };
    respond::page(page.items.iter().map(view).collect(), page.next.map(|place| cursor("events", place)))
}
