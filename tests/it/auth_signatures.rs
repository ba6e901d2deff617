//! Calls that are signed, well or badly, under each rule that a source can have.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::SecretString;
use sha2::Sha256;
use tiersync::auth::secret::SigningSecret;
use tiersync::auth::standard;

use crate::auth::{GOOD, ID, KEY, denied};
use crate::harness::app::{API_KEY, APPLICATION_ID, MPNID, OTHER_KEY, REPLAY, SIGNING};
use crate::harness::client::now;
use crate::harness::{Backend, Call, TestApp, backends, config};
use crate::inputs_ledger::{Ledger, check};

/// A live secret beside the harness's own, as while secrets rotate.
const NEXT: &str = "whsec_bmV4dC1zZWNyZXQtb2YtdGhlLXRlc3RzLTAx";
const UNKNOWN: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

const UNKEYED_PATH: &str = "/s/eu/api/Accounts/Synchronize";

fn sign(secret: &str, id: &str, second: i64, body: &str) -> String {
    let secret = SigningSecret::parse(&SecretString::from(secret.to_owned())).unwrap();
    standard::sign(&secret, id, second, body.as_bytes())
}

/// With these three headers; empty ones are left out.
fn with(call: Call, id: &str, second: &str, signature: &str) -> Call {
    [("webhook-id", id), ("webhook-timestamp", second), ("webhook-signature", signature)]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .fold(call, |call, (name, value)| call.header(name, value))
}

