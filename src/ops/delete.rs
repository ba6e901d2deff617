//! Deleting one thing or many by hand: customers, sites, probes. Each is answered with what became of it, and all of it is
//! one commit.

use std::collections::HashSet;
use std::sync::Arc;

use crate::domain::act::{Act, ActOutcome, Acted};
use crate::domain::ids::AccountId;
use crate::domain::policy::Policies;
use crate::store::audit::Entry;
use crate::store::seen::sites::Hanging;
use crate::store::{AnyConnection, StoreError};
use crate::wire::customer::{DeletedView, DeletionView, WithItView};
use crate::writer::acts::{ActList, preview};
use crate::writer::{SubmitError, Writer};

pub use crate::domain::act::MAX_ACTS as MAX_TOGETHER;

/// Something that is to be deleted, and is there.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What deletes it.
    pub act: Act,
    /// What goes with it.
    pub with_it: WithItView,
}

/// Something that is to be deleted, as it was named; or why nothing can be, a whole sentence.
pub type Named = (String, Result<Found, String>);

impl From<&Hanging> for WithItView {
    fn from(hanging: &Hanging) -> Self {
        Self {
            sites: Some(hanging.sites),
            probes: Some(hanging.probes),
            services: Some(hanging.services),
            users: Some(hanging.users),
            move_requests: Some(hanging.move_requests),
            provisioning_requests: Some(hanging.provisioning_requests),
        }
    }
}

/// Why a deletion could not be tried.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// Something cannot be looked up.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The writer could not do it now.
    #[error("{0}; nothing is deleted, run it again")]
    Write(#[from] SubmitError),
}

/// How a deletion is done.
pub struct Way<'a> {
    /// Where it is done; none only says what would be.
    pub writer: Option<&'a Writer>,
    /// True deletes each that can be; otherwise one that is refused keeps all others.
    pub each: bool,
    /// The resellers that whoever deletes must stay within; none for who may delete any.
    pub within: Option<Arc<[AccountId]>>,
    /// The rules of the sources.
    pub policies: Arc<Policies>,
    /// For the audit trail.
    pub entry: Entry,
}

/// Deletes, or says what would be deleted, at most [`MAX_TOGETHER`] things.
///
/// # Errors
/// [`DeleteError`]; nothing is deleted then.
pub fn delete(
    connection: &mut AnyConnection,
    mut named: Vec<Named>,
    way: Way<'_>,
) -> Result<DeletionView, DeleteError> {
    let mut seen = HashSet::new();
    for (_, found) in &mut named {
        if found.as_ref().is_ok_and(|found| !seen.insert(found.id.clone())) {
            *found = Err("It is named twice. Name it once.".to_owned());
        }
    }
    let held_back = !way.each && named.iter().any(|(_, found)| found.is_err());
    let acts = named.iter().filter_map(|(_, found)| Some(found.as_ref().ok()?.act.clone().within(way.within.clone())));
    let acts: Vec<Act> = acts.collect();
    let list = ActList { acts, policies: way.policies, all_or_nothing: !way.each, entry: way.entry };
    let outcomes = match way.writer {
        _ if held_back || list.acts.is_empty() => Vec::new(),
        Some(writer) => writer.acts_blocking(list)?,
        None => preview(connection, &list)?,
    };
    let mut outcomes = outcomes.into_iter();
    let items = named.into_iter().map(|(called, found)| match found {
        Err(why) => deleted(called, None, "refused", Some(why), WithItView::default()),
        Ok(found) => {
            let (outcome, why) = match outcomes.next() {
                Some(outcome) => fate(&outcome),
                None => ("withheld", None),
            };
            // What was gone already takes nothing with it.
            let with_it = if outcome == "unchanged" { WithItView::default() } else { found.with_it };
            deleted(found.id, Some(found.name), outcome, why, with_it)
        }
    });
    let items = items.collect();
    Ok(DeletionView::new(way.writer.is_none(), items))
}

fn deleted(
    id: String,
    name: Option<String>,
    outcome: &'static str,
    reason: Option<String>,
    with_it: WithItView,
) -> DeletedView {
    DeletedView { id, name, outcome, reason, with_it }
}

fn fate(outcome: &ActOutcome) -> (&'static str, Option<String>) {
    match &outcome.acted {
        Acted::Applied(_) => ("deleted", None),
        Acted::Unchanged => ("unchanged", None),
        Acted::Kept { why } => ("refused", Some(why.clone())),
        Acted::Refused { code, message } => ("refused", Some(format!("{message} ({})", code.number()))),
        Acted::Withheld => ("withheld", None),
    }
}
