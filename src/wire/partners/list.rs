//! Reads lists of partners, whichever form they have.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{BadRow, COLUMNS, MAX_ROWS, PartnerRow, Row};
use crate::domain::call::Said;
use crate::domain::decimal::decimal_text;
use crate::domain::ids::PartnerId;
use crate::domain::partner::PartnerStatus;
use crate::wire::time::parse_time;

/// The fields of a row as they stand there, by the place of their column.
struct Fields {
    line: u64,
    /// None where the list has no such column.
    values: [Option<String>; COLUMNS.len()],
}

impl Fields {
    fn said(&self, column: usize) -> Said<&str> {
        match self.values.get(column).and_then(Option::as_deref).map(str::trim) {
            None => Said::Absent,
            Some("") => Said::Nothing,
            Some(text) => Said::Value(text),
        }
    }

    fn parsed<T>(&self, column: usize, parse: impl Fn(&str) -> Result<T, String>) -> Result<Said<T>, String> {
        Ok(match self.said(column) {
            Said::Absent => Said::Absent,
            Said::Nothing => Said::Nothing,
            Said::Value(text) => {
                let name = COLUMNS.get(column).copied().unwrap_or_default();
                Said::Value(parse(text).map_err(|reason| format!("{name} {reason}"))?)
            }
        })
    }

    fn read(&self) -> Row {
        let partner_id = match self.said(0) {
            Said::Value(text) => text.chars().filter(|c| !c.is_control()).take(128).collect(),
            Said::Absent | Said::Nothing => String::new(),
        };
        self.row().map_err(|reason| BadRow { line: self.line, partner_id, reason })
    }

    fn row(&self) -> Result<PartnerRow, String> {
        let id = |text: &str| PartnerId::parse(text).map_err(|error| error.to_string());
        let time = |text: &str| {
            parse_time(text)
                .ok_or_else(|| "is no time such as 2026-11-21T10:00:00Z and no day such as 2026-11-21".to_owned())
        };
        let Said::Value(partner) = self.parsed(0, id)? else {
            return Err("partner_id is empty".to_owned());
        };
        Ok(PartnerRow {
            line: self.line,
            id: partner,
            name: self.parsed(1, |text| Ok(text.to_owned()))?,
            status: self.parsed(2, |text| {
                PartnerStatus::parse(&text.to_ascii_lowercase())
                    .ok_or_else(|| "is none of active, suspended, ended".to_owned())
            })?,
            from: self.parsed(3, time)?,
            until: self.parsed(4, time)?,
            aliases: self.parsed(5, |text| {
                let parts = text.split([';', '|']).map(str::trim).filter(|part| !part.is_empty());
                parts.map(|part| PartnerId::parse(part).map_err(|error| format!("has one that {error}"))).collect()
            })?,
            successor: self.parsed(6, id)?,
            successor_from: self.parsed(7, time)?,
            reseller: self.parsed(8, |text| Ok(text.to_owned()))?,
        })
    }
}

/// Reads a list, whichever form it has.
///
/// # Errors
/// What is wrong with the list as a whole, in a sentence.
pub fn read(bytes: &[u8]) -> Result<Vec<Row>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let rows = match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => return Err("the list is empty: not even the names of its columns are there".to_owned()),
        Some(b'[') => json_array(bytes)?,
        Some(b'{') => json_lines(bytes),
        Some(_) => csv_rows(bytes)?,
    };
    if rows.len() > MAX_ROWS {
        return Err(format!("the list has more than {MAX_ROWS} rows; cut it into several, without --replace"));
    }
    Ok(rows)
}

/// The line that a record begins on. The reader's position may be that of the line feed which ends the line before, or of
/// empty lines in between.
pub(in crate::wire) fn line_of(bytes: &[u8], position: &csv::Position) -> u64 {
    let rest = usize::try_from(position.byte()).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
    let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|byte| **byte == b'\n').count();
    position.line() + u64::try_from(ends).unwrap_or(0)
}

/// The separator that makes the most known columns of the first line.
fn separator(bytes: &[u8]) -> u8 {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first = String::from_utf8_lossy(first);
    let known = |separator: &u8| {
        first.split(char::from(*separator)).filter(|name| column(name.trim().trim_matches('"')).is_some()).count()
    };
    // The last of equals wins, and a comma is the usual one.
    [b'\t', b';', b','].into_iter().max_by_key(known).unwrap_or(b',')
}

fn column(name: &str) -> Option<usize> {
    COLUMNS.iter().position(|known| known.eq_ignore_ascii_case(name.trim()))
}

