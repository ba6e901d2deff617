//! The vendor's book: its list of accounts, as CSV, a JSON array or JSON lines, read as a stream. What cannot be read is
//! told with its line and never guessed.

mod cells;
mod csv;
mod json;

use std::io::{Chain, Cursor, Read};

use thiserror::Error;

use crate::domain::act::Imported;
use crate::domain::ids::PlatformId;
use crate::domain::options::{OptionSet, OptionValue, SecretText};

pub use cells::Field;

/// Longest row of cells, in bytes. A quote that is never closed must not read the rest of a list into memory.
const MAX_ROW: usize = 1024 * 1024;

/// Longest header, in bytes.
const MAX_HEADER: usize = 64 * 1024;

/// Most columns, or keys of an object. Each is compared with each, so that more would cost too much.
const MAX_COLUMNS: usize = 2_000;

/// Why a list cannot be read.
#[derive(Debug, Error)]
pub enum BookError {
    /// It was asked for wrongly, or its header is not as it must be.
    #[error("{0}")]
    Usage(String),
    /// It is broken at a place that the text names, so that nothing behind it can be read.
    #[error("{0}")]
    Broken(String),
}

impl From<std::io::Error> for BookError {
    fn from(error: std::io::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookFormat {
    /// A header and rows of cells.
    Csv,
    /// An array of objects, or one object behind the other.
    Json,
}

impl BookFormat {
    /// By the end of a file's name; CSV unless it says JSON.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        let ending = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        if matches!(ending.as_str(), "json" | "jsonl" | "ndjson") { Self::Json } else { Self::Csv }
    }
}

/// How a list is to be read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// How it is written.
    pub format: BookFormat,
    /// How it calls our fields; what is not named here is looked for under its usual names.
    pub map: Vec<(Field, String)>,
    /// What separates cells; none to find out.
    pub separator: Option<u8>,
    /// The options whose values are secrets besides those whose names say so.
    pub secret_options: Vec<String>,
}

impl Reading {
    /// A list with the usual names.
    #[must_use]
    pub fn plain(format: BookFormat) -> Self {
        Self { format, map: Vec::new(), separator: None, secret_options: Vec::new() }
    }

    /// The field that a column or key is, if any, and how good a name for it that is: 0 is the best.
    fn field(&self, name: &str) -> Option<(Field, usize)> {
        if let Some((field, _)) = self.map.iter().find(|(_, mapped)| cells::is_called(name, mapped)) {
            return Some((field.clone(), 0));
        }
        // A field that was mapped elsewhere is not looked for under its usual names.
        Field::usual(name).filter(|(field, _)| !self.map.iter().any(|(mapped, _)| mapped == field))
    }

    /// The field that each of some columns or keys is. Where two are one field, it is the one with the better name.
    fn fields<'n>(&self, names: impl Iterator<Item = &'n str>) -> Vec<Option<Field>> {
        let fields: Vec<Option<(Field, usize)>> = names.map(|name| self.field(name)).collect();
        let better = |(field, rank): &(Field, usize)| {
            fields.iter().flatten().any(|(other, better)| other == field && better < rank)
        };
        fields.iter().map(|one| one.as_ref().filter(|one| !better(one)).map(|(field, _)| field.clone())).collect()
    }

    fn is_secret(&self, id: &str) -> bool {
        crate::domain::redaction::is_secret_name(id) || self.secret_options.iter().any(|secret| secret == id)
    }

    /// A text as an option's value.
    fn option(&self, id: &str, text: &str) -> OptionValue {
        if self.is_secret(id) {
            OptionValue::Secret(Some(SecretText::new(text.to_owned())))
        } else {
            OptionValue::Text(text.to_owned())
        }
    }
}

/// Reads `FIELD=COLUMN`.
///
/// # Errors
/// A sentence for whoever typed it.
pub fn parse_mapping(text: &str) -> Result<(Field, String), String> {
    let (field, column) = text.split_once('=').ok_or("is FIELD=COLUMN, such as platform_id=CustomerNo")?;
    let field = Field::parse(field.trim()).ok_or_else(|| {
        format!("there is no field \"{}\"; the fields are {} and option.ID", field.trim(), Field::names().join(", "))
    })?;
    match column.trim() {
        "" => Err("names no column behind the =".to_owned()),
        column => Ok((field, column.to_owned())),
    }
}

