//! Lists of users, as CSV.

use std::collections::HashSet;

use super::separated::{separator_of, unguarded};
use super::service_asked::text;
use crate::domain::user::{MAX_SERVICES_OF_USER, UserStatus, login_key};

/// Most rows of one list: all of them are held in memory while it is at work.
const MAX_ROWS: usize = 500_000;

/// The columns that a list may have.
pub const COLUMNS: [&str; 6] = ["account", "login", "name", "email", "status", "services"];

/// A row of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where it begins in the list, from 1.
    pub line: u64,
    /// Whose user it is, as the list names the account; empty where it does not.
    pub account: String,
    /// The login.
    pub login: String,
    /// What the row says, or why it cannot be taken.
    pub said: Result<Said, String>,
}

/// What a row says of a user; none where the list does not say it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// What it is called.
    pub name: Option<String>,
    /// Its e-mail address.
    pub email: Option<String>,
    /// Whether it may sign in.
    pub status: Option<UserStatus>,
    /// The services that it has, by id or ExternalID.
    pub services: Option<Vec<String>>,
}

/// Reads a list with a header. The separator is found in it.
///
/// # Errors
/// What is wrong with the list as a whole, in a sentence without its full stop.
pub fn read(bytes: &[u8]) -> Result<Vec<Row>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().delimiter(separator_of(bytes)).flexible(true).from_reader(bytes);
    let header = reader.headers().map_err(|error| format!("the header cannot be read: {error}"))?.clone();
    let mut columns = Vec::with_capacity(header.len());
    for name in &header {
        let name = name.trim().to_ascii_lowercase();
        let Some(at) = COLUMNS.iter().position(|known| *known == name) else {
            return Err(format!("there is no column \"{name}\"; there are {}", COLUMNS.join(", ")));
        };
        if columns.contains(&at) {
            return Err(format!("the column \"{name}\" comes twice"));
        }
        columns.push(at);
    }
    if !columns.contains(&1) {
        return Err("the list has no column \"login\"".to_owned());
    }
    let (mut rows, mut seen) = (Vec::new(), HashSet::new());
    for record in reader.records() {
        let record = record.map_err(|error| format!("a row cannot be read: {error}"))?;
        let line = record.position().map_or(0, csv::Position::line);
        if rows.len() == MAX_ROWS {
            return Err(format!("it has more than {MAX_ROWS} rows; cut it into several lists"));
        }
        let cell = |at: usize| {
            let at = columns.iter().position(|column| *column == at)?;
            Some(unguarded(record.get(at).unwrap_or_default()).trim().to_owned())
        };
        let account = cell(0).unwrap_or_default();
        let login = cell(1).unwrap_or_default();
        let said = if record.len() == header.len() {
            said(&login, cell(2), cell(3), cell(4), cell(5))
        } else {
            Err(format!("it has {} cells where the header has {}", record.len(), header.len()))
        };
        let said = match said {
            Ok(_) if !seen.insert((account.clone(), login_key(&login))) => {
                Err("an earlier row is about the same user".to_owned())
            }
            said => said,
        };
        rows.push(Row { line, account, login, said });
    }
    Ok(rows)
}

fn said(
    login: &str,
    name: Option<String>,
    email: Option<String>,
    status: Option<String>,
    services: Option<String>,
) -> Result<Said, String> {
    if login.is_empty() {
        return Err("login is empty".to_owned());
    }
    text("login", login)?;
    let maybe = |field: &str, said: Option<String>| said.map(|said| text(field, &said)).transpose();
    let status = match status.as_deref() {
        None | Some("") => None,
        Some(word) => match UserStatus::parse(word) {
            Some(UserStatus::Ended) | None => return Err("status is neither active nor disabled".to_owned()),
            known => known,
        },
    };
    let services: Option<Vec<String>> = services.map(|services| {
        let names = services.split([' ', ';', '|', ',']).map(str::trim).filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    });
    if services.as_ref().is_some_and(|services| services.len() > MAX_SERVICES_OF_USER) {
        return Err(format!("it has more than {MAX_SERVICES_OF_USER} services"));
    }
    Ok(Said { name: maybe("name", name)?, email: maybe("email", email)?, status, services })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read() -> Result<(), String> {
        let list = "\u{feff}login;Name;services;status\nann;'=Ann;0-1|0-2;\n;nobody;;\nbob;;;disabled\nANN ;;;\nx;;;gone\ny;\n";
        let rows = read(list.as_bytes())?;
        let said = |at: usize| rows.get(at).map(|row| row.said.clone());
        let ann = Said {
            name: Some("=Ann".to_owned()),
            services: Some(vec!["0-1".to_owned(), "0-2".to_owned()]),
            ..Said::default()
        };
        assert_eq!(said(0), Some(Ok(ann)));
        assert_eq!(said(1), Some(Err("login is empty".to_owned())));
        let bob = Said {
            name: Some(String::new()),
            status: Some(UserStatus::Disabled),
            services: Some(Vec::new()),
            ..Said::default()
        };
        assert_eq!(said(2), Some(Ok(bob)));
        assert_eq!(said(3), Some(Err("an earlier row is about the same user".to_owned())));
        assert_eq!(said(4), Some(Err("status is neither active nor disabled".to_owned())));
        assert_eq!(said(5), Some(Err("it has 2 cells where the header has 4".to_owned())));
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7]);
        Ok(())
    }

    #[test]
    fn lists_that_cannot_be_read_are_told() {
        for (list, why) in [
            ("colour\nred\n", "there is no column \"colour\""),
            ("login,login\n", "comes twice"),
            ("name\nAnn\n", "no column \"login\""),
            ("login\n\"a\u{0}", ""),
        ] {
            let read = read(list.as_bytes());
            assert!(why.is_empty() || read.as_ref().is_err_and(|told| told.contains(why)), "{list}: {read:?}");
        }
    }
}
