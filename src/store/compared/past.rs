//! The relations of a page of accounts, and what they tell.

use std::collections::HashMap;

use diesel::prelude::*;

use super::{Wanted, bearing, others};
use crate::domain::ids::{AccountId, AccountKey, DeliveryId, ExternalId, PlatformId};
use crate::domain::reconcile::{Held, HeldPartner, Other, Ours, Past, Stretch, Target, Whom};
use crate::domain::relation::{Axis, Cause, RelationState};
use crate::store::connection::AnyConnection;
use crate::store::error::StoreError;
use crate::store::schema::relations;

/// Relations read at once.
const ROWS: i64 = 20_000;

/// Relations of one account and axis that are kept, the latest ones. Raising it lengthens what one account can hold up.
const MAX_PAST: usize = 10_000;

type Row = (
    (i64, i64, String, Option<String>, Option<String>, Option<i64>, Option<String>, String),
    (i64, Option<i64>, String, Option<i64>, Option<i64>, Option<i64>, Option<String>, Option<i64>),
);

/// The relations of one account.
#[derive(Default)]
struct Related {
    /// What is open on each axis, with the target as it is named.
    reseller: Option<Open>,
    partner: Option<Open>,
    resellers: Vec<Stretch>,
    partners: Vec<Stretch>,
}

impl Related {
    /// The relation by which it had a reseller at a time.
    fn earlier(&self, at: i64) -> Option<Stretch> {
        let held = |stretches: &Vec<Stretch>| Past::new(stretches.clone()).at(at).cloned();
        held(&self.resellers).or_else(|| held(&self.partners).filter(|stretch| stretch.reseller.is_some()))
    }
}

struct Open {
    platform_id: Option<String>,
    external_id: Option<String>,
    account: Option<i64>,
    partner_id: Option<String>,
    state: RelationState,
    cause: Cause,
}

/// Gives each account of the page, whose ids lie between these two, what its relations tell.
pub(super) fn attach(
    connection: &mut AnyConnection,
    page: &mut [Ours],
    (first, last): (i64, i64),
    wanted: &Wanted,
    known: &mut HashMap<i64, Option<Other>>,
) -> Result<(), StoreError> {
    let places: HashMap<i64, usize> = page.iter().enumerate().map(|(at, ours)| (ours.id.0, at)).collect();
    let mut related: Vec<Related> = page.iter().map(|_| Related::default()).collect();
    let mut behind = (first, i64::MIN);
    loop {
        let rows = rows(connection, behind, last)?;
        let all = rows.len() < usize::try_from(ROWS).unwrap_or(usize::MAX);
        if let Some(row) = rows.last() {
            behind = (row.0.1, row.0.0);
        }
        for row in rows {
            // Of accounts that are not wanted there are relations, too.
            if let Some(related) = places.get(&row.0.1).and_then(|at| related.get_mut(*at)) {
                take(related, row, wanted.as_of)?;
            }
        }
        if all {
            break;
        }
    }
    let ids = |related: &Related| {
        [&related.reseller, &related.partner].map(|open| open.as_ref().and_then(|open| open.account))
    };
    others(connection, related.iter().flat_map(ids).flatten(), known)?;
    if let Some(since) = wanted.since {
        let then = |related: &Related| related.earlier(since).and_then(|stretch| stretch.reseller);
        others(connection, related.iter().filter_map(then), known)?;
    }
    let waiting = waiting(connection, &related)?;
    for (ours, related) in page.iter_mut().zip(related) {
        settle(ours, related, wanted, known, &waiting);
    }
    Ok(())
}

fn rows(connection: &mut AnyConnection, behind: (i64, i64), last: i64) -> Result<Vec<Row>, StoreError> {
    let (account, id) = behind;
    Ok(relations::table
        .select((
            (
                relations::id,
                relations::account_id,
                relations::axis,
                relations::reseller_platform_id,
                relations::reseller_external_id,
                relations::reseller_account_id,
                relations::partner_id,
                relations::state,
            ),
            (
                relations::valid_from,
                relations::linked_at,
                relations::cause,
                relations::delivery_id,
                relations::valid_to,
                relations::closed_learned_at,
                relations::closed_cause,
                relations::closed_delivery_id,
            ),
        ))
        .filter(relations::account_id.ge(account))
        .filter(relations::account_id.le(last))
        .filter(relations::account_id.gt(account).or(relations::id.gt(id)))
        .order((relations::account_id, relations::id))
        .limit(ROWS)
        .load::<Row>(connection)?)
}

