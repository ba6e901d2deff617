//! What a run looks for, from what was asked and what is configured.

use super::ReconcileError;
use crate::config::Config;
use crate::domain::account::AccountKind;
use crate::domain::reconcile::Kinds;

/// The kinds that a run looks for: those of `only` if there are any, else the usual ones, and those of `also`. `listed`
/// says whether there is something to compare with, `self_check` whether our own data is looked at beside that.
///
/// # Errors
/// [`ReconcileError::Usage`] where a kind takes something to compare with and there is nothing; it begins with the kind.
pub fn looked_for(listed: bool, self_check: bool, only: Kinds, also: Kinds) -> Result<Kinds, ReconcileError> {
    let asked = only.and(also);
    if !listed && let Some(kind) = asked.iter().find(|kind| kind.needs_a_list()) {
        return Err(ReconcileError::Usage(format!("{} takes something to compare with", kind.as_str())));
    }
    let usual = match (listed, self_check) {
        _ if !only.is_empty() => Kinds::NONE,
        (false, _) => Kinds::self_check(),
        (true, false) => Kinds::comparison(),
        (true, true) => Kinds::comparison().and(Kinds::self_check()),
    };
    Ok(usual.and(asked))
}

/// The synchronization option that names a customer's partner.
#[must_use]
pub fn partner_option(config: &Config) -> Option<String> {
    let names = |option: &&crate::domain::definition::OptionDefinition| {
        option.partner_id && option.applies_to(AccountKind::ResellerCustomer)
    };
    config.sync_options.iter().find(names).map(|option| option.id.clone())
}

/// The source that an account is imported into where nothing else tells: the only one.
#[must_use]
pub fn only_source(config: &Config) -> Option<String> {
    match &config.sources[..] {
        [only] => Some(only.credentials.id.to_string()),
        _ => None,
    }
}
