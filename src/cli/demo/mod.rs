//! `tiersync demo`: a receiver in a temporary folder, fed over HTTP with the calls of a small world.

mod platform;
mod story;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use clap::Args;

use super::output::{Format, Listing};
use super::{CliError, accounts, logging, serve};
use crate::app::{App, AppError, Handle, Options};
use crate::config::Config;
use crate::config::first_start::{self, FirstStart};
use crate::store::connection::{Database, Use};
use crate::store::deliveries::{self, DeliveryFilter};
use crate::store::migrate;
use platform::{Answered, Platform};
use story::Step;

/// A free port of this machine.
const ANY_PORT: &str = "127.0.0.1:0";

/// A throw-away receiver. It neither reads a configuration nor touches another database.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Where to listen [default: a free port of this machine]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
}

/// The receiver, on a thread of its own.
struct Receiver {
    address: SocketAddr,
    handle: Handle,
    thread: JoinHandle<Result<(), AppError>>,
    /// Whether somebody asked the process to end.
    interrupted: Arc<AtomicBool>,
}

impl Demo {
    pub(super) fn run(self) -> Result<(), CliError> {
        logging::start("warn");
        let folder = tempfile::Builder::new().prefix("tiersync-demo-").tempdir()?;
        let database_url = format!("sqlite:{}", folder.path().join("tiersync.db").display());
        let listen = self.listen.as_deref().unwrap_or(ANY_PORT);
        let credentials = first_start::generate("demo", Some(listen), Some(&database_url));
        let receiver = Receiver::start(Config::from_toml(&credentials.toml)?)?;
        let shown = present(receiver.reachable(), &credentials, &database_url);
        let stopped = receiver.wait(shown);
        // The receiver is gone by now: nothing writes into the folder any more.
        folder.close()?;
        stopped
    }
}

impl Receiver {
    fn start(config: Config) -> Result<Self, CliError> {
        let interrupted = Arc::new(AtomicBool::new(false));
        let noticed = interrupted.clone();
        let (started, ready) = mpsc::channel();
        let thread = std::thread::Builder::new().name("receiver".to_owned()).spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let app = App::build(config, Options::default())?;
                let handle = app.handle();
                // Nobody listens only if this process is ending anyway.
                let _ = started.send((app.address(), handle.clone()));
                actix_web::rt::spawn(async move {
                    serve::stop_signal().await;
                    noticed.store(true, Ordering::Relaxed);
                    handle.stop(true).await;
                });
                app.run_until_stopped().await
            })
        })?;
        match ready.recv() {
            Ok((address, handle)) => Ok(Self { address, handle, thread, interrupted }),
            Err(_) => match thread.join() {
                Ok(Err(error)) => Err(error.into()),
                Ok(Ok(())) | Err(_) => Err(CliError::Failed("the receiver ended before it listened".to_owned())),
            },
        }
    }

    /// The address under which this machine reaches it: listening on all addresses is no address to call.
    fn reachable(&self) -> SocketAddr {
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        SocketAddr::new(ip, self.address.port())
    }

    /// Waits until somebody ends it, or ends it at once when the demonstration did not go as it must.
    fn wait(self, shown: Result<(), CliError>) -> Result<(), CliError> {
        if shown.is_err() {
            // The server stops whether or not anybody waits for the future.
            drop(self.handle.stop(true));
        }
        match self.thread.join() {
            Ok(stopped) => stopped?,
            Err(_) => return Err(CliError::Failed("the receiver's thread panicked".to_owned())),
        }
        match shown {
            Err(CliError::Failed(_)) if self.interrupted.load(Ordering::Relaxed) => Ok(()),
            shown => shown,
        }
    }
}

