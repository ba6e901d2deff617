//! A reseller_admin sees its resellers and their customers, and nothing that tells of anybody else, on any route. The
//! routes come from the API's own description, so that a new one is tried too.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tiersync::domain::account::AccountKind;
use tiersync::domain::ids::AccountId;
use tiersync::domain::msp::shown;
use tiersync::domain::operator::Role;

use crate::harness::app::MPNID;
use crate::harness::{Backend, Call, Reply, TestApp, backends, config};
use crate::moves_guide::did;
use crate::standing::{patch, write};
use crate::v1::{all, column, get, id, operator, problem, send};

/// Their partner and their tenant are within it.
const CLOUD: &str = "[extremecloud]\nsource = \"eu\"\n";

/// Nobody listens there.
const SUBSCRIBER: &str = "[[subscriber]]\nid = \"crm\"\nurl = \"https://127.0.0.1:9/\"\nallow_private = true\n\
                          secret = \"whsec_b3VyLW93bi1zZWNyZXQtb2YtdGhlLXRlc3RzLTEyMw==\"\n";

/// Ours: 10, with 11 and 12; from theirs came M1, to theirs went M2. Theirs: their reseller and their customer.
struct World {
    app: TestApp,
    token: String,
    everything: String,
    /// Nothing of this may be seen.
    secrets: Vec<String>,
    /// The accounts that are theirs: ids and ExternalIDs.
    theirs: Vec<String>,
    /// A service of ours, and one of theirs.
    services: [String; 2],
    /// Provisioning of ours, and of theirs: a request, and its item.
    provisioning: [[String; 2]; 2],
    /// A move that we asked for, and one of theirs.
    moves: [String; 2],
    /// A user of ours, and one of theirs.
    users: [String; 2],
    /// A site of ours, and one of theirs.
    sites: [String; 2],
    /// A probe of ours, and one of theirs.
    probes: [String; 2],
}

