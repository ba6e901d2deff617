//! Since when each finding is so, and which call made it so, where the same account was sent again and again.

use serde_json::{Value, json};

use crate::commands::{items, receiver};
use crate::commands_binary::Place;
use crate::harness::app::{MPNID, REPLAY};
use crate::harness::{Backend, Call, TestApp, backends, config};
use crate::reconcile::findings;

/// The second of the first call; each further one comes a second later.
const START: i64 = 1_780_000_000;

/// Sends the next call and tells which one it was.
fn next(app: &TestApp, number: &mut i64, path: &str, body: &Value) -> i64 {
    *number += 1;
    let call = Call::post(path, body.to_string()).signed(REPLAY, &format!("d-{number}"), START + *number);
    let reply = call.send(app);
    assert_eq!(reply.code(), 0, "{}", reply.body);
    *number
}

/// The calls that made each finding so, by the name that the finding goes by.
fn story(app: &TestApp, place: &Place) -> Vec<(&'static str, &'static str, Option<i64>)> {
    let mut number = 0;
    let mut send = |body: Value| next(app, &mut number, "Accounts/Synchronize", &body);
    let user =
        |id: &str, reseller: &str, name: &str| json!({"ID": id, "Role": "User", "ResellerID": reseller, "Name": name});
    let of_partner = |id: &str, name: &str, options: Value| json!({"ID": id, "Role": "User", "ResellerID": "1", "Name": name, "SyncOptions": options});
    for id in ["1", "2"] {
        send(json!({"ID": id, "Role": "Reseller"}));
    }
    let mut told = Vec::new();
    // Whatever else is said of an account later dates nothing that was so before.
    told.push(("kind_differs", "3", Some(send(json!({"ID": "3", "Role": "Reseller"})))));
    send(json!({"ID": "3", "Role": "Reseller", "Name": "later"}));
    send(user("4", "1", "first a customer"));
    told.push(("kind_differs", "4", Some(send(json!({"ID": "4", "Role": "User", "ResellerID": "", "Name": "a"})))));
    send(json!({"ID": "4", "Role": "User", "ResellerID": "", "Name": "b"}));
    let came = send(json!({"ID": "11", "Role": "User", "ResellerID": "1", "Name": "Old", "Email": "old@x.example"}));
    told.push(("email_differs", "11", Some(came)));
    told.push(("external_id_differs", "11", Some(came)));
    let named = json!({"ID": "11", "Role": "User", "ResellerID": "1", "Name": "New", "Email": "old@x.example"});
    told.push(("name_differs", "11", Some(send(named))));
    send(json!({"ID": "11", "Role": "User", "ResellerID": "1", "Code": "C"}));
    send(json!({"ID": "11", "Role": "User", "ResellerID": "1", "Name": "New", "Code": "D"}));
    told.push(("missing_there", "13", Some(send(user("13", "", "a")))));
    send(user("13", "", "b"));
    told.push(("pending_reseller", "14", Some(send(user("14", "9", "a")))));
    send(user("14", "9", "b"));
    told.push(("reseller_not_a_reseller", "15", Some(send(user("15", "13", "a")))));
    send(user("15", "13", "b"));
    let partner = send(of_partner("16", "a", json!({"MPNID": "34568"})));
    told.extend([("unknown_partner", "16", Some(partner)), ("partner_differs", "16", Some(partner))]);
    send(of_partner("16", "b", json!({"MPNID": "34568"})));
    send(of_partner("17", "a", json!({"MPNID": "34568"})));
    told.push(("partner_differs", "17", Some(send(of_partner("17", "a", json!({}))))));
    send(of_partner("17", "b", json!({})));
    told.push(("partner_differs", "18", Some(send(user("18", "1", "a")))));
    send(user("18", "1", "b"));
    send(user("19", "1", "a"));
    send(user("19", "2", "a"));
    told.push(("flapping", "19", Some(send(user("19", "1", "a")))));
    send(user("19", "1", "b"));
    send(user("20", "1", "a"));
    told.push(("reseller_differs", "20", Some(send(user("20", "", "a")))));
    send(user("20", "", "b"));
    told.push(("reseller_differs", "21", Some(send(user("21", "", "a")))));
    send(user("21", "", "b"));
    for (kind, id, partner) in [("partner_suspended", "22", "11111"), ("partner_ended", "23", "22222")] {
        told.push((kind, id, Some(send(of_partner(id, "a", json!({"MPNID": partner}))))));
        send(of_partner(id, "b", json!({"MPNID": partner})));
    }
    let two = send(of_partner("24", "a", json!({"MPNID": "33333"})));
    told.push(("reseller_and_partner_disagree", "24", Some(two)));
    send(of_partner("24", "b", json!({"MPNID": "33333"})));
    for id in ["12", "25", "26", "27"] {
        send(user(id, "", "a"));
    }
    told.push((
        "deleted_here_alive_there",
        "12",
        Some(next(app, &mut number, "Accounts/Delete", &json!({"ID": "12"}))),
    ));
    // What no call made so has none.
    place.fine(&["accounts", "set", "25", "--status", "deleted", "--reason", "r"]);
    told.push(("deleted_here_alive_there", "25", None));
    place.fine(&["accounts", "set", "26", "--kind", "reseller", "--reason", "r"]);
    place.fine(&["accounts", "set", "27", "--reseller", "2", "--name", "by hand", "--reason", "r"]);
    told.extend([
        ("kind_differs", "26", None),
        ("drift", "26", None),
        ("drift", "27", None),
        ("name_differs", "27", None),
    ]);
    told
}

