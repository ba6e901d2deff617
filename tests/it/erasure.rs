//! Erasing an account: its personal data goes everywhere, ids, relations and hashes stay.

use diesel::prelude::*;
use serde_json::{Value, json};
use tiersync::domain::operator::Role;

use crate::commands::{items, receiver};
use crate::commands_binary::Place;
use crate::harness::app::{MPNID, REPLAY};
use crate::harness::client::now;
use crate::harness::{Call, TestApp, backends, config};
use crate::standing::{patch, write};
use crate::v1::{id, operator};

const RESELLER: &str = r#"{"ID":"10","Role":"Reseller","Name":"Northwind"}"#;

fn customer(name: &str) -> String {
    json!({"ID": "11", "Role": "User", "ResellerID": "10", "Name": format!("Zebulon {name}"), "Code": "Zebulon",
        "Email": "zebulon@x.example", "Phone": "Zebulon", "Fax": "Zebulon", "WebSite": "Zebulon",
        "Description": "Zebulon", "ExtraDetails": {"a": "Zebulon"}, "SyncOptions": {"Domain": "Zebulon"},
        "ContactDetails": {"FirstName": "Zebulon"}, "Address": {"City": "Zebulon"}})
    .to_string()
}

/// Every text and body of the database, as one.
fn everything(app: &TestApp) -> String {
    use tiersync::store::schema::{
        account_tags, accounts, audit, bodies, cases, changes, contacts, deliveries, logins, profiles,
    };
    let mut connection = app.database();
    let rows: Vec<tiersync::store::records::AccountRow> = accounts::table.load(&mut connection).unwrap();
    let mut text = format!("{rows:?}");
    let bodies: Vec<Vec<u8>> = bodies::table.select(bodies::body).load(&mut connection).unwrap();
    for body in bodies {
        text.push_str(&String::from_utf8_lossy(&body));
    }
    let told: Vec<(String, String, String, Option<String>)> = deliveries::table
        .select((deliveries::message, deliveries::trace, deliveries::headers, deliveries::result))
        .load(&mut connection)
        .unwrap();
    let closed: Vec<Option<String>> = cases::table.select(cases::closed_why).load(&mut connection).unwrap();
    text.push_str(&format!("{told:?}{closed:?}"));
    let profiles: Vec<(String, Option<String>, String, String)> = profiles::table
        .select((profiles::label, profiles::sign_up_address, profiles::price_list, profiles::name_servers))
        .load(&mut connection)
        .unwrap();
    let tags: Vec<String> = account_tags::table.select(account_tags::tag).load(&mut connection).unwrap();
    let contacts: Vec<(String, String)> =
        contacts::table.select((contacts::card, contacts::registries)).load(&mut connection).unwrap();
    let logins: Vec<Option<String>> = logins::table.select(logins::name).load(&mut connection).unwrap();
    let trail: Vec<String> = audit::table.select(audit::detail).load(&mut connection).unwrap();
    let fed: Vec<String> = changes::table.select(changes::entries).load(&mut connection).unwrap();
    text.push_str(&format!("{profiles:?}{tags:?}{contacts:?}{logins:?}{trail:?}{fed:?}"));
    text
}

fn show(place: &Place, account: &str) -> Value {
    items(&place.fine(&["accounts", "show", account, "--format", "json"])).remove(0)
}

#[test]
fn nothing_personal_is_left_and_the_ledger_holds() {
    for backend in backends() {
        let toml = config("", MPNID);
        let place = Place::with(backend, &toml);
        let app = receiver(&place, &toml);
        // Refused before the account is there, then made, changed, refused again.
        let refused = customer("refused").replace("\"Domain\"", "\"MPNID\"");
        assert_eq!(app.synchronize(&refused).code(), 1003);
        assert_eq!(app.synchronize(RESELLER).code(), 0);
        let external_id = app.synchronize(&customer("first")).result();
        assert_eq!(app.synchronize(&customer("second")).code(), 0);
        assert_eq!(app.synchronize(&refused).code(), 1003);
        let admin = operator(&app, "all", Role::ProviderAdmin, &[], None);
        let customer = format!("/accounts/{}", id(&app, "11"));
        let kept = json!({"label": "Zebulon", "tag": ["Zebulon"], "price_list": "Zebulon", "sign_up_address": "192.0.2.99",
            "name_servers": ["ns.zebulon.example"], "verification": "verified", "standing": "fraud"});
        assert_eq!(patch(&app, &admin, &format!("{customer}/profile"), &kept).status, 200);
        let card = json!({"handle": "Zebulon", "registries": {"x": {"name": "Zebulon"}}});
        assert_eq!(write(&app, &admin, "POST", &format!("{customer}/contacts"), &card).status, 200);
        let login = json!({"login": "zebulon"});
        assert_eq!(write(&app, &admin, "POST", &format!("{customer}/logins"), &login).status, 200);
        let whole = everything(&app);
        assert!(whole.matches("Zebulon").count() > 12 && whole.contains("192.0.2.99"), "{whole}");
        let before = show(&place, "11");
        let said = place.fine(&["accounts", "erase", "11"]);
        assert!(said.contains("4 bodies were emptied"), "{said}");
        assert!(!everything(&app).contains("Zebulon"), "{}", everything(&app));
        assert!(!everything(&app).contains("zebulon") && !everything(&app).contains("192.0.2.99"));
        let after = show(&place, "11");
        for kept in ["id", "source", "tenant", "platform_id", "external_id", "kind", "first_seen"] {
            assert_eq!(before[kept], after[kept], "{kept}");
        }
        assert_eq!((&after["status"], &after["external_id"]), (&json!("deleted"), &json!(external_id)));
        // As new, but for what it may do: that is the vendor's, not the person's.
        assert_eq!(after["standing"], "fraud");
        assert_eq!(
            after["profile"],
            json!({"account": before["id"], "standing": "fraud", "label": "", "tags": [], "verification": "unverified",
                "sign_up_address": null, "price_list": "", "dns_options": true, "name_servers": [], "time_zone": ""})
        );
        assert_eq!((&after["contacts"], &after["logins"][0]["login"]), (&json!([]), &json!("")));
        let relation = &after["history"][0];
        assert_eq!((&relation["reseller_platform_id"], &relation["end_cause"]), (&json!("10"), &json!("erase")));
        let closed = items(&place.fine(&["deliveries", "cases", "--state", "all", "--format", "json"]));
        assert_eq!(closed[0]["closed_as"], "succeeded");
        assert_eq!(closed[1]["closed_as"], "erased");
        place.fine(&["deliveries", "verify"]);
        // Once more, as after an erasure that broke off.
        assert!(place.fine(&["accounts", "erase", "11"]).contains("0 bodies"));
    }
}

