//! What the planner asks for, and what comes back in part.

use std::sync::Arc;

use crate::domain::account::{Account, AccountKind, AccountStatus, Standing};
use crate::domain::call::Endpoint;
use crate::domain::ids::{AccountId, AccountKey, DeliveryId, ExternalId, Scope, ServiceId, SourceId, UserId};
use crate::domain::outcome::{Answer, Outcome};

/// As much of an account as others need who only name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Which account.
    pub key: AccountKey,
    /// Our id.
    pub id: AccountId,
    /// The vendor's ID.
    pub external_id: ExternalId,
    /// What it is.
    pub kind: AccountKind,
    /// Alive or ended.
    pub status: AccountStatus,
    /// What it may do.
    pub standing: Standing,
}

impl From<&Account> for Reference {
    fn from(account: &Account) -> Self {
        Self {
            key: account.key.clone(),
            id: account.id,
            external_id: account.external_id.clone(),
            kind: account.kind,
            status: account.status,
            standing: account.standing,
        }
    }
}

/// What is remembered of a signed id: the delivery that it came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// The delivery that answered it.
    pub delivery: DeliveryId,
    /// The delivery that carries that one's body.
    pub body_of: DeliveryId,
    /// Source and tenant.
    pub scope: Scope,
    /// Where it came in.
    pub endpoint: Endpoint,
    /// SHA-256 of the redacted body.
    pub content: [u8; 32],
    /// What became of it.
    pub outcome: Outcome,
    /// What was answered.
    pub answer: Answer,
    /// The account.
    pub account: Option<AccountId>,
}

/// The name of a reseller, by which its customers are looked up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ResellerName {
    /// Which account it is or would be.
    pub key: AccountKey,
    /// Our id; none for an account that is about to be made.
    pub id: Option<AccountId>,
    /// The vendor's ID.
    pub external_id: ExternalId,
}

/// How a call names the reseller of its account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NamedReseller {
    /// The account that the call is about.
    pub customer: AccountKey,
    /// By its platform ID.
    pub reseller: AccountKey,
    /// By its ExternalID, where that is named, too.
    pub external_id: Option<ExternalId>,
}

impl NamedReseller {
    /// What it takes to find it.
    pub(super) fn needs(&self) -> impl Iterator<Item = Need> {
        let external_id = self.external_id.clone();
        let by_external_id = external_id.map(|id| Need::External(self.customer.scope.clone(), id));
        std::iter::once(Need::Reference(self.reseller.clone())).chain(by_external_id)
    }
}

/// What an account that was made here would say of itself if it were the one that a platform synchronizes for the first
/// time. What is none does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sought {
    /// The platform's source and tenant: it is in that tenant, and neither customer nor reseller of another platform's
    /// accounts.
    pub scope: Scope,
    /// Its ExternalID; one that is deleted may have it, too.
    pub external_id: Option<ExternalId>,
    /// Its code.
    pub code: Option<String>,
    /// Its e-mail address, in lower case as far as ASCII has that.
    pub email: Option<String>,
    /// Its name.
    pub name: Option<String>,
}

/// Something that must be looked up before a call can be planned.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Need {
    /// The whole account, if there is one.
    Account(AccountKey),
    /// As much of an account as those need who name it.
    Reference(AccountKey),
    /// The reseller that a call names, by each of its names, unless its customer has that one already. Foreseen alone: the
    /// planner asks for what it needs of this.
    Reseller(NamedReseller),
    /// The accounts that were made here and say this of themselves.
    Alike(Sought),
    /// Which account was called this before a platform synchronized it.
    Alias(AccountKey),
    /// Who has this ExternalID.
    External(Scope, ExternalId),
    /// The customers related to a reseller, and those whose relation waits for it.
    Customers(ResellerName),
    /// The delivery that this signed id came with.
    Memory(SourceId, Arc<str>),
    /// Which partner of the vendor's registry an ID means.
    Partner(Arc<str>),
    /// The service that is called this: its ExternalID, or else the platform's own ID of it.
    Service(Scope, Arc<str>),
    /// The add-ons of a subscription that are not ended.
    AddOns(ServiceId),
    /// A service that hangs on this account, as it is once that account is kept still. For an order that comes under
    /// another account.
    Kept(ServiceId, AccountId),
    /// The services of an account that are not ended.
    ServicesOf(AccountId),
    /// How many services of an account are not ended. For orders that make one.
    Crowd(AccountId),
    /// A user.
    User(UserId),
    /// The users of an account that are not ended.
    UsersOf(AccountId),
    /// What a reseller may sell.
    Seller(AccountId),
    /// The customers whose reseller this account is, by the platform's or an operator's word.
    CustomersOf(AccountId),
    /// What keeps an account from being moved.
    UnderWay(AccountId),
    /// What an account may sell, with what its price list is called.
    Listing(AccountId),
    /// Whether any operator has or had this name.
    OperatorName(Arc<str>),
    /// The reseller_admins of an account that are not revoked.
    OperatorsOf(AccountId),
    /// What operators keep about an account.
    Dossier(AccountId),
    /// Which accounts have a login of this folded name.
    LoginName(Arc<str>),
    /// The sites and probes of an account that are not ended.
    SitesOf(AccountId),
    /// How an account's pages look.
    Branding(AccountId),
}
