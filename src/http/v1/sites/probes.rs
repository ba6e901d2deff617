//! Probes: associated with sites, moved between them, removed.

use actix_web::HttpRequest;
use actix_web::web::{Path, Payload};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{happened, status};
use crate::domain::account::Account;
use crate::domain::act::site::{ProbePatch, SiteDeed};
use crate::domain::ids::{ProbeId, SiteId};
use crate::domain::operator::Visible;
use crate::domain::site::{Probe, name as probe_name};
use crate::http::v1::Answered;
use crate::http::v1::accounts::{one, path_text};
use crate::http::v1::change::{body, done, entry};
use crate::http::v1::customers::delete::{DeleteBody, How, answer_one, deleted, printable};
use crate::http::v1::operator::Operator;
use crate::http::v1::problem::{Problem, ProblemBody};
use crate::http::v1::query::{Params, cursor};
use crate::http::v1::respond::{self, PageBody};
use crate::http::v1::services::change::reason;
use crate::ops::delete::Found;
use crate::ops::{alone, set, sites};
use crate::store::AnyConnection;
use crate::store::seen::Page;
use crate::store::seen::sites::{self as seen, ProbesOf};
use crate::wire::customer::{DeletedView, DeletionView, WithItView};
use crate::wire::site_show::{ProbeView, SiteHappenedView};
use crate::writer::now_micros;

/// What is said of a probe; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProbeBody {
    /// What it is called: 1 to 100 characters, unique among the probes of its customer that are not ended, whatever the case.
    #[schema(max_length = 100)]
    pub name: Option<String>,
    /// Of one that is there: the site of the same customer at which it is to stand, by id.
    pub site: Option<String>,
    /// Why; kept in the audit trail.
    pub reason: Option<String>,
}

fn bad(why: impl std::fmt::Display) -> Problem {
    Problem::BadRequest(format!("{why}."))
}

impl ProbeBody {
    fn names(&self) -> Vec<&'static str> {
        [("name", self.name.is_some()), ("site", self.site.is_some())]
            .into_iter()
            .filter_map(|(name, said)| said.then_some(name))
            .collect()
    }

    fn called(&self) -> Result<Option<String>, Problem> {
        self.name.as_deref().map(probe_name).transpose().map_err(|why| bad(format_args!("name {why}")))
    }

    fn patch(&self) -> Result<ProbePatch, Problem> {
        let site = self.site.as_deref().map(|id| SiteId::parse(id).ok_or_else(|| bad("site is no id of a site")));
        Ok(ProbePatch { name: self.called()?, site: site.transpose()? })
    }
}

/// The probe of this id.
fn found(connection: &mut AnyConnection, see: &Visible, name: &str) -> Result<Probe, Problem> {
    seen::probe(connection, see, name)?.ok_or(Problem::NotFound)
}

/// A probe and whose it is, as this operator sees them.
async fn seen_one(operator: &Operator, name: &str) -> Result<(Probe, Account), Problem> {
    let name = path_text(name)?;
    let both = operator.read(move |connection, see| {
        let probe = found(connection, see, &name)?;
        let account = one(connection, see, &probe.account.to_string())?.ok_or(Problem::NotFound)?.account;
        Ok((probe, account))
    });
    both.await
}

