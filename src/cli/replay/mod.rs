//! `tiersync replay`.

mod shown;
mod what_if;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::deliveries::{endpoint, time};
use super::output::Format;
use super::{CliError, Common};
use crate::config::sender::{Sender, SenderOverrides};
use crate::domain::call::Endpoint;
use crate::ops::replay::input::{Inputs, Plain};
use crate::ops::replay::letter::Manner;
use crate::ops::replay::only::Only;
use crate::ops::replay::progress::{About, Finished, Progress};
use crate::ops::replay::report::Report;
use crate::ops::replay::{self, Halt, Receiver, ReplayError};

/// What to send, where to and how.
#[derive(Debug, Args)]
#[command(
    after_help = "A call waits for earlier calls on its account and on the accounts that it names; all else runs side \
                        by side.\ndocs/replay.md is the guide."
)]
pub(super) struct Replay {
    /// Captures of `deliveries export`, HAR 1.2 files, folders of *.json bodies, or JSON lines of bodies
    #[arg(required = true, value_name = "CAPTURE")]
    captures: Vec<PathBuf>,
    /// The receiver: the URL that its endpoints stand below, such as http://127.0.0.1:8080/api
    #[arg(long, value_name = "URL", required_unless_present = "what_if")]
    to: Option<String>,
    /// The source to send as; its credentials come from the configuration
    #[arg(long, value_name = "ID")]
    source: String,
    #[command(flatten)]
    credentials: Credentials,
    /// Trust also the certificate authorities of this PEM file, for https
    #[arg(long, value_name = "FILE", requires = "to")]
    ca: Option<PathBuf>,
    #[command(flatten)]
    bodies: Bodies,
    /// Send only these calls: account=ID, outcome=…, code=…, kind=…, endpoint=…, tenant=… or source=…; all must be met
    #[arg(long, value_name = "WHAT=VALUE", value_parser = Only::parse)]
    only: Vec<Only>,
    /// Send nothing: say what each call would do, against the configured database and under the rules of today
    #[arg(long, conflicts_with_all = ["to", "dry_run", "fresh", "resume", "report", "rate"])]
    what_if: bool,
    /// How to print what --what-if says
    #[arg(long, value_enum, default_value_t = Format::Table, requires = "what_if")]
    format: Format,
    /// Ask only: send every call with checkonly=true
    #[arg(long)]
    dry_run: bool,
    /// Send also those calls for good that were refused or stale when they were captured; else they only ask. Choosing them with
    /// --only outcome=rejected or --only code=… does the same
    #[arg(long)]
    refused: bool,
    /// Send the calls as new ones, of now
    #[arg(long, conflicts_with = "at")]
    fresh: bool,
    /// Let --fresh write over what is newer
    #[arg(long, requires = "fresh")]
    overwrite_newer: bool,
    /// Calls under way at once
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,
    /// At most so many calls a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// How often a call goes again that meets 429, 503 or a broken connection
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(0..=100))]
    retries: u32,
    /// Keep track in this file, and go on where it ends
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// Write what it came to, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Over the configuration's; each literal, `env:NAME` or `file:PATH`.
#[derive(Args)]
struct Credentials {
    /// X-CloudPlatform-ApplicationId: literal, env:NAME or file:PATH
    #[arg(long, value_name = "SECRET")]
    application_id: Option<String>,
    /// X-CloudPlatform-APIKey: literal, env:NAME or file:PATH
    #[arg(long, value_name = "SECRET")]
    api_key: Option<String>,
    /// The replay secret, or with --fresh the signing secret: literal, env:NAME or file:PATH
    #[arg(long, value_name = "SECRET")]
    secret: Option<String>,
    /// The setting whose header X-CloudPlatform-Setting-NAME tells tenants apart
    #[arg(long, value_name = "NAME")]
    tenant_setting: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// For calls of which there is nothing but the body.
#[derive(Debug, Args)]
struct Bodies {
    /// When bodies without a time happened (RFC 3339, or a day)
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<i64>,
    /// Where bodies go
    #[arg(long, value_parser = endpoint, default_value = "Accounts/Synchronize")]
    endpoint: Endpoint,
    /// Whose bodies they are
    #[arg(long, default_value = "")]
    tenant: String,
}

impl From<ReplayError> for CliError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Usage(why) => Self::Usage(why),
            ReplayError::Unreachable(why) => Self::Unreachable(why),
            ReplayError::Broken(why) => Self::Failed(why),
        }
    }
}

