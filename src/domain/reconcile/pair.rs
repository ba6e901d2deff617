//! One account on both sides, or on one of them only.

use super::finding::{Amend, Entry, Finding, Named, Proposal};
use super::key::folded;
use super::kind::FindingKind;
use super::own::{about, subject, words};
use super::record::{Ours, Theirs};
use super::rules::{Registry, Rules};
use crate::domain::account::AccountKind;
use crate::domain::call::Said;
use crate::domain::ids::{AccountKey, Scope};

/// Where a finding points to in their list.
fn line(theirs: &Theirs) -> Option<u64> {
    (theirs.line > 0).then_some(theirs.line)
}

/// Their side, in words.
fn list(theirs: &Theirs) -> String {
    match theirs.line {
        0 => "the other side".to_owned(),
        line => format!("the list (line {line})"),
    }
}

/// The reseller that their list names. An account's own ID, either of them, means none; where the list does not tell that,
/// ours does.
fn named(theirs: &Theirs, ours: Option<&Ours>) -> Option<Named> {
    let own = theirs.platform_id.as_ref().or(ours.map(|ours| &ours.key.platform_id));
    let own_external = theirs.external_id.as_ref().or(ours.map(|ours| &ours.external_id));
    match (&theirs.reseller, &theirs.reseller_external_id) {
        (Said::Value(id), _) if own == Some(id) => None,
        (Said::Value(id), _) => Some(Named::PlatformId(id.clone())),
        (_, Said::Value(id)) if own_external == Some(id) => None,
        (_, Said::Value(id)) => Some(Named::ExternalId(id.clone())),
        _ => None,
    }
}

/// Whether their list says who the reseller is, "none" included.
fn tells_reseller(theirs: &Theirs) -> bool {
    theirs.reseller != Said::Absent || theirs.reseller_external_id != Said::Absent
}

/// An account of their list that we do not know.
pub(super) fn missing_here(theirs: &Theirs, shown: &str, rules: &Rules) -> Finding {
    let source = theirs.source.as_ref().or(rules.source.as_ref());
    let tenant = theirs.tenant.as_ref().unwrap_or(&rules.tenant);
    let proposal = match (source, &theirs.platform_id) {
        (_, None) => Proposal::nothing("the list does not say how the platform calls it"),
        (None, _) => Proposal::nothing("nothing says which source it belongs to; name it with --source"),
        (Some(source), Some(platform_id)) => {
            let scope = Scope { source: source.clone(), tenant: tenant.clone() };
            let key = AccountKey { scope, platform_id: platform_id.clone() };
            entry(theirs, rules)
                .map_or_else(Proposal::nothing, |entry| Proposal::Amend(key, Amend::Import(Box::new(entry))))
        }
    };
    Finding {
        kind: FindingKind::MissingHere,
        account: None,
        source: source.map(ToString::to_string).unwrap_or_default(),
        tenant: tenant.as_str().to_owned(),
        platform_id: theirs.platform_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        external_id: theirs.external_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        ours: None,
        theirs: Some(shown.to_owned()),
        since: None,
        delivery: None,
        line: line(theirs),
        proposal,
        explanation: format!("{shown} stands in {} and is not known here.", list(theirs)),
    }
}

fn entry(theirs: &Theirs, rules: &Rules) -> Result<Entry, &'static str> {
    let reseller = named(theirs, None);
    let kind = match (theirs.kind, &reseller) {
        (Some(AccountKind::Reseller), Some(_)) => {
            return Err("the list has it as a reseller and names a reseller for it");
        }
        (Some(AccountKind::DirectCustomer), Some(_)) => {
            return Err("the list has it as a direct customer and names a reseller for it");
        }
        (Some(kind), _) => kind,
        (None, Some(_)) => AccountKind::ResellerCustomer,
        (None, None) => return Err("the list does not say what kind of account it is"),
    };
    if theirs.spoiled {
        return Err("its line cannot be read whole");
    }
    let text = |said: &Said<String>| match said {
        Said::Value(text) => text.clone(),
        Said::Nothing | Said::Absent => String::new(),
    };
    let partner = match (&theirs.partner, &rules.partner_option) {
        (Said::Value(partner), Some(option)) => Some((option.clone(), partner.clone())),
        _ => None,
    };
    Ok(Entry {
        kind,
        reseller,
        external_id: theirs.external_id.clone(),
        name: text(&theirs.name),
        code: text(&theirs.code),
        email: text(&theirs.email),
        partner,
    })
}

/// One of ours that their list has not, or has as deleted.
pub(super) fn missing_there(ours: &Ours, theirs: Option<&Theirs>) -> Option<Finding> {
    if !ours.is_active() {
        return None;
    }
    let explanation = match theirs {
        None => format!("{} is known here and missing there.", subject(ours)),
        Some(theirs) => format!("{} is alive here and deleted in {}.", subject(ours), list(theirs)),
    };
    let mut finding = about(ours, FindingKind::MissingThere, ours.known(), explanation);
    finding.ours = Some(ours.key.platform_id.to_string());
    finding.theirs = theirs.map(|_| "deleted".to_owned());
    finding.line = theirs.and_then(line);
    finding.proposal = Proposal::Amend(ours.key.clone(), Amend::Delete(ours.kind));
    Some(finding)
}

