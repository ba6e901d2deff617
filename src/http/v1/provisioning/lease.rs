//! Taking items: the vendor's provisioner asks for some, and waits where there are none.

use std::time::{Duration, Instant};

use actix_web::web::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::ids::ItemId;
use crate::domain::operator::Visible;
use crate::domain::provisioning::{MAX_LEASE_SECONDS, TargetKind};
use crate::http::v1::Answered;
use crate::http::v1::change::body;
use crate::http::v1::operator::Operator;
use crate::http::v1::problem::{Problem, ProblemBody};
use crate::http::v1::query::Params;
use crate::http::v1::respond::{self, PageBody};
use crate::ops::{provisioning as ops, shown};
use crate::store::provisioning::{self as store, Leased, Taking};
use crate::store::seen::provisioning as seen;
use crate::wire::provisioning::LeasedView;
use crate::writer::now_micros;

/// Most items taken at once: they are written in one transaction, which calls wait behind.
const MAX_TAKEN: u32 = 200;

/// Items taken by who does not say how many.
const USUAL: u32 = 10;

/// Longest name of a worker, in characters.
const MAX_WORKER: usize = 128;

/// Longest wait, in seconds.
const MAX_WAIT: u64 = 30;

/// How long who waits in vain rests before it looks again: others' changes wake it as often as they are stored.
const REST: Duration = Duration::from_millis(250);

/// Most pieces in which a call has what is not to be done given up; the next call goes on.
const PIECES: usize = 20;

/// Longest time between two looks, since the clocks of receivers may differ.
const LOOK: Duration = Duration::from_secs(5);

/// Who takes how many items, and for how long.
#[derive(Debug, Default, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LeaseBody {
    /// Who works on them, as it is to be shown: 1 to 128 characters.
    pub worker: String,
    /// 1 to 200, 10 by default.
    pub limit: Option<u32>,
    /// For how long, in seconds: 1 to 86400; `lease_seconds` of the configuration by default.
    pub seconds: Option<i64>,
    /// Of these kinds: directory, service, user; all by default.
    pub kinds: Option<Vec<String>>,
    /// These items alone, such as one that an event told of.
    pub items: Option<Vec<String>>,
    /// Seconds to wait where there is nothing yet: 0 to 30, 0 by default.
    pub wait: u64,
}

fn bad(why: &str) -> Problem {
    Problem::BadRequest(format!("The body is not as it must be: {why}."))
}

impl LeaseBody {
    /// What is asked for, with a fresh lease for each item.
    fn taking(&self, usual_seconds: i64) -> Result<Taking, Problem> {
        let worker = self.worker.trim();
        if worker.is_empty() || worker.chars().count() > MAX_WORKER || worker.chars().any(char::is_control) {
            return Err(bad("`worker` says who works on the items, in 1 to 128 characters"));
        }
        let limit = self.limit.unwrap_or(USUAL);
        if !(1..=MAX_TAKEN).contains(&limit) {
            return Err(bad("`limit` is 1 to 200"));
        }
        let seconds = self.seconds.unwrap_or(usual_seconds);
        if !(1..=MAX_LEASE_SECONDS).contains(&seconds) {
            return Err(bad("`seconds` is 1 to 86400"));
        }
        if self.wait > MAX_WAIT {
            return Err(bad("`wait` is 0 to 30"));
        }
        let mut kinds = match &self.kinds {
            None => TargetKind::ALL.to_vec(),
            Some(names) => names
                .iter()
                .map(|name| TargetKind::parse(name))
                .collect::<Option<Vec<_>>>()
                .filter(|kinds| !kinds.is_empty())
                .ok_or_else(|| bad("`kinds` is a list of directory, service and user"))?,
        };
        kinds.sort_unstable();
        kinds.dedup();
        let items = self.items.as_deref().unwrap_or_default();
        if self.items.is_some() && items.is_empty() || items.len() > MAX_TAKEN as usize {
            return Err(bad("`items` is a list of 1 to 200 ids"));
        }
        let items = items.iter().map(|id| ItemId::parse(id)).collect::<Option<Vec<_>>>();
        Ok(Taking {
            worker: worker.to_owned(),
            leases: (0..limit).map(|_| Uuid::new_v4().simple().to_string()).collect(),
            seconds,
            kinds,
            items: items.ok_or_else(|| bad("`items` is a list of ids of items"))?,
            at: 0,
        })
    }
}

