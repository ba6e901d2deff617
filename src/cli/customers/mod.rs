//! `tiersync customers`.

mod branding;
mod change;

use clap::{Args, Subcommand};

use crate::cli::deletion::{self, Asked};
use crate::cli::output::{Format, Listing, pages};
use crate::cli::{CliError, Common};
use crate::domain::account::{AccountKind, AccountStatus};
use crate::domain::operator::Visible;
use crate::ops::delete::{Found, Named};
use crate::ops::{customers, set, shown};
use crate::store::AnyConnection;
use crate::store::accounts::{AccountFilter, Listed};
use crate::store::seen::{accounts, branding as brandings, sites};
use crate::wire::customer::WithItView;
use crate::wire::show::AccountView;
use crate::wire::site_show::BrandingView;
use crate::writer::now_micros;

/// Rows read at once.
const PAGE: i64 = 500;

/// The customers of partners.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Customers {
    /// Add a customer under a partner
    Add(Box<change::Add>),
    /// List the customers of a partner
    List(List),
    /// Show one customer, with what hangs on it
    Show(Show),
    /// Change what describes a customer; `tiersync move` gives it another partner
    Set(Box<change::Set>),
    /// Delete customers, with their sites and probes; `accounts erase` erases personal data
    Delete(Delete),
    /// How a customer's pages look: title, colours and logo
    #[command(subcommand)]
    Branding(branding::BrandingOf),
}

/// Whose customers.
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// The partner: our id, the ExternalID, or the platform ID
    partner: String,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Which customer.
#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// Our id, the ExternalID, or the platform ID
    customer: String,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Which customers.
#[derive(Debug, Args)]
pub(in crate::cli) struct Delete {
    /// Each by our id, the ExternalID, or the platform ID
    #[arg(required = true)]
    customers: Vec<String>,
    /// Only customers of this partner; others are refused
    #[arg(long, value_name = "ACCOUNT")]
    partner: Option<String>,
    /// Say what would be deleted, and what would go with it, and change nothing
    #[arg(long)]
    preview: bool,
    /// Delete each that can be; otherwise one that cannot keeps all others
    #[arg(long)]
    each: bool,
    /// Only if it still has this revision; for one alone
    #[arg(long, value_name = "REVISION")]
    expect: Option<i64>,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

pub(super) fn reason(text: &str) -> Result<String, String> {
    set::reason(text).map_err(|why| format!("it {why}"))
}

const COLUMNS: [&str; 7] = ["id", "external_id", "name", "email", "status", "kind", "partner"];

fn row(listing: &mut Listing, whole: &impl serde::Serialize, view: &AccountView) -> Result<(), CliError> {
    let partner = view.reseller.as_ref().and_then(|reseller| reseller.name.as_deref()).unwrap_or_default();
    listing.row(whole, &[&view.id, &view.external_id, &view.name, &view.email, view.status, view.kind, partner])
}

impl Customers {
    pub(in crate::cli) fn run(self, common: &Common) -> Result<(), CliError> {
        match self {
            Self::Add(add) => add.run(common),
            Self::List(list) => list.run(&mut common.open()?),
            Self::Show(show) => show.run(&mut common.open()?),
            Self::Set(set) => set.run(common),
            Self::Delete(delete) => delete.run(common),
            Self::Branding(branding) => branding.run(common),
        }
    }
}

/// The partner that is called so: an account that resells.
fn partner(connection: &mut AnyConnection, name: &str) -> Result<Listed, CliError> {
    let found = crate::cli::accounts::find(connection, name, None, None)?;
    if found.account.kind == AccountKind::Reseller {
        return Ok(found);
    }
    Err(CliError::Failed(format!(
        "{name} is no partner: it is a customer itself; see `tiersync accounts list --kind reseller`"
    )))
}

/// The customer that is called so.
fn customer(connection: &mut AnyConnection, name: &str) -> Result<Listed, CliError> {
    let found = crate::cli::accounts::find(connection, name, None, None)?;
    if found.account.kind == AccountKind::Reseller {
        return Err(CliError::Failed(format!("{name} is no customer: it is a partner; see `tiersync accounts show`")));
    }
    Ok(found)
}

/// Prints a customer in full, or for a table the sentence alone.
fn print(connection: &mut AnyConnection, format: Format, id: &str, done: &str) -> Result<(), CliError> {
    use std::io::Write;
    if format == Format::Table {
        return Ok(writeln!(std::io::stdout(), "customer {id} {done}")?);
    }
    let view = shown::account(&customer(connection, id)?);
    let mut listing = Listing::start(format, &COLUMNS)?;
    row(&mut listing, &view, &view)?;
    listing.end()
}

impl List {
    fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        let partner = partner(connection, &self.partner)?.account.id;
        let filter =
            AccountFilter { reseller: Some(partner), status: Some(AccountStatus::Active), ..AccountFilter::default() };
        let page = |after| {
            let page = accounts::list(connection, &Visible::All, &filter, after, PAGE)?;
            Ok((page.items, page.next))
        };
        pages((self.format, self.limit), &COLUMNS, page, |listing, listed| {
            let view = shown::account(listed);
            row(listing, &view, &view)
        })
    }
}

