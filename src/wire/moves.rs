//! Moves as people and tools see them, and as they ask for them.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::time::rfc3339;
use crate::domain::ids::{AccountId, ServiceId};
use crate::domain::moves::{Choice, Choices, Chosen, Fate, Look, Move, MoveState, Refusal, Side, UserFate, UserLook};
use crate::domain::offer::MAX_NAME_CHARS;
use crate::domain::operator::Visible;

/// What is chosen for services of a moved customer.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChoiceBody {
    /// The id of one service. Or else `service` and `plan`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name under which services are sold, as the preview's `sold_as`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The plan that they are on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// The plan that they will be on; left out, it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_plan: Option<String>,
    /// Where they will run; left out, it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}

impl ChoiceBody {
    fn read(&self) -> Result<Choice, String> {
        for text in [&self.service, &self.plan, &self.new_plan, &self.location].into_iter().flatten() {
            if text.chars().count() > MAX_NAME_CHARS || text.chars().any(char::is_control) {
                return Err(format!("holds a name of more than {MAX_NAME_CHARS} characters or a control character"));
            }
        }
        let of = match (&self.id, &self.service, &self.plan) {
            (Some(id), None, None) => Chosen::One(
                ServiceId::parse(id).ok_or("holds an id that is none of a service; the preview shows them")?,
            ),
            (None, Some(service), Some(plan)) => Chosen::Plan { service: service.clone(), plan: plan.clone() },
            _ => return Err("says for what neither by id nor by service and plan".to_owned()),
        };
        if self.new_plan.is_none() && self.location.is_none() {
            return Err("chooses neither a new_plan nor a location".to_owned());
        }
        Ok(Choice { of, plan: self.new_plan.clone(), location: self.location.clone() })
    }

    fn of(choice: &Choice) -> Self {
        let (new_plan, location) = (choice.plan.clone(), choice.location.clone());
        match &choice.of {
            Chosen::One(id) => Self { id: Some(id.to_string()), new_plan, location, ..Self::default() },
            Chosen::Plan { service, plan } => {
                Self { id: None, service: Some(service.clone()), plan: Some(plan.clone()), new_plan, location }
            }
        }
    }
}

/// Reads choices.
///
/// # Errors
/// A sentence that names the first one that cannot be read.
pub fn choices(plans: &[ChoiceBody], location: Option<&str>) -> Result<Choices, String> {
    if location.is_some_and(|text| text.chars().count() > MAX_NAME_CHARS || text.chars().any(char::is_control)) {
        return Err(format!("location has more than {MAX_NAME_CHARS} characters or a control character"));
    }
    let list = plans.iter().enumerate().map(|(at, one)| one.read().map_err(|why| format!("plans[{at}] {why}")));
    Ok(Choices { location: location.map(str::to_owned), list: list.collect::<Result<_, _>>()? })
}

/// Reads choices in a cell of a list or behind a flag: `Mail:bronze=gold`, `0-14=gold`, `0-14=gold@north`, `0-14=@north`,
/// several with semicolons.
///
/// # Errors
/// A sentence that names the first one that cannot be read.
pub fn choices_of_text(text: &str, location: Option<&str>) -> Result<Choices, String> {
    let mut plans = Vec::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (of, to) = part
            .split_once('=')
            .ok_or_else(|| format!("{part} is no choice such as Mail:bronze=gold or 0-14=gold@north"))?;
        let (plan, at) = match to.split_once('@') {
            Some((_, at)) if at.trim().is_empty() => return Err(format!("{part} names no location behind the @")),
            Some((plan, at)) => (plan.trim(), Some(at.trim().to_owned())),
            None => (to.trim(), None),
        };
        let new_plan = (!plan.is_empty()).then(|| plan.to_owned());
        let body = match of.trim().rsplit_once(':') {
            Some((service, plan)) => ChoiceBody {
                service: Some(service.trim().to_owned()),
                plan: Some(plan.trim().to_owned()),
                new_plan,
                location: at,
                id: None,
            },
            None => ChoiceBody { id: Some(of.trim().to_owned()), new_plan, location: at, ..ChoiceBody::default() },
        };
        plans.push(body);
    }
    choices(&plans, location)
}

