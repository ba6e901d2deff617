//! What operators do to the sites of a customer, and to the probes that stand at them.

use std::sync::Arc;

use super::place::{living, refuse};
use super::{ACCOUNT_CHANGED, Act, Acted, Applied, Before, PLACE_CHANGED, PlannedAct};
use crate::domain::account::{Account, AccountKind};
use crate::domain::ids::{ProbeId, SiteId};
use crate::domain::outcome::Code;
use crate::domain::plan::Stop;
use crate::domain::site::{MAX_PROBES, MAX_SITES, PlaceStatus, Probe, Site, description, name, name_key};
use crate::domain::world::{Need, World};

/// What is done to a site or probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteAct {
    /// The revision that it must still have; none for any.
    pub expect: Option<i64>,
    /// What is done.
    pub deed: SiteDeed,
}

/// See [`SiteAct`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SiteDeed {
    /// Adds a site.
    Add(SitePatch),
    /// Changes a site.
    Change(SiteId, SitePatch),
    /// Ends a site, and the probes at it.
    End(SiteId),
    /// Associates a probe with a site.
    AddProbe(SiteId, String),
    /// Changes a probe, or has it stand at another site.
    ChangeProbe(ProbeId, ProbePatch),
    /// Ends a probe.
    EndProbe(ProbeId),
}

/// Fields of a site that are submitted; none leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // The names are those of `Site`.
pub struct SitePatch {
    pub name: Option<String>,
    pub description: Option<String>,
}

/// Fields of a probe that are submitted; none leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // The names are those of `Probe`.
pub struct ProbePatch {
    pub name: Option<String>,
    pub site: Option<SiteId>,
}

/// What a deed comes to: sites and probes, each with its next revision, and the names of what changed.
#[derive(Default)]
struct Done {
    sites: Vec<Site>,
    probes: Vec<Probe>,
    changed: Vec<&'static str>,
}

/// Plans one.
pub(super) fn plan(world: &World, act: &Act, deed: &SiteAct) -> Result<PlannedAct, Need> {
    let account = world.account(&act.account)?.map(|account| account.id);
    match decide(world, act, deed) {
        Ok((acted, done)) => {
            Ok(PlannedAct { sites: done.sites, probes: done.probes, ..PlannedAct::idle(account, acted) })
        }
        Err(Stop::Need(need)) => Err(need),
        Err(Stop::Refuse(code, message)) => Ok(PlannedAct::idle(account, Acted::Refused { code, message })),
    }
}

fn decide(world: &World, act: &Act, deed: &SiteAct) -> Result<(Acted, Done), Stop> {
    let owner = living(world, &act.account)?;
    if act.expect.is_some_and(|expected| expected != owner.revision) {
        return refuse(Code::Conflict, ACCOUNT_CHANGED);
    }
    let done = match &deed.deed {
        SiteDeed::Add(patch) => add(world, owner, patch, act.at)?,
        SiteDeed::Change(id, patch) => change(world, owner, (*id, deed.expect), patch, act.at)?,
        SiteDeed::End(id) => match site(world, owner, *id)? {
            Some(found) => {
                unchanged_since(found.revision, deed.expect)?;
                end(world, owner, found, act.at)?
            }
            // It is gone already, which is what was asked for.
            None => Done::default(),
        },
        SiteDeed::AddProbe(id, called) => add_probe(world, owner, *id, called, act.at)?,
        SiteDeed::ChangeProbe(id, patch) => change_probe(world, owner, (*id, deed.expect), patch, act.at)?,
        SiteDeed::EndProbe(id) => match probe(world, owner, *id)? {
            Some(found) => {
                unchanged_since(found.revision, deed.expect)?;
                let ended = Probe::clone(found).ended(false, act.at);
                Done { probes: vec![ended], changed: vec!["status"], ..Done::default() }
            }
            None => Done::default(),
        },
    };
    if done.sites.is_empty() && done.probes.is_empty() {
        return Ok((Acted::Unchanged, done));
    }
    let applied = Applied {
        created: false,
        // Of the account, which stays as it is.
        revision: owner.revision,
        before: Some(Before::of(owner)),
        changed: done.changed.iter().map(|name| (*name).to_owned()).collect(),
        notes: Vec::new(),
    };
    Ok((Acted::Applied(Box::new(applied)), done))
}

fn unchanged_since(revision: i64, expect: Option<i64>) -> Result<(), Stop> {
    if expect.is_some_and(|expected| expected != revision) {
        return refuse(Code::Conflict, PLACE_CHANGED);
    }
    Ok(())
}

fn site<'w>(world: &'w World, owner: &Account, id: SiteId) -> Result<Option<&'w Arc<Site>>, Stop> {
    Ok(world.sites_of(owner.id)?.find(|site| site.id == id))
}

fn probe<'w>(world: &'w World, owner: &Account, id: ProbeId) -> Result<Option<&'w Arc<Probe>>, Stop> {
    Ok(world.probes_of(owner.id)?.find(|probe| probe.id == id))
}

/// The site, which must live.
fn living_site<'w>(world: &'w World, owner: &Account, id: SiteId) -> Result<&'w Arc<Site>, Stop> {
    match site(world, owner, id)? {
        Some(found) => Ok(found),
        None => refuse(Code::RuleBroken, "This site is deleted. Add it anew."),
    }
}

