//! Logins of an account: with what its people sign in to the vendor's systems, and whether they may.

use actix_web::HttpRequest;
use actix_web::http::header::IF_MATCH;
use actix_web::web::{Path, Payload};
use serde::Deserialize;
use utoipa::ToSchema;

use super::contacts::number;
use super::{Found, about, keep, look, wrong};
use crate::domain::dossier::{DossierAct, Login, LoginPatch, login_name};
use crate::http::v1::Answered;
use crate::http::v1::change::body;
use crate::http::v1::operator::Operator;
use crate::http::v1::patch::said;
use crate::http::v1::problem::{Problem, ProblemBody};
use crate::http::v1::query::Params;
use crate::http::v1::respond::{self, PageBody};
use crate::wire::profile::LoginView;

/// A login; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LoginBody {
    /// Its login name. Left out in a new one it is the account's own, which may have been removed; null has that follow
    /// the account's e-mail address again.
    #[serde(deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    pub login: Option<Option<String>>,
    /// Whether it may sign in; true in a new one.
    pub may_sign_in: Option<bool>,
}

impl LoginBody {
    fn patch(&self) -> Result<LoginPatch, Problem> {
        let name = match &self.login {
            Some(Some(name)) => Some(Some(login_name(name).map_err(wrong("login"))?)),
            Some(None) => Some(None),
            None => None,
        };
        Ok(LoginPatch { name, may_sign_in: self.may_sign_in })
    }

    fn names(&self) -> Vec<&'static str> {
        let names = [("login", self.login.is_some()), ("may_sign_in", self.may_sign_in.is_some())];
        names.into_iter().filter_map(|(name, said)| said.then_some(name)).collect()
    }
}

fn login(found: &Found, number: i64) -> Result<&Login, Problem> {
    found.dossier.logins.iter().find(|login| login.number == number).ok_or(Problem::NotFound)
}

fn view(found: &Found, login: &Login) -> LoginView {
    LoginView::new(login, &found.account.profile.email)
}

/// List the logins of an account
///
/// All of them; an account has at most 100. Number 0 is its own, with its e-mail address as the login name until another
/// is set; it is there until it is removed.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/logins",
    tag = "v1",
    params(("account" = String, Path, description = "Its id or ExternalID.")),
    responses(
        (status = 200, body = PageBody<LoginView>),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let found = look(&operator, &name).await?;
    respond::page(found.dossier.logins.iter().map(|login| view(&found, login)).collect(), None)
}

/// Show one login
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/logins/{login}",
    tag = "v1",
    params(
        ("account" = String, Path, description = "The account's id or ExternalID."),
        ("login" = String, Path, description = "The login's number."),
    ),
    responses(
        (status = 200, body = LoginView),
        (status = 304, description = "The caller has this version, by If-None-Match."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn show(operator: Operator, path: Path<(String, String)>, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let (name, named) = path.into_inner();
    let found = look(&operator, &name).await?;
    respond::single(&request, &view(&found, login(&found, number(&named)?)?))
}

/// Add a login
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/logins",
    tag = "v1",
    params(("account" = String, Path, description = "Its id or ExternalID.")),
    request_body = LoginBody,
    responses(
        (status = 200, description = "The login as it is now.", body = LoginView),
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
    let asked: LoginBody = body(&operator, &request, &mut payload).await?;
    let (patch, fields) = (asked.patch()?, asked.names());
    let named = patch.name.flatten();
    let found = look(&operator, &name).await?;
    let act = DossierAct::AddLogin { name: named.clone(), may_sign_in: patch.may_sign_in.unwrap_or(true) };
    keep(&operator, &found.account, act, ("logins.add", about("login", None, &fields)), false).await?;
    let now = look(&operator, &found.account.id.to_string()).await?;
    let added = now.dossier.logins.iter().find(|login| match &named {
        Some(_) => login.name == named,
        None => login.number == Login::OWN,
    });
    respond::current(&view(&now, added.ok_or(Problem::NotFound)?))
}

/// Change a login
#[utoipa::path(
    patch,
    path = "/v1/accounts/{account}/logins/{login}",
    tag = "v1",
    params(
        ("account" = String, Path, description = "The account's id or ExternalID."),
        ("login" = String, Path, description = "The login's number."),
        ("If-Match" = Option<String>, Header, description = "The ETag that it was shown with."),
    ),
    request_body = LoginBody,
    responses(
        (status = 200, description = "The login as it is now.", body = LoginView),
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
    let asked: LoginBody = body(&operator, &request, &mut payload).await?;
    let (patch, fields) = (asked.patch()?, asked.names());
    let (name, named) = path.into_inner();
    let found = look(&operator, &name).await?;
    let number = number(&named)?;
    let guarded = guard(&request, &view(&found, login(&found, number)?))?;
    let told = ("logins.set", about("login", Some(number), &fields));
    keep(&operator, &found.account, DossierAct::ChangeLogin(number, patch), told, guarded).await?;
    let now = look(&operator, &found.account.id.to_string()).await?;
    respond::current(&view(&now, login(&now, number)?))
}

/// Whether the change is for this version alone, which must be the one that is there.
fn guard(request: &HttpRequest, view: &LoginView) -> Result<bool, Problem> {
    let guarded = request.headers().contains_key(IF_MATCH);
    if guarded && !respond::matches(request, view)? {
        return Err(Problem::PreconditionFailed);
    }
    Ok(guarded)
}

/// Take a login away
///
/// The account's own comes back by adding a login without a login name.
#[utoipa::path(
    delete,
    path = "/v1/accounts/{account}/logins/{login}",
    tag = "v1",
    params(
        ("account" = String, Path, description = "The account's id or ExternalID."),
        ("login" = String, Path, description = "The login's number."),
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
    let (name, named) = path.into_inner();
    let found = look(&operator, &name).await?;
    let number = number(&named)?;
    let guarded = guard(&request, &view(&found, login(&found, number)?))?;
    keep(
        &operator,
        &found.account,
        DossierAct::RemoveLogin(number),
        ("logins.remove", about("login", Some(number), &[])),
        guarded,
    )
    .await?;
    Ok(respond::nothing())
}
