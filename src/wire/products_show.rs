//! Moves of services between customers, as shown: the same JSON from the API and from commands.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::act::products::{Loser, Product, Weighed};

/// Most users that one answer lists.
const MAX_LOSERS: usize = 1_000;

/// What a move of services comes to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProductsView {
    /// Whether nothing was done: it was asked what would be.
    pub preview: bool,
    /// Whether the services are moved, or would be.
    pub movable: bool,
    /// Why none can be moved; null where that depends on the services alone, or nothing is in the way.
    pub refused: Option<String>,
    /// Names what was looked at. Sent back with the move, that is done only if nothing changed.
    pub revision: String,
    /// The services that were named, and the add-ons that go with them.
    pub services: Vec<ProductView>,
    /// The users of the customer who lose some of them, at most 1,000.
    pub users: Vec<LoserView>,
    /// How many users lose some in all.
    pub users_count: usize,
}

/// A service of a move.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProductView {
    /// Its id.
    pub id: String,
    /// Its kind; null where it is not the customer's.
    pub kind: Option<&'static str>,
    /// What it is called.
    pub name: Option<String>,
    /// The subscription that it is an add-on of.
    pub parent: Option<String>,
    /// Why it cannot be moved; null where nothing is in the way.
    pub refused: Option<&'static str>,
}

/// A user who loses services.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LoserView {
    /// Its id.
    pub id: String,
    /// With what it signs in.
    pub login: String,
    /// The services that it has no longer.
    pub services: Vec<String>,
}

impl From<&Product> for ProductView {
    fn from(product: &Product) -> Self {
        let service = product.service.as_deref();
        Self {
            id: product.id.to_string(),
            kind: service.map(|service| service.kind.as_str()),
            name: service.map(|service| service.name.clone()),
            parent: service.and_then(|service| service.parent).map(|id| id.to_string()),
            refused: product.refused,
        }
    }
}

impl From<&Loser> for LoserView {
    fn from(loser: &Loser) -> Self {
        Self {
            id: loser.user.id.to_string(),
            login: loser.user.login.clone(),
            services: loser.services.iter().map(ToString::to_string).collect(),
        }
    }
}

impl ProductsView {
    /// A move as it was weighed.
    #[must_use]
    pub fn new(weighed: &Weighed, preview: bool) -> Self {
        Self {
            preview,
            movable: weighed.is_fine(),
            refused: weighed.refused.as_ref().map(|(code, why)| format!("{why} ({})", code.number())),
            revision: weighed.revision.clone(),
            services: weighed.products.iter().map(ProductView::from).collect(),
            users: weighed.losers.iter().take(MAX_LOSERS).map(LoserView::from).collect(),
            users_count: weighed.losers.len(),
        }
    }
}