/// Take items
///
/// Each with a lease of its own, the oldest first; the directory's item of a request before its others. Whoever takes one
/// reports under its lease before that runs out. For provider_admin and provisioner.
#[utoipa::path(
    post,
    path = "/v1/provisioning-requests/lease",
    tag = "v1",
    request_body = LeaseBody,
    responses(
        (status = 200, description = "The items; none where nothing may be taken now. `next` is always null: ask again.", body = PageBody<LeasedView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many wait already.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn take(mut operator: Operator, request: HttpRequest, mut payload: Payload) -> Answered {
    let began = Instant::now();
    operator.require_provisioning()?;
    Params::of(&request)?.end()?;
    let asked: LeaseBody = body(&operator, &request, &mut payload).await?;
    let rules = operator.state.config.provisioning;
    let taking = asked.taking(rules.lease_seconds)?;
    let deadline = began + Duration::from_secs(asked.wait);
    let feed = operator.state.writer.feed().clone();
    let mut place = None;
    loop {
        let end = feed.end();
        let kinds = taking.kinds.clone();
        // Who asks in vain, again and again, troubles no writer.
        let is_any = operator.read(move |connection, _| Ok(store::is_any(connection, &kinds, now_micros())?)).await?;
        if is_any {
            // What stands before the rest and is not to be done is given up in pieces, between which others have their turn.
            for _ in 0..PIECES {
                let taking = Taking { at: now_micros(), ..taking.clone() };
                let work = operator.state.writer.work(move |connection| ops::lease(connection, &taking, &rules));
                let (leased, unseen) = work.await?;
                if !leased.is_empty() {
                    operator.state.metrics.provisioning_leased(leased.len());
                    return taken(&operator, leased).await;
                }
                if !unseen {
                    break;
                }
            }
        }
        if Instant::now() >= deadline || feed.is_closed() {
            return respond::page::<LeasedView>(Vec::new(), None);
        }
        let again = place.is_some();
        let place = match &mut place {
            Some(place) => place,
            none => none.insert(feed.place(&operator.name).ok_or(Problem::TooManyWait)?),
        };
        if again {
            tokio::time::sleep_until((Instant::now() + REST).min(deadline).into()).await;
        }
        place.beyond(end, (Instant::now() + LOOK).min(deadline)).await;
        // Its token may have been revoked, or its role changed.
        operator = Operator::extract(&request).await?;
        operator.require_provisioning()?;
    }
}

async fn taken(operator: &Operator, leased: Vec<Leased>) -> Answered {
    let found = operator.read(move |connection, see| {
        let customers = seen::customers(connection, leased.iter().map(|one| one.item.customer))?;
        let leases: Vec<String> = leased.iter().map(|one| one.lease.clone()).collect();
        let items = seen::named(connection, see, leased.into_iter().map(|one| one.item).collect())?;
        Ok((customers, leases, items))
    });
    let (customers, leases, items) = found.await?;
    let view = |(lease, listed): (String, &seen::ListedItem)| {
        let account = customers.get(&listed.item.customer).map(shown::provisioned_customer)?;
        let (attempt, whole) = (listed.item.attempts, operator.visible == Visible::All);
        Some(LeasedView { lease, attempt, account, item: shown::provisioning_item(listed, whole) })
    };
    respond::page(leases.into_iter().zip(&items).filter_map(view).collect(), None)
}
