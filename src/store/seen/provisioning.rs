//! Provisioning requests as an operator sees them: those of visible customers, opened while each was theirs.

use std::collections::HashMap;

use diesel::prelude::*;

use super::{Page, visible};
use crate::domain::ids::{AccountId, ItemId, ProvisioningId};
use crate::domain::operator::Visible;
use crate::domain::provisioning::{Attempt, Item, ItemState, Request, RequestCause, RequestState};
use crate::store::provisioning::{self, ItemRow, RequestRow};
use crate::store::schema::{accounts, provisioning_items, provisioning_requests, services, users};
use crate::store::{AnyConnection, StoreError};

/// Most attempts that are shown of an item.
const ATTEMPTS: i64 = 200;

/// What is asked for; none is "any".
#[derive(Debug, Clone, Default)]
pub struct RequestFilter {
    /// In this state.
    pub state: Option<RequestState>,
    /// Of this customer.
    pub customer: Option<AccountId>,
    /// For this cause.
    pub cause: Option<RequestCause>,
    /// Of this move.
    pub move_id: Option<i64>,
    /// Opened at or after this time, in microseconds since 1970.
    pub since: Option<i64>,
}

/// What an account is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Our id.
    pub id: AccountId,
    /// Its source.
    pub source: String,
    /// Its tenant, empty for none.
    pub tenant: String,
    /// The platform's ID.
    pub platform_id: String,
    /// The vendor's ID.
    pub external_id: String,
    /// Its name.
    pub name: String,
}

/// A request, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The request.
    pub request: Request,
    /// Its customer.
    pub customer: Customer,
}

/// What a service is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceNamed {
    /// The vendor's ID.
    pub external_id: String,
    /// The platform's own ID.
    pub platform_id: Option<String>,
    /// Which of the vendor's services it is.
    pub service: String,
    /// What it is called.
    pub name: String,
}

/// An item, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedItem {
    /// The item.
    pub item: Item,
    /// The service.
    pub service: Option<ServiceNamed>,
    /// With what the user signs in.
    pub login: Option<String>,
}

/// Where a page of requests begins: when the last one before it was opened, and its id.
pub type Place = (i64, i64);

/// A page of requests behind `after`, newest first.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn list(
    connection: &mut AnyConnection,
    see: &Visible,
    filter: &RequestFilter,
    after: Option<Place>,
    limit: i64,
) -> Result<Page<Listed, Place>, StoreError> {
    use provisioning_requests as p;
    let indexed = || {
        let mut query = p::table.into_boxed();
        if let Some(state) = filter.state {
            query = query.filter(p::state.eq(state.as_str()));
        }
        if let Some(customer) = filter.customer {
            query = query.filter(p::customer_id.eq(customer.0));
        }
        if let Some(move_id) = filter.move_id {
            query = query.filter(p::move_id.eq(move_id)).filter(p::move_id.is_not_null());
        }
        if let Some(since) = filter.since {
            query = query.filter(p::opened_at.ge(since));
        }
        if let Some((at, id)) = after {
            query = query.filter(p::opened_at.lt(at).or(p::opened_at.eq(at).and(p::id.lt(id))));
        }
        query.order((p::opened_at.desc(), p::id.desc()))
    };
    // A filter that no index serves looks at a window of rows.
    let partly = filter.cause.is_some() || *see != Visible::All;
    let end: Option<Place> = if partly && filter.customer.is_none() && filter.move_id.is_none() {
        indexed().offset(super::WINDOW - 1).limit(1).select((p::opened_at, p::id)).first(connection).optional()?
    } else {
        None
    };
    let mut query = indexed();
    if let Some((at, id)) = end {
        query = query.filter(p::opened_at.gt(at).or(p::opened_at.eq(at).and(p::id.ge(id))));
    }
    if let Some(cause) = filter.cause {
        query = query.filter(p::cause.eq(cause.as_str()));
    }
    if let Some(seen) = visible::provisioning_requests(see) {
        query = query.filter(seen);
    }
    let rows = query.limit(limit + 1).load::<RequestRow>(connection)?;
    let page = Page::cut(rows, limit, |row| (row.opened_at, row.id), end);
    let requests = page.items.into_iter().map(RequestRow::into_request).collect::<Result<Vec<_>, _>>()?;
    Ok(Page { items: with_customers(connection, requests)?, next: page.next })
}

/// One request; none where there is none, or none that is seen.
///
/// # Errors
/// As [`list`].
pub fn find(connection: &mut AnyConnection, see: &Visible, id: ProvisioningId) -> Result<Option<Listed>, StoreError> {
    let mut query = provisioning_requests::table.filter(provisioning_requests::id.eq(id.0)).into_boxed();
    if let Some(seen) = visible::provisioning_requests(see) {
        query = query.filter(seen);
    }
    let rows: Vec<RequestRow> = query.load(connection)?;
    let requests = rows.into_iter().map(RequestRow::into_request).collect::<Result<Vec<_>, _>>()?;
    Ok(with_customers(connection, requests)?.pop())
}

