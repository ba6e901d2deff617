//! Findings that somebody knows of: they stay quiet until they change.

use actix_web::HttpRequest;
use actix_web::web::{Path, Payload};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::Answered;
use super::change::{body, entry};
use super::operator::Operator;
use super::problem::{Problem, ProblemBody};
use super::query::Params;
use super::reconciliations::findings::shown;
use super::respond::{self, PageBody};
use crate::domain::reconcile::{FindingKind, Fingerprint};
use crate::ops::reconcile::runs;
use crate::store::acknowledgements::{self, Acknowledgement};
use crate::store::reconciliations::Stored;
use crate::store::seen::Page;
use crate::store::seen::reconciliations::{self as seen, FindingFilter};
use crate::store::{audit, reconciliations};
use crate::wire::reconcile::show::{AcknowledgedView, FindingView};
use crate::writer::now_micros;

/// Longest note, in characters.
const MAX_NOTE: usize = 500;

/// Findings of a kind that are acknowledged in one write transaction.
const BATCH: i64 = 500;

/// Why a finding may stay.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NoteBody {
    /// The reason; kept with the acknowledgement. Up to 500 characters.
    pub note: String,
}

impl NoteBody {
    fn checked(self) -> Result<String, Problem> {
        let note = self.note.trim().to_owned();
        if note.is_empty() || note.chars().count() > MAX_NOTE {
            return Err(Problem::BadRequest("Say `note` in 1 to 500 characters; it is kept with it.".to_owned()));
        }
        Ok(note)
    }
}

/// A finding of a run, by its fingerprint.
async fn one(operator: &Operator, path: &(String, String)) -> Result<Stored, Problem> {
    let (run, fingerprint) = path;
    let run: i64 = run.parse().map_err(|_| Problem::NotFound)?;
    let filter = FindingFilter {
        fingerprint: Some(Fingerprint::parse(fingerprint).ok_or(Problem::NotFound)?),
        ..FindingFilter::default()
    };
    let found = operator.read(move |connection, see| {
        let page = seen::findings(connection, see, run, &filter, None, 1)?;
        page.items.into_iter().next().ok_or(Problem::NotFound)
    });
    found.await
}

/// Shows a finding as it is now, and has metrics tell what nobody has acknowledged.
async fn answer(operator: &Operator, stored: Stored) -> Answered {
    tell(operator).await;
    let view = operator.read(move |connection, _| shown(connection, &[stored])?.pop().ok_or(Problem::NotFound)).await?;
    respond::fresh(&view)
}

async fn tell(operator: &Operator) {
    let state = operator.state.clone();
    let told = operator.read(move |connection, _| {
        if let Some((at, counts)) = runs::last(connection)? {
            state.metrics.reconciled(at, &counts);
        }
        Ok(())
    });
    if let Err(problem) = told.await {
        log::debug!("metrics tell of acknowledgements later: {problem}");
    }
}

fn known(stored: &Stored, note: &str, operator: &str) -> Acknowledgement {
    Acknowledgement {
        fingerprint: stored.fingerprint,
        kind: stored.kind,
        source: stored.source.clone(),
        tenant: stored.tenant.clone(),
        platform_id: stored.platform_id.clone(),
        note: note.to_owned(),
        operator: operator.to_owned(),
        at: now_micros(),
    }
}

/// Takes an acknowledgement back, and says whether there was one.
async fn withdraw(operator: &Operator, fingerprint: Fingerprint) -> Result<bool, Problem> {
    let entry = entry(operator, "reconcile.withdraw", &fingerprint.to_string(), &json!({ "findings": 1 }));
    let gone = operator.state.writer.work(move |connection| {
        let gone = acknowledgements::withdraw(connection, &[fingerprint])?;
        if gone > 0 {
            audit::record(connection, &entry)?;
        }
        Ok(gone)
    });
    Ok(gone.await? > 0)
}

