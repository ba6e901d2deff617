//! How two versions of an account differ, field by field, for people who ask what a call does.

use std::sync::Arc;

use super::account::{Account, Address, Contact, Profile, Standing};
use super::options::OptionSet;
use super::relation::Relation;

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The field, as the account's JSON names it.
    pub field: String,
    /// What it showed; empty for "nothing".
    pub before: String,
    /// What it shows; empty for "nothing".
    pub after: String,
}

struct Compare(Vec<Difference>);

impl Compare {
    fn text(&mut self, field: &str, before: &str, after: &str) {
        if before != after {
            self.0.push(Difference { field: field.to_owned(), before: before.to_owned(), after: after.to_owned() });
        }
    }

    fn profile(&mut self, before: &Profile, after: &Profile) {
        for (field, before, after) in [
            ("name", &before.name, &after.name),
            ("code", &before.code, &after.code),
            ("email", &before.email, &after.email),
            ("phone", &before.phone, &after.phone),
            ("fax", &before.fax, &after.fax),
            ("website", &before.website, &after.website),
            ("description", &before.description, &after.description),
            ("extra_details", &before.extra_details, &after.extra_details),
        ] {
            self.text(field, before, after);
        }
        self.text("is_test", &before.is_test.to_string(), &after.is_test.to_string());
        self.contact(&before.contact, &after.contact);
        self.address(&before.address, &after.address);
    }

    fn contact(&mut self, before: &Contact, after: &Contact) {
        for (field, before, after) in [
            ("contact.id", &before.id, &after.id),
            ("contact.first_name", &before.first_name, &after.first_name),
            ("contact.last_name", &before.last_name, &after.last_name),
            ("contact.phone", &before.phone, &after.phone),
            ("contact.fax", &before.fax, &after.fax),
            ("contact.email", &before.email, &after.email),
        ] {
            self.text(field, before, after);
        }
    }

    fn address(&mut self, before: &Address, after: &Address) {
        for (field, before, after) in [
            ("address.address1", &before.address1, &after.address1),
            ("address.address2", &before.address2, &after.address2),
            ("address.city", &before.city, &after.city),
            ("address.post_code", &before.post_code, &after.post_code),
            ("address.state_code", &before.state_code, &after.state_code),
            ("address.state_name", &before.state_name, &after.state_name),
            ("address.country_code", &before.country_code, &after.country_code),
            ("address.country_name", &before.country_name, &after.country_name),
        ] {
            self.text(field, before, after);
        }
    }

    fn options(&mut self, before: &OptionSet, after: &OptionSet, show: &dyn Fn(&OptionSet, &str) -> String) {
        let ids: std::collections::BTreeSet<&String> =
            before.iter().map(|(id, _)| id).chain(after.iter().map(|(id, _)| id)).collect();
        for id in ids {
            if before.get(id) != after.get(id) {
                let (before, after) = (show(before, id), show(after, id));
                self.0.push(Difference { field: format!("sync_options.{id}"), before, after });
            }
        }
    }
}

/// The reseller as a person names it: its platform ID, and the state where that is not simply linked.
fn named(relation: Option<&Relation>) -> String {
    let Some(relation) = relation else { return String::new() };
    let name = match (&relation.reseller_platform_id, &relation.partner_id) {
        (Some(id), _) => id.to_string(),
        (None, Some(id)) => id.clone(),
        (None, None) => String::new(),
    };
    match relation.state.as_str() {
        "linked" => name,
        state => format!("{name} ({state})"),
    }
}

/// Every field that differs; against nothing for a new account. `show` gives the
/// text of an option as it may be seen, empty where it is not set.
#[must_use]
pub fn differences(
    before: Option<&Account>,
    after: &Account,
    show: &dyn Fn(&OptionSet, &str) -> String,
) -> Vec<Difference> {
    let mut compare = Compare(Vec::new());
    let (profile, options) = (Profile::default(), OptionSet::default());
    if let Some(before) = before {
        let (was, now) = (&before.key, &after.key);
        compare.text("source", was.scope.source.as_str(), now.scope.source.as_str());
        compare.text("tenant", was.scope.tenant.as_str(), now.scope.tenant.as_str());
        compare.text("platform_id", was.platform_id.as_str(), now.platform_id.as_str());
    }
    compare.text("kind", before.map_or("", |before| before.kind.as_str()), after.kind.as_str());
    compare.text("status", before.map_or("", |before| before.status.as_str()), after.status.as_str());
    let enabled = Standing::Enabled.as_str();
    compare.text("standing", before.map_or(enabled, |before| before.standing.as_str()), after.standing.as_str());
    compare.text(
        "reseller",
        &named(before.and_then(|before| before.reseller.as_ref())),
        &named(after.reseller.as_ref()),
    );
    compare.text("partner", &named(before.and_then(|before| before.partner.as_ref())), &named(after.partner.as_ref()));
    if before.is_none_or(|before| !Arc::ptr_eq(&before.profile, &after.profile)) {
        compare.profile(before.map_or(&profile, |before| &before.profile), &after.profile);
    }
    compare.options(before.map_or(&options, |before| &before.options), &after.options, show);
    compare.0
}
