//! `tiersync subscribers`.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::json;

use super::operator::{entry, time};
use super::output::{Format, Listing, limit, more};
use super::{CliError, Common};
use crate::domain::subscriber::is_id;
use crate::ops::subscribers::send::Sender;
use crate::ops::subscribers::{self, From as Behind, ManageError, complaint, configured, said};
use crate::writer::now_micros;

/// Who is told of changes.
#[derive(Debug, Subcommand)]
pub(super) enum Subscribers {
    /// List subscribers, with how far each is
    List(List),
    /// Let one that is parked, or that accounts were given up for, go on where it stood
    Resume(Resume),
    /// Send the past again: everything behind a time or a position
    Replay(Replay),
    /// Send a signed ping, once, from here, to see whether it is taken
    Test(Test),
    /// Forget how far one is that is configured no longer
    Forget(Forget),
}

/// How to list.
#[derive(Debug, Args)]
pub(super) struct List {
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Whom to resume.
#[derive(Debug, Args)]
pub(super) struct Resume {
    /// Its id
    #[arg(value_parser = id)]
    id: String,
}

/// What to send again to whom.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("from").required(true).args(["since", "after"])))]
pub(super) struct Replay {
    /// Its id
    #[arg(value_parser = id)]
    id: String,
    /// What was committed at or after this time (RFC 3339, or a day)
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<i64>,
    /// What stands behind this position of the feed; 0 for everything that is kept
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(i64).range(0..))]
    after: Option<i64>,
}

/// Whom to test.
#[derive(Debug, Args)]
pub(super) struct Test {
    /// Its id
    #[arg(value_parser = id)]
    id: String,
}

/// Whom to forget.
#[derive(Debug, Args)]
pub(super) struct Forget {
    /// Its id
    #[arg(value_parser = id)]
    id: String,
}

fn id(text: &str) -> Result<String, String> {
    let wrong = || "an id has 1 to 64 letters, digits, - and _; see `tiersync subscribers list`".to_owned();
    if is_id(text) { Ok(text.to_owned()) } else { Err(wrong()) }
}

impl From<ManageError> for CliError {
    fn from(error: ManageError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Subscribers {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        match self {
            Self::List(list) => list.run(common),
            Self::Resume(resume) => resume.run(common),
            Self::Replay(replay) => replay.run(common),
            Self::Test(test) => test.run(common),
            Self::Forget(forget) => forget.run(common),
        }
    }
}

impl List {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let (config, mut connection) = (common.load()?, common.open()?);
        let views = subscribers::views(&mut connection, &config, now_micros())?;
        let columns = [
            "id",
            "state",
            "position",
            "lag_events",
            "lag_seconds",
            "held",
            "given_up",
            "failing_since",
            "next_try",
            "error",
            "url",
        ];
        let mut listing = Listing::start(self.format, &columns)?;
        let most = limit(self.format, self.limit);
        for view in &views {
            if listing.rows() >= most {
                listing.end()?;
                return more(self.format, self.limit);
            }
            let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
            let cells = [
                &*view.id,
                view.state,
                &number(view.position),
                &number(view.lag_events),
                &view.lag_seconds.map(|seconds| format!("{seconds:.1}")).unwrap_or_default(),
                &view.held.to_string(),
                &view.given_up.to_string(),
                view.failing_since.as_deref().unwrap_or_default(),
                view.next_try.as_deref().unwrap_or_default(),
                view.error.as_deref().unwrap_or_default(),
                view.url.as_deref().unwrap_or_default(),
            ];
            listing.row(view, &cells)?;
        }
        listing.end()
    }
}

impl Resume {
    fn run(self, common: &Common) -> Result<(), CliError> {
        common.open()?;
        let (id, entry) = (self.id.clone(), entry("subscribers.resume", &self.id, &json!({})));
        common.write(move |connection| subscribers::resume(connection, &id, &entry))??;
        writeln!(std::io::stdout(), "{} goes on where it stood", self.id)?;
        Ok(())
    }
}

impl Replay {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let from = match (self.since, self.after) {
            (Some(since), _) => Behind::Time(since),
            (None, Some(after)) => Behind::Position(after),
            (None, None) => return Err(CliError::Usage("say --since or --after".to_owned())),
        };
        common.open()?;
        let (id, entry) = (self.id.clone(), entry("subscribers.replay", &self.id, &said(from)));
        let behind = common.write(move |connection| subscribers::replay(connection, &id, from, &entry))??;
        writeln!(std::io::stdout(), "{} is sent everything behind position {behind} again", self.id)?;
        Ok(())
    }
}

impl Test {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let config = common.load()?;
        let Some(subscriber) = config.subscribers.iter().find(|subscriber| subscriber.id == self.id) else {
            return Err(CliError::Failed(format!(
                "there is no [[subscriber]] \"{}\" in the configuration; see `tiersync subscribers list`",
                self.id
            )));
        };
        let sent = subscribers::ping(&Sender::new(subscriber.clone()), config.public_url.as_deref());
        match complaint(&sent) {
            None => Ok(writeln!(std::io::stdout(), "{} took the ping", self.id)?),
            Some(why) => Err(CliError::Failed(format!("{} did not take the ping: {why}", self.id))),
        }
    }
}

impl Forget {
    fn run(self, common: &Common) -> Result<(), CliError> {
        if configured(&common.load()?, &self.id).is_some() {
            return Err(ManageError::Configured(self.id).into());
        }
        common.open()?;
        let (id, entry) = (self.id.clone(), entry("subscribers.forget", &self.id, &json!({})));
        common.write(move |connection| subscribers::forget(connection, &id, &entry))??;
        writeln!(std::io::stdout(), "{} is forgotten", self.id)?;
        Ok(())
    }
}
