//! `tiersync reconcile --since`.

use std::io::{BufWriter, Seek, Write};

use super::super::CliError;
use super::super::output::{Format, Listing};
use super::{Printed, Reconcile, bar};
use crate::ops::reconcile::book::{Page, Sums, keep};
use crate::ops::reconcile::{Options, ReconcileError};
use crate::store::connection::Database;
use crate::wire::reconcile::book::{self, BookView, ChangeView, SumsView};
use crate::wire::time::rfc3339;

/// The columns of a table and of CSV.
const COLUMNS: [&str; 12] = [
    "source",
    "tenant",
    "platform_id",
    "external_id",
    "name",
    "before",
    "gained",
    "moved_in",
    "lost",
    "moved_out",
    "ended",
    "after",
];

/// Prints the book.
pub(super) fn print(asked: &Reconcile, database: &Database, options: &Options, since: i64) -> Result<(), CliError> {
    if options.as_of.unwrap_or(options.now) <= since {
        return Err(CliError::Usage(
            "the book begins with --since and ends now or with --as-of, which must be later".to_owned(),
        ));
    }
    let sink = asked.sink()?;
    let bar = bar("accounts");
    let progress = |read| bar.inc(read);
    let done = match asked.format {
        Printed::Table => listing(database, options, since, &progress, Listing::to(sink, Format::Table, &COLUMNS)?),
        Printed::Csv => listing(database, options, since, &progress, Listing::to(sink, Format::Csv, &COLUMNS)?),
        Printed::Json => json(database, options, since, &progress, sink),
        Printed::Html => html(asked, database, options, since, &progress, sink),
    };
    bar.finish_and_clear();
    let sums = done?;
    writeln!(
        std::io::stderr(),
        "from {} to {}: {} gained, {} lost, {} moved, {} ended",
        rfc3339(since),
        rfc3339(options.as_of.unwrap_or(options.now)),
        sums.gained,
        sums.lost,
        sums.moved_in,
        sums.ended
    )?;
    Ok(())
}

fn view(page: &crate::ops::reconcile::book::BookOf) -> BookView {
    let (source, tenant) = (page.source.clone(), page.tenant.clone());
    let (platform_id, external_id, name) = (page.platform_id.clone(), page.external_id.clone(), page.name.clone());
    BookView { source, tenant, platform_id, external_id, name }
}

fn sums(sums: &Sums) -> SumsView {
    SumsView {
        before: sums.before(),
        gained: sums.gained,
        moved_in: sums.moved_in,
        lost: sums.lost,
        moved_out: sums.moved_out,
        ended: sums.ended,
        after: sums.after(),
    }
}

fn change(posting: &crate::ops::reconcile::book::Posting) -> ChangeView {
    let movement = &posting.movement;
    let other = movement.other.as_ref();
    ChangeView {
        change: movement.change.as_str(),
        platform_id: posting.customer.platform_id.to_string(),
        external_id: posting.external_id.clone(),
        name: posting.name.clone(),
        other: other
            .map(|other| if other.platform_id.is_empty() { &other.external_id } else { &other.platform_id }.clone()),
        at: movement.at.at.map(rfc3339),
        delivery: movement.at.delivery.map(|id| id.to_string()),
    }
}

fn closed(error: CliError) -> ReconcileError {
    match error {
        CliError::Closed => ReconcileError::Closed,
        other => ReconcileError::Broken(other.to_string()),
    }
}

fn listing(
    database: &Database,
    options: &Options,
    since: i64,
    progress: &dyn Fn(u64),
    mut listing: Listing,
) -> Result<Sums, CliError> {
    let mut open: Option<BookView> = None;
    let all = keep(database, options, since, progress, &mut |page| {
        match page {
            Page::Begin(of) => open = Some(view(&of)),
            Page::Line(_) => {}
            Page::End(ended) => {
                if let Some(of) = open.take().filter(|_| !ended.is_quiet()) {
                    let SumsView { before, gained, moved_in, lost, moved_out, ended, after } = sums(&ended);
                    let numbers =
                        [before, gained, moved_in, lost, moved_out, ended, after].map(|number| number.to_string());
                    let names = [&of.source, &of.tenant, &of.platform_id, &of.external_id, &of.name];
                    let cells: Vec<&str> = names.into_iter().chain(&numbers).map(String::as_str).collect();
                    listing.row(&of, &cells).map_err(closed)?;
                }
            }
        }
        Ok(())
    })?;
    listing.end()?;
    Ok(all)
}

/// One object for each reseller to whom anything happened. Its changes stand before its sums, which are known last.
fn json(
    database: &Database,
    options: &Options,
    since: i64,
    progress: &dyn Fn(u64),
    sink: Box<dyn Write>,
) -> Result<Sums, CliError> {
    let mut out = BufWriter::new(sink);
    let (mut open, mut books, mut lines): (Option<BookView>, u64, u64) = (None, 0, 0);
    write!(out, "[")?;
    let text = |value: Result<String, serde_json::Error>| value.map_err(std::io::Error::other);
    let all = keep(database, options, since, progress, &mut |page| {
        match page {
            Page::Begin(of) => (open, lines) = (Some(view(&of)), 0),
            Page::Line(posting) => {
                if let Some(of) = open.take() {
                    let separator = if books == 0 { "" } else { "," };
                    write!(out, "{separator}\n{{\"reseller\":{},\"changes\":[", text(serde_json::to_string(&of))?)?;
                    books += 1;
                }
                let separator = if lines == 0 { "" } else { "," };
                write!(out, "{separator}\n{}", text(serde_json::to_string(&change(&posting)))?)?;
                lines += 1;
            }
            Page::End(ended) => {
                if lines > 0 {
                    write!(out, "],\"sums\":{}}}", text(serde_json::to_string(&sums(&ended)))?)?;
                }
            }
        }
        Ok(())
    })?;
    writeln!(out, "{}]", if books == 0 { "" } else { "\n" })?;
    out.flush()?;
    Ok(all)
}

fn html(
    asked: &Reconcile,
    database: &Database,
    options: &Options,
    since: i64,
    progress: &dyn Fn(u64),
    sink: Box<dyn Write>,
) -> Result<Sums, CliError> {
    let mut books = BufWriter::new(tempfile::tempfile()?);
    let mut lines = BufWriter::new(tempfile::tempfile()?);
    let mut open: Option<BookView> = None;
    let all = keep(database, options, since, progress, &mut |page| {
        match page {
            Page::Begin(of) => open = Some(view(&of)),
            Page::Line(posting) => {
                if let Some(of) = &open {
                    book::line(&mut lines, of, &change(&posting))?;
                }
            }
            Page::End(ended) => {
                if let Some(of) = open.take().filter(|_| !ended.is_quiet()) {
                    book::sums(&mut books, &of, &sums(&ended))?;
                }
            }
        }
        Ok(())
    })?;
    let mut out = BufWriter::new(sink);
    let mut about = asked.about(database, options);
    if let Some(first) = about.first_mut() {
        *first = format!("{} since {}", database.shown(), rfc3339(since));
    }
    book::begin(&mut out, &about, &sums(&all))?;
    for (part, after) in [(books, book::BETWEEN), (lines, book::END)] {
        let mut file = part.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.rewind()?;
        std::io::copy(&mut file, &mut out)?;
        out.write_all(after.as_bytes())?;
    }
    out.flush()?;
    Ok(all)
}
