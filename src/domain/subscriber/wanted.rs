//! What a subscriber wants to be told.

use crate::domain::feed::EventKind;

/// The kinds of event that a subscriber wants, of which sources and tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    kinds: Vec<EventKind>,
    /// Of these sources; of all where there are none.
    pub sources: Vec<String>,
    /// Of these tenants; of all where there are none.
    pub tenants: Vec<String>,
}

impl Wanted {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self { kinds: EventKind::ALL.to_vec(), sources: Vec::new(), tenants: Vec::new() }
    }

    /// The kinds that these patterns name: `relation.opened`, `account.*`, `*`.
    ///
    /// # Errors
    /// The first pattern that names nothing.
    pub fn kinds<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, &'a str> {
        let mut kinds = Vec::new();
        for pattern in patterns {
            let before = kinds.len();
            kinds.extend(EventKind::ALL.into_iter().filter(|kind| match pattern.strip_suffix('*') {
                // Whole words: `account.*`, not `acc*`.
                Some(group) => group.is_empty() || group.ends_with('.') && kind.as_str().starts_with(group),
                None => kind.as_str() == pattern,
            }));
            if kinds.len() == before {
                return Err(pattern);
            }
        }
        kinds.sort_unstable();
        kinds.dedup();
        Ok(Self { kinds, ..Self::all() })
    }

    /// Whether events of this kind are wanted.
    #[must_use]
    pub fn wants(&self, kind: EventKind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Whether events about an account of this source and tenant are wanted.
    #[must_use]
    pub fn wants_of(&self, source: &str, tenant: &str) -> bool {
        let among = |names: &[String], name: &str| names.is_empty() || names.iter().any(|one| one == name);
        among(&self.sources, source) && among(&self.tenants, tenant)
    }

    /// The names of the kinds.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.kinds.iter().map(|kind| kind.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_kinds() {
        for (patterns, names) in [
            (&["relation.opened"][..], "relation.opened"),
            (&["relation.*"], "relation.opened relation.closed relation.linked"),
            (&["options.*", "account.created", "options.changed"], "account.created options.changed"),
        ] {
            let wanted = Wanted::kinds(patterns.iter().copied());
            assert_eq!(wanted.map(|wanted| wanted.names().collect::<Vec<_>>().join(" ")).as_deref(), Ok(names));
        }
        assert_eq!(Wanted::kinds(["*"]), Ok(Wanted::all()));
        let every = [
            "account.*",
            "relation.*",
            "options.*",
            "service.*",
            "user.*",
            "plans.*",
            "site.*",
            "probe.*",
            "provisioning.*",
            "move.*",
        ];
        let sorted = |wanted: &Wanted| {
            let mut names: Vec<&str> = wanted.names().collect();
            names.sort_unstable();
            names.join(" ")
        };
        assert_eq!(Wanted::kinds(every).as_ref().map(sorted), Ok(sorted(&Wanted::all())));
        for wrong in ["", "account", "account.", "acc*", "account.create", "Account.*", "invoice.*", "*.*", ".*"] {
            assert_eq!(Wanted::kinds(["account.created", wrong]), Err(wrong));
        }
    }

    #[test]
    fn sources_and_tenants() {
        let wanted = Wanted { sources: vec!["eu".to_owned()], ..Wanted::all() };
        assert!(wanted.wants_of("eu", "") && wanted.wants_of("eu", "a") && !wanted.wants_of("us", ""));
        let wanted = Wanted { tenants: vec!["a".to_owned(), String::new()], ..Wanted::all() };
        assert!(wanted.wants_of("eu", "") && wanted.wants_of("us", "a") && !wanted.wants_of("us", "b"));
    }
}