const LIST: &str = "platform_id,kind,reseller_id,partner_id,name,email,external_id\n\
                    1,reseller,,,,,\n2,reseller,,,,,\n3,direct_customer,,,later,,\n4,reseller,,,b,,\n\
                    11,reseller_customer,1,,Other,other@x.example,x-other\n12,direct_customer,,,a,,\n\
                    14,reseller_customer,9,,b,,\n15,reseller_customer,13,,b,,\n16,reseller_customer,1,77777,b,,\n\
                    17,reseller_customer,1,77777,b,,\n18,reseller_customer,1,77777,b,,\n19,reseller_customer,1,,b,,\n\
                    20,reseller_customer,1,,b,,\n21,reseller_customer,1,,b,,\n22,reseller_customer,1,11111,b,,\n\
                    23,reseller_customer,1,22222,b,,\n24,reseller_customer,1,33333,b,,\n25,direct_customer,,,a,,\n\
                    26,direct_customer,,,a,,\n27,reseller_customer,2,,a,,\n";

const PARTNERS: &str = "partner_id,status,status_from,reseller\n11111,suspended,2020-01-01,\n22222,ended,2020-01-01,\n\
                        33333,active,,eu//2\n";

fn dated(backend: Backend) {
    let toml = config("", MPNID);
    let place = Place::with(backend, &toml);
    let app = receiver(&place, &toml);
    let mut expected = story(&app, &place);
    std::fs::write(place.path("partners.csv"), PARTNERS).unwrap();
    place.fine(&["partners", "import", "partners.csv"]);
    std::fs::write(place.path("list.csv"), LIST).unwrap();
    let also = ["--with-self-check", "--also", "name_differs,email_differs", "--pending-after", "1d"];
    let found = findings(&place, &[&["--against", "list.csv"], &also[..]].concat());
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    let mut told: Vec<_> = found.iter().map(|one| (text(one, "finding"), text(one, "platform_id"))).collect();
    told.sort();
    expected.sort();
    let names: Vec<_> = expected.iter().map(|(kind, id, _)| ((*kind).to_owned(), (*id).to_owned())).collect();
    assert_eq!(told, names);
    for (kind, id, call) in expected {
        let finding = found.iter().find(|one| one["finding"] == kind && one["platform_id"] == id).unwrap();
        let delivery = call.map(|call| format!("0-{call}"));
        assert_eq!(finding["delivery"].as_str(), delivery.as_deref(), "{kind} of {id}: {finding}");
        let of_its_coming = match kind {
            "missing_there" | "external_id_differs" => true,
            "partner_differs" => id == "18",
            "reseller_differs" => id == "21",
            _ => false,
        };
        let since = if of_its_coming {
            // Nothing of the past tells since when; it was heard of when the call came in.
            items(&place.fine(&["accounts", "list", "--platform-id", id, "--format", "json"]))[0]["first_seen"].clone()
        } else {
            call.map_or(Value::Null, |call| json!(tiersync::wire::time::rfc3339_second(START + call)))
        };
        match kind {
            // An act's own time, where a relation keeps it.
            "drift" => assert_eq!(finding["since"].is_string(), id == "27", "{finding}"),
            _ => assert_eq!(finding["since"], since, "{kind} of {id}: {finding}"),
        }
    }
}

#[test]
fn each_finding_tells_the_call_that_made_it_so() {
    backends().into_iter().for_each(dated);
}
