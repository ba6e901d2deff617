//! `tiersync accounts enable`, `disable`, `fraud`, `freeze`, `tag` and `untag`: one field of an account each.

use std::collections::BTreeSet;

use clap::Args;

use super::output::Format;
use super::set::{Named, carry_out, reason};
use super::{CliError, Common};
use crate::domain::account::Standing;
use crate::domain::dossier::{SettingsPatch, tag};
use crate::ops::set::Wanted;

/// Whose standing, and why.
#[derive(Debug, Args)]
pub(super) struct Stand {
    #[command(flatten)]
    account: Named,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

impl Stand {
    /// Sets it.
    pub(super) fn run(self, common: &Common, standing: Standing) -> Result<(), CliError> {
        let wanted = Wanted { standing: Some(standing), ..Wanted::default() };
        carry_out(common, &self.account, self.reason.as_deref(), self.format, |_, _| Ok(wanted))
    }
}

/// Which tags of which account.
#[derive(Debug, Args)]
pub(super) struct Tag {
    #[command(flatten)]
    account: Named,
    /// One or more tags
    #[arg(required = true, value_name = "TAG", value_parser = one)]
    tags: Vec<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

fn one(text: &str) -> Result<String, String> {
    tag(text).map_err(|why| format!("it {why}"))
}

impl Tag {
    /// Adds the tags, or takes them away.
    pub(super) fn run(self, common: &Common, add: bool) -> Result<(), CliError> {
        let tags: BTreeSet<String> = self.tags.into_iter().collect();
        let settings = match add {
            true => SettingsPatch { tagged: tags, ..SettingsPatch::default() },
            false => SettingsPatch { untagged: tags, ..SettingsPatch::default() },
        };
        let wanted = Wanted { settings, ..Wanted::default() };
        carry_out(common, &self.account, None, self.format, |_, _| Ok(wanted))
    }
}
