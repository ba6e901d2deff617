//! The command line: one subcommand a file. Errors are one line that says what to do next; exit codes are 0 fine,
//! 1 findings or failures, 2 usage, 3 cannot reach or open something.

mod account_events;
mod accounts;
mod add;
mod audit;
mod changes;
mod check;
mod contacts;
mod customers;
mod deletion;
mod deliveries;
mod demo;
mod erase;
mod export;
mod import;
mod logging;
mod logins;
mod migrate;
mod moves;
mod moving;
mod operator;
mod output;
mod partners;
mod plans;
mod promote;
mod provisioning;
mod prune;
mod quarantine;
mod reconcile;
mod relations;
mod replay;
mod secret;
mod serve;
mod services;
mod set;
mod sites;
mod sources;
mod standing;
mod subscribers;
mod terminate;
mod users;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use thiserror::Error;

use crate::app::AppError;
use crate::config::{Config, ConfigError, Overrides};
use crate::domain::act::ActOutcome;
use crate::ops::alone;
use crate::store::connection::{Database, Use};
use crate::store::{AnyConnection, StoreError, migrate as migrations};
use crate::writer::SubmitError;
use crate::writer::acts::ActList;

/// Why a command fails.
#[derive(Debug, Error)]
enum CliError {
    /// Findings, or something that did not work out.
    #[error("{0}")]
    Failed(String),
    /// Something was asked for wrongly.
    #[error("{0}")]
    Usage(String),
    /// Something cannot be reached or opened.
    #[error("{0}")]
    Unreachable(String),
    /// The reader of our output went away, which is how `| head` ends.
    #[error("the output was closed")]
    Closed,
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::Unreadable { .. } => Self::Unreachable(error.to_string()),
            ConfigError::Invalid(message) => Self::Usage(message),
        }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::Unreachable(error.to_string()),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<AppError> for CliError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Listen(..) | AppError::Database(..) => Self::Unreachable(error.to_string()),
            AppError::Server(_) => Self::Failed(error.to_string()),
        }
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl CliError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
        }
    }
}

/// Receives the Account Synchronize calls of marketplace platforms, and knows who resells to whom.
#[derive(Debug, Parser)]
#[command(name = "tiersync", version, about, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "Start with `tiersync serve`: without a configuration it writes one and prints a call to try.\n\
                        Exit codes: 0 fine, 1 findings or failures, 2 usage, 3 cannot reach or open something."
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Common {
    /// The configuration file [default: tiersync.toml, when it exists]
    #[arg(long, global = true, value_name = "FILE", env = "TIERSYNC_CONFIG")]
    config: Option<PathBuf>,
    /// Where the data is: sqlite:FILE or postgres://… [default: sqlite:tiersync.db]
    #[arg(long, global = true, value_name = "URL", env = "TIERSYNC_DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the receiver; brings the schema up to date first
    Serve(serve::Serve),
    /// Run a throw-away receiver, fed with real-looking signed calls, to look around in
    Demo(demo::Demo),
    /// Bring the schema up to date
    Migrate,
    /// Verify configuration, database, migrations and clock without serving
    Check(check::Check),
    /// The ledger: every call and what became of it
    #[command(subcommand)]
    Deliveries(deliveries::Deliveries),
    /// The accounts that are known
    #[command(subcommand)]
    Accounts(accounts::Accounts),
    /// What accounts bought, and in which state that is
    #[command(subcommand)]
    Services(services::Services),
    /// The users of customers, and which services each has
    #[command(subcommand)]
    Users(users::Users),
    /// The customers that partners add: their details, their branding, their end
    #[command(subcommand)]
    Customers(customers::Customers),
    /// The sites of customers
    #[command(subcommand)]
    Sites(sites::Sites),
    /// The probes at customers' sites
    #[command(subcommand)]
    Probes(sites::Probes),
    /// Who resells to whom, now and then
    #[command(subcommand)]
    Relations(relations::Relations),
    /// What changed, in the order in which it was stored
    Changes(changes::Changes),
    /// What the vendor's systems have to do again behind moves
    #[command(subcommand)]
    Provisioning(provisioning::Provisioning),
    /// The vendor's partners, such as those behind MPN IDs
    #[command(subcommand)]
    Partners(partners::Partners),
    /// What resellers may sell: services, on which plans, at which locations
    #[command(subcommand)]
    Plans(plans::Plans),
    /// Move customers to other resellers, with everything that they bought
    Move(moving::Move),
    /// Moves that were made, asked for, and come to nothing
    #[command(subcommand)]
    Moves(moves::Moves),
    /// Bring a reseller to its end: freeze it, move its customers, end its partners
    Terminate(terminate::Terminate),
    /// Make a customer a reseller, with what it may sell and a login of its own
    Promote(promote::Promote),
    /// Make a reseller without customers a customer again
    Demote(promote::Demote),
    /// People and tools that use /v1, and what they changed
    #[command(subcommand)]
    Operator(operator::Operators),
    /// The platform installations, and what each of them sends
    #[command(subcommand)]
    Sources(sources::Sources),
    /// Find where the platform, a list and we disagree about who resells to whom, and correct it
    Reconcile(Box<reconcile::Reconcile>),
    /// Who is told of changes: how each stands, and what to do about it
    #[command(subcommand)]
    Subscribers(subscribers::Subscribers),
    /// Send captured calls again, to any receiver
    Replay(replay::Replay),
    /// Secrets and keys
    #[command(subcommand)]
    Secret(secret::Secret),
}

