//! The other side's word on a move that was asked for, and that of whoever asked.

use actix_web::HttpRequest;
use actix_web::web::{Path, Payload};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::super::accounts::path_text;
use super::super::change::{body, entry};
use super::super::operator::Operator;
use super::super::problem::{Problem, ProblemBody};
use super::super::query::Params;
use super::super::{Answered, respond};
use super::start::{bad, basis, reason};
use super::{found, kept};
use crate::domain::account::Account;
use crate::domain::ids::AccountId;
use crate::domain::moves::{Move, MoveState, Moving, Side};
use crate::domain::operator::Visible;
use crate::ops::{alone, moves};
use crate::store::AnyConnection;
use crate::store::seen::accounts;
use crate::wire::moves::{ChoiceBody, LookView, MoveView, choices};

/// What is decided.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DecisionBody {
    /// True only looks at what accepting would do.
    pub preview: bool,
    /// To accept: the revision of the preview that this rests on.
    pub revision: Option<String>,
    /// To accept: what is chosen where plans or locations differ; left out with `location`, what was chosen with the
    /// request.
    pub plans: Vec<ChoiceBody>,
    /// To accept: the new location of every service that may run there.
    pub location: Option<String>,
    /// Why; needed to decline.
    pub reason: Option<String>,
}

/// Whether somebody stands on a side of a move.
fn stands(see: &Visible, reseller: Option<AccountId>) -> bool {
    match see {
        Visible::All => true,
        Visible::Resellers(own) => reseller.is_some_and(|id| own.contains(&id)),
    }
}

/// The side that is asked.
fn asked(one: &Move) -> Option<AccountId> {
    match one.side {
        Some(Side::From) => one.to,
        Some(Side::To) | None => one.from,
    }
}

/// The side that asked.
fn asking(one: &Move) -> Option<AccountId> {
    match one.side {
        Some(Side::From) => one.from,
        Some(Side::To) | None => one.to,
    }
}

fn open(one: Move) -> Result<Move, Problem> {
    match one.state {
        MoveState::Requested => Ok(one),
        state => Err(Problem::Conflict(format!("This move is {} already. (1004)", state.as_str()))),
    }
}

/// An account that a move names, for whoever stands on the side that decides.
fn account(connection: &mut AnyConnection, id: AccountId) -> Result<Account, Problem> {
    let found = accounts::named(connection, &Visible::All, &id.to_string())?.pop();
    Ok(found.ok_or(Problem::NotFound)?.account)
}

/// Accept a move that was asked for
///
/// By a reseller_admin of the other side, or a provider_admin. With `preview`, only looks at it.
#[utoipa::path(
    post,
    path = "/v1/moves/{move}/accept",
    tag = "v1",
    params(("move" = String, Path, description = "Its id.")),
    request_body = DecisionBody,
    responses(
        (status = 200, description = "The preview (LookView), or the move as it is kept.", body = MoveView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is decided already, a rule is against it, or something changed since the preview.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn accept(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let body: DecisionBody = body(&operator, &request, &mut payload).await?;
    let name = path_text(&name)?;
    let read = operator.read(move |connection, see| {
        let one = open(found(connection, see, &name)?)?;
        if !stands(see, asked(&one)) {
            return Err(Problem::Forbidden);
        }
        let customer = account(connection, one.customer)?;
        let reseller = one.to.map(|id| account(connection, id)).transpose()?;
        Ok((one, customer, reseller))
    });
    let (one, customer, reseller) = read.await?;
    let mut chosen = choices(&body.plans, body.location.as_deref()).map_err(|why| bad(&why))?;
    if chosen.list.is_empty() && chosen.location.is_none() {
        chosen = one.choices.clone();
    }
    let moving = Moving {
        reseller: reseller.map(|reseller| reseller.key),
        choices: chosen,
        basis: basis(body.revision.as_deref())?,
        accepts: Some(one.id),
        by: operator.name.clone(),
        reason: reason(body.reason.as_deref())?,
        ..Moving::default()
    };
    if body.preview {
        let key = customer.key;
        let look = operator.read(move |connection, _| Ok(moves::preview(connection, &key, &moving)?)).await??;
        return respond::fresh(&LookView::new(&look));
    }
    if moving.basis.is_none() {
        return Err(bad("revision is missing; the same body with \"preview\": true shows it"));
    }
    let detail = json!({"move": one.id.to_string(), "reason": moving.reason});
    let entry = entry(&operator, "moves.accept", &customer.id.to_string(), &detail);
    let list = moves::list(customer.key, moving, alone::policies(&operator.state.config), entry);
    let made = moves::settled(&operator.acts(list).await?)?;
    kept(&operator, made).await
}

/// Ends a request that comes to nothing.
async fn end(operator: Operator, one: Move, state: MoveState, action: &str, why: Option<String>) -> Answered {
    let detail = json!({"move": one.id.to_string(), "reason": why});
    let entry = entry(&operator, action, &one.customer.to_string(), &detail);
    let id = one.id;
    let done =
        operator.state.writer.work(move |connection| moves::end(connection, &one, state, why.as_deref(), &entry));
    if !done.await? {
        return Err(Problem::Conflict("This move was decided at this moment. Look at it again. (1004)".to_owned()));
    }
    kept(&operator, Some(id)).await
}

/// Decline a move that was asked for
///
/// By a reseller_admin of the other side, or a provider_admin; `reason` says why.
#[utoipa::path(
    post,
    path = "/v1/moves/{move}/decline",
    tag = "v1",
    params(("move" = String, Path, description = "Its id.")),
    request_body = DecisionBody,
    responses(
        (status = 200, body = MoveView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is decided already.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn decline(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let body: DecisionBody = body(&operator, &request, &mut payload).await?;
    let why = reason(body.reason.as_deref())?;
    let name = path_text(&name)?;
    let read = operator.read(move |connection, see| {
        let one = open(found(connection, see, &name)?)?;
        if stands(see, asked(&one)) { Ok(one) } else { Err(Problem::Forbidden) }
    });
    let one = read.await?;
    let why = why.ok_or_else(|| bad("reason is missing; the other side reads it"))?;
    end(operator, one, MoveState::Declined, "moves.decline", Some(why)).await
}

/// Withdraw a move that was asked for
///
/// By a reseller_admin of the side that asked, or a provider_admin.
#[utoipa::path(
    post,
    path = "/v1/moves/{move}/withdraw",
    tag = "v1",
    params(("move" = String, Path, description = "Its id.")),
    request_body = DecisionBody,
    responses(
        (status = 200, body = MoveView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is decided already.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn withdraw(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let body: DecisionBody = body(&operator, &request, &mut payload).await?;
    let why = reason(body.reason.as_deref())?;
    let name = path_text(&name)?;
    let read = operator.read(move |connection, see| {
        let one = open(found(connection, see, &name)?)?;
        if stands(see, asking(&one)) { Ok(one) } else { Err(Problem::Forbidden) }
    });
    let one = read.await?;
    end(operator, one, MoveState::Withdrawn, "moves.withdraw", why).await
}
