//! Moves: another reseller for a customer, with everything that it bought.
//!
//! A move is looked at before it is made: [`look`] tells for every service whether the new reseller sells it, what has to
//! be chosen, and what is in the way. The same look stands behind the preview, a request to the other side, and the act
//! itself, so that they cannot disagree. The rules are those of Atria's *Customer Move*: services and their plans must be
//! equal between resellers, or be matched by hand.

mod basis;
mod look;
mod offered;
mod users;

use super::ids::{AccountId, AccountKey, MoveId, ProvisioningId, ServiceId};
use super::outcome::Code;

pub use basis::Basis;
pub use look::{Look, look};
pub(super) use look::{is_settled, needs, seen};
pub use offered::{Fate, Verdict, assess, sold_as};
pub(super) use users::users_seen;
pub use users::{UserFate, UserLook, UserVerdict, UsersMoving, look_at_users};

/// Most choices of one move. Each is compared with each of the customer's services.
pub const MAX_CHOICES: usize = 5_000;

/// A move as it is asked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Moving {
    /// The new reseller; none for a customer of nobody.
    pub reseller: Option<AccountKey>,
    /// What was chosen where the new reseller sells something else.
    pub choices: Choices,
    /// What a preview was of; anything else by now refuses the move. None for a move that nobody looked at.
    pub basis: Option<Basis>,
    /// The request that this accepts.
    pub accepts: Option<MoveId>,
    /// The reseller that the customer must still be with: where it went elsewhere, nothing is moved.
    pub only_from: Option<AccountId>,
    /// Whether it is only asked for: the other side decides.
    pub request: Option<Side>,
    /// Who moves it or asks for it: an operator's name.
    pub by: String,
    /// Why, in somebody's words.
    pub reason: Option<String>,
}

/// Which of the two resellers asks for a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one that has the customer.
    From,
    /// The one that would have it.
    To,
}

impl Side {
    /// The name in database and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::From => "from",
            Self::To => "to",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::From, Self::To].into_iter().find(|side| side.as_str() == name)
    }
}

/// What was chosen for a move.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choices {
    /// The new location of every service that may run there.
    pub location: Option<String>,
    /// For single services, or for all on one plan. The first that fits a service counts, those for single ones before
    /// the others.
    pub list: Vec<Choice>,
}

/// One choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// For what.
    pub of: Chosen,
    /// The new plan; none leaves it.
    pub plan: Option<String>,
    /// The new location; none leaves it.
    pub location: Option<String>,
}

/// For what a choice is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// One service.
    One(ServiceId),
    /// All services that are sold under this name on this plan.
    Plan {
        /// The name.
        service: String,
        /// The plan that they are on.
        plan: String,
    },
}

/// Why a move cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// Why, and what to do next.
    pub message: String,
}

/// What keeps an account from being moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnderWay {
    /// A request that waits for the other side.
    pub requested: Option<MoveId>,
    /// Whether the vendor's provisioner is at work on an item of an earlier move.
    pub at_work: bool,
}

/// How far a move is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveState {
    /// One side asked for it.
    Requested,
    /// It is made.
    Done,
    /// The other side does not want it.
    Declined,
    /// Whoever asked for it does not want it any longer.
    Withdrawn,
}

impl MoveState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Requested, Self::Done, Self::Declined, Self::Withdrawn];

    /// The name in database and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Done => "done",
            Self::Declined => "declined",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// A move as it is kept: asked for, made, or come to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Our id.
    pub id: MoveId,
    /// Who is moved.
    pub customer: AccountId,
    /// Its reseller before; none for a customer of nobody and for one whose reseller has not come.
    pub from: Option<AccountId>,
    /// Its reseller behind it; none for a customer of nobody.
    pub to: Option<AccountId>,
    /// How far it is.
    pub state: MoveState,
    /// Which side asked for it; none for a move that nobody had to be asked about.
    pub side: Option<Side>,
    /// Who asked for it, or made it where nobody had to be asked.
    pub by: String,
    /// Why, in their words.
    pub reason: Option<String>,
    /// Microseconds since 1970.
    pub at: i64,
    /// Who accepted, declined or withdrew it.
    pub decided_by: Option<String>,
    /// Why, in their words.
    pub decision: Option<String>,
    /// Microseconds since 1970.
    pub decided_at: Option<i64>,
    /// What was chosen along with the request.
    pub choices: Choices,
    /// What the vendor's own systems have to do behind it.
    pub provisioning: Option<ProvisioningId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_what_they_write() {
        for state in MoveState::ALL {
            assert_eq!(MoveState::parse(state.as_str()), Some(state));
        }
        for side in [Side::From, Side::To] {
            assert_eq!(Side::parse(side.as_str()), Some(side));
        }
        assert_eq!((MoveState::parse("open"), Side::parse("")), (None, None));
    }
}
