//! Which calls may run beside each other. Pure: told what each call touches, it says when each may start.
//!
//! A call waits for earlier calls on its own account and on the accounts that it names. One that changes what others see
//! in its account (a Delete, a change of kind) waits also for all earlier calls that name that account.

use std::collections::{HashMap, HashSet};

/// What a call touches. Names stand for accounts, ExternalIDs and signed ids; two that share a number wait for nothing
/// worse than each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// What it is about.
    pub own: Vec<u64>,
    /// What it names besides.
    pub names: Vec<u64>,
    /// Whether it waits for all who name what it is about.
    pub exclusive: bool,
    /// Whether nothing may run beside it.
    pub alone: bool,
}

/// The unfinished calls that touch one thing.
#[derive(Debug, Default)]
struct Users {
    /// The last call that is about it; earlier ones are waited for by this one.
    own: Option<u64>,
    /// Those that name it since the last exclusive call about it.
    naming: HashSet<u64>,
}

/// A call that has not finished.
#[derive(Debug)]
struct Unfinished {
    claims: Claims,
    /// How many calls it still waits for.
    waits_for: usize,
    /// Which calls wait for it.
    followers: Vec<u64>,
}

/// See the module. It holds unfinished calls only, so whoever bounds those bounds its memory.
#[derive(Debug, Default)]
pub struct Order {
    calls: HashMap<u64, Unfinished>,
    users: HashMap<u64, Users>,
    /// The last unfinished call that runs alone.
    alone: Option<u64>,
}

impl Order {
    /// Adds the next call. Whether it may start at once; if not, a later [`Order::finish`] names it.
    pub fn add(&mut self, call: u64, mut claims: Claims) -> bool {
        claims.names.retain(|name| !claims.own.contains(name));
        // A handful, each of them perhaps for several reasons.
        let mut before: Vec<u64> = self.alone.into_iter().collect();
        if claims.alone {
            before.extend(self.calls.keys().copied());
            self.alone = Some(call);
        }
        for name in &claims.own {
            let users = self.users.entry(*name).or_default();
            before.extend(users.own.replace(call));
            if claims.exclusive {
                before.extend(users.naming.drain());
            }
        }
        for name in &claims.names {
            let users = self.users.entry(*name).or_default();
            before.extend(users.own);
            users.naming.insert(call);
        }
        before.sort_unstable();
        before.dedup();
        before.retain(|earlier| *earlier != call);
        for earlier in &before {
            if let Some(earlier) = self.calls.get_mut(earlier) {
                earlier.followers.push(call);
            }
        }
        let waits_for = before.len();
        self.calls.insert(call, Unfinished { claims, waits_for, followers: Vec::new() });
        waits_for == 0
    }

    /// Takes a call away that has finished. Those that may start now, in the order in which they were added.
    pub fn finish(&mut self, call: u64) -> Vec<u64> {
        let Some(done) = self.calls.remove(&call) else { return Vec::new() };
        if self.alone == Some(call) {
            self.alone = None;
        }
        for name in done.claims.own.iter().chain(&done.claims.names) {
            if let Some(users) = self.users.get_mut(name) {
                if users.own == Some(call) {
                    users.own = None;
                }
                users.naming.remove(&call);
                if users.own.is_none() && users.naming.is_empty() {
                    self.users.remove(name);
                }
            }
        }
        let mut free = Vec::new();
        for follower in done.followers {
            if let Some(waiting) = self.calls.get_mut(&follower) {
                waiting.waits_for = waiting.waits_for.saturating_sub(1);
                if waiting.waits_for == 0 {
                    free.push(follower);
                }
            }
        }
        free
    }

    /// How many calls have not finished.
    #[must_use]
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether all have finished.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Whether nothing is kept of calls that have finished.
    #[must_use]
    pub fn has_forgotten(&self) -> bool {
        self.calls.is_empty() && self.users.is_empty() && self.alone.is_none()
    }
}
