//! Accounts: listed, counted, shown, as a tree.

use actix_web::HttpRequest;
use actix_web::web::Path;
use serde::Serialize;
use utoipa::ToSchema;

use super::Answered;
use super::operator::Operator;
use super::problem::{Problem, ProblemBody};
use super::query::{Params, cursor};
use super::respond::{self, PageBody};
use crate::domain::account::{AccountKind, AccountStatus, Standing};
use crate::domain::ids::AccountId;
use crate::domain::operator::Visible;
use crate::ops::shown;
use crate::store::AnyConnection;
use crate::store::accounts::{AccountFilter, AskedState, Listed, asked_option};
use crate::store::seen::{Page, accounts};
use crate::wire::show::AccountView;

/// What the query asks for, but for the reseller, which has to be looked up.
struct Asked {
    filter: AccountFilter,
    reseller: Option<String>,
}

impl Asked {
    fn take(params: &mut Params) -> Result<Self, Problem> {
        let option = params.text("option").as_deref().map(asked_option);
        let filter = AccountFilter {
            source: params.text("source"),
            tenant: params.text("tenant"),
            platform_id: params.text("platform_id"),
            external_id: None,
            kind: params.parsed("kind", "reseller, reseller_customer or direct_customer", AccountKind::parse)?,
            status: params.parsed("status", "active or deleted", AccountStatus::parse)?,
            standing: params.parsed("standing", "enabled, disabled, fraud or frozen", Standing::parse)?,
            tag: params.text("tag"),
            label: params.text("label"),
            reseller: None,
            state: params.parsed("state", "linked, pending, unprovisioned or unassigned", AskedState::parse)?,
            partner_id: params.text("partner_id"),
            option,
            text: params.text("q"),
            changed_since: params.time("changed_since")?,
        };
        Ok(Self { filter, reseller: params.text("reseller") })
    }

    /// The filter with its reseller; none where there is no such reseller, so that nothing can match.
    fn found(self, connection: &mut AnyConnection, see: &Visible) -> Result<Option<AccountFilter>, Problem> {
        let Some(name) = &self.reseller else { return Ok(Some(self.filter)) };
        Ok(one(connection, see, name)?
            .map(|reseller| AccountFilter { reseller: Some(reseller.account.id), ..self.filter }))
    }
}

/// The account that is called `name`, our id or an ExternalID.
pub(super) fn one(connection: &mut AnyConnection, see: &Visible, name: &str) -> Result<Option<Listed>, Problem> {
    let mut found = accounts::named(connection, see, name)?;
    match (found.pop(), found.pop()) {
        (one, None) => Ok(one),
        (_, Some(_)) => Err(Problem::Conflict(
            "Several accounts, of different sources or tenants, have this ExternalID; use the `id` of one.".to_owned(),
        )),
    }
}

