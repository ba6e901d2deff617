//! What a batch's calls mean for the quarantine.

use super::World;
use crate::domain::account::Account;
use crate::domain::call::Call;
use crate::domain::case::{CaseKey, ClosedAs, Refusals, Reprocessed, Success};
use crate::domain::ids::{DeliveryId, PlatformId};
use crate::domain::plan::Planned;

impl World {
    /// Opens, counts up and closes cases of the quarantine.
    pub(super) fn note_case(&mut self, call: &Call, planned: &Planned, delivery: DeliveryId) {
        let Some(platform_id) = call.platform_id() else { return };
        if let Some((case, code)) = call.again.and_then(|again| again.case)
            && let Some(how) = ClosedAs::of_reprocessing(planned.outcome, code, planned.answer.code)
        {
            self.reprocessed.push(Reprocessed { case, how, at: call.received_at, delivery });
        }
        if planned.quarantined {
            let key = CaseKey {
                scope: call.scope.clone(),
                platform_id: platform_id.clone(),
                endpoint: call.endpoint,
                code: planned.answer.code.number(),
                digest: call.request.digest,
            };
            let refusals = self.refused[1].entry(key).or_insert(Refusals {
                first: delivery,
                first_at: call.received_at,
                last: delivery,
                last_at: call.received_at,
                event_second: call.event_second,
                times: 0,
            });
            refusals.last = delivery;
            refusals.last_at = call.received_at;
            refusals.event_second = refusals.event_second.max(call.event_second);
            refusals.times += 1;
            let key = call.key(platform_id);
            if let Some(Some(account)) = self.accounts.get(&key)
                && !account.open_cases
            {
                let noted = Account { open_cases: true, ..Account::clone(account) };
                self.put(key, noted);
            }
        } else if let Some(change) = &planned.change {
            self.note_success(call, change.created, change.after.open_cases, platform_id, delivery);
        }
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
        let about = |key: &CaseKey| key.scope == call.scope && key.platform_id == *platform_id;
        let [before, behind] = &mut self.refused;
        let moved: Vec<CaseKey> = behind.keys().filter(|key| about(key)).cloned().collect();
        if !(created || noted || !moved.is_empty()) {
            return;
        }
        for key in moved {
            let Some(later) = behind.remove(&key) else { continue };
            match before.get_mut(&key) {
                Some(refusals) => {
                    refusals.last = later.last;
                    refusals.last_at = later.last_at;
                    refusals.event_second = refusals.event_second.max(later.event_second);
                    refusals.times += later.times;
                }
                None => {
                    before.insert(key, later);
                }
            }
        }
        let unsure = created && !before.keys().any(about);
        self.succeeded.push(Success {
            scope: call.scope.clone(),
            platform_id: platform_id.clone(),
            event_second: call.event_second,
            at: call.received_at,
            delivery,
            unsure,
        });
    }
}