fn world(backend: Backend) -> World {
    let app = TestApp::with(backend, &config("", &format!("{MPNID}\n{SUBSCRIBER}\n{CLOUD}")));
    let token = operator(&app, "ours", Role::ResellerAdmin, &["0-1"], None);
    let everything = operator(&app, "all", Role::ProviderAdmin, &[], None);
    send(&app, &json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}));
    let their_reseller = send(
        &app,
        &json!({"ID": "THEIR-RESELLER", "Role": "Reseller", "Name": "TheirName", "Email": "their@mail.example"}),
    );
    send(
        &app,
        &json!({"ID": "11", "Role": "User", "ResellerID": "10", "Name": "Bakery", "SyncOptions": {"MPNID": "11111"}}),
    );
    send(&app, &json!({"ID": "12", "Role": "User", "ResellerID": "10", "Name": "Florist"}));
    let their_customer = send(
        &app,
        &json!({"ID": "THEIR-CUSTOMER", "Role": "User", "ResellerID": "THEIR-RESELLER", "Name": "TheirCustomerName",
            "SyncOptions": {"MPNID": "77777", "Plan": "theirplan"}}),
    );
    send(
        &app,
        &json!({"ID": "M1", "Role": "User", "ResellerID": "THEIR-RESELLER", "Name": "Came", "SyncOptions": {"MPNID": "77777"}}),
    );
    // While it was theirs, a call about it that names nobody.
    assert_eq!(Call::post("Accounts/Exists", r#"{"ID":"M1"}"#).send(&app).code(), 1);
    send(
        &app,
        &json!({"ID": "M1", "Role": "User", "ResellerID": "10", "Name": "Came", "SyncOptions": {"MPNID": "11111"}}),
    );
    send(&app, &json!({"ID": "M2", "Role": "User", "ResellerID": "10", "Name": "WentAway"}));
    let went = send(
        &app,
        &json!({"ID": "M2", "Role": "User", "ResellerExternalID": their_reseller, "ResellerID": "THEIR-RESELLER", "Name": "WentAway"}),
    );
    send(&app, &json!({"ID": "TheirPending", "Role": "User", "ResellerID": "TheirUnknown", "Name": "TheirWaiting"}));
    send(&app, &json!({"ID": "TheirDirect", "Role": "User", "Name": "TheirDirect"}));
    let order = |account: Value, name: &str| {
        let body = json!({"Account": account, "SubscriptionID": name, "Name": name, "ProductID": "gold"});
        let reply = Call::post("Subscriptions/Create", body.to_string()).send(&app);
        assert_eq!(reply.code(), 0, "{}", reply.body);
        reply.result()
    };
    let ours = order(json!({"ID": "11", "Role": "User", "ResellerID": "10"}), "OurService");
    let hidden = order(json!({"ID": "THEIR-CUSTOMER", "Role": "User", "ResellerID": "THEIR-RESELLER"}), "TheirService");
    let add = |account: &str, login: &str| {
        let call = Call::new("POST", &format!("/v1/accounts/{}/users", id(&app, account)));
        let call =
            call.header("Authorization", format!("Bearer {everything}")).header("Content-Type", "application/json");
        let reply = call.body(json!({"login": login}).to_string()).send(&app);
        assert_eq!(reply.status, 201, "{}", reply.body);
        reply.json()["id"].as_str().unwrap().to_owned()
    };
    let users = [add("11", "ann"), add("THEIR-CUSTOMER", "TheirUser")];
    // Refused, and asked only: both name them, both about one of ours.
    let conflict = json!({"ID": "11", "Role": "User", "ResellerID": "10", "ResellerExternalID": their_reseller});
    assert_eq!(app.synchronize(&conflict.to_string()).code(), 1004);
    let asked =
        json!({"ID": "12", "Role": "User", "ResellerID": "THEIR-RESELLER", "checkonly": true, "Name": "Florist"});
    assert_eq!(app.synchronize(&asked.to_string()).code(), 0);
    // A partner that is ours and one that is theirs.
    let list = "partner_id,name,reseller\n11111,Northwind,eu//10\n77777,TheirName,eu//THEIR-RESELLER\n";
    let import = Call::new("POST", "/v1/partners/import").header("Authorization", format!("Bearer {everything}"));
    assert_eq!(import.body(list).send(&app).json()["bad_rows"], 0);
    // What is kept about theirs, and about M1 while it was theirs: its events, not its settings.
    let profile = format!("/accounts/{}/profile", id(&app, "THEIR-CUSTOMER"));
    let kept = json!({"label": "TheirLabel", "tag": ["TheirTag"], "price_list": "TheirPrices"});
    assert_eq!(patch(&app, &everything, &profile, &kept).status, 200);
    let theirs = format!("/accounts/{}", id(&app, "THEIR-CUSTOMER"));
    let contact = write(&app, &everything, "POST", &format!("{theirs}/contacts"), &json!({"handle": "TheirHandle"}));
    assert_eq!(contact.status, 200, "{}", contact.body);
    let login = write(&app, &everything, "POST", &format!("{theirs}/logins"), &json!({"login": "TheirLogin"}));
    assert_eq!(login.status, 200, "{}", login.body);
    // Where they are, and how their pages look.
    let places = ["11", "THEIR-CUSTOMER"].map(|account| {
        let site = crate::sites::site(&app, &everything, &id(&app, account), &format!("{account}-TheirSite"));
        let probe = crate::sites::probe(&app, &everything, &site, &format!("{account}-TheirProbe"));
        (site, probe)
    });
    let [(our_site, our_probe), (their_site, their_probe)] = places;
    did(&app, &token, "PATCH", &format!("/sites/{our_site}"), &json!({"name": "OurSite"}));
    did(&app, &token, "PATCH", &format!("/probes/{our_probe}"), &json!({"name": "OurProbe"}));
    let account = id(&app, "THEIR-CUSTOMER");
    did(&app, &everything, "PUT", &format!("/accounts/{account}/branding"), &json!({"title": "TheirTitle"}));
    let logo = [crate::sites::PNG, b"TheirLogo"].concat();
    assert_eq!(crate::sites::put_logo(&app, &everything, &account, "image/png", &logo).status, 200);
    let secrets = [
        "TheirSite",
        "TheirProbe",
        "TheirTitle",
        "TheirLogo",
        "TheirLabel",
        "TheirTag",
        "TheirPrices",
        "TheirHandle",
        "TheirLogin",
        "TheirService",
        "TheirUser",
        "THEIR-RESELLER",
        "TheirName",
        "their@mail",
        "THEIR-CUSTOMER",
        "TheirCustomerName",
        "77777",
        "theirplan",
        "WentAway",
        "TheirUnknown",
        "TheirWaiting",
        "TheirPending",
        "TheirDirect",
    ];
    let mut secrets: Vec<String> = secrets.map(str::to_owned).to_vec();
    secrets.extend([their_reseller.clone(), their_customer.clone(), went.clone()]);
    let theirs = all(&app, &everything, "/accounts", 500)
        .iter()
        .filter(|account| !matches!(account["platform_id"].as_str().unwrap(), "10" | "11" | "12" | "M1"))
        .flat_map(|account| {
            [account["id"].as_str().unwrap().to_owned(), account["external_id"].as_str().unwrap().to_owned()]
        })
        .collect();
    // What is found about theirs is not seen, either.
    let checked = Call::new("POST", "/v1/reconciliations?pending_after=0s")
        .header("Authorization", format!("Bearer {everything}"))
        .send(&app);
    let run = checked.json()["id"].as_str().unwrap().to_owned();
    let run = get(&app, &everything, &format!("/reconciliations/{run}?wait=60")).json();
    assert!(run["state"] == "done" && run["findings"].as_u64().unwrap() >= 1, "{run}");
    let provisioning = ["11", "THEIR-CUSTOMER"].map(|customer| {
        let body = json!({"customer": id(&app, customer), "reason": format!("{customer} again")});
        let reply = crate::provisioning::post(&app, &everything, "/provisioning-requests", &body);
        assert_eq!(reply.status, 200, "{}", reply.body);
        let request = reply.json()["id"].as_str().unwrap().to_owned();
        let items = all(&app, &everything, &format!("/provisioning-requests/{request}/items"), 5);
        [request, items[0]["id"].as_str().unwrap().to_owned()]
    });
    // One that we ask for, and one between others.
    let asked = json!({"customer": id(&app, "12"), "reseller": their_reseller, "reason": "ours"});
    let ours_asked = did(&app, &token, "POST", "/moves", &asked)["id"].as_str().unwrap().to_owned();
    let mut asked =
        json!({"customer": id(&app, "TheirDirect"), "reseller": id(&app, "THEIR-RESELLER"), "preview": true});
    asked["revision"] = did(&app, &everything, "POST", "/moves", &asked)["revision"].clone();
    asked["preview"] = json!(false);
    let theirs_moved = did(&app, &everything, "POST", "/moves", &asked)["id"].as_str().unwrap().to_owned();
    let moves = [ours_asked, theirs_moved];
    let (sites, probes) = ([our_site, their_site], [our_probe, their_probe]);
    World {
        app,
        token,
        everything,
        secrets,
        theirs,
        services: [ours, hidden],
        users,
        sites,
        probes,
        provisioning,
        moves,
    }
}

impl World {
    #[track_caller]
    fn tells_nothing(&self, what: &str, reply: &Reply) {
        let mut texts = vec![reply.body.clone(), format!("{:?}", reply.headers)];
        if let Ok(body) = serde_json::from_str::<Value>(&reply.body)
            && let Some(next) = body["next"].as_str()
        {
            texts.push(String::from_utf8(URL_SAFE_NO_PAD.decode(next).unwrap()).unwrap());
        }
        for secret in &self.secrets {
            assert!(!texts.iter().any(|text| text.contains(secret.as_str())), "{what} tells {secret}: {}", reply.body);
        }
    }
}

/// Every route below /v1 as it is described: method, path, and the names of its query parameters.
fn routes(app: &TestApp) -> Vec<(String, String, Vec<String>)> {
    let api = app.get("/openapi.json").json();
    let mut routes = Vec::new();
    for (path, calls) in api["paths"].as_object().unwrap().iter().filter(|(path, _)| path.starts_with("/v1/")) {
        for (method, call) in calls.as_object().unwrap() {
            let parameters = call["parameters"].as_array().cloned().unwrap_or_default();
            let query = parameters.iter().filter(|one| one["in"] == "query");
            let names = query.map(|one| one["name"].as_str().unwrap().to_owned()).collect();
            routes.push((method.to_ascii_uppercase(), path.clone(), names));
        }
    }
    assert!(routes.len() >= 10, "{routes:?}");
    routes
}

/// The IDs that the ExtremeCloud dialect has for accounts.
fn msp_ids(ids: &[String]) -> Vec<String> {
    let ids = ids.iter().filter_map(|id| AccountId::parse(id));
    ids.map(|id| shown(id, AccountKind::Reseller, [])).collect()
}

/// What the placeholder of a path stands for; empty where it has none.
fn placeholder(path: &str) -> &str {
    path.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(name, _)| name)
}

