//! Provisioning requests: opened, taken item by item, reported, tried again, given up, and told to subscribers.

use diesel::connection::SimpleConnection;
use serde_json::{Value, json};
use tiersync::domain::ids::{AccountId, ServiceId};
use tiersync::domain::operator::Role;
use tiersync::domain::provisioning::{ItemKind, MAX_REASON, NewItem, NewRequest, PlanAt, RequestCause};
use tiersync::store::provisioning::{CHAIN, issue, open, running_of_many};
use tiersync::store::{AnyConnection, changes, transaction};

use crate::commands::{items as parsed, receiver};
use crate::commands_binary::{Place, until};
use crate::feed::feed;
use crate::harness::app::MPNID;
use crate::harness::{Backend, Call, Reply, TestApp, backends, config};
use crate::v1::{all, column, get, id, operator, problem, send};

/// Short pauses, so that tests need not wait for long ones.
pub const HASTY: &str = "[provisioning]\nmax_attempts = 2\nretry_seconds = 1\n";

pub fn post(app: &TestApp, token: &str, path: &str, body: &Value) -> Reply {
    Call::new("POST", &format!("/v1{path}"))
        .header("Authorization", format!("Bearer {token}"))
        .header("Content-Type", "application/json")
        .body(body.to_string())
        .send(app)
}

/// What was taken.
#[track_caller]
pub fn lease(app: &TestApp, token: &str, body: &Value) -> Vec<Value> {
    let reply = post(app, token, "/provisioning-requests/lease", body);
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()["items"].as_array().unwrap().clone()
}

pub fn report(app: &TestApp, token: &str, item: &str, body: &Value) -> Reply {
    post(app, token, &format!("/provisioning-items/{item}/report"), body)
}

/// Reports what was taken.
#[track_caller]
fn reported(app: &TestApp, token: &str, leased: &Value, more: &Value) -> Value {
    let mut body = more.clone();
    body["lease"] = leased["lease"].clone();
    let reply = report(app, token, text(&leased["item"]["id"]), &body);
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

pub fn sql(app: &TestApp, sql: &str) {
    match &mut app.database() {
        AnyConnection::Sqlite(sqlite) => sqlite.batch_execute(sql).unwrap(),
        AnyConnection::Postgres(postgres) => postgres.batch_execute(sql).unwrap(),
    }
}

/// Opens a request as a commit of another writer would.
pub fn opened(app: &TestApp, mut request: NewRequest) -> String {
    let connection = &mut app.database();
    transaction::begin(connection, None).unwrap();
    let mut next = issue(connection, request.items.len() + 1).unwrap() - 1;
    request.issue(CHAIN, || {
        next += 1;
        next
    });
    let id = request.id.to_string();
    let entries = open(connection, &[request]).unwrap();
    changes::append(connection, micros(), &entries).unwrap();
    transaction::commit(connection).unwrap();
    id
}

/// Now, in microseconds since 1970.
fn micros() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_micros()).unwrap()
}

/// A request of customer `0-2` with the directory and so many services, of which nothing else is known.
pub fn some(services: i64, directory: bool) -> NewRequest {
    let service = |at| {
        let kind = ItemKind::Service { service: ServiceId::issue(5, at) };
        NewItem::new(kind, PlanAt::new("gold", ""), PlanAt::new("gold-2", "eu"))
    };
    let mut items: Vec<NewItem> = (1..=services).map(service).collect();
    if directory {
        items.push(NewItem::directory(Some("OU=North".to_owned()), Some("OU=South".to_owned())));
    }
    NewRequest::new(AccountId::parse("0-2").unwrap(), RequestCause::Move, micros(), items)
}

/// A reseller and two customers of it: `0-1`, `0-2` and `0-4`. The token is a provider_admin's.
pub fn start(backend: Backend, more: &str) -> (TestApp, String) {
    let app = TestApp::with(backend, &config("", &format!("{MPNID}{more}")));
    let token = operator(&app, "vendor", Role::ProviderAdmin, &[], None);
    people(&app);
    (app, token)
}

fn people(app: &TestApp) {
    send(app, &json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}));
    send(app, &json!({"ID": "11", "Role": "User", "ResellerID": "10", "Name": "Bakery"}));
    send(app, &json!({"ID": "12", "Role": "User", "ResellerID": "10", "Name": "Florist"}));
}

