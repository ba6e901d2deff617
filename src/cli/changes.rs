//! `tiersync changes`.

use std::io::Write;
use std::time::Duration;

use clap::Args;

use super::output::{Format, Listing, csv_line, limit, more};
use super::{CliError, Common};
use crate::domain::feed::EventKind;
use crate::ops::feed::Follower;
use crate::store::changes::{Change, Question, Read, Reading};
use crate::store::connection::Database;
use crate::wire::change::ChangeView;

/// Entries read at once.
const PAGE: i64 = 500;

/// How often who follows looks again at the end of the feed.
const EVERY: Duration = Duration::from_millis(250);

const COLUMNS: [&str; 9] =
    ["position", "at", "kind", "account", "source", "platform_id", "changed", "related", "cause"];

/// Which changes.
#[derive(Debug, Args)]
pub(super) struct Changes {
    /// Only behind this position, or `now` for what comes from now on [default: all that are kept]
    #[arg(long, value_name = "POSITION", value_parser = after)]
    after: Option<After>,
    /// Only of these kinds, such as account.created,relation.opened
    #[arg(long, value_name = "KIND", value_parser = kind, value_delimiter = ',')]
    kind: Vec<EventKind>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Go on at the end and print what comes, until interrupted; JSON then is one object a line
    #[arg(long)]
    follow: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy)]
enum After {
    Position(i64),
    Now,
}

fn after(text: &str) -> Result<After, String> {
    let position = || text.parse().ok().filter(|position| *position >= 0).map(After::Position);
    if text == "now" { Some(After::Now) } else { position() }
        .ok_or_else(|| "it is neither a position such as 120 nor `now`".to_owned())
}

fn kind(text: &str) -> Result<EventKind, String> {
    EventKind::parse(text).ok_or_else(|| {
        let known: Vec<&str> = EventKind::ALL.into_iter().map(EventKind::as_str).collect();
        format!("it is none of {}", known.join(", "))
    })
}

impl Changes {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let connection = common.open()?;
        let mut follower = Follower::new(connection, Database::parse(&common.load()?.database_url)?);
        let (end, pruned_to) = follower.ends()?;
        let after = match self.after {
            Some(After::Position(position)) => position,
            Some(After::Now) => end,
            None => pruned_to,
        };
        let mut question = Question { after, up_to: 0, limit: PAGE, kinds: self.kind.clone() };
        if self.follow {
            return self.follow(&mut follower, &mut question);
        }
        let mut listing = Listing::start(self.format, &COLUMNS)?;
        let most = limit(self.format, self.limit);
        loop {
            let reading = reading(follower.read(&question)?)?;
            for change in &reading.items {
                if listing.rows() >= most {
                    listing.end()?;
                    return more(self.format, self.limit);
                }
                let view = view(change);
                listing.row(&view, &cells(&view).each_ref().map(String::as_str))?;
            }
            if reading.at_end {
                return listing.end();
            }
            question.after = reading.next;
        }
    }

    /// Prints what is there and what comes, a line each, as soon as it is there.
    fn follow(&self, follower: &mut Follower, question: &mut Question) -> Result<(), CliError> {
        let mut left = self.limit.unwrap_or(usize::MAX);
        let mut out = std::io::stdout().lock();
        if self.format == Format::Csv {
            out.write_all(&csv_line(&COLUMNS)?)?;
        }
        while left > 0 {
            let reading = reading(follower.read(question)?)?;
            for change in reading.items.iter().take(left) {
                let view = view(change);
                match self.format {
                    Format::Json => {
                        serde_json::to_writer(&mut out, &view).map_err(std::io::Error::from)?;
                        writeln!(out)?;
                    }
                    Format::Csv => out.write_all(&csv_line(&cells(&view).each_ref().map(String::as_str))?)?,
                    Format::Table => {
                        let line = cells(&view).join("  ");
                        writeln!(out, "{}", line.replace(char::is_control, " "))?;
                    }
                }
            }
            out.flush()?;
            left = left.saturating_sub(reading.items.len());
            question.after = reading.next;
            if reading.at_end && left > 0 {
                std::thread::sleep(EVERY);
            }
        }
        Ok(())
    }
}

fn reading(read: Read) -> Result<Reading, CliError> {
    match read {
        Read::Entries(reading) => Ok(reading),
        Read::Pruned { pruned_to } => Err(CliError::Failed(format!(
            "changes up to position {pruned_to} are kept no longer; read `tiersync accounts list` anew and go on with \
             --after {pruned_to}"
        ))),
        Read::Ahead { end } => Err(CliError::Failed(format!(
            "the feed ends at position {end}: the position is of another database, or this one was restored; read \
             `tiersync accounts list` anew and go on with --after {end}"
        ))),
    }
}

fn view(change: &Change) -> ChangeView {
    ChangeView::new(change.position, change.at, &change.entry, &change.key, &change.external_id)
}

fn cells(view: &ChangeView) -> [String; 9] {
    let related = view.relation.as_ref().map(|relation| {
        let reseller = relation.reseller.as_ref();
        let name = reseller.and_then(|one| one.platform_id.as_deref().or(one.external_id.as_deref()));
        let name = name.or(relation.partner_id.as_deref()).unwrap_or_default();
        format!("{} {name} ({})", relation.axis, relation.state)
    });
    [
        view.position.to_string(),
        view.at.clone(),
        view.kind.to_owned(),
        view.account.id.clone(),
        view.account.source.clone(),
        view.account.platform_id.clone(),
        view.changed.join(" "),
        related.unwrap_or_default(),
        view.cause.to_owned(),
    ]
}
