//! Generated calls for the tests of replay, and what a receiver knows after them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};

use diesel::prelude::*;
use tiersync::store::AnyConnection;
use tiersync::store::records::{AccountRow, RelationRow};
use tiersync::store::schema::{accounts, relations};

use crate::harness::app::{MPNID, REPLAY, SIGNING};
use crate::harness::client::now;
use crate::harness::{Call, Reply, config};

/// Two tenants, an option that names a partner, one behind a mask.
pub fn toml() -> String {
    let rest = "[[sync_option]]\nid = \"Pin\"\nname = \"Pin\"\nkind = \"Mask\"\n\
                [[field]]\nid = \"Org\"\nname = \"Org\"\n";
    config("tenant_setting = \"Org\"\nmissing_tenant = \"default\"", &format!("{MPNID}{rest}"))
}

/// How many calls there are to be, as many of each family: more by choice.
pub fn how_many(usual: usize) -> usize {
    let calls = std::env::var("TIERSYNC_TEST_CALLS").ok().and_then(|calls| calls.parse().ok()).unwrap_or(usual);
    calls.next_multiple_of(usize::try_from(FAMILIES).unwrap())
}

/// Small numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        // Steele and others: Fast Splittable Pseudorandom Number Generators (SplitMix64).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }
}

/// Accounts that know each other, and whose calls come one after the other.
struct Family {
    number: u64,
    dice: Dice,
    /// ExternalIDs as they were answered.
    known: HashMap<String, String>,
    calls: u64,
}

const RESELLERS: u64 = 4;
const CUSTOMERS: u64 = 16;
const FAMILIES: u64 = 12;

impl Family {
    fn new(number: u64) -> Self {
        Self { number, dice: Dice(number), known: HashMap::new(), calls: 0 }
    }

    fn reseller(&mut self) -> String {
        format!("r{}-{}", self.number, self.dice.below(RESELLERS))
    }

    fn customer(&mut self) -> String {
        format!("c{}-{}", self.number, self.dice.below(CUSTOMERS))
    }

