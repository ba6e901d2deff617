//! What operators do to sites, probes and brandings, as lists of acts.

use std::sync::Arc;

use crate::domain::act::site::{SiteAct, SiteDeed};
use crate::domain::act::{Act, What};
use crate::domain::branding::BrandingAct;
use crate::domain::ids::AccountKey;
use crate::domain::policy::Policies;
use crate::domain::relation::Cause;
use crate::store::audit::Entry;
use crate::writer::acts::ActList;

/// The act that does something to a site of `account`, or to a probe at one. `at` is in microseconds since 1970.
#[must_use]
pub fn act(account: AccountKey, expect: Option<i64>, deed: SiteDeed, at: i64) -> Act {
    Act::new(account, at, Cause::Operator, What::Site(Box::new(SiteAct { expect, deed })))
}

/// The list that does one such thing. `expect` is the revision that the site or probe must still have.
#[must_use]
pub fn list(
    account: AccountKey,
    expect: Option<i64>,
    deed: SiteDeed,
    policies: Arc<Policies>,
    entry: Entry,
) -> ActList {
    ActList { acts: vec![act(account, expect, deed, entry.at)], policies, all_or_nothing: true, entry }
}

/// The list that changes how the pages of `account` look. `expect` is the revision that the account must still have.
#[must_use]
pub fn brand(
    account: AccountKey,
    expect: Option<i64>,
    what: BrandingAct,
    policies: Arc<Policies>,
    entry: Entry,
) -> ActList {
    let act = Act::new(account, entry.at, Cause::Operator, What::Brand(Box::new(what)));
    ActList { acts: vec![Act { expect, ..act }], policies, all_or_nothing: true, entry }
}
