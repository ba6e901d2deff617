//! What a reseller may sell: shown and set.

use actix_web::HttpRequest;
use actix_web::http::header::IF_MATCH;
use actix_web::web::{Path, Payload};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::Answered;
use super::accounts::{one, path_text};
use super::change::{body, entry};
use super::operator::Operator;
use super::patch::said;
use super::problem::{Problem, ProblemBody};
use super::query::Params;
use super::respond;
use crate::domain::account::AccountStatus;
use crate::domain::offer::{Offer, directory_ou, in_order};
use crate::domain::operator::Visible;
use crate::domain::outcome::Code;
use crate::ops::plans::{self, SetError, Wanted};
use crate::ops::shown;
use crate::store::AnyConnection;
use crate::store::accounts::Listed;
use crate::store::offers::Listing;
use crate::store::seen::offers as seen;
use crate::wire::plans::PlansView;

impl From<SetError> for Problem {
    fn from(error: SetError) -> Self {
        Self::Conflict(format!("{error} ({})", error.code().number()))
    }
}

/// A service on a plan that a reseller may sell.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferBody {
    /// The service.
    pub service: String,
    /// The plan.
    pub plan: String,
    /// Where it may run; none where there is no location to choose.
    #[serde(default)]
    pub locations: Vec<String>,
}

/// What a reseller may sell, as it is to be; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PlansBody {
    /// Exactly what it may sell, at most 10,000 offers of 256 locations each.
    pub offers: Option<Vec<OfferBody>>,
    /// The distinguished name of its organizational unit, such as `OU=Example,DC=vendor,DC=example`; null for none.
    #[serde(deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    pub directory_ou: Option<Option<String>>,
}

/// Offers as they were sent, in their order.
///
/// # Errors
/// [`Problem::BadRequest`] names the first one that cannot be, by its position from 1.
pub(super) fn offers(sent: &[OfferBody]) -> Result<Vec<Offer>, Problem> {
    let mut offers = Vec::with_capacity(sent.len());
    for (at, offer) in (1..).zip(sent) {
        let read = Offer::new(&offer.service, &offer.plan, &offer.locations);
        offers.push(read.map_err(|error| Problem::BadRequest(format!("Offer {at} cannot be so: {error}.")))?);
    }
    in_order(offers).map_err(|error| Problem::BadRequest(format!("The list cannot be so: {error}.")))
}

/// A directory OU as it was sent.
///
/// # Errors
/// [`Problem::BadRequest`] says what is wrong with it.
pub(super) fn ou(text: &str) -> Result<String, Problem> {
    directory_ou(text).map_err(|error| Problem::BadRequest(format!("directory_ou cannot be so: {error}.")))
}

impl PlansBody {
    fn wanted(&self) -> Result<Wanted, Problem> {
        let sent = self.directory_ou.as_ref().map(|text| text.as_deref().map(ou).transpose());
        Ok(Wanted { offers: self.offers.as_deref().map(offers).transpose()?, directory_ou: sent.transpose()? })
    }
}

/// A reseller and its list, as far as this operator sees them.
fn found(connection: &mut AnyConnection, see: &Visible, name: &str) -> Result<(Listed, Listing), Problem> {
    let reseller = one(connection, see, name)?.ok_or(Problem::NotFound)?;
    let listing = seen::listing(connection, see, reseller.account.id)?;
    let (account, listing) = (&reseller.account, listing.ok_or(Problem::NotFound)?);
    // One that is deleted is shown all the same.
    match plans::refusal(Some((account.kind, AccountStatus::Active))) {
        Some(why) => Err(Problem::Conflict(format!("{why} ({})", Code::RuleBroken.number()))),
        None => Ok((reseller, listing)),
    }
}

/// Show what a reseller may sell
///
/// Everything with one answer: offers by service and plan, and the reseller's directory OU. A reseller_admin sees those of
/// its own resellers.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/plans",
    tag = "v1",
    params(("account" = String, Path, description = "The reseller's id or ExternalID.")),
    responses(
        (status = 200, body = PlansView),
        (status = 304, description = "The caller has this version, by If-None-Match."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The account is no reseller, or several have this ExternalID.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn show(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let name = path_text(&name)?;
    let (reseller, listing) = operator.read(move |connection, see| found(connection, see, &name)).await?;
    respond::single(&request, &shown::plans(&reseller.account, &listing))
}

/// Set what a reseller may sell
///
/// `offers` is the exact set from now on, and must be there; `directory_ou` stays as it is where it is left out. With `If-Match`, only if the list is as it was shown under that ETag. What is so already changes nothing.
#[utoipa::path(
    put,
    path = "/v1/accounts/{account}/plans",
    tag = "v1",
    params(
        ("account" = String, Path, description = "The reseller's id or ExternalID."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the list was shown with."),
    ),
    request_body = PlansBody,
    responses(
        (status = 200, description = "The list as it is now.", body = PlansView),
        (status = 400, description = "An offer cannot be so, and which.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The account is no reseller, or a deleted one.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "The list is another version than If-Match names.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn put(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_provider()?;
    Params::of(&request)?.end()?;
    let sent: PlansBody = body(&operator, &request, &mut payload).await?;
    if sent.offers.is_none() {
        let why = "A PUT sets the whole list: name its offers, [] for none, or change the rest of it with PATCH.";
        return Err(Problem::BadRequest(why.to_owned()));
    }
    set(&operator, &name, &request, sent.wanted()?).await
}

/// Change parts of what a reseller may sell
///
/// As PUT, but offers, too, stay as they are where they are left out: for its directory OU alone.
#[utoipa::path(
    patch,
    path = "/v1/accounts/{account}/plans",
    tag = "v1",
    params(
        ("account" = String, Path, description = "The reseller's id or ExternalID."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the list was shown with."),
    ),
    request_body = PlansBody,
    responses(
        (status = 200, description = "The list as it is now.", body = PlansView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The account is no reseller, or a deleted one.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "The list is another version than If-Match names.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn change(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_provider()?;
    Params::of(&request)?.end()?;
    let sent: PlansBody = body(&operator, &request, &mut payload).await?;
    let wanted = sent.wanted()?;
    if wanted == Wanted::default() {
        let why = "Nothing is to be changed; name offers or directory_ou.";
        return Err(Problem::BadRequest(why.to_owned()));
    }
    set(&operator, &name, &request, wanted).await
}

async fn set(operator: &Operator, name: &str, request: &HttpRequest, wanted: Wanted) -> Answered {
    let name = path_text(name)?;
    let (reseller, listing) = operator.read(move |connection, see| found(connection, see, &name)).await?;
    let expect = if request.headers().contains_key(IF_MATCH) {
        if !respond::matches(request, &shown::plans(&reseller.account, &listing))? {
            return Err(Problem::PreconditionFailed);
        }
        // What is written is what was looked at, whoever else is at it.
        Some(listing.seller.offers.revision)
    } else {
        None
    };
    let id = reseller.account.id;
    let entry = entry(operator, "plans.set", &id.to_string(), &json!({}));
    let done =
        operator.state.writer.work(move |connection| plans::set(connection, id, &wanted, expect, &entry)).await?;
    match done {
        Ok(_) => {}
        Err(SetError::Changed) => return Err(Problem::PreconditionFailed),
        Err(error) => return Err(error.into()),
    }
    let now = operator.read(move |connection, see| found(connection, see, &id.to_string())).await?;
    respond::current(&shown::plans(&now.0.account, &now.1))
}
