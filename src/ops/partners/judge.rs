//! Whether a row may be taken, against the registry as it is and the rows before it.

use std::collections::{BTreeSet, HashMap};

use crate::domain::account::AccountKind;
use crate::domain::call::Said;
use crate::domain::ids::{AccountId, PartnerId};
use crate::domain::partner::{MAX_SUCCESSORS, Partner};
use crate::store::partners::{self, Stored};
use crate::store::{AnyConnection, StoreError};
use crate::wire::partners::PartnerRow;

/// What a row comes to.
pub(super) enum Verdict {
    /// Nothing changes.
    Unchanged,
    /// A partner is to be so; true where it is new.
    Put(Partner, bool),
    /// It cannot be taken, and why.
    Bad(String),
}

/// What rows say of each other, over the whole list.
pub(super) struct Whole {
    /// The aliases that the list gives each partner, where it says any.
    pub aliases: HashMap<PartnerId, BTreeSet<PartnerId>>,
}

/// The registry around some rows, and what was decided about those before.
pub(super) struct Judge<'a> {
    whole: &'a Whole,
    stored: HashMap<PartnerId, Stored>,
    owners: HashMap<PartnerId, PartnerId>,
    put: HashMap<PartnerId, Partner>,
}

impl<'a> Judge<'a> {
    /// Looks up what the rows name.
    pub(super) fn of(
        connection: &mut AnyConnection,
        whole: &'a Whole,
        rows: &[PartnerRow],
    ) -> Result<Self, StoreError> {
        let mut names: BTreeSet<PartnerId> = BTreeSet::new();
        for row in rows {
            names.insert(row.id.clone());
            if let Said::Value(aliases) = &row.aliases {
                names.extend(aliases.iter().cloned());
            }
            if let Said::Value(successor) = &row.successor {
                names.insert(successor.clone());
            }
        }
        let owners = partners::owners(connection, &names)?;
        Ok(Self { whole, stored: partners::by_ids(connection, &names)?, owners, put: HashMap::new() })
    }

    /// The partner of this ID, as it is to be or is.
    fn partner(&mut self, connection: &mut AnyConnection, id: &PartnerId) -> Result<Option<Partner>, StoreError> {
        if let Some(put) = self.put.get(id) {
            return Ok(Some(put.clone()));
        }
        if let Some(stored) = self.stored.get(id) {
            return Ok(Some(stored.partner.clone()));
        }
        let found = partners::find(connection, id)?;
        let partner = found.as_ref().map(|stored| stored.partner.clone());
        if let Some(found) = found {
            self.stored.insert(id.clone(), found);
        }
        Ok(partner)
    }

    /// Judges a row and remembers what it comes to.
    pub(super) fn judge(&mut self, connection: &mut AnyConnection, row: &PartnerRow) -> Result<Verdict, StoreError> {
        let before = self.stored.get(&row.id).map(|stored| stored.partner.clone());
        let base = before.clone().unwrap_or_else(|| Partner::new(row.id.clone()));
        let mut partner = match row.onto(&base) {
            Ok(partner) => partner,
            Err(reason) => return Ok(Verdict::Bad(reason)),
        };
        match &row.reseller {
            Said::Absent => {}
            Said::Nothing => partner.reseller = None,
            Said::Value(name) => match reseller(connection, name, base.reseller)? {
                Ok(id) => partner.reseller = Some(id),
                Err(reason) => return Ok(Verdict::Bad(reason)),
            },
        }
        if before.as_ref() == Some(&partner) {
            return Ok(Verdict::Unchanged);
        }
        if let Some(reason) = self.taken(&partner) {
            return Ok(Verdict::Bad(reason));
        }
        if let Some(reason) = self.succeeds(connection, &partner)? {
            return Ok(Verdict::Bad(reason));
        }
        self.put.insert(partner.id.clone(), partner.clone());
        Ok(Verdict::Put(partner, before.is_none()))
    }

    /// Whether one of the partner's names is another partner's.
    fn taken(&self, partner: &Partner) -> Option<String> {
        // An alias may be taken from who gives it up in the same list.
        let holds = |owner: &PartnerId, alias: &PartnerId| {
            self.whole.aliases.get(owner).is_none_or(|aliases| aliases.contains(alias))
        };
        if let Some(owner) = self.owners.get(&partner.id).filter(|owner| holds(owner, &partner.id)) {
            return Some(format!("its ID is an alias of partner {owner}; take it away there first"));
        }
        for alias in &partner.aliases {
            if self.stored.contains_key(alias) || self.put.contains_key(alias) {
                return Some(format!("its alias {alias} is the ID of a partner; name that one's successor instead"));
            }
            if let Some(owner) = self.owners.get(alias)
                && *owner != partner.id
                && holds(owner, alias)
            {
                return Some(format!("its alias {alias} is an alias of partner {owner}; take it away there first"));
            }
        }
        None
    }

    /// What is wrong with who succeeds it.
    fn succeeds(&mut self, connection: &mut AnyConnection, partner: &Partner) -> Result<Option<String>, StoreError> {
        let mut next = partner.successor.as_ref().map(|successor| successor.id.clone());
        let mut hops = 0;
        while let Some(id) = next {
            if id == partner.id {
                return Ok(Some("its successors go round in a circle back to it; leave one of them out".to_owned()));
            }
            hops += 1;
            if hops > MAX_SUCCESSORS {
                return Ok(Some(format!("more than {MAX_SUCCESSORS} successors follow each other; name the last one")));
            }
            let Some(found) = self.partner(connection, &id)? else {
                return Ok((hops == 1).then(|| {
                    format!("its successor {id} is not in the registry; give that one a row of its own, by its ID")
                }));
            };
            next = found.successor.map(|successor| successor.id);
        }
        Ok(None)
    }
}

/// The account that a list names as a partner's: `source/tenant/platform_id`, or an ExternalID. One that the partner has
/// already may have ended since.
fn reseller(
    connection: &mut AnyConnection,
    name: &str,
    before: Option<AccountId>,
) -> Result<Result<AccountId, String>, StoreError> {
    let found = partners::accounts_named(connection, name)?;
    let [account] = found.as_slice() else {
        return Ok(Err(match found.len() {
            0 => format!(
                "there is no account {name}; name the reseller as source/tenant/platform_id, or by its ExternalID"
            ),
            _ => format!("several accounts have the ExternalID {name}; name the reseller as source/tenant/platform_id"),
        }));
    };
    Ok(if before == Some(account.id) || (account.kind == AccountKind::Reseller && account.active) {
        Ok(account.id)
    } else if account.active {
        Err(format!("account {name} is no reseller"))
    } else {
        Err(format!("reseller {name} is deleted"))
    })
}
