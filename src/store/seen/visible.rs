//! What an operator sees, as conditions.

use diesel::prelude::*;

use crate::domain::ids::AccountId;
use crate::domain::operator::Visible;
use crate::store::accounts::EFFECTIVE;
use crate::store::condition::Condition;
use crate::store::schema::relations;
use crate::store::{AnyConnection, StoreError};

/// `column`, an account's id, is one of these resellers or of a customer whose open relation is linked to one of them.
fn of_theirs(column: &'static str, resellers: &[AccountId]) -> Condition {
    // That of EFFECTIVE begins with the condition of the index relations_reseller.
    Condition::new(column)
        .sql(" IN (SELECT a.id FROM accounts a WHERE a.id IN (")
        .ids(resellers)
        .sql(") UNION ALL SELECT r.account_id FROM relations r WHERE r.reseller_account_id IN (")
        .ids(resellers)
        .sql(") AND r.state = 'linked' AND ")
        .sql(EFFECTIVE)
        .sql(")")
}

/// The accounts that are seen; none for all.
pub(super) fn accounts(visible: &Visible) -> Option<Condition> {
    match visible {
        Visible::All => None,
        Visible::Resellers(resellers) => Some(of_theirs("accounts.id", resellers)),
    }
}

/// The relations that are seen: those of visible accounts, but for closed ones that name other resellers or partners.
pub(super) fn relations(visible: &Visible) -> Option<Condition> {
    match visible {
        Visible::All => None,
        Visible::Resellers(resellers) => Some(
            of_theirs("relations.account_id", resellers)
                .sql(" AND (relations.reseller_account_id IN (")
                .ids(resellers)
                .sql(") OR (relations.axis = 'partner' AND relations.valid_to IS NULL))"),
        ),
    }
}

/// The deliveries that may be seen: those about visible accounts, and of a customer those from while it was related to
/// one of these resellers. Their bodies may still name others, see [`super::names`].
/// `by_time` keeps the database from looking for them account by account: the sign hides the column from its index.
pub(super) fn deliveries(visible: &Visible, by_time: bool) -> Option<Condition> {
    let column = if by_time { "+deliveries.account_id" } else { "deliveries.account_id" };
    while_theirs(visible, column, "deliveries.account_id", "deliveries.received_at")
}

/// The services that are seen: those of visible accounts.
pub(super) fn services(visible: &Visible) -> Option<Condition> {
    match visible {
        Visible::All => None,
        Visible::Resellers(resellers) => Some(of_theirs("services.account_id", resellers)),
    }
}

/// What may be seen of the history of services: of a customer what happened while it was related to one of these
/// resellers.
pub(super) fn service_history(visible: &Visible) -> Option<Condition> {
    let account = "service_history.account_id";
    while_theirs(visible, account, account, "service_history.at")
}

/// The users that are seen: those of visible accounts.
pub(super) fn users(visible: &Visible) -> Option<Condition> {
    match visible {
        Visible::All => None,
        Visible::Resellers(resellers) => Some(of_theirs("users.account_id", resellers)),
    }
}

/// What may be seen of the history of users, as of services.
pub(super) fn user_history(visible: &Visible) -> Option<Condition> {
    let account = "user_history.account_id";
    while_theirs(visible, account, account, "user_history.at")
}

/// The sites that are seen: those of visible accounts.
pub(super) fn sites(visible: &Visible) -> Option<Condition> {
    match visible {
        Visible::All => None,
        Visible::Resellers(resellers) => Some(of_theirs("sites.account_id", resellers)),
    }
}

/// The probes that are seen: those of visible accounts.
pub(super) fn probes(visible: &Visible) -> Option<Condition> {
    match visible {
        Visible::All => None,
        Visible::Resellers(resellers) => Some(of_theirs("probes.account_id", resellers)),
    }
}

/// What may be seen of the history of sites and probes, as of services.
pub(super) fn site_history(visible: &Visible) -> Option<Condition> {
    let account = "site_history.account_id";
    while_theirs(visible, account, account, "site_history.at")
}

/// The provisioning requests that are seen: of a customer those that were opened while it was related to one of these
/// resellers.
pub(super) fn provisioning_requests(visible: &Visible) -> Option<Condition> {
    let customer = "provisioning_requests.customer_id";
    while_theirs(visible, customer, customer, "provisioning_requests.opened_at")
}

