//! The audit trail.

use actix_web::HttpRequest;

use super::Answered;
use super::operator::Operator;
use super::problem::ProblemBody;
use super::query::{Params, cursor};
use super::respond::{self, PageBody};
use crate::store::audit::{self, AuditFilter};
use crate::store::seen::Page;
use crate::wire::people::AuditView;

/// List what operators and commands changed
///
/// Newest first; for provider_admin.
#[utoipa::path(
    get,
    path = "/v1/audit",
    tag = "v1",
    params(
        ("operator" = Option<String>, Query, description = "By this operator; `cli` is the command line."),
        ("since" = Option<String>, Query, description = "At or after this time (RFC 3339, or a day)."),
        ("action" = Option<String>, Query, description = "This action, such as operator.add."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<AuditView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(operator: Operator, request: HttpRequest) -> Answered {
    operator.require_provider()?;
    let mut params = Params::of(&request)?;
    let filter =
        AuditFilter { operator: params.text("operator"), since: params.time("since")?, action: params.text("action") };
    let (limit, after) = (params.limit()?, params.after::<1>("audit")?);
    params.end()?;
    let page = operator.read(move |connection, _| {
        let rows = audit::list(connection, &filter, after.map(|[id]| id), limit + 1)?;
        Ok(Page::cut(rows, limit, |(id, _)| *id, None))
    });
    let page = page.await?;
    let next = page.next.map(|id| cursor("audit", [id]));
    let view = |(id, entry): &(i64, audit::Entry)| {
        AuditView::new(*id, entry.at, [&entry.operator, &entry.action, &entry.subject, &entry.detail, &entry.remote])
    };
    respond::page(page.items.iter().map(view).collect(), next)
}
