//! From a correction to the acts that make it.

use super::Correction;
use crate::domain::account::AccountKind;
use crate::domain::act::{Act, Imported, What};
use crate::domain::call::ProfilePatch;
use crate::domain::ids::{AccountKey, PlatformId};
use crate::domain::options::{OptionSet, OptionValue};
use crate::domain::reconcile::{Amend, Entry, Named};
use crate::domain::relation::Cause;
use crate::store::names;
use crate::store::{AnyConnection, StoreError};

/// The acts of a correction, or why there are none.
pub(super) fn acts(
    connection: &mut AnyConnection,
    now: i64,
    correction: &Correction,
) -> Result<Result<Vec<Act>, String>, StoreError> {
    let account = &correction.account;
    let act = |cause, what| Act::new(account.clone(), now, cause, what);
    let one = |cause, what| Ok(vec![act(cause, what)]);
    let mut reseller = |named: &Named| -> Result<Result<PlatformId, String>, StoreError> {
        Ok(match named {
            Named::PlatformId(id) => Ok(id.clone()),
            Named::ExternalId(id) => names::platform_id(connection, &account.scope, id)?
                .ok_or_else(|| format!("nobody here has the ExternalID {id} that the list gives its reseller")),
        })
    };
    Ok(match &correction.amend {
        Amend::Import(entry) => {
            let reseller = match &entry.reseller {
                Some(named) => match reseller(named)? {
                    Ok(id) => Some(id),
                    Err(why) => return Ok(Err(why)),
                },
                None => None,
            };
            let import = act(Cause::Import, What::Import(Box::new(imported(entry, reseller))));
            if names::is_there(connection, account)? {
                // An import that was undone left it behind, deleted.
                Ok(vec![act(Cause::Import, What::Revive), import])
            } else {
                Ok(vec![import])
            }
        }
        Amend::Assign(None) => one(Cause::Move, What::Assign { reseller: None }),
        Amend::Assign(Some(named)) => match reseller(named)? {
            Ok(platform_id) => {
                let reseller = Some(AccountKey { platform_id, ..account.clone() });
                let assign = act(Cause::Move, What::Assign { reseller });
                if names::kind(connection, account)? == Some(AccountKind::Reseller) {
                    // A reseller has none; it becomes a customer first.
                    Ok(vec![act(Cause::Move, What::SetKind(AccountKind::DirectCustomer)), assign])
                } else {
                    Ok(vec![assign])
                }
            }
            Err(why) => Err(why),
        },
        Amend::SetKind(kind) => one(Cause::Promote, What::SetKind(*kind)),
        Amend::SetPartner { option, value } => {
            one(Cause::Move, What::SetOption { id: option.clone(), value: value.clone().map(OptionValue::Text) })
        }
        Amend::SetName(name) => {
            let patch = ProfilePatch { name: Some(name.clone()), ..ProfilePatch::default() };
            one(Cause::Move, What::Describe(Box::new(patch)))
        }
        Amend::SetEmail(email) => {
            let patch = ProfilePatch { email: Some(email.clone()), ..ProfilePatch::default() };
            one(Cause::Move, What::Describe(Box::new(patch)))
        }
        Amend::Delete(_) => one(Cause::Move, What::Delete),
        Amend::Revive => one(Cause::Move, What::Revive),
        Amend::Release => one(Cause::Move, What::Release),
    })
}

fn imported(entry: &Entry, reseller: Option<PlatformId>) -> Imported {
    let filled = |text: &String| (!text.is_empty()).then(|| text.clone());
    let partner = entry.partner.iter().map(|(id, value)| (id.clone(), OptionValue::Text(value.clone())));
    Imported {
        external_id: entry.external_id.clone(),
        kind: entry.kind,
        reseller,
        since: None,
        profile: ProfilePatch {
            name: filled(&entry.name),
            code: filled(&entry.code),
            email: filled(&entry.email),
            ..ProfilePatch::default()
        },
        options: partner.collect::<OptionSet>(),
    }
}
