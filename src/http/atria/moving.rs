//! The move itself: looked at and made as below /v1, with plans matched by themselves.

use serde_json::json;

use super::refusal::Refusal;
use crate::domain::act::{ActOutcome, Acted};
use crate::domain::moves::Moving;
use crate::http::v1::change::entry;
use crate::http::v1::operator::Operator;
use crate::http::v1::problem::Problem;
use crate::ops::{alone, moves};
use crate::store::accounts::Listed;
use crate::store::seen;

/// A customer where it was to be.
pub(super) struct Moved {
    /// The move that is kept; none where nothing was moved.
    pub id: Option<String>,
    /// The provisioning request that was opened.
    pub request: Option<String>,
    /// What was done, for people.
    pub message: String,
}

impl Moved {
    fn already() -> Self {
        Self { id: None, request: None, message: "The customer is there already; nothing changed.".to_owned() }
    }
}

/// Moves a customer below a reseller. Whoever sees both moves it; who sees one side has not come here, since the other is
/// not found.
///
/// # Errors
/// [`Refusal`] with everything that is in the way.
pub(super) async fn commit(operator: &Operator, customer: &Listed, parent: &Listed) -> Result<Moved, Refusal> {
    let key = customer.account.key.clone();
    let moving = Moving { reseller: Some(parent.account.key.clone()), by: operator.name.clone(), ..Moving::default() };
    let (of, as_asked) = (key.clone(), moving.clone());
    let looked = operator.read(move |connection, _| Ok(moves::preview(connection, &of, &as_asked)?)).await?;
    let look = looked.map_err(|refusal| Refusal::Rules(vec![refusal]))?;
    if look.already {
        return Ok(Moved::already());
    }
    let refusals = look.all_refusals();
    if !refusals.is_empty() {
        return Err(Refusal::Rules(refusals));
    }
    let detail = json!({"reseller": parent.account.key.platform_id.as_str(), "by": "atria"});
    let entry = entry(operator, "moves.commit", &customer.account.id.to_string(), &detail);
    let moving = Moving { basis: Some(look.basis()), ..moving };
    let list = moves::list(key, moving, alone::policies(&operator.state.config), entry);
    let outcomes = operator.acts(list).await?;
    // The same call came twice at this moment.
    if matches!(outcomes.as_slice(), [ActOutcome { acted: Acted::Unchanged, .. }]) {
        return Ok(Moved::already());
    }
    let made = moves::settled(&outcomes).map_err(|refusal| Refusal::Rules(vec![refusal]))?;
    let id = made.ok_or(Refusal::Internal)?;
    let kept = operator.read(move |connection, see| Ok::<_, Problem>(seen::moves::find(connection, see, id)?)).await?;
    Ok(Moved {
        id: Some(id.to_string()),
        request: kept.and_then(|kept| kept.provisioning).map(|id| id.to_string()),
        message: format!(
            "The customer was moved, with {} service(s) and {} user(s).",
            look.services.len(),
            look.users.len()
        ),
    })
}