fn take(related: &mut Related, row: Row, as_of: Option<i64>) -> Result<(), StoreError> {
    let (
        (id, _, axis, platform_id, external_id, mut account, partner_id, state),
        (from, linked_at, cause, delivery, to, closed_learned_at, closed_cause, closed_delivery),
    ) = row;
    let parsed = |name: &str| Cause::parse(name).ok_or_else(|| StoreError::corrupt("relations.cause", name));
    let axis = Axis::parse(&axis).ok_or_else(|| StoreError::corrupt("relations.axis", &axis))?;
    let mut state = RelationState::parse(&state).ok_or_else(|| StoreError::corrupt("relations.state", &state))?;
    let cause = parsed(&cause)?;
    let mut ended = to.zip(Some(closed_delivery));
    if let Some(at) = as_of {
        // Both axes: what had not begun or was not known to have ended, and what was linked later.
        if from > at {
            return Ok(());
        }
        ended = ended.filter(|(to, _)| *to <= at && closed_learned_at.is_none_or(|learned| learned <= at));
        if linked_at.is_some_and(|linked| linked > at) {
            (account, state) = (None, RelationState::Pending);
        }
    }
    let to = match ended {
        Some((to, delivery)) => {
            let cause = closed_cause.as_deref().map_or(Ok(Cause::Sync), parsed)?;
            Some((to, cause, delivery.map(DeliveryId)))
        }
        None => None,
    };
    let name = match axis {
        Axis::Reseller => platform_id.as_ref().or(external_id.as_ref()),
        Axis::Partner => partner_id.as_ref(),
    };
    // Whom a partner is linked to is its own affair; the customer names the partner.
    let target =
        Target { account: account.filter(|_| axis == Axis::Reseller), name: name.cloned().unwrap_or_default() };
    let open = to.is_none().then_some(Open { platform_id, external_id, account, partner_id, state, cause });
    let stretch = Stretch { id, target, reseller: account, from, to, cause, delivery: delivery.map(DeliveryId) };
    let (slot, past) = match axis {
        Axis::Reseller => (&mut related.reseller, &mut related.resellers),
        Axis::Partner => (&mut related.partner, &mut related.partners),
    };
    if open.is_some() {
        *slot = open;
    }
    if past.len() >= 2 * MAX_PAST {
        past.drain(..MAX_PAST);
    }
    past.push(stretch);
    Ok(())
}

/// The accounts that bear names which relations wait for.
fn waiting(connection: &mut AnyConnection, related: &[Related]) -> Result<HashMap<AccountKey, Other>, StoreError> {
    let mut names: Vec<String> = related
        .iter()
        .filter_map(|related| related.reseller.as_ref())
        .filter(|open| open.account.is_none())
        .filter_map(|open| open.platform_id.clone())
        .collect();
    names.sort_unstable();
    names.dedup();
    bearing(connection, &names)
}

fn settle(
    ours: &mut Ours,
    related: Related,
    wanted: &Wanted,
    known: &HashMap<i64, Option<Other>>,
    waiting: &HashMap<AccountKey, Other>,
) {
    let find = |id: Option<i64>| id.and_then(|id| known.get(&id).cloned().flatten());
    ours.earlier = wanted.since.and_then(|since| related.earlier(since)).map(|stretch| {
        let other = find(stretch.reseller);
        Whom {
            account: stretch.reseller.map(AccountId),
            external_id: other.as_ref().map(|other| other.external_id.to_string()).unwrap_or_default(),
            platform_id: other.map_or(stretch.target.name, |other| other.key.platform_id.to_string()),
        }
    });
    let simple = related.resellers.len() < 2;
    let resellers = Past::new(related.resellers);
    ours.left = resellers.left();
    if !simple {
        ours.flap = resellers.flap(wanted.flapping_within);
    }
    ours.reseller = related.reseller.map(|open| {
        let platform_id = open.platform_id.as_deref().map(PlatformId::stored);
        let other = match (open.account, &platform_id) {
            (Some(_), _) => find(open.account),
            (None, Some(name)) => {
                let key = AccountKey { platform_id: name.clone(), ..ours.key.clone() };
                waiting.get(&key).cloned()
            }
            (None, None) => None,
        };
        Held {
            platform_id,
            external_id: open.external_id.as_deref().map(ExternalId::stored),
            other,
            state: open.state,
            cause: open.cause,
            since: resellers.run().unwrap_or_default(),
        }
    });
    ours.partner = related.partner.map(|open| HeldPartner {
        id: open.partner_id.unwrap_or_default(),
        reseller: find(open.account),
        since: Past::new(related.partners).run().unwrap_or_default(),
    });
}
