//! Promotion: a customer becomes a reseller, with what it may sell and a login of its own. And back again.
//!
//! What belongs to it beside the account is planned here, too, and written in the same commit: the list of offers, and who
//! of the operators may see it.

use std::borrow::Cow;

use super::place::{assign, follow_partner, hold, living, refuse, set_kind};
use super::plan::finish;
use super::{Act, PlannedAct};
use crate::domain::account::{Account, AccountKind, AccountStatus, Standing};
use crate::domain::dossier::Dossier;
use crate::domain::ids::{AccountId, AccountKey};
use crate::domain::offer::{Listing, Offer, Sheet};
use crate::domain::operator::{Operator, Role};
use crate::domain::outcome::Code;
use crate::domain::plan::Stop;
use crate::domain::policy::SourcePolicy;
use crate::domain::relation::{Cause, RelationState, Turn};
use crate::domain::world::World;

/// How a customer becomes a reseller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// What it may sell.
    pub offers: OffersOf,
    /// The name of its price list, which becomes its setting; none for that of the reseller whose offers are copied.
    pub price_list: Option<String>,
    /// The distinguished name of its organizational unit.
    pub directory_ou: Option<String>,
    /// Its own login.
    pub login: Login,
}

/// Where the offers of a new reseller come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OffersOf {
    /// Those of the reseller that it was a customer of.
    Former,
    /// Those of this reseller.
    Reseller(AccountKey),
    /// These, by service and plan ([`crate::domain::offer::in_order`]).
    Given(Vec<Offer>),
}

/// The operator that a new reseller signs in as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Its name, which nobody has or had.
    pub name: String,
    /// The SHA-256 of its token.
    pub token_hash: [u8; 32],
    /// Microseconds since 1970 from which the token is refused; none for never.
    pub expires_at: Option<i64>,
}

/// A list of offers as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListChange {
    /// Whose.
    pub account: AccountId,
    /// As it was.
    pub before: Listing,
    /// What it says now.
    pub after: Sheet,
    /// Microseconds since 1970 at which an operator promoted the account; none where none did.
    pub promoted_at: Option<i64>,
    /// Microseconds since 1970.
    pub at: i64,
    /// Why.
    pub cause: Cause,
}

/// What becomes of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperatorChange {
    /// It is new.
    Add {
        /// Who.
        operator: Operator,
        /// The SHA-256 of its token.
        token_hash: [u8; 32],
    },
    /// It sees this account no longer, and others still.
    Leave {
        /// Its name.
        name: String,
        /// What it saw.
        account: AccountId,
    },
    /// Its token is worthless: it saw nothing but this account.
    Revoke {
        /// Its name.
        name: String,
        /// What it saw.
        account: AccountId,
        /// Microseconds since 1970.
        at: i64,
    },
}

/// What an act changes beside accounts, services and users.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// A list of offers.
    pub list: Option<ListChange>,
    /// Operators.
    pub operators: Vec<OperatorChange>,
}

/// What comes of the account's new version and of what belongs to it.
fn planned(
    world: &World,
    policy: &SourcePolicy,
    (before, mut after): (&Account, Account),
    (rights, kept): (Rights, Dossier),
    turn: Turn,
    mut notes: Vec<Cow<'static, str>>,
) -> Result<PlannedAct, Stop> {
    hold(before, &mut after);
    let passed = follow_partner(world, policy, Some(before), &mut after, turn, &mut notes)?;
    let (acted, change) = finish(world, Some(before), after, passed, turn, notes)?;
    let dossier = (kept != **world.dossier(before.id)?).then(|| Box::new(kept));
    Ok(PlannedAct { change: change.map(Box::new), dossier, rights, ..PlannedAct::idle(Some(before.id), acted) })
}

