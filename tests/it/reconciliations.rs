//! Reconciliations under /v1: lists that are sent, the self-check and its schedule, what is found page by page, what is
//! acknowledged, and what becomes of a run whose receiver ends.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use serde_json::{Value, json};
use tiersync::domain::operator::Role;
use tiersync::ops::reconcile::runs::MAX_PLACES;

use crate::commands::{items, receiver};
use crate::commands_binary::{Place, until};
use crate::harness::app::MPNID;
use crate::harness::{Backend, Call, Reply, TestApp, backends, config};
use crate::v1::{all, column, get, operator, problem, send};

fn toml(reconcile: &str) -> String {
    config("", &format!("{MPNID}\n[reconcile]\npending_older_than = \"0s\"\n{reconcile}\n"))
}

/// Resellers 1 and 2, customers 11 (of 1) and 12 (of 2), direct customer 13, and 14 and 15 that wait for theirs.
fn fill(app: &TestApp) {
    for body in [
        json!({"ID": "1", "Role": "Reseller", "Name": "One"}),
        json!({"ID": "2", "Role": "Reseller", "Name": "Two"}),
        json!({"ID": "11", "Role": "User", "ResellerID": "1", "Name": "Eleven"}),
        json!({"ID": "12", "Role": "User", "ResellerID": "2", "Name": "Twelve"}),
        json!({"ID": "13", "Role": "User", "Name": "Thirteen"}),
        json!({"ID": "14", "Role": "User", "ResellerID": "8", "Name": "Fourteen"}),
        json!({"ID": "15", "Role": "User", "ResellerID": "9", "Name": "Fifteen"}),
    ] {
        send(app, &body);
    }
}

struct World {
    app: TestApp,
    token: String,
}

fn world(backend: Backend, reconcile: &str) -> World {
    let app = TestApp::with(backend, &toml(reconcile));
    fill(&app);
    let token = operator(&app, "maria", Role::ProviderAdmin, &[], None);
    World { app, token }
}

impl World {
    fn call(&self, method: &str, path: &str, body: impl AsRef<[u8]>) -> Reply {
        let call = Call::new(method, &format!("/v1{path}")).header("Authorization", format!("Bearer {}", self.token));
        call.header("Content-Type", "application/json").body(body).send(&self.app)
    }

    fn start(&self, query: &str, list: impl AsRef<[u8]>) -> Reply {
        let call = Call::new("POST", &format!("/v1/reconciliations{query}"));
        call.header("Authorization", format!("Bearer {}", self.token)).body(list).send(&self.app)
    }

    /// Starts one and waits for its end.
    fn ended(&self, query: &str, list: impl AsRef<[u8]>) -> Value {
        let reply = self.start(query, list);
        assert_eq!(reply.status, 202, "{}", reply.body);
        let id = text(&reply.json(), "id");
        assert_eq!(reply.header("location"), Some(format!("/v1/reconciliations/{id}").as_str()));
        self.wait(&id)
    }

    fn wait(&self, id: &str) -> Value {
        let reply = get(&self.app, &self.token, &format!("/reconciliations/{id}?wait=60"));
        assert_eq!(reply.status, 200, "{}", reply.body);
        let run = reply.json();
        assert!(run["finished_at"].is_string(), "{run}");
        run
    }

    fn done(&self, query: &str, list: impl AsRef<[u8]>) -> Value {
        let run = self.ended(query, list);
        assert_eq!((&run["state"], &run["reason"]), (&json!("done"), &Value::Null), "{run}");
        run
    }

    fn findings(&self, run: &Value, query: &str, limit: usize) -> Vec<Value> {
        all(&self.app, &self.token, &format!("/reconciliations/{}/findings{query}", text(run, "id")), limit)
    }

