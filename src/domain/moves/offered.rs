//! What becomes of each service of a customer under a reseller: whether it is sold there, on which plan, and where.

use super::{Choice, Choices, Chosen, Refusal};
use crate::domain::ids::ServiceId;
use crate::domain::offer::{Offer, Offers};
use crate::domain::outcome::Code;
use crate::domain::service::{Service, ServiceKind};

/// What becomes of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It goes along.
    Goes {
        /// The plan that it will be on.
        plan: String,
        /// Where it will run.
        location: String,
    },
    /// The reseller sells it on other plans: one has to be chosen.
    ChoosePlan {
        /// Those to choose from.
        candidates: Vec<Offer>,
        /// Why the choice that was made does not do.
        why: Option<String>,
    },
    /// The reseller sells the plan at other locations: one has to be chosen.
    ChooseLocation {
        /// The plan that it will be on.
        plan: String,
        /// Those to choose from.
        candidates: Vec<String>,
        /// Why the choice that was made does not do.
        why: Option<String>,
    },
    /// The reseller does not sell it.
    Blocked {
        /// Why, and what to do next.
        reason: String,
    },
}

/// A service and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Which.
    pub service: ServiceId,
    /// The name under which resellers sell it.
    pub sold_as: String,
    /// What becomes of it.
    pub fate: Fate,
}

impl Verdict {
    /// Why the move cannot be made for its sake; none where it goes along.
    #[must_use]
    pub fn refusal(&self, name: &str) -> Option<Refusal> {
        let listed = |names: &mut dyn Iterator<Item = &str>| {
            let all: Vec<&str> = names.collect();
            let few = all.iter().take(10).copied().collect::<Vec<_>>().join(", ");
            if all.len() > 10 { format!("{few} and {} more", all.len() - 10) } else { few }
        };
        let lead = |why: &Option<String>| why.as_ref().map(|why| format!("{why} ")).unwrap_or_default();
        let message = match &self.fate {
            Fate::Goes { .. } => return None,
            Fate::ChoosePlan { candidates, why } => {
                let plans = listed(&mut candidates.iter().map(|offer| offer.plan.as_str()));
                format!("{name}: {}Choose the plan of {} among {plans}.", lead(why), self.sold_as)
            }
            Fate::ChooseLocation { plan, candidates, why } => {
                let places = listed(&mut candidates.iter().map(String::as_str));
                format!("{name}: {}Choose where {} on the plan {plan} will run: {places}.", lead(why), self.sold_as)
            }
            Fate::Blocked { reason } => format!("{name}: {reason}"),
        };
        Some(Refusal { code: Code::RuleBroken, message })
    }
}

/// The name under which resellers sell a service: its own, or its kind where it has none, such as `domain`. An add-on
/// that has none is sold under the name of its subscription.
#[must_use]
pub fn sold_as(service: &Service, parent: Option<&Service>) -> String {
    let named = |service: &Service| match service.service.trim() {
        "" => None,
        name => Some(name.to_owned()),
    };
    named(service).or_else(|| parent.and_then(named)).unwrap_or_else(|| service.kind.as_str().to_owned())
}

/// What becomes of services under a reseller that sells `offers`; under nobody, none, everything goes along as it is. The
/// services in the order of their ids, with their subscriptions among them.
///
/// # Errors
/// [`Refusal`] for a choice that is for none of the services.
pub fn assess(services: &[&Service], offers: Option<&Offers>, choices: &Choices) -> Result<Vec<Verdict>, Refusal> {
    let parent_of = |service: &Service| {
        let parent = service.parent?;
        services.binary_search_by_key(&parent, |one| one.id).ok().map(|at| services[at])
    };
    let mut used = vec![false; choices.list.len()];
    let verdicts: Vec<Verdict> = services
        .iter()
        .map(|service| {
            let sold_as = sold_as(service, parent_of(service));
            let choice = choose(service, &sold_as, choices, &mut used);
            let fate = fate(service, &sold_as, offers, choice, choices.location.as_deref());
            Verdict { service: service.id, sold_as, fate }
        })
        .collect();
    let unused = choices.list.iter().zip(used).find(|(_, used)| !used);
    match unused {
        None => Ok(verdicts),
        Some((choice, _)) => {
            let of = match &choice.of {
                Chosen::One(id) => format!("service {id}"),
                Chosen::Plan { service, plan } => format!("{service} on the plan {plan}"),
            };
            let message = format!("The customer has no {of}, for which something was chosen. Leave the choice out.");
            Err(Refusal { code: Code::RuleBroken, message })
        }
    }
}

