//! The move itself.

use serde_json::json;

use super::refusal::Refusal;
use crate::http::v1::change::entry;
use crate::http::v1::operator::Operator;
use crate::ops::alone;
use crate::ops::set::{self, Wanted};
use crate::store::accounts::Listed;

/// A customer where it was to be.
pub(super) struct Moved {
    /// The provisioning request that was opened.
    pub request: Option<String>,
    /// Whether it was moved; it may have been there before.
    pub changed: bool,
    /// What was done, for people.
    pub message: String,
}

/// Moves a customer below a reseller, its plans matched by themselves.
///
/// # Errors
/// [`Refusal`] of the rule that is against it.
pub(super) async fn commit(operator: &Operator, customer: &Listed, parent: &Listed) -> Result<Moved, Refusal> {
    if is_under(customer, parent) {
        let message = "The customer is there already; nothing changed.".to_owned();
        return Ok(Moved { request: None, changed: false, message });
    }
    let (id, reseller) = (customer.account.id.to_string(), parent.account.id.to_string());
    let detail = json!({"reseller": reseller, "by": "atria"});
    let entry = entry(operator, "accounts.move", &id, &detail);
    let wanted = Wanted { reseller: Some(Some(parent.account.key.clone())), ..Wanted::default() };
    let list = wanted.list(&customer.account, alone::policies(&operator.state.config), entry)?;
    set::changed(&operator.state.writer.acts(list).await?)?;
    Ok(Moved { request: None, changed: true, message: "The customer was moved.".to_owned() })
}

/// Whether the customer's reseller is this account. One that sells to it by its partner alone does not hold it yet.
fn is_under(customer: &Listed, parent: &Listed) -> bool {
    let held = customer.account.reseller.as_ref().and_then(|relation| relation.reseller_account);
    held == Some(parent.account.id)
}
