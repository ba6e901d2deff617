//! Changing an account by hand.

use actix_web::HttpRequest;
use actix_web::http::header::IF_MATCH;
use actix_web::web::{Path, Payload};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::Answered;
use super::accounts::{one, path_text};
use super::change::{body, done, entry};
use super::operator::Operator;
use super::problem::{Problem, ProblemBody};
use super::query::Params;
use super::respond;
use crate::domain::account::{Account, AccountKind, AccountStatus, Standing};
use crate::domain::call::ProfilePatch;
use crate::domain::operator::Visible;
use crate::domain::options::MAX_TEXT_CHARS;
use crate::ops::set::{self, SetError, Wanted};
use crate::ops::{alone, shown};

impl From<SetError> for Problem {
    fn from(error: SetError) -> Self {
        match error {
            SetError::Usage(why) => Self::BadRequest(format!("Cannot change this: {why}.")),
            SetError::Refused(code, why) => Self::Conflict(format!("{why} ({})", code.number())),
        }
    }
}

/// What is to be changed; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeBody {
    /// Its reseller, by id or ExternalID; null for a customer of nobody. Held until the platform reports something else
    /// than now.
    #[serde(deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    pub reseller: Option<Option<String>>,
    /// `reseller`, `reseller_customer` or `direct_customer`. Held as the reseller is.
    pub kind: Option<String>,
    /// `active` or `deleted`.
    pub status: Option<String>,
    /// `enabled`, `disabled`, `fraud`, or `frozen` for a reseller.
    pub standing: Option<String>,
    /// Its name, until the platform says another.
    pub name: Option<String>,
    /// Its e-mail address, until the platform says another.
    pub email: Option<String>,
    /// Its code, until the platform says another.
    pub code: Option<String>,
    /// True ends a hold or a review: what the platform last reported applies.
    pub release: bool,
    /// Why; kept in the audit trail.
    pub reason: Option<String>,
}

/// Tells null from what is left out.
pub(super) fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Lets a reseller_admin set the standing of its customers alone, and lift no mark of fraud; a provider_admin, any.
///
/// # Errors
/// [`Problem::Forbidden`].
pub(super) fn require_standing(
    operator: &Operator,
    account: &Account,
    standing: Option<Standing>,
) -> Result<(), Problem> {
    let Some(standing) = standing.filter(|standing| *standing != account.standing) else { return Ok(()) };
    let lifts = account.standing == Standing::Fraud;
    // Also one that was a reseller, whose login still sees it.
    let own = matches!(&operator.visible, Visible::Resellers(own) if own.contains(&account.id));
    if own || account.kind == AccountKind::Reseller || standing == Standing::Frozen || lifts {
        return operator.require_provider();
    }
    Ok(())
}

/// Reads a word; `words` are those that there are.
pub(super) fn word<T>(
    text: Option<&str>,
    parse: impl Fn(&str) -> Option<T>,
    name: &str,
    words: &str,
) -> Result<Option<T>, Problem> {
    text.map(|text| parse(text).ok_or_else(|| Problem::BadRequest(format!("{name} is none of {words}.")))).transpose()
}

/// Refuses a text that is too long for a field of an account, or holds what no field may.
///
/// # Errors
/// [`Problem::BadRequest`] that names the field.
pub(super) fn profile_text(name: &str, text: Option<&str>) -> Result<(), Problem> {
    let fits = |text: &str| text.chars().count() <= MAX_TEXT_CHARS && !text.chars().any(char::is_control);
    if text.is_none_or(fits) {
        return Ok(());
    }
    let why = format!("{name} is longer than {MAX_TEXT_CHARS} characters or holds a control character.");
    Err(Problem::BadRequest(why))
}

impl ChangeBody {
    /// Whether it is about more than what describes the account.
    fn places(&self) -> bool {
        self.reseller.is_some() || self.kind.is_some() || self.status.is_some() || self.release
    }

    fn profile(&self) -> Result<ProfilePatch, Problem> {
        for (name, text) in [("name", &self.name), ("email", &self.email), ("code", &self.code)] {
            profile_text(name, text.as_deref())?;
        }
        let (name, email, code) = (self.name.clone(), self.email.clone(), self.code.clone());
        Ok(ProfilePatch { name, email, code, ..ProfilePatch::default() })
    }
}

/// Change an account
///
/// Kind and reseller hold against what the platform reports, until it reports something else than it does now; name,
/// e-mail address and code until it says another. With `If-Match`, only if the account is as it was shown under that
/// ETag. A reseller_admin changes name, e-mail address, code and, of its customers, the standing; a mark of fraud is lifted
/// by a provider_admin alone.
#[utoipa::path(
    patch,
    path = "/v1/accounts/{account}",
    tag = "v1",
    params(
        ("account" = String, Path, description = "Its id or ExternalID."),
        ("If-Match" = Option<String>, Header, description = "The ETag that it was shown with."),
    ),
    request_body = ChangeBody,
    responses(
        (status = 200, description = "The account as it is now.", body = crate::wire::show::AccountView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A rule is against it; the detail says which and ends with its code.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "The account is another version than If-Match names.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn change(operator: Operator, name: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let asked: ChangeBody = body(&operator, &request, &mut payload).await?;
    let (name, reseller) = (path_text(&name)?, asked.reseller.clone());
    let found = operator.read(move |connection, see| {
        let account = one(connection, see, &name)?.ok_or(Problem::NotFound)?;
        let reseller = match reseller {
            Some(Some(name)) => {
                let found = one(connection, see, &name)?;
                let found = found.ok_or_else(|| {
                    Problem::BadRequest(
                        "No account has the reseller's id or ExternalID; GET /v1/accounts lists them.".to_owned(),
                    )
                });
                Some(Some(found?.account.key))
            }
            Some(None) => Some(None),
            None => None,
        };
        Ok((account, reseller))
    });
    let (listed, reseller) = found.await?;
    if asked.places() {
        operator.require_provider()?;
    }
    if request.headers().contains_key(IF_MATCH) && !respond::matches(&request, &shown::account(&listed))? {
        return Err(Problem::PreconditionFailed);
    }
    let standing = word(asked.standing.as_deref(), Standing::parse, "standing", "enabled, disabled, fraud, frozen")?;
    require_standing(&operator, &listed.account, standing)?;
    let wanted = Wanted {
        reseller,
        standing,
        kind: word(asked.kind.as_deref(), AccountKind::parse, "kind", "reseller, reseller_customer, direct_customer")?,
        status: word(asked.status.as_deref(), AccountStatus::parse, "status", "active, deleted")?,
        release: asked.release,
        profile: asked.profile()?,
        ..Wanted::default()
    };
    let reason = asked.reason.as_deref().map(set::reason).transpose();
    let reason = reason.map_err(|why| Problem::BadRequest(format!("reason {why}.")))?;
    let id = listed.account.id.to_string();
    let entry = entry(&operator, "accounts.set", &id, &wanted.detail(reason.as_deref()));
    let list = wanted.list(&listed.account, alone::policies(&operator.state.config), entry)?;
    done(&operator, list, request.headers().contains_key(IF_MATCH)).await?;
    let now = operator.read(move |connection, see| one(connection, see, &id)).await?.ok_or(Problem::NotFound)?;
    respond::current(&shown::account(&now))
}
