//! What happened to an account.

use actix_web::HttpRequest;
use actix_web::web::Path;
use serde::Serialize;
use utoipa::ToSchema;

use super::Answered;
use super::accounts::{one, path_text};
use super::operator::Operator;
use super::problem::{Problem, ProblemBody};
use super::query::{Params, cursor};
use super::respond::{self, PageBody};
use crate::ops::shown;
use crate::store::seen::history::{self, Happened};
use crate::wire::relation::RelationView;
use crate::wire::show::DeliveryView;

/// One thing that happened to an account.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum HistoryBody {
    /// A relation was learned of; its end stands in it.
    Relation {
        /// When it was learned.
        at: String,
        /// The relation.
        relation: Box<RelationView>,
    },
    /// A call came.
    Delivery {
        /// When it came.
        at: String,
        /// The call and what became of it.
        delivery: Box<DeliveryView>,
    },
}

impl HistoryBody {
    fn new(happened: &Happened) -> Self {
        match happened {
            Happened::Related(related) => {
                let relation = Box::new(shown::relation(related));
                Self::Relation { at: relation.learned.clone(), relation }
            }
            Happened::Delivered(delivered) => {
                let delivery = Box::new(DeliveryView::new(&delivered.0, &delivered.1));
                Self::Delivery { at: delivery.received_at.clone(), delivery }
            }
        }
    }
}

/// What happened to an account
///
/// Its relations by when they were learned and its deliveries by when they came, newest first.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/history",
    tag = "v1",
    params(
        ("account" = String, Path, description = "Its id or ExternalID."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<HistoryBody>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Several accounts have this ExternalID.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    let mut params = Params::of(&request)?;
    let (limit, after) = (params.limit()?, params.after::<3>("history")?);
    params.end()?;
    let name = path_text(&name)?;
    let page = operator.read(move |connection, see| {
        let id = one(connection, see, &name)?.ok_or(Problem::NotFound)?.account.id;
        Ok(history::of(connection, see, id, after, limit)?)
    });
    let page = page.await?;
    let next = page.next.map(|place| cursor("history", place));
    respond::page(page.items.iter().map(HistoryBody::new).collect(), next)
}
