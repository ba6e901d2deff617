//! `tiersync accounts`.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::json;

use super::account_events::Events;
use super::add::Add;
use super::contacts::Contacts;
use super::erase::Which;
use super::import::Import;
use super::logins::Logins;
use super::operator::time;
use super::output::{Format, Listing, pages};
use super::set::{Set, standing};
use super::standing::{Stand, Tag};
use super::{CliError, Common};
use crate::domain::account::{AccountKind, AccountStatus, Standing};
use crate::domain::ids::{AccountId, AccountKey};
use crate::domain::relation::Relation;
use crate::ops::find::{self, FindError};
use crate::ops::shown;
use crate::store::AnyConnection;
use crate::store::accounts::{self, AccountFilter, AskedState, Listed};
use crate::store::{aliases, dossiers};
use crate::wire::profile::{CardView, LoginView, ProfileView};
use crate::wire::show::AccountView;
use crate::wire::time::rfc3339;

/// Rows read at once.
const PAGE: i64 = 500;

/// The accounts that are known.
#[derive(Debug, Subcommand)]
pub(super) enum Accounts {
    /// List accounts
    List(List),
    /// Make an account by hand; a platform that synchronizes the same one later takes it over
    Add(Box<Add>),
    /// Show one account with the history of its relations
    Show(Show),
    /// Show who resells to whom
    Tree(Tree),
    /// Take over the vendor's list of accounts: IDs, kinds, resellers since when
    Import(Import),
    /// Change an account by hand; its place holds until the platform reports something else
    Set(Box<Set>),
    /// Let an account order again, and a frozen reseller take new customers
    Enable(Stand),
    /// Refuse orders for an account
    Disable(Stand),
    /// Mark an account as fraud, and refuse orders for it
    Fraud(Stand),
    /// Refuse new customers of a reseller; those that it has go on
    Freeze(Stand),
    /// Add tags to an account
    Tag(Tag),
    /// Take tags from an account
    Untag(Tag),
    /// What domains are registered on, beyond the primary contact
    #[command(subcommand)]
    Contacts(Box<Contacts>),
    /// With what people of an account sign in, and whether they may
    #[command(subcommand)]
    Logins(Logins),
    /// List what happened in an account, newest first
    Events(Events),
    /// Remove an account's personal data everywhere; ids, relations and hashes stay
    Erase(Which),
    /// Lift an erasure, so that calls from before it may bring the account back
    Revive(Which),
}

/// Which accounts.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only of this source
    #[arg(long)]
    source: Option<String>,
    /// Only of this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// Only with this platform ID
    #[arg(long, value_name = "ID")]
    platform_id: Option<String>,
    /// Only of this kind: reseller, reseller_customer or direct_customer
    #[arg(long, value_parser = kind)]
    kind: Option<AccountKind>,
    /// Only with this status: active or deleted
    #[arg(long, value_parser = status)]
    status: Option<AccountStatus>,
    /// Only with this standing: enabled, disabled, fraud or frozen
    #[arg(long, value_parser = standing)]
    standing: Option<Standing>,
    /// Only with this tag
    #[arg(long)]
    tag: Option<String>,
    /// Only under this label; empty for those under none
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    /// Only customers of this reseller: our id, or its ExternalID
    #[arg(long, value_name = "ACCOUNT")]
    reseller: Option<String>,
    /// Only with a relation in this state: linked, pending, unprovisioned or unassigned
    #[arg(long, value_parser = state)]
    state: Option<AskedState>,
    /// Only with this partner ID, such as an MPN ID
    #[arg(long, value_name = "ID")]
    partner_id: Option<String>,
    /// Only with this synchronization option, and with this value if one is given
    #[arg(long, value_name = "ID[:VALUE]")]
    option: Option<String>,
    /// Only with this text in name or e-mail address, in any case
    #[arg(long, value_name = "TEXT")]
    q: Option<String>,
    /// Only those whose last delivery came at or after this time (RFC 3339, or a day)
    #[arg(long, value_name = "TIME", value_parser = time)]
    changed_since: Option<i64>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Which account.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Our id, the ExternalID, or the platform ID
    account: String,
    /// Only of this source, where several have the ID
    #[arg(long)]
    source: Option<String>,
    /// Only of this tenant, where several have the ID
    #[arg(long)]
    tenant: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Which part of the tree.
