//! IT360's guide to partner customers, walked through step by step: over /v1, and again on the command line.

use serde_json::{Value, json};
use tiersync::domain::operator::Role;

use crate::commands::{items, receiver, records};
use crate::commands_binary::Place;
use crate::feed::{assert_tells_everything, stored};
use crate::harness::app::MPNID;
use crate::harness::{Backend, Call, TestApp, backends, config};
use crate::ledger::assert_whole;
use crate::moves_guide::{ask, did, text};
use crate::sites::{PNG, put_logo};
use crate::v1::{all, column, get, id, operator, problem, send};

/// A partner that is there, as the guide's note demands, and a direct customer.
pub fn partner(app: &TestApp) -> String {
    send(app, &json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}));
    send(app, &json!({"ID": "41", "Role": "User", "Name": "Direct"}));
    id(app, "10")
}

/// 1. Steps to add a partner customer; and 2. to view them.
fn added(app: &TestApp, token: &str, partner: &str) -> [String; 3] {
    let path = format!("/accounts/{partner}/customers");
    assert_eq!(all(app, token, &path, 9), Vec::<Value>::new(), "nobody yet");
    // Both fields are mandatory; a name has at most 50 characters.
    for (body, why) in [
        (json!({}), "name is empty"),
        (json!({"name": " ", "email": "a@b.example"}), "name is empty"),
        (json!({"name": "é".repeat(51), "email": "a@b.example"}), "longer than 50 characters"),
        (json!({"name": "Bakery"}), "email is empty"),
        (json!({"name": "Bakery", "email": "bakery"}), "no e-mail address"),
        // The field Partner Name cannot be edited.
        (json!({"name": "Bakery", "email": "a@b.example", "partner": "0-2"}), "partner of the path"),
    ] {
        let reply = ask(app, token, "POST", &path, &body);
        problem(&reply, 400, "bad_request");
        assert!(reply.body.contains(why), "{why}: {}", reply.body);
    }
    let body = json!({"name": "Bakery", "email": "info@bakery.example", "phone": "030 1", "code": "B-1",
        "website": "https://bakery.example", "description": "Bread", "external_id": "X-77", "reason": "new"});
    let reply = ask(app, token, "POST", &path, &body);
    assert_eq!(reply.status, 201, "{}", reply.body);
    let bakery = reply.json();
    let here = format!("/customers/{}", text(&bakery["id"]));
    assert_eq!(reply.header("location"), Some(&*format!("/v1{here}")));
    assert_eq!((&bakery["kind"], &bakery["source"]), (&json!("reseller_customer"), &json!("local")));
    assert_eq!((&bakery["name"], &bakery["email"]), (&json!("Bakery"), &json!("info@bakery.example")));
    assert_eq!((&bakery["phone"], &bakery["external_id"]), (&json!("030 1"), &json!("X-77")));
    assert_eq!((&bakery["reseller"]["name"], &bakery["reseller"]["state"]), (&json!("Northwind"), &json!("linked")));
    // 'Finish' leads to the list, where another one can be added.
    let longest = "é".repeat(50);
    let others = [("Florist", "maria@florist.example"), (&longest, "x@y.example")]
        .map(|(name, email)| text(&did(app, token, "POST", &path, &json!({"name": name, "email": email}))["id"]));
    assert_eq!(column(&all(app, token, &path, 1), "name"), ["Bakery", "Florist", &longest]);
    // No two are one, and an ID that is known elsewhere is given once.
    assert_eq!(ask(app, token, "POST", &path, &body).status, 409);
    let [florist, longest] = others;
    [text(&bakery["id"]), florist, longest]
}

