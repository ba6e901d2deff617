//! The sample calls, alone and in order: outcome, code, kind and relation state of each.

use tiersync::store::accounts::{self, AccountFilter};
use tiersync::store::deliveries::{self, DeliveryFilter};

use crate::harness::{Backend, TestApp, backends};

macro_rules! payload {
    ($name:literal) => {
        ($name, include_str!(concat!("../payloads/", $name, ".json")))
    };
}

const DIRECT: (&str, &str) = payload!("direct-customer");
const DIRECT_OWN: (&str, &str) = payload!("direct-customer-own-reseller-id");
const CUSTOMER: (&str, &str) = payload!("end-customer");
const CUSTOMER_MPNID: (&str, &str) = payload!("end-customer-mpnid");
const LEGACY: (&str, &str) = payload!("legacy-without-role");
const RESELLER_EMPTY: (&str, &str) = payload!("reseller-empty-reseller-id");
const RESELLER: (&str, &str) = payload!("reseller");
const UNDESCRIBED: (&str, &str) = payload!("sub-reseller-undescribed");

/// Outcome, code, kind, relation state.
type Expected = (&'static str, i64, &'static str, &'static str);

fn send(app: &TestApp, (name, body): (&str, &str), expected: Expected) {
    let reply = app.synchronize(body);
    let (outcome, code, kind, state) = expected;
    assert_eq!((reply.status, reply.code()), (200, code), "{name}: {}", reply.body);
    let mut database = app.database();
    let (delivery, _) = deliveries::list(&mut database, &DeliveryFilter::default(), None, 1).unwrap().remove(0);
    assert_eq!(delivery.outcome.as_str(), outcome, "{name}");
    assert_eq!(delivery.kind.map_or("", |kind| kind.as_str()), kind, "{name}");
    let filter = AccountFilter { platform_id: delivery.platform_id.clone(), ..AccountFilter::default() };
    let account = accounts::list(&mut database, &filter, None, 1).unwrap().pop().map(|listed| listed.account);
    assert_eq!(account.is_some(), code == 0, "{name}");
    let have =
        account.as_ref().and_then(|account| account.reseller.as_ref()).map_or("", |relation| relation.state.as_str());
    assert_eq!(have, state, "{name}");
    if let Some(account) = account {
        assert_eq!(reply.result(), account.external_id.as_str(), "{name}");
        assert_eq!(account.kind.as_str(), kind, "{name}");
    }
}

fn alone(backend: Backend) {
    for (payload, expected) in [
        (DIRECT, ("applied", 0, "direct_customer", "")),
        (DIRECT_OWN, ("applied", 0, "direct_customer", "")),
        (CUSTOMER, ("applied", 0, "reseller_customer", "pending")),
        (CUSTOMER_MPNID, ("applied", 0, "reseller_customer", "pending")),
        (LEGACY, ("rejected", 1002, "", "")),
        (RESELLER_EMPTY, ("applied", 0, "reseller", "")),
        (RESELLER, ("applied", 0, "reseller", "")),
        (UNDESCRIBED, ("rejected", 1002, "", "")),
    ] {
        let app = TestApp::start(backend);
        send(&app, payload, expected);
    }
}

fn in_order(backend: Backend) {
    let app = TestApp::start(backend);
    for (payload, expected) in [
        (RESELLER, ("applied", 0, "reseller", "")),
        (CUSTOMER, ("applied", 0, "reseller_customer", "linked")),
        (CUSTOMER_MPNID, ("applied", 0, "reseller_customer", "pending")),
        (RESELLER_EMPTY, ("applied", 0, "reseller", "")),
        (CUSTOMER_MPNID, ("unchanged", 0, "reseller_customer", "linked")),
        (DIRECT, ("applied", 0, "direct_customer", "")),
        (DIRECT, ("unchanged", 0, "direct_customer", "")),
        (DIRECT_OWN, ("applied", 0, "direct_customer", "")),
        (LEGACY, ("rejected", 1002, "", "")),
        (UNDESCRIBED, ("rejected", 1002, "", "")),
    ] {
        send(&app, payload, expected);
    }
}

#[test]
fn each_alone() {
    backends().into_iter().for_each(alone);
}

#[test]
fn all_in_order() {
    backends().into_iter().for_each(in_order);
}
