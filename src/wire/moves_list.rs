//! Lists of moves as CSV: who goes to whom, with what was chosen on the way.

use crate::domain::moves::Choices;
use crate::wire::moves::choices_of_text;
use crate::wire::separated::{separator_of, unguarded};

/// Largest list, in bytes: it is held whole.
pub const MAX_LIST: u64 = 64 * 1024 * 1024;

/// Longest cell that is read, in characters.
const MAX_CELL: usize = 4_096;

/// The columns that are read.
const COLUMNS: [&str; 4] = ["customer", "reseller", "plans", "location"];

/// A row of a list of moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line that it begins on, from 1.
    pub line: u64,
    /// Who is moved, by any of its names.
    pub customer: String,
    /// To whom, by any of its names; none for a customer of nobody.
    pub reseller: Option<String>,
    /// What is chosen where plans or locations differ.
    pub choices: Choices,
}

/// A row that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// The line that it begins on, from 1.
    pub line: u64,
    /// Who it is about, as far as that can be read.
    pub customer: String,
    /// Why not.
    pub reason: String,
}

/// Reads a list: UTF-8, with a header that names `customer`, `reseller` and, where something is to be chosen, `plans` and
/// `location`, separated by whatever its header shows. `reseller` is `none` for a customer of nobody.
///
/// # Errors
/// A sentence for a list that cannot be read at all.
pub fn read(bytes: &[u8]) -> Result<Vec<Result<Row, BadRow>>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().delimiter(separator_of(bytes)).flexible(true).from_reader(bytes);
    let header = reader.byte_headers().map_err(|error| format!("its header cannot be read: {error}"))?.clone();
    let mut places = [None; COLUMNS.len()];
    for (at, cell) in header.iter().enumerate() {
        let name = String::from_utf8_lossy(cell).trim().to_lowercase();
        let Some(known) = COLUMNS.iter().position(|column| *column == name) else {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
            return Err(format!("its column \"{shown}\" is not known; columns are {}", COLUMNS.join(", ")));
        };
        if places[known].replace(at).is_some() {
            return Err(format!("its header names {name} twice"));
        }
    }
    if places[0].is_none() || places[1].is_none() {
        return Err("its header must name the columns customer and reseller".to_owned());
    }
    let mut rows = Vec::new();
    let (mut counted, mut line) = (0, 1_u64);
    for record in reader.byte_records() {
        let record = record.map_err(|error| format!("it is broken: {error}"))?;
        // The reader tells where it was asked to go on, which may be at empty lines before the row.
        let from = record.position().map_or(0, |place| usize::try_from(place.byte()).unwrap_or(usize::MAX));
        let blank = bytes.iter().skip(from).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let begins = from.saturating_add(blank).min(bytes.len());
        let passed = bytes.get(counted..begins).unwrap_or_default();
        line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        counted = begins;
        if record.iter().all(<[u8]>::is_empty) {
            continue;
        }
        rows.push(row(line, &record, header.len(), &places));
    }
    Ok(rows)
}

fn row(
    line: u64,
    record: &csv::ByteRecord,
    width: usize,
    places: &[Option<usize>; COLUMNS.len()],
) -> Result<Row, BadRow> {
    let cell = |column: usize| -> Result<String, String> {
        let bytes = places[column].and_then(|at| record.get(at)).unwrap_or_default();
        let name = COLUMNS[column];
        let text = std::str::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8"))?;
        let text = unguarded(text.trim());
        if text.chars().count() > MAX_CELL || text.chars().any(char::is_control) {
            return Err(format!("{name} is longer than {MAX_CELL} characters or holds a control character"));
        }
        Ok(text.to_owned())
    };
    let customer = cell(0).unwrap_or_default();
    let bad = |reason: String| BadRow { line, customer: customer.clone(), reason };
    if record.len() != width {
        return Err(bad(format!("the row has {} cells, the header {width}", record.len())));
    }
    let named = cell(0).map_err(bad)?;
    if named.is_empty() {
        return Err(bad("customer is empty".to_owned()));
    }
    let reseller = match cell(1).map_err(bad)?.as_str() {
        "" => return Err(bad("reseller is empty; write none for a customer of nobody".to_owned())),
        "none" => None,
        name => Some(name.to_owned()),
    };
    let location = cell(3).map_err(bad)?;
    let location = (!location.is_empty()).then_some(location);
    let choices = choices_of_text(&cell(2).map_err(bad)?, location.as_deref()).map_err(bad)?;
    Ok(Row { line, customer: named, reseller, choices })
}

#[cfg(test)]
mod tests {
    // Tests stop where something is not as it must be; that is what unwrap says.
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn rows_are_read_and_bad_ones_are_told_with_their_line() {
        let list =
            "\u{feff}Customer;reseller;plans;location\n1;2;;\n\n3;none;Mail:a=b;north\n4;;;\n;2;;\n5;2;x;\n6;2\n";
        let rows = read(list.as_bytes()).unwrap();
        type Told<'a> = (u64, &'a str, Result<Option<&'a str>, &'a str>);
        let told: Vec<Told<'_>> = rows
            .iter()
            .map(|row| match row {
                Ok(row) => (row.line, row.customer.as_str(), Ok(row.reseller.as_deref())),
                Err(bad) => (bad.line, bad.customer.as_str(), Err(bad.reason.as_str())),
            })
            .collect();
        let expected = [
            (2, "1", Ok(Some("2"))),
            (4, "3", Ok(None)),
            (5, "4", Err("reseller is empty; write none for a customer of nobody")),
            (6, "", Err("customer is empty")),
            (7, "5", Err("x is no choice such as Mail:bronze=gold or 0-14=gold@north")),
            (8, "6", Err("the row has 2 cells, the header 4")),
        ];
        assert_eq!(told, expected);
        for (list, why) in [
            ("customer,partner\n", "its column \"partner\" is not known"),
            ("customer\n1\n", "must name"),
            ("customer,reseller,reseller\n", "twice"),
        ] {
            assert!(read(list.as_bytes()).unwrap_err().contains(why), "{list}");
        }
    }
}
