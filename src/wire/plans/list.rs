//! Reads lists of offers, whichever form they have.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{BadRow, COLUMNS, MAX_ROWS, OfferRow, Row};
use crate::domain::decimal::decimal_text;
use crate::domain::ids::MAX_ID_CHARS;
use crate::domain::offer::{Offer, Sheet, directory_ou, in_order};
use crate::wire::objects::Objects;
use crate::wire::partners::line_of;
use crate::wire::separated::{separator_of, unguarded};

/// Longest name of a reseller in a list, in characters: source, tenant and platform ID with two slashes.
const MAX_RESELLER_CHARS: usize = 3 * MAX_ID_CHARS + 2;

/// Whose offers a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Each row names its reseller.
    Named,
    /// They are for one account, whatever the list says.
    OneAccount,
}

/// The fields of a row as they stand there.
#[derive(Default)]
struct Fields {
    line: u64,
    reseller: String,
    service: String,
    plan: String,
    locations: Vec<String>,
    directory_ou: String,
}

impl Fields {
    /// Puts a text where its column says.
    fn put(&mut self, column: usize, text: &str) -> Result<(), String> {
        let text = text.trim();
        match column {
            0 => text.clone_into(&mut self.reseller),
            1 => text.clone_into(&mut self.service),
            2 => text.clone_into(&mut self.plan),
            3 => self.locations = locations(text)?,
            _ => text.clone_into(&mut self.directory_ou),
        }
        Ok(())
    }

    fn bad(&self, reason: impl Into<String>) -> BadRow {
        let reseller = self.reseller.chars().filter(|c| !c.is_control()).take(MAX_RESELLER_CHARS).collect();
        BadRow { line: self.line, reseller, reason: reason.into() }
    }

    fn row(self, whose: Whose) -> Row {
        let name = &self.reseller;
        if name.is_empty() && whose == Whose::Named {
            return Err(self.bad("reseller is empty; name it as source/tenant/platform_id, or by its ExternalID"));
        }
        if name.chars().count() > MAX_RESELLER_CHARS || name.chars().any(char::is_control) {
            return Err(self.bad("reseller is longer than any account's name, or holds a control character"));
        }
        let ou = (!self.directory_ou.is_empty()).then(|| directory_ou(&self.directory_ou)).transpose();
        let ou = ou.map_err(|error| self.bad(format!("directory_ou: {error}")))?;
        let offer = if self.service.is_empty() && self.plan.is_empty() && self.locations.is_empty() {
            None
        } else {
            let offer = Offer::new(&self.service, &self.plan, &self.locations);
            Some(offer.map_err(|error| self.bad(error.to_string()))?)
        };
        Ok(OfferRow { line: self.line, reseller: self.reseller, offer, directory_ou: ou })
    }
}

/// Locations in one cell: separated by `;` or `|`, or a JSON array where a name holds one of those.
fn locations(text: &str) -> Result<Vec<String>, String> {
    if text.starts_with('[') {
        return serde_json::from_str(text)
            .map_err(|_| "locations begins like a JSON array of names and is none".to_owned());
    }
    Ok(text.split([';', '|']).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect())
}

/// Reads a list, whichever form it has.
///
/// # Errors
/// What is wrong with the list as a whole, in a sentence.
pub fn read(bytes: &[u8]) -> Result<Vec<Row>, String> {
    rows(bytes, Whose::Named)
}

/// Reads the list of one account: what it may sell, all of it or nothing. It need not name a reseller, and may not name
/// two.
///
/// # Errors
/// What is wrong with the list, with the line, in a sentence.
pub fn read_one(bytes: &[u8]) -> Result<Sheet, String> {
    let mut sheet = Sheet::default();
    let mut lines: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut reseller: Option<String> = None;
    for row in rows(bytes, Whose::OneAccount)? {
        let row = row.map_err(|bad| format!("line {}: {}", bad.line, bad.reason))?;
        let line = row.line;
        let same = |held: &mut Option<String>, said: Option<String>, what: &str| match (&held, said) {
            (_, None) => Ok(()),
            (Some(held), Some(said)) if *held != said => {
                Err(format!("line {line}: its {what} is another one than before; the list is for one account"))
            }
            (_, said) => {
                *held = said;
                Ok(())
            }
        };
        same(&mut reseller, Some(row.reseller).filter(|name| !name.is_empty()), "reseller")?;
        same(&mut sheet.directory_ou, row.directory_ou, "directory_ou")?;
        if let Some(offer) = row.offer {
            if let Some(first) = lines.insert((offer.service.clone(), offer.plan.clone()), line) {
                return Err(format!("line {line}: the service is on this plan in line {first} already"));
            }
            sheet.offers.push(offer);
        }
    }
    sheet.offers = in_order(sheet.offers).map_err(|error| error.to_string())?;
    Ok(sheet)
}