/// Fills the placeholders of a path: what stands below something is the first of its kind there.
fn filled(path: &str, with: &str) -> String {
    let mut names = std::iter::once(with).chain(std::iter::repeat("1"));
    let part = |part| if str::starts_with(part, '{') { names.next().unwrap() } else { part };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn every_route(backend: Backend) {
    let world = world(backend);
    let app = &world.app;
    let ask = |method: &str, path: &str| {
        Call::new(method, path)
            .header("Authorization", format!("Bearer {}", world.token))
            .header("Content-Type", "application/json")
            .body(if method == "GET" { "" } else { "{}" })
            .send(app)
    };
    let deliveries = all(app, &world.everything, "/deliveries", 500);
    let ours = column(&all(app, &world.token, "/deliveries", 500), "id");
    let hidden: Vec<String> = column(&deliveries, "id").into_iter().filter(|id| !ours.contains(id)).collect();
    assert!(hidden.len() >= 8 && ours.len() >= 4, "{ours:?}");
    let before = all(app, &world.everything, "/accounts", 500);
    // Ids in a body tell no more than ids in a path do.
    let body = |id: &str| json!({"ids": [id], "preview": true}).to_string();
    for name in &world.theirs {
        let [real, none] = [name.as_str(), "0-987654"].map(|id| {
            Call::new("POST", "/v1/customers/delete")
                .header("Authorization", format!("Bearer {}", world.token))
                .header("Content-Type", "application/json")
                .body(body(id))
                .send(app)
        });
        assert_eq!(real.status, 200, "{}", real.body);
        assert_eq!(real.body.replace(name.as_str(), "0-987654"), none.body, "{name}");
    }
    for (method, path, query) in routes(app) {
        if path.contains('{') {
            let names = match placeholder(&path) {
                "account" | "customer" => world.theirs.clone(),
                "site" => vec![world.sites[1].clone()],
                "probe" => vec![world.probes[1].clone()],
                "delivery" | "case" => hidden.clone(),
                "service" => vec![world.services[1].clone()],
                "user" => vec![world.users[1].clone()],
                "move" => vec![world.moves[1].clone()],
                "partner" => vec!["77777".to_owned()],
                // No source belongs to a reseller: all alike are forbidden.
                "source" => vec!["eu".to_owned()],
                // Nor does a subscriber.
                "subscriber" => vec!["crm".to_owned()],
                // Runs are everybody's; what they found is not. Nobody but a provider_admin changes any.
                "reconciliation" if method == "GET" => Vec::new(),
                "reconciliation" => column(&all(app, &world.everything, "/reconciliations", 50), "id"),
                "provisioning" => vec![world.provisioning[1][0].clone()],
                "item" => vec![world.provisioning[1][1].clone()],
                "tenantId" => msp_ids(&world.theirs),
                "fingerprint" => vec!["0123456789abcdef0123456789abcdef".to_owned()],
                other => panic!("{path}: say here which {other} are theirs, and below which are ours"),
            };
            for name in &names {
                let real = ask(&method, &filled(&path, name));
                let none = ask(&method, &filled(&path, "0-987654"));
                assert!(matches!(real.status, 403..=405), "{method} {path} {name}: {}", real.body);
                assert_eq!((real.status, &real.body), (none.status, &none.body), "{method} {path} {name}");
                world.tells_nothing(&format!("{method} {path} {name}"), &real);
                let tagged = Call::new(&method, &filled(&path, name)).header("If-None-Match", "*");
                let tagged = tagged.header("Authorization", format!("Bearer {}", world.token)).send(app);
                assert_ne!(tagged.status, 304, "{method} {path} {name}");
            }
        }
        if method != "GET" {
            continue;
        }
        let bases: Vec<String> = match placeholder(&path) {
            "" => vec![path.clone()],
            // Only partners have customers.
            "account" if path.ends_with("/customers") => vec![filled(&path, &id(app, "10"))],
            "account" => ["10", "11", "12", "M1"].map(|one| filled(&path, &id(app, one))).to_vec(),
            "delivery" => ours.iter().map(|id| filled(&path, id)).collect(),
            "service" => vec![filled(&path, &world.services[0])],
            "provisioning" => vec![filled(&path, &world.provisioning[0][0])],
            "item" => vec![filled(&path, &world.provisioning[0][1])],
            "customer" => ["11", "12", "M1"].map(|one| filled(&path, &id(app, one))).to_vec(),
            "site" => vec![filled(&path, &world.sites[0])],
            "probe" => vec![filled(&path, &world.probes[0])],
            "user" => vec![filled(&path, &world.users[0])],
            "move" => vec![filled(&path, &world.moves[0])],
            "tenantId" => msp_ids(&["10", "11"].map(|one| id(app, one))).iter().map(|one| filled(&path, one)).collect(),
            "partner" => vec![filled(&path, "11111")],
            "case" => {
                let cases = column(&all(app, &world.token, "/cases?state=all", 500), "id");
                cases.iter().map(|id| filled(&path, id)).collect()
            }
            "reconciliation" => {
                let runs = column(&all(app, &world.token, "/reconciliations", 50), "id");
                runs.iter().map(|id| filled(&path, id)).collect()
            }
            _ => Vec::new(),
        };
        for base in bases {
            world.tells_nothing(&base, &ask("GET", &base));
            for limit in [1, 2] {
                let everybodys = matches!(path.as_str(), "/v1/audit" | "/v1/acknowledgements")
                    || path.contains("{source}")
                    || path.starts_with("/v1/subscribers");
                if query.iter().any(|name| name == "limit") && !everybodys {
                    for item in all(app, &world.token, &base[3..], limit) {
                        let reply = Reply { status: 200, headers: Vec::new(), body: item.to_string() };
                        world.tells_nothing(&base, &reply);
                    }
                }
            }
            // Each filter with what is theirs answers as with what does not exist.
            for name in query.iter().filter(|name| !matches!(name.as_str(), "limit" | "after")) {
                for value in world.secrets.iter().chain(&world.theirs) {
                    let reply = ask("GET", &format!("{base}?{name}={value}"));
                    world.tells_nothing(&format!("{base} {name}={value}"), &reply);
                    let nobody = match value.split_once('-').map(|(chain, row)| (chain.len(), row.parse::<i64>())) {
                        // An id: there are filters that take nothing else.
                        Some((1, Ok(_))) => "0-987654",
                        _ if value.parse::<i64>().is_ok() => "76543",
                        _ => "nobody-at-all",
                    };
                    let same = ask("GET", &format!("{base}?{name}={nobody}"));
                    assert_eq!((reply.status, &reply.body), (same.status, &same.body), "{base} {name}={value}");
                }
            }
            if query.iter().any(|name| name == "option") {
                for option in ["Plan", "Plan:theirplan", "MPNID:77777"] {
                    let reply = ask("GET", &format!("{base}?option={option}"));
                    let same = ask("GET", &format!("{base}?option=nothing"));
                    assert_eq!(reply.body, same.body, "{base} {option}");
                }
            }
        }
    }
    assert_eq!(all(app, &world.everything, "/accounts", 500), before, "nothing of theirs was changed");
    for everybodys in ["/audit", "/sources/eu/shape", "/subscribers", "/subscribers/crm", "/acknowledgements"] {
        problem(&get(app, &world.token, everybodys), 403, "forbidden");
    }
}

#[test]
fn no_route_tells_a_reseller_of_another() {
    backends().into_iter().for_each(every_route);
}

fn own(backend: Backend) {
    let world = world(backend);
    let list = |path: &str| all(&world.app, &world.token, path, 2);
    assert_eq!(column(&list("/accounts"), "platform_id"), ["10", "11", "12", "M1"]);
    assert_eq!(get(&world.app, &world.token, "/accounts/count").json(), json!({"count": 4, "more": false}));
    assert_eq!(column(&list("/accounts?reseller=0-1&q=e"), "platform_id"), ["11", "M1"]);
    let tree = list("/accounts/tree");
    assert_eq!((column(&tree, "platform_id"), &tree[0]["customers"]), (vec!["10".to_owned()], &json!(3)));
    assert_eq!(column(&list("/accounts/tree?reseller=0-1"), "platform_id"), ["11", "12", "M1"]);
    let relations = list("/relations");
    let of = |axis: &str| {
        let on_axis: Vec<Value> = relations.iter().filter(|one| one["axis"] == axis).cloned().collect();
        on_axis.iter().map(|one| one["customer"]["platform_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        (of("reseller"), of("partner")),
        (vec!["11".into(), "12".into(), "M1".into()], vec!["11".into(), "M1".into()])
    );
    // One delivery made 10, one each 11 and 12, one brought M1, and one ordered a service; what names others is left out.
    let deliveries = column(&list("/deliveries"), "platform_id");
    assert_eq!(deliveries, ["11", "M1", "12", "11", "10"]);
    let me = get(&world.app, &world.token, "/me").json();
    assert_eq!(me["resellers"], json!(["0-1"]));
    let history = list(&format!("/accounts/{}/history", id(&world.app, "M1")));
    assert_eq!(column(&history, "type"), ["relation", "relation", "delivery"], "{history:?}");
}

#[test]
fn a_reseller_sees_its_own() {
    backends().into_iter().for_each(own);
}

fn held(backend: Backend) {
    let app = TestApp::with(backend, &config("reseller_change = \"review\"", ""));
    let token = operator(&app, "ours", Role::ResellerAdmin, &["0-1"], None);
    send(&app, &json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}));
    send(&app, &json!({"ID": "THEIR-RESELLER", "Role": "Reseller", "Name": "TheirName"}));
    send(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "10", "Name": "Bakery"}));
    send(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "THEIR-RESELLER", "Name": "Bakery"}));
    for path in ["/accounts", "/accounts/0-3", "/accounts/tree?reseller=0-1", "/accounts/0-3/history", "/deliveries"] {
        let reply = get(&app, &token, path);
        assert_eq!(reply.status, 200);
        assert!(!reply.body.contains("THEIR"), "{path}: {}", reply.body);
    }
    let account = get(&app, &token, "/accounts/0-3").json();
    assert_eq!((&account["reported"], &account["reseller"]["drift"]), (&Value::Null, &json!(true)));
}

