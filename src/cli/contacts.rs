//! `tiersync accounts contacts`.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::operator::entry;
use super::output::{Format, Listing};
use super::set::{Named, reason};
use super::{CliError, Common};
use crate::domain::account::Account;
use crate::domain::act::{Act, What};
use crate::domain::dossier::{CardField, CardPatch, ContactCard, Dossier, DossierAct};
use crate::domain::relation::Cause;
use crate::ops::{alone, set};
use crate::store::{AnyConnection, dossiers};
use crate::wire::profile::{CardView, registry};
use crate::writer::acts::ActList;

/// Contacts of an account: the handles that domains are registered on.
#[derive(Debug, Subcommand)]
pub(super) enum Contacts {
    /// List the contacts of an account
    List(Kept),
    /// Add a contact
    Add(Add),
    /// Change a contact
    Set(Set),
    /// Take a contact away
    Remove(Remove),
}

/// Of which account.
#[derive(Debug, Args)]
pub(super) struct Kept {
    #[command(flatten)]
    pub account: Named,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// What a contact shows; what is left out stays, empty text clears a field.
#[derive(Debug, Args)]
struct Card {
    /// What registries call it
    #[arg(long, value_name = "TEXT")]
    handle: Option<String>,
    /// Its organisation
    #[arg(long, value_name = "TEXT")]
    organisation: Option<String>,
    /// Its first name
    #[arg(long, value_name = "TEXT")]
    first_name: Option<String>,
    /// Its last name
    #[arg(long, value_name = "TEXT")]
    last_name: Option<String>,
    /// Its e-mail address
    #[arg(long, value_name = "TEXT")]
    email: Option<String>,
    /// Its telephone number
    #[arg(long, value_name = "TEXT")]
    phone: Option<String>,
    /// Its fax number
    #[arg(long, value_name = "TEXT")]
    fax: Option<String>,
    /// Its street
    #[arg(long, value_name = "TEXT")]
    address1: Option<String>,
    /// The second line of its address
    #[arg(long, value_name = "TEXT")]
    address2: Option<String>,
    /// Its city
    #[arg(long, value_name = "TEXT")]
    city: Option<String>,
    /// Its post code
    #[arg(long, value_name = "TEXT")]
    post_code: Option<String>,
    /// The code of its state
    #[arg(long, value_name = "TEXT")]
    state_code: Option<String>,
    /// The name of its state
    #[arg(long, value_name = "TEXT")]
    state_name: Option<String>,
    /// The code of its country
    #[arg(long, value_name = "TEXT")]
    country_code: Option<String>,
    /// The name of its country
    #[arg(long, value_name = "TEXT")]
    country_name: Option<String>,
    /// What a registry wants to know beside that: a JSON object by the registry's name, or null to take it away; several
    /// times
    #[arg(long = "registry", value_name = "NAME=JSON")]
    registries: Vec<String>,
}

/// Whom to add.
#[derive(Debug, Args)]
pub(super) struct Add {
    #[command(flatten)]
    account: Named,
    #[command(flatten)]
    card: Card,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// What to change of whom.
#[derive(Debug, Args)]
pub(super) struct Set {
    #[command(flatten)]
    account: Named,
    /// The contact's number
    contact: i64,
    #[command(flatten)]
    card: Card,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Whom to take away.
#[derive(Debug, Args)]
pub(super) struct Remove {
    #[command(flatten)]
    account: Named,
    /// The contact's number
    contact: i64,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
}

impl Card {
    fn patch(&self) -> Result<CardPatch, CliError> {
        let mut patch = CardPatch::default();
        for (field, text) in [
            (CardField::Handle, &self.handle),
            (CardField::Organisation, &self.organisation),
            (CardField::FirstName, &self.first_name),
            (CardField::LastName, &self.last_name),
            (CardField::Email, &self.email),
            (CardField::Phone, &self.phone),
            (CardField::Fax, &self.fax),
            (CardField::Address1, &self.address1),
            (CardField::Address2, &self.address2),
            (CardField::City, &self.city),
            (CardField::PostCode, &self.post_code),
            (CardField::StateCode, &self.state_code),
            (CardField::StateName, &self.state_name),
            (CardField::CountryCode, &self.country_code),
            (CardField::CountryName, &self.country_name),
        ] {
            if let Some(text) = text {
                patch.text(field, text).map_err(|why| wrong(field.as_str(), &why))?;
            }
        }
        for said in &self.registries {
            let (name, json) = said.split_once('=').ok_or_else(|| {
                CliError::Usage(format!(
                    "--registry takes a name and JSON, such as dns.be={{\"vat\":\"BE1\"}}; {said} has no ="
                ))
            })?;
            let object = registry(json).map_err(|why| CliError::Usage(format!("--registry {name} {why}")))?;
            patch.registry(name, object).map_err(|why| wrong("registry", &why))?;
        }
        if patch == CardPatch::default() {
            return Err(CliError::Usage("nothing is said of the contact; say what, such as --email".to_owned()));
        }
        Ok(patch)
    }
}

/// A complaint about a flag.
pub(super) fn wrong(field: &str, why: &str) -> CliError {
    CliError::Usage(format!("--{} {why}", field.replace('_', "-")))
}

/// What is kept about an account.
pub(super) fn kept(connection: &mut AnyConnection, account: &Account) -> Result<Dossier, CliError> {
    Ok(dossiers::of(connection, account.id)?)
}

/// Does one thing to what is kept about an account; gives the names of what changed.
pub(super) fn keep(
    common: &Common,
    account: &Account,
    act: DossierAct,
    (action, detail): (&str, Value),
) -> Result<Vec<String>, CliError> {
    let entry = entry(action, &account.id.to_string(), &detail);
    let act = Act::new(account.key.clone(), entry.at, Cause::Move, What::Keep(Box::new(act)));
    let policies = alone::policies(&common.load()?);
    Ok(set::changed(&common.acts(ActList { acts: vec![act], policies, all_or_nothing: true, entry })?)?)
}

/// Says what became of something with a number.
pub(super) fn say(account: &Account, what: &str, number: i64, done: &str) -> Result<(), CliError> {
    Ok(writeln!(std::io::stdout(), "{what} {number} of account {} {done}", account.id)?)
}

/// What is said of a change.
pub(super) fn told(changed: &[String]) -> &'static str {
    if changed.is_empty() { "is so already" } else { "is changed" }
}

const COLUMNS: [&str; 7] = ["id", "handle", "organisation", "name", "email", "phone", "registries"];

fn row(listing: &mut Listing, card: &ContactCard) -> Result<(), CliError> {
    let view = CardView::from(card);
    let name = format!("{} {}", view.first_name, view.last_name);
    let registries: Vec<&str> = view.registries.keys().map(String::as_str).collect();
    let cells =
        [&*view.id, &view.handle, &view.organisation, name.trim(), &view.email, &view.phone, &registries.join(", ")];
    listing.row(&view, &cells)
}

fn print(card: &ContactCard, format: Format) -> Result<(), CliError> {
    let mut listing = Listing::start(format, &COLUMNS)?;
    row(&mut listing, card)?;
    listing.end()
}

impl Contacts {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        match self {
            Self::List(of) => {
                let mut connection = common.open()?;
                let account = of.account.find(&mut connection)?.account;
                let mut listing = Listing::start(of.format, &COLUMNS)?;
                for card in &kept(&mut connection, &account)?.contacts {
                    row(&mut listing, card)?;
                }
                listing.end()
            }
            Self::Add(add) => add.run(common),
            Self::Set(set) => set.run(common),
            Self::Remove(remove) => remove.run(common),
        }
    }
}

impl Add {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let patch = self.card.patch()?;
        let mut connection = common.open()?;
        let account = self.account.find(&mut connection)?.account;
        let detail = json!({"fields": patch.names(), "reason": self.reason});
        keep(common, &account, DossierAct::AddContact(Box::new(patch.clone())), ("contacts.add", detail))?;
        let now = kept(&mut connection, &account)?;
        let added = now.contacts.iter().rev().find(|card| card.shows(&patch));
        let added = added.ok_or_else(|| CliError::Failed("the contact is not there any longer".to_owned()))?;
        match self.format {
            Format::Table => say(&account, "contact", added.number, "is added"),
            format => print(added, format),
        }
    }
}

impl Set {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let patch = self.card.patch()?;
        let mut connection = common.open()?;
        let account = self.account.find(&mut connection)?.account;
        let detail = json!({"contact": self.contact, "fields": patch.names(), "reason": self.reason});
        let act = DossierAct::ChangeContact(self.contact, Box::new(patch));
        let changed = keep(common, &account, act, ("contacts.set", detail))?;
        let now = kept(&mut connection, &account)?;
        match (self.format, now.contacts.iter().find(|card| card.number == self.contact)) {
            (Format::Table, _) | (_, None) => say(&account, "contact", self.contact, told(&changed)),
            (format, Some(card)) => print(card, format),
        }
    }
}

impl Remove {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let account = self.account.find(&mut common.open()?)?.account;
        let detail = json!({"contact": self.contact, "fields": [], "reason": self.reason});
        keep(common, &account, DossierAct::RemoveContact(self.contact), ("contacts.remove", detail))?;
        say(&account, "contact", self.contact, "is taken away")
    }
}
