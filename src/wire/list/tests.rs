//! Lists as vendors send them.

// Tests stop where something is not as it must be.
#![allow(clippy::panic)]

use super::*;
use crate::domain::call::Said;
use crate::domain::ids::PlatformId;

fn rows_of(text: &str, reading: Reading) -> Result<Vec<Row>, String> {
    let list =
        List::open(std::io::Cursor::new(text.as_bytes().to_vec()), reading).map_err(|error| error.to_string())?;
    list.map(|row| row.map_err(|error| error.to_string())).collect()
}

fn by_platform_id(map: &[(Column, &str)]) -> Reading {
    let map = map.iter().map(|(column, name)| (*column, (*name).to_owned())).collect();
    Reading { map, ..Reading::by(KeyField::PlatformId) }
}

/// Line, platform ID, kind and reseller of each row, or what is wrong with it.
fn told(text: &str, reading: Reading) -> Result<Vec<String>, String> {
    let reseller = |theirs: &Theirs| match &theirs.reseller {
        Said::Absent => "?".to_owned(),
        Said::Nothing => "-".to_owned(),
        Said::Value(id) => id.to_string(),
    };
    Ok(rows_of(text, reading)?
        .into_iter()
        .map(|row| match row {
            Row::Account(theirs) => format!(
                "{} {} {} {}{}",
                theirs.line,
                theirs.platform_id.as_ref().map_or("", |id| id.as_str()),
                theirs.kind.map_or("?", AccountKind::as_str),
                reseller(&theirs),
                if theirs.deleted { " deleted" } else { "" }
            ),
            Row::Spoiled { line, why, account } => {
                format!(
                    "{line} {}: {why}",
                    account.and_then(|theirs| theirs.platform_id).map_or("!".to_owned(), |id| id.to_string())
                )
            }
        })
        .collect())
}

#[test]
fn csv_with_any_separator_and_other_names() {
    let map = [(Column::PlatformId, "CustomerNo"), (Column::ResellerId, "partner no"), (Column::Kind, "Art")];
    for separator in [",", ";", "\t", "|"] {
        let text =
            ["Art#CustomerNo#Partner No#x", "user#5#1#", "reseller#6##\"a\n#b\"", "User#7##", "", "###", " # ##", ""];
        let text = text.join("\r\n");
        let rows = told(&text.replace('#', separator), by_platform_id(&map));
        let expected = ["2 5 reseller_customer 1", "3 6 reseller -", "5 7 direct_customer -"];
        assert_eq!(rows.as_deref().map_err(String::as_str), Ok(&expected.map(str::to_owned)[..]), "{separator:?}");
    }
}

#[test]
fn what_our_own_lists_guard_against_spreadsheets_is_read_without_the_sign() {
    let rows = told("platform_id,kind,reseller_id\n'-5,reseller_customer,'=7\n", by_platform_id(&[]));
    assert_eq!(rows.as_deref().map_err(String::as_str), Ok(&["2 -5 reseller_customer =7".to_owned()][..]));
}

#[test]
fn what_spreadsheets_do_to_lists() {
    let plain = || by_platform_id(&[]);
    assert_eq!(told("sep=;\r\nplatform_id;name\r\n5;a,b\r\n", plain()), Ok(vec!["3 5 ? ?".to_owned()]));
    assert_eq!(told("\u{feff}Platform_ID\n 5 \n", plain()), Ok(vec!["2 5 ? ?".to_owned()]), "a byte-order mark");
    assert_eq!(told("platform_id\r5\r6\r", plain()).map(|rows| rows.len()), Ok(2), "lines that end with CR alone");
    let greek = by_platform_id(&[(Column::PlatformId, "ΚΩΔΙΚΌΣ")]);
    assert_eq!(told("Κωδικός\n5\n", greek), Ok(vec!["2 5 ? ?".to_owned()]), "a sigma at the end of a word");
    assert_eq!(told("\n\nplatform_id\n5", plain()), Ok(vec!["4 5 ? ?".to_owned()]), "empty lines and no last end");
    let forced = Reading { separator: Some(b':'), ..plain() };
    assert_eq!(told("platform_id:a,b,c\n5:x\n", forced), Ok(vec!["2 5 ? ?".to_owned()]));
}

