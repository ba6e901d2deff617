//! `tiersync serve`.

use std::io::Write;
use std::path::Path;

use clap::Args;

use super::{CliError, Common, logging};
use crate::app::{App, AppError, Options};
use crate::config::{Config, DEFAULT_FILE, first_start};

/// Run the receiver.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Where to listen [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT", env = "TIERSYNC_LISTEN")]
    listen: Option<String>,
}

impl Serve {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        logging::start("info");
        if common.config.is_none() && !Path::new(DEFAULT_FILE).exists() {
            self.first_start(common)?;
        }
        let config = Config::load(&common.overrides(self.listen))?;
        if config.sources.is_empty() {
            return Err(CliError::Usage(
                "the configuration has no [[source]], so nobody could call; add one, or start without a configuration to \
                 have one written"
                    .to_owned(),
            ));
        }
        let listen_text = config.database_url.starts_with("sqlite:");
        serve(config, listen_text)
    }

    fn first_start(&self, common: &Common) -> Result<(), CliError> {
        // A value that does not work must not be written down.
        let (listen, database_url) = (self.listen.as_deref(), common.database_url.as_deref());
        let first = first_start::generate("default", listen, database_url);
        let config = Config::from_toml(&first.toml)?;
        first_start::write(Path::new(DEFAULT_FILE), &first)?;
        let mut out = std::io::stdout();
        writeln!(out, "No configuration was found: wrote {DEFAULT_FILE} with one source and fresh credentials.")?;
        writeln!(out, "Call it from another terminal:\n")?;
        writeln!(out, "  curl http://{}/api/Accounts/Synchronize \\", config.listen)?;
        writeln!(out, "    -H 'X-CloudPlatform-ApplicationId: {}' \\", first.application_id)?;
        writeln!(out, "    -H 'X-CloudPlatform-APIKey: {}' \\", first.api_key)?;
        writeln!(
            out,
            "    -d '{{\"ID\":\"1082733\",\"Role\":\"Reseller\",\"ResellerID\":\"1082733\",\"Name\":\"Northwind\"}}'\n"
        )?;
        Ok(())
    }
}

fn serve(config: Config, embedded: bool) -> Result<(), CliError> {
    let database = crate::store::connection::Database::parse(&config.database_url)?.shown();
    let sources = config.sources.len();
    actix_web::rt::System::new().block_on(async move {
        let app = App::build(config, Options::default())?;
        log::info!(
            "listening on http://{} for {sources} source(s), data in {database}{}",
            app.address(),
            if embedded { " (embedded)" } else { "" }
        );
        let handle = app.handle();
        actix_web::rt::spawn(async move {
            let signal = stop_signal().await;
            log::info!("{signal}: no new calls; answering those under way");
            handle.stop(true).await;
        });
        app.run_until_stopped().await?;
        log::info!("stopped");
        Ok::<(), AppError>(())
    })?;
    Ok(())
}

/// Waits for SIGTERM or Ctrl-C.
pub(super) async fn stop_signal() -> &'static str {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            return tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = tokio::signal::ctrl_c() => "interrupted",
            };
        }
    }
    // Without a handler for signals the default action ends the process, so this waits for ever.
    let _ = tokio::signal::ctrl_c().await;
    "interrupted"
}
