//! What is no longer to be done: items that a later request took the place of while somebody was at work on them, and items
//! whose service or user ended or went elsewhere.

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, RunQueryDsl};
use serde_json::{Value, json};
use tiersync::domain::operator::Role;
use tiersync::domain::provisioning::{RequestCause, Rules, TargetKind};
use tiersync::store::connection::{Database, Use};
use tiersync::store::provisioning::{self, Taking};
use tiersync::store::transaction;

use crate::commands_binary::until;
use crate::harness::{Backend, TestApp, backends, config};
use crate::provisioning::{lease, opened, post, report, run_out, some, start, text};
use crate::services_manage::{ask, did, make};
use crate::users::add;
use crate::v1::{all, column, get, id, operator, send};

fn request(app: &TestApp, token: &str, id: &str) -> Value {
    get(app, token, &format!("/provisioning-requests/{id}")).json()
}

fn items(app: &TestApp, token: &str, id: &str) -> Vec<Value> {
    all(app, token, &format!("/provisioning-requests/{id}/items"), 50)
}

fn take(app: &TestApp, token: &str) -> Vec<Value> {
    lease(app, token, &json!({"worker": "w", "limit": 50, "seconds": 600}))
}

#[track_caller]
fn done(app: &TestApp, token: &str, taken: &Value) {
    let body = json!({"lease": taken["lease"], "state": "done"});
    let reply = report(app, token, text(&taken["item"]["id"]), &body);
    assert_eq!(reply.status, 200, "{}", reply.body);
}

fn at_work(backend: Backend) {
    let (app, token) = start(backend, "");
    // Everything of it is at work when its place is taken.
    let first = opened(&app, some(2, false));
    assert_eq!(take(&app, &token).len(), 2);
    let second = opened(&app, some(2, false));
    let before = request(&app, &token, &first);
    assert_eq!(
        (&before["state"], &before["running"], &before["cancelled_why"]),
        (&json!("running"), &json!(2), &json!("superseded"))
    );
    assert!(take(&app, &token).is_empty(), "two would be at work on the same");
    run_out(&app);
    let taken = take(&app, &token);
    let of: Vec<&Value> = taken.iter().map(|one| &one["item"]["request"]).collect();
    assert_eq!(of, [&json!(second), &json!(second)], "what lost its place does not come back");
    for item in items(&app, &token, &first) {
        assert_eq!((&item["state"], &item["reason"]), (&json!("cancelled"), &json!("superseded")), "{item}");
    }
    assert_eq!(request(&app, &token, &first)["state"], "cancelled");
    taken.iter().for_each(|one| done(&app, &token, one));
    assert_eq!(request(&app, &token, &second)["state"], "done");
    // A request about one of two takes the place of that one alone.
    let third = opened(&app, some(2, false));
    assert_eq!(take(&app, &token).len(), 2);
    let mut part = some(1, false);
    part.cause = RequestCause::Products;
    let part = opened(&app, part);
    assert_eq!(request(&app, &token, &third)["cancelled_why"], Value::Null);
    run_out(&app);
    let mut taken = take(&app, &token);
    taken.sort_by_key(|one| std::cmp::Reverse(one["attempt"].as_i64()));
    let found: Vec<(&Value, &Value)> = taken.iter().map(|one| (&one["item"]["request"], &one["attempt"])).collect();
    assert_eq!(found, [(&json!(third), &json!(2)), (&json!(part), &json!(1))]);
    let states = column(&items(&app, &token, &third), "state");
    assert_eq!(states, ["cancelled", "running"]);
    // Who is at work on what lost its place may still say that it is done; a failure is not tried again.
    let fourth = opened(&app, some(2, false));
    let worked = taken.iter().find(|one| one["item"]["request"] == json!(third)).unwrap();
    let body = json!({"lease": worked["lease"], "state": "failed", "reason": "busy", "retry": true});
    assert_eq!(report(&app, &token, text(&worked["item"]["id"]), &body).json()["state"], "cancelled");
    let worked = taken.iter().find(|one| one["item"]["request"] == json!(part)).unwrap();
    done(&app, &token, worked);
    assert_eq!(request(&app, &token, &part)["done"], 1);
    assert_eq!(take(&app, &token).len(), 2);
    assert_eq!(request(&app, &token, &fourth)["running"], 2);
}

#[test]
fn what_is_at_work_when_its_place_is_taken_does_not_come_back() {
    backends().into_iter().for_each(at_work);
}

