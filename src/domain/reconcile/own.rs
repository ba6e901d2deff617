//! The self-check of one account: what is wrong with it whatever anybody else's list says.

use super::finding::{Amend, Finding, Proposal};
use super::kind::FindingKind;
use super::record::{Held, HeldPartner, Ours, Since};
use super::rules::{PartnerState, Registry, Rules};
use crate::domain::account::{AccountKind, Hold, Report};
use crate::domain::relation::RelationState;

/// A finding about one of ours, the rest still to be said.
pub(super) fn about(ours: &Ours, kind: FindingKind, since: Since, explanation: String) -> Finding {
    Finding {
        kind,
        account: Some(ours.id),
        source: ours.key.scope.source.to_string(),
        tenant: ours.key.scope.tenant.as_str().to_owned(),
        platform_id: ours.key.platform_id.to_string(),
        external_id: ours.external_id.to_string(),
        ours: None,
        theirs: None,
        since: since.at,
        delivery: since.delivery,
        line: None,
        proposal: Proposal::nothing(""),
        explanation,
    }
}

/// What an account is, in words.
pub(super) fn words(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::Reseller => "reseller",
        AccountKind::ResellerCustomer => "reseller's customer",
        AccountKind::DirectCustomer => "direct customer",
    }
}

/// The account itself, in words.
pub(super) fn subject(ours: &Ours) -> String {
    let what = match ours.kind {
        AccountKind::Reseller => "Reseller",
        AccountKind::ResellerCustomer => "Customer",
        AccountKind::DirectCustomer => "Direct customer",
    };
    format!("{what} {}", ours.key.platform_id)
}

/// A kind and a reseller as one value.
fn place(kind: AccountKind, reseller: Option<&str>) -> String {
    match reseller {
        Some(reseller) => format!("{} of {reseller}", kind.as_str()),
        None => kind.as_str().to_owned(),
    }
}

fn reported(report: &Report) -> String {
    place(report.kind, report.reseller.as_ref().map(|id| id.as_str()))
}

/// Hands everything to `found` that is wrong with a living account.
pub(super) fn check<E>(
    ours: &Ours,
    rules: &Rules,
    registry: &mut Registry<'_, E>,
    found: &mut dyn FnMut(Finding) -> Result<(), E>,
) -> Result<(), E> {
    if !ours.is_active() {
        return Ok(());
    }
    let mut tell = |finding: Option<Finding>| match finding {
        Some(finding) if rules.kinds.has(finding.kind) => found(finding),
        _ => Ok(()),
    };
    if let Some(held) = &ours.reseller {
        tell(reseller(ours, held, rules))?;
    }
    if let Some(partner) = &ours.partner {
        tell(standing(ours, partner, rules, registry)?)?;
        tell(disagreement(ours, partner))?;
    }
    tell(held_against(ours))?;
    tell(flapping(ours))
}

/// The other ExternalID that the platform reports. A list says more of it than the report, so that this is asked last.
pub(super) fn other_external_id(ours: &Ours) -> Option<Finding> {
    let reported = ours.reported_external_id.as_ref().filter(|_| ours.is_active())?;
    let explanation = format!(
        "{} has the ExternalID {} here; the platform sends {reported} instead.",
        subject(ours),
        ours.external_id
    );
    let mut finding = about(ours, FindingKind::ExternalIdDiffers, ours.noticed, explanation);
    finding.ours = Some(ours.external_id.to_string());
    finding.theirs = Some(reported.to_string());
    finding.proposal = Proposal::nothing("our ExternalID never changes; have it corrected in the platform");
    Some(finding)
}

fn reseller(ours: &Ours, held: &Held, rules: &Rules) -> Option<Finding> {
    let name = held.reseller().map(|id| id.as_str()).or(held.reseller_external_id().map(|id| id.as_str()));
    let name = name.unwrap_or("an unnamed reseller");
    let customer = subject(ours);
    if let Some(other) = &held.other
        && (other.kind != AccountKind::Reseller || !other.active)
    {
        let is = match (other.active, held.state) {
            (false, _) => "deleted".to_owned(),
            (true, RelationState::Linked) => format!("a {} now", words(other.kind)),
            (true, _) => format!("a {}, so the relation waits", words(other.kind)),
        };
        let explanation = format!("{customer} names {name} as its reseller, which is {is}.");
        let mut finding = about(ours, FindingKind::ResellerNotAReseller, held.since, explanation);
        finding.ours = Some(name.to_owned());
        finding.theirs = Some(if other.active { other.kind.as_str() } else { "deleted" }.to_owned());
        finding.proposal = Proposal::nothing(if other.active {
            format!("have the platform synchronize {name} as a reseller, or promote it with `tiersync promote`")
        } else {
            "a deleted reseller comes back when the platform synchronizes it; else move the customer".to_owned()
        });
        return Some(finding);
    }
    let waits = held.state == RelationState::Pending && held.other.is_none();
    let long = held.since.at.is_some_and(|since| rules.now.saturating_sub(since) >= rules.pending_after);
    if !waits || !long {
        return None;
    }
    let explanation = format!("{customer} waits for its reseller {name}, which never came.");
    let mut finding = about(ours, FindingKind::PendingReseller, held.since, explanation);
    finding.ours = Some(name.to_owned());
    finding.proposal = Proposal::nothing("have the platform synchronize the reseller, or import it");
    Some(finding)
}

