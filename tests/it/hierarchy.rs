//! Whatever calls come, the hierarchy that they leave behind is whole.

use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;
use proptest::prelude::*;
use proptest::test_runner::{Config as ProptestConfig, TestCaseError, TestRunner};
use tiersync::store::AnyConnection;
use tiersync::store::records::{AccountRow, RelationRow};
use tiersync::store::schema::{accounts, relations};

use crate::harness::{Backend, backends};
use crate::histories::{Bench, histories};

const CASES: u32 = 24;
const CALLS: usize = 40;

struct Hierarchy {
    accounts: HashMap<i64, AccountRow>,
    relations: Vec<RelationRow>,
}

impl Hierarchy {
    fn read(database: &mut AnyConnection) -> Self {
        let rows = accounts::table.load::<AccountRow>(database).unwrap();
        let relations = relations::table.order(relations::id).load(database).unwrap();
        Self { accounts: rows.into_iter().map(|row| (row.id, row)).collect(), relations }
    }

    fn open(&self) -> impl Iterator<Item = (&AccountRow, &RelationRow)> {
        let open = self.relations.iter().filter(|relation| relation.valid_to.is_none());
        open.map(|relation| (&self.accounts[&relation.account_id], relation))
    }

    /// End customers have a reseller relation, nobody else has, and who is deleted has none of any kind.
    fn everybody_has_a_place(&self) -> Result<(), TestCaseError> {
        for account in self.accounts.values() {
            let mut open: Vec<&str> =
                self.open().filter(|(of, _)| of.id == account.id).map(|(_, relation)| relation.axis.as_str()).collect();
            open.sort_unstable();
            let alive = account.status == "active";
            let customer = alive && account.kind == "reseller_customer";
            prop_assert_eq!(open.contains(&"reseller"), customer, "{:?}", account);
            prop_assert!(alive || open.is_empty(), "{:?}", account);
            prop_assert!(open.windows(2).all(|pair| pair[0] != pair[1]), "{:?}: {:?}", account, open);
        }
        Ok(())
    }

    /// Who is linked is linked to a living reseller of its own tenant; who waits waits for somebody who is not there.
    fn links_are_true(&self) -> Result<(), TestCaseError> {
        for (customer, relation) in self.open().filter(|(_, relation)| relation.axis == "reseller") {
            prop_assert_eq!(relation.state == "linked", relation.reseller_account_id.is_some(), "{:?}", relation);
            let sells = |account: &AccountRow| {
                account.key().scope == customer.key().scope && account.status == "active" && account.kind == "reseller"
            };
            if let Some(reseller) = relation.reseller_account_id {
                prop_assert!(sells(&self.accounts[&reseller]), "{:?} of {:?}", relation, self.accounts[&reseller]);
                prop_assert!(relation.linked_at.is_some() && relation.found_by.is_some(), "{:?}", relation);
                continue;
            }
            let missed = self.accounts.values().filter(|account| sells(account)).find(|account| {
                relation.reseller_platform_id.as_ref() == Some(&account.platform_id)
                    || relation.reseller_external_id.as_ref() == Some(&account.external_id)
            });
            prop_assert!(missed.is_none(), "{:?} waits for {:?}", relation, missed);
        }
        Ok(())
    }

    /// At no moment did an account have two relations of one axis.
    fn history_does_not_overlap(&self) -> Result<(), TestCaseError> {
        let mut ends: BTreeMap<(i64, &str), i64> = BTreeMap::new();
        for relation in &self.relations {
            let end = relation.valid_to.unwrap_or(i64::MAX);
            let before = ends.insert((relation.account_id, relation.axis.as_str()), end);
            prop_assert!(relation.valid_from <= end, "{:?}", relation);
            prop_assert!(before.is_none_or(|before| before <= relation.valid_from), "{:?}", relation);
            let closed = [relation.closed_learned_at, relation.closed_delivery_id];
            prop_assert!(closed.iter().all(|closed| closed.is_some() == relation.valid_to.is_some()), "{:?}", relation);
        }
        Ok(())
    }
}

fn the_hierarchy_is_whole(backend: Backend) {
    let mut runner =
        TestRunner::new(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() });
    runner
        .run(&histories(CALLS), |history| {
            let config = history.config();
            let bench = Bench::new(backend, &config);
            bench.run(&history.calls(&config), &[CALLS / 4; 4]);
            let hierarchy = bench.finish(Hierarchy::read);
            hierarchy.everybody_has_a_place()?;
            hierarchy.links_are_true()?;
            hierarchy.history_does_not_overlap()
        })
        .unwrap();
}

#[test]
fn whatever_comes_the_hierarchy_is_whole() {
    backends().into_iter().for_each(the_hierarchy_is_whole);
}
