//! What is to be known before the first call is sent.

use std::collections::HashSet;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::ReplayError;
use super::input::Inputs;
use super::line::Receiver;
use super::only::Only;
use crate::wire::named::Named;

/// How long the receiver may take to accept the first connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Accounts that [`overview`] counts one by one.
const MAX_COUNTED: usize = 1_000_000;

/// Whether somebody listens where the receiver should be.
///
/// # Errors
/// [`ReplayError::Unreachable`] with the reason.
pub fn reach(receiver: &Receiver) -> Result<(), ReplayError> {
    let (host, port) = receiver.socket();
    let unreachable = |why: String| ReplayError::Unreachable(format!("cannot reach {host} port {port}: {why}"));
    let addresses = (host, port).to_socket_addrs().map_err(|error| unreachable(error.to_string()))?;
    let mut why = "it has no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(_) => return Ok(()),
            Err(error) => why = error.to_string(),
        }
    }
    Err(unreachable(why))
}

/// What a replay as new calls would write.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Overview {
    /// Calls that would change something.
    pub calls: u64,
    /// Accounts that they are about.
    pub accounts: usize,
    /// Whether there are more accounts than were counted.
    pub more: bool,
}

/// Counts what would be written.
///
/// # Errors
/// [`ReplayError`] when the inputs cannot be read.
pub fn overview(inputs: &Inputs, only: &[Only]) -> Result<Overview, ReplayError> {
    let mut overview = Overview::default();
    let mut accounts = HashSet::new();
    for call in inputs.calls() {
        let call = call?;
        let named = Named::of(call.body.as_deref().unwrap_or_default());
        let writes = !call.check_only && call.endpoint.writes();
        if !writes || call.body.is_none() || !only.iter().all(|only| only.meets(&call, &named)) {
            continue;
        }
        overview.calls += 1;
        let Some(id) = named.id else { continue };
        let account = (call.tenant, id);
        if accounts.len() < MAX_COUNTED {
            accounts.insert(account);
        } else {
            overview.more |= !accounts.contains(&account);
        }
    }
    overview.accounts = accounts.len();
    Ok(overview)
}
