//! Lists of services as CSV, read row by row: services of any kind, each with the transfer that is to be started.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use serde_json::value::RawValue;

use super::separated::{separator_of, unguarded};
use super::service_asked::{ServiceBody, TransferBody, text};
use crate::domain::ids::ExternalId;
use crate::domain::service::ServiceKind;
use crate::domain::service::order::ServicePatch;

/// The columns that a list may have.
pub const COLUMNS: [&str; 15] = [
    "account",
    "external_id",
    "kind",
    "name",
    "service",
    "plan",
    "location",
    "quantity",
    "trial",
    "expires_at",
    "attributes",
    "transfer",
    "transfer_state",
    "transfer_action",
    "platform_id",
];

/// Most bytes of one row: a quotation mark that nobody closes would make one row of the whole list.
const MAX_ROW: usize = 1024 * 1024;

/// Bytes that are looked at to find what separates cells.
const START: u64 = 64 * 1024;

/// Ends a transfer, and takes an expiry away.
const NONE: &str = "none";

/// A row of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where it begins in the list, from 1.
    pub line: u64,
    /// Whose service it is, as the list names the account; empty where it does not.
    pub account: String,
    /// What it calls the service: its name, or else its ExternalID.
    pub called: String,
    /// What it says, or why it cannot be taken.
    pub said: Result<Said, String>,
}

/// What a row says of a service. An empty cell says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Which service, by the vendor's ID.
    pub external_id: Option<ExternalId>,
    /// Which platform's own ID a new one has.
    pub platform_id: Option<String>,
    /// What it is called.
    pub name: String,
    /// What is to be said of it.
    pub patch: ServicePatch,
}

/// Lets so many bytes through between two rows.
struct Bounded<R> {
    inner: R,
    left: Rc<Cell<usize>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 {
            let why = format!("a row is longer than {MAX_ROW} bytes; is a quotation mark not closed?");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        let most = buffer.len().min(left);
        let read = self.inner.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.left.set(left - read);
        Ok(read)
    }
}

/// A list that is being read.
pub struct Rows<R: Read> {
    reader: csv::Reader<Bounded<io::Chain<io::Cursor<Vec<u8>>, R>>>,
    left: Rc<Cell<usize>>,
    columns: Vec<usize>,
    is_secret: Box<dyn Fn(&str) -> bool>,
    ended: bool,
}

/// Begins to read a list with a header, whose separator is found in it. `is_secret` says which attributes are never kept.
///
/// # Errors
/// What is wrong with the list as a whole, in a sentence without its full stop.
pub fn read<R: Read>(mut from: R, is_secret: Box<dyn Fn(&str) -> bool>) -> Result<Rows<R>, String> {
    let mut start = Vec::new();
    from.by_ref().take(START).read_to_end(&mut start).map_err(|error| format!("it cannot be read: {error}"))?;
    if start.starts_with(b"\xef\xbb\xbf") {
        start.drain(..3);
    }
    let separator = separator_of(&start);
    let left = Rc::new(Cell::new(MAX_ROW));
    let bounded = Bounded { inner: io::Cursor::new(start).chain(from), left: left.clone() };
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(bounded);
    let header = reader.byte_headers().map_err(|error| format!("its header cannot be read: {error}"))?.clone();
    left.set(MAX_ROW);
    let mut columns = Vec::with_capacity(header.len());
    for cell in &header {
        let name = String::from_utf8_lossy(cell).trim().to_lowercase();
        let Some(at) = COLUMNS.iter().position(|known| *known == name) else {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
            return Err(format!("there is no column \"{shown}\"; there are {}", COLUMNS.join(", ")));
        };
        if columns.contains(&at) {
            return Err(format!("the column \"{name}\" comes twice"));
        }
        columns.push(at);
    }
    if !columns.contains(&1) && !columns.contains(&3) {
        return Err("the list has neither a column \"name\" nor a column \"external_id\"".to_owned());
    }
    Ok(Rows { reader, left, columns, is_secret, ended: false })
}