fn ended(backend: Backend) {
    let app = TestApp::with(backend, &config("", ""));
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    for body in [json!({"ID": "11", "Role": "User"}), json!({"ID": "12", "Role": "User"})] {
        send(&app, &body);
    }
    let [mail, site, backup, lone, moves] =
        ["Mail", "Site", "Backup", "Lone", "Moves"].map(|name| make(&app, &token, "11", &json!({"name": name})));
    let ann = add(&app, &token, "11", &json!({"login": "ann", "services": [mail, site]}));
    let bob = add(&app, &token, "11", &json!({"login": "bob", "services": [mail, backup]}));
    let opened = post(&app, &token, "/provisioning-requests", &json!({"customer": id(&app, "11")})).json();
    let first = text(&opened["id"]).to_owned();
    assert_eq!(opened["items"], 6, "{opened}");
    // Bob goes, and so does the backup; ann has no site any longer; one service goes to somebody else.
    did(&app, &token, "POST", &format!("/services/{lone}/end"), &json!({"reason": "not paid"}));
    did(&app, &token, "POST", &format!("/users/{bob}/end"), &json!({"reason": "left"}));
    did(&app, &token, "PUT", &format!("/users/{ann}/services"), &json!({"services": [mail]}));
    let gives = format!("/accounts/{}/services/move", id(&app, "11"));
    did(&app, &token, "POST", &gives, &json!({"to": id(&app, "12"), "services": [moves]}));
    let taken = take(&app, &token);
    let of: Vec<(&Value, &Value)> =
        taken.iter().map(|one| (&one["item"]["service"]["name"], &one["account"]["platform_id"])).collect();
    assert_eq!(of.len(), 2, "{of:?}");
    assert!(of.contains(&(&json!("Mail"), &json!("11"))) && of.contains(&(&json!("Moves"), &json!("12"))), "{of:?}");
    let mut told: Vec<(String, String)> = items(&app, &token, &first)
        .iter()
        .filter(|item| item["state"] == "cancelled")
        .map(|item| (text(&item["service"]["name"]).to_owned(), text(&item["reason"]).to_owned()))
        .collect();
    told.sort();
    let expected = [
        ("Backup", "the user ended"),
        ("Lone", "the service ended"),
        ("Mail", "the user ended"),
        ("Moves", "superseded"),
        ("Site", "the user no longer has the service"),
    ];
    assert_eq!(told, expected.map(|(name, why)| (name.to_owned(), why.to_owned())));
    taken.iter().for_each(|one| done(&app, &token, one));
    let state = request(&app, &token, &first);
    assert_eq!((&state["state"], &state["percent"]), (&json!("cancelled"), &json!(100)), "{state}");
    // Nothing of a request is left to do: that is told as its end.
    let again = post(&app, &token, "/provisioning-requests", &json!({"customer": id(&app, "12")})).json();
    did(&app, &token, "POST", &format!("/services/{moves}/end"), &json!({"reason": "not paid"}));
    assert!(take(&app, &token).is_empty());
    let state = request(&app, &token, text(&again["id"]));
    assert_eq!((&state["state"], &state["cancelled_why"]), (&json!("cancelled"), &json!("the service ended")));
    let told = all(&app, &token, "/changes?kind=provisioning.cancelled", 50);
    assert_eq!(told.last().unwrap()["provisioning"]["id"], again["id"]);
}

#[test]
fn what_ended_or_went_elsewhere_is_not_handed_out() {
    backends().into_iter().for_each(ended);
}

/// However much is not to be done, who asks gets what is.
fn behind(backend: Backend) {
    let (app, token) = start(backend, "");
    let live = make(&app, &token, "12", &json!({"name": "Mail"}));
    let first = opened(&app, some(1_300, false));
    post(&app, &token, "/provisioning-requests", &json!({"customer": id(&app, "12")}));
    let account = tiersync::domain::ids::AccountId::parse(&id(&app, "11")).unwrap().0;
    let columns = "source, tenant, external_id, account_id, kind, service, name, plan, location, quantity, status, trial, \
                   attributes, event_second, event_live, created_at, changed_at, revision";
    crate::provisioning::sql(
        &app,
        &format!(
            "INSERT INTO services (id, {columns}) SELECT service_id, 'eu', '', 'x-' || service_id, {account}, 'other', '', '', \
             '', '', 1, 'ended', FALSE, '', 1, TRUE, 1, 1, 1 FROM provisioning_items WHERE customer_id = {account}"
        ),
    );
    let taken = lease(&app, &token, &json!({"worker": "w", "limit": 1}));
    assert_eq!((taken.len(), &taken[0]["item"]["service"]["id"]), (1, &json!(live)), "{taken:?}");
    assert_eq!(request(&app, &token, &first)["cancelled"], 1_300);
}

#[test]
fn what_is_not_to_be_done_stands_before_nothing() {
    backends().into_iter().for_each(behind);
}

