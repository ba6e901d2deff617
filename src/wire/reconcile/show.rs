//! A finding in JSON, and its parts in words.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::reconcile::{Amend, Finding, Proposal};
use crate::wire::time::rfc3339;

/// What could be done about a finding.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProposalView {
    /// `import`, `assign`, `set_kind`, `set_partner`, `set_name`, `set_email`, `delete`, `revive` or `release`; null where
    /// nothing can be done here.
    pub act: Option<String>,
    /// The account that it is done to, which need not be the finding's own.
    pub platform_id: Option<String>,
    /// The new value, where there is one.
    pub value: Option<String>,
    /// The same in words; where nothing can be done here, why not and what else to do.
    pub text: String,
}

/// Who knows of a finding.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AcknowledgedView {
    /// Why it may stay.
    pub note: String,
    /// The operator; `cli` is the command line.
    pub by: String,
    /// Since when.
    pub at: String,
}

/// A finding as shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FindingView {
    /// Which kind.
    pub finding: &'static str,
    /// The account's source.
    pub source: String,
    /// The account's tenant.
    pub tenant: String,
    /// Our id of the account; null where it is missing here.
    pub id: Option<String>,
    /// The platform's ID of it; null where a list that goes by other names does not tell.
    pub platform_id: Option<String>,
    /// The vendor's ID of it.
    pub external_id: Option<String>,
    /// What we have.
    pub ours: Option<String>,
    /// What they have.
    pub theirs: Option<String>,
    /// Since when it is so here.
    pub since: Option<String>,
    /// The delivery that made it so here.
    pub delivery: Option<String>,
    /// The line of their list.
    pub line: Option<u64>,
    /// What could be done.
    pub proposal: ProposalView,
    /// All of it in a sentence.
    pub explanation: String,
    /// The same wherever and whenever this is found again unchanged.
    pub fingerprint: String,
    /// Who knows of it; null for nobody.
    pub acknowledged: Option<AcknowledgedView>,
}

impl AcknowledgedView {
    /// Who knows of it, and since when, in microseconds since 1970.
    #[must_use]
    pub fn new(note: &str, by: &str, at: i64) -> Self {
        Self { note: note.to_owned(), by: by.to_owned(), at: rfc3339(at) }
    }
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

impl From<&Proposal> for ProposalView {
    fn from(proposal: &Proposal) -> Self {
        match proposal {
            Proposal::Nothing(why) => Self { act: None, platform_id: None, value: None, text: why.clone() },
            Proposal::Amend(account, amend) => Self {
                act: Some(amend.as_str().to_owned()),
                platform_id: Some(account.platform_id.to_string()),
                value: value(amend),
                text: words(account.platform_id.as_str(), amend),
            },
        }
    }
}

impl From<&Finding> for FindingView {
    fn from(finding: &Finding) -> Self {
        Self {
            finding: finding.kind.as_str(),
            source: finding.source.clone(),
            tenant: finding.tenant.clone(),
            id: finding.account.map(|id| id.to_string()),
            platform_id: filled(&finding.platform_id),
            external_id: filled(&finding.external_id),
            ours: finding.ours.clone(),
            theirs: finding.theirs.clone(),
            since: finding.since.map(rfc3339),
            delivery: finding.delivery.map(|id| id.to_string()),
            line: finding.line,
            proposal: ProposalView::from(&finding.proposal),
            explanation: finding.explanation.clone(),
            fingerprint: finding.fingerprint().to_string(),
            acknowledged: None,
        }
    }
}

fn value(amend: &Amend) -> Option<String> {
    match amend {
        Amend::Assign(reseller) => reseller.as_ref().map(|named| named.as_str().to_owned()),
        Amend::SetKind(kind) => Some(kind.as_str().to_owned()),
        Amend::SetPartner { value, .. } => value.clone(),
        Amend::SetName(text) | Amend::SetEmail(text) => Some(text.clone()),
        Amend::Import(entry) => Some(entry.kind.as_str().to_owned()),
        Amend::Delete(_) | Amend::Revive | Amend::Release => None,
    }
}

fn words(account: &str, amend: &Amend) -> String {
    match amend {
        Amend::Import(entry) => match &entry.reseller {
            Some(reseller) => format!("import {account} as a {} of {}", entry.kind.as_str(), reseller.as_str()),
            None => format!("import {account} as a {}", entry.kind.as_str()),
        },
        Amend::Assign(Some(reseller)) => format!("give {account} the reseller {}", reseller.as_str()),
        Amend::Assign(None) => format!("take {account} away from its reseller"),
        Amend::SetKind(kind) => format!("make {account} a {}", kind.as_str()),
        Amend::SetPartner { option, value: Some(value) } => format!("set {option} of {account} to {value}"),
        Amend::SetPartner { option, value: None } => format!("take {option} of {account} away"),
        Amend::SetName(name) => format!("call {account} \"{name}\""),
        Amend::SetEmail(email) => format!("give {account} the address \"{email}\""),
        Amend::Delete(_) => format!("delete {account} here"),
        Amend::Revive => format!("bring {account} back"),
        Amend::Release => format!("let what the platform reports of {account} apply"),
    }
}

/// The columns of a table and of CSV.
pub const COLUMNS: [&str; 14] = [
    "finding",
    "source",
    "tenant",
    "platform_id",
    "external_id",
    "ours",
    "theirs",
    "since",
    "delivery",
    "line",
    "proposal",
    "explanation",
    "fingerprint",
    "acknowledged",
];

impl FindingView {
    /// What stands in the columns.
    #[must_use]
    pub fn cells(&self) -> [String; 14] {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_default();
        [
            self.finding.to_owned(),
            self.source.clone(),
            self.tenant.clone(),
            or_none(&self.platform_id),
            or_none(&self.external_id),
            or_none(&self.ours),
            or_none(&self.theirs),
            or_none(&self.since),
            or_none(&self.delivery),
            self.line.map(|line| line.to_string()).unwrap_or_default(),
            self.proposal.act.as_ref().map(|_| self.proposal.text.clone()).unwrap_or_default(),
            self.explanation.clone(),
            self.fingerprint.clone(),
            self.acknowledged.as_ref().map(|one| one.note.clone()).unwrap_or_default(),
        ]
    }
}