/// Two services of customer `11`, and two users: both have the first one, nobody the second.
fn services(app: &TestApp) {
    for (name, location) in [("Mail", "eu"), ("Backup", "")] {
        let body = json!({"Account": {"ID": "11", "Role": "User", "ResellerID": "10"}, "SubscriptionID": name,
            "Name": name, "ServiceType": name, "ProductID": format!("{name}-gold"), "Location": location});
        let reply = Call::post("Subscriptions/Create", body.to_string()).send(app);
        assert_eq!(reply.code(), 0, "{}", reply.body);
    }
    let account = id(app, "11");
    let account = AccountId::parse(&account).unwrap().0;
    for (user, login) in [(1, "anna"), (2, "bob")] {
        sql(
            app,
            &format!(
                "INSERT INTO users (id, account_id, login, name, email, status, created_at, changed_at, revision) \
                 VALUES ({user}, {account}, '{login}', '', '', 'active', 1, 1, 1); \
                 INSERT INTO user_services (user_id, service_id) SELECT {user}, MIN(id) FROM services"
            ),
        );
    }
}

fn whole(backend: Backend) {
    let (app, token) = start(backend, "");
    services(&app);
    let customer = id(&app, "11");
    let opened = post(&app, &token, "/provisioning-requests", &json!({"customer": customer, "reason": "new  cluster"}));
    assert_eq!(opened.status, 200, "{}", opened.body);
    let request = opened.json();
    assert_eq!((&request["state"], &request["percent"], &request["items"]), (&json!("pending"), &json!(0), &json!(3)));
    assert_eq!((&request["cause"], &request["reason"]), (&json!("manual"), &json!("new  cluster")));
    assert_eq!((&request["customer"]["name"], &request["customer"]["platform_id"]), (&json!("Bakery"), &json!("11")));
    let path = format!("/provisioning-requests/{}", text(&request["id"]));
    assert_eq!(opened.header("etag"), get(&app, &token, &path).header("etag"));
    let items = all(&app, &token, &format!("{path}/items"), 2);
    let shown: Vec<(&Value, &Value, &Value, &Value)> = items
        .iter()
        .map(|item| (&item["kind"], &item["service"]["name"], &item["user"]["login"], &item["to"]["plan"]))
        .collect();
    assert_eq!(
        shown,
        [
            (&json!("service"), &json!("Backup"), &Value::Null, &json!("Backup-gold")),
            (&json!("user"), &json!("Mail"), &json!("anna"), &json!("Mail-gold")),
            (&json!("user"), &json!("Mail"), &json!("bob"), &json!("Mail-gold")),
        ]
    );
    assert_eq!(items[1]["from"], json!({"plan": "Mail-gold", "location": "eu"}));
    // One that is done, one that is at work, one that failed.
    let taken = lease(&app, &token, &json!({"worker": "w1", "limit": 3, "seconds": 60}));
    assert_eq!(column(&taken.iter().map(|one| one["item"].clone()).collect::<Vec<_>>(), "id"), column(&items, "id"));
    assert_eq!(taken[0]["account"]["external_id"], request["customer"]["external_id"]);
    let both = ["0-1", customer.as_str()].map(|one| AccountId::parse(one).unwrap());
    let running = running_of_many(&mut app.database(), &both).unwrap();
    assert_eq!(running, [both[1]].into());
    let done = reported(&app, &token, &taken[0], &json!({"state": "done"}));
    assert_eq!((&done["state"], &done["attempt"]), (&json!("done"), &json!(1)));
    let failed = reported(&app, &token, &taken[1], &json!({"state": "failed", "reason": "no\nmailbox"}));
    assert_eq!((&failed["state"], &failed["reason"]), (&json!("failed"), &json!("no mailbox")));
    let state = get(&app, &token, &path).json();
    assert_eq!(state["state"], "running");
    for (name, count) in [("percent", 33), ("pending", 0), ("running", 1), ("done", 1), ("failed", 1), ("cancelled", 0)]
    {
        assert_eq!(state[name], count, "{name}: {state}");
    }
    let extended = reported(&app, &token, &taken[2], &json!({"state": "running"}));
    assert!(text(&extended["lease_until"]) >= text(&taken[2]["item"]["lease_until"]), "{extended}");
    reported(&app, &token, &taken[2], &json!({"state": "done"}));
    let state = get(&app, &token, &path).json();
    assert_eq!((&state["state"], &state["percent"]), (&json!("failed"), &json!(66)));
    assert!(state["started_at"].is_string() && state["finished_at"].is_string(), "{state}");
    assert_eq!(all(&app, &token, &format!("{path}/items?state=failed"), 5)[0]["reason"], "no mailbox");
    // The failed one again.
    let again = post(&app, &token, &format!("{path}/retry"), &json!({})).json();
    assert_eq!((&again["state"], &again["pending"]), (&json!("running"), &json!(1)));
    problem(&post(&app, &token, &format!("{path}/retry"), &json!({})), 409, "conflict");
    let taken = lease(&app, &token, &json!({"worker": "w2"}));
    assert_eq!((taken.len(), &taken[0]["attempt"]), (1, &json!(2)));
    reported(&app, &token, &taken[0], &json!({"state": "done"}));
    let state = get(&app, &token, &path).json();
    assert_eq!((&state["state"], &state["percent"], &state["done"]), (&json!("done"), &json!(100), &json!(3)));
    let item = get(&app, &token, &format!("/provisioning-items/{}", text(&taken[0]["item"]["id"]))).json();
    let history: Vec<(&Value, &Value, &Value)> = item["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["attempt"], &one["worker"], &one["state"]))
        .collect();
    assert_eq!(history, [(&json!(2), &json!("w2"), &json!("done")), (&json!(1), &json!("w1"), &json!("failed"))]);
    assert!(!item.to_string().contains(text(&taken[0]["lease"])), "a lease is told to who takes it alone");
    problem(&post(&app, &token, &format!("{path}/cancel"), &json!({"reason": "late"})), 409, "conflict");
    let told: Vec<String> = feed(&app, &token)
        .iter()
        .map(|one| text(&one["kind"]).to_owned())
        .filter(|kind| kind.starts_with("provisioning."))
        .collect();
    let pending = "provisioning.item_pending";
    assert_eq!(
        told,
        ["provisioning.opened", pending, pending, pending, "provisioning.failed", pending, "provisioning.done",]
    );
    let audit = column(&all(&app, &token, "/audit", 50), "action");
    assert_eq!(audit, ["provisioning.retry", "provisioning.open"]);
    let metrics = app.get("/metrics").body;
    for line in [
        "tiersync_provisioning_leases_total 4",
        "tiersync_provisioning_reports_total{state=\"done\"} 3",
        "state=\"failed\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[test]
fn a_customer_is_provisioned_again_item_by_item() {
    backends().into_iter().for_each(whole);
}

fn directory(backend: Backend) {
    let (app, token) = start(backend, HASTY);
    let request = opened(&app, some(3, true));
    let path = format!("/provisioning-requests/{request}");
    let items = all(&app, &token, &format!("{path}/items"), 10);
    let waits: Vec<bool> = items.iter().map(|item| item["waits_for_directory"].as_bool().unwrap()).collect();
    assert_eq!((waits, &items[0]["kind"]), (vec![false, true, true, true], &json!("directory")));
    assert_eq!((&items[0]["from_ou"], &items[0]["to_ou"]), (&json!("OU=North"), &json!("OU=South")));
    let nothing = lease(&app, &token, &json!({"worker": "w", "kinds": ["service", "user"]}));
    assert!(nothing.is_empty(), "{nothing:?}");
    let early = report(&app, &token, text(&items[1]["id"]), &json!({"state": "done"}));
    problem(&early, 409, "conflict");
    assert!(early.body.contains("directory"), "{}", early.body);
    let first = lease(&app, &token, &json!({"worker": "w", "limit": 50}));
    assert_eq!(first.len(), 1, "{first:?}");
    // It fails for good: nothing goes on by itself, and the whole says so.
    reported(&app, &token, &first[0], &json!({"state": "failed", "reason": "no such OU"}));
    let state = get(&app, &token, &path).json();
    assert_eq!((&state["state"], &state["pending"]), (&json!("failed"), &json!(3)));
    assert!(lease(&app, &token, &json!({"worker": "w"})).is_empty());
    assert_eq!(post(&app, &token, &format!("{path}/retry"), &json!({})).json()["state"], "running");
    let first = lease(&app, &token, &json!({"worker": "w", "limit": 50}));
    assert_eq!(first.len(), 1, "{first:?}");
    reported(&app, &token, &first[0], &json!({"state": "done"}));
    assert_eq!(lease(&app, &token, &json!({"worker": "w", "limit": 50})).len(), 3);
    // Whoever hears of them as events hears of the others once they may be done, and of no personal data.
    let told: Vec<Value> = feed(&app, &token).into_iter().filter(|one| one["item"].is_object()).collect();
    let kinds: Vec<&Value> = told.iter().map(|one| &one["item"]["kind"]).collect();
    assert_eq!(
        kinds,
        [&json!("directory"), &json!("directory"), &json!("service"), &json!("service"), &json!("service")]
    );
    assert_eq!(
        told[2]["item"],
        json!({"id": items[1]["id"], "request": request, "attempt": 1, "kind": "service", "service": "5-1", "user": null,
            "from": {"plan": "gold", "location": ""}, "to": {"plan": "gold-2", "location": "eu"}})
    );
    assert!(!json!(told).to_string().contains("OU="));
}

#[test]
fn the_directory_comes_before_everything_else() {
    backends().into_iter().for_each(directory);
}

/// Lets every lease run out now.
pub fn run_out(app: &TestApp) {
    sql(app, "UPDATE provisioning_items SET lease_until = 5 WHERE state = 'running'");
}

fn leases(backend: Backend) {
    let (app, token) = start(backend, HASTY);
    let request = opened(&app, some(1, false));
    let path = format!("/provisioning-requests/{request}");
    let first = lease(&app, &token, &json!({"worker": "slow"})).remove(0);
    let item = text(&first["item"]["id"]).to_owned();
    run_out(&app);
    let second = lease(&app, &token, &json!({"worker": "quick"})).remove(0);
    assert_eq!((&second["item"]["id"], &second["attempt"]), (&first["item"]["id"], &json!(2)));
    for state in ["done", "failed", "running"] {
        let late = report(&app, &token, &item, &json!({"lease": first["lease"], "state": state}));
        problem(&late, 409, "conflict");
        assert!(late.body.contains("quick") && late.body.contains("attempt 2"), "{}", late.body);
    }
    assert_eq!(get(&app, &token, &path).json()["running"], 1, "nothing is recorded of it");
    let done = json!({"lease": second["lease"], "state": "done"});
    let answers: Vec<String> = (0..3).map(|_| report(&app, &token, &item, &done).body).collect();
    assert!(answers[0].contains("\"state\":\"done\"") && answers.iter().all(|one| *one == answers[0]), "{answers:?}");
    let other = report(&app, &token, &item, &json!({"lease": second["lease"], "state": "failed"}));
    problem(&other, 409, "conflict");
    problem(&report(&app, &token, &item, &json!({"lease": "made up", "state": "done"})), 409, "conflict");
    let shown = get(&app, &token, &format!("/provisioning-items/{item}")).json();
    let states: Vec<&Value> = shown["history"].as_array().unwrap().iter().map(|one| &one["state"]).collect();
    assert_eq!(states, [&json!("done"), &json!("ran_out")]);
    let events = || {
        let told = feed(&app, &token);
        told.iter().filter(|one| one["kind"] == "provisioning.done").count()
    };
    assert_eq!(events(), 1, "reported three times, done once");
    // One that nobody takes meanwhile counts late: the work was done once.
    let request = opened(&app, some(1, false));
    let late = lease(&app, &token, &json!({"worker": "slow"})).remove(0);
    run_out(&app);
    until("it waits again", || get(&app, &token, &format!("/provisioning-requests/{request}")).json()["pending"] == 1);
    reported(&app, &token, &late, &json!({"state": "done"}));
    assert_eq!(get(&app, &token, &format!("/provisioning-requests/{request}")).json()["state"], "done");
    // As often as it may be tried, and no more: without anybody asking, since a task looks.
    let request = opened(&app, some(1, false));
    for _ in 0..2 {
        until("it may be taken", || !lease(&app, &token, &json!({"worker": "dies"})).is_empty());
        run_out(&app);
    }
    let path = format!("/provisioning-requests/{request}");
    until("it failed", || get(&app, &token, &path).json()["state"] == "failed");
    let item = all(&app, &token, &format!("{path}/items"), 5).remove(0);
    assert_eq!((&item["attempts"], &item["reason"]), (&json!(2), &json!("the lease of dies ran out")));
}

#[test]
fn a_lease_that_runs_out_goes_back_and_its_report_counts_only_if_nobody_took_over() {
    backends().into_iter().for_each(leases);
}

fn retries(backend: Backend) {
    let (app, token) = start(backend, HASTY);
    let request = opened(&app, some(2, false));
    let path = format!("/provisioning-requests/{request}");
    let taken = lease(&app, &token, &json!({"worker": "w"}));
    let again = json!({"state": "failed", "reason": "busy", "retry": true});
    let answer = reported(&app, &token, &taken[0], &again);
    assert_eq!(answer["state"], "pending");
    assert!(text(&answer["next_try"]) > text(&answer["reported_at"]), "{answer}");
    assert!(lease(&app, &token, &json!({"worker": "w"})).is_empty(), "it rests, and the other one is at work");
    assert_eq!(reported(&app, &token, &taken[0], &again), answer);
    // Who waits for something gets it when its pause is over.
    let second = lease(&app, &token, &json!({"worker": "w", "wait": 30})).remove(0);
    assert_eq!((&second["item"]["id"], &second["attempt"]), (&taken[0]["item"]["id"], &json!(2)));
    // The second of two attempts is the last one.
    assert_eq!(reported(&app, &token, &second, &again)["state"], "failed");
    assert_eq!(get(&app, &token, &path).json()["failed"], 1);
    // Asked for again, it has two more; then it is given up while somebody is at work on it.
    post(&app, &token, &format!("{path}/retry"), &json!({}));
    let third = lease(&app, &token, &json!({"worker": "w"})).remove(0);
    let why = json!({"reason": "the customer left"});
    let cancelled = post(&app, &token, &format!("{path}/cancel"), &why).json();
    assert_eq!((&cancelled["state"], &cancelled["running"]), (&json!("running"), &json!(2)));
    assert_eq!(post(&app, &token, &format!("{path}/cancel"), &json!({"reason": "again"})).json(), cancelled);
    assert_eq!(reported(&app, &token, &third, &again)["state"], "cancelled", "nobody tries it again");
    reported(&app, &token, &taken[1], &json!({"state": "done"}));
    let state = get(&app, &token, &path).json();
    assert_eq!((&state["state"], &state["percent"]), (&json!("cancelled"), &json!(100)));
    assert_eq!((&state["cancelled_why"], &state["done"]), (&json!("the customer left"), &json!(1)));
    let refused = post(&app, &token, &format!("{path}/retry"), &json!({}));
    problem(&refused, 409, "conflict");
    assert!(refused.body.contains("the customer left"), "{}", refused.body);
    // What waits is given up at once, and what failed with it.
    let request = opened(&app, some(3, true));
    let path = format!("/provisioning-requests/{request}");
    let taken = lease(&app, &token, &json!({"worker": "w"}));
    reported(&app, &token, &taken[0], &json!({"state": "failed"}));
    let cancelled = post(&app, &token, &format!("{path}/cancel"), &why).json();
    assert_eq!((&cancelled["state"], &cancelled["cancelled"]), (&json!("cancelled"), &json!(4)));
    assert!(lease(&app, &token, &json!({"worker": "w"})).is_empty());
    let kinds = column(&feed(&app, &token), "kind");
    assert_eq!(kinds.iter().filter(|kind| *kind == "provisioning.cancelled").count(), 2, "{kinds:?}");
}

#[test]
fn what_fails_is_tried_again_until_it_is_enough_or_given_up() {
    backends().into_iter().for_each(retries);
}

fn events(backend: Backend) {
    let (app, token) = start(backend, HASTY);
    let other = operator(&app, "other", Role::Provisioner, &[], None);
    let request = opened(&app, some(3, false));
    let path = format!("/provisioning-requests/{request}");
    let told = |app: &TestApp| -> Vec<Value> {
        feed(app, &token).into_iter().map(|one| one["item"].clone()).filter(Value::is_object).collect()
    };
    let items = told(&app);
    assert_eq!(items.len(), 3);
    let of = |at: usize| text(&items[at]["id"]).to_owned();
    // The first report wins; the same again is the same, and somebody else's is refused.
    let done = json!({"state": "done", "attempt": items[0]["attempt"]});
    let first = report(&app, &other, &of(0), &done);
    assert_eq!((first.status, &first.json()["state"]), (200, &json!("done")), "{}", first.body);
    assert_eq!(report(&app, &other, &of(0), &done).body, first.body);
    assert_eq!(report(&app, &other, &of(0), &json!({"state": "done"})).body, first.body);
    for contradicting in [json!({"state": "failed", "attempt": 1}), json!({"state": "done", "attempt": 2})] {
        problem(&report(&app, &other, &of(0), &contradicting), 409, "conflict");
    }
    problem(&report(&app, &token, &of(0), &done), 409, "conflict");
    assert_eq!(get(&app, &token, &path).json()["done"], 1);
    // It fails, is told of once more when its pause is over, and fails again: two attempts, not one told twice.
    let failed = |attempt: i64| json!({"state": "failed", "reason": "busy", "retry": true, "attempt": attempt});
    assert_eq!(report(&app, &other, &of(1), &failed(1)).json()["state"], "pending");
    until("it is told again", || told(&app).iter().any(|one| one["id"] == items[1]["id"] && one["attempt"] == 2));
    let answer = report(&app, &other, &of(1), &failed(1)).json();
    assert_eq!((&answer["state"], &answer["attempt"]), (&json!("pending"), &json!(1)), "the first one, told late");
    assert_eq!(report(&app, &other, &of(1), &failed(2)).json()["state"], "failed");
    // What somebody took by lease is not for others, until the lease runs out.
    let taken = lease(&app, &token, &json!({"worker": "w", "items": [of(2)], "seconds": 600}));
    assert_eq!(taken.len(), 1);
    for attempt in [json!(1), json!(2), Value::Null] {
        let refused = report(&app, &other, &of(2), &json!({"state": "done", "attempt": attempt}));
        problem(&refused, 409, "conflict");
    }
    problem(&report(&app, &other, &of(2), &json!({"state": "running"})), 409, "conflict");
    assert!(lease(&app, &other, &json!({"worker": "v", "items": [of(2)]})).is_empty());
    reported(&app, &token, &taken[0], &json!({"state": "done"}));
    let state = get(&app, &token, &path).json();
    assert_eq!((&state["done"], &state["failed"], &state["state"]), (&json!(2), &json!(1), &json!("failed")));
}

#[test]
fn who_hears_of_items_as_events_reports_without_a_lease() {
    backends().into_iter().for_each(events);
}

fn later(backend: Backend) {
    let (app, token) = start(backend, "");
    let first = opened(&app, some(2, true));
    let state = |id: &str| get(&app, &token, &format!("/provisioning-requests/{id}")).json();
    // Nobody began: the later request takes its place, from where things really are.
    let mut second = some(2, true);
    for item in &mut second.items {
        match &mut item.kind {
            ItemKind::Directory { from_ou, to_ou } => {
                (*from_ou, *to_ou) = (Some("OU=South".to_owned()), Some("OU=West".to_owned()));
            }
            _ => (item.from, item.to) = (PlanAt::new("gold-2", "eu"), PlanAt::new("gold-3", "")),
        }
    }
    let second = opened(&app, second);
    let before = state(&first);
    assert_eq!((&before["state"], &before["cancelled"]), (&json!("cancelled"), &json!(3)));
    assert_eq!(before["cancelled_why"], "superseded");
    let items = all(&app, &token, &format!("/provisioning-requests/{second}/items"), 10);
    assert_eq!((&items[0]["from_ou"], &items[0]["to_ou"]), (&json!("OU=North"), &json!("OU=West")));
    assert_eq!((&items[1]["from"]["plan"], &items[1]["to"]["plan"]), (&json!("gold"), &json!("gold-3")));
    // Somebody is at work on the directory: that goes on, and what comes later waits for it.
    let at_work = lease(&app, &token, &json!({"worker": "w"})).remove(0);
    let third = opened(&app, some(1, true));
    let before = state(&second);
    assert_eq!((&before["state"], &before["running"], &before["cancelled"]), (&json!("running"), &json!(1), &json!(2)));
    assert!(lease(&app, &token, &json!({"worker": "v"})).is_empty());
    reported(&app, &token, &at_work, &json!({"state": "done"}));
    assert_eq!(state(&second)["state"], "cancelled");
    let next = lease(&app, &token, &json!({"worker": "v"})).remove(0);
    assert_eq!((&next["item"]["request"], &next["item"]["kind"]), (&json!(third), &json!("directory")));
    reported(&app, &token, &next, &json!({"state": "done"}));
    // A request about some services takes the place of what waits for those alone.
    let mut part = some(2, false);
    part.cause = RequestCause::Products;
    part.items.remove(0);
    let part = opened(&app, part);
    assert_eq!((&state(&third)["pending"], &state(&part)["pending"]), (&json!(1), &json!(1)));
    let mut same = some(1, false);
    same.cause = RequestCause::Products;
    let same = opened(&app, same);
    assert_eq!((&state(&third)["pending"], &state(&third)["cancelled"]), (&json!(0), &json!(1)));
    assert_eq!((&state(&part)["pending"], &state(&same)["pending"]), (&json!(1), &json!(1)));
}

#[test]
fn a_later_request_takes_the_place_of_what_waits() {
    backends().into_iter().for_each(later);
}

fn lists(backend: Backend) {
    let (app, token) = start(backend, "");
    let first = opened(&app, some(1, false));
    let customer = NewRequest { customer: AccountId::parse("0-4").unwrap(), move_id: Some(7), ..some(1, false) };
    let second = opened(&app, customer);
    let third = opened(&app, NewRequest { at: 5, ..some(1, false) });
    let ids = |query: &str| column(&all(&app, &token, &format!("/provisioning-requests{query}"), 1), "id");
    assert_eq!(ids("?since=2020-01-01&customer=0-2"), [first.as_str()]);
    let mut newest = [first.clone(), second.clone()];
    newest.sort();
    let mut found = ids("");
    assert_eq!(found.pop().as_ref(), Some(&third), "opened long ago");
    found.sort();
    assert_eq!(found, newest);
    assert_eq!(ids("?customer=0-4"), [second.as_str()]);
    assert_eq!(ids("?move=0-7"), [second.as_str()]);
    assert_eq!(ids("?state=cancelled"), [first.as_str()]);
    assert_eq!(ids("?cause=move&state=pending").len(), 2);
    assert!(ids("?cause=users").is_empty() && ids("?customer=0-99").is_empty() && ids("?state=done").is_empty());
    for wrong in ["state=open", "cause=sync", "move=x", "since=soon", "limit=0", "after=x", "colour=red"] {
        problem(&get(&app, &token, &format!("/provisioning-requests?{wrong}")), 400, "bad_request");
    }
    for nobody in ["/provisioning-requests/0-99", "/provisioning-requests/x/items", "/provisioning-items/0-99"] {
        problem(&get(&app, &token, nobody), 404, "not_found");
    }
}

#[test]
fn requests_are_filtered_and_paged() {
    backends().into_iter().for_each(lists);
}

fn refusals(backend: Backend) {
    let (app, token) = start(backend, "");
    let lease = |body: &Value| post(&app, &token, "/provisioning-requests/lease", body);
    for wrong in [
        json!({}),
        json!({"worker": " "}),
        json!({"worker": "w".repeat(129)}),
        json!({"worker": "w", "limit": 0}),
        json!({"worker": "w", "limit": 201}),
        json!({"worker": "w", "seconds": 0}),
        json!({"worker": "w", "seconds": 86_401}),
        json!({"worker": "w", "wait": 31}),
        json!({"worker": "w", "kinds": []}),
        json!({"worker": "w", "kinds": ["mailbox"]}),
        json!({"worker": "w", "items": []}),
        json!({"worker": "w", "items": ["x"]}),
        json!({"worker": "w", "tenant": "x"}),
    ] {
        problem(&lease(&wrong), 400, "bad_request");
    }
    let item = {
        let request = opened(&app, some(1, false));
        all(&app, &token, &format!("/provisioning-requests/{request}/items"), 5).remove(0)
    };
    let of = text(&item["id"]);
    for wrong in [
        json!({}),
        json!({"state": "finished"}),
        json!({"state": "done", "retry": true}),
        json!({"state": "done", "lease": ""}),
        json!({"state": "done", "lease": 7}),
    ] {
        problem(&report(&app, &token, of, &wrong), 400, "bad_request");
    }
    problem(&report(&app, &token, "0-99", &json!({"state": "done"})), 404, "not_found");
    // A long reason is cut rather than refused: what happened has happened.
    let answer = report(&app, &token, of, &json!({"state": "failed", "reason": "x".repeat(5_000)})).json();
    assert_eq!(text(&answer["reason"]).len(), MAX_REASON);
    for (body, status, code) in [
        (json!({}), 400, "bad_request"),
        (json!({"customer": "0-99"}), 404, "not_found"),
        (json!({"customer": "0-2"}), 409, "conflict"),
        (json!({"customer": "0-2", "reason": "x".repeat(1_001)}), 400, "bad_request"),
    ] {
        problem(&post(&app, &token, "/provisioning-requests", &body), status, code);
    }
    let path = format!("/provisioning-requests/{}", text(&item["request"]));
    problem(&post(&app, &token, &format!("{path}/cancel"), &json!({})), 400, "bad_request");
    problem(&post(&app, &token, "/provisioning-requests/0-99/cancel", &json!({"reason": "x"})), 404, "not_found");
    problem(&post(&app, &token, "/provisioning-requests/0-99/retry", &json!({})), 404, "not_found");
}

#[test]
fn what_makes_no_sense_is_refused_with_what_to_do() {
    backends().into_iter().for_each(refusals);
}

fn roles(backend: Backend) {
    let (app, token) = start(backend, "");
    send(&app, &json!({"ID": "20", "Role": "Reseller", "Name": "Contoso"}));
    let request = opened(&app, some(1, true));
    let path = format!("/provisioning-requests/{request}");
    let item = column(&all(&app, &token, &format!("{path}/items"), 5), "id").remove(0);
    let provisioner = operator(&app, "machine", Role::Provisioner, &[], None);
    let viewer = operator(&app, "viewer", Role::Viewer, &[], None);
    let ours = operator(&app, "ours", Role::ResellerAdmin, &["0-1"], None);
    let theirs = operator(&app, "theirs", Role::ResellerAdmin, &[&id(&app, "20")], None);
    // Who it is that asks decides before what is asked for.
    for token in [&viewer, &ours, &theirs] {
        problem(&post(&app, token, "/provisioning-requests/lease", &json!({})), 403, "forbidden");
        problem(&report(&app, token, &item, &json!({})), 403, "forbidden");
    }
    for token in [&viewer, &ours, &theirs, &provisioner] {
        for change in ["/provisioning-requests".to_owned(), format!("{path}/retry"), format!("{path}/cancel")] {
            problem(&post(&app, token, &change, &json!({})), 403, "forbidden");
        }
        problem(
            &Call::new("DELETE", "/v1/accounts/0-2").header("Authorization", format!("Bearer {token}")).send(&app),
            403,
            "forbidden",
        );
    }
    for token in [&viewer, &provisioner, &ours] {
        assert_eq!(get(&app, token, &path).json()["items"], 2);
        assert_eq!(all(&app, token, "/provisioning-requests", 5).len(), 1);
    }
    for path in [path.clone(), format!("{path}/items"), format!("/provisioning-items/{item}")] {
        problem(&get(&app, &theirs, &path), 404, "not_found");
    }
    assert!(all(&app, &theirs, "/provisioning-requests", 5).is_empty());
    // Where it was names the former reseller; where it goes, the one that sees it.
    for (token, from) in [(&provisioner, json!("OU=North")), (&ours, Value::Null)] {
        let items = all(&app, token, &format!("{path}/items"), 5);
        assert_eq!((&items[0]["from_ou"], &items[0]["to_ou"]), (&from, &json!("OU=South")));
        // The plan that it was on is of the former reseller's list.
        assert_eq!((items[1]["from"].is_null(), items[1]["to"].is_null()), (from.is_null(), false), "{items:?}");
    }
    let taken = lease(&app, &provisioner, &json!({"worker": "w"})).remove(0);
    reported(&app, &provisioner, &taken, &json!({"state": "done"}));
    // The customer goes to another reseller: the one before sees nothing of it, the new one what is opened from then on.
    send(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "20", "Name": "Bakery"}));
    let second = opened(&app, NewRequest { at: micros(), ..some(1, false) });
    assert!(all(&app, &ours, "/provisioning-requests", 5).is_empty());
    assert_eq!(column(&all(&app, &theirs, "/provisioning-requests", 5), "id"), [second]);
}

#[test]
fn each_role_sees_and_does_what_it_may() {
    backends().into_iter().for_each(roles);
}

fn erased(backend: Backend) {
    let (app, token) = start(backend, "");
    let mut request = some(2, false);
    request.reason = Some("Zebulon asked".to_owned());
    let request = opened(&app, request);
    let taken = lease(&app, &token, &json!({"worker": "w", "limit": 1}));
    reported(&app, &token, &taken[0], &json!({"state": "failed", "reason": "no mailbox of Zebulon"}));
    let erase = Call::new("DELETE", "/v1/accounts/0-2?erase=true").header("Authorization", format!("Bearer {token}"));
    let erased = erase.send(&app);
    assert!(matches!(erased.status, 200 | 204), "{}", erased.body);
    let path = format!("/provisioning-requests/{request}");
    let state = get(&app, &token, &path).json();
    assert_eq!((&state["state"], &state["cancelled_why"]), (&json!("cancelled"), &json!("erased")));
    let items = all(&app, &token, &format!("{path}/items"), 5);
    let first = get(&app, &token, &format!("/provisioning-items/{}", text(&taken[0]["item"]["id"]))).json();
    for told in [state, json!(items), first] {
        assert!(!told.to_string().contains("Zebulon"), "{told}");
    }
    assert!(column(&feed(&app, &token), "kind").contains(&"provisioning.cancelled".to_owned()));
}

#[test]
fn an_erased_customer_is_not_provisioned_and_nothing_personal_is_left() {
    backends().into_iter().for_each(erased);
}

#[test]
fn the_command_line_shows_and_manages_requests() {
    for backend in backends() {
        let toml = config("", &format!("{MPNID}{HASTY}"));
        let place = Place::with(backend, &toml);
        let app = receiver(&place, &toml);
        people(&app);
        services(&app);
        let token = operator(&app, "vendor", Role::ProviderAdmin, &[], None);
        assert!(place.fine(&["provisioning", "list"]).contains("nothing found"));
        let said = place.fine(&["provisioning", "open", "11", "--reason", "new cluster"]);
        let request = said.split(' ').next().unwrap().to_owned();
        let list = parsed(&place.fine(&["provisioning", "list", "--format", "json"]));
        assert_eq!(list[0], get(&app, &token, &format!("/provisioning-requests/{request}")).json());
        assert_eq!(parsed(&place.fine(&["provisioning", "show", &request, "--format", "json"])), list);
        let shown = place.fine(&["provisioning", "show", &request]);
        assert!(shown.contains("new cluster") && shown.contains("Bakery"), "{shown}");
        let table = place.fine(&["provisioning", "items", &request]);
        assert!(table.contains("anna") && table.contains("Mail-gold at eu") && table.contains("Backup"), "{table}");
        let taken = lease(&app, &token, &json!({"worker": "w", "limit": 1}));
        reported(&app, &token, &taken[0], &json!({"state": "failed", "reason": "full"}));
        let failed = parsed(&place.fine(&["provisioning", "items", &request, "--state", "failed", "--format", "json"]));
        assert_eq!((failed.len(), &failed[0]["reason"]), (1, &json!("full")));
        assert!(place.fine(&["provisioning", "retry", &request]).contains("1 failed items"));
        place.run(&["provisioning", "retry", &request]).failed(1, "nothing to try again");
        let listed = |filter: &[&str]| {
            let arguments = [&["provisioning", "list", "--format", "json"], filter].concat();
            parsed(&place.fine(&arguments)).len()
        };
        assert_eq!(
            listed(&["--state", "running", "--customer", "11", "--cause", "manual", "--since", "2020-01-01"]),
            1
        );
        assert_eq!(listed(&["--move", "0-1"]), 0);
        assert!(place.fine(&["provisioning", "cancel", &request, "--reason", "moved on"]).contains("3 items"));
        assert_eq!(listed(&["--state", "cancelled"]), 1);
        place.run(&["provisioning", "retry", &request]).failed(1, "moved on");
        place.run(&["provisioning", "show", "0-99"]).failed(1, "no such provisioning request");
        assert_eq!(place.run(&["provisioning", "show", "x"]).code, 2);
        place.run(&["provisioning", "open", "12"]).failed(1, "nothing to provision");
        place.run(&["provisioning", "cancel", &request, "--reason", " "]).failed(2, "--reason");
    }
}
