//! `tiersync customers branding`.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::reason;
use crate::cli::operator::entry;
use crate::cli::output::{Format, Listing};
use crate::cli::{CliError, Common};
use crate::domain::account::Account;
use crate::domain::branding::{BrandingAct, Colour, ColourOf, Logo, MAX_LOGO_BYTES, title};
use crate::domain::operator::Visible;
use crate::ops::{alone, set, sites};
use crate::store::AnyConnection;
use crate::store::seen::branding;
use crate::wire::site_show::BrandingView;

/// How a customer's pages look.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum BrandingOf {
    /// Set some of it; what is not named stays
    Set(Box<SetBranding>),
    /// Show it, or write the logo to a file
    Show(ShowBranding),
    /// Take all of it away, or the logo alone
    Clear(ClearBranding),
}

/// What to set.
#[derive(Debug, Args)]
pub(in crate::cli) struct SetBranding {
    /// The customer: our id, the ExternalID, or the platform ID
    customer: String,
    /// The title; empty takes it away
    #[arg(long, value_name = "TEXT", value_parser = read_title)]
    title: Option<String>,
    /// What stands out, as #rrggbb
    #[arg(long, value_name = "COLOUR", value_parser = colour)]
    primary: Option<Colour>,
    /// What stands beside that
    #[arg(long, value_name = "COLOUR", value_parser = colour)]
    secondary: Option<Colour>,
    /// What is to be noticed
    #[arg(long, value_name = "COLOUR", value_parser = colour)]
    accent: Option<Colour>,
    /// What everything stands on
    #[arg(long, value_name = "COLOUR", value_parser = colour)]
    background: Option<Colour>,
    /// What is read
    #[arg(long, value_name = "COLOUR", value_parser = colour)]
    text: Option<Colour>,
    /// Take the colours away that are not named
    #[arg(long)]
    only: bool,
    /// The logo: a PNG, JPEG, GIF or WebP of at most 256 KiB
    #[arg(long, value_name = "FILE")]
    logo: Option<PathBuf>,
    /// Only if the customer still has this revision
    #[arg(long, value_name = "REVISION")]
    expect: Option<i64>,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// What to show.
#[derive(Debug, Args)]
pub(in crate::cli) struct ShowBranding {
    /// The customer: our id, the ExternalID, or the platform ID
    customer: String,
    /// Write the logo to this file, which must not be there yet
    #[arg(long, value_name = "FILE")]
    logo: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// What to take away.
#[derive(Debug, Args)]
pub(in crate::cli) struct ClearBranding {
    /// The customer: our id, the ExternalID, or the platform ID
    customer: String,
    /// The logo alone
    #[arg(long)]
    logo: bool,
    /// Only if the customer still has this revision
    #[arg(long, value_name = "REVISION")]
    expect: Option<i64>,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

fn read_title(text: &str) -> Result<String, String> {
    title(text).map_err(|why| format!("it {why}"))
}

fn colour(text: &str) -> Result<Colour, String> {
    Colour::parse(text).ok_or_else(|| "it is no colour such as #1a2b3c".to_owned())
}

fn account(connection: &mut AnyConnection, name: &str) -> Result<Account, CliError> {
    Ok(crate::cli::accounts::find(connection, name, None, None)?.account)
}

fn print(connection: &mut AnyConnection, account: &Account, format: Format) -> Result<(), CliError> {
    let look = branding::of(connection, &Visible::All, account.id)?.unwrap_or_default();
    let view = BrandingView::new(&account.id.to_string(), &look);
    let colours = &view.colours;
    let named = [
        ("primary", &colours.primary),
        ("secondary", &colours.secondary),
        ("accent", &colours.accent),
        ("background", &colours.background),
        ("text", &colours.text),
    ];
    let colours: Vec<String> = named
        .into_iter()
        .filter_map(|(name, colour)| colour.as_ref().map(|colour| format!("{name} {colour}")))
        .collect();
    let logo = view.logo.as_ref().map(|logo| format!("{}, {} bytes", logo.media_type, logo.size)).unwrap_or_default();
    let mut listing = Listing::start(format, &["account", "title", "colours", "logo"])?;
    listing.row(&view, &[&view.account, &view.title, &colours.join(", "), &logo])?;
    listing.end()
}

fn read_logo(file: &Path) -> Result<Logo, CliError> {
    let unreadable = |error: std::io::Error| CliError::Unreachable(format!("cannot read {}: {error}", file.display()));
    let mut bytes = Vec::new();
    // One byte more than there may be, so that a larger one is seen to be.
    let most = u64::try_from(MAX_LOGO_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    std::fs::File::open(file).map_err(unreadable)?.take(most).read_to_end(&mut bytes).map_err(unreadable)?;
    Logo::take(bytes, None).map_err(|why| CliError::Usage(format!("{}: {why}", file.display())))
}

fn done(
    common: &Common,
    name: &str,
    (what, expect): (BrandingAct, Option<i64>),
    (action, why): (&str, Option<String>),
    format: Format,
) -> Result<(), CliError> {
    let config = common.load()?;
    let mut connection = common.open()?;
    let account = account(&mut connection, name)?;
    let entry = entry(action, &account.id.to_string(), &json!({"reason": why}));
    set::changed(&common.acts(sites::brand(account.key.clone(), expect, what, alone::policies(&config), entry))?)?;
    print(&mut connection, &account, format)
}

impl BrandingOf {
    pub(in crate::cli) fn run(self, common: &Common) -> Result<(), CliError> {
        match self {
            Self::Set(set) => set.run(common),
            Self::Show(show) => show.run(&mut common.open()?),
            Self::Clear(clear) => {
                let (what, action) = if clear.logo {
                    (BrandingAct::ClearLogo, "branding.clear_logo")
                } else {
                    (BrandingAct::Clear, "branding.clear")
                };
                done(common, &clear.customer, (what, clear.expect), (action, clear.reason), clear.format)
            }
        }
    }
}

impl SetBranding {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let logo = self.logo.as_deref().map(read_logo).transpose()?;
        let colours: BTreeMap<ColourOf, Colour> = [
            (ColourOf::Primary, self.primary),
            (ColourOf::Secondary, self.secondary),
            (ColourOf::Accent, self.accent),
            (ColourOf::Background, self.background),
            (ColourOf::Text, self.text),
        ]
        .into_iter()
        .filter_map(|(of, colour)| Some((of, colour?)))
        .collect();
        if self.title.is_none() && colours.is_empty() && logo.is_none() && !self.only {
            return Err(CliError::Usage("nothing is to be set; say what, such as --title or --logo".to_owned()));
        }
        let what = BrandingAct::Change { title: self.title, colours, only: self.only, logo };
        done(common, &self.customer, (what, self.expect), ("branding.set", self.reason), self.format)
    }
}

impl ShowBranding {
    fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        let account = account(connection, &self.customer)?;
        let Some(file) = &self.logo else { return print(connection, &account, self.format) };
        let Some((media, bytes)) = branding::logo(connection, &Visible::All, account.id)? else {
            return Err(CliError::Failed(format!("{} has no logo", self.customer)));
        };
        let unwritable = |error: std::io::Error| {
            CliError::Unreachable(format!("cannot write {}: {error}; name a new file", file.display()))
        };
        std::fs::File::create_new(file).and_then(|mut made| made.write_all(&bytes)).map_err(unwritable)?;
        Ok(writeln!(std::io::stdout(), "{}: {}, {} bytes", file.display(), media.as_str(), bytes.len())?)
    }
}
