//! Users of customers: added, changed, given services, ended, imported; and what ends their services.

use std::fmt::Write as _;

use diesel::prelude::*;
use serde_json::{Value, json};
use tiersync::domain::operator::Role;
use tiersync::store::schema::{user_services, users};

use crate::commands::{items, receiver};
use crate::commands_binary::Place;
use crate::feed::{assert_tells_everything, feed, stored};
use crate::harness::app::MPNID;
use crate::harness::{Backend, Call, Reply, TestApp, backends, config};
use crate::ledger::assert_whole;
use crate::services_manage::{ask, did, make};
use crate::v1::{all, column, get, id, operator, problem, send};

#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str, told: &str) {
    problem(reply, status, code);
    assert!(reply.body.contains(told), "{told}: {}", reply.body);
}

/// A user of the account with this platform ID; gives its id.
pub fn add(app: &TestApp, token: &str, account: &str, body: &Value) -> String {
    did(app, token, "POST", &format!("/accounts/{}/users", id(app, account)), body)["id"].as_str().unwrap().to_owned()
}

fn shown(app: &TestApp, token: &str, user: &str) -> Value {
    get(app, token, &format!("/users/{user}")).json()
}

fn life(backend: Backend) {
    let app = TestApp::start(backend);
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    send(&app, &json!({"ID": "1", "Role": "User"}));
    send(&app, &json!({"ID": "2", "Role": "User"}));
    let [mail, site] = ["Mail", "Site"].map(|name| make(&app, &token, "1", &json!({"name": name})));
    let other = make(&app, &token, "2", &json!({"name": "Other"}));
    let path = format!("/accounts/{}/users", id(&app, "1"));
    let body =
        json!({"login": " Ann@Bakery.example ", "name": "Ann", "email": "ann@bakery.example", "services": [mail]});
    let reply = ask(&app, &token, "POST", &path, &body);
    assert_eq!(reply.status, 201, "{}", reply.body);
    let made = reply.json();
    let user = format!("/users/{}", made["id"].as_str().unwrap());
    assert_eq!(reply.header("location"), Some(&*format!("/v1{user}")));
    assert_eq!((&made["login"], &made["status"]), (&json!("Ann@Bakery.example"), &json!("active")));
    assert_eq!((&made["services"], &made["account"]), (&json!([mail]), &json!(id(&app, "1"))));
    add(&app, &token, "1", &json!({"login": "bob", "status": "disabled"}));
    for (body, status, code, told) in [
        (json!({}), 400, "bad_request", "needs a login"),
        (json!({"login": " "}), 400, "bad_request", "needs a login"),
        (json!({"login": "BOB"}), 409, "conflict", "has this login"),
        (json!({"login": "x", "status": "ended"}), 400, "bad_request", "/end"),
        (json!({"login": "x", "status": "away"}), 400, "bad_request", "neither active nor disabled"),
        (json!({"login": "x", "name": "a\u{0}b"}), 400, "bad_request", "name"),
        (json!({"login": "x", "services": ["unheard"]}), 400, "bad_request", "unheard"),
        (json!({"login": "x", "services": [other]}), 409, "conflict", "is not one of this account"),
        (json!({"login": "x", "services": ["0-987"]}), 409, "conflict", "0-987 is not one of this account"),
    ] {
        refused(&ask(&app, &token, "POST", &path, &body), status, code, told);
    }
    // The exact set of services, each of the same customer.
    let services = format!("{user}/services");
    assert_eq!(
        did(&app, &token, "PUT", &services, &json!({"services": [site, mail, site]}))["services"],
        json!([mail, site])
    );
    assert_eq!(did(&app, &token, "PUT", &services, &json!({"services": [site]}))["services"], json!([site]));
    refused(&ask(&app, &token, "PUT", &services, &json!({})), 400, "bad_request", "empty list for none");
    refused(
        &ask(&app, &token, "PUT", &services, &json!({"services": [other]})),
        409,
        "conflict",
        "not one of this account",
    );
    refused(&ask(&app, &token, "PATCH", &user, &json!({"login": "bob"})), 409, "conflict", "has this login");
    let tag = get(&app, &token, &user).header("etag").unwrap().to_owned();
    let patch = |tag: &str| {
        let call = Call::new("PATCH", &format!("/v1{user}")).header("Authorization", format!("Bearer {token}"));
        let call = call.header("Content-Type", "application/json").header("If-Match", tag);
        call.body(json!({"name": "Anna", "status": "disabled"}).to_string()).send(&app)
    };
    assert_eq!(patch(&tag).json()["name"], "Anna");
    problem(&patch(&tag), 412, "precondition_failed");
    for (query, logins) in [
        ("", vec!["Ann@Bakery.example", "bob"]),
        ("?status=disabled", vec!["Ann@Bakery.example", "bob"]),
        ("?status=active", vec![]),
        ("?login=ANN@bakery.example", vec!["Ann@Bakery.example"]),
        (&format!("?service={site}"), vec!["Ann@Bakery.example"]),
        (&format!("?service={mail}"), vec![]),
        ("?service=unheard", vec![]),
    ] {
        assert_eq!(column(&all(&app, &token, &format!("{path}{query}"), 1), "login"), logins, "{query}");
    }
    // Its end takes its services and sets its login free.
    let ended = did(&app, &token, "POST", &format!("{user}/end"), &json!({"reason": "left"}));
    assert_eq!((&ended["status"], &ended["services"]), (&json!("ended"), &json!([])));
    assert_eq!(did(&app, &token, "POST", &format!("{user}/end"), &json!({})), ended);
    refused(&ask(&app, &token, "PATCH", &user, &json!({"name": "x"})), 409, "conflict", "Add it anew");
    add(&app, &token, "1", &json!({"login": "ann@bakery.example"}));
    let history = all(&app, &token, &format!("{user}/history"), 2);
    assert_eq!(column(&history, "happening"), ["ended", "updated", "updated", "updated", "created"]);
    assert_eq!((&history[0]["lost"], &history[4]["gained"]), (&json!([site]), &json!([mail])));
    assert_eq!((&history[2]["lost"], &history[3]["gained"]), (&json!([mail]), &json!([site])));
    assert_eq!((&history[1]["changed"], &history[1]["cause"]), (&json!(["name", "status"]), &json!("operator")));
    let told = feed(&app, &token);
    let of_users: Vec<&Value> = told.iter().filter(|one| one["kind"].as_str().unwrap().starts_with("user.")).collect();
    assert_eq!(of_users.len(), 7);
    assert_eq!((&of_users[0]["kind"], &of_users[0]["user"]["id"]), (&json!("user.created"), &made["id"]));
    let text = json!(told).to_string();
    assert!(!text.contains("Ann") && !text.contains("bakery"), "nothing personal: {text}");
    let database = &mut app.database();
    let told = stored(database);
    assert_tells_everything(database, &told);
    assert_whole(database);
}

