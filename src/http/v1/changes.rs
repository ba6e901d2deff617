//! The change feed: read by cursor, waited for.

use std::time::{Duration, Instant};

use actix_web::{FromRequest, HttpRequest};

use super::Answered;
use super::operator::Operator;
use super::problem::{Problem, ProblemBody};
use super::query::{Params, cursor, read_cursor};
use super::respond::{self, FeedBody};
use crate::domain::feed::EventKind;
use crate::store::changes::{self, Change, Question, Read, Reading};
use crate::wire::change::ChangeView;

/// Longest wait, in seconds: proxies give up on a silent connection after that.
const MAX_WAIT: u64 = 60;

/// How long who waits in vain rests before it looks again. Others' changes wake it as often as they are stored.
const REST: Duration = Duration::from_millis(100);

/// For each so many that wait, all rest as long once more, so that together they do not take the readers from others.
const RESTED_TOGETHER: usize = 100;

/// How long one of `waiting` rests.
fn rest(waiting: usize) -> Duration {
    REST.saturating_mul(1 + u32::try_from(waiting / RESTED_TOGETHER).unwrap_or(u32::MAX - 1))
}

/// Where to begin.
enum From {
    /// Behind this position.
    Behind(i64),
    /// At the oldest entry that is kept.
    Oldest,
    /// Behind everything that is there.
    Now,
}

fn from(text: &str) -> Option<From> {
    let position = |text: &str| text.parse().ok().or_else(|| read_cursor("changes", text).map(|[at]| at));
    match text {
        "now" => Some(From::Now),
        text => position(text).filter(|position| *position >= 0).map(From::Behind),
    }
}

fn kinds(text: &str) -> Option<Vec<EventKind>> {
    text.split(',').map(|name| EventKind::parse(name.trim())).collect()
}

/// Read the change feed
///
/// Oldest first. `next` is always there: send it as `after` to go on, also when there was nothing. A page may be empty
/// before the end of the feed, and `next` has moved on all the same.
#[utoipa::path(
    get,
    path = "/v1/changes",
    tag = "v1",
    params(
        ("after" = Option<String>, Query, description = "The `next` of the page before, a position, or `now` for what comes from now on; without it from the oldest entry that is kept."),
        ("kind" = Option<String>, Query, description = "Only these kinds, separated by commas, such as account.created,relation.opened."),
        ("wait" = Option<u64>, Query, description = "Seconds to wait where there is nothing yet: 0 to 60, 0 by default."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
    ),
    responses(
        (status = 200, body = FeedBody<ChangeView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "What `after` stands before is kept no longer, or it is none of this feed.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many wait already.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(mut operator: Operator, request: HttpRequest) -> Answered {
    let began = Instant::now();
    let mut params = Params::of(&request)?;
    let from = params.parsed("after", "the `next` of a page of this list, a position or `now`", from)?;
    let kinds = params.parsed("kind", "a kind of change such as account.updated, or several", kinds)?;
    let within = |text: &str| text.parse().ok().filter(|wait| (0..=MAX_WAIT).contains(wait));
    let wait = params.parsed("wait", "a number of seconds from 0 to 60", within)?.unwrap_or(0);
    let limit = params.limit()?;
    params.end()?;
    let deadline = began + Duration::from_secs(wait);
    let feed = operator.state.writer.feed().clone();
    let after = begin(&operator, from.unwrap_or(From::Oldest)).await?;
    let mut question = Question { after, up_to: 0, limit, kinds: kinds.unwrap_or_default() };
    let (mut place, mut flushed) = (None, false);
    loop {
        question.up_to = feed.readable();
        let asked = question.clone();
        let read = operator.read(move |connection, see| Ok(changes::after(connection, see, &asked)?)).await?;
        let reading = entries(read)?;
        if wait == 0 && reading.items.is_empty() && reading.held_back && !flushed {
            // A command may have stored it, which nobody here flushes: work that does nothing does.
            if let Err(error) = operator.state.writer.work(|_| Ok(())).await {
                log::debug!("what others added to the change feed is not flushed yet: {error}");
            }
            flushed = true;
            continue;
        }
        if !reading.items.is_empty() || !reading.at_end || Instant::now() >= deadline || feed.is_closed() {
            return page(reading);
        }
        question.after = reading.next;
        let again = place.is_some();
        let place = match &mut place {
            Some(place) => place,
            none => none.insert(feed.place(&operator.name).ok_or(Problem::TooManyWait)?),
        };
        if again {
            tokio::time::sleep_until((Instant::now() + rest(feed.waiting())).min(deadline).into()).await;
        }
        if !place.beyond(question.after, deadline).await {
            return page(reading);
        }
        // Its token may have been revoked, or what it sees changed.
        operator = Operator::extract(&request).await?;
    }
}

/// The position to begin behind.
async fn begin(operator: &Operator, from: From) -> Result<i64, Problem> {
    let readable = operator.state.writer.feed().readable();
    match from {
        From::Behind(position) => Ok(position),
        From::Oldest => operator.read(|connection, _| Ok(changes::ends(connection)?.1)).await,
        From::Now => operator.read(move |connection, _| Ok(changes::end(connection)?.min(readable))).await,
    }
}

fn entries(read: Read) -> Result<Reading, Problem> {
    match read {
        Read::Entries(reading) => Ok(reading),
        Read::Pruned { pruned_to } => Err(Problem::Gone(format!(
            "Changes up to position {pruned_to} are kept no longer, and some of them come behind this cursor. Ask for \
             `after=now`, keep its `next`, read /v1/accounts anew, and go on from that `next`."
        ))),
        Read::Ahead { end } => Err(Problem::Gone(format!(
            "The feed ends at position {end}, before this cursor: it comes from another database, or this one was restored \
             from a backup. Ask for `after=now`, keep its `next`, read /v1/accounts anew, and go on from that `next`."
        ))),
    }
}

fn page(reading: Reading) -> Answered {
    let view =
        |change: &Change| ChangeView::new(change.position, change.at, &change.entry, &change.key, &change.external_id);
    respond::fresh(&FeedBody {
        items: reading.items.iter().map(view).collect(),
        next: cursor("changes", [reading.next]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_with_many_looks_less_often() {
        let looks_a_second = |waiting: usize| waiting as u128 * 1_000 / rest(waiting).as_millis();
        assert_eq!((rest(1), rest(99)), (REST, REST));
        assert!((1..=1_000).all(|waiting| looks_a_second(waiting) <= 1_000));
    }
}