#[derive(Debug, Args)]
pub(super) struct Tree {
    /// At most so many accounts
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to print; json and csv give one row an account with its level
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

pub(super) fn kind(text: &str) -> Result<AccountKind, String> {
    AccountKind::parse(text).ok_or_else(|| "it is none of reseller, reseller_customer, direct_customer".to_owned())
}

fn state(text: &str) -> Result<AskedState, String> {
    AskedState::parse(text).ok_or_else(|| "it is none of linked, pending, unprovisioned, unassigned".to_owned())
}

pub(super) fn status(text: &str) -> Result<AccountStatus, String> {
    AccountStatus::parse(text).ok_or_else(|| "it is neither active nor deleted".to_owned())
}

impl Accounts {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        match self {
            Self::List(list) => list.run(&mut common.open()?),
            Self::Add(add) => add.run(common),
            Self::Show(show) => show.run(&mut common.open()?),
            Self::Tree(tree) => tree.run(&mut common.open()?),
            Self::Import(import) => import.run(common),
            Self::Set(set) => set.run(common),
            Self::Enable(stand) => stand.run(common, Standing::Enabled),
            Self::Disable(stand) => stand.run(common, Standing::Disabled),
            Self::Fraud(stand) => stand.run(common, Standing::Fraud),
            Self::Freeze(stand) => stand.run(common, Standing::Frozen),
            Self::Tag(tag) => tag.run(common, true),
            Self::Untag(tag) => tag.run(common, false),
            Self::Contacts(contacts) => contacts.run(common),
            Self::Logins(logins) => logins.run(common),
            Self::Events(events) => events.run(common),
            Self::Erase(which) => which.erase(common, &mut common.open()?),
            Self::Revive(which) => which.revive(common, &mut common.open()?),
        }
    }
}

impl List {
    fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        let reseller = match &self.reseller {
            Some(name) => Some(find(connection, name, None, None)?.account.id),
            None => None,
        };
        let filter = AccountFilter {
            source: self.source,
            tenant: self.tenant,
            platform_id: self.platform_id,
            kind: self.kind,
            status: self.status,
            standing: self.standing,
            tag: self.tag,
            label: self.label,
            reseller,
            state: self.state,
            partner_id: self.partner_id,
            option: self.option.as_deref().map(accounts::asked_option),
            text: self.q,
            changed_since: self.changed_since,
            ..AccountFilter::default()
        };
        let columns =
            ["id", "source", "tenant", "platform_id", "kind", "status", "name", "reseller", "state", "external_id"];
        let page = |after| {
            let items = accounts::list(connection, &filter, after, PAGE)?;
            let next = items.last().map(|last| last.account.id);
            Ok((items, next))
        };
        pages((self.format, self.limit), &columns, page, |listing, listed| {
            let view = shown::account(listed);
            let (reseller, state) = view.reseller.as_ref().map_or(("", ""), |reseller| {
                (reseller.name.as_deref().or(reseller.platform_id.as_deref()).unwrap_or_default(), reseller.state)
            });
            let cells = [
                &*view.id,
                &view.source,
                &view.tenant,
                &view.platform_id,
                view.kind,
                view.status,
                &view.name,
                reseller,
                state,
                &view.external_id,
            ];
            listing.row(&view, &cells)
        })
    }
}

/// Finds one account by any of its names.
pub(super) fn find(
    connection: &mut AnyConnection,
    name: &str,
    source: Option<&str>,
    tenant: Option<&str>,
) -> Result<Listed, CliError> {
    find::account(connection, name, source, tenant).map_err(|error| match error {
        FindError::Store(error) => error.into(),
        FindError::Several { .. } => CliError::Usage(format!(
            "{error}; narrow it with --source and --tenant, or use the id that `accounts list` shows"
        )),
        FindError::Nobody(_) => CliError::Failed(format!("{error}; see `tiersync accounts list`")),
    })
}

/// What an account was called until a platform synchronized it.
fn former((was, until): &(AccountKey, i64)) -> serde_json::Value {
    let scope = &was.scope;
    json!({
        "source": scope.source.as_str(), "tenant": scope.tenant.as_str(),
        "platform_id": was.platform_id.as_str(), "until": rfc3339(*until),
    })
}

