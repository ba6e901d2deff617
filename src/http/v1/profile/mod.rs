//! What operators keep about an account: its settings here, contacts and logins beside it.

pub mod contacts;
pub mod logins;

use std::collections::BTreeSet;

use actix_web::HttpRequest;
use actix_web::http::header::IF_MATCH;
use actix_web::web::{Path, Payload};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Answered;
use super::accounts::{one, path_text};
use super::change::{body, done, entry};
use super::operator::Operator;
use super::patch::{require_standing, word};
use super::problem::{Problem, ProblemBody};
use super::query::Params;
use super::respond;
use crate::domain::account::{Account, Standing};
use crate::domain::act::{Act, What};
use crate::domain::dossier::{self, Complaint, Dossier, DossierAct, SettingsPatch, Verification};
use crate::domain::operator::Visible;
use crate::domain::relation::Cause;
use crate::ops::alone;
use crate::ops::set::{self, Wanted};
use crate::store::AnyConnection;
use crate::store::seen::dossiers;
use crate::wire::profile::ProfileView;
use crate::writer::acts::ActList;

/// An account and what is kept about it.
pub(super) struct Found {
    pub account: Account,
    pub dossier: Dossier,
}

pub(super) fn found(connection: &mut AnyConnection, see: &Visible, name: &str) -> Result<Found, Problem> {
    let account = one(connection, see, name)?.ok_or(Problem::NotFound)?.account;
    let dossier = dossiers::of(connection, see, account.id)?.ok_or(Problem::NotFound)?;
    Ok(Found { account, dossier })
}

/// The account of this name as the operator sees it, with what is kept about it.
pub(super) async fn look(operator: &Operator, name: &str) -> Result<Found, Problem> {
    let name = path_text(name)?;
    operator.read(move |connection, see| found(connection, see, &name)).await
}

/// A complaint about a field.
pub(super) fn wrong(field: &str) -> impl Fn(Complaint) -> Problem + '_ {
    move |why| Problem::BadRequest(format!("{field} {why}."))
}

/// Whether an account is one of the resellers that the operator acts for: what is kept about those is the vendor's.
pub(super) fn is_own(operator: &Operator, account: &Account) -> bool {
    matches!(&operator.visible, Visible::Resellers(resellers) if resellers.contains(&account.id))
}

/// Does an act on what is kept about an account; `guarded`, only on the version that was looked at.
pub(super) async fn keep(
    operator: &Operator,
    account: &Account,
    act: DossierAct,
    (action, detail): (&str, Value),
    guarded: bool,
) -> Result<(), Problem> {
    let entry = entry(operator, action, &account.id.to_string(), &detail);
    let act = Act::new(account.key.clone(), entry.at, Cause::Move, What::Keep(Box::new(act)));
    let act = if guarded { act.expecting(account.revision) } else { act };
    let policies = alone::policies(&operator.state.config);
    let list = ActList { acts: vec![act], policies, all_or_nothing: true, entry };
    done(operator, list, guarded).await
}

