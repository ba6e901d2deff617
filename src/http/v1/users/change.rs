//! Adding, changing and ending users.

use actix_web::HttpRequest;
use actix_web::web::{Path, Payload};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::found;
use crate::domain::account::Account;
use crate::domain::act::user::{UserAct, UserDeed, UserPatch};
use crate::domain::ids::ServiceId;
use crate::domain::operator::Visible;
use crate::domain::user::{MAX_SERVICES_OF_USER, User, UserStatus};
use crate::http::v1::Answered;
use crate::http::v1::accounts::{one, path_text};
use crate::http::v1::change::{body, done, entry};
use crate::http::v1::operator::Operator;
use crate::http::v1::problem::{Problem, ProblemBody};
use crate::http::v1::query::Params;
use crate::http::v1::respond;
use crate::http::v1::services::change::{ReasonBody, reason};
use crate::ops::{alone, users};
use crate::store::AnyConnection;
use crate::store::seen;
use crate::wire::service_asked::text;
use crate::wire::user_show::UserView;
use crate::writer::acts::ActList;

/// What is said of a user; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UserBody {
    /// With what it signs in; unique among the users of its account that are not ended, whatever the case.
    pub login: Option<String>,
    /// What it is called.
    pub name: Option<String>,
    /// Its e-mail address.
    pub email: Option<String>,
    /// active, or disabled: may not sign in and keeps its services.
    pub status: Option<String>,
    /// The services that it has: the exact set, by id or ExternalID.
    pub services: Option<Vec<String>>,
    /// Why; kept in the audit trail.
    pub reason: Option<String>,
}

/// Which services a user has.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UserServicesBody {
    /// The exact set, by id or ExternalID; empty for none.
    #[schema(value_type = Vec<String>)]
    pub services: Option<Vec<String>>,
    /// Why; kept in the audit trail.
    pub reason: Option<String>,
}

fn bad(why: impl std::fmt::Display) -> Problem {
    Problem::BadRequest(format!("{why}."))
}

impl UserBody {
    fn names(&self) -> Vec<&'static str> {
        [
            ("login", self.login.is_some()),
            ("name", self.name.is_some()),
            ("email", self.email.is_some()),
            ("status", self.status.is_some()),
            ("services", self.services.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, said)| said.then_some(name))
        .collect()
    }

    fn patch(&self, services: Option<Vec<ServiceId>>) -> Result<UserPatch, Problem> {
        let one = |name: &str, said: &Option<String>| said.as_ref().map(|said| text(name, said)).transpose();
        let status = self.status.as_deref().map(|word| match UserStatus::parse(word) {
            Some(UserStatus::Ended) => Err(bad("A user is ended with POST /v1/users/{user}/end")),
            Some(status) => Ok(status),
            None => Err(bad("status is neither active nor disabled")),
        });
        Ok(UserPatch {
            login: one("login", &self.login).map_err(bad)?,
            name: one("name", &self.name).map_err(bad)?,
            email: one("email", &self.email).map_err(bad)?,
            status: status.transpose()?,
            services,
        })
    }
}

/// The ids of services that are named by id or ExternalID.
fn ids(connection: &mut AnyConnection, see: &Visible, names: &[String]) -> Result<Vec<ServiceId>, Problem> {
    if names.len() > MAX_SERVICES_OF_USER {
        return Err(bad(format_args!("A user has at most {MAX_SERVICES_OF_USER} services")));
    }
    let mut ids = Vec::with_capacity(names.len());
    for name in names {
        // Whether it is one of the account is decided where nobody can change it any longer.
        let id = match ServiceId::parse(name) {
            Some(id) => Some(id),
            None => {
                let mut named = seen::services::named(connection, see, name)?;
                let id = named.pop().map(|service| service.id);
                id.filter(|_| named.is_empty())
            }
        };
        ids.push(id.ok_or_else(|| {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
            bad(format_args!("No one service is called {shown}; list the account's services and use their ids"))
        })?);
    }
    Ok(ids)
}

/// A user and whose it is, as this operator sees them, and the services that the body names.
async fn seen_with(
    operator: &Operator,
    name: &str,
    services: Option<Vec<String>>,
) -> Result<(User, Account, Option<Vec<ServiceId>>), Problem> {
    let name = path_text(name)?;
    let read = operator.read(move |connection, see| {
        let user = found(connection, see, &name)?;
        let account = one(connection, see, &user.account.to_string())?.ok_or(Problem::NotFound)?.account;
        let services = services.map(|names| ids(connection, see, &names)).transpose()?;
        Ok((user, account, services))
    });
    read.await
}

async fn shown(operator: &Operator, list: ActList, id: String, guarded: bool) -> Answered {
    done(operator, list, guarded).await?;
    let now = operator.read(move |connection, see| found(connection, see, &id)).await?;
    respond::current(&UserView::from(&now))
}