#[test]
fn older_calls_are_stale_and_leave_no_body_and_newer_ones_revive() {
    for backend in backends() {
        let toml = config("", MPNID);
        let place = Place::with(backend, &toml);
        let app = receiver(&place, &toml);
        assert_eq!(app.synchronize(RESELLER).code(), 0);
        let external_id = app.synchronize(&customer("first")).result();
        place.fine(&["accounts", "erase", "11"]);
        let replayed =
            |body: &str, id: &str, second: i64| Call::synchronize(body).signed(REPLAY, id, second).send(&app);
        let stale = replayed(&customer("late"), "a", now() - 100);
        assert_eq!((stale.code(), stale.result()), (0, external_id.clone()));
        // What cannot even be judged is kept without its body, too.
        assert_eq!(
            replayed(&customer("bad").replace("\"Zebulon bad\"", "[\"Zebulon\"]"), "b", now() - 100).code(),
            1001
        );
        assert_eq!(replayed(&customer("bad").replace("\"Domain\"", "\"MPNID\""), "c", now() - 100).code(), 0);
        assert!(!everything(&app).contains("Zebulon"), "{}", everything(&app));
        let list = items(&place.fine(&["deliveries", "list", "--format", "json"]));
        let outcomes: Vec<_> = list.iter().map(|row| row["outcome"].as_str().unwrap()).collect();
        assert_eq!(outcomes, ["stale", "rejected", "stale", "applied", "applied"]);
        assert_eq!(show(&place, "11")["status"], "deleted");
        // A live call is newer.
        assert_eq!(app.synchronize(&customer("again")).result(), external_id);
        let back = show(&place, "11");
        assert_eq!((&back["status"], &back["name"]), (&json!("active"), &json!("Zebulon again")));
        assert_eq!(back["reseller"]["platform_id"], "10");
        place.fine(&["deliveries", "verify"]);
    }
}

#[test]
fn an_erasure_is_lifted() {
    for backend in backends() {
        let toml = config("", MPNID);
        let place = Place::with(backend, &toml);
        let app = receiver(&place, &toml);
        assert_eq!(app.synchronize(RESELLER).code(), 0);
        assert_eq!(app.synchronize(&customer("first")).code(), 0);
        let early = place.run(&["accounts", "revive", "11"]);
        assert_eq!((early.code, early.err.contains("is not erased")), (1, true), "{early:?}");
        place.fine(&["accounts", "erase", "11"]);
        let old = Call::synchronize(customer("old")).signed(REPLAY, "a", now() - 100);
        assert_eq!(old.send(&app).code(), 0);
        assert_eq!(show(&place, "11")["name"], "");
        place.fine(&["accounts", "revive", "11"]);
        let old = Call::synchronize(customer("old")).signed(REPLAY, "b", now() - 100);
        assert_eq!(old.send(&app).code(), 0);
        assert_eq!(show(&place, "11")["name"], "Zebulon old");
    }
}

#[test]
fn a_reseller_with_customers_is_not_erased() {
    for backend in backends() {
        let toml = config("", MPNID);
        let place = Place::with(backend, &toml);
        let app = receiver(&place, &toml);
        assert_eq!(app.synchronize(RESELLER).code(), 0);
        assert_eq!(app.synchronize(&customer("first")).code(), 0);
        let refused = place.run(&["accounts", "erase", "10"]);
        assert_eq!((refused.code, refused.err.contains("still has customers")), (1, true), "{refused:?}");
        assert_eq!(show(&place, "10")["name"], "Northwind");
        place.fine(&["accounts", "erase", "11"]);
        place.fine(&["accounts", "erase", "10"]);
        let unknown = place.run(&["accounts", "erase", "nobody"]);
        assert_eq!((unknown.code, unknown.err.contains("no account is called nobody")), (1, true), "{unknown:?}");
    }
}