fn elsewhere(backend: Backend) {
    let app = TestApp::with(backend, &config("", ""));
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    for body in [json!({"ID": "11", "Role": "User"}), json!({"ID": "12", "Role": "User"})] {
        send(&app, &body);
    }
    // A service that somebody is at work on goes to another customer: who gets it waits.
    let domain = make(&app, &token, "11", &json!({"name": "Domain", "plan": "com"}));
    post(&app, &token, "/provisioning-requests", &json!({"customer": id(&app, "11")}));
    let first = take(&app, &token).remove(0);
    let gives = format!("/accounts/{}/services/move", id(&app, "11"));
    did(&app, &token, "POST", &gives, &json!({"to": id(&app, "12"), "services": [domain]}));
    assert!(take(&app, &token).is_empty());
    done(&app, &token, &first);
    let second = take(&app, &token).remove(0);
    assert_eq!((&second["item"]["service"]["id"], &second["account"]["platform_id"]), (&json!(domain), &json!("12")));
    done(&app, &token, &second);
    // So does a user whose mailbox somebody is at work on.
    let [here, there] = ["11", "12"].map(|customer| make(&app, &token, customer, &json!({"name": "Mail"})));
    let ann = add(&app, &token, "11", &json!({"login": "ann", "services": [here]}));
    post(&app, &token, "/provisioning-requests", &json!({"customer": id(&app, "11")}));
    let first = take(&app, &token).remove(0);
    assert_eq!(first["item"]["user"]["login"], "ann");
    // While somebody is at work users do not move, unless nobody wants the rest.
    let path = format!("/provisioning-requests/{}/cancel", text(&first["item"]["request"]));
    post(&app, &token, &path, &json!({"reason": "ann moves"}));
    let mut asked = json!({"from": id(&app, "11"), "to": id(&app, "12"), "users": [ann], "preview": true});
    asked["revision"] = did(&app, &token, "POST", "/moves/users", &asked)["revision"].clone();
    asked["preview"] = json!(false);
    did(&app, &token, "POST", "/moves/users", &asked);
    assert!(take(&app, &token).is_empty());
    run_out(&app);
    let second = take(&app, &token).remove(0);
    assert_eq!((&second["item"]["service"]["id"], &second["item"]["user"]["id"]), (&json!(there), &json!(ann)));
    let left = all(&app, &token, &format!("/provisioning-requests?customer={}", id(&app, "11")), 50);
    let item = items(&app, &token, text(&left[0]["id"])).remove(0);
    assert_eq!((&item["state"], &item["reason"]), (&json!("cancelled"), &json!("superseded")));
    assert_eq!(ask(&app, &token, "GET", "/provisioning-requests", &Value::Null).status, 200);
}

#[test]
fn who_gets_what_somebody_is_at_work_on_waits_for_it() {
    backends().into_iter().for_each(elsewhere);
}

#[derive(diesel::QueryableByName)]
struct Waiting {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
}

/// Somebody holds one request and is about to take another one; a lease that needs both, the first of them for what it
/// takes and the second for what comes back, waits without holding the second.
#[test]
fn a_lease_holds_no_request_while_it_waits_for_one_before_it() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let (mut app, _) = start(Backend::Postgres, "");
    let early = opened(&app, some(1, false));
    let mut other = some(1, false);
    other.customer = tiersync::domain::ids::AccountId::parse("0-4").unwrap();
    other.items[0].kind =
        tiersync::domain::provisioning::ItemKind::Service { service: tiersync::domain::ids::ServiceId::issue(5, 9) };
    let late = opened(&app, other);
    // Nobody else looks after leases meanwhile.
    app.stop();
    let ids = [early, late].map(|id| tiersync::domain::ids::ProvisioningId::parse(&id).unwrap().0);
    crate::provisioning::sql(
        &app,
        &format!(
            "UPDATE provisioning_items SET state = 'running', worker = 'w', attempts = 1, lease_until = 5 WHERE request_id = {}; \
             UPDATE provisioning_requests SET pending = 0, running = 1 WHERE id = {}",
            ids[1], ids[1]
        ),
    );
    let url = format!("{}&application_name=tiersync-leases", app.database_url);
    let lock = |id: i64| format!("SELECT 1 FROM provisioning_requests WHERE id = {id} FOR UPDATE");
    let mut holder = PgConnection::establish(&app.database_url).unwrap();
    let mut observer = PgConnection::establish(&app.database_url).unwrap();
    holder.batch_execute(&format!("BEGIN; {}", lock(ids[0]))).unwrap();
    let leased = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut connection = Database::parse(&url).unwrap().connect(Use::Write).unwrap();
            let at = 1_900_000_000_000_000;
            let taking = Taking {
                worker: "v".to_owned(),
                leases: vec!["a".to_owned(), "b".to_owned()],
                seconds: 60,
                kinds: TargetKind::ALL.to_vec(),
                items: Vec::new(),
                at,
            };
            transaction::begin(&mut connection, None).unwrap();
            let leased = provisioning::lease(&mut connection, &taking, &Rules::default()).unwrap().leased;
            transaction::commit(&mut connection).unwrap();
            leased.len()
        });
        until("the lease waits for the first request", || {
            let waiting: Waiting = diesel::sql_query(
                "SELECT count(*) AS count FROM pg_stat_activity \
                 WHERE application_name = 'tiersync-leases' AND wait_event_type = 'Lock'",
            )
            .get_result(&mut observer)
            .unwrap();
            waiting.count > 0
        });
        holder.batch_execute(&format!("SET LOCAL lock_timeout = '500ms'; {}; COMMIT", lock(ids[1]))).unwrap();
        asking.join().unwrap()
    });
    assert_eq!(leased, 2, "both are taken: the one that came back, too");
}

