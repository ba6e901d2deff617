//! `tiersync services move`.

use std::collections::BTreeSet;
use std::io::Write;

use clap::Args;
use serde_json::json;

use super::find;
use crate::cli::operator::entry;
use crate::cli::output::{Format, Listing};
use crate::cli::{CliError, Common};
use crate::domain::act::products::Weighed;
use crate::domain::ids::{AccountId, ServiceId};
use crate::domain::operator::Visible;
use crate::domain::service::ServiceKind;
use crate::ops::services::Moving;
use crate::ops::set::SetError;
use crate::ops::{alone, set};
use crate::store::AnyConnection;
use crate::store::seen::services::{self, ServiceFilter};
use crate::wire::products_show::ProductsView;

/// Which services go where.
#[derive(Debug, Args)]
pub(in crate::cli) struct Move {
    /// The customer that has them: our id, the ExternalID, or the platform ID
    from: String,
    /// The customer that gets them: of the same reseller, or without one as the first
    #[arg(long, value_name = "ACCOUNT")]
    to: String,
    /// A service to move: our id, or the ExternalID; several times. Add-ons go with their subscription
    #[arg(long = "service", value_name = "SERVICE", required_unless_present = "kind")]
    services: Vec<String>,
    /// All that are of this kind, such as domain or hosting; several times
    #[arg(long, value_parser = super::kind)]
    kind: Vec<ServiceKind>,
    /// Say what would be moved and who would lose what, and change nothing
    #[arg(long)]
    preview: bool,
    /// The revision that a preview printed: the move is done only if nothing changed since
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = super::change::reason)]
    reason: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

impl Move {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let config = common.load()?;
        let mut connection = common.open()?;
        let from = crate::cli::accounts::find(&mut connection, &self.from, None, None)?.account;
        let scope = &from.key.scope;
        let (source, tenant) = (Some(scope.source.as_str()), Some(scope.tenant.as_str()));
        let to = crate::cli::accounts::find(&mut connection, &self.to, source, tenant)?.account;
        let mut ids = BTreeSet::new();
        for name in &self.services {
            ids.insert(find(&mut connection, name)?.id);
        }
        for kind in &self.kind {
            of_kind(&mut connection, from.id, *kind, &mut ids)?;
        }
        let moving = Moving::new(from.key.clone(), to.key, ids);
        let weighed = moving.weigh(&mut connection)?;
        if self.revision.as_ref().is_some_and(|seen| *seen != weighed.revision) {
            return Err(CliError::Failed(
                "the services, the customers or the users changed since the preview; preview it again, then decide"
                    .to_owned(),
            ));
        }
        if self.preview {
            self.print(&weighed)?;
            // What is in the way is a finding.
            return match weighed.refusal() {
                Some((code, why)) => Err(SetError::Refused(code, why).into()),
                None => Ok(()),
            };
        }
        if let Some((code, why)) = weighed.refusal() {
            return Err(SetError::Refused(code, why).into());
        }
        let moved: Vec<String> = weighed.products.iter().take(50).map(|product| product.id.to_string()).collect();
        let detail = json!({"to": weighed.to.map(|to| to.to_string()), "services": moved,
            "count": weighed.products.len(), "reason": self.reason});
        let entry = entry("services.move", &from.id.to_string(), &detail);
        set::changed(&common.acts(moving.list(&weighed, alone::policies(&config), entry))?)?;
        self.print(&weighed)
    }

    fn print(&self, weighed: &Weighed) -> Result<(), CliError> {
        let view = ProductsView::new(weighed, self.preview);
        let mut out = std::io::stdout();
        match self.format {
            Format::Json => {
                let text = serde_json::to_string(&view).map_err(|error| CliError::Failed(error.to_string()))?;
                return Ok(writeln!(out, "{text}")?);
            }
            Format::Table | Format::Csv => {}
        }
        let mut listing = Listing::start(self.format, &["service", "kind", "name", "parent", "refused"])?;
        for service in &view.services {
            let cells = [
                &*service.id,
                service.kind.unwrap_or_default(),
                service.name.as_deref().unwrap_or_default(),
                service.parent.as_deref().unwrap_or_default(),
                service.refused.unwrap_or_default(),
            ];
            listing.row(service, &cells)?;
        }
        listing.end()?;
        if self.format == Format::Csv {
            return Ok(());
        }
        for user in &view.users {
            let login: String = user.login.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let loses = if self.preview { "would lose" } else { "lost" };
            writeln!(out, "user {} ({login}) {loses} {}", user.id, user.services.join(" "))?;
        }
        if view.users_count > view.users.len() {
            writeln!(out, "and {} more users", view.users_count - view.users.len())?;
        }
        if !self.preview {
            writeln!(out, "{} services are moved", view.services.len())?;
        } else if view.movable {
            writeln!(out, "nothing is changed; move them with --revision {}", view.revision)?;
        }
        Ok(())
    }
}

/// The services of an account that are of a kind, live, and are no add-ons.
fn of_kind(
    connection: &mut AnyConnection,
    account: AccountId,
    kind: ServiceKind,
    ids: &mut BTreeSet<ServiceId>,
) -> Result<(), CliError> {
    let filter = ServiceFilter { account: Some(account), kind: Some(kind), ..ServiceFilter::default() };
    let mut after = None;
    loop {
        let page = services::list(connection, &Visible::All, &filter, after, 500)?;
        ids.extend(page.items.iter().filter(|one| one.lives() && one.parent.is_none()).map(|one| one.id));
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}
