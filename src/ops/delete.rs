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

/// How a deletion is done.
pub struct Way {
    /// True deletes each that can be; otherwise one that is refused keeps all others.
    pub each: bool,
    /// The resellers that whoever deletes must stay within; none for who may delete any.
    pub within: Option<Arc<[AccountId]>>,
    /// The rules of the sources.
    pub policies: Arc<Policies>,
    /// For the audit trail.
    pub entry: Entry,
}

/// What is to be deleted, at most [`MAX_TOGETHER`] things, looked up and judged; nothing is done yet. Whoever does it
/// holds no connection meanwhile: the writer may be busy.
pub struct Judged {
    named: Vec<Named>,
    list: Option<ActList>,
}

impl Judged {
    /// What is named, with what nobody has to try refused already.
    #[must_use]
    pub fn new(mut named: Vec<Named>, way: Way) -> Self {
        let mut seen = HashSet::new();
        for (_, found) in &mut named {
            if found.as_ref().is_ok_and(|found| !seen.insert(found.id.clone())) {
                *found = Err("It is named twice. Name it once.".to_owned());
            }
        }
        let held_back = !way.each && named.iter().any(|(_, found)| found.is_err());
        let acts = named.iter().filter_map(|(_, found)| found.as_ref().ok());
        let acts: Vec<Act> = acts.map(|found| found.act.clone().within(way.within.clone())).collect();
        let list = (!held_back && !acts.is_empty()).then_some(ActList {
            acts,
            policies: way.policies,
            all_or_nothing: !way.each,
            entry: way.entry,
        });
        Self { named, list }
    }

    /// Takes the list that deletes them; none where there is nothing to try.
    #[must_use]
    pub fn take(&mut self) -> Option<ActList> {
        self.list.take()
    }

    /// What became of each, by what the list came to.
    #[must_use]
    pub fn told(self, outcomes: Vec<ActOutcome>) -> DeletionView {
        self.view(outcomes, false)
    }

    /// Says what would become of each, and changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] when something cannot be looked up.
    pub fn preview(mut self, connection: &mut AnyConnection) -> Result<DeletionView, StoreError> {
        let outcomes = self.take().map_or_else(|| Ok(Vec::new()), |list| preview(connection, &list))?;
        Ok(self.view(outcomes, true))
    }

    /// Deletes, and waits for the writer.
    ///
    /// # Errors
    /// [`SubmitError`]; nothing is deleted then.
    pub fn delete(mut self, writer: &Writer) -> Result<DeletionView, SubmitError> {
        let outcomes = self.take().map_or_else(|| Ok(Vec::new()), |list| writer.acts_blocking(list))?;
        Ok(self.told(outcomes))
    }

    fn view(self, outcomes: Vec<ActOutcome>, preview: bool) -> DeletionView {
        let mut outcomes = outcomes.into_iter();
        let items = self.named.into_iter().map(|(called, found)| match found {
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
        DeletionView::new(preview, items)
    }
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
