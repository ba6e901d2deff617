//! What a batch knows of what operators keep about accounts. It is looked up for acts that change it, and for no calls.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Changes, Need, World};
use crate::domain::dossier::Dossier;
use crate::domain::ids::AccountId;

/// Dossiers as they were loaded and as acts changed them since.
#[derive(Debug, Default)]
pub(super) struct Dossiers {
    now: HashMap<AccountId, Arc<Dossier>>,
    /// As the store has those that are to be written.
    stored: BTreeMap<AccountId, Arc<Dossier>>,
}

impl Dossiers {
    pub(super) fn knows(&self, account: AccountId) -> bool {
        self.now.contains_key(&account)
    }

    pub(super) fn put(&mut self, account: AccountId, dossier: Dossier) {
        if let Some(before) = self.now.insert(account, Arc::new(dossier)) {
            self.stored.entry(account).or_insert(before);
        }
    }

    /// Everything to write.
    pub(super) fn give(mut self, changes: &mut Changes) {
        let now = &mut self.now;
        let written = self.stored.into_iter().filter_map(|(id, before)| Some((id, (before, now.remove(&id)?))));
        changes.dossiers = written.collect();
    }
}

impl World {
    /// Takes in what is kept about an account; the default where nothing is.
    pub fn learn_dossier(&mut self, account: AccountId, dossier: Dossier) {
        self.dossiers.now.entry(account).or_insert_with(|| Arc::new(dossier));
    }

    /// What is kept about an account now.
    pub(in crate::domain) fn dossier(&self, account: AccountId) -> Result<&Arc<Dossier>, Need> {
        self.dossiers.now.get(&account).ok_or(Need::Dossier(account))
    }
}