/// Feeds the receiver and prints what came of it and how to go on.
fn present(address: SocketAddr, credentials: &FirstStart, database_url: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout();
    writeln!(out, "A throw-away receiver listens on http://{address}. These calls were sent to it, signed:\n")?;
    let story = story::story();
    let mut platform = Platform::new(address, credentials)?;
    let answers = story.iter().map(|step| platform.send(step)).collect::<Result<Vec<_>, _>>()?;
    let mut connection = Database::parse(database_url)?.connect(Use::Read)?;
    if !migrate::missing(&mut connection)?.is_empty() {
        return Err(CliError::Failed("the schema of the demonstration is not up to date".to_owned()));
    }
    let rows = i64::try_from(story.len()).unwrap_or(i64::MAX).saturating_add(1);
    let mut ledger = deliveries::list(&mut connection, &DeliveryFilter::default(), None, rows)?;
    ledger.reverse();
    let outcomes: Vec<&str> = ledger.iter().map(|(delivery, _)| delivery.outcome.as_str()).collect();
    let wrong = calls(&story, &answers, &outcomes)?;
    writeln!(out, "\nWho resells to whom now:\n")?;
    accounts::print_tree(&mut connection, Format::Table, None)?;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for outcome in &outcomes {
        *counts.entry(outcome).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    writeln!(out, "\nOutcomes: {}.\n", counts.join(", "))?;
    if wrong > 0 {
        return Err(CliError::Failed(format!("{wrong} of {} calls were not answered as expected", story.len())));
    }
    guide(&mut out, address, credentials, database_url)?;
    Ok(out.flush()?)
}

/// Lists the calls; returns how many did not come to what they must.
fn calls(story: &[Step], answers: &[Answered], outcomes: &[&str]) -> Result<usize, CliError> {
    let mut listing = Listing::start(Format::Table, &["what", "endpoint", "ID", "outcome", "code", "message"])?;
    let mut wrong = story.len().abs_diff(outcomes.len());
    for (at, (step, answer)) in story.iter().zip(answers).enumerate() {
        let outcome = outcomes.get(at).copied().unwrap_or("not in the ledger");
        let good = answer.code == step.code && outcome == step.outcome.as_str();
        wrong += usize::from(!good);
        let message = if good {
            // The first clause is enough to follow the story.
            answer.message.split(['.', ':']).next().unwrap_or_default().to_owned()
        } else {
            format!("EXPECTED {} {}: {}", step.outcome.as_str(), step.code, answer.message)
        };
        listing
            .row(&(), &[step.title, step.endpoint.as_str(), step.id(), outcome, &answer.code.to_string(), &message])?;
    }
    listing.end()?;
    Ok(wrong)
}

/// How to go on.
fn guide(
    out: &mut impl Write,
    address: SocketAddr,
    credentials: &FirstStart,
    database_url: &str,
) -> Result<(), CliError> {
    let base = format!("http://{address}");
    writeln!(out, "URLs:")?;
    writeln!(out, "  base URL for platforms  {base}/api")?;
    for path in ["healthz", "readyz", "metrics", "openapi.json"] {
        writeln!(out, "  {path:<22}  {base}/{path}")?;
    }
    writeln!(out, "\nCredentials, valid for this run alone:")?;
    writeln!(out, "  ApplicationId           {}", credentials.application_id)?;
    writeln!(out, "  APIKey                  {}", credentials.api_key)?;
    writeln!(out, "  signing secret          {}", credentials.signing_secret)?;
    writeln!(out, "\nCall it from another terminal:\n")?;
    writeln!(out, "  curl {base}/api/Accounts/Synchronize \\")?;
    writeln!(out, "    -H 'X-CloudPlatform-ApplicationId: {}' \\", credentials.application_id)?;
    writeln!(out, "    -H 'X-CloudPlatform-APIKey: {}' \\", credentials.api_key)?;
    writeln!(
        out,
        "    -d '{{\"ID\":\"1086000\",\"Role\":\"User\",\"ResellerID\":\"1082733\",\"Name\":\"Your Customer\"}}'"
    )?;
    writeln!(out, "\nLook into its database:\n")?;
    writeln!(out, "  tiersync --database-url {database_url} accounts list")?;
    writeln!(out, "  tiersync --database-url {database_url} deliveries list\n")?;
    writeln!(out, "It stays up until Ctrl-C and leaves nothing behind.")?;
    Ok(())
}