/// Plans a customer's way to a reseller.
pub(super) fn promote(
    world: &World,
    policy: &SourcePolicy,
    act: &Act,
    promotion: &Promotion,
    turn: Turn,
) -> Result<PlannedAct, Stop> {
    let before = living(world, &act.account)?;
    let mut notes = Vec::new();
    if before.kind == AccountKind::Reseller {
        return refuse(Code::RuleBroken, "This account is a reseller already.");
    }
    if before.standing != Standing::Enabled {
        let why = format!("This account is {}. Enable it first, then promote it.", before.standing.as_str());
        return refuse(Code::RuleBroken, why);
    }
    let login = &promotion.login;
    if world.operator_taken(&login.name)? {
        let why = format!("There is or was an operator {}; names are never given twice, choose another.", login.name);
        return refuse(Code::Conflict, why);
    }
    let from = match &promotion.offers {
        OffersOf::Given(_) => None,
        OffersOf::Reseller(from) => Some(seller(world, from)?),
        OffersOf::Former => former(before),
    };
    let mut kept = Dossier::clone(world.dossier(before.id)?);
    let offers = match (&promotion.offers, from) {
        (OffersOf::Given(offers), _) => offers.clone(),
        (_, Some(from)) => {
            // The offers are those of a price list, and go by its name, where it has one.
            let named = &world.dossier(from)?.settings.price_list;
            if !named.is_empty() {
                kept.settings.price_list.clone_from(named);
            }
            world.listing(from)?.seller.offers.list.clone()
        }
        (_, None) => {
            notes.push(Cow::Borrowed("it had no reseller whose offers could be copied; say what it may sell"));
            Vec::new()
        }
    };
    if let Some(name) = &promotion.price_list {
        kept.settings.price_list.clone_from(name);
    }
    let list = ListChange {
        account: before.id,
        before: world.listing(before.id)?.clone(),
        // Each reseller has a unit of its own.
        after: Sheet { offers, directory_ou: promotion.directory_ou.clone() },
        promoted_at: Some(turn.learned_at),
        at: turn.learned_at,
        cause: turn.cause,
    };
    let operator = Operator {
        name: login.name.clone(),
        role: Role::ResellerAdmin,
        resellers: vec![before.id],
        created_at: turn.learned_at,
        expires_at: login.expires_at,
        revoked_at: None,
    };
    let after = set_kind(before, AccountKind::Reseller)?;
    let operators = vec![OperatorChange::Add { operator, token_hash: login.token_hash }];
    let rights = Rights { list: Some(list), operators };
    planned(world, policy, (before, after), (rights, kept), turn, notes)
}

/// The reseller whose offers are copied.
fn seller(world: &World, key: &AccountKey) -> Result<AccountId, Stop> {
    match world.reference(key)? {
        None => refuse(Code::UnknownAccount, "The reseller whose offers are to be copied is not known."),
        Some(found) if found.kind != AccountKind::Reseller => {
            refuse(Code::RuleBroken, "The account whose offers are to be copied is no reseller. Name another.")
        }
        Some(found) if found.status != AccountStatus::Active => {
            refuse(Code::Conflict, "The reseller whose offers are to be copied is deleted. Name another.")
        }
        Some(found) => Ok(found.id),
    }
}

/// The reseller of a customer: the platform's, or else the account of its partner.
fn former(account: &Account) -> Option<AccountId> {
    // Where the source sends no resellers, the one that is named never comes.
    match account.reseller.as_ref().filter(|relation| relation.state != RelationState::Unprovisioned) {
        Some(relation) => relation.reseller_account,
        None => account.partner.as_ref().and_then(|relation| relation.reseller_account),
    }
}

/// Plans a reseller's way back to a customer, of this reseller or of nobody.
pub(super) fn demote(
    world: &World,
    policy: &SourcePolicy,
    act: &Act,
    reseller: Option<&AccountKey>,
    turn: Turn,
) -> Result<PlannedAct, Stop> {
    let before = living(world, &act.account)?;
    let mut notes = Vec::new();
    if before.kind != AccountKind::Reseller {
        return refuse(Code::RuleBroken, "This account is no reseller; there is nothing to take back.");
    }
    let direct = set_kind(before, AccountKind::DirectCustomer)?;
    let mut after = assign(world, &direct, reseller, turn)?;
    if after.standing == Standing::Frozen {
        // Which says that no new customers come to it.
        after.standing = Standing::Enabled;
        notes.push(Cow::Borrowed("it is frozen no longer, since it is no reseller"));
    }
    let held = world.listing(before.id)?;
    let blank = held.sheet() == Sheet::default() && held.promoted_at.is_none();
    let list = (!blank).then(|| ListChange {
        account: before.id,
        before: held.clone(),
        after: Sheet::default(),
        promoted_at: None,
        at: turn.learned_at,
        cause: turn.cause,
    });
    let mut operators = Vec::new();
    for operator in world.operators_of(before.id)? {
        let name = operator.name.clone();
        if operator.resellers.iter().all(|one| *one == before.id) {
            notes.push(Cow::Owned(format!("operator {name} is revoked, since it had no other reseller")));
            operators.push(OperatorChange::Revoke { name, account: before.id, at: turn.learned_at });
        } else {
            notes.push(Cow::Owned(format!("operator {name} sees this account no longer")));
            operators.push(OperatorChange::Leave { name, account: before.id });
        }
    }
    let mut kept = Dossier::clone(world.dossier(before.id)?);
    let sold_by = std::mem::take(&mut kept.settings.price_list);
    if !sold_by.is_empty() {
        notes.push(Cow::Owned(format!("the price list {sold_by} is its no longer")));
    }
    planned(world, policy, (before, after), (Rights { list, operators }, kept), turn, notes)
}
