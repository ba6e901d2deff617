//! A customer becomes a reseller, and a customer again.

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
use super::plans::{OfferBody, offers, ou};
use super::problem::{Problem, ProblemBody};
use super::query::Params;
use super::respond;
use crate::auth::token::new_token;
use crate::domain::act::OffersOf;
use crate::domain::dossier;
use crate::domain::ids::{AccountId, AccountKey};
use crate::domain::operator::{Role, Visible, parse_name};
use crate::ops::promote::{self, NameError, Wanted};
use crate::ops::{alone, set, shown};
use crate::store::AnyConnection;
use crate::store::accounts::Listed;
use crate::store::seen::{dossiers, offers as seen};
use crate::wire::plans::PlansView;
use crate::wire::show::AccountView;
use crate::wire::time::{parse_time, rfc3339};
use crate::writer::now_micros;

impl From<NameError> for Problem {
    fn from(error: NameError) -> Self {
        match error {
            NameError::Taken => Self::Conflict(format!("{error}.")),
            NameError::Store(error) => error.into(),
        }
    }
}

/// How a customer becomes a reseller.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PromoteBody {
    /// The reseller whose offers it gets, by id or ExternalID. Without this and without `offers`: those of the reseller
    /// that it was a customer of.
    pub plans_from: Option<String>,
    /// Exactly what it may sell.
    pub offers: Option<Vec<OfferBody>>,
    /// What its price list is called; without this as the one that is copied.
    pub price_list: Option<String>,
    /// The distinguished name of its organizational unit.
    pub directory_ou: Option<String>,
    /// The name of its login; without this one is made of its id.
    pub operator: Option<String>,
    /// When the login's token ends (RFC 3339, or a day); never without this.
    pub expires_at: Option<String>,
    /// Why; kept in the audit trail. Must be there.
    pub reason: Option<String>,
}

/// The login of a new reseller.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoginView {
    /// Its name.
    pub name: String,
    /// What it may do: reseller_admin.
    pub role: &'static str,
    /// What it sends as `Authorization: Bearer …`. It is shown this once.
    pub token: String,
    /// When the token ends.
    pub expires_at: Option<String>,
}

/// A customer that became a reseller.
#[derive(Debug, Serialize, ToSchema)]
pub struct PromotedView {
    /// The account as it is now. This, `plans` and `price_list` are null where they cannot be read at this moment: the
    /// promotion is made, and the token is told all the same.
    pub account: Option<AccountView>,
    /// What it may sell.
    pub plans: Option<PlansView>,
    /// What its price list is called; empty where it has none. `/profile` has it, too.
    pub price_list: Option<String>,
    /// Its own login.
    pub operator: LoginView,
    /// What was noticed on the way.
    pub notes: Vec<String>,
}

/// How a reseller becomes a customer again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DemoteBody {
    /// The reseller that it becomes a customer of, by id or ExternalID; null for nobody. Without this: the one that it was
    /// a customer of when it was promoted.
    #[serde(deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    pub reseller: Option<Option<String>>,
    /// Why; kept in the audit trail. Must be there.
    pub reason: Option<String>,
}

/// A reseller that became a customer again.
#[derive(Debug, Serialize, ToSchema)]
pub struct DemotedView {
    /// The account as it is now.
    pub account: AccountView,
    /// What was noticed on the way, such as operators that are revoked.
    pub notes: Vec<String>,
}

fn reason(sent: Option<&str>) -> Result<String, Problem> {
    let Some(sent) = sent else {
        return Err(Problem::BadRequest("Say in `reason` why; it is kept in the audit trail.".to_owned()));
    };
    set::reason(sent).map_err(|why| Problem::BadRequest(format!("reason {why}.")))
}

fn list_name(sent: &str) -> Result<String, Problem> {
    dossier::price_list(sent).map_err(|why| Problem::BadRequest(format!("price_list {why}.")))
}

fn other(connection: &mut AnyConnection, see: &Visible, name: &str) -> Result<AccountKey, Problem> {
    let found = one(connection, see, name)?.ok_or_else(|| {
        let why = "No account has the reseller's id or ExternalID; GET /v1/accounts?kind=reseller lists them.";
        Problem::BadRequest(why.to_owned())
    });
    Ok(found?.account.key)
}

fn unchanged(request: &HttpRequest, listed: &Listed) -> Result<(), Problem> {
    if request.headers().contains_key(IF_MATCH) && !respond::matches(request, &shown::account(listed))? {
        return Err(Problem::PreconditionFailed);
    }
    Ok(())
}

async fn now(operator: &Operator, id: AccountId) -> Result<Listed, Problem> {
    let name = id.to_string();
    operator.read(move |connection, see| one(connection, see, &name)?.ok_or(Problem::NotFound)).await
}