/// 1 as well: 'Next' goes on to the rebrand information. 3. Steps to edit one.
fn edited(app: &TestApp, token: &str, partner: &str, bakery: &str) {
    let look = format!("/accounts/{bakery}/branding");
    let put = json!({"title": "Bread & more", "colours": {"primary": "#FF8000", "text": "#000000"}});
    let shown = did(app, token, "PUT", &look, &put);
    assert_eq!((&shown["title"], &shown["colours"]["primary"]), (&json!("Bread & more"), &json!("#ff8000")));
    assert_eq!(put_logo(app, token, bakery, "image/png", PNG).status, 200);
    assert_eq!(get(app, token, &look).json()["logo"]["media_type"], "image/png");

    let path = format!("/customers/{bakery}");
    let shown = get(app, token, &path);
    let tag = shown.header("etag").unwrap().to_owned();
    let patch = |tag: &str, body: &Value| {
        Call::new("PATCH", &format!("/v1{path}"))
            .header("Authorization", format!("Bearer {token}"))
            .header("Content-Type", "application/json")
            .header("If-Match", tag)
            .body(body.to_string())
            .send(app)
    };
    let reply = patch(&tag, &json!({"name": "Bakery Ltd", "email": "office@bakery.example", "fax": "030 2"}));
    assert_eq!((reply.status, &reply.json()["name"]), (200, &json!("Bakery Ltd")), "{}", reply.body);
    problem(&patch(&tag, &json!({"name": "Late"})), 412, "precondition_failed");
    for (body, why) in [
        (json!({"partner": partner}), "POST /v1/moves"),
        (json!({"name": "x", "reseller": null}), "POST /v1/moves"),
        (json!({"external_id": "Y"}), "cannot be edited"),
        (json!({"name": "x".repeat(51)}), "longer than 50"),
        (json!({"email": ""}), "email is empty"),
        (json!({}), "Nothing is to be changed"),
    ] {
        let reply = ask(app, token, "PATCH", &path, &body);
        problem(&reply, 400, "bad_request");
        assert!(reply.body.contains(why), "{why}: {}", reply.body);
    }
    let now = get(app, token, &path).json();
    assert_eq!((&now["email"], &now["phone"]), (&json!("office@bakery.example"), &json!("030 1")));
    // A partner is no customer, and its own details are changed elsewhere.
    problem(&get(app, token, &format!("/customers/{partner}")), 404, "not_found");
}

/// 4. Adding sites, with the same steps for a direct customer; 5. associating probes.
fn placed(app: &TestApp, token: &str, customer: &str) -> ([String; 2], [String; 2]) {
    let path = format!("/accounts/{customer}/sites");
    assert_eq!(all(app, token, &path, 9), Vec::<Value>::new());
    let sites = ["North", "South"].map(|name| {
        let reply = ask(app, token, "POST", &path, &json!({"name": name, "description": format!("The {name}")}));
        assert_eq!(reply.status, 201, "{}", reply.body);
        let site = text(&reply.json()["id"]);
        assert_eq!(reply.header("location"), Some(&*format!("/v1/sites/{site}")));
        site
    });
    assert_eq!(column(&all(app, token, &path, 1), "name"), ["North", "South"]);
    let at = |site: &str| format!("/sites/{site}/probes");
    let probes = ["p1", "p2"].map(|name| {
        let reply = ask(app, token, "POST", &at(&sites[0]), &json!({"name": name}));
        assert_eq!(reply.status, 201, "{}", reply.body);
        let probe = text(&reply.json()["id"]);
        assert_eq!(reply.header("location"), Some(&*format!("/v1/probes/{probe}")));
        probe
    });
    assert_eq!(column(&all(app, token, &at(&sites[0]), 1), "name"), ["p1", "p2"]);
    let moved = did(app, token, "PATCH", &format!("/probes/{}", probes[1]), &json!({"site": sites[1]}));
    assert_eq!(moved["site"], json!(sites[1]));
    assert_eq!(column(&all(app, token, &at(&sites[0]), 9), "id"), [probes[0].clone()]);
    assert_eq!(column(&all(app, token, &at(&sites[1]), 9), "id"), [probes[1].clone()]);
    assert_eq!(column(&all(app, token, &format!("/accounts/{customer}/probes"), 1), "id"), probes);
    (sites, probes)
}