fn with_customers(connection: &mut AnyConnection, requests: Vec<Request>) -> Result<Vec<Listed>, StoreError> {
    let customers = customers(connection, requests.iter().map(|request| request.customer))?;
    requests
        .into_iter()
        .map(|request| {
            let customer = customers.get(&request.customer).cloned();
            let customer =
                customer.ok_or_else(|| StoreError::corrupt("provisioning_requests", "an account that is not there"))?;
            Ok(Listed { request, customer })
        })
        .collect()
}

/// What accounts are called.
///
/// # Errors
/// As [`list`].
pub fn customers(
    connection: &mut AnyConnection,
    ids: impl IntoIterator<Item = AccountId>,
) -> Result<HashMap<AccountId, Customer>, StoreError> {
    let mut ids: Vec<i64> = ids.into_iter().map(|id| id.0).collect();
    ids.sort_unstable();
    ids.dedup();
    type Row = (i64, String, String, String, String, String);
    let rows: Vec<Row> = accounts::table
        .filter(accounts::id.eq_any(ids))
        .select((
            accounts::id,
            accounts::source,
            accounts::tenant,
            accounts::platform_id,
            accounts::external_id,
            accounts::name,
        ))
        .load(connection)?;
    let customer = |(id, source, tenant, platform_id, external_id, name): Row| {
        (AccountId(id), Customer { id: AccountId(id), source, tenant, platform_id, external_id, name })
    };
    Ok(rows.into_iter().map(customer).collect())
}

/// A page of a request's items behind `after`, by our id. The request is one that is seen; services and users that went to
/// customers that are not have no names.
///
/// # Errors
/// As [`list`].
pub fn items(
    connection: &mut AnyConnection,
    see: &Visible,
    request: &Request,
    state: Option<ItemState>,
    after: Option<ItemId>,
    limit: i64,
) -> Result<Page<ListedItem, ItemId>, StoreError> {
    let mut query = provisioning_items::table.filter(provisioning_items::request_id.eq(request.id.0)).into_boxed();
    if let Some(state) = state {
        query = query.filter(provisioning_items::state.eq(state.as_str()));
    }
    if let Some(after) = after {
        query = query.filter(provisioning_items::id.gt(after.0));
    }
    let rows: Vec<ItemRow> = query.order(provisioning_items::id).limit(limit + 1).load(connection)?;
    let page = Page::cut(rows, limit, |row| ItemId(row.id), None);
    let items = page.items.into_iter().map(ItemRow::into_item).collect::<Result<Vec<_>, _>>()?;
    Ok(Page { items: named(connection, see, items)?, next: page.next })
}

/// One item with its attempts, newest first; none where there is none, or none that is seen.
///
/// # Errors
/// As [`list`].
pub fn item(
    connection: &mut AnyConnection,
    see: &Visible,
    id: ItemId,
) -> Result<Option<(ListedItem, Vec<Attempt>)>, StoreError> {
    let rows: Vec<ItemRow> = provisioning_items::table.filter(provisioning_items::id.eq(id.0)).load(connection)?;
    let Some(item) = rows.into_iter().next().map(ItemRow::into_item).transpose()? else { return Ok(None) };
    if find(connection, see, item.request)?.is_none() {
        return Ok(None);
    }
    let attempts = provisioning::attempts(connection, id, ATTEMPTS)?;
    Ok(named(connection, see, vec![item])?.pop().map(|item| (item, attempts)))
}

/// Adds what services and users are called now, as far as they are of accounts that are seen. The items are of a page.
///
/// # Errors
/// As [`list`].
pub fn named(connection: &mut AnyConnection, see: &Visible, items: Vec<Item>) -> Result<Vec<ListedItem>, StoreError> {
    type Row = (i64, String, Option<String>, String, String);
    let ids: Vec<i64> = items.iter().filter_map(|item| item.kind.service()).map(|id| id.0).collect();
    let mut query = services::table.filter(services::id.eq_any(ids)).into_boxed();
    if let Some(seen) = visible::services(see) {
        query = query.filter(seen);
    }
    let rows: Vec<Row> = query
        .select((services::id, services::external_id, services::platform_id, services::service, services::name))
        .load(connection)?;
    let service = |(id, external_id, platform_id, service, name): Row| {
        (id, ServiceNamed { external_id, platform_id, service, name })
    };
    let services: HashMap<i64, ServiceNamed> = rows.into_iter().map(service).collect();
    let ids: Vec<i64> = items.iter().filter_map(|item| item.kind.user()).map(|id| id.0).collect();
    let mut query = users::table.filter(users::id.eq_any(ids)).into_boxed();
    if let Some(seen) = visible::users(see) {
        query = query.filter(seen);
    }
    let logins: HashMap<i64, String> =
        query.select((users::id, users::login)).load::<(i64, String)>(connection)?.into_iter().collect();
    let listed = |item: Item| ListedItem {
        service: item.kind.service().and_then(|id| services.get(&id.0).cloned()),
        login: item.kind.user().and_then(|id| logins.get(&id.0).cloned()),
        item,
    };
    Ok(items.into_iter().map(listed).collect())
}
