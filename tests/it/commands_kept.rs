//! `tiersync accounts contacts` and `logins`, and `provisioning item`: the same as by the API.

use serde_json::{Value, json};
use tiersync::domain::operator::Role;

use crate::commands::{items, receiver, records};
use crate::commands_binary::Place;
use crate::harness::app::MPNID;
use crate::harness::{TestApp, backends, config};
use crate::provisioning::{lease, opened, report, some, text};
use crate::v1::{all, column, get, id, operator, send};

fn contacts<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [&["accounts", "contacts"], words].concat()
}

fn logins<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [&["accounts", "logins"], words].concat()
}

/// A list of account 11 that is not paged.
fn whole(app: &TestApp, token: &str, list: &str) -> Vec<Value> {
    let page = get(app, token, &format!("/accounts/{}/{list}", id(app, "11"))).json();
    page["items"].as_array().unwrap().clone()
}

#[test]
fn contacts_on_the_command_line() {
    let toml = config("", MPNID);
    for backend in backends() {
        let place = Place::with(backend, &toml);
        let app = receiver(&place, &toml);
        let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
        send(&app, &json!({"ID": "11", "Role": "User", "Name": "Bakery"}));
        assert_eq!(place.fine(&contacts(&["list", "11"])), "nothing found\n");
        let add = ["add", "11", "--handle", "BAK-1", "--first-name", "Ann", "--country-code", "BE"];
        let registry = ["--registry", r#"dns.be={"vat": "BE1"}"#, "--reason", "new domain"];
        assert_eq!(place.fine(&contacts(&[&add[..], &registry[..]].concat())), "contact 1 of account 0-1 is added\n");
        let made = items(&place.fine(&contacts(&["add", "11", "--email", "bob@x.example", "--format", "json"])));
        assert_eq!((&made[0]["id"], &made[0]["email"]), (&json!("2"), &json!("bob@x.example")));
        let changed =
            contacts(&["set", "11", "1", "--last-name", "Baker", "--handle", "", "--registry", "dns.be=null"]);
        assert_eq!(place.fine(&changed), "contact 1 of account 0-1 is changed\n");
        assert_eq!(place.fine(&changed), "contact 1 of account 0-1 is so already\n");
        let listed = items(&place.fine(&contacts(&["list", "11", "--format", "json"])));
        assert_eq!(listed, whole(&app, &token, "contacts"));
        assert_eq!((&listed[0]["handle"], &listed[0]["last_name"]), (&json!(""), &json!("Baker")));
        assert_eq!(listed[0]["registries"], json!({}));
        let rows = records(&place.fine(&contacts(&["list", "11", "--format", "csv"])));
        assert_eq!(rows[1], ["1", "", "", "Ann Baker", "", "", ""]);
        assert!(place.fine(&contacts(&["list", "11"])).contains("bob@x.example"));
        assert_eq!(place.fine(&contacts(&["remove", "11", "2"])), "contact 2 of account 0-1 is taken away\n");
        place.run(&contacts(&["remove", "11", "2"])).failed(1, "no contact 2");
        place.run(&contacts(&["set", "11", "7", "--email", "x"])).failed(1, "no contact 7");
        place.run(&contacts(&["set", "11", "1", "--first-name", "", "--last-name", ""])).failed(1, "needs a handle");
        place.run(&contacts(&["add", "nobody", "--handle", "x"])).failed(1, "accounts list");
        for (wrong, why) in [
            (&["add", "11"][..], "nothing is said"),
            (&["add", "11", "--registry", "dns.be"], "has no ="),
            (&["add", "11", "--registry", "dns.be=[]"], "no JSON object"),
            (&["add", "11", "--first-name", &"x".repeat(300)], "--first-name"),
        ] {
            place.run(&contacts(wrong)).failed(2, why);
        }
        assert_eq!(place.run(&contacts(&["set", "11", "one", "--handle", "x"])).code, 2);
        let audit = all(&app, &token, "/audit", 50);
        let actions = column(&audit, "action");
        assert_eq!(actions, ["contacts.remove", "contacts.set", "contacts.add", "contacts.add"]);
        assert_eq!(
            audit[3]["detail"],
            json!({"fields": ["handle", "first_name", "country_code", "registries"],
            "reason": "new domain"})
        );
        assert!(!json!(audit).to_string().contains("BAK-1"), "{audit:?}");
    }
}

#[test]
fn logins_on_the_command_line() {
    let toml = config("", MPNID);
    for backend in backends() {
        let place = Place::with(backend, &toml);
        let app = receiver(&place, &toml);
        let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
        send(&app, &json!({"ID": "11", "Role": "User", "Email": "m@x.example"}));
        let rows = || records(&place.fine(&logins(&["list", "11", "--format", "csv"])));
        assert_eq!(rows()[1], ["0", "m@x.example", "yes", "yes"]);
        assert_eq!(
            place.fine(&logins(&["add", "11", "--login", "ann", "--may-not-sign-in"])),
            "login 1 of account 0-1 is added\n"
        );
        place.run(&logins(&["add", "11", "--login", "ANN"])).failed(1, "has a login of this name");
        assert_eq!(place.fine(&logins(&["set", "11", "1", "--may-sign-in"])), "login 1 of account 0-1 is changed\n");
        assert_eq!(place.fine(&logins(&["set", "11", "1", "--may-sign-in"])), "login 1 of account 0-1 is so already\n");
        let shown = items(&place.fine(&logins(&["set", "11", "0", "--login", "own", "--format", "json"])));
        assert_eq!((&shown[0]["login"], &shown[0]["follows_email"]), (&json!("own"), &json!(false)));
        assert_eq!(rows()[1..], [["0", "own", "no", "yes"], ["1", "ann", "no", "yes"]]);
        place.fine(&logins(&["set", "11", "0", "--follow-email"]));
        place.run(&logins(&["set", "11", "1", "--follow-email"])).failed(1, "own login");
        let listed = items(&place.fine(&logins(&["list", "11", "--format", "json"])));
        assert_eq!(listed, whole(&app, &token, "logins"));
        place.fine(&logins(&["remove", "11", "0"]));
        assert_eq!(rows()[1..], [["1", "ann", "no", "yes"]]);
        place.run(&logins(&["remove", "11", "0"])).failed(1, "no login 0");
        let back = items(&place.fine(&logins(&["add", "11", "--format", "json"])));
        assert_eq!((&back[0]["id"], &back[0]["login"]), (&json!("0"), &json!("m@x.example")));
        for (wrong, why) in
            [(&["set", "11", "1"][..], "nothing is to be changed"), (&["set", "11", "1", "--login", " "], "--login")]
        {
            place.run(&logins(wrong)).failed(2, why);
        }
    }
}

#[test]
fn an_item_with_its_attempts_on_the_command_line() {
    let toml = config("", &format!("{MPNID}{}", crate::provisioning::HASTY));
    for backend in backends() {
        let place = Place::with(backend, &toml);
        let app = receiver(&place, &toml);
        let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
        for body in [json!({"ID": "10", "Role": "Reseller"}), json!({"ID": "11", "Role": "User", "ResellerID": "10"})] {
            send(&app, &body);
        }
        let request = opened(&app, some(1, false));
        let item = all(&app, &token, &format!("/provisioning-requests/{request}/items"), 5).remove(0);
        let of = text(&item["id"]);
        for (worker, reason) in [("w1", "busy"), ("w2", "full")] {
            let taken = lease(&app, &token, &json!({"worker": worker, "wait": 30})).remove(0);
            let body = json!({"lease": taken["lease"], "state": "failed", "reason": reason, "retry": true});
            assert_eq!(report(&app, &token, of, &body).status, 200);
        }
        let shown = items(&place.fine(&["provisioning", "item", of, "--format", "json"]));
        assert_eq!(shown, [get(&app, &token, &format!("/provisioning-items/{of}")).json()]);
        assert_eq!(shown[0]["history"].as_array().map(Vec::len), Some(2));
        let table = place.fine(&["provisioning", "item", of]);
        assert!(
            table.contains("Attempts, newest first") && table.contains("busy") && table.contains("gold-2"),
            "{table}"
        );
        let rows = records(&place.fine(&["provisioning", "item", of, "--format", "csv"]));
        let told: Vec<[&str; 4]> = rows.iter().map(|row| [&*row[0], &row[1], &row[5], &row[7]]).collect();
        assert_eq!(
            told,
            [["attempt", "worker", "state", "reason"], ["2", "w2", "failed", "full"], ["1", "w1", "failed", "busy"]]
        );
        place.run(&["provisioning", "item", "0-99"]).failed(1, "no such item");
        assert_eq!(place.run(&["provisioning", "item", "x"]).code, 2);
        assert_eq!(shown[0]["worker"], Value::from("w2"));
    }
}