fn by_api(backend: Backend) {
    let app = TestApp::start(backend);
    let token = operator(&app, "admin", Role::ProviderAdmin, &[], None);
    let partner = partner(&app);
    let [bakery, florist, longest] = added(&app, &token, &partner);
    edited(&app, &token, &partner, &bakery);
    let (sites, probes) = placed(&app, &token, &bakery);
    placed(&app, &token, &id(&app, "41"));
    // 6. The list of sites, the boxes that are checked, the question before it happens, and OK.
    let checked = json!({"ids": sites, "preview": true});
    let path = format!("/accounts/{bakery}/sites");
    let asked = did(&app, &token, "POST", &format!("{path}/delete"), &checked);
    assert_eq!((&asked["preview"], &asked["deleted"]), (&json!(true), &json!(2)));
    assert_eq!(asked["items"][0]["with_it"], json!({"probes": 1}));
    assert_eq!(all(&app, &token, &path, 9).len(), 2, "nothing happened yet");
    let told = did(&app, &token, "POST", &format!("{path}/delete"), &json!({"ids": [sites[1]]}));
    assert_eq!((&told["deleted"], &told["items"][0]["outcome"]), (&json!(1), &json!("deleted")));
    assert_eq!(column(&all(&app, &token, &path, 9), "name"), ["North"]);
    assert_eq!(get(&app, &token, &format!("/probes/{}", probes[1])).json()["status"], "ended");
    // 7. Customers likewise: one says what goes with it, many go at once.
    let customers = format!("/accounts/{partner}/customers");
    let one = did(&app, &token, "DELETE", &format!("/customers/{bakery}?preview=true"), &json!({}));
    assert_eq!(
        one["with_it"],
        json!({"sites": 1, "probes": 1, "services": 0, "users": 0, "move_requests": 0, "provisioning_requests": 0})
    );
    assert_eq!(all(&app, &token, &customers, 9).len(), 3);
    let both = json!({"ids": [bakery, florist]});
    let told = did(&app, &token, "POST", &format!("{customers}/delete"), &both);
    assert_eq!((&told["deleted"], &told["refused"], &told["preview"]), (&json!(2), &json!(0), &json!(false)));
    assert_eq!(column(&all(&app, &token, &customers, 9), "id"), [longest]);
    assert_eq!(get(&app, &token, &format!("/sites/{}", sites[0])).json()["status"], "ended");
    assert_eq!(get(&app, &token, &format!("/customers/{bakery}")).json()["status"], "deleted");
    // What was done stands in the audit trail, and what happened in the feed.
    let trail = column(&all(&app, &token, "/audit", 500), "action");
    for action in [
        "customers.add",
        "branding.set",
        "branding.logo",
        "customers.set",
        "sites.add",
        "probes.add",
        "probes.set",
        "sites.delete",
        "customers.delete",
    ] {
        assert!(trail.iter().any(|done| done == action), "{action}: {trail:?}");
    }
    let database = &mut app.database();
    let told = stored(database);
    assert_tells_everything(database, &told);
    assert_whole(database);
}

#[test]
fn the_guide_is_walked_through_over_the_api() {
    backends().into_iter().for_each(by_api);
}

