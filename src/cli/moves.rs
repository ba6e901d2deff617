//! `tiersync moves …`: moves that were made, asked for, and come to nothing.

use clap::{Args, Subcommand};
use serde_json::json;

use super::accounts::find;
use super::operator::entry;
use super::output::{Format, Listing, pages};
use super::{CliError, Common};
use crate::domain::ids::{MoveId, ServiceId, UserId};
use crate::domain::moves::{Move, MoveState, Moving, UsersMoving};
use crate::domain::operator::{COMMAND_LINE, Visible};
use crate::ops::{alone, moves};
use crate::store::seen::moves::{MoveFilter, list};
use crate::store::{AnyConnection, moves as kept};
use crate::wire::moves::{LookView, MoveView, UserLookView, choices_of_text};
use crate::writer::acts::ActList;

const PAGE: i64 = 500;

/// What a list of moves shows.
pub(super) const COLUMNS: [&str; 9] =
    ["id", "at", "customer", "from", "to", "state", "requested_by", "decided_by", "provisioning_request"];

/// What to do with moves.
#[derive(Debug, Subcommand)]
pub(super) enum Moves {
    /// List moves, newest first
    List(List),
    /// Show one move
    Show(Show),
    /// Accept a move that one side asked for
    Accept(Accept),
    /// Decline a move that one side asked for
    Decline(End),
    /// Take back a request for a move
    Withdraw(End),
    /// Move users from one customer to another
    Users(Users),
}

/// Which moves.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Of this customer, by any of its names
    #[arg(long)]
    customer: Option<String>,
    /// From or to this reseller, by any of its names
    #[arg(long)]
    reseller: Option<String>,
    /// requested, done, declined or withdrawn
    #[arg(long, value_parser = state)]
    state: Option<MoveState>,
    /// At most so many
    #[arg(long)]
    limit: Option<usize>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// One move.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Its id
    #[arg(value_parser = id)]
    id: MoveId,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

/// A request that is accepted.
#[derive(Debug, Args)]
pub(super) struct Accept {
    /// Its id
    #[arg(value_parser = id)]
    id: MoveId,
    /// What is chosen where plans differ, as for `tiersync move` [default: what was chosen with the request]
    #[arg(long, value_name = "CHOICE")]
    plan: Vec<String>,
    /// The new location of every service that may run there
    #[arg(long)]
    location: Option<String>,
    /// Only looks at it
    #[arg(long)]
    preview: bool,
    /// Why; kept with the move
    #[arg(long, value_name = "TEXT", value_parser = super::set::reason)]
    reason: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// A request that comes to nothing.
#[derive(Debug, Args)]
pub(super) struct End {
    /// Its id
    #[arg(value_parser = id)]
    id: MoveId,
    /// Why; kept with the move, and read by the other side
    #[arg(long, value_name = "TEXT", value_parser = super::set::reason)]
    reason: String,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Users that go elsewhere.
#[derive(Debug, Args)]
pub(super) struct Users {
    /// The customer that they leave, by any of its names
    #[arg(long)]
    from: String,
    /// The customer that they come to, by any of its names
    #[arg(long)]
    to: String,
    /// Their ids
    #[arg(required = true, value_parser = user)]
    users: Vec<UserId>,
    /// Which service becomes which, where the other customer has several that it could be: ID=ID
    #[arg(long, value_name = "ID=ID", value_parser = pair)]
    service: Vec<(ServiceId, ServiceId)>,
    /// Only looks at it
    #[arg(long)]
    preview: bool,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = super::set::reason)]
    reason: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

fn state(text: &str) -> Result<MoveState, String> {
    MoveState::parse(text).ok_or_else(|| "it is none of requested, done, declined and withdrawn".to_owned())
}

fn id(text: &str) -> Result<MoveId, String> {
    MoveId::parse(text).ok_or_else(|| "it is no id of a move; `tiersync moves list` shows them".to_owned())
}

fn user(text: &str) -> Result<UserId, String> {
    UserId::parse(text).ok_or_else(|| "it is no id of a user; `tiersync users list` shows them".to_owned())
}

fn pair(text: &str) -> Result<(ServiceId, ServiceId), String> {
    let read = |text: &str| ServiceId::parse(text.trim());
    let pair = text.split_once('=').and_then(|(from, to)| Some((read(from)?, read(to)?)));
    pair.ok_or_else(|| "it is no pair of ids of services, such as 0-14=0-22".to_owned())
}

/// Adds a move to a list.
pub(super) fn row(listing: &mut Listing, one: &Move) -> Result<(), CliError> {
    let view = MoveView::new(one, &Visible::All);
    let cells = [
        &*view.id,
        &view.at,
        &view.customer,
        view.from.as_deref().unwrap_or_default(),
        view.to.as_deref().unwrap_or_default(),
        view.state,
        &view.requested_by,
        view.decided_by.as_deref().unwrap_or_default(),
        view.provisioning_request.as_deref().unwrap_or_default(),
    ];
    listing.row(&view, &cells)
}

fn print(format: Format, one: &Move) -> Result<(), CliError> {
    let mut listing = Listing::start(format, &COLUMNS)?;
    row(&mut listing, one)?;
    listing.end()
}

fn found(connection: &mut AnyConnection, id: MoveId) -> Result<Move, CliError> {
    kept::by_id(connection, id)?
        .ok_or_else(|| CliError::Failed(format!("there is no move {id}; see `tiersync moves list`")))
}

/// Does a list of acts with a writer of its own.
fn done(common: &Common, list: ActList) -> Result<Option<MoveId>, CliError> {
    let outcomes = common.acts(list)?;
    Ok(moves::settled(&outcomes)?)
}

impl Moves {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        match self {
            Self::List(list) => list.run(&mut common.open()?),
            Self::Show(show) => print(show.format, &found(&mut common.open()?, show.id)?),
            Self::Accept(accept) => accept.run(common),
            Self::Decline(end) => end.run(common, MoveState::Declined, "moves.decline"),
            Self::Withdraw(end) => end.run(common, MoveState::Withdrawn, "moves.withdraw"),
            Self::Users(users) => users.run(common),
        }
    }
}

