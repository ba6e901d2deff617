//! `tiersync operator`.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::json;

use super::output::{Format, Listing, pages};
use super::{CliError, Common, accounts};
use crate::auth::token::new_token;
use crate::domain::account::AccountKind;
use crate::domain::ids::AccountId;
use crate::domain::operator::{COMMAND_LINE, MAX_RESELLERS, Operator, Role, parse_name};
use crate::store::audit::{self, Entry};
use crate::store::operators;
use crate::wire::people::OperatorView;
use crate::wire::time::{parse_time, rfc3339};
use crate::writer::now_micros;

/// Rows read at once.
const PAGE: i64 = 500;

/// Longest life of a token that may be asked for, in days. Who wants longer wants one that does not end.
const MOST_DAYS: i64 = 3650;

/// People and tools that use /v1.
#[derive(Debug, Subcommand)]
pub(super) enum Operators {
    /// Add an operator and print its token, once
    Add(Add),
    /// List operators
    List(List),
    /// Make an operator's token worthless
    Revoke(Revoke),
    /// List what operators and commands changed, newest first
    Audit(super::audit::Audit),
}

/// Whom to add.
#[derive(Debug, Args)]
pub(super) struct Add {
    /// Its name: letters, digits and . _ - @; never given twice
    #[arg(value_parser = name)]
    name: String,
    /// What it may do: viewer, provisioner, reseller_admin or provider_admin
    #[arg(long, value_parser = role)]
    role: Role,
    /// A reseller that a reseller_admin sees with its customers: our id, its ExternalID or its platform ID; several times
    #[arg(long, value_name = "ACCOUNT")]
    reseller: Vec<String>,
    /// When the token ends, such as 12h, 90d or 52w [default: never]
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    expires: Option<i64>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
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

/// Whom to revoke.
#[derive(Debug, Args)]
pub(super) struct Revoke {
    /// Its name
    #[arg(value_parser = name)]
    name: String,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

pub(super) fn name(text: &str) -> Result<String, String> {
    parse_name(text).map_err(|error| error.to_string())
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| "it is none of viewer, provisioner, reseller_admin, provider_admin".to_owned())
}

/// A time, for a flag.
pub(super) fn time(text: &str) -> Result<i64, String> {
    parse_time(text)
        .ok_or_else(|| "it is no time such as 2026-11-21T10:00:00Z and no day such as 2026-11-21".to_owned())
}

/// A length of time in microseconds.
pub(super) fn lifetime(text: &str) -> Result<i64, String> {
    let wrong = || format!("it is no length of time such as 12h, 90d or 52w, at most {MOST_DAYS}d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let hours = match unit {
        'h' => 1,
        'd' => 24,
        'w' => 7 * 24,
        _ => return Err(wrong()),
    };
    let count: i64 = text.strip_suffix(unit).ok_or_else(wrong)?.parse().map_err(|_| wrong())?;
    let hours = count.checked_mul(hours).filter(|hours| (1..=MOST_DAYS * 24).contains(hours)).ok_or_else(wrong)?;
    Ok(hours * 3_600_000_000)
}

/// What the audit trail says of a change by this command.
pub(super) fn entry(action: &str, subject: &str, detail: &serde_json::Value) -> Entry {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_default();
    let user: String = user.chars().filter(|c| !c.is_control()).take(64).collect();
    Entry {
        at: now_micros(),
        operator: COMMAND_LINE.to_owned(),
        action: action.to_owned(),
        subject: subject.to_owned(),
        detail: detail.to_string(),
        remote: if user.is_empty() { "-".to_owned() } else { user },
    }
}

impl Operators {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        match self {
            Self::Add(add) => add.run(common),
            Self::List(list) => list.run(common),
            Self::Revoke(revoke) => revoke.run(common),
            Self::Audit(audit) => audit.run(common),
        }
    }
}

impl Add {
    fn resellers(&self, common: &Common) -> Result<Vec<AccountId>, CliError> {
        match self.role {
            Role::ResellerAdmin if self.reseller.is_empty() => {
                return Err(CliError::Usage("a reseller_admin needs at least one --reseller".to_owned()));
            }
            Role::Viewer | Role::Provisioner | Role::ProviderAdmin if !self.reseller.is_empty() => {
                let why = format!("--reseller means nothing to a {}, who sees everything", self.role.as_str());
                return Err(CliError::Usage(why));
            }
            _ if self.reseller.len() > MAX_RESELLERS => {
                return Err(CliError::Usage(format!("an operator has at most {MAX_RESELLERS} resellers")));
            }
            _ => {}
        }
        let mut connection = common.open()?;
        let mut resellers = Vec::new();
        for name in &self.reseller {
            let account = accounts::find(&mut connection, name, None, None)?.account;
            if account.kind != AccountKind::Reseller {
                return Err(CliError::Failed(format!(
                    "{name} is no reseller; see `tiersync accounts list --kind reseller`"
                )));
            }
            resellers.push(account.id);
        }
        resellers.sort_unstable();
        resellers.dedup();
        Ok(resellers)
    }