/// Tells null from what is left out.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A move as it is asked for.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MoveBody {
    /// Who is moved: an id or ExternalID.
    pub customer: Option<String>,
    /// To whom: an id or ExternalID; null for a customer of nobody.
    #[serde(deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    pub reseller: Option<Option<String>>,
    /// True only looks at it.
    pub preview: bool,
    /// The revision of the preview that this rests on.
    pub revision: Option<String>,
    /// What is chosen where plans or locations differ.
    pub plans: Vec<ChoiceBody>,
    /// The new location of every service that may run there.
    pub location: Option<String>,
    /// Why; kept with the move and in the audit trail.
    pub reason: Option<String>,
}

/// Something that is in the way.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RefusalView {
    /// The stable code.
    pub code: i32,
    /// Why, and what to do next.
    pub reason: String,
}

impl From<&Refusal> for RefusalView {
    fn from(refusal: &Refusal) -> Self {
        Self { code: refusal.code.number(), reason: refusal.message.clone() }
    }
}

/// A plan to choose.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CandidateView {
    /// The plan.
    pub plan: String,
    /// Where it may run; empty where there is no location to choose.
    pub locations: Vec<String>,
}

/// A service and what would become of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MovedServiceView {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// The name under which resellers sell it.
    pub sold_as: String,
    /// Its plan now.
    pub plan: String,
    /// Where it runs now.
    pub location: String,
    /// `equal` (plan and location stay), `changed`, `choose_plan`, `choose_location` or `blocked`.
    pub outcome: &'static str,
    /// Its plan behind the move; null where that is not decided.
    pub new_plan: Option<String>,
    /// Where it would run; null where that is not decided.
    pub new_location: Option<String>,
    /// Plans to choose from.
    pub candidates: Vec<CandidateView>,
    /// Locations to choose from.
    pub locations: Vec<String>,
    /// Why it is in the way; null where it is not.
    pub reason: Option<String>,
}

/// A move as it looks now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LookView {
    /// Who would be moved: its id.
    pub customer: String,
    /// Its reseller now: an id; null for none.
    pub from: Option<String>,
    /// Its reseller then: an id; null for none.
    pub to: Option<String>,
    /// Whether it can be made as it is asked for.
    pub possible: bool,
    /// What to send to make it. Null for whoever may only ask for it.
    pub revision: Option<String>,
    /// All that is in the way.
    pub refusals: Vec<RefusalView>,
    /// Its services.
    pub services: Vec<MovedServiceView>,
    /// How many users are provisioned again.
    pub users: usize,
    /// What the caller may do: `commit`, or `request` from the other side.
    pub may: &'static str,
}

impl LookView {
    /// A look, for somebody who may make the move.
    #[must_use]
    pub fn new(look: &Look) -> Self {
        let refusals = look.all_refusals();
        let services = look.services.iter().zip(&look.verdicts).map(|(service, verdict)| {
            let mut view = MovedServiceView {
                id: service.id.to_string(),
                name: service.name.clone(),
                sold_as: verdict.sold_as.clone(),
                plan: service.plan.clone(),
                location: service.location.clone(),
                outcome: "equal",
                new_plan: None,
                new_location: None,
                candidates: Vec::new(),
                locations: Vec::new(),
                reason: verdict.refusal(&look.called(service)).map(|refusal| refusal.message),
            };
            match &verdict.fate {
                Fate::Goes { plan, location } => {
                    if (plan, location) != (&service.plan, &service.location) {
                        view.outcome = "changed";
                    }
                    (view.new_plan, view.new_location) = (Some(plan.clone()), Some(location.clone()));
                }
                Fate::ChoosePlan { candidates, .. } => {
                    view.outcome = "choose_plan";
                    view.candidates = candidates
                        .iter()
                        .map(|offer| CandidateView { plan: offer.plan.clone(), locations: offer.locations.clone() })
                        .collect();
                }
                Fate::ChooseLocation { plan, candidates, .. } => {
                    view.outcome = "choose_location";
                    (view.new_plan, view.locations) = (Some(plan.clone()), candidates.clone());
                }
                Fate::Blocked { .. } => view.outcome = "blocked",
            }
            view
        });
        Self {
            customer: look.customer.id.to_string(),
            from: look.customer.reseller.as_ref().and_then(|held| held.reseller_account).map(|id| id.to_string()),
            to: look.reseller.as_ref().map(|reseller| reseller.id.to_string()),
            possible: refusals.is_empty(),
            revision: Some(look.basis().to_string()),
            refusals: refusals.iter().map(RefusalView::from).collect(),
            services: services.collect(),
            users: look.users.len(),
            may: "commit",
        }
    }

