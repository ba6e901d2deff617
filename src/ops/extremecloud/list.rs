//! Writes partners and tenants as they are read, a page at a time.

use std::io::Write;

use super::{PAGE, ShowError, ids};
use crate::domain::account::{Account, AccountKind};
use crate::domain::ids::AccountId;
use crate::domain::msp::Bounds;
use crate::domain::operator::Visible;
use crate::store::AnyConnection;
use crate::store::seen::msp::{self, Brief, Details};
use crate::wire::extremecloud::{Shown, text};

/// Tenants of a partner that are read at once: an ID of them takes some hundred bytes.
const TENANTS: i64 = 5_000;

/// The kinds of tenants.
pub(super) const TENANT_KINDS: [AccountKind; 2] = [AccountKind::ResellerCustomer, AccountKind::DirectCustomer];

fn brief(account: &Account) -> Brief {
    Brief { id: account.id, key: account.key.clone(), kind: account.kind }
}

/// Writes all partners as one array.
///
/// # Errors
/// [`ShowError`]; what was written then is no whole.
pub fn partners(
    connection: &mut AnyConnection,
    see: &Visible,
    bounds: &Bounds,
    out: &mut dyn Write,
) -> Result<(), ShowError> {
    elements(connection, see, bounds, &[AccountKind::Reseller], out)
}

/// Writes all tenants as one array.
///
/// # Errors
/// As [`partners`].
pub fn tenants(
    connection: &mut AnyConnection,
    see: &Visible,
    bounds: &Bounds,
    out: &mut dyn Write,
) -> Result<(), ShowError> {
    elements(connection, see, bounds, &TENANT_KINDS, out)
}

fn elements(
    connection: &mut AnyConnection,
    see: &Visible,
    bounds: &Bounds,
    kinds: &[AccountKind],
    out: &mut dyn Write,
) -> Result<(), ShowError> {
    out.write_all(b"[")?;
    let mut first = true;
    for kind in kinds {
        let mut after: Option<AccountId> = None;
        loop {
            let page = msp::page(connection, see, bounds, *kind, after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            let names = ids(connection, &page.iter().map(brief).collect::<Vec<_>>())?;
            let details = msp::details(connection, &page.iter().map(|one| one.id).collect::<Vec<_>>())?;
            for (account, name) in page.iter().zip(names) {
                if !first {
                    out.write_all(b",")?;
                }
                first = false;
                let details = details.get(&account.id).cloned().unwrap_or_default();
                write_one(connection, see, bounds, account, &name, &details, out)?;
            }
        }
    }
    out.write_all(b"]")?;
    Ok(())
}

/// Writes one partner or tenant, as the element of `cust_id` or, where that is none, its own.
///
/// # Errors
/// As [`partners`].
pub fn one(
    connection: &mut AnyConnection,
    see: &Visible,
    bounds: &Bounds,
    account: &Account,
    cust_id: Option<&str>,
    out: &mut dyn Write,
) -> Result<(), ShowError> {
    let own = match cust_id {
        Some(id) => id.to_owned(),
        None => ids(connection, &[brief(account)])?.pop().unwrap_or_default(),
    };
    let details = msp::details(connection, &[account.id])?.remove(&account.id).unwrap_or_default();
    write_one(connection, see, bounds, account, &own, &details, out)
}

fn write_one(
    connection: &mut AnyConnection,
    see: &Visible,
    bounds: &Bounds,
    account: &Account,
    cust_id: &str,
    details: &Details,
    out: &mut dyn Write,
) -> Result<(), ShowError> {
    let shown = Shown {
        cust_id,
        account,
        user_id: details.user_id.as_deref(),
        time_zone: &details.time_zone,
        entitlements: &details.entitlements,
    };
    shown.begin(out)?;
    if account.kind == AccountKind::Reseller {
        out.write_all(b",\"tenants\":[")?;
        let (mut after, mut first) = (None, true);
        loop {
            let page = msp::customers(connection, see, bounds, account.id, after, TENANTS)?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for id in ids(connection, &page)? {
                if !first {
                    out.write_all(b",")?;
                }
                first = false;
                text(out, &id)?;
            }
            if i64::try_from(page.len()).unwrap_or(0) < TENANTS {
                break;
            }
        }
        out.write_all(b"]")?;
    }
    shown.end(out)?;
    Ok(())
}
