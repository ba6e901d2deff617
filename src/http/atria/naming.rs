//! Which accounts a request names.

use tokio::time::timeout;

use super::refusal::Refusal;
use crate::domain::account::AccountStatus;
use crate::domain::ids::AccountId;
use crate::http::state::State;
use crate::http::v1::operator::Operator;
use crate::ops::called::{MOST, Meant, Tally};
use crate::store::accounts::Listed;
use crate::store::seen::accounts;

/// The accounts that customer and parent name, exactly one each.
///
/// # Errors
/// [`Refusal`], which says of which of them there is none, or how many there are.
pub(super) async fn accounts(
    operator: &Operator,
    state: &State,
    [customer, parent]: [&str; 2],
) -> Result<[Listed; 2], Refusal> {
    let permit = timeout(state.config.limits.body_timeout, state.searches.acquire()).await;
    let Ok(Ok(_permit)) = permit else { return Err(Refusal::Unavailable) };
    let customer = one(operator, "customer/name", customer).await?;
    let parent = one(operator, "customer/parent/name", parent).await?;
    Ok([customer, parent])
}

/// The account that is called so.
async fn one(operator: &Operator, path: &str, name: &str) -> Result<Listed, Refusal> {
    let id = match meant(operator, name).await? {
        Meant::One(id) => id,
        Meant::Nobody => return Err(nobody(path, name)),
        Meant::Several { count, more, by_code } => {
            let (what, at_least) = (if by_code { "code" } else { "name" }, if more { "at least " } else { "" });
            return Err(Refusal::Unnamed(format!(
                "{at_least}{count} living accounts have the {what} of {path}, {}: one is meant. Give each a code of its own \
                 (PATCH /v1/accounts), or move it by its id (POST /v1/moves).",
                quoted(name)
            )));
        }
    };
    let id = id.to_string();
    let mut found = operator.read(move |connection, see| Ok(accounts::named(connection, see, &id)?)).await?;
    match found.pop() {
        Some(listed) if listed.account.status == AccountStatus::Active => Ok(listed),
        // It ended, or went to somebody else, meanwhile.
        Some(_) | None => Err(nobody(path, name)),
    }
}

/// What is there and not visible is told as what is not there.
fn nobody(path: &str, name: &str) -> Refusal {
    Refusal::Unnamed(format!(
        "0 living accounts have {path}, {}, as their code or name, letter by letter. GET /v1/accounts?q= finds accounts by a \
         part of their name.",
        quoted(name)
    ))
}

/// A name as it came, cut to what a message can bear.
fn quoted(name: &str) -> String {
    const MOST_CHARS: usize = 64;
    match name.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => format!("\"{}…\"", name.get(..end).unwrap_or_default()),
        None => format!("\"{name}\""),
    }
}

/// Looks at everything that the operator sees, a part at a time, with a connection of its own for each.
async fn meant(operator: &Operator, name: &str) -> Result<Meant, Refusal> {
    let mut tally = Tally::default();
    let mut after: Option<AccountId> = None;
    loop {
        let name = name.to_owned();
        let most = i64::try_from(MOST).unwrap_or(i64::MAX);
        let called =
            operator.read(move |connection, see| Ok(accounts::called(connection, see, &name, after, most)?)).await?;
        tally.add(&called);
        match called.next {
            Some(next) => after = Some(next),
            None => return Ok(tally.meant()),
        }
    }
}