fn by_command(backend: Backend) {
    let toml = config("", MPNID);
    let place = Place::with(backend, &toml);
    let app = receiver(&place, &toml);
    partner(&app);
    let json_of = |arguments: &[&str]| items(&place.fine(&[arguments, &["--format", "json"]].concat()));
    let one = |arguments: &[&str]| json_of(arguments).remove(0);
    // 1 and 2: "10" is the partner by its platform ID, as people know it.
    assert!(place.fine(&["customers", "list", "10"]).contains("nothing found"));
    let long = "x".repeat(51);
    for (arguments, why) in [
        (vec!["--name", " ", "--email", "a@b.example"], "name is empty"),
        (vec!["--name", &long, "--email", "a@b.example"], "longer than 50"),
        (vec!["--name", "Bakery", "--email", "bakery"], "no e-mail address"),
    ] {
        place.run(&[&["customers", "add", "10"], &arguments[..]].concat()).failed(2, why);
    }
    assert_eq!(place.run(&["customers", "add", "10", "--name", "Bakery"]).code, 2);
    place.run(&["customers", "add", "41", "--name", "B", "--email", "a@b.example"]).failed(1, "is no partner");
    place.run(&["customers", "add", "nobody", "--name", "B", "--email", "a@b.example"]).failed(1, "accounts list");
    let add = ["customers", "add", "10", "--name", "Bakery", "--email", "info@bakery.example", "--external-id", "X-77"];
    let bakery = one(&add);
    assert_eq!((&bakery["reseller"]["name"], &bakery["external_id"]), (&json!("Northwind"), &json!("X-77")));
    let bakery = text(&bakery["id"]);
    let said = place.fine(&["customers", "add", "10", "--name", "Florist", "--email", "maria@florist.example"]);
    assert!(said.contains("is added under Northwind"), "{said}");
    let listed = records(&place.fine(&["customers", "list", "10", "--format", "csv"]));
    assert_eq!(listed.iter().map(|row| row[2].as_str()).collect::<Vec<_>>(), ["name", "Bakery", "Florist"]);
    let florist = listed[2][0].clone();
    // The rebrand information, with a logo from a file.
    std::fs::write(place.path("logo.png"), PNG).unwrap();
    std::fs::write(place.path("logo.svg"), "<svg/>").unwrap();
    let set = ["customers", "branding", "set", &bakery];
    let shown = one(&[&set[..], &["--title", "Bread", "--primary", "#FF8000", "--logo", "logo.png"]].concat());
    assert_eq!((&shown["title"], &shown["colours"]["primary"]), (&json!("Bread"), &json!("#ff8000")));
    let shown = one(&[&set[..], &["--text", "#000000"]].concat());
    assert_eq!((&shown["colours"]["primary"], &shown["logo"]["size"]), (&json!("#ff8000"), &json!(PNG.len())));
    place.run(&[&set[..], &["--logo", "logo.svg"]].concat()).failed(2, "SVG is not taken");
    place.run(&[&set[..], &["--logo", "nowhere.png"]].concat()).failed(3, "cannot read nowhere.png");
    place.run(&set).failed(2, "nothing is to be set");
    assert!(place.run(&[&set[..], &["--primary", "red"]].concat()).err.contains("#1a2b3c"));
    place.fine(&["customers", "branding", "show", &bakery, "--logo", "copy.png"]);
    assert_eq!(std::fs::read(place.path("copy.png")).unwrap(), PNG);
    place.run(&["customers", "branding", "show", &bakery, "--logo", "copy.png"]).failed(3, "name a new file");
    // 3.
    let edited = one(&["customers", "set", &bakery, "--name", "Bakery Ltd", "--phone", "030 1"]);
    assert_eq!((&edited["name"], &edited["phone"]), (&json!("Bakery Ltd"), &json!("030 1")));
    place.run(&["customers", "set", &bakery]).failed(2, "nothing is to be changed");
    place.run(&["customers", "set", &bakery, "--name", "x", "--expect", "99"]).failed(1, "changed since");
    place.run(&["customers", "delete", &bakery, "--expect", "99"]).failed(1, "cannot be deleted");
    place.run(&["customers", "branding", "set", &bakery, "--title", "x", "--expect", "99"]).failed(1, "changed since");
    place.run(&["customers", "branding", "clear", &bakery, "--expect", "99"]).failed(1, "changed since");
    place.run(&["customers", "set", "10", "--name", "x"]).failed(1, "is no customer");
    assert!(place.fine(&["customers", "set", &bakery, "--name", "Bakery Ltd"]).contains("is so already"));
    // 4 and 5, with the same steps for a direct customer.
    for customer in [bakery.as_str(), "41"] {
        let [north, south] = ["North", "South"].map(|name| text(&one(&["sites", "add", customer, name])["id"]));
        place.run(&["sites", "add", customer, "NORTH"]).failed(1, "has this name");
        let described = one(&["sites", "set", &north, "--description", "The first"]);
        assert_eq!((&described["description"], &described["name"]), (&json!("The first"), &json!("North")));
        assert_eq!(one(&["sites", "rename", &north, "North gate"])["name"], "North gate");
        let names: Vec<String> = column(&json_of(&["sites", "list", customer]), "name");
        assert_eq!(names, ["North gate", "South"]);
        let [p1, p2] = ["p1", "p2"].map(|name| text(&one(&["probes", "add", &north, name])["id"]));
        assert_eq!(one(&["probes", "move", &p2, &south])["site"], json!(south));
        assert_eq!(one(&["probes", "rename", &p2, "gate"])["name"], "gate");
        assert_eq!(column(&json_of(&["probes", "list", "--site", &north]), "id"), std::slice::from_ref(&p1));
        assert_eq!(column(&json_of(&["probes", "list", "--account", customer]), "id"), [p1.clone(), p2.clone()]);
        let shown = one(&["probes", "show", &p2]);
        assert_eq!(
            (&shown["history"][1]["from"], &shown["history"][2]["happening"]),
            (&json!(north), &json!("created"))
        );
        assert!(place.fine(&["sites", "show", &north]).contains("History, newest first:"));
        assert!(place.fine(&["probes", "delete", &p1, "--preview"]).contains("Nothing is deleted"));
        place.run(&["probes", "delete", &p1, "--expect", "9"]).failed(1, "cannot be deleted");
        place.run(&["sites", "delete", &north, "--expect", "9"]).failed(1, "cannot be deleted");
        place.run(&["probes", "delete", &p1, &p2, "--expect", "1"]).failed(2, "revision of one");
        place.fine(&["probes", "delete", &p1]);
        assert_eq!(one(&["probes", "show", &p1])["status"], "ended");
        assert_eq!(json_of(&["probes", "list", "--site", &north]), Vec::<Value>::new());
    }
    assert_eq!(place.run(&["probes", "list"]).code, 2);
    let of_direct = column(&json_of(&["sites", "list", "41"]), "id");
    let sites = column(&json_of(&["sites", "list", &bakery]), "id");
    let probe = text(&json_of(&["probes", "list", "--account", &bakery])[0]["id"]);
    place.run(&["probes", "move", &probe, &of_direct[0]]).failed(1, "between the sites of one customer");
    // 6.
    let many = ["sites", "delete", &sites[0], &sites[1], "0-987"];
    let said = place.fine(&[&many[..], &["--preview"]].concat());
    assert!(said.contains("1 probes") && said.contains("Nothing is deleted"), "{said}");
    place.run(&many).failed(1, "so none is");
    assert_eq!(json_of(&["sites", "list", &bakery]).len(), 2);
    place.run(&[&many[..], &["--each"]].concat()).failed(1, "1 of them could not be deleted");
    assert_eq!(json_of(&["sites", "list", &bakery]), Vec::<Value>::new());
    assert_eq!(json_of(&["sites", "list", &bakery, "--status", "ended"]).len(), 2);
    assert_eq!(one(&["probes", "show", &probe])["status"], "ended");
    // 7.
    place.fine(&["sites", "add", &bakery, "Last"]);
    let said = place.fine(&["customers", "delete", &bakery, "--preview", "--format", "json"]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["preview"], &said["items"][0]["with_it"]["sites"]), (&json!(true), &json!(1)));
    place.run(&["customers", "delete", &bakery, "41", "--partner", "10"]).failed(1, "so none is");
    let said = place.fine(&["customers", "delete", &bakery, &florist, "--partner", "10", "--reason", "closed"]);
    assert!(said.matches("deleted").count() >= 2, "{said}");
    assert!(place.fine(&["customers", "list", "10"]).contains("nothing found"));
    assert_eq!(one(&["customers", "show", &bakery])["status"], "deleted");
    place.fine(&["customers", "branding", "clear", "41"]);
    let database = &mut app.database();
    let told = stored(database);
    assert_tells_everything(database, &told);
    assert_whole(database);
}

