//! What an operator changes of one account by hand, as acts.

use std::sync::Arc;

use serde_json::json;
use thiserror::Error;

use crate::domain::account::{Account, AccountKind, AccountStatus, Standing};
use crate::domain::act::{ACCOUNT_CHANGED, Act, ActOutcome, PLACE_CHANGED, SERVICE_CHANGED, USER_CHANGED, What};
use crate::domain::call::ProfilePatch;
use crate::domain::dossier::{DossierAct, SettingsPatch};
use crate::domain::ids::AccountKey;
use crate::domain::outcome::Code;
use crate::domain::policy::Policies;
use crate::domain::relation::Cause;
use crate::store::audit::Entry;
use crate::writer::acts::ActList;

/// Longest reason, in characters. It is kept in the audit trail for ever.
pub const MAX_REASON: usize = 500;

/// What is to be changed; none leaves it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// The reseller; none within for a customer of nobody.
    pub reseller: Option<Option<AccountKey>>,
    /// The kind.
    pub kind: Option<AccountKind>,
    /// Alive or ended.
    pub status: Option<AccountStatus>,
    /// Ends a hold or a review, so that what the platform last reported applies.
    pub release: bool,
    /// What it may do.
    pub standing: Option<Standing>,
    /// What describes it.
    pub profile: ProfilePatch,
    /// What is kept about it beside what platforms say.
    pub settings: SettingsPatch,
}

/// Why nothing is changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SetError {
    /// Nothing is asked for, or two things that exclude each other.
    #[error("{0}")]
    Usage(&'static str),
    /// A rule is against it.
    #[error("{1}")]
    Refused(Code, String),
}

impl Wanted {
    /// The names of what is to be changed, for the audit trail.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        [
            ("reseller", self.reseller.is_some()),
            ("kind", self.kind.is_some()),
            ("status", self.status.is_some()),
            ("release", self.release),
            ("standing", self.standing.is_some()),
            ("name", self.profile.name.is_some()),
            ("email", self.profile.email.is_some()),
            ("code", self.profile.code.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, wanted)| wanted.then_some(name))
        .chain(self.settings.names())
        .collect()
    }

    /// What the audit trail says of it: the names of the fields, the standing itself, and why.
    #[must_use]
    pub fn detail(&self, reason: Option<&str>) -> serde_json::Value {
        let mut detail = json!({"fields": self.names(), "reason": reason});
        if let (Some(object), Some(standing)) = (detail.as_object_mut(), self.standing) {
            object.insert("standing".to_owned(), standing.as_str().into());
        }
        detail
    }

    /// The acts that make it so of an account as somebody saw it. `at` is in microseconds since 1970.
    ///
    /// # Errors
    /// [`SetError::Usage`] for what makes no sense together.
    pub fn acts(&self, account: &Account, at: i64) -> Result<Vec<Act>, SetError> {
        let place = self.reseller.is_some() || self.kind.is_some();
        if self.names().is_empty() {
            return Err(SetError::Usage("nothing is to be changed; name a field"));
        }
        if self.release && place {
            return Err(SetError::Usage(
                "a release takes the place that the platform reports; leave reseller and kind out, or the release",
            ));
        }
        if self.status == Some(AccountStatus::Deleted) && self.names().len() > 1 {
            return Err(SetError::Usage(
                "an account that is deleted is changed in nothing else; do one after the other",
            ));
        }
        match (self.kind, &self.reseller) {
            (Some(AccountKind::Reseller | AccountKind::DirectCustomer), Some(Some(_))) => {
                return Err(SetError::Usage(
                    "only a reseller_customer has a reseller; leave the kind or the reseller out",
                ));
            }
            (Some(AccountKind::ResellerCustomer), Some(None)) => {
                return Err(SetError::Usage("a reseller_customer needs a reseller; name one"));
            }
            _ => {}
        }
        let mut whats = Vec::new();
        if self.status == Some(AccountStatus::Active) {
            whats.push((Cause::Move, What::Revive));
        }
        if self.release {
            whats.push((Cause::Move, What::Release));
        }
        match (self.kind, &self.reseller) {
            (Some(AccountKind::ResellerCustomer), Some(reseller)) => {
                if account.kind == AccountKind::Reseller {
                    whats.push((Cause::Move, What::SetKind(AccountKind::DirectCustomer)));
                }
                whats.push((Cause::Move, What::Assign { reseller: reseller.clone() }));
            }
            (Some(AccountKind::Reseller), None | Some(None)) => {
                whats.push((Cause::Promote, What::SetKind(AccountKind::Reseller)));
            }
            (Some(kind), _) => whats.push((Cause::Move, What::SetKind(kind))),
            (None, Some(reseller)) => whats.push((Cause::Move, What::Assign { reseller: reseller.clone() })),
            (None, None) => {}
        }
        if let Some(standing) = self.standing {
            whats.push((Cause::Move, What::SetStanding(standing)));
        }
        if !self.settings.names().is_empty() {
            let set = DossierAct::Set(Box::new(self.settings.clone()));
            whats.push((Cause::Move, What::Keep(Box::new(set))));
        }
        if self.profile != ProfilePatch::default() {
            whats.push((Cause::Move, What::Describe(Box::new(self.profile.clone()))));
        }
        if self.status == Some(AccountStatus::Deleted) {
            whats.push((Cause::Move, What::Delete));
        }
        let mut acts: Vec<Act> =
            whats.into_iter().map(|(cause, what)| Act::new(account.key.clone(), at, cause, what)).collect();
        if let Some(first) = acts.first_mut() {
            // Those behind it see what it did.
            first.expect = Some(account.revision);
        }
        Ok(acts)
    }

    /// The list that does it: all of it, or nothing.
    ///
    /// # Errors
    /// As [`Wanted::acts`].
    pub fn list(&self, account: &Account, policies: Arc<Policies>, entry: Entry) -> Result<ActList, SetError> {
        Ok(ActList { acts: self.acts(account, entry.at)?, policies, all_or_nothing: true, entry })
    }
}

impl SetError {
    /// Whether the change is refused only since another one came before it.
    #[must_use]
    pub fn is_late(&self) -> bool {
        matches!(self, Self::Refused(_, why) if [ACCOUNT_CHANGED, SERVICE_CHANGED, USER_CHANGED, PLACE_CHANGED].contains(&&**why))
    }
}

/// The names of the fields that a list changed.
///
/// # Errors
/// [`SetError::Refused`] with the first refusal.
pub fn changed(outcomes: &[ActOutcome]) -> Result<Vec<String>, SetError> {
    if let Some((code, message)) = outcomes.iter().find_map(ActOutcome::refused) {
        return Err(SetError::Refused(code, message.to_owned()));
    }
    let mut changed = Vec::new();
    for field in outcomes.iter().filter_map(ActOutcome::applied).flat_map(|applied| &applied.changed) {
        if !changed.contains(field) {
            changed.push(field.clone());
        }
    }
    Ok(changed)
}

/// A reason as it is kept.
///
/// # Errors
/// A sentence for whoever typed it.
pub fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err("is empty; say why, or leave it out".to_owned()),
        1..=MAX_REASON if text.chars().any(char::is_control) => Err("holds a control character".to_owned()),
        1..=MAX_REASON => Ok(text.to_owned()),
        _ => Err(format!("is longer than {MAX_REASON} characters")),
    }
}
