//! A reseller brought to its end: frozen, its customers moved, its partners ended, and a Delete of the platform that was
//! held back for their sake run again. Each step is durable by itself, so the whole may be run again wherever it stopped.

use std::collections::HashMap;

use serde_json::json;
use thiserror::Error;

use super::Reader;
use super::many::{Many, ManyError, Summary, Told};
use crate::config::Config;
use crate::domain::account::{Account, AccountKind, Standing};
use crate::domain::act::{Act, What};
use crate::domain::call::Endpoint;
use crate::domain::ids::{AccountId, AccountKey, PartnerId};
use crate::domain::moves::{Choices, Refusal};
use crate::domain::operator::Visible;
use crate::domain::outcome::{Code, Outcome};
use crate::domain::partner::PartnerStatus;
use crate::domain::relation::Cause;
use crate::ops::partners::import::{self, How, ImportError, ending};
use crate::ops::quarantine::{self, QuarantineError};
use crate::ops::{alone, set};
use crate::store::accounts::{self, AccountFilter};
use crate::store::audit::{self, Entry};
use crate::store::cases::{self, CaseFilter};
use crate::store::partners::list::PartnerFilter;
use crate::store::seen::partners;
use crate::store::{AnyConnection, StoreError};
use crate::wire::moves_list::{BadRow, Row};
use crate::writer::acts::ActList;
use crate::writer::{SubmitError, Writer, now_micros};

/// Customers of one transaction.
const PAGE: i64 = 200;

/// Most partners that are one reseller.
const MAX_PARTNERS: i64 = 1_000;

/// Where customers go.
#[derive(Debug, Clone)]
pub enum Target {
    /// All to one reseller.
    One(AccountKey),
    /// To nobody.
    Nobody,
    /// Each where a list says; who is not in it stays.
    Listed(HashMap<AccountId, (Option<AccountKey>, Choices)>),
}

/// A termination.
pub struct Termination<'a> {
    /// The configuration, whose rules apply.
    pub config: &'a Config,
    /// For reading; given back while something waits for the writer.
    pub reader: Reader<'a>,
    /// Does it; none to only look at it.
    pub writer: Option<&'a Writer>,
    /// The reseller.
    pub reseller: &'a Account,
    /// Where its customers go.
    pub target: &'a Target,
    /// Who ends it.
    pub entry: Entry,
    /// Why.
    pub reason: Option<String>,
}

/// What became of the platform's Delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deleted {
    /// It is deleted already.
    Already,
    /// None has come: the platform has yet to send it.
    NotSent,
    /// One waits in the quarantine; it is run again when nobody is left.
    Waits,
    /// One had waited and is done now.
    Done,
    /// One had waited and is refused again, with this message.
    Refused(String),
}

impl Deleted {
    /// Its name in output and API.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Already => "already",
            Self::NotSent => "not_sent",
            Self::Waits => "waits",
            Self::Done => "done",
            Self::Refused(_) => "refused",
        }
    }
}

/// What a termination came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How many customers came to what.
    pub customers: Summary,
    /// How many customers it still has; in a preview, how many it would have.
    pub left: u64,
    /// Whether it takes no new customers.
    pub frozen: bool,
    /// The partners that ended with it, or would.
    pub partners: Vec<PartnerId>,
    /// The platform's Delete.
    pub delete: Deleted,
}

impl Report {
    /// Whether nothing is left to do here.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.left == 0 && !matches!(self.delete, Deleted::Refused(_))
    }
}