/// Hands everything to `found` in which the two differ. True if the list said something of the ExternalID.
pub(super) fn both_sides<E>(
    ours: &Ours,
    theirs: &Theirs,
    rules: &Rules,
    registry: &mut Registry<'_, E>,
    found: &mut dyn FnMut(Finding) -> Result<(), E>,
) -> Result<bool, E> {
    let mut tell = |finding: Option<Finding>| match finding {
        Some(mut finding) if rules.kinds.has(finding.kind) => {
            finding.line = line(theirs);
            found(finding)
        }
        _ => Ok(()),
    };
    match (ours.is_active(), theirs.deleted) {
        (false, true) => return Ok(false),
        (true, true) => return tell(missing_there(ours, Some(theirs))).map(|()| false),
        (false, false) => return tell(Some(deleted_here(ours, theirs))).map(|()| false),
        (true, false) => {}
    }
    if theirs.spoiled {
        return Ok(false);
    }
    // Kind and reseller go together. One finding says what one correction mends.
    let (reseller, kind) = (reseller(ours, theirs), kind(ours, theirs));
    let both = reseller.is_some() && kind.is_some();
    let is_reseller = ours.kind == AccountKind::Reseller || theirs.kind == Some(AccountKind::Reseller);
    if !(both && is_reseller && rules.kinds.has(FindingKind::KindDiffers)) {
        tell(reseller)?;
    }
    if !(both && !is_reseller && rules.kinds.has(FindingKind::ResellerDiffers)) {
        tell(kind)?;
    }
    if rules.kinds.has(FindingKind::PartnerDiffers) {
        tell(partner(ours, theirs, rules, registry)?)?;
    }
    let external_id = external_id(ours, theirs);
    let told = external_id.is_some();
    tell(external_id)?;
    tell(name(ours, theirs))?;
    tell(email(ours, theirs))?;
    Ok(told)
}

fn deleted_here(ours: &Ours, theirs: &Theirs) -> Finding {
    let explanation = format!("{} is deleted here and alive in {}.", ours.key.platform_id, list(theirs));
    let mut finding = about(ours, FindingKind::DeletedHereAliveThere, ours.shown, explanation);
    finding.ours = Some("deleted".to_owned());
    finding.theirs = Some("active".to_owned());
    finding.proposal = Proposal::Amend(ours.key.clone(), Amend::Revive);
    finding
}

fn reseller(ours: &Ours, theirs: &Theirs) -> Option<Finding> {
    if !tells_reseller(theirs) {
        return None;
    }
    let (platform_id, external_id) = ours.effective_reseller();
    let theirs_named = named(theirs, Some(ours));
    let same = match &theirs_named {
        Some(Named::PlatformId(id)) => platform_id == Some(id),
        // One that never came and is named otherwise here: whether it is the same nobody can tell.
        Some(Named::ExternalId(_)) if platform_id.is_some() && external_id.is_none() => true,
        Some(Named::ExternalId(id)) => external_id == Some(id),
        None => platform_id.is_none() && external_id.is_none(),
    };
    if same {
        return None;
    }
    let by_external_id = matches!(theirs_named, Some(Named::ExternalId(_))) || platform_id.is_none();
    let here = if by_external_id { external_id.map(ToString::to_string) } else { platform_id.map(ToString::to_string) };
    let there = theirs_named.as_ref().map(|named| named.as_str().to_owned());
    let list = list(theirs);
    let explanation = match (&here, &there) {
        (Some(here), Some(there)) => format!("{} has reseller {here} here and {there} in {list}.", subject(ours)),
        (Some(here), None) => format!("{} has reseller {here} here and none in {list}.", subject(ours)),
        (None, Some(there)) => format!("{} has no reseller here and {there} in {list}.", subject(ours)),
        (None, None) => return None,
    };
    let mut finding = about(ours, FindingKind::ResellerDiffers, ours.reseller_since(), explanation);
    finding.ours = here;
    finding.theirs = there;
    finding.proposal = match (&theirs_named, theirs.kind) {
        (Some(_), Some(AccountKind::Reseller | AccountKind::DirectCustomer)) => {
            Proposal::nothing("the list names a reseller for what it has as no reseller's customer")
        }
        _ if ours.kind == AccountKind::Reseller && theirs.kind.is_none() => {
            Proposal::nothing("it is a reseller here, which has none; the list does not say what kind of account it is")
        }
        _ => Proposal::Amend(ours.key.clone(), Amend::Assign(theirs_named)),
    };
    Some(finding)
}