/// Takes the sign away that keeps spreadsheets from running a cell, see `cli::output`.
fn unguarded(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if rest.starts_with(['=', '+', '-', '@', '\t', '\r']) => rest,
        _ => text,
    }
}

fn csv_rows(bytes: &[u8]) -> Result<Vec<Row>, String> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).delimiter(separator(bytes)).from_reader(bytes);
    let header = reader.byte_headers().map_err(|error| format!("the list cannot be read: {error}"))?.clone();
    let mut columns = Vec::with_capacity(header.len());
    for name in &header {
        let name = String::from_utf8_lossy(name);
        match column(&name) {
            Some(at) if columns.contains(&at) => return Err(format!("the column {} comes twice", name.trim())),
            Some(at) => columns.push(at),
            None => {
                let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
                return Err(format!("there is no column \"{}\"; known are {}", name.trim(), COLUMNS.join(", ")));
            }
        }
    }
    if !columns.contains(&0) {
        return Err("the list has no column partner_id".to_owned());
    }
    let mut rows = Vec::new();
    for record in reader.byte_records() {
        let record = record.map_err(|error| format!("the list cannot be read: {error}"))?;
        let line = record.position().map_or(0, |position| line_of(bytes, position));
        let bad = |reason: String| Err(BadRow { line, partner_id: String::new(), reason });
        if record.iter().all(<[u8]>::is_empty) {
            continue;
        }
        if record.len() != columns.len() {
            rows.push(bad(format!("it has {} columns, and the list {}", record.len(), columns.len())));
            continue;
        }
        let mut fields = Fields { line, values: Default::default() };
        let mut readable = true;
        for (at, value) in columns.iter().zip(&record) {
            match (std::str::from_utf8(value), fields.values.get_mut(*at)) {
                (Ok(text), Some(slot)) => *slot = Some(unguarded(text).to_owned()),
                _ => readable = false,
            }
        }
        rows.push(if readable { fields.read() } else { bad("it is no UTF-8; save the list as UTF-8".to_owned()) });
        if rows.len() > MAX_ROWS {
            break;
        }
    }
    Ok(rows)
}

fn json_array(bytes: &[u8]) -> Result<Vec<Row>, String> {
    let items: Vec<&RawValue> =
        serde_json::from_slice(bytes).map_err(|error| format!("the list is no JSON array: {error}"))?;
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let (mut line, mut counted) = (1_u64, 0_usize);
    let mut rows = Vec::with_capacity(items.len());
    for item in items {
        // What was parsed is a part of the text.
        let at = (item.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        let between = text.get(counted..at).unwrap_or_default();
        line += u64::try_from(between.bytes().filter(|byte| *byte == b'\n').count()).unwrap_or(0);
        counted = at;
        rows.push(json_object(item.get().as_bytes(), line));
    }
    Ok(rows)
}

fn json_lines(bytes: &[u8]) -> Vec<Row> {
    let lines = (1..).zip(bytes.split(|byte| *byte == b'\n'));
    let said = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    said.take(MAX_ROWS + 1).map(|(number, line)| json_object(line, number)).collect()
}

fn json_object(bytes: &[u8], line: u64) -> Row {
    let bad = |reason: String| BadRow { line, partner_id: String::new(), reason };
    let object: Map<String, Value> =
        serde_json::from_slice(bytes).map_err(|error| bad(format!("it is no JSON object: {error}")))?;
    row_of(&object, line)
}

/// A row from the keys of an object.
///
/// # Errors
/// Why it cannot be taken.
pub fn row_of(object: &Map<String, Value>, line: u64) -> Row {
    let mut fields = Fields { line, values: Default::default() };
    let mut reason = None;
    for (key, value) in object {
        let Some(slot) = column(key).and_then(|at| fields.values.get_mut(at)) else {
            let key: String = key.chars().filter(|c| !c.is_control()).take(64).collect();
            reason.get_or_insert(format!("there is no field \"{key}\"; known are {}", COLUMNS.join(", ")));
            continue;
        };
        match text_of(value) {
            Some(text) => *slot = Some(text),
            None => {
                reason.get_or_insert(format!("{key} must be a text"));
            }
        }
    }
    match reason {
        None => fields.read(),
        Some(reason) => {
            let partner_id = match fields.said(0) {
                Said::Value(id) => id.chars().take(128).collect(),
                Said::Absent | Said::Nothing => String::new(),
            };
            Err(BadRow { line, partner_id, reason })
        }
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => decimal_text(&number.to_string()),
        Value::Array(items) => {
            let parts = items.iter().map(|item| if item.is_array() { None } else { text_of(item) });
            Some(parts.collect::<Option<Vec<_>>>()?.join(";"))
        }
        Value::Bool(_) | Value::Object(_) => None,
    }
}
