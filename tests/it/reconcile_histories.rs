//! Whatever platforms send, a list that says what they said last agrees with us, and the self-check tells what is true.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config as ProptestConfig, TestRunner};
use serde_json::{Value, json};

use crate::commands::{items, receiver};
use crate::commands_binary::Place;
use crate::harness::app::MPNID;
use crate::harness::{Backend, Call, TestApp, backends, config};
use crate::reconcile::run;

const CASES: u32 = 3;

/// One call about an account of a few.
#[derive(Debug, Clone)]
enum Sent {
    Reseller(u8),
    Direct(u8),
    CustomerOf(u8, u8, Option<u8>),
    Delete(u8),
}

fn sent() -> impl Strategy<Value = Sent> {
    // The lower ones are often resellers; the upper ones seldom, and no account is its own.
    let customer = (0_u8..9, 0_u8..5, prop::option::of(0_u8..3));
    prop_oneof![
        3 => (0_u8..5).prop_map(Sent::Reseller),
        1 => (0_u8..9).prop_map(Sent::Reseller),
        1 => (0_u8..9).prop_map(Sent::Direct),
        6 => customer.prop_filter("of another", |(id, of, _)| id != of).prop_map(|(id, of, mpn)| Sent::CustomerOf(id, of, mpn)),
        2 => (0_u8..9).prop_map(Sent::Delete),
    ]
}

/// What the platform said last of an account.
#[derive(Debug, Clone, Default)]
struct Said {
    kind: &'static str,
    reseller: Option<u8>,
    partner: Option<u8>,
    deleted: bool,
}

/// Sends all calls, and keeps what those said that were taken.
fn send(app: &TestApp, history: &[Sent]) -> BTreeMap<u8, Said> {
    let mut said: BTreeMap<u8, Said> = BTreeMap::new();
    for call in history {
        let sync = |body: Value| app.synchronize(&body.to_string()).code() == 0;
        match *call {
            Sent::Delete(id) => {
                let taken = Call::post("Accounts/Delete", json!({"ID": id}).to_string()).send(app).code() == 0;
                said.entry(id).and_modify(|one| one.deleted |= taken);
            }
            Sent::Reseller(id) => {
                if sync(json!({"ID": id, "Role": "Reseller", "ResellerID": id, "SyncOptions": {}})) {
                    said.insert(id, Said { kind: "reseller", ..Said::default() });
                }
            }
            Sent::Direct(id) => {
                if sync(json!({"ID": id, "Role": "User", "ResellerID": "", "SyncOptions": {}})) {
                    said.insert(id, Said { kind: "direct_customer", ..Said::default() });
                }
            }
            Sent::CustomerOf(id, of, partner) => {
                let options = partner.map_or(json!({}), |partner| json!({"MPNID": 10_000 + u32::from(partner)}));
                if sync(json!({"ID": id, "Role": "User", "ResellerID": of, "SyncOptions": options})) {
                    said.insert(id, Said { kind: "reseller_customer", reseller: Some(of), partner, deleted: false });
                }
            }
        }
    }
    said
}

/// The list, as spreadsheets write them.
fn list(said: &BTreeMap<u8, Said>) -> String {
    let mut text = "Art;Nr;Partner;MPN;Stand\r\n".to_owned();
    for (id, one) in said.iter().rev() {
        let partner = one.partner.map(|partner| (10_000 + u32::from(partner)).to_string()).unwrap_or_default();
        let state = if one.deleted { "deleted" } else { "active" };
        text += &format!("{};{id};{};{partner};{state}\r\n", one.kind, one.reseller.unwrap_or(*id));
    }
    text + ";;;;\r\n"
}

/// What the self-check must find; partners are all unknown.
fn wrong(said: &BTreeMap<u8, Said>) -> BTreeSet<(&'static str, String)> {
    let mut wrong = BTreeSet::new();
    for (id, one) in said.iter().filter(|(_, one)| !one.deleted) {
        let kind = one.reseller.and_then(|reseller| match said.get(&reseller) {
            None => Some("pending_reseller"),
            Some(other) if other.deleted || other.kind != "reseller" => Some("reseller_not_a_reseller"),
            Some(_) => None,
        });
        wrong.extend(kind.map(|kind| (kind, id.to_string())));
        wrong.extend(one.partner.map(|_| ("unknown_partner", id.to_string())));
    }
    wrong
}

fn agrees(backend: Backend, history: &[Sent]) {
    let toml = config("", MPNID);
    let place = Place::with(backend, &toml);
    let app = receiver(&place, &toml);
    let said = send(&app, history);
    std::fs::write(place.path("list.csv"), list(&said)).unwrap();
    let map = "platform_id=Nr,kind=Art,reseller_id=Partner,partner_id=MPN,status=Stand";
    let ran = run(&place, &["--against", "list.csv", "--map", map]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "[]\n"), "{}", ran.err);
    let ran = run(&place, &["--pending-after", "0s"]);
    let found = items(&ran.out);
    let found: BTreeSet<(&str, String)> = found
        .iter()
        .map(|one| (one["finding"].as_str().unwrap(), one["platform_id"].as_str().unwrap().to_owned()))
        // Whether a way back came soon enough is tested where times are chosen.
        .filter(|(kind, _)| *kind != "flapping")
        .collect();
    assert_eq!(found, wrong(&said));
}

#[test]
fn what_platforms_said_last_agrees_with_us() {
    for backend in backends() {
        let mut runner =
            TestRunner::new(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() });
        let tested = runner.run(&prop::collection::vec(sent(), 20..80), |history| {
            agrees(backend, &history);
            Ok(())
        });
        if let Err(error) = tested {
            panic!("{error}");
        }
    }
}