    /// A look, for somebody who may only ask for the move. Who would get the customer sees nothing of what it has.
    #[must_use]
    pub fn asking(look: &Look, side: Side) -> Self {
        let mut view = Self::new(look);
        view.may = "request";
        if side == Side::To {
            view.services.clear();
            (view.users, view.revision, view.from) = (0, None, None);
            view.refusals = look.refusals.iter().map(RefusalView::from).collect();
            view.possible = view.refusals.is_empty();
        }
        view
    }
}

/// A move as it is kept.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MoveView {
    /// Its id.
    pub id: String,
    /// Who is moved: an id.
    pub customer: String,
    /// Its reseller before: an id; null for none, for one that had not come, and for whoever is not to know it.
    pub from: Option<String>,
    /// Its reseller behind it: an id; null for none, and for whoever is not to know it.
    pub to: Option<String>,
    /// `requested`, `done`, `declined` or `withdrawn`.
    pub state: &'static str,
    /// Which side asked for it: `from` or `to`; null where nobody had to be asked.
    pub side: Option<&'static str>,
    /// Who asked for it, or made it where nobody had to be asked.
    pub requested_by: String,
    /// Why, in their words.
    pub reason: Option<String>,
    /// When it was asked for.
    pub at: String,
    /// Who accepted, declined or withdrew it.
    pub decided_by: Option<String>,
    /// Why, in their words.
    pub decision: Option<String>,
    /// When.
    pub decided_at: Option<String>,
    /// What was chosen.
    pub plans: Vec<ChoiceBody>,
    /// The location that was chosen for all services.
    pub location: Option<String>,
    /// The provisioning request that it opened: an id.
    pub provisioning_request: Option<String>,
}

impl MoveView {
    /// A move as somebody sees it. Whoever stands on one side learns of the other what that side said by asking, and no
    /// more: not who sold to a customer before or sells to it now, nor on which plans.
    #[must_use]
    pub fn new(one: &Move, see: &Visible) -> Self {
        let own = |id: Option<AccountId>| match see {
            Visible::All => true,
            Visible::Resellers(own) => id.is_some_and(|id| own.contains(&id)),
        };
        let has_it = own(one.from) || one.side == Some(Side::From);
        let gets_it = own(one.to) || one.side.is_some();
        // Before it is made, the choices are those of whoever asked.
        let choices = if has_it || one.state != MoveState::Done { one.choices.clone() } else { Choices::default() };
        Self {
            id: one.id.to_string(),
            customer: one.customer.to_string(),
            from: one.from.filter(|_| has_it).map(|id| id.to_string()),
            to: one.to.filter(|_| gets_it).map(|id| id.to_string()),
            state: one.state.as_str(),
            side: one.side.map(Side::as_str),
            requested_by: one.by.clone(),
            reason: one.reason.clone(),
            at: rfc3339(one.at),
            decided_by: one.decided_by.clone(),
            decision: one.decision.clone(),
            decided_at: one.decided_at.map(rfc3339),
            plans: choices.list.iter().map(ChoiceBody::of).collect(),
            location: choices.location,
            provisioning_request: one.provisioning.map(|id| id.to_string()),
        }
    }
}

/// A user's service and what would become of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UserServiceView {
    /// The user's id.
    pub user: String,
    /// The service's id.
    pub service: String,
    /// The name under which it is sold.
    pub sold_as: String,
    /// `becomes`, `choose` or `blocked`.
    pub outcome: &'static str,
    /// The service that it becomes: an id.
    pub becomes: Option<String>,
    /// Services to choose from: ids.
    pub candidates: Vec<String>,
    /// Why it is in the way; null where it is not.
    pub reason: Option<String>,
}

/// A move of users as it looks now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UserLookView {
    /// Whose users they are: an id.
    pub from: String,
    /// Whose they would be: an id.
    pub to: Option<String>,
    /// Whether it can be made as it is asked for.
    pub possible: bool,
    /// What to send to make it.
    pub revision: String,
    /// All that is in the way.
    pub refusals: Vec<RefusalView>,
    /// What would become of their services.
    pub services: Vec<UserServiceView>,
}