/// Add a user to an account
///
/// A reseller_admin may do so for its customers.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/users",
    tag = "v1",
    params(("account" = String, Path, description = "Its id or ExternalID.")),
    request_body = UserBody,
    responses(
        (status = 201, description = "The user; `Location` says where it is.", body = UserView),
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
    let asked: UserBody = body(&operator, &request, &mut payload).await?;
    let (name, services) = (path_text(&name)?, asked.services.clone());
    let seen = operator.read(move |connection, see| {
        let account = one(connection, see, &name)?.ok_or(Problem::NotFound)?.account;
        let services = services.map(|names| ids(connection, see, &names)).transpose()?;
        Ok((account, services))
    });
    let (account, services) = seen.await?;
    let patch = asked.patch(services)?;
    let Some(login) = patch.login.clone().filter(|login| !login.is_empty()) else {
        return Err(bad("A user needs a login"));
    };
    let detail = json!({"fields": asked.names(), "reason": reason(asked.reason.as_deref())?});
    let entry = entry(&operator, "users.add", &account.id.to_string(), &detail);
    let act = UserAct { user: None, expect: None, deed: UserDeed::Create(patch) };
    let list = users::list(account.key, act, alone::policies(&operator.state.config), entry);
    done(&operator, list, false).await?;
    let id = account.id;
    let made = operator
        .read(move |connection, see| seen::users::with_login(connection, see, id, &login)?.ok_or(Problem::NotFound));
    let made = made.await?;
    respond::created(&format!("/v1/users/{}", made.id), &UserView::from(&made))
}

/// Change a user
///
/// With `If-Match`, only if the user is as it was shown under that ETag. A reseller_admin may do so for its customers.
#[utoipa::path(
    patch,
    path = "/v1/users/{user}",
    tag = "v1",
    params(
        ("user" = String, Path, description = "Its id."),
        ("If-Match" = Option<String>, Header, description = "The ETag that it was shown with."),
    ),
    request_body = UserBody,
    responses(
        (status = 200, description = "The user as it is now.", body = UserView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it; the detail says which and ends with its code.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "The user is another version than If-Match names.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn change(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let asked: UserBody = body(&operator, &request, &mut payload).await?;
    let (user, account, services) = seen_with(&operator, &name, asked.services.clone()).await?;
    let matched = respond::require_match(&request, &UserView::from(&user))?;
    if asked.names().is_empty() {
        return Err(bad("Nothing is to be changed; say what"));
    }
    let detail = json!({"fields": asked.names(), "reason": reason(asked.reason.as_deref())?});
    let id = user.id.to_string();
    let entry = entry(&operator, "users.set", &id, &detail);
    let deed = UserDeed::Change(asked.patch(services)?);
    let act = UserAct { user: Some(user.id), expect: matched.then_some(user.revision), deed };
    shown(&operator, users::list(account.key, act, alone::policies(&operator.state.config), entry), id, matched).await
}

/// Say which services a user has
///
/// The exact set: those that it has and that are not named are taken away. All of them are services of the same account
/// that live. With `If-Match`, only if the user is as it was shown under that ETag.
#[utoipa::path(
    put,
    path = "/v1/users/{user}/services",
    tag = "v1",
    params(
        ("user" = String, Path, description = "Its id."),
        ("If-Match" = Option<String>, Header, description = "The ETag that it was shown with."),
    ),
    request_body = UserServicesBody,
    responses(
        (status = 200, description = "The user as it is now.", body = UserView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it; the detail says which and ends with its code.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "The user is another version than If-Match names.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn services(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let asked: UserServicesBody = body(&operator, &request, &mut payload).await?;
    let (user, account, services) = seen_with(&operator, &name, asked.services).await?;
    let matched = respond::require_match(&request, &UserView::from(&user))?;
    if services.is_none() {
        return Err(bad("Say with `services` which the user has; an empty list for none"));
    }
    let detail = json!({"fields": ["services"], "reason": reason(asked.reason.as_deref())?});
    let id = user.id.to_string();
    let entry = entry(&operator, "users.set", &id, &detail);
    let deed = UserDeed::Change(UserPatch { services, ..UserPatch::default() });
    let act = UserAct { user: Some(user.id), expect: matched.then_some(user.revision), deed };
    shown(&operator, users::list(account.key, act, alone::policies(&operator.state.config), entry), id, matched).await
}

/// End a user
///
/// It loses all services; its login is free again. Rows are never removed: the user goes on being listed as ended.
#[utoipa::path(
    post,
    path = "/v1/users/{user}/end",
    tag = "v1",
    params(
        ("user" = String, Path, description = "Its id."),
        ("If-Match" = Option<String>, Header, description = "The ETag that it was shown with."),
    ),
    request_body = ReasonBody,
    responses(
        (status = 200, description = "The user as it is now.", body = UserView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "The user is another version than If-Match names.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn end(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let asked: ReasonBody = body(&operator, &request, &mut payload).await?;
    let (user, account, _) = seen_with(&operator, &name, None).await?;
    let matched = respond::require_match(&request, &UserView::from(&user))?;
    let id = user.id.to_string();
    let entry = entry(&operator, "users.end", &id, &json!({"reason": reason(asked.reason.as_deref())?}));
    let act = UserAct { user: Some(user.id), expect: matched.then_some(user.revision), deed: UserDeed::End };
    shown(&operator, users::list(account.key, act, alone::policies(&operator.state.config), entry), id, matched).await
}
