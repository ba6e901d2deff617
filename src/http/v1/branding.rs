//! How a customer's pages look: title, colours and logo.

use std::collections::BTreeMap;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, HeaderName, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::accounts::{one, path_text};
use super::change::{self, body, entry};
use super::operator::Operator;
use super::problem::{Problem, ProblemBody};
use super::profile::is_own;
use super::query::Params;
use super::services::change::reason;
use super::{Answered, MAX_BODY, respond};
use crate::domain::account::Account;
use crate::domain::branding::{Branding, BrandingAct, Colour, ColourOf, Logo, title};
use crate::domain::operator::Visible;
use crate::http::body::{media_type, read_up_to};
use crate::ops::{alone, sites};
use crate::store::AnyConnection;
use crate::store::seen::branding;
use crate::wire::site_show::BrandingView;

/// A logo runs nothing, frames nothing and is framed by nobody's script, whatever a browser takes it for.
const POLICY: &str = "default-src 'none'; sandbox";

/// Colours that are set, each as `#rrggbb`.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct ColoursBody {
    #[schema(pattern = "^#[0-9a-fA-F]{6}$")]
    pub primary: Option<String>,
    #[schema(pattern = "^#[0-9a-fA-F]{6}$")]
    pub secondary: Option<String>,
    #[schema(pattern = "^#[0-9a-fA-F]{6}$")]
    pub accent: Option<String>,
    #[schema(pattern = "^#[0-9a-fA-F]{6}$")]
    pub background: Option<String>,
    #[schema(pattern = "^#[0-9a-fA-F]{6}$")]
    pub text: Option<String>,
}

/// Title and colours, exactly these; the logo has a place of its own and stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BrandingBody {
    /// The title; none where it is left out.
    #[schema(max_length = 100)]
    pub title: Option<String>,
    /// The colours; none of those that are left out.
    pub colours: ColoursBody,
    /// Why; kept in the audit trail.
    pub reason: Option<String>,
}

fn bad(why: impl std::fmt::Display) -> Problem {
    Problem::BadRequest(format!("{why}."))
}

impl BrandingBody {
    fn act(&self) -> Result<BrandingAct, Problem> {
        let said = title(self.title.as_deref().unwrap_or_default());
        let mut colours = BTreeMap::new();
        for (of, text) in [
            (ColourOf::Primary, &self.colours.primary),
            (ColourOf::Secondary, &self.colours.secondary),
            (ColourOf::Accent, &self.colours.accent),
            (ColourOf::Background, &self.colours.background),
            (ColourOf::Text, &self.colours.text),
        ] {
            if let Some(text) = text {
                let colour = Colour::parse(text)
                    .ok_or_else(|| bad(format_args!("colours.{} is no colour such as #1a2b3c", of.as_str())))?;
                colours.insert(of, colour);
            }
        }
        Ok(BrandingAct::Set { title: said.map_err(|why| bad(format_args!("title {why}")))?, colours })
    }
}

fn found(connection: &mut AnyConnection, see: &Visible, name: &str) -> Result<(Account, Branding), Problem> {
    let account = one(connection, see, name)?.ok_or(Problem::NotFound)?.account;
    let branding = branding::of(connection, see, account.id)?.ok_or(Problem::NotFound)?;
    Ok((account, branding))
}

async fn seen(operator: &Operator, name: &str) -> Result<(Account, Branding), Problem> {
    let name = path_text(name)?;
    operator.read(move |connection, see| found(connection, see, &name)).await
}

/// What is to be changed: a reseller_admin brands its customers, the vendor its reseller.
async fn to_change(operator: &Operator, name: &str) -> Result<(Account, Branding), Problem> {
    let (account, branding) = seen(operator, name).await?;
    if is_own(operator, &account) { Err(Problem::Forbidden) } else { Ok((account, branding)) }
}

fn view(account: &Account, branding: &Branding) -> BrandingView {
    BrandingView::new(&account.id.to_string(), branding)
}

/// Does an act and shows what it came to.
async fn done(
    operator: &Operator,
    account: Account,
    matched: bool,
    (what, why): (BrandingAct, Option<String>),
    action: &str,
) -> Result<BrandingView, Problem> {
    let id = account.id.to_string();
    let entry = entry(operator, action, &id, &json!({"reason": why}));
    let expect = matched.then_some(account.revision);
    let list = sites::brand(account.key, expect, what, alone::policies(&operator.state.config), entry);
    change::done(operator, list, matched).await?;
    let (account, branding) = operator.read(move |connection, see| found(connection, see, &id)).await?;
    Ok(view(&account, &branding))
}

