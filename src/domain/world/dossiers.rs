//! What a batch knows of what operators keep about accounts. It is looked up for acts that change it, and for no calls.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Changes, Need, World};
use crate::domain::dossier::{Dossier, Login, folded};
use crate::domain::ids::AccountId;

/// Dossiers as they were loaded and as acts changed them since.
#[derive(Debug, Default)]
pub(super) struct Dossiers {
    now: HashMap<AccountId, Arc<Dossier>>,
    /// As the store has those that are to be written.
    stored: BTreeMap<AccountId, Arc<Dossier>>,
    /// Who has a login of a folded name in the store, and whether it is their own one.
    logins: HashMap<Arc<str>, Vec<(AccountId, bool)>>,
}

impl Dossiers {
    pub(super) fn knows(&self, account: AccountId) -> bool {
        self.now.contains_key(&account)
    }

    pub(super) fn knows_login(&self, name: &str) -> bool {
        self.logins.contains_key(name)
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

    /// Takes in which accounts have a login of this folded name, and whether it is their own one.
    pub fn learn_login(&mut self, name: Arc<str>, holders: Vec<(AccountId, bool)>) {
        self.dossiers.logins.entry(name).or_insert(holders);
    }

    /// Which accounts have a login of this folded name now, and whether it is their own one.
    pub(in crate::domain) fn login_holders(&self, name: &str) -> Result<Vec<(AccountId, bool)>, Need> {
        let Some(stored) = self.dossiers.logins.get(name) else { return Err(Need::LoginName(Arc::from(name))) };
        let changed = &self.dossiers.stored;
        let mut holders: Vec<(AccountId, bool)> =
            stored.iter().filter(|(account, _)| !changed.contains_key(account)).copied().collect();
        for account in changed.keys() {
            let logins = self.dossiers.now.get(account).map(|dossier| dossier.logins.as_slice()).unwrap_or_default();
            let named = |login: &&Login| login.name.as_deref().is_some_and(|own| folded(own) == name);
            holders.extend(logins.iter().filter(named).map(|login| (*account, login.number == Login::OWN)));
        }
        Ok(holders)
    }
}
