//! From rows to what is shown, the same for commands and /v1.

use super::import::{Fate, Summary, Told};
use crate::domain::outcome::Code;
use crate::store::accounts::Listed;
use crate::store::seen::relations::{Party, Related};
use crate::wire::import::{SummaryView, ToldView};
use crate::wire::relation::{CustomerView, RelatedResellerView, RelationView};
use crate::wire::show::{AccountView, ResellerShown};

/// An account.
#[must_use]
pub fn account(listed: &Listed) -> AccountView {
    let reseller = listed.reseller.clone().map(|(platform_id, external_id, name)| ResellerShown {
        platform_id,
        external_id,
        name,
    });
    AccountView::new(&listed.account, reseller.as_ref())
}

/// A relation.
#[must_use]
pub fn relation(related: &Related) -> RelationView {
    let Party { id, source, tenant, platform_id, external_id, name, kind } = related.customer.clone();
    let customer =
        CustomerView { id: id.to_string(), source, tenant, platform_id, external_id, kind: kind.as_str(), name };
    let reseller = related.reseller.as_ref().map(|reseller| RelatedResellerView {
        id: Some(reseller.id.to_string()),
        platform_id: Some(reseller.platform_id.clone()),
        external_id: Some(reseller.external_id.clone()),
        name: Some(reseller.name.clone()),
    });
    RelationView::new(&related.relation, customer, reseller)
}

/// A row of an import.
#[must_use]
pub fn told(told: &Told) -> ToldView {
    let code = match &told.fate {
        Fate::Refused(code, _) => code.map(Code::number),
        Fate::Created | Fate::Changed | Fate::Unchanged | Fate::Kept(_) => None,
    };
    ToldView {
        line: told.line,
        platform_id: told.platform_id.clone(),
        outcome: told.fate.as_str(),
        code,
        why: told.fate.why().to_owned(),
    }
}

/// The counts of an import.
#[must_use]
pub fn summary(summary: &Summary, dry_run: bool) -> SummaryView {
    let Summary { rows, created, changed, unchanged, kept, refused } = *summary;
    SummaryView { rows, created, changed, unchanged, kept, refused, dry_run }
}
