//! Making, changing and ending services by hand.

use actix_web::HttpRequest;
use actix_web::web::{Path, Payload};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{found, view};
use crate::domain::account::Account;
use crate::domain::service::Service;
use crate::domain::service::order::ServicePatch;
use crate::http::v1::Answered;
use crate::http::v1::accounts::{one, path_text};
use crate::http::v1::change::{body, done, entry};
use crate::http::v1::operator::Operator;
use crate::http::v1::problem::{Problem, ProblemBody};
use crate::http::v1::query::Params;
use crate::http::v1::respond;
use crate::ops::services::{self, Turn};
use crate::ops::{alone, set};
use crate::wire::service_asked::ServiceBody;
use crate::wire::service_show::ServiceView;
use crate::writer::acts::ActList;

fn bad(why: impl std::fmt::Display) -> Problem {
    Problem::BadRequest(format!("{why}."))
}

/// A reason as it is kept.
pub(in crate::http::v1) fn reason(said: Option<&str>) -> Result<Option<String>, Problem> {
    said.map(set::reason).transpose().map_err(|why| bad(format_args!("reason {why}")))
}

fn judged(operator: &Operator, body: &ServiceBody) -> Result<ServicePatch, Problem> {
    let config = &operator.state.config;
    body.patch(&|name| config.is_secret_option(name)).map_err(bad)
}

/// A service and whose it is, as this operator sees them.
async fn seen(operator: &Operator, name: &str) -> Result<(Service, Account), Problem> {
    let name = path_text(name)?;
    let both = operator.read(move |connection, see| {
        let service = found(connection, see, &name)?;
        let account = one(connection, see, &service.account.to_string())?.ok_or(Problem::NotFound)?.account;
        Ok((service, account))
    });
    both.await
}

/// Does a list and shows the service behind it.
async fn shown(operator: &Operator, list: ActList, id: String, guarded: bool) -> Result<ServiceView, Problem> {
    done(operator, list, guarded).await?;
    let now = operator.read(move |connection, see| found(connection, see, &id)).await?;
    Ok(view(operator, &now))
}