impl Replay {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        if self.what_if {
            return self.tell(common);
        }
        let Some(to) = &self.to else {
            return Err(CliError::Usage("--to URL says where the calls go".to_owned()));
        };
        let flags = SenderOverrides {
            application_id: self.credentials.application_id.clone(),
            api_key: self.credentials.api_key.clone(),
            secret: self.credentials.secret.clone(),
            tenant_setting: self.credentials.tenant_setting.clone(),
        };
        let sender = Sender::load(&common.overrides(None), &self.source, &flags)?;
        if !self.fresh && sender.replay_secret.is_none() {
            return Err(CliError::Usage(format!(
                "source \"{}\" has no replay_secrets; add one of `tiersync secret new`, or give --secret, or --fresh",
                self.source
            )));
        }
        let inputs = self.inputs(sender.tenant_setting.as_deref())?;
        if self.fresh && !self.dry_run {
            self.may_overwrite(&inputs)?;
        }
        let base = to.trim_end_matches('/');
        let receiver = Receiver::at(base, self.ca.as_deref())?;
        let (progress, finished, seed) = self.progress(&inputs, base)?;
        replay::reach(&receiver)?;
        let manner = if self.fresh { Manner::Fresh(seed) } else { Manner::AsCaptured(self.bodies.at) };
        let bar = bar(inputs.count()?);
        let halt = Arc::new(Halt::default());
        interrupted(&halt)?;
        let replay = replay::Replay {
            inputs: &inputs,
            receiver: &receiver,
            source: &self.source,
            sender: &sender,
            manner: &manner,
            only: &self.only,
            finished: &finished,
            dry_run: self.dry_run,
            refused: self.refused(),
            concurrency: usize::from(self.concurrency),
            rate: self.rate,
            retries: self.retries,
        };
        let report = replay::run(&replay, progress, &halt, &|| bar.inc(1));
        bar.finish_and_clear();
        let report = report?;
        shown::print(&report)?;
        if let Some(path) = &self.report {
            std::fs::write(path, format!("{:#}\n", shown::as_json(&report)))
                .map_err(|error| CliError::Unreachable(format!("cannot write {}: {error}", path.display())))?;
        }
        self.judge(&report)
    }

    /// Opens what is to be sent.
    fn inputs(&self, tenant_setting: Option<&str>) -> Result<Inputs, CliError> {
        let plain = Plain {
            endpoint: self.bodies.endpoint,
            tenant: self.bodies.tenant.clone(),
            tenant_header: tenant_setting.map(|name| format!("X-CloudPlatform-Setting-{name}")),
        };
        let inputs = Inputs::open(&self.captures, plain)?;
        if inputs.has_bodies() && self.bodies.at.is_none() && !self.fresh {
            let why = "bodies alone do not say when they happened; give --at TIME, or send them as new with --fresh";
            return Err(CliError::Usage(why.to_owned()));
        }
        Ok(inputs)
    }

    /// Says what would happen.
    fn tell(&self, common: &Common) -> Result<(), CliError> {
        let setting = self.credentials.tenant_setting.clone().or_else(|| {
            let config = common.load().ok()?;
            let source = config.sources.iter().find(|source| source.credentials.id.as_str() == self.source)?;
            source.tenant.as_ref().map(|rule| rule.setting.clone())
        });
        let inputs = self.inputs(setting.as_deref())?;
        what_if::run(self, common, &inputs)
    }

    fn refused(&self) -> bool {
        self.refused || self.only.iter().any(Only::wants_refused)
    }

    /// Says what `--fresh` would write, and whether it may.
    fn may_overwrite(&self, inputs: &Inputs) -> Result<(), CliError> {
        let overview = replay::overview(inputs, &self.only)?;
        writeln!(
            std::io::stderr(),
            "{} calls about {}{} accounts go as new calls of now and write over whatever the receiver knows of these \
             accounts, also what is newer",
            overview.calls,
            if overview.more { "more than " } else { "" },
            overview.accounts
        )?;
        if self.overwrite_newer {
            return Ok(());
        }
        let why = "--fresh needs --overwrite-newer; without --fresh, calls never undo what is newer";
        Err(CliError::Usage(why.to_owned()))
    }

    fn progress(&self, inputs: &Inputs, base: &str) -> Result<(Option<Progress>, Finished, String), CliError> {
        let seed = uuid::Uuid::new_v4().simple().to_string();
        let Some(path) = &self.resume else { return Ok((None, Finished::default(), seed)) };
        let mut options = format!("--to {base} --source {}", self.source);
        for (flag, given) in [("--dry-run", self.dry_run), ("--fresh", self.fresh), ("--refused", self.refused)] {
            if given {
                options = format!("{options} {flag}");
            }
        }
        if let Some(at) = self.bodies.at {
            options = format!("{options} --at {}", crate::wire::time::rfc3339(at));
        }
        if inputs.has_bodies() {
            options =
                format!("{options} --endpoint {} --tenant {:?}", self.bodies.endpoint.as_str(), self.bodies.tenant);
        }
        for only in &self.only {
            options = format!("{options} --only {only:?}");
        }
        let about = About { capture: inputs.digest().to_owned(), options, seed };
        let (progress, finished, seed) = Progress::open(path, &about)?;
        Ok((Some(progress), finished, seed))
    }

    fn judge(&self, report: &Report) -> Result<(), CliError> {
        let go_on = match &self.resume {
            Some(path) => format!("go on with --resume {}", path.display()),
            None => "run it again: what was answered is repeated and changes nothing".to_owned(),
        };
        if let Some(why) = &report.stopped {
            return Err(CliError::Failed(format!("stopped after {} calls: {why}; {go_on}", report.answered())));
        }
        match report.failed {
            0 => Ok(()),
            failed => Err(CliError::Failed(format!("{failed} call(s) failed; {go_on}"))),
        }
    }
}

fn bar(calls: u64) -> ProgressBar {
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(calls) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} calls, {per_sec}, {eta} left") {
        bar.set_style(style);
    }
    bar
}

/// Lets Ctrl-C and SIGTERM end the run in order; a second one ends the process.
fn interrupted(halt: &Arc<Halt>) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let halt = Arc::clone(halt);
    std::thread::spawn(move || {
        runtime.block_on(async {
            for _ in 0..2 {
                if signal().await.is_err() {
                    return;
                }
                halt.ask("interrupted");
            }
            std::process::exit(1);
        });
    });
    Ok(())
}

#[cfg(unix)]
async fn signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupt = tokio::signal::ctrl_c() => interrupt,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
