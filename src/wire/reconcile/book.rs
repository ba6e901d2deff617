//! The monthly book in JSON and as a page that opens anywhere.

use std::io::Write;

use serde::Serialize;
use utoipa::ToSchema;

use super::page::{bars, escaped, head};

/// Whose book it is.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)] // As of an account.
pub struct BookView {
    pub source: String,
    pub tenant: String,
    pub platform_id: String,
    pub external_id: String,
    pub name: String,
}

/// What happened to a customer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChangeView {
    /// `gained`, `moved_in`, `lost`, `moved_out` or `ended`.
    pub change: &'static str,
    /// The customer.
    pub platform_id: String,
    /// The vendor's ID of it.
    pub external_id: String,
    /// Its name.
    pub name: String,
    /// The reseller that it came from or went to.
    pub other: Option<String>,
    /// When.
    pub at: Option<String>,
    /// By which delivery.
    pub delivery: Option<String>,
}

/// A book's sums.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct SumsView {
    /// Customers at the beginning.
    pub before: u64,
    /// That had no reseller before.
    pub gained: u64,
    /// That came from another reseller.
    pub moved_in: u64,
    /// That have no reseller any more.
    pub lost: u64,
    /// That went to another reseller.
    pub moved_out: u64,
    /// That were deleted.
    pub ended: u64,
    /// Customers at the end.
    pub after: u64,
}

/// Between the resellers and their customers.
pub const BETWEEN: &str = "</tbody></table>\n<h2>Customers</h2>\n<table><thead><tr><th>Reseller</th><th>What</th>\
                           <th>Customer</th><th>Name</th><th>From or to</th><th>When</th><th>Delivery</th></tr></thead>\
                           <tbody>\n";

/// Behind everything.
pub const END: &str = "</tbody></table>\n</body></html>\n";

/// Begins the page. Resellers follow, [`BETWEEN`], their customers, [`END`].
///
/// # Errors
/// What `out` fails with.
pub fn begin(out: &mut dyn Write, about: &[String], all: &SumsView) -> std::io::Result<()> {
    out.write_all(head("The resellers' book").as_bytes())?;
    for line in about {
        writeln!(out, "<p class=\"quiet\">{}</p>", escaped(line))?;
    }
    let chart = [("gained", all.gained), ("moved", all.moved_in), ("lost", all.lost), ("ended", all.ended)];
    out.write_all(bars("What happened to customers", &chart).as_bytes())?;
    writeln!(
        out,
        "<h2>Resellers</h2>\n<table><thead><tr><th>Source</th><th>Reseller</th><th>Name</th><th>Before</th><th>Gained</th>\
         <th>Moved in</th><th>Lost</th><th>Moved out</th><th>Ended</th><th>After</th></tr></thead><tbody>"
    )
}

fn called(of: &BookView) -> String {
    escaped(if of.platform_id.is_empty() { &of.external_id } else { &of.platform_id })
}

/// Adds a reseller.
///
/// # Errors
/// What `out` fails with.
pub fn sums(out: &mut dyn Write, of: &BookView, sums: &SumsView) -> std::io::Result<()> {
    let source = if of.tenant.is_empty() { of.source.clone() } else { format!("{} / {}", of.source, of.tenant) };
    write!(out, "<tr><td>{}</td><td>{}</td><td>{}</td>", escaped(&source), called(of), escaped(&of.name))?;
    let SumsView { before, gained, moved_in, lost, moved_out, ended, after } = *sums;
    for number in [before, gained, moved_in, lost, moved_out, ended, after] {
        write!(out, "<td class=\"num\">{number}</td>")?;
    }
    writeln!(out, "</tr>")
}

/// Adds a customer.
///
/// # Errors
/// What `out` fails with.
pub fn line(out: &mut dyn Write, of: &BookView, change: &ChangeView) -> std::io::Result<()> {
    let or_none = |text: &Option<String>| text.as_deref().map(escaped).unwrap_or_default();
    writeln!(
        out,
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td><code>{}</code></td></tr>",
        called(of),
        change.change,
        escaped(&change.platform_id),
        escaped(&change.name),
        or_none(&change.other),
        or_none(&change.at),
        or_none(&change.delivery)
    )
}