/// List accounts
///
/// In the order of their ids. A page may be short, even empty, while there is a next one.
#[utoipa::path(
    get,
    path = "/v1/accounts",
    tag = "v1",
    params(
        ("source" = Option<String>, Query, description = "Of this source."),
        ("tenant" = Option<String>, Query, description = "Of this tenant."),
        ("platform_id" = Option<String>, Query, description = "With this platform ID."),
        ("kind" = Option<String>, Query, description = "reseller, reseller_customer or direct_customer."),
        ("status" = Option<String>, Query, description = "active or deleted."),
        ("standing" = Option<String>, Query, description = "enabled, disabled, fraud or frozen."),
        ("tag" = Option<String>, Query, description = "With this tag."),
        ("label" = Option<String>, Query, description = "Under this label; empty for those under none."),
        ("reseller" = Option<String>, Query, description = "Customers of this reseller: its id or ExternalID."),
        ("state" = Option<String>, Query, description = "State of the relation: linked, pending, unprovisioned or unassigned."),
        ("partner_id" = Option<String>, Query, description = "With this partner ID, such as an MPN ID."),
        ("option" = Option<String>, Query, description = "With this synchronization option: ID, or ID:VALUE."),
        ("q" = Option<String>, Query, description = "With this text in name or e-mail address, in any case."),
        ("changed_since" = Option<String>, Query, description = "Whose last delivery came at or after this time (RFC 3339, or a day)."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<AccountView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(operator: Operator, request: HttpRequest) -> Answered {
    let mut params = Params::of(&request)?;
    let asked = Asked::take(&mut params)?;
    let (limit, after) = (params.limit()?, params.after::<1>("accounts")?);
    params.end()?;
    let page = operator.read(move |connection, see| {
        let Some(filter) = asked.found(connection, see)? else { return Ok(Page::empty()) };
        Ok(accounts::list(connection, see, &filter, after.map(|[id]| AccountId(id)), limit)?)
    });
    let page = page.await?;
    let next = page.next.map(|id| cursor("accounts", [id.0]));
    respond::page(page.items.iter().map(shown::account).collect(), next)
}

/// How many accounts there are.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountBody {
    /// So many were counted.
    pub count: i64,
    /// Whether counting stopped there, so that there may be more.
    pub more: bool,
}

/// Count accounts
///
/// With the filters of the list. Counting stops at 10,000 accounts, or where too many would have to be looked at.
#[utoipa::path(
    get,
    path = "/v1/accounts/count",
    tag = "v1",
    params(
        ("source" = Option<String>, Query, description = "Of this source."),
        ("tenant" = Option<String>, Query, description = "Of this tenant."),
        ("platform_id" = Option<String>, Query, description = "With this platform ID."),
        ("kind" = Option<String>, Query, description = "reseller, reseller_customer or direct_customer."),
        ("status" = Option<String>, Query, description = "active or deleted."),
        ("standing" = Option<String>, Query, description = "enabled, disabled, fraud or frozen."),
        ("tag" = Option<String>, Query, description = "With this tag."),
        ("label" = Option<String>, Query, description = "Under this label; empty for those under none."),
        ("reseller" = Option<String>, Query, description = "Customers of this reseller: its id or ExternalID."),
        ("state" = Option<String>, Query, description = "State of the relation: linked, pending, unprovisioned or unassigned."),
        ("partner_id" = Option<String>, Query, description = "With this partner ID, such as an MPN ID."),
        ("option" = Option<String>, Query, description = "With this synchronization option: ID, or ID:VALUE."),
        ("q" = Option<String>, Query, description = "With this text in name or e-mail address, in any case."),
        ("changed_since" = Option<String>, Query, description = "Whose last delivery came at or after this time (RFC 3339, or a day)."),
    ),
    responses(
        (status = 200, body = CountBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn count(operator: Operator, request: HttpRequest) -> Answered {
    let mut params = Params::of(&request)?;
    let asked = Asked::take(&mut params)?;
    params.end()?;
    let counted = operator.read(move |connection, see| match asked.found(connection, see)? {
        Some(filter) => Ok(accounts::count(connection, see, &filter)?),
        None => Ok((0, false)),
    });
    let (count, more) = counted.await?;
    respond::fresh(&CountBody { count, more })
}

/// Show one account
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}",
    tag = "v1",
    params(("account" = String, Path, description = "Its id or ExternalID.")),
    responses(
        (status = 200, body = AccountView),
        (status = 304, description = "The caller has this version, by If-None-Match."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Several accounts have this ExternalID.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn show(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let name = path_text(&name)?;
    let found = operator.read(move |connection, see| one(connection, see, &name)).await?;
    let listed = found.ok_or(Problem::NotFound)?;
    respond::single(&request, &shown::account(&listed))
}

/// A name in the path; what no account can be called is not found.
pub(super) fn path_text(name: &str) -> Result<String, Problem> {
    if name.chars().count() > crate::domain::ids::MAX_ID_CHARS || name.chars().any(char::is_control) {
        return Err(Problem::NotFound);
    }
    Ok(name.to_owned())
}

/// An account of the tree.
#[derive(Debug, Serialize, ToSchema)]
pub struct TreeView {
    /// The account itself.
    #[serde(flatten)]
    pub account: AccountView,
    /// How many customers are linked to it.
    pub customers: i64,
}

/// One level of the tree
///
/// Without `reseller` what stands at the top: resellers, then customers that are linked to no reseller, then direct
/// customers. With `reseller` its customers.
#[utoipa::path(
    get,
    path = "/v1/accounts/tree",
    tag = "v1",
    params(
        ("reseller" = Option<String>, Query, description = "The customers of this reseller: its id or ExternalID."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<TreeView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn tree(operator: Operator, request: HttpRequest) -> Answered {
    let mut params = Params::of(&request)?;
    let reseller = params.text("reseller");
    let (limit, after) = (params.limit()?, params.after::<2>("tree")?);
    params.end()?;
    let page = operator.read(move |connection, see| {
        let page = match &reseller {
            Some(name) => {
                let id = one(connection, see, name)?.ok_or(Problem::NotFound)?.account.id;
                let filter = AccountFilter { reseller: Some(id), ..AccountFilter::default() };
                let page = accounts::list(connection, see, &filter, after.map(|[_, id]| AccountId(id)), limit)?;
                Page { items: page.items, next: page.next.map(|id| [0, id.0]) }
            }
            None => top(connection, see, after, limit)?,
        };
        let ids: Vec<AccountId> = page.items.iter().map(|listed| listed.account.id).collect();
        let counts = accounts::customers(connection, &ids)?;
        Ok(page.map(|listed| TreeView {
            customers: counts.get(&listed.account.id).copied().unwrap_or(0),
            account: shown::account(&listed),
        }))
    });
    let page = page.await?;
    let next = page.next.map(|key| cursor("tree", key));
    respond::page(page.items, next)
}

/// The top of the tree behind a kind, by its place in [`accounts::ROOTS`], and an account.
fn top(
    connection: &mut AnyConnection,
    see: &Visible,
    after: Option<[i64; 2]>,
    limit: i64,
) -> Result<Page<Listed, [i64; 2]>, Problem> {
    let [from, behind] = after.unwrap_or([0, 0]);
    let mut items: Vec<Listed> = Vec::new();
    for (at, kind) in (0..).zip(accounts::ROOTS) {
        if at < from {
            continue;
        }
        let behind = (at == from && behind > 0).then_some(AccountId(behind));
        let left = limit - i64::try_from(items.len()).unwrap_or(limit);
        let page = accounts::roots(connection, see, kind, behind, left)?;
        items.extend(page.items);
        if let Some(next) = page.next {
            return Ok(Page { items, next: Some([at, next.0]) });
        }
        // The page is full and the next kind begins with the next one.
        if i64::try_from(items.len()).unwrap_or(limit) >= limit && at < 2 {
            return Ok(Page { items, next: Some([at + 1, 0]) });
        }
    }
    Ok(Page { items, next: None })
}
