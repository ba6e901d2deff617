//! Moves of customers between resellers: looked at, made, asked for, decided, listed.

pub mod batch;
pub mod decide;
mod sides;
pub mod start;
pub mod terminate;
pub mod users;

use actix_web::HttpRequest;
use actix_web::web::Path;

use super::Answered;
use super::accounts::{one, path_text};
use super::operator::Operator;
use super::problem::{Problem, ProblemBody};
use super::query::{Params, cursor};
use super::respond::{self, PageBody};
use crate::domain::ids::MoveId;
use crate::domain::moves::{Move, MoveState, Refusal};
use crate::domain::operator::Visible;
use crate::store::AnyConnection;
use crate::store::seen::moves::{self, MoveFilter};
use crate::wire::moves::MoveView;

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Conflict(format!("{} ({})", refusal.message, refusal.code.number()))
    }
}

/// List moves
///
/// Newest first: made, asked for, and come to nothing. A reseller_admin sees those in which its resellers are a side.
#[utoipa::path(
    get,
    path = "/v1/moves",
    tag = "v1",
    params(
        ("customer" = Option<String>, Query, description = "Of this customer: an id or ExternalID."),
        ("reseller" = Option<String>, Query, description = "From or to this reseller: an id or ExternalID."),
        ("state" = Option<String>, Query, description = "requested, done, declined or withdrawn."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<MoveView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such account.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Several accounts have this ExternalID.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(operator: Operator, request: HttpRequest) -> Answered {
    let mut params = Params::of(&request)?;
    let (customer, reseller) = (params.text("customer"), params.text("reseller"));
    let state = params.parsed("state", "requested, done, declined or withdrawn", MoveState::parse)?;
    let (limit, after) = (params.limit()?, params.after::<1>("moves")?);
    params.end()?;
    let page = operator.read(move |connection, see| {
        let mut id = |name: Option<String>| -> Result<_, Problem> {
            let Some(name) = name else { return Ok(None) };
            Ok(Some(one(connection, see, &name)?.ok_or(Problem::NotFound)?.account.id))
        };
        let filter = MoveFilter { customer: id(customer)?, reseller: id(reseller)?, state };
        Ok(moves::list(connection, see, &filter, after.map(|[id]| MoveId(id)), limit)?)
    });
    let page = page.await?;
    let next = page.next.map(|id| cursor("moves", [id.0]));
    respond::page(page.items.iter().map(|one| MoveView::new(one, &operator.visible)).collect(), next)
}

/// The move that a path names.
fn found(connection: &mut AnyConnection, see: &Visible, name: &str) -> Result<Move, Problem> {
    let id = MoveId::parse(name).ok_or(Problem::NotFound)?;
    moves::find(connection, see, id)?.ok_or(Problem::NotFound)
}

/// The move that was kept of a change, as it is shown to whoever made it.
async fn kept(operator: &Operator, id: Option<MoveId>) -> Answered {
    let id = id.ok_or(Problem::Internal)?.to_string();
    let one = operator.read(move |connection, see| found(connection, see, &id)).await?;
    respond::fresh(&MoveView::new(&one, &operator.visible))
}

/// Show one move
#[utoipa::path(
    get,
    path = "/v1/moves/{move}",
    tag = "v1",
    params(("move" = String, Path, description = "Its id.")),
    responses(
        (status = 200, body = MoveView),
        (status = 304, description = "The caller has this version, by If-None-Match."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn show(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let name = path_text(&name)?;
    let one = operator.read(move |connection, see| found(connection, see, &name)).await?;
    respond::single(&request, &MoveView::new(&one, &operator.visible))
}