/// The signature of the GitHub scheme, whose key is the secret's text.
fn hub(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// A source whose secrets are the harness's live one and `NEXT`; the harness's own is `config`.
fn rotating() -> String {
    config("", MPNID).replace(
        &format!("signing_secrets = [\"{SIGNING}\"]"),
        &format!("signing_secrets = [\"{SIGNING}\", \"{NEXT}\"]"),
    )
}

fn schemes(backend: Backend) {
    let app = TestApp::with(backend, &rotating());
    let mut ledger = Ledger::of(&app);
    let second = now();
    let at = second.to_string();
    let good = |id: &str| sign(SIGNING, id, second, GOOD);
    let call = |id: &str, second: &str, signature: &str| with(Call::synchronize(GOOD), id, second, signature);
    let wrong = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let many = |count: usize, last: &str| format!("{}{last}", format!("{wrong} ").repeat(count));
    for (name, call) in [
        ("good", call("g1", &at, &good("g1"))),
        ("with the next secret", call("g2", &at, &sign(NEXT, "g2", second, GOOD))),
        ("the last of several", call("g3", &at, &format!("{wrong} {}", good("g3")))),
        ("the first of several", call("g4", &at, &format!("{} {wrong}", good("g4")))),
        ("old secret and next", call("g5", &at, &format!("{} {}", good("g5"), sign(NEXT, "g5", second, GOOD)))),
        ("behind another version", call("g6", &at, &format!("v1a,xyz v2,xyz {}", good("g6")))),
        ("behind what is no signature", call("g7", &at, &format!("nonsense v1, ,, {}", good("g7")))),
        ("the sixteenth", call("g8", &at, &many(15, &good("g8")))),
        ("an id of 256 characters", call(&"i".repeat(256), &at, &good(&"i".repeat(256)))),
        ("every visible character but the dot", call("a!#~:;,/-_", &at, &good("a!#~:;,/-_"))),
        (
            "within the tolerance, old",
            call("g9", &(second - 250).to_string(), &sign(SIGNING, "g9", second - 250, GOOD)),
        ),
        ("within it, ahead", call("g10", &(second + 250).to_string(), &sign(SIGNING, "g10", second + 250, GOOD))),
    ] {
        check(&app, &mut ledger, name, &call, (200, 0));
        let delivery = ledger.newest();
        assert!(delivery.webhook_id.is_some() && !delivery.replayed, "{name}: {delivery:?}");
        assert!((second..=now()).contains(&delivery.event_second), "{name}: a live call counts when it comes");
    }
    let bare = good("b").trim_start_matches("v1,").to_owned();
    let flipped = {
        let mut mac = STANDARD.decode(&bare).unwrap();
        mac[31] ^= 1;
        format!("v1,{}", STANDARD.encode(mac))
    };
    let short = format!("v1,{}", STANDARD.encode(&STANDARD.decode(&bare).unwrap()[..16]));
    let (old, ahead) = (second - 350, second + 350);
    for (name, call, reason) in [
        ("another version", call("b", &at, &format!("v2,{bare}")), "signature_wrong"),
        ("the version in capitals", call("b", &at, &format!("V1,{bare}")), "signature_wrong"),
        ("no comma", call("b", &at, &format!("v1{bare}")), "signature_wrong"),
        ("no version", call("b", &at, &bare), "signature_wrong"),
        ("no base64", call("b", &at, "v1,***"), "signature_wrong"),
        ("base64 without its padding", call("b", &at, good("b").trim_end_matches('=')), "signature_wrong"),
        ("nothing behind the comma", call("b", &at, "v1,"), "signature_wrong"),
        ("the beginning of it", call("b", &at, &short), "signature_wrong"),
        ("one bit off", call("b", &at, &flipped), "signature_wrong"),
        ("in hexadecimal", call("b", &at, &hub(SIGNING, GOOD)), "signature_wrong"),
        ("commas between signatures", call("b", &at, &format!("{wrong},{}", good("b"))), "signature_wrong"),
        ("the seventeenth", call("b", &at, &many(16, &good("b"))), "signature_wrong"),
        ("an unknown secret", call("b", &at, &sign(UNKNOWN, "b", second, GOOD)), "signature_wrong"),
        ("over another body", call("b", &at, &sign(SIGNING, "b", second, "{}")), "signature_wrong"),
        ("over another id", call("b", &at, &good("c")), "signature_wrong"),
        ("over another time", call("b", &(second - 1).to_string(), &good("b")), "signature_wrong"),
        ("good but too old", call("b", &old.to_string(), &sign(SIGNING, "b", old, GOOD)), "timestamp_old"),
        ("good but ahead", call("b", &ahead.to_string(), &sign(SIGNING, "b", ahead, GOOD)), "timestamp_future"),
        ("wrong and old", call("b", &old.to_string(), &good("b")), "signature_wrong"),
        ("at second 0", call("b", "0", &sign(SIGNING, "b", 0, GOOD)), "timestamp_old"),
        (
            "at the last second",
            call("b", "9223372036854775807", &sign(SIGNING, "b", i64::MAX, GOOD)),
            "timestamp_future",
        ),
        ("a dot in the id", call("b.1", &at, &good("b.1")), "signature_incomplete"),
        ("a space in the id", call("b 1", &at, &good("b 1")), "signature_incomplete"),
        ("an id of 257 characters", call(&"i".repeat(257), &at, &good(&"i".repeat(257))), "signature_incomplete"),
        ("no id", call("", &at, &good("")), "signature_incomplete"),
        ("no time", call("b", "", &good("b")), "signature_incomplete"),
        ("no signature", call("b", &at, ""), "signature_incomplete"),
        ("an id alone", call("b", "", ""), "signature_incomplete"),
        ("a time in words", call("b", "now", &good("b")), "signature_incomplete"),
        ("a time before 1970", call("b", "-5", &sign(SIGNING, "b", -5, GOOD)), "signature_incomplete"),
        ("a time with a sign", call("b", &format!("+{at}"), &good("b")), "signature_incomplete"),
        ("a time with a fraction", call("b", &format!("{at}.0"), &good("b")), "signature_incomplete"),
        ("a time beyond numbers", call("b", &"9".repeat(30), &good("b")), "signature_incomplete"),
        ("an id twice", call("b", &at, &good("b")).header("webhook-id", "b"), "unreadable_header"),
        (
            "signatures in two headers",
            call("b", &at, wrong).header("webhook-signature", good("b")),
            "unreadable_header",
        ),
        ("good, with a wrong key", call("b", &at, &good("b")).without(KEY).header(KEY, "wrong"), "key_wrong"),
    ] {
        denied(&app, &mut ledger, name, &call, reason);
    }
}

#[test]
fn good_and_bad_signatures() {
    backends().into_iter().for_each(schemes);
}

fn tolerance(backend: Backend) {
    let app = TestApp::with(backend, &config("tolerance_seconds = 3600", MPNID));
    let mut ledger = Ledger::of(&app);
    for (name, second, reason) in [
        ("an hour but a minute old", now() - 3540, ""),
        ("an hour but a minute ahead", now() + 3540, ""),
        ("an hour and a minute old", now() - 3660, "timestamp_old"),
        ("an hour and a minute ahead", now() + 3660, "timestamp_future"),
    ] {
        let call = Call::synchronize(GOOD).signed(SIGNING, &name.replace(' ', "-"), second);
        match reason {
            "" => drop(check(&app, &mut ledger, name, &call, (200, 0))),
            reason => denied(&app, &mut ledger, name, &call, reason),
        }
    }
}

#[test]
fn the_tolerance_is_the_configured_one() {
    backends().into_iter().for_each(tolerance);
}

fn rules(backend: Backend) {
    let off = format!(
        "[[source]]\nid = \"eu\"\napplication_id = \"{APPLICATION_ID}\"\napi_keys = [\"{API_KEY}\"]\nsignature = \"off\"\n"
    );
    let optional = config("signature = \"optional\"", MPNID);
    let required = config("signature = \"required\"", MPNID);
    let bad = || Call::synchronize(GOOD).signed(UNKNOWN, "m", now());
    let good = || Call::synchronize(GOOD).signed(SIGNING, "m", now());
    for (rule, toml, unsigned, badly_signed, well_signed) in [
        ("off", off, "", "", ""),
        ("optional", optional, "", "signature_wrong", ""),
        ("required", required, "signature_missing", "signature_wrong", ""),
    ] {
        let app = TestApp::with(backend, &toml);
        let mut ledger = Ledger::of(&app);
        for (name, call, reason) in [
            ("unsigned", Call::synchronize(GOOD), unsigned),
            ("badly signed", bad(), badly_signed),
            ("well signed", good(), well_signed),
        ] {
            let name = format!("{rule}, {name}");
            match reason {
                "" => drop(check(&app, &mut ledger, &name, &call, (200, 0))),
                reason => denied(&app, &mut ledger, &name, &call, reason),
            }
        }
        // Where signatures are not looked at, no id of theirs is believed either.
        let remembered = ledger.newest().webhook_id;
        assert_eq!(remembered.as_deref(), (rule != "off").then_some("m"), "{rule}");
    }
}

#[test]
fn off_optional_and_required() {
    backends().into_iter().for_each(rules);
}

fn without_key(backend: Backend) {
    let field = "[[field]]\nid = \"Organisation\"\nname = \"Organisation\"\n";
    let tenants = "tenant_setting = \"Organisation\"\nmissing_tenant = \"default\"";
    for (name, toml, named) in [
        ("optional", config("", MPNID), true),
        ("required", config("signature = \"required\"", MPNID), true),
        ("no keys at all", config("", MPNID).replace(&format!("\"{API_KEY}\", \"{OTHER_KEY}\""), ""), true),
        // The header that tells tenants apart is under no signature: whoever sees one call could send it for another.
        ("tenants told apart", config(tenants, field), false),
    ] {
        let app = TestApp::with(backend, &toml);
        let mut ledger = Ledger::of(&app);
        let signed = |path: &str, id: &str| {
            Call::synchronize(GOOD).without(ID).without(KEY).path(path).signed(SIGNING, id, now())
        };
        let call = signed(UNKEYED_PATH, "m1");
        match named {
            true => drop(check(&app, &mut ledger, name, &call, (200, 0))),
            false => denied(&app, &mut ledger, name, &call, "key_missing"),
        }
        let by_header = signed("/api/Accounts/Synchronize", "m2").header(ID, APPLICATION_ID);
        denied(&app, &mut ledger, &format!("{name}, by header"), &by_header, "key_missing");
        let nameless = signed("/api/Accounts/Synchronize", "m3");
        denied(&app, &mut ledger, &format!("{name}, nameless"), &nameless, "no_application");
    }
}

#[test]
fn a_signature_replaces_the_key_only_where_the_path_names_the_source() {
    backends().into_iter().for_each(without_key);
}

fn github(backend: Backend) {
    const HUB: &str = "X-Hub-Signature-256";
    let app = TestApp::with(backend, &config("signature_schemes = [\"standard\", \"github\"]", MPNID));
    let mut ledger = Ledger::of(&app);
    let good = hub(SIGNING, GOOD);
    let decoded = STANDARD.decode(SIGNING.trim_start_matches("whsec_")).unwrap();
    let over_decoded = {
        let mut mac = Hmac::<Sha256>::new_from_slice(&decoded).unwrap();
        mac.update(GOOD.as_bytes());
        format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
    };
    check(&app, &mut ledger, "good", &Call::synchronize(GOOD).header(HUB, &good), (200, 0));
    assert_eq!(ledger.newest().webhook_id, None, "the scheme carries no id");
    let both = Call::synchronize(GOOD).header(HUB, &good).signed(SIGNING, "m1", now());
    check(&app, &mut ledger, "both schemes", &both, (200, 0));
    assert_eq!(ledger.newest().webhook_id.as_deref(), Some("m1"));
    let unkeyed = Call::synchronize(GOOD).without(ID).without(KEY).path(UNKEYED_PATH).header(HUB, &good);
    denied(&app, &mut ledger, "without a key", &unkeyed, "key_missing");
    for (name, signature) in [
        ("another secret", hub(UNKNOWN, GOOD)),
        ("a replay secret", hub(REPLAY, GOOD)),
        ("the decoded secret", over_decoded),
        ("another body", hub(SIGNING, "{}")),
        ("no prefix", good.trim_start_matches("sha256=").to_owned()),
        ("another prefix", good.replace("sha256=", "sha1=")),
        ("cut off", good[..good.len() - 2].to_owned()),
        ("no hexadecimal", "sha256=zz".to_owned()),
        ("nothing", "sha256=".to_owned()),
    ] {
        let call = Call::synchronize(GOOD).header(HUB, signature);
        denied(&app, &mut ledger, name, &call, "signature_wrong");
    }
    let beside = Call::synchronize(GOOD).header(HUB, hub(UNKNOWN, GOOD)).signed(SIGNING, "m2", now());
    denied(&app, &mut ledger, "bad beside a good one", &beside, "signature_wrong");
    let twice = Call::synchronize(GOOD).header(HUB, &good).header(HUB, &good);
    denied(&app, &mut ledger, "twice", &twice, "unreadable_header");

    let required = config("signature = \"required\"\nsignature_schemes = [\"github\"]", MPNID);
    let app = TestApp::with(backend, &required);
    let mut ledger = Ledger::of(&app);
    check(&app, &mut ledger, "required, good", &Call::synchronize(GOOD).header(HUB, &good), (200, 0));
    denied(&app, &mut ledger, "required, none", &Call::synchronize(GOOD), "signature_missing");
    let standard = Call::synchronize(GOOD).signed(SIGNING, "m", now());
    denied(&app, &mut ledger, "required, the other scheme", &standard, "signature_missing");

    let app = TestApp::with(backend, &config("signature = \"required\"", MPNID));
    let mut ledger = Ledger::of(&app);
    let not_chosen = Call::synchronize(GOOD).header(HUB, &good);
    denied(&app, &mut ledger, "not chosen", &not_chosen, "signature_missing");
}

#[test]
fn the_github_scheme_never_replaces_the_key() {
    backends().into_iter().for_each(github);
}
