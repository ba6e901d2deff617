//! Deleting customers, one or many at once, and saying what goes with them.

use actix_web::HttpRequest;
use actix_web::web::{Path, Payload};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{bad, customer, partner};
use crate::domain::account::{Account, AccountKind};
use crate::domain::ids::AccountId;
use crate::domain::operator::{Role, Visible};
use crate::http::v1::Answered;
use crate::http::v1::accounts::{one, path_text};
use crate::http::v1::change::{body, entry};
use crate::http::v1::operator::Operator;
use crate::http::v1::problem::{Problem, ProblemBody};
use crate::http::v1::query::Params;
use crate::http::v1::respond;
use crate::http::v1::services::change::reason;
use crate::ops::delete::{Found, Judged, MAX_TOGETHER, Named, Way};
use crate::ops::{alone, customers, set};
use crate::store::accounts::Listed;
use crate::store::audit::Entry;
use crate::store::seen::sites;
use crate::store::{AnyConnection, StoreError};
use crate::wire::customer::{DeletedView, DeletionView, WithItView};
use crate::writer::now_micros;

/// Things that are to be deleted together.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeleteBody {
    /// Which, by id (of customers also by ExternalID): 1 to 500.
    pub ids: Vec<String>,
    /// True only says what would be deleted, and what would go with it.
    pub preview: bool,
    /// True deletes each that can be; otherwise one that is refused keeps all others.
    pub each: bool,
    /// Why; kept in the audit trail.
    pub reason: Option<String>,
}

impl DeleteBody {
    /// Refuses none, and too many.
    ///
    /// # Errors
    /// [`Problem::BadRequest`].
    pub(in crate::http::v1) fn bounded(&self) -> Result<(), Problem> {
        match self.ids.len() {
            0 => Err(bad("Say in `ids` which; none are named")),
            1..=MAX_TOGETHER => Ok(()),
            _ => Err(bad(format_args!("At most {MAX_TOGETHER} are deleted together; send them in parts"))),
        }
    }

    /// The ids as they are kept in the audit trail.
    pub(in crate::http::v1) fn shown(&self) -> Vec<String> {
        self.ids.iter().map(|id| printable(id)).collect()
    }
}

/// A name of somebody else's making, as it is shown.
pub(in crate::http::v1) fn printable(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(crate::domain::ids::MAX_ID_CHARS).collect()
}

/// Refuses whoever may not delete this customer: who sees a part ends what was made here alone, since what a platform
/// reports is ended there, or by the vendor.
fn may(role: Role, see: &Visible, account: &Account) -> Result<(), String> {
    let own = matches!(see, Visible::Resellers(own) if own.contains(&account.id));
    if role == Role::ResellerAdmin && (own || !account.key.scope.source.is_local()) {
        return Err("A platform synchronizes this customer: it is deleted there, or by a provider_admin.".to_owned());
    }
    Ok(())
}

/// A customer and what goes with it.
fn doomed(
    connection: &mut AnyConnection,
    see: &Visible,
    account: &Account,
    expect: Option<i64>,
) -> Result<Found, StoreError> {
    Ok(Found {
        id: account.id.to_string(),
        name: account.profile.name.clone(),
        act: customers::delete(account, expect, now_micros()),
        with_it: WithItView::from(&sites::hanging(connection, see, account.id)?),
    })
}

/// How things are deleted.
pub(in crate::http::v1) struct How {
    /// Only says what would be.
    pub preview: bool,
    /// Deletes each that can be.
    pub each: bool,
    /// `If-Match` named the version: another change that came before it at this moment has it fail.
    pub guarded: bool,
    /// For the audit trail.
    pub entry: Entry,
}

/// Deletes what `judge` finds. No connection is held while the writer works.
///
/// # Errors
/// [`Problem`] when it could not be tried; nothing is deleted then.
pub(in crate::http::v1) async fn deleted<F>(operator: &Operator, how: How, judge: F) -> Result<DeletionView, Problem>
where
    F: FnOnce(&mut AnyConnection, &Visible) -> Result<Vec<Named>, Problem> + Send + 'static,
{
    let How { preview, each, guarded, entry } = how;
    let way = Way { each, within: operator.within(), policies: alone::policies(&operator.state.config), entry };
    let looked = operator.read(move |connection, see| {
        let judged = Judged::new(judge(connection, see)?, way);
        if preview { Ok((None, Some(judged.preview(connection)?))) } else { Ok((Some(judged), None)) }
    });
    match looked.await? {
        (_, Some(view)) => Ok(view),
        (Some(mut judged), None) => {
            let outcomes = match judged.take() {
                Some(list) => operator.acts(list).await?,
                None => Vec::new(),
            };
            if guarded && set::changed(&outcomes).is_err_and(|error| error.is_late()) {
                return Err(Problem::PreconditionFailed);
            }
            Ok(judged.told(outcomes))
        }
        (None, None) => Err(Problem::Internal),
    }
}

/// The answer about one: a refusal is a problem, but in a preview.
///
/// # Errors
/// [`Problem::Conflict`] with the reason.
pub(in crate::http::v1) fn answer_one(deletion: DeletionView) -> Result<DeletedView, Problem> {
    let preview = deletion.preview;
    match deletion.items.into_iter().next() {
        Some(item) if item.outcome == "refused" && !preview => {
            Err(Problem::Conflict(item.reason.unwrap_or_else(|| "It cannot be deleted.".to_owned())))
        }
        Some(item) => Ok(item),
        None => Err(Problem::Internal),
    }
}

