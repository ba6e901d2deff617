//! What a replay came to, for people and for tools.

use std::io::Write;

use serde_json::{Value, json};

use crate::cli::CliError;
use crate::cli::output::{Format, Listing};
use crate::ops::replay::report::{MAX_LISTED, Noted, Report};

pub(super) fn as_json(report: &Report) -> Value {
    let listed = |notes: &[Noted]| {
        let note = |note: &Noted| {
            json!({
                "call": note.position, "id": note.id, "endpoint": note.endpoint, "account": note.account,
                "what": note.what,
            })
        };
        notes.iter().map(note).collect::<Vec<_>>()
    };
    let answers =
        report.answers.iter().map(|((outcome, code), calls)| json!({"outcome": outcome, "code": code, "calls": calls}));
    json!({
        "read": report.read,
        "left_out": report.left_out,
        "finished_before": report.finished_before,
        "without_body": report.without_body,
        "only_asked": report.only_asked,
        "other_requests": report.others,
        "answered": report.answered(),
        "answers": answers.collect::<Vec<_>>(),
        "differ": report.differ,
        "differing": listed(&report.differing),
        "failed": report.failed,
        "failing": listed(&report.failing),
        "retries": report.retries,
        "seconds": report.seconds,
        "calls_per_second": report.rate(),
        "stopped": report.stopped,
    })
}

pub(super) fn print(report: &Report) -> Result<(), CliError> {
    if !report.answers.is_empty() {
        let mut listing = Listing::start(Format::Table, &["outcome", "code", "calls"])?;
        for ((outcome, code), calls) in &report.answers {
            listing.row(&(), &[outcome.as_deref().unwrap_or("-"), &code.to_string(), &calls.to_string()])?;
        }
        listing.end()?;
    }
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{} of {} calls answered in {:.1} s, {:.0} a second; {} failed",
        report.answered(),
        report.read,
        report.seconds,
        report.rate(),
        report.failed
    )?;
    for (count, what) in [
        (report.finished_before, "call(s) were finished before"),
        (report.left_out, "call(s) were left out by --only"),
        (report.without_body, "call(s) could not be sent: their bodies were emptied"),
        (
            report.only_asked,
            "call(s) only asked, since they were refused or stale when they were captured; --refused sends them for good",
        ),
        (report.others, "request(s) are no calls of the protocol"),
        (report.retries, "attempt(s) went again"),
        (report.differ, "call(s) were answered with another code than the captured one"),
    ] {
        if count > 0 {
            writeln!(out, "{count} {what}")?;
        }
    }
    for (notes, count) in [(&report.failing, report.failed), (&report.differing, report.differ)] {
        for note in notes.iter().take(MAX_LISTED) {
            let account = note.account.as_deref().unwrap_or("-");
            writeln!(out, "call {} {} account {account:?} {}: {}", note.position, note.endpoint, note.id, note.what)?;
        }
        if count > notes.len() as u64 {
            writeln!(out, "… and {} more", count - notes.len() as u64)?;
        }
    }
    Ok(())
}