#[test]
fn rows_that_cannot_be_read_are_told_with_their_line() {
    let text = "platform_id,kind,status,reseller_id,name\n\
                5,partner,,,\n\
                ,reseller,,,\n\
                6,reseller,gone,,\n\
                7,reseller\n\
                8,,deleted,,\n\
                9,,,a\u{7}b,\n";
    let rows = told(text, by_platform_id(&[])).unwrap_or_default();
    assert_eq!(
        rows,
        [
            "2 5: kind \"partner\" is no kind of account; say what it means with --word",
            "3 !: platform_id is empty, and names the account",
            "4 6: status \"gone\" is no state; say what it means with --word",
            "5 !: has 2 cells where the header has 5",
            "6 8 ? - deleted",
            "7 9: reseller_id holds a control character",
        ]
    );
    let words = ["Partner=reseller", "end customer=reseller_customer", "gone=deleted"];
    let words = Words::new(words.into_iter().filter_map(|word| parse_word(word).ok()).collect());
    let rows =
        told("platform_id,kind,status\n5,PARTNER,\n6,End-Customer,Gone\n", Reading { words, ..by_platform_id(&[]) });
    assert_eq!(rows, Ok(vec!["2 5 reseller ?".to_owned(), "3 6 reseller_customer ? deleted".to_owned()]));
}

