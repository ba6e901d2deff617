//! A move looked at, made or asked for.

use actix_web::HttpRequest;
use actix_web::web::Payload;
use serde_json::json;

use super::super::change::{body, entry};
use super::super::operator::Operator;
use super::super::problem::{Problem, ProblemBody};
use super::super::query::Params;
use super::super::{Answered, respond};
use super::kept;
use super::sides::{self, May};
use crate::domain::moves::{Basis, Moving, Side};
use crate::ops::{alone, moves, set};
use crate::wire::moves::{LookView, MoveBody, MoveView, choices};

/// Reads the revision of a preview.
pub(super) fn basis(revision: Option<&str>) -> Result<Option<Basis>, Problem> {
    let read = |text: &str| Basis::parse(text).ok_or_else(|| bad("revision is none that a preview showed"));
    revision.map(read).transpose()
}

pub(super) fn bad(why: &str) -> Problem {
    Problem::BadRequest(format!("The body is not as it must be: {why}."))
}

/// Reads a reason.
pub(super) fn reason(text: Option<&str>) -> Result<Option<String>, Problem> {
    text.map(set::reason).transpose().map_err(|why| Problem::BadRequest(format!("reason {why}.")))
}

/// Move a customer to another reseller
///
/// With `preview`, tells for every service whether the new reseller sells it: an equal plan is matched by itself, otherwise
/// there are plans to choose from, or a reason why the move cannot be made. Without, makes the move on the `revision` of a
/// preview, and is refused with what changed if anything did. A reseller_admin of one side only asks for the move: the
/// other side accepts or declines it. The reseller holds against what the platform reports, until it reports something
/// else than it does now.
#[utoipa::path(
    post,
    path = "/v1/moves",
    tag = "v1",
    request_body = MoveBody,
    responses(
        (status = 200, description = "The preview (LookView), or the move as it is kept.", body = MoveView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it, or something changed since the preview; the detail says what and ends with its code.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn start(operator: Operator, request: HttpRequest, mut payload: Payload) -> Answered {
    Params::of(&request)?.end()?;
    let asked: MoveBody = body(&operator, &request, &mut payload).await?;
    if !asked.preview {
        operator.require_change()?;
    }
    let customer = asked.customer.ok_or_else(|| bad("customer is missing: an id or ExternalID"))?;
    let reseller = asked.reseller.ok_or_else(|| bad("reseller is missing: an id or ExternalID, or null for nobody"))?;
    let chosen = choices(&asked.plans, asked.location.as_deref()).map_err(|why| bad(&why))?;
    let found = operator.read(move |connection, see| sides::of(connection, see, &customer, reseller.as_deref()));
    let sides = found.await?;
    let customer = sides.customer.key;
    let mut moving = Moving {
        reseller: sides.reseller.map(|reseller| reseller.key),
        choices: chosen,
        basis: basis(asked.revision.as_deref())?,
        by: operator.name.clone(),
        reason: reason(asked.reason.as_deref())?,
        ..Moving::default()
    };
    if let May::Request(side) = sides.may {
        moving.request = Some(side);
        if side == Side::To {
            // What it is of is not theirs to ask about.
            moving.basis = None;
        }
    }
    if asked.preview {
        let look = operator.read(move |connection, _| Ok(moves::preview(connection, &customer, &moving)?)).await??;
        return respond::fresh(&match sides.may {
            May::Commit => LookView::new(&look),
            May::Request(side) => LookView::asking(&look, side),
        });
    }
    let action = match sides.may {
        May::Commit if moving.basis.is_none() => {
            return Err(bad("revision is missing; the same body with \"preview\": true shows it"));
        }
        May::Commit => "moves.commit",
        May::Request(_) => "moves.request",
    };
    let to = sides.customer.id.to_string();
    let detail =
        json!({"reseller": moving.reseller.as_ref().map(|key| key.platform_id.as_str()), "reason": moving.reason});
    let list =
        moves::list(customer, moving, alone::policies(&operator.state.config), entry(&operator, action, &to, &detail));
    let made = moves::settled(&operator.acts(list).await?)?;
    kept(&operator, made).await
}
