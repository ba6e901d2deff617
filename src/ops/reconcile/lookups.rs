//! What is looked up for single findings while the accounts stream by, on a connection of its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Quiet, ReconcileError};
use crate::domain::account::AccountKind;
use crate::domain::call::{Intent, ProfilePatch};
use crate::domain::ids::{AccountId, PartnerId};
use crate::domain::partner::PartnerStatus;
use crate::domain::reconcile::{Finding, FindingKind, PartnerState, Since, Standing};
use crate::domain::relation::Axis;
use crate::store::noticed::Says;
use crate::store::{AnyConnection, noticed, partners};
use crate::wire::intent::{self, Reading};

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

    /// Adds since when it is so and which delivery made it so, where only the ledger tells.
    pub(super) fn complete(&mut self, finding: &mut Finding) -> Result<(), ReconcileError> {
        let Some(account) = finding.account else { return Ok(()) };
        let (connection, until) = (&mut self.connection, self.now);
        let ours = finding.ours.as_deref();
        let told = match finding.kind {
            FindingKind::ChangeUnderReview => Some(noticed::since(connection, account, UNDER_REVIEW)?),
            FindingKind::ExternalIdDiffers if finding.since.is_none() => {
                Some(noticed::since(connection, account, OTHER_EXTERNAL_ID)?)
            }
            FindingKind::KindDiffers => match ours.and_then(AccountKind::parse) {
                // A reseller's customer is one since it has its reseller.
                None | Some(AccountKind::ResellerCustomer) => None,
                Some(kind) => Some(noticed::kind(connection, account, kind, until)?),
            },
            FindingKind::DeletedHereAliveThere => Some(noticed::deleted(connection, account, until)?),
            FindingKind::PartnerDiffers if ours.is_none() => {
                // One that never named a partner has named none since it came, which the finding says already.
                Some(noticed::ended(connection, account, Axis::Partner, until)?).filter(|since| since.at.is_some())
            }
            FindingKind::NameDiffers => Some(said(connection, account, ours, |profile| &profile.name)?),
            FindingKind::EmailDiffers => Some(said(connection, account, ours, |profile| &profile.email)?),
            _ => None,
        };
        if let Some(Since { at, delivery }) = told {
            (finding.since, finding.delivery) = (at, delivery);
        }
        if let (Some(at), None) = (finding.since, finding.delivery) {
            // What has been so since the account came was brought by the call that it came with, if one did.
            finding.delivery = noticed::first(connection, account, at)?;
        }
        Ok(())
    }
}

/// Since when the platform has been calling an account so.
fn said(
    connection: &mut AnyConnection,
    account: AccountId,
    ours: Option<&str>,
    field: fn(&ProfilePatch) -> &Option<String>,
) -> Result<Since, ReconcileError> {
    let says = |endpoint, body: &[u8]| {
        let read = intent::read(Reading {
            endpoint,
            body,
            query: "",
            is_secret_option: &|_| false,
            secret_options: &Vec::new,
            fields: &[],
            settings: BTreeMap::new(),
        });
        let submitted = match &read.intent {
            Intent::Synchronize(submitted) => submitted,
            Intent::Service(order) => &order.account,
            _ => return Says::Nothing,
        };
        match field(&submitted.profile) {
            Some(said) if Some(said.as_str()) == ours => Says::It,
            Some(_) => Says::Other,
            None => Says::Nothing,
        }
    };
    Ok(noticed::said(connection, account, &says)?)
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
