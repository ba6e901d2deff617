//! What runs found.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::UNFINISHED;
use crate::domain::ids::{AccountId, AccountKey, DeliveryId};
use crate::domain::reconcile::{FindingKind, Fingerprint};
use crate::store::bulk::{Rows, Statement, Value, Verb};
use crate::store::connection::AnyConnection;
use crate::store::error::StoreError;
use crate::store::schema::{reconciliation_findings, reconciliations};

/// What was found, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its place in the run, from 1.
    pub position: i64,
    /// What makes it the same as that of another run.
    pub fingerprint: Fingerprint,
    /// Which kind.
    pub kind: FindingKind,
    /// Our id of the account; none where it is missing here.
    pub account: Option<AccountId>,
    /// Its source.
    pub source: String,
    /// Its tenant.
    pub tenant: String,
    /// The platform's ID of it.
    pub platform_id: String,
    /// The vendor's ID of it.
    pub external_id: String,
    /// What we have.
    pub ours: Option<String>,
    /// What they have.
    pub theirs: Option<String>,
    /// Since when, in microseconds since 1970.
    pub since: Option<i64>,
    /// The delivery that made it so.
    pub delivery: Option<DeliveryId>,
    /// The line of their list.
    pub line: Option<i64>,
    /// What could be done, as JSON.
    pub proposal: String,
    /// All of it in a sentence.
    pub explanation: String,
}

struct AddFinding;

impl Statement for AddFinding {
    const TABLE: &'static str = "reconciliation_findings";
    const VERB: Verb = Verb::Insert;
    const COLUMNS: &'static [&'static str] = &[
        "run_id",
        "position",
        "fingerprint",
        "kind",
        "account_id",
        "source",
        "tenant",
        "platform_id",
        "external_id",
        "ours",
        "theirs",
        "since",
        "delivery_id",
        "line",
        "proposal",
        "explanation",
    ];
}

/// Stores findings, within a write transaction; false where the run was ended meanwhile, so that nobody wants them.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn store(connection: &mut AnyConnection, id: i64, these: &[Stored]) -> Result<bool, StoreError> {
    let more = i64::try_from(these.len()).unwrap_or(i64::MAX);
    let running =
        diesel::update(reconciliations::table.filter(reconciliations::id.eq(id)).filter(sql::<Bool>(UNFINISHED)))
            .set(reconciliations::stored.eq(reconciliations::stored + more))
            .execute(connection)?;
    if running == 0 {
        return Ok(false);
    }
    let names: Vec<String> = these.iter().map(|one| one.fingerprint.to_string()).collect();
    let mut rows = Rows::<AddFinding>::default();
    for (one, fingerprint) in these.iter().zip(&names) {
        rows.push([
            Value::BigInt(id),
            Value::BigInt(one.position),
            Value::Text(fingerprint),
            Value::Text(one.kind.as_str()),
            Value::MaybeBigInt(one.account.map(|account| account.0)),
            Value::Text(&one.source),
            Value::Text(&one.tenant),
            Value::Text(&one.platform_id),
            Value::Text(&one.external_id),
            Value::MaybeText(one.ours.as_deref()),
            Value::MaybeText(one.theirs.as_deref()),
            Value::MaybeBigInt(one.since),
            Value::MaybeBigInt(one.delivery.map(|delivery| delivery.0)),
            Value::MaybeBigInt(one.line),
            Value::Text(&one.proposal),
            Value::Text(&one.explanation),
        ]);
    }
    rows.write(connection)?;
    Ok(true)
}

/// Forgets what runs found about an account, within a write transaction.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn forget(connection: &mut AnyConnection, account: &AccountKey) -> Result<(), StoreError> {
    let theirs = reconciliation_findings::table
        .filter(reconciliation_findings::platform_id.eq(account.platform_id.as_str().to_owned()))
        .filter(reconciliation_findings::source.eq(account.scope.source.as_str().to_owned()))
        .filter(reconciliation_findings::tenant.eq(account.scope.tenant.as_str().to_owned()));
    diesel::delete(theirs).execute(connection)?;
    Ok(())
}

/// A row of `reconciliation_findings`, its columns in order.
#[derive(Debug, Queryable)]
pub(in crate::store) struct FindingRow {
    _run_id: i64,
    position: i64,
    fingerprint: String,
    kind: String,
    account_id: Option<i64>,
    source: String,
    tenant: String,
    platform_id: String,
    external_id: String,
    ours: Option<String>,
    theirs: Option<String>,
    since: Option<i64>,
    delivery_id: Option<i64>,
    line: Option<i64>,
    proposal: String,
    explanation: String,
}

impl FindingRow {
    pub(in crate::store) fn into_stored(self) -> Result<Stored, StoreError> {
        Ok(Stored {
            position: self.position,
            fingerprint: Fingerprint::parse(&self.fingerprint)
                .ok_or_else(|| StoreError::corrupt("reconciliation_findings.fingerprint", &self.fingerprint))?,
            kind: FindingKind::parse(&self.kind)
                .ok_or_else(|| StoreError::corrupt("reconciliation_findings.kind", &self.kind))?,
            account: self.account_id.map(AccountId),
            source: self.source,
            tenant: self.tenant,
            platform_id: self.platform_id,
            external_id: self.external_id,
            ours: self.ours,
            theirs: self.theirs,
            since: self.since,
            delivery: self.delivery_id.map(DeliveryId),
            line: self.line,
            proposal: self.proposal,
            explanation: self.explanation,
        })
    }
}
