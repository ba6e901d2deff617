//! Partners: resellers, each with the exact list of its tenants.

use actix_web::http::StatusCode;
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::{Answered, answer, cloud, refusal};
use crate::config::extremecloud::ExtremeCloud;
use crate::domain::account::{Account, AccountKind};
use crate::domain::act::customers::MAX_CUSTOMERS;
use crate::domain::ids::{AccountId, AccountKey};
use crate::domain::msp::Bounds;
use crate::http::v1::change::entry;
use crate::http::v1::operator::Operator;
use crate::http::v1::problem::{Problem, ProblemBody};
use crate::http::v1::query::Params;
use crate::http::v1::respond;
use crate::ops::alone;
use crate::ops::extremecloud::change::{self, Came, Tenants};
use crate::ops::extremecloud::resolve::{self, Refused};
use crate::ops::extremecloud::{ids, list as lists};
use crate::store::seen::msp::Brief;
use crate::wire::extremecloud::{Asked, Body, ElementView};
use crate::writer::acts::ActList;

/// How often everything is looked up again because an account was called otherwise meanwhile. That happens to an account
/// once, when its platform synchronizes it.
const MAX_LOOKS: usize = 3;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kinds {
    /// Resellers.
    Partners,
    /// All others.
    Tenants,
}

/// The partner or tenant that an ID names, as the operator sees it.
///
/// # Errors
/// [`Problem::NotFound`] where there is none.
pub(super) async fn found(operator: &Operator, bounds: &Bounds, name: &str, kinds: Kinds) -> Result<Account, Problem> {
    let (name, bounds) = (name.to_owned(), bounds.clone());
    let found = operator.read(move |connection, see| Ok(resolve::account(connection, see, &bounds, &name)?)).await?;
    let fits = |account: &Account| (account.kind == AccountKind::Reseller) == (kinds == Kinds::Partners);
    found.filter(fits).ok_or(Problem::NotFound)
}

