//! Adding, changing and deleting sites.

use actix_web::HttpRequest;
use actix_web::web::{Path, Payload};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::found;
use crate::domain::account::Account;
use crate::domain::act::site::{SiteDeed, SitePatch};
use crate::domain::ids::AccountId;
use crate::domain::operator::Visible;
use crate::domain::site::{Site, description, name as site_name};
use crate::http::v1::Answered;
use crate::http::v1::accounts::{one, path_text};
use crate::http::v1::change::{body, done, entry};
use crate::http::v1::customers::delete::{DeleteBody, How, answer_one, deleted, printable};
use crate::http::v1::operator::Operator;
use crate::http::v1::problem::{Problem, ProblemBody};
use crate::http::v1::query::Params;
use crate::http::v1::respond;
use crate::http::v1::services::change::reason;
use crate::ops::delete::{Found, Named};
use crate::ops::{alone, set, sites};
use crate::store::AnyConnection;
use crate::store::seen;
use crate::wire::customer::{DeletedView, DeletionView, WithItView};
use crate::wire::site_show::SiteView;
use crate::writer::now_micros;

/// What is said of a site; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SiteBody {
    /// What it is called: 1 to 100 characters, unique among the sites of its customer that are not ended, whatever the case.
    #[schema(max_length = 100)]
    pub name: Option<String>,
    /// More about it.
    #[schema(max_length = 1000)]
    pub description: Option<String>,
    /// Why; kept in the audit trail.
    pub reason: Option<String>,
}

fn bad(why: impl std::fmt::Display) -> Problem {
    Problem::BadRequest(format!("{why}."))
}

impl SiteBody {
    fn names(&self) -> Vec<&'static str> {
        [("name", self.name.is_some()), ("description", self.description.is_some())]
            .into_iter()
            .filter_map(|(name, said)| said.then_some(name))
            .collect()
    }

    fn patch(&self) -> Result<SitePatch, Problem> {
        let name = self.name.as_deref().map(site_name).transpose();
        let described = self.description.as_deref().map(description).transpose();
        Ok(SitePatch {
            name: name.map_err(|why| bad(format_args!("name {why}")))?,
            description: described.map_err(|why| bad(format_args!("description {why}")))?,
        })
    }
}

/// A site and whose it is, as this operator sees them.
async fn seen_one(operator: &Operator, name: &str) -> Result<(Site, Account), Problem> {
    let name = path_text(name)?;
    let both = operator.read(move |connection, see| {
        let site = found(connection, see, &name)?;
        let account = one(connection, see, &site.account.to_string())?.ok_or(Problem::NotFound)?.account;
        Ok((site, account))
    });
    both.await
}

/// Add a site to a customer
///
/// Of a partner, or of nobody. A reseller_admin may do so for its customers.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/sites",
    tag = "v1",
    params(("account" = String, Path, description = "Its id or ExternalID.")),
    request_body = SiteBody,
    responses(
        (status = 201, description = "The site; `Location` says where it is.", body = SiteView),
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
    let asked: SiteBody = body(&operator, &request, &mut payload).await?;
    let name = path_text(&name)?;
    let account = operator.read(move |connection, see| one(connection, see, &name)).await?;
    let account = account.ok_or(Problem::NotFound)?.account;
    let patch = asked.patch()?;
    let Some(called) = patch.name.clone() else { return Err(bad("A site needs a name")) };
    let detail = json!({"fields": asked.names(), "reason": reason(asked.reason.as_deref())?});
    let entry = entry(&operator, "sites.add", &account.id.to_string(), &detail);
    let policies = alone::policies(&operator.state.config);
    let list = sites::list(account.key, None, SiteDeed::Add(patch), policies, entry);
    set::changed(&operator.acts(list).await?)?;
    let id = account.id;
    let made = operator
        .read(move |connection, see| seen::sites::named(connection, see, id, &called)?.ok_or(Problem::NotFound));
    let made = made.await?;
    respond::created(&format!("/v1/sites/{}", made.id), &SiteView::from(&made))
}

