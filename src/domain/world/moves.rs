//! What a batch knows of what resellers may sell and of moves under way. Looked up for acts that move somebody.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Changes, Need, World};
use crate::domain::ids::{AccountId, AccountKey, MoveId, ProvisioningId};
use crate::domain::moves::{Move, MoveState, UnderWay};
use crate::domain::offer::Seller;
use crate::domain::provisioning::NewRequest;

/// What an act does beside accounts, services and users.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Moved {
    /// The move to keep: a new one without an id, or the request that this accepts.
    pub record: Option<Move>,
    /// What the vendor's own systems have to do.
    pub provisioning: Option<NewRequest>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Moves {
    sellers: HashMap<AccountId, Arc<Seller>>,
    under_way: HashMap<AccountId, UnderWay>,
    /// As the store has them; none of one with too many.
    customers: HashMap<AccountId, Option<Vec<AccountKey>>>,
    kept: HashMap<MoveId, Move>,
    written: Vec<(Move, bool)>,
    opened: Vec<NewRequest>,
}

impl Moves {
    pub(super) fn knows_seller(&self, account: AccountId) -> bool {
        self.sellers.contains_key(&account)
    }

    pub(super) fn knows_under_way(&self, account: AccountId) -> bool {
        self.under_way.contains_key(&account)
    }

    pub(super) fn knows_customers(&self, account: AccountId) -> bool {
        self.customers.contains_key(&account)
    }

    /// Takes in what an act made of a list.
    pub(super) fn sells_now(&mut self, account: AccountId, seller: Seller) {
        self.sellers.insert(account, Arc::new(seller));
    }

    /// Everything to write.
    pub(super) fn give(self, changes: &mut Changes) {
        changes.moves = self.written;
        changes.provisioning.extend(self.opened);
    }
}

impl World {
    /// Takes in what a reseller may sell.
    pub fn learn_seller(&mut self, account: AccountId, seller: Seller) {
        self.moves.sellers.entry(account).or_insert_with(|| Arc::new(seller));
    }

    /// Takes in what keeps an account from being moved, and the request itself where one waits.
    pub fn learn_under_way(&mut self, account: AccountId, requested: Option<Move>, at_work: bool) {
        let under_way = UnderWay { requested: requested.as_ref().map(|one| one.id), at_work };
        self.moves.under_way.entry(account).or_insert(under_way);
        if let Some(requested) = requested {
            self.moves.kept.entry(requested.id).or_insert(requested);
        }
    }

    /// Takes in the customers of a reseller as the store has them; none where there are too many.
    pub fn learn_customers_of(&mut self, account: AccountId, customers: Option<Vec<AccountKey>>) {
        self.moves.customers.entry(account).or_insert(customers);
    }

    /// The customers of a reseller as the store has them: an act before may have moved some of them. None where there are
    /// too many.
    pub(in crate::domain) fn customers_of(&self, account: AccountId) -> Result<Option<&[AccountKey]>, Need> {
        self.moves.customers.get(&account).map(|list| list.as_deref()).ok_or(Need::CustomersOf(account))
    }

    /// What a reseller may sell.
    pub(in crate::domain) fn seller(&self, account: AccountId) -> Result<&Arc<Seller>, Need> {
        self.moves.sellers.get(&account).ok_or(Need::Seller(account))
    }

    /// What keeps an account from being moved now.
    pub(in crate::domain) fn under_way(&self, account: AccountId) -> Result<UnderWay, Need> {
        self.moves.under_way.get(&account).copied().ok_or(Need::UnderWay(account))
    }

    /// A request that waits, as it is kept.
    pub(in crate::domain) fn requested(&self, id: MoveId) -> Option<&Move> {
        self.moves.kept.get(&id)
    }

    /// Takes over a move and what it makes the vendor's systems do. Returns the id of the move that is kept.
    pub(super) fn take_over_moved(&mut self, moved: Moved) -> Option<MoveId> {
        let Moved { record, provisioning } = moved;
        let Some(mut record) = record else {
            provisioning.map(|request| self.open_provisioning(request));
            return None;
        };
        let created = record.id == MoveId(0);
        if created {
            record.id = MoveId::issue(self.chain, self.issue_row());
        }
        if let Some(request) = provisioning {
            record.provisioning = Some(self.open_provisioning(NewRequest { move_id: Some(record.id.0), ..request }));
        }
        let waits = (record.state == MoveState::Requested).then_some(record.id);
        let waited = self.moves.under_way.get(&record.customer).and_then(|one| one.requested);
        let at_work = self.moves.under_way.get(&record.customer).is_some_and(|one| one.at_work);
        self.moves.under_way.insert(record.customer, UnderWay { requested: waits, at_work });
        self.moves.kept.insert(record.id, record.clone());
        let id = record.id;
        let stale = waited
            .filter(|waited| *waited != id)
            .and_then(|waited| self.moves.kept.get(&waited))
            .filter(|one| one.state == MoveState::Requested);
        if let Some(stale) = stale.cloned() {
            // The customer went elsewhere before anybody decided.
            let stale = Move {
                state: MoveState::Withdrawn,
                decided_by: Some(record.by.clone()),
                decision: Some("the customer went elsewhere".to_owned()),
                decided_at: Some(record.decided_at.unwrap_or(record.at)),
                ..stale
            };
            self.moves.kept.insert(stale.id, stale.clone());
            self.moves.written.push((stale, false));
        }
        self.moves.written.push((record, created));
        Some(id)
    }

    /// Takes over a request that is to be opened in the same commit, and gives it its ids.
    fn open_provisioning(&mut self, mut request: NewRequest) -> ProvisioningId {
        let chain = self.chain;
        request.issue(chain, || self.issue_row());
        let id = request.id;
        self.moves.opened.push(request);
        id
    }
}
