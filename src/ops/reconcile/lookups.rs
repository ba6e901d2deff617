//! What is looked up for single findings while the accounts stream by, on a connection of its own.

use std::collections::{BTreeSet, HashMap};

use super::{Quiet, ReconcileError};
use crate::domain::ids::{AccountId, PartnerId};
use crate::domain::partner::PartnerStatus;
use crate::domain::reconcile::{Finding, FindingKind, PartnerState, Since, Standing};
use crate::store::{AnyConnection, noticed, partners};

/// Partners that are remembered: some MiB.
const MAX_PARTNERS: usize = 65_536;

/// What the planner writes into the trace of a call whose change of reseller waits.
const UNDER_REVIEW: &str = "reseller_change: under review";

/// What the planner writes into the trace of a call that sends another ExternalID than ours.
const OTHER_EXTERNAL_ID: &str = "the platform sends another ExternalID";

/// Looks things up.
pub(super) struct Lookups {
    connection: AnyConnection,
    partners: HashMap<String, Option<Standing>>,
    quiet: Quiet,
    now: i64,
}

impl Lookups {
    /// `now` is the time at which partners stand, in microseconds since 1970.
    pub(super) fn new(mut connection: AnyConnection, now: i64) -> Result<Self, ReconcileError> {
        let quiet = Quiet::read(&mut connection)?;
        Ok(Self { connection, partners: HashMap::new(), quiet, now })
    }

    /// Whether somebody knows of a finding.
    pub(super) fn is_acknowledged(&mut self, finding: &Finding) -> Result<bool, ReconcileError> {
        Ok(self.quiet.has(&mut self.connection, finding.fingerprint())?)
    }

    /// How a partner stands.
    pub(super) fn partner(&mut self, id: &str) -> Result<Option<Standing>, ReconcileError> {
        if let Some(known) = self.partners.get(id) {
            return Ok(known.clone());
        }
        let standing = standing(&mut self.connection, id, self.now)?;
        if self.partners.len() >= MAX_PARTNERS {
            self.partners.clear();
        }
        self.partners.insert(id.to_owned(), standing.clone());
        Ok(standing)
    }

    /// Adds since when it is so, where only the ledger tells.
    pub(super) fn complete(&mut self, finding: &mut Finding) -> Result<(), ReconcileError> {
        let Some(account) = finding.account else { return Ok(()) };
        let told = match finding.kind {
            FindingKind::ChangeUnderReview => Some(UNDER_REVIEW),
            FindingKind::ExternalIdDiffers if finding.since.is_none() => Some(OTHER_EXTERNAL_ID),
            _ => None,
        };
        if let Some(told) = told {
            let Since { at, delivery } = noticed::since(&mut self.connection, AccountId(account.0), told)?;
            (finding.since, finding.delivery) = (at, delivery);
        }
        if let (None, Some(delivery)) = (finding.since, finding.delivery) {
            finding.since = noticed::event(&mut self.connection, delivery)?;
        }
        Ok(())
    }
}

/// How a partner stands in the vendor's registry, found by its ID, an alias or a predecessor's ID.
fn standing(connection: &mut AnyConnection, id: &str, now: i64) -> Result<Option<Standing>, ReconcileError> {
    let Ok(name) = PartnerId::parse(id) else { return Ok(None) };
    let mut meanings = partners::meanings(connection, &BTreeSet::from([name.clone()]))?;
    let Some(meaning) = meanings.remove(&name) else { return Ok(None) };
    let holder = meaning.at(now);
    let state = match holder.standing.at(now) {
        PartnerStatus::Active => PartnerState::Active,
        PartnerStatus::Suspended => PartnerState::Suspended(holder.standing.from),
        PartnerStatus::Ended => PartnerState::Ended(match holder.standing.status {
            // One that is active for a time only, which is over or has not come.
            PartnerStatus::Active => holder.standing.until.filter(|until| *until <= now),
            PartnerStatus::Suspended | PartnerStatus::Ended => holder.standing.from,
        }),
    };
    Ok(Some(Standing { id: holder.id.to_string(), state }))
}