impl<R: Read> Iterator for Rows<R> {
    type Item = Result<Row, String>;

    /// The next row; an error is one of the list, and nothing comes behind it.
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let mut record = csv::ByteRecord::new();
        match self.reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => {
                self.ended = true;
                return Some(Err(format!("it cannot be read on: {error}")));
            }
        }
        self.left.set(MAX_ROW);
        let line = record.position().map_or(0, csv::Position::line);
        let mut cells: [Option<String>; COLUMNS.len()] = Default::default();
        let mut wrong = None;
        for (cell, at) in record.iter().zip(&self.columns) {
            let Some(place) = cells.get_mut(*at) else { continue };
            match std::str::from_utf8(cell) {
                Ok(cell) => *place = Some(unguarded(cell).trim().to_owned()).filter(|cell| !cell.is_empty()),
                Err(_) => wrong = Some("it is no UTF-8; save the list as UTF-8".to_owned()),
            }
        }
        if record.len() != self.columns.len() {
            wrong = Some(format!("it has {} cells where the header has {}", record.len(), self.columns.len()));
        }
        let [account, external_id, _, name, ..] = &cells;
        let called = name.as_ref().or(external_id.as_ref()).map(|text| shown(text)).unwrap_or_default();
        let account = account.clone().unwrap_or_default();
        let said = match wrong {
            Some(why) => Err(why),
            None => said(cells, &self.is_secret),
        };
        Some(Ok(Row { line, account, called, said }))
    }
}

/// A name as it is told.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(128).collect()
}

fn said(cells: [Option<String>; COLUMNS.len()], is_secret: &dyn Fn(&str) -> bool) -> Result<Said, String> {
    let [
        _,
        external_id,
        kind,
        name,
        service,
        plan,
        location,
        quantity,
        trial,
        expires_at,
        attributes,
        transfer,
        state,
        action,
        platform_id,
    ] = cells;
    let transfer = match (transfer, state, action) {
        (None, None, None) => None,
        (_, Some(state), None) if state.eq_ignore_ascii_case(NONE) => Some(None),
        (_, None, _) => return Err("transfer_state is empty; say how far the transfer is".to_owned()),
        (direction, Some(state), action) => {
            let direction = direction.unwrap_or_else(|| "incoming".to_owned()).to_lowercase();
            Some(Some(TransferBody { direction, state, action }))
        }
    };
    let number = |text: String| text.parse().map_err(|_| "quantity is no whole number".to_owned());
    let yes = |text: String| match text.to_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err("trial is neither true nor false".to_owned()),
    };
    let object = |text: String| RawValue::from_string(text).map_err(|_| "attributes is no JSON object".to_owned());
    let body = ServiceBody {
        name: name.clone(),
        kind: kind.map(|kind| kind.to_lowercase()),
        service,
        plan,
        location,
        quantity: quantity.map(number).transpose()?,
        trial: trial.map(yes).transpose()?,
        expires_at: expires_at.map(|at| (!at.eq_ignore_ascii_case(NONE)).then_some(at)),
        attributes: attributes.map(object).transpose()?,
        transfer,
        ..ServiceBody::default()
    };
    let patch = body.patch(is_secret)?;
    let external_id = external_id.map(|id| ExternalId::parse(&id).map_err(|why| format!("external_id {why}")));
    let external_id = external_id.transpose()?;
    let name = name.map(|name| text("name", &name)).transpose()?.unwrap_or_default();
    if external_id.is_none() && name.is_empty() {
        return Err("it has neither a name nor an external_id".to_owned());
    }
    Ok(Said { external_id, platform_id, name, patch })
}