impl Show {
    fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        let listed = customer(connection, &self.customer)?;
        let id = listed.account.id;
        let view = shown::account(&listed);
        let failed = |error: serde_json::Error| CliError::Failed(error.to_string());
        let mut whole = serde_json::to_value(&view).map_err(failed)?;
        let hanging = WithItView::from(&sites::hanging(connection, &Visible::All, id)?);
        let look = brandings::of(connection, &Visible::All, id)?.unwrap_or_default();
        if let Some(object) = whole.as_object_mut() {
            object.insert("hanging".to_owned(), serde_json::to_value(hanging).map_err(failed)?);
            let look = BrandingView::new(&view.id, &look);
            object.insert("branding".to_owned(), serde_json::to_value(look).map_err(failed)?);
        }
        if self.format != Format::Table {
            let mut listing = Listing::start(self.format, &COLUMNS)?;
            row(&mut listing, &whole, &view)?;
            return listing.end();
        }
        let mut listing = Listing::start(Format::Table, &["", ""])?;
        for (name, value) in whole.as_object().into_iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            listing.row(&(), &[name, &text])?;
        }
        listing.end()
    }
}

impl Delete {
    fn run(self, common: &Common) -> Result<(), CliError> {
        deletion::alone(self.expect, self.customers.len())?;
        let mut connection = common.open()?;
        let of = self.partner.as_deref().map(|name| partner(&mut connection, name)).transpose()?;
        let mut named: Vec<Named> = Vec::with_capacity(self.customers.len());
        for called in &self.customers {
            let judged = match customer(&mut connection, called) {
                Ok(listed) => {
                    let account = &listed.account;
                    let theirs = of.as_ref().is_none_or(|partner| customers::is_of(&listed, partner.account.id));
                    if theirs {
                        let hanging = sites::hanging(&mut connection, &Visible::All, account.id)?;
                        Ok(Found {
                            id: account.id.to_string(),
                            name: account.profile.name.clone(),
                            act: customers::delete(account, self.expect, now_micros()),
                            with_it: WithItView::from(&hanging),
                        })
                    } else {
                        Err("No customer of this partner is called so.".to_owned())
                    }
                }
                Err(CliError::Unreachable(why)) => return Err(CliError::Unreachable(why)),
                Err(why) => Err(why.to_string()),
            };
            named.push((called.clone(), judged));
        }
        let asked = Asked {
            action: "customers.delete",
            // Behind one act on many stands their partner, if it was named.
            subject: of.map(|partner| partner.account.id.to_string()),
            preview: self.preview,
            each: self.each,
            reason: self.reason.as_deref(),
            format: self.format,
        };
        deletion::run(common, &mut connection, named, &asked)
    }
}