fn rows(bytes: &[u8], whose: Whose) -> Result<Vec<Row>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let rows = match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => return Err("the list is empty: not even the names of its columns are there".to_owned()),
        Some(b'[' | b'{') => json_rows(bytes, whose)?,
        Some(_) => csv_rows(bytes, whose)?,
    };
    if rows.len() > MAX_ROWS {
        return Err(format!("the list has more than {MAX_ROWS} rows; cut it into several, a reseller in one of them"));
    }
    Ok(rows)
}

fn column(name: &str) -> Option<usize> {
    COLUMNS.iter().position(|known| known.eq_ignore_ascii_case(name.trim()))
}

fn unknown(what: &str, name: &str) -> String {
    let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    format!("there is no {what} \"{}\"; known are {}", name.trim(), COLUMNS.join(", "))
}

fn csv_rows(bytes: &[u8], whose: Whose) -> Result<Vec<Row>, String> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).delimiter(separator_of(bytes)).from_reader(bytes);
    let header = reader.byte_headers().map_err(|error| format!("the list cannot be read: {error}"))?.clone();
    let mut columns = Vec::with_capacity(header.len());
    for name in &header {
        let name = String::from_utf8_lossy(name);
        match column(&name) {
            Some(at) if columns.contains(&at) => return Err(format!("the column {} comes twice", name.trim())),
            Some(at) => columns.push(at),
            None => return Err(unknown("column", &name)),
        }
    }
    if !columns.contains(&0) && whose == Whose::Named {
        return Err("the list has no column reseller".to_owned());
    }
    let mut rows = Vec::new();
    for record in reader.byte_records() {
        let record = record.map_err(|error| format!("the list cannot be read: {error}"))?;
        if record.iter().all(<[u8]>::is_empty) {
            continue;
        }
        let line = record.position().map_or(0, |position| line_of(bytes, position));
        let mut fields = Fields { line, ..Fields::default() };
        let mut wrong = (record.len() != columns.len())
            .then(|| format!("it has {} columns, and the list {}", record.len(), columns.len()));
        for (at, value) in columns.iter().zip(&record) {
            let put = match std::str::from_utf8(value) {
                Ok(text) => fields.put(*at, unguarded(text)),
                Err(_) => Err("it is no UTF-8; save the list as UTF-8".to_owned()),
            };
            wrong = wrong.or(put.err());
        }
        rows.push(match wrong {
            None => fields.row(whose),
            Some(reason) => Err(fields.bad(reason)),
        });
        if rows.len() > MAX_ROWS {
            break;
        }
    }
    Ok(rows)
}

fn json_rows(bytes: &[u8], whose: Whose) -> Result<Vec<Row>, String> {
    let mut objects = Objects::new(bytes, 1);
    let mut object = Vec::new();
    let mut rows = Vec::new();
    while let Some(line) = objects.next(&mut object).map_err(|error| format!("the list cannot be read: {error}"))? {
        rows.push(json_row(&object, line, whose));
        if rows.len() > MAX_ROWS {
            break;
        }
    }
    Ok(rows)
}

fn json_row(bytes: &[u8], line: u64, whose: Whose) -> Row {
    let mut fields = Fields { line, ..Fields::default() };
    let object: Map<String, Value> = match serde_json::from_slice(bytes) {
        Ok(object) => object,
        Err(error) => return Err(fields.bad(format!("it is no JSON object: {error}"))),
    };
    let mut wrong = None;
    for (key, value) in &object {
        let put = match (column(key), value) {
            (None, _) => Err(unknown("field", key)),
            (Some(3), Value::Array(items)) => {
                let names: Option<Vec<String>> = items.iter().map(text_of).collect();
                match names {
                    Some(names) => {
                        fields.locations = names;
                        Ok(())
                    }
                    None => Err(format!("{key} must be a list of texts")),
                }
            }
            (Some(_), Value::Null) => Ok(()),
            (Some(at), value) => match text_of(value) {
                Some(text) => fields.put(at, &text),
                None => Err(format!("{key} must be a text")),
            },
        };
        wrong = wrong.or(put.err());
    }
    match wrong {
        None => fields.row(whose),
        Some(reason) => Err(fields.bad(reason)),
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => decimal_text(&number.to_string()),
        _ => None,
    }
}