impl List {
    fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        let mut id = |name: Option<&str>| -> Result<_, CliError> {
            name.map(|name| Ok(find(connection, name, None, None)?.account.id)).transpose()
        };
        let filter = MoveFilter {
            customer: id(self.customer.as_deref())?,
            reseller: id(self.reseller.as_deref())?,
            state: self.state,
        };
        let page = |after| {
            let page = list(connection, &Visible::All, &filter, after, PAGE)?;
            Ok((page.items, page.next))
        };
        pages((self.format, self.limit), &COLUMNS, page, row)
    }
}

impl Accept {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let config = common.load()?;
        let mut connection = common.open()?;
        let one = found(&mut connection, self.id)?;
        if one.state != MoveState::Requested {
            return Err(CliError::Failed(format!("this move is {} already", one.state.as_str())));
        }
        let account = |connection: &mut AnyConnection, id: crate::domain::ids::AccountId| {
            Ok::<_, CliError>(find(connection, &id.to_string(), None, None)?.account)
        };
        let customer = account(&mut connection, one.customer)?;
        let reseller = one.to.map(|id| account(&mut connection, id)).transpose()?;
        let mut chosen = choices_of_text(&self.plan.join(";"), self.location.as_deref())
            .map_err(|why| CliError::Usage(format!("--plan: {why}")))?;
        if self.plan.is_empty() && self.location.is_none() {
            chosen = one.choices.clone();
        }
        let mut moving = Moving {
            reseller: reseller.map(|reseller| reseller.key),
            choices: chosen,
            accepts: Some(one.id),
            by: COMMAND_LINE.to_owned(),
            reason: self.reason.clone(),
            ..Moving::default()
        };
        let look = moves::preview(&mut connection, &customer.key, &moving)??;
        if self.preview {
            return super::moving::show(self.format, &look, &LookView::new(&look));
        }
        moving.basis = Some(look.basis());
        let detail = json!({"move": one.id.to_string(), "reason": self.reason});
        let entry = entry("moves.accept", &customer.id.to_string(), &detail);
        done(common, moves::list(customer.key, moving, alone::policies(&config), entry))?;
        print(self.format, &found(&mut connection, self.id)?)
    }
}

impl End {
    fn run(self, common: &Common, state: MoveState, action: &'static str) -> Result<(), CliError> {
        let mut connection = common.open()?;
        let one = found(&mut connection, self.id)?;
        let detail = json!({"move": one.id.to_string(), "reason": self.reason});
        let entry = entry(action, &one.customer.to_string(), &detail);
        let (id, why) = (self.id, self.reason);
        let closed = common.write(move |connection| moves::end(connection, &one, state, Some(&why), &entry))?;
        let now = found(&mut connection, id)?;
        if !closed {
            return Err(CliError::Failed(format!("this move is {} already", now.state.as_str())));
        }
        print(self.format, &now)
    }
}

impl Users {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let config = common.load()?;
        let mut connection = common.open()?;
        let from = find(&mut connection, &self.from, None, None)?.account;
        let to = find(&mut connection, &self.to, None, None)?.account;
        let mut moving = UsersMoving {
            to: to.key,
            users: self.users,
            matches: self.service,
            basis: None,
            reason: self.reason.clone(),
        };
        let look = moves::preview_users(&mut connection, &from.key, &moving)??;
        let refusals = look.all_refusals();
        if !self.preview {
            moving.basis = Some(look.basis);
            let names: Vec<String> = moving.users.iter().map(ToString::to_string).collect();
            let detail = json!({"to": to.id.to_string(), "users": names, "reason": self.reason});
            let entry = entry("moves.users", &from.id.to_string(), &detail);
            done(common, moves::list_users(from.key, moving, alone::policies(&config), entry))?;
        }
        let view = UserLookView::from(&look);
        let columns = ["user", "service", "sold_as", "outcome", "becomes", "candidates"];
        let mut listing = Listing::start(self.format, &columns)?;
        for one in &view.services {
            let becomes = one.becomes.as_deref().unwrap_or_default();
            let cells = [&*one.user, &one.service, &one.sold_as, one.outcome, becomes, &one.candidates.join(" ")];
            listing.row(one, &cells)?;
        }
        listing.end()?;
        match refusals.first() {
            None => Ok(()),
            Some(first) => Err(first.clone().into()),
        }
    }
}
