//! Users moved from one customer to another.

use actix_web::HttpRequest;
use actix_web::web::Payload;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::super::accounts::one;
use super::super::change::{body, entry};
use super::super::operator::Operator;
use super::super::problem::{Problem, ProblemBody};
use super::super::query::Params;
use super::super::{Answered, respond};
use super::start::{bad, basis, reason};
use crate::domain::ids::{ServiceId, UserId};
use crate::domain::moves::UsersMoving;
use crate::ops::{alone, moves};
use crate::wire::moves::UserLookView;

/// Most users of one call.
const MAX_USERS: usize = 5_000;

/// Which service becomes which.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchBody {
    /// A service of the customer that the users leave: its id.
    pub from: String,
    /// The service of the other customer that they get instead: its id.
    pub to: String,
}

/// A move of users as it is asked for.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UsersBody {
    /// The customer that they leave: an id or ExternalID.
    pub from: Option<String>,
    /// The customer that they come to: an id or ExternalID.
    pub to: Option<String>,
    /// Their ids.
    pub users: Vec<String>,
    /// What is chosen where the other customer has several services that it could be.
    pub services: Vec<MatchBody>,
    /// True only looks at it.
    pub preview: bool,
    /// The revision of the preview that this rests on.
    pub revision: Option<String>,
    /// Why; kept in the audit trail.
    pub reason: Option<String>,
}

impl UsersBody {
    fn ids(&self) -> Result<Vec<UserId>, Problem> {
        if self.users.len() > MAX_USERS || self.services.len() > MAX_USERS {
            return Err(bad(&format!("it names more than {MAX_USERS} users or services; send them in parts")));
        }
        let read = |text: &String| UserId::parse(text).ok_or_else(|| bad("users holds what is no id of a user"));
        self.users.iter().map(read).collect()
    }

    fn matches(&self) -> Result<Vec<(ServiceId, ServiceId)>, Problem> {
        let read = |text: &str| ServiceId::parse(text).ok_or_else(|| bad("services holds what is no id of a service"));
        self.services.iter().map(|one| Ok((read(&one.from)?, read(&one.to)?))).collect()
    }
}

/// Move users to another customer
///
/// A user keeps its services where the other customer has the same ones; one that it lacks refuses the move of that user,
/// and so of all that are named: the service must be provisioned there first. Both customers must be the caller's to see.
/// With `preview`, only looks at it.
#[utoipa::path(
    post,
    path = "/v1/moves/users",
    tag = "v1",
    request_body = UsersBody,
    responses(
        (status = 200, description = "The preview, or what was done, as it was looked at.", body = UserLookView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it, or something changed since the preview.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn start(operator: Operator, request: HttpRequest, mut payload: Payload) -> Answered {
    Params::of(&request)?.end()?;
    let asked: UsersBody = body(&operator, &request, &mut payload).await?;
    if !asked.preview {
        operator.require_change()?;
    }
    let (users, matches) = (asked.ids()?, asked.matches()?);
    let from = asked.from.ok_or_else(|| bad("from is missing: the id or ExternalID of a customer"))?;
    let to = asked.to.ok_or_else(|| bad("to is missing: the id or ExternalID of a customer"))?;
    let basis = basis(asked.revision.as_deref())?;
    let reason = reason(asked.reason.as_deref())?;
    let read = operator.read(move |connection, see| {
        let from = one(connection, see, &from)?.ok_or(Problem::NotFound)?.account;
        let to = one(connection, see, &to)?.ok_or(Problem::NotFound)?.account;
        let moving = UsersMoving { to: to.key, users, matches, basis, reason };
        let look = moves::preview_users(connection, &from.key, &moving)??;
        Ok((from, moving, look))
    });
    let (from, moving, look) = read.await?;
    if asked.preview {
        return respond::fresh(&UserLookView::from(&look));
    }
    if moving.basis.is_none() {
        return Err(bad("revision is missing; the same body with \"preview\": true shows it"));
    }
    let names: Vec<String> = moving.users.iter().map(ToString::to_string).collect();
    let detail = json!({"to": look.to.as_ref().map(|to| to.id.to_string()), "users": names, "reason": moving.reason});
    let entry = entry(&operator, "moves.users", &from.id.to_string(), &detail);
    let list = moves::list_users(from.key, moving, alone::policies(&operator.state.config), entry);
    moves::settled(&operator.acts(list).await?)?;
    respond::fresh(&UserLookView::from(&look))
}
