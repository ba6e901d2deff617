//! What each call of a capture touches, from its body and from what earlier calls said of its account.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use super::order::Claims;
use crate::domain::call::Endpoint;
use crate::domain::ids::{AccountKey, Scope, SourceId, Tenant};
use crate::domain::outcome::Outcome;
use crate::wire::capture::Captured;
use crate::wire::named::Named;

/// Accounts that are remembered, 50 MiB of them. Calls on accounts beyond these run alone: slower, but never out of order.
pub const MAX_ACCOUNTS: usize = 900_000;

/// Names of resellers that one account may turn out to hold. Beyond these its calls run alone until one was applied.
const MAX_HELD: usize = 4;

/// What earlier calls of the capture say of an account.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// What it is, as a number.
    kind: u8,
    /// How many of `held` count; more than [`MAX_HELD`] for "who knows".
    count: u8,
    /// Resellers that it may be held by: a call that takes it from one of them changes what that one's Delete meets.
    held: [u64; MAX_HELD],
}

const UNKNOWN: u8 = 0;
const DELETED: u8 = 1;
const UNCLASSIFIED: u8 = 2;

fn kind(name: Option<&str>) -> u8 {
    match name {
        None => UNCLASSIFIED,
        Some("reseller") => 3,
        Some("reseller_customer") => 4,
        Some(_) => 5,
    }
}

impl Seen {
    fn holds(&mut self, names: &[u64]) {
        for name in names {
            let known = self.held.iter().take(usize::from(self.count)).any(|held| held == name);
            if known {
                continue;
            }
            if let Some(place) = self.held.get_mut(usize::from(self.count)) {
                *place = *name;
            }
            self.count = self.count.saturating_add(1).min(u8::try_from(MAX_HELD).unwrap_or(u8::MAX) + 1);
        }
    }

    fn is_lost(&self) -> bool {
        usize::from(self.count) > MAX_HELD
    }
}

/// See the module.
#[derive(Debug)]
pub struct Reader {
    source: SourceId,
    accounts: HashMap<u64, Seen>,
    /// Names become numbers by a hash with a key of its own, so that nobody can choose names that collide.
    hash: RandomState,
    most: usize,
}

impl Reader {
    /// A reader of calls that were received for this source.
    #[must_use]
    pub fn new(source: &str) -> Self {
        Self {
            source: SourceId::stored(source),
            accounts: HashMap::new(),
            hash: RandomState::new(),
            most: MAX_ACCOUNTS,
        }
    }

    /// As [`Reader::new`], remembering fewer accounts.
    #[must_use]
    pub fn remembering(source: &str, most: usize) -> Self {
        Self { most, ..Self::new(source) }
    }

    /// What this call touches. Calls must come in the order of the capture, also those that are not to be sent.
    pub fn read(&mut self, call: &Captured, named: &Named, webhook_id: Option<&str>) -> Claims {
        let mut claims = Claims::default();
        claims.own.extend(webhook_id.map(|id| self.hash.hash_one(("webhook", id))));
        let tenant = call.tenant.trim();
        let external = |id: &str| self.hash.hash_one(("external", tenant, id));
        let account = |id: &str| self.hash.hash_one(("account", tenant, id));
        let Some(id) = &named.id else { return claims };
        let own = account(id.as_str());
        claims.own.push(own);
        if !call.endpoint.writes() {
            return claims;
        }
        let scope = Scope { source: self.source.clone(), tenant: Tenant::stored(tenant) };
        let derived = AccountKey { scope, platform_id: id.clone() }.derived_external_id(1);
        let ours = [Some(derived.as_str()), named.external_id.as_ref().map(|id| id.as_str()), call.result.as_deref()];
        claims.own.extend(ours.into_iter().flatten().map(external));
        let mut names: Vec<u64> = named.reseller_id.iter().map(|id| account(id.as_str())).collect();
        names.extend(named.reseller_external_id.iter().map(|id| external(id.as_str())));

        let known = self.accounts.get(&own).copied();
        let mut seen = known.unwrap_or_default();
        let to_be = if call.endpoint == Endpoint::Delete { DELETED } else { kind(named.kind) };
        claims.exclusive = call.endpoint == Endpoint::Delete || to_be != seen.kind;
        claims.names.extend_from_slice(&names);
        claims.names.extend(seen.held.iter().take(usize::from(seen.count)));
        claims.alone = seen.is_lost() || (known.is_none() && self.accounts.len() >= self.most);

        if !call.check_only {
            // What was refused, and what nobody knows of, may or may not have become what it says.
            seen.kind = if was_applied(call) { to_be } else { UNKNOWN };
            if !names.is_empty() && was_applied(call) {
                seen.count = 0;
            }
            seen.holds(&names);
            if known.is_some() || self.accounts.len() < self.most {
                self.accounts.insert(own, seen);
            }
        }
        claims
    }
}

