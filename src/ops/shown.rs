//! From rows to what is shown, the same for commands and /v1.

use super::import::{Fate, Summary, Told};
use super::moves::{many, terminate};
use crate::domain::account::Account;
use crate::domain::outcome::Code;
use crate::store::accounts::Listed;
use crate::store::offers::Listing;
use crate::store::seen::events::{Event, What};
use crate::store::seen::partners;
use crate::store::seen::provisioning as provisioned;
use crate::store::seen::relations::{Party, Related};
use crate::store::seen::services::Happened;
use crate::store::seen::sites;
use crate::store::seen::users;
use crate::wire::account_event::AccountEventView;
use crate::wire::import::{SummaryView, ToldView};
use crate::wire::moves::{MovedRowView, MovedSummaryView, TerminationView};
use crate::wire::partners::{PartnerResellerView, RegisteredView};
use crate::wire::plans::{PlansView, SellerView};
use crate::wire::provisioning::{
    ProvisionedCustomerView, ProvisionedServiceView, ProvisionedUserView, ProvisioningItemView, ProvisioningView,
};
use crate::wire::relation::{CustomerView, RelatedResellerView, RelationView};
use crate::wire::service_show::HappenedView;
use crate::wire::show::{AccountView, PartnerShown, ResellerShown};
use crate::wire::site_show::SiteHappenedView;
use crate::wire::time::rfc3339;
use crate::wire::user_show::UserHappenedView;

/// An account.
#[must_use]
pub fn account(listed: &Listed) -> AccountView {
    let reseller = listed.reseller.clone().map(|(platform_id, external_id, name)| ResellerShown {
        platform_id,
        external_id,
        name,
        by_partner: listed.by_partner,
    });
    let partner = listed.partner.as_ref().map(|partner| PartnerShown {
        id: partner.id.clone(),
        name: partner.name.clone(),
        status: partner.status,
    });
    AccountView::new(&listed.account, reseller.as_ref(), partner.as_ref())
}

