//! A reseller brought to its end.

use std::collections::HashMap;

use actix_web::HttpRequest;
use actix_web::web::{Path, Payload};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::super::accounts::{one, path_text};
use super::super::change::{body, entry};
use super::super::operator::Operator;
use super::super::problem::{Problem, ProblemBody};
use super::super::query::Params;
use super::super::{Answered, respond};
use super::start::{bad, reason};
use crate::domain::operator::Visible;
use crate::ops::moves::Reader;
use crate::ops::moves::many::{Fate, Told};
use crate::ops::moves::terminate::{Target, TerminateError, Termination};
use crate::ops::shown;
use crate::store::AnyConnection;
use crate::wire::moves::{ChoiceBody, choices};

/// Most customers that one call names.
const MAX_TARGETS: usize = 10_000;

/// Most rows that one answer tells of.
const MAX_TOLD: usize = 1_000;

/// Where one customer goes.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetBody {
    /// Which: an id or ExternalID.
    pub customer: String,
    /// To whom: an id or ExternalID; null for a customer of nobody.
    pub reseller: Option<String>,
    /// What is chosen where plans or locations differ.
    #[serde(default)]
    pub plans: Vec<ChoiceBody>,
    /// The new location of every service that may run there.
    #[serde(default)]
    pub location: Option<String>,
}

/// How a reseller is to end: with `to`, with `unassign`, or with `targets`.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TerminateBody {
    /// All customers go to this reseller: an id or ExternalID.
    pub to: Option<String>,
    /// True makes all customers those of nobody.
    pub unassign: bool,
    /// Each customer goes where this says; who is not named stays. At most 10,000.
    pub targets: Vec<TargetBody>,
    /// True only looks at it.
    pub preview: bool,
    /// Why; kept with the moves and in the audit trail.
    pub reason: Option<String>,
}

impl From<TerminateError> for Problem {
    fn from(error: TerminateError) -> Self {
        match error {
            TerminateError::Refused(refusal) => refusal.into(),
            TerminateError::Moves(error) => error.into(),
            TerminateError::Store(error) => error.into(),
            TerminateError::Write(error) => error.into(),
            TerminateError::Partners(error) => Self::Conflict(format!("Its partners are not ended: {error}. (1004)")),
            TerminateError::Delete(error) => {
                Self::Conflict(format!("The Delete that waits cannot be run again: {error}. (1004)"))
            }
        }
    }
}

fn target(connection: &mut AnyConnection, see: &Visible, asked: &TerminateBody) -> Result<Target, Problem> {
    let mut key = |name: &str, what: &str| {
        let found = one(connection, see, name)?.map(|listed| listed.account);
        found.ok_or_else(|| Problem::BadRequest(format!("No account has the id or ExternalID of {what}.")))
    };
    match (&asked.to, asked.unassign, asked.targets.as_slice()) {
        (Some(to), false, []) => Ok(Target::One(key(to, "to")?.key)),
        (None, true, []) => Ok(Target::Nobody),
        (None, false, targets @ [_, ..]) if targets.len() <= MAX_TARGETS => {
            let mut list = HashMap::with_capacity(targets.len());
            for (at, body) in targets.iter().enumerate() {
                let what = format!("targets[{at}]");
                let chosen =
                    choices(&body.plans, body.location.as_deref()).map_err(|why| bad(&format!("{what} {why}")))?;
                let to = match &body.reseller {
                    Some(name) => Some(key(name, &what)?.key),
                    None => None,
                };
                if list.insert(key(&body.customer, &what)?.id, (to, chosen)).is_some() {
                    return Err(bad(&format!("{what} names a customer for the second time")));
                }
            }
            Ok(Target::Listed(list))
        }
        (None, false, [_, ..]) => {
            Err(bad(&format!("targets has more than {MAX_TARGETS} rows; use `tiersync terminate --csv`")))
        }
        _ => Err(bad("say where the customers go: one of to, unassign or targets")),
    }
}

/// Bring a reseller to its end
///
/// Freezes it, so that it gets no new customers; moves its customers; ends the partners that it is; and runs a Delete of
/// the platform again that was held back for its customers. With `preview`, only looks at it. What is refused is told and
/// stays; the same call again does the rest.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/terminate",
    tag = "v1",
    params(("account" = String, Path, description = "Its id or ExternalID.")),
    request_body = TerminateBody,
    responses(
        (status = 200, description = "What it came to, refused customers included.", body = crate::wire::moves::TerminationView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn terminate(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_provider()?;
    Params::of(&request)?.end()?;
    let asked: TerminateBody = body(&operator, &request, &mut payload).await?;
    let reason = reason(asked.reason.as_deref())?;
    let name = path_text(&name)?;
    let state = operator.state.clone();
    let entry = entry(&operator, "accounts.terminate", "", &json!({"reason": reason}));
    let done = operator.run(move |pool, see| {
        let mut reader = Reader::of(pool);
        let reseller = one(reader.get()?, see, &name)?.ok_or(Problem::NotFound)?.account;
        let target = target(reader.get()?, see, &asked)?;
        let mut rows = Vec::new();
        let termination = Termination {
            config: &state.config,
            reader,
            writer: (!asked.preview).then_some(&state.writer),
            reseller: &reseller,
            target: &target,
            entry: crate::store::audit::Entry { subject: reseller.id.to_string(), ..entry },
            reason,
        };
        let report = termination.run(&mut |told: &Told| {
            if matches!(told.fate, Fate::Refused(..)) && rows.len() < MAX_TOLD {
                rows.push(shown::moved(told));
            }
            Ok(())
        })?;
        Ok(shown::terminated(&report, rows))
    });
    respond::fresh(&done.await?)
}
