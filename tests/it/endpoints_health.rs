//! Whether the receiver says truly that it lives and that it can store a call.

use diesel::connection::SimpleConnection;

use crate::harness::{Backend, Call, Reply, TestApp, backends};

fn said(reply: &Reply) -> (u16, bool, Vec<String>) {
    let body = reply.json();
    let problems = body["problems"].as_array().unwrap().iter().map(|problem| problem.as_str().unwrap().to_owned());
    (reply.status, body["ok"].as_bool().unwrap(), problems.collect())
}

fn health(backend: Backend) {
    let app = TestApp::start(backend);
    let well = (200, true, Vec::new());
    assert_eq!(said(&app.get("/healthz")), well);
    assert_eq!(said(&app.get("/readyz")), well);
    let database = &mut app.database();
    database
        .batch_execute(
            "CREATE TABLE kept AS SELECT * FROM __diesel_schema_migrations; DELETE FROM __diesel_schema_migrations",
        )
        .unwrap();
    assert_eq!(said(&app.get("/readyz")), (503, false, vec!["a migration is missing".to_owned()]));
    assert_eq!(said(&app.get("/healthz")), well, "the process lives whatever its database lacks");
    database.batch_execute("DROP TABLE __diesel_schema_migrations").unwrap();
    assert_eq!(said(&app.get("/readyz")), (503, false, vec!["a migration is missing".to_owned()]));
    database.batch_execute("ALTER TABLE kept RENAME TO __diesel_schema_migrations").unwrap();
    assert_eq!(said(&app.get("/readyz")), well);
}

#[test]
fn ready_means_that_a_call_would_be_stored() {
    backends().into_iter().for_each(health);
}

fn methods(backend: Backend) {
    let app = TestApp::start(backend);
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json"] {
        assert_eq!(app.get(path).status, 200, "{path}");
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            let reply = Call::new(method, path).send(&app);
            assert_eq!((reply.status, reply.code()), (405, 1405), "{method} {path}");
            assert_eq!(reply.header("allow"), Some("GET"), "{method} {path}");
        }
    }
}

#[test]
fn machine_paths_answer_get_alone() {
    backends().into_iter().for_each(methods);
}
