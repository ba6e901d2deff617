//! What resellers may sell, as it is written and shown.

use serde::Serialize;
use utoipa::ToSchema;

use super::COLUMNS;
use crate::domain::offer::{Offer, Seller};
use crate::wire::time::rfc3339;

/// An offer as it is written into a list: what is read back makes the same offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs)] // Named as the columns.
pub struct OfferRecord {
    pub reseller: String,
    pub service: Option<String>,
    pub plan: Option<String>,
    pub locations: Vec<String>,
    pub directory_ou: Option<String>,
}

impl OfferRecord {
    /// The records of a reseller that is called so: one an offer, or one that tells of the reseller alone.
    pub fn of<'a>(reseller: &'a str, seller: &'a Seller) -> impl Iterator<Item = Self> + use<'a> {
        let offers = &seller.offers.list;
        let record = move |offer: Option<&Offer>| Self {
            reseller: reseller.to_owned(),
            service: offer.map(|offer| offer.service.clone()),
            plan: offer.map(|offer| offer.plan.clone()),
            locations: offer.map(|offer| offer.locations.clone()).unwrap_or_default(),
            directory_ou: seller.directory_ou.clone(),
        };
        let alone = offers.is_empty().then(|| record(None));
        alone.into_iter().chain(offers.iter().map(move |offer| record(Some(offer))))
    }

    /// The cells of its columns.
    #[must_use]
    pub fn cells(&self) -> [String; COLUMNS.len()] {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        [
            self.reseller.clone(),
            text(&self.service),
            text(&self.plan),
            locations(&self.locations),
            text(&self.directory_ou),
        ]
    }
}

/// Locations in one cell.
fn locations(names: &[String]) -> String {
    let splits = |name: &String| name.contains([';', '|']) || name.starts_with('[');
    if names.iter().any(splits) { serde_json::to_string(names).unwrap_or_default() } else { names.join("|") }
}

/// An offer as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OfferView {
    /// The service.
    pub service: String,
    /// The plan.
    pub plan: String,
    /// Where it may run; empty where there is no location to choose.
    pub locations: Vec<String>,
}

impl From<&Offer> for OfferView {
    fn from(offer: &Offer) -> Self {
        Self { service: offer.service.clone(), plan: offer.plan.clone(), locations: offer.locations.clone() }
    }
}

/// The reseller of a list as shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct SellerView {
    pub id: String,
    pub source: String,
    pub tenant: String,
    pub platform_id: String,
    pub external_id: String,
    pub name: String,
}

/// What a reseller may sell, as shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlansView {
    /// Whose list it is.
    pub reseller: SellerView,
    /// Counts the changes of the list; 0 where nothing was ever set.
    pub revision: i64,
    /// The distinguished name of the organizational unit below which its customers stand.
    pub directory_ou: Option<String>,
    /// When anything of this was changed last.
    pub changed_at: Option<String>,
    /// By service and plan.
    pub offers: Vec<OfferView>,
}

impl PlansView {
    /// A list; `changed_at` is in microseconds since 1970.
    #[must_use]
    pub fn new(reseller: SellerView, seller: &Seller, changed_at: Option<i64>) -> Self {
        Self {
            reseller,
            revision: seller.offers.revision,
            directory_ou: seller.directory_ou.clone(),
            changed_at: changed_at.map(rfc3339),
            offers: seller.offers.list.iter().map(OfferView::from).collect(),
        }
    }
}