/// Why a termination does not go on. What was done stays, and running it again does the rest.
#[derive(Debug, Error)]
pub enum TerminateError {
    /// A rule is against it.
    #[error("{} ({})", .0.message, .0.code.number())]
    Refused(Refusal),
    /// The moves broke off.
    #[error(transparent)]
    Moves(#[from] ManyError),
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The writer could not go on.
    #[error("the termination stopped: {0}; run it again, and it does the rest")]
    Write(#[from] SubmitError),
    /// Its partners could not be ended.
    #[error(transparent)]
    Partners(#[from] ImportError),
    /// The Delete cannot be run again.
    #[error(transparent)]
    Delete(#[from] QuarantineError),
}

fn refuse<T>(code: Code, message: &str) -> Result<T, TerminateError> {
    Err(TerminateError::Refused(Refusal { code, message: message.to_owned() }))
}

impl Termination<'_> {
    /// Does it, or looks at it, and tells what becomes of each customer.
    ///
    /// # Errors
    /// [`TerminateError`].
    pub fn run(mut self, tell: &mut dyn FnMut(&Told) -> std::io::Result<()>) -> Result<Report, TerminateError> {
        let living = self.reseller.is_active();
        if living && self.reseller.kind != AccountKind::Reseller {
            return refuse(Code::RuleBroken, "The account is no reseller, so there is nothing to terminate.");
        }
        if let Target::One(to) = self.target
            && *to == self.reseller.key
        {
            return refuse(Code::RuleBroken, "The customers are this reseller's already. Name another one.");
        }
        let frozen = living && self.freeze()?;
        let customers = if living { self.move_all(tell)? } else { Summary::default() };
        let left = match self.writer {
            Some(_) => self.left()?,
            None => customers.refused + customers.unchanged,
        };
        let partners = self.partners()?;
        if left == 0 {
            self.end(&partners)?;
        }
        let delete = self.delete(living, left)?;
        Ok(Report { customers, left, frozen, partners, delete })
    }

    fn freeze(&mut self) -> Result<bool, TerminateError> {
        let Some(writer) = self.writer else { return Ok(self.reseller.standing == Standing::Frozen) };
        if matches!(self.reseller.standing, Standing::Disabled | Standing::Fraud) {
            // Frozen says less: orders would be taken again.
            return Ok(false);
        }
        let entry = Entry { action: "accounts.terminate".to_owned(), ..self.entry.clone() };
        let act = Act::new(self.reseller.key.clone(), now_micros(), Cause::Move, What::SetStanding(Standing::Frozen));
        let policies = alone::policies(self.config);
        let list = ActList { acts: vec![act], policies, all_or_nothing: true, entry };
        self.reader.give_back();
        let outcomes = writer.acts_blocking(list)?;
        match set::changed(&outcomes) {
            Ok(_) => Ok(true),
            Err(set::SetError::Refused(code, message)) => Err(TerminateError::Refused(Refusal { code, message })),
            Err(set::SetError::Usage(why)) => refuse(Code::RuleBroken, why),
        }
    }

    /// A page of its customers behind `after`, and where the next one begins.
    fn page(&mut self, after: Option<AccountId>) -> Result<(Vec<Account>, Option<AccountId>), StoreError> {
        let filter = AccountFilter { reseller: Some(self.reseller.id), ..AccountFilter::default() };
        let page = accounts::list(self.reader.get()?, &filter, after, PAGE)?;
        let last = page.last().map(|listed| listed.account.id);
        // Who is only its partner's customer has its own end of that.
        let theirs = |account: &Account| {
            account.reseller.as_ref().is_some_and(|held| held.reseller_account == Some(self.reseller.id))
        };
        Ok((page.into_iter().map(|listed| listed.account).filter(theirs).collect(), last))
    }

    fn move_all(&mut self, tell: &mut dyn FnMut(&Told) -> std::io::Result<()>) -> Result<Summary, TerminateError> {
        let mut summary = Summary::default();
        let mut after = None;
        loop {
            let (customers, last) = self.page(after)?;
            if last.is_none() {
                return Ok(summary);
            }
            after = last;
            let first = summary.rows;
            let mut keys: HashMap<String, AccountKey> = HashMap::new();
            let mut rows = Vec::with_capacity(customers.len());
            for (at, customer) in customers.into_iter().enumerate() {
                let (line, name) = (first + at as u64 + 1, customer.id.to_string());
                keys.insert(name.clone(), customer.key);
                rows.push(self.row(line, name, customer.id, &mut keys));
            }
            let mut resolve = |_: &mut AnyConnection, name: &str| {
                let unknown = || Refusal { code: Code::UnknownAccount, message: "The account is gone.".to_owned() };
                Ok(keys.get(name).cloned().ok_or_else(unknown))
            };
            let many = Many {
                resolve: &mut resolve,
                reader: self.reader.part(),
                writer: self.writer,
                policies: alone::policies(self.config),
                all_or_nothing: false,
                entry: Entry { action: "moves.batch".to_owned(), at: now_micros(), ..self.entry.clone() },
                reason: self.reason.clone(),
                within: None,
            };
            let part = many.run(rows.into_iter(), tell)?;
            summary.rows += part.rows;
            summary.moved += part.moved;
            summary.unchanged += part.unchanged;
            summary.refused += part.refused;
        }
    }

    fn row(
        &self,
        line: u64,
        customer: String,
        id: AccountId,
        keys: &mut HashMap<String, AccountKey>,
    ) -> Result<Row, BadRow> {
        let (to, choices) = match self.target {
            Target::One(to) => (Some(to.clone()), Choices::default()),
            Target::Nobody => (None, Choices::default()),
            Target::Listed(list) => match list.get(&id) {
                Some((to, choices)) => (to.clone(), choices.clone()),
                None => {
                    let reason = "The list says nothing of this customer, so it stays. Add a row for it.".to_owned();
                    return Err(BadRow { line, customer, reason });
                }
            },
        };
        let reseller = to.map(|key| {
            let name = format!("{}//{}//{}", key.scope.source, key.scope.tenant.as_str(), key.platform_id);
            keys.insert(name.clone(), key);
            name
        });
        Ok(Row { line, customer, reseller, choices })
    }

    fn left(&mut self) -> Result<u64, StoreError> {
        let (mut left, mut after) = (0, None);
        loop {
            let (customers, last) = self.page(after)?;
            left += customers.len() as u64;
            match last {
                None => return Ok(left),
                last => after = last,
            }
        }
    }

    /// The partners that are this reseller and have not ended.
    fn partners(&mut self) -> Result<Vec<PartnerId>, StoreError> {
        let see = Visible::Resellers(vec![self.reseller.id]);
        let (found, _) = partners::list(self.reader.get()?, &see, &PartnerFilter::default(), None, MAX_PARTNERS)?;
        let living =
            |listed: &partners::Listed| listed.stored.partner.standing.at(self.entry.at) != PartnerStatus::Ended;
        Ok(found.into_iter().filter(living).map(|listed| listed.stored.partner.id).collect())
    }

    fn end(&mut self, ids: &[PartnerId]) -> Result<(), TerminateError> {
        let Some(writer) = self.writer.filter(|_| !ids.is_empty()) else { return Ok(()) };
        let now = now_micros();
        let rows = ids.iter().map(|id| Ok(ending(id.clone(), now))).collect();
        let entry = Entry { action: "partners.end".to_owned(), at: now, ..self.entry.clone() };
        self.reader.give_back();
        let report = import::run(writer, rows, How { replace: false, dry_run: false }, &entry, &|_| {})?;
        match report.bad.first() {
            None => Ok(()),
            Some(bad) => refuse(Code::Conflict, &format!("Partner {} is not ended: {}.", bad.partner_id, bad.reason)),
        }
    }

    /// Runs a Delete again that was held back.
    fn delete(&mut self, living: bool, left: u64) -> Result<Deleted, TerminateError> {
        if !living {
            return Ok(Deleted::Already);
        }
        let key = &self.reseller.key;
        let filter = CaseFilter {
            open: Some(true),
            source: Some(key.scope.source.to_string()),
            tenant: Some(key.scope.tenant.as_str().to_owned()),
            platform_id: Some(key.platform_id.to_string()),
            codes: vec![Code::Conflict.number()],
        };
        let waiting = cases::list(self.reader.get()?, &filter, None, 100)?;
        let Some(case) = waiting.into_iter().rfind(|case| case.key.endpoint == Endpoint::Delete) else {
            return Ok(Deleted::NotSent);
        };
        let Some(writer) = self.writer.filter(|_| left == 0) else { return Ok(Deleted::Waits) };
        let prepared = quarantine::prepare_case(self.config, self.reader.get()?, case, false, now_micros())?;
        let detail = json!({"accept": false}).to_string();
        let said = Entry {
            action: "deliveries.reprocess".to_owned(),
            subject: prepared.original.to_string(),
            detail,
            at: now_micros(),
            ..self.entry.clone()
        };
        self.reader.give_back();
        writer.work_blocking(move |connection| audit::record(connection, &said))?;
        let answered = writer.submit_blocking(prepared.call, prepared.policy)?;
        Ok(match answered.outcome {
            Outcome::Rejected => Deleted::Refused(answered.answer.message),
            _ => Deleted::Done,
        })
    }
}
