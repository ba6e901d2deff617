//! What a run found.

use super::parse_id;

use actix_web::HttpRequest;
use actix_web::web::Path;

use crate::domain::reconcile::FindingKind;
use crate::http::v1::Answered;
use crate::http::v1::operator::Operator;
use crate::http::v1::problem::{Problem, ProblemBody};
use crate::http::v1::query::{Params, cursor};
use crate::http::v1::respond::{self, PageBody};
use crate::store::reconciliations::{self, Stored};
use crate::store::seen::reconciliations::{self as seen, FindingFilter};
use crate::store::{AnyConnection, acknowledgements};
use crate::wire::reconcile::show::{AcknowledgedView, FindingView, ProposalView};
use crate::wire::time::rfc3339;

/// Findings as they are shown, with who knows of them.
pub(in crate::http::v1) fn shown(
    connection: &mut AnyConnection,
    stored: &[Stored],
) -> Result<Vec<FindingView>, Problem> {
    let fingerprints: Vec<_> = stored.iter().map(|one| one.fingerprint).collect();
    let known = acknowledgements::of(connection, &fingerprints)?;
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    stored
        .iter()
        .map(|one| {
            let proposal: ProposalView = serde_json::from_str(&one.proposal).map_err(|error| {
                log::error!("v1: a stored proposal cannot be read: {error}");
                Problem::Internal
            })?;
            Ok(FindingView {
                finding: one.kind.as_str(),
                source: one.source.clone(),
                tenant: one.tenant.clone(),
                id: one.account.map(|id| id.to_string()),
                platform_id: filled(&one.platform_id),
                external_id: filled(&one.external_id),
                ours: one.ours.clone(),
                theirs: one.theirs.clone(),
                since: one.since.map(rfc3339),
                delivery: one.delivery.map(|id| id.to_string()),
                line: one.line.and_then(|line| u64::try_from(line).ok()),
                proposal,
                explanation: one.explanation.clone(),
                fingerprint: one.fingerprint.to_string(),
                acknowledged: known
                    .get(&one.fingerprint)
                    .map(|known| AcknowledgedView::new(&known.note, &known.operator, known.at)),
            })
        })
        .collect()
}

/// List what a reconciliation found
///
/// In the order in which it came upon it. What was acknowledged is left out unless it is asked for. A reseller_admin sees
/// findings about its accounts that name no other reseller.
#[utoipa::path(
    get,
    path = "/v1/reconciliations/{reconciliation}/findings",
    tag = "v1",
    params(
        ("reconciliation" = String, Path, description = "Its id."),
        ("kind" = Option<String>, Query, description = "Of these kinds, separated by commas."),
        ("acknowledged" = Option<String>, Query, description = "false (default), true or all."),
        ("source" = Option<String>, Query, description = "Of this source."),
        ("tenant" = Option<String>, Query, description = "Of this tenant."),
        ("platform_id" = Option<String>, Query, description = "About the account with this platform ID."),
        ("q" = Option<String>, Query, description = "With this text in its IDs, its two sides or its explanation."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<FindingView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn findings(operator: Operator, id: Path<String>, request: HttpRequest) -> Answered {
    let mut params = Params::of(&request)?;
    let kinds = params.parsed("kind", "a list of kinds such as drift,flapping", |text| {
        text.split(',').map(|kind| FindingKind::parse(kind.trim())).collect::<Option<Vec<_>>>()
    })?;
    let acknowledged = params.parsed("acknowledged", "false, true or all", |text| match text {
        "false" => Some(Some(false)),
        "true" => Some(Some(true)),
        "all" => Some(None),
        _ => None,
    })?;
    let filter = FindingFilter {
        kinds: kinds.unwrap_or_default(),
        acknowledged: acknowledged.unwrap_or(Some(false)),
        source: params.text("source"),
        tenant: params.text("tenant"),
        platform_id: params.text("platform_id"),
        text: params.text("q"),
        fingerprint: None,
    };
    let (limit, after) = (params.limit()?, params.after::<2>("findings")?);
    params.end()?;
    let id = parse_id(&id)?;
    let after = match after {
        Some([run, position]) if run == id => Some(position),
        Some(_) => {
            let why = "The query parameter `after` is not the `next` of a page of this list.";
            return Err(Problem::BadRequest(why.to_owned()));
        }
        None => None,
    };
    let page = operator.read(move |connection, see| {
        reconciliations::find(connection, id)?.ok_or(Problem::NotFound)?;
        let page = seen::findings(connection, see, id, &filter, after, limit)?;
        Ok((shown(connection, &page.items)?, page.next))
    });
    let (items, next) = page.await?;
    respond::page(items, next.map(|position| cursor("findings", [id, position])))
}