/// The moves that are seen: those in which one of these resellers is one of the two sides.
pub(super) fn moves(visible: &Visible) -> Option<Condition> {
    match visible {
        Visible::All => None,
        Visible::Resellers(resellers) => Some(
            Condition::new("(moves.from_id IN (").ids(resellers).sql(") OR moves.to_id IN (").ids(resellers).sql("))"),
        ),
    }
}

/// What may be seen of what operators did to an account that is seen: of a customer, what was done while it was related
/// to one of these resellers.
pub(super) fn acts(visible: &Visible, account: AccountId) -> Option<Condition> {
    match visible {
        Visible::All => None,
        Visible::Resellers(resellers) => {
            Some(at_that_time(resellers, &Condition::new("").number(account.0), "audit.at"))
        }
    }
}

/// What happened, at the time in column `at`, to the account in column `account` while that was theirs. `indexed` is the
/// same column, as an index is to see it.
fn while_theirs(
    visible: &Visible,
    indexed: &'static str,
    account: &'static str,
    at: &'static str,
) -> Option<Condition> {
    match visible {
        Visible::All => None,
        Visible::Resellers(resellers) => {
            let then = at_that_time(resellers, &Condition::new(account), at);
            Some(of_theirs(indexed, resellers).sql(" AND ").then(then))
        }
    }
}

/// `account` was one of these resellers, or a customer of one, at the time in column `at`.
fn at_that_time(resellers: &[AccountId], account: &Condition, at: &'static str) -> Condition {
    Condition::new("(")
        .then(account.clone())
        .sql(" IN (")
        .ids(resellers)
        .sql(") OR EXISTS (SELECT 1 FROM relations r WHERE r.account_id = ")
        .then(account.clone())
        .sql(" AND r.reseller_account_id IN (")
        .ids(resellers)
        .sql(") AND COALESCE(CASE WHEN r.axis = 'partner' THEN r.linked_at END, r.learned_at) <= ")
        .sql(at)
        .sql(" AND (r.closed_learned_at IS NULL OR r.closed_learned_at > ")
        .sql(at)
        .sql(
            ") AND (r.axis = 'reseller' OR NOT EXISTS (SELECT 1 FROM relations o \
              WHERE o.account_id = r.account_id AND o.axis = 'reseller' AND o.state <> 'unprovisioned' \
              AND o.learned_at <= ",
        )
        .sql(at)
        .sql(" AND (o.closed_learned_at IS NULL OR o.closed_learned_at > ")
        .sql(at)
        .sql(")))))")
}

/// The cases that may be seen: those about visible accounts, opened by a call that may be seen. A refused call that
/// names another reseller stays with those who see everything.
pub(super) fn cases(visible: &Visible) -> Option<Condition> {
    let seen = deliveries(visible, false)?;
    Some(
        Condition::new("EXISTS (SELECT 1 FROM deliveries WHERE deliveries.id = cases.last_delivery AND ")
            .then(seen)
            .sql(")"),
    )
}

/// The findings that may be seen: those about visible accounts, of kinds whose two sides name nobody else. What a list
/// or a report says of another reseller stays with those who see everything.
pub(super) fn findings(visible: &Visible) -> Option<Condition> {
    match visible {
        Visible::All => None,
        Visible::Resellers(resellers) => Some(of_theirs("reconciliation_findings.account_id", resellers).sql(
            " AND reconciliation_findings.kind IN ('missing_there', 'name_differs', 'email_differs', \
              'deleted_here_alive_there', 'unknown_partner', 'partner_suspended', 'partner_ended')",
        )),
    }
}

/// How many customers these resellers have, counted up to `most`.
pub(super) fn customers(connection: &mut AnyConnection, resellers: &[AccountId], most: i64) -> Result<i64, StoreError> {
    let ids: Vec<i64> = resellers.iter().map(|id| id.0).collect();
    let counted: Vec<i64> = relations::table
        .filter(relations::reseller_account_id.eq_any(ids))
        .filter(Condition::new("valid_to IS NULL AND reseller_account_id IS NOT NULL"))
        .select(relations::account_id)
        .limit(most)
        .load(connection)?;
    Ok(i64::try_from(counted.len()).unwrap_or(most))
}