#[test]
fn the_guide_is_walked_through_on_the_command_line() {
    backends().into_iter().for_each(by_command);
}

fn partners_that_do_not_take(backend: Backend) {
    let app = TestApp::start(backend);
    let token = operator(&app, "admin", Role::ProviderAdmin, &[], None);
    partner(&app);
    let body = json!({"name": "Bakery", "email": "info@bakery.example"});
    let at = |account: &str| format!("/accounts/{account}/customers");
    problem(&ask(&app, &token, "POST", &at("0-987"), &body), 404, "not_found");
    problem(&get(&app, &token, &at("nobody")), 404, "not_found");
    let direct = ask(&app, &token, "POST", &at(&id(&app, "41")), &body);
    problem(&direct, 409, "conflict");
    assert!(direct.body.contains("is no partner"), "{}", direct.body);
    problem(&get(&app, &token, &at(&id(&app, "41"))), 409, "conflict");
    for (number, standing, why) in [
        ("20", json!({"standing": "frozen"}), "is frozen"),
        ("30", json!({"standing": "disabled"}), "is disabled"),
        ("40", json!({"status": "deleted"}), "is deleted"),
    ] {
        send(&app, &json!({"ID": number, "Role": "Reseller", "Name": "Closed"}));
        let account = id(&app, number);
        did(&app, &token, "PATCH", &format!("/accounts/{account}"), &standing);
        let reply = ask(&app, &token, "POST", &at(&account), &body);
        problem(&reply, 409, "conflict");
        assert!(reply.body.contains(why), "{why}: {}", reply.body);
        assert_eq!(all(&app, &token, &at(&account), 9), Vec::<Value>::new());
    }
    assert_eq!(all(&app, &token, "/accounts?source=local", 9), Vec::<Value>::new(), "nobody was made");
}