/// Make a service of an account
///
/// Of any kind. What is said of it holds until the platform orders it and says otherwise; a platform orders it by its
/// `external_id`. A reseller_admin may do so for its customers.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/services",
    tag = "v1",
    params(("account" = String, Path, description = "Its id or ExternalID.")),
    request_body = ServiceBody,
    responses(
        (status = 201, description = "The service; `Location` says where it is.", body = ServiceView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it; the detail says which and ends with its code.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn create(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let asked: ServiceBody = body(&operator, &request, &mut payload).await?;
    let (name, parent) = (path_text(&name)?, asked.parent.clone());
    let seen = operator.read(move |connection, see| {
        let account = one(connection, see, &name)?.ok_or(Problem::NotFound)?.account;
        let parent = match parent {
            Some(name) => match found(connection, see, &name) {
                Err(Problem::NotFound) => {
                    return Err(bad("No service has the parent's id or ExternalID; list the account's services"));
                }
                found => Some(found?.external_id),
            },
            None => None,
        };
        Ok((account, parent))
    });
    let (account, parent) = seen.await?;
    if asked.names().is_empty() {
        return Err(bad("Nothing is said of the service; give it at least a kind, a service or a name"));
    }
    let (patch, reason) = (judged(&operator, &asked)?, reason(asked.reason.as_deref())?);
    let detail = json!({"fields": asked.names(), "reason": reason});
    let entry = entry(&operator, "services.create", &account.id.to_string(), &detail);
    let policies = alone::policies(&operator.state.config);
    let (list, external_id) = services::create(account.key, &asked, patch, parent, policies, entry).map_err(bad)?;
    done(&operator, list, false).await?;
    let account = account.id;
    let made = operator.read(move |connection, see| {
        let mut named = crate::store::seen::services::named(connection, see, external_id.as_str())?;
        named.retain(|service| service.account == account);
        named.pop().ok_or(Problem::NotFound)
    });
    let made = made.await?;
    respond::created(&format!("/v1/services/{}", made.id), &view(&operator, &made))
}

/// Change a service
///
/// What is said holds until the platform orders the service and says otherwise. With `If-Match`, only if the service is
/// as it was shown under that ETag. A reseller_admin may do so for its customers.
#[utoipa::path(
    patch,
    path = "/v1/services/{service}",
    tag = "v1",
    params(
        ("service" = String, Path, description = "Its id or ExternalID."),
        ("If-Match" = Option<String>, Header, description = "The ETag that it was shown with."),
    ),
    request_body = ServiceBody,
    responses(
        (status = 200, description = "The service as it is now.", body = ServiceView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it; the detail says which and ends with its code.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "The service is another version than If-Match names.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn change(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let asked: ServiceBody = body(&operator, &request, &mut payload).await?;
    let (service, account) = seen(&operator, &name).await?;
    let matched = respond::require_match(&request, &view(&operator, &service))?;
    if asked.parent.is_some() || asked.platform_id.is_some() || asked.external_id.is_some() {
        return Err(bad("parent, platform_id and external_id are for good; leave them out, or make another service"));
    }
    if asked.names().is_empty() {
        return Err(bad("Nothing is to be changed; say what"));
    }
    let (patch, reason) = (judged(&operator, &asked)?, reason(asked.reason.as_deref())?);
    let detail = json!({"fields": asked.names(), "reason": reason});
    let id = service.id.to_string();
    let entry = entry(&operator, "services.set", &id, &detail);
    let policies = alone::policies(&operator.state.config);
    let list = services::change(account.key, &service, patch, matched.then_some(service.revision), policies, entry);
    respond::current(&shown(&operator, list, id, matched).await?)
}

/// Why something is done.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReasonBody {
    /// Why; kept in the audit trail.
    pub reason: Option<String>,
}

async fn turned(
    operator: Operator,
    name: Path<String>,
    request: HttpRequest,
    mut payload: Payload,
    turn: Turn,
) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let asked: ReasonBody = body(&operator, &request, &mut payload).await?;
    let (service, account) = seen(&operator, &name).await?;
    let matched = respond::require_match(&request, &view(&operator, &service))?;
    let id = service.id.to_string();
    let detail = json!({"reason": reason(asked.reason.as_deref())?});
    let entry = entry(&operator, turn.as_str(), &id, &detail);
    let policies = alone::policies(&operator.state.config);
    let list = services::turn(account.key, &service, turn, matched.then_some(service.revision), policies, entry);
    respond::current(&shown(&operator, list, id, matched).await?)
}

macro_rules! turn {
    ($name:ident, $path:literal, $turn:expr, $($doc:literal),+) => {
        $(#[doc = $doc])+
        #[utoipa::path(
            post,
            path = $path,
            tag = "v1",
            params(
                ("service" = String, Path, description = "Its id or ExternalID."),
                ("If-Match" = Option<String>, Header, description = "The ETag that it was shown with."),
            ),
            request_body = ReasonBody,
            responses(
                (status = 200, description = "The service as it is now.", body = ServiceView),
                (status = 400, body = ProblemBody, content_type = "application/problem+json"),
                (status = 401, body = ProblemBody, content_type = "application/problem+json"),
                (status = 403, body = ProblemBody, content_type = "application/problem+json"),
                (status = 404, body = ProblemBody, content_type = "application/problem+json"),
                (status = 409, description = "A rule is against it; the detail says which and ends with its code.", body = ProblemBody, content_type = "application/problem+json"),
                (status = 412, description = "The service is another version than If-Match names.", body = ProblemBody, content_type = "application/problem+json"),
            ),
            security(("token" = []))
        )]
        pub async fn $name(operator: Operator, name: Path<String>, request: HttpRequest, payload: Payload) -> Answered {
            turned(operator, name, request, payload, $turn).await
        }
    };
}

turn!(
    suspend,
    "/v1/services/{service}/suspend",
    Turn::Suspend,
    "Suspend a service",
    "",
    "It stays so until somebody activates it, the platform included."
);
turn!(
    activate,
    "/v1/services/{service}/activate",
    Turn::Activate,
    "Put a service in use again",
    "",
    "One that was suspended, or one that ended. Add-ons and users that it had lost do not come back with it."
);
turn!(end, "/v1/services/{service}/end", Turn::End, "End a service", "", "Its add-ons end with it, and users lose it.");
