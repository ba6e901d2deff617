//! Reading the ledger.

use tiersync::domain::operator::Role;

use crate::harness::app::SIGNING;
use crate::harness::client::now;
use crate::harness::{Backend, Call, backends};
use crate::v1::{all, column, get, operator, problem, world};

fn filters(backend: Backend) {
    let app = world(backend);
    let token = operator(&app, "maria", Role::Viewer, &[], None);
    let signed = Call::synchronize(r#"{"ID":"51","Role":"User"}"#).signed(SIGNING, "msg-1", now());
    assert_eq!(signed.header("X-CloudPlatform-TrackId", "track-1").send(&app).code(), 0);
    assert_eq!(Call::synchronize(r#"{"ID":"51","Role":"User"}"#).signed(SIGNING, "msg-1", now()).send(&app).code(), 0);
    assert_eq!(app.synchronize(r#"{"ID":"52","Role":"Nobody"}"#).code(), 1002);
    assert_eq!(Call::post("Accounts/Exists", r#"{"ID":"10"}"#).send(&app).code(), 1);
    let of = |query: &str| column(&all(&app, &token, &format!("/deliveries{query}"), 3), "platform_id");
    let newest_first = ["10", "52", "51", "51", "42", "42", "41", "31", "21", "12", "11", "20", "10"];
    assert_eq!(of(""), newest_first);
    let nobody: [&str; 0] = [];
    for (query, expected) in [
        ("source=eu", &newest_first[..]),
        ("source=us", &nobody),
        ("tenant=x", &nobody),
        ("endpoint=accounts/delete", &["42"]),
        ("endpoint=Accounts/Exists", &["10"]),
        ("account=0-1", &["10", "10"]),
        ("account=nobody", &nobody),
        ("platform_id=42", &["42", "42"]),
        ("platform_id=52", &["52"]),
        ("outcome=rejected", &["52"]),
        ("outcome=repeated", &["51"]),
        ("code=1002", &["52"]),
        ("code=1", &["10"]),
        ("webhook_id=msg-1", &["51", "51"]),
        ("webhook_id=msg-1&outcome=applied", &["51"]),
        ("webhook_id=msg-2", &nobody),
        ("track_id=track-1", &["51"]),
        ("since=2000-01-01&until=2999-01-01", &newest_first),
        ("since=2999-01-01", &nobody),
        ("until=2000-01-01", &nobody),
    ] {
        assert_eq!(of(&format!("?{query}")), expected, "{query}");
    }
    let list = all(&app, &token, "/deliveries", 500);
    let (first, last) = (&list[12]["received_at"], &list[0]["received_at"]);
    assert_eq!(of(&format!("?since={}", last.as_str().unwrap())), ["10"]);
    assert_eq!(of(&format!("?until={}", last.as_str().unwrap())), newest_first[1..]);
    assert_eq!(of(&format!("?until={}", first.as_str().unwrap())), nobody);

    assert!(list.iter().all(|delivery| delivery.get("body").is_none()), "lists carry no bodies");
    let one = get(&app, &token, &format!("/deliveries/{}", list[1]["id"].as_str().unwrap())).json();
    assert_eq!((one["body"].as_str(), one["code"].as_i64()), (Some(r#"{"ID":"52","Role":"Nobody"}"#), Some(1002)));
    for path in ["/deliveries/0-99", "/deliveries/x", "/deliveries/1"] {
        problem(&get(&app, &token, path), 404, "not_found");
    }
    for query in ["outcome=lost", "endpoint=Nope", "code=x", "since=x", "webhook-id=msg-1"] {
        problem(&get(&app, &token, &format!("/deliveries?{query}")), 400, "bad_request");
    }
}

#[test]
fn every_filter_finds_what_it_names() {
    backends().into_iter().for_each(filters);
}
