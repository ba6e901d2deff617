//! What a batch knows of users. They are looked up for acts that are about one, or about all of an account.
//!
//! Calls end services, and whoever has one loses it: that is noted here as [`Lost`], so that calls look up no users. The
//! store takes the service away from those that were not looked up.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::{Changes, Need, World};
use crate::domain::ids::{AccountId, ServiceId, UserId};
use crate::domain::outcome::Code;
use crate::domain::plan::Stop;
use crate::domain::relation::Cause;
use crate::domain::user::{Lost, MAX_USERS, User, UserStep};

/// Users as they were loaded and as acts changed them since.
#[derive(Debug, Default)]
pub(super) struct Users {
    now: HashMap<UserId, Arc<User>>,
    /// Who was looked up alone, also in vain.
    asked: BTreeSet<UserId>,
    /// None where an account has more than are looked up.
    of_account: HashMap<AccountId, Option<BTreeSet<UserId>>>,
    /// As the store has those that are to be written; none for those that are new.
    stored: BTreeMap<UserId, Option<Arc<User>>>,
    steps: Vec<UserStep>,
    lost: BTreeMap<ServiceId, Lost>,
}

impl Users {
    pub(super) fn knows(&self, id: UserId) -> bool {
        self.asked.contains(&id) || self.now.contains_key(&id)
    }

    pub(super) fn knows_of(&self, account: AccountId) -> bool {
        self.of_account.contains_key(&account)
    }

    /// Everything to write.
    pub(super) fn give(self, changes: &mut Changes) {
        for (id, before) in self.stored {
            let Some(after) = self.now.get(&id).cloned() else { continue };
            match before {
                Some(before) => changes.users_updated.push((before, after)),
                None => changes.users_created.push(after),
            }
        }
        changes.user_steps = self.steps;
        changes.lost_services = self.lost.into_values().collect();
        changes.users_known = self.now.into_keys().collect();
    }

    fn learn(&mut self, user: User) -> UserId {
        let id = user.id;
        if self.now.contains_key(&id) {
            return id;
        }
        let gone: Vec<Lost> = user.services.iter().filter_map(|service| self.lost.get(service)).cloned().collect();
        self.now.insert(id, Arc::new(user));
        for lost in gone {
            self.lose_of(id, &lost);
        }
        id
    }

    fn lose_of(&mut self, id: UserId, lost: &Lost) {
        let Some(user) = self.now.get(&id).filter(|user| user.has(lost.service)) else { return };
        let mut after = User::clone(user);
        after.services.retain(|service| *service != lost.service);
        let step = (lost.cause, lost.delivery);
        self.put(after.sealed(lost.at), false, step.0, step.1);
    }

    /// Takes a service away from all who have it, here and, later, in the store.
    pub(super) fn lose(&mut self, lost: Lost) {
        let mut having: Vec<UserId> =
            self.now.values().filter(|user| user.has(lost.service)).map(|user| user.id).collect();
        having.sort_unstable();
        for id in having {
            self.lose_of(id, &lost);
        }
        self.lost.insert(lost.service, lost);
    }

    fn put(&mut self, user: User, created: bool, cause: Cause, delivery: Option<crate::domain::ids::DeliveryId>) {
        let id = user.id;
        let before = self.now.get(&id).cloned();
        let after = Arc::new(user);
        if let Some(Some(users)) = before.as_ref().and_then(|before| self.of_account.get_mut(&before.account)) {
            users.remove(&id);
        }
        if after.lives()
            && let Some(Some(users)) = self.of_account.get_mut(&after.account)
        {
            users.insert(id);
        }
        self.stored.entry(id).or_insert_with(|| before.clone().filter(|_| !created));
        self.now.insert(id, after.clone());
        if before.as_ref().is_none_or(|before| before.revision != after.revision) {
            self.steps.push(UserStep { before, after, cause, delivery });
        }
    }
}

impl World {
    /// Takes in a user, or that there is none.
    pub fn learn_user(&mut self, id: UserId, user: Option<User>) {
        if let Some(user) = user {
            self.users.learn(user);
        }
        self.users.asked.insert(id);
    }

    /// Takes in the users of an account that are not ended; none where there are more than [`MAX_USERS`].
    pub fn learn_users_of(&mut self, account: AccountId, users: Option<Vec<User>>) {
        if self.users.knows_of(account) {
            return;
        }
        let Some(users) = users else {
            self.users.of_account.insert(account, None);
            return;
        };
        for user in users {
            self.users.learn(user);
        }
        // With those that this batch made or moved here, and without those that it ended or moved away.
        let now = self.users.now.values().filter(|user| user.account == account && user.lives());
        let ids = now.map(|user| user.id).collect();
        self.users.of_account.insert(account, Some(ids));
    }

    /// A user as it is now.
    pub(in crate::domain) fn user(&self, id: UserId) -> Result<Option<&Arc<User>>, Need> {
        if !self.users.knows(id) {
            return Err(Need::User(id));
        }
        Ok(self.users.now.get(&id))
    }

    /// The users of an account that are not ended now, in the order of their ids.
    pub(in crate::domain) fn users_of(&self, account: AccountId) -> Result<Vec<&Arc<User>>, Stop> {
        match self.users.of_account.get(&account) {
            Some(Some(ids)) => Ok(ids.iter().filter_map(|id| self.users.now.get(id)).collect()),
            Some(None) => Err(Stop::Refuse(
                Code::RuleBroken,
                format!("This account has more than {MAX_USERS} users. End those that are gone first."),
            )),
            None => Err(Need::UsersOf(account).into()),
        }
    }

    /// Takes over users that an act makes or changes, each with its next revision: numbers what is new and notes what
    /// happened.
    pub(super) fn take_over_users(&mut self, users: Vec<User>, cause: Cause) {
        for mut user in users {
            let created = user.id == UserId::UNISSUED;
            if created {
                user.id = UserId::issue(self.chain, self.issue_row());
            }
            self.users.put(user, created, cause, None);
        }
    }
}
