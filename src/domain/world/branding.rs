//! What a batch knows of how customers' pages look. It is looked up for acts that change it, and for no calls.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Changes, Need, World};
use crate::domain::branding::Branding;
use crate::domain::ids::AccountId;

/// Brandings as they were loaded and as acts changed them since.
#[derive(Debug, Default)]
pub(super) struct Brandings {
    now: HashMap<AccountId, Arc<Branding>>,
    /// As the store has those that are to be written.
    stored: BTreeMap<AccountId, Arc<Branding>>,
}

impl Brandings {
    pub(super) fn knows(&self, account: AccountId) -> bool {
        self.now.contains_key(&account)
    }

    pub(super) fn put(&mut self, account: AccountId, branding: Branding) {
        if let Some(before) = self.now.insert(account, Arc::new(branding)) {
            self.stored.entry(account).or_insert(before);
        }
    }

    /// Everything to write.
    pub(super) fn give(mut self, changes: &mut Changes) {
        let now = &mut self.now;
        let written = self.stored.into_iter().filter_map(|(id, before)| Some((id, (before, now.remove(&id)?))));
        changes.brandings = written.collect();
    }
}

impl World {
    /// Takes in how an account's pages look; the default where nothing is said.
    pub fn learn_branding(&mut self, account: AccountId, branding: Branding) {
        self.brandings.now.entry(account).or_insert_with(|| Arc::new(branding));
    }

    /// How an account's pages look now.
    pub(in crate::domain) fn branding(&self, account: AccountId) -> Result<&Arc<Branding>, Need> {
        self.brandings.now.get(&account).ok_or(Need::Branding(account))
    }
}