fn choose<'c>(service: &Service, sold_as: &str, choices: &'c Choices, used: &mut [bool]) -> Option<&'c Choice> {
    let fits = |choice: &Choice| match &choice.of {
        Chosen::One(id) => *id == service.id,
        Chosen::Plan { service: name, plan } => name == sold_as && *plan == service.plan,
    };
    let fitting: Vec<usize> =
        choices.list.iter().enumerate().filter(|(_, choice)| fits(choice)).map(|(at, _)| at).collect();
    for at in &fitting {
        used[*at] = true;
    }
    let single = fitting.iter().find(|at| matches!(choices.list[**at].of, Chosen::One(_)));
    single.or(fitting.first()).map(|at| &choices.list[*at])
}

fn fate(
    service: &Service,
    sold_as: &str,
    offers: Option<&Offers>,
    choice: Option<&Choice>,
    everywhere: Option<&str>,
) -> Fate {
    let Some(offers) = offers else {
        return Fate::Goes { plan: service.plan.clone(), location: service.location.clone() };
    };
    // The right to use a device is nothing that a reseller puts on a plan: it stays with who has the device.
    if service.kind == ServiceKind::Entitlement && service.plan.is_empty() && choice.is_none() {
        return Fate::Goes { plan: String::new(), location: service.location.clone() };
    }
    let plans = offers.plans_of(sold_as);
    if plans.is_empty() {
        return Fate::Blocked {
            reason: format!(
                "The new reseller does not sell {sold_as}. Add it to its plans, or end the service before the move."
            ),
        };
    }
    let wanted = choice.and_then(|choice| choice.plan.as_deref());
    let offer = match (wanted, offers.offer(sold_as, wanted.unwrap_or(&service.plan))) {
        (_, Some(offer)) => offer,
        (wanted, None) => {
            let why = wanted.map(|plan| format!("The new reseller does not sell it on the plan {plan}."));
            return Fate::ChoosePlan { candidates: plans.to_vec(), why };
        }
    };
    let goes = |location: &str| Fate::Goes { plan: offer.plan.clone(), location: location.to_owned() };
    let open = |why: Option<String>| Fate::ChooseLocation {
        plan: offer.plan.clone(),
        candidates: offer.locations.clone(),
        why,
    };
    if let Some(location) = choice.and_then(|choice| choice.location.as_deref()) {
        // Where there is no location to choose, the one that was chosen would be a guess of ours.
        return match offer.locations.iter().any(|offered| offered == location) {
            true => goes(location),
            false if offer.locations.is_empty() => Fate::Blocked {
                reason: format!("The new reseller sells {sold_as} without locations. Leave the location out."),
            },
            false => open(Some(format!("The new reseller does not sell it at {location}."))),
        };
    }
    match (everywhere, offer.locations.as_slice()) {
        (_, []) => goes(&service.location),
        (Some(location), all) if all.iter().any(|offered| offered == location) => goes(location),
        (None, all) if all.contains(&service.location) => goes(&service.location),
        (None, [only]) => goes(only),
        (Some(location), _) => open(Some(format!("The new reseller does not sell it at {location}."))),
        (None, _) => open(None),
    }
}

