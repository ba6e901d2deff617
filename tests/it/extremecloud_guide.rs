//! `docs/extremecloud.md`: its calls are made as they stand there, and answered as it says.

use regex::Regex;
use serde_json::json;

use crate::extremecloud::{CLOUD, PARTNER, REQUEST, TENANT};
use crate::harness::{Backend, Call, TestApp, backends, config};
use crate::v1::{operator, send};
use tiersync::domain::operator::Role;

const GUIDE: &str = include_str!("../../docs/extremecloud.md");

/// The commands of the guide, each with what it prints.
fn commands() -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let (mut within, mut goes_on) = (false, false);
    for line in GUIDE.lines() {
        match line {
            "```console" => within = true,
            _ if line.starts_with("```") => within = false,
            _ if !within => {}
            _ if goes_on || line.starts_with("$ ") => {
                let part = line.trim_start_matches("$ ").trim_end_matches('\\');
                match found.last_mut() {
                    Some((command, _)) if goes_on => command.push_str(part),
                    _ => found.push((part.to_owned(), String::new())),
                }
                goes_on = line.ends_with('\\');
            }
            _ => found.last_mut().unwrap().1.push_str(line),
        }
    }
    found
}

/// Words of a command, as a shell tells them apart.
fn words(command: &str) -> Vec<String> {
    let word = Regex::new(r#"'([^']*)'|"([^"]*)"|(\S+)"#).unwrap();
    word.captures_iter(command).map(|one| one.iter().skip(1).flatten().next().unwrap().as_str().to_owned()).collect()
}

/// The call that a `curl` makes.
fn call(command: &str, token: &str) -> Call {
    let words = words(command);
    assert_eq!(words[..2], ["curl", "-s"], "{command}");
    let (mut method, mut path, mut headers, mut body) = (None, String::new(), Vec::new(), None);
    let mut words = words.iter().skip(2);
    while let Some(word) = words.next() {
        let mut next = || words.next().unwrap().clone();
        match word.as_str() {
            "-X" => method = Some(next()),
            "-H" => headers.push(next().replace("$TOKEN", token)),
            "-d" => body = Some(next()),
            "--data-binary" => {
                assert_eq!(next(), "@put-partner.json");
                body = Some(REQUEST.to_owned());
            }
            url => url.strip_prefix("http://127.0.0.1:8080").unwrap().clone_into(&mut path),
        }
    }
    let method = method.unwrap_or_else(|| if body.is_some() { "POST" } else { "GET" }.to_owned());
    let mut call = Call::new(&method, &path);
    for header in &headers {
        let (name, value) = header.split_once(": ").unwrap();
        call = call.header(name, value);
    }
    call.body(body.unwrap_or_default())
}

fn follow(backend: Backend) {
    let app = TestApp::with(backend, &config("", CLOUD));
    let token = operator(&app, "provider", Role::ProviderAdmin, &[], None);
    send(&app, &json!({"ID": PARTNER, "Role": "Reseller", "Name": "msp-partner-01"}));
    send(&app, &json!({"ID": TENANT, "Role": "User", "Name": "msp-customer-01"}));
    let second = json!({"ID": "MspEndCustomer-tenantid-b7YhTzS0kd3Wm1Qa", "Role": "User", "ResellerID": PARTNER, "Name": "msp-customer-02"});
    send(&app, &second);
    let issued = Regex::new("tenantid-[A-Za-z0-9]{16}").unwrap();
    let commands = commands();
    assert_eq!(commands.len(), 6);
    for (command, printed) in commands {
        let mut answer = call(&command, &token).send(&app).body;
        if printed.contains('…') {
            answer = issued.replace_all(&answer, "tenantid-…").into_owned();
        }
        // Which of the two kinds of tenants comes first is not said.
        let answered: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let wanted: serde_json::Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(answered, wanted, "{command}");
        if !command.contains("nametoidmap") {
            assert_eq!(answer, printed, "{command}");
        }
    }
}

#[test]
fn the_guides_calls_are_answered_as_it_says() {
    backends().into_iter().for_each(follow);
}