/// Promote a customer to reseller
///
/// It becomes a reseller with what it may sell and a login of its own, an operator of role reseller_admin, in one commit.
/// Its relation to its former reseller ends with the cause `promote`. The kind holds against what the platform reports
/// until that is something else than now. With `If-Match`, only if the account is as it was shown under that ETag.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/promote",
    tag = "v1",
    params(
        ("account" = String, Path, description = "The customer's id or ExternalID."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the account was shown with."),
    ),
    request_body = PromoteBody,
    responses(
        (status = 200, description = "What it is now, and its token, this once.", body = PromotedView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it; the detail says which and ends with its code.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "The account is another version than If-Match names.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn promote(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_provider()?;
    Params::of(&request)?.end()?;
    let asked: PromoteBody = body(&operator, &request, &mut payload).await?;
    let reason = reason(asked.reason.as_deref())?;
    let given = asked.offers.as_deref().map(offers).transpose()?;
    let chosen = asked.operator.as_deref().map(parse_name).transpose();
    let chosen = chosen.map_err(|error| Problem::BadRequest(format!("operator cannot be called so: {error}.")))?;
    let expires_at = match asked.expires_at.as_deref() {
        None => None,
        Some(text) => Some(parse_time(text).filter(|at| *at > now_micros()).ok_or_else(|| {
            Problem::BadRequest("expires_at is no time to come, such as 2027-11-21T10:00:00Z.".to_owned())
        })?),
    };
    let (price_list, directory_ou) =
        (asked.price_list.as_deref().map(list_name).transpose()?, asked.directory_ou.as_deref().map(ou).transpose()?);
    let (name, from) = (path_text(&name)?, asked.plans_from);
    if from.is_some() && given.is_some() {
        let why = "plans_from and offers both say what it may sell; leave one of them out.";
        return Err(Problem::BadRequest(why.to_owned()));
    }
    let found = operator.read(move |connection, see| {
        let listed = one(connection, see, &name)?.ok_or(Problem::NotFound)?;
        let offers = match (given, &from) {
            (Some(given), _) => OffersOf::Given(given),
            (None, Some(from)) => OffersOf::Reseller(other(connection, see, from)?),
            (None, None) => OffersOf::Former,
        };
        let login = match chosen {
            Some(name) => name,
            None => promote::free_name(connection, listed.account.id)?,
        };
        Ok((listed, offers, login))
    });
    let (listed, offers, login) = found.await?;
    unchanged(&request, &listed)?;
    let id = listed.account.id;
    let (token, hash) = new_token();
    let wanted = Wanted { offers, price_list, directory_ou, expires_at };
    let detail = wanted.detail(&login, &reason);
    let entry = entry(&operator, "accounts.promote", &id.to_string(), &detail);
    let policies = alone::policies(&operator.state.config);
    let list = promote::promotion(&listed.account, wanted, login.clone(), *hash.as_bytes(), policies, entry);
    let outcomes = operator.acts(list).await?;
    set::changed(&outcomes)?;
    let name = id.to_string();
    let read = operator.read(move |connection, see| {
        let account = one(connection, see, &name)?.ok_or(Problem::NotFound)?;
        let listing = seen::listing(connection, see, id)?.ok_or(Problem::NotFound)?;
        let kept = dossiers::of(connection, see, id)?.ok_or(Problem::NotFound)?;
        let plans = shown::plans(&account.account, &listing);
        Ok((shown::account(&account), plans, kept.settings.price_list))
    });
    // Whatever becomes of that: the token is stored as its hash alone, and shown this once.
    let (account, plans, price_list) = match read.await {
        Ok((account, plans, price_list)) => (Some(account), Some(plans), Some(price_list)),
        Err(_) => {
            log::warn!("account {id} is promoted, and cannot be read back for the answer");
            (None, None, None)
        }
    };
    respond::fresh(&PromotedView {
        account,
        plans,
        price_list,
        operator: LoginView {
            name: login,
            role: Role::ResellerAdmin.as_str(),
            token,
            expires_at: expires_at.map(rfc3339),
        },
        notes: promote::notes(&outcomes),
    })
}

/// Make a reseller a customer again
///
/// While it has no customers. It becomes a customer of the reseller that it had when it was promoted, of another, or of
/// nobody; it may sell nothing any longer, its operators see it no longer, and who saw nothing else is revoked.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/demote",
    tag = "v1",
    params(
        ("account" = String, Path, description = "The reseller's id or ExternalID."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the account was shown with."),
    ),
    request_body = DemoteBody,
    responses(
        (status = 200, body = DemotedView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It still has customers, or another rule is against it; the detail says which.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "The account is another version than If-Match names.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn demote(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_provider()?;
    Params::of(&request)?.end()?;
    let asked: DemoteBody = body(&operator, &request, &mut payload).await?;
    let reason = reason(asked.reason.as_deref())?;
    let (name, reseller) = (path_text(&name)?, asked.reseller);
    let found = operator.read(move |connection, see| {
        let listed = one(connection, see, &name)?.ok_or(Problem::NotFound)?;
        let reseller = match &reseller {
            None => promote::former(connection, &listed.account)?,
            Some(None) => None,
            Some(Some(name)) => Some(other(connection, see, name)?),
        };
        Ok((listed, reseller))
    });
    let (listed, reseller) = found.await?;
    unchanged(&request, &listed)?;
    let id = listed.account.id;
    let to = reseller.as_ref().map(|key| key.platform_id.to_string());
    let entry = entry(&operator, "accounts.demote", &id.to_string(), &json!({"reseller": to, "reason": reason}));
    let list = promote::demotion(&listed.account, reseller, alone::policies(&operator.state.config), entry);
    let outcomes = operator.acts(list).await?;
    set::changed(&outcomes)?;
    let account = shown::account(&now(&operator, id).await?);
    respond::fresh(&DemotedView { account, notes: promote::notes(&outcomes) })
}