/// Show the settings of an account
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/profile",
    tag = "v1",
    params(("account" = String, Path, description = "Its id or ExternalID.")),
    responses(
        (status = 200, body = ProfileView),
        (status = 304, description = "The caller has this version, by If-None-Match."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn show(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let Found { account, dossier } = look(&operator, &name).await?;
    respond::single(&request, &ProfileView::new(&account, &dossier))
}

/// What is to be changed; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProfileBody {
    /// `enabled`, `disabled`, `fraud`, or `frozen` for a reseller.
    pub standing: Option<String>,
    /// Its label; empty takes it away.
    pub label: Option<String>,
    /// Its tags, the whole set.
    pub tags: Option<Vec<String>>,
    /// Tags that come.
    pub tag: Vec<String>,
    /// Tags that go.
    pub untag: Vec<String>,
    /// `unverified`, `pending`, `verified` or `rejected`.
    pub verification: Option<String>,
    /// The IP address from which it signed up; empty takes it away.
    pub sign_up_address: Option<String>,
    /// The name of its price list; empty takes it away.
    pub price_list: Option<String>,
    /// Whether it may change name servers and the DNS of its domains.
    pub dns_options: Option<bool>,
    /// The name servers that its domains get, the whole list.
    pub name_servers: Option<Vec<String>>,
    /// Where it is, by the name of its time zone in IANA's database, such as `Europe/Athens`; empty takes it away.
    pub time_zone: Option<String>,
    /// Why; kept in the audit trail.
    pub reason: Option<String>,
}

fn tags(list: &[String]) -> Result<BTreeSet<String>, Problem> {
    list.iter().map(|text| dossier::tag(text).map_err(wrong("A tag"))).collect()
}

impl ProfileBody {
    fn settings(&self) -> Result<SettingsPatch, Problem> {
        let servers = |list: &Vec<String>| {
            list.iter().map(|text| dossier::name_server(text).map_err(wrong("A name server"))).collect()
        };
        Ok(SettingsPatch {
            label: self.label.as_deref().map(dossier::label).transpose().map_err(wrong("label"))?,
            tags: self.tags.as_deref().map(tags).transpose()?,
            tagged: tags(&self.tag)?,
            untagged: tags(&self.untag)?,
            verification: word(
                self.verification.as_deref(),
                Verification::parse,
                "verification",
                "unverified, pending, verified, rejected",
            )?,
            sign_up_address: self
                .sign_up_address
                .as_deref()
                .map(dossier::sign_up_address)
                .transpose()
                .map_err(wrong("sign_up_address"))?,
            price_list: self.price_list.as_deref().map(dossier::price_list).transpose().map_err(wrong("price_list"))?,
            dns_options: self.dns_options,
            name_servers: self.name_servers.as_ref().map(servers).transpose()?,
            time_zone: self.time_zone.as_deref().map(dossier::time_zone).transpose().map_err(wrong("time_zone"))?,
        })
    }
}

/// Change the settings of an account
///
/// With `If-Match`, only if they are as they were shown under that ETag. A reseller_admin changes those of its customers;
/// a mark of fraud is lifted by a provider_admin alone.
#[utoipa::path(
    patch,
    path = "/v1/accounts/{account}/profile",
    tag = "v1",
    params(
        ("account" = String, Path, description = "Its id or ExternalID."),
        ("If-Match" = Option<String>, Header, description = "The ETag that they were shown with."),
    ),
    request_body = ProfileBody,
    responses(
        (status = 200, description = "The settings as they are now.", body = ProfileView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it; the detail says which and ends with its code.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "They are another version than If-Match names.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn change(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let asked: ProfileBody = body(&operator, &request, &mut payload).await?;
    let Found { account, dossier } = look(&operator, &name).await?;
    if is_own(&operator, &account) {
        return Err(Problem::Forbidden);
    }
    if request.headers().contains_key(IF_MATCH) && !respond::matches(&request, &ProfileView::new(&account, &dossier))? {
        return Err(Problem::PreconditionFailed);
    }
    let standing = word(asked.standing.as_deref(), Standing::parse, "standing", "enabled, disabled, fraud, frozen")?;
    require_standing(&operator, &account, standing)?;
    let wanted = Wanted { standing, settings: asked.settings()?, ..Wanted::default() };
    let reason = asked.reason.as_deref().map(set::reason).transpose();
    let reason = reason.map_err(|why| Problem::BadRequest(format!("reason {why}.")))?;
    let id = account.id.to_string();
    let entry = entry(&operator, "accounts.set", &id, &wanted.detail(reason.as_deref()));
    let list = wanted.list(&account, alone::policies(&operator.state.config), entry)?;
    done(&operator, list, request.headers().contains_key(IF_MATCH)).await?;
    let now = look(&operator, &id).await?;
    respond::current(&ProfileView::new(&now.account, &now.dossier))
}

/// What the audit trail says of a contact or a login.
fn about(thing: &str, number: Option<i64>, fields: &[&str]) -> Value {
    let mut detail = json!({"fields": fields});
    if let (Some(object), Some(number)) = (detail.as_object_mut(), number) {
        object.insert(thing.to_owned(), Value::from(number));
    }
    detail
}