/// What a reseller's operator learns of a customer that came from another reseller, and of what went to another one.
fn covered(backend: Backend) {
    let (app, token) = crate::moves_guide::world(backend);
    let ours = operator(&app, "north", Role::ResellerAdmin, &[&id(&app, "10")], None);
    let theirs = operator(&app, "harbour", Role::ResellerAdmin, &[&id(&app, "20")], None);
    crate::moves_guide::sells(&app, &token, "10", "OU=North", &[("Mail", "secret-plan", &["north"])]);
    crate::moves_guide::sells(&app, &token, "20", "OU=Harbour", &[("Mail", "silver", &[])]);
    send(&app, &json!({"ID": "12", "Role": "User", "ResellerID": "10"}));
    // A user and a service of a customer that stays go to customers of the other reseller.
    let mail = make(&app, &token, "11", &json!({"name": "Anna's mail", "service": "Mail"}));
    make(&app, &token, "21", &json!({"name": "Mail", "service": "Mail"}));
    let domain = json!({"kind": "domain", "name": "anna.example", "service": "Mail", "plan": "secret-plan",
        "location": "north"});
    let domain = make(&app, &token, "11", &domain);
    let ann = add(&app, &token, "11", &json!({"login": "ann", "services": [mail]}));
    let opened = post(&app, &token, "/provisioning-requests", &json!({"customer": id(&app, "11")})).json();
    let first = text(&opened["id"]).to_owned();
    let named = |token: &str| -> Vec<(Value, Value)> {
        items(&app, token, &first)
            .iter()
            .map(|item| (item["service"]["name"].clone(), item["user"]["login"].clone()))
            .collect()
    };
    let whole = [(json!("anna.example"), Value::Null), (json!("Anna's mail"), json!("ann"))];
    assert_eq!((named(&ours), named(&token)), (whole.to_vec(), whole.to_vec()));
    let mut asked = json!({"from": id(&app, "11"), "to": id(&app, "21"), "users": [ann], "preview": true});
    asked["revision"] = did(&app, &token, "POST", "/moves/users", &asked)["revision"].clone();
    asked["preview"] = json!(false);
    did(&app, &token, "POST", "/moves/users", &asked);
    did(&app, &token, "PATCH", &format!("/users/{ann}"), &json!({"login": "ann@harbour.example"}));
    let gives = format!("/accounts/{}/services/move", id(&app, "11"));
    did(&app, &token, "POST", &gives, &json!({"to": id(&app, "12"), "services": [domain]}));
    assert_eq!(named(&ours)[0].0, json!("anna.example"), "12 is theirs, too");
    // What a move changes is told to who gets the customer, but for where it comes from.
    let gold = json!({"plan": "secret-plan", "location": "north"});
    let mut asked = json!({"customer": id(&app, "12"), "reseller": id(&app, "20"), "preview": true,
        "plans": [{"id": domain, "new_plan": "silver"}]});
    asked["revision"] = did(&app, &token, "POST", "/moves", &asked)["revision"].clone();
    asked["preview"] = json!(false);
    let request = did(&app, &token, "POST", "/moves", &asked)["provisioning_request"].clone();
    assert_eq!(named(&ours), [(Value::Null, Value::Null), (json!("Anna's mail"), Value::Null)]);
    assert_eq!(named(&token)[1].1, json!("ann@harbour.example"));
    let directory = take(&app, &token).into_iter().find(|one| one["item"]["request"] == request).unwrap();
    done(&app, &token, &directory);
    for (token, from) in [(&token, gold), (&theirs, Value::Null)] {
        let told = all(&app, token, "/changes?kind=provisioning.item_pending", 100);
        let item = told.iter().rfind(|one| one["item"]["request"] == request).unwrap()["item"].clone();
        assert_eq!((&item["from"], &item["to"]["plan"]), (&from, &json!("silver")), "{item}");
    }
    let told = format!("{:?}", all(&app, &theirs, "/changes", 100));
    assert!(!told.contains("secret-plan") && !told.contains("OU="), "{told}");
}

#[test]
fn where_things_come_from_and_where_they_went_is_not_for_the_other_reseller() {
    backends().into_iter().for_each(covered);
}