impl Common {
    fn overrides(&self, listen: Option<String>) -> Overrides {
        Overrides {
            file: self.config.clone(),
            listen,
            database_url: self.database_url.clone(),
            retention_days: std::env::var("TIERSYNC_RETENTION_DAYS").ok(),
        }
    }

    fn load(&self) -> Result<Config, CliError> {
        Ok(Config::load(&self.overrides(None))?)
    }

    /// A connection for reading, to a database whose schema is up to date.
    fn open(&self) -> Result<AnyConnection, CliError> {
        let database = Database::parse(&self.load()?.database_url)?;
        if let Some(file) = database.file()
            && !file.exists()
        {
            return Err(CliError::Unreachable(format!(
                "{} is not there; name another with --database-url, or make it with `tiersync migrate`",
                database.shown()
            )));
        }
        let unreachable =
            |error: StoreError| CliError::Unreachable(format!("cannot use {}: {error}", database.shown()));
        let mut connection = database.connect(Use::Read).map_err(unreachable)?;
        if !migrations::missing(&mut connection).map_err(unreachable)?.is_empty() {
            return Err(CliError::Failed(format!("the schema of {} is old; run `tiersync migrate`", database.shown())));
        }
        Ok(connection)
    }

    /// Does a list of acts in a database whose schema is up to date, durably.
    fn acts(&self, list: ActList) -> Result<Vec<ActOutcome>, CliError> {
        let (writer, thread) = alone::writer(&self.load()?)?;
        let done = writer.acts_blocking(list);
        drop(writer);
        thread.join();
        done.map_err(|error| match error {
            SubmitError::Failed => {
                CliError::Failed("the change failed and was taken back; nothing is written".to_owned())
            }
            other => CliError::Unreachable(format!("{other}; run the command again")),
        })
    }

    /// Changes something in a database whose schema is up to date, durably.
    fn write<T, F>(&self, work: F) -> Result<T, CliError>
    where
        T: Send + 'static,
        F: FnMut(&mut AnyConnection) -> Result<T, StoreError> + Send + 'static,
    {
        let (writer, thread) = alone::writer(&self.load()?)?;
        let done = writer.work_blocking(work);
        drop(writer);
        thread.join();
        done.map_err(|error| match error {
            SubmitError::Failed => {
                CliError::Failed("the change failed and was taken back; nothing is written".to_owned())
            }
            other => CliError::Unreachable(format!("{other}; run the command again")),
        })
    }
}

/// Refuses flags for everything where they would do nothing. The environment may say what it likes: it is there for
/// other commands.
fn unused(matches: &ArgMatches, command: &str) -> Result<(), CliError> {
    for (id, flag) in [("config", "--config"), ("database_url", "--database-url")] {
        if matches.value_source(id) == Some(ValueSource::CommandLine) {
            let why = format!(
                "{flag} means nothing to `tiersync {command}`, which reads no configuration and no other database"
            );
            return Err(CliError::Usage(why));
        }
    }
    Ok(())
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let common = &cli.common;
    let done = match cli.command {
        Command::Serve(serve) => serve.run(common),
        Command::Demo(demo) => unused(&matches, "demo").and_then(|()| demo.run()),
        Command::Migrate => migrate::run(common),
        Command::Check(check) => check.run(common),
        Command::Deliveries(deliveries) => deliveries.run(common),
        Command::Accounts(accounts) => accounts.run(common),
        Command::Services(services) => services.run(common),
        Command::Users(users) => users.run(common),
        Command::Customers(customers) => customers.run(common),
        Command::Sites(sites) => sites.run(common),
        Command::Probes(probes) => probes.run(common),
        Command::Provisioning(provisioning) => provisioning.run(common),
        Command::Relations(relations) => relations.run(common),
        Command::Changes(changes) => changes.run(common),
        Command::Partners(partners) => partners.run(common),
        Command::Plans(plans) => plans.run(common),
        Command::Move(moving) => moving.run(common),
        Command::Moves(moves) => moves.run(common),
        Command::Terminate(terminate) => terminate.run(common),
        Command::Promote(promote) => promote.run(common),
        Command::Demote(demote) => demote.run(common),
        Command::Operator(operator) => operator.run(common),
        Command::Sources(sources) => sources.run(common),
        Command::Reconcile(reconcile) => reconcile.run(common),
        Command::Subscribers(subscribers) => subscribers.run(common),
        Command::Replay(replay) => replay.run(common),
        Command::Secret(secret) => unused(&matches, "secret").and_then(|()| secret.run()),
    };
    logging::finish();
    match done {
        Ok(()) | Err(CliError::Closed) => ExitCode::SUCCESS,
        Err(error) => {
            let one_line = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            // Nothing is left to do if this cannot be written either.
            let _ = writeln!(std::io::stderr(), "tiersync: {one_line}");
            ExitCode::from(error.exit_code())
        }
    }
}