/// One thing that happened in an account.
#[must_use]
pub fn event(event: &Event) -> AccountEventView {
    let at = event.at;
    match &event.what {
        What::Delivered(delivery) => AccountEventView::delivered(delivery),
        What::Opened(relation) => AccountEventView::related(at, relation, false),
        What::Closed(relation) => AccountEventView::related(at, relation, true),
        What::Service(id, happening, caused) => {
            let made = (caused.cause, caused.delivery);
            let what = ("service", id.to_string(), happening.as_str());
            AccountEventView::happened(at, what, made, caused.changed.clone())
        }
        What::User(id, happening, caused) => {
            let made = (caused.cause, caused.delivery);
            let what = ("user", id.to_string(), happening.as_str());
            AccountEventView::happened(at, what, made, caused.changed.clone())
        }
        What::Site(id, happening, caused) => {
            let made = (caused.cause, caused.delivery);
            AccountEventView::happened(at, ("site", id.to_string(), happening.as_str()), made, caused.changed.clone())
        }
        What::Probe(id, happening, caused) => {
            let made = (caused.cause, caused.delivery);
            let what = ("probe", id.to_string(), happening.as_str());
            // Of the sort of the sites at which they stand.
            AccountEventView { r#type: "site", ..AccountEventView::happened(at, what, made, caused.changed.clone()) }
        }
        What::Acted { action, operator, detail, .. } => AccountEventView::acted(at, action, operator, detail),
    }
}

/// A partner of the registry, with its status at `now`, in microseconds since 1970.
#[must_use]
pub fn partner(listed: &partners::Listed, now: i64) -> RegisteredView {
    let reseller = listed.reseller.clone().map(|reseller| PartnerResellerView {
        id: reseller.id.to_string(),
        source: reseller.source,
        tenant: reseller.tenant,
        platform_id: reseller.platform_id,
        external_id: reseller.external_id,
        name: reseller.name,
    });
    let stored = &listed.stored;
    RegisteredView::new(&stored.partner, reseller, (stored.created_at, stored.updated_at), now)
}

/// A provisioning request.
#[must_use]
pub fn provisioning(listed: &provisioned::Listed) -> ProvisioningView {
    ProvisioningView::new(&listed.request, provisioned_customer(&listed.customer))
}

/// Whose a provisioning request is.
#[must_use]
pub fn provisioned_customer(customer: &provisioned::Customer) -> ProvisionedCustomerView {
    let provisioned::Customer { id, source, tenant, platform_id, external_id, name } = customer.clone();
    ProvisionedCustomerView { id: id.to_string(), source, tenant, platform_id, external_id, name }
}

/// An item of a provisioning request; `whole` says whether everything of it may be told.
#[must_use]
pub fn provisioning_item(listed: &provisioned::ListedItem, whole: bool) -> ProvisioningItemView {
    let kind = &listed.item.kind;
    let named = listed.service.clone();
    let service = kind.service().map(|id| ProvisionedServiceView {
        id: id.to_string(),
        external_id: named.as_ref().map(|service| service.external_id.clone()),
        platform_id: named.as_ref().and_then(|service| service.platform_id.clone()),
        service: named.as_ref().map(|service| service.service.clone()),
        name: named.as_ref().map(|service| service.name.clone()),
    });
    let user = kind.user().map(|id| ProvisionedUserView { id: id.to_string(), login: listed.login.clone() });
    ProvisioningItemView::new(&listed.item, service, user, whole)
}

/// What a reseller may sell.
#[must_use]
pub fn plans(reseller: &Account, listing: &Listing) -> PlansView {
    let key = &reseller.key;
    let view = SellerView {
        id: reseller.id.to_string(),
        source: key.scope.source.to_string(),
        tenant: key.scope.tenant.as_str().to_owned(),
        platform_id: key.platform_id.to_string(),
        external_id: reseller.external_id.to_string(),
        name: reseller.profile.name.clone(),
    };
    PlansView::new(view, &listing.seller, listing.changed_at)
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

/// One thing that happened to a service.
#[must_use]
pub fn happened(happened: &Happened) -> HappenedView {
    HappenedView {
        revision: happened.revision,
        at: rfc3339(happened.at),
        from: rfc3339(happened.valid_from),
        happening: happened.happening.as_str(),
        changed: happened.changed.clone(),
        account: happened.account.to_string(),
        plan: happened.plan.clone(),
        location: happened.location.clone(),
        quantity: happened.quantity,
        status: happened.status.as_str(),
        cause: happened.cause.as_str(),
        delivery: happened.delivery.map(|id| id.to_string()),
    }
}

/// One thing that happened to a site or probe.
#[must_use]
pub fn site_happened(happened: &sites::Happened) -> SiteHappenedView {
    SiteHappenedView {
        revision: happened.revision,
        at: rfc3339(happened.at),
        happening: happened.happening.as_str(),
        changed: happened.changed.clone(),
        site: happened.site.to_string(),
        from: happened.from.map(|site| site.to_string()),
        status: happened.status.as_str(),
        cause: happened.cause.as_str(),
        delivery: happened.delivery.map(|delivery| delivery.to_string()),
    }
}

/// One thing that happened to a user.
#[must_use]
pub fn user_happened(happened: &users::Happened) -> UserHappenedView {
    UserHappenedView {
        revision: happened.revision,
        at: rfc3339(happened.at),
        happening: happened.happening.as_str(),
        changed: happened.changed.clone(),
        gained: happened.gained.clone(),
        lost: happened.lost.clone(),
        account: happened.account.to_string(),
        status: happened.status.as_str(),
        cause: happened.cause.as_str(),
        delivery: happened.delivery.map(|id| id.to_string()),
    }
}

/// A row of a list of moves and what became of it.
#[must_use]
pub fn moved(told: &many::Told) -> MovedRowView {
    let (code, reason, moved) = match &told.fate {
        many::Fate::Moved(id) => (None, None, id.map(|id| id.to_string())),
        many::Fate::Unchanged | many::Fate::Withheld => (None, None, None),
        many::Fate::Refused(code, why) => (*code, Some(why.clone()), None),
    };
    MovedRowView { row: told.line, customer: told.customer.clone(), outcome: told.fate.as_str(), code, reason, moved }
}

/// How many rows of a list of moves came to what.
#[must_use]
pub fn moved_summary(summary: &many::Summary) -> MovedSummaryView {
    let many::Summary { rows, moved, unchanged, refused, withheld } = *summary;
    MovedSummaryView { rows, moved, unchanged, refused, withheld }
}

/// What ending a reseller came to; `rows` are those that are not moved.
#[must_use]
pub fn terminated(report: &terminate::Report, rows: Vec<MovedRowView>) -> TerminationView {
    let delete_message = match &report.delete {
        terminate::Deleted::Refused(message) => Some(message.clone()),
        _ => None,
    };
    TerminationView {
        complete: report.is_whole(),
        customers: moved_summary(&report.customers),
        left: report.left,
        frozen: report.frozen,
        partners: report.partners.iter().map(ToString::to_string).collect(),
        delete: report.delete.as_str(),
        delete_message,
        rows,
    }
}
