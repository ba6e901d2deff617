//! Contacts of an account beyond the primary one: the handles that domains are registered on.

use std::collections::BTreeMap;

use actix_web::HttpRequest;
use actix_web::http::header::IF_MATCH;
use actix_web::web::{Path, Payload};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{Found, about, keep, look, wrong};
use crate::domain::dossier::{CardField, CardPatch, ContactCard, DossierAct};
use crate::http::v1::Answered;
use crate::http::v1::change::body;
use crate::http::v1::operator::Operator;
use crate::http::v1::problem::{Problem, ProblemBody};
use crate::http::v1::query::Params;
use crate::http::v1::respond::{self, PageBody};
use crate::wire::profile::{CardView, registry};

/// The postal address of a contact; what is left out stays, empty text clears a field.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)] // The names are those of the account's own address.
pub struct CardAddress {
    pub address1: Option<String>,
    pub address2: Option<String>,
    pub city: Option<String>,
    pub post_code: Option<String>,
    pub state_code: Option<String>,
    pub state_name: Option<String>,
    pub country_code: Option<String>,
    pub country_name: Option<String>,
}

/// A contact; what is left out stays as it is, or is empty in a new one.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)] // The names are those of the account's primary contact.
pub struct CardBody {
    /// What registries call it.
    pub handle: Option<String>,
    pub organisation: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub fax: Option<String>,
    pub address: CardAddress,
    /// What a registry wants to know beside that: an object for each, by the registry's name, which replaces the one
    /// that was there; null takes it away.
    #[schema(value_type = Object)]
    pub registries: BTreeMap<String, Box<RawValue>>,
}

impl CardBody {
    fn patch(&self) -> Result<CardPatch, Problem> {
        let mut patch = CardPatch::default();
        let address = &self.address;
        for (field, text) in [
            (CardField::Handle, &self.handle),
            (CardField::Organisation, &self.organisation),
            (CardField::FirstName, &self.first_name),
            (CardField::LastName, &self.last_name),
            (CardField::Email, &self.email),
            (CardField::Phone, &self.phone),
            (CardField::Fax, &self.fax),
            (CardField::Address1, &address.address1),
            (CardField::Address2, &address.address2),
            (CardField::City, &address.city),
            (CardField::PostCode, &address.post_code),
            (CardField::StateCode, &address.state_code),
            (CardField::StateName, &address.state_name),
            (CardField::CountryCode, &address.country_code),
            (CardField::CountryName, &address.country_name),
        ] {
            if let Some(text) = text {
                patch.text(field, text).map_err(wrong(field.as_str()))?;
            }
        }
        for (name, raw) in &self.registries {
            let object = registry(raw.get()).map_err(wrong("What a registry wants to know"))?;
            patch.registry(name, object).map_err(wrong("registries"))?;
        }
        Ok(patch)
    }
}

/// The number in the path.
pub(super) fn number(text: &str) -> Result<i64, Problem> {
    text.parse().ok().filter(|number| *number >= 0).ok_or(Problem::NotFound)
}

fn card(found: &Found, number: i64) -> Result<&ContactCard, Problem> {
    found.dossier.contacts.iter().find(|card| card.number == number).ok_or(Problem::NotFound)
}

/// List the contacts of an account
///
/// In the order of their numbers, all of them: an account has at most 100.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/contacts",
    tag = "v1",
    params(("account" = String, Path, description = "Its id or ExternalID.")),
    responses(
        (status = 200, body = PageBody<CardView>),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let found = look(&operator, &name).await?;
    respond::page(found.dossier.contacts.iter().map(CardView::from).collect(), None)
}

/// Show one contact
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/contacts/{contact}",
    tag = "v1",
    params(
        ("account" = String, Path, description = "The account's id or ExternalID."),
        ("contact" = String, Path, description = "The contact's number."),
    ),
    responses(
        (status = 200, body = CardView),
        (status = 304, description = "The caller has this version, by If-None-Match."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn show(operator: Operator, path: Path<(String, String)>, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let (name, contact) = path.into_inner();
    let found = look(&operator, &name).await?;
    respond::single(&request, &CardView::from(card(&found, number(&contact)?)?))
}

/// Add a contact
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/contacts",
    tag = "v1",
    params(("account" = String, Path, description = "Its id or ExternalID.")),
    request_body = CardBody,
    responses(
        (status = 200, description = "The contact as it is now.", body = CardView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it; the detail says which and ends with its code.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn add(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let asked: CardBody = body(&operator, &request, &mut payload).await?;
    let patch = asked.patch()?;
    let found = look(&operator, &name).await?;
    let told = ("contacts.add", about("contact", None, &patch.names()));
    keep(&operator, &found.account, DossierAct::AddContact(Box::new(patch.clone())), told, false).await?;
    let now = look(&operator, &found.account.id.to_string()).await?;
    // The newest one that shows what was sent is this one, or one that was added at the same moment and is its like.
    let added = now.dossier.contacts.iter().rev().find(|card| card.shows(&patch)).ok_or(Problem::NotFound)?;
    respond::current(&CardView::from(added))
}

/// Change a contact
#[utoipa::path(
    patch,
    path = "/v1/accounts/{account}/contacts/{contact}",
    tag = "v1",
    params(
        ("account" = String, Path, description = "The account's id or ExternalID."),
        ("contact" = String, Path, description = "The contact's number."),
        ("If-Match" = Option<String>, Header, description = "The ETag that it was shown with."),
    ),
    request_body = CardBody,
    responses(
        (status = 200, description = "The contact as it is now.", body = CardView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it; the detail says which and ends with its code.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "It is another version than If-Match names.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn change(
    operator: Operator,
    path: Path<(String, String)>,
    request: HttpRequest,
    mut payload: Payload,
) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let asked: CardBody = body(&operator, &request, &mut payload).await?;
    let patch = asked.patch()?;
    let (name, contact) = path.into_inner();
    let found = look(&operator, &name).await?;
    let number = number(&contact)?;
    let guarded = guard(&request, card(&found, number)?)?;
    let told = ("contacts.set", about("contact", Some(number), &patch.names()));
    keep(&operator, &found.account, DossierAct::ChangeContact(number, Box::new(patch)), told, guarded).await?;
    let now = look(&operator, &found.account.id.to_string()).await?;
    respond::current(&CardView::from(card(&now, number)?))
}

/// Whether the change is for this version alone, which must be the one that is there.
fn guard(request: &HttpRequest, card: &ContactCard) -> Result<bool, Problem> {
    let guarded = request.headers().contains_key(IF_MATCH);
    if guarded && !respond::matches(request, &CardView::from(card))? {
        return Err(Problem::PreconditionFailed);
    }
    Ok(guarded)
}

/// Take a contact away
#[utoipa::path(
    delete,
    path = "/v1/accounts/{account}/contacts/{contact}",
    tag = "v1",
    params(
        ("account" = String, Path, description = "The account's id or ExternalID."),
        ("contact" = String, Path, description = "The contact's number."),
        ("If-Match" = Option<String>, Header, description = "The ETag that it was shown with."),
    ),
    responses(
        (status = 204, description = "It is taken away."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it; the detail says which and ends with its code.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "It is another version than If-Match names.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn remove(operator: Operator, path: Path<(String, String)>, request: HttpRequest) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let (name, contact) = path.into_inner();
    let found = look(&operator, &name).await?;
    let number = number(&contact)?;
    let guarded = guard(&request, card(&found, number)?)?;
    let told = ("contacts.remove", about("contact", Some(number), &[]));
    keep(&operator, &found.account, DossierAct::RemoveContact(number), told, guarded).await?;
    Ok(respond::nothing())
}
