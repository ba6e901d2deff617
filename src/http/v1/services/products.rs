//! Moving services from one customer to another of the same level.

use std::collections::BTreeSet;

use actix_web::HttpRequest;
use actix_web::web::{Path, Payload};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::change::reason;
use super::found;
use crate::domain::act::products::MAX_PRODUCTS;
use crate::domain::ids::ServiceId;
use crate::domain::operator::Visible;
use crate::http::v1::Answered;
use crate::http::v1::accounts::{one, path_text};
use crate::http::v1::change::{body, entry};
use crate::http::v1::operator::Operator;
use crate::http::v1::problem::{Problem, ProblemBody};
use crate::http::v1::query::Params;
use crate::http::v1::respond;
use crate::ops::services::Moving;
use crate::ops::set::{self, SetError};
use crate::ops::{alone, shown};
use crate::store::AnyConnection;
use crate::wire::products_show::ProductsView;

/// How often a move is weighed again that somebody was in the way of.
const ATTEMPTS: usize = 3;

/// Which services move where.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProductsBody {
    /// The customer that gets them, by id or ExternalID.
    pub to: String,
    /// The services, by id or ExternalID; add-ons go with their subscription.
    pub services: Vec<String>,
    /// True to be told what would be, and change nothing.
    pub preview: bool,
    /// The `revision` of a preview: the move is done only if nothing changed since.
    pub revision: Option<String>,
    /// Why; kept in the audit trail.
    pub reason: Option<String>,
}

fn bad(why: impl std::fmt::Display) -> Problem {
    Problem::BadRequest(format!("{why}."))
}

/// The ids of services that are named by id or ExternalID.
fn ids(connection: &mut AnyConnection, see: &Visible, names: &[String]) -> Result<BTreeSet<ServiceId>, Problem> {
    let mut ids = BTreeSet::new();
    for name in names {
        let id = match ServiceId::parse(name) {
            Some(id) => id,
            None => match found(connection, see, name) {
                Err(Problem::NotFound) => {
                    let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
                    return Err(bad(format_args!("No service is called {shown}; list the customer's services")));
                }
                found => found?.id,
            },
        };
        ids.insert(id);
    }
    Ok(ids)
}

/// Move services to another customer
///
/// Domains, hosting and other services of one customer become those of another customer of the same reseller, or of
/// another one without a reseller. Users of the first lose them. All of them move or none. With `preview` nothing is
/// changed; the answer gives a reason for each service that is in the way. A reseller_admin may do so between its
/// customers. With `If-Match`, only if the first customer's account is as it was shown under that ETag.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/services/move",
    tag = "v1",
    params(
        ("account" = String, Path, description = "The id or ExternalID of the customer that has them."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the account was shown with."),
    ),
    request_body = ProductsBody,
    responses(
        (status = 200, description = "What was moved and who lost what, or would be.", body = ProductsView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Nothing is moved: the detail says what is in the way, service by service, and ends with its code.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "The account is another version than If-Match names.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn give(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let asked: ProductsBody = body(&operator, &request, &mut payload).await?;
    let name = path_text(&name)?;
    let from = operator.read(move |connection, see| one(connection, see, &name)?.ok_or(Problem::NotFound)).await?;
    let matched = respond::require_match(&request, &shown::account(&from))?;
    let reason = reason(asked.reason.as_deref())?;
    if asked.to.trim().is_empty() || asked.services.is_empty() {
        return Err(bad("Say with `to` which customer gets which `services`"));
    }
    if asked.services.len() > MAX_PRODUCTS {
        return Err(bad(format_args!("A move names at most {MAX_PRODUCTS} services; move them in parts")));
    }
    let (to, names, from_key) = (asked.to.clone(), asked.services, from.account.key.clone());
    let moving = operator.read(move |connection, see| {
        let to = one(connection, see, to.trim())?
            .ok_or_else(|| bad("No account has the id or ExternalID in `to`; GET /v1/accounts lists them"))?;
        Ok(Moving::new(from_key, to.account.key, ids(connection, see, &names)?))
    });
    let mut moving = moving.await?;
    moving.expect = matched.then_some(from.account.revision);
    for attempt in 1.. {
        let weighing = moving.clone();
        let weighed = operator.read(move |connection, _| Ok(weighing.weigh(connection)?)).await?;
        if asked.revision.as_ref().is_some_and(|seen| *seen != weighed.revision) {
            return Err(Problem::Conflict(
                "The services, the customers or the users changed since the preview. Preview it again, then decide."
                    .to_owned(),
            ));
        }
        if asked.preview {
            return respond::fresh(&ProductsView::new(&weighed, true));
        }
        if let Some((code, why)) = weighed.refusal() {
            return Err(SetError::Refused(code, why).into());
        }
        let moved: Vec<String> = weighed.products.iter().take(50).map(|product| product.id.to_string()).collect();
        let detail = json!({"to": weighed.to.map(|to| to.to_string()), "services": moved,
            "count": weighed.products.len(), "reason": reason});
        let entry = entry(&operator, "services.move", &from.account.id.to_string(), &detail);
        let list = moving.list(&weighed, alone::policies(&operator.state.config), entry);
        match set::changed(&operator.acts(list).await?) {
            Ok(_) => return respond::fresh(&ProductsView::new(&weighed, false)),
            // Somebody changed something since it was weighed; weigh it again, unless it was to be as it was seen.
            Err(SetError::Refused(..)) if asked.revision.is_none() && !matched && attempt < ATTEMPTS => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::Internal)
}
