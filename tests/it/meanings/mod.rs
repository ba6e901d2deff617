//! What calls mean, sentence by sentence: each sent to the built receiver, and what it left behind read from the store.

mod classification;
mod fields;
mod holds;
mod identity;
mod ledger;
mod options;
mod order;
mod relations;
mod repeats;
mod resellers;

use serde_json::Value;
use tiersync::domain::account::{Account, AccountKind};
use tiersync::domain::ids::PlatformId;
use tiersync::domain::ledger::Delivery;
use tiersync::domain::relation::Relation;
use tiersync::store::accounts::{self, AccountFilter};
use tiersync::store::deliveries::{self, DeliveryFilter};

use crate::harness::app::{MPNID, REPLAY, SIGNING};
use crate::harness::{Backend, Call, Reply, TestApp, backends, config};

/// The setting by which tests tell tenants apart.
const ORGANISATION: &str = "[[field]]\nid = \"Organisation\"\nname = \"Organisation\"\nkind = \"Text\"\n";

/// Runs a test on an app of its own on each database.
fn on_each(source: &str, test: impl Fn(&TestApp)) {
    for backend in backends() {
        test(&TestApp::with(backend, &config(source, &format!("{MPNID}{ORGANISATION}"))));
    }
}

/// Sends a Synchronize that must be answered 0, and gives its `Result`.
#[track_caller]
fn done(app: &TestApp, body: &Value) -> String {
    let reply = app.synchronize(&body.to_string());
    assert_eq!((reply.status, reply.code()), (200, 0), "{body}: {}", reply.body);
    reply.result()
}

/// Sends a Synchronize that must be refused with this code.
#[track_caller]
fn refused(app: &TestApp, code: i64, body: &Value) -> Reply {
    let reply = app.synchronize(&body.to_string());
    assert_eq!((reply.status, reply.code()), (200, code), "{body}: {}", reply.body);
    assert_eq!(last(app).outcome.as_str(), "rejected", "{body}");
    reply
}

/// A Synchronize under a replay secret, of this second.
fn replayed(id: &str, second: i64, body: &Value) -> Call {
    Call::synchronize(body.to_string()).signed(REPLAY, id, second)
}

/// A Synchronize under a signing secret, of now.
fn signed(id: &str, body: &Value) -> Call {
    Call::synchronize(body.to_string()).signed(SIGNING, id, crate::harness::client::now())
}

/// The accounts with this platform ID, in any tenant.
fn all_named(app: &TestApp, id: &str) -> Vec<Account> {
    let filter = AccountFilter { platform_id: Some(id.to_owned()), ..AccountFilter::default() };
    let listed = accounts::list(&mut app.database(), &filter, None, 10).unwrap();
    listed.into_iter().map(|listed| listed.account).collect()
}

/// The one account with this platform ID.
#[track_caller]
fn account(app: &TestApp, id: &str) -> Account {
    let mut found = all_named(app, id);
    assert_eq!(found.len(), 1, "accounts {id}");
    found.remove(0)
}

/// All relations of an account, oldest first.
fn history(app: &TestApp, id: &str) -> Vec<Relation> {
    accounts::history(&mut app.database(), account(app, id).id).unwrap()
}

/// Kind, the reseller as the platform names it, and the state of that relation.
#[track_caller]
fn place(app: &TestApp, id: &str) -> (AccountKind, Option<String>, Option<&'static str>) {
    let account = account(app, id);
    let reseller = account.reseller.as_ref();
    let named = reseller.and_then(|relation| relation.reseller_platform_id.as_ref()).map(PlatformId::to_string);
    (account.kind, named, reseller.map(|relation| relation.state.as_str()))
}

/// The ledger, newest first.
fn ledger(app: &TestApp) -> Vec<Delivery> {
    let rows = deliveries::list(&mut app.database(), &DeliveryFilter::default(), None, 100).unwrap();
    rows.into_iter().map(|(delivery, _)| delivery).collect()
}

/// The last delivery.
#[track_caller]
fn last(app: &TestApp) -> Delivery {
    ledger(app).remove(0)
}

/// Outcome and code of the last delivery.
#[track_caller]
fn came_to(app: &TestApp) -> (&'static str, i32) {
    let last = last(app);
    (last.outcome.as_str(), last.code)
}

/// The body that a delivery carries itself.
fn body_of(app: &TestApp, delivery: &Delivery) -> Option<String> {
    let body = deliveries::body(&mut app.database(), delivery.id).unwrap();
    body.map(|body| String::from_utf8(body).unwrap())
}