#[cfg(test)]
mod tests {
    // Tests stop where something is not as it must be; that is what unwrap says.
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::domain::ids::{AccountId, AccountKey, ExternalId, PlatformId, Scope, SourceId, Tenant};
    fn service(id: i64, name: &str, plan: &str, location: &str) -> Service {
        let key = AccountKey {
            scope: Scope { source: SourceId::stored("eu"), tenant: Tenant::none() },
            platform_id: PlatformId::stored("1"),
        };
        let mut service = Service::unsaid(&key, AccountId(1), ExternalId::stored(&id.to_string()), 0);
        service.id = ServiceId(id);
        (service.service, service.plan, service.location) = (name.to_owned(), plan.to_owned(), location.to_owned());
        service
    }

    fn offers() -> Offers {
        let offer = |service: &str, plan: &str, at: &[&str]| Offer::new(service, plan, at).unwrap();
        let list = vec![
            offer("Mail", "gold", &[]),
            offer("Mail", "silver", &["north", "south"]),
            offer("Workspace", "basic", &["north"]),
            offer("domain", "com", &[]),
        ];
        Offers { revision: 1, list }
    }

    fn goes(plan: &str, location: &str) -> Fate {
        Fate::Goes { plan: plan.to_owned(), location: location.to_owned() }
    }

    fn choice(of: Chosen, plan: Option<&str>, location: Option<&str>) -> Choice {
        Choice { of, plan: plan.map(str::to_owned), location: location.map(str::to_owned) }
    }

    fn mail_on(plan: &str) -> Chosen {
        Chosen::Plan { service: "Mail".to_owned(), plan: plan.to_owned() }
    }

    /// What becomes of one service, in a word and what it goes on.
    fn of(service: &Service, list: Vec<Choice>, location: Option<&str>) -> Fate {
        let choices = Choices { location: location.map(str::to_owned), list };
        assess(&[service], Some(&offers()), &choices).unwrap().remove(0).fate
    }

    #[test]
    fn rights_to_use_a_device_go_along_without_a_plan() {
        let mut right = service(1, "", "", "");
        assert!(matches!(of(&right, Vec::new(), None), Fate::Blocked { .. }));
        right.kind = ServiceKind::Entitlement;
        assert_eq!(of(&right, Vec::new(), None), goes("", ""));
        // One that is sold on plans, or for which something was chosen, is a service as all others.
        let choose = vec![choice(Chosen::One(ServiceId(1)), Some("gold"), None)];
        assert!(matches!(of(&right, choose, None), Fate::Blocked { .. }));
        right.plan = "com".to_owned();
        assert!(matches!(of(&right, Vec::new(), None), Fate::Blocked { .. }));
    }

