//! The ledger's rows and the chain that makes a changed, missing or swapped one show.

use sha2::{Digest, Sha256};

use super::account::AccountKind;
use super::call::Endpoint;
use super::ids::{AccountId, DeliveryId};
use super::outcome::Outcome;

/// One delivery: a call, what became of it and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its row: chain and position.
    pub id: DeliveryId,
    /// The source that it authenticated as.
    pub source: String,
    /// The tenant, in clear.
    pub tenant: String,
    /// Where it came in.
    pub endpoint: Endpoint,
    /// The path as it came.
    pub path: String,
    /// Microseconds since 1970.
    pub received_at: i64,
    /// Whole seconds since 1970.
    pub event_second: i64,
    /// Whether a replay secret signed it.
    pub replayed: bool,
    /// Whether it asked to write nothing.
    pub check_only: bool,
    /// Its id, if a valid signature covers one.
    pub webhook_id: Option<String>,
    /// `X-CloudPlatform-TrackId`.
    pub track_id: Option<String>,
    /// The headers that matter, as one JSON object.
    pub headers: String,
    /// The delivery that carries the body: this one, or an earlier one with the same body.
    pub body_of: DeliveryId,
    /// SHA-256 of the redacted body.
    pub body_digest: [u8; 32],
    /// What became of it.
    pub outcome: Outcome,
    /// The code answered.
    pub code: i32,
    /// The message answered.
    pub message: String,
    /// The result answered.
    pub result: Option<String>,
    /// What the account was classified as.
    pub kind: Option<AccountKind>,
    /// The rule that made that decision.
    pub rule: Option<String>,
    /// The account, where there is one.
    pub account: Option<AccountId>,
    /// The platform ID that the call names.
    pub platform_id: Option<String>,
    /// What the planner noticed on the way, `; ` between.
    pub trace: String,
}

/// The hash that an empty chain ends in.
pub const GENESIS: [u8; 32] = [0; 32];

/// Feeds a hash with length-prefixed parts, so that no two rows feed it the same bytes.
struct Feed(Sha256);

impl Feed {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    fn number(&mut self, number: i64) {
        self.0.update(number.to_be_bytes());
    }

    fn flag(&mut self, flag: bool) {
        self.0.update([u8::from(flag)]);
    }

    fn maybe(&mut self, text: Option<&str>) {
        self.flag(text.is_some());
        self.bytes(text.unwrap_or_default().as_bytes());
    }
}

impl Delivery {
    /// The hash of this row behind the row whose hash is `previous`.
    ///
    /// It covers every column that never changes and the digest of the body, so that emptying an old body, which
    /// retention does, leaves the chain whole.
    #[must_use]
    pub fn hash(&self, previous: &[u8; 32]) -> [u8; 32] {
        let mut feed = Feed(Sha256::new());
        feed.0.update(previous);
        feed.number(self.id.0);
        feed.bytes(self.source.as_bytes());
        feed.bytes(self.tenant.as_bytes());
        feed.bytes(self.endpoint.as_str().as_bytes());
        feed.bytes(self.path.as_bytes());
        feed.number(self.received_at);
        feed.number(self.event_second);
        feed.flag(self.replayed);
        feed.flag(self.check_only);
        feed.maybe(self.webhook_id.as_deref());
        feed.maybe(self.track_id.as_deref());
        feed.bytes(self.headers.as_bytes());
        feed.number(self.body_of.0);
        feed.bytes(&self.body_digest);
        feed.bytes(self.outcome.as_str().as_bytes());
        feed.number(i64::from(self.code));
        feed.bytes(self.message.as_bytes());
        feed.maybe(self.result.as_deref());
        feed.maybe(self.kind.map(AccountKind::as_str));
        feed.maybe(self.rule.as_deref());
        feed.flag(self.account.is_some());
        feed.number(self.account.map_or(0, |account| account.0));
        feed.maybe(self.platform_id.as_deref());
        feed.bytes(self.trace.as_bytes());
        feed.0.finalize().into()
    }
}

/// The end of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The chain.
    pub chain: i64,
    /// How many rows it has.
    pub position: i64,
    /// The hash of its last row.
    pub hash: [u8; 32],
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Changes one column of a row.
    type Change = fn(&mut Delivery);

    fn delivery() -> Delivery {
        Delivery {
            id: DeliveryId::issue(0, 1),
            source: "s".to_owned(),
            tenant: String::new(),
            endpoint: Endpoint::Synchronize,
            path: "/api/Accounts/Synchronize".to_owned(),
            received_at: 1,
            event_second: 0,
            replayed: false,
            check_only: false,
            webhook_id: None,
            track_id: None,
            headers: "{}".to_owned(),
            body_of: DeliveryId::issue(0, 1),
            body_digest: [7; 32],
            outcome: Outcome::Applied,
            code: 0,
            message: "m".to_owned(),
            result: None,
            kind: None,
            rule: None,
            account: None,
            platform_id: None,
            trace: String::new(),
        }
    }

    #[test]
    fn every_column_and_the_row_before_count() {
        let base = delivery().hash(&GENESIS);
        assert_eq!(base, delivery().hash(&GENESIS));
        assert_ne!(base, delivery().hash(&[1; 32]));
        let changes: [Change; 23] = [
            |d| d.id = DeliveryId::issue(0, 2),
            |d| d.source.push('x'),
            |d| d.tenant.push('x'),
            |d| d.endpoint = Endpoint::Delete,
            |d| d.path.push('x'),
            |d| d.received_at += 1,
            |d| d.event_second += 1,
            |d| d.replayed = true,
            |d| d.check_only = true,
            |d| d.webhook_id = Some(String::new()),
            |d| d.track_id = Some(String::new()),
            |d| d.headers.push('x'),
            |d| d.body_of = DeliveryId::issue(0, 9),
            |d| d.body_digest = [8; 32],
            |d| d.outcome = Outcome::Stale,
            |d| d.code = 1,
            |d| d.message.push('x'),
            |d| d.result = Some(String::new()),
            |d| d.kind = Some(AccountKind::Reseller),
            |d| d.rule = Some(String::new()),
            |d| d.account = Some(AccountId(0)),
            |d| d.platform_id = Some(String::new()),
            |d| d.trace.push('x'),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut changed = delivery();
            change(&mut changed);
            assert_ne!(base, changed.hash(&GENESIS), "change {index} does not show");
        }
    }

    #[test]
    fn text_cannot_slip_from_one_column_into_the_next() {
        let (mut a, mut b) = (delivery(), delivery());
        a.source = "ab".to_owned();
        a.tenant = "c".to_owned();
        b.source = "a".to_owned();
        b.tenant = "bc".to_owned();
        assert_ne!(a.hash(&GENESIS), b.hash(&GENESIS));
    }
}
