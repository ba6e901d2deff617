//! Acts: what operators, lists, the registry and corrections do to accounts, beside what platforms say.
//!
//! An act is planned on the same [`World`](super::world::World) as calls and saved by the same batch, but it is no
//! delivery: the ledger does not grow, and what the platform reported stays as it was. What it changes of kind and
//! reseller *holds* until the platform reports something else than it had reported then ([`Hold::Operator`]).

mod branding;
mod changed;
mod create;
pub mod customers;
mod dossier;
pub(super) mod entitle;
mod import;
mod moving;
mod place;
mod plan;
pub mod products;
mod promote;
mod restore;
pub mod service;
pub mod site;
pub mod user;
mod within;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::account::{Account, AccountKind, AccountStatus, Hold, Profile, Report, Standing};
use super::branding::{Branding, BrandingAct};
use super::call::ProfilePatch;
use super::dossier::{Dossier, DossierAct};
use super::ids::{AccountId, AccountKey, ExternalId, MoveId, PlatformId};
use super::moves::{Moving, UsersMoving};
use super::msp::Entitlement;
use super::options::{OptionSet, OptionValue};
use super::outcome::Code;
use super::plan::Change;
use super::relation::{Cause, Relation};
use super::service::Service;
use super::site::{Probe, Site};
use super::user::User;
use super::world::Moved;
pub use plan::plan_act;
pub use promote::{ListChange, Login, OffersOf, OperatorChange, Promotion, Rights};

/// Most acts of one list: they are planned and written in one transaction, and every call waits behind it.
pub const MAX_ACTS: usize = 500;

/// Why an act is refused whose account is another version than the one that was looked at.
pub const ACCOUNT_CHANGED: &str = "The account changed since it was looked at. Look at it again, then decide.";

/// The same of a service.
pub const SERVICE_CHANGED: &str = "The service changed since it was looked at. Look at it again, then decide.";

/// The same of a user.
pub const USER_CHANGED: &str = "The user changed since it was looked at. Look at it again, then decide.";

/// The same of a site or a probe.
pub const PLACE_CHANGED: &str = "It changed since it was looked at. Look at it again, then decide.";

/// One act.
#[derive(Debug, Clone, PartialEq)]
pub struct Act {
    /// On which account.
    pub account: AccountKey,
    /// Microseconds since 1970. Relations end and begin at its whole second.
    pub at: i64,
    /// Why, for the relations that it opens and closes.
    pub cause: Cause,
    /// The revision that the account must still have, so that nothing is done to what nobody looked at; 0 for an account
    /// that must not be there; none for any.
    pub expect: Option<i64>,
    /// The resellers of whoever does it: every account that it touches must still be one of them, or a customer of one.
    /// None for who may act on any.
    pub within: Option<Arc<[AccountId]>>,
    /// What is done.
    pub what: What,
}

impl Act {
    /// An act on an account, whatever its revision is. `at` is in microseconds since 1970.
    #[must_use]
    pub fn new(account: AccountKey, at: i64, cause: Cause, what: What) -> Self {
        Self { account, at, cause, expect: None, within: None, what }
    }

    /// The same act, refused unless the account still has this revision.
    #[must_use]
    pub fn expecting(self, revision: i64) -> Self {
        Self { expect: Some(revision), ..self }
    }

    /// The same act, refused unless its accounts are still what somebody sees.
    #[must_use]
    pub fn within(self, own: Option<Arc<[AccountId]>>) -> Self {
        Self { within: own, ..self }
    }
}