#[test]
fn a_user_lives_as_operators_say() {
    backends().into_iter().for_each(life);
}

fn losing(backend: Backend) {
    let app = TestApp::start(backend);
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    let account = json!({"ID": "1", "Role": "User"});
    let order = |verb: &str, name: &str| {
        let body = json!({"SubscriptionID": name, "Account": account, "Addons": [{"ProductID": "backup"}]});
        let reply = Call::post(&format!("Subscriptions/{verb}"), body.to_string()).send(&app);
        assert_eq!(reply.code(), 0, "{}", reply.body);
    };
    order("Create", "S");
    order("Create", "T");
    let services = column(&all(&app, &token, "/services", 9), "id");
    let ann = add(&app, &token, "1", &json!({"login": "ann", "services": services}));
    let bob = add(&app, &token, "1", &json!({"login": "bob", "services": [services[2]]}));
    // The platform's Cancel takes the subscription and its add-on from whoever has them.
    order("Cancel", "S");
    assert_eq!(shown(&app, &token, &ann)["services"], json!(services[2..]));
    assert_eq!(
        (&shown(&app, &token, &ann)["revision"], &shown(&app, &token, &bob)["revision"]),
        (&json!(3), &json!(1))
    );
    let history = all(&app, &token, &format!("/users/{ann}/history"), 9);
    assert_eq!((&history[0]["lost"], &history[1]["lost"]), (&json!([services[1]]), &json!([services[0]])));
    assert_eq!((&history[0]["cause"], &history[0]["delivery"]), (&json!("sync"), &json!("0-3")));
    // It does not come back by itself.
    order("Create", "S");
    assert_eq!(shown(&app, &token, &ann)["services"], json!(services[2..]));
    // So does an operator's end.
    did(&app, &token, "POST", &format!("/services/{}/end", services[2]), &json!({}));
    for user in [&ann, &bob] {
        assert_eq!(shown(&app, &token, user)["services"], json!([]));
    }
    assert_eq!(user_services::table.count().get_result::<i64>(&mut app.database()), Ok(0));
    let database = &mut app.database();
    let told = stored(database);
    assert_tells_everything(database, &told);
    // Erasing the account empties its users and ends them.
    let erase = Call::new("DELETE", &format!("/v1/accounts/{}?erase=true", id(&app, "1")));
    assert_eq!(erase.header("Authorization", format!("Bearer {token}")).send(&app).status, 200);
    let rows: Vec<(String, String, String, String)> = users::table
        .select((users::login, users::name, users::email, users::status))
        .load(&mut app.database())
        .unwrap();
    let gone = (String::new(), String::new(), String::new(), "ended".to_owned());
    assert_eq!(rows, [gone.clone(), gone]);
    let database = &mut app.database();
    let told = stored(database);
    assert_tells_everything(database, &told);
    assert_whole(database);
}