    /// Endpoint, platform ID and body of the next call.
    fn next(&mut self) -> (&'static str, String, String) {
        let name = self.dice.below(50);
        let secret = self.dice.below(1_000_000);
        match self.dice.below(100) {
            0..=9 => {
                let id = self.reseller();
                let body =
                    format!(r#"{{"ID":"{id}","Role":"Reseller","Name":"R{name}","RandomPassword":"pw{secret}"}}"#);
                ("Accounts/Synchronize", id, body)
            }
            10..=64 => {
                let (id, reseller) = (self.customer(), self.reseller());
                let mut body = format!(r#"{{"ID":"{id}","Role":"User","ResellerID":"{reseller}","Name":"C{name}""#);
                if let (Some(external), true) = (self.known.get(&reseller), self.dice.below(2) == 0) {
                    write!(body, r#","ResellerExternalID":"{external}""#).unwrap();
                }
                match self.dice.below(4) {
                    0 => write!(body, r#","SyncOptions":{{"MPNID":{},"Pin":"{secret}"}}"#, 34_567 + name % 3).unwrap(),
                    1 => write!(body, r#","SyncOptions":{{"MPNID":"{}","Seats":{name}}}"#, 34_567 + name % 3).unwrap(),
                    _ => {}
                }
                body.push('}');
                ("Accounts/Synchronize", id, body)
            }
            65..=69 => {
                let id = self.customer();
                let body = format!(r#"{{"ID":"{id}","Role":"User","ResellerID":"","SyncOptions":{{}}}}"#);
                ("Accounts/Synchronize", id, body)
            }
            70..=72 => {
                // A customer turns into a reseller, or a reseller into a customer.
                let (id, role) = match self.dice.below(2) {
                    0 => (self.customer(), "Reseller"),
                    _ => (self.reseller(), "User"),
                };
                ("Accounts/Synchronize", id.clone(), format!(r#"{{"ID":"{id}","Role":"{role}"}}"#))
            }
            73..=82 => {
                let id = self.customer();
                ("Accounts/Delete", id.clone(), format!(r#"{{"ID":"{id}"}}"#))
            }
            83..=92 => {
                let id = self.reseller();
                ("Accounts/Delete", id.clone(), format!(r#"{{"ID":"{id}"}}"#))
            }
            93 => {
                let id = self.customer();
                ("Accounts/Exists", id.clone(), format!(r#"{{"ID":"{id}"}}"#))
            }
            94 => {
                let id = self.reseller();
                ("Accounts/IsReseller", id.clone(), format!(r#"{{"ID":"{id}"}}"#))
            }
            95 => {
                let id = self.customer();
                ("Accounts/Synchronize?checkonly=true", id.clone(), format!(r#"{{"ID":"{id}","Role":"User"}}"#))
            }
            96 => ("Accounts/Synchronize", String::new(), "{\"ID\": broken".to_owned()),
            97 => {
                let (id, reseller) = (self.reseller(), self.reseller());
                let body = format!(r#"{{"ID":"{id}","Role":"Reseller","ResellerID":"{reseller}x"}}"#);
                ("Accounts/Synchronize", id, body)
            }
            _ => {
                // The whole account leaves its reseller for one that nobody knows.
                let id = self.customer();
                let body = format!(r#"{{"ID":"{id}","Role":"User","ResellerID":"n{}-{}"}}"#, self.number, name % 2);
                ("Accounts/Synchronize", id, body)
            }
        }
    }

    /// Sends the next call on this connection: half of them signed as of some time in the past, the rest as they come.
    fn step(&mut self, stream: &mut TcpStream, old: bool, begin: i64) {
        let (endpoint, id, body) = self.next();
        self.calls += 1;
        let message = format!("m{}-{}", self.number, self.calls - u64::from(self.dice.below(50) == 0));
        let tenant = if self.number.is_multiple_of(2) { "north" } else { "south" };
        let call = Call::post(endpoint, &body).header("X-CloudPlatform-Setting-Org", tenant);
        let call = match (old, self.dice.below(3)) {
            (true, _) => call.signed(REPLAY, &message, begin + 3600 * i64::try_from(self.calls).unwrap()),
            (false, 0) => call.signed(SIGNING, &message, now()),
            (false, _) => call.header("X-CloudPlatform-TrackId", format!("track-{message}")),
        };
        stream.write_all(&call.bytes()).unwrap();
        let reply = Reply::read(stream).unwrap();
        assert!(matches!(reply.status, 200 | 400), "{}: {}", reply.status, reply.body);
        if reply.code() == 0 && endpoint == "Accounts/Synchronize" {
            self.known.insert(id, reply.result());
        }
    }
}

/// Sends so many generated calls, the families side by side.
pub fn fill(address: SocketAddr, calls: usize) {
    let begin = now() - 3600 * (i64::try_from(calls).unwrap() + 1000);
    std::thread::scope(|scope| {
        for number in 0..FAMILIES {
            scope.spawn(move || {
                let mut family = Family::new(number);
                let mut stream = TcpStream::connect(address).unwrap();
                let each = calls / usize::try_from(FAMILIES).unwrap();
                for at in 0..each {
                    family.step(&mut stream, at < each / 2, begin);
                }
            });
        }
    });
}

/// Everything that a receiver knows of accounts, options and relations, but for its own ids, for when it learned of it,
/// and for whether it came live.
pub fn known(database: &mut AnyConnection) -> Vec<String> {
    let rows = accounts::table.load::<AccountRow>(database).unwrap();
    let key = |row: &AccountRow| format!("{}/{}/{}", row.source, row.tenant, row.platform_id);
    let keys: HashMap<i64, String> = rows.iter().map(|row| (row.id, key(row))).collect();
    let mut known = Vec::new();
    for row in rows {
        let shown = AccountRow {
            id: 0,
            event_live: false,
            first_seen: 0,
            last_delivery: None,
            // Only a hint where to look for cases, of which a replay leaves none.
            open_cases: false,
            body_delivery: row.body_delivery.map(|_| 0),
            ..row.clone()
        };
        known.push(format!("{} account {shown:?}", key(&row)));
    }
    for row in relations::table.load::<RelationRow>(database).unwrap() {
        let shown = (
            (&row.axis, row.valid_from, row.valid_to, &row.state, &row.found_by, &row.cause, &row.closed_cause),
            (&row.reseller_platform_id, &row.reseller_external_id, &row.partner_id),
            row.reseller_account_id.map(|id| &keys[&id]),
        );
        known.push(format!("{} relation {shown:?}", keys[&row.account_id]));
    }
    known.sort();
    known
}

/// Says where two receivers first know different things.
#[track_caller]
pub fn assert_same(what: &str, one: &[String], other: &[String]) {
    let first = one.iter().zip(other).find(|(one, other)| one != other);
    assert!(first.is_none(), "{what}:\n{}\n{}", first.unwrap().0, first.unwrap().1);
    assert_eq!(one.len(), other.len(), "{what}");
}
