//! Many moves in one call.

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
use super::start::{bad, reason};
use crate::domain::moves::Refusal;
use crate::domain::outcome::Code;
use crate::ops::moves::Reader;
use crate::ops::moves::many::{Many, ManyError, Told};
use crate::ops::{alone, shown};
use crate::store::{AnyConnection, StoreError};
use crate::wire::moves::{BatchView, ChoiceBody, choices};
use crate::wire::moves_list::{BadRow, Row};

/// Most moves of one call; the command line knows no bound.
const MAX_ROWS: usize = 10_000;

/// A move of many.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRowBody {
    /// Who is moved: an id or ExternalID.
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

/// Many moves as they are asked for.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BatchBody {
    /// At most 10,000.
    pub moves: Vec<BatchRowBody>,
    /// True only looks at them.
    pub preview: bool,
    /// True makes all of them or, where one is refused, none, in one commit.
    pub all_or_nothing: bool,
    /// Why; kept with the moves and in the audit trail.
    pub reason: Option<String>,
}

impl From<ManyError> for Problem {
    fn from(error: ManyError) -> Self {
        match error {
            ManyError::Store(error) => error.into(),
            ManyError::Write { error, .. } => error.into(),
            ManyError::TooMany => Self::BadRequest(format!("It names {error}.")),
            ManyError::Told(_) => Self::Internal,
        }
    }
}

fn row(at: usize, asked: &BatchRowBody) -> Result<Row, BadRow> {
    let line = at as u64 + 1;
    let customer: String = asked.customer.chars().filter(|c| !c.is_control()).take(128).collect();
    match choices(&asked.plans, asked.location.as_deref()) {
        Ok(choices) => Ok(Row { line, customer, reseller: asked.reseller.clone(), choices }),
        Err(reason) => Err(BadRow { line, customer, reason }),
    }
}

/// Move many customers
///
/// Each with its result; equal plans are matched by themselves, so rows need no revision. A row that is there already is
/// `unchanged`, so the same call again does nothing. A reseller_admin moves between its own resellers.
#[utoipa::path(
    post,
    path = "/v1/moves/batch",
    tag = "v1",
    request_body = BatchBody,
    responses(
        (status = 200, description = "What became of each, refused ones included.", body = BatchView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn start(operator: Operator, request: HttpRequest, mut payload: Payload) -> Answered {
    Params::of(&request)?.end()?;
    let asked: BatchBody = body(&operator, &request, &mut payload).await?;
    if !asked.preview {
        operator.require_change()?;
    }
    if asked.moves.len() > MAX_ROWS {
        return Err(bad(&format!(
            "moves has more than {MAX_ROWS} rows; send them in parts, or use `tiersync move --csv`"
        )));
    }
    let reason = reason(asked.reason.as_deref())?;
    let entry = entry(&operator, "moves.batch", "", &json!({"reason": reason}));
    let policies = alone::policies(&operator.state.config);
    let writer = operator.state.writer.clone();
    let (may, within) = (operator.role, operator.within());
    let done = operator.run(move |pool, see| {
        let nobody = may != crate::domain::operator::Role::ResellerAdmin;
        let mut resolve = |connection: &mut AnyConnection, name: &str| match one(connection, see, name) {
            Ok(Some(listed)) => Ok(Ok(listed.account.key)),
            Ok(None) => Ok(Err(unknown("No account that you see has this id or ExternalID."))),
            Err(Problem::Conflict(why)) => Ok(Err(Refusal { code: Code::Conflict, message: why })),
            Err(_) => Err(StoreError::Unavailable("the account could not be looked up".to_owned())),
        };
        let many = Many {
            resolve: &mut resolve,
            reader: Reader::of(pool),
            writer: (!asked.preview).then_some(&writer),
            policies,
            all_or_nothing: asked.all_or_nothing,
            entry,
            reason,
            within,
        };
        let rows = asked.moves.iter().enumerate().map(|(at, body)| match row(at, body) {
            Ok(row) if row.reseller.is_none() && !nobody => {
                let reason = "only a provider_admin leaves a customer without a reseller".to_owned();
                Err(BadRow { line: row.line, customer: row.customer, reason })
            }
            row => row,
        });
        let mut told = Vec::new();
        let summary = many.run(rows, &mut |one: &Told| {
            told.push(shown::moved(one));
            Ok(())
        })?;
        Ok(BatchView { summary: shown::moved_summary(&summary), rows: told })
    });
    respond::fresh(&done.await?)
}

fn unknown(why: &str) -> Refusal {
    Refusal { code: Code::UnknownAccount, message: why.to_owned() }
}