impl Show {
    fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        let listed = find(connection, &self.account, self.source.as_deref(), self.tenant.as_deref())?;
        let history = accounts::history(connection, listed.account.id)?;
        let view = shown::account(&listed);
        let dossier = dossiers::of(connection, listed.account.id)?;
        let contacts: Vec<CardView> = dossier.contacts.iter().map(CardView::from).collect();
        let email = &listed.account.profile.email;
        let logins: Vec<LoginView> = dossier.logins.iter().map(|login| LoginView::new(login, email)).collect();
        let formerly: Vec<_> = aliases::names_of(connection, listed.account.id)?.iter().map(former).collect();
        let kept = json!({
            "formerly": formerly,
            "profile": ProfileView::new(&listed.account, &dossier), "contacts": contacts, "logins": logins,
        });
        if self.format != Format::Table {
            let mut listing =
                Listing::start(self.format, &["id", "source", "tenant", "platform_id", "kind", "status", "name"])?;
            let mut whole = serde_json::to_value(&view).map_err(|error| CliError::Failed(error.to_string()))?;
            if let Some(object) = whole.as_object_mut() {
                object.insert("history".to_owned(), history.iter().map(relation_json).collect());
                object.extend(kept.as_object().cloned().into_iter().flatten());
            }
            let cells = [&*view.id, &view.source, &view.tenant, &view.platform_id, view.kind, view.status, &view.name];
            listing.row(&whole, &cells)?;
            return listing.end();
        }
        let whole = serde_json::to_value(&view).map_err(|error| CliError::Failed(error.to_string()))?;
        let mut listing = Listing::start(Format::Table, &["", ""])?;
        let settings = kept["profile"].as_object().into_iter().flatten();
        let settings = settings.filter(|(name, _)| !matches!(name.as_str(), "account" | "standing"));
        let lists = kept.as_object().into_iter().flatten().filter(|(name, _)| *name != "profile");
        for (name, value) in whole.as_object().into_iter().flatten().chain(settings).chain(lists) {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            listing.row(&(), &[name, &text])?;
        }
        listing.row(&(), &["held against the report", AccountView::hold(&listed.account)])?;
        listing.end()?;
        writeln!(std::io::stdout(), "\nRelations, oldest first:")?;
        let mut listing = Listing::start(
            Format::Table,
            &[
                "to", "reseller", "partner", "means", "state", "from", "until", "cause", "delivery", "learned",
                "linked", "by",
            ],
        )?;
        for relation in &history {
            let text = |value: Option<String>| value.unwrap_or_default();
            listing.row(
                &(),
                &[
                    relation.axis.as_str(),
                    &text(relation.reseller_platform_id.as_ref().map(ToString::to_string)),
                    &text(relation.partner_id.clone()),
                    &text(relation.partner.as_ref().map(ToString::to_string)),
                    relation.state.as_str(),
                    &rfc3339(relation.valid_from),
                    &text(relation.closing.map(|closing| rfc3339(closing.valid_to))),
                    relation.cause.as_str(),
                    &text(relation.delivery.map(|delivery| delivery.to_string())),
                    &rfc3339(relation.learned_at),
                    &text(relation.linked_at.map(rfc3339)),
                    relation.linked_cause.map_or("", |cause| cause.as_str()),
                ],
            )?;
        }
        listing.end()
    }
}

fn relation_json(relation: &Relation) -> serde_json::Value {
    json!({
        "axis": relation.axis.as_str(),
        "reseller_platform_id": relation.reseller_platform_id.as_ref().map(ToString::to_string),
        "reseller_external_id": relation.reseller_external_id.as_ref().map(ToString::to_string),
        "reseller_account": relation.reseller_account.map(|id| id.to_string()),
        "partner_id": relation.partner_id,
        "partner": relation.partner.as_ref().map(ToString::to_string),
        "state": relation.state.as_str(),
        "found_by": relation.found_by.map(|found| found.as_str()),
        "from": rfc3339(relation.valid_from),
        "to": relation.closing.map(|closing| rfc3339(closing.valid_to)),
        "learned": rfc3339(relation.learned_at),
        "linked": relation.linked_at.map(rfc3339),
        "linked_cause": relation.linked_cause.map(|cause| cause.as_str()),
        "end_learned": relation.closing.map(|closing| rfc3339(closing.learned_at)),
        "cause": relation.cause.as_str(),
        "end_cause": relation.closing.map(|closing| closing.cause.as_str()),
        "delivery": relation.delivery.map(|id| id.to_string()),
        "end_delivery": relation.closing.and_then(|closing| closing.delivery).map(|id| id.to_string()),
    })
}