/// A page of the probes that `of` names.
async fn page<F>(operator: Operator, request: HttpRequest, list: &'static str, of: F) -> Answered
where
    F: FnOnce(&mut AnyConnection, &Visible) -> Result<ProbesOf, Problem> + Send + 'static,
{
    let mut params = Params::of(&request)?;
    let status = status(&mut params)?;
    let (limit, after) = (params.limit()?, params.after::<1>(list)?);
    params.end()?;
    let page = operator.read(move |connection, see| {
        let of = of(connection, see)?;
        Ok(seen::probes(connection, see, of, status, after.map(|[id]| ProbeId(id)), limit)?)
    });
    let page: Page<Probe, ProbeId> = page.await?;
    let next = page.next.map(|id| cursor(list, [id.0]));
    respond::page(page.items.iter().map(ProbeView::from).collect(), next)
}

/// List the probes at a site
///
/// In the order of their ids.
#[utoipa::path(
    get,
    path = "/v1/sites/{site}/probes",
    tag = "v1",
    params(
        ("site" = String, Path, description = "Its id."),
        ("status" = Option<String>, Query, description = "active, by default, ended or all."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<ProbeView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    let name = path_text(&name)?;
    let of = move |connection: &mut AnyConnection, see: &Visible| {
        Ok(ProbesOf::Site(super::found(connection, see, &name)?.id))
    };
    page(operator, request, "probes", of).await
}

/// List the probes of a customer
///
/// At all its sites, in the order of their ids.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/probes",
    tag = "v1",
    params(
        ("account" = String, Path, description = "Its id or ExternalID."),
        ("status" = Option<String>, Query, description = "active, by default, ended or all."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<ProbeView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Several accounts have this ExternalID.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn of_account(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    let name = path_text(&name)?;
    let of = move |connection: &mut AnyConnection, see: &Visible| {
        Ok(ProbesOf::Account(one(connection, see, &name)?.ok_or(Problem::NotFound)?.account.id))
    };
    page(operator, request, "account-probes", of).await
}

/// Show one probe
#[utoipa::path(
    get,
    path = "/v1/probes/{probe}",
    tag = "v1",
    params(("probe" = String, Path, description = "Its id.")),
    responses(
        (status = 200, body = ProbeView),
        (status = 304, description = "The caller has this version, by If-None-Match."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn show(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let name = path_text(&name)?;
    let probe = operator.read(move |connection, see| found(connection, see, &name)).await?;
    respond::single(&request, &ProbeView::from(&probe))
}

/// What happened to a probe
///
/// Newest first, one row a revision, with the sites between which it moved. Of a customer that was somebody else's before,
/// only what happened since.
#[utoipa::path(
    get,
    path = "/v1/probes/{probe}/history",
    tag = "v1",
    params(
        ("probe" = String, Path, description = "Its id."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<SiteHappenedView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn history(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    let name = path_text(&name)?;
    let of = move |connection: &mut AnyConnection, see: &Visible| Ok(found(connection, see, &name)?.id.0);
    happened(operator, request, "probe-history", of).await
}

/// Associate a probe with a site
///
/// A reseller_admin may do so for its customers.
#[utoipa::path(
    post,
    path = "/v1/sites/{site}/probes",
    tag = "v1",
    params(("site" = String, Path, description = "Its id.")),
    request_body = ProbeBody,
    responses(
        (status = 201, description = "The probe; `Location` says where it is.", body = ProbeView),
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
    let asked: ProbeBody = body(&operator, &request, &mut payload).await?;
    let name = path_text(&name)?;
    let both = operator.read(move |connection, see| {
        let site = super::found(connection, see, &name)?;
        let account = one(connection, see, &site.account.to_string())?.ok_or(Problem::NotFound)?.account;
        Ok((site, account))
    });
    let (site, account) = both.await?;
    if asked.site.is_some() {
        return Err(bad("The probe is associated with the site of the path; leave `site` out"));
    }
    let Some(called) = asked.called()? else { return Err(bad("A probe needs a name")) };
    let detail = json!({"fields": asked.names(), "reason": reason(asked.reason.as_deref())?});
    let entry = entry(&operator, "probes.add", &site.id.to_string(), &detail);
    let policies = alone::policies(&operator.state.config);
    let list = sites::list(account.key, None, SiteDeed::AddProbe(site.id, called.clone()), policies, entry);
    set::changed(&operator.acts(list).await?)?;
    let id = account.id;
    let made =
        operator.read(move |connection, see| seen::probe_named(connection, see, id, &called)?.ok_or(Problem::NotFound));
    let made = made.await?;
    respond::created(&format!("/v1/probes/{}", made.id), &ProbeView::from(&made))
}

/// Change a probe, or move it to another site
///
/// Of the same customer. With `If-Match`, only if the probe is as it was shown under that ETag. A reseller_admin may do so
/// for its customers.
#[utoipa::path(
    patch,
    path = "/v1/probes/{probe}",
    tag = "v1",
    params(
        ("probe" = String, Path, description = "Its id."),
        ("If-Match" = Option<String>, Header, description = "The ETag that it was shown with."),
    ),
    request_body = ProbeBody,
    responses(
        (status = 200, description = "The probe as it is now.", body = ProbeView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it; the detail says which and ends with its code.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "The probe is another version than If-Match names.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn change(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let asked: ProbeBody = body(&operator, &request, &mut payload).await?;
    let (probe, account) = seen_one(&operator, &name).await?;
    let matched = respond::require_match(&request, &ProbeView::from(&probe))?;
    if asked.names().is_empty() {
        return Err(bad("Nothing is to be changed; say what"));
    }
    let detail = json!({"fields": asked.names(), "reason": reason(asked.reason.as_deref())?});
    let id = probe.id.to_string();
    let entry = entry(&operator, "probes.set", &id, &detail);
    let deed = SiteDeed::ChangeProbe(probe.id, asked.patch()?);
    let policies = alone::policies(&operator.state.config);
    let list = sites::list(account.key, matched.then_some(probe.revision), deed, policies, entry);
    done(&operator, list, matched).await?;
    let now = operator.read(move |connection, see| found(connection, see, &id)).await?;
    respond::current(&ProbeView::from(&now))
}

/// Remove a probe
///
/// Nothing goes with it. Rows are never removed: it goes on being listed as ended.
#[utoipa::path(
    delete,
    path = "/v1/probes/{probe}",
    tag = "v1",
    params(
        ("probe" = String, Path, description = "Its id."),
        ("preview" = Option<bool>, Query, description = "True only says what would be."),
        ("If-Match" = Option<String>, Header, description = "The ETag that it was shown with."),
    ),
    responses(
        (status = 200, description = "What became of it, or would.", body = DeletedView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it; the detail says which and ends with its code.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "The probe is another version than If-Match names.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn remove(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    operator.require_change()?;
    let mut params = Params::of(&request)?;
    let preview = params.flag("preview")?;
    params.end()?;
    let (probe, account) = seen_one(&operator, &name).await?;
    let matched = respond::require_match(&request, &ProbeView::from(&probe))?;
    let entry = entry(&operator, "probes.delete", &probe.id.to_string(), &json!({}));
    let how = How { preview, each: false, guarded: matched, entry };
    let done = deleted(&operator, how, move |_, _| {
        let found = doomed(&account, &probe, matched.then_some(probe.revision));
        Ok(vec![(probe.id.to_string(), Ok(found))])
    });
    respond::fresh(&answer_one(done.await?)?)
}

/// A probe, with which nothing goes.
fn doomed(account: &Account, probe: &Probe, expect: Option<i64>) -> Found {
    Found {
        id: probe.id.to_string(),
        name: probe.name.clone(),
        act: sites::act(account.key.clone(), expect, SiteDeed::EndProbe(probe.id), now_micros()),
        with_it: WithItView::default(),
    }
}

/// Remove many probes at a site
///
/// Each is answered with what became of it, all in one commit: all of them or none, unless `each` says otherwise.
#[utoipa::path(
    post,
    path = "/v1/sites/{site}/probes/delete",
    tag = "v1",
    params(("site" = String, Path, description = "Its id.")),
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
    let both = operator.read(move |connection, see| {
        let site = super::found(connection, see, &name)?;
        let account = one(connection, see, &site.account.to_string())?.ok_or(Problem::NotFound)?.account;
        Ok((site, account))
    });
    let (site, account) = both.await?;
    asked.bounded()?;
    let detail = json!({"probes": asked.shown(), "reason": reason(asked.reason.as_deref())?});
    let entry = entry(&operator, "probes.delete", &site.id.to_string(), &detail);
    let how = How { preview: asked.preview, each: asked.each, guarded: false, entry };
    let done = deleted(&operator, how, move |connection, see| {
        let mut named = Vec::with_capacity(asked.ids.len());
        for called in &asked.ids {
            let probe = seen::probe(connection, see, called)?.filter(|probe| probe.site == site.id);
            let judged = probe.map(|probe| doomed(&account, &probe, None));
            named.push((printable(called), judged.ok_or_else(|| "No probe at this site has this id.".to_owned())));
        }
        Ok(named)
    });
    respond::fresh(&done.await?)
}
