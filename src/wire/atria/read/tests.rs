//! Requests and attacks as tables, and whatever bytes there are.

// Tests stop where something is not as it must be.
#![allow(clippy::panic)]

use encoding_rs::WINDOWS_1252;
use proptest::prelude::*;

use super::*;

const CHARSET: Charset<'static> = Charset { said: None, code_page: WINDOWS_1252 };

/// The request of Atria's guide, as PowerShell expands it.
const GUIDE: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<request version=\"1.0\" action=\"SET\">\n<customer>\n\
                     <name>ATR</name>\n<parent>\n<name>HNP</name>\n</parent>\n<status>Provisioned</status>\n</customer>\n\
                     </request>";

fn read_text(text: &str) -> Result<SetCustomer, Unread> {
    read(text.as_bytes(), CHARSET)
}

fn names(text: &str) -> Option<(String, String)> {
    read_text(text).ok().map(|read| (read.customer, read.parent))
}

/// The guide's request with something else in it.
fn with(old: &str, new: &str) -> String {
    assert!(GUIDE.contains(old), "{old}");
    GUIDE.replacen(old, new, 1)
}

#[test]
fn the_guides_request_is_read() {
    let want = Some(("ATR".to_owned(), "HNP".to_owned()));
    assert_eq!(names(GUIDE), want);
    for text in [
        GUIDE.replace('\n', "\r\n"),
        format!("\u{feff}{GUIDE}"),
        format!("\r\n{GUIDE}\r\n"),
        GUIDE.replace('\n', ""),
        with("<?xml version=\"1.0\" encoding=\"utf-8\"?>", ""),
        with("<status>Provisioned</status>", ""),
        with("Provisioned", "\n provisioned "),
        with("version=\"1.0\" action=\"SET\"", "action='set'  version='1.0'"),
        with("ATR", "\n  ATR\n"),
        with("ATR", "&#65;&#x54;R"),
        with("ATR", "<![CDATA[ATR]]>"),
        with("ATR", "A<!-- what -->TR"),
        with("<customer>", "<!-- which --><customer>"),
    ] {
        assert_eq!(names(&text), want, "{text}");
    }
    let odd = with("ATR", "Bakery &amp; Sons &lt;&#x20AC;&gt;");
    assert_eq!(names(&odd).map(|names| names.0).as_deref(), Some("Bakery & Sons <€>"));
}

#[test]
fn the_code_page_of_the_machine_is_read() {
    let text = with("ATR", "Bäckerei Müller");
    let (bytes, _, _) = WINDOWS_1252.encode(&text);
    assert_eq!(read(&bytes, CHARSET).map(|read| read.customer), Ok("Bäckerei Müller".to_owned()));
    assert_eq!(read(text.as_bytes(), CHARSET).map(|read| read.customer), Ok("Bäckerei Müller".to_owned()));
}

