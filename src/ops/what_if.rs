//! What calls would do, against the database and under the rules of today, without doing it. The planner is the one
//! behind the writer; what a call changes is seen by the calls behind it, in memory alone.

use std::sync::Arc;

use crate::domain::account::Account;
use crate::domain::call::Call;
use crate::domain::difference::{Difference, differences};
use crate::domain::ids::DeliveryId;
use crate::domain::outcome::{Answer, Code, Outcome};
use crate::domain::policy::SourcePolicy;
use crate::domain::world::World;
use crate::store::load::Purpose;
use crate::store::{AnyConnection, StoreError};
use crate::wire::show;
use crate::writer::planning;

/// Most customers of a reseller that are listed: if calls take more than these from it, and it is then deleted, what is
/// predicted may be wrong.
const CUSTOMERS: usize = 10_000;

/// What a call would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// A new account.
    Create,
    /// Another reseller, or one gained or lost.
    Reparent,
    /// Something else of an account.
    Change,
    /// Nothing: a question, a repeat, something older or the same again.
    Nothing,
    /// It would be refused.
    Refuse,
}

impl Effect {
    /// The name in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Reparent => "re-parent",
            Self::Change => "change",
            Self::Nothing => "nothing",
            Self::Refuse => "refuse",
        }
    }
}

/// What would become of a call.
#[derive(Debug, Clone)]
pub struct Prediction {
    /// In a word.
    pub effect: Effect,
    /// What the ledger would say.
    pub outcome: Outcome,
    /// What the platform would be told.
    pub answer: Answer,
    /// Field by field.
    pub differences: Vec<Difference>,
    /// What the planner noticed on the way.
    pub trace: String,
}

/// Predicts calls one behind the other. What it holds grows with the accounts that the calls name.
pub struct WhatIf {
    world: World,
    calls: i64,
}

impl Default for WhatIf {
    fn default() -> Self {
        Self { world: World::new(planning::NOWHERE, 0), calls: 0 }
    }
}

impl WhatIf {
    /// Predicts a call behind those that were predicted before.
    ///
    /// # Errors
    /// [`StoreError`] of the first look-up that fails.
    pub fn predict(
        &mut self,
        connection: &mut AnyConnection,
        call: &Call,
        policy: &Arc<SourcePolicy>,
    ) -> Result<Prediction, StoreError> {
        planning::foresee(connection, &mut self.world, &[(&**policy, call)], CUSTOMERS, &mut Purpose::Preview)?;
        planning::foresee_next(connection, &mut self.world, &[(&**policy, call)], CUSTOMERS, &mut Purpose::Preview)?;
        let planned = planning::plan_one(connection, &mut self.world, policy, call, CUSTOMERS, &mut Purpose::Preview)?;
        let before = call.platform_id().and_then(|id| self.world.known_account(&call.key(id)));
        let differences = match &planned.change {
            Some(change) if planned.outcome == Outcome::Applied => {
                let before = before.as_deref().filter(|_| !change.created);
                differences(before, &change.after, &show::option_text)
            }
            _ => Vec::new(),
        };
        let created = planned.change.as_ref().is_some_and(|change| change.created);
        let prediction = Prediction {
            effect: effect(&planned.answer, planned.outcome, created, before.as_deref(), &differences),
            outcome: planned.outcome,
            answer: planned.answer.clone(),
            differences,
            trace: planned.trace.join("; "),
        };
        self.calls += 1;
        self.world.apply(call, planned, DeliveryId::issue(planning::NOWHERE, self.calls));
        Ok(prediction)
    }
}

fn effect(
    answer: &Answer,
    outcome: Outcome,
    created: bool,
    before: Option<&Account>,
    differences: &[Difference],
) -> Effect {
    match outcome {
        // A call that only asks is refused, too.
        _ if !matches!(answer.code, Code::Done | Code::Exists) => Effect::Refuse,
        Outcome::Rejected => Effect::Refuse,
        Outcome::Applied if created => Effect::Create,
        Outcome::Applied if before.is_some() && differences.iter().any(|one| one.field == "reseller") => {
            Effect::Reparent
        }
        Outcome::Applied => Effect::Change,
        Outcome::Unchanged | Outcome::Repeated | Outcome::Stale | Outcome::Checked => Effect::Nothing,
    }
}