    fn audit(&self, action: &str) -> Vec<Value> {
        all(&self.app, &self.token, &format!("/audit?action={action}"), 50)
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}

fn acknowledgement(run: &Value, finding: &Value) -> String {
    format!("/reconciliations/{}/findings/{}/acknowledgement", text(run, "id"), text(finding, "fingerprint"))
}

const QUERY: &str = "?encoding=windows-1253&separator=%3B&word=Partner%3Dreseller&word=%CE%A0%CE%B5%CE%BB%CE%AC%CF%84%CE%B7%CF%82%3Dreseller_customer\
                     &map=platform_id%3DCustomerNo,reseller_id%3DPartnerNo&map=kind%3DType,name%3D%CE%95%CF%80%CF%89%CE%BD%CF%85%CE%BC%CE%AF%CE%B1&also=name_differs";

fn greek() -> Vec<u8> {
    let list = "CustomerNo;Επωνυμία;PartnerNo;Type\r\n1;One;;Partner\r\n2;Δύο;;Partner\r\n11;Eleven;2;Πελάτης\r\n\
                12;Twelve;2;Πελάτης\r\n14;Fourteen;8;Πελάτης\r\n15;Fifteen;9;Πελάτης\r\n99;Νέος;1;Πελάτης\r\n";
    encoding_rs::WINDOWS_1253.encode(list).0.into_owned()
}

#[test]
fn a_list_in_another_encoding_with_other_names_is_compared() {
    for backend in backends() {
        let world = world(backend, "");
        let run = world.done(QUERY, greek());
        let counts = json!({"missing_here": 1, "missing_there": 1, "name_differs": 1, "reseller_differs": 1});
        assert_eq!((&run["counts"], &run["findings"], &run["cut"]), (&counts, &json!(4), &json!(false)), "{run}");
        assert_eq!((&run["against"], &run["requested_by"]), (&json!("list"), &json!("maria")));
        assert_eq!(run["accounts"], json!({"ours": 7, "theirs": 7}));
        assert_eq!(run["options"]["encoding"], "windows-1253");
        assert_eq!(run["options"]["word"].as_array().unwrap().len(), 2);
        let found = world.findings(&run, "?kind=reseller_differs,name_differs", 1);
        let told: Vec<_> = found.iter().map(|one| [&one["platform_id"], &one["ours"], &one["theirs"]]).collect();
        assert_eq!(told, [[&json!("11"), &json!("1"), &json!("2")], [&json!("2"), &json!("Two"), &json!("Δύο")]]);
        assert_eq!((&found[0]["line"], &found[0]["proposal"]["act"]), (&json!(4), &json!("assign")));
        assert_eq!((&found[0]["delivery"], &found[0]["acknowledged"]), (&json!("0-3"), &Value::Null));
        for (query, ids) in [("?q=%CE%94%CF%8D%CE%BF", &["2"][..]), ("?platform_id=99", &["99"]), ("?source=us", &[])] {
            assert_eq!(column(&world.findings(&run, query, 50), "platform_id"), ids, "{query}");
        }
        let whole = column(&world.findings(&run, "", 500), "fingerprint");
        for limit in [1, 2, 3] {
            assert_eq!(column(&world.findings(&run, "", limit), "fingerprint"), whole);
        }
        let started = world.audit("reconciliations.start");
        assert_eq!((started.len(), &started[0]["subject"]), (1, &run["id"]));
        assert_eq!(started[0]["detail"], json!({"against": "list"}));
    }
}

#[test]
fn without_a_body_our_own_data_is_checked() {
    for backend in backends() {
        let world = world(backend, "");
        let run = world.done("", "");
        assert_eq!((&run["against"], &run["counts"]), (&json!("nothing"), &json!({"pending_reseller": 2})), "{run}");
        let page = get(&world.app, &world.token, &format!("/reconciliations/{}/findings?limit=1", text(&run, "id")));
        let next = text(&page.json(), "next");
        let later = world.done("?pending_after=1d", "");
        assert_eq!(later["findings"], 0);
        let runs = all(&world.app, &world.token, "/reconciliations", 1);
        assert_eq!(column(&runs, "id"), [text(&later, "id"), text(&run, "id")], "newest first");
        assert_eq!(runs[1], run, "a list tells what the run itself tells");
        let other = format!("/reconciliations/{}/findings?after={next}", text(&later, "id"));
        problem(&get(&world.app, &world.token, &other), 400, "bad_request");
    }
}

#[test]
fn what_is_asked_wrongly_is_said_at_once() {
    let world = world(Backend::Sqlite, "max_upload_mib = 1");
    for (query, body, part) in [
        ("?map=reseller%3Dx", "a", "`map`"),
        ("?word=x", "a", "`word`"),
        ("?check=drift,nothing", "a", "nothing"),
        ("?key=name", "a", "`key`"),
        ("?separator=ab", "a", "`separator`"),
        ("?pending_after=1w", "", "`pending_after`"),
        ("?as_of=yesterday", "", "`as_of`"),
        ("?kind=drift", "", "`kind`"),
        ("?source=a&source=b", "", "comes twice"),
        ("?check=missing_here", "", "missing_here takes something to compare with"),
        ("?map=code%3Dx", "", "the body is empty"),
    ] {
        let reply = world.start(query, body);
        problem(&reply, 400, "bad_request");
        assert!(reply.body.contains(part), "{part} in {}", reply.body);
    }
    let too_large = Call::new("POST", "/v1/reconciliations").header("Authorization", format!("Bearer {}", world.token));
    let reply = too_large.content_length(1024 * 1024 + 1).body("a").send(&world.app);
    problem(&reply, 413, "body_too_large");
    assert!(reply.body.contains("1 MiB") && reply.body.contains("max_upload_mib"), "{}", reply.body);
    let form = Call::new("POST", "/v1/reconciliations").header("Authorization", format!("Bearer {}", world.token));
    let reply = form.clone().header("Content-Type", "multipart/form-data; boundary=x").body("--x").send(&world.app);
    problem(&reply, 415, "unsupported_media");
    problem(&form.header("Content-Encoding", "gzip").body("x").send(&world.app), 415, "unsupported_media");
    problem(&world.call("PUT", "/reconciliations", "{}"), 405, "method_not_allowed");
    for path in ["/reconciliations/1", "/reconciliations/x", "/reconciliations/1/findings"] {
        problem(&get(&world.app, &world.token, path), 404, "not_found");
    }
    assert_eq!(all(&world.app, &world.token, "/reconciliations", 50), [] as [Value; 0], "none of these is a run");
    let viewer = operator(&world.app, "eyes", Role::Viewer, &[], None);
    let viewing = Call::new("POST", "/v1/reconciliations").header("Authorization", format!("Bearer {viewer}"));
    problem(&viewing.send(&world.app), 403, "forbidden");
    // A list that just fits, larger than what other calls may send in memory: the usual bound is not this one's.
    let list = format!("platform_id,name\n1,{}\n", "x".repeat(900_000));
    assert_eq!(world.ended("?check=missing_here", list)["state"], "done");
}

/// A list that is being sent: its head and this much of it.
fn sending(world: &World, head: &str, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(world.app.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let token = &world.token;
    let head = format!(
        "POST /v1/reconciliations HTTP/1.1\r\nHost: tiersync.test\r\nAuthorization: Bearer {token}\r\n{head}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    // What is too large is refused before all of it is sent.
    let _ = stream.write_all(body);
    stream
}

#[test]
fn a_list_of_unknown_length_is_bounded_and_places_are_few() {
    let world = world(Backend::Sqlite, "max_upload_mib = 1");
    let mut piece = b"120000\r\n".to_vec();
    piece.extend(std::iter::repeat_n(b'a', 0x12_0000));
    let mut stream = sending(&world, "Transfer-Encoding: chunked", &piece);
    let reply = Reply::read(&mut stream).unwrap();
    problem(&reply, 413, "body_too_large");
    assert_eq!(reply.header("connection"), Some("close"), "the rest is not read as another call");
    let mut list = b"platform_id\n1\n2\n".to_vec();
    let mut chunked = format!("{:x}\r\n", list.len()).into_bytes();
    chunked.append(&mut list);
    chunked.extend(b"\r\n0\r\n\r\n");
    let reply = Reply::read(&mut sending(&world, "Transfer-Encoding: chunked", &chunked)).unwrap();
    assert_eq!(reply.status, 202, "{}", reply.body);
    assert_eq!(world.wait(&text(&reply.json(), "id"))["accounts"]["theirs"], 2);
    // Lists that do not come hold places; where they are given up, others have them.
    let slow: Vec<TcpStream> =
        (0..MAX_PLACES).map(|_| sending(&world, "Content-Length: 100", b"platform_id\n")).collect();
    // Runs of our own end at once and give their places back, so the first refusal is the one to look at.
    let mut refused = None;
    until("no place is left", || {
        refused = Some(world.start("", "")).filter(|reply| reply.status == 429);
        refused.is_some()
    });
    problem(&refused.unwrap(), 429, "too_many");
    drop(slow);
    until("there are places again", || world.start("", "").status == 202);
}

#[test]
fn a_broken_list_is_a_failed_run_that_says_where() {
    for backend in backends() {
        let world = world(backend, "");
        let run = world.ended("", b"platform_id,name\n1,One\n2,\xce\n");
        assert_eq!(run["state"], "failed");
        assert!(text(&run, "reason").contains("line 3"), "{run}");
        let run = world.ended("", "number\n1\n");
        assert!(run["state"] == "failed" && !text(&run, "reason").contains("--"), "{run}");
        let run = world
            .done("?check=missing_there", "platform_id,kind\n1,reseller\n2,emperor\n2,reseller\n11,\n12,\n13,\n14,\n");
        assert_eq!((&run["counts"], &run["troubles"]), (&json!({"missing_there": 1}), &json!(2)), "{run}");
        assert!(run["told"][0].as_str().unwrap().starts_with("line 3: "), "{run}");
    }
}

#[test]
fn what_is_acknowledged_is_quiet_until_it_changes_here_and_on_the_command_line() {
    for backend in backends() {
        let place = Place::with(backend, &toml(""));
        let app = receiver(&place, &toml(""));
        fill(&app);
        let token = operator(&app, "maria", Role::ProviderAdmin, &[], None);
        let world = World { app, token };
        let list = "platform_id,reseller_id\n1,\n2,\n11,2\n12,1\n13,\n14,8\n15,9\n";
        std::fs::write(place.path("list.csv"), list).unwrap();
        let against = ["reconcile", "--against", "list.csv", "--format", "json"];
        assert_eq!(items(&place.run(&against).out).len(), 2);
        let run = world.done("", list);
        let found = world.findings(&run, "", 50);
        let path = acknowledgement(&run, &found[0]);
        problem(&world.call("PUT", &path, "{}"), 400, "bad_request");
        problem(&world.call("DELETE", &path, ""), 409, "conflict");
        let known = world.call("PUT", &path, json!({"note": "agreed with One"}).to_string());
        assert_eq!(known.status, 200, "{}", known.body);
        let known = known.json();
        assert_eq!((&known["platform_id"], &known["acknowledged"]["note"]), (&json!("11"), &json!("agreed with One")));
        assert_eq!(known["acknowledged"]["by"], "maria");
        // In this run, in the next one, and on the command line.
        let same = world.wait(&text(&run, "id"));
        assert_eq!((&same["findings"], &same["acknowledged"]), (&json!(1), &json!(1)));
        let again = world.done("", list);
        for run in [&run, &again] {
            assert_eq!(column(&world.findings(run, "", 50), "platform_id"), ["12"]);
            assert_eq!(column(&world.findings(run, "?acknowledged=true", 50), "platform_id"), ["11"]);
            assert_eq!(world.findings(run, "?acknowledged=all", 1).len(), 2);
        }
        assert_eq!(again["acknowledged_counts"], json!({"reseller_differs": 1}), "{again}");
        let ran = place.run(&against);
        assert_eq!((ran.code, items(&ran.out).len()), (1, 1), "{}", ran.err);
        assert!(ran.err.contains("1 acknowledged before and not shown"), "{}", ran.err);
        let shown = items(&place.run(&[&against[..], &["--show-acknowledged"]].concat()).out);
        assert_eq!((shown.len(), &shown[0]["acknowledged"]["note"]), (2, &json!("agreed with One")));
        for format in ["table", "html"] {
            let shown = place.run(&["reconcile", "--against", "list.csv", "--show-acknowledged", "--format", format]);
            assert!(shown.out.contains("acknowledged: agreed with One"), "{}", shown.out);
        }
        // The other one by the command line: nothing is left, and that is fine.
        let fingerprint = text(&found[1], "fingerprint");
        let missed = format!("{fingerprint}: this run came upon no such");
        let elsewhere = place.run(&["reconcile", "--acknowledge", &fingerprint, "--note", "x"]);
        assert!(elsewhere.err.contains(&missed), "the self-check does not find it: {}", elsewhere.err);
        let nobodys = place.run(&[&against[..], &["--withdraw", &fingerprint]].concat());
        assert!(nobodys.err.contains(&missed), "it is not acknowledged: {}", nobodys.err);
        let quiet = place.run(&[&against[..], &["--acknowledge", &fingerprint, "--note", "moves in May"]].concat());
        assert!(!quiet.err.contains("no such"), "{}", quiet.err);
        assert_eq!((quiet.code, quiet.out.as_str()), (0, "[]\n"), "{}", quiet.err);
        assert_eq!(place.fine(&against), "[]\n");
        assert_eq!(place.run(&[&against[..], &["--show-acknowledged"]].concat()).code, 1);
        assert_eq!(world.done("", list)["findings"], 0);
        let known = all(&world.app, &world.token, "/acknowledgements", 1);
        let mut notes = column(&known, "note");
        notes.sort();
        assert_eq!(notes, ["agreed with One", "moves in May"]);
        // It changes: another reseller there is another finding.
        let changed = list.replace("11,2", "11,77");
        let run = world.done("", &changed);
        assert_eq!(column(&world.findings(&run, "", 50), "theirs"), ["77"]);
        // Taken back, one by each way.
        let run = world.done("", list);
        let path = acknowledgement(&run, &found[0]);
        assert_eq!(world.call("DELETE", &path, "").json()["acknowledged"], Value::Null);
        assert_eq!(world.wait(&text(&run, "id"))["findings"], 1);
        let back = place.run(&[&against[..], &["--withdraw", "reseller_differs"]].concat());
        assert_eq!((back.code, items(&back.out).len()), (1, 2), "{}", back.err);
        assert_eq!(world.wait(&text(&run, "id"))["findings"], 2);
        assert_eq!((world.audit("reconcile.acknowledge").len(), world.audit("reconcile.withdraw").len()), (2, 2));
        for (flags, part) in [
            (&["--acknowledge", "drift"][..], "--note"),
            (&["--acknowledge", "x", "--note", "x"], "is no fingerprint"),
            (&["--acknowledge", "drift", "--note", " "], "has 1 to 500 characters"),
        ] {
            let ran = place.run(&[&against[..], flags].concat());
            assert!(ran.code == 2 && ran.err.contains(part), "{}", ran.err);
        }
    }
}

#[test]
fn a_kind_is_acknowledged_at_once_and_an_erasure_forgets() {
    for backend in backends() {
        let world = world(backend, "");
        let run = world.done("", "");
        let path = format!("/reconciliations/{}/acknowledge", text(&run, "id"));
        problem(&world.call("POST", &path, r#"{"kinds":["x"],"note":"n"}"#), 400, "bad_request");
        problem(&world.call("POST", &path, r#"{"kinds":["drift"]}"#), 400, "bad_request");
        let reply = world.call("POST", &path, r#"{"kinds":["pending_reseller"],"note":"migration"}"#);
        assert_eq!(reply.json(), json!({"acknowledged": 2}));
        let reply = world.call("POST", &path, r#"{"kinds":["pending_reseller"],"note":"migration"}"#);
        assert_eq!(reply.json(), json!({"acknowledged": 0}), "they are known");
        assert_eq!(world.done("", "")["counts"], json!({}));
        let id = crate::v1::id(&world.app, "14");
        assert_eq!(world.call("DELETE", &format!("/accounts/{id}?erase=true"), "").status, 200);
        assert_eq!(column(&world.findings(&run, "?acknowledged=all", 50), "platform_id"), ["15"]);
        let left = all(&world.app, &world.token, "/acknowledgements", 50);
        assert_eq!(column(&left, "platform_id"), ["15"]);
        let path = format!("/acknowledgements/{}", text(&left[0], "fingerprint"));
        assert_eq!(world.call("DELETE", &path, "").status, 204);
        problem(&world.call("DELETE", &path, ""), 404, "not_found");
        assert_eq!(world.done("", "")["counts"], json!({"pending_reseller": 1}));
    }
}

#[test]
fn a_run_keeps_so_many_findings_and_says_what_is_left_out() {
    for backend in backends() {
        let world = world(backend, "keep_findings = 1\nkeep_runs = 2");
        let first = world.done("", "");
        assert_eq!((&first["findings"], &first["listed"], &first["cut"]), (&json!(2), &json!(1), &json!(true)));
        let known = world.findings(&first, "", 50);
        let note = json!({"note": "known"}).to_string();
        assert_eq!(world.call("PUT", &acknowledgement(&first, &known[0]), note).status, 200);
        // What is acknowledged takes no room away.
        let second = world.done("", "");
        assert_eq!(
            (&second["findings"], &second["acknowledged"], &second["cut"]),
            (&json!(1), &json!(1), &json!(false))
        );
        assert_ne!(world.findings(&second, "", 50)[0]["fingerprint"], known[0]["fingerprint"]);
        let third = world.done("", "");
        let path = format!("/reconciliations/{}", text(&first, "id"));
        until("the oldest is removed", || get(&world.app, &world.token, &path).status == 404);
        let left = column(&all(&world.app, &world.token, "/reconciliations", 50), "id");
        assert_eq!(left, [text(&third, "id"), text(&second, "id")]);
    }
}

/// A run that another receiver works on, or worked on.
fn foreign(app: &TestApp, id: i64, state: &str, worked_at: i64) {
    let row = format!(
        "INSERT INTO reconciliations (id, state, against, scheduled, slot, options, worker, worked_at, ours, theirs, stored, \
         troubles, told) VALUES ({id}, '{state}', 'nothing', FALSE, NULL, '{{}}', 'another', {worked_at}, 0, 0, 0, 0, '')"
    );
    app.database().batch_execute(&row).unwrap();
}

#[test]
fn a_run_whose_receiver_is_gone_was_interrupted() {
    for backend in backends() {
        let World { app, token } = world(backend, "");
        let now = crate::harness::client::now() * 1_000_000;
        foreign(&app, 7, "running", now - 61_000_000);
        foreign(&app, 8, "queued", now - 61_000_000);
        foreign(&app, 9, "running", now + 600_000_000);
        let app = app.restart();
        let world = World { app, token };
        let states = |id: &str| {
            let run = get(&world.app, &world.token, &format!("/reconciliations/{id}")).json();
            (text(&run, "state"), run["reason"].clone())
        };
        let interrupted = ("failed".to_owned(), json!("interrupted; start it again"));
        assert_eq!([states("7"), states("8")], [interrupted.clone(), interrupted.clone()]);
        match backend {
            // Another receiver on the same database lives.
            Backend::Postgres => assert_eq!(states("9").0, "running"),
            Backend::Sqlite => assert_eq!(states("9"), interrupted),
        }
        // It is cancelled by whoever sees it, and then removed.
        if backend == Backend::Postgres {
            assert_eq!(world.call("DELETE", "/reconciliations/9", "").status, 204);
            assert_eq!(states("9"), ("failed".to_owned(), json!("cancelled by maria")));
        }
        for id in ["7", "9"] {
            assert_eq!(world.call("DELETE", &format!("/reconciliations/{id}"), "").status, 204);
            problem(&world.call("DELETE", &format!("/reconciliations/{id}"), ""), 404, "not_found");
        }
        assert_eq!(world.audit("reconciliations.remove").len(), 2);
    }
}

/// The value of a metric of the self-check.
fn metric(app: &TestApp, series: &str) -> Option<f64> {
    let text = app.get("/metrics").body;
    text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

const PENDING: &str = "tiersync_reconcile_findings{kind=\"pending_reseller\"}";

#[test]
fn the_schedule_has_one_receiver_check_and_metrics_tell() {
    for backend in backends() {
        let place = Place::with(backend, &toml(""));
        fill(&receiver(&place, &toml("")));
        let scheduled = toml("every = \"1d\"");
        let app = receiver(&place, &scheduled);
        let token = operator(&app, "maria", Role::ProviderAdmin, &[], None);
        let world = World { app, token };
        until("the self-check has run", || metric(&world.app, PENDING) == Some(2.0));
        let second = world.app.second();
        until("the other receiver tells, too", || metric(&second, PENDING) == Some(2.0));
        assert!(metric(&second, "tiersync_reconcile_last_run_seconds").is_some_and(|at| at > 1.7e9));
        assert_eq!(metric(&second, "tiersync_reconcile_findings{kind=\"drift\"}"), Some(0.0));
        let runs = all(&world.app, &world.token, "/reconciliations", 50);
        assert_eq!(runs.len(), 1, "the turn was taken: {runs:?}");
        let run = &runs[0];
        assert_eq!((&run["scheduled"], &run["requested_by"]), (&json!(true), &Value::Null));
        let found = world.findings(run, "", 50);
        let note = json!({"note": "known"}).to_string();
        assert_eq!(world.call("PUT", &acknowledgement(run, &found[0]), note).status, 200);
        assert_eq!(metric(&world.app, PENDING), Some(1.0), "what is acknowledged is quiet at once");
    }
}

#[test]
fn a_reseller_sees_what_is_about_its_accounts_and_starts_nothing() {
    for backend in backends() {
        let world = world(backend, "");
        let ours = operator(&world.app, "ours", Role::ResellerAdmin, &["0-1"], None);
        let list = "platform_id,reseller_id,name\n1,,Eins\n2,,Zwei\n11,2,Elf\n12,1,Twelve\n14,8,Fourteen\n15,9,Fifteen\n99,1,New\n";
        let run = world.done("?also=name_differs&with_self_check=true", list);
        let id = text(&run, "id");
        assert_eq!(run["findings"], 9, "{run}");
        let seen = get(&world.app, &ours, &format!("/reconciliations/{id}")).json();
        assert_eq!((&seen["counts"], &seen["findings"]), (&json!({"name_differs": 2}), &json!(2)), "{seen}");
        for hidden in ["options", "accounts", "requested_by", "listed", "troubles", "reason"] {
            assert_eq!(seen[hidden], Value::Null, "{hidden}");
        }
        let path = format!("/reconciliations/{id}/findings");
        assert_eq!(column(&all(&world.app, &ours, &path, 1), "platform_id"), ["1", "11"]);
        assert_eq!(all(&world.app, &ours, &format!("{path}?kind=reseller_differs"), 50), [] as [Value; 0]);
        let finding = &world.findings(&run, "?kind=name_differs", 50)[0];
        let theirs = Call::new("POST", "/v1/reconciliations").header("Authorization", format!("Bearer {ours}"));
        problem(&theirs.send(&world.app), 403, "forbidden");
        for (method, path) in [
            ("DELETE", format!("/reconciliations/{id}")),
            ("PUT", acknowledgement(&run, finding)),
            ("DELETE", acknowledgement(&run, finding)),
            ("POST", format!("/reconciliations/{id}/acknowledge")),
        ] {
            let call = Call::new(method, &format!("/v1{path}")).header("Authorization", format!("Bearer {ours}"));
            problem(&call.send(&world.app), 403, "forbidden");
        }
        problem(&get(&world.app, &ours, "/acknowledgements"), 403, "forbidden");
    }
}
