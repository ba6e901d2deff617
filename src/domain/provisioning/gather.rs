//! Which items a customer's services and users come to.

use std::collections::BTreeSet;

use super::{ItemKind, NewItem, PlanAt};
use crate::domain::ids::ServiceId;
use crate::domain::service::Service;
use crate::domain::user::User;

/// An item for each user and service, and one for each service that no user has. `to` says on which plan and where each
/// service is to be; what is ended is left out.
#[must_use]
pub fn items<'a>(
    services: impl IntoIterator<Item = &'a Service> + Clone,
    users: impl IntoIterator<Item = &'a User> + Clone,
    to: impl Fn(&Service) -> PlanAt,
) -> Vec<NewItem> {
    let living = || services.clone().into_iter().filter(|service| service.lives());
    let used: BTreeSet<ServiceId> =
        users.clone().into_iter().filter(|user| user.lives()).flat_map(|user| user.services.iter().copied()).collect();
    let from = |service: &Service| PlanAt::new(&service.plan, &service.location);
    let mut items: Vec<NewItem> = living()
        .filter(|service| !used.contains(&service.id))
        .map(|service| NewItem::new(ItemKind::Service { service: service.id }, from(service), to(service)))
        .collect();
    let mut by_id: Vec<&Service> = living().collect();
    by_id.sort_unstable_by_key(|service| service.id);
    for user in users.into_iter().filter(|user| user.lives()) {
        for id in &user.services {
            // Somebody else's, or ended: nobody has it any longer.
            let Ok(at) = by_id.binary_search_by_key(id, |service| service.id) else { continue };
            if let Some(service) = by_id.get(at) {
                let kind = ItemKind::User { user: user.id, service: *id };
                items.push(NewItem::new(kind, from(service), to(service)));
            }
        }
    }
    items
}
