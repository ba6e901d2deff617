//! Accounts that are made by hand.

use actix_web::HttpRequest;
use actix_web::web::Payload;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Answered;
use super::accounts::one;
use super::change::{body, entry};
use super::operator::Operator;
use super::patch::{profile_text, word};
use super::problem::{Problem, ProblemBody};
use super::query::Params;
use super::respond;
use crate::domain::account::AccountKind;
use crate::domain::act::Created;
use crate::domain::call::ProfilePatch;
use crate::domain::ids::{ExternalId, PlatformId, Tenant};
use crate::ops::create::{self, New};
use crate::ops::{alone, set, shown};

/// An account to be made.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewAccountBody {
    /// `reseller`, `reseller_customer` or `direct_customer`; left out, a customer.
    pub kind: Option<String>,
    /// Its reseller, by id or ExternalID; left out for a reseller, or a customer of nobody.
    pub reseller: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its e-mail address.
    pub email: Option<String>,
    /// Its code.
    pub code: Option<String>,
    /// Its telephone number.
    pub phone: Option<String>,
    /// Its web site.
    pub website: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// Its ID here, until a platform synchronizes it; left out, one is issued.
    pub platform_id: Option<String>,
    /// The ExternalID that it is known by already; left out, one is issued.
    pub external_id: Option<String>,
    /// Its tenant, where sources tell tenants apart; left out, its reseller's.
    pub tenant: Option<String>,
    /// Why; kept in the audit trail.
    pub reason: Option<String>,
}

impl NewAccountBody {
    fn profile(&self) -> Result<ProfilePatch, Problem> {
        for (name, text) in [
            ("name", &self.name),
            ("email", &self.email),
            ("code", &self.code),
            ("phone", &self.phone),
            ("website", &self.website),
            ("description", &self.description),
        ] {
            profile_text(name, text.as_deref())?;
        }
        if self.name.as_deref().is_none_or(|name| name.trim().is_empty()) {
            return Err(Problem::BadRequest("An account needs a name; send `name`.".to_owned()));
        }
        Ok(ProfilePatch {
            name: self.name.clone(),
            email: self.email.clone(),
            code: self.code.clone(),
            phone: self.phone.clone(),
            website: self.website.clone(),
            description: self.description.clone(),
            ..ProfilePatch::default()
        })
    }
}

/// Reads an ID.
fn id<T, E: std::fmt::Display>(
    text: Option<&str>,
    name: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, Problem> {
    text.map(|text| parse(text).map_err(|why| Problem::BadRequest(format!("{name} {why}.")))).transpose()
}

/// Make an account
///
/// It belongs to the source `local` until a platform synchronizes the same one for the first time: known by its
/// ExternalID, or by what `adopt` says in the configuration, it gets the platform's ID then and keeps its own id and
/// ExternalID.
#[utoipa::path(
    post,
    path = "/v1/accounts",
    tag = "v1",
    request_body = NewAccountBody,
    responses(
        (status = 201, description = "The account; `Location` says where it is.", body = crate::wire::show::AccountView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it; the detail says which and ends with its code.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn create(operator: Operator, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_provider()?;
    Params::of(&request)?.end()?;
    let asked: NewAccountBody = body(&operator, &request, &mut payload).await?;
    let kinds = "reseller, reseller_customer, direct_customer";
    let customer = if asked.reseller.is_some() { AccountKind::ResellerCustomer } else { AccountKind::DirectCustomer };
    let kind = word(asked.kind.as_deref(), AccountKind::parse, "kind", kinds)?.unwrap_or(customer);
    let profile = asked.profile()?;
    let reseller = match asked.reseller.clone() {
        Some(name) => {
            let found = operator.read(move |connection, see| one(connection, see, &name)).await?;
            let nobody = "No account has the reseller's id or ExternalID; GET /v1/accounts lists them.";
            Some(found.ok_or_else(|| Problem::BadRequest(nobody.to_owned()))?.account.key)
        }
        None => None,
    };
    let reason = asked.reason.as_deref().map(set::reason).transpose();
    let reason = reason.map_err(|why| Problem::BadRequest(format!("reason {why}.")))?;
    let new = New {
        platform_id: id(asked.platform_id.as_deref(), "platform_id", PlatformId::parse)?,
        tenant: id(asked.tenant.as_deref(), "tenant", Tenant::parse)?,
        created: Created {
            external_id: id(asked.external_id.as_deref(), "external_id", ExternalId::parse)?,
            kind,
            reseller,
            profile,
        },
    };
    let asked = new.clone();
    if let Some(why) = operator.read(move |connection, _| Ok(create::known_already(connection, &asked)?)).await? {
        return Err(Problem::Conflict(format!("Cannot make it: {why}. (1004)")));
    }
    let key = new.key();
    let entry = entry(&operator, "accounts.create", "", &new.detail(&key, reason.as_deref()));
    let list = new.list(key, alone::policies(&operator.state.config), entry);
    let id = create::made(&operator.acts(list).await?)?.to_string();
    let location = format!("/v1/accounts/{id}");
    let made = operator.read(move |connection, see| one(connection, see, &id)).await?.ok_or(Problem::NotFound)?;
    respond::created(&location, &shown::account(&made))
}