#[test]
fn a_held_change_does_not_name_who_waits() {
    backends().into_iter().for_each(held);
}

fn roles(backend: Backend) {
    let world = world(backend);
    let viewer = operator(&world.app, "viewer", Role::Viewer, &[], None);
    let run = column(&all(&world.app, &world.everything, "/reconciliations", 1), "id").remove(0);
    let their_customer = id(&world.app, "THEIR-CUSTOMER");
    for (_, path, _) in routes(&world.app).iter().filter(|(method, ..)| method == "GET") {
        let cases = all(&world.app, &world.everything, "/cases", 1);
        let name = match placeholder(path) {
            "case" => cases[0]["id"].as_str().unwrap(),
            "source" => "eu",
            "subscriber" => "crm",
            "partner" => "77777",
            "reconciliation" => run.as_str(),
            "service" => &world.services[0],
            "provisioning" => &world.provisioning[1][0],
            "item" => &world.provisioning[1][1],
            "user" => &world.users[0],
            "customer" => &their_customer,
            "site" => &world.sites[1],
            "probe" => &world.probes[1],
            "move" => &world.moves[1],
            "tenantId" if path.contains("msppartners") => &msp_ids(&[id(&world.app, "10")])[0],
            "tenantId" => &msp_ids(&[id(&world.app, "11")])[0],
            _ if path.ends_with("/branding/logo") => &their_customer,
            _ if path.contains("{contact}") || path.contains("{login}") => &their_customer,
            _ => "0-2",
        };
        let path = filled(path, name);
        let (as_viewer, as_provider) =
            (get(&world.app, &viewer, &path[3..]), get(&world.app, &world.everything, &path[3..]));
        assert_eq!(as_provider.status, 200, "{path}: {}", as_provider.body);
        match path.as_str() {
            "/v1/audit" | "/v1/subscribers" | "/v1/subscribers/crm" => problem(&as_viewer, 403, "forbidden"),
            "/v1/me" => assert_eq!(as_viewer.status, 200),
            _ => assert_eq!((as_viewer.status, as_viewer.body), (200, as_provider.body), "{path}"),
        }
    }
}

