//! Which account a Synchronize is about: the platform's own, or one that was made here and is the same.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::Stop;
use crate::domain::account::{Account, AccountKind, Profile};
use crate::domain::call::{Call, Said, Submitted};
use crate::domain::classify::Role;
use crate::domain::ids::{AccountId, AccountKey, ExternalId, PlatformId, Scope};
use crate::domain::outcome::Code;
use crate::domain::policy::{Likeness, SourcePolicy};
use crate::domain::relation::Relation;
use crate::domain::world::{Need, Sought, World};

/// Most accounts that a refusal names.
const MOST_NAMED: usize = 10;

/// The account that a Synchronize is about, as it was until now.
pub(super) struct Subject {
    /// The account, under the name that the platform has for it; none where there is none.
    pub account: Option<Arc<Account>>,
    /// What it was called, where it was made here.
    pub adopted: Option<AccountKey>,
}

/// Finds the account. One that the platform never named may have been made here: its ExternalID tells, or else what the
/// vendor configured. Nobody guesses between several.
pub(super) fn subject(
    world: &World,
    policy: &SourcePolicy,
    call: &Call,
    submitted: &Submitted,
    trace: &mut Vec<Cow<'static, str>>,
) -> Result<Subject, Stop> {
    let key = call.key(&submitted.id);
    if let Some(account) = world.account(&key)? {
        return Ok(Subject { account: Some(Arc::clone(account)), adopted: None });
    }
    let Some((found, by)) = find(world, policy, call, submitted)? else {
        return Ok(Subject { account: None, adopted: None });
    };
    if world.external(&key.scope, &found.external_id)?.is_some() {
        return Err(Stop::Refuse(
            Code::Conflict,
            format!(
                "The account {} was made here and is the same by {by}, but its ExternalID is that of another account of \
                 this source. Delete the one that is too many.",
                found.id
            ),
        ));
    }
    trace.push(Cow::Owned(format!(
        "adopted: made here as {} {}, the same by {by}",
        found.key.scope.source, found.key.platform_id
    )));
    let adopted = Some(found.key.clone());
    Ok(Subject { account: Some(Arc::new(Account { key, ..Account::clone(&found) })), adopted })
}

fn find(
    world: &World,
    policy: &SourcePolicy,
    call: &Call,
    submitted: &Submitted,
) -> Result<Option<(Arc<Account>, &'static str)>, Stop> {
    if let Some(claimed) = &submitted.external_id {
        let sought = Sought::by_external_id(&call.scope, claimed);
        for key in world.alike(&sought)? {
            if let Some(account) = world.account(key)?
                && account.external_id == *claimed
            {
                return Ok(Some((Arc::clone(account), "its ExternalID")));
            }
        }
    }
    let mut alike: BTreeMap<AccountId, (Arc<Account>, &'static str)> = BTreeMap::new();
    for (sought, by) in sought(policy, call, submitted) {
        for key in world.alike(&sought)? {
            // As it is now, and locked: it may have become something else since it was found.
            if let Some(account) = world.account(key)?
                && account.is_active()
                && sought.is(&account.profile)
            {
                alike.entry(account.id).or_insert((Arc::clone(account), by));
            }
        }
    }
    if alike.len() > 1 {
        let named: Vec<String> = alike.keys().take(MOST_NAMED).map(ToString::to_string).collect();
        return Err(Stop::Refuse(
            Code::Conflict,
            format!(
                "Several accounts that were made here could be this one: {}. Give the right one's ExternalID to the \
                 platform, or change or delete the others; then run the call again.",
                named.join(", ")
            ),
        ));
    }
    let found = alike.pop_first().map(|(_, found)| found);
    if let Some((account, by)) = &found
        && (account.kind == AccountKind::Reseller) != (submitted.role == Role::Reseller)
    {
        // An ExternalID is an assertion; these are but a likeness.
        return Err(Stop::Refuse(
            Code::Conflict,
            format!(
                "The account {} was made here and is like this one by {by}, but one of them is a reseller and the other is \
                 not. Give its ExternalID to the platform if they are the same, or change it; then run the call again.",
                account.id
            ),
        ));
    }
    if let Some((account, by)) = &found
        && let Some(held) = &account.reseller
        && !names(submitted, held)
    {
        // Whoever adds customers to one reseller must not get another one's by what they are called.
        return Err(Stop::Refuse(
            Code::Conflict,
            format!(
                "The account {} was made here and is like this one by {by}, but it is a customer of another reseller than \
                 the call names. Move it there, or give its ExternalID to the platform; then run the call again.",
                account.id
            ),
        ));
    }
    Ok(found)
}

/// Whether a call names the reseller that is held.
fn names(submitted: &Submitted, held: &Relation) -> bool {
    let same =
        |said: &Said<PlatformId>| matches!(said, Said::Value(id) if held.reseller_platform_id.as_ref() == Some(id));
    let known =
        |said: &Said<ExternalId>| matches!(said, Said::Value(id) if held.reseller_external_id.as_ref() == Some(id));
    same(&submitted.reseller_id) || known(&submitted.reseller_external_id)
}

/// What to look for, as far as the vendor wants that and the call says it.
fn sought(policy: &SourcePolicy, call: &Call, submitted: &Submitted) -> Vec<(Sought, &'static str)> {
    let said =
        |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let patch = &submitted.profile;
    let of = |likeness: &Likeness| match likeness {
        Likeness::Code => Some((Sought::by_code(&call.scope, said(&patch.code)?), "its code")),
        Likeness::EmailAndName => Some((
            Sought::by_email_and_name(&call.scope, said(&patch.email)?, said(&patch.name)?),
            "its e-mail and name",
        )),
    };
    policy.adopt.iter().filter_map(of).collect()
}

/// What a call will ask for of accounts that were made here, now that its own is known not to be there.
pub(in crate::domain) fn needs(policy: &SourcePolicy, call: &Call, submitted: &Submitted) -> Vec<Need> {
    let claimed = submitted.external_id.iter();
    let claimed = claimed.map(|claimed| Need::Alike(Sought::by_external_id(&call.scope, claimed)));
    claimed.chain(sought(policy, call, submitted).into_iter().map(|(sought, _)| Need::Alike(sought))).collect()
}

impl Sought {
    fn none(scope: &Scope) -> Self {
        Self { scope: scope.clone(), external_id: None, code: None, email: None, name: None }
    }

    fn by_external_id(scope: &Scope, external_id: &ExternalId) -> Self {
        Self { external_id: Some(external_id.clone()), ..Self::none(scope) }
    }

    fn by_code(scope: &Scope, code: String) -> Self {
        Self { code: Some(code), ..Self::none(scope) }
    }

    fn by_email_and_name(scope: &Scope, email: String, name: String) -> Self {
        Self { email: Some(email.to_ascii_lowercase()), name: Some(name), ..Self::none(scope) }
    }

    /// Whether an account says this of itself.
    fn is(&self, profile: &Profile) -> bool {
        let same = |wanted: &Option<String>, text: &str| wanted.as_ref().is_none_or(|wanted| wanted == text.trim());
        same(&self.code, &profile.code)
            && same(&self.name, &profile.name)
            && same(&self.email, &profile.email.to_ascii_lowercase())
    }
}
