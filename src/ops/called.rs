//! Which account somebody means who wrote a code or a name.

use crate::domain::ids::AccountId;
use crate::store::seen::accounts::Called;

/// Most accounts that are counted; "at least so many" is told beyond. Raising it raises what one look-up holds.
pub const MOST: usize = 100;

/// The accounts of one code or name. A code goes before a name: it is what somebody chose to tell accounts apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    by_code: Vec<AccountId>,
    by_name: Vec<AccountId>,
}

/// What a code or a name came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meant {
    /// This account.
    One(AccountId),
    /// None.
    Nobody,
    /// So many, and whether there may be more.
    Several {
        /// How many were counted.
        count: usize,
        /// Whether counting stopped there.
        more: bool,
        /// Whether it is their code, else their name.
        by_code: bool,
    },
}

impl Tally {
    /// Adds what was found in another part of the accounts.
    pub fn add(&mut self, called: &Called) {
        for (have, found) in [(&mut self.by_code, &called.by_code), (&mut self.by_name, &called.by_name)] {
            let left = MOST.saturating_sub(have.len());
            have.extend(found.iter().take(left));
        }
    }

    /// Which account is meant.
    #[must_use]
    pub fn meant(&self) -> Meant {
        let by_code = !self.by_code.is_empty();
        let list = if by_code { &self.by_code } else { &self.by_name };
        match list.as_slice() {
            [] => Meant::Nobody,
            [one] => Meant::One(*one),
            several => Meant::Several { count: several.len(), more: several.len() >= MOST, by_code },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(by_code: &[i64], by_name: &[i64]) -> Called {
        let ids = |ids: &[i64]| ids.iter().map(|id| AccountId(*id)).collect();
        Called { by_code: ids(by_code), by_name: ids(by_name), next: None }
    }

    #[test]
    fn a_code_goes_before_names_and_one_is_meant() {
        let several = |count, more, by_code| Meant::Several { count, more, by_code };
        let many: Vec<i64> = (0..60).collect();
        for (windows, meant) in [
            (vec![], Meant::Nobody),
            (vec![called(&[], &[])], Meant::Nobody),
            (vec![called(&[1], &[])], Meant::One(AccountId(1))),
            (vec![called(&[], &[2])], Meant::One(AccountId(2))),
            (vec![called(&[], &[2, 3]), called(&[1], &[])], Meant::One(AccountId(1))),
            (vec![called(&[1], &[]), called(&[4], &[])], several(2, false, true)),
            (vec![called(&[], &[1]), called(&[], &[4, 5])], several(3, false, false)),
            (vec![called(&[], &many), called(&[], &many)], several(MOST, true, false)),
            (vec![called(&[], &many), called(&[7], &many)], Meant::One(AccountId(7))),
        ] {
            let mut tally = Tally::default();
            windows.iter().for_each(|window| tally.add(window));
            assert_eq!(tally.meant(), meant, "{windows:?}");
        }
    }
}