impl From<&UserLook> for UserLookView {
    fn from(look: &UserLook) -> Self {
        let refusals = look.all_refusals();
        let services = look.verdicts.iter().map(|verdict| {
            let (outcome, becomes, candidates, reason) = match &verdict.fate {
                UserFate::Becomes(id) => ("becomes", Some(id.to_string()), Vec::new(), None),
                UserFate::Choose(ids) => ("choose", None, ids.iter().map(ToString::to_string).collect(), None),
                UserFate::Blocked(why) => ("blocked", None, Vec::new(), Some(why.clone())),
            };
            UserServiceView {
                user: verdict.user.to_string(),
                service: verdict.service.to_string(),
                sold_as: verdict.sold_as.clone(),
                outcome,
                becomes,
                candidates,
                reason,
            }
        });
        Self {
            from: look.from.id.to_string(),
            to: look.to.as_ref().map(|to| to.id.to_string()),
            possible: refusals.is_empty(),
            revision: look.basis.to_string(),
            refusals: refusals.iter().map(RefusalView::from).collect(),
            services: services.collect(),
        }
    }
}

/// What became of a move of many.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MovedRowView {
    /// Its place in `moves`, from 1.
    pub row: u64,
    /// Who it is about, as it was named.
    pub customer: String,
    /// `moved`, `unchanged`, `refused` or `withheld`.
    pub outcome: &'static str,
    /// The stable code of a refusal.
    pub code: Option<i32>,
    /// Why it is refused.
    pub reason: Option<String>,
    /// The id of the move that is kept; null in a preview.
    #[serde(rename = "move")]
    pub moved: Option<String>,
}

/// How many rows came to what.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MovedSummaryView {
    /// All of them.
    pub rows: u64,
    /// Moved, or would be.
    pub moved: u64,
    /// There already.
    pub unchanged: u64,
    /// Refused.
    pub refused: u64,
    /// Held back because another one was refused.
    pub withheld: u64,
}

/// What became of many moves.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BatchView {
    /// How many came to what.
    pub summary: MovedSummaryView,
    /// Each of them, in their order.
    pub rows: Vec<MovedRowView>,
}

/// What ending a reseller came to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TerminationView {
    /// Whether nothing is left to do here.
    pub complete: bool,
    /// How many of its customers came to what.
    pub customers: MovedSummaryView,
    /// How many customers it still has; in a preview, how many it would have.
    pub left: u64,
    /// Whether it takes no new customers.
    pub frozen: bool,
    /// The partners that ended with it; while customers are left, those that will.
    pub partners: Vec<String>,
    /// The platform's Delete: `not_sent`, `waits` in quarantine, `done` now, `refused` again, or `already`.
    pub delete: &'static str,
    /// Why it is refused again.
    pub delete_message: Option<String>,
    /// Its customers that are not moved, at most 1,000.
    pub rows: Vec<MovedRowView>,
}

#[cfg(test)]
mod tests {
    // Tests stop where something is not as it must be; that is what unwrap says.
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn choices_are_read_from_text() {
        let read = choices_of_text(" Mail:bronze = gold ; 0-14=@north;A:b:c=d@e", None).unwrap();
        let plan = |service: &str, plan: &str| Chosen::Plan { service: service.to_owned(), plan: plan.to_owned() };
        let one = |of, plan: Option<&str>, location: Option<&str>| Choice {
            of,
            plan: plan.map(str::to_owned),
            location: location.map(str::to_owned),
        };
        let expected = vec![
            one(plan("Mail", "bronze"), Some("gold"), None),
            one(Chosen::One(ServiceId::issue(0, 14)), None, Some("north")),
            one(plan("A:b", "c"), Some("d"), Some("e")),
        ];
        assert_eq!(read.list, expected);
        for bad in ["Mail", "Mail:bronze=", "x=gold", "0-14=", "=gold"] {
            assert!(choices_of_text(bad, None).is_err(), "{bad}");
        }
        assert_eq!(choices_of_text("", Some("north")).unwrap().location.as_deref(), Some("north"));
    }
}