/// What an act does.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// Takes an account from a list. What the platform reported is never overwritten.
    Import(Box<Imported>),
    /// Makes an account here, under an ID that nobody has.
    Create(Box<Created>),
    /// Gives a customer another reseller of its tenant, or none: of its source, or where one of the two was made here. It becomes a `reseller_customer`, or a
    /// `direct_customer`. Held.
    Assign {
        /// The reseller.
        reseller: Option<AccountKey>,
    },
    /// Makes it another kind. Held. A `reseller_customer` comes of [`What::Assign`] alone, since it needs a reseller.
    SetKind(AccountKind),
    /// Sets what it may do. Platforms never say that, so nothing is held against them.
    SetStanding(Standing),
    /// Sets a synchronization option, or takes it away. The platform's next set replaces it.
    SetOption {
        /// The option's ID.
        id: String,
        /// Its value.
        value: Option<OptionValue>,
    },
    /// Changes what describes it. The platform's next word on the same field replaces it.
    Describe(Box<ProfilePatch>),
    /// Changes what is kept about it beside what platforms say. Undoing it leaves that as it is: set it back instead.
    Keep(Box<DossierAct>),
    /// Ends the account, as the platform's `Delete` does.
    Delete,
    /// Brings a deleted account back, with the place that the platform last reported.
    Revive,
    /// Ends a hold or a review: what the platform last reported applies.
    Release,
    /// Puts back what an account was, to undo an act.
    Restore(Box<Before>),
    /// Makes a customer a reseller, with what it may sell and a login of its own. Held.
    Promote(Box<Promotion>),
    /// Makes a reseller without customers a customer again, of this reseller or of nobody. It sells nothing any longer,
    /// and its operators lose it. Held.
    Demote {
        /// The reseller.
        reseller: Option<AccountKey>,
    },
    /// Makes, changes or ends a service of the account.
    Service(Box<service::ServiceAct>),
    /// Gives services of the account to another customer of the same level.
    MoveServices(Box<products::Products>),
    /// Makes, changes or ends a user of the account.
    User(Box<user::UserAct>),
    /// Adds, changes or ends a site of the account, or a probe at one.
    Site(Box<site::SiteAct>),
    /// Changes how the customer's pages look. Undoing it leaves that as it is: set it back instead.
    Brand(Box<BrandingAct>),
    /// Moves a customer with everything that it bought to another reseller, or asks for that. Held.
    Move(Box<Moving>),
    /// Moves users of a customer to another one.
    MoveUsers(Box<UsersMoving>),
    /// Makes these the account's entitlements, and no others.
    Entitle(BTreeSet<Entitlement>),
    /// Makes these the reseller's customers, and no others: those that come have acts of their own before it.
    Customers(Box<customers::ExactList>),
}

/// An account as a list describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The ExternalID that the platform holds already; none to have one issued.
    pub external_id: Option<ExternalId>,
    /// What it is.
    pub kind: AccountKind,
    /// The platform ID of its reseller; its own says "none", as in the protocol.
    pub reseller: Option<PlatformId>,
    /// Microseconds since 1970 from which the relation holds; none for the act's time.
    pub since: Option<i64>,
    /// What describes it, as far as the list says.
    pub profile: ProfilePatch,
    /// The options that the list gives. Others stay as they are.
    pub options: OptionSet,
}

/// An account that is made here.
#[derive(Debug, Clone, PartialEq)]
pub struct Created {
    /// The ExternalID that it is known by elsewhere already; none to have one issued.
    pub external_id: Option<ExternalId>,
    /// What it is.
    pub kind: AccountKind,
    /// The reseller whose customer it is, for a `reseller_customer` alone.
    pub reseller: Option<AccountKey>,
    /// What describes it.
    pub profile: ProfilePatch,
}

/// What an account was before an act, as far as acts change it.
#[derive(Debug, Clone, PartialEq)]
pub struct Before {
    /// What it was.
    pub kind: AccountKind,
    /// Alive or ended.
    pub status: AccountStatus,
    /// What it could do.
    pub standing: Standing,
    /// Why kind and reseller could differ from the report.
    pub hold: Option<Hold>,
    /// What the platform had said.
    pub reported: Option<Report>,
    /// What described it.
    pub profile: Arc<Profile>,
    /// Its options.
    pub options: OptionSet,
    /// Its open relation to a reseller.
    pub reseller: Option<Relation>,
    /// Its open relation to a partner.
    pub partner: Option<Relation>,
}

impl Before {
    /// What an account is now.
    #[must_use]
    pub fn of(account: &Account) -> Self {
        Self {
            kind: account.kind,
            status: account.status,
            standing: account.standing,
            hold: account.hold,
            reported: account.reported.clone(),
            profile: account.profile.clone(),
            options: account.options.clone(),
            reseller: account.reseller.clone(),
            partner: account.partner.clone(),
        }
    }
}

