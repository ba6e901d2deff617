//! What a batch's calls mean for the quarantine.

use super::World;
use crate::domain::account::Account;
use crate::domain::call::Call;
use crate::domain::case::{CaseEvent, CaseKey, ClosedAs, Refusals, Reprocessed, Success};
use crate::domain::ids::{DeliveryId, PlatformId};
use crate::domain::plan::Planned;

impl World {
    /// Opens, counts up and closes cases of the quarantine.
    pub(super) fn note_case(&mut self, call: &Call, planned: &Planned, delivery: DeliveryId) {
        let Some(platform_id) = call.platform_id() else { return };
        if let Some((case, code)) = call.again.and_then(|again| again.case)
            && let Some(how) = ClosedAs::of_reprocessing(planned.outcome, code, planned.answer.code)
        {
            let run = Reprocessed { case, how, at: call.received_at, delivery };
            self.cases.push(CaseEvent::Reprocessed(run));
        }
        if planned.quarantined {
            let key = CaseKey {
                scope: call.scope.clone(),
                platform_id: platform_id.clone(),
                endpoint: call.endpoint,
                code: planned.answer.code.number(),
                digest: call.request.digest,
            };
            self.refuse(key, call, delivery);
            let key = call.key(platform_id);
            if let Some(Some(account)) = self.accounts.get(&key)
                && !account.open_cases
            {
                let noted = Account { open_cases: true, ..Account::clone(account) };
                self.put(key, noted);
            }
        } else if let Some(change) = &planned.change {
            // Of one that is adopted, too, nothing tells whether calls of this name were refused before.
            let created = change.created || change.adopted.is_some();
            self.note_success(call, created, change.after.open_cases, platform_id, delivery);
        }
    }

    /// Counts a refusal up where its case was opened in this batch and not closed since.
    fn refuse(&mut self, key: CaseKey, call: &Call, delivery: DeliveryId) {
        let opened = self.open_cases.get(&key).and_then(|at| self.cases.get_mut(*at));
        if let Some(CaseEvent::Refused(_, refusals)) = opened {
            refusals.last = delivery;
            refusals.last_at = call.received_at;
            refusals.event_second = refusals.event_second.max(call.event_second);
            refusals.times += 1;
            return;
        }
        self.open_cases.insert(key.clone(), self.cases.len());
        let refusals = Refusals {
            first: delivery,
            first_at: call.received_at,
            last: delivery,
            last_at: call.received_at,
            event_second: call.event_second,
            times: 1,
        };
        self.cases.push(CaseEvent::Refused(key, refusals));
    }

    /// A call that was taken closes the cases of its account that are not newer.
    fn note_success(
        &mut self,
        call: &Call,
        created: bool,
        noted: bool,
        platform_id: &PlatformId,
        delivery: DeliveryId,
    ) {
        let before = self.open_cases.len();
        // What was ordered and refused is not done because something else was: only the same order closes its case.
        self.open_cases.retain(|key, _| {
            key.scope != call.scope
                || key.platform_id != *platform_id
                || (key.endpoint.is_of_services() && key.digest != call.request.digest)
        });
        let opened_here = self.open_cases.len() < before;
        if created || noted || opened_here || call.endpoint.is_of_services() {
            self.cases.push(CaseEvent::Succeeded(Success {
                scope: call.scope.clone(),
                platform_id: platform_id.clone(),
                // What came within the same second may have come behind the call that is run again here.
                event_second: call.event_second - i64::from(call.again.is_some()),
                at: call.received_at,
                delivery,
                digest: call.request.digest,
                unsure: created && !opened_here,
            }));
        }
    }
}
