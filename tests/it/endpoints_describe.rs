//! What the platform asks of the vendor: options, settings, products, and which endpoints there are.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tiersync::http::platform::path::Target;

use crate::harness::{Backend, Call, Reply, TestApp, backends, config};
use crate::inputs_ledger::Ledger;

fn get(app: &TestApp, endpoint: &str) -> Reply {
    let reply = Call::new("GET", &format!("/api/{endpoint}")).key().send(app);
    assert_eq!(reply.status, 200, "{endpoint}: {}", reply.body);
    assert_eq!(reply.header("content-type"), Some("application/json"), "{endpoint}");
    reply
}

fn sync_options(backend: Backend) {
    let option = "[[sync_option]]\nid = \"MPNID\"\nname = \"Reseller (MPN ID)\"\ndescription = \"\"\n\
                  kind = \"SimpleValue\"\ndata_type = \"Text\"\nsort_order = 0\nrequired = true\nread_only = false\n\
                  available_to_storefront = true\npredefined_values = []\napplies_to = [\"reseller_customer\"]\n\
                  pattern = \"^[0-9]{5,10}$\"\npartner_id = true\n";
    let app = TestApp::with(backend, &config("", option));
    // The published example, to the byte.
    assert_eq!(
        get(&app, "Accounts/SyncOptions").body,
        concat!(
            r#"{"Fields":[{"ID":"MPNID","Definition":{"ID":"MPNID","SortOrder":0,"Name":"Reseller (MPN ID)","#,
            r#""Description":null,"Kind":"SimpleValue","DataType":"Text","IsRequired":true,"PredefinedValues":[],"#,
            r#""IsReadOnly":false,"AvailableToStorefront":true}}]}"#
        )
    );
    let plan = "[[sync_option]]\nid = \"Plan\"\nname = \"Plan\"\ndescription = \"Which plan\"\nkind = \"List\"\n\
                sort_order = 1\nread_only = true\navailable_to_storefront = false\npredefined_values = [\"basic\", \
                { id = \"gold\", name = \"Gold\", sort_order = 2, description = \"All of it\", is_default = true }]\n\
                [[sync_option]]\nid = \"First\"\nname = \"First\"\nkind = \"Boolean\"\nsort_order = -1\n";
    let app = TestApp::with(backend, &config("", plan));
    let fields = get(&app, "Accounts/SyncOptions").json()["Fields"].clone();
    assert_eq!(fields[0]["ID"], "First", "in their sort order");
    assert_eq!(
        fields[1]["Definition"],
        json!({
            "ID": "Plan", "SortOrder": 1, "Name": "Plan", "Description": "Which plan", "Kind": "List",
            "DataType": "Text", "IsRequired": false, "IsReadOnly": true, "AvailableToStorefront": false,
            "PredefinedValues": [
                {"ID": "basic", "SortOrder": 0, "Name": "basic", "Description": null, "IsDefault": false},
                {"ID": "gold", "SortOrder": 2, "Name": "Gold", "Description": "All of it", "IsDefault": true}
            ]
        })
    );
    let app = TestApp::with(backend, &config("", ""));
    assert_eq!(get(&app, "Accounts/SyncOptions").json(), json!({ "Fields": [] }));
}

#[test]
fn options_have_the_published_shape() {
    backends().into_iter().for_each(sync_options);
}

const FIELDS: &str = "[[field]]\nid = \"Organisation\"\nname = \"Your organisation\"\nrequired = true\nmax_length = 10\n\
                      sort_order = 2\n\
                      [[field]]\nid = \"Pin\"\nname = \"PIN\"\ndescription = \"From the portal\"\nkind = \"PasswordText\"\n\
                      sort_order = 1\n\
                      [[field]]\nid = \"Seats\"\nname = \"Seats\"\nkind = \"Number\"\nsort_order = 3\n\
                      [[field]]\nid = \"Trial\"\nname = \"Trial\"\nkind = \"Boolean\"\nsort_order = 4\n";