/// Whether the account showed what the call says, once it was answered.
fn was_applied(call: &Captured) -> bool {
    match (call.outcome, call.code) {
        (Some(outcome), _) => matches!(outcome, Outcome::Applied | Outcome::Unchanged),
        (None, code) => code == Some(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::capture::only_body;

    fn claims(reader: &mut Reader, endpoint: Endpoint, body: &str, code: Option<i32>) -> Claims {
        let call = Captured { code, ..only_body(body.to_owned(), endpoint, "") };
        reader.read(&call, &Named::of(body), None)
    }

    #[test]
    fn who_takes_a_customer_from_a_reseller_names_that_reseller() {
        let mut reader = Reader::new("eu");
        let sync = Endpoint::Synchronize;
        let reseller = claims(&mut reader, sync, r#"{"ID":"r","Role":"Reseller"}"#, Some(0));
        let linked = claims(&mut reader, sync, r#"{"ID":"c","Role":"User","ResellerID":"r"}"#, Some(0));
        let moved = claims(&mut reader, sync, r#"{"ID":"c","Role":"User","ResellerID":"s"}"#, Some(0));
        let gone = claims(&mut reader, Endpoint::Delete, r#"{"ID":"c"}"#, Some(0));
        let names = |claims: &Claims, of: &Claims| claims.names.iter().any(|name| of.own.contains(name));
        assert!(names(&linked, &reseller) && names(&moved, &reseller));
        assert!(!names(&gone, &reseller), "it was moved before");
        assert!(gone.names.iter().any(|name| moved.names.contains(name)));
    }

    #[test]
    fn a_change_of_kind_is_exclusive_and_a_repetition_is_not() {
        let mut reader = Reader::new("eu");
        let mut exclusive = |endpoint, body| claims(&mut reader, endpoint, body, Some(0)).exclusive;
        let sync = Endpoint::Synchronize;
        assert!(exclusive(sync, r#"{"ID":"r","Role":"Reseller"}"#), "it was not there before");
        assert!(!exclusive(sync, r#"{"ID":"r","Role":"Reseller","Name":"x"}"#));
        assert!(exclusive(sync, r#"{"ID":"r","Role":"User"}"#));
        assert!(exclusive(Endpoint::Delete, r#"{"ID":"r"}"#));
        assert!(exclusive(sync, r#"{"ID":"r","Role":"User"}"#), "it was deleted before");
        assert!(!exclusive(Endpoint::Exists, r#"{"ID":"r"}"#));
    }

    #[test]
    fn a_refused_change_of_kind_leaves_open_what_the_account_is() {
        let mut reader = Reader::new("eu");
        let mut exclusive = |body, code| claims(&mut reader, Endpoint::Synchronize, body, code).exclusive;
        assert!(exclusive(r#"{"ID":"r","Role":"Reseller"}"#, Some(0)));
        assert!(exclusive(r#"{"ID":"r","Role":"User"}"#, Some(1004)), "it still has customers");
        assert!(exclusive(r#"{"ID":"r","Role":"User"}"#, Some(0)), "the first that succeeds");
        assert!(!exclusive(r#"{"ID":"r","Role":"User"}"#, Some(0)));
    }

    #[test]
    fn accounts_beyond_the_limit_and_with_too_many_resellers_run_alone() {
        let mut reader = Reader::remembering("eu", 1);
        let sync = Endpoint::Synchronize;
        assert!(!claims(&mut reader, sync, r#"{"ID":"a","Role":"User"}"#, Some(0)).alone);
        assert!(claims(&mut reader, sync, r#"{"ID":"b","Role":"User"}"#, Some(0)).alone);
        let mut alone = |reseller: u32, code| {
            let body = format!(r#"{{"ID":"a","Role":"User","ResellerID":{reseller}}}"#);
            claims(&mut reader, sync, &body, code).alone
        };
        assert!((0..=4).all(|reseller| !alone(reseller, Some(1004))), "each may be the one that holds");
        assert!(alone(5, Some(0)), "too many to tell");
        assert!(!alone(6, Some(0)), "the last one was applied");
    }
}