#[test]
fn who_has_a_service_loses_it_when_it_ends() {
    backends().into_iter().for_each(losing);
}

fn of_a_reseller(backend: Backend) {
    let app = TestApp::start(backend);
    let everything = operator(&app, "all", Role::ProviderAdmin, &[], None);
    let viewer = operator(&app, "viewer", Role::Viewer, &[], None);
    send(&app, &json!({"ID": "10", "Role": "Reseller"}));
    send(&app, &json!({"ID": "20", "Role": "Reseller"}));
    send(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "10"}));
    send(&app, &json!({"ID": "21", "Role": "User", "ResellerID": "20"}));
    let token = operator(&app, "ours", Role::ResellerAdmin, &["0-1"], None);
    let ours = add(&app, &token, "11", &json!({"login": "ann"}));
    did(&app, &token, "PATCH", &format!("/users/{ours}"), &json!({"name": "Ann"}));
    let theirs = add(&app, &everything, "21", &json!({"login": "their-user"}));
    for (method, path, body) in [
        ("GET", format!("/users/{theirs}"), json!(null)),
        ("GET", format!("/users/{theirs}/history"), json!(null)),
        ("PATCH", format!("/users/{theirs}"), json!({"name": "x"})),
        ("PUT", format!("/users/{theirs}/services"), json!({"services": []})),
        ("POST", format!("/users/{theirs}/end"), json!({})),
        ("POST", format!("/accounts/{}/users", id(&app, "21")), json!({"login": "x"})),
        ("GET", format!("/accounts/{}/users", id(&app, "21")), json!(null)),
    ] {
        problem(&ask(&app, &token, method, &path, &body), 404, "not_found");
    }
    for (method, path, body) in [
        ("PATCH", format!("/users/{ours}"), json!({"name": "x"})),
        ("POST", format!("/users/{ours}/end"), json!({})),
        ("POST", format!("/accounts/{}/users", id(&app, "11")), json!({"login": "x"})),
    ] {
        problem(&ask(&app, &viewer, method, &path, &body), 403, "forbidden");
    }
    let kinds = column(&feed(&app, &token), "kind");
    assert_eq!(kinds.iter().filter(|kind| kind.starts_with("user.")).count(), 2, "{kinds:?}");
}

