//! What operators do to the users of an account.

use super::place::{living, refuse};
use super::{ACCOUNT_CHANGED, Act, Acted, Applied, Before, PlannedAct, USER_CHANGED};
use crate::domain::account::Account;
use crate::domain::ids::{ServiceId, UserId};
use crate::domain::outcome::Code;
use crate::domain::plan::Stop;
use crate::domain::user::{MAX_SERVICES_OF_USER, MAX_USERS, User, UserStatus};
use crate::domain::world::{Need, World};

/// What is done to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAct {
    /// Which; none for one that is new, or that its login names.
    pub user: Option<UserId>,
    /// The revision that it must still have; none for any.
    pub expect: Option<i64>,
    /// What is done.
    pub deed: UserDeed,
}

/// See [`UserAct`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserDeed {
    /// Makes one.
    Create(UserPatch),
    /// Changes one.
    Change(UserPatch),
    /// Changes the one that has this login, or makes it.
    Put(UserPatch),
    /// Ends one, which loses all services.
    End,
}

/// Fields of a user that are submitted; none leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // The names are those of `User`.
pub struct UserPatch {
    pub login: Option<String>,
    pub name: Option<String>,
    pub email: Option<String>,
    /// Not ended: that is a deed of its own.
    pub status: Option<UserStatus>,
    /// The exact set.
    pub services: Option<Vec<ServiceId>>,
}

/// Plans one.
pub(super) fn plan(world: &World, act: &Act, deed: &UserAct) -> Result<PlannedAct, Need> {
    let account = world.account(&act.account)?.map(|account| account.id);
    match decide(world, act, deed) {
        Ok((acted, user)) => Ok(PlannedAct { users: user.into_iter().collect(), ..PlannedAct::idle(account, acted) }),
        Err(Stop::Need(need)) => Err(need),
        Err(Stop::Refuse(code, message)) => Ok(PlannedAct::idle(account, Acted::Refused { code, message })),
    }
}

fn decide(world: &World, act: &Act, deed: &UserAct) -> Result<(Acted, Option<User>), Stop> {
    let Some(owner) = world.account(&act.account)? else {
        return refuse(Code::UnknownAccount, "This account is not known. Import it or have it synchronized first.");
    };
    if act.expect.is_some_and(|expected| expected != owner.revision) {
        return refuse(Code::Conflict, ACCOUNT_CHANGED);
    }
    let (before, patch) = match &deed.deed {
        UserDeed::Create(patch) => (None, Some(patch)),
        UserDeed::Put(patch) => {
            let login = patch.login.as_deref().unwrap_or_default();
            (world.user_called(owner.id, login)?, Some(patch))
        }
        UserDeed::Change(patch) => (Some(named(world, owner, deed)?), Some(patch)),
        UserDeed::End => (Some(named(world, owner, deed)?), None),
    };
    if before.is_some_and(|before| deed.expect.is_some_and(|expected| expected != before.revision)) {
        return refuse(Code::Conflict, USER_CHANGED);
    }
    let after = match (before, patch) {
        (Some(before), None) => User {
            status: UserStatus::Ended,
            services: Vec::new(),
            ended_at: before.ended_at.or(Some(act.at)),
            ..User::clone(before)
        },
        (before, patch) => {
            living(world, &act.account)?;
            if before.is_some_and(|before| !before.lives()) {
                return refuse(Code::RuleBroken, "This user is ended. Add it anew.");
            }
            let before = before.map_or_else(|| nobody(owner, act.at), |before| User::clone(before));
            match patch {
                Some(patch) => patched(world, owner, before, patch)?,
                None => before,
            }
        }
    };
    if before.is_some_and(|before| before.differing(&after).is_empty()) {
        return Ok((Acted::Unchanged, None));
    }
    let changed = before.map(|before| before.differing(&after)).unwrap_or_default();
    let applied = Applied {
        created: false,
        // Of the account, which stays as it is.
        revision: owner.revision,
        before: Some(Before::of(owner)),
        changed: changed.into_iter().map(str::to_owned).collect(),
        notes: Vec::new(),
    };
    Ok((Acted::Applied(Box::new(applied)), Some(after.sealed(act.at))))
}

fn nobody(owner: &Account, at: i64) -> User {
    User {
        id: UserId::UNISSUED,
        account: owner.id,
        login: String::new(),
        name: String::new(),
        email: String::new(),
        status: UserStatus::Active,
        services: Vec::new(),
        created_at: at,
        changed_at: at,
        ended_at: None,
        revision: 0,
    }
}

fn named<'w>(world: &'w World, owner: &Account, deed: &UserAct) -> Result<&'w std::sync::Arc<User>, Stop> {
    let found = match deed.user {
        Some(id) => world.user(id)?,
        None => None,
    };
    match found.filter(|found| found.account == owner.id) {
        Some(found) => Ok(found),
        None => refuse(Code::Conflict, "This user is not the account's any longer. Look at it again."),
    }
}

fn patched(world: &World, owner: &Account, mut user: User, patch: &UserPatch) -> Result<User, Stop> {
    let new = user.id == UserId::UNISSUED;
    if let Some(login) = &patch.login {
        user.login = login.trim().to_owned();
    }
    if user.login.is_empty() {
        return refuse(Code::Malformed, "A user needs a login.");
    }
    if new || patch.login.is_some() {
        if world.user_called(owner.id, &user.login)?.is_some_and(|other| other.id != user.id) {
            return refuse(Code::Conflict, "Another user of this account has this login. Choose another one.");
        }
        if new && world.users_count(owner.id)? >= MAX_USERS {
            return refuse(
                Code::RuleBroken,
                format!("This account has {MAX_USERS} users. End those that are gone first."),
            );
        }
    }
    if let Some(name) = &patch.name {
        user.name.clone_from(name);
    }
    if let Some(email) = &patch.email {
        user.email.clone_from(email);
    }
    if let Some(status) = patch.status {
        user.status = status;
    }
    if let Some(services) = &patch.services {
        let mut services = services.clone();
        services.sort_unstable();
        services.dedup();
        if services.len() > MAX_SERVICES_OF_USER {
            return refuse(Code::RuleBroken, format!("A user has at most {MAX_SERVICES_OF_USER} services."));
        }
        let all = world.services_of(owner.id)?;
        // In the order of their ids, both of them.
        if let Some(other) = services.iter().find(|id| all.binary_search_by_key(id, |service| &service.id).is_err()) {
            return refuse(
                Code::RuleBroken,
                format!("The service {other} is not one of this account that lives. List the account's services."),
            );
        }
        user.services = services;
    }
    Ok(user)
}