#[test]
fn what_is_no_harmless_xml_is_refused() {
    let bomb = "<!DOCTYPE request [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">]>";
    for (text, part) in [
        (String::new(), "holds no request"),
        ("   ".to_owned(), "holds no request"),
        ("{\"customer\":\"ATR\"}".to_owned(), "outside the request"),
        (GUIDE.replace("<request", &format!("{bomb}<request")).replace("ATR", "&b;"), "DOCTYPE"),
        (with("<request", "<!DOCTYPE request SYSTEM \"file:///etc/passwd\"><request"), "DOCTYPE"),
        (with("<request", "<!doctype request><request"), "DOCTYPE"),
        (with("ATR", "&xxe;"), "The entity `xxe` is refused"),
        (with("ATR", "&nbsp;"), "The entity `nbsp` is refused"),
        (with("ATR", "A & B"), "no well-formed XML"),
        (with("ATR", "A&#0;"), "names no character"),
        (with("ATR", "A&#xFFFE;"), "names no character"),
        (with("ATR", "A&#x110000;"), "names no character"),
        (with("ATR", "A\u{1}"), "\\u{1}"),
        (with("<customer>", "<?php echo 1 ?><customer>"), "Processing instructions"),
        (with("<customer>", "<?xml version=\"1.0\"?><customer>"), "declaration"),
        (with("</customer>", ""), "no well-formed XML"),
        (with("</request>", ""), "ends within `request`"),
        (with("</name>", "</nom>"), "no well-formed XML"),
        (format!("{GUIDE}<request/>"), "A second element"),
        (format!("{GUIDE}x"), "outside the request"),
        (with("action=\"SET\"", "action=\"SET\" action=\"SET\""), "comes twice"),
        (with("action=\"SET\"", "action=SET"), "not well-formed"),
    ] {
        match read_text(&text) {
            Err(Unread::NotXml(why)) => assert!(why.contains(part), "{text}: {why}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    let large = with("ATR", &"A".repeat(MAX_BODY));
    assert!(matches!(read_text(&large), Err(Unread::NotXml(why)) if why.contains("64 KiB")));
}

#[test]
fn what_is_not_done_here_is_refused_with_its_name() {
    for (text, part) in [
        (
            with("<request", "<requests").replace("</request", "</requests"),
            "`requests` is not known in the body, which takes `request`",
        ),
        (
            with("<status>", "<email>").replace("</status>", "</email>"),
            "`email` is not known in `customer`, which takes `name`, `parent`, `status`",
        ),
        (with("<parent>", "<parent><parent>"), "`parent` is not known in `parent`, which takes `name`"),
        (with("ATR", "<b>ATR</b>"), "`b` is not known in `name`, which takes text alone"),
        (with("<name>ATR</name>", "<name>ATR</name><name>ATR</name>"), "`name` comes twice in `customer`"),
        (with("<name>HNP</name>", "<name>HNP</name><name/>"), "`name` comes twice in `parent`"),
        (with("</customer>", "</customer><customer></customer>"), "`customer` comes twice in `request`"),
        (with("<customer>", "<customer>text"), "holds elements"),
        (with("<customer>", "<customer>&#65;"), "where elements are taken"),
        (with("<customer>", "<customer id=\"1\">"), "The attribute `id` of `customer` is not known: it takes none"),
        (with("action=\"SET\"", "action=\"SET\" trace=\"true\""), "The attribute `trace` of `request`"),
        (with("\"SET\"", "\"DELETE\""), "The action `DELETE` is not done here"),
        (with("\"SET\"", "\"\""), "The action `` is not done here"),
        (with(" action=\"SET\"", ""), "no action"),
        (with("<request version=\"1.0\"", "<request version=\"2.0\""), "The version `2.0`"),
        (with("<request version=\"1.0\"", "<request"), "no version"),
        (with("Provisioned", "Disabled"), "The status `Disabled` is not set here"),
        (with("<name>ATR</name>", ""), "no customer/name"),
        (with("<name>HNP</name>", ""), "no customer/parent/name"),
        (with("<name>ATR</name>", "<name/>"), "customer/name is empty"),
        (with("HNP", " "), "customer/parent/name is empty"),
        (with("ATR", "A\nB"), "a line break"),
        (with("ATR", &"A".repeat(MAX_TEXT_CHARS + 1)), "longer than"),
        ("<request version=\"1.0\" action=\"SET\"/>".to_owned(), "no customer"),
    ] {
        match read_text(&text) {
            Err(Unread::NotUnderstood(why)) => assert!(why.contains(part), "{text}: {why}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn deep_nesting_ends_at_once() {
    let deep = "<request version=\"1.0\" action=\"SET\"><customer>".to_owned() + &"<parent>".repeat(7_000);
    assert!(
        matches!(read_text(&deep), Err(Unread::NotUnderstood(why)) if why.contains("`parent` is not known in `parent`"))
    );
    assert!(matches!(read_text(&"<a>".repeat(20_000)), Err(Unread::NotUnderstood(_))));
}

#[test]
fn long_names_are_cut_in_messages() {
    let text = format!("<{0}></{0}>", "é".repeat(10_000));
    assert!(
        matches!(read_text(&text), Err(Unread::NotUnderstood(why)) if why.contains('…') && why.chars().count() < 200)
    );
}

/// Pieces of requests and of attacks, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>",
        "<request version=\"1.0\" action=\"SET\">",
        "</request>",
        "<customer>",
        "</customer>",
        "<name>",
        "</name>",
        "<name/>",
        "<parent>",
        "</parent>",
        "<status>",
        "</status>",
        "Provisioned",
        "ATR",
        "<!DOCTYPE a [",
        "<!ENTITY a \"b\">",
        "]>",
        "&a;",
        "&amp;",
        "&#65;",
        "&#x;",
        "&",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "<?a ?>",
        "<",
        ">",
        "\"",
        "'",
        "=",
        " ",
        "\r\n",
        "\0",
        "é",
        "\u{feff}",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let _ = read(&bytes, CHARSET);
    }

    #[test]
    fn no_pieces_make_it_panic(text in pieces(), cut in any::<prop::sample::Index>()) {
        let _ = read_text(&text);
        let bytes = text.as_bytes();
        let _ = read(&bytes[..if bytes.is_empty() { 0 } else { cut.index(bytes.len()) }], CHARSET);
    }

    #[test]
    fn names_come_back_as_they_were(customer in "[ -~α-ωà-ü]{1,40}", parent in "[ -~]{1,40}") {
        prop_assume!(!customer.trim().is_empty() && !parent.trim().is_empty());
        let text = with("ATR", &quick_xml::escape::escape(customer.as_str())).replacen("HNP", &quick_xml::escape::escape(parent.as_str()), 1);
        // What replaces the first may hold the second.
        prop_assume!(!customer.contains("HNP"));
        prop_assert_eq!(names(&text), Some((customer.trim().to_owned(), parent.trim().to_owned())));
    }
}