#[test]
fn a_reseller_has_users_of_its_own_customers_alone() {
    backends().into_iter().for_each(of_a_reseller);
}

fn imported(backend: Backend) {
    let toml = config("", MPNID);
    let place = Place::with(backend, &toml);
    let app = receiver(&place, &toml);
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    send(&app, &json!({"ID": "1", "Role": "User"}));
    send(&app, &json!({"ID": "2", "Role": "User"}));
    let mail = make(&app, &token, "1", &json!({"name": "Mail", "external_id": "mail"}));
    // More than one transaction takes.
    let mut list = "account;login;name;services\n".to_owned();
    for at in 0..620 {
        writeln!(list, "1;user{at}@bakery.example;User {at};mail").unwrap();
    }
    list.push_str("2;ann;Ann;\n2;bob;Bob;mail\n;nobody;;\n77;x;;\n2;;;\n2;ANN;;\n");
    let file = place.path("users.csv");
    std::fs::write(&file, &list).unwrap();
    let file = file.to_str().unwrap();
    let dry = place.run(&["users", "import", file, "--dry-run"]);
    assert_eq!(dry.code, 1, "{dry:?}");
    assert!(dry.out.contains("nothing is changed; it would be: 621 added or changed"), "{dry:?}");
    assert_eq!(place.fine(&["users", "list"]), "nothing found\n");
    let ran = place.run(&["users", "import", file, "--format", "json"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&report["changed"], &report["unchanged"]), (&json!(621), &json!(0)));
    let bad = report["bad"].as_array().unwrap();
    let lines: Vec<(u64, &str)> =
        bad.iter().map(|row| (row["line"].as_u64().unwrap(), row["reason"].as_str().unwrap())).collect();
    assert_eq!(lines.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [623, 624, 625, 626, 627]);
    for ((_, why), told) in lines.iter().zip([
        "mail is no service of this account",
        "names no account",
        "no account is called 77",
        "login is empty",
        "an earlier row is about the same user",
    ]) {
        assert!(why.contains(told), "{why}");
    }
    // The same list again changes nothing.
    let again: Value = serde_json::from_str(&place.run(&["users", "import", file, "--format", "json"]).out).unwrap();
    assert_eq!((&again["changed"], &again["unchanged"]), (&json!(0), &json!(621)));
    let found = items(&place.fine(&["users", "list", "--service", "mail", "--format", "json", "--limit", "1000"]));
    assert_eq!(found.len(), 620);
    assert_eq!((&found[7]["login"], &found[7]["services"]), (&json!("user7@bakery.example"), &json!([mail])));
    // A column that is not there leaves what it would say as it is; an empty cell takes it away.
    std::fs::write(place.path("some.csv"), "login,services,status\nUSER1@bakery.example,,disabled\n").unwrap();
    let some = place.path("some.csv");
    assert!(place.fine(&["users", "import", some.to_str().unwrap(), "--account", "1"]).contains("1 added or changed"));
    let one = items(&place.fine(&["users", "list", "--login", "user1@bakery.example", "--format", "json"])).remove(0);
    assert_eq!((&one["name"], &one["services"], &one["status"]), (&json!("User 1"), &json!([]), &json!("disabled")));
    // By hand.
    let added = items(&place.fine(&["users", "add", "2", "eve", "--name", "Eve", "--format", "json"])).remove(0);
    let eve = added["id"].as_str().unwrap().to_owned();
    assert!(place.fine(&["users", "set", &eve, "--email", "eve@x.example"]).contains("changed: email"));
    place.run(&["users", "set", &eve, "--service", "mail"]).failed(1, "not one of this account");
    place.run(&["users", "set", &eve]).failed(2, "nothing is to be changed");
    place.run(&["users", "add", "2", "EVE"]).failed(1, "has this login");
    assert!(place.fine(&["users", "end", &eve]).contains("is ended"));
    place.run(&["users", "end", "0-9999"]).failed(1, "there is no user 0-9999");
    let told = place.fine(&["users", "show", &eve]);
    assert!(told.contains("ended") && told.contains("History, newest first"), "{told}");
    place.run(&["users", "import", "nowhere.csv"]).failed(3, "cannot read nowhere.csv");
    std::fs::write(place.path("bad.csv"), "colour\nred\n").unwrap();
    place.run(&["users", "import", place.path("bad.csv").to_str().unwrap()]).failed(1, "there is no column \"colour\"");
    let database = &mut app.database();
    let told = stored(database);
    assert_tells_everything(database, &told);
}