/// Delete a customer
///
/// Its sites and probes end with it, a request to move it is withdrawn and open provisioning is cancelled, in the same
/// commit; its services and users stay on record. It comes back with its sites and probes if it is revived. Rows are never
/// removed: `DELETE /v1/accounts/{account}?erase=true` erases personal data. A reseller_admin deletes customers that were
/// made here and that no platform synchronizes.
#[utoipa::path(
    delete,
    path = "/v1/customers/{customer}",
    tag = "v1",
    params(
        ("customer" = String, Path, description = "Its id or ExternalID."),
        ("preview" = Option<bool>, Query, description = "True only says what would be deleted with it."),
        ("If-Match" = Option<String>, Header, description = "The ETag that it was shown with."),
    ),
    responses(
        (status = 200, description = "What became of it, or would.", body = DeletedView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it; the detail says which.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "The customer is another version than If-Match names.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn remove(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    operator.require_change()?;
    let mut params = Params::of(&request)?;
    let preview = params.flag("preview")?;
    params.end()?;
    let name = path_text(&name)?;
    let found = operator.read(move |connection, see| customer(connection, see, &name)).await?;
    let matched = respond::require_match(&request, &crate::ops::shown::account(&found))?;
    let account = found.account;
    let entry = entry(&operator, "customers.delete", &account.id.to_string(), &json!({}));
    let role = operator.role;
    let how = How { preview, each: false, guarded: matched, entry };
    let done = deleted(&operator, how, move |connection, see| {
        let judged = match may(role, see, &account) {
            Ok(()) => Ok(doomed(connection, see, &account, matched.then_some(account.revision))?),
            Err(why) => Err(why),
        };
        Ok(vec![(account.id.to_string(), judged)])
    });
    respond::fresh(&answer_one(done.await?)?)
}

/// Delete many customers of a partner
///
/// Each is answered with what became of it, all in one commit: all of them or none, unless `each` says otherwise. What
/// goes with each, and who may, is as where one is deleted.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/customers/delete",
    tag = "v1",
    params(("account" = String, Path, description = "The partner: its id or ExternalID.")),
    request_body = DeleteBody,
    responses(
        (status = 200, description = "What became of each, refused ones included.", body = DeletionView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The account is no partner.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn many(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let asked: DeleteBody = body(&operator, &request, &mut payload).await?;
    let name = path_text(&name)?;
    let partner = operator.read(move |connection, see| partner(connection, see, &name)).await?.account;
    asked.bounded()?;
    let detail = json!({"customers": asked.shown(), "reason": reason(asked.reason.as_deref())?});
    let entry = entry(&operator, "customers.delete", &partner.id.to_string(), &detail);
    let role = operator.role;
    let how = How { preview: asked.preview, each: asked.each, guarded: false, entry };
    let done = deleted(&operator, how, move |connection, see| {
        let called = asked.ids.iter();
        called.map(|one| Ok((printable(one), judged(connection, (role, see), Some(partner.id), one)?))).collect()
    });
    respond::fresh(&done.await?)
}

/// Delete many customers
///
/// Of any partner, or of none, as one of a partner: all in one commit, all of them or none unless `each` says otherwise.
#[utoipa::path(
    post,
    path = "/v1/customers/delete",
    tag = "v1",
    request_body = DeleteBody,
    responses(
        (status = 200, description = "What became of each, refused ones included.", body = DeletionView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn many_of_any(operator: Operator, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let asked: DeleteBody = body(&operator, &request, &mut payload).await?;
    asked.bounded()?;
    let detail = json!({"customers": asked.shown(), "reason": reason(asked.reason.as_deref())?});
    let entry = entry(&operator, "customers.delete", "", &detail);
    let role = operator.role;
    let how = How { preview: asked.preview, each: asked.each, guarded: false, entry };
    let done = deleted(&operator, how, move |connection, see| {
        let called = asked.ids.iter();
        called.map(|one| Ok((printable(one), judged(connection, (role, see), None, one)?))).collect()
    });
    respond::fresh(&done.await?)
}

/// A customer, of this partner where one is named, and what goes with it, or why it cannot be deleted.
fn judged(
    connection: &mut AnyConnection,
    (role, see): (Role, &Visible),
    partner: Option<AccountId>,
    called: &str,
) -> Result<Result<Found, String>, Problem> {
    let found = match one(connection, see, called) {
        Ok(found) => found,
        Err(Problem::Conflict(why)) => return Ok(Err(why)),
        Err(problem) => return Err(problem),
    };
    let theirs = |listed: &Listed| match partner {
        Some(partner) => customers::is_of(listed, partner),
        None => listed.account.kind != AccountKind::Reseller,
    };
    let Some(listed) = found.filter(theirs) else {
        let of = if partner.is_some() { " of this partner" } else { "" };
        return Ok(Err(format!("No customer{of} has this id or ExternalID.")));
    };
    match may(role, see, &listed.account) {
        Ok(()) => Ok(Ok(doomed(connection, see, &listed.account, None)?)),
        Err(why) => Ok(Err(why)),
    }
}