/// List partners
///
/// Each with all its tenants.
#[utoipa::path(
    get,
    path = "/v1/msppartners",
    tag = "extremecloud",
    responses(
        (status = 200, body = Vec<ElementView<'static>>),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "The dialect is not configured.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(operator: Operator, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let bounds = cloud(&operator.state)?.bounds();
    answer::list(&operator, move |connection, see, out| lists::partners(connection, see, &bounds, out)).await
}

/// Show a partner
#[utoipa::path(
    get,
    path = "/v1/msppartners/{tenantId}",
    tag = "extremecloud",
    params(("tenantId" = String, Path, description = "Its ID.")),
    responses(
        (status = 200, body = ElementView<'static>),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn show(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let bounds = cloud(&operator.state)?.bounds();
    let account = found(&operator, &bounds, &name, Kinds::Partners).await?;
    shown(&operator, bounds, account, None, StatusCode::OK, None).await
}

/// Answers with a partner or a tenant, as the element of `cust_id` or its own.
async fn shown(
    operator: &Operator,
    bounds: Bounds,
    account: Account,
    cust_id: Option<String>,
    status: StatusCode,
    location: Option<String>,
) -> Answered {
    answer::written(operator, status, location, move |connection, see, out| {
        lists::one(connection, see, &bounds, &account, cust_id.as_deref(), out)
    })
    .await
}

/// Change a partner, and the exact list of its tenants
///
/// Tenants that are not listed any longer become nobody's, those that are listed come from wherever they are, all in one
/// commit with the partner's own changes. A tenant that cannot come or leave refuses the whole call. What is null or left
/// out stays; an empty list empties.
#[utoipa::path(
    put,
    path = "/v1/msppartners/{tenantId}",
    tag = "extremecloud",
    params(("tenantId" = String, Path, description = "Its ID.")),
    request_body(content = ElementView<'static>, description = "`accountName` must be there; `custId` is null, the partner's own or the provider's. Up to 4 MiB and 50,000 tenants."),
    responses(
        (status = 200, description = "The partner, with the provider's own custId.", body = ElementView<'static>),
        (status = 400, description = "An attribute is not as it must be; the detail names each.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it; `tenants` says why for each tenant that is in the way.", body = super::RefusedBody, content_type = "application/problem+json"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot take it now; sending it again is safe.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn put(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_provider()?;
    Params::of(&request)?.end()?;
    let cloud = cloud(&operator.state)?;
    let bounds = cloud.bounds();
    found(&operator, &bounds, &name, Kinds::Partners).await?;
    let asked = answer::asked(&operator, &request, &mut payload, Body::PutPartner).await?;
    for _ in 0..MAX_LOOKS {
        let partner = found(&operator, &bounds, &name, Kinds::Partners).await?;
        let tenants = match looked_up(&operator, &cloud, Some(&partner), &asked).await? {
            Ok(tenants) => tenants,
            Err(refused) => return Ok(refusal::respond(None, refused)),
        };
        let listed = asked.tenants.as_ref().map(|_| &tenants);
        let detail = json!({
            "fields": asked.names(), "tenants": listed.map(|list| list.listed.len()), "by": "extremecloud",
        });
        let entry = entry(&operator, "msppartners.put", &partner.id.to_string(), &detail);
        let policies = alone::policies(&operator.state.config);
        let list = change::put_partner(&partner, &bounds, &asked, listed, policies, entry);
        match carried_out(&operator, &bounds, list, &partner.key, &tenants).await? {
            Ok(_) => {
                let now = found(&operator, &bounds, &name, Kinds::Partners).await?;
                let cust_id = Some(cloud.msp_id.as_str().to_owned());
                return shown(&operator, bounds, now, cust_id, StatusCode::OK, None).await;
            }
            Err(Some(refused)) => return Ok(refused),
            Err(None) => {}
        }
    }
    Err(Problem::Unavailable)
}

/// Judges whose element a body is, and looks up the tenants that it lists. Err within: those that are in the way.
async fn looked_up(
    operator: &Operator,
    cloud: &ExtremeCloud,
    own: Option<&Account>,
    asked: &Asked,
) -> Result<Result<Tenants, Vec<Refused>>, Problem> {
    let (bounds, msp_id, own) = (cloud.bounds(), cloud.msp_id.clone(), own.map(|account| account.id));
    let (cust_ids, texts) = (asked.cust_ids.clone(), asked.tenants.clone());
    let looked = operator.read(move |connection, _| {
        for cust_id in &cust_ids {
            if !resolve::is_own(connection, &bounds, &msp_id, own, cust_id)? {
                let whose = if own.is_some() { "the partner's own ID, the provider's" } else { "the provider's ID" };
                return Err(Problem::BadRequest(format!("custId names somebody else. Send {whose} or null.")));
            }
        }
        let Some(texts) = texts else { return Ok(Ok(Tenants::default())) };
        let (listed, refused) = resolve::tenants(connection, &bounds, &texts)?;
        if !refused.is_empty() {
            return Ok(Err(refused));
        }
        let present = match own {
            Some(partner) => resolve::present(connection, &bounds, partner, MAX_CUSTOMERS)?,
            None => Vec::new(),
        };
        Ok(Ok(Tenants { listed, present }))
    });
    looked.await
}

/// Has a list done. Err within: the answer where it is refused, and none where everything is to be looked up again.
async fn carried_out(
    operator: &Operator,
    bounds: &Bounds,
    list: ActList,
    key: &AccountKey,
    tenants: &Tenants,
) -> Result<Result<Option<AccountId>, Option<HttpResponse>>, Problem> {
    let outcomes = operator.acts(list).await?;
    let (own, mut listed, leaving) = match change::came(&outcomes, key, tenants) {
        Came::Done(made) => return Ok(Ok(made)),
        Came::Stale => return Ok(Err(None)),
        Came::Refused { own, listed, leaving } => (own, listed, leaving),
    };
    let bounds = bounds.clone();
    let accounts: Vec<AccountId> = leaving.iter().map(|(id, ..)| *id).collect();
    let names = operator.read(move |connection, _| Ok(resolve::shown(connection, &bounds, &accounts)?)).await?;
    listed.extend(leaving.into_iter().map(|(id, code, message)| {
        let reason = format!("It is not listed any longer and cannot leave: {message}");
        Refused { id: names.get(&id).cloned().unwrap_or_else(|| id.to_string()), code, reason }
    }));
    Ok(Err(Some(refusal::respond(own, listed))))
}

/// Make a partner
///
/// With its tenants, in one commit. It sells nothing yet: tenants with services on plans come once it has plans.
#[utoipa::path(
    post,
    path = "/v1/msppartners",
    tag = "extremecloud",
    request_body(content = ElementView<'static>, description = "`accountName` and `userId` must be there; `custId` is null or the provider's."),
    responses(
        (status = 201, description = "The partner; Location says where it is.", body = ElementView<'static>),
        (status = 400, description = "An attribute is not as it must be; the detail names each.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "The dialect is not configured.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it; `tenants` says why for each tenant that is in the way.", body = super::RefusedBody, content_type = "application/problem+json"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn create(operator: Operator, request: HttpRequest, mut payload: Payload) -> Answered {
    make(&operator, &request, &mut payload, AccountKind::Reseller, Body::PostPartner).await
}

/// Makes a partner or a tenant.
pub(super) async fn make(
    operator: &Operator,
    request: &HttpRequest,
    payload: &mut Payload,
    kind: AccountKind,
    what: Body,
) -> Answered {
    operator.require_provider()?;
    Params::of(request)?.end()?;
    let cloud = cloud(&operator.state)?;
    let bounds = cloud.bounds();
    let asked = answer::asked(operator, request, payload, what).await?;
    let (action, path) = match kind {
        AccountKind::Reseller => ("msppartners.create", "/v1/msppartners/"),
        AccountKind::ResellerCustomer | AccountKind::DirectCustomer => ("msptenants.create", "/v1/msptenants/"),
    };
    for _ in 0..MAX_LOOKS {
        let tenants = match looked_up(operator, &cloud, None, &asked).await? {
            Ok(tenants) => tenants,
            Err(refused) => return Ok(refusal::respond(None, refused)),
        };
        let detail = json!({"fields": asked.names(), "tenants": tenants.listed.len(), "by": "extremecloud"});
        let entry = entry(operator, action, "", &detail);
        let policies = alone::policies(&operator.state.config);
        let (mut list, key) = change::create(kind, cloud.made_here(), &asked, &tenants, policies, entry);
        list.entry.subject = key.platform_id.to_string();
        let made = match carried_out(operator, &bounds, list, &key, &tenants).await? {
            Ok(made) => made.ok_or(Problem::Internal)?,
            Err(Some(refused)) => return Ok(refused),
            Err(None) => continue,
        };
        let id = {
            let brief = Brief { id: made, key, kind };
            operator.read(move |connection, _| Ok(ids(connection, &[brief])?.pop().unwrap_or_default())).await?
        };
        let kinds = if kind == AccountKind::Reseller { Kinds::Partners } else { Kinds::Tenants };
        let account = found(operator, &bounds, &id, kinds).await?;
        let location = format!("{path}{id}");
        return shown(operator, bounds, account, None, StatusCode::CREATED, Some(location)).await;
    }
    Err(Problem::Unavailable)
}

/// Delete a partner
///
/// Refused while it has tenants.
#[utoipa::path(
    delete,
    path = "/v1/msppartners/{tenantId}",
    tag = "extremecloud",
    params(("tenantId" = String, Path, description = "Its ID.")),
    responses(
        (status = 204, description = "It is deleted."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It has tenants.", body = super::RefusedBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn end(operator: Operator, name: Path<String>, request: HttpRequest) -> Answered {
    operator.require_provider()?;
    Params::of(&request)?.end()?;
    let bounds = cloud(&operator.state)?.bounds();
    for _ in 0..MAX_LOOKS {
        let partner = found(&operator, &bounds, &name, Kinds::Partners).await?;
        let entry = entry(&operator, "msppartners.delete", &partner.id.to_string(), &json!({"by": "extremecloud"}));
        let list = change::delete(&partner, alone::policies(&operator.state.config), entry);
        match carried_out(&operator, &bounds, list, &partner.key, &Tenants::default()).await? {
            Ok(_) => return Ok(respond::nothing()),
            Err(Some(refused)) => return Ok(refused),
            Err(None) => {}
        }
    }
    Err(Problem::Unavailable)
}