#[test]
fn users_are_imported_and_changed_by_command() {
    backends().into_iter().for_each(imported);
}

/// Fills an account with so many rows of services or users, as if they had been there for long.
fn fill(app: &TestApp, statement: &str, account: &str, rows: usize) {
    let account = tiersync::domain::ids::AccountId::parse(&id(app, account)).unwrap().0;
    let statement = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) {}",
        statement.replace("ACCOUNT", &account.to_string())
    );
    diesel::sql_query(statement).execute(&mut app.database()).unwrap();
}

fn bounds(backend: Backend) {
    let app = TestApp::start(backend);
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    for id in ["1", "2"] {
        send(&app, &json!({"ID": id, "Role": "User"}));
    }
    let services = "INSERT INTO services (id, source, tenant, external_id, account_id, kind, service, name, plan, location, \
        quantity, status, trial, attributes, event_second, event_live, created_at, changed_at, revision) SELECT 1000000 + i, \
        'eu', '', 'x' || i, ACCOUNT, 'other', '', '', '', '', 1, 'active', false, '', 0, false, 0, 0, 1 FROM n";
    fill(&app, services, "1", 4_999);
    make(&app, &token, "1", &json!({"name": "the last"}));
    let path = format!("/accounts/{}/services", id(&app, "1"));
    refused(&ask(&app, &token, "POST", &path, &json!({"name": "more"})), 409, "conflict", "has 5000 services");
    let mail = make(&app, &token, "2", &json!({"name": "Mail"}));
    let target = format!("/accounts/{}/services/move", id(&app, "2"));
    let body = json!({"to": id(&app, "1"), "services": [mail]});
    refused(&ask(&app, &token, "POST", &target, &body), 409, "conflict", "more than 5000 services");
    // The platform is told the same.
    let order = json!({"SubscriptionID": "S", "Account": {"ID": "1", "Role": "User"}}).to_string();
    assert_eq!(Call::post("Subscriptions/Create", order).send(&app).code(), 1006);
    refused(&ask(&app, &token, "POST", &path, &json!({"name": "more"})), 409, "conflict", "has 5000 services");
    let users = "INSERT INTO users (id, account_id, login, name, email, status, created_at, changed_at, revision) \
        SELECT 1000000 + i, ACCOUNT, 'user' || i, '', '', 'active', 0, 0, 1 FROM n";
    fill(&app, users, "2", 19_999);
    let last = add(&app, &token, "2", &json!({"login": "the last", "services": [mail]}));
    let path = format!("/accounts/{}/users", id(&app, "2"));
    refused(&ask(&app, &token, "POST", &path, &json!({"login": "more"})), 409, "conflict", "has 20000 users");
    // Who has a service loses it however many there are.
    let service = tiersync::domain::ids::ServiceId::parse(&mail).unwrap().0;
    let give = format!("INSERT INTO user_services (user_id, service_id) SELECT 1000000 + i, {service} FROM n");
    fill(&app, &give, "2", 19_999);
    did(&app, &token, "POST", &format!("/services/{mail}/end"), &json!({}));
    assert_eq!(shown(&app, &token, &last)["revision"], 2);
    assert_eq!(user_services::table.count().get_result::<i64>(&mut app.database()), Ok(0));
    let updated =
        stored(&mut app.database()).iter().filter(|one| one.entry.event.kind().as_str() == "user.updated").count();
    assert_eq!(updated, 20_000);
}

#[test]
fn accounts_have_so_many_services_and_users_and_no_more() {
    backends().into_iter().for_each(bounds);
}

