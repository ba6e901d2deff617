//! The command line as a whole: help, usage, `migrate`, `check`, `secret`; exit codes, one line of complaint, no secrets.

use std::io::Read;
use std::process::Stdio;

use serde_json::Value;
use tiersync::app::Options;

use crate::commands_binary::{Place, Ran};
use crate::harness::app::{API_KEY, MPNID, OTHER_KEY, REPLAY, SIGNING};
use crate::harness::{Backend, TestApp, backends, config};

/// A receiver in this process on the place's database, to fill it.
pub fn receiver(place: &Place, toml: &str) -> TestApp {
    TestApp::on(&place.database_url, toml, Options::default(), None)
}

/// The items of `--format json`.
pub fn items(out: &str) -> Vec<Value> {
    serde_json::from_str(out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

/// The records of `--format csv`, the header first.
pub fn records(out: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(out.as_bytes());
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

const COMMANDS: &[&[&str]] = &[
    &[],
    &["serve"],
    &["demo"],
    &["migrate"],
    &["check"],
    &["deliveries"],
    &["deliveries", "list"],
    &["deliveries", "prune"],
    &["deliveries", "show"],
    &["deliveries", "cases"],
    &["deliveries", "reprocess"],
    &["deliveries", "resolve"],
    &["deliveries", "export"],
    &["deliveries", "verify"],
    &["reconcile"],
    &["replay"],
    &["accounts"],
    &["accounts", "list"],
    &["accounts", "show"],
    &["accounts", "tree"],
    &["accounts", "import"],
    &["accounts", "set"],
    &["accounts", "enable"],
    &["accounts", "disable"],
    &["accounts", "fraud"],
    &["accounts", "freeze"],
    &["accounts", "tag"],
    &["accounts", "untag"],
    &["accounts", "events"],
    &["accounts", "erase"],
    &["accounts", "revive"],
    &["services"],
    &["services", "list"],
    &["services", "show"],
    &["services", "create"],
    &["services", "set"],
    &["services", "suspend"],
    &["services", "activate"],
    &["services", "end"],
    &["services", "move"],
    &["users"],
    &["users", "list"],
    &["users", "show"],
    &["users", "add"],
    &["users", "set"],
    &["users", "end"],
    &["users", "import"],
    &["customers"],
    &["customers", "add"],
    &["customers", "list"],
    &["customers", "show"],
    &["customers", "set"],
    &["customers", "delete"],
    &["customers", "branding"],
    &["customers", "branding", "set"],
    &["customers", "branding", "show"],
    &["customers", "branding", "clear"],
    &["sites"],
    &["sites", "add"],
    &["sites", "list"],
    &["sites", "show"],
    &["sites", "rename"],
    &["sites", "set"],
    &["sites", "delete"],
    &["probes"],
    &["probes", "add"],
    &["probes", "list"],
    &["probes", "show"],
    &["probes", "move"],
    &["probes", "rename"],
    &["probes", "delete"],
    &["relations"],
    &["relations", "list"],
    &["provisioning"],
    &["provisioning", "list"],
    &["provisioning", "show"],
    &["provisioning", "items"],
    &["provisioning", "open"],
    &["provisioning", "retry"],
    &["provisioning", "cancel"],
    &["partners"],
    &["partners", "import"],
    &["partners", "export"],
    &["partners", "list"],
    &["partners", "remove"],
    &["plans"],
    &["plans", "import"],
    &["plans", "export"],
    &["plans", "list"],
    &["plans", "set"],
    &["promote"],
    &["demote"],
    &["operator"],
    &["operator", "add"],
    &["operator", "list"],
    &["operator", "revoke"],
    &["operator", "audit"],
    &["sources"],
    &["sources", "list"],
    &["sources", "shape"],
    &["subscribers"],
    &["subscribers", "list"],
    &["subscribers", "resume"],
    &["subscribers", "replay"],
    &["subscribers", "test"],
    &["subscribers", "forget"],
    &["secret"],
    &["secret", "new"],
];

#[test]
fn every_command_explains_itself() {
    let place = Place::empty(Backend::Sqlite);
    for command in COMMANDS {
        for flag in ["--help", "-h"] {
            let out = place.fine(&[*command, &[flag]].concat());
            assert!(out.contains("Usage: tiersync"), "{command:?}: {out}");
            let named = command.last().is_none_or(|name| out.contains(name));
            assert!(named && out.lines().next().is_some_and(|line| line.len() > 10), "{command:?}: {out}");
        }
    }
    let out = place.fine(&["--help"]);
    for command in COMMANDS.iter().filter_map(|command| command.first()) {
        assert!(out.contains(&format!("  {command} ")), "{command} is not in {out}");
    }
    assert!(out.contains("Exit codes: 0 fine, 1 findings or failures, 2 usage, 3 cannot reach or open something."));
    assert_eq!(place.fine(&["--version"]), format!("tiersync {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(std::fs::read_dir(place.folder.path()).unwrap().count(), 0, "help leaves nothing behind");
}

#[test]
fn wrong_usage_is_exit_code_2_and_says_what_is_wrong() {
    let place = Place::with(Backend::Sqlite, &config("", ""));
    for (arguments, part) in [
        (&["frobnicate"][..], "frobnicate"),
        (&["accounts"], "Usage: tiersync accounts"),
        (&["accounts", "list", "--format", "xml"], "xml"),
        (&["accounts", "list", "--kind", "partner"], "none of reseller, reseller_customer, direct_customer"),
        (&["accounts", "list", "--status", "gone"], "neither active nor deleted"),
        (&["accounts", "list", "--limit", "many"], "many"),
        (&["accounts", "show"], "<ACCOUNT>"),
        (&["deliveries", "list", "--outcome", "lost"], "none of applied, unchanged, repeated"),
        (&["deliveries", "list", "--endpoint", "Accounts/Nope"], "Accounts/Synchronize"),
        (&["deliveries", "list", "--account", "x"], "accounts list"),
        (&["deliveries", "list", "--since", "yesterday"], "2026-11-21T10:00:00Z"),
        (&["deliveries", "list", "--code", "none"], "none"),
        (&["deliveries", "show", "12"], "0-12"),
        (&["deliveries", "verify", "--expect", "0-1"], "deliveries verify"),
        (&["secret", "new", "--length", "9"], "--length"),
        (&["secret", "new", "--config", "tiersync.toml"], "--config means nothing to `tiersync secret`"),
        (&["--database-url", "sqlite:x.db", "secret", "new"], "--database-url means nothing to `tiersync secret`"),
        (&["demo", "--database-url", "sqlite:x.db"], "--database-url means nothing to `tiersync demo`"),
        (&["--config", "tiersync.toml", "demo"], "--config means nothing to `tiersync demo`"),
    ] {
        let ran = place.run(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {ran:?}");
        assert!(ran.out.is_empty() && ran.err.contains(part), "{part:?} of {arguments:?}: {ran:?}");
    }
    let nothing: [&str; 0] = [];
    let ran = place.run(&nothing);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("Usage: tiersync"));
}

#[test]
fn a_configuration_that_does_not_work_is_named_with_its_line() {
    let place = Place::empty(Backend::Sqlite);
    place.configure(&config("sigature = \"off\"", ""));
    let lines = std::fs::read_to_string(place.path("tiersync.toml")).unwrap();
    let line = lines.lines().position(|line| line.starts_with("sigature")).unwrap() + 1;
    for command in [&["check"][..], &["serve"], &["migrate"], &["accounts", "list"], &["deliveries", "verify"]] {
        place.run(command).failed(2, &format!("tiersync.toml: line {line}: unknown field `sigature`"));
    }
    place.configure(&format!("qeue = 3\n{}", config("", "")));
    place.run(&["check"]).failed(2, "tiersync.toml: line 3: unknown field `qeue`");
    place.configure(&config("", "[[sync_option]]\nid = \"X\"\nname = \"X\"\ncolour = \"red\""));
    place.run(&["check"]).failed(2, "unknown field `colour`");
    std::fs::write(place.path("tiersync.toml"), "listen = \n").unwrap();
    place.run(&["check"]).failed(2, "tiersync.toml: line 1: ");
    place.run(&["check", "--config", "elsewhere.toml"]).failed(3, "cannot read elsewhere.toml");
}

#[test]
fn migrate_brings_the_schema_up_to_date_once() {
    for backend in backends() {
        let place = Place::with(backend, &config("", ""));
        let out = place.fine(&["migrate"]);
        assert!(out.contains(": migrated ") && !out.contains("up to date"), "{out}");
        let out = place.fine(&["migrate"]);
        assert!(out.ends_with(": up to date\n") && out.lines().count() == 1, "{out}");
        assert_eq!(items(&place.fine(&["accounts", "list", "--format", "json"])), Vec::<Value>::new());
    }
}

/// What `check --format json` says of a thing.
fn checked(out: &str, what: &str) -> (bool, String) {
    let items = items(out);
    let item = items.iter().find(|item| item["check"] == what).unwrap_or_else(|| panic!("no {what} in {out}"));
    (item["ok"].as_bool().unwrap(), item["detail"].as_str().unwrap().to_owned())
}

#[test]
fn check_looks_at_everything_and_changes_nothing() {
    for backend in backends() {
        let place = Place::with(backend, &config("", MPNID));
        let json = ["check", "--format", "json"];
        let ran = place.run(&json);
        ran.failed(1, "checks failed");
        assert!(checked(&ran.out, "configuration").0);
        let missing = if backend == Backend::Sqlite { "database" } else { "migrations" };
        let (ok, detail) = checked(&ran.out, missing);
        assert!(!ok && detail.contains("tiersync migrate"), "{detail}");
        assert!(!place.path("tiersync.db").exists(), "check makes no database");
        // Commands that need the schema say the same.
        match backend {
            Backend::Sqlite => place.run(&["accounts", "list"]).failed(3, "make it with `tiersync migrate`"),
            Backend::Postgres => place.run(&["accounts", "list"]).failed(1, "run `tiersync migrate`"),
        }
        place.fine(&["migrate"]);
        let out = place.fine(&json);
        assert_eq!(checked(&out, "configuration").1, "1 sources, 1 synchronization options, 0 fields");
        for what in ["configuration", "database", "migrations", "tenant settings", "clock"] {
            assert!(checked(&out, what).0, "{what}: {out}");
        }
        assert!(place.fine(&["check"]).lines().skip(1).all(|line| line.contains(" yes ")));
        assert_eq!(records(&place.fine(&["check", "--format", "csv"]))[0], ["check", "ok", "detail"]);
    }
}

#[test]
fn check_looks_at_where_serve_would_listen() {
    let place = Place::with(Backend::Sqlite, &config("", ""));
    place.fine(&["migrate"]);
    let with = |listen: &str| place.command(&["check"]).env("TIERSYNC_LISTEN", listen).output().unwrap();
    Ran::of(with("everywhere")).failed(2, "listen = \"everywhere\"");
    place.run(&["check", "--listen", "everywhere"]).failed(2, "listen = \"everywhere\"");
    assert!(with("127.0.0.1:0").status.success());
    // What is there for other commands is no mistake where it does nothing.
    let run = place.command(&["secret", "new"]).env("TIERSYNC_DATABASE_URL", "sqlite:x.db").output().unwrap();
    assert!(run.status.success());
}

#[test]
fn check_finds_an_empty_file_that_was_never_migrated() {
    let place = Place::with(Backend::Sqlite, &config("", ""));
    std::fs::write(place.path("tiersync.db"), "").unwrap();
    let ran = place.run(&["check", "--format", "json"]);
    ran.failed(1, "1 of 4 checks failed");
    assert!(!checked(&ran.out, "migrations").0);
    place.run(&["deliveries", "list"]).failed(1, "run `tiersync migrate`");
}

#[test]
fn check_finds_that_nobody_could_call() {
    let place = Place::with(Backend::Sqlite, "");
    place.fine(&["migrate"]);
    let ran = place.run(&["check", "--format", "json"]);
    ran.failed(1, "1 of 5 checks failed");
    assert!(!checked(&ran.out, "configuration").0);
    place.run(&["serve"]).failed(2, "[[source]]");
}

#[test]
fn check_finds_a_tenant_setting_that_changed_while_there_are_accounts() {
    let field = "[[field]]\nid = \"Organisation\"\nname = \"Organisation\"\n";
    let with_tenant = config("tenant_setting = \"Organisation\"\nmissing_tenant = \"default\"", field);
    for backend in backends() {
        let place = Place::with(backend, &config("", field));
        drop(receiver(&place, &config("", field)));
        place.configure(&with_tenant);
        place.fine(&["check"]);
        // Without accounts the setting may change, and change back.
        let app = receiver(&place, &with_tenant);
        assert_eq!(app.synchronize(r#"{"ID":"1","Role":"Reseller"}"#).code(), 0);
        drop(app);
        place.fine(&["check"]);
        place.configure(&config("", field));
        let ran = place.run(&["check", "--format", "json"]);
        ran.failed(1, "1 of 5 checks failed");
        let (ok, detail) = checked(&ran.out, "tenant settings");
        assert!(!ok && detail.contains("\"eu\""), "{detail}");
        let ran = place.run(&["serve"]);
        assert_ne!(ran.code, 0);
        assert!(ran.err.contains("another tenant_setting than its accounts were made with"), "{ran:?}");
    }
}

#[test]
fn a_database_that_cannot_be_reached_is_exit_code_3() {
    let place = Place::with(Backend::Sqlite, &config("", ""));
    // Port 1 is reserved, and nobody listens on it.
    let away = "postgres://me:hunter2hunter2@127.0.0.1:1/db";
    let nowhere = format!("sqlite:{}", place.path("no/such/folder/tiersync.db").display());
    for command in [&["migrate"][..], &["check"], &["accounts", "list"], &["deliveries", "verify"], &["serve"]] {
        let ran = place.run(&[command, &["--database-url", away]].concat());
        ran.failed(3, "");
        assert!(!ran.err.contains("hunter2") && ran.err.contains("127.0.0.1"), "{ran:?}");
    }
    place.run(&["migrate", "--database-url", &nowhere]).failed(3, "no/such/folder");
    place.run(&["accounts", "list", "--database-url", &nowhere]).failed(3, "no/such/folder");
    place.run(&["serve", "--database-url", &nowhere]).failed(3, "no/such/folder");
    place.run(&["check", "--database-url", "mysql://x"]).failed(2, "neither sqlite: nor postgres://");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    place.run(&["serve", "--listen", &address]).failed(3, "--listen");
    place.run(&["serve", "--listen", "everywhere"]).failed(2, "everywhere");
}

#[test]
fn environment_and_flags_come_before_the_file() {
    let place = Place::with(Backend::Sqlite, &config("", ""));
    let (one, two) = ("sqlite:one.db", "sqlite:two.db");
    let run = place.command(&["migrate"]).env("TIERSYNC_DATABASE_URL", one).output().unwrap();
    assert!(run.status.success() && place.path("one.db").exists() && !place.path("tiersync.db").exists());
    let run = place.command(&["migrate", "--database-url", two]).env("TIERSYNC_DATABASE_URL", one).output().unwrap();
    assert!(run.status.success() && place.path("two.db").exists());
    std::fs::rename(place.path("tiersync.toml"), place.path("other.toml")).unwrap();
    let run = place.command(&["migrate"]).env("TIERSYNC_CONFIG", "other.toml").output().unwrap();
    assert!(run.status.success() && place.path("tiersync.db").exists());
}

#[test]
fn new_secrets_are_fresh_and_taken_by_the_configuration() {
    let place = Place::empty(Backend::Sqlite);
    let one_line = |arguments: &[&str]| {
        let out = place.fine(arguments);
        assert_eq!(out.lines().count(), 1, "{out}");
        out.trim().to_owned()
    };
    let signing = one_line(&["secret", "new"]);
    let other = one_line(&["secret", "new"]);
    let key = one_line(&["secret", "new", "--api-key"]);
    assert!(signing.starts_with("whsec_") && signing.len() > 30 && signing != other);
    assert!(!key.starts_with("whsec_") && key.len() >= 32 && key != one_line(&["secret", "new", "--api-key"]));
    let toml = format!(
        "[[source]]\nid = \"a\"\napplication_id = \"A\"\napi_keys = [\"{key}\"]\nsigning_secrets = [\"{signing}\"]\n\
         replay_secrets = [\"{other}\"]\n"
    );
    place.configure(&toml);
    place.fine(&["migrate"]);
    place.fine(&["check"]);
    place.configure(&toml.replace(&other, &signing));
    let ran = place.run(&["check"]);
    ran.failed(2, "same secret");
    assert!(!ran.err.contains(&signing));
}

#[test]
fn no_output_holds_a_secret() {
    const PASSWORD: &str = "hunter2hunter2";
    for backend in backends() {
        let mut place = Place::empty(backend);
        place.database_url = place.database_url.replace("tiersync@", &format!("tiersync:{PASSWORD}@"));
        place.configure(&config("", MPNID));
        let serving = place.serve();
        let call = crate::harness::Call::synchronize(format!(
            r#"{{"ID":"1","Role":"Reseller","RandomPassword":"{PASSWORD}","SyncOptions":{{"Token":"{PASSWORD}"}}}}"#
        ));
        let call = call.signed(SIGNING, "one", crate::harness::client::now());
        assert_eq!(call.try_send(serving.address).unwrap().code(), 0);
        assert_eq!(call.without("webhook-signature").try_send(serving.address).unwrap().status, 401);
        let mut shown = vec![];
        for command in [
            &["check"][..],
            &["migrate"],
            &["accounts", "list"],
            &["accounts", "show", "1"],
            &["accounts", "tree"],
            &["deliveries", "list"],
            &["deliveries", "show", "0-1"],
            &["deliveries", "verify"],
        ] {
            for format in ["table", "json", "csv"] {
                let format: &[&str] = if command == ["migrate"] { &[] } else { &["--format", format] };
                let ran = place.run(&[command, format].concat());
                assert_eq!(ran.code, 0, "{ran:?}");
                shown.extend([ran.out, ran.err]);
            }
        }
        serving.terminate();
        let (log, out) = (serving.log_when_ended(), std::fs::read_to_string(place.path("out")).unwrap());
        assert!(log.contains("code=1401") && log.contains("reason=") && log.contains("call delivery=0-1"), "{log}");
        shown.extend([log, out]);
        for text in shown {
            for secret in [PASSWORD, API_KEY, OTHER_KEY, SIGNING, REPLAY, "whsec_"] {
                assert!(!text.contains(secret), "{secret} is in {text}");
            }
        }
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    for backend in backends() {
        let place = Place::with(backend, &config("", ""));
        let app = receiver(&place, &config("", ""));
        for n in 0..120 {
            let filling = "x".repeat(1_000);
            let body = format!(r#"{{"ID":"{n}","Role":"Reseller","Name":"{filling}","Description":"{filling}"}}"#);
            assert_eq!(app.synchronize(&body).code(), 0);
        }
        for command in [
            &["accounts", "list", "--format", "json"][..],
            &["accounts", "list", "--format", "csv"],
            &["accounts", "list", "--limit", "1000"],
            &["accounts", "tree"],
            &["accounts", "tree", "--format", "json"],
        ] {
            let whole = place.fine(command);
            assert!(whole.len() > 100_000, "more than a pipe holds: {}", whole.len());
            let mut child = place.command(command).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let mut reader = child.stdout.take().unwrap();
            reader.read_exact(&mut [0]).unwrap();
            drop(reader);
            let ended = child.wait_with_output().unwrap();
            assert_eq!(ended.status.code(), Some(0), "{command:?}");
            assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{command:?}");
        }
    }
}