/// An account as a list has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The platform's ID.
    pub platform_id: PlatformId,
    /// The source that the row names, if it does.
    pub source: Option<String>,
    /// The tenant that the row names, if it does.
    pub tenant: Option<String>,
    /// The account.
    pub account: Imported,
}

/// A row of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The line that it begins on, from 1.
    pub line: u64,
    /// The platform ID as it is written; empty where there is none.
    pub platform_id: String,
    /// The account, or what is wrong with the row.
    pub account: Result<Box<Listed>, String>,
}

type Input = Chain<Cursor<Vec<u8>>, Box<dyn Read + Send>>;

enum Rows {
    Csv(csv::CsvRows),
    Json(json::JsonRows),
}

/// A list being read.
pub struct Book {
    rows: Rows,
    unused: Vec<String>,
}

impl std::fmt::Debug for Book {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Book").field("unused", &self.unused).finish_non_exhaustive()
    }
}

impl Book {
    /// Opens a list and reads its header, if it has one.
    ///
    /// # Errors
    /// [`BookError`] when it is no UTF-8 text, or its header is not as it must be.
    pub fn open(mut input: Box<dyn Read + Send>, reading: Reading) -> Result<Self, BookError> {
        let start = beginning(&mut input)?;
        if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
            return Err(BookError::Usage("the list is UTF-16; save it as UTF-8".to_owned()));
        }
        let start = start.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(&start).to_vec();
        match reading.format {
            BookFormat::Csv => {
                let (rows, unused) = csv::open(start, input, reading)?;
                Ok(Self { rows: Rows::Csv(rows), unused })
            }
            BookFormat::Json => {
                Ok(Self { rows: Rows::Json(json::open(Cursor::new(start).chain(input), reading)), unused: Vec::new() })
            }
        }
    }

    /// The columns that mean nothing here and are not read.
    #[must_use]
    pub fn unused(&self) -> &[String] {
        &self.unused
    }
}

impl Iterator for Book {
    type Item = Result<Row, BookError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.rows {
            Rows::Csv(rows) => rows.next(),
            Rows::Json(rows) => rows.next(),
        }
    }
}

/// The first line of a list with its end, or as much as there may be of it.
fn beginning(input: &mut dyn Read) -> Result<Vec<u8>, BookError> {
    let (mut start, mut part) = (Vec::new(), [0_u8; 4096]);
    while start.len() < MAX_HEADER && !start.trim_ascii_start().contains(&b'\n') {
        let read = match input.read(&mut part) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if read == 0 {
            break;
        }
        start.extend_from_slice(part.get(..read).unwrap_or_default());
    }
    Ok(start)
}

/// The cells of a row that were read so far.
#[derive(Debug, Default)]
struct Cells {
    texts: Vec<(Field, String)>,
    options: OptionSet,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Tests stop where something is not as it must be.

    use super::*;
    use crate::domain::account::AccountKind;

    fn read(text: &[u8], reading: Reading) -> Result<Vec<Row>, BookError> {
        Book::open(Box::new(Cursor::new(text.to_vec())), reading)?.collect()
    }

    fn csv(text: &str) -> Vec<Row> {
        read(text.as_bytes(), Reading::plain(BookFormat::Csv)).unwrap()
    }

    fn json(text: &str) -> Vec<Row> {
        read(text.as_bytes(), Reading::plain(BookFormat::Json)).unwrap()
    }

    fn why(row: &Row) -> &str {
        row.account.as_ref().unwrap_err()
    }

    fn account(row: &Row) -> &Listed {
        row.account.as_ref().unwrap()
    }

