//! Bodies that no honest platform sends: each has its documented answer, and each authentic one is in the ledger.

use crate::harness::{Backend, Call, TestApp, backends};
use crate::inputs_ledger::{Ledger, assert_alive, check};

const GOOD: &str = r#"{"ID":"1","Role":"User"}"#;

/// `{"ID":"1","Role":"User"}`, compressed.
const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\xf2\x74\x51\xb2\x52\x32\x54\xd2\x51\x0a\xca\xcf\
\x49\x05\x32\x43\x8b\x53\x8b\x94\x6a\x01\xab\xe1\xfd\x62\x18\x00\x00\x00";

const BOM: &[u8] = b"\xef\xbb\xbf";

fn utf16(text: &str, big: bool) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

/// Status and code of everything that is no JSON, and of JSON that is no account.
const NOT_JSON: (u16, i64) = (400, 1001);
const MALFORMED: (u16, i64) = (200, 1001);
const DONE: (u16, i64) = (200, 0);

fn bodies(backend: Backend) {
    let app = TestApp::start(backend);
    let mut ledger = Ledger::of(&app);
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let cases: Vec<(&str, Vec<u8>, (u16, i64))> = vec![
        ("plain words", b"hello".to_vec(), NOT_JSON),
        ("a form", b"ID=1&Role=User".to_vec(), NOT_JSON),
        ("XML", b"<Account><ID>1</ID></Account>".to_vec(), NOT_JSON),
        ("empty", Vec::new(), NOT_JSON),
        ("white space", b" \r\n\t ".to_vec(), NOT_JSON),
        ("cut off", br#"{"ID":"1","Role":"Us"#.to_vec(), NOT_JSON),
        ("two documents", br#"{"ID":"1"}{"ID":"2"}"#.to_vec(), NOT_JSON),
        ("a comma too many", br#"{"ID":"1","Role":"User",}"#.to_vec(), NOT_JSON),
        ("NaN", br#"{"ID":NaN}"#.to_vec(), NOT_JSON),
        ("a raw NUL in a text", b"{\"ID\":\"1\0\",\"Role\":\"User\"}".to_vec(), NOT_JSON),
        ("a NUL behind the end", b"{\"ID\":\"1\",\"Role\":\"User\"}\0".to_vec(), NOT_JSON),
        ("nothing but NUL", vec![0; 64], NOT_JSON),
        ("invalid UTF-8 in a text", b"{\"ID\":\"1\xff\",\"Role\":\"User\"}".to_vec(), NOT_JSON),
        ("overlong UTF-8", b"{\"ID\":\"\xc0\xaf\",\"Role\":\"User\"}".to_vec(), NOT_JSON),
        ("a surrogate in UTF-8", b"{\"ID\":\"\xed\xa0\x80\",\"Role\":\"User\"}".to_vec(), NOT_JSON),
        ("UTF-16, little end first", utf16(GOOD, false), NOT_JSON),
        ("UTF-16, big end first", utf16(GOOD, true), NOT_JSON),
        ("gzip that is not announced", GZIP.to_vec(), NOT_JSON),
        ("two byte-order marks", [BOM, BOM, GOOD.as_bytes()].concat(), NOT_JSON),
        ("a byte-order mark alone", BOM.to_vec(), NOT_JSON),
        ("a list", b"[]".to_vec(), MALFORMED),
        ("a list of accounts", format!("[{GOOD}]").into_bytes(), MALFORMED),
        ("a number", b"42".to_vec(), MALFORMED),
        ("a text", b"\"1\"".to_vec(), MALFORMED),
        ("null", b"null".to_vec(), MALFORMED),
        ("true", b"true".to_vec(), MALFORMED),
        ("an empty object", b"{}".to_vec(), MALFORMED),
        ("10,000 lists in each other", nested(10_000).into_bytes(), MALFORMED),
        ("10,000 lists in a field", format!(r#"{{"ID":"1","X":{}}}"#, nested(10_000)).into_bytes(), MALFORMED),
        ("10,000 objects", format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000)).into_bytes(), MALFORMED),
        ("100,000 lists never closed", "[".repeat(100_000).into_bytes(), NOT_JSON),
        ("a key twice", br#"{"ID":"1","ID":"2","Role":"User"}"#.to_vec(), MALFORMED),
        ("a key twice, once escaped", br#"{"ID":"1","\u0049D":"2","Role":"User"}"#.to_vec(), MALFORMED),
        (
            "a key twice further down",
            br#"{"ID":"1","Role":"User","Address":{"City":"a","City":"b"}}"#.to_vec(),
            MALFORMED,
        ),
        ("NUL in a text", br#"{"ID":"1","Role":"User","Name":"a\u0000b"}"#.to_vec(), MALFORMED),
        ("NUL in the ID", br#"{"ID":"1\u0000","Role":"User"}"#.to_vec(), MALFORMED),
        ("NUL in an unknown field", br#"{"ID":"1","Role":"User","X":{"y":["\u0000"]}}"#.to_vec(), MALFORMED),
        ("NUL in a key", br#"{"ID":"1","Role":"User","a\u0000":1}"#.to_vec(), MALFORMED),
        ("a high surrogate alone", br#"{"ID":"1","Role":"User","Name":"\ud83d"}"#.to_vec(), MALFORMED),
        ("a low surrogate alone", br#"{"ID":"1","Role":"User","Name":"\ude00"}"#.to_vec(), MALFORMED),
        ("surrogates the wrong way round", br#"{"ID":"1","Role":"User","Name":"\ude00\ud83d"}"#.to_vec(), MALFORMED),
        ("a surrogate in a key", br#"{"ID":"1","Role":"User","\ud83d":1}"#.to_vec(), MALFORMED),
        ("a whole surrogate pair", br#"{"ID":"1","Role":"User","Name":"\ud83d\ude00"}"#.to_vec(), DONE),
        ("a byte-order mark", [BOM, GOOD.as_bytes()].concat(), DONE),
        ("white space around", format!("\r\n\t {GOOD} \n").into_bytes(), DONE),
        ("64 lists in a field", format!(r#"{{"ID":"1","Role":"User","X":{}}}"#, nested(63)).into_bytes(), DONE),
    ];
    for (name, body, expected) in cases {
        check(&app, &mut ledger, name, &Call::synchronize(&body), expected);
        let delivery = ledger.newest();
        let plain = body.strip_prefix(BOM).unwrap_or(&body);
        if std::str::from_utf8(plain).is_ok_and(|text| !text.starts_with('\0')) {
            assert_eq!(ledger.body(&delivery), plain, "{name}: the body as it came");
        }
    }
    let account = ledger.account("1").expect("the good ones made an account").account;
    assert_eq!(account.profile.name, "😀");
    assert_alive(&app);
}

#[test]
fn no_body_is_lost_or_harmful() {
    backends().into_iter().for_each(bodies);
}

fn endpoints_agree(backend: Backend) {
    let app = TestApp::start(backend);
    let mut ledger = Ledger::of(&app);
    for endpoint in ["Accounts/Exists", "Accounts/Delete", "Accounts/IsReseller", "Accounts/Synchronize"] {
        for (body, expected) in [
            (&b"{"[..], NOT_JSON),
            (b"", NOT_JSON),
            (b"\xff", NOT_JSON),
            (b"[]", MALFORMED),
            (b"{}", MALFORMED),
            (br#"{"ID":{}}"#, MALFORMED),
            (br#"{"ID":"a","ID":"a"}"#, MALFORMED),
        ] {
            let name = format!("{endpoint} {}", String::from_utf8_lossy(body));
            check(&app, &mut ledger, &name, &Call::post(endpoint, body), expected);
            assert_eq!(ledger.newest().endpoint.as_str(), endpoint);
        }
    }
    for (body, expected) in
        [(&b"{"[..], NOT_JSON), (b"", NOT_JSON), (br#"{"Fields":1}"#, MALFORMED), (br#"{"a":1,"a":2}"#, MALFORMED)]
    {
        let name = format!("Fields/Validate {}", String::from_utf8_lossy(body));
        check(&app, &mut ledger, &name, &Call::post("Fields/Validate", body), expected);
    }
    assert_alive(&app);
}

#[test]
fn every_endpoint_refuses_them_alike() {
    backends().into_iter().for_each(endpoints_agree);
}

fn headers_about_the_body(backend: Backend) {
    let app = TestApp::start(backend);
    let mut ledger = Ledger::of(&app);
    let good = || Call::synchronize(GOOD);
    for (name, call, expected) in [
        ("no Content-Type", good(), DONE),
        ("plain text", good().header("Content-Type", "text/plain"), DONE),
        ("XML", good().header("Content-Type", "application/xml"), DONE),
        ("another charset", good().header("Content-Type", "application/json; charset=utf-16"), DONE),
        ("no media type at all", good().header("Content-Type", "%%%"), DONE),
        ("bytes that are no text", good().header("Content-Type", b"\xff\xfe"), DONE),
        ("two Content-Types", good().header("Content-Type", "a/b").header("Content-Type", "c/d"), DONE),
        ("identity", good().header("Content-Encoding", "identity"), DONE),
        ("gzip", Call::synchronize(GZIP).header("Content-Encoding", "gzip"), NOT_JSON),
        ("gzip in another case", Call::synchronize(GZIP).header("content-encoding", "GZip"), NOT_JSON),
        ("gzip that is none", good().header("Content-Encoding", "gzip"), NOT_JSON),
        ("an unknown coding", good().header("Content-Encoding", "zstd"), NOT_JSON),
        ("two codings", good().header("Content-Encoding", "identity, gzip"), NOT_JSON),
        (
            "two coding headers",
            good().header("Content-Encoding", "identity").header("Content-Encoding", "br"),
            NOT_JSON,
        ),
    ] {
        check(&app, &mut ledger, name, &call, expected);
    }
    assert_alive(&app);
}

#[test]
fn types_do_not_matter_and_codings_are_refused() {
    backends().into_iter().for_each(headers_about_the_body);
}