fn kind(ours: &Ours, theirs: &Theirs) -> Option<Finding> {
    let there = theirs.kind.filter(|kind| *kind != ours.kind)?;
    let explanation =
        format!("{} is a {} here and a {} in {}.", ours.key.platform_id, words(ours.kind), words(there), list(theirs));
    let since = if ours.kind == AccountKind::ResellerCustomer { ours.reseller_since() } else { ours.shown };
    let mut finding = about(ours, FindingKind::KindDiffers, since, explanation);
    finding.ours = Some(ours.kind.as_str().to_owned());
    finding.theirs = Some(there.as_str().to_owned());
    finding.proposal = match (there, named(theirs, Some(ours))) {
        (AccountKind::ResellerCustomer, Some(named)) => Proposal::Amend(ours.key.clone(), Amend::Assign(Some(named))),
        (AccountKind::ResellerCustomer, None) => Proposal::nothing("the list does not say whose customer it is"),
        (_, Some(_)) => Proposal::nothing("the list names a reseller for what it has as no reseller's customer"),
        (kind, None) => Proposal::Amend(ours.key.clone(), Amend::SetKind(kind)),
    };
    Some(finding)
}

fn partner<E>(
    ours: &Ours,
    theirs: &Theirs,
    rules: &Rules,
    registry: &mut Registry<'_, E>,
) -> Result<Option<Finding>, E> {
    let there = match &theirs.partner {
        Said::Absent => return Ok(None),
        Said::Nothing => None,
        Said::Value(id) => Some(id),
    };
    let here = ours.partner.as_ref().map(|partner| &partner.id);
    if here == there {
        return Ok(None);
    }
    if let (Some(here), Some(there)) = (here, there) {
        // Two names of one partner are no difference.
        let stands = |id: &str, registry: &mut Registry<'_, E>| Ok(registry(id)?.map(|standing| standing.id));
        if let Some(id) = stands(here, registry)?
            && stands(there, registry)? == Some(id)
        {
            return Ok(None);
        }
    }
    let said = |id: Option<&String>| id.map_or_else(|| "none".to_owned(), Clone::clone);
    let explanation =
        format!("{} has partner {} here and {} in {}.", subject(ours), said(here), said(there), list(theirs));
    let since = ours.partner.as_ref().map_or_else(|| ours.known(), |partner| partner.since);
    let mut finding = about(ours, FindingKind::PartnerDiffers, since, explanation);
    finding.ours = here.cloned();
    finding.theirs = there.cloned();
    finding.proposal = match &rules.partner_option {
        Some(option) => {
            Proposal::Amend(ours.key.clone(), Amend::SetPartner { option: option.clone(), value: there.cloned() })
        }
        None => Proposal::nothing("no synchronization option is configured with partner_id = true"),
    };
    Ok(Some(finding))
}

fn external_id(ours: &Ours, theirs: &Theirs) -> Option<Finding> {
    let there = theirs.external_id.as_ref().filter(|id| **id != ours.external_id)?;
    let explanation =
        format!("{} has the ExternalID {} here and {there} in {}.", subject(ours), ours.external_id, list(theirs));
    let mut finding = about(ours, FindingKind::ExternalIdDiffers, ours.known(), explanation);
    finding.ours = Some(ours.external_id.to_string());
    finding.theirs = Some(there.to_string());
    finding.proposal = Proposal::nothing("our ExternalID never changes; have it corrected in the list");
    Some(finding)
}

/// Names are compared without the white space that surrounds and separates.
fn name(ours: &Ours, theirs: &Theirs) -> Option<Finding> {
    let there = said(&theirs.name)?;
    if ours.name.split_whitespace().eq(there.split_whitespace()) {
        return None;
    }
    let explanation =
        format!("{} is called \"{}\" here and \"{there}\" in {}.", ours.key.platform_id, ours.name, list(theirs));
    let mut finding = about(ours, FindingKind::NameDiffers, ours.shown, explanation);
    finding.ours = Some(ours.name.clone());
    finding.theirs = Some(there.to_owned());
    finding.proposal = Proposal::Amend(ours.key.clone(), Amend::SetName(there.to_owned()));
    Some(finding)
}

fn email(ours: &Ours, theirs: &Theirs) -> Option<Finding> {
    let there = said(&theirs.email)?;
    if folded(&ours.email) == folded(there) {
        return None;
    }
    let explanation = format!(
        "{} has the address \"{}\" here and \"{there}\" in {}.",
        ours.key.platform_id,
        ours.email,
        list(theirs)
    );
    let mut finding = about(ours, FindingKind::EmailDiffers, ours.shown, explanation);
    finding.ours = Some(ours.email.clone());
    finding.theirs = Some(there.to_owned());
    finding.proposal = Proposal::Amend(ours.key.clone(), Amend::SetEmail(there.to_owned()));
    Some(finding)
}

fn said(said: &Said<String>) -> Option<&str> {
    match said {
        Said::Absent => None,
        Said::Nothing => Some(""),
        Said::Value(text) => Some(text),
    }
}
