//! Two receivers on one PostgreSQL, at the moment at which one writes what the other one changes: nobody overwrites what the
//! other one did, and what is told is what is stored.

use std::sync::atomic::{AtomicBool, Ordering};

use diesel::prelude::*;
use serde_json::json;
use tiersync::app::Options;
use tiersync::domain::operator::Role;
use tiersync::store::schema::relations;
use tiersync::writer::faults::{Faults, Place};

use crate::commands_binary::until;
use crate::feed::{assert_tells_everything, stored};
use crate::gate::{Gate, Opened};
use crate::harness::app::MPNID;
use crate::harness::{Backend, Call, Reply, TestApp, backends, config, postgres};
use crate::ledger::assert_whole;
use crate::moves_guide::ask;
use crate::turns::{customer, reseller, waits};
use crate::v1::{id, operator};

/// What the connections of the receiver are called that comes second.
const SECOND: &str = "tiersync-second-receiver";

/// Two receivers; the first one stops at a gate.
struct Two {
    url: String,
    first: TestApp,
    second: TestApp,
    gate: Gate,
}

impl Two {
    fn start(gate: Gate, first: &str, second: &str) -> Self {
        let url = postgres::shared().unwrap().new_schema();
        let named = format!("{url}&application_name={SECOND}");
        let second = TestApp::on(&named, second, Options::default(), None);
        let options = Options { faults: gate.faults(), ..Options::default() };
        let first = TestApp::on(&url, first, options, None);
        Self { url, first, second, gate }
    }

    /// Does the one up to the gate, then the other one until it is through or waits for who stands there.
    fn at_once(&self, first: impl FnOnce() -> Reply + Send, second: impl FnOnce() -> Reply + Send) -> [Reply; 2] {
        let mut observer = PgConnection::establish(&self.url).unwrap();
        std::thread::scope(|scope| {
            let opened = Opened(&self.gate);
            let first = scope.spawn(first);
            self.gate.reached();
            let second = scope.spawn(second);
            until("the second is through or waits", || second.is_finished() || waits(&mut observer, SECOND));
            drop(opened);
            [first.join().unwrap(), second.join().unwrap()]
        })
    }

    #[track_caller]
    fn assert_right(&self) {
        let mut database = self.first.database();
        let told = stored(&mut database);
        assert_tells_everything(&mut database, &told);
        assert_whole(&mut database);
    }
}

#[test]
fn a_relation_that_is_linked_while_it_ends_ends_linked() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let direct = r#"{"ID":"c","Role":"User","ResellerID":""}"#.to_owned();
    for (leaving, relations_then) in [(customer("c", "s", "Two"), 2), (direct, 1)] {
        let two = Two::start(Gate::before(Place::Write, "c"), &config("", ""), &config("", ""));
        for call in [reseller("s"), customer("c", "r", "One")] {
            assert_eq!(two.second.synchronize(&call).code(), 0);
        }
        let [left, came] = two.at_once(|| two.first.synchronize(&leaving), || two.second.synchronize(&reseller("r")));
        assert_eq!((left.code(), came.code()), (0, 0));
        let all: i64 = relations::table.count().get_result(&mut two.first.database()).unwrap();
        assert_eq!(all, relations_then);
        two.assert_right();
    }
}

/// What its customers call it is what it is called: the new name also where a customer comes to it at that moment.
#[test]
fn who_comes_to_an_account_that_is_adopted_comes_to_its_new_name() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let toml = config("", "");
    let two = Two::start(Gate::before_acts(Place::Write), &toml, &toml);
    let admin = operator(&two.second, "all", Role::ProviderAdmin, &[], None);
    let made = json!({"name": "Northwind", "kind": "reseller", "external_id": "E-1"});
    let made = ask(&two.second, &admin, "POST", "/accounts", &made).json();
    // It stays a reseller's customer, so the move itself changes no place.
    for call in [reseller("r"), customer("c", "r", "One")] {
        assert_eq!(two.second.synchronize(&call).code(), 0);
    }
    let moved = json!({"reseller": made["id"], "reason": "Signed on paper"});
    let path = format!("/accounts/{}", id(&two.second, "c"));
    let [moved, adopted] = two.at_once(
        || ask(&two.first, &admin, "PATCH", &path, &moved),
        || two.second.synchronize(r#"{"ID":"55","Role":"Reseller","ExternalID":"E-1"}"#),
    );
    assert_eq!((moved.status, adopted.code()), (200, 0), "{} {}", moved.body, adopted.body);
    let called: Vec<Option<String>> = relations::table
        .filter(relations::valid_to.is_null())
        .select(relations::reseller_platform_id)
        .load(&mut two.first.database())
        .unwrap();
    assert_eq!(called, [Some("55".to_owned())]);
    two.assert_right();
}

/// A receiver whose configuration no longer knows that an option names a partner still waits for the registry.
#[test]
fn a_partner_that_comes_while_its_customer_leaves_is_linked_before() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let two = Two::start(Gate::before(Place::Write, "c"), &config("", ""), &config("", MPNID));
    let admin = operator(&two.second, "all", Role::ProviderAdmin, &[], None);
    let named = json!({"ID": "c", "Role": "User", "ResellerID": "r", "SyncOptions": {"MPNID": "1234567"}});
    for call in [reseller("r"), named.to_string()] {
        assert_eq!(two.second.synchronize(&call).code(), 0);
    }
    let partner = json!({"name": "Contoso"});
    let [left, came] = two.at_once(
        || Call::post("Accounts/Delete", json!({"ID": "c"}).to_string()).send(&two.first),
        || ask(&two.second, &admin, "PUT", "/partners/1234567", &partner),
    );
    assert_eq!((left.code(), came.status), (0, 200), "{}", came.body);
    two.assert_right();
}

/// Whatever a lane does when its thread ends, others go on with what is left, and nobody waits for it for ever.
#[test]
fn a_lane_that_ends_leaves_its_work_to_the_other() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let first = AtomicBool::new(true);
    let faults = Faults::new(move |place, calls| {
        assert!(!(place == Place::Commit && calls.is_empty() && first.swap(false, Ordering::SeqCst)), "a fault");
        None
    });
    let options = Options { faults, lanes: Some(2), ..Options::default() };
    let app = TestApp::with_options(Backend::Postgres, &config("", ""), options);
    let admin = operator(&app, "all", Role::ProviderAdmin, &[], None);
    let add = |name: &str| ask(&app, &admin, "POST", "/accounts", &json!({"name": name, "kind": "reseller"}));
    let refused = add("One");
    assert_eq!(refused.status, 503, "{}", refused.body);
    for name in ["Two", "Three"] {
        let made = add(name);
        assert_eq!(made.status, 201, "{}", made.body);
    }
    assert_eq!(app.synchronize(&reseller("r")).code(), 0);
    assert_eq!(app.get("/readyz").status, 200);
    assert_whole(&mut app.database());
}