fn checked(field: &str, judged: Result<String, String>) -> Result<String, Stop> {
    judged.or_else(|why| refuse(Code::Malformed, format!("The {field} {why}.")))
}

/// Refuses a name that another living site of the account has.
fn free_site(world: &World, owner: &Account, called: &str, except: SiteId) -> Result<(), Stop> {
    let key = name_key(called);
    if world.sites_of(owner.id)?.any(|site| site.id != except && name_key(&site.name) == key) {
        return refuse(Code::Conflict, "Another site of this customer has this name. Choose another one.");
    }
    Ok(())
}

/// Refuses a name that another living probe of the account has.
fn free_probe(world: &World, owner: &Account, called: &str, except: ProbeId) -> Result<(), Stop> {
    let key = name_key(called);
    if world.probes_of(owner.id)?.any(|probe| probe.id != except && name_key(&probe.name) == key) {
        return refuse(
            Code::Conflict,
            "Another probe of this customer has this name, perhaps at another site. Choose another one.",
        );
    }
    Ok(())
}

fn add(world: &World, owner: &Account, patch: &SitePatch, at: i64) -> Result<Done, Stop> {
    if owner.kind == AccountKind::Reseller {
        return refuse(
            Code::RuleBroken,
            "This account is a reseller. Sites belong to customers; add it to one of its.",
        );
    }
    let called = checked("name", name(patch.name.as_deref().unwrap_or_default()))?;
    let described = checked("description", description(patch.description.as_deref().unwrap_or_default()))?;
    free_site(world, owner, &called, SiteId::UNISSUED)?;
    if world.sites_of(owner.id)?.count() >= MAX_SITES {
        return refuse(
            Code::RuleBroken,
            format!("This customer has {MAX_SITES} sites. Delete those that are gone first."),
        );
    }
    let made = Site {
        id: SiteId::UNISSUED,
        account: owner.id,
        name: called,
        description: described,
        status: PlaceStatus::Active,
        with_account: false,
        created_at: at,
        changed_at: at,
        ended_at: None,
        revision: 0,
    };
    Ok(Done { sites: vec![made.sealed(at)], ..Done::default() })
}

fn change(
    world: &World,
    owner: &Account,
    (id, expect): (SiteId, Option<i64>),
    patch: &SitePatch,
    at: i64,
) -> Result<Done, Stop> {
    let before = living_site(world, owner, id)?;
    unchanged_since(before.revision, expect)?;
    let mut after = Site::clone(before);
    if let Some(text) = &patch.name {
        after.name = checked("name", name(text))?;
        free_site(world, owner, &after.name, id)?;
    }
    if let Some(text) = &patch.description {
        after.description = checked("description", description(text))?;
    }
    let changed = before.differing(&after);
    if changed.is_empty() {
        return Ok(Done::default());
    }
    Ok(Done { sites: vec![after.sealed(at)], changed, ..Done::default() })
}

fn end(world: &World, owner: &Account, found: &Arc<Site>, at: i64) -> Result<Done, Stop> {
    let here = world.probes_of(owner.id)?.filter(|probe| probe.site == found.id);
    let probes = here.map(|probe| Probe::clone(probe).ended(false, at)).collect();
    Ok(Done { sites: vec![Site::clone(found).ended(false, at)], probes, changed: vec!["status"] })
}

fn add_probe(world: &World, owner: &Account, id: SiteId, called: &str, at: i64) -> Result<Done, Stop> {
    let stands_at = living_site(world, owner, id)?;
    let called = checked("name", name(called))?;
    free_probe(world, owner, &called, ProbeId::UNISSUED)?;
    if world.probes_of(owner.id)?.count() >= MAX_PROBES {
        return refuse(
            Code::RuleBroken,
            format!("This customer has {MAX_PROBES} probes. Remove those that are gone first."),
        );
    }
    let made = Probe {
        id: ProbeId::UNISSUED,
        account: owner.id,
        site: stands_at.id,
        name: called,
        status: PlaceStatus::Active,
        with_account: false,
        created_at: at,
        changed_at: at,
        ended_at: None,
        revision: 0,
    };
    Ok(Done { probes: vec![made.sealed(at)], ..Done::default() })
}

fn change_probe(
    world: &World,
    owner: &Account,
    (id, expect): (ProbeId, Option<i64>),
    patch: &ProbePatch,
    at: i64,
) -> Result<Done, Stop> {
    let Some(before) = probe(world, owner, id)? else {
        return refuse(Code::RuleBroken, "This probe is removed. Add it anew.");
    };
    unchanged_since(before.revision, expect)?;
    let mut after = Probe::clone(before);
    if let Some(text) = &patch.name {
        after.name = checked("name", name(text))?;
        free_probe(world, owner, &after.name, id)?;
    }
    if let Some(to) = patch.site {
        if site(world, owner, to)?.is_none() {
            return refuse(
                Code::RuleBroken,
                "The site is none of this customer's that is there. A probe moves between the sites of one customer; \
                 remove it here and add it there.",
            );
        }
        after.site = to;
    }
    let changed = before.differing(&after);
    if changed.is_empty() {
        return Ok(Done::default());
    }
    Ok(Done { probes: vec![after.sealed(at)], changed, ..Done::default() })
}