/// Change a site
///
/// With `If-Match`, only if the site is as it was shown under that ETag. A reseller_admin may do so for its customers.
#[utoipa::path(
    patch,
    path = "/v1/sites/{site}",
    tag = "v1",
    params(
        ("site" = String, Path, description = "Its id."),
        ("If-Match" = Option<String>, Header, description = "The ETag that it was shown with."),
    ),
    request_body = SiteBody,
    responses(
        (status = 200, description = "The site as it is now.", body = SiteView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it; the detail says which and ends with its code.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "The site is another version than If-Match names.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn change(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let asked: SiteBody = body(&operator, &request, &mut payload).await?;
    let (site, account) = seen_one(&operator, &name).await?;
    let matched = respond::require_match(&request, &SiteView::from(&site))?;
    if asked.names().is_empty() {
        return Err(bad("Nothing is to be changed; say what"));
    }
    let detail = json!({"fields": asked.names(), "reason": reason(asked.reason.as_deref())?});
    let id = site.id.to_string();
    let entry = entry(&operator, "sites.set", &id, &detail);
    let deed = SiteDeed::Change(site.id, asked.patch()?);
    let policies = alone::policies(&operator.state.config);
    let list = sites::list(account.key, matched.then_some(site.revision), deed, policies, entry);
    done(&operator, list, matched).await?;
    let now = operator.read(move |connection, see| found(connection, see, &id)).await?;
    respond::current(&SiteView::from(&now))
}

/// A site and what goes with it.
fn doomed(
    connection: &mut AnyConnection,
    see: &Visible,
    account: &Account,
    site: &Site,
    expect: Option<i64>,
) -> Result<Found, Problem> {
    let probes = seen::sites::count_probes(connection, see, site.id)?;
    Ok(Found {
        id: site.id.to_string(),
        name: site.name.clone(),
        act: sites::act(account.key.clone(), expect, SiteDeed::End(site.id), now_micros()),
        with_it: WithItView { probes: Some(probes), ..WithItView::default() },
    })
}

/// Delete a site
///
/// Its probes end with it, in the same commit. Rows are never removed: it goes on being listed as ended.
#[utoipa::path(
    delete,
    path = "/v1/sites/{site}",
    tag = "v1",
    params(
        ("site" = String, Path, description = "Its id."),
        ("preview" = Option<bool>, Query, description = "True only says what would be deleted with it."),
        ("If-Match" = Option<String>, Header, description = "The ETag that it was shown with."),
    ),
    responses(
        (status = 200, description = "What became of it, or would.", body = DeletedView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it; the detail says which and ends with its code.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "The site is another version than If-Match names.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn remove(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    operator.require_change()?;
    let mut params = Params::of(&request)?;
    let preview = params.flag("preview")?;
    params.end()?;
    let (site, account) = seen_one(&operator, &name).await?;
    let matched = respond::require_match(&request, &SiteView::from(&site))?;
    let entry = entry(&operator, "sites.delete", &site.id.to_string(), &json!({}));
    let how = How { preview, each: false, guarded: matched, entry };
    let done = deleted(&operator, how, move |connection, see| {
        let found = doomed(connection, see, &account, &site, matched.then_some(site.revision))?;
        Ok(vec![(site.id.to_string(), Ok(found))])
    });
    respond::fresh(&answer_one(done.await?)?)
}

/// Delete many sites of a customer
///
/// Each is answered with what became of it, all in one commit: all of them or none, unless `each` says otherwise. Their
/// probes end with them.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/sites/delete",
    tag = "v1",
    params(("account" = String, Path, description = "Its id or ExternalID.")),
    request_body = DeleteBody,
    responses(
        (status = 200, description = "What became of each, refused ones included.", body = DeletionView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn many(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let asked: DeleteBody = body(&operator, &request, &mut payload).await?;
    let name = path_text(&name)?;
    let account = operator.read(move |connection, see| one(connection, see, &name)).await?;
    let account = account.ok_or(Problem::NotFound)?.account;
    asked.bounded()?;
    let detail = json!({"sites": asked.shown(), "reason": reason(asked.reason.as_deref())?});
    let entry = entry(&operator, "sites.delete", &account.id.to_string(), &detail);
    let how = How { preview: asked.preview, each: asked.each, guarded: false, entry };
    let done = deleted(&operator, how, move |connection, see| {
        let mut named: Vec<Named> = Vec::with_capacity(asked.ids.len());
        for called in &asked.ids {
            let judged = match of_account(connection, see, account.id, called)? {
                Some(site) => Ok(doomed(connection, see, &account, &site, None)?),
                None => Err("No site of this customer has this id.".to_owned()),
            };
            named.push((printable(called), judged));
        }
        Ok(named)
    });
    respond::fresh(&done.await?)
}

fn of_account(
    connection: &mut AnyConnection,
    see: &Visible,
    account: AccountId,
    called: &str,
) -> Result<Option<Site>, Problem> {
    Ok(seen::sites::one(connection, see, called)?.filter(|site| site.account == account))
}
