//! Tenants: customers of partners and of nobody.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::{Path, Payload};

use super::partners::{Kinds, found, make};
use super::{Answered, answer, cloud};
use crate::domain::account::AccountKind;
use crate::http::v1::operator::Operator;
use crate::http::v1::problem::ProblemBody;
use crate::http::v1::query::Params;
use crate::ops::extremecloud::{list as lists, names as map};
use crate::wire::extremecloud::{Body, ElementView};

/// Map the names of tenants to their IDs
///
/// One JSON object with each living tenant once. A name that several tenants have stands there with their codes or, where
/// that tells them apart no better, with their IDs in parentheses behind it.
#[utoipa::path(
    get,
    path = "/v1/msptenants/nametoidmap",
    tag = "extremecloud",
    responses(
        (status = 200, description = "`{\"name\": \"id\", …}`", body = std::collections::HashMap<String, String>),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "The dialect is not configured.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn names(operator: Operator, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let bounds = cloud(&operator.state)?.bounds();
    answer::list(&operator, move |connection, see, out| map::write(connection, see, &bounds, out)).await
}

/// List tenants
#[utoipa::path(
    get,
    path = "/v1/msptenants",
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
    answer::list(&operator, move |connection, see, out| lists::tenants(connection, see, &bounds, out)).await
}

/// Show a tenant
#[utoipa::path(
    get,
    path = "/v1/msptenants/{tenantId}",
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
    let account = found(&operator, &bounds, &name, Kinds::Tenants).await?;
    answer::written(&operator, StatusCode::OK, None, move |connection, see, out| {
        lists::one(connection, see, &bounds, &account, None, out)
    })
    .await
}

/// Make a tenant
///
/// It is nobody's until a partner's list names it.
#[utoipa::path(
    post,
    path = "/v1/msptenants",
    tag = "extremecloud",
    request_body(content = ElementView<'static>, description = "`accountName` and `userId` must be there; `custId` is null or the provider's."),
    responses(
        (status = 201, description = "The tenant; Location says where it is.", body = ElementView<'static>),
        (status = 400, description = "An attribute is not as it must be; the detail names each.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "The dialect is not configured.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Another account has this user ID.", body = super::RefusedBody, content_type = "application/problem+json"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn create(operator: Operator, request: HttpRequest, mut payload: Payload) -> Answered {
    make(&operator, &request, &mut payload, AccountKind::DirectCustomer, Body::PostTenant).await
}