#[test]
fn viewers_see_what_providers_see_but_the_audit_trail() {
    backends().into_iter().for_each(roles);
}

/// Below /v1 and in the dialects of operators nothing but `store::seen` reads accounts, relations and deliveries.
#[test]
fn handlers_read_what_is_seen_alone() {
    let http = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    let mut folders = ["v1", "atria", "extremecloud"].map(|folder| http.join(folder)).to_vec();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    assert!(files.iter().any(|file| file.ends_with("reconciliations/start.rs")), "folders below are read, too");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for line in text.lines().filter(|line| line.trim_start().starts_with("use crate::store")) {
            for around in [
                "store::schema",
                "store::records",
                "store::accounts::self",
                "store::accounts::{self",
                "deliveries::{self",
                "store::load",
            ] {
                assert!(!line.contains(around), "{}: {line}", file.display());
            }
        }
        for around in [
            "accounts::history(",
            "accounts::find(",
            "store::accounts::list",
            "store::deliveries::list",
            "store::deliveries::find",
        ] {
            assert!(!text.contains(around), "{}: {around}", file.display());
        }
        // Acts go through the operator, who keeps them within what it sees.
        let acts = text.matches("writer.acts").count();
        assert_eq!(acts, usize::from(file.ends_with("v1/operator.rs")), "{}", file.display());
    }
}
