//! What deletions print, the same of customers, sites and probes.

use std::io::Write;

use serde_json::json;

use super::operator::entry;
use super::output::{Format, Listing};
use super::{CliError, Common};
use crate::ops::alone;
use crate::ops::delete::{Judged, MAX_TOGETHER, Named, Way};
use crate::store::AnyConnection;
use crate::wire::customer::{DeletionView, WithItView};

/// How many things are deleted, and how.
pub(super) struct Asked<'a> {
    /// The action in the audit trail, such as `sites.delete`.
    pub action: &'static str,
    /// Of what the audit trail says so, where several are named; none for the one that is.
    pub subject: Option<String>,
    /// Only says what would be.
    pub preview: bool,
    /// Deletes each that can be, whatever becomes of the others.
    pub each: bool,
    /// Why.
    pub reason: Option<&'a str>,
    /// How to print.
    pub format: Format,
}

/// Refuses a revision where several are named, since each has its own.
pub(super) fn alone(expect: Option<i64>, named: usize) -> Result<(), CliError> {
    if expect.is_some() && named > 1 {
        let why = "--expect is the revision of one; delete each with its own, or leave it out";
        return Err(CliError::Usage(why.to_owned()));
    }
    Ok(())
}

/// Deletes what is named and prints what became of each; fails where one was refused.
pub(super) fn run(
    common: &Common,
    connection: &mut AnyConnection,
    named: Vec<Named>,
    asked: &Asked<'_>,
) -> Result<(), CliError> {
    if named.len() > MAX_TOGETHER {
        return Err(CliError::Usage(format!("at most {MAX_TOGETHER} are deleted together; name them in parts")));
    }
    let names: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
    let subject = match (&*named, &asked.subject) {
        ([(name, found)], _) => found.as_ref().map_or_else(|_| name.clone(), |one| one.id.clone()),
        (_, subject) => subject.clone().unwrap_or_default(),
    };
    let entry = entry(asked.action, &subject, &json!({"ids": names, "reason": asked.reason}));
    let config = common.load()?;
    let policies = alone::policies(&config);
    let judged = Judged::new(named, Way { each: asked.each, within: None, policies, entry });
    let view = if asked.preview {
        judged.preview(connection)?
    } else {
        let (writer, thread) = alone::writer(&config)?;
        let done = judged.delete(&writer);
        // The chain is given back whether or not it worked.
        drop(writer);
        thread.join();
        done.map_err(|error| CliError::Unreachable(format!("{error}; nothing is deleted, run it again")))?
    };
    print(&view, asked.format)?;
    match view.refused {
        _ if asked.preview => Ok(()),
        0 => Ok(()),
        refused if asked.each => Err(CliError::Failed(format!("{refused} of them could not be deleted"))),
        refused => Err(CliError::Failed(format!(
            "{refused} of them cannot be deleted, so none is; leave them out, or delete the others with --each"
        ))),
    }
}

/// What goes with one, in words; empty where nothing does.
fn told(with_it: &WithItView) -> String {
    [
        ("sites", with_it.sites),
        ("probes", with_it.probes),
        ("services", with_it.services),
        ("users", with_it.users),
        ("move requests", with_it.move_requests),
        ("provisioning requests", with_it.provisioning_requests),
    ]
    .into_iter()
    .filter_map(|(name, count)| count.filter(|count| *count > 0).map(|count| format!("{count} {name}")))
    .collect::<Vec<_>>()
    .join(", ")
}

fn print(view: &DeletionView, format: Format) -> Result<(), CliError> {
    let mut out = std::io::stdout();
    if format == Format::Json {
        let whole = serde_json::to_string(view).map_err(|error| CliError::Failed(error.to_string()))?;
        return Ok(writeln!(out, "{whole}")?);
    }
    let mut listing = Listing::start(format, &["id", "name", "outcome", "with it", "reason"])?;
    for item in &view.items {
        let (name, reason) = (item.name.as_deref().unwrap_or_default(), item.reason.as_deref().unwrap_or_default());
        listing.row(item, &[&item.id, name, item.outcome, &told(&item.with_it), reason])?;
    }
    listing.end()?;
    if view.preview && format == Format::Table {
        writeln!(out, "Nothing is deleted: this is a preview.")?;
    }
    Ok(())
}