/// Acknowledge a finding
///
/// It is left out of lists, counts, metrics and exit codes, in this run and in later ones, until it changes. Acknowledging
/// it again changes the note. For provider_admin.
#[utoipa::path(
    put,
    path = "/v1/reconciliations/{reconciliation}/findings/{finding}/acknowledgement",
    tag = "v1",
    params(
        ("reconciliation" = String, Path, description = "The run's id."),
        ("finding" = String, Path, description = "The finding's fingerprint."),
    ),
    request_body = NoteBody,
    responses(
        (status = 200, body = FindingView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn put(
    operator: Operator,
    path: Path<(String, String)>,
    request: HttpRequest,
    mut payload: Payload,
) -> Answered {
    operator.require_provider()?;
    Params::of(&request)?.end()?;
    let body: Result<NoteBody, Problem> = body(&operator, &request, &mut payload).await;
    let stored = one(&operator, &path).await?;
    let note = body?.checked()?;
    let subject = stored.fingerprint.to_string();
    let entry = entry(&operator, "reconcile.acknowledge", &subject, &json!({ "findings": 1, "note": note }));
    let these = [known(&stored, &note, &operator.name)];
    let kept = operator.state.writer.work(move |connection| {
        acknowledgements::keep(connection, &these)?;
        audit::record(connection, &entry)
    });
    kept.await?;
    answer(&operator, stored).await
}

/// Take an acknowledgement back
///
/// For provider_admin.
#[utoipa::path(
    delete,
    path = "/v1/reconciliations/{reconciliation}/findings/{finding}/acknowledgement",
    tag = "v1",
    params(
        ("reconciliation" = String, Path, description = "The run's id."),
        ("finding" = String, Path, description = "The finding's fingerprint."),
    ),
    responses(
        (status = 200, body = FindingView),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Nobody has acknowledged it.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn delete(operator: Operator, path: Path<(String, String)>, request: HttpRequest) -> Answered {
    operator.require_provider()?;
    Params::of(&request)?.end()?;
    let stored = one(&operator, &path).await?;
    if !withdraw(&operator, stored.fingerprint).await? {
        return Err(Problem::Conflict("Nobody has acknowledged this finding.".to_owned()));
    }
    answer(&operator, stored).await
}

/// Which findings to acknowledge, and why they may stay.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KindsBody {
    /// All of these kinds.
    pub kinds: Vec<String>,
    /// The reason; kept with each. Up to 500 characters.
    pub note: String,
}

/// How many were acknowledged.
#[derive(Debug, Serialize, ToSchema)]
pub struct AcknowledgedCount {
    /// Findings that nobody had acknowledged before.
    pub acknowledged: u64,
}

/// Acknowledge all findings of some kinds
///
/// Those of this run that can be listed. For provider_admin.
#[utoipa::path(
    post,
    path = "/v1/reconciliations/{reconciliation}/acknowledge",
    tag = "v1",
    params(("reconciliation" = String, Path, description = "The run's id.")),
    request_body = KindsBody,
    responses(
        (status = 200, body = AcknowledgedCount),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn all(operator: Operator, id: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_provider()?;
    Params::of(&request)?.end()?;
    let body: Result<KindsBody, Problem> = body(&operator, &request, &mut payload).await;
    let id: i64 = id.parse().map_err(|_| Problem::NotFound)?;
    operator.read(move |connection, _| reconciliations::find(connection, id)?.ok_or(Problem::NotFound)).await?;
    let KindsBody { kinds, note } = body?;
    let note = NoteBody { note }.checked()?;
    let kinds = kinds.iter().map(|kind| FindingKind::parse(kind)).collect::<Option<Vec<_>>>();
    let kinds = kinds.filter(|kinds| !kinds.is_empty()).ok_or_else(|| {
        Problem::BadRequest("Say in `kinds` which kinds of findings are meant, such as [\"drift\"].".to_owned())
    })?;
    let named: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    let detail = json!({ "reconciliation": id.to_string(), "kinds": named, "note": note });
    let entry = entry(&operator, "reconcile.acknowledge", &id.to_string(), &detail);
    let filter = FindingFilter { kinds, acknowledged: Some(false), ..FindingFilter::default() };
    let (mut acknowledged, mut after) = (0, None);
    loop {
        let asked = filter.clone();
        let page: Page<Stored, i64> = operator
            .read(move |connection, see| Ok(seen::findings(connection, see, id, &asked, after, BATCH)?))
            .await?;
        let these: Vec<Acknowledgement> = page.items.iter().map(|one| known(one, &note, &operator.name)).collect();
        if !these.is_empty() {
            // One line of the trail says what was done, with the first of it.
            let entry = (acknowledged == 0).then(|| entry.clone());
            let kept = operator.state.writer.work(move |connection| {
                if let Some(entry) = &entry {
                    audit::record(connection, entry)?;
                }
                acknowledgements::keep(connection, &these)
            });
            acknowledged += kept.await? as u64;
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    tell(&operator).await;
    respond::fresh(&AcknowledgedCount { acknowledged })
}

/// An acknowledgement, whether or not its finding is found any more.
#[derive(Debug, Serialize, ToSchema)]
pub struct AcknowledgementView {
    /// The finding's fingerprint.
    pub fingerprint: String,
    /// The finding's kind.
    pub finding: &'static str,
    /// The account's source.
    pub source: String,
    /// The account's tenant.
    pub tenant: String,
    /// The platform's ID of the account.
    pub platform_id: String,
    /// Why it may stay, who says so, and since when.
    #[serde(flatten)]
    pub acknowledged: AcknowledgedView,
}

/// List what was acknowledged
///
/// Whether or not it is found any more. Not for a reseller_admin.
#[utoipa::path(
    get,
    path = "/v1/acknowledgements",
    tag = "v1",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<AcknowledgementView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(operator: Operator, request: HttpRequest) -> Answered {
    operator.require_all()?;
    let mut params = Params::of(&request)?;
    let limit = params.limit()?;
    let after = params.parsed("after", "the `next` of a page of this list", Fingerprint::parse)?;
    params.end()?;
    let page = operator.read(move |connection, _| {
        let rows = acknowledgements::list(connection, after, limit + 1)?;
        Ok(Page::cut(rows, limit, |one| one.fingerprint, None))
    });
    let page = page.await?;
    let view = |one: &Acknowledgement| AcknowledgementView {
        fingerprint: one.fingerprint.to_string(),
        finding: one.kind.as_str(),
        source: one.source.clone(),
        tenant: one.tenant.clone(),
        platform_id: one.platform_id.clone(),
        acknowledged: AcknowledgedView::new(&one.note, &one.operator, one.at),
    };
    respond::page(page.items.iter().map(view).collect(), page.next.map(|one| one.to_string()))
}

/// Take an acknowledgement back by its fingerprint
///
/// For those that are found no more, too. For provider_admin.
#[utoipa::path(
    delete,
    path = "/v1/acknowledgements/{fingerprint}",
    tag = "v1",
    params(("fingerprint" = String, Path, description = "The finding's fingerprint.")),
    responses(
        (status = 204, description = "It is taken back."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn forget(operator: Operator, fingerprint: Path<String>, request: HttpRequest) -> Answered {
    operator.require_provider()?;
    Params::of(&request)?.end()?;
    let fingerprint = Fingerprint::parse(&fingerprint).ok_or(Problem::NotFound)?;
    if !withdraw(&operator, fingerprint).await? {
        return Err(Problem::NotFound);
    }
    tell(&operator).await;
    Ok(respond::nothing())
}