/// How a customer's pages look
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/branding",
    tag = "v1",
    params(("account" = String, Path, description = "Its id or ExternalID.")),
    responses(
        (status = 200, body = BrandingView),
        (status = 304, description = "The caller has this version, by If-None-Match."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Several accounts have this ExternalID.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn show(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let (account, branding) = seen(&operator, &name).await?;
    respond::single(&request, &view(&account, &branding))
}

/// Set title and colours of a customer's pages
///
/// Exactly these: what is left out is taken away. The logo stays. With `If-Match`, only if they are as they were shown
/// under that ETag. A reseller_admin may do so for its customers, not for its reseller itself.
#[utoipa::path(
    put,
    path = "/v1/accounts/{account}/branding",
    tag = "v1",
    params(
        ("account" = String, Path, description = "Its id or ExternalID."),
        ("If-Match" = Option<String>, Header, description = "The ETag that they were shown with."),
    ),
    request_body = BrandingBody,
    responses(
        (status = 200, description = "How they look now.", body = BrandingView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it; the detail says which and ends with its code.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "They are another version than If-Match names.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn put(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let asked: BrandingBody = body(&operator, &request, &mut payload).await?;
    let (account, branding) = to_change(&operator, &name).await?;
    let matched = respond::require_match(&request, &view(&account, &branding))?;
    let what = (asked.act()?, reason(asked.reason.as_deref())?);
    respond::current(&done(&operator, account, matched, what, "branding.set").await?)
}

/// Take away how a customer's pages look
///
/// Title, colours and logo.
#[utoipa::path(
    delete,
    path = "/v1/accounts/{account}/branding",
    tag = "v1",
    params(
        ("account" = String, Path, description = "Its id or ExternalID."),
        ("If-Match" = Option<String>, Header, description = "The ETag that they were shown with."),
    ),
    responses(
        (status = 204, description = "It is gone."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it; the detail says which and ends with its code.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "They are another version than If-Match names.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn clear(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let (account, branding) = to_change(&operator, &name).await?;
    let matched = respond::require_match(&request, &view(&account, &branding))?;
    done(&operator, account, matched, (BrandingAct::Clear, None), "branding.clear").await?;
    Ok(respond::nothing())
}

/// The logo of a customer's pages
///
/// Its bytes, under their own media type.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/branding/logo",
    tag = "v1",
    params(("account" = String, Path, description = "Its id or ExternalID.")),
    responses(
        (status = 200, description = "image/png, image/jpeg, image/gif or image/webp.", content_type = "image/png", body = Vec<u8>),
        (status = 304, description = "The caller has this version, by If-None-Match."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such account, or it has no logo.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Several accounts have this ExternalID.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn logo(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let name = path_text(&name)?;
    let read = operator.read(move |connection, see| {
        let (account, branding) = found(connection, see, &name)?;
        let digest = branding.logo.ok_or(Problem::NotFound)?.digest;
        let (media, bytes) = branding::logo(connection, see, account.id)?.ok_or(Problem::NotFound)?;
        Ok((media, bytes, digest))
    });
    let (media, bytes, digest) = read.await?;
    let tag = format!("\"{}\"", hex::encode(digest));
    let has = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let known = has(IF_NONE_MATCH).is_some_and(|tags| {
        tags.split(',').map(str::trim).any(|have| have == "*" || have.strip_prefix("W/").unwrap_or(have) == tag)
    });
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((CACHE_CONTROL, "private, no-cache"))
        .insert_header((ETAG, tag))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY));
    if known {
        return Ok(response.finish());
    }
    Ok(response.content_type(media.as_str()).body(bytes))
}

/// Set the logo of a customer's pages
///
/// The picture itself as the body: PNG, JPEG, GIF or WebP of at most 256 KiB. What it is is told by its first bytes; a
/// Content-Type that says another picture is refused. A reseller_admin may do so for its customers, not for its reseller
/// itself.
#[utoipa::path(
    put,
    path = "/v1/accounts/{account}/branding/logo",
    tag = "v1",
    params(("account" = String, Path, description = "Its id or ExternalID.")),
    request_body(content = Vec<u8>, content_type = "image/png"),
    responses(
        (status = 200, description = "How the pages look now.", body = BrandingView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it; the detail says which and ends with its code.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is compressed, or a form.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn put_logo(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let bytes = read_up_to(&request, &mut payload, operator.state.config.limits.body_timeout, MAX_BODY).await?;
    let (account, _) = to_change(&operator, &name).await?;
    super::list::require_plain(&request)?;
    let kind = media_type(&request);
    let said = Some(kind.as_str()).filter(|kind| !matches!(*kind, "" | "application/octet-stream" | FORM));
    let logo = Logo::take(bytes.to_vec(), said).map_err(Problem::BadRequest)?;
    respond::current(&done(&operator, account, false, (BrandingAct::SetLogo(logo), None), "branding.logo").await?)
}

/// The type that curl gives a body unless it is told otherwise.
const FORM: &str = "application/x-www-form-urlencoded";

/// Take the logo of a customer's pages away
#[utoipa::path(
    delete,
    path = "/v1/accounts/{account}/branding/logo",
    tag = "v1",
    params(("account" = String, Path, description = "Its id or ExternalID.")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it; the detail says which and ends with its code.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn clear_logo(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let (account, _) = to_change(&operator, &name).await?;
    done(&operator, account, false, (BrandingAct::ClearLogo, None), "branding.clear_logo").await?;
    Ok(respond::nothing())
}
