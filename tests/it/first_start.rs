//! The very first `tiersync serve`, in an empty folder.

use std::os::unix::fs::PermissionsExt;

use crate::commands_binary::{Place, Serving};
use crate::harness::{Backend, Call};

/// An address that nobody listens on. Its port is below those that systems give to outgoing connections, so that it is
/// still free at the second start.
fn listen() -> String {
    let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let port = std::iter::repeat_with(|| rand::random_range(10_000..32_000)).find(free).unwrap();
    format!("127.0.0.1:{port}")
}

/// The call that the first start printed, as the shell would read it: address, headers and body.
fn printed_call(out: &str) -> (String, Call) {
    let command = &out[out.find("curl ").unwrap()..];
    let url = command.split_whitespace().nth(1).unwrap();
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut call = Call::new("POST", &format!("/{path}"));
    let mut words = command.split('\'');
    while let (Some(option), Some(value)) = (words.next(), words.next()) {
        if option.trim_end().ends_with("-H") {
            let (name, value) = value.split_once(": ").unwrap();
            call = call.header(name, value);
        } else if option.trim_end().ends_with("-d") {
            call = call.body(value);
        }
    }
    (address.to_owned(), call)
}

fn configured(place: &Place, key: &str) -> String {
    let toml: toml::Value = toml::from_str(&std::fs::read_to_string(place.path("tiersync.toml")).unwrap()).unwrap();
    let value = &toml["source"][0][key];
    value.as_str().or_else(|| value[0].as_str()).unwrap().to_owned()
}

fn end(serving: Serving) -> String {
    serving.terminate();
    serving.log_when_ended()
}

#[test]
fn it_writes_a_configuration_and_prints_a_call_that_works() {
    let place = Place::empty(Backend::Sqlite);
    let listen = listen();
    let serving = place.serve_with(&["serve", "--listen", &listen]);
    let mode = std::fs::metadata(place.path("tiersync.toml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "its owner alone may read the credentials");
    let out = serving.out();
    assert!(out.starts_with("No configuration was found: wrote tiersync.toml"), "{out}");
    let (address, call) = printed_call(&out);
    assert_eq!(address, listen);
    assert_eq!(serving.address.to_string(), listen);
    let reply = call.try_send(serving.address).unwrap();
    assert_eq!((reply.status, reply.code()), (200, 0), "{}", reply.body);
    // It never runs open.
    let stranger = call.clone().without("X-CloudPlatform-APIKey").try_send(serving.address).unwrap();
    assert_eq!((stranger.status, stranger.code()), (401, 1401));
    let tree = place.fine(&["accounts", "tree"]);
    assert_eq!(tree, "Northwind (1082733, reseller)\n");
    let first_log = end(serving);

    // The second start reads what the first one wrote, and adds nothing.
    let written = std::fs::read(place.path("tiersync.toml")).unwrap();
    let serving = place.serve();
    assert_eq!(serving.address.to_string(), listen, "the address went into the file");
    assert_eq!(serving.out(), "");
    assert_eq!(call.try_send(serving.address).unwrap().result(), reply.result());
    assert_eq!(std::fs::read(place.path("tiersync.toml")).unwrap(), written);
    let second_log = end(serving);

    // The key is shown once, in the call to try; no secret ever again.
    let (key, signing, replay) =
        (configured(&place, "api_keys"), configured(&place, "signing_secrets"), configured(&place, "replay_secrets"));
    assert_eq!(out.matches(&key).count(), 1);
    for secret in [&signing, &replay] {
        assert!(secret.starts_with("whsec_") && !out.contains(secret.as_str()), "{out}");
    }
    for text in [first_log, second_log, place.fine(&["check"]), place.fine(&["deliveries", "list", "--format", "json"])]
    {
        for secret in [&key, &signing, &replay] {
            assert!(!text.contains(secret.as_str()), "{text}");
        }
    }
}

#[test]
fn each_first_start_has_credentials_of_its_own() {
    let places = [Place::empty(Backend::Sqlite), Place::empty(Backend::Sqlite)];
    for place in &places {
        end(place.serve_with(&["serve", "--listen", "127.0.0.1:0"]));
    }
    for key in ["application_id", "api_keys", "signing_secrets", "replay_secrets"] {
        assert_ne!(configured(&places[0], key), configured(&places[1], key), "{key}");
    }
}

#[test]
fn flags_and_environment_go_into_the_file() {
    let place = Place::empty(Backend::Sqlite);
    end(place.serve_with(&["serve", "--listen", "127.0.0.1:0", "--database-url", "sqlite:other \"name\".db"]));
    assert!(place.path("other \"name\".db").exists() && !place.path("tiersync.db").exists());
    assert_eq!(place.fine(&["accounts", "list"]), "nothing found\n", "commands find the same database");
    // What does not work is not written down.
    let place = Place::empty(Backend::Sqlite);
    place.run(&["serve", "--listen", "everywhere"]).failed(2, "everywhere");
    place.run(&["serve", "--database-url", "mysql://x"]).failed(2, "neither sqlite: nor postgres://");
    assert!(!place.path("tiersync.toml").exists());
}

#[test]
fn a_file_that_is_named_is_never_made_up() {
    let place = Place::empty(Backend::Sqlite);
    place.run(&["serve", "--config", "mine.toml"]).failed(3, "cannot read mine.toml");
    assert_eq!(std::fs::read_dir(place.folder.path()).unwrap().count(), 0);
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let place = Place::empty(Backend::Sqlite);
    end(place.serve_with(&["serve", "--listen", "127.0.0.1:0"]));
    let text = std::fs::read_to_string(place.path("tiersync.toml")).unwrap();
    let changed = text.replace("signature = \"optional\"", "signatures = \"optional\"");
    let line = changed.lines().position(|line| line.starts_with("signatures")).unwrap() + 1;
    std::fs::write(place.path("tiersync.toml"), &changed).unwrap();
    let ran = place.run(&["serve"]);
    ran.failed(2, &format!("tiersync.toml: line {line}: unknown field `signatures`"));
    // A line that breaks off behind a secret must not be quoted.
    let key = configured_in(&text);
    std::fs::write(place.path("tiersync.toml"), text.replace(&format!("[\"{key}\"]"), &format!("[\"{key}]"))).unwrap();
    let ran = place.run(&["serve"]);
    ran.failed(2, "tiersync.toml: line ");
    assert!(!ran.err.contains(&key), "{}", ran.err);
}

fn configured_in(text: &str) -> String {
    let line = text.lines().find(|line| line.starts_with("api_keys")).unwrap();
    line.split('"').nth(1).unwrap().to_owned()
}