/// Whether two names are of the same service of a kind: domains are the same in any case of letters.
#[must_use]
pub fn is_same_name(kind: ServiceKind, one: &str, other: &str) -> bool {
    match kind {
        ServiceKind::Domain => one.to_lowercase() == other.to_lowercase(),
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    // Tests stop where something is not as it must be; that is what unwrap says.
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::domain::service::{Direction, Transfer};

    fn rows(list: &[u8]) -> Vec<Row> {
        read(list, Box::new(|name| name == "Pin")).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn a_list_is_read_row_by_row() {
        let list = "\u{feff}account;kind;name;transfer;transfer_state;transfer_action;expires_at;attributes;trial\n\
                    11;domain;x.example;;pending;Confirm the e-mail;2027-01-01;\"{\"\"NS\"\":\"\"a\"\"}\";\n\
                    ;Hosting;'=Site;outgoing;pending;;;;yes\n\
                    11;domain;y.example;;none;;none;;\n\
                    11;domain;z.example;;;;;;\n\
                    11;;;;;;;;\n\
                    11;car;a;;;;;;\n\
                    11;domain;a;;;Confirm;;;\n\
                    11;domain;a;up;x;;;;\n\
                    11;domain;a;;;;soon;;\n\
                    11;domain;a;;;;;[];\n\
                    11;domain;a;;;;;\"{\"\"Pin\"\":1}\";\n\
                    11;domain;a;;;;;;perhaps\n\
                    11;domain\n";
        let rows = rows(list.as_bytes());
        let first = rows[0].said.clone().unwrap();
        let transfer = Transfer {
            direction: Direction::Incoming,
            state: "pending".to_owned(),
            action: Some("Confirm the e-mail".to_owned()),
        };
        assert_eq!((first.patch.kind, first.patch.transfer), (Some(ServiceKind::Domain), Some(Some(transfer))));
        assert_eq!(first.patch.attributes.as_deref(), Some(r#"{"NS":"a"}"#));
        assert_eq!((rows[0].line, &*rows[0].account, &*rows[0].called), (2, "11", "x.example"));
        let second = rows[1].said.clone().unwrap();
        assert_eq!((&*rows[1].account, &*second.name, second.patch.trial), ("", "=Site", Some(true)));
        assert_eq!(second.patch.transfer.unwrap().unwrap().direction, Direction::Outgoing);
        let third = rows[2].said.clone().unwrap();
        assert_eq!((third.patch.transfer, third.patch.expires_at), (Some(None), Some(None)));
        let fourth = rows[3].said.clone().unwrap();
        assert_eq!((fourth.patch.transfer, fourth.patch.expires_at, fourth.patch.trial), (None, None, None));
        for (at, why) in [
            (4, "neither a name nor"),
            (5, "kind is none of"),
            (6, "transfer_state is empty"),
            (7, "transfer.direction"),
            (8, "expires_at"),
            (9, "attributes"),
            (10, "Pin is a secret"),
            (11, "trial is neither"),
            (12, "2 cells where the header has 9"),
        ] {
            assert!(rows[at].said.as_ref().is_err_and(|told| told.contains(why)), "{why}: {:?}", rows[at]);
        }
    }

    #[test]
    fn lists_that_cannot_be_read_are_told() {
        for (list, why) in [
            ("colour\nred\n", "there is no column \"colour\""),
            ("name,name\n", "comes twice"),
            ("account\n11\n", "neither a column"),
        ] {
            let told = read(list.as_bytes(), Box::new(|_| false)).map(|_| ()).unwrap_err();
            assert!(told.contains(why), "{list}: {told}");
        }
        let bad = rows(b"name\n\xff\nok\n");
        assert!(bad[0].said.as_ref().is_err_and(|why| why.contains("UTF-8")) && bad[1].said.is_ok(), "{bad:?}");
    }

    #[test]
    fn a_quotation_mark_that_nobody_closes_is_no_memory_without_end() {
        let list = io::Cursor::new(b"name\nok\n\"".to_vec()).chain(io::repeat(b'x'));
        let told: Vec<Result<Row, String>> = read(list, Box::new(|_| false)).unwrap().collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].is_ok() && told[1].as_ref().is_err_and(|why| why.contains("not closed")), "{told:?}");
    }
}
