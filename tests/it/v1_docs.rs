//! The page that shows the API, without anything from elsewhere.

use tiersync::domain::operator::Role;

use crate::harness::{Backend, Call, TestApp};
use crate::v1::operator;

#[test]
fn the_page_loads_nothing_from_elsewhere() {
    let app = TestApp::start(Backend::Sqlite);
    for (path, kind) in [("/docs", "text/html"), ("/docs/page.js", "text/javascript"), ("/docs/page.css", "text/css")] {
        let reply = app.get(path);
        assert_eq!(reply.status, 200, "{path}");
        assert!(reply.header("content-type").is_some_and(|have| have.starts_with(kind)), "{:?}", reply.headers);
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        for elsewhere in
            ["http:", "https:", "\"//", "@import", "innerHTML", "insertAdjacentHTML", "document.write", "eval("]
        {
            assert!(!reply.body.contains(elsewhere), "{path} has {elsewhere}");
        }
        assert_eq!(Call::new("POST", path).send(&app).status, 405);
    }
    // Every file that the page names is there.
    let page = app.get("/docs").body;
    let named = page.split(['"', '\'']).filter(|part| part.starts_with('/'));
    let named: Vec<&str> = named.collect();
    assert!(named.contains(&"/openapi.json") && named.contains(&"/docs/page.js"), "{named:?}");
    for path in named {
        assert_eq!(app.get(path).status, 200, "{path}");
    }
    assert_eq!(app.get("/docs/nothing").status, 404);
}

#[test]
fn every_route_of_v1_is_described_with_its_problems() {
    let app = TestApp::start(Backend::Sqlite);
    let token = operator(&app, "maria", Role::ProviderAdmin, &[], None);
    let api = app.get("/openapi.json").json();
    let paths = api["paths"].as_object().unwrap();
    let v1: Vec<&String> = paths.keys().filter(|path| path.starts_with("/v1/")).collect();
    assert!(v1.len() >= 10, "{v1:?}");
    for path in v1 {
        for (method, call) in paths[path].as_object().unwrap() {
            assert!(call["responses"]["401"].is_object(), "{method} {path} does not say what comes without a token");
            assert_eq!(call["security"][0]["token"], serde_json::json!([]), "{method} {path}");
        }
    }
    // Each parameter that is described is taken.
    for (path, calls) in paths.iter().filter(|(path, _)| path.starts_with("/v1/")) {
        let parameters = calls["get"]["parameters"].as_array().cloned().unwrap_or_default();
        for parameter in parameters.iter().filter(|parameter| parameter["in"] == "query") {
            let name = parameter["name"].as_str().unwrap();
            let path = path.replace("{account}", "0-1").replace("{delivery}", "0-1");
            let reply = crate::v1::get(&app, &token, &format!("{}?{name}=1", &path[3..]));
            assert!(!reply.body.contains("is not known here"), "{path} {name}: {}", reply.body);
        }
    }
}