    #[test]
    fn any_separator_order_and_usual_name() {
        for (text, name) in [
            ("\u{feff}Name,kind,Account ID,option.MPNID,Reseller\n\"A, B\",reseller_customer,1,345,2\n", "A, B"),
            ("since;RESELLER_ID;platform-id;name;option.MPNID\n2024-05-01;2;1;\"A; B\";345\n", "A; B"),
            ("id\treseller\tname\toption.MPNID\r\n1\t2\tA\t345\r\n", "A"),
            ("id|reseller|name|option.MPNID\n1|2|A|345", "A"),
        ] {
            let rows = csv(text);
            let listed = account(&rows[0]);
            assert_eq!((rows.len(), rows[0].line, listed.platform_id.as_str()), (1, 2, "1"), "{text}");
            assert_eq!(listed.account.kind, AccountKind::ResellerCustomer);
            assert_eq!(listed.account.reseller.as_ref().unwrap().as_str(), "2");
            assert_eq!(listed.account.profile.name.as_deref(), Some(name));
            assert_eq!(listed.account.options.get("MPNID"), Some(&OptionValue::Text("345".to_owned())));
            assert_eq!(listed.account.since.is_some(), text.starts_with("since"));
        }
    }

    #[test]
    fn names_are_mapped_and_unknown_ones_told() {
        let mut reading = Reading::plain(BookFormat::Csv);
        reading.map = ["platform_id=CustomerNo", "reseller=Partner No", "option.MPNID=MPN"]
            .map(|text| parse_mapping(text).unwrap())
            .to_vec();
        let text = "customerno;Partner No;MPN;id;Colour;kind\n1;2;7;9;red;reseller_customer\n";
        let mut book = Book::open(Box::new(Cursor::new(text)), reading.clone()).unwrap();
        assert_eq!(book.unused(), ["id", "Colour"]);
        let row = book.next().unwrap().unwrap();
        assert_eq!((account(&row).platform_id.as_str(), account(&row).account.options.len()), ("1", 1));
        for (text, word) in [
            ("a;b\n", "CustomerNo"),
            ("CustomerNo;Partner No;MPN;customerno\n", "twice"),
            ("", "empty"),
            ("\n;;\n", "empty"),
        ] {
            let error = read(text.as_bytes(), reading.clone()).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        assert!(read(b"name,kind\n", Reading::plain(BookFormat::Csv)).unwrap_err().to_string().contains("platform_id"));
        for (text, word) in
            [("x", "FIELD=COLUMN"), ("x=y", "no field"), ("name=", "no column"), ("option.=y", "no field")]
        {
            assert!(parse_mapping(text).unwrap_err().contains(word), "{text}");
        }
    }

    #[test]
    fn bad_rows_are_told_with_their_line_and_good_ones_go_on() {
        let rows = csv("platform_id,kind,reseller,since,email\n\
             1,reseller,,,\n\
             ,reseller,,,\n\
             2,\"re\nseller\",,,\n\
             3,direct_customer,,yesterday,\n\
             4,direct_customer\n\
             5,,,,\n\
             6,king,,,\n\
             7,customer,1,,a@example.org\n\
             8,user,8,,\n\
             9,direct_customer,,,,more\n");
        let lines: Vec<_> = rows.iter().map(|row| (row.line, row.platform_id.as_str(), row.account.is_ok())).collect();
        assert_eq!(
            lines,
            [
                (2, "1", true),
                (3, "", false),
                (4, "2", false),
                (6, "3", false),
                (7, "4", false),
                (8, "5", false),
                (9, "6", false),
                (10, "7", true),
                (11, "8", true),
                (12, "9", false)
            ]
        );
        for (at, word) in
            [(1, "platform_id"), (2, "kind"), (3, "since"), (4, "2 cells"), (5, "kind"), (6, "king"), (9, "6 cells")]
        {
            assert!(why(&rows[at]).contains(word), "{}", why(&rows[at]));
        }
        assert_eq!(account(&rows[7]).account.kind, AccountKind::ResellerCustomer);
        assert_eq!(account(&rows[8]).account.kind, AccountKind::DirectCustomer);
        let lines = |text: &str| csv(text).iter().map(|row| row.line).collect::<Vec<_>>();
        assert_eq!(lines("id,kind\r\n\r\n1,reseller\r\n,\r\n2,\"re\r\nx\"\r\n3,reseller"), [3, 5, 7]);
        assert_eq!(lines("id,kind\r1,reseller\r2,reseller\r"), [2, 3]);
        let rows = read(b"id,name,kind\n1,caf\xe9,reseller\n2,x,reseller\n", Reading::plain(BookFormat::Csv)).unwrap();
        assert!(why(&rows[0]).contains("UTF-8") && rows[1].account.is_ok());
        assert!(read(b"\xff\xfei\0d\0", Reading::plain(BookFormat::Csv)).unwrap_err().to_string().contains("UTF-16"));
    }

    #[test]
    fn a_quote_that_is_never_closed_ends_the_list() {
        let text = format!("id,name,kind\n1,\"open,reseller\n{}", "x,y,z\n".repeat(400_000));
        let error = read(text.as_bytes(), Reading::plain(BookFormat::Csv)).unwrap_err().to_string();
        assert!(error.contains("quote") && error.contains("line 2"), "{error}");
    }

    #[test]
    fn what_our_own_lists_guard_against_spreadsheets_is_read_without_the_sign() {
        let rows = csv("id,kind,name,option.Phone\n'-5,reseller,'=1+1,'+30 210\n");
        let listed = account(&rows[0]);
        assert_eq!((listed.platform_id.as_str(), listed.account.profile.name.as_deref()), ("-5", Some("=1+1")));
        assert_eq!(listed.account.options.get("Phone"), Some(&OptionValue::Text("+30 210".to_owned())));
    }

    #[test]
    fn columns_are_bounded() {
        let many = |join: &str, one: &dyn Fn(usize) -> String| (0..MAX_COLUMNS).map(one).collect::<Vec<_>>().join(join);
        let header = format!("id,{}\n1\n", many(",", &|at| format!("option.{at}")));
        let error = read(header.as_bytes(), Reading::plain(BookFormat::Csv)).unwrap_err().to_string();
        assert!(error.contains("2000 columns"), "{error}");
        let rows = json(&format!(
            "{{\"id\":1,{}}}{{\"id\":2,\"kind\":\"reseller\"}}",
            many(",", &|at| format!("\"k{at}\":1"))
        ));
        assert!(why(&rows[0]).contains("2000 keys") && rows[1].account.is_ok());
    }

    #[test]
    fn json_lists_of_every_form() {
        let (a, b) = (
            r#"{"platform_id":1,"kind":"reseller","name":"a } \" b","options":{"MPNID":3456890}}"#,
            r#"{"platform_id":"2","kind":"reseller_customer","reseller":{"platform_id":"1","since":"2024-05-01T00:00:00Z"},"sync_options":{}}"#,
        );
        for text in [format!("[{a},\n{b}]"), format!("{a}\n{b}\n"), format!("{a}{b}"), format!(" [ {a} , {b} ] ")] {
            let rows = json(&text);
            assert_eq!(rows.len(), 2, "{text}");
            assert_eq!(
                account(&rows[0]).account.options.get("MPNID"),
                Some(&OptionValue::Number("3456890".to_owned()))
            );
            let second = &account(&rows[1]).account;
            assert_eq!((second.reseller.as_ref().unwrap().as_str(), second.since), ("1", Some(1_714_521_600_000_000)));
        }
        let rows = json(
            "{\"platform_id\":\"1\",\"kind\":\"reseller\"}\n{\"platform_id\":true}\n{x}\n{\"platform_id\":\"4\",\"kind\":\"reseller\"}",
        );
        let lines: Vec<_> = rows.iter().map(|row| (row.line, row.account.is_ok())).collect();
        assert_eq!(lines, [(1, true), (2, false), (3, false), (4, true)]);
        for (text, word) in
            [("[{}", "ends"), ("{", "ends"), ("[1]", "line 1"), ("nonsense", "line 1"), ("[{}]x", "line 1")]
        {
            let error = read(text.as_bytes(), Reading::plain(BookFormat::Json)).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
        assert_eq!(json("").len() + json("[]").len(), 0);
        let long = format!("{{\"id\":1,\"name\":\"{}\"}}", "x".repeat(MAX_ROW));
        let error = read(long.as_bytes(), Reading::plain(BookFormat::Json)).unwrap_err().to_string();
        assert!(error.contains("longer than 1 MiB"), "{error}");
    }

    #[test]
    fn secrets_are_sealed_and_ended_accounts_left_out() {
        let rows = csv("id,kind,option.AdminPassword,status\n1,reseller,hunter2,active\n2,reseller,,deleted\n");
        assert_eq!(account(&rows[0]).account.options.get("AdminPassword"), Some(&OptionValue::Secret(None)));
        assert!(!format!("{rows:?}").contains("hunter2"));
        assert!(why(&rows[1]).contains("deleted"));
    }
}