    #[test]
    fn equal_plans_are_matched_by_themselves_and_the_rest_is_chosen() {
        let one = || Chosen::One(ServiceId(1));
        let open = |fate: &Fate| match fate {
            Fate::Goes { .. } => "goes",
            Fate::ChoosePlan { .. } => "plan",
            Fate::ChooseLocation { .. } => "location",
            Fate::Blocked { .. } => "blocked",
        };
        // Plan and location of a Mail service, choices, a location for all, what comes of it.
        type Case<'a> = (&'a str, &'a str, Vec<Choice>, Option<&'a str>, Result<Fate, &'a str>);
        let cases: Vec<Case<'_>> = vec![
            ("gold", "", vec![], None, Ok(goes("gold", ""))),
            // No location to choose: it stays where it runs.
            ("gold", "west", vec![], Some("north"), Ok(goes("gold", "west"))),
            ("silver", "south", vec![], None, Ok(goes("silver", "south"))),
            ("silver", "south", vec![], Some("north"), Ok(goes("silver", "north"))),
            ("silver", "west", vec![], None, Err("location")),
            ("silver", "", vec![], None, Err("location")),
            ("silver", "south", vec![], Some("west"), Err("location")),
            ("silver", "west", vec![choice(one(), None, Some("north"))], None, Ok(goes("silver", "north"))),
            ("silver", "west", vec![choice(one(), None, Some("east"))], None, Err("location")),
            ("bronze", "", vec![], None, Err("plan")),
            ("bronze", "", vec![choice(mail_on("bronze"), Some("gold"), None)], None, Ok(goes("gold", ""))),
            ("bronze", "", vec![choice(mail_on("bronze"), Some("platinum"), None)], None, Err("plan")),
            // For this one before for all of its plan.
            (
                "bronze",
                "",
                vec![choice(mail_on("bronze"), Some("gold"), None), choice(one(), Some("silver"), Some("north"))],
                None,
                Ok(goes("silver", "north")),
            ),
            // An equal plan may be left for another.
            ("gold", "", vec![choice(one(), Some("silver"), Some("south"))], None, Ok(goes("silver", "south"))),
            ("gold", "", vec![choice(one(), None, Some("south"))], None, Err("blocked")),
        ];
        for (plan, at, list, location, expected) in cases {
            let found = of(&service(1, "Mail", plan, at), list.clone(), location);
            match expected {
                Ok(fate) => assert_eq!(found, fate, "{plan} at {at}, {list:?} {location:?}"),
                Err(word) => assert_eq!(open(&found), word, "{plan} at {at}, {list:?} {location:?}"),
            }
        }
        assert_eq!(of(&service(1, "Workspace", "basic", "west"), vec![], None), goes("basic", "north"));
        assert_eq!(open(&of(&service(1, "Backup", "basic", ""), vec![], None)), "blocked");
    }

    #[test]
    fn services_without_a_name_are_sold_under_their_kind_and_add_ons_under_their_subscription() {
        let mail = service(1, "Mail", "gold", "");
        let add_on = Service { parent: Some(ServiceId(1)), ..service(2, "", "gold", "") };
        let domain = Service { kind: ServiceKind::Domain, ..service(3, " ", "com", "") };
        let verdicts = assess(&[&mail, &add_on, &domain], Some(&offers()), &Choices::default()).unwrap();
        let told: Vec<(&str, &Fate)> = verdicts.iter().map(|one| (one.sold_as.as_str(), &one.fate)).collect();
        assert_eq!(told, [("Mail", &goes("gold", "")), ("Mail", &goes("gold", "")), ("domain", &goes("com", ""))]);
    }

    #[test]
    fn under_nobody_everything_stays_as_it_is() {
        let backup = service(1, "Backup", "basic", "west");
        let verdicts = assess(&[&backup], None, &Choices::default()).unwrap();
        assert_eq!(verdicts[0].fate, goes("basic", "west"));
    }

    #[test]
    fn a_choice_for_nothing_is_refused() {
        let mail = service(1, "Mail", "gold", "");
        for of in [Chosen::One(ServiceId(9)), mail_on("bronze")] {
            let choices = Choices { location: None, list: vec![choice(of, Some("gold"), None)] };
            let refusal = assess(&[&mail], Some(&offers()), &choices).unwrap_err();
            assert_eq!(refusal.code, Code::RuleBroken);
        }
    }

    #[test]
    fn a_refusal_says_what_to_choose_from() {
        let bronze = service(1, "Mail", "bronze", "");
        let told = |choices: &Choices| {
            assess(&[&bronze], Some(&offers()), choices).unwrap()[0].refusal("0-1").map(|refusal| refusal.message)
        };
        let plans = "0-1: Choose the plan of Mail among gold, silver.";
        assert_eq!(told(&Choices::default()).as_deref(), Some(plans));
        let mut choices =
            Choices { location: None, list: vec![choice(mail_on("bronze"), Some("silver"), Some("west"))] };
        let places = "0-1: The new reseller does not sell it at west. Choose where Mail on the plan silver will run: north, south.";
        assert_eq!(told(&choices).as_deref(), Some(places));
        choices.list[0].location = Some("north".to_owned());
        assert_eq!(told(&choices), None);
    }
}