    fn run(self, common: &Common) -> Result<(), CliError> {
        let resellers = self.resellers(common)?;
        let (token, hash) = new_token();
        let now = now_micros();
        let new = Operator {
            name: self.name.clone(),
            role: self.role,
            resellers,
            created_at: now,
            expires_at: self.expires.map(|length| now.saturating_add(length)),
            revoked_at: None,
        };
        let ids: Vec<String> = new.resellers.iter().map(ToString::to_string).collect();
        let detail = json!({"role": self.role.as_str(), "resellers": ids, "expires_at": new.expires_at.map(rfc3339)});
        let entry = entry("operator.add", &self.name, &detail);
        let added = common.write(move |connection| {
            let added = operators::add(connection, &new, hash.as_bytes())?;
            if added {
                audit::record(connection, &entry)?;
            }
            Ok(added)
        })?;
        if !added {
            let why = format!("there is or was an operator {}; names are never given twice, choose another", self.name);
            return Err(CliError::Failed(why));
        }
        let whole = json!({"name": self.name, "role": self.role.as_str(), "token": token});
        let mut out = std::io::stdout();
        match self.format {
            Format::Json => writeln!(out, "{whole}")?,
            Format::Csv => {
                let mut listing = Listing::start(Format::Csv, &["name", "role", "token"])?;
                listing.row(&whole, &[&self.name, self.role.as_str(), &token])?;
                listing.end()?;
            }
            Format::Table => {
                writeln!(out, "{token}")?;
                writeln!(
                    std::io::stderr(),
                    "This is the token of {}, shown this once. Send it as `Authorization: Bearer …`.",
                    self.name
                )?;
            }
        }
        Ok(())
    }
}

impl List {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let mut connection = common.open()?;
        let now = now_micros();
        let columns = ["name", "role", "state", "resellers", "created_at", "expires_at", "revoked_at"];
        let page = |after: Option<String>| {
            let items = operators::list(&mut connection, after.as_deref(), PAGE)?;
            let next = items.last().map(|last| last.name.clone());
            Ok((items, next))
        };
        pages((self.format, self.limit), &columns, page, |listing, operator| {
            let view = OperatorView::new(operator, now);
            let cells = [
                &*view.name,
                view.role,
                view.state,
                &view.resellers.join(" "),
                &view.created_at,
                view.expires_at.as_deref().unwrap_or_default(),
                view.revoked_at.as_deref().unwrap_or_default(),
            ];
            listing.row(&view, &cells)
        })
    }
}

impl Revoke {
    fn run(self, common: &Common) -> Result<(), CliError> {
        common.open()?;
        let entry = entry("operator.revoke", &self.name, &json!({}));
        let subject = self.name.clone();
        let revoked = common.write(move |connection| {
            let revoked = operators::revoke(connection, &subject, entry.at)?;
            if revoked {
                audit::record(connection, &entry)?;
            }
            Ok(revoked)
        })?;
        if !revoked {
            let why =
                format!("there is no operator {} with a token to revoke; see `tiersync operator list`", self.name);
            return Err(CliError::Failed(why));
        }
        let mut out = std::io::stdout();
        match self.format {
            Format::Table => writeln!(out, "{} is revoked", self.name)?,
            format => {
                let whole = json!({"name": self.name, "state": "revoked"});
                let mut listing = Listing::start(format, &["name", "state"])?;
                listing.row(&whole, &[&self.name, "revoked"])?;
                listing.end()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::lifetime;

    #[test]
    fn lengths_of_time() {
        assert_eq!(lifetime("12h"), Ok(12 * 3_600_000_000));
        assert_eq!(lifetime("90d"), Ok(90 * 86_400_000_000));
        assert_eq!(lifetime("52w"), Ok(364 * 86_400_000_000));
        for wrong in ["", "d", "90", "0d", "-1d", "3651d", "1dd", "9999999999999999999d", "5m"] {
            assert!(lifetime(wrong).is_err(), "{wrong}");
        }
    }
}
