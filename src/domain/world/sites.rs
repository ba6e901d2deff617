//! What a batch knows of the sites and probes of accounts. They are looked up for acts on them, all of an account at once,
//! and for no calls: what ends or returns with its account is seen to by the store.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Changes, Need, World};
use crate::domain::ids::{AccountId, ProbeId, SiteId};
use crate::domain::relation::Cause;
use crate::domain::site::{Placed, Probe, Site, SiteStep};

/// What stands at an account: what lives in the store, and what this batch did since.
#[derive(Debug, Default)]
struct Premises {
    sites: BTreeMap<SiteId, Arc<Site>>,
    probes: BTreeMap<ProbeId, Arc<Probe>>,
}

/// Sites and probes as they were loaded and as acts changed them since.
#[derive(Debug, Default)]
pub(super) struct Sites {
    of_account: HashMap<AccountId, Premises>,
    /// Those to be written, each with whether it is new.
    sites: BTreeMap<SiteId, (AccountId, bool)>,
    probes: BTreeMap<ProbeId, (AccountId, bool)>,
    steps: Vec<SiteStep>,
}

impl Sites {
    pub(super) fn knows_of(&self, account: AccountId) -> bool {
        self.of_account.contains_key(&account)
    }

    /// Everything to write.
    pub(super) fn give(self, changes: &mut Changes) {
        for (id, (account, created)) in self.sites {
            let Some(site) = self.of_account.get(&account).and_then(|premises| premises.sites.get(&id)) else {
                continue;
            };
            let list = if created { &mut changes.sites_created } else { &mut changes.sites_updated };
            list.push(site.clone());
        }
        for (id, (account, created)) in self.probes {
            let Some(probe) = self.of_account.get(&account).and_then(|premises| premises.probes.get(&id)) else {
                continue;
            };
            let list = if created { &mut changes.probes_created } else { &mut changes.probes_updated };
            list.push(probe.clone());
        }
        changes.site_steps = self.steps;
    }
}

impl World {
    /// Takes in the sites and probes of an account that are not ended.
    pub fn learn_sites_of(&mut self, account: AccountId, sites: Vec<Site>, probes: Vec<Probe>) {
        self.sites.of_account.entry(account).or_insert_with(|| Premises {
            sites: sites.into_iter().map(|site| (site.id, Arc::new(site))).collect(),
            probes: probes.into_iter().map(|probe| (probe.id, Arc::new(probe))).collect(),
        });
    }

    /// The sites of an account that are not ended now, in the order of their ids.
    pub(in crate::domain) fn sites_of(&self, account: AccountId) -> Result<impl Iterator<Item = &Arc<Site>>, Need> {
        let premises = self.sites.of_account.get(&account).ok_or(Need::SitesOf(account))?;
        Ok(premises.sites.values().filter(|site| site.lives()))
    }

    /// The probes of an account that are not ended now, in the order of their ids.
    pub(in crate::domain) fn probes_of(&self, account: AccountId) -> Result<impl Iterator<Item = &Arc<Probe>>, Need> {
        let premises = self.sites.of_account.get(&account).ok_or(Need::SitesOf(account))?;
        Ok(premises.probes.values().filter(|probe| probe.lives()))
    }

    /// Takes over sites and probes that an act makes or changes, each with its next revision: numbers what is new and
    /// notes what happened.
    pub(super) fn take_over_sites(&mut self, sites: Vec<Site>, probes: Vec<Probe>, cause: Cause) {
        for mut site in sites {
            let created = site.id == SiteId::UNISSUED;
            if created {
                site.id = SiteId::issue(self.chain, self.issue_row());
            }
            let (id, account, after) = (site.id, site.account, Arc::new(site));
            let premises = self.sites.of_account.entry(account).or_default();
            let before = premises.sites.insert(id, after.clone());
            self.sites.sites.entry(id).or_insert((account, created));
            self.sites.steps.push(SiteStep { placed: Placed::Site(before, after), cause, delivery: None });
        }
        for mut probe in probes {
            let created = probe.id == ProbeId::UNISSUED;
            if created {
                probe.id = ProbeId::issue(self.chain, self.issue_row());
            }
            let (id, account, after) = (probe.id, probe.account, Arc::new(probe));
            let premises = self.sites.of_account.entry(account).or_default();
            let before = premises.probes.insert(id, after.clone());
            self.sites.probes.entry(id).or_insert((account, created));
            self.sites.steps.push(SiteStep { placed: Placed::Probe(before, after), cause, delivery: None });
        }
    }
}