fn standing<E>(
    ours: &Ours,
    partner: &HeldPartner,
    rules: &Rules,
    registry: &mut Registry<'_, E>,
) -> Result<Option<Finding>, E> {
    let asked = [FindingKind::UnknownPartner, FindingKind::PartnerSuspended, FindingKind::PartnerEnded];
    if !asked.into_iter().any(|kind| rules.kinds.has(kind)) {
        return Ok(None);
    }
    let (kind, since, theirs, text, why) = match registry(&partner.id)?.map(|standing| standing.state) {
        Some(PartnerState::Active) => return Ok(None),
        None => (
            FindingKind::UnknownPartner,
            partner.since.at,
            None,
            "whom the registry does not know",
            "import the partner, or have the option corrected in the platform",
        ),
        Some(PartnerState::Suspended(since)) => (
            FindingKind::PartnerSuspended,
            since.or(partner.since.at),
            Some("suspended"),
            "who is suspended",
            "lift the suspension in the registry, or have the option corrected in the platform",
        ),
        Some(PartnerState::Ended(since)) => (
            FindingKind::PartnerEnded,
            since.or(partner.since.at),
            Some("ended"),
            "who has ended without a successor",
            "name a successor in the registry, or have the option corrected in the platform",
        ),
    };
    // A partner that was suspended before the customer named it: the state holds since the later of the two.
    let since = Since { at: since.max(partner.since.at), delivery: partner.since.delivery };
    let explanation = format!("{} names partner {}, {text}.", subject(ours), partner.id);
    let mut finding = about(ours, kind, since, explanation);
    finding.ours = Some(partner.id.clone());
    finding.theirs = theirs.map(str::to_owned);
    finding.proposal = Proposal::nothing(why);
    Ok(Some(finding))
}

fn disagreement(ours: &Ours, partner: &HeldPartner) -> Option<Finding> {
    let (held, theirs) = (ours.reseller.as_ref()?, partner.reseller.as_ref()?);
    let same = match (&held.other, held.state) {
        (Some(other), RelationState::Linked) => other.id == theirs.id,
        _ => {
            held.platform_id.as_ref() == Some(&theirs.key.platform_id)
                || held.external_id.as_ref() == Some(&theirs.external_id)
        }
    };
    if same {
        return None;
    }
    let name = held.reseller().map_or("another", |id| id.as_str()).to_owned();
    let other = theirs.key.platform_id.as_str();
    let explanation = format!(
        "{} has reseller {name} by ResellerID and {other} by its partner ID {}; ResellerID counts.",
        subject(ours),
        partner.id
    );
    let at = held.since.at.max(partner.since.at);
    let later = if at == partner.since.at { partner.since } else { held.since };
    let mut finding = about(ours, FindingKind::ResellerAndPartnerDisagree, later, explanation);
    finding.ours = Some(name);
    finding.theirs = Some(other.to_owned());
    finding.proposal = Proposal::nothing(format!(
        "which of the two is right nobody has said: have the option corrected in the platform, or move the customer to {other}"
    ));
    Some(finding)
}

/// What is held against the platform's report: an operator's act, or a change that waits for one.
fn held_against(ours: &Ours) -> Option<Finding> {
    let (hold, report) = (ours.hold?, ours.reported.as_ref()?);
    let here = place(ours.kind, ours.reseller.as_ref().and_then(Held::reseller).map(|id| id.as_str()));
    let there = reported(report);
    let customer = subject(ours);
    let (kind, since, explanation) = match hold {
        Hold::Operator => (
            FindingKind::Drift,
            acted(ours),
            format!("{customer} is {here} by an operator's act; the platform reports {there}."),
        ),
        Hold::Review => (
            FindingKind::ChangeUnderReview,
            ours.noticed,
            format!("{customer} is {here}; the platform reports {there}, which waits for an operator."),
        ),
    };
    let mut finding = about(ours, kind, since, explanation);
    finding.ours = Some(here);
    finding.theirs = Some(there);
    finding.proposal = Proposal::Amend(ours.key.clone(), Amend::Release);
    Some(finding)
}

/// Since when an operator's act holds, as its relations tell: by the one that it opened, or the one that it ended. An act
/// on an account that had none leaves no time behind.
fn acted(ours: &Ours) -> Since {
    match &ours.reseller {
        Some(held) => held.since,
        // What a call ended has its delivery.
        None if ours.left.delivery.is_none() => ours.left,
        None => Since::default(),
    }
}

fn flapping(ours: &Ours) -> Option<Finding> {
    let flap = ours.flap.as_ref()?;
    let explanation =
        format!("The platform moved {} from reseller {} to {} and back.", ours.key.platform_id, flap.home, flap.away);
    let mut finding = about(ours, FindingKind::Flapping, flap.back, explanation);
    finding.ours = Some(flap.home.clone());
    finding.theirs = Some(flap.away.clone());
    finding.proposal = Proposal::nothing("ask who changes the reseller in the platform; what it says last holds");
    Some(finding)
}