#[test]
fn who_is_no_partner_or_closed_takes_no_customers() {
    backends().into_iter().for_each(partners_that_do_not_take);
}

fn below_a_reseller(backend: Backend) {
    let app = TestApp::start(backend);
    let everything = operator(&app, "all", Role::ProviderAdmin, &[], None);
    let viewer = operator(&app, "looks", Role::Viewer, &[], None);
    let ours = partner(&app);
    send(&app, &json!({"ID": "20", "Role": "Reseller", "Name": "Contoso"}));
    send(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "10", "Name": "Synced"}));
    let theirs = id(&app, "20");
    let token = operator(&app, "northwind", Role::ResellerAdmin, &[&ours], None);
    let body = json!({"name": "Bakery", "email": "info@bakery.example"});
    let hidden = did(&app, &everything, "POST", &format!("/accounts/{theirs}/customers"), &body);
    let hidden = text(&hidden["id"]);
    problem(&ask(&app, &token, "POST", &format!("/accounts/{theirs}/customers"), &body), 404, "not_found");
    problem(&ask(&app, &viewer, "POST", &format!("/accounts/{ours}/customers"), &body), 403, "forbidden");
    let made = text(&did(&app, &token, "POST", &format!("/accounts/{ours}/customers"), &body)["id"]);
    did(&app, &token, "PATCH", &format!("/customers/{made}"), &json!({"name": "Bakery Ltd"}));
    let site = text(&did(&app, &token, "POST", &format!("/accounts/{made}/sites"), &json!({"name": "North"}))["id"]);
    did(&app, &token, "POST", &format!("/sites/{site}/probes"), &json!({"name": "p"}));
    did(&app, &token, "PUT", &format!("/accounts/{made}/branding"), &json!({"title": "Bread"}));
    // What a platform synchronizes is ended there, or by the vendor; what is not seen is not there.
    let synced = id(&app, "11");
    let reply = ask(&app, &token, "DELETE", &format!("/customers/{synced}"), &json!({}));
    problem(&reply, 409, "conflict");
    assert!(reply.body.contains("provider_admin"), "{}", reply.body);
    problem(&ask(&app, &token, "DELETE", &format!("/customers/{hidden}"), &json!({})), 404, "not_found");
    problem(&ask(&app, &viewer, "DELETE", &format!("/customers/{made}"), &json!({})), 403, "forbidden");
    let many = format!("/accounts/{ours}/customers/delete");
    let told = did(&app, &token, "POST", &many, &json!({"ids": [made, hidden, synced, made], "each": false}));
    assert_eq!((&told["withheld"], &told["refused"], &told["deleted"]), (&json!(1), &json!(3), &json!(0)));
    let why = |at: usize| told["items"][at]["reason"].as_str().unwrap().to_owned();
    assert!(why(1).contains("No customer of this partner") && why(3).contains("named twice"), "{told}");
    // Asked for otherwise, those go that can, in one commit.
    let told = did(&app, &token, "POST", &many, &json!({"ids": [made, hidden], "each": true}));
    assert_eq!((&told["refused"], &told["deleted"]), (&json!(1), &json!(1)));
    // A reseller's own pages are the vendor's to brand.
    let own = format!("/accounts/{ours}/branding");
    for method in ["PUT", "DELETE"] {
        problem(&ask(&app, &token, method, &own, &json!({})), 403, "forbidden");
    }
    problem(&put_logo(&app, &token, &ours, "image/png", PNG), 403, "forbidden");
    problem(&ask(&app, &token, "DELETE", &format!("{own}/logo"), &json!({})), 403, "forbidden");
    did(&app, &everything, "PUT", &own, &json!({"title": "Northwind"}));
    // Who came with provisioning on its way hears nothing of it; the vendor does.
    let path = format!("/accounts/{theirs}/customers");
    let came = text(&did(&app, &everything, "POST", &path, &json!({"name": "Came", "email": "c@came.example"}))["id"]);
    did(&app, &everything, "POST", &format!("/accounts/{came}/services"), &json!({"name": "web", "kind": "hosting"}));
    did(&app, &everything, "POST", "/provisioning-requests", &json!({"customer": came, "reason": "again"}));
    did(&app, &everything, "PATCH", &format!("/accounts/{came}"), &json!({"reseller": ours}));
    let preview = format!("/customers/{came}?preview=true");
    let counted = |token: &str| did(&app, token, "DELETE", &preview, &json!({}))["with_it"].clone();
    assert_eq!(counted(&everything)["provisioning_requests"], 1);
    assert_eq!((&counted(&token)["provisioning_requests"], &counted(&token)["services"]), (&json!(0), &json!(1)));
    // Many of any partner, as far as they are seen.
    let path = "/customers/delete";
    let told = did(&app, &token, "POST", path, &json!({"ids": [came, hidden, synced, ours], "each": true}));
    assert_eq!(column(told["items"].as_array().unwrap(), "outcome"), ["deleted", "refused", "refused", "refused"]);
    for at in [1, 3] {
        assert_eq!(told["items"][at]["reason"], "No customer has this id or ExternalID.");
    }
    let direct = id(&app, "41");
    let told = did(&app, &everything, "POST", path, &json!({"ids": [came, synced, direct], "reason": "closed"}));
    assert_eq!(column(told["items"].as_array().unwrap(), "outcome"), ["unchanged", "deleted", "deleted"]);
    problem(&ask(&app, &viewer, "POST", path, &json!({"ids": [hidden]})), 403, "forbidden");
    problem(&get(&app, &everything, path), 405, "method_not_allowed");
    let of_all = did(&app, &everything, "DELETE", &format!("/customers/{hidden}"), &json!({}));
    assert_eq!(of_all["outcome"], "deleted");
    assert_eq!(did(&app, &everything, "DELETE", &format!("/customers/{hidden}"), &json!({}))["outcome"], "unchanged");
    for (body, why) in [(json!({"ids": []}), "none are named"), (json!({"ids": vec!["0-1"; 501]}), "At most 500")] {
        let reply = ask(&app, &token, "POST", &many, &body);
        problem(&reply, 400, "bad_request");
        assert!(reply.body.contains(why), "{}", reply.body);
    }
}

#[test]
fn reseller_admins_keep_to_their_own_customers() {
    backends().into_iter().for_each(below_a_reseller);
}