#[test]
fn json_as_an_array_as_lines_and_as_our_own() {
    let lines = "{\"platform_id\": 5.0, \"kind\": \"User\", \"reseller_id\": null}\n\n{\"platform_id\":\"6\"}";
    let array = format!("\n[{}]\n", lines.replace("\n\n", ",\n\n"));
    let expected = |first: u64| Ok(vec![format!("{first} 5 direct_customer -"), format!("{} 6 ? ?", first + 2)]);
    assert_eq!(told(lines, by_platform_id(&[])), expected(1));
    assert_eq!(told(&array, by_platform_id(&[])), expected(2));
    assert_eq!(told("[]", by_platform_id(&[])), Ok(vec![]));
    let ours = r#"[{"platform_id":"5","kind":"reseller_customer","reseller":{"platform_id":"1"},"partner":null},
                   {"platform_id":"6","kind":"direct_customer","reseller":null,"partner":{"partner_id":"P"}}]"#;
    assert_eq!(
        told(ours, by_platform_id(&[])),
        Ok(vec!["1 5 reseller_customer 1".to_owned(), "2 6 direct_customer -".to_owned()])
    );
    let mapped = by_platform_id(&[(Column::PlatformId, "a.b"), (Column::ResellerId, "c.d")]);
    assert_eq!(told(r#"{"a":{"b":7},"c":{"d":"8"}}"#, mapped), Ok(vec!["1 7 ? 8".to_owned()]));
}

#[test]
fn json_that_is_none_or_no_account() {
    let text = "[{\"platform_id\":\"5\"},\n{\"platform_id\":\"6\",\"platform_id\":\"7\"},\n{\"platform_id\":true},{\"platform_id\":\"8\",\"name\":{}},\n{\"platform_id\":\"9\" \"x\"}]";
    let rows = told(text, by_platform_id(&[])).unwrap_or_default();
    assert_eq!(rows.len(), 5, "{rows:?}");
    assert_eq!((rows[0].as_str(), rows[4].as_str()), ("1 5 ? ?", "4 !: is no JSON"));
    assert!(rows[1].starts_with("2 !: ") && rows[2].starts_with("3 !: "), "{rows:?}");
    assert_eq!(rows[3], "3 8: name is neither a text nor a number");
    for (text, why) in [
        ("[{\"platform_id\":\"5\"}", "line 1: the list ends within its array"),
        ("[{\"platform_id\":\"5\"\n", "line 2: the list ends within an object"),
        ("[{\"platform_id\":\"5\"},]", "line 1: there is no JSON object where one must be"),
        ("{\"platform_id\":\"5\"}\n7", "line 2: there is no JSON object where one must be"),
    ] {
        let broken = told(text, by_platform_id(&[])).err().unwrap_or_default();
        assert_eq!(broken, why, "{text}");
    }
}

#[test]
fn lists_that_are_asked_for_wrongly() {
    let mapped = || by_platform_id(&[(Column::PlatformId, "No")]);
    for (text, reading, why) in [
        ("", by_platform_id(&[]), "the list is empty"),
        ("a,b\n", by_platform_id(&[]), "--map platform_id=…; it has \"a\", \"b\""),
        ("a,b\n", mapped(), "the list has no column \"No\"; it has \"a\", \"b\""),
        ("platform_id,Platform_Id\n", by_platform_id(&[]), "two columns of the list are called \"platform_id\""),
        ("{\"a\":1}", by_platform_id(&[]), "the first object has no platform_id"),
        ("{\"a\":1}", mapped(), "the first object has no No"),
        ("{\"platform_id\":1}", by_platform_id(&[(Column::Name, "n")]), "has no \"n\", which --map gives for name"),
    ] {
        let told = told(text, reading).err().unwrap_or_default();
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn a_quote_that_is_never_closed_is_no_way_to_fill_memory() {
    let text = format!("platform_id,name\n5,\"{}", "x\n".repeat(MAX_ROW));
    let told = told(&text, by_platform_id(&[])).err().unwrap_or_default();
    assert_eq!(told, "line 2: a row is longer than 1 MiB; is a quote not closed?");
    let text = format!("{{\"platform_id\":\"{}", "x".repeat(2 * MAX_ROW));
    let told = super::tests::told(&text, by_platform_id(&[])).err().unwrap_or_default();
    assert!(told.contains("longer than 1 MiB"), "{told}");
}

#[test]
fn other_keys_name_accounts() {
    let reading = |key| Reading::by(key);
    let text = "external_id,code,email,name\nX,C,e@example.org,\n,,,Nobody\n";
    for key in [KeyField::ExternalId, KeyField::Code, KeyField::Email] {
        let rows = rows_of(text, reading(key)).unwrap_or_default();
        assert!(matches!(&rows[..], [Row::Account(_), Row::Spoiled { account: None, .. }]), "{rows:?}");
    }
    let row = rows_of("platform_id,source,tenant\n5,eu,\n", reading(KeyField::PlatformId)).unwrap_or_default();
    let [Row::Account(theirs)] = &row[..] else { panic!("{row:?}") };
    assert_eq!(theirs.platform_id, Some(PlatformId::stored("5")));
    assert_eq!(theirs.source.as_ref().map(ToString::to_string), Some("eu".to_owned()));
    assert_eq!(theirs.tenant.as_ref().map(|tenant| tenant.as_str().to_owned()), Some(String::new()));
}

#[test]
fn encodings_reach_the_cells() {
    let bytes = b"platform_id;name\n5;\xcc\xe1\xf1\xdf\xe1\n".to_vec();
    let reading = Reading { encoding: Some("windows-1253".to_owned()), ..Reading::by(KeyField::PlatformId) };
    let list = List::open(std::io::Cursor::new(bytes.clone()), reading);
    let rows: Vec<_> = list.into_iter().flatten().flatten().collect();
    let [Row::Account(theirs)] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(theirs.name, Said::Value("Μαρία".to_owned()));
    let list = List::open(std::io::Cursor::new(bytes), Reading::by(KeyField::PlatformId));
    let error = list.and_then(|list| list.collect::<Result<Vec<_>, _>>()).err();
    let told = error.map(|error| error.to_string()).unwrap_or_default();
    assert!(told.starts_with("line 2: bytes that are no UTF-8"), "{told}");
}