fn fields(backend: Backend) {
    let app = TestApp::with(backend, &config("", FIELDS));
    let fields = get(&app, "Fields/Get").json()["Fields"].clone();
    let ids: Vec<&str> = fields.as_array().unwrap().iter().map(|field| field["ID"].as_str().unwrap()).collect();
    assert_eq!(ids, ["Pin", "Organisation", "Seats", "Trial"]);
    assert_eq!(
        fields[0]["Definition"],
        json!({
            "ID": "Pin", "Name": "PIN", "Description": "From the portal", "Kind": "PasswordText", "MaxLength": 256,
            "IsRequired": false, "SortOrder": 1
        })
    );
    assert_eq!(fields[1]["Definition"]["IsRequired"], true);
    assert_eq!(fields[1]["Definition"]["MaxLength"], 10);

    let mut ledger = Ledger::of(&app);
    let required = "\"Your organisation\" is required.";
    let (long, seats, trial) = (
        "\"Your organisation\" is longer than 10 characters.",
        "\"Seats\" must be a number.",
        "\"Trial\" must be true or false.",
    );
    for (body, complaints) in [
        (json!({"Fields": [{"ID": "Organisation", "Values": ["acme"]}]}), json!([])),
        (json!({"Fields": [{"ID": "Organisation", "Values": ["Ελλάς 0123"]}]}), json!([])),
        (json!({"Fields": [{"ID": "Organisation", "Values": ["0123456789a"]}]}), json!([long])),
        (json!({"Fields": [{"ID": "Organisation", "Values": []}]}), json!([required])),
        (json!({"Fields": [{"ID": "Organisation", "Values": ["  "]}]}), json!([required])),
        (json!({"Fields": [{"ID": "Organisation", "Values": [null]}]}), json!([required])),
        (json!({"Fields": []}), json!([required])),
        (json!({}), json!([required])),
        (
            json!({"Fields": [
                {"ID": "Organisation", "Values": ["acme"]}, {"ID": "Seats", "Values": ["many"]},
                {"ID": "Trial", "Values": ["perhaps"]}, {"ID": "Unknown", "Values": ["x"]}
            ]}),
            json!([seats, trial]),
        ),
        (
            json!({"Fields": [
                {"ID": "Organisation", "Values": ["acme"]}, {"ID": "Seats", "Values": [12]},
                {"ID": "Trial", "Values": [true]}
            ]}),
            json!([]),
        ),
        (json!({"Organisation": "acme", "Seats": "x"}), json!([seats])),
    ] {
        let before = ledger.count();
        let reply = Call::post("Fields/Validate", body.to_string()).send(&app);
        assert_eq!((reply.status, reply.json()), (200, complaints), "{body}");
        assert_eq!(ledger.count(), before + 1, "{body}");
        assert_eq!(ledger.newest().outcome.as_str(), "checked", "{body}");
    }
    let header = Call::post("Fields/Validate", "{}").header("X-CloudPlatform-Setting-Organisation", "acme");
    assert_eq!(header.send(&app).json(), json!([]), "a setting may come as a header");
    let both = Call::post("Fields/Validate", r#"{"Organisation":""}"#);
    let both = both.header("X-CloudPlatform-Setting-Organisation", "acme").send(&app);
    assert_eq!(both.json(), json!([required]), "what is being entered counts before what is in force");
    let malformed = Call::post("Fields/Validate", r#"{"Fields":{}}"#).send(&app);
    assert_eq!((malformed.status, malformed.code()), (200, 1001));
}

#[test]
fn settings_are_asked_for_and_validated() {
    backends().into_iter().for_each(fields);
}

fn products(backend: Backend) {
    let app = TestApp::start(backend);
    assert_eq!(get(&app, "Fields/ServiceDefinition").json(), json!({ "ProductTypes": [] }));
    assert_eq!(get(&app, "Fields/AdditionalInfo").json(), json!({}));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("services.json");
    let definition = json!({ "ProductTypes": [{ "ID": "mail", "Name": "Mail Ελλάς", "Fields": [] }] });
    std::fs::write(&file, definition.to_string()).unwrap();
    let toml = format!("service_definition_file = \"{}\"\n{}", file.display(), config("", ""));
    let app = TestApp::with(backend, &format!("{toml}[additional_info]\nSupport = \"support@vendor.example\"\n"));
    assert_eq!(get(&app, "Fields/ServiceDefinition").json(), definition);
    assert_eq!(get(&app, "Fields/AdditionalInfo").json(), json!({ "Support": "support@vendor.example" }));
    assert_eq!(Ledger::of(&app).count(), 0, "a description is no delivery");
}

#[test]
fn products_and_more() {
    backends().into_iter().for_each(products);
}

/// Every endpoint that a Discovery lists: method and URL.
fn listed(discovery: &Value) -> Vec<(String, String)> {
    let sections = discovery["ManagementSections"].as_array().unwrap().iter();
    let endpoints = sections.flat_map(|section| section["Endpoints"].as_array().unwrap());
    let text = |endpoint: &Value, name: &str| endpoint[name].as_str().unwrap().to_owned();
    endpoints.map(|endpoint| (text(endpoint, "Method"), text(endpoint, "Url"))).collect()
}

fn discovery(backend: Backend) {
    let app = TestApp::start(backend);
    for prefix in ["/api", "/s/eu/api", "/AcronisCyber/api", "", "/a%20b/c"] {
        let reply = Call::new("GET", &format!("{prefix}/Discovery")).key().send(&app);
        assert_eq!(reply.status, 200, "{prefix}");
        let discovery = reply.json();
        let base = format!("http://tiersync.test{prefix}");
        assert_eq!(discovery["BaseUrl"], json!(base));
        assert_eq!(discovery["Version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(discovery["ResellerSupportEnabled"], true);
        for member in ["Code", "Name", "Description"] {
            assert!(discovery[member].as_str().is_some_and(|text| !text.is_empty()), "{member}");
        }
        let listed = listed(&discovery);
        let expected = Target::ALL.map(|target| (target.method().to_owned(), format!("{base}/{}", target.name())));
        assert_eq!(listed, expected, "{prefix}: every endpoint is listed");
        for (method, url) in listed {
            let path = url.strip_prefix("http://tiersync.test").unwrap();
            let reply = Call::new(&method, path).key().body("{}").send(&app);
            assert_eq!(reply.status, 200, "{method} {url}: {}", reply.body);
        }
    }
    let sections = get(&app, "Discovery").json()["ManagementSections"].clone();
    let endpoints = sections.as_array().unwrap().iter().flat_map(|section| section["Endpoints"].as_array().unwrap());
    let checked: BTreeSet<&str> = endpoints
        .inspect(|endpoint| assert_eq!(endpoint["RequiresAuthorization"], true, "{endpoint}"))
        .filter(|endpoint| endpoint["RequiresPrecheck"] == true)
        .map(|endpoint| endpoint["Name"].as_str().unwrap())
        .collect();
    let orders = ["Create", "Update", "Cancel", "Suspend", "Activate", "UpgradeToPaid"];
    assert_eq!(checked, orders.into_iter().chain(["Delete", "Synchronize"]).collect());

    let toml =
        format!("public_url = \"https://sync.vendor.example/base/\"\n{}", config("reseller_support = false", ""));
    let app = TestApp::with(backend, &toml);
    let discovery = get(&app, "Discovery").json();
    assert_eq!(discovery["BaseUrl"], "https://sync.vendor.example/base/api");
    assert_eq!(discovery["ResellerSupportEnabled"], false);
}

#[test]
fn discovery_lists_what_is_answered() {
    backends().into_iter().for_each(discovery);
}