/// What an act changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// Whether there was no such account.
    pub created: bool,
    /// The account's revision now.
    pub revision: i64,
    /// What it was before; none for an account that is new.
    pub before: Option<Before>,
    /// The names of the fields that differ, as the account's JSON has them, in its order.
    pub changed: Vec<String>,
    /// What was noticed on the way, for people.
    pub notes: Vec<Cow<'static, str>>,
}

impl Applied {
    /// The act that undoes this one, refused if anything happened to the account since. `at` is in microseconds since
    /// 1970.
    #[must_use]
    pub fn undo(&self, account: AccountKey, at: i64, cause: Cause) -> Act {
        let what = match &self.before {
            Some(before) => What::Restore(Box::new(before.clone())),
            // Rows are never removed: an account that was made is ended.
            None => What::Delete,
        };
        Act::new(account, at, cause, what).expecting(self.revision)
    }
}

/// What an act came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Acted {
    /// Something changed.
    Applied(Box<Applied>),
    /// The account is so already.
    Unchanged,
    /// An imported row differs from what somebody said later, which stays.
    Kept {
        /// Who said what, and what to do about it.
        why: String,
    },
    /// Refused.
    Refused {
        /// The stable code.
        code: Code,
        /// Why, and what to do next.
        message: String,
    },
    /// It would have been done, but another act of the list was refused, and the list is one thing.
    Withheld,
}

/// What an act came to, and on which account.
#[derive(Debug, Clone, PartialEq)]
pub struct ActOutcome {
    /// The account.
    pub account: AccountKey,
    /// Our id of it, if it is there.
    pub id: Option<AccountId>,
    /// What became of it.
    pub acted: Acted,
    /// The move that is kept of it, where it was one.
    pub moved: Option<MoveId>,
}

impl ActOutcome {
    /// What it changed, if anything.
    #[must_use]
    pub fn applied(&self) -> Option<&Applied> {
        match &self.acted {
            Acted::Applied(applied) => Some(applied),
            Acted::Unchanged | Acted::Kept { .. } | Acted::Refused { .. } | Acted::Withheld => None,
        }
    }

    /// Code and reason, if it was refused.
    #[must_use]
    pub fn refused(&self) -> Option<(Code, &str)> {
        match &self.acted {
            Acted::Refused { code, message } => Some((*code, message)),
            Acted::Applied(_) | Acted::Unchanged | Acted::Kept { .. } | Acted::Withheld => None,
        }
    }
}

/// An act as it is to be applied.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedAct {
    /// The account, if there is one already.
    pub account: Option<AccountId>,
    /// What it comes to.
    pub acted: Acted,
    /// What changes, if anything.
    pub change: Option<Box<Change>>,
    /// Services as they are to be, each changed one with its next revision; new ones have no id, and a subscription
    /// stands before its add-ons.
    pub services: Vec<Service>,
    /// Users as they are to be, each with its next revision; new ones have no id.
    pub users: Vec<User>,
    /// Sites as they are to be, each with its next revision; new ones have no id.
    pub sites: Vec<Site>,
    /// Probes, as sites.
    pub probes: Vec<Probe>,
    /// The move to keep, and what it makes the vendor's systems do.
    pub moved: Moved,
    /// What the account may sell, and who of the operators sees it.
    pub rights: Rights,
    /// What is kept about the account as it is to be; none where it stays.
    pub dossier: Option<Box<Dossier>>,
    /// How the account's pages are to look; none where that stays.
    pub branding: Option<Box<Branding>>,
}

impl PlannedAct {
    /// An act that changes nothing.
    #[must_use]
    pub fn idle(account: Option<AccountId>, acted: Acted) -> Self {
        Self {
            account,
            acted,
            change: None,
            services: Vec::new(),
            users: Vec::new(),
            sites: Vec::new(),
            probes: Vec::new(),
            dossier: None,
            branding: None,
            moved: Moved::default(),
            rights: Rights::default(),
        }
    }
}
