//! Who calls /v1: the extractor that every handler begins with.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, CONTENT_LENGTH};
use actix_web::web::{self, Data};
use actix_web::{FromRequest, HttpRequest};

use super::MAX_BODY;
use super::problem::Problem;
use crate::auth::token::{self, TokenHash};
use crate::domain::act::ActOutcome;
use crate::domain::ids::AccountId;
use crate::domain::operator::{Role, Visible};
use crate::http::state::State;
use crate::store::pool::{self, Pool};
use crate::store::{AnyConnection, operators};
use crate::writer::acts::ActList;
use crate::writer::{SubmitError, now_micros};

/// The operator of a call, let in by its token.
#[derive(Clone)]
pub struct Operator {
    /// Its name, for the audit trail.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// What it sees; goes into every query.
    pub visible: Visible,
    /// Where the call comes from: the peer's address. Behind a proxy that is the proxy's; headers could say anything.
    pub remote: String,
    /// Microseconds since 1970 from which the token is refused.
    pub expires_at: Option<i64>,
    pub(in crate::http) state: Data<State>,
}

impl Operator {
    /// Lets only provider_admin go on.
    ///
    /// # Errors
    /// [`Problem::Forbidden`] for the others.
    pub fn require_provider(&self) -> Result<(), Problem> {
        match self.role {
            Role::ProviderAdmin => Ok(()),
            Role::Viewer | Role::Provisioner | Role::ResellerAdmin => Err(Problem::Forbidden),
        }
    }

    /// Lets go on who sees everything: what belongs to no reseller is not for a reseller_admin.
    ///
    /// # Errors
    /// [`Problem::Forbidden`] for a reseller_admin.
    pub fn require_all(&self) -> Result<(), Problem> {
        match self.role {
            Role::Viewer | Role::Provisioner | Role::ProviderAdmin => Ok(()),
            Role::ResellerAdmin => Err(Problem::Forbidden),
        }
    }

    /// Lets go on who may change what it sees.
    ///
    /// # Errors
    /// [`Problem::Forbidden`] for a viewer.
    pub fn require_change(&self) -> Result<(), Problem> {
        match self.role {
            Role::ResellerAdmin | Role::ProviderAdmin => Ok(()),
            Role::Viewer | Role::Provisioner => Err(Problem::Forbidden),
        }
    }

    /// Lets go on who takes and reports items of provisioning.
    ///
    /// # Errors
    /// [`Problem::Forbidden`] for the others.
    pub fn require_provisioning(&self) -> Result<(), Problem> {
        match self.role {
            Role::Provisioner | Role::ProviderAdmin => Ok(()),
            Role::Viewer | Role::ResellerAdmin => Err(Problem::Forbidden),
        }
    }

    /// The resellers that this operator's acts must stay within; none for who sees everything.
    #[must_use]
    pub fn within(&self) -> Option<Arc<[AccountId]>> {
        match &self.visible {
            Visible::All => None,
            Visible::Resellers(own) => Some(own.as_slice().into()),
        }
    }

    /// Has a list of acts done in one transaction. Each is refused if its accounts are not among what this operator sees
    /// by then: they may have gone elsewhere since they were looked up.
    ///
    /// # Errors
    /// [`SubmitError`]; nothing is done then, or, where the database took its answer with it, all of it.
    pub async fn acts(&self, mut list: ActList) -> Result<Vec<ActOutcome>, SubmitError> {
        let within = self.within();
        list.acts = list.acts.into_iter().map(|act| act.within(within.clone())).collect();
        self.state.writer.acts(list).await
    }

    /// Reads from the database on a thread that may block, with what this operator sees at hand.
    ///
    /// # Errors
    /// What `work` fails with, or [`Problem`] when no connection is to be had.
    pub async fn read<T, F>(&self, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&mut AnyConnection, &Visible) -> Result<T, Problem> + Send + 'static,
    {
        let visible = self.visible.clone();
        read(&self.state, move |connection| work(connection, &visible)).await
    }
}

impl Operator {
    /// Does what takes long on a thread that may block, with the pool, from which it takes a connection when it reads.
    ///
    /// # Errors
    /// What `work` fails with.
    pub async fn run<T, F>(&self, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&Pool, &Visible) -> Result<T, Problem> + Send + 'static,
    {
        let (pool, visible) = (self.state.pool.clone(), self.visible.clone());
        web::block(move || work(&pool, &visible)).await.map_err(|_| Problem::Internal)?
    }
}

async fn read<T, F>(state: &Data<State>, work: F) -> Result<T, Problem>
where
    T: Send + 'static,
    F: FnOnce(&mut AnyConnection) -> Result<T, Problem> + Send + 'static,
{
    let pool = state.pool.clone();
    let done = web::block(move || {
        let mut connection = pool::get(&pool)?;
        work(&mut connection)
    });
    done.await.map_err(|_| Problem::Internal)?
}

/// The one header of a call that carries credentials; two say two things.
#[must_use]
pub fn authorization(request: &HttpRequest) -> Option<&str> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    match (headers.next(), headers.next()) {
        (Some(header), None) => header.to_str().ok(),
        _ => None,
    }
}

/// The operator whose token has this hash, if it is good now.
///
/// # Errors
/// [`Problem::NotAuthenticated`] for one that is not, and for none.
pub async fn of_token(request: &HttpRequest, hash: Option<TokenHash>) -> Result<Operator, Problem> {
    let state = request.app_data::<Data<State>>().cloned().ok_or(Problem::Internal)?;
    let remote = request.peer_addr().map_or_else(|| "-".to_owned(), |peer| peer.ip().to_string());
    let hash = hash.ok_or(Problem::NotAuthenticated)?;
    let found = read(&state, move |connection| operators::by_token(connection, hash.as_bytes()).map_err(Problem::from));
    let operator = match found.await? {
        Some(operator) if operator.is_good(now_micros()) => operator,
        // Somebody still uses a token that was taken away: worth knowing, unlike noise that never was one.
        Some(operator) => {
            log::info!("a token of {} that is expired or revoked was refused, from {remote}", operator.name);
            return Err(Problem::NotAuthenticated);
        }
        None => return Err(Problem::NotAuthenticated),
    };
    Ok(Operator {
        role: operator.role,
        visible: operator.visible(),
        expires_at: operator.expires_at,
        name: operator.name,
        remote,
        state,
    })
}

/// Finds who calls /v1.
async fn authenticate(request: HttpRequest) -> Result<Operator, Problem> {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    // A list is read as a stream, with a bound of its own.
    let is_list = request.method() == Method::POST && request.path() == "/v1/reconciliations";
    if !is_list && length.is_some_and(|length| length > MAX_BODY) {
        return Err(Problem::BodyTooLarge);
    }
    let hash = authorization(&request).and_then(token::bearer).and_then(TokenHash::of);
    of_token(&request, hash).await
}

impl FromRequest for Operator {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Box::pin(authenticate(request.clone()))
    }
}
