//! What a batch knows of users. They are looked up for acts that are about one, or about all of an account.
//!
//! Calls end services, and whoever has one loses it: that is noted here as [`Lost`], so that calls look up no users. The
//! store takes the service away from those that were not looked up.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::{Changes, Need, World};
use crate::domain::ids::{AccountId, DeliveryId, ServiceId, UserId};
use crate::domain::outcome::Code;
use crate::domain::plan::Stop;
use crate::domain::relation::Cause;
use crate::domain::user::{Lost, MAX_USERS, User, UserStep, login_key};

/// Users as they were loaded and as acts changed them since.
#[derive(Debug, Default)]
pub(super) struct Users {
    now: HashMap<UserId, Arc<User>>,
    /// Who was looked up alone, also in vain.
    asked: BTreeSet<UserId>,
    /// None where an account has more than are looked up.
    of_account: HashMap<AccountId, Option<BTreeSet<UserId>>>,
    /// Who has a login in an account of `of_account`, as logins are compared.
    logins: HashMap<(AccountId, String), UserId>,
    /// Who of those at hand has a service.
    having: HashMap<ServiceId, BTreeSet<UserId>>,
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
        for service in &user.services {
            self.having.entry(*service).or_default().insert(id);
        }
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
        for id in self.having.get(&lost.service).cloned().unwrap_or_default() {
            self.lose_of(id, &lost);
        }
        self.lost.insert(lost.service, lost);
    }

    fn put(&mut self, user: User, created: bool, cause: Cause, delivery: Option<DeliveryId>) {
        let id = user.id;
        let before = self.now.get(&id).cloned();
        let after = Arc::new(user);
        if let Some(before) = &before {
            for service in &before.services {
                self.having.entry(*service).or_default().remove(&id);
            }
            if let Some(Some(users)) = self.of_account.get_mut(&before.account) {
                users.remove(&id);
                self.logins.remove(&(before.account, before.login_key()));
            }
        }
        for service in &after.services {
            self.having.entry(*service).or_default().insert(id);
        }
        if after.lives()
            && let Some(Some(users)) = self.of_account.get_mut(&after.account)
        {
            users.insert(id);
            self.logins.insert((after.account, after.login_key()), id);
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
        let stored: Vec<UserId> = users.into_iter().map(|user| self.users.learn(user)).collect();
        // With those that this batch made or moved here, and without those that it ended or moved away.
        let all = stored.iter().chain(self.users.stored.keys()).filter_map(|id| self.users.now.get(id));
        let (mut ids, mut logins) = (BTreeSet::new(), Vec::new());
        for user in all.filter(|user| user.account == account && user.lives()) {
            ids.insert(user.id);
            logins.push(((account, user.login_key()), user.id));
        }
        self.users.logins.extend(logins);
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

    /// The user of an account that has this login now and is not ended.
    pub(in crate::domain) fn user_called(&self, account: AccountId, login: &str) -> Result<Option<&Arc<User>>, Stop> {
        self.users_count(account)?;
        let id = self.users.logins.get(&(account, login_key(login)));
        Ok(id.and_then(|id| self.users.now.get(id)))
    }

    /// How many users of an account are not ended now.
    pub(in crate::domain) fn users_count(&self, account: AccountId) -> Result<usize, Stop> {
        match self.users.of_account.get(&account) {
            Some(Some(ids)) => Ok(ids.len()),
            _ => self.users_of(account).map(|users| users.len()),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{AccountKey, ExternalId, PlatformId, Scope, SourceId, Tenant};
    use crate::domain::service::{Service, ServiceStatus};
    use crate::domain::user::{UserHappening, UserStatus};

    const ONE: AccountId = AccountId(1);
    const OTHER: AccountId = AccountId(2);

    fn user(id: i64, services: &[i64]) -> User {
        User {
            id: UserId(id),
            account: ONE,
            login: format!("user{id}"),
            name: String::new(),
            email: String::new(),
            status: UserStatus::Active,
            services: services.iter().map(|id| ServiceId(*id)).collect(),
            created_at: 0,
            changed_at: 0,
            ended_at: None,
            revision: 1,
        }
    }

    fn service(id: i64) -> Service {
        let scope = Scope { source: SourceId::stored("eu"), tenant: Tenant::none() };
        let key = AccountKey { scope, platform_id: PlatformId::stored("1") };
        let unsaid = Service::unsaid(&key, ONE, ExternalId::stored(&format!("s{id}")), 0);
        Service { id: ServiceId(id), revision: 1, ..unsaid }
    }

    /// A world in which a call ended one service and an act moved another one away.
    fn world() -> World {
        let mut world = World::new(0, 100);
        world.learn_services_of(ONE, Some([5, 6, 7].map(service).to_vec()));
        let ended = Service { status: ServiceStatus::Ended, revision: 2, changed_at: 9, ..service(5) };
        world.take_over_services(vec![ended], ONE, Cause::Sync, Some(DeliveryId(3)));
        let moved = Service { account: OTHER, revision: 2, ..service(6) };
        world.take_over_services(vec![moved], ONE, Cause::Move, None);
        world
    }

    #[test]
    fn who_is_looked_up_later_lost_it_all_the_same() {
        let mut world = world();
        world.learn_users_of(ONE, Some(vec![user(1, &[5, 6, 7]), user(2, &[7])]));
        let shown = |world: &World, id| {
            world.user(UserId(id)).ok().flatten().map(|user| (user.services.clone(), user.revision))
        };
        assert_eq!(shown(&world, 1), Some((vec![ServiceId(7)], 3)));
        assert_eq!(shown(&world, 2), Some((vec![ServiceId(7)], 1)));
        // And who was looked up before loses what ends then.
        let ended = Service { status: ServiceStatus::Ended, revision: 2, ..service(7) };
        world.take_over_services(vec![ended], ONE, Cause::Operator, None);
        assert_eq!((shown(&world, 1), shown(&world, 2)), (Some((vec![], 4)), Some((vec![], 2))));
        let changes = world.into_changes();
        let told: Vec<(i64, Cause, Option<DeliveryId>)> =
            changes.user_steps.iter().map(|step| (step.after.id.0, step.cause, step.delivery)).collect();
        assert_eq!(
            told,
            [
                (1, Cause::Sync, Some(DeliveryId(3))),
                (1, Cause::Move, None),
                (1, Cause::Operator, None),
                (2, Cause::Operator, None)
            ]
        );
        // Written once each, from what the store has to what is now; the store takes the services from all others.
        let written: Vec<(usize, usize)> =
            changes.users_updated.iter().map(|(before, after)| (before.services.len(), after.services.len())).collect();
        assert_eq!(written, [(3, 0), (1, 0)]);
        assert_eq!(changes.lost_services.iter().map(|lost| lost.service.0).collect::<Vec<_>>(), [5, 6, 7]);
        assert_eq!(changes.users_known.len(), 2);
    }

    #[test]
    fn lists_of_an_account_follow_what_the_batch_does() {
        let mut world = world();
        let ids = |world: &World, account| -> Vec<i64> {
            world.services_of(account).unwrap_or_default().iter().map(|service| service.id.0).collect()
        };
        assert_eq!(ids(&world, ONE), [7]);
        world.learn_services_of(OTHER, Some(Vec::new()));
        assert_eq!(ids(&world, OTHER), [6]);
        let people = |world: &World, account| -> Vec<i64> {
            world.users_of(account).unwrap_or_default().iter().map(|user| user.id.0).collect()
        };
        world.learn_users_of(ONE, Some(vec![user(1, &[]), user(2, &[])]));
        let new = User { id: UserId::UNISSUED, revision: 0, ..user(0, &[]) };
        let gone = User { status: UserStatus::Ended, ..user(1, &[]) };
        let elsewhere = User { account: OTHER, ..user(2, &[]) };
        world.take_over_users(vec![new.sealed(1), gone.sealed(1), elsewhere.sealed(1)], Cause::Operator);
        let issued = UserId::issue(0, 101).0;
        let called = |login| world.user_called(ONE, login).ok().flatten().map(|user| user.id.0);
        assert_eq!(["USER0", "user1", "user2"].map(called), [Some(issued), None, None]);
        assert_eq!(people(&world, ONE), [issued]);
        // What the store still says is behind what the batch did.
        world.learn_users_of(OTHER, Some(Vec::new()));
        world.learn_user(UserId(1), Some(user(1, &[])));
        assert_eq!(people(&world, OTHER), [2]);
        assert!(world.user(UserId(1)).is_ok_and(|user| user.is_some_and(|user| !user.lives())));
        let happened: Vec<UserHappening> = world.into_changes().user_steps.iter().map(UserStep::happening).collect();
        assert_eq!(happened, [UserHappening::Created, UserHappening::Ended, UserHappening::Moved]);
    }

    #[test]
    fn accounts_with_too_many_are_refused() {
        let mut world = World::new(0, 0);
        world.learn_users_of(ONE, None);
        world.learn_services_of(ONE, None);
        assert!(matches!(world.users_of(ONE), Err(Stop::Refuse(Code::RuleBroken, why)) if why.contains("20000")));
        assert!(matches!(world.services_of(ONE), Err(Stop::Refuse(Code::RuleBroken, why)) if why.contains("5000")));
        assert!(matches!(world.users_of(OTHER), Err(Stop::Need(Need::UsersOf(OTHER)))));
    }
}