/// Prints the tree as it is read, level by level, never holding more than a page of each level.
struct TreePrinter {
    listing: Option<Listing>,
    printed: usize,
    most: usize,
}

impl TreePrinter {
    fn print(&mut self, listed: &Listed, level: usize, last: bool) -> Result<bool, CliError> {
        if self.printed >= self.most {
            return Ok(false);
        }
        self.printed += 1;
        let view = shown::account(listed);
        let state = view.reseller.as_ref().map_or("", |reseller| reseller.state);
        match &mut self.listing {
            Some(listing) => {
                let row = json!({"level": level, "id": view.id, "source": view.source, "tenant": view.tenant,
                    "platform_id": view.platform_id, "external_id": view.external_id, "kind": view.kind,
                    "name": view.name, "state": state});
                let level = level.to_string();
                let cells =
                    [&*level, &view.id, &view.source, &view.tenant, &view.platform_id, view.kind, &view.name, state];
                listing.row(&row, &cells)?;
            }
            None => {
                let branch = match (level, last) {
                    (0, _) => "",
                    (_, true) => "└── ",
                    (_, false) => "├── ",
                };
                let name: String = view.name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
                let state = if matches!(state, "" | "linked") { String::new() } else { format!(", {state}") };
                writeln!(std::io::stdout(), "{branch}{name} ({}, {}{state})", view.platform_id, view.kind)?;
            }
        }
        Ok(true)
    }
}

impl Tree {
    fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        print_tree(connection, self.format, self.limit)
    }
}

/// Prints who resells to whom, at most so many accounts.
pub(super) fn print_tree(connection: &mut AnyConnection, format: Format, limit: Option<usize>) -> Result<(), CliError> {
    let columns = ["level", "id", "source", "tenant", "platform_id", "kind", "name", "state"];
    let listing = match format {
        Format::Table => None,
        format => Some(Listing::start(format, &columns)?),
    };
    let mut printer = TreePrinter { listing, printed: 0, most: limit.unwrap_or(usize::MAX) };
    let whole = tree(connection, &mut printer)?;
    if format == Format::Table && printer.printed == 0 {
        writeln!(std::io::stdout(), "nothing found")?;
    }
    if let Some(listing) = printer.listing.take() {
        listing.end()?;
    }
    if !whole && format == Format::Table {
        writeln!(std::io::stderr(), "There are more; raise --limit.")?;
    }
    Ok(())
}

/// Walks the tree; false when the limit cut it.
fn tree(connection: &mut AnyConnection, printer: &mut TreePrinter) -> Result<bool, CliError> {
    for kind in [AccountKind::Reseller, AccountKind::ResellerCustomer, AccountKind::DirectCustomer] {
        let mut after = None;
        loop {
            let roots = accounts::roots(connection, kind, after, PAGE)?;
            for root in &roots {
                if !printer.print(root, 0, false)?
                    || (kind == AccountKind::Reseller && !customers(connection, printer, root.account.id)?)
                {
                    return Ok(false);
                }
            }
            match roots.last() {
                Some(last) => after = Some(last.account.id),
                None => break,
            }
        }
    }
    Ok(true)
}

fn customers(connection: &mut AnyConnection, printer: &mut TreePrinter, reseller: AccountId) -> Result<bool, CliError> {
    let filter = AccountFilter { reseller: Some(reseller), ..AccountFilter::default() };
    let mut after = None;
    let mut held: Option<Listed> = None;
    loop {
        let page = accounts::list(connection, &filter, after, PAGE)?;
        let Some(last) = page.last().map(|last| last.account.id) else {
            return match held {
                Some(listed) => printer.print(&listed, 1, true),
                None => Ok(true),
            };
        };
        after = Some(last);
        for listed in page {
            // One is held back, since only its successor tells that it is not the last.
            if let Some(before) = held.replace(listed)
                && !printer.print(&before, 1, false)?
            {
                return Ok(false);
            }
        }
    }
}
