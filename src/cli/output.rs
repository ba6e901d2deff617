//! Lists, as a table for people, JSON and CSV for tools. JSON and CSV go out row by row.

use std::io::{BufWriter, Write};

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::CliError;
use crate::wire::separated::guarded;

/// How a list is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Columns for reading
    Table,
    /// An array of objects with everything that is known
    Json,
    /// The table's columns, separated by commas
    Csv,
}

/// Rows of a table that is printed without `--limit`: a table must be held whole to be laid out.
pub(super) const TABLE_ROWS: usize = 100;

/// A list being printed.
pub(super) struct Listing {
    format: Format,
    rows: usize,
    table: Table,
    out: BufWriter<Box<dyn Write>>,
}

impl Listing {
    /// Begins a list with these columns.
    pub(super) fn start(format: Format, columns: &[&str]) -> Result<Self, CliError> {
        Self::to(Box::new(std::io::stdout()), format, columns)
    }

    /// As [`Listing::start`], to somewhere else.
    pub(super) fn to(out: Box<dyn Write>, format: Format, columns: &[&str]) -> Result<Self, CliError> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(columns);
        let mut listing = Self { format, rows: 0, table, out: BufWriter::new(out) };
        match format {
            Format::Json => listing.out.write_all(b"[")?,
            Format::Csv => listing.write_csv(columns)?,
            Format::Table => {}
        }
        Ok(listing)
    }

    fn write_csv(&mut self, cells: &[&str]) -> Result<(), CliError> {
        Ok(self.out.write_all(&csv_line(cells)?)?)
    }

    /// Adds a row: everything for JSON, the cells for the others.
    pub(super) fn row(&mut self, whole: &impl Serialize, cells: &[&str]) -> Result<(), CliError> {
        match self.format {
            Format::Json => {
                let json = serde_json::to_string(whole).map_err(|error| CliError::Failed(error.to_string()))?;
                let before = if self.rows == 0 { "\n" } else { ",\n" };
                write!(self.out, "{before}{json}")?;
            }
            Format::Csv => self.write_csv(cells)?,
            Format::Table => {
                // What others typed must not steer the terminal that shows it.
                let printable = cells
                    .iter()
                    .map(|cell| cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>());
                self.table.add_row(printable);
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// How many rows there are so far.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Ends the list.
    pub(super) fn end(mut self) -> Result<(), CliError> {
        match self.format {
            Format::Json => writeln!(self.out, "{}]", if self.rows == 0 { "" } else { "\n" })?,
            Format::Table if self.rows == 0 => writeln!(self.out, "nothing found")?,
            Format::Table => writeln!(self.out, "{}", self.table.trim_fmt())?,
            Format::Csv => {}
        }
        Ok(self.out.flush()?)
    }
}

/// A line of CSV with its end.
pub(super) fn csv_line(cells: &[&str]) -> Result<Vec<u8>, CliError> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(cells.iter().map(|cell| guarded(cell).into_owned()))
        .map_err(|error| CliError::Failed(error.to_string()))?;
    csv.into_inner().map_err(|error| CliError::Failed(error.to_string()))
}

/// Prints a list that is read page by page. `page` reads what stands behind a place, and says where the next page begins,
/// none at the end; `row` prints one of its items.
pub(super) fn pages<T, P>(
    (format, asked): (Format, Option<usize>),
    columns: &[&str],
    mut page: impl FnMut(Option<P>) -> Result<(Vec<T>, Option<P>), CliError>,
    mut row: impl FnMut(&mut Listing, &T) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut listing = Listing::start(format, columns)?;
    let most = limit(format, asked);
    let mut after = None;
    loop {
        let (items, next) = page(after)?;
        for item in &items {
            if listing.rows() >= most {
                listing.end()?;
                return more(format, asked);
            }
            row(&mut listing, item)?;
        }
        if next.is_none() {
            return listing.end();
        }
        after = next;
    }
}

/// How many rows to print: what was asked for, or all; a table stops at [`TABLE_ROWS`].
pub(super) fn limit(format: Format, asked: Option<usize>) -> usize {
    asked.unwrap_or(if format == Format::Table { TABLE_ROWS } else { usize::MAX })
}

/// Says on stderr that there is more than the table shows.
pub(super) fn more(format: Format, asked: Option<usize>) -> Result<(), CliError> {
    if format == Format::Table && asked.is_none() {
        writeln!(std::io::stderr(), "There are more; see them with --limit N, --format csv or --format json.")?;
    }
    Ok(())
}