/// Whatever happens in which order, users have services that live and are their own account's, and no others.
fn whatever(backend: Backend, seed: u64) {
    let app = TestApp::start(backend);
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    for id in ["1", "2", "3"] {
        send(&app, &json!({"ID": id, "Role": "User"}));
    }
    let accounts = ["1", "2", "3"].map(|one| id(&app, one));
    let mut state = seed;
    let mut pick = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let (mut services, mut people): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut done = 0;
    for step in 0..90 {
        let account = pick(3);
        let number = (account + 1).to_string();
        let reply = match pick(if services.is_empty() || people.is_empty() { 3 } else { 10 }) {
            0 => {
                let body = json!({"name": "made", "external_id": format!("S{step}")});
                let reply = ask(&app, &token, "POST", &format!("/accounts/{}/services", accounts[account]), &body);
                services.push(reply.json()["id"].as_str().unwrap().to_owned());
                reply
            }
            1 => {
                let body = json!({"ID": format!("O{step}"), "Account": {"ID": number, "Role": "User"}, "Addons": [{"ProductID": "a"}]});
                let reply = Call::post("Subscriptions/Create", body.to_string()).send(&app);
                let named = get(&app, &token, &format!("/services/O{step}")).json();
                services.push(named["id"].as_str().unwrap().to_owned());
                reply
            }
            2 => {
                let body = json!({"login": format!("user{step}")});
                let reply = ask(&app, &token, "POST", &format!("/accounts/{}/users", accounts[account]), &body);
                people.push(reply.json()["id"].as_str().unwrap().to_owned());
                reply
            }
            3 | 4 => {
                let user = &people[pick(people.len())];
                let owner = shown(&app, &token, user)["account"].as_str().unwrap().to_owned();
                let own = column(&all(&app, &token, &format!("/accounts/{owner}/services"), 500), "id");
                ask(&app, &token, "PUT", &format!("/users/{user}/services"), &json!({"services": own}))
            }
            5 | 6 => {
                let service = &services[pick(services.len())];
                let owner = get(&app, &token, &format!("/services/{service}")).json()["account"].clone();
                let body = json!({"to": accounts[account], "services": [service]});
                ask(&app, &token, "POST", &format!("/accounts/{}/services/move", owner.as_str().unwrap()), &body)
            }
            7 => ask(&app, &token, "POST", &format!("/services/{}/end", services[pick(services.len())]), &json!({})),
            8 => {
                ask(&app, &token, "POST", &format!("/services/{}/activate", services[pick(services.len())]), &json!({}))
            }
            _ => {
                let body = json!({"ID": format!("O{}", pick(step)), "Account": {"ID": number, "Role": "User"}});
                Call::post("Subscriptions/Cancel", body.to_string()).send(&app)
            }
        };
        done += usize::from(matches!(reply.status, 200 | 201));
        assert!(matches!(reply.status, 200 | 201 | 409), "{step}: {} {}", reply.status, reply.body);
        let strays: Vec<(i64, i64)> = user_services::table
            .inner_join(users::table.on(users::id.eq(user_services::user_id)))
            .inner_join(
                tiersync::store::schema::services::table
                    .on(tiersync::store::schema::services::id.eq(user_services::service_id)),
            )
            .filter(
                tiersync::store::schema::services::account_id
                    .ne(users::account_id)
                    .or(tiersync::store::schema::services::status.eq("ended"))
                    .or(users::status.eq("ended")),
            )
            .select((user_services::user_id, user_services::service_id))
            .load(&mut app.database())
            .unwrap();
        assert_eq!(strays, [], "{seed} {step}");
    }
    assert!(done > 40, "{done}");
    let database = &mut app.database();
    let told = stored(database);
    assert_tells_everything(database, &told);
    assert_whole(database);
}

#[test]
fn users_have_living_services_of_their_own_account_alone() {
    for backend in backends() {
        for seed in [7, 1_000_003] {
            whatever(backend, seed);
        }
    }
}
